"""A challenge for active authentication: eight bytes for the chip to sign, good for one resident, once, for minutes.

It carries its own expiry under a key of ours, so handing one out writes nothing and any process can judge it; the one
that is used is remembered until it would have expired anyway (`spend`).
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc.chip.active import NONCE_BYTES
from kyc.chip.tables import spent_challenge

#: Time to hold the passport to the phone, twice.
LIFE = timedelta(minutes=5)

_TIME_BYTES = _RANDOM_BYTES = 8
_MAC_BYTES = 16
_LENGTH = _TIME_BYTES + _RANDOM_BYTES + _MAC_BYTES
_PURPOSE = "kyc.chip_challenge"

Blind = Callable[[str, str], bytes]


class StaleChallenge(Exception):
    """The challenge is not this resident's, has expired or was used: the phone fetches a new one."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Challenge(msgspec.Struct, frozen=True):
    """`text` is what the phone shows us again, `nonce` what it gives to the chip."""

    text: str
    nonce: bytes
    expires_at: datetime


def mint(blind: Blind, resident: UUID, *, at: datetime) -> Challenge:
    """Make a challenge that is good until `LIFE` after `at`; `blind` gives keyed digests."""
    expires = int((at + LIFE).timestamp()).to_bytes(_TIME_BYTES, "big")
    told = expires + secrets.token_bytes(_RANDOM_BYTES)
    return _challenge(told + _mac(blind, resident, told))


def read(blind: Blind, resident: UUID, text: str, *, at: datetime) -> Challenge:
    """Check that `text` is ours, this resident's and fresh; raises StaleChallenge."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise StaleChallenge("not issued here") from error
    told = raw[:-_MAC_BYTES]
    if len(raw) != _LENGTH or not hmac.compare_digest(raw[-_MAC_BYTES:], _mac(blind, resident, told)):
        raise StaleChallenge("not issued here")
    found = _challenge(raw)
    if at >= found.expires_at:
        raise StaleChallenge("expired")
    return found


async def spend(db: AsyncConnection, used: Challenge) -> None:
    """Use a challenge up; of two who try at once one waits and is refused. Raises StaleChallenge."""
    row = {"digest": hashlib.sha256(used.text.encode()).digest(), "expires_at": used.expires_at}
    statement = insert(spent_challenge).values(row).on_conflict_do_nothing()
    if await db.scalar(statement.returning(spent_challenge.c.expires_at)) is None:
        raise StaleChallenge("already used")


async def forget(db: AsyncConnection, *, at: datetime) -> int:
    """Delete what has expired by `at` and can't come back; answer how many. Run by the worker."""
    return (await db.execute(delete(spent_challenge).where(spent_challenge.c.expires_at < at))).rowcount


def _challenge(raw: bytes) -> Challenge:
    text = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    nonce = hashlib.sha256(b"RND.IFD\x00" + raw).digest()[:NONCE_BYTES]
    return Challenge(text, nonce, datetime.fromtimestamp(int.from_bytes(raw[:_TIME_BYTES], "big"), UTC))


def _mac(blind: Blind, resident: UUID, told: bytes) -> bytes:
    return blind(_PURPOSE, f"{resident}|{told.hex()}")[:_MAC_BYTES]
