"""How payments are kept: read from their rows, and written many at a time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.payments import asking
from cards.payments.asking import Query
from cards.payments.payment import Cause, Channel, Element, Kind, Merchant, Operation, Payment, PaymentId, StandIn
from cards.payments.reason import Reason
from law.money import Currency, Money
from wallet import packed
from wallet.desk import Desk
from wallet.ledger import OpenHold
from wallet.transfer import HoldId


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind an open payment: the wallet's hold, and when it lapses.

    `hold` is None where the network promised in our place what the wallet did not have.
    """

    hold: HoldId | None
    due_at: datetime


class Kept(msgspec.Struct, frozen=True):
    """A payment as its rows say, with its promise while there is one, and when what was lent for it is asked back.

    `open` is what the promise's hold still binds.
    """

    payment: Payment
    promise: Promise | None
    loan_due: datetime | None
    open: OpenHold | None


class Row(NamedTuple):
    """A payment and one of its elements, as COLUMNS select them."""

    lane: int
    id: UUID
    network: str
    lifecycle: str
    card: UUID | None
    holder: UUID | None
    account: UUID | None
    currency: str
    merchant_name: str
    merchant_id: str
    merchant_category: str
    merchant_country: str
    merchant_city: str | None
    opened_at: datetime
    number: int
    kind: str
    source: str | None
    amount_minor: int
    short_minor: int
    final: bool
    reasons: list[str]
    at: datetime
    fee_minor: int
    markup_minor: int
    buffer_minor: int
    asked_minor: int | None
    told_minor: int | None
    single: bool
    ours: bool
    operation: str | None
    channel: str | None
    stand_in: str | None
    cause: str | None
    original_minor: int | None
    original_currency: str | None
    rate: Decimal | None
    interchange_minor: int | None
    of: str | None
    subject: str | None


_OF_PAYMENT = Row._fields[:14]
_OF_ELEMENT = Row._fields[14:]
COLUMNS = ", ".join([f"payment.{name}" for name in _OF_PAYMENT] + [f'element."{name}"' for name in _OF_ELEMENT])


def finding(*, names: Collection[tuple[int, str, str]], ids: Collection[tuple[int, UUID]]) -> Query:
    """Ask for the payments named (lane, network, lifecycle) or (lane, id), with the holds behind their promises."""
    wanted = (
        packed.integers([lane for lane, _, _ in names]),
        packed.texts([network for _, network, _ in names]),
        packed.texts([lifecycle for _, _, lifecycle in names]),
        packed.integers([lane for lane, _ in ids]),
        packed.uuids([payment for _, payment in ids]),
    )
    return Query(_FIND, wanted)


async def find(
    db: AsyncConnection, *, names: Collection[tuple[int, str, str]] = (), ids: Collection[tuple[int, UUID]] = ()
) -> list[Kept]:
    """Read these payments alone."""
    [rows] = await asking.ask(db, [finding(names=names, ids=ids)])
    return found(rows)


def found(rows: Iterable[Sequence[Any]]) -> list[Kept]:
    """Read the rows of these."""
    kept = []
    for _, group in groupby(rows, key=lambda row: row[1]):
        told = list(group)
        payment = folded([Row(*row[: len(Row._fields)]) for row in told])
        hold, due_at, loan_due, *of_hold = told[0][len(Row._fields) :]
        promise = Promise(hold=hold, due_at=due_at) if due_at else None
        open_ = OpenHold(payment.lane, hold, *of_hold) if of_hold[0] is not None else None
        kept.append(Kept(payment, promise, loan_due, open_))
    return kept


def folded(rows: Sequence[Row]) -> Payment:
    """Fold one row per element, all of one payment, into the payment."""
    row = rows[0]
    currency = Currency.of(row.currency)
    return Payment(
        id=PaymentId(row.id),
        lane=row.lane,
        network=row.network,
        lifecycle=row.lifecycle,
        card=row.card,
        holder=row.holder,
        account=row.account,
        currency=currency,
        merchant=Merchant(
            name=row.merchant_name,
            id=row.merchant_id,
            category=row.merchant_category,
            country=row.merchant_country,
            city=row.merchant_city,
        ),
        opened_at=row.opened_at,
        elements=tuple(_element(told, currency) for told in rows),
    )


def _element(row: Row, currency: Currency) -> Element:
    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, currency)

    original = None
    if row.original_minor is not None and row.original_currency is not None:
        original = Money(row.original_minor, Currency.of(row.original_currency))
    return Element(
        number=row.number,
        kind=Kind(row.kind),
        amount=Money(row.amount_minor, currency),
        short=Money(row.short_minor, currency),
        at=row.at,
        source=row.source,
        final=row.final,
        reasons=tuple(Reason(reason) for reason in row.reasons),
        fee=money(row.fee_minor),
        markup=money(row.markup_minor),
        buffer=money(row.buffer_minor),
        asked=money(row.asked_minor),
        told=money(row.told_minor),
        single=row.single,
        ours=row.ours,
        operation=Operation(row.operation) if row.operation else None,
        channel=Channel(row.channel) if row.channel else None,
        stand_in=StandIn(row.stand_in) if row.stand_in else None,
        cause=Cause(row.cause) if row.cause else None,
        original=original,
        rate=row.rate,
        interchange=money(row.interchange_minor),
        of=row.of,
        subject=row.subject,
    )


def add(  # noqa: PLR0917  what became of the payments
    desk: Desk,
    changed: Sequence[Payment],
    known: Mapping[PaymentId, int],
    promises: Mapping[PaymentId, Promise],
    loans: Mapping[PaymentId, datetime],
    decisions: Sequence[Mapping[str, object]],
) -> None:
    """Have written what is new of `changed`: payments without `known` elements, elements after those, work to do.

    What nearly every message brings is one statement, with the `decisions` about it.
    """
    opened = [_payment_row(payment) for payment in changed if payment.id not in known]
    elements = [
        _element_row(payment, element)
        for payment in changed
        for element in payment.elements[known.get(payment.id, 0) :]
    ]
    kept = [
        {"lane": payment.lane, "payment": payment.id, "hold": promise.hold, "due_at": promise.due_at}
        for payment in changed
        if (promise := promises.get(payment.id))
    ]
    lent = [
        {"lane": payment.lane, "payment": payment.id, "due_at": due_at}
        for payment in changed
        if (due_at := loans.get(payment.id))
    ]
    old = [payment for payment in changed if payment.id in known]
    gone = [{"lane": payment.lane, "payment": payment.id} for payment in old if payment.id not in promises]
    repaid = [{"lane": payment.lane, "payment": payment.id} for payment in old if payment.id not in loans]
    if any(brought := (opened, elements, kept, decisions)):
        desk.also(_KEEP, (packed.texts(map(_json, brought)),))
    for statement, rows in ((_LEND, lent), (_LET_GO, gone), (_REPAID, repaid)):
        if rows:
            desk.also(statement, (document(rows),))


def document(rows: object) -> packed.Packed:
    """Pack rows as the one text of an array: the server reads JSON faster than Python lays out columns."""
    return packed.texts([_json(rows)])


def _json(rows: object) -> str:
    return msgspec.json.encode(rows).decode()


def _payment_row(payment: Payment) -> dict[str, object]:
    merchant = payment.merchant
    return {
        "lane": payment.lane,
        "id": payment.id,
        "network": payment.network,
        "lifecycle": payment.lifecycle,
        "card": payment.card,
        "holder": payment.holder,
        "account": payment.account,
        "currency": payment.currency,
        "merchant_name": merchant.name,
        "merchant_id": merchant.id,
        "merchant_category": merchant.category,
        "merchant_country": merchant.country,
        "merchant_city": merchant.city,
        "opened_at": payment.opened_at,
    }


def _element_row(payment: Payment, element: Element) -> dict[str, object]:
    original = element.original
    return {
        "lane": payment.lane,
        "payment": payment.id,
        "holder": payment.holder,
        "number": element.number,
        "kind": element.kind,
        "source": element.source,
        "amount_minor": element.amount.minor,
        "short_minor": element.short.minor,
        "final": element.final,
        "reasons": element.reasons,
        "at": element.at,
        "fee_minor": element.fee.minor if element.fee else 0,
        "markup_minor": element.markup.minor if element.markup else 0,
        "buffer_minor": element.buffer.minor if element.buffer else 0,
        "asked_minor": element.asked.minor if element.asked is not None else None,
        "told_minor": element.told.minor if element.told is not None else None,
        "single": element.single,
        "ours": element.ours,
        "operation": element.operation,
        "channel": element.channel,
        "stand_in": element.stand_in,
        "cause": element.cause,
        "original_minor": original.minor if original is not None else None,
        "original_currency": original.currency if original is not None else None,
        "rate": element.rate,
        "interchange_minor": element.interchange.minor if element.interchange is not None else None,
        "of": element.of,
        "subject": element.subject,
    }


_ROWS = "JOIN cards.payment USING (lane, id) JOIN cards.element ON element.lane = payment.lane AND element.payment = id"
_WANTED = """
WITH wanted AS (
    SELECT lane, id FROM cards.payment
    JOIN unnest(%s::integer[], %s::text[], %s::text[]) AS named (lane, network, lifecycle)
         USING (lane, network, lifecycle)
    UNION
    SELECT lane, id FROM unnest(%s::integer[], %s::uuid[]) AS asked (lane, id)
)
"""
_FIND = f"""{_WANTED}
SELECT {COLUMNS}, promise.hold, promise.due_at, loan.due_at,
       hold.debit, hold.credit, hold.currency, hold.remaining, hold.expires_at
FROM wanted {_ROWS}
LEFT JOIN cards.promise ON promise.lane = payment.lane AND promise.payment = payment.id
LEFT JOIN wallet.hold ON hold.lane = promise.lane AND hold.id = promise.hold
LEFT JOIN cards.loan ON loan.lane = payment.lane AND loan.payment = payment.id
ORDER BY payment.id, element.number
""".encode()  # noqa: S608  the parts are literals of this module


def _into(table: str, columns: Iterable[str], rows: str, *, on_conflict: str = "") -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    return f"""
    INSERT INTO cards.{table} ({names})
    SELECT {names} FROM jsonb_populate_recordset(NULL::cards.{table}, ({rows})::jsonb) {on_conflict}
    """  # noqa: S608  the parts are literals of this module


def _insert(table: str, columns: Iterable[str], *, on_conflict: str = "") -> bytes:
    return _into(table, columns, "(%s::text[])[1]", on_conflict=on_conflict).encode()


def _delete(table: str) -> bytes:
    return f"""
    DELETE FROM cards.{table}
    USING jsonb_populate_recordset(NULL::cards.{table}, (%s::text[])[1]::jsonb) AS gone
    WHERE {table}.lane = gone.lane AND {table}.payment = gone.payment
    """.encode()  # noqa: S608  the parts are literals of this module


_PROMISED = _into(
    "promise",
    ("lane", "payment", "hold", "due_at"),
    "SELECT said[3] FROM brought",
    on_conflict="ON CONFLICT (lane, payment) DO UPDATE SET hold = EXCLUDED.hold, due_at = EXCLUDED.due_at",
)
_DECIDED = (
    "lane", "payment", "number", "card", "holder", "at", "approved", "reasons", "amount_minor", "currency", "request",
    "features",
)  # fmt: skip
# References between these are looked at when the statement is over.
_KEEP = f"""
WITH brought AS MATERIALIZED (SELECT %s::text[] AS said),
opened AS ({_into("payment", _OF_PAYMENT, "SELECT said[1] FROM brought")}),
told AS ({_into("element", ("lane", "payment", "holder", *_OF_ELEMENT), "SELECT said[2] FROM brought")}),
promised AS ({_PROMISED})
{_into("decision", _DECIDED, "SELECT said[4] FROM brought")}
""".encode()  # noqa: S608  the parts are literals of this module
_LEND = _insert(
    "loan",
    ("lane", "payment", "due_at"),
    on_conflict="ON CONFLICT (lane, payment) DO UPDATE SET due_at = EXCLUDED.due_at",
)
_LET_GO = _delete("promise")
_REPAID = _delete("loan")
LINKED = _insert(
    "link", ("lane", "payment", "about", "holder", "confidence", "at"), on_conflict="ON CONFLICT DO NOTHING"
)
LOOSE = _insert("loose", ("lane", "payment", "at", "due_at"), on_conflict="ON CONFLICT DO NOTHING")
MATCHED = _delete("loose")
