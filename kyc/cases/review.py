"""Two officers decide: what the first proposes the second confirms, or the case is looked at anew.

claims     kyc/cases/claim.py      take()
reviews    kyc/cases/review.py     give()          <- you are here
records    kyc/cases/records.py    store()         what two officers settled is a record like any other

That two officers who said the same stand behind every grant and refusal is held by the database (`kyc.case_verdict`).
What failed nobody can grant: it is mended, or refused.
"""

import enum
import hashlib
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import check, sole
from kyc.cases import case, claim, decision, life, reasons, records, tables, told
from kyc.cases.case import Case, Hop
from kyc.cases.decision import OFFICERS, Outcome, Record
from kyc.cases.life import Act, IllegalMove, State
from kyc.cases.reasons import Kind
from kyc.check import Finding
from law import calendar

RULE = f"officers@{check.RULES}"


class Verdict(enum.StrEnum):
    """What an officer says about a case."""

    GRANT = "grant"
    REFUSE = "refuse"
    ASK = "ask"


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """One officer's review: `reason` is a code unless they grant; `note`, sealed for its place, is for colleagues."""

    id: UUID
    officer: UUID
    verdict: Verdict
    reason: str | None = None
    note: bytes | None = None


class Review(Opinion, frozen=True, kw_only=True):
    """A stored opinion; `round` is the move that opened the round it was given in, `records` how many looks it saw."""

    round: int
    records: int
    at: datetime


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal for good: why, on what ground, and until when it may be appealed; `sort` is its move."""

    sort: int
    reason: str
    ground: str
    appeal_until: date
    at: datetime


class NotGrantable(Exception):
    """Something failed, or is not what officers can settle: `checks` names it."""

    def __init__(self, checks: tuple[str, ...]) -> None:
        super().__init__(checks)
        self.checks = ", ".join(checks)


class Unseen(Exception):
    """What is open is in part for officers with another duty: who does not see it decides nothing of the case."""


class AlertOpen(Exception):
    """An alert about the person is open or confirmed; it is closed in its own queue first."""


_KINDS = {Verdict.REFUSE: Kind.FINAL, Verdict.ASK: Kind.RETRY}
_COLUMNS = [tables.case_review.c[field] for field in Review.__struct_fields__]
_REFUSAL = [tables.case_verdict.c[field] for field in Refusal.__struct_fields__]


async def give(
    db: AsyncConnection, held: Case, opinion: Opinion, *, whole: bool, at: datetime, now: datetime, by: str
) -> Case:
    """Record an officer's opinion on a locked case and do what follows; `now` is the machine's clock, of the claim.

    `whole` says that they see what nobody concerned is told of: who does not is answered of an alert as of any review
    in which something is open that they don't see. Raises life.IllegalMove, claim.SameReviewer, claim.NotClaimed,
    reasons.UnknownReason, NotGrantable, AlertOpen, Unseen.
    """
    _check_reason(opinion)
    if life.seen(held.state, whole=whole) not in life.UNDER_REVIEW:
        raise IllegalMove(held.state, Act.PROPOSE)
    await claim.other_eyes(db, held.id, opinion.officer)
    claimed = await claim.require(db, held, opinion.officer, at=now)
    if not whole and await _hides(db, held):
        raise Unseen
    if opinion.verdict is Verdict.GRANT:
        await _grantable(db, held)
    opened = await _round(db, held.id)
    earlier = [each for each in await of(db, held.id) if each.round == opened]
    if any(each.records < held.records for each in earlier):
        # The first one did not see what was found since: this review is the first one of a round that did.
        held, earlier = await case.move(db, held, Hop(Act.CHECK), Hop(Act.REVIEW), at=at, by=by), []
        opened = held.version
    row = msgspec.structs.asdict(opinion) | {"case_id": held.id, "resident": held.resident}
    await db.execute(insert(tables.case_review).values(row | {"round": opened, "records": held.records, "at": at}))
    moved = await _follow(db, held, earlier[0] if earlier else None, opinion, at=at, by=by)
    await claim.done(db, claimed, at=now)
    return moved


async def of(db: AsyncConnection, case_id: UUID) -> list[Review]:
    """List the reviews of a case, the first one first; for officers."""
    query = select(*_COLUMNS).where(tables.case_review.c.case_id == case_id)
    rows = await db.execute(query.order_by(tables.case_review.c.round, tables.case_review.c.at))
    return [msgspec.convert(row, Review, from_attributes=True) for row in rows]


async def refusal(db: AsyncConnection, case_id: UUID) -> Refusal | None:
    """Load the last refusal of a case, None while there is none."""
    refused = (tables.case_verdict.c.case_id == case_id) & (tables.case_verdict.c.outcome == Verdict.REFUSE)
    query = select(*_REFUSAL).where(refused).order_by(tables.case_verdict.c.sort.desc()).limit(1)
    row = (await db.execute(query)).one_or_none()
    return msgspec.convert(row, Refusal, from_attributes=True) if row else None


def settled(known: tuple[Record, ...], *, purpose: str) -> Finding:
    """Say what two officers settle who grant a case that stands so: what is open now, and what was settled before."""
    now = decision.decide(known, purpose=purpose)
    last = max((each for each in known if each.check == OFFICERS), key=lambda each: each.seq, default=None)
    before, _ = decision.covered(last, now.document)
    covers = " ".join(sorted((before | set(now.reasons)) - {OFFICERS}))
    params = {"covers": covers, "document": str(now.document)}
    return Finding(OFFICERS, check.Verdict.PASS, params, RULE)


def _check_reason(opinion: Opinion) -> None:
    if (kind := _KINDS.get(opinion.verdict)) is not None:
        reasons.of(opinion.reason, kind)
    elif opinion.reason is not None:
        raise reasons.UnknownReason(opinion.reason)


async def _round(db: AsyncConnection, case_id: UUID) -> int:
    moves = tables.case_move.c
    query = select(func.max(moves.sort)).where(moves.case_id == case_id, moves.state == State.MANUAL_REVIEW)
    opened: int | None = await db.scalar(query)
    assert opened is not None, "a case under review was opened for it"
    return opened


async def _hides(db: AsyncConnection, held: Case) -> bool:
    """Say whether something about a case that waits is open that nobody concerned is told of."""
    if held.state in life.ALERTS or await db.scalar(_ALERT, {"resident": held.resident}):
        return True
    known = await records.latest(db, held.id)
    return any(map(reasons.is_confidential, decision.decide(known, purpose=held.purpose).reasons))


async def _grantable(db: AsyncConnection, held: Case) -> None:
    known = await records.latest(db, held.id)
    if await db.scalar(_ALERT, {"resident": held.resident}):
        raise AlertOpen
    finding = settled(known, purpose=held.purpose)
    said = Record(
        seq=held.records + 1,
        check=OFFICERS,
        rule=RULE,
        verdict=finding.verdict,
        params=finding.params,
        evidence=(),
        inputs="",
    )
    follows = decision.decide((*known, said), purpose=held.purpose)
    if follows.outcome is not Outcome.APPROVE:
        raise NotGrantable(follows.reasons)
    await _sole(db, held, known, at=None)


async def _sole(db: AsyncConnection, held: Case, known: tuple[Record, ...], *, at: datetime | None) -> None:
    """Grant nobody a document that another account was granted since officers could see of it; claim it where `at`."""
    speaks = decision.decide(known, purpose=held.purpose).document
    if await records.taken_since(db, held, known, speaks, at=at) is not None:
        raise NotGrantable((sole.CHECK,))


async def _follow(
    db: AsyncConnection, held: Case, first: Review | None, opinion: Opinion, *, at: datetime, by: str
) -> Case:
    if opinion.verdict is Verdict.ASK:
        assert opinion.reason is not None, "looked up above"
        return await case.move(db, held, Hop(Act.ASK, (opinion.reason,)), at=at, by=by)
    if first is None:
        return await case.move(db, held, Hop(Act.PROPOSE), at=at, by=by)
    if (first.verdict, first.reason) != (opinion.verdict, opinion.reason):
        return await case.move(db, held, Hop(Act.DISAGREE), at=at, by=by)
    return await _decide(db, held, first, opinion, at=at, by=by)


async def _decide(db: AsyncConnection, held: Case, first: Review, second: Opinion, *, at: datetime, by: str) -> Case:
    refused = reasons.of(second.reason, Kind.FINAL) if second.verdict is Verdict.REFUSE else None
    await db.execute(
        insert(tables.case_verdict).values(
            case_id=held.id,
            sort=held.version + 1,
            resident=held.resident,
            round=first.round,
            records=first.records,
            outcome=second.verdict,
            first_officer=first.officer,
            second_officer=second.officer,
            reason=second.reason,
            ground=refused.ground if refused else None,
            appeal_until=refused.appeal_until(calendar.statutory_date(at)) if refused else None,
            at=at,
        )
    )
    known = await records.latest(db, held.id)
    if refused is None:
        await _sole(db, held, known, at=at)
        finding = settled(known, purpose=held.purpose)
    else:
        finding = Finding(OFFICERS, check.Verdict.FAIL, {"reason": str(second.reason)}, RULE)
    finding = msgspec.structs.replace(finding, evidence=(f"review_{first.id}", f"review_{second.id}"))
    inputs = hashlib.sha256(f"{first.id} {second.id}".encode()).digest()
    held = await records.store(db, held, [finding], inputs=inputs, at=at, document=None)
    known = await records.latest(db, held.id)
    held = await records.write(db, held, decision.decide(known, purpose=held.purpose), at=at, actor=by)
    hop = Hop(Act.GRANT) if refused is None else Hop(Act.REFUSE, (str(second.reason),))
    moved = await case.move(db, held, hop, at=at, by=by)
    await told.tell(db, moved, known, at=at, actor=by)
    return moved


_ALERT = text("SELECT EXISTS (SELECT FROM kyc.alert WHERE resident = :resident AND state IN ('open', 'confirmed'))")
