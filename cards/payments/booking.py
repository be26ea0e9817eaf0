"""The booking of what the card network tells us: any number of messages, one transaction.

route      app/network/, app/http/partner/network.py, app/partners/stripe_issuing/
batches    app/batch.py                 locks the lanes, opens the desk
books      cards/payments/booking.py    book()            <- you are here
decides    cards/payments/swipe.py      clearing.py reversal.py refund.py expiry.py recovery.py matching.py
"""

from collections.abc import Sequence

from cards.payments import clearing, expiry, matching, message, recovery, refund, reversal, swipe, twice
from cards.payments.decision import Source
from cards.payments.message import (
    Answer,
    Authorization,
    Clearing,
    Confirmation,
    FeeCharge,
    HouseMessage,
    Lapse,
    Match,
    Message,
    NetworkMessage,
    Recovery,
    Refund,
    Refused,
    Reversal,
    WriteOff,
)
from cards.payments.payment import Element, Kind, Payment
from cards.payments.reason import Reason
from cards.payments.tray import Tray
from wallet.desk import Desk


async def book(desk: Desk, messages: Sequence[Message], sources: Sequence[Source]) -> list[Answer | bool]:
    """Decide `messages` one after the other, each seeing what those before it did, and store them; a batch verb.

    `sources` are those who have a say in questions (app/cards/swiping.py). A repeat of a message is answered as it was
    the first time, and so is an advice of what we had answered ourselves, whichever came first: it says nothing new.
    Something else under its name, or in another currency than the payment's, is answered and not booked
    (reason.UNBOOKED). A message of the house is answered with whether anything came of it.
    """
    tray = Tray(desk)
    await tray.load(messages, sources)
    answers = [_of_house(tray, told) if isinstance(told, HouseMessage) else _book(tray, told) for told in messages]
    tray.store()
    return answers


def _book(tray: Tray, told: NetworkMessage) -> Answer:
    payment = tray.payment(told)
    known = payment.told(told.element)
    if known is not None and known.kind not in message.kinds(told):
        return message.unbooked(payment.id, Reason.NAME_TAKEN)
    if known is None:
        if message.foreign(told, payment.currency):
            return message.unbooked(payment.id, Reason.WRONG_CURRENCY)
        news = twice.news(payment, told)
        if not isinstance(news, Element):
            payment = _act(tray, payment, news)
        elif isinstance(told, Authorization) and news.kind is Kind.CLEARING and not news.single:
            payment = swipe.late(tray, payment, told)
        else:
            return message.answer(payment.id, news)
        tray.keep(payment)
        known = payment.told(told.element)
    assert known is not None, "what was just said is an element"
    return message.answer(payment.id, known)


def _act(tray: Tray, payment: Payment, told: NetworkMessage) -> Payment:  # noqa: PLR0911  one for each
    match told:
        case Authorization():
            return swipe.authorize(tray, payment, told)
        case Refused():
            return swipe.refuse(tray, payment, told)
        case Confirmation():
            return swipe.confirm(tray, payment, told)
        case Reversal():
            return reversal.give_up(tray, payment, told)
        case Clearing():
            return clearing.take(tray, payment, told)
        case Refund():
            return refund.give(tray, payment, told)
        case FeeCharge():
            return refund.charge(tray, payment, told)


def _of_house(tray: Tray, told: HouseMessage) -> bool:
    before = tray.payment(told)
    after = _do(tray, before, told)
    if after is before:
        return False
    tray.keep(after)
    return True


def _do(tray: Tray, payment: Payment, told: HouseMessage) -> Payment:
    match told:
        case Lapse():
            return expiry.lapse(tray, payment, early=told.early)
        case Recovery():
            return recovery.recover(tray, payment)
        case Match():
            return matching.match(tray, payment, told)
        case WriteOff():
            return recovery.write_off(tray, payment, told)
