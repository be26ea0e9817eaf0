"""An mdoc is issued: elements with salts of their own, their digests in one signed object (ISO 18013-5, 9.1.2).

prepares   residency/credential/mdoc/issuing.py   prepare()   once for a data set
issues     residency/credential/mdoc/issuing.py   issue()     a copy for a device key       <- you are here
presents   the holder's wallet, with the elements it chooses and a signature of the device key
verifies   residency/credential/mdoc/response.py  verify()

The digests of a copy say nothing: ids are dealt anew for each, and digests of nothing fill them up to the same number
for everybody, so that nobody sees from the signed object which elements somebody does not have.
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

import cbor2
import msgspec

from residency.credential import cbor, cose
from residency.credential.cose import CoseSeal
from residency.credential.mdoc import agreement

#: Of an element: ISO 18013-5 section 9.1.2.5 asks for 16 at least.
SALT_BYTES = 32
_DIGEST_BYTES = 32
_BEFORE_ID = b"\xa4hdigestID"
_BEFORE_SALT = b"frandom" + cbor.head(2, SALT_BYTES)
_BEFORE_NAME = b"qelementIdentifier"
_BEFORE_VALUE = b"lelementValue"
_shuffle = secrets.SystemRandom().shuffle


class Prepared(msgspec.Struct, frozen=True):
    """A data set with every element encoded: what its copies have in common. `slots` is how many digests a copy has."""

    doc_type: str
    namespace: str
    elements: tuple[bytes, ...]
    slots: int


class Validity(msgspec.Struct, frozen=True):
    """From when until when a copy is good. Whole days, so that they tell nothing of the hour of issue."""

    signed: datetime
    until: datetime


class StatusEntry(msgspec.Struct, frozen=True):
    """Where the status of a copy is kept."""

    idx: int
    uri: str


def prepare(doc_type: str, namespace: str, elements: Mapping[str, object], *, slots: int) -> Prepared:
    """Encode the elements of a data set; a date becomes a full-date (RFC 8943), bytes stay bytes."""
    assert len(elements) <= slots, "there is a digest for each element"
    encoded = tuple(
        _BEFORE_NAME + cbor2.dumps(name) + _BEFORE_VALUE + cbor2.dumps(value) for name, value in elements.items()
    )
    return Prepared(doc_type, namespace, encoded, slots)


def issue(
    prepared: Prepared, holder: dict[str, str], *, seal: CoseSeal, validity: Validity, status: StatusEntry
) -> bytes:
    """Write the IssuerSigned of one copy, bound to the device key `holder` (a public P-256 JWK)."""
    ids = list(range(prepared.slots))
    _shuffle(ids)
    random = secrets.token_bytes(SALT_BYTES * prepared.slots)
    salts = [random[at : at + SALT_BYTES] for at in range(0, len(random), SALT_BYTES)]
    shown = [
        cbor.embed(b"".join((_BEFORE_ID, cbor.head(0, id_), _BEFORE_SALT, salt, element)))
        for id_, salt, element in zip(ids, salts, prepared.elements, strict=False)
    ]
    digests = {id_: hashlib.sha256(item).digest() for id_, item in zip(ids, shown, strict=False)}
    # A salt is as random as a digest, and serves nothing else here.
    digests.update(zip(ids[len(shown) :], salts[len(shown) :], strict=True))
    signed = _security_object(prepared, digests, holder, validity, status)
    return cbor.mapping(
        nameSpaces=cbor.head(5, 1) + cbor2.dumps(prepared.namespace) + cbor.array(*shown),
        issuerAuth=seal.sign(cbor.embed(signed)),
    )


def _security_object(
    prepared: Prepared, digests: Mapping[int, bytes], holder: dict[str, str], validity: Validity, status: StatusEntry
) -> bytes:
    signed = _tdate(validity.signed)
    return cbor2.dumps(
        {
            "version": "1.0",
            "digestAlgorithm": "SHA-256",
            "valueDigests": {prepared.namespace: dict(sorted(digests.items()))},
            "deviceKeyInfo": {"deviceKey": cose.to_cose_key(holder), "keyAuthorizations": agreement.AUTHORIZED},
            "docType": prepared.doc_type,
            "validityInfo": {"signed": signed, "validFrom": signed, "validUntil": _tdate(validity.until)},
            "status": {"status_list": {"idx": status.idx, "uri": status.uri}},
        }
    )


def _tdate(at: datetime) -> cbor2.CBORTag:
    """Write an instant as RFC 3339 in UTC without a fraction, under tag 0 (section 7.1)."""
    return cbor2.CBORTag(0, at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
