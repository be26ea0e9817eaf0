"""An order: a resident asks for a card, the regime says whether there may be one more.

route      app/http/mobile/cards.py      POST /v1/cards
decides    cards/order.py                order()           <- you are here
numbers    cards/pan.py                  keep()
"""

from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import change, events, pan, tables
from cards.card import ACTIVE_AT_ONCE, Act, Card, Form, Limits, State
from law import calendar, regime
from law.money import Currency
from law.regime import Regime
from law.threshold import Thresholds
from proof.kms import Kms


class IssuingStopped(Exception):
    """The programme is winding down: cards live on, none is added."""

    def __init__(self, basis: str) -> None:
        super().__init__(basis)
        self.basis = basis


class NoticeNotAccepted(Exception):
    """The consumer notice in force is `version`; the order accepted another one."""

    def __init__(self, version: str) -> None:
        super().__init__(version)
        self.version = version


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is ordered. `account` is the wallet account the card spends from, `lane` the lane it lives in.

    `notice_version` is the consumer notice the resident accepted, `notice_language` the language it was read in.
    """

    card: UUID
    holder: UUID
    lane: int
    account: UUID
    currency: Currency
    form: Form
    limits: Limits
    notice_version: str
    notice_language: str


async def order(
    db: AsyncConnection,
    asked: Order,
    *,
    programme: Regime,
    thresholds: Thresholds,
    keys: Kms,
    actor: str,
    at: datetime,
) -> Card:
    """Issue a card under the regime of the day, which is `programme`; who may ask at all, app/standing.py says.

    Raises IssuingStopped, NoticeNotAccepted, law.regime.CapReached, law.threshold.NotInForce.
    """
    if not programme.issues_cards:
        raise IssuingStopped(programme.basis)
    if asked.notice_version != programme.notice.version:
        raise NoticeNotAccepted(programme.notice.version)
    await _take_place(db, asked.holder, programme)
    number = await pan.keep(db, keys, card=asked.card, holder=asked.holder)
    months = thresholds.value("card.nonresident.validity_months_max", calendar.statutory_date(at))
    card = Card(
        id=asked.card,
        holder=asked.holder,
        lane=asked.lane,
        account=asked.account,
        form=asked.form,
        last4=number.last4,
        currency=asked.currency,
        expires_on=last_day(at, months),
        issuance_basis=programme.basis,
        notice_version=asked.notice_version,
        ordered_at=at,
        version=1,
        state=State.ORDERED,
        limits=asked.limits,
    )
    await _store(db, card, language=asked.notice_language, actor=actor)
    if asked.form in ACTIVE_AT_ONCE:
        return await change.turn(db, card, Act.ACTIVATE, actor=actor, at=at)
    return card


def last_day(ordered_at: datetime, months: int) -> date:
    """Answer the last day of the last whole month within `months` of the order: cards say month and year, not days.

    Ordered on 22 November 2026 for 12 months, a card ends with October 2027; ordered on the 1st, it lasts them in full.
    """
    limit = calendar.add_months(calendar.statutory_date(ordered_at), months)
    return limit.replace(day=1) - timedelta(days=1)


async def _take_place(db: AsyncConnection, holder: UUID, programme: Regime) -> None:
    """Count one card more, or refuse; the row's lock lets orders pass one by one, so no race exceeds a cap."""
    alive = await db.scalar(_ENTER)
    # A statement of its own: it must see the card of the order that held the lock before.
    own = await db.scalar(_OWN, {"holder": holder, "closed": State.CLOSED.value})
    assert alive is not None, "the one row is always there"
    assert own is not None, "a count is a number"
    regime.ensure_cards(programme, after=alive, of_customer_after=own + 1)


async def _store(db: AsyncConnection, card: Card, *, language: str, actor: str) -> None:
    await db.execute(
        insert(tables.card).values(
            id=card.id,
            lane=card.lane,
            holder=card.holder,
            account=card.account,
            form=card.form,
            last4=card.last4,
            currency=str(card.currency),
            expires_on=card.expires_on,
            issuance_basis=card.issuance_basis,
            notice_version=card.notice_version,
            notice_language=language,
            ordered_at=card.ordered_at,
        )
    )
    fact = events.CardOrdered(
        card=card.id,
        form=card.form,
        issuance_basis=card.issuance_basis,
        notice_version=card.notice_version,
        expires_on=card.expires_on,
    )
    await change.record(db, card, fact, actor=actor, at=card.ordered_at)


_ENTER = text("UPDATE cards.circulation SET alive = alive + 1 RETURNING alive")
_OWN = text(
    """
    SELECT count(*) FROM cards.card
    WHERE holder = :holder
      AND NOT EXISTS (SELECT FROM cards.change WHERE change.card = card.id AND change.state = :closed)
    """
)
