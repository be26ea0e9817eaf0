"""What anybody can check of the issuance log without us: a head that was signed, a receipt that a copy is below it.

A head is a compact JWS under the credential root, about the first `size` entries of the log:

    iss   whose log this is                    size  how many entries
    iat   the day it was signed, at midnight   root  the Merkle root over them (RFC 9162), base64url
                                               prev  SHA-256 of the head before, base64url; null in the first

A receipt leads from a copy to a head: `commitment(salt, copy)` is the entry at `index`, and `path` its inclusion proof.
"""

import hashlib
from collections.abc import Container, Sequence
from datetime import UTC, datetime, time
from typing import Annotated

import msgspec
from cryptography import x509

from proof import merkle
from residency.credential import cbor, jws, pki, role
from residency.credential.check import NotVerified
from residency.credential.role import Role
from residency.credential.seal import Seal

TYP = "issuance-log-head+jwt"
HASH_BYTES = 32
_TAG = b"eresidency/issuance/v1\x00"


class NotProven(Exception):
    """The head or receipt proves nothing; `reason` is a fixed word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Head(msgspec.Struct, frozen=True):
    """Where the log stood: its `root` over `size` entries, and the hash of the head before."""

    issuer: str
    day: datetime
    size: int
    root: bytes
    prev: bytes | None


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Proof that a copy is in the log. Binary members are base64url."""

    salt: str
    index: Annotated[int, msgspec.Meta(ge=0)]
    path: tuple[str, ...]
    head: str


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    iat: int
    size: Annotated[int, msgspec.Meta(ge=1)]
    root: str
    prev: str | None


def signed_part(copy: str) -> bytes:
    """Give of a copy what the issuer signed, which every presentation shows: the JWT, or `issuerAuth` of an mdoc.

    A print, whose base 45 has no small letters, shows all there is. Raises NotProven.
    """
    token, tilde, _ = copy.partition("~")
    try:
        if copy == copy.upper():
            return copy.encode("ascii")
        return token.encode("ascii") if tilde else cbor.parts(jws.unb64(copy))["issuerAuth"]
    except (UnicodeEncodeError, jws.Unreadable, cbor.Malformed, KeyError) as error:
        raise NotProven("unreadable_copy") from error


def commitment(salt: bytes, copy: str) -> bytes:
    """Hide a copy in 32 bytes that only who has both it and the salt can connect with it; raises NotProven."""
    return hashlib.sha256(_TAG + salt + hashlib.sha256(signed_part(copy)).digest()).digest()


def sign(seal: Seal, *, url: str, size: int, root: bytes, prev: bytes | None, at: datetime) -> str:
    """Sign where the log stands; only the day of `at` is told, as in the copies."""
    midnight = datetime.combine(at.astimezone(UTC).date(), time(), UTC)
    before = None if prev is None else jws.b64(prev)
    claims = {"iss": url, "iat": int(midnight.timestamp()), "size": size, "root": jws.b64(root), "prev": before}
    return seal.sign(claims)


def digest(head: str) -> bytes:
    """Hash a head, as the next one names it."""
    return hashlib.sha256(head.encode("ascii")).digest()


def read(head: str, roots: Sequence[x509.Certificate], revoked: Container[int] = ()) -> Head:
    """Read a head that was signed under one of `roots` on the day it names; raises NotProven.

    `revoked` are the serial numbers of signers that are not believed any more, whatever day their heads name.
    """
    try:
        token = jws.parse(head)
        told = msgspec.convert(token.payload, _Claims)
        day = datetime.fromtimestamp(told.iat, UTC)
        root, prev = _hash(told.root), None if told.prev is None else _hash(told.prev)
    except (jws.Unreadable, msgspec.ValidationError, ValueError, OverflowError, OSError) as error:
        raise NotProven("unreadable_head") from error
    if token.header.get("typ") != TYP:
        raise NotProven("not_a_head")
    try:
        signatory = pki.signatory(token.header.get("x5c"), roots, at=day)
        role.require_may(signatory, Role.LOG, revoked=revoked)
    except NotVerified as error:
        raise NotProven(error.reason) from error
    if not token.signed_by(signatory.key):
        raise NotProven("bad_signature")
    if told.iss not in signatory.urls:
        raise NotProven("other_issuer")
    return Head(told.iss, day, told.size, root, prev)


def verify(receipt: Receipt, copy: str, roots: Sequence[x509.Certificate], revoked: Container[int] = ()) -> Head:
    """Answer the head that vouches for `copy`; raises NotProven."""
    head = read(receipt.head, roots, revoked)
    try:
        salt, path = _hash(receipt.salt), [_hash(each) for each in receipt.path]
    except (jws.Unreadable, ValueError) as error:
        raise NotProven("unreadable_receipt") from error
    if not merkle.verify(commitment(salt, copy), receipt.index, head.size, path, head.root):
        raise NotProven("not_in_the_log")
    return head


def verify_growth(former: Head, latter: Head, path: Sequence[str]) -> None:
    """Check that `latter` only adds to `former` (RFC 9162, 2.1.4.2); raises NotProven."""
    try:
        hashes = [_hash(each) for each in path]
    except (jws.Unreadable, ValueError) as error:
        raise NotProven("unreadable_proof") from error
    if former.issuer != latter.issuer:
        raise NotProven("other_issuer")
    if not merkle.verify_consistency(former.size, latter.size, hashes, former.root, latter.root):
        raise NotProven("not_consistent")


def _hash(text: str) -> bytes:
    raw = jws.unb64(text)
    if len(raw) != HASH_BYTES:
        raise ValueError(text)
    return raw
