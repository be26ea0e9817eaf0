"""A bank received money for one of ours: it is credited once, whatever the bank repeats; what matches nobody waits.

hears      app/partners/inbox.py     payment.received
finds      app/partners/payments.py  find()         whose wallet the reference names
moves      app/partners/payments.py  credit()       <- you are here; a verb of app/batch.py

The bank's mirror account pays: its balance is, with the sign turned, the e-money we answer for at that bank.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db, ids
from app import tables as app_tables
from app.house import House
from app.http import ids as public_ids
from app.idempotency_key import Reused, Stored
from app.money import FIRST_LANE, claim
from app.partners import tables
from app.partners.events import PaymentCredited, PaymentSuspended
from app.partners.message import Message, Unfit, read
from law.money import KZT, Money
from proof import journal
from wallet.account import Purpose
from wallet.desk import Desk
from wallet.transfer import AccountId, Post, Refused, TransferId


class Payer(msgspec.Struct, frozen=True):
    """Who paid, as the bank says; it stays in the sealed message and goes nowhere else."""

    name: Annotated[str, Meta(min_length=1, max_length=140)]
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)")] | None = None


class Received(msgspec.Struct, frozen=True):
    """What a bank reports. `payment_id` is the bank's and names one payment for ever; `reference` says for whom."""

    payment_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:/-]{1,64}$(?!\n)")]
    reference: Annotated[str, Meta(max_length=140)]
    amount_minor: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
    payer: Payer


class Owner(NamedTuple):
    """Whose wallet, and where it is booked."""

    holder: UUID
    lane: int
    account: AccountId


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment to book: from the bank's `mirror` to the `owner`, or to `suspense` for want of one. All on one lane."""

    partner: UUID
    payment_id: str
    message: UUID
    money: Money
    transfer: UUID
    mirror: AccountId
    suspense: AccountId
    owner: Owner | None
    actor: str


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """Where the money went: to the holder, or to suspense and why."""

    payment: Payment
    holder: UUID | None
    suspended_for: str | None


async def received(house: House, message: Message) -> str:
    """Book a payment; repeated under any webhook id it is booked once. Raises Unfit."""
    report = read(message.data, Received)
    if report.currency != KZT:
        # A wallet is tenge e-money (Payments Law art. 42); the bank keeps foreign currency on an account of its own.
        raise Unfit("currency is not kept here")
    async with db.transaction(house.worker) as story:
        owner = await find(await story(), report.reference)
    lane = owner.lane if owner else FIRST_LANE
    partner = message.partner
    payment = Payment(
        partner=partner.id,
        payment_id=report.payment_id,
        message=message.id,
        money=Money(report.amount_minor, KZT),
        transfer=ids.new(),
        mirror=await house.money.operator(Purpose.BANK, lane=lane, label=partner.code),
        suspense=await house.money.operator(Purpose.SUSPENSE, lane=lane),
        owner=owner,
        actor=f"partner:{partner.id}",
    )
    content = [report.reference, report.amount_minor, report.currency]
    name = claim(f"partner:{partner.code}", f"payment/{report.payment_id}", content)
    try:
        reply = await house.money.submit(credit, [payment], lanes=[lane], claim=name, render=_render)
    except Reused as error:
        raise Unfit("another payment has this id") from error
    outcome = msgspec.json.decode(reply.stored.body, type=str)
    return f"repeated: {outcome}" if reply.replayed else outcome


async def find(connection: AsyncConnection, reference: str) -> Owner | None:
    """Find the wallet whose public id the reference holds; None if there is none or more than one.

    People and banks drop what surrounds the id: `wallet_06AV…`, `WALLET 06AV…` and `06av-…` name the same wallet. The
    reference itself is not stored: people write names into it.
    """
    rows = (await connection.execute(_WALLETS, {"accounts": candidates(reference)})).all()
    if len(rows) != 1:
        return None
    return Owner(rows[0].holder, rows[0].lane, AccountId(rows[0].id))


def candidates(reference: str) -> list[UUID]:
    """List what could be the id of a wallet in a free text."""
    words = re.findall(r"[0-9A-Z]+", reference.upper())
    # The last 26 digits of a word, and of all words run together: SWIFT's alphabet has no underscore to keep.
    tails = {word[-_DIGITS:] for word in (*words, "".join(words)) if len(word) >= _DIGITS}
    found = []
    for tail in sorted(tails):
        try:
            found.append(public_ids.parse("wallet", f"wallet_{tail}"))
        except public_ids.UnknownId:
            continue
    return found


async def credit(desk: Desk, payments: Sequence[Payment]) -> Sequence[Booked]:
    """Book payments one after the other: a verb for app/batch.py. None is refused: the money is here already."""
    if not payments:  # a batch of nothing but repeats
        return []
    owners = [payment.owner.account for payment in payments if payment.owner]
    await desk.load([*owners, *(account for payment in payments for account in (payment.mirror, payment.suspense))])
    booked = [_book(desk, payment) for payment in payments]
    rows = [_row(each, desk.now) for each in booked]
    await desk.db.execute(tables.partner_payment.insert(), rows)
    await journal.append(desk.db, app_tables.event, *(_fact(each, desk.now) for each in booked))
    return booked


def _book(desk: Desk, payment: Payment) -> Booked:
    trouble = "no wallet matches"
    if payment.owner:
        answer = desk.post(_post(payment, payment.owner.account, "payment.received"))
        if not isinstance(answer, Refused):
            return Booked(payment=payment, holder=payment.owner.holder, suspended_for=None)
        trouble = answer.reason
    answer = desk.post(_post(payment, payment.suspense, "payment.suspended"))
    assert not isinstance(answer, Refused), "accounts of the operator have no floor and are never closed"
    return Booked(payment=payment, holder=None, suspended_for=trouble)


def _post(payment: Payment, to: AccountId, code: str) -> Post:
    transfer = TransferId(payment.transfer)
    reference = str(payment.message)
    return Post(id=transfer, debit=payment.mirror, credit=to, money=payment.money, code=code, reference=reference)


def _row(booked: Booked, at: datetime) -> dict[str, object]:
    payment = booked.payment
    return {
        "partner": payment.partner,
        "payment_id": payment.payment_id,
        "message": payment.message,
        "amount_minor": payment.money.minor,
        "currency": payment.money.currency,
        "holder": booked.holder,
        "transfer": payment.transfer,
        "suspended_for": booked.suspended_for,
        "at": at,
    }


def _fact(booked: Booked, at: datetime) -> journal.Fact:
    payment = booked.payment
    about = (payment.transfer, payment.partner)
    amount = (payment.money.minor, payment.money.currency.value)
    event: PaymentCredited | PaymentSuspended
    if booked.suspended_for is None and payment.owner is not None:
        event = PaymentCredited(*about, payment.owner.account, *amount)
    else:
        event = PaymentSuspended(*about, *amount, booked.suspended_for or "")
    return journal.Fact(aggregate=payment.transfer, holder=booked.holder, at=at, actor=payment.actor, event=event)


def _render(answers: Sequence[Booked]) -> Stored:
    suspended_for = answers[0].suspended_for
    return Stored(200, msgspec.json.encode(f"suspended: {suspended_for}" if suspended_for else "credited"))


_DIGITS = 26
_WALLETS = text(
    """
    SELECT id, lane, holder FROM wallet.account
    WHERE id = ANY(:accounts) AND purpose = 'wallet' AND holder IS NOT NULL
    """
)
