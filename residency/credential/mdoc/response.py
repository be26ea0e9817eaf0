"""An mdoc is presented: the DeviceResponse of ISO 18013-5 section 8.3.2.1.2.2, checked in the order of `Check`.

issuerAuth --signed by--> document signer --issued by--> root
 |-- digests of --> elements: over the bytes they came in, never over our own encoding
 `-- device key --signs or authenticates--> the session, and what the device adds
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from residency.credential import cbor, cose, pki, role
from residency.credential.check import Check, NotVerified, require
from residency.credential.mdoc import agreement, session
from residency.credential.role import Role
from residency.credential.sd_jwt import StatusReference

VERSION = "1.0"
_DIGESTS = {"SHA-256": hashlib.sha256, "SHA-384": hashlib.sha384, "SHA-512": hashlib.sha512}
_SALT_MIN = 16
_LENGTH_MAX = 200_000
_OK = 0


class Meeting(msgspec.Struct, frozen=True):
    """What a device authenticates: the session, for a MAC the reader's ephemeral key, and what is to be agreed to."""

    transcript: bytes
    reader: ec.EllipticCurvePrivateKey | None = None
    transaction_data: tuple[str, ...] = ()


class Expected(msgspec.Struct, frozen=True):
    """What a verifier demands: a document of `doc_type` under one of `roots`, valid at `at`.

    With a `meeting` the device must prove its key; without one nothing of the device is looked at.
    """

    roots: tuple[x509.Certificate, ...]
    doc_type: str
    at: datetime
    meeting: Meeting | None


class Verified(msgspec.Struct, frozen=True):
    """What the document proves, short of the status, which only the list at `status` knows."""

    elements: dict[str, dict[str, Any]]
    status: StatusReference | None
    issuer: pki.Signatory


def documents(raw: bytes) -> list[tuple[str, bytes]]:
    """Cut a DeviceResponse into its documents, each with its type; raises NotVerified."""
    require(len(raw) <= _LENGTH_MAX, Check.FORMAT, "too_long")
    try:
        told = cbor.parts(raw)
        require(cbor.load(told["version"]) == VERSION, Check.FORMAT, "other_version")
        require(cbor.load(told["status"]) == _OK, Check.FORMAT, "device_reports_an_error")
        found = [(cbor.load(cbor.parts(each)["docType"]), each) for each in cbor.items(told.get("documents", b"\x80"))]
    except (cbor.Malformed, KeyError) as error:
        raise NotVerified(Check.FORMAT, "unreadable") from error
    require(all(isinstance(name, str) for name, _ in found), Check.FORMAT, "unreadable")
    return found


def verify(document: bytes, expected: Expected) -> Verified:
    """Check one document of a response; raises NotVerified."""
    try:
        told = cbor.parts(document)
        require(cbor.load(told["docType"]) == expected.doc_type, Check.TYPE, "other_credential_type")
        issuer_signed = told["issuerSigned"]
        device_signed = told.get("deviceSigned")
    except (cbor.Malformed, KeyError) as error:
        raise NotVerified(Check.FORMAT, "unreadable") from error
    verified, key_info = _issuer_signed(issuer_signed, expected)
    if expected.meeting is not None:
        require(device_signed is not None, Check.BINDING, "missing")
        assert device_signed is not None, "it was required"
        _require_device(device_signed, key_info, expected.meeting, expected.doc_type)
    return verified


def verify_issuer_signed(raw: bytes, expected: Expected) -> Verified:
    """Check an IssuerSigned as an issuer hands it out, which nobody presents; raises NotVerified."""
    return _issuer_signed(raw, expected)[0]


def _issuer_signed(raw: bytes, expected: Expected) -> tuple[Verified, Mapping[str, Any]]:
    try:
        told = cbor.parts(raw)
        require(told.keys() <= {"nameSpaces", "issuerAuth"}, Check.FORMAT, "unknown_member")
        spaces = {name: cbor.items(each) for name, each in cbor.parts(told.get("nameSpaces", b"\xa0")).items()}
        message = cose.parse(told["issuerAuth"])
        signed = cbor.load(cbor.embedded(message.payload or b""))
    except (cbor.Malformed, cose.BadMessage, KeyError) as error:
        raise NotVerified(Check.FORMAT, "unreadable") from error
    require(isinstance(signed, dict) and signed.get("version") == VERSION, Check.FORMAT, "other_version")
    require(message.header.get(cose.ALGORITHM) == cose.ES256, Check.TYPE, "wrong_algorithm")
    require(signed.get("docType") == expected.doc_type, Check.TYPE, "other_credential_type")
    issuer = pki.signatory_of(message.chain, expected.roots, at=expected.at)
    role.require_may(issuer, Role.DOCUMENT)
    require(message.signed_by(issuer.key), Check.SIGNATURE, "bad_signature")
    elements = {name: elements_of(name, found, signed) for name, found in spaces.items()}
    _require_valid(signed.get("validityInfo"), issuer, expected.at)
    key_info = signed.get("deviceKeyInfo")
    verified = Verified({str(name): found for name, found in elements.items()}, _status(signed), issuer)
    return verified, key_info if isinstance(key_info, dict) else {}


def elements_of(namespace: object, found: list[bytes], signed: Mapping[str, Any]) -> dict[str, Any]:
    """Compare each element with its digest, over the bytes it came in; give them by name."""
    digest = _DIGESTS.get(str(signed.get("digestAlgorithm")))
    require(digest, Check.DISCLOSURES, "unknown_digest")
    assert digest is not None, "it was required"
    spaces = signed.get("valueDigests")
    digests = spaces.get(namespace) if isinstance(spaces, dict) else None
    require(isinstance(digests, dict), Check.DISCLOSURES, "unreferenced")
    assert isinstance(digests, dict), "it was required"
    elements: dict[str, Any] = {}
    used = set()
    for raw in found:
        id_, name, value = _element(raw)
        if id_ not in digests:
            raise NotVerified(Check.DISCLOSURES, "unreferenced")
        if digests[id_] != digest(raw).digest():
            raise NotVerified(Check.DISCLOSURES, "digest_differs")
        if id_ in used:
            raise NotVerified(Check.DISCLOSURES, "digest_twice")
        if name in elements:
            raise NotVerified(Check.DISCLOSURES, "a_name_twice")
        used.add(id_)
        elements[name] = value
    return elements


def _element(raw: bytes) -> tuple[int, str, Any]:
    try:
        told = cbor.load(cbor.embedded(raw))
        id_, salt, name = told["digestID"], told["random"], told["elementIdentifier"]
        value = told["elementValue"]
    except (cbor.Malformed, KeyError, TypeError) as error:
        raise NotVerified(Check.DISCLOSURES, "unreadable") from error
    well = type(id_) is int and isinstance(salt, bytes) and isinstance(name, str)
    require(well and len(salt) >= _SALT_MIN, Check.DISCLOSURES, "unreadable")
    return id_, name, value


def _require_valid(info: object, issuer: pki.Signatory, at: datetime) -> None:
    told = info if isinstance(info, dict) else {}
    signed, begins, ends = (told.get(name) for name in ("signed", "validFrom", "validUntil"))
    require(ends is not None, Check.VALIDITY, "no_expiry")
    for each in (signed, begins, ends):
        require(isinstance(each, datetime) and each.tzinfo is not None, Check.VALIDITY, "unreadable")
    assert isinstance(signed, datetime), "as each of them"
    assert isinstance(begins, datetime), "as each of them"
    assert isinstance(ends, datetime), "as each of them"
    require(issuer.begins <= signed < issuer.ends, Check.VALIDITY, "signed_outside_the_certificate")
    require(at >= begins, Check.VALIDITY, "not_yet_valid")
    require(at < ends, Check.VALIDITY, "expired")


def _status(signed: Mapping[str, Any]) -> StatusReference | None:
    """Read the reference; a status that is there but can't be read is refused, since it could not be asked about."""
    if "status" not in signed:
        return None
    try:
        return msgspec.convert(signed["status"]["status_list"], StatusReference)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise NotVerified(Check.STATUS, "unreadable_reference") from error


def _require_device(raw: bytes, key_info: Mapping[str, Any], meeting: Meeting, doc_type: str) -> None:
    """Let the device prove its key over the session and what it signs, and say only what it may (section 9.1.3)."""
    try:
        told = cbor.parts(raw)
        spaces, auth = told["nameSpaces"], cbor.parts(told["deviceAuth"])
        said = {name: cbor.load(each) for name, each in cbor.parts(cbor.embedded(spaces)).items()}
        signature, mac = auth.get("deviceSignature"), auth.get("deviceMac")
        require((signature is None) != (mac is None), Check.BINDING, "not_one_proof")
        message = cose.parse(signature or mac or b"")
    except (cbor.Malformed, cose.BadMessage, KeyError) as error:
        raise NotVerified(Check.BINDING, "unreadable") from error
    require(all(isinstance(each, dict) for each in said.values()), Check.BINDING, "unreadable")
    try:
        device = cose.from_cose_key(key_info.get("deviceKey"))
    except cose.BadKey as error:
        raise NotVerified(Check.BINDING, "no_holder_key") from error
    _require_authentic(message, device, meeting, cbor.embed(authentication(meeting.transcript, doc_type, spaces)), mac)
    by_space = {str(name): each for name, each in said.items()}
    agreement.require_authorized(by_space, key_info.get("keyAuthorizations"))
    agreement.require_agreed(by_space, meeting.transaction_data)


def _require_authentic(
    message: cose.Message, device: ec.EllipticCurvePublicKey, meeting: Meeting, authenticated: bytes, mac: bytes | None
) -> None:
    if mac is None:
        require(message.signed_by(device, detached=authenticated), Check.BINDING, "bad_signature")
        return
    require(meeting.reader is not None, Check.BINDING, "mac_without_reader_key")
    assert meeting.reader is not None, "it was required"
    secret = session.device_mac_key(meeting.reader, device, meeting.transcript)
    require(message.authenticated_by(secret, detached=authenticated), Check.BINDING, "bad_signature")


def authentication(transcript: bytes, doc_type: str, spaces: bytes) -> bytes:
    """Write the DeviceAuthentication that a device proves its key over; `spaces` are its DeviceNameSpacesBytes."""
    text = doc_type.encode()
    return cbor.array(cbor.head(3, 20) + b"DeviceAuthentication", transcript, cbor.head(3, len(text)) + text, spaces)
