"""Numbers that stand for a person: each with its scheme, sealed, found again by a keyed digest only.

route     app/http/mobile/identifiers.py   POST /v1/identity/identifiers
checks    kyc/identifiers/identifier.py    read()       <- you are here
          kyc/identifiers/digits.py        check digits, and nothing else is read out of a number

That somebody else came with the same number nobody is told: it is a confidential finding of the case.
"""

import enum
import re
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import tables as kyc_tables
from kyc.check import Finding, Verdict
from kyc.identifiers import digits, events, tables
from proof import journal

RULES = "identifier@2026-11"
IDENTIFIERS_MAX = 20


class Scheme(enum.StrEnum):
    """Whose number it is. `e_iin` is the AIFC's: no IIN, of no use before state bodies, without known check digits."""

    IIN = "iin"
    BIN = "bin"
    E_IIN = "e_iin"
    PASSPORT = "passport"
    TAX = "tax"


class BadNumber(Exception):
    """The number is none of its scheme: a slip of the pen, or a scheme that is another country's."""

    def __init__(self, scheme: Scheme) -> None:
        super().__init__(scheme)
        self.scheme = scheme


class TooManyIdentifiers(Exception):
    """The person named as many numbers as anybody may."""


class AlreadyNamed(Exception):
    """The person named this number before."""


class UnknownIdentifier(Exception):
    """There is no such number of this person."""


class Identifier(msgspec.Struct, frozen=True, kw_only=True):
    """A number as it is kept: sealed for (kyc.identifier, value, id)."""

    id: UUID
    resident: UUID
    scheme: Scheme
    country: str
    value: bytes
    blind: bytes
    at: datetime
    ended_at: datetime | None = None


_KAZAKHSTAN = frozenset({Scheme.IIN, Scheme.BIN, Scheme.E_IIN})
_FORM = re.compile(r"[A-Z0-9]{3,32}")


def read(scheme: Scheme, country: str, value: str, validator: digits.Validator | None = None) -> str:
    """Write a number the one way it is kept, or find its slip; raises BadNumber.

    `validator` is that of the country's tax number, where its pack has one.
    """
    number = re.sub(r"[\s-]", "", value).upper()
    if not _FORM.fullmatch(number) or (scheme in _KAZAKHSTAN and country != "KZ"):
        raise BadNumber(scheme)
    check = {Scheme.IIN: digits.iin, Scheme.BIN: digits.iin}.get(scheme, validator if scheme is Scheme.TAX else None)
    if check is not None and not check(number):
        raise BadNumber(scheme)
    return number


def shown(number: str) -> str:
    """Show a number so that its owner knows it again and nobody else learns it."""
    return f"…{number[-3:]}"


async def name(db: AsyncConnection, found: Identifier, *, actor: str) -> Finding:
    """Keep a number of the resident; raises TooManyIdentifiers, AlreadyNamed. The finding is confidential."""
    held = tables.identifier.c
    await db.execute(_TURN, {"resident": str(found.resident)})
    mine = (held.resident == found.resident) & held.ended_at.is_(None)
    if len((await db.scalars(select(held.id).where(mine).limit(IDENTIFIERS_MAX))).all()) >= IDENTIFIERS_MAX:
        raise TooManyIdentifiers
    try:
        async with db.begin_nested():
            await db.execute(insert(tables.identifier).values(msgspec.structs.asdict(found)))
    except IntegrityError as error:
        raise AlreadyNamed from error
    claimed = {"blind": found.blind, "resident": found.resident, "identifier": found.id, "at": found.at}
    is_first = await db.scalar(_CLAIM, claimed)
    told = events.IdentifierGiven(found.id, found.scheme, found.country)
    await _tell(db, found.id, found.resident, told, at=found.at, actor=actor)
    return Finding(
        "identifier.unique", Verdict.PASS if is_first else Verdict.REVIEW, {"scheme": str(found.scheme)}, RULES
    )


async def of_resident(db: AsyncConnection, resident: UUID) -> list[Identifier]:
    """List a resident's numbers, newest first; those that ended too."""
    mine = select(tables.identifier).where(tables.identifier.c.resident == resident)
    rows = await db.execute(mine.order_by(tables.identifier.c.id.desc()))
    return [msgspec.convert(row, Identifier, from_attributes=True) for row in rows]


async def end(db: AsyncConnection, wanted: UUID, *, at: datetime, actor: str) -> Identifier:
    """Let a number stand for the resident no longer; raises UnknownIdentifier. Ended twice is ended once."""
    held = tables.identifier
    row = (await db.execute(select(held).where(held.c.id == wanted).with_for_update())).one_or_none()
    if row is None:
        raise UnknownIdentifier
    found = msgspec.convert(row, Identifier, from_attributes=True)
    if found.ended_at is not None:
        return found
    await db.execute(update(held).where(held.c.id == wanted).values(ended_at=at))
    await _tell(db, wanted, found.resident, events.IdentifierEnded(wanted), at=at, actor=actor)
    return msgspec.structs.replace(found, ended_at=at)


async def _tell(
    db: AsyncConnection, aggregate: UUID, resident: UUID, event: msgspec.Struct, *, at: datetime, actor: str
) -> None:
    fact = journal.Fact(aggregate=aggregate, holder=resident, at=at, actor=actor, event=event)
    await journal.append(db, kyc_tables.event, fact)


_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('kyc.identifier:' || :resident, 0))")
_CLAIM = text("SELECT kyc.claim_first('identifier', :blind, :resident, :identifier, :at)")
