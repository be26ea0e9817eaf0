"""What a resident shows to whoever stands there: what the ID says, whether it is in force today, who looked.

agrees    app/http/mobile/showings.py     show()
scans     app/http/public/showings.py     verify()     <- you are here, scan()
          app/http/partner/showings.py    scan()
tells     app/http/mobile/showings.py     list_showings()

From the moment a code is found the story speaks for its holder, who made it for this: what is read is the row that was
agreed to and whether the status stands, and what is written is who read it. Both rows have keys of their own, so that
nobody who scans comes near the holder's vault.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids, rowkey, standing
from app.credentials import entitlement
from app.db import Story
from law import threshold
from law.calendar import statutory_date
from proof.kms import Kms
from residency.credential import holding, issuing
from residency.credential.dataset import Kind
from residency.credential.presenting.judging import Conclusion
from residency.credential.presenting.question import QUESTIONS, Answer
from residency.credential.showing import code, field
from residency.credential.showing.code import Cell, New, Scanned, Showing
from residency.credential.showing.field import Field

_CODES, _SHOWINGS = "credential.shown_code", "credential.showing"


class Stopped(Exception):
    """The ID was revoked, by its holder or by us, and there is no new one yet."""


class Agreed(msgspec.Struct, frozen=True):
    """What a holder agrees to: some fields of a document, or the answer to a question, which is about one of them."""

    kind: Kind
    names: frozenset[str]
    question: str | None = None

    @classmethod
    def to_answer(cls, question: str) -> "Agreed":
        """Agree to one of QUESTIONS."""
        asked = QUESTIONS[question]
        return cls(asked.kind, frozenset({asked.element}), question)


class Opened(msgspec.Struct, frozen=True):
    """A code that stands, and what it shows."""

    id: UUID
    code: str
    kind: Kind
    fields: tuple[Field, ...]
    expires_at: datetime


class Verifier(msgspec.Struct, frozen=True, kw_only=True):
    """Who scans: `name` is a registered client's where there is its id, else what somebody said of themselves."""

    name: str
    client: str | None = None
    purpose: str | None = None


class Said(msgspec.Struct, frozen=True):
    """What the holder reads about a verifier, and what the verifier was told."""

    name: str
    purpose: str | None
    conclusion: Conclusion
    answer: Answer | None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the verifier learns: the fields or the answer, and whether the document is in force at this moment.

    `age` is how long ago the code was scanned.
    """

    scanned: Scanned
    in_force: bool
    fields: tuple[Field, ...]
    answer: Answer | None
    age: timedelta

    @property
    def conclusion(self) -> Conclusion:
        """Say whether the document is good."""
        return Conclusion.ACCEPTED if self.in_force else Conclusion.REJECTED


async def fields(db: AsyncConnection, kms: Kms, holder: UUID, kind: Kind, *, at: datetime) -> tuple[Field, ...]:
    """List what `holder` can show; raises as entitlement.resident, issuing.NotActive, and Stopped."""
    who = await entitlement.resident(db, kms, holder, kind, at=at)
    await _require_showable(db, holder, kind)
    return field.of_document(who, kind, on=statutory_date(at))


async def show(story: Story, kms: Kms, holder: UUID, agreed: Agreed, *, actor: str, now: datetime) -> Opened:
    """Keep what `holder` agrees to, under a code; raises as `fields`, and field.FieldNotThere."""
    db, at, id_ = await story(), story.now, ids.new()
    shown = field.picked(await fields(db, kms, holder, agreed.kind, at=at), agreed.names)
    new = New(
        id=id_,
        holder=holder,
        kind=agreed.kind,
        question=agreed.question,
        cell=_sealed(kms, _CODES, id_, shown),
    )
    made, expires_at = await code.open_(db, new, actor=actor, at=at, now=now)
    return Opened(id_, made, agreed.kind, shown, expires_at)


async def scan(story: Story, kms: Kms, given: str, verifier: Verifier, *, session: str | None, now: datetime) -> Told:
    """Tell whoever has the code what its holder agreed to; the first time the holder is told who it was.

    Raises code.NoSuchCode, whatever is wrong with the code.
    """
    db = await story()
    holder = await code.holder_of(db, given)
    await story.speak_for(holder)
    scanned = await code.scan(db, given, session=session, now=now)
    told = await _told(db, kms, scanned, at=story.now, now=now)
    if scanned.session is not None:
        await _record(db, kms, told, verifier, at=story.now)
    return told


async def _told(db: AsyncConnection, kms: Kms, scanned: Scanned, *, at: datetime, now: datetime) -> Told:
    shown = msgspec.json.decode(_opened(kms, _CODES, scanned.id, scanned.cell), type=tuple[Field, ...])
    in_force = await _in_force(db, scanned.holder, scanned.kind, at=at)
    asked = QUESTIONS.get(scanned.question or "")
    return Told(
        scanned=scanned,
        in_force=in_force,
        fields=shown,
        answer=field.answer(asked, shown, in_force=in_force) if asked is not None else None,
        age=now - scanned.scanned_at,
    )


async def _in_force(db: AsyncConnection, holder: UUID, kind: Kind, *, at: datetime) -> bool:
    """Whether the status stands and neither its holder nor its issuer has stopped the ID; why not is told nobody."""
    try:
        await entitlement.entitled(db, holder, kind, at=at)
        await _require_showable(db, holder, kind)
    except (standing.NotEResident, entitlement.NotAltyn, threshold.NotInForce, issuing.NotActive, Stopped):
        return False
    return True


async def _require_showable(db: AsyncConnection, holder: UUID, kind: Kind) -> None:
    await issuing.require_issuable(db, holder, kind)
    if await holding.is_stopped(db, holder, kind):
        raise Stopped


async def _record(db: AsyncConnection, kms: Kms, told: Told, by: Verifier, *, at: datetime) -> None:
    scanned = told.scanned
    said = Said(by.name, by.purpose, told.conclusion, told.answer)
    seen = Showing(
        id=scanned.id,
        kind=scanned.kind,
        question=scanned.question,
        fields=tuple(each.name for each in told.fields),
        verifier=by.client,
        cell=_sealed(kms, _SHOWINGS, scanned.id, said),
        at=at,
    )
    await code.record(db, scanned.holder, seen)


async def of_holder(
    db: AsyncConnection, kms: Kms, holder: UUID, *, before: UUID | None, limit: int
) -> list[tuple[Showing, Said]]:
    """List who verified `holder`, the latest first, with what they said."""
    found = await code.of_holder(db, holder, before=before, limit=limit)
    return [(each, msgspec.json.decode(_opened(kms, _SHOWINGS, each.id, each.cell), type=Said)) for each in found]


def _sealed(kms: Kms, table: str, row: UUID, content: object) -> Cell:
    return msgspec.convert(rowkey.seal(kms, table, row, content), Cell, from_attributes=True)


def _opened(kms: Kms, table: str, row: UUID, cell: Cell) -> bytes:
    return rowkey.read(kms, table, row, rowkey.Cell(cell.kek_version, cell.wrapped, cell.sealed))
