"""Payments as their holder reads them: a card's, the newest first, or one with everything said in it.

shows      app/http/mobile/card_payments.py
reads      cards/payments/reading.py      of_card(), one()      <- you are here
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.payments import archive, descriptor
from cards.payments.payment import Channel, Kind, Operation, Payment, PaymentId, Status

#: How many payments are looked through for one page that is filtered.
WINDOW = 200


class UnknownPayment(Exception):
    """There is no such payment, or it is somebody else's, which looks the same."""

    def __init__(self, payment: UUID) -> None:
        super().__init__(payment)
        self.payment = payment


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which payments are wanted; None asks nothing. Amounts are minor units, `opened_before` is not included."""

    statuses: frozenset[Status] | None = None
    operations: frozenset[Operation] | None = None
    channels: frozenset[Channel] | None = None
    categories: frozenset[str] | None = None
    merchant: str | None = None
    least: int | None = None
    most: int | None = None
    opened_from: datetime | None = None
    opened_before: datetime | None = None

    def lets(self, payment: Payment) -> bool:
        """Whether `payment` is wanted; times are compared by the database."""
        amount = asked(payment)
        return (
            (self.statuses is None or payment.sums().status in self.statuses)
            and (self.operations is None or any(each.operation in self.operations for each in payment.elements))
            and (self.channels is None or any(each.channel in self.channels for each in payment.elements))
            and (self.categories is None or payment.merchant.category in self.categories)
            and (self.merchant is None or self._names(payment))
            and (self.least is None or amount >= self.least)
            and (self.most is None or amount <= self.most)
        )

    def _names(self, payment: Payment) -> bool:
        said = f"{payment.merchant.name} {descriptor.clean(payment.merchant).name}".casefold()
        return self.merchant is not None and self.merchant.casefold() in said


class Page(msgspec.Struct, frozen=True):
    """Payments found, and the place the next page begins at: None on the last."""

    payments: Sequence[Payment]
    behind: tuple[datetime, UUID] | None


class Related(msgspec.Struct, frozen=True):
    """Another payment that this one is about, or that is about it, and how sure that is."""

    payment: UUID
    confidence: str
    about_this: bool


def asked(payment: Payment) -> int:
    """Say in minor units what a payment was about: what was asked, or what came without being asked for."""
    sums = payment.sums()
    promised = sums.confirmed if sums.confirmed is not None else sums.asked + sums.at_once
    return promised or sums.declined or sums.captured or sums.refunded or sums.charged or sums.excess


async def of_card(
    db: AsyncConnection, card: UUID, wanted: Filter, *, before: tuple[datetime, UUID] | None, limit: int
) -> Page:
    """List the payments of a card, the newest first, from before the one opened at (time, id)."""
    opened_at, payment = before or (None, None)
    looked = limit if wanted == Filter() else WINDOW
    rows = await db.execute(
        _OF_CARD,
        {
            "card": card,
            "opened_at": opened_at,
            "payment": payment,
            "opened_from": wanted.opened_from,
            "opened_before": wanted.opened_before,
            "limit": looked + 1,
        },
    )
    read = _payments(rows)
    found = [each for each in read[:looked] if wanted.lets(each)]
    last = found[limit - 1] if len(found) > limit else read[looked - 1] if len(read) > looked else None
    return Page(found[:limit], (last.opened_at, last.id) if last else None)


async def one(db: AsyncConnection, payment: UUID) -> tuple[Payment, list[Related]]:
    """Read a payment and what it is related to; raises UnknownPayment."""
    found = _payments(await db.execute(_ONE, {"payment": payment}))
    if not found:
        raise UnknownPayment(payment)
    related = await db.execute(_RELATED, {"lane": found[0].lane, "payment": payment})
    return found[0], [Related(*row) for row in related]


def approval(payment: Payment) -> int | None:
    """Find the element whose approval the merchant was told."""
    return next((each.number for each in payment.elements if each.kind is Kind.AUTHORIZATION), None)


def _payments(rows: Iterable[Sequence[Any]]) -> list[Payment]:
    told = (archive.Row(*row) for row in rows)
    return [archive.folded(list(group)) for _, group in groupby(told, key=lambda row: PaymentId(row.id))]


_ROWS = "JOIN cards.payment USING (lane, id) JOIN cards.element ON element.lane = payment.lane AND element.payment = id"
_OF_CARD = text(
    f"""
    WITH wanted AS (
        SELECT lane, id FROM cards.payment
        WHERE card = :card
          AND (CAST(:opened_at AS timestamptz) IS NULL OR (opened_at, id) < (:opened_at, CAST(:payment AS uuid)))
          AND (CAST(:opened_from AS timestamptz) IS NULL OR opened_at >= :opened_from)
          AND (CAST(:opened_before AS timestamptz) IS NULL OR opened_at < :opened_before)
        ORDER BY opened_at DESC, id DESC LIMIT :limit
    )
    SELECT {archive.COLUMNS} FROM wanted {_ROWS}
    ORDER BY payment.opened_at DESC, payment.id DESC, element.number
    """  # noqa: S608  the parts are literals of this package
)
# By way of the lanes, of which there are few: the key of payments begins with them.
_ONE = text(
    f"""
    WITH wanted AS (
        SELECT payment.lane, payment.id FROM wallet.lane
        JOIN cards.payment ON payment.lane = lane.lane AND payment.id = :payment
    )
    SELECT {archive.COLUMNS} FROM wanted {_ROWS} ORDER BY element.number
    """  # noqa: S608  the parts are literals of this package
)
_RELATED = text(
    """
    SELECT about, confidence, false FROM cards.link WHERE lane = :lane AND payment = :payment
    UNION ALL
    SELECT payment, confidence, true FROM cards.link WHERE lane = :lane AND about = :payment
    ORDER BY 1
    """
)
