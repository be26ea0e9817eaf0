"""Token Status List (draft-ietf-oauth-status-list-20): the status of every credential of a list, two bits each.

A list is full from the day it opens: entries that no credential has yet read VALID like those that do, so its size says
nothing of how many credentials there are. Which entry belongs to whom only the holder and his verifier know.
"""

import enum
import zlib
from collections.abc import Callable, Container, Mapping
from datetime import datetime

import msgspec
from cryptography import x509

from residency.credential import jws, pki, role
from residency.credential.check import Check, NotVerified, require
from residency.credential.role import Role
from residency.credential.seal import Seal

TYP = "statuslist+jwt"
MEDIA_TYPE = "application/statuslist+jwt"
BITS = 2
#: A verifier may keep an answer this long, so a revocation is seen within a minute.
TTL_S = 60
#: A verifier that can't reach us trusts its copy no longer than this.
LIFE_S = 900
_LEVEL = 9
_WIDTHS = (1, 2, 4, 8)
_DECOMPRESSED_MAX = 16 * 2**20


class Status(enum.IntEnum):
    """What an entry says."""

    VALID = 0
    INVALID = 1
    SUSPENDED = 2


def pack(statuses: Mapping[int, int], *, size: int, bits: int = BITS) -> bytes:
    """Write `size` entries of `bits` each, first entry in the lowest bits; those not named are VALID.

    Raises IndexError for an entry beyond the list.
    """
    assert bits in _WIDTHS, "an entry is 1, 2, 4 or 8 bits wide"
    packed = bytearray(-(-size * bits // 8))
    for index, status in statuses.items():
        if not 0 <= index < size:
            raise IndexError(index)
        assert 0 <= status < 1 << bits, "the status does not fit its entry"
        packed[index * bits // 8] |= status << index * bits % 8
    return bytes(packed)


def at(packed: bytes, index: int, *, bits: int = BITS) -> int:
    """Read one entry; raises IndexError beyond the end."""
    if not 0 <= index < len(packed) * 8 // bits:
        raise IndexError(index)
    return packed[index * bits // 8] >> index * bits % 8 & (1 << bits) - 1


def compress(packed: bytes) -> bytes:
    """Compress entries as both forms of a token carry them.

    A list is long runs of zeros: looking for runs only (RLE) costs a hundredth of the full search and 10 % in size.
    """
    writer = zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return writer.compress(packed) + writer.flush()


def encode(packed: bytes) -> str:
    """Compress entries into the text of `lst`."""
    return jws.b64(compress(packed))


def decompress(lst: bytes) -> bytes:
    """Decompress entries; raises NotVerified, also for what would swell without end."""
    reader = zlib.decompressobj()
    try:
        packed = reader.decompress(lst, _DECOMPRESSED_MAX)
    except zlib.error as error:
        raise NotVerified(Check.STATUS, "unreadable_list") from error
    require(reader.eof, Check.STATUS, "unreadable_list")
    return packed


def decode(lst: str) -> bytes:
    """Decompress the text of `lst`; raises NotVerified."""
    try:
        return decompress(jws.unb64(lst))
    except jws.Unreadable as error:
        raise NotVerified(Check.STATUS, "unreadable_list") from error


def aggregation(uri: str) -> str:
    """Say where the list at `uri` is named among all of its issuer: they live below one address (draft section 9.2)."""
    return uri.rpartition("/")[0]


def token(lst: str, *, uri: str, seal: Seal, issued_at: datetime) -> str:
    """Sign the list that lives at `uri`."""
    issued = int(issued_at.timestamp())
    payload = {
        "sub": uri,
        "iat": issued,
        "exp": issued + LIFE_S,
        "ttl": TTL_S,
        "status_list": {"bits": BITS, "lst": lst, "aggregation_uri": aggregation(uri)},
    }
    return seal.sign(payload)


class _StatusList(msgspec.Struct, frozen=True):
    bits: int
    lst: str


class _Claims(msgspec.Struct, frozen=True):
    sub: str
    iat: int
    exp: int
    status_list: _StatusList


def look_up(
    text: str,
    index: int,
    *,
    uri: str,
    roots: tuple[x509.Certificate, ...],
    at_time: datetime,
    revoked: Container[int] = (),
) -> int:
    """Answer the status of entry `index` from the token `text` fetched at `uri`; raises NotVerified.

    `revoked` are the serial numbers of signers that are not believed any more.
    """
    try:
        read = jws.parse(text)
        claims = msgspec.convert(read.payload, _Claims)
    except (jws.Unreadable, msgspec.ValidationError) as error:
        raise NotVerified(Check.STATUS, "unreadable_list") from error
    require(read.header.get("typ") == TYP, Check.STATUS, "wrong_type")
    signer = believed(lambda: pki.signatory(read.header.get("x5c"), roots, at=at_time), revoked)
    require(read.signed_by(signer.key), Check.STATUS, "bad_signature")
    require(claims.sub == uri, Check.STATUS, "other_list")
    require(at_time.timestamp() < claims.exp, Check.STATUS, "list_expired")
    return entry(decode(claims.status_list.lst), index, bits=claims.status_list.bits)


def entry(packed: bytes, index: int, *, bits: int) -> int:
    """Read the entry a credential refers to; raises NotVerified."""
    require(bits in _WIDTHS, Check.STATUS, "unreadable_list")
    try:
        return at(packed, index, bits=bits)
    except IndexError as error:
        raise NotVerified(Check.STATUS, "index_out_of_range") from error


def believed(signatory: Callable[[], pki.Signatory], revoked: Container[int]) -> pki.Signatory:
    """Answer who a list says that it is signed by, in either form, if they may sign lists; raises NotVerified."""
    try:
        signer = signatory()
        role.require_may(signer, Role.STATUS, named=False, revoked=revoked)
    except NotVerified as error:  # the list's chain failed, not the credential's
        raise NotVerified(Check.STATUS, error.reason) from error
    return signer
