"""How somebody pays in: the address of the wallet, and a reference that leads there even where the address is lost.

asks       app/http/mobile/topups.py        POST /v1/topups
makes      app/banking/topup.py             create()      <- you are here
matches    app/partners/payments.py         find()        by address, by reference, by the wallet's id
"""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app import tables as app_tables
from app.banking import tables
from app.banking.events import TopupCreated
from law.money import KZT, Money
from proof import journal
from wallet.account import Balance

# Crockford's base 32 leaves out what is mistaken for another character; modulo a prime near its size, one wrong
# character and two that were swapped give another check (a payer types this from a screen).
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DIGITS, _MODULUS = 11, 31
_WORD = re.compile(rf"[{_ALPHABET}]{{{_DIGITS + 1}}}")
_MISREAD = str.maketrans("OIL", "011")


class UnknownTopup(Exception):
    """There is no such top-up, or it is somebody else's, which looks the same."""


class Topup(msgspec.Struct, frozen=True, kw_only=True):
    """Instructions to pay in. `reference` is what the payer writes; `amount` what they meant to pay, if they said."""

    id: UUID
    holder: UUID
    account: UUID
    lane: int
    reference: str
    amount_minor: int | None
    at: datetime

    @property
    def amount(self) -> Money | None:
        """What was meant to be paid."""
        return None if self.amount_minor is None else Money(self.amount_minor, KZT)


async def create(db: AsyncConnection, holder: UUID, into: Balance, amount: Money | None, *, at: datetime) -> Topup:
    """Make instructions to pay `into` the wallet of `holder`."""
    while True:
        made = Topup(
            id=ids.new(),
            holder=holder,
            account=into.account,
            lane=into.lane,
            reference=drawn(),
            amount_minor=amount.minor if amount else None,
            at=at,
        )
        row = insert(tables.topup).values(msgspec.structs.asdict(made))
        # A reference that was drawn before is drawn anew.
        if await db.scalar(row.on_conflict_do_nothing(index_elements=["reference"]).returning(tables.topup.c.id)):
            break
    fact = TopupCreated(made.id, made.account)
    told = journal.Fact(aggregate=made.id, holder=holder, at=at, actor=f"resident:{holder}", event=fact)
    await journal.append(db, app_tables.event, told)
    return made


async def find(db: AsyncConnection, holder: UUID, wanted: UUID) -> Topup:
    """Load instructions of `holder`; raises UnknownTopup."""
    columns = tables.topup.c
    query = select(tables.topup).where((columns.id == wanted) & (columns.holder == holder))
    row = (await db.execute(query)).one_or_none()
    if row is None:
        raise UnknownTopup
    return Topup(**row._asdict())


async def page(db: AsyncConnection, holder: UUID, *, before: UUID | None, limit: int) -> list[Topup]:
    """List instructions of `holder`, newest first, older than `before`."""
    columns = tables.topup.c
    query = select(tables.topup).where(columns.holder == holder).order_by(columns.id.desc()).limit(limit)
    rows = await db.execute(query if before is None else query.where(columns.id < before))
    return [Topup(**row._asdict()) for row in rows]


async def named(db: AsyncConnection, references: Sequence[str]) -> list[Topup]:
    """Find the top-ups with these references."""
    if not references:
        return []
    rows = await db.execute(select(tables.topup).where(tables.topup.c.reference.in_(references)))
    return [Topup(**row._asdict()) for row in rows]


def drawn() -> str:
    """Draw a reference by lot, so that nobody finds top-ups by counting."""
    digits = "".join(secrets.choice(_ALPHABET) for _ in range(_DIGITS))
    return digits + _check(digits)


def shown(reference: str) -> str:
    """Write a reference as people copy it."""
    return "-".join(reference[start : start + 4] for start in range(0, len(reference), 4))


def read(text: str) -> list[str]:
    """List what could be a reference in a free text: only what its check character fits."""
    words = re.findall(r"[0-9A-Z]+", text.upper())
    glued = ["".join(words[start : start + 3]) for start in range(len(words))]
    tails = {word.translate(_MISREAD)[-_DIGITS - 1 :] for word in (*words, *glued, "".join(words))}
    return sorted(tail for tail in tails if _WORD.fullmatch(tail) and _check(tail[:-1]) == tail[-1])


def _check(digits: str) -> str:
    total = 0
    for digit in digits:
        total = (total * 2 + _ALPHABET.index(digit)) % _MODULUS
    return _ALPHABET[-total % _MODULUS]
