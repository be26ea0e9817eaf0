"""The money side of a payment: what the wallet sets aside for it, and what leaves.

Each move's id is derived from the payment and the element it belongs to, so the ledger itself, where ids are unique,
refuses to do one twice.
"""

import contextlib
import enum
import hashlib
from datetime import datetime
from uuid import UUID

from cards.archive import Promise
from cards.payment import Payment
from cards.tray import Tray
from law.money import Money, zero
from wallet.account import Purpose
from wallet.transfer import AccountId, Answer, Capture, Hold, HoldId, Kind, Post, Reason, Refused, Release, TransferId

_RANDOM_BITS = 62  # the last field of a UUIDv7 (RFC 9562 section 5.7)


class Leg(enum.StrEnum):
    """The moves an element may bring, one of each at most; also their codes in the ledger."""

    HOLD = "card_hold"
    RELEASE = "card_release"
    CAPTURE = "card_capture"
    SHORT = "card_short"


class _CannotHold(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def held(tray: Tray, payment: Payment) -> Money:
    """Answer what the wallet really sets aside for `payment`: less than was promised where it did not have it."""
    promise = tray.promises.get(payment.id)
    remaining = tray.desk.remaining(promise.hold) if promise and promise.hold else None
    return remaining or zero(payment.currency)


def spendable(tray: Tray, payment: Payment) -> Money:
    """Answer what the wallet that pays can spend beside its holds; nothing where no card of ours was named."""
    nothing = zero(payment.currency)
    available = tray.desk.available(AccountId(payment.account)) if payment.account else None
    return max(available or nothing, nothing)


def set_aside(
    tray: Tray, payment: Payment, wanted: Money, *, until: datetime, back_as: Kind = Kind.VOID
) -> Reason | None:
    """Make the wallet hold `wanted` for `payment` until its promise lapses; `back_as` says why money is given back.

    Answers None, or why the wallet can't, and then nothing changed.
    """
    current = held(tray, payment)
    hold = tray.promises[payment.id].hold if current else None
    if wanted != current:
        # A hold keeps its amount for life, so another amount is another hold: both moves happen, or none.
        both = tray.desk.together() if current and wanted else contextlib.nullcontext()
        try:
            with both:
                if hold:
                    _give_back(tray, payment, hold, back_as)
                hold = _place(tray, payment, wanted) if wanted else None
        except _CannotHold as refused:
            return refused.reason
    promise(tray, payment, hold, until=until)
    return None


def promise(tray: Tray, payment: Payment, hold: HoldId | None, *, until: datetime) -> None:
    """Remember what stands behind what the merchant may still take, or that it may take no more."""
    if payment.sums().promised:
        tray.promises[payment.id] = Promise(hold=hold, due_at=until)
    else:
        tray.promises.pop(payment.id, None)


def take(tray: Tray, payment: Payment, amount: Money) -> Money:
    """Pay the network `amount`: from the hold, then from what is available; answers what the wallet could not cover.

    The merchant has its money already, so what is short is paid too: the operator lends it to the resident or, where no
    card of ours was named, waits for an explanation.
    """
    current = held(tray, payment)
    hold = tray.promises[payment.id].hold if current else None
    covered = min(amount, current + spendable(tray, payment))
    if covered and isinstance(_pay(tray, payment, covered, hold), Refused):
        assert hold is None, "a wallet with holds is not closed"
        covered = zero(payment.currency)
    if short := amount - covered:
        lender = Purpose.CARD_RECEIVABLE if payment.account else Purpose.SUSPENSE
        _expect(_post(tray, payment, Leg.SHORT, tray.operator(payment, lender), short))
    if open_promise := tray.promises.get(payment.id):
        promise(tray, payment, hold if held(tray, payment) else None, until=open_promise.due_at)
    return short


def _pay(tray: Tray, payment: Payment, covered: Money, hold: HoldId | None) -> Answer:
    if hold is None:
        assert payment.account is not None, "where nothing is spendable nothing is covered"
        return _post(tray, payment, Leg.CAPTURE, AccountId(payment.account), covered)
    return tray.desk.capture(
        Capture(
            id=TransferId(_id(payment, Leg.CAPTURE)),
            hold=hold,
            money=covered,
            code=Leg.CAPTURE.value,
            reference=_reference(payment),
            final=not payment.sums().promised,
        )
    )


def _post(tray: Tray, payment: Payment, leg: Leg, debit: AccountId, money: Money) -> Answer:
    return tray.desk.post(
        Post(
            id=TransferId(_id(payment, leg)),
            debit=debit,
            credit=tray.operator(payment, Purpose.CARD_CLEARING),
            money=money,
            code=leg.value,
            reference=_reference(payment),
        )
    )


def _place(tray: Tray, payment: Payment, money: Money) -> HoldId:
    assert payment.account is not None, "only a card of ours is promised for"
    hold = HoldId(_id(payment, Leg.HOLD))
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
    if isinstance(placed, Refused):
        raise _CannotHold(placed.reason)
    return hold


def _give_back(tray: Tray, payment: Payment, hold: HoldId, kind: Kind) -> None:
    release = Release(
        id=TransferId(_id(payment, Leg.RELEASE)),
        hold=hold,
        code=Leg.RELEASE.value,
        reference=_reference(payment),
        kind=kind,
    )
    _expect(tray.desk.release(release))


def _expect(answer: Answer) -> None:
    assert not isinstance(answer, Refused), f"the operator's accounts and open holds refuse nothing: {answer}"


def _reference(payment: Payment) -> str:
    return f"card_payment:{payment.id}"


def _id(payment: Payment, leg: Leg) -> UUID:
    """Derive a move's id, next to the payment's own in every index: the same time in front, other bits behind."""
    name = f"{payment.id}/{len(payment.elements)}/{leg}".encode()
    random = int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> (64 - _RANDOM_BITS)
    return UUID(int=payment.id.int >> _RANDOM_BITS << _RANDOM_BITS | random)
