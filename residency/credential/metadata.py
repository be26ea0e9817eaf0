"""What wallets and verifiers read about the issuer and its credentials before they meet either.

Three documents: the credential issuer metadata (OpenID4VCI 1.0 section 12.2), the JWT VC issuer metadata and the type
metadata of each SD-JWT VC (SD-JWT VC sections 4 and 5).
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from proof.signer import to_jwk
from residency.credential import cose, dataset, jws
from residency.credential.configuration import CONFIGURATIONS, DOC_TYPES, Configuration, Format, vct
from residency.credential.dataset import LANGUAGES, Claim, Kind
from residency.credential.seal import Seal
from residency.credential.wallets import encryption, grade, key_proof
from residency.credential.wallets.grade import Grade

SIGNED_TYP = "openidvci-issuer-metadata+jwt"

SCOPE = "credential:issue"
NONCE_PATH = "/openid4vci/nonce"
CREDENTIAL_PATH = "/openid4vci/credential"
DEFERRED_PATH = "/openid4vci/deferred"
NOTIFICATION_PATH = "/openid4vci/notification"

_TITLES = {
    Kind.E_RESIDENT: (
        "e-Resident of Kazakhstan",
        "Электронный резидент Казахстана",
        "Қазақстанның электрондық резиденті",
    ),
    Kind.RESIDENT_ID: ("Resident ID of Kazakhstan", "Resident ID Казахстана", "Қазақстанның Resident ID құжаты"),
}
_DESCRIPTIONS = {
    Kind.E_RESIDENT: "Status of an electronic resident of the Republic of Kazakhstan (Decree 1242 of 25 April 2026).",
    Kind.RESIDENT_ID: (
        "Digital document of the holder of an Altyn visa, equal to an identity card (Decree 1242, clause 2.6)."
    ),
}
_ISSUER_TITLES = ("e-Residency of Kazakhstan", "e-Residency Казахстана", "Қазақстанның e-Residency бағдарламасы")
#: How wallets use their copies (ARF annex II, ETSI TS 119 472-3 section 4.2.4.2): each shown once, or else never to two
#: verifiers. New ones are fetched before the last are used, and a week before they end.
_REUSE = {
    "id": "arf_annex_ii",
    "options": [
        {
            "details": ["once_only", "per-relying-party"],
            "batch_size": key_proof.BATCH_MAX,
            "reissue_trigger_unused": 2,
            "reissue_trigger_lifetime_left": 604_800,
        }
    ],
}
_BACKGROUNDS, _TEXT = {Kind.E_RESIDENT: "#00778B", Kind.RESIDENT_ID: "#7A5C00"}, "#FFFFFF"


def issuer(url: str, offered: Collection[Kind], encryption_keys: Sequence[dict[str, str]]) -> jws.Json:
    """Describe the credential issuer at `url`, which is its own authorization server and issues `offered` today.

    Requests may be encrypted to `encryption_keys`.
    """
    encrypts: jws.Json = {
        "enc_values_supported": list(encryption.ENCODINGS),
        "zip_values_supported": [encryption.COMPRESSION],
        "encryption_required": False,
    }
    return {
        "credential_issuer": url,
        "credential_endpoint": url + CREDENTIAL_PATH,
        "nonce_endpoint": url + NONCE_PATH,
        "deferred_credential_endpoint": url + DEFERRED_PATH,
        "notification_endpoint": url + NOTIFICATION_PATH,
        "credential_request_encryption": {"jwks": {"keys": list(encryption_keys)}, **encrypts},
        "credential_response_encryption": {"alg_values_supported": [encryption.ALGORITHM], **encrypts},
        "batch_credential_issuance": {"batch_size": key_proof.BATCH_MAX},
        "display": [{"name": title, "locale": tag} for tag, title in zip(LANGUAGES, _ISSUER_TITLES, strict=True)],
        "credential_configurations_supported": {
            name: _configuration(url, found) for name, found in CONFIGURATIONS.items() if found.kind in offered
        },
    }


def signed(told: jws.Json, seal: Seal, *, at: datetime) -> str:
    """Sign the issuer's metadata (OpenID4VCI 1.0 section 12.2.3); every member stands at the top."""
    return seal.sign(told | {"sub": told["credential_issuer"], "iat": int(at.timestamp())})


def _configuration(url: str, offered: Configuration) -> jws.Json:
    return {
        "format": offered.format.value,
        "scope": offered.scope,
        **_by_format(url, offered),
        "proof_types_supported": _proof_types(offered.kind),
        "credential_metadata": {
            "credential_reuse_policy": _REUSE,
            "display": [
                {"name": title, "locale": tag, "background_color": _BACKGROUNDS[offered.kind], "text_color": _TEXT}
                for tag, title in zip(LANGUAGES, _TITLES[offered.kind], strict=True)
            ],
            "claims": [
                {"path": _path(claim, offered), "mandatory": claim.mandatory, "display": _labels(claim, "name")}
                for claim in dataset.of_kind(offered.kind)
            ],
        },
    }


def _proof_types(kind: Kind) -> jws.Json:
    """Say what shows that a wallet holds its keys, and what must be said of how it keeps them."""
    taken: jws.Json = {"proof_signing_alg_values_supported": [jws.ALGORITHM]}
    if grade.NEEDED[kind] is not Grade.HIGH:
        return {"jwt": taken, "attestation": taken | {"key_attestations_required": {}}}
    levels = list(grade.RESISTANT)
    needed = {"key_attestations_required": {"key_storage": levels, "user_authentication": levels}}
    return dict.fromkeys(key_proof.TYPES, taken | needed)


def _by_format(url: str, offered: Configuration) -> jws.Json:
    if offered.format is Format.MDOC:
        return {
            "doctype": DOC_TYPES[offered.kind],
            "credential_signing_alg_values_supported": [cose.ES256],
            "cryptographic_binding_methods_supported": ["cose_key"],
        }
    return {
        "vct": vct(url, offered.kind),
        "credential_signing_alg_values_supported": [jws.ALGORITHM],
        "cryptographic_binding_methods_supported": ["jwk"],
    }


def _path(claim: Claim, offered: Configuration) -> list[str]:
    return [DOC_TYPES[offered.kind], claim.element] if offered.format is Format.MDOC else list(claim.path)


def credential_type(url: str, kind: Kind) -> jws.Json:
    """Describe an SD-JWT VC for whoever shows or checks one."""
    return {
        "vct": vct(url, kind),
        "name": f"{kind.value}, version 1",
        "description": _DESCRIPTIONS[kind],
        "display": [
            {
                "locale": tag,
                "name": title,
                "rendering": {"simple": {"background_color": _BACKGROUNDS[kind], "text_color": _TEXT}},
            }
            for tag, title in zip(LANGUAGES, _TITLES[kind], strict=True)
        ],
        "claims": [
            {
                "path": list(claim.path),
                "display": _labels(claim, "label"),
                "mandatory": claim.mandatory,
                "sd": "never" if claim.always_shown else "always",
            }
            for claim in dataset.of_kind(kind)
        ],
    }


def _labels(claim: Claim, name: str) -> list[dict[str, str]]:
    return [{"locale": tag, name: label} for tag, label in zip(LANGUAGES, claim.labels, strict=True)]


def jwt_vc_issuer(url: str, signers: Iterable[x509.Certificate]) -> jws.Json:
    """List the public keys of `signers`, retired ones included as long as something they signed is alive."""
    keys = []
    for certificate in signers:
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey), "document signers have P-256 keys"
        keys.append(to_jwk(key))
    return {"issuer": url, "jwks": {"keys": keys}}
