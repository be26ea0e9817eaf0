"""The status list as a CWT (draft-ietf-oauth-status-list-20, section 5.2): for readers of mdocs, who have no JSON.

The entries and their compression are those of the JWT form (residency/credential/status_list.py).
"""

from collections.abc import Container, Mapping
from datetime import datetime

import cbor2
from cryptography import x509

from residency.credential import cbor, cose, pki, status_list
from residency.credential.check import Check, NotVerified, require
from residency.credential.cose import CoseSeal

MEDIA_TYPE = TYP = "application/statuslist+cwt"
#: Claims of a CWT (RFC 8392 section 4) and of the draft.
_SUB, _EXP, _IAT, _TTL, _LIST = 2, 4, 6, 65534, 65533


def token(compressed: bytes, *, uri: str, seal: CoseSeal, issued_at: datetime) -> bytes:
    """Sign the list that lives at `uri`: a COSE_Sign1 with its own tag, and no tag of a CWT around it."""
    issued = int(issued_at.timestamp())
    payload = {
        _SUB: uri,
        _IAT: issued,
        _EXP: issued + status_list.LIFE_S,
        _TTL: status_list.TTL_S,
        # Optional, but @owf/token-status-list reads no list without it.
        _LIST: {"bits": status_list.BITS, "lst": compressed, "aggregation_uri": status_list.aggregation(uri)},
    }
    return cose.tagged(seal.sign(cbor2.dumps(payload)))


def look_up(
    raw: bytes,
    index: int,
    *,
    uri: str,
    roots: tuple[x509.Certificate, ...],
    at_time: datetime,
    revoked: Container[int] = (),
) -> int:
    """Answer the status of entry `index` from the token fetched at `uri`; raises NotVerified.

    `revoked` are the serial numbers of signers that are not believed any more.
    """
    try:
        message = cose.parse(cose.untagged(raw))
        claims = cbor.load(message.payload or b"")
    except (cose.BadMessage, cbor.Malformed) as error:
        raise NotVerified(Check.STATUS, "unreadable_list") from error
    require(message.header.get(cose.TYPE) == TYP, Check.STATUS, "wrong_type")
    signer = status_list.believed(lambda: pki.signatory_of(message.chain, roots, at=at_time), revoked)
    require(message.signed_by(signer.key), Check.STATUS, "bad_signature")
    require(isinstance(claims, dict), Check.STATUS, "unreadable_list")
    require(claims.get(_SUB) == uri, Check.STATUS, "other_list")
    require(type(claims.get(_EXP)) is int, Check.STATUS, "unreadable_list")
    require(at_time.timestamp() < claims[_EXP], Check.STATUS, "list_expired")
    bits, lst = _entries(claims.get(_LIST))
    return status_list.entry(status_list.decompress(lst), index, bits=bits)


def _entries(told: object) -> tuple[int, bytes]:
    found: Mapping[object, object] = told if isinstance(told, dict) else {}
    bits, lst = found.get("bits"), found.get("lst")
    require(type(bits) is int and isinstance(lst, bytes), Check.STATUS, "unreadable_list")
    assert isinstance(bits, int), "it was required"
    assert isinstance(lst, bytes), "it was required"
    return bits, lst
