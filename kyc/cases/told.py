"""What each document of a person is worth now, told to the other rooms: `kyc.decision`, one version after the other.

Nobody else writes there, and all that others ask (kyc/standing.py, limits, cards) reads it. A document identifies while
its case is in good standing and nothing about it or its holder is open; an overdue one until it is suspended.
"""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import events
from kyc import tables as kyc_tables
from kyc.cases import decision, life, reasons
from kyc.cases.case import Case
from kyc.cases.decision import Decision, Outcome, Record
from kyc.cases.life import State
from proof import journal

IDENTIFIED = "identified"
_SAYS = {Outcome.APPROVE: IDENTIFIED, Outcome.RETRY: "refused", Outcome.REJECT: "refused"}
_IDENTIFIES = life.STANDING | {State.RE_KYC_DUE}
_FACE = ("face.", "liveness")


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A document and what was last said of it; `version` 0 is nothing yet."""

    id: UUID
    grade: str
    expires: date
    version: int
    outcome: str | None
    reasons: tuple[str, ...]


async def tell(db: AsyncConnection, held: Case, records: Sequence[Record], *, at: datetime, actor: str) -> None:
    """Say anew of each document what it is worth, where that is something else than before."""
    rows = await db.execute(_DOCUMENTS, {"resident": held.resident})
    documents = [msgspec.convert(row, Known, from_attributes=True) for row in rows]
    facts: list[journal.Fact] = []
    for known in documents:
        outcome, told = _worth(held, records, known)
        if (outcome, told) == (known.outcome, known.reasons):
            continue
        row = {
            "document": known.id,
            "version": known.version + 1,
            "resident": held.resident,
            "outcome": outcome,
            "reasons": list(told),
            "rule_version": decision.RULES,
            "actor": actor,
            "at": at,
        }
        await db.execute(insert(kyc_tables.decision).values(row))
        facts += [
            journal.Fact(aggregate=known.id, holder=held.resident, at=at, actor=actor, event=event)
            for event in _events(known, outcome)
        ]
    await journal.append(db, kyc_tables.event, *facts)


def _worth(held: Case, records: Sequence[Record], known: Known) -> tuple[str, tuple[str, ...]]:
    stale = held.state is not State.RE_KYC_DUE
    follows = decision.worth(records, known.id, purpose=held.purpose, stale=stale)
    # Neither a selfie that failed nor what is asked since takes away from who is known; it adds no document either.
    asks_more = known.outcome == IDENTIFIED and _asks_more(follows)
    if held.state in _IDENTIFIES and (asks_more or decision.is_unlooked(records, follows)):
        return IDENTIFIED, ()
    outcome = _SAYS.get(follows.outcome, "review")
    if outcome == IDENTIFIED and held.state not in _IDENTIFIES:
        return "review", (reasons.UNSPOKEN,)
    return outcome, reasons.spoken(follows.reasons)


def _asks_more(follows: Decision) -> bool:
    """Say whether all that is missing is what the person may still give: a form, a face, a better selfie."""
    selfie = follows.outcome is Outcome.RETRY and all(each.startswith(_FACE) for each in follows.reasons)
    return selfie or follows.outcome is Outcome.INCOMPLETE


def _events(known: Known, outcome: str) -> list[msgspec.Struct]:
    told: list[msgspec.Struct] = []
    if known.version == 0:
        told.append(events.DocumentChecked(document=known.id, grade=known.grade, outcome=outcome))
    elif known.outcome != outcome:
        told.append(events.DocumentDecided(document=known.id, outcome=outcome))
    if outcome == IDENTIFIED != known.outcome:
        told.append(events.ResidentIdentified(known.id, known.expires))
    return told


_DOCUMENTS = text(
    """
    SELECT document.id, document.grade, document.expires, coalesce(decided.version, 0) AS version, decided.outcome,
           coalesce(decided.reasons, '{}') AS reasons
    FROM kyc.document LEFT JOIN LATERAL (
        SELECT version, outcome, reasons FROM kyc.decision WHERE decision.document = document.id
        ORDER BY version DESC LIMIT 1
    ) AS decided ON true
    WHERE document.resident = :resident ORDER BY document.id
    """
)
