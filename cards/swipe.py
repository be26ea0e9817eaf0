"""A swipe: a merchant asks for money, we answer before the terminal times out.

route      app/http/partner/network.py   POST /v1/networks/{network}/authorizations
batches    cards/booking.py              book()            many swipes, one transaction
decides    cards/swipe.py                decide()          <- you are here
holds      wallet/desk.py                place()
"""

from collections.abc import Callable
from datetime import date

import msgspec

from cards import funds
from cards.card import Card, State
from cards.message import Authorization
from cards.payment import PROMISE_LASTS, Kind, Payment
from cards.reason import Reason
from cards.tray import Tray
from law import calendar
from law.money import Money, zero
from wallet.transfer import AccountId

# What the programme never pays for, whatever a holder allows (ISO 18245): betting and lotteries, for which people may
# bar themselves (Law 219 of 2007, art. 15-1), and money bought with money.
FORBIDDEN_CATEGORIES = frozenset({"7800", "7801", "7802", "7995", "9406", "4829", "6051"})


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a decision looks at, loaded beforehand.

    `asked` is what the merchant wants, `to_hold` what the wallet would have to set aside for it now: less than `asked`
    when a reversal or the clearing overtook the question. `day_total` is what the card would come to since midnight in
    Kazakhstan, this purchase included. `expiry` is the last day on the card as the merchant read it. `refused` is what
    stands against the holder's spending so much more, whatever the card.
    """

    card: Card
    asked: Money
    to_hold: Money
    spendable: Money
    day_total: Money
    today: date
    expiry: date
    category: str
    refused: Reason | None = None
    wallet_closed: bool = False


class Approved(msgspec.Struct, frozen=True):
    """The merchant is promised `amount`."""

    amount: Money


class Declined(msgspec.Struct, frozen=True):
    """The merchant gets nothing; the first of `reasons` is the one answered, all are kept for the holder."""

    reasons: tuple[Reason, ...]


Decision = Approved | Declined


def decide(case: Case) -> Decision:
    """Answer a swipe. All reasons are found, in the order of RULES; the first is the public one."""
    reasons = tuple(reason for reason, refuses in RULES if refuses(case))
    return Declined(reasons) if reasons else Approved(case.asked)


def _over(amount: Money, limit: Money | None) -> bool:
    return limit is not None and amount > limit


# The order is the order of publicity: what is wrong with the card comes before what is wrong with the purchase, so that
# a stranger who tries numbers learns nothing of limits and balances.
RULES: tuple[tuple[Reason, Callable[[Case], bool]], ...] = (
    (Reason.WRONG_EXPIRY, lambda case: case.expiry != case.card.expires_on),
    (Reason.CARD_CLOSED, lambda case: case.card.state is State.CLOSED),
    (Reason.CARD_NOT_ACTIVATED, lambda case: case.card.state is State.ORDERED),
    (Reason.CARD_FROZEN, lambda case: case.card.state is State.FROZEN),
    (Reason.CARD_EXPIRED, lambda case: case.today > case.card.expires_on),
    (Reason.FORBIDDEN_MERCHANT, lambda case: case.category in FORBIDDEN_CATEGORIES),
    (Reason.RESTRICTED, lambda case: case.refused is Reason.RESTRICTED),
    (Reason.PER_PAYMENT_LIMIT, lambda case: _over(case.asked, case.card.limits.per_payment)),
    (Reason.PER_DAY_LIMIT, lambda case: _over(case.day_total, case.card.limits.per_day)),
    (Reason.SPENDING_LIMIT, lambda case: case.refused is Reason.SPENDING_LIMIT),
    (Reason.WALLET_CLOSED, lambda case: case.wallet_closed and bool(case.to_hold)),
    (Reason.INSUFFICIENT_FUNDS, lambda case: case.spendable < case.to_hold),
)


def authorize(tray: Tray, payment: Payment, asked: Authorization) -> Payment:
    """Decide one question and hold the money; what the network promised in our place is only booked."""
    promised = payment.adding(Kind.AUTHORIZATION, asked.amount, tray.now, source=asked.element)
    if asked.advice:
        _book(tray, promised)
        return promised
    reasons = _reasons(tray, promised, asked)
    if not reasons:
        return promised
    return payment.adding(Kind.DECLINE, asked.amount, tray.now, source=asked.element, reasons=reasons)


def _reasons(tray: Tray, promised: Payment, asked: Authorization) -> tuple[Reason, ...]:
    """Why not; with no reason found the money is held."""
    card = tray.card(promised)
    if card is None:
        return (Reason.UNKNOWN_CARD,)
    match decide(_case(tray, card, promised, asked)):
        case Declined(reasons):
            return reasons
        case Approved():
            until = tray.now + PROMISE_LASTS
            refused = funds.set_aside(tray, promised, promised.sums().promised, until=until)
            assert refused is None, f"whether the wallet can was decided before: {refused}"
            return ()


def _case(tray: Tray, card: Card, promised: Payment, asked: Authorization) -> Case:
    sums = promised.sums()
    return Case(
        card=card,
        asked=asked.amount,
        to_hold=max(sums.promised - funds.held(tray, promised), zero(promised.currency)),
        spendable=funds.spendable(tray, promised),
        day_total=tray.spent_today(card, beside=promised) + sums.spent,
        today=calendar.statutory_date(tray.now),
        expiry=asked.expiry,
        category=asked.merchant.category,
        refused=tray.allowance.refuses(card.holder, tray.more(promised)),
        wallet_closed=tray.desk.is_closed(AccountId(card.account)),
    )


def _book(tray: Tray, promised: Payment) -> None:
    """Hold as much as the wallet has of what the network promised; a wallet that can't is found out at the clearing."""
    until = tray.now + PROMISE_LASTS
    has = funds.held(tray, promised) + funds.spendable(tray, promised)
    if funds.set_aside(tray, promised, min(promised.sums().promised, has), until=until):
        funds.promise(tray, promised, None, until=until)
