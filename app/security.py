"""The security log: who was let in or refused, what officers changed, which keys signed; counted, chained, anchored.

sees     app/lookout.py    every answer on its way out
counts   app/security.py   Watch.note()      <- you are here: per minute, in memory
writes   app/security.py   Watch.write()     a few seconds later, as links of the chain `security/v1`
anchors  app/anchor.py     each minute's head, with those of the other logs
shows    GET /v1/officer/security-events

What is alike within a minute is one row with a count, and the rows of a kind are bounded per minute and process: what
is beyond is counted without its particulars. So an attacker makes numbers grow, not the table (ASVS 5.0 16.3, 16.4).
Nothing personal is kept: people by id, addresses as keyed hashes (an IPv6 caller by the /64 he is given).
"""

import asyncio
import enum
import ipaddress
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import clock, db
from app.auth.principal import Principal
from proof import chain
from proof.kms import Kms

CHAIN = chain.Chain("security/v1")
#: How soon what was seen is written: the most a process that is killed forgets.
WRITTEN_WITHIN_S = 5.0
#: How many different rows of a kind a process writes a minute, and how many of all kinds it holds while it can't.
ALIKE_MAX = 50
HELD_MAX = 5_000
_ADDRESS_BYTES = 16
_IPV6_CALLER_BITS = 64

#: What takes the place of a code once a kind has ALIKE_MAX different rows in a minute.
OTHERS = "others"

_log = structlog.get_logger()


class Kind(enum.StrEnum):
    """What happened."""

    SIGNED_IN = "signin.succeeded"
    NOT_SIGNED_IN = "signin.refused"
    UNAUTHENTICATED = "authentication.refused"
    FORBIDDEN = "authorisation.refused"
    UNPROVED = "signature.refused"
    CROWDED = "quota.exceeded"
    MISSED = "object.not_found"
    MALFORMED = "input.refused"
    ADMINISTERED = "administration.done"
    SIGNED = "signature.made"


class Seen(NamedTuple):
    """What is counted together."""

    minute: datetime
    kind: Kind
    code: str
    operation: str
    role: str | None
    subject: UUID | None
    address: str | None


class Recorded(msgspec.Struct, frozen=True):
    """One row of the log."""

    position: int
    minute: datetime
    kind: str
    code: str
    operation: str
    role: str | None
    subject: UUID | None
    address: bytes | None
    count: int
    written_at: datetime
    hash: bytes


class Watch:
    """What one process has seen and not yet written; `source` logs in as the API's role."""

    def __init__(self, source: AsyncEngine, kms: Kms) -> None:
        self._source = source
        self._kms = kms
        self._counts: Counter[Seen] = Counter()
        self._minute = datetime.min.replace(tzinfo=UTC)
        self._different: Counter[Kind] = Counter()
        self._later: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    def note(
        self,
        kind: Kind,
        *,
        code: str,
        operation: str,
        who: Principal | None = None,
        address: str | None = None,
    ) -> None:
        """Count what happened now; it is written within WRITTEN_WITHIN_S."""
        minute = clock.real().replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute, self._different = minute, Counter()
        role, subject = (who.role, who.subject) if who else (None, None)
        seen = Seen(minute, kind, code, operation, role, subject, address)
        if seen not in self._counts:
            seen = self._bounded(seen)
        self._counts[seen] += 1
        if self._later is None:
            self._later = asyncio.create_task(self._write_later())

    def command(self, name: str) -> None:
        """Count a command of the operator's, such as `client add`: it has no caller but whoever has the machine."""
        self.note(Kind.ADMINISTERED, code="command", operation=name)

    def signed(self, what: str, kid: str, times: int = 1) -> None:
        """Count signatures of a key that have no event of their own: what was signed is not of a person."""
        for _ in range(times):
            self.note(Kind.SIGNED, code=what, operation=kid)

    def _bounded(self, seen: Seen) -> Seen:
        if len(self._counts) >= HELD_MAX:
            # The database has not answered for long; what is one row of an hour can't grow without end.
            return Seen(seen.minute.replace(minute=0), seen.kind, OTHERS, "", None, None, None)
        if self._different[seen.kind] >= ALIKE_MAX:
            return Seen(seen.minute, seen.kind, OTHERS, "", None, None, None)
        self._different[seen.kind] += 1
        return seen

    async def write(self) -> None:
        """Write what was counted, behind the log's last row; what can't be written is kept for later."""
        async with self._writing:
            counts, self._counts = self._counts, Counter()
            if not counts:
                return
            try:
                async with db.transaction(self._source, audience="service") as story:
                    await _append(await story(), self._described(counts))
            except Exception as error:  # noqa: BLE001  whatever it is, nobody waits for this; it is tried again
                self._counts.update(counts)
                _log.warning("security_log_waits", error=type(error).__name__, size=len(self._counts))

    async def close(self) -> None:
        """End the waiting, let a writing under way come to its end, and write what is left."""
        if self._later is not None:
            self._later.cancel()
            await asyncio.wait({self._later})
        await self.write()

    async def _write_later(self) -> None:
        while self._counts:
            await asyncio.sleep(WRITTEN_WITHIN_S)
            # Closing ends the waiting, never the writing.
            await asyncio.shield(self.write())
        self._later = None

    def _described(self, counts: Counter[Seen]) -> list[dict[str, Any]]:
        return [{**seen._asdict(), "address": self._hidden(seen.address), "count": n} for seen, n in counts.items()]

    def _hidden(self, address: str | None) -> bytes | None:
        if address is None:
            return None
        return self._kms.blind("security_event.address", _caller(address))[:_ADDRESS_BYTES]


def _caller(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, _IPV6_CALLER_BITS), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)


# One writer at a time, over all processes: each row is a link behind the last.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('eresidency.security'))")
_LAST = text("SELECT position, hash FROM app.security_event ORDER BY position DESC LIMIT 1")
_WRITE = text(
    """
    INSERT INTO app.security_event
        (position, minute, kind, code, operation, role, subject, address, count, written_at, hash)
    VALUES (:position, :minute, :kind, :code, :operation, :role, :subject, :address, :count, :written_at, :hash)
    """
)


async def _append(connection: AsyncConnection, found: Iterable[dict[str, Any]]) -> None:
    await connection.execute(_ONE_AT_A_TIME)
    last = (await connection.execute(_LAST)).one_or_none()
    position, head = (last.position, last.hash) if last else (0, CHAIN.genesis)
    at, rows = clock.real(), []
    for position, fields in enumerate(found, position + 1):  # noqa: B020  from the last position on
        row = {"position": position, **fields, "kind": str(fields["kind"]), "written_at": at}
        head = CHAIN.extend(head, chain.encode(*row.values()))
        rows.append({**row, "hash": head})
    await connection.execute(_WRITE, rows)


_READ = text(
    """
    SELECT position, minute, kind, code, operation, role, subject, address, count, written_at, hash
    FROM app.security_event
    WHERE position < :before AND (CAST(:kind AS text) IS NULL OR kind = :kind) ORDER BY position DESC LIMIT :size
    """
)


async def page(connection: AsyncConnection, *, before: int, kind: Kind | None, size: int) -> list[Recorded]:
    """Read up to `size` rows before a position, newest first."""
    rows = await connection.execute(_READ, {"before": before, "kind": kind, "size": size})
    return [Recorded(*row) for row in rows]
