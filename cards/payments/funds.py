"""The money side of a payment: what the wallet sets aside for it, what leaves, and what comes back.

The ledger follows the sums (cards/payments/payment.py): an element moves what they say after it less what they said
before. So whatever order a network tells things in, the same money has moved in the end. Each move's id is derived from
the payment, the element and its leg, so the ledger itself, where ids are unique, refuses to do one twice.
"""

import enum
import hashlib
from datetime import datetime
from uuid import UUID

from cards.payments.archive import Promise
from cards.payments.payment import Cause, Kind, Payment, PaymentId, Sums
from cards.payments.tray import Tray
from law.money import Money, zero
from wallet import transfer
from wallet.account import Purpose
from wallet.transfer import AccountId, Answer, Capture, Hold, HoldId, Post, Refused, Release, TransferId

_RANDOM_BITS = 62  # the last field of a UUIDv7 (RFC 9562 section 5.7)


class Leg(enum.StrEnum):
    """The moves an element may bring, one of each at most; also their codes in the ledger."""

    HOLD = "card_hold"
    RELEASE = "card_release"
    CAPTURE = "card_capture"
    SHORT = "card_short"
    FEE = "card_fee"
    FEE_SHORT = "card_fee_short"
    FEE_BACK = "card_fee_back"
    MARKUP = "card_markup"
    MARKUP_SHORT = "card_markup_short"
    MARKUP_BACK = "card_markup_back"
    CHARGE = "card_charge"
    CHARGE_SHORT = "card_charge_short"
    RETURN = "card_return"
    REFUND = "card_refund"
    REFUND_BACK = "card_refund_back"
    REFUND_BACK_SHORT = "card_refund_back_short"
    RECOVERY = "card_recovery"
    WRITE_OFF = "card_write_off"


#: What a leg is called where the wallet can't pay it, and where money of it comes back.
_SHORT = {
    Leg.CAPTURE: Leg.SHORT,
    Leg.FEE: Leg.FEE_SHORT,
    Leg.MARKUP: Leg.MARKUP_SHORT,
    Leg.CHARGE: Leg.CHARGE_SHORT,
    Leg.REFUND_BACK: Leg.REFUND_BACK_SHORT,
}
_BACK = {Leg.CAPTURE: Leg.RETURN, Leg.FEE: Leg.FEE_BACK, Leg.MARKUP: Leg.MARKUP_BACK}


def held(tray: Tray, payment: Payment) -> Money:
    """Answer what the wallet really sets aside for `payment`: less than was promised where it did not have it."""
    promise = tray.promises.get(payment.id)
    remaining = tray.desk.remaining(promise.hold) if promise and promise.hold else None
    return remaining or zero(payment.currency)


def spendable(tray: Tray, payment: Payment) -> Money:
    """Answer what the wallet that pays can spend beside its holds; nothing where no card of ours was named."""
    nothing = zero(payment.currency)
    if payment.account is None or tray.desk.is_closed(AccountId(payment.account)):
        return nothing
    return max(tray.desk.available(AccountId(payment.account)) or nothing, nothing)


def set_aside(tray: Tray, payment: Payment, until: datetime, *, back_as: transfer.Kind = transfer.Kind.VOID) -> None:
    """Let the wallet hold what the payment wants by its sums, or what it has of that, until the promise lapses."""
    sums = payment.sums()
    _hold(tray, payment, min(sums.wanted, held(tray, payment) + spendable(tray, payment)), back_as)
    _promise(tray, payment, sums, until)


def follow(tray: Tray, before: Payment, after: Payment, *, back_as: transfer.Kind = transfer.Kind.VOID) -> Money:
    """Move what the newest element of `after` brought; answers what the wallet could not cover.

    The merchant has its money already, so what is short is paid too: the operator lends it to the resident or, where no
    card of ours was named, waits for an explanation. A hold is never made larger here: only a question does that.
    """
    was, now = before.sums(), after.sums()
    clearing = Purpose.CARD_CLEARING
    short = _take(tray, after, Leg.CAPTURE, clearing, now.taken - was.taken, final=not now.promised)
    if promise := tray.promises.get(after.id):
        _hold(tray, after, min(now.wanted, held(tray, after)), back_as)
        _promise(tray, after, now, promise.due_at)
    short += _take(tray, after, Leg.FEE, Purpose.FEES, now.fee - was.fee)
    short += _take(tray, after, Leg.MARKUP, Purpose.FX_INCOME, now.markup - was.markup)
    if charged := now.charged - was.charged:
        payee = Purpose.FEES if after.elements[-1].ours else clearing
        short += _take(tray, after, Leg.CHARGE, payee, Money(charged, after.currency))
    refunded = now.refunded - was.refunded
    if refunded > 0:
        _give(tray, after, Leg.REFUND, clearing, Money(refunded, after.currency))
    return short + _take(tray, after, Leg.REFUND_BACK, clearing, Money(max(-refunded, 0), after.currency))


def recover(tray: Tray, payment: Payment, amount: Money) -> None:
    """Let the wallet pay back what was lent to it; it was asked before whether it has `amount`."""
    assert payment.account is not None, "nothing is lent to nobody"
    lent = tray.operator(payment, Purpose.CARD_RECEIVABLE)
    _expect(_post(tray, payment, Leg.RECOVERY, AccountId(payment.account), lent, amount))


def write_off(tray: Tray, payment: Payment, amount: Money) -> None:
    """Book what nobody will pay back as a loss."""
    lost, lent = tray.operator(payment, Purpose.FRAUD_LOSS), tray.operator(payment, Purpose.CARD_RECEIVABLE)
    _expect(_post(tray, payment, Leg.WRITE_OFF, lost, lent, amount))


def cause(payment: Payment) -> Cause:
    """Say why something was taken that the wallet could not be asked about."""
    if payment.elements[-1].kind is Kind.FEE:
        return Cause.FEE
    sums = payment.sums()
    if not sums.was_promised:
        return Cause.FORCE_POST
    if sums.expired:
        return Cause.AFTER_EXPIRY
    stood_in = any(element.stand_in for element in payment.elements)
    return Cause.STAND_IN if stood_in else Cause.OVER_CAPTURE


def _take(tray: Tray, payment: Payment, leg: Leg, payee: Purpose, amount: Money, *, final: bool = True) -> Money:
    """Pay `amount` from the hold, where there is one, then from what is available; answers what is short."""
    if amount.minor < 0:
        _give(tray, payment, _BACK[leg], payee, -amount)
    if amount.minor <= 0:
        return zero(payment.currency)
    current = held(tray, payment) if leg is Leg.CAPTURE else zero(payment.currency)
    covered = min(amount, current + spendable(tray, payment))
    to = tray.operator(payment, payee)
    if current:
        _expect(tray.desk.capture(_capture(tray, payment, covered, final=final)))
    elif covered:
        assert payment.account is not None, "where nothing is spendable nothing is covered"
        _expect(_post(tray, payment, leg, AccountId(payment.account), to, covered))
    if short := amount - covered:
        lender = Purpose.CARD_RECEIVABLE if payment.account else Purpose.SUSPENSE
        _expect(_post(tray, payment, _SHORT[leg], tray.operator(payment, lender), to, short))
    return short


def _give(tray: Tray, payment: Payment, leg: Leg, payer: Purpose, amount: Money) -> None:
    """Pay money to the wallet; what nobody can be found for, or whose wallet is closed, waits for an explanation."""
    account = AccountId(payment.account) if payment.account else None
    if account is None or tray.desk.is_closed(account):
        account = tray.operator(payment, Purpose.SUSPENSE)
    _expect(_post(tray, payment, leg, tray.operator(payment, payer), account, amount))


def _hold(tray: Tray, payment: Payment, wanted: Money, back_as: transfer.Kind) -> None:
    """Make the hold `wanted`. A hold keeps its amount for life, so another amount is another hold."""
    current = held(tray, payment)
    promise = tray.promises.get(payment.id)
    if wanted == current:
        return
    if current and promise and promise.hold:
        release = Release(
            id=TransferId(name(payment.id, len(payment.elements), Leg.RELEASE)),
            hold=promise.hold,
            code=Leg.RELEASE.value,
            reference=_reference(payment),
            kind=back_as,
        )
        _expect(tray.desk.release(release))
    hold = _place(tray, payment, wanted) if wanted else None
    tray.promises[payment.id] = Promise(hold=hold, due_at=promise.due_at if promise else tray.now)


def _promise(tray: Tray, payment: Payment, sums: Sums, until: datetime) -> None:
    """Remember until when the merchant may still take something, or that it may take no more."""
    if sums.promised:
        known = tray.promises.get(payment.id)
        hold = known.hold if known and held(tray, payment) else None
        tray.promises[payment.id] = Promise(hold=hold, due_at=until)
    else:
        tray.promises.pop(payment.id, None)


def _capture(tray: Tray, payment: Payment, covered: Money, *, final: bool) -> Capture:
    hold = tray.promises[payment.id].hold
    assert hold is not None, "what is held has a hold"
    return Capture(
        id=TransferId(name(payment.id, len(payment.elements), Leg.CAPTURE)),
        hold=hold,
        money=covered,
        code=Leg.CAPTURE.value,
        reference=_reference(payment),
        final=final,
    )


def _post(  # noqa: PLR0917  the two sides of a leg
    tray: Tray, payment: Payment, leg: Leg, debit: AccountId, credit: AccountId, money: Money
) -> Answer:
    return tray.desk.post(
        Post(
            id=TransferId(name(payment.id, len(payment.elements), leg)),
            debit=debit,
            credit=credit,
            money=money,
            code=leg.value,
            reference=_reference(payment),
        )
    )


def _place(tray: Tray, payment: Payment, money: Money) -> HoldId:
    assert payment.account is not None, "only a card of ours is promised for"
    hold = HoldId(name(payment.id, len(payment.elements), Leg.HOLD))
    placed = tray.desk.place(
        Hold(
            id=hold,
            debit=AccountId(payment.account),
            credit=tray.operator(payment, Purpose.CARD_CLEARING),
            money=money,
            code=Leg.HOLD.value,
            reference=_reference(payment),
        )
    )
    _expect(placed)
    return hold


def _expect(answer: Answer) -> None:
    assert not isinstance(answer, Refused), f"what was asked about before is not refused: {answer}"


def _reference(payment: Payment) -> str:
    return f"card_payment:{payment.id}"


def name(payment: PaymentId, element: int, leg: str) -> UUID:
    """Derive a move's id, next to the payment's own in every index: the same time in front, other bits behind."""
    random = int.from_bytes(hashlib.sha256(f"{payment}/{element}/{leg}".encode()).digest()[:8], "big")
    return UUID(int=payment.int >> _RANDOM_BITS << _RANDOM_BITS | random >> (64 - _RANDOM_BITS))
