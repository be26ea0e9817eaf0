"""What a resident holds: each credential with its state and its live copies, the latest first."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Row, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from residency.credential import tables
from residency.credential.configuration import PRINTS
from residency.credential.dataset import Kind
from residency.credential.life import LOSSES, Reason, State, UnknownCredential, not_voided
from residency.credential.wallets.grade import Grade


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """One credential. `copies` counts those that verifiers still take; `expires_at` is when the last of them ends.

    `until` is the deadline of one that is superseded: by then its wallets are to have new copies. `grade` is the lowest
    of the wallets that hold these copies, None where none does: paper is no wallet.
    """

    id: UUID
    kind: Kind
    state: State
    opened_at: datetime
    changed_at: datetime
    reason: str | None
    copies: int
    expires_at: datetime | None
    until: datetime | None
    grade: Grade | None


async def of_holder(db: AsyncConnection, holder: UUID, *, at: datetime) -> list[Holding]:
    """List the credentials of `holder`; copies that ended before `at` (the real clock) are not counted."""
    credential, transition, issuance = tables.credential, tables.transition, tables.issuance
    in_wallets = issuance.c.configuration.not_in([each.id for each in PRINTS.values()])
    live = (issuance.c.credential == credential.c.id) & (issuance.c.expires_at > at) & not_voided(issuance.c.id)
    rows = await db.execute(
        select(
            credential,
            transition.c.reason,
            transition.c.at.label("changed_at"),
            func.coalesce(func.sum(issuance.c.copies), 0).label("copies"),
            func.max(issuance.c.expires_at).label("expires_at"),
            func.array_remove(func.array_agg(issuance.c.grade.distinct()).filter(in_wallets), None).label("grades"),
        )
        .join(transition, (transition.c.credential == credential.c.id) & (transition.c.sort == credential.c.version))
        .outerjoin(issuance, live)
        .where(credential.c.holder == holder)
        .group_by(credential.c.id, transition.c.reason, transition.c.at)
        .order_by(credential.c.id.desc())
    )
    return [_holding(row) for row in rows]


async def one(db: AsyncConnection, holder: UUID, credential: UUID, *, at: datetime) -> Holding:
    """Give one credential of `holder`; raises UnknownCredential."""
    found = next((held for held in await of_holder(db, holder, at=at) if held.id == credential), None)
    if found is None:
        raise UnknownCredential
    return found


async def wallets_of(db: AsyncConnection, credential: UUID) -> frozenset[str]:
    """Give the DPoP keys of the wallets that hold a credential, or what it supersedes."""
    table, issuance = tables.credential, tables.issuance
    named = select(table.c.holder, table.c.kind).where(table.c.id == credential).cte("named")
    of_its_kind = (table.c.holder == named.c.holder) & (table.c.kind == named.c.kind)
    ends = of_its_kind & ((table.c.id == credential) | (table.c.state == State.SUPERSEDED))
    query = select(issuance.c.device).distinct().join(table, table.c.id == issuance.c.credential).where(ends)
    return frozenset(await db.scalars(query))


async def follows_a_loss(db: AsyncConnection, holder: UUID, kind: Kind) -> bool:
    """Whether copies of its kind ended with a phone and none were made since for a paper or a wallet that is new.

    Who asks for the next shows that it is they; wallets that were kept fetch more meanwhile.
    """
    if await _ended_by(db, holder, kind) in LOSSES:
        return True
    asked = {"holder": holder, "kind": kind.value, "prints": [each.id for each in PRINTS.values()]}
    found: bool = (await db.execute(_UNCONFIRMED, asked)).scalar_one()
    return found


_UNCONFIRMED = text(
    """
    SELECT EXISTS (
        SELECT FROM credential.voided JOIN credential.credential AS was ON was.id = voided.credential
        WHERE voided.holder = :holder AND was.kind = :kind
        AND NOT EXISTS (
            SELECT FROM credential.issuance AS new JOIN credential.credential AS its ON its.id = new.credential
            WHERE new.holder = :holder AND its.kind = :kind AND new.at > voided.at
            AND (new.configuration = ANY (:prints) OR NOT EXISTS (
                SELECT FROM credential.issuance AS old
                WHERE old.holder = :holder AND old.device = new.device AND old.at <= voided.at
            ))
        )
    )
    """
)


async def is_stopped(db: AsyncConnection, holder: UUID, kind: Kind) -> bool:
    """Whether the last credential of its kind was revoked: nothing of it is shown until there is a new one.

    One that ended because its data changed or with its status, which is asked for itself, was not taken from anybody.
    """
    reason = await _ended_by(db, holder, kind)
    return reason is not None and reason not in {Reason.DATA_CHANGED, Reason.STATUS_REVOKED}


async def _ended_by(db: AsyncConnection, holder: UUID, kind: Kind) -> Reason | None:
    """Say why the last credential of its kind was revoked; None where it was not."""
    columns, transition = tables.credential.c, tables.transition
    last = (
        select(columns.state, transition.c.reason)
        .join(tables.credential, (columns.id == transition.c.credential) & (columns.version == transition.c.sort))
        .where(columns.holder == holder, columns.kind == kind)
        .order_by(columns.id.desc())
        .limit(1)
    )
    row = (await db.execute(last)).one_or_none()
    return Reason(row.reason) if row is not None and row.state == State.REVOKED else None


def _holding(row: Row[tuple[object, ...]]) -> Holding:
    return Holding(
        id=row.id,
        kind=Kind(row.kind),
        state=State(row.state),
        opened_at=row.opened_at,
        changed_at=row.changed_at,
        reason=row.reason,
        copies=0 if row.state == State.REVOKED else row.copies,
        expires_at=row.expires_at,
        until=row.until,
        grade=next((grade for grade in Grade if grade in (row.grades or ())), None),
    )
