"""Where somebody's money comes from, as they say it, and what an officer says to that (AIFC AML Rules, 6.3.1 (c), (d)).

declares    POST /v1/identity/declarations                         declare()     <- you are here
looks       POST /v1/officer/declarations/{id}/look                look()
asks        kyc/risk/profile.py     the relation is judged again

Every version stays. An officer says one thing to a version: that it is accepted, or what is still to be explained; that
comes as another version. Codes are sealed with the person's key for (kyc.declaration, codes, id), words by who calls.
"""

import enum
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Row, Select, Text, TextClause, func, insert, select, text
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import states
from kyc import tables as kyc_tables
from kyc.holder import Safe, Safes
from kyc.risk import jurisdiction, profile, tables
from kyc.risk.events import FundsDeclared, FundsReviewed
from kyc.risk.facts import Declared, Industry, Occupation, Origin, Product
from proof import journal


class Outcome(enum.StrEnum):
    """What an officer says. MORE is no refusal: the person declares again."""

    ACCEPTED = "accepted"
    MORE = "more"


class Ask(enum.StrEnum):
    """What is still to be explained; the words are in app/http/mobile/declarations.toml."""

    FUNDS_PAPERS = "funds_papers"
    WEALTH_PAPERS = "wealth_papers"
    FUNDS_EXPLAINED = "funds_explained"
    WEALTH_EXPLAINED = "wealth_explained"
    EMPLOYER = "employer"
    TURNOVER = "turnover"


class Codes(msgspec.Struct, frozen=True, kw_only=True):
    """What rules read of a declaration."""

    occupation: Occupation
    industry: Industry
    residence: str
    products: tuple[Product, ...]
    funds: tuple[Origin, ...]
    funds_amount: int
    wealth: tuple[Origin, ...]
    wealth_amount: int
    expected_turnover: int

    def sealed(self, safe: Safe, row: UUID) -> bytes:
        """Seal them for their declaration."""
        return safe.seal(msgspec.json.encode(self), table=_TABLE, column=_COLUMN, row=row)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody declares; `words` are sealed for (kyc.declaration, words, id)."""

    id: UUID
    resident: UUID
    codes: Codes
    papers: tuple[UUID, ...]
    words: bytes
    at: datetime


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a declaration without what it says, and what was said to it."""

    id: UUID
    resident: UUID
    papers: tuple[UUID, ...]
    at: datetime
    version: int
    outcome: Outcome | None = None
    asks: tuple[Ask, ...] = ()
    looked_by: str | None = None
    looked_at: datetime | None = None

    @property
    def state(self) -> Declared:
        """How far the origin of the money is explained by it."""
        return _STATES[self.outcome]


class Declaration(Looked, frozen=True, kw_only=True):
    """A version of a declaration as it was said; its words are sealed."""

    said: Codes
    words: bytes


_STATES = {None: Declared.DECLARED, Outcome.MORE: Declared.MORE, Outcome.ACCEPTED: Declared.ACCEPTED}


class UnknownDeclaration(Exception):
    """There is no such declaration, or not for this caller."""


class UnknownPaper(Exception):
    """A paper that is named was not handed in by the one who names it."""


class UnknownCountry(Exception):
    """Nobody lives under this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class LookedAt(Exception):
    """Somebody said something to this version already, or another version took its place."""


async def declare(db: AsyncConnection, said: Said, safe: Safe, *, actor: str) -> Looked:
    """Keep the next version of what a resident declares; the relation is judged again.

    Raises UnknownPaper, UnknownCountry.
    """
    if states.letters(said.codes.residence) is None:
        raise UnknownCountry(said.codes.residence)
    papers = {"papers": list(said.papers), "resident": said.resident}
    if await db.scalar(_PAPERS, papers) != len(said.papers):
        raise UnknownPaper
    await db.execute(_LOCK, {"resident": said.resident})
    version = 1 + (await db.scalar(_NUMBER, {"resident": said.resident}) or 0)
    row = {"id": said.id, "resident": said.resident, "version": version, "codes": said.codes.sealed(safe, said.id),
           "papers": list(said.papers), "words": said.words, "at": said.at}  # fmt: skip
    await db.execute(insert(tables.declaration).values(row))
    await profile.falls_due(db, said.resident, "declaration", said.at)
    told = FundsDeclared(declaration=said.id, version=version)
    fact = journal.Fact(aggregate=said.id, holder=said.resident, at=said.at, actor=actor, event=told)
    await journal.append(db, kyc_tables.event, fact)
    return Looked(id=said.id, resident=said.resident, papers=said.papers, at=said.at, version=version)


async def look(
    db: AsyncConnection, wanted: UUID, outcome: Outcome, asks: Sequence[Ask], *, actor: str, at: datetime
) -> Looked:
    """Say that a version is accepted, or what is to be explained; raises UnknownDeclaration, LookedAt."""
    found = await seen(db, wanted)
    await db.execute(_LOCK, {"resident": found.resident})
    found = await seen(db, wanted)
    latest = await db.scalar(_NUMBER, {"resident": found.resident})
    if found.outcome is not None or found.version != latest:
        raise LookedAt
    row = {"declaration": wanted, "resident": found.resident, "outcome": outcome, "asks": list(asks),
           "by_officer": actor, "at": at}  # fmt: skip
    await db.execute(insert(tables.declaration_look).values(row))
    await profile.falls_due(db, found.resident, "declaration", at)
    told = FundsReviewed(declaration=wanted, outcome=outcome)
    # The person is told that it was looked at, not by whom.
    fact = journal.Fact(aggregate=wanted, holder=found.resident, at=at, actor="operator", event=told)
    await journal.append(db, kyc_tables.event, fact)
    return await seen(db, wanted)


async def seen(db: AsyncConnection, wanted: UUID) -> Looked:
    """Read of a version all but what it says, among those the reader may see; raises UnknownDeclaration."""
    row = (await db.execute(_query(tables.declaration.c.id == wanted, 1))).one_or_none()
    if row is None:
        raise UnknownDeclaration
    return msgspec.convert(row, Looked, from_attributes=True)


async def find(db: AsyncConnection, wanted: UUID, safes: Safes) -> Declaration:
    """Read one among those the reader may see; raises UnknownDeclaration."""
    found = await _read(db, _query(tables.declaration.c.id == wanted, 1), safes)
    if not found:
        raise UnknownDeclaration
    return found[0]


async def of(db: AsyncConnection, resident: UUID, safes: Safes, *, limit: int) -> list[Declaration]:
    """Read the versions of a resident, the latest first."""
    return await _read(db, _query(tables.declaration.c.resident == resident, limit), safes)


async def last_at(db: AsyncConnection, resident: UUID) -> datetime | None:
    """Say when a resident declared last."""
    mine = tables.declaration.c.resident == resident
    last: datetime | None = await db.scalar(select(func.max(tables.declaration.c.at)).where(mine))
    return last


def tells(known: Declaration | None, on: date, has: AbstractSet[Product] = frozenset()) -> dict[str, Any]:
    """Give the facts that a declaration tells; `has` are the products that somebody uses, declared or not."""
    if known is None:
        return {"products": tuple(sorted(has))}
    said = known.said
    return {
        "residence": said.residence,
        "residence_listing": jurisdiction.listing(said.residence, on),
        "occupation": said.occupation,
        "industry": said.industry,
        "products": tuple(sorted(has | set(said.products))),
        "declared": known.state,
        "funds": tuple(sorted(said.funds)),
        "funds_amount": said.funds_amount,
        "wealth": tuple(sorted(said.wealth)),
        "wealth_amount": said.wealth_amount,
        # A paper explains something once an officer says so.
        "papers": len(known.papers) if known.state is Declared.ACCEPTED else 0,
        "expected_turnover": said.expected_turnover,
    }


async def waiting(db: AsyncConnection, *, limit: int) -> list[Looked]:
    """Read the latest versions that nobody said anything to, the oldest first, without what they say."""
    newest = text(
        "declaration_look.declaration IS NULL AND NOT EXISTS (SELECT FROM kyc.declaration AS later"
        " WHERE later.resident = declaration.resident AND later.version > declaration.version)"
    )
    rows = await db.execute(_query(newest, limit, oldest=True))
    return [msgspec.convert(row, Looked, from_attributes=True) for row in rows]


def _query(where: ColumnElement[bool] | TextClause, limit: int, *, oldest: bool = False) -> Select[Any]:
    said, looked = tables.declaration, tables.declaration_look
    return (
        select(
            said,
            looked.c.outcome,
            func.coalesce(looked.c.asks, array([], type_=Text)).label("asks"),
            looked.c.by_officer.label("looked_by"),
            looked.c.at.label("looked_at"),
        )
        .select_from(said.outerjoin(looked, looked.c.declaration == said.c.id))
        .where(where)
        .order_by(said.c.id if oldest else said.c.id.desc())
        .limit(limit)
    )


async def _read(db: AsyncConnection, query: Select[Any], safes: Safes) -> list[Declaration]:
    """Read declarations with their codes; left out is whose key is gone."""
    rows = (await db.execute(query)).all()
    keys = await safes(db, {row.resident for row in rows})
    return [_declaration(row, keys[row.resident]) for row in rows if row.resident in keys]


def _declaration(row: Row[Any], safe: Safe) -> Declaration:
    if row.codes is None:  # of before 0043, and not sealed yet
        codes = row.unsealed.encode()
    else:
        codes = safe.open(row.codes, table=_TABLE, column=_COLUMN, row=row.id)
    looked = msgspec.structs.asdict(msgspec.convert(row, Looked, from_attributes=True))
    return Declaration(**looked, said=msgspec.json.decode(codes, type=Codes), words=row.words)


_TABLE, _COLUMN = "kyc.declaration", "codes"
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('kyc.declaration:' || CAST(:resident AS uuid)::text, 0))")
_PAPERS = text("SELECT count(*) FROM kyc.paper WHERE id = ANY (:papers) AND resident = :resident")
_NUMBER = text("SELECT max(version) FROM kyc.declaration WHERE resident = :resident")
