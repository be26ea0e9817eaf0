"""A bank received money for one of ours: it is credited once, whatever the bank repeats; what matches nobody waits.

hears      app/partners/inbox.py     payment.announced, payment.received
finds      app/partners/payments.py  find()         whose it is: by address, by reference, by the wallet's id
moves      app/partners/payments.py  credit()       <- you are here; a verb of app/batch.py
shows      app/banking/incoming.py   the stages, and what was promised
waits      app/banking/suspense.py   what could not be credited, for two officers

The bank's mirror account pays: its balance is, with the sign turned, the e-money we answer for at that bank.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db, ids
from app import tables as app_tables
from app.allowance import Allowances, LimitReached, Operation, Restricted, Spend
from app.banking import arriving, incoming, topup
from app.banking.events import PaymentAnnounced
from app.banking.incoming import Incoming, Step
from app.house import House
from app.http import ids as public_ids
from app.idempotency_key import Reused, Stored
from app.money import FIRST_LANE, claim
from app.partners import tables
from app.partners.events import PaymentCredited, PaymentSuspended
from app.partners.message import Message, Unfit, read
from kyc.screening import matching
from kyc.screening.subject import called
from law.money import KZT, Money
from law.rails import Rail
from proof import journal
from wallet import address
from wallet.account import Purpose
from wallet.desk import Desk
from wallet.transfer import AccountId, Post, Refused, TransferId


class Payer(msgspec.Struct, frozen=True):
    """Who paid, as the bank says; it stays in the sealed message and goes nowhere else."""

    name: Annotated[str, Meta(min_length=1, max_length=140)]
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)")] | None = None


class Received(msgspec.Struct, frozen=True):
    """What a bank reports. `payment_id` is the bank's and names one payment for ever; `reference` says for whom.

    `iban` is the wallet's address it was sent to, `rail` how, `sent_at` when the payer handed it in.
    """

    payment_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:/-]{1,64}$(?!\n)")]
    reference: Annotated[str, Meta(max_length=140)]
    amount_minor: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
    payer: Payer
    iban: Annotated[str, Meta(max_length=42)] | None = None
    rail: Rail = Rail.IMPS
    sent_at: datetime | None = None


class Owner(NamedTuple):
    """Whose wallet, where it is booked, and the instructions the payer followed."""

    holder: UUID
    lane: int
    account: AccountId
    topup: UUID | None = None


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment to book: from the bank's `mirror` to the `owner`, or to `suspense` for want of one. All on one lane.

    `stopped` is why it must not reach the owner; `promise` what could be promised if nobody announced it.
    """

    partner: UUID
    payment_id: str
    message: UUID
    money: Money
    transfer: UUID
    mirror: AccountId
    suspense: AccountId
    lane: int
    owner: Owner | None
    promise: Incoming
    screened: str
    stopped: str | None
    actor: str


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """Where the money went: to the holder, or to suspense and why."""

    payment: Payment
    holder: UUID | None
    suspended_for: str | None


async def announced(house: House, message: Message) -> str:
    """Note that a payment is on its way; one that has arrived or was announced is no news. Raises Unfit."""
    report = _read(message)
    partner = message.partner.id
    async with db.transaction(house.worker) as story:
        connection = await story()
        place = (partner, report.payment_id)
        if place in await incoming.lock(connection, [place]):
            return "known already"
        owner = await find(connection, report)
        fresh = _promise(report, partner, story.now)
        found = msgspec.structs.replace(
            fresh, message=message.id, holder=owner and owner.holder, topup=owner and owner.topup
        )
        await incoming.write(connection, [(found, [Step("announced", story.now, None)])])
        event = PaymentAnnounced(
            found.id, partner, found.amount_minor, found.currency.value, found.promised_by.isoformat()
        )
        fact = journal.Fact(
            aggregate=found.id, holder=found.holder, at=story.now, actor=f"partner:{partner}", event=event
        )
        await journal.append(connection, app_tables.event, fact)
    return "announced"


async def received(house: House, message: Message) -> str:
    """Book a payment; repeated under any webhook id it is booked once. Raises Unfit."""
    report = _read(message)
    partner = message.partner
    async with db.transaction(house.worker) as story:
        connection = await story()
        owner = await find(connection, report)
        screened, stopped = await _screened(house, connection, report.payer)
        promise = _promise(report, partner.id, story.now)
    lane = owner.lane if owner else FIRST_LANE
    payment = Payment(
        partner=partner.id,
        payment_id=report.payment_id,
        message=message.id,
        money=Money(report.amount_minor, KZT),
        transfer=ids.new(),
        mirror=await house.money.operator(Purpose.BANK, lane=lane, label=partner.code),
        suspense=await house.money.operator(Purpose.SUSPENSE, lane=lane),
        lane=lane,
        owner=owner,
        promise=promise,
        screened=screened,
        stopped=stopped,
        actor=f"partner:{partner.id}",
    )
    name = claim(f"partner:{partner.code}", f"payment/{report.payment_id}", _content(house, report))
    try:
        reply = await house.money.submit(credit, [payment], lanes=[lane], claim=name, render=_render)
    except Reused as error:
        raise Unfit("another payment has this id") from error
    outcome = msgspec.json.decode(reply.stored.body, type=str)
    return f"repeated: {outcome}" if reply.replayed else outcome


def _read(message: Message) -> Received:
    report = read(message.data, Received)
    if report.currency != KZT:
        # A wallet is tenge e-money (Payments Law art. 42); the bank keeps foreign currency on an account of its own.
        raise Unfit("currency is not kept here")
    if report.sent_at is not None and report.sent_at.tzinfo is None:
        raise Unfit("an instant without an offset")
    return report


def _content(house: House, report: Received) -> list[object]:
    """List what makes a report another payment's; of the payer, what can't be guessed back from its hash."""
    payer = msgspec.json.encode(report.payer).decode()
    blind = house.keys.kms.blind("partner_payment.payer", payer).hex()
    return [report.reference, report.amount_minor, report.currency, report.iban, report.rail, blind]


def _promise(report: Received, partner: UUID, at: datetime) -> Incoming:
    # By when the payer handed it in, as far as that can be: nothing is promised from the future or from long ago.
    sent_at = at if report.sent_at is None else min(max(report.sent_at, at - _SENT_BEFORE_MAX), at)
    money = Money(report.amount_minor, KZT)
    return incoming.promised(partner, report.payment_id, money, report.rail, sent_at=sent_at, at=at)


async def _screened(house: House, connection: AsyncConnection, payer: Payer) -> tuple[str, str | None]:
    """Look the payer up in the lists in force; gives what was found and, where somebody must look, why it stops.

    The payer's bank has looked as well, as the law obliges it (191-IV, art. 5): without a list of ours money goes on.
    """
    lists = await house.watchlist.current(connection)
    if lists is None:
        return "no_list", None
    return ("listed", "payer_screening") if matching.hits(lists, called(payer.name)) else ("clear", None)


async def find(connection: AsyncConnection, report: Received) -> Owner | None:
    """Find whose payment it is: by the address it was sent to, else by what the reference names.

    None if that is nobody or more than one. The reference itself is not stored: people write names into it.
    """
    owners = await _by_reference(connection, report.reference)
    if report.iban is not None:
        try:
            there = await address.by_iban(connection, address.parse(report.iban))
        except address.BadIban:
            there = None
        if there is not None:
            same = [owner for owner in owners if owner.account == there.account]
            return same[0] if same else Owner(there.holder, there.lane, there.account)
    return owners[0] if len({owner.account for owner in owners}) == 1 else None


async def _by_reference(connection: AsyncConnection, reference: str) -> list[Owner]:
    """Find wallets that a reference names, by a top-up's reference first, then by their own ids.

    People and banks drop what surrounds an id: `wallet_06AV…`, `WALLET 06AV…` and `06av-…` name the same wallet.
    """
    instructed = [
        Owner(each.holder, each.lane, AccountId(each.account), each.id)
        for each in await topup.named(connection, topup.read(reference))
    ]
    rows = (await connection.execute(_WALLETS, {"accounts": candidates(reference)})).all()
    return instructed + [Owner(row.holder, row.lane, AccountId(row.id)) for row in rows]


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
    allowances = await arriving.allowances(desk, [_spend(each.owner, each) for each in payments if each.owner])
    locked = await incoming.lock(desk.db, [(each.partner, each.payment_id) for each in payments])
    known = {place: found for place, found in locked.items() if found.stage == "announced"}
    booked = [_book(desk, allowances, payment) for payment in payments]
    rows = [_row(each, desk.now) for each in booked]
    await desk.db.execute(tables.partner_payment.insert(), rows)
    allowances.write()
    await incoming.write(desk.db, [_staged(each, known, desk.now) for each in booked])
    await journal.append(desk.db, app_tables.event, *(_fact(each, desk.now) for each in booked))
    return booked


def _book(desk: Desk, allowances: Allowances, payment: Payment) -> Booked:
    trouble = "no_wallet_matches"
    if payment.owner:
        trouble = payment.stopped or _credited(desk, allowances, payment, payment.owner)
        if not trouble:
            return Booked(payment=payment, holder=payment.owner.holder, suspended_for=None)
    answer = desk.post(_post(payment, payment.suspense, "payment.suspended"))
    assert not isinstance(answer, Refused), "accounts of the operator have no floor and are never closed"
    return Booked(payment=payment, holder=None, suspended_for=trouble)


def _credited(desk: Desk, allowances: Allowances, payment: Payment, owner: Owner) -> str:
    """Credit the owner; answers what stands against it, empty where nothing does."""
    spend = _spend(owner, payment)
    match allowances.claim(spend):
        case LimitReached():
            return "receive_limit"
        case Restricted():
            return "receive_restricted"
    answer = desk.post(_post(payment, owner.account, "payment.received"))
    if isinstance(answer, Refused):
        allowances.give_back(spend)
        return answer.reason
    return ""


def _spend(owner: Owner, payment: Payment) -> Spend:
    return Spend(owner.holder, Operation.RECEIVE, payment.money)


def _staged(booked: Booked, known: dict[tuple[UUID, str], Incoming], at: datetime) -> tuple[Incoming, Sequence[Step]]:
    payment = booked.payment
    before = known.get((payment.partner, payment.payment_id), payment.promise)
    steps: list[Step] = [Step("received", at, None), Step("screened", at, payment.screened)]
    owner = payment.owner
    # What arrived counts, whatever was announced: it is what the ledger moved.
    here = msgspec.structs.replace(
        before,
        message=payment.message,
        amount_minor=payment.money.minor,
        currency=payment.money.currency,
        rail=payment.promise.rail,
        received_at=at,
        lane=payment.lane,
    )
    if booked.suspended_for is not None:
        # Whose it may be is for officers to say: until then it is shown to nobody.
        why = booked.suspended_for
        waits = msgspec.structs.replace(here, stage="suspended", reason=why, holder=None, topup=None)
        return waits, [*steps, Step("suspended", at, why)]
    meant = owner.topup if owner else None
    credited = msgspec.structs.replace(here, stage="credited", holder=booked.holder, ended_at=at, topup=meant)
    return credited, [*steps, Step("credited", at, None)]


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
_SENT_BEFORE_MAX = timedelta(days=10)
_WALLETS = text(
    """
    SELECT id, lane, holder FROM wallet.account
    WHERE id = ANY(:accounts) AND purpose = 'wallet' AND holder IS NOT NULL
    """
)
