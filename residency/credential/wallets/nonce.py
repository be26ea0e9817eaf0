"""The `c_nonce` of OpenID4VCI: a wallet signs it to show that its proof was made now, for us.

A nonce carries its own expiry under a key of ours, so handing one out writes nothing and any process can judge it; the
one that is used is remembered until it would have expired anyway (`spend`), so it serves once.
"""

import hmac
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from residency.credential import jws
from residency.credential.tables import spent_nonce

LIFE = timedelta(minutes=5)
_TIME_BYTES = 8
_RANDOM_BYTES = 16
_MAC_BYTES = 16
_LENGTH = _TIME_BYTES + _RANDOM_BYTES + _MAC_BYTES
_PURPOSE = b"openid4vci c_nonce\x00"


class InvalidNonce(Exception):
    """The nonce is not ours, has expired or was used: the wallet fetches a new one."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def mint(key: bytes, *, at: datetime) -> str:
    """Make a nonce that is good until `LIFE` after `at`."""
    expires = int((at + LIFE).timestamp()).to_bytes(_TIME_BYTES) + secrets.token_bytes(_RANDOM_BYTES)
    return jws.b64(expires + _mac(key, expires))


def read(key: bytes, text: str, *, at: datetime) -> datetime:
    """Check that `text` is ours and fresh, and answer when it expires; raises InvalidNonce."""
    try:
        raw = jws.unb64(text)
    except jws.Unreadable as error:
        raise InvalidNonce("not issued here") from error
    if len(raw) != _LENGTH or not hmac.compare_digest(raw[-_MAC_BYTES:], _mac(key, raw[:-_MAC_BYTES])):
        raise InvalidNonce("not issued here")
    expires_at = datetime.fromtimestamp(int.from_bytes(raw[:_TIME_BYTES]), UTC)
    if at >= expires_at:
        raise InvalidNonce("expired")
    return expires_at


async def spend(db: AsyncConnection, text: str, *, expires_at: datetime) -> None:
    """Use the nonce up; of two who try at once one waits and is refused. Raises InvalidNonce."""
    statement = insert(spent_nonce).values(nonce=jws.unb64(text), expires_at=expires_at).on_conflict_do_nothing()
    if await db.scalar(statement.returning(spent_nonce.c.expires_at)) is None:
        raise InvalidNonce("already used")


async def forget(db: AsyncConnection, *, at: datetime) -> int:
    """Delete what has expired by `at` and can't come back; answer how many. Run by the worker."""
    return (await db.execute(delete(spent_nonce).where(spent_nonce.c.expires_at < at))).rowcount


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE + data, "sha256")[:_MAC_BYTES]
