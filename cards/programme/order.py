"""An order: a resident asks for a card, the regime says whether there may be one more.

route      app/http/mobile/cards.py    POST /v1/cards
decides    cards/programme/order.py    order()           <- you are here
counts     cards/programme/place.py    take()
numbers    cards/proofs/pan.py         keep()
"""

from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import events, tables
from cards.card import BEGINS, Act, Card, Form, Limits, State
from cards.programme import change, consent, place, verification
from cards.programme import tables as programme_tables
from cards.proofs import pan
from law import calendar
from law.money import Currency
from law.regime import Policy, Regime
from law.threshold import Thresholds
from proof.kms import Kms


class IssuingStopped(Exception):
    """The programme is winding down: cards live on, none is added."""

    def __init__(self, basis: str) -> None:
        super().__init__(basis)
        self.basis = basis


class CurrencyNotOffered(Exception):
    """The programme has no cards in this currency."""

    def __init__(self, currency: Currency) -> None:
        super().__init__(currency)
        self.currency = str(currency)


class RemoteIssuanceStopped(Exception):
    """Under this basis a card is handed out in person only."""

    def __init__(self, basis: str) -> None:
        super().__init__(basis)
        self.basis = basis


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who a card is for, as the house knows them: when they were last identified, and why they are exempt, if so."""

    id: UUID
    verified_at: datetime
    exemption: str | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is ordered. `account` is the wallet account the card spends from, `lane` the lane it lives in.

    `notice_version` is the consumer notice the resident accepted, `notice_language` the language it was read in. With a
    `parent` it is a child's card, checked before by cards/programme/child.py.
    """

    card: UUID
    holder: Holder
    lane: int
    account: UUID
    currency: Currency
    form: Form
    limits: Limits
    notice_version: str
    notice_language: str
    parent: UUID | None = None


class Issuing(msgspec.Struct, frozen=True, kw_only=True):
    """By what a card is issued: the regime and the law of the day, the keys its number is sealed with, who and when."""

    programme: Regime
    thresholds: Thresholds
    keys: Kms
    actor: str
    at: datetime


async def order(db: AsyncConnection, asked: Order, by: Issuing) -> Card:
    """Issue a card under the regime of the day; who may ask at all, app/standing.py says.

    Raises IssuingStopped, CurrencyNotOffered, RemoteIssuanceStopped, consent.NoticeNotAccepted, place.CardsSuspended,
    verification.IdentityNotVerified, law.regime.CapReached, law.threshold.NotInForce.
    """
    programme, today = by.programme, calendar.statutory_date(by.at)
    check(programme, asked.currency)
    await consent.accept(
        db,
        asked.holder.id,
        asked.notice_version,
        asked.notice_language,
        notice=programme.notice,
        actor=by.actor,
        at=by.at,
    )
    known = await verification.note(
        db, asked.holder.id, asked.holder.verified_at, policy=programme.policy, actor=by.actor, at=by.at
    )
    verification.ensure(known, today)
    await place.take(db, asked.holder.id, asked.form, programme)
    # Under the lock that place.take() holds: whoever winds down takes it as well, so no order slips past.
    await ensure_issuing(db, programme.basis)
    card = Card(
        id=asked.card,
        holder=asked.holder.id,
        lane=asked.lane,
        account=asked.account,
        form=asked.form,
        last4="",
        currency=asked.currency,
        expires_on=term(by, asked.holder.exemption),
        issuance_basis=programme.basis,
        notice_version=asked.notice_version,
        ordered_at=by.at,
        version=1,
        state=BEGINS[asked.form],
        limits=asked.limits,
        parent=asked.parent,
        exemption=asked.holder.exemption,
        verified_until=known.verified_until,
    )
    made = await issue(db, card, by, language=asked.notice_language)
    return await change.turn(db, made, Act.ACTIVATE, actor=by.actor, at=by.at) if made.state is State.INACTIVE else made


def check(programme: Regime, currency: Currency) -> None:
    """Refuse what the programme never issues; raises IssuingStopped, RemoteIssuanceStopped, CurrencyNotOffered."""
    if not programme.issues_cards:
        raise IssuingStopped(programme.basis)
    if not programme.policy.remote_issuance:
        raise RemoteIssuanceStopped(programme.basis)
    if str(currency) not in programme.policy.currencies:
        raise CurrencyNotOffered(currency)


async def ensure_issuing(db: AsyncConnection, basis: str) -> None:
    """Refuse (IssuingStopped) a basis that is wound down, or whose cards move to another one."""
    if await db.scalar(_LEFT, {"basis": basis}):
        raise IssuingStopped(basis)


async def issue(db: AsyncConnection, card: Card, by: Issuing, *, language: str) -> Card:
    """Draw the number of `card` and store it; whether there may be one more was decided before."""
    number = await pan.keep(db, by.keys, card=card.id, holder=card.holder)
    made = msgspec.structs.replace(card, last4=number.last4)
    await db.execute(insert(tables.card).values(**_row(made), notice_language=language))
    await db.execute(insert(programme_tables.term).values(**_term(made, by.programme.policy)))
    fact = events.CardOrdered(
        card=made.id,
        form=made.form,
        issuance_basis=made.issuance_basis,
        notice_version=made.notice_version,
        expires_on=made.expires_on,
        replaces=made.replaces,
        parent=made.parent,
        exemption=made.exemption,
    )
    await change.record(db, made, fact, actor=by.actor, at=by.at)
    return made


def term(by: Issuing, exemption: str | None) -> date:
    """Answer the last day of a card issued now: a non-resident's by the law of the day, longer for who is exempt."""
    if exemption is not None:
        return last_day(by.at, by.programme.policy.exempt_validity_months)
    today = calendar.statutory_date(by.at)
    return last_day(by.at, by.thresholds.value("card.nonresident.validity_months_max", today))


def last_day(ordered_at: datetime, months: int) -> date:
    """Answer the last day of the last whole month within `months` of the order: cards say month and year, not days.

    Ordered on 22 November 2026 for 12 months, a card ends with October 2027; ordered on the 1st, it lasts them in full.
    """
    limit = calendar.add_months(calendar.statutory_date(ordered_at), months)
    return limit.replace(day=1) - timedelta(days=1)


def _row(card: Card) -> dict[str, object]:
    return {
        "id": card.id,
        "lane": card.lane,
        "holder": card.holder,
        "account": card.account,
        "form": card.form,
        "last4": card.last4,
        "currency": str(card.currency),
        "expires_on": card.expires_on,
        "issuance_basis": card.issuance_basis,
        "notice_version": card.notice_version,
        "ordered_at": card.ordered_at,
        "processor": card.processor,
        "replaces": card.replaces,
        "exemption": card.exemption,
    }


def _term(card: Card, policy: Policy) -> dict[str, object]:
    return {
        "card": card.id,
        "holder": card.holder,
        "renew_at": calendar.day_starts(card.expires_on - timedelta(days=policy.renew_days)),
        "ends_at": calendar.day_starts(card.expires_on + timedelta(days=1)),
    }


_LEFT = text(
    "SELECT EXISTS (SELECT FROM cards.campaign WHERE basis = :basis AND state IN ('running', 'paused', 'done'))"
)
