"""The events that a payment's elements are told by."""

from typing import TypedDict
from uuid import UUID

import msgspec

from cards import events
from cards.payments import events as payment_events
from cards.payments import reason, remedy
from cards.payments.payment import Element, Kind, Payment, Sums, add_up
from proof.journal import Fact


class _Names(TypedDict):
    payment: UUID
    card: UUID | None


class _Why(TypedDict):
    reasons: tuple[str, ...]
    allow: dict[str, str]


def facts(payment: Payment, *, since: int) -> list[Fact]:
    """Tell the elements of `payment` after the first `since`."""
    last = len(payment.elements)
    return [
        _fact(payment, each, payment.sums() if each.number == last else _until(payment, each))
        for each in payment.elements[since:]
    ]


def _until(payment: Payment, element: Element) -> Sums:
    return add_up(payment.elements[: element.number], payment.currency)


def _fact(payment: Payment, element: Element, sums: Sums) -> Fact:
    return Fact(
        aggregate=payment.id,
        holder=payment.holder,
        at=element.at,
        actor=f"network:{payment.network}" if element.source else "system",
        event=_event(payment, element, sums),
    )


def _event(payment: Payment, element: Element, sums: Sums) -> msgspec.Struct:  # noqa: C901, PLR0911, PLR0912  one for each kind
    names: _Names = {"payment": payment.id, "card": payment.card}
    currency = str(payment.currency)
    amount, promised = element.amount.minor, sums.promised.minor
    match element.kind:
        case Kind.AUTHORIZATION | Kind.INCREMENT:
            return events.PaymentAuthorised(
                **names,
                amount_minor=amount,
                promised_minor=promised,
                currency=currency,
                asked_minor=element.asked.minor if element.asked else amount,
                stand_in=element.stand_in,
            )
        case Kind.CONFIRMATION:
            return payment_events.PaymentConfirmed(
                **names, amount_minor=amount, promised_minor=promised, currency=currency
            )
        case Kind.DECLINE:
            # The feed and webhooks read events; the reasons as they are stay with the element and its decision.
            why: _Why = {"reasons": reason.spoken(element.reasons), "allow": remedy.allowing(payment, element)}
            return events.PaymentDeclined(**names, **why, amount_minor=amount, currency=currency)
        case Kind.INQUIRY:
            return payment_events.CardLookedAt(**names, operation=str(element.operation))
        case Kind.REFUND_AUTHORIZATION:
            return payment_events.RefundAuthorised(**names, amount_minor=amount, currency=currency)
        case Kind.REVERSAL:
            return events.PaymentReversed(**names, amount_minor=amount, promised_minor=promised, currency=currency)
        case Kind.CLEARING:
            return events.PaymentCleared(
                **names,
                amount_minor=amount,
                short_minor=element.short.minor,
                promised_minor=promised,
                currency=currency,
                matched=sums.was_promised,
                fee_minor=element.fee.minor if element.fee else 0,
                markup_minor=element.markup.minor if element.markup else 0,
                cause=element.cause,
            )
        case Kind.REFUND:
            return payment_events.PaymentRefunded(**names, amount_minor=amount, currency=currency)
        case Kind.FEE:
            return payment_events.PaymentCharged(
                **names, amount_minor=amount, short_minor=element.short.minor, currency=currency, ours=element.ours
            )
        case Kind.EXPIRY:
            return events.PaymentExpired(**names, amount_minor=amount, currency=currency)
        case Kind.MATCH:
            return payment_events.PaymentMatched(
                **names, amount_minor=amount, promised_minor=promised, currency=currency
            )
        case Kind.RECOVERY:
            return payment_events.LoanRecovered(
                **names, amount_minor=amount, owed_minor=sums.owed.minor, currency=currency
            )
        case Kind.WRITE_OFF:
            return payment_events.LoanWrittenOff(**names, amount_minor=amount, currency=currency)
