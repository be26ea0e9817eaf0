"""How payments are kept: read from their rows, and written many at a time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.payment import Element, Kind, Merchant, Payment, PaymentId
from cards.reason import Reason
from law.money import Currency, Money
from wallet.transfer import HoldId

_Row = Row[tuple[Any, ...]]


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind an open payment: the wallet's hold, and when it lapses.

    `hold` is None where the network promised in our place what the wallet did not have.
    """

    hold: HoldId | None
    due_at: datetime


class Kept(msgspec.Struct, frozen=True):
    """A payment as its rows say, with its promise while there is one."""

    payment: Payment
    promise: Promise | None


async def find(
    db: AsyncConnection,
    *,
    names: Collection[tuple[int, str, str]],
    ids: Collection[tuple[int, PaymentId]],
    cards: Collection[UUID],
    since: datetime,
) -> list[Kept]:
    """Read the payments named (lane, network, lifecycle) or (lane, id), and those of `cards` opened since then."""
    rows = await db.execute(
        _FIND,
        {
            "name_lanes": [lane for lane, _, _ in names],
            "networks": [network for _, network, _ in names],
            "lifecycles": [lifecycle for _, _, lifecycle in names],
            "id_lanes": [lane for lane, _ in ids],
            "ids": [payment for _, payment in ids],
            "cards": list(cards),
            "since": since,
        },
    )
    found = rows.all()
    promises = {row.id: Promise(hold=row.hold, due_at=row.due_at) for row in found if row.due_at is not None}
    return [Kept(payment, promises.get(payment.id)) for payment in _payments(found)]


async def of_card(
    db: AsyncConnection, card: UUID, *, before: tuple[datetime, UUID] | None, limit: int
) -> list[Payment]:
    """List the payments of a card, the newest first, from before the one opened at (time, id)."""
    opened_at, payment = before or (None, None)
    rows = await db.execute(_OF_CARD, {"card": card, "opened_at": opened_at, "payment": payment, "limit": limit})
    return _payments(rows)


async def add(
    db: AsyncConnection,
    changed: Sequence[Payment],
    known: Mapping[PaymentId, int],
    promises: Mapping[PaymentId, Promise],
) -> None:
    """Write what is new of `changed`: payments without `known` elements, elements after those, promises as they are."""
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
    gone = [{"lane": payment.lane, "payment": payment.id} for payment in changed if payment.id not in promises]
    for statement, rows in ((_OPEN, opened), (_ADD, elements), (_PROMISE, kept), (_LET_GO, gone)):
        if rows:
            await db.execute(statement, {"rows": msgspec.json.encode(rows).decode()})


def _payments(rows: Iterable[_Row]) -> list[Payment]:
    """Fold one row per element, those of a payment together, into payments."""
    return [_payment(list(told)) for _, told in groupby(rows, key=lambda row: row.id)]


def _payment(rows: Sequence[_Row]) -> Payment:
    row = rows[0]
    currency = Currency.of(row.currency)
    return Payment(
        id=row.id,
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
        ),
        opened_at=row.opened_at,
        elements=tuple(_element(told, currency) for told in rows),
    )


def _element(row: _Row, currency: Currency) -> Element:
    return Element(
        number=row.number,
        kind=Kind(row.kind),
        amount=Money(row.amount_minor, currency),
        short=Money(row.short_minor, currency),
        at=row.at,
        source=row.source,
        final=row.final,
        reasons=tuple(Reason(reason) for reason in row.reasons),
    )


def _payment_row(payment: Payment) -> dict[str, object]:
    return {
        "lane": payment.lane,
        "id": payment.id,
        "network": payment.network,
        "lifecycle": payment.lifecycle,
        "card": payment.card,
        "holder": payment.holder,
        "account": payment.account,
        "currency": str(payment.currency),
        "merchant_name": payment.merchant.name,
        "merchant_id": payment.merchant.id,
        "merchant_category": payment.merchant.category,
        "merchant_country": payment.merchant.country,
        "opened_at": payment.opened_at,
    }


def _element_row(payment: Payment, element: Element) -> dict[str, object]:
    return {
        "lane": payment.lane,
        "payment": payment.id,
        "number": element.number,
        "holder": payment.holder,
        "kind": element.kind,
        "source": element.source,
        "amount_minor": element.amount.minor,
        "short_minor": element.short.minor,
        "final": element.final,
        "reasons": element.reasons,
        "at": element.at,
    }


_COLUMNS = """
payment.*, element.number, element.kind, element.source, element.amount_minor, element.short_minor, element.final,
element.reasons, element.at
"""
_ROWS = """
FROM wanted
JOIN cards.payment USING (lane, id)
JOIN cards.element ON element.lane = payment.lane AND element.payment = payment.id
"""
_FIND = text(
    f"""
    WITH wanted AS (
        SELECT lane, id FROM cards.payment
        JOIN unnest(CAST(:name_lanes AS integer[]), CAST(:networks AS text[]), CAST(:lifecycles AS text[]))
             AS named (lane, network, lifecycle) USING (lane, network, lifecycle)
        UNION
        SELECT lane, id FROM unnest(CAST(:id_lanes AS integer[]), CAST(:ids AS uuid[])) AS asked (lane, id)
        UNION
        SELECT lane, id FROM cards.payment WHERE card = ANY(:cards) AND opened_at >= :since
    )
    SELECT {_COLUMNS}, promise.hold, promise.due_at
    {_ROWS}
    LEFT JOIN cards.promise ON promise.lane = payment.lane AND promise.payment = payment.id
    ORDER BY payment.id, element.number
    """  # noqa: S608  the parts are literals of this module
)
_OF_CARD = text(
    f"""
    WITH wanted AS (
        SELECT lane, id FROM cards.payment
        WHERE card = :card
          AND (CAST(:opened_at AS timestamptz) IS NULL OR (opened_at, id) < (:opened_at, CAST(:payment AS uuid)))
        ORDER BY opened_at DESC, id DESC LIMIT :limit
    )
    SELECT {_COLUMNS}
    {_ROWS}
    ORDER BY payment.opened_at DESC, payment.id DESC, element.number
    """  # noqa: S608  the parts are literals of this module
)
_OPEN = text(
    """
    INSERT INTO cards.payment (lane, id, network, lifecycle, card, holder, account, currency, merchant_name,
                               merchant_id, merchant_category, merchant_country, opened_at)
    SELECT lane, id, network, lifecycle, card, holder, account, currency, merchant_name, merchant_id,
           merchant_category, merchant_country, opened_at
    FROM jsonb_populate_recordset(NULL::cards.payment, CAST(:rows AS jsonb))
    """
)
_ADD = text(
    """
    INSERT INTO cards.element (lane, payment, number, holder, kind, source, amount_minor, short_minor, final, reasons,
                               at)
    SELECT lane, payment, number, holder, kind, source, amount_minor, short_minor, final, reasons, at
    FROM jsonb_populate_recordset(NULL::cards.element, CAST(:rows AS jsonb))
    """
)
_PROMISE = text(
    """
    INSERT INTO cards.promise (lane, payment, hold, due_at)
    SELECT lane, payment, hold, due_at FROM jsonb_populate_recordset(NULL::cards.promise, CAST(:rows AS jsonb))
    ON CONFLICT (lane, payment) DO UPDATE SET hold = EXCLUDED.hold, due_at = EXCLUDED.due_at
    """
)
_LET_GO = text(
    """
    DELETE FROM cards.promise
    USING jsonb_populate_recordset(NULL::cards.promise, CAST(:rows AS jsonb)) AS gone
    WHERE promise.lane = gone.lane AND promise.payment = gone.payment
    """
)
