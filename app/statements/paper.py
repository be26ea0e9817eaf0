"""What a statement shows, whatever it is written as: its head, and rows with words for what they are.

reads   wallet/statement.py   the record and its legs
adds    cards.payment         the merchant of a card payment, as the network spelt it then
        app/payments/note.py  the other's name and the message of a payment, opened for whoever the story speaks for
writes  sheets.py, camt053.py, printed.py
"""

import tomllib
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.http import ids
from app.language import Language
from app.payments import note
from app.payments.note import Words
from app.statements.issue import Letterhead
from law.calendar import statutory_date
from law.money import Money, format_major
from proof.kms import Kms
from wallet import statement
from wallet.crossing import twin
from wallet.statement import Line, Statement, Summed
from wallet.transfer import Kind

_CARD = "card_payment:"


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """The head: `verify_url` finds the statement in public, `sha256` is the root over head and rows."""

    id: str
    verify_url: str
    letterhead: Letterhead
    account: str
    begins_on: date
    ends_on: date
    final: bool
    opening: Money
    closing: Money
    summed: Summed
    made_at: datetime
    language: Language

    @property
    def sha256(self) -> str:
        """The statement's hash, in hex."""
        return self.summed.root.hex()

    @property
    def address(self) -> str:
        """Where money for the account is sent: its IBAN, or its id while it has none."""
        return self.letterhead.iban or self.account


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row: `booked_on` and `value_on` are days in Kazakhstan, `label` names the merchant or the other person.

    `version` is the number of the leg on the account, which counts holds too; `number` counts the rows.
    """

    number: int
    version: int
    transfer: str
    booked_at: datetime
    effective_at: datetime
    booked_on: date
    value_on: date
    kind: str
    code: str
    reference: str
    label: str
    message: str
    moved: Money
    balance: Money


class NotReady(Exception):
    """The worker is still reading the rows of this long statement."""


def head(made: Statement, letterhead: Letterhead, language: Language) -> Paper:
    """Write the head; raises NotReady."""
    if made.summed is None:
        raise NotReady
    return Paper(
        id=ids.show("statement", made.id),
        verify_url=verify_url(letterhead.issuer, made.code),
        letterhead=letterhead,
        account=ids.show("wallet", made.account),
        begins_on=made.period.begins_on,
        ends_on=made.period.ends_on,
        final=made.final,
        opening=made.opening,
        closing=made.closing,
        summed=made.summed,
        made_at=made.made_at,
        language=language,
    )


def verify_url(issuer: str, code: bytes) -> str:
    """Say where anybody who has the paper can check it."""
    return f"{issuer}/v1/public/statements/{code.hex()}"


async def rows(db: AsyncConnection, kms: Kms, made: Statement) -> AsyncIterator[list[Row]]:
    """Read the rows in order, some at a time; the story speaks for their owner."""
    number = 0
    async for chunk in statement.lines(db, made):
        names = await merchants(db, made.lane, [line.reference for line in chunk])
        said = await words(db, kms, [line.id for line in chunk])
        shown = [_row(line, number + nth, names, said.get(line.id)) for nth, line in enumerate(chunk, start=1)]
        number += len(shown)
        yield shown


_MERCHANTS = text("SELECT id, merchant_name FROM cards.payment WHERE lane = :lane AND id = ANY(:payments)")


async def merchants(db: AsyncConnection, lane: int, references: Sequence[str]) -> dict[str, str]:
    """Name the merchants behind references of card payments, by reference."""
    payments = {UUID(found.removeprefix(_CARD)) for found in references if found.startswith(_CARD)}
    if not payments:
        return {}
    found = await db.execute(_MERCHANTS, {"lane": lane, "payments": sorted(payments)})
    return {f"{_CARD}{row.id}": row.merchant_name for row in found}


# The request a transfer paid has the words of both, under its own id.
_REQUESTS = text("SELECT id, transfer FROM app.money_request WHERE transfer = ANY(:transfers)")


async def words(db: AsyncConnection, kms: Kms, transfers: Sequence[UUID]) -> dict[UUID, Words]:
    """Open what two people wrote with transfers, by transfer; the story speaks for one of them.

    What one of them was erased with is gone for the other as well.
    """
    if not transfers:
        return {}
    sides = {each: side for side in transfers for each in (side, twin(side))}
    requests = {row.id: sides[row.transfer] for row in await db.execute(_REQUESTS, {"transfers": list(sides)})}
    found = await note.read(db, kms, [*sides, *requests])
    return {(sides | requests)[about]: said for about, said in found.items()}


def other(said: Words | None, *, comes: bool) -> str:
    """Name the person on the other side, as they are shown; empty where nobody is named."""
    return "" if said is None else said.payer if comes else said.payee


def _row(line: Line, number: int, names: dict[str, str], said: Words | None) -> Row:
    return Row(
        number=number,
        version=line.version,
        transfer=ids.show("transfer", line.id),
        booked_at=line.at,
        effective_at=line.effective,
        booked_on=statutory_date(line.at),
        value_on=statutory_date(line.effective),
        kind=line.kind,
        code=line.code,
        reference=line.reference,
        label=names.get(line.reference) or other(said, comes=line.moved.minor > 0),
        message=said.text if said else "",
        moved=line.moved,
        balance=line.balance,
    )


@cache
def texts() -> dict[str, dict[str, str]]:
    """Read the words of statements, by word and language."""
    found: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
    return found


def word(name: str, language: Language) -> str:
    """Say a word of ours."""
    return texts()[name][language]


def description(row: Row, language: Language) -> str:
    """Say what a row is."""
    return said(row.kind, row.code, row.label, language, comes=row.moved.minor > 0)


#: What a leg of this kind does where its side does not say it: holds bind and free money, and move none.
_DOES: dict[str, str] = {Kind.REVERSAL: "reversal", Kind.HOLD: "held", Kind.VOID: "freed", Kind.EXPIRE: "freed"}


def said(kind: str, code: str, label: str, language: Language, *, comes: bool) -> str:
    """Say what a leg is: by its code, or by what it does where the code has no words; `label` names the other side."""
    does = texts()[_DOES.get(kind, "in" if comes else "out")]
    words = (does if kind == Kind.REVERSAL else texts().get(f"code.{code}", does))[language]
    return f"{words}: {label}" if label else words


def amount(money: Money, language: Language) -> str:
    """Write an amount for people: thousands apart, a true minus, the comma or point of the language."""
    whole, _, fraction = format_major(abs(money)).partition(".")
    mark, gap = (".", ",") if language is Language.EN else (",", "\u00a0")
    grouped = f"{int(whole):,}".replace(",", gap)
    sign = "\u2212" if money.minor < 0 else ""
    return f"{sign}{grouped}{mark}{fraction}" if fraction else f"{sign}{grouped}"
