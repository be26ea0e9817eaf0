"""Who publishes whom nobody may deal with: their lists are fetched, and put in force when they changed.

pulls      app/partners/agencies.py   step()      <- you are here, a step of the worker
reads      kyc/lists/formats.py       read()
replaces   kyc/lists/snapshot.py      replace()
looks      app/monitoring.py          everybody is looked up again in what is new

Whether a list changed is asked with the ETags of last time (RFC 9110, section 13.1.2): an unchanged one costs a request
for each of its files. A file that changed is read together with all others of its list.
"""

import asyncio
from datetime import timedelta

import httpx
import msgspec
import structlog
from sqlalchemy import text

from app import clock
from app.db import transaction
from app.house import House
from app.partners import line
from app.settings import Settings
from kyc.lists import formats, snapshot
from kyc.names.entity import Entity


class Unreachable(Exception):
    """The agency did not answer, or not with a list: the old one stays in force and it is asked again."""


class Feed(msgspec.Struct, frozen=True):
    """A list: its name in our books, which setting says where it is, and its files there, the main one first."""

    source: str
    setting: str
    files: tuple[str, ...]

    def where(self, settings: Settings) -> str | None:
        """Say where the list is published; None where the installation does not go by it."""
        found: str | None = getattr(settings, self.setting)
        return found


FEEDS = (
    Feed("agency", "agencies_url", ("/lists/persons",)),
    Feed("ofac", "ofac_url", ("/sdn.csv", "/alt.csv")),
    Feed("un", "un_url", ("/consolidated.xml",)),
)
TIMEOUT_S = 10.0
_BYTES_MAX = 64 * 1024 * 1024
_KINDS = frozenset({"application/json", "text/csv", "application/xml", "text/xml"})
_ACCEPT = "application/json, text/csv;q=0.5, application/xml, text/xml"
_EVERY = timedelta(hours=1)
# A list that was never fetched keeps everybody waiting, so an agency that does not answer is asked again soon; one that
# publishes something broken needs longer to mend it.
_AGAIN = {
    Unreachable: timedelta(seconds=5),
    formats.BadList: timedelta(minutes=5),
    snapshot.ListCutShort: timedelta(minutes=5),
}
_LEASE = timedelta(minutes=1)
_SAME = " "

_log = structlog.get_logger()


class Fetched(msgspec.Struct, frozen=True):
    """A list as it was published; `entities` is None where it is still the one of the ETags that were sent."""

    entities: tuple[Entity, ...] | None
    etag: str


async def step(house: House) -> int:
    """Ask for the lists that are due; answers how many changed. Due times are of the real clock."""
    return sum([await _ask(house, feed, url) for feed in FEEDS if (url := feed.where(house.settings))])


async def fetch(http: httpx.AsyncClient, feed: Feed, url: str, etag: str | None) -> Fetched:
    """Fetch a list unless it is still the one of `etag`; raises Unreachable, kyc.lists.formats.BadList."""
    known = etag.split(_SAME) if etag else []
    first = [await _file(http, url + file, tag) for file, tag in _with(feed, known)]
    if all(content is None for content, _ in first) and known:
        return Fetched(None, etag or "")
    whole = [
        (content, tag) if content is not None else await _file(http, url + file, "")
        for file, (content, tag) in zip(feed.files, first, strict=True)
    ]
    contents = [content for content, _ in whole if content is not None]
    if len(contents) < len(feed.files):
        raise Unreachable  # "not modified" although nothing was known
    entities = await asyncio.to_thread(formats.read, contents[0], feed.source, *contents[1:])
    return Fetched(entities, _SAME.join(tag for _, tag in whole))


async def _ask(house: House, feed: Feed, url: str) -> int:
    async with transaction(house.worker) as story:
        taken = (await (await story()).execute(_TAKE, _times() | {"source": feed.source})).one_or_none()
    if taken is None:
        return 0
    try:
        fetched = await fetch(house.http, feed, url, taken.etag)
        async with transaction(house.worker) as story:
            db = await story()
            due_at = clock.real() + _EVERY
            if fetched.entities is None:
                await db.execute(_UNCHANGED, {"source": feed.source, "at": story.now, "due_at": due_at})
                return 0
            changed = await snapshot.replace(
                db, feed.source, fetched.entities, etag=fetched.etag, at=story.now, due_at=due_at
            )
            return int(changed)
    except (Unreachable, formats.BadList, snapshot.ListCutShort) as error:
        _log.warning("list_not_replaced", source=feed.source, error=type(error).__name__)
        async with transaction(house.worker) as story:
            later = clock.real() + _AGAIN[type(error)]
            await (await story()).execute(_LATER, {"source": feed.source, "due_at": later})
        return 0


async def _file(http: httpx.AsyncClient, url: str, etag: str) -> tuple[bytes | None, str]:
    """Ask for one file; gives its content, None where it is still the one of `etag`, and its ETag."""
    headers = {"Accept": _ACCEPT} | ({"If-None-Match": etag} if etag else {})
    try:
        answer = await line.ask(
            http, "GET", url, within_s=TIMEOUT_S, bytes_max=_BYTES_MAX, kinds=_KINDS, headers=headers
        )
    except line.Unanswered as error:
        raise Unreachable from error
    if answer.status == httpx.codes.NOT_MODIFIED and etag:
        return None, etag
    if answer.status != httpx.codes.OK:
        raise Unreachable
    return answer.body, answer.headers.get("etag", "").replace(_SAME, "")


def _with(feed: Feed, known: list[str]) -> list[tuple[str, str]]:
    return list(zip(feed.files, known if len(known) == len(feed.files) else [""] * len(feed.files), strict=True))


def _times() -> dict[str, object]:
    return {"now": clock.real(), "lease": clock.real() + _LEASE}


# One statement: of several workers one takes it, and one that dies gives it back when the lease is over.
_TAKE = text(
    """
    INSERT INTO kyc.list_source (source, due_at) VALUES (:source, :lease)
    ON CONFLICT (source) DO UPDATE SET due_at = excluded.due_at WHERE list_source.due_at <= :now
    RETURNING etag
    """
)
_UNCHANGED = text("UPDATE kyc.list_source SET checked_at = :at, due_at = :due_at WHERE source = :source")
_LATER = text("UPDATE kyc.list_source SET due_at = :due_at WHERE source = :source")
