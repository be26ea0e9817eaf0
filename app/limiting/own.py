"""The limits people set for themselves: lower at once, higher again only after a while.

route     PUT /v1/limits/{name}      app/http/mobile/limits.py
decides   app/limiting/own.py        decide()        <- you are here
counts    app/allowance.py           under the lane's lock

Who has taken over a phone must not raise in a minute what its owner has lowered: a raise needs the passkey, and then
COOLING during which the owner hears of it and can take it back.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.limiting import tables
from app.limiting.events import OwnLimitKept, OwnLimitLowered, OwnLimitRaising
from app.tables import event
from proof import journal
from wallet.limit import LIMITS, Ceiling, Measure

COOLING = timedelta(hours=24)


class UnknownLimit(Exception):
    """There is no limit of this name that people may set."""


class NotLower(Exception):
    """One's own limit must be less than the `most` that the rule in force allows."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


class OwnLimitMoved(Exception):
    """The limit was set by another request meanwhile: look at it again."""


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's own limit: `minor` until `raised_from`, `raised_to` from then on; None is no limit of their own."""

    minor: int | None = None
    raised_to: int | None = None
    raised_from: datetime | None = None
    version: int = 0

    def settled(self, now: datetime) -> "Own":
        """Take a raise whose time has come for done."""
        if self.raised_from is None or self.raised_from > now:
            return self
        return Own(minor=self.raised_to, version=self.version)


def decide(before: Own, wanted: int | None, now: datetime) -> Own:
    """Answer what follows from wanting `wanted`: the same object where nothing changes."""
    stands = before.settled(now)
    if stands.raised_from is not None and wanted == stands.raised_to:
        return before
    if wanted == stands.minor:
        return before if stands.raised_from is None else Own(minor=wanted, version=before.version + 1)
    if stands.minor is None or (wanted is not None and wanted < stands.minor):
        return Own(minor=wanted, version=before.version + 1)
    return Own(minor=stands.minor, raised_to=wanted, raised_from=now + COOLING, version=before.version + 1)


def check(name: str, wanted: int | None, ceilings: tuple[Ceiling, ...]) -> None:
    """Refuse what can't be set; raises UnknownLimit, NotLower."""
    if name not in LIMITS or LIMITS[name].measure is Measure.BALANCE:
        raise UnknownLimit
    ceiling = next((each for each in ceilings if each.limit.name == name), None)
    if wanted is not None and ceiling is not None and wanted >= ceiling.most:
        raise NotLower(ceiling.most)


async def of(db: AsyncConnection, holder: UUID) -> dict[str, Own]:
    """Load what somebody set, by the limit's name."""
    columns = tables.own_limit.c
    fields = [columns[name] for name in Own.__struct_fields__]
    rows = await db.execute(select(columns.name, *fields).where(columns.holder == holder))
    return {row.name: Own(**{name: getattr(row, name) for name in Own.__struct_fields__}) for row in rows}


async def store(
    db: AsyncConnection, holder: UUID, name: str, *, before: Own, made: Own, actor: str, at: datetime
) -> None:
    """Write what was decided of `before`, and tell the person; raises OwnLimitMoved.

    From here on the lane of `holder` is held, so that no batch sees it halfway: the caller commits and does no more.
    """
    await db.execute(_HOLD_LANE, {"holder": holder})
    values = {**msgspec.structs.asdict(made), "at": at}
    stored = insert(tables.own_limit).values(holder=holder, name=name, **values)
    unmoved = tables.own_limit.c.version == before.version
    written = stored.on_conflict_do_update(index_elements=["holder", "name"], set_=values, where=unmoved)
    if (await db.execute(written.returning(tables.own_limit.c.version))).one_or_none() is None:
        raise OwnLimitMoved
    told = journal.Fact(aggregate=holder, holder=holder, at=at, actor=actor, event=_event(name, before, made))
    await journal.append(db, event, told)


def _event(name: str, before: Own, made: Own) -> msgspec.Struct:
    if made.raised_from is not None:
        return OwnLimitRaising(limit=name, most_minor=made.raised_to, takes_effect_at=made.raised_from)
    assert made.minor is not None, "no limit of one's own is reached by a raise"
    kept = made.minor == before.minor
    return (OwnLimitKept if kept else OwnLimitLowered)(limit=name, most_minor=made.minor)


_HOLD_LANE = text("SELECT app.hold_lane(:holder)")
