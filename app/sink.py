"""The second place: anchors are sent where whoever owns our database can't reach them, and are never taken back.

states   app/anchor.py          step()
sends    app/sink.py            step()       <- you are here, a step of the worker
keeps    a folder (another machine's, mounted), a notary over HTTP (simulators/notary.py plays one)
checks   app/verify/places.py

Each place gets every anchor once, in order. What it has not confirmed is sent again, less and less often; what it keeps
under a number already, and is another, is our own rewriting or somebody's: the place stops there and says so.
"""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

import httpx
import msgspec
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import anchor, clock, db
from app.anchor import Anchor
from app.house import House
from app.partners import line
from app.settings import Settings

SIZE_MAX = 20
_TIMEOUT_S = 5.0
_RECEIPT_BYTES_MAX = 16_384
#: Longer than sending SIZE_MAX anchors may take one worker, so that two never send at once.
_LEASE = timedelta(minutes=2)
_PAUSE_MAX_S = 300
#: An anchor that is this old and not kept anywhere else is worth a line in the log.
LATE_AFTER = timedelta(minutes=5)

_log = structlog.get_logger()


class NotKept(Exception):
    """The place did not confirm an anchor; `trouble` says why in a line."""

    def __init__(self, trouble: str) -> None:
        super().__init__(trouble)
        self.trouble = trouble


class Place(Protocol):
    """A second place."""

    @property
    def name(self) -> str:
        """Names it in the tables; one installation has one of a kind."""
        ...

    async def keep(self, kept: Anchor) -> str:
        """Keep an anchor for good and answer a receipt; kept before, the same receipt. Raises NotKept."""
        ...


class Folder:
    """One file per anchor, `000000/000000017.jws`: complete or absent, flushed to disk, never overwritten."""

    name = "folder"
    _PER_FOLDER = 1_000

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, kept: Anchor) -> str:
        """See Place; the receipt is the file's name."""
        try:
            return await asyncio.to_thread(self._keep, kept)
        except OSError as error:
            raise NotKept(f"{type(error).__name__}: {error.strerror}") from error

    def _keep(self, kept: Anchor) -> str:
        path = self._folder / f"{kept.no // self._PER_FOLDER:06d}" / f"{kept.no:09d}.jws"
        path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=".draft-", dir=path.parent)
        try:
            with os.fdopen(number, "w", encoding="ascii") as file:
                file.write(kept.jws)
                file.flush()
                os.fchmod(number, 0o444)
                os.fsync(number)
            # As exclusive as O_EXCL, and no reader ever finds a part of a file.
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(name)
        finally:
            Path(name).unlink()
        if path.read_text(encoding="ascii") != kept.jws:
            raise NotKept(f"keeps another anchor as number {kept.no}")
        for folder in (path.parent, self._folder):
            _flush(folder)
        return path.relative_to(self._folder).as_posix()


def _flush(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


class Notary:
    """Somebody who keeps what he is sent and signs that he has: `POST {url}/anchors` answers a receipt."""

    name = "notary"

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = url.rstrip("/") + "/anchors"

    async def keep(self, kept: Anchor) -> str:
        """See Place; the receipt is the notary's own JWS."""
        try:
            answer = await line.ask(
                self._http,
                "POST",
                self._url,
                within_s=_TIMEOUT_S,
                bytes_max=_RECEIPT_BYTES_MAX,
                kinds=frozenset({"application/jose"}),
                body=kept.jws.encode(),
                headers={"Content-Type": "application/jose"},
            )
        except line.Unanswered as silence:
            raise NotKept(silence.trouble) from silence
        if answer.status == HTTPStatus.CONFLICT:
            raise NotKept(f"keeps another anchor as number {kept.no}")
        if not answer.is_success:
            raise NotKept(f"answered {answer.status}")
        return answer.body.decode("ascii", "replace")


class State(msgspec.Struct, frozen=True):
    """How far a second place is: the last anchor it keeps, how many it lacks and for how long, and what is wrong."""

    name: str
    delivered: int
    behind: int
    behind_s: int
    trouble: str | None


def places(settings: Settings, http: httpx.AsyncClient) -> list[Place]:
    """List the second places of an installation."""
    found: list[Place] = []
    if settings.anchor_folder is not None:
        found.append(Folder(settings.anchor_folder))
    if settings.anchor_notary is not None:
        found.append(Notary(http, settings.anchor_notary))
    return found


async def step(house: House) -> int:
    """Send each place what it lacks; answers how many anchors were kept."""
    return sum([await _serve(house, place) for place in places(house.settings, house.http)])


async def states(connection: AsyncConnection, now: datetime) -> list[State]:
    """Say how far each second place is."""
    return [
        State(row.name, row.delivered, row.behind, max(0, int((now - row.since).total_seconds())), row.trouble)
        if row.behind
        else State(row.name, row.delivered, 0, 0, None)
        for row in await connection.execute(_STATES)
    ]


async def _serve(house: House, place: Place) -> int:
    waiting = await _claim(house, place.name)
    if not waiting:
        return 0
    receipts: list[tuple[int, str]] = []
    trouble: str | None = None
    for each in waiting:
        try:
            receipts.append((each.no, await place.keep(each)))
        except NotKept as reason:
            trouble = reason.trouble
            break
    async with db.transaction(house.worker) as story:
        await _settle(await story(), place.name, receipts, trouble)
    if trouble is not None and clock.real() - waiting[0].minute > LATE_AFTER:
        _log.warning("anchors_wait", source=place.name, why=trouble)
    return len(receipts)


async def _claim(house: House, name: str) -> list[Anchor]:
    """Take the place's turn, if it lacks anything and nobody else serves it."""
    now = clock.real()
    async with db.transaction(house.worker) as story:
        connection = await story()
        await connection.execute(_KNOWN, {"name": name, "now": now})
        delivered = await connection.scalar(_CLAIM, {"name": name, "now": now, "until": now + _LEASE})
        return [] if delivered is None else await anchor.following(connection, delivered, SIZE_MAX)


async def _settle(
    connection: AsyncConnection, name: str, receipts: Sequence[tuple[int, str]], trouble: str | None
) -> None:
    now = clock.real()
    kept = [{"sink": name, "anchor": no, "receipt": receipt, "at": now} for no, receipt in receipts]
    if kept:
        await connection.execute(_RECEIVED, kept)
    reached = max((no for no, _ in receipts), default=0)
    settled = {"name": name, "reached": reached, "trouble": trouble, "now": now, "pause_max_s": _PAUSE_MAX_S}
    await connection.execute(_SETTLED, settled)


_KNOWN = text("INSERT INTO app.anchor_sink (name, due_at) VALUES (:name, :now) ON CONFLICT DO NOTHING")
_CLAIM = text(
    """
    UPDATE app.anchor_sink SET due_at = :until, attempts = attempts + 1
    WHERE name = :name AND due_at <= :now AND delivered < (SELECT max(no) FROM app.anchor)
    RETURNING delivered
    """
)
_RECEIVED = text(
    "INSERT INTO app.anchor_receipt (sink, anchor, receipt, at) VALUES (:sink, :anchor, :receipt, :at)"
    " ON CONFLICT DO NOTHING"
)
_SETTLED = text(
    """
    UPDATE app.anchor_sink SET delivered = greatest(delivered, :reached), trouble = CAST(:trouble AS text),
        attempts = CASE WHEN CAST(:trouble AS text) IS NULL THEN 0 ELSE attempts END,
        due_at = CAST(:now AS timestamptz) + CASE WHEN CAST(:trouble AS text) IS NULL THEN interval '0'
            ELSE make_interval(secs => least(:pause_max_s, 2 ^ least(attempts, 10))) END
    WHERE name = :name
    """
)
_STATES = text(
    """
    SELECT sink.name, sink.delivered, sink.trouble, count(anchor.no) AS behind, min(anchor.minute) AS since
    FROM app.anchor_sink AS sink LEFT JOIN app.anchor ON anchor.no > sink.delivered
    GROUP BY sink.name ORDER BY sink.name
    """
)
