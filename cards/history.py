"""The event a payment's newest element is told by."""

from typing import TypedDict
from uuid import UUID

import msgspec

from cards import events
from cards.payment import Kind, Payment
from proof.journal import Fact


class _Names(TypedDict):
    payment: UUID
    card: UUID | None
    currency: str


def fact(payment: Payment) -> Fact:
    """Tell the newest element of `payment`."""
    newest = payment.elements[-1]
    return Fact(
        aggregate=payment.id,
        holder=payment.holder,
        at=newest.at,
        actor=f"network:{payment.network}" if newest.source else "system",
        event=_event(payment),
    )


def _event(payment: Payment) -> msgspec.Struct:
    newest, sums = payment.elements[-1], payment.sums()
    names: _Names = {"payment": payment.id, "card": payment.card, "currency": str(payment.currency)}
    amount, promised = newest.amount.minor, sums.promised.minor
    match newest.kind:
        case Kind.AUTHORIZATION:
            return events.PaymentAuthorised(**names, amount_minor=amount, promised_minor=promised)
        case Kind.DECLINE:
            return events.PaymentDeclined(**names, amount_minor=amount, reasons=newest.reasons)
        case Kind.REVERSAL:
            return events.PaymentReversed(**names, amount_minor=amount, promised_minor=promised)
        case Kind.CLEARING:
            return events.PaymentCleared(
                **names,
                amount_minor=amount,
                short_minor=newest.short.minor,
                promised_minor=promised,
                matched=bool(sums.authorized),
            )
        case Kind.EXPIRY:
            return events.PaymentExpired(**names, amount_minor=amount)
