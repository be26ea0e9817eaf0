"""The state of a purchase at Stripe, merged into our payment as facts: what is missing, in whatever order it comes.

looks      app/partners/stripe_issuing/events.py     fetches the purchase as it is, never as an event told it
merges     app/partners/stripe_issuing/merging.py    merge()      <- you are here, a verb of app/batch.py
books      app/cards/swiping.py                      Till.book

What Stripe has is compared with the payment's elements under the lane's lock. A fact has a name that follows from
Stripe's (the number of the request, the id of a transaction, how much was given up in all), so the same state merged
twice, or an older one after a newer one, adds nothing:

request-0    we answered: approved or declined     app/http/partner/stripe.py
outcome-0    Stripe decided otherwise: what it promised in our place is booked, what it refused is given back
reversed-N   the merchant gave up N in all
ipi_…        money was taken, or came back
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import msgspec

from app.cards import swiping
from app.partners.stripe_issuing import inbox, objects
from app.partners.stripe_issuing.issuer import CODE
from app.partners.stripe_issuing.objects import Authorization, Past, Transaction
from cards.payments import archive, message
from cards.payments.message import Clearing, NetworkMessage, Refund, Refused, Reversal, StandIn
from cards.payments.payment import Element, Kind, Merchant, Payment, PaymentId
from cards.payments.reason import Reason
from law.money import Currency, Money
from wallet.desk import Desk
from wallet.transfer import AccountId, Post, TransferId

_APPROVED = frozenset({Kind.AUTHORIZATION, Kind.INCREMENT, Kind.INQUIRY})
_OVER = frozenset({"closed", "reversed", "expired"})
_GIVEN_UP = "reversed-"
MERGED, AGAIN = "merged", "again"

#: Why Stripe refused without us, in our words; what it has no word of ours for was its own suspicion.
_REASONS = {
    "card_canceled": Reason.CARD_CLOSED,
    "card_expired": Reason.CARD_EXPIRED,
    "card_inactive": Reason.CARD_FROZEN,
    "cardholder_blocked": Reason.RESTRICTED,
    "cardholder_inactive": Reason.RESTRICTED,
    "cardholder_verification_required": Reason.VERIFICATION_LAPSED,
    "insufficient_funds": Reason.INSUFFICIENT_FUNDS,
    "spending_controls": Reason.FORBIDDEN_MERCHANT,
    "webhook_timeout": Reason.TIMED_OUT,
    "webhook_error": Reason.TIMED_OUT,
}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase as Stripe has it: the authorization, and transactions that belong to it or to none.

    `lifecycle` names it, `lane` and `card` are ours (None where the card is not). `gone` says that Stripe knows of no
    such authorization. `clearing` and `funding` are the operator's accounts on the lane; `events` are settled with it.
    """

    lifecycle: str
    lane: int
    card: UUID | None
    payment: PaymentId
    currency: Currency
    merchant: Merchant
    authorization: Authorization | None
    transactions: tuple[Transaction, ...]
    clearing: AccountId
    funding: AccountId
    events: tuple[str, ...] = ()
    gone: bool = False
    at: datetime


class _Said(TypedDict):
    network: str
    lifecycle: str
    lane: int
    card: UUID | None
    payment: PaymentId
    merchant: Merchant


async def merge(desk: Desk, asked: Sequence[Seen]) -> list[str]:
    """Book what of `asked` is missing here, and settle the events that led to it: a verb for app/batch.py."""
    # What a look adds is written at the end of the batch: a second look at the same purchase is the next one's.
    first = {(seen.lane, seen.lifecycle): seen for seen in reversed(asked)}
    looks = [seen for seen in asked if first[seen.lane, seen.lifecycle] is seen]
    missed = await _missed(desk, looks)
    if missed:
        await swiping.book(desk, [told for _, told in missed])
        await _settle(desk, missed)
    settled = [event for seen in looks for event in seen.events]
    await desk.db.execute(inbox.SETTLE, inbox.settling(settled, at=max(seen.at for seen in looks), outcome="merged"))
    return [MERGED if first[seen.lane, seen.lifecycle] is seen else AGAIN for seen in asked]


async def _missed(desk: Desk, looks: Sequence[Seen]) -> list[tuple[Seen, NetworkMessage]]:
    """Compare what was seen with what is here, under the lane's lock."""
    found = await archive.find(desk.db, names={(seen.lane, CODE, seen.lifecycle) for seen in looks})
    payments = {(kept.payment.lane, kept.payment.lifecycle, kept.payment.card): kept.payment for kept in found}
    missed: list[tuple[Seen, NetworkMessage]] = []
    for seen in looks:
        payment = payments.get((seen.lane, seen.lifecycle, seen.card)) or _unheard(seen, desk.now)
        looked = msgspec.structs.replace(seen, payment=payment.id)
        missed += [(looked, told) for told in missing(payment, looked)]
    return missed


def _unheard(seen: Seen, now: datetime) -> Payment:
    return Payment(
        id=seen.payment,
        lane=seen.lane,
        network=CODE,
        lifecycle=seen.lifecycle,
        card=seen.card,
        holder=None,
        account=None,
        currency=seen.currency,
        merchant=seen.merchant,
        opened_at=now,
    )


def missing(payment: Payment, seen: Seen) -> list[NetworkMessage]:
    """List what Stripe has and `payment` has not, in the order in which it is booked."""
    found = list(_requests(payment, seen)) if seen.authorization else []
    if seen.gone:
        found += _withdrawn(payment, seen)
    found += [
        told
        for transaction in seen.transactions
        if payment.told(transaction.id) is None
        for told in _moved(transaction, seen)
    ]
    return [*found, *_given_up(payment, seen)]


def _requests(payment: Payment, seen: Seen) -> Iterator[NetworkMessage]:
    assert seen.authorization is not None, "asked before"
    for number, past in enumerate(seen.authorization.request_history):
        ours, outcome = payment.told(f"request-{number}"), f"outcome-{number}"
        if payment.told(outcome) is not None:
            continue
        if past.approved and not _promised(ours):
            yield _in_our_place(past, number, seen)
        elif not past.approved and _promised(ours):
            assert ours is not None, "what was promised was told"
            if ours.amount:
                yield Reversal(**_said(seen), element=outcome, subject=ours.source, amount=ours.amount)
        elif not past.approved and ours is None:
            reason = _REASONS.get(past.reason, Reason.RISK)
            amount = objects.money(past.amount, seen.currency.value)
            yield Refused(**_said(seen), element=outcome, amount=amount, reasons=(reason,))
    if seen.authorization.status in _OVER:
        yield from _withdrawn(payment, seen, beyond=len(seen.authorization.request_history))


def _in_our_place(past: Past, number: int, seen: Seen) -> NetworkMessage:
    """Tell what Stripe or the network approved without us, or although we had declined: it binds us."""
    assert seen.authorization is not None, "asked before"
    amount = objects.money(past.amount, seen.currency.value)
    asked, rate = objects.original(past.merchant_amount, past.merchant_currency, amount)
    return message.Authorization(
        **_said(seen),
        element=f"outcome-{number}",
        subject=f"request-{number}",
        amount=amount,
        advice=True,
        stand_in=StandIn.NETWORK,
        increment=number > 0,
        operation=objects.operation(seen.authorization, past.amount),
        channel=objects.channel(seen.authorization),
        original=asked,
        rate=rate,
    )


def _withdrawn(payment: Payment, seen: Seen, *, beyond: int = 0) -> Iterator[NetworkMessage]:
    """Give back what we promised to questions of which Stripe knows nothing: those from number `beyond` on."""
    for element in payment.elements:
        asked, _, number = (element.source or "").partition("-")
        outcome = f"outcome-{number}"
        known = asked != "request" or int(number) < beyond or payment.told(outcome) is not None
        if not known and _promised(element) and element.amount:
            yield Reversal(**_said(seen), element=outcome, subject=element.source, amount=element.amount)


def _moved(transaction: Transaction, seen: Seen) -> Iterator[NetworkMessage]:
    amount = objects.money(transaction.amount, transaction.currency)
    asked, rate = objects.original(transaction.merchant_amount, transaction.merchant_currency, amount)
    if not amount:
        return
    if transaction.type == "refund":
        yield Refund(**_said(seen), element=transaction.id, amount=amount, original=asked, rate=rate)
        return
    over = seen.authorization is None or seen.authorization.status in _OVER
    yield Clearing(
        **_said(seen),
        element=transaction.id,
        amount=amount,
        final=over,
        operation=objects.purpose(transaction.merchant_data),
        original=asked,
        rate=rate,
    )


def _given_up(payment: Payment, seen: Seen) -> Iterator[NetworkMessage]:
    """Give back what the merchant gave up since: by how much it did in all, which only grows."""
    purchase = seen.authorization
    if purchase is None:
        return
    approved = sum(_approved(payment, number, past) for number, past in enumerate(purchase.request_history))
    captured = sum(-each.amount for each in purchase.transactions if each.type == "capture")
    if purchase.status in _OVER and (payment.sums().final or _takes_more(payment, seen)):
        return  # the last capture says so
    total = approved - captured if purchase.status in _OVER else approved - purchase.amount
    known = sum(each.amount.minor for each in payment.elements if (each.source or "").startswith(_GIVEN_UP))
    if total > known:
        amount = Money(total - known, seen.currency)
        yield Reversal(**_said(seen), element=f"{_GIVEN_UP}{total}", amount=amount)


def _takes_more(payment: Payment, seen: Seen) -> bool:
    return any(each.type == "capture" and each.amount and payment.told(each.id) is None for each in seen.transactions)


def _approved(payment: Payment, number: int, past: Past) -> int:
    """Say what of a request was promised: less than was asked where our answer was partial."""
    ours = payment.told(f"request-{number}")
    if not past.approved:
        return 0
    return min(past.amount, ours.amount.minor) if ours is not None and _promised(ours) else past.amount


def _promised(ours: Element | None) -> bool:
    return ours is not None and ours.kind in _APPROVED


def _said(seen: Seen) -> _Said:
    return {
        "network": CODE,
        "lifecycle": seen.lifecycle,
        "lane": seen.lane,
        "card": seen.card,
        "payment": seen.payment,
        "merchant": seen.merchant,
    }


async def _settle(desk: Desk, missed: Sequence[tuple[Seen, NetworkMessage]]) -> None:
    """Pay Stripe what was taken out of what it was paid ahead, and have back what came back."""
    moved = [(seen, told) for seen, told in missed if isinstance(told, Clearing | Refund)]
    await desk.load(account for seen, _ in moved for account in (seen.clearing, seen.funding))
    for seen, told in moved:
        debit, credit = seen.clearing, seen.funding
        if isinstance(told, Refund):
            debit, credit = credit, debit
        desk.move(
            Post(
                id=TransferId(_transfer(seen, told)),
                debit=debit,
                credit=credit,
                money=told.amount,
                code="processor_settled",
                reference=f"{CODE}:{told.element}",
            )
        )


def _transfer(seen: Seen, told: NetworkMessage) -> UUID:
    """Derive a move's id from the fact it belongs to, beside the payment's own in every index."""
    random = int.from_bytes(hashlib.sha256(f"{seen.payment}/{told.element}/settled".encode()).digest()[:8], "big") >> 2
    return UUID(int=seen.payment.int >> _RANDOM_BITS << _RANDOM_BITS | random)


_RANDOM_BITS = 62  # the last field of a UUIDv7 (RFC 9562 section 5.7)
