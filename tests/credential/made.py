"""Builders for tests of the credential: an issuer's keys, an e-resident, a holder with a key, a presentation."""

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from proof.signer import FileSigner
from residency.credential import disclosure, issuing, jws, key_binding, pki, sd_jwt, status_list
from residency.credential.configuration import CONFIGURATIONS, vct
from residency.credential.cose import CoseSeal
from residency.credential.dataset import Kind, Resident
from residency.credential.entries import Entry
from residency.credential.seal import Seal
from residency.credential.wallets import key_proof

URL = "https://id.example"
AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
AUDIENCE, NONCE = "https://bank.example", "n-0S6_WzA2Mj-of-the-bank"
LIST = UUID(int=7)
ENTRY = Entry(LIST, 4711)
E_RESIDENT = CONFIGURATIONS["e_resident_sd_jwt"]


class Authority(msgspec.Struct, frozen=True):
    """A root and the two seals under it."""

    root: pki.Root
    document: Seal
    status: Seal

    @property
    def issuer(self) -> issuing.Issuer:
        documents = CoseSeal.of(self.document.signer, self.document.chain)
        return issuing.Issuer(URL, self.document, documents, lambda one: f"{URL}/status-lists/{one}")


def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def authority(at: datetime = AT) -> Authority:
    return _authority(at)


@cache
def _authority(at: datetime) -> Authority:
    anchor = pki.root(key(), url=URL, at=at)
    return Authority(
        anchor,
        sealed(anchor, typ=sd_jwt.TYP, purpose=pki.DOCUMENT_SIGNING, at=at),
        sealed(anchor, typ=status_list.TYP, purpose=None, at=at),
    )


def sealed(
    anchor: pki.Root, *, typ: str, purpose: x509.ObjectIdentifier | None = None, at: datetime = AT, url: str = URL
) -> Seal:
    private = key()
    leaf = pki.leaf(anchor, private.public_key(), url=url, role="Signer", purpose=purpose, at=at)
    return Seal.of(FileSigner(private), (leaf,), typ=typ)


def resident(**changes: object) -> Resident:
    facts = Resident(
        number="260000000017",
        family_name="MUSTERMANN",
        given_name="ERIKA",
        birthdate="1990-03-14",
        nationalities=("DE",),
        since=date(2026, 10, 1),
        expires_on=date(2029, 9, 30),
    )
    return msgspec.structs.replace(facts, **changes)


@cache
def holder() -> FileSigner:
    return FileSigner(key())


def cnf(signer: FileSigner) -> dict[str, str]:
    return {name: signer.public_jwk[name] for name in ("crv", "kty", "x", "y")}


def credential(at: datetime = AT) -> str:
    """Issue a credential of the resident, bound to the holder's key; the same one every time."""
    return _credential(at)


@cache
def _credential(at: datetime) -> str:
    (issued,) = issuing.sign(resident(), E_RESIDENT, [cnf(holder())], [ENTRY], issuer=authority(at).issuer, at=at)
    return issued


def shown(issued: str, names: Iterable[str]) -> str:
    """Keep only the disclosures of the claims `names`; ends with a tilde."""
    signed, *disclosures = issued.removesuffix("~").split("~")
    keep = set(names)
    return "~".join([signed, *(text for text in disclosures if opened(text)[-2] in keep), ""])


def opened(text: str) -> list[Any]:
    found: list[Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def bound(sd: str, *, signer: FileSigner | None = None, typ: str = key_binding.TYP, **changes: object) -> str:
    """Add the holder's key binding; `changes` replace claims, None leaves one out."""
    claims = {
        "aud": AUDIENCE,
        "nonce": NONCE,
        "iat": int(AT.timestamp()),
        "sd_hash": disclosure.digest(sd),
    } | changes
    told = {name: value for name, value in claims.items() if value is not None}
    return sd + jws.sign(signer or holder(), {"alg": "ES256", "typ": typ}, told)


def presented(names: Iterable[str] = ("family_name",)) -> str:
    return bound(shown(credential(), names))


def expected(**changes: object) -> sd_jwt.Expected:
    policy = sd_jwt.Expected(
        roots=(authority().root.certificate,),
        vct=vct(URL, Kind.E_RESIDENT),
        at=AT,
        occasion=key_binding.Occasion(AUDIENCE, NONCE),
    )
    return msgspec.structs.replace(policy, **changes)


def resigned(payload: Mapping[str, Any], *disclosures: str, at: datetime = AT, **header: object) -> str:
    """Sign any payload as the issuer would, with its header changed by `header`; ends with a tilde."""
    seal = authority(at).document
    head = json.loads(jws.unb64(seal.header)) | header
    head = {name: value for name, value in head.items() if value is not None}
    return "~".join([jws.sign(seal.signer, head, payload), *disclosures, ""])


def payload(**changes: object) -> dict[str, Any]:
    """Build the payload of a credential without any concealed claim; None leaves a claim out."""
    claims = {
        "iss": URL,
        "vct": vct(URL, Kind.E_RESIDENT),
        "exp": int(AT.timestamp()) + 1_000,
        "cnf": {"jwk": cnf(holder())},
        "status": {"status_list": {"idx": 1, "uri": f"{URL}/status-lists/1"}},
    } | changes
    return {name: value for name, value in claims.items() if value is not None}


def terms(**changes: object) -> key_proof.Terms:
    """Expect proofs for the issuer, by nobody in particular, with whatever nonce, under no provider."""
    sound = key_proof.Terms(audience=URL, client=None, judge=lambda _: None, providers=(), at=AT)
    return msgspec.structs.replace(sound, **changes)


def hidden(*content: object) -> tuple[str, str]:
    """Write a disclosure of anything; answer its text and its digest."""
    text = jws.b64(json.dumps(list(content)).encode())
    return text, disclosure.digest(text)
