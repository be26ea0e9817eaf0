"""What stands against a purchase on the side of the card: its state and flags, and what its holder permits.

asks       cards/payments/decision.py
decides    cards/programme/control.py      refusals()     <- you are here; steps 1, 2 and 5 of the decision
"""

from collections.abc import Callable
from datetime import date

import msgspec

from cards.card import Card, State
from cards.payments.message import Authorization, Operation
from cards.payments.reason import Reason
from law.money import Money

Refuses = Callable[[Card, Authorization, "Moment"], bool]


class Moment(msgspec.Struct, frozen=True):
    """When it is asked, by the day in Kazakhstan, and what its payment would come to with a yes."""

    today: date
    total: Money


def refusals(card: Card, asked: Authorization, *, total: Money, today: date) -> tuple[Reason, ...]:
    """Find everything about the card that stands against `asked` on the day `today` in Kazakhstan.

    `total` is what its payment would come to: who asks for more of it passes no limit by asking often.
    Limits over time are counted by cards/spending/velocity.py. Money that comes back is refused by nothing but an
    expiry that is read wrongly: a frozen card is no reason to keep a refund from its holder.
    """
    rules = STANDING[:1] if asked.operation is Operation.REFUND else STANDING + PERMITTED
    at = Moment(today, total)
    return tuple(reason for reason, refuses in rules if refuses(card, asked, at))


STANDING: tuple[tuple[Reason, Refuses], ...] = (
    (Reason.WRONG_EXPIRY, lambda card, asked, _: asked.expiry is not None and asked.expiry != card.expires_on),
    (Reason.CARD_CLOSED, lambda card, _, __: card.state is State.CLOSED),
    (Reason.CARD_NOT_ACTIVATED, lambda card, _, __: card.state not in {State.ACTIVE, State.CLOSED}),
    (Reason.CARD_FROZEN, lambda card, _, __: card.frozen),
    (Reason.CARD_SUSPENDED, lambda card, _, __: bool(card.suspended)),
    # Also before the worker has set the flag: a day is over when it is over.
    (
        Reason.VERIFICATION_LAPSED,
        lambda card, _, at: card.verified_until is not None and at.today > card.verified_until,
    ),
    (Reason.CARD_EXPIRED, lambda card, _, at: at.today > card.expires_on),
)


def _abroad(card: Card, asked: Authorization, at: Moment) -> bool:
    """Say whether the merchant's country is neither chosen nor on a journey of these days."""
    country = asked.merchant.country
    return not card.controls.countries.lets(country) and not any(trip.covers(country, at.today) for trip in card.trips)


def _charged_in(card: Card, asked: Authorization) -> str:
    return str(asked.original.currency) if asked.original else str(card.currency)


PERMITTED: tuple[tuple[Reason, Refuses], ...] = (
    (Reason.CHANNEL_BLOCKED, lambda card, asked, _: not card.controls.channels.lets(asked.channel)),
    (Reason.OPERATION_BLOCKED, lambda card, asked, _: not card.controls.operations.lets(asked.operation)),
    (Reason.CATEGORY_BLOCKED, lambda card, asked, _: not card.controls.categories.lets(asked.merchant.category)),
    (Reason.COUNTRY_BLOCKED, _abroad),
    (Reason.MERCHANT_BLOCKED, lambda card, asked, _: not card.controls.merchants.lets(asked.merchant.id)),
    (Reason.CURRENCY_BLOCKED, lambda card, asked, _: not card.controls.currencies.lets(_charged_in(card, asked))),
    (
        Reason.PER_PAYMENT_LIMIT,
        lambda card, _, at: card.limits.per_payment is not None and at.total > card.limits.per_payment,
    ),
)
