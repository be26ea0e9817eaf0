"""What wallets and verifiers read about the issuer and its credential before they meet either.

Three documents: the credential issuer metadata (OpenID4VCI 1.0 section 12.2), the JWT VC issuer metadata and the type
metadata of the credential (SD-JWT VC sections 4 and 5).
"""

from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from proof.signer import to_jwk
from residency.credential import jws, key_proof, sd_jwt
from residency.credential.dataset import CLAIMS, LANGUAGES, Claim, Kind

#: The configuration a wallet asks for: the e-resident credential as SD-JWT VC.
E_RESIDENT_SD_JWT = "e_resident_sd_jwt"
SCOPE = "credential:issue"
NONCE_PATH = "/openid4vci/nonce"
CREDENTIAL_PATH = "/openid4vci/credential"
NOTIFICATION_PATH = "/openid4vci/notification"
TYPE_PATH = "/credentials/e-resident/1"

_TITLES = ("e-Resident of Kazakhstan", "Электронный резидент Казахстана", "Қазақстанның электрондық резиденті")
_ISSUER_TITLES = ("e-Residency of Kazakhstan", "e-Residency Казахстана", "Қазақстанның e-Residency бағдарламасы")
_BACKGROUND, _TEXT = "#00778B", "#FFFFFF"


def vct(url: str) -> str:
    """Name the type of the e-resident credential by where its metadata are. Another meaning would need another name."""
    return url + TYPE_PATH


def issuer(url: str) -> jws.Json:
    """Describe the credential issuer at `url`, which is its own authorization server."""
    return {
        "credential_issuer": url,
        "credential_endpoint": url + CREDENTIAL_PATH,
        "nonce_endpoint": url + NONCE_PATH,
        "notification_endpoint": url + NOTIFICATION_PATH,
        "batch_credential_issuance": {"batch_size": key_proof.BATCH_MAX},
        "display": [{"name": title, "locale": tag} for tag, title in zip(LANGUAGES, _ISSUER_TITLES, strict=True)],
        "credential_configurations_supported": {E_RESIDENT_SD_JWT: _configuration(url)},
    }


def _configuration(url: str) -> jws.Json:
    return {
        "format": sd_jwt.TYP,
        "vct": vct(url),
        "scope": SCOPE,
        "credential_signing_alg_values_supported": [jws.ALGORITHM],
        "cryptographic_binding_methods_supported": ["jwk"],
        "proof_types_supported": {"jwt": {"proof_signing_alg_values_supported": [jws.ALGORITHM]}},
        "credential_metadata": {
            "display": [
                {"name": title, "locale": tag, "background_color": _BACKGROUND, "text_color": _TEXT}
                for tag, title in zip(LANGUAGES, _TITLES, strict=True)
            ],
            "claims": [
                {"path": list(claim.path), "mandatory": claim.mandatory, "display": _labels(claim, "name")}
                for claim in CLAIMS
            ],
        },
    }


def credential_type(url: str) -> jws.Json:
    """Describe the e-resident credential for whoever shows or checks one."""
    return {
        "vct": vct(url),
        "name": f"{Kind.E_RESIDENT.value}, version 1",
        "description": "Status of an electronic resident of the Republic of Kazakhstan (Decree 1242 of 25 April 2026).",
        "display": [
            {
                "locale": tag,
                "name": title,
                "rendering": {"simple": {"background_color": _BACKGROUND, "text_color": _TEXT}},
            }
            for tag, title in zip(LANGUAGES, _TITLES, strict=True)
        ],
        "claims": [
            {
                "path": list(claim.path),
                "display": _labels(claim, "label"),
                "mandatory": claim.mandatory,
                "sd": "never" if claim.always_shown else "always",
            }
            for claim in CLAIMS
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
