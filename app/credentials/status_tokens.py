"""The status lists as signed tokens, made when they are asked for and kept while nothing in them changes.

Verifiers fetch a list on a schedule, so one is signed at most once a minute and process, unless something is revoked.
"""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from residency.credential import entries, jws, status_cwt, status_list
from residency.credential.cose import CoseSeal
from residency.credential.entries import Snapshot
from residency.credential.seal import Seal


class HistoryNotKept(Exception):
    """A list is asked for as it was; only its present is told (draft section 8.4 allows it, privacy asks for it)."""


class Token(msgspec.Struct, frozen=True):
    """A signed list: as JWT, plain and gzipped, and as CWT. `tag` changes with what it says, its minute and signer."""

    tag: str
    plain: bytes
    gzipped: bytes
    cwt: bytes


#: Hears what was signed, by which key, how often.
Noted = Callable[[str, str, int], None]


class StatusTokens:
    """The tokens of one process. `seals` gives what signs the one form and the other now; `noted` hears of it."""

    def __init__(self, seals: Callable[[], tuple[Seal, CoseSeal]], noted: Noted) -> None:
        self._seals, self._noted = seals, noted
        self._made: dict[UUID, Token] = {}

    async def of(self, db: AsyncConnection, list_id: UUID, *, uri: str, at: datetime) -> Token | None:
        """Give the token of a list that lives at `uri`; None for a list there is not."""
        version = await entries.version(db, list_id)
        if version is None:
            return None
        # In whole minutes: processes that sign the same list say the same, and a retry finds the same tag.
        minute = int(at.timestamp()) // status_list.TTL_S * status_list.TTL_S
        seals = self._seals()
        tag = f"{version}-{minute}-{seals[0].signer.kid}"
        made = self._made.get(list_id)
        if made is None or made.tag != tag:
            snapshot = await entries.snapshot(db, list_id)
            issued_at = datetime.fromtimestamp(minute, UTC)
            made = self._made[list_id] = _make(snapshot, seals, uri, issued_at, tag)
            self._noted("status_list", seals[0].signer.kid, 2)
        return made


def _make(snapshot: Snapshot, seals: tuple[Seal, CoseSeal], uri: str, issued_at: datetime, tag: str) -> Token:
    compressed = status_list.compress(status_list.pack(snapshot.statuses, size=snapshot.size))
    plain = status_list.token(jws.b64(compressed), uri=uri, seal=seals[0], issued_at=issued_at).encode()
    cwt = status_cwt.token(compressed, uri=uri, seal=seals[1], issued_at=issued_at)
    return Token(tag, plain, gzip.compress(plain, mtime=0), cwt)
