"""Builders for tests of mdocs: an issuer's seal, a copy, and a presentation as a wallet makes it."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from proof.signer import FileSigner
from residency.credential import cbor, cose, jws, pki
from residency.credential.cose import CoseSeal
from residency.credential.mdoc import issuing, response, session
from residency.credential.mdoc.issuing import StatusEntry, Validity
from residency.credential.mdoc.response import Expected, Meeting
from tests.credential import made

DOC_TYPE = NAMESPACE = "kz.gov.e-residency.e-resident.1"
ELEMENTS: dict[str, object] = {
    "family_name": "MUSTERMANN",
    "given_name": "ERIKA",
    "age_over_18": True,
    "document_number": "260000000017",
    "portrait": bytes(range(256)) * 4,
}
SLOTS = 8
TRANSCRIPT = session.openid4vp(
    client_id="x509_hash:abc", nonce=made.NONCE, response_uri=f"{made.AUDIENCE}/answer", key_thumbprint=None
)


def sealed(anchor: pki.Root, *, purpose: x509.ObjectIdentifier | None = pki.DOCUMENT_SIGNING) -> CoseSeal:
    private = made.key()
    leaf = pki.leaf(anchor, private.public_key(), url=made.URL, role="Signer", purpose=purpose, at=made.AT)
    return CoseSeal.of(FileSigner(private), (leaf,))


@cache
def seal() -> CoseSeal:
    return sealed(made.authority().root)


@cache
def phone() -> FileSigner:
    return FileSigner(made.key())


def jwk(of: FileSigner) -> dict[str, str]:
    return {name: of.public_jwk[name] for name in ("crv", "kty", "x", "y")}


def issued(
    elements: Mapping[str, object] = ELEMENTS, *, by: CoseSeal | None = None, validity: Validity | None = None
) -> bytes:
    validity = validity or Validity(made.AT, made.AT + timedelta(days=30))
    prepared = issuing.prepare(DOC_TYPE, NAMESPACE, elements, slots=SLOTS)
    status = StatusEntry(made.ENTRY.idx, f"{made.URL}/status-lists/{made.LIST}")
    return issuing.issue(prepared, jwk(phone()), seal=by or seal(), validity=validity, status=status)


def items(issuer_signed: bytes, namespace: str = NAMESPACE) -> list[bytes]:
    return cbor.items(cbor.parts(cbor.parts(issuer_signed)["nameSpaces"])[namespace])


def names(issuer_signed: bytes) -> list[str]:
    return [cbor.load(cbor.embedded(each))["elementIdentifier"] for each in items(issuer_signed)]


def with_items(issuer_signed: bytes, shown: Iterable[bytes], namespace: str = NAMESPACE) -> bytes:
    auth = cbor.parts(issuer_signed)["issuerAuth"]
    return cbor.mapping(nameSpaces=b"\xa1" + cbor2.dumps(namespace) + cbor.array(*shown), issuerAuth=auth)


def signed(by: FileSigner, detached: bytes) -> bytes:
    """Write the COSE_Sign1 of a device over what does not travel with it."""
    protected = cbor2.dumps({cose.ALGORITHM: cose.ES256})
    return cbor2.dumps([protected, {}, None, by.sign(cbor2.dumps(["Signature1", protected, b"", detached]))])


def presented(
    issuer_signed: bytes,
    wanted: Iterable[str] = ELEMENTS,
    *,
    by: FileSigner | None = None,
    transcript: bytes = TRANSCRIPT,
    device: Mapping[str, Mapping[str, object]] | None = None,
    doc_type: str = DOC_TYPE,
) -> bytes:
    """Show the elements `wanted` of a copy, the device key signing for the meeting and for what the `device` says."""
    whole = items(issuer_signed, doc_type)
    shown = [each for each in whole if cbor.load(cbor.embedded(each))["elementIdentifier"] in {*wanted}]
    spaces = cbor.embed(cbor2.dumps(device or {}))
    told = cbor.embed(response.authentication(transcript, doc_type, spaces))
    auth = cbor.mapping(deviceSignature=signed(by or phone(), told))
    return cbor.mapping(
        docType=cbor2.dumps(doc_type),
        issuerSigned=with_items(issuer_signed, shown, doc_type),
        deviceSigned=cbor.mapping(nameSpaces=spaces, deviceAuth=auth),
    )


def response_of(*documents: bytes) -> bytes:
    return cbor.mapping(version=cbor2.dumps("1.0"), documents=cbor.array(*documents), status=cbor2.dumps(0))


def expected(**changes: object) -> Expected:
    policy: dict[str, Any] = {
        "roots": (made.authority().root.certificate,),
        "doc_type": DOC_TYPE,
        "at": made.AT,
        "meeting": Meeting(TRANSCRIPT),
    }
    return Expected(**policy | changes)


def public(of: FileSigner) -> ec.EllipticCurvePublicKey:
    return jws.public_key(jwk(of))
