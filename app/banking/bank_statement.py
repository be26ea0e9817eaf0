"""A bank's statement of a day as we read it, whatever it was written in: opening, entries and closing, which add up.

takes      app/http/partner/statements.py   POST /v1/banks/{bank}/statements
reads      app/banking/camt053.py           from_xml()        where it is no JSON
keeps      app/banking/bank_statement.py    keep()            <- you are here
compares   app/banking/safeguarding.py      check()
"""

import hashlib
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app import tables as app_tables
from app.banking import order, tables
from app.banking.events import StatementTaken
from app.http import ids as public_ids
from app.partners import registry
from app.partners.registry import Partner
from law.money import KZT
from proof import journal
from proof.kms import Kms

_ENTRIES_MAX = 100_000
_Minor = Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)]


class BadStatement(Exception):
    """This can't be read as a statement of that day, or does not add up: `reason` is for the bank's developer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StatementDiffers(Exception):
    """Another statement of this day was taken before."""


class Entry(msgspec.Struct, frozen=True):
    """Money that came (positive) or went; `reference` is our key of it, or the bank's name of a payment."""

    amount_minor: _Minor
    reference: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:/-]{0,64}$(?!\n)")] = ""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One account, one day, booked entries only."""

    day: date
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
    opening_minor: _Minor
    closing_minor: _Minor
    entries: Annotated[list[Entry], Meta(max_length=_ENTRIES_MAX)]


def checked(found: Statement, day: date) -> Statement:
    """Let pass what is of `day`, in tenge, and adds up; raises BadStatement."""
    if found.day != day:
        raise BadStatement("it is of another day")
    if found.currency != KZT:
        raise BadStatement("it is not in tenge")
    if found.opening_minor + sum(entry.amount_minor for entry in found.entries) != found.closing_minor:
        raise BadStatement("opening and entries are not the closing balance")
    if any(entry.amount_minor == 0 for entry in found.entries):
        raise BadStatement("an entry moves nothing")
    return found


async def keep(
    db: AsyncConnection, vault: Kms, bank: Partner, found: Statement, *, body: bytes, format_: str, at: datetime
) -> bool:
    """Keep a statement; False where this one was kept before. Raises StatementDiffers."""
    digest, made = hashlib.sha256(body).digest(), ids.new()
    row = {
        "id": made,
        "partner": bank.id,
        "day": found.day,
        "currency": found.currency,
        "opening_minor": found.opening_minor,
        "closing_minor": found.closing_minor,
        "entries": len(found.entries),
        "format": format_,
        "sha256": digest,
        "body": registry.seal(vault, bank, body, row=made, table="app.bank_statement"),
        "at": at,
    }
    stored = (
        insert(tables.bank_statement).values(row).on_conflict_do_nothing(index_elements=["partner", "day", "currency"])
    )
    if await db.scalar(stored.returning(tables.bank_statement.c.id)) is None:
        columns = tables.bank_statement.c
        mine = (columns.partner == bank.id) & (columns.day == found.day) & (columns.currency == found.currency)
        if await db.scalar(select(columns.sha256).where(mine)) != digest:
            raise StatementDiffers
        return False
    if found.entries:
        await db.execute(
            tables.bank_statement_entry.insert(),
            [
                {"statement": made, "no": no, "amount_minor": entry.amount_minor, "reference": plain(entry.reference)}
                for no, entry in enumerate(found.entries, start=1)
            ],
        )
    fact = StatementTaken(made, bank.id, found.day, len(found.entries), digest.hex())
    told = journal.Fact(aggregate=made, at=at, actor=f"partner:{bank.id}", event=fact)
    await journal.append(db, app_tables.event, told)
    return True


def plain(reference: str) -> str:
    """Write a key of ours as the ledger does, so that both sides meet; what is the bank's own stays as it is."""
    for read in (order.read_key, _placement):
        try:
            return str(read(reference))
        except public_ids.UnknownId:
            continue
    return reference


def _placement(key: str) -> UUID:
    return public_ids.parse("placement", key)
