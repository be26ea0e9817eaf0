"""An alert: somebody is too near an entity of a list. Raised once, closed by officers, never raised again for the same.

finds      kyc/screening/matching.py   search()
settles    kyc/screening/alert.py      settle()         <- you are here; kyc.settle_alerts() in the database
decides    kyc/screening/act.py        what officers do
reports    the finding `person.screening` of the person's case

What a look finds is compared with what is known of the person: the same match is the same alert, whatever edition it is
found in. What was cleared stays cleared, what was whitelisted comes back when that is over, what is gone before anybody
decided lapses and returns if it does.
"""

import enum
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc.check import Finding, Verdict
from kyc.lists.edition import Edition
from kyc.screening import events, matching, standard, tables
from kyc.screening.matching import Match
from kyc.tables import event
from proof import journal


class State(enum.StrEnum):
    """How an alert stands."""

    OPEN = "open"
    CLEARED = "cleared"
    CONFIRMED = "confirmed"
    LAPSED = "lapsed"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert. `listed` is what its list said of the entity, `list` the version that said it first.

    `until` is the end of a whitelisting; `present` whether it is so in the edition the person was last looked up in.
    """

    id: UUID
    resident: UUID
    source: str
    entity: str
    listed: bytes
    list: bytes
    name: str
    score: int
    matched: bytes
    grave: bool
    rules: str
    state: State
    present: bool
    version: int
    act: UUID | None
    until: datetime | None
    raised_at: datetime
    changed_at: datetime


class Standing(msgspec.Struct, frozen=True):
    """An alert of a person after a look; `was` is how it stood before, None where it is new."""

    id: UUID
    source: str
    entity: str
    state: State
    present: bool
    was: State | None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a page of the queue ended."""

    grave: bool
    at: datetime
    id: UUID


class UnknownAlert(Exception):
    """There is no such alert."""


_ALERT = [tables.alert.c[name] for name in Alert.__struct_fields__]


async def settle(
    db: AsyncConnection, resident: UUID, matches: Sequence[Match], *, whole: bool, at: datetime, actor: str
) -> tuple[Standing, ...]:
    """Bring a person's alerts in line with what was found, and answer all of them.

    `whole` says that everything was asked that is known of the person: then what was not found is not so any more.
    """
    asked = {
        "resident": resident,
        "found": matching.rows(matches),
        "whole": whole,
        "rules": standard.RULES,
        "at": at,
    }
    rows = await db.execute(_SETTLE, asked)
    stand = tuple(msgspec.convert(row, Standing, from_attributes=True) for row in rows)
    by_key = {(each.source, each.entity): each for each in matches}
    await journal.append(db, event, *(_fact(each, by_key, at, actor) for each in stand if _moved(each)))
    return stand


def finding(stand: Iterable[Standing], edition: Edition | None) -> Finding:
    """Say what a person's alerts mean for their case: what is confirmed fails, what is open wants a look."""
    known = tuple(stand)
    confirmed = [each for each in known if each.state is State.CONFIRMED]
    open_ = [each for each in known if each.state is State.OPEN]
    verdict = Verdict.FAIL if confirmed else Verdict.REVIEW if open_ else Verdict.PASS
    params = {"lists": edition.named(), "edition": str(edition.number)} if edition else {}
    return Finding(
        standard.CHECK,
        verdict,
        params,
        rule=standard.RULES,
        evidence=tuple(f"alert_{each.id}" for each in (*confirmed, *open_)),
    )


def changed(stand: Iterable[Standing]) -> bool:
    """Say whether a look changed how any alert stands."""
    return any(map(_moved, stand))


async def of(db: AsyncConnection, resident: UUID) -> list[Alert]:
    """List a person's alerts, the oldest first."""
    return await _alerts(db, tables.alert.c.resident == resident)


async def standing(db: AsyncConnection, resident: UUID) -> tuple[Standing, ...]:
    """Say how a person's alerts stand, of which nothing changes."""
    return tuple(
        Standing(each.id, each.source, each.entity, each.state, each.present, each.state)
        for each in await of(db, resident)
    )


async def find(db: AsyncConnection, wanted: UUID) -> Alert:
    """Load an alert; raises UnknownAlert."""
    found = await _alerts(db, tables.alert.c.id == wanted)
    if not found:
        raise UnknownAlert
    return found[0]


async def lock(db: AsyncConnection, wanted: UUID) -> Alert:
    """Wait for one's turn on the alerts of the person, and load this one; raises UnknownAlert."""
    await db.execute(_LOCK, {"resident": str((await find(db, wanted)).resident)})
    return await find(db, wanted)


async def queue(db: AsyncConnection, state: State, *, after: Place | None, limit: int) -> list[Alert]:
    """List alerts of a state: the grave ones first, then by how long they wait."""
    place = msgspec.structs.asdict(after or Place(grave=True, at=datetime.min.replace(tzinfo=UTC), id=UUID(int=0)))
    rows = await db.execute(_QUEUE, {"state": state, "limit": limit, **place})
    return [msgspec.convert(row, Alert, from_attributes=True) for row in rows]


async def expired(db: AsyncConnection, *, at: datetime, limit: int) -> list[Alert]:
    """Take alerts whose whitelisting is over."""
    over = tables.alert.c.until <= at
    query = select(*_ALERT).where(over).order_by(tables.alert.c.until).limit(limit).with_for_update(skip_locked=True)
    return [msgspec.convert(row, Alert, from_attributes=True) for row in await db.execute(query)]


async def tell(db: AsyncConnection, alert: UUID, fact: msgspec.Struct, *, at: datetime, actor: str) -> None:
    """Tell the journal what happened to an alert, and nobody's feed."""
    await journal.append(db, event, journal.Fact(aggregate=alert, at=at, actor=actor, event=fact))


async def _alerts(db: AsyncConnection, wanted: ColumnElement[bool]) -> list[Alert]:
    rows = await db.execute(select(*_ALERT).where(wanted).order_by(tables.alert.c.id))
    return [msgspec.convert(row, Alert, from_attributes=True) for row in rows]


def _moved(stands: Standing) -> bool:
    return stands.state is not stands.was


def _fact(stands: Standing, matches: dict[tuple[str, str], Match], at: datetime, actor: str) -> journal.Fact:
    told: msgspec.Struct
    if stands.was is None:
        listed = matches[stands.source, stands.entity].listed.hex()
        told = events.AlertRaised(alert=stands.id, source=stands.source, listed=listed)
    elif stands.state is State.LAPSED:
        told = events.AlertLapsed(alert=stands.id)
    else:
        told = events.AlertReopened(alert=stands.id)
    return journal.Fact(aggregate=stands.id, at=at, actor=actor, event=told)


_QUEUE = text(
    f"""
    SELECT {", ".join(Alert.__struct_fields__)} FROM kyc.alert
    WHERE state = :state AND (NOT grave, raised_at, id) > (NOT CAST(:grave AS boolean), :at, :id)
    ORDER BY grave DESC, raised_at, id LIMIT :limit
    """  # noqa: S608  names of the Struct above
)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('kyc.alert:' || :resident, 0))")
_SETTLE = text(
    """
    SELECT id_ AS id, source_ AS source, entity_ AS entity, state_ AS state, present_ AS present, was_ AS was
    FROM kyc.settle_alerts(:resident, CAST(:found AS jsonb), :whole, :rules, :at)
    """
)
