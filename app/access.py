"""Who saw whose data: why a vault of another is opened, and what its owner may read about it.

opens    app/vault.py                       look()
writes   migrations/versions/0014_keys.py   app.open_vault(), in the transaction that hands out the key
shows    app/http/mobile/access_log.py      GET /v1/me/access-log

A look while a case of the person waits for the operator shows at once. Any other look of a human may mean that a
suspicion is checked, which the person must not learn from us (tipping-off: AIFC AML Rules, chapter 13), yet it may as
well be curiosity, which they must: it shows after DELAY. No law names such a term; this one is ours. Screening by the
worker shows at once: it is the same for everybody and tells nobody anything.
"""

import enum
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

DELAY = timedelta(days=180)


class Sees(enum.StrEnum):
    """What kind of fields is looked at."""

    IDENTITY = "identity"
    EVIDENCE = "evidence"
    CONTACT = "contact"


class Purpose(enum.StrEnum):
    """What somebody looks for; `about` then names the case, the request, the report."""

    CASE = "case"
    IDENTITY = "identity"
    SCREENING = "screening"
    SUSPICION = "suspicion"
    REQUEST = "request"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One reason to open a vault. `delay` is how long the person doesn't see the row; None is for ever."""

    sees: Sees
    purpose: Purpose
    about: UUID | None = None
    delay: timedelta | None = timedelta(0)


def case(application: UUID, *, waiting: bool) -> Look:
    """Look at the applicant of a case, which waits for the operator or does not."""
    return Look(sees=Sees.IDENTITY, purpose=Purpose.CASE, about=application, delay=timedelta(0) if waiting else DELAY)


def identity_case(case_id: UUID, *, waiting: bool) -> Look:
    """Look at the person of a case of identification, which waits for the operator or does not."""
    delay = timedelta(0) if waiting else DELAY
    return Look(sees=Sees.IDENTITY, purpose=Purpose.IDENTITY, about=case_id, delay=delay)


SCREENING = Look(sees=Sees.IDENTITY, purpose=Purpose.SCREENING)


class VaultOpened(msgspec.Struct, frozen=True, kw_only=True, tag="vault.opened"):
    """Somebody opened the vault of another person. Aggregate: the row of the access log."""

    person: UUID
    operation: str
    sees: Sees
    purpose: Purpose
    about: UUID | None


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the log. `actor` is role and id, `organisation` the caller's own: the operator or a partner's code."""

    id: UUID
    actor: str
    organisation: str
    operation: str
    sees: Sees
    purpose: Purpose
    about: UUID | None
    at: datetime

    @property
    def role(self) -> str:
        """Who looked, without a name: officer, partner, regulator, service."""
        return self.actor.partition(":")[0]


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of the log ended."""

    at: datetime
    id: UUID


async def page(db: AsyncConnection, person: UUID, *, now: datetime, after: Place | None, limit: int) -> list[Access]:
    """List who looked at the data of `person`, the newest first, as far as the person may know it at `now`."""
    place = {"at": after.at if after else None, "id": after.id if after else None}
    rows = await db.execute(_PAGE, {"person": person, "now": now, "limit": limit, **place})
    return [msgspec.convert(row._asdict(), Access) for row in rows]


_PAGE = text(
    """
    SELECT id, actor, organisation, operation, sees, purpose, about, at FROM app.access
    WHERE person = :person AND shown_from <= :now
      AND (CAST(:at AS timestamptz) IS NULL OR (at, id) < (CAST(:at AS timestamptz), CAST(:id AS uuid)))
    ORDER BY at DESC, id DESC LIMIT :limit
    """
)
