"""The booking of what the card network tells us: any number of messages, one transaction.

route      app/http/partner/network.py   authorizations, reversals, clearings
batches    app/batch.py                  locks the lanes, opens the desk
books      cards/booking.py              book()            <- you are here
decides    cards/swipe.py clearing.py reversal.py expiry.py
"""

from collections.abc import Sequence

from cards import allowance, clearing, expiry, message, reversal, swipe
from cards.message import Answer, Authorization, Clearing, Lapse, NetworkMessage, Reversal
from cards.payment import Payment
from cards.tray import Tray
from wallet.desk import Desk


async def book(
    desk: Desk, messages: Sequence[NetworkMessage | Lapse], load: allowance.Load = allowance.anything
) -> list[Answer | bool]:
    """Decide `messages` one after the other, each seeing what those before it did, and store them; a batch verb.

    `load` gives what the holders may spend (app/swiping.py). A repeat of a message is answered as it was the first
    time. A lapse is answered with whether it ended anything.
    """
    tray = Tray(desk)
    await tray.load(messages)
    tray.allowance = await load(desk, tray.holders())
    answers = [_book(tray, told) for told in messages]
    await tray.store()
    tray.allowance.write()
    return answers


def _book(tray: Tray, told: NetworkMessage | Lapse) -> Answer | bool:
    payment = tray.payment(told)
    if isinstance(told, Lapse):
        if (lapsed := expiry.lapse(tray, payment)) is payment:
            return False
        tray.keep(lapsed)
        return True
    known = payment.told(told.element)
    if known is None:
        payment = _act(tray, payment, told)
        tray.keep(payment)
        known = payment.elements[-1]
    return message.answer(payment.id, known)


def _act(tray: Tray, payment: Payment, told: NetworkMessage) -> Payment:
    match told:
        case Authorization():
            return swipe.authorize(tray, payment, told)
        case Reversal():
            return reversal.give_up(tray, payment, told)
        case Clearing():
            return clearing.take(tray, payment, told)
