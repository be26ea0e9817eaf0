"""The agency that publishes whom the house may not deal with: its list is fetched, and put in force when it changed.

pulls      app/partners/agencies.py   step()      <- you are here, a step of the worker
replaces   kyc/lists.py               replace()
looks      app/monitoring.py          everybody is looked up again in what is new

Whether it changed is asked with the ETag of last time (RFC 9110, section 13.1.2): an unchanged list costs one request.
"""

from datetime import timedelta

import httpx
import msgspec
import structlog
from sqlalchemy import text

from app import clock
from app.db import transaction
from app.house import House
from app.partners import line
from kyc import lists
from kyc.lists import Entry


class Unreachable(Exception):
    """The agency did not answer, or not with a list: the old one stays in force and it is asked again."""


SOURCE = "agency"
TIMEOUT_S = 10.0
_PATH = "/lists/persons"
_BYTES_MAX = 64 * 1024 * 1024
_KINDS = frozenset({"application/json", "text/csv"})
_EVERY = timedelta(hours=1)
# A list that was never fetched keeps everybody waiting, so an agency that does not answer is asked again soon; one that
# publishes something broken needs longer to mend it.
_AGAIN = {
    Unreachable: timedelta(seconds=5),
    lists.BadList: timedelta(minutes=5),
    lists.ListCutShort: timedelta(minutes=5),
}
_LEASE = timedelta(minutes=1)

_log = structlog.get_logger()


class Fetched(msgspec.Struct, frozen=True):
    """A list as it was published; `entries` is None where it is still the one of the ETag that was sent."""

    entries: tuple[Entry, ...] | None
    etag: str


async def step(house: House) -> int:
    """Ask the agency when it is due; answers 1 when its list changed. Due times are of the real clock."""
    url = house.settings.agencies_url
    if url is None:
        return 0
    async with transaction(house.worker) as story:
        taken = (await (await story()).execute(_TAKE, _times() | {"source": SOURCE})).one_or_none()
    if taken is None:
        return 0
    try:
        fetched = await fetch(house.http, url, taken.etag)
        async with transaction(house.worker) as story:
            db = await story()
            if fetched.entries is None:
                await db.execute(_UNCHANGED, {"source": SOURCE, "at": story.now, "due_at": clock.real() + _EVERY})
                return 0
            changed = await lists.replace(
                db, SOURCE, fetched.entries, etag=fetched.etag, at=story.now, due_at=clock.real() + _EVERY
            )
            return int(changed)
    except (Unreachable, lists.BadList, lists.ListCutShort) as error:
        _log.warning("list_not_replaced", source=SOURCE, error=type(error).__name__)
        async with transaction(house.worker) as story:
            await (await story()).execute(_LATER, {"source": SOURCE, "due_at": clock.real() + _AGAIN[type(error)]})
        return 0


async def fetch(http: httpx.AsyncClient, url: str, etag: str | None) -> Fetched:
    """Fetch the list unless it is still the one of `etag`; raises Unreachable, kyc.lists.BadList."""
    headers = {"Accept": "application/json, text/csv;q=0.5"} | ({"If-None-Match": etag} if etag else {})
    try:
        answer = await line.ask(
            http, "GET", url + _PATH, within_s=TIMEOUT_S, bytes_max=_BYTES_MAX, kinds=_KINDS, headers=headers
        )
    except line.Unanswered as error:
        raise Unreachable from error
    if answer.status == httpx.codes.NOT_MODIFIED and etag:
        return Fetched(None, etag)
    if answer.status != httpx.codes.OK:
        raise Unreachable
    read = lists.from_csv if answer.headers["content-type"].startswith("text/csv") else lists.from_json
    return Fetched(read(answer.body), answer.headers.get("etag", ""))


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
