"""Card payments meet what their holders may spend: limits and restrictions are asked here and counted here.

batches    app/swiping.py        book()       <- you are here, the verb that app/batch.py runs
books      cards/booking.py      book()
asks       app/allowance.py      Allowances
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.allowance import Allowances, LimitReached, Restricted, Spend
from cards import booking
from cards.message import Answer, Lapse, NetworkMessage
from cards.reason import Reason
from law.money import KZT, Money, zero
from wallet.desk import Desk
from wallet.limit import Operation


class _Holders:
    """The allowances of one batch, in the words of cards/allowance.py."""

    def __init__(self, allowances: Allowances) -> None:
        self._allowances = allowances

    def refuses(self, holder: UUID, more: Money) -> Reason | None:
        match self._allowances.refusal(Spend(holder, Operation.CARD, more)):
            case Restricted():
                return Reason.RESTRICTED
            case LimitReached():
                return Reason.SPENDING_LIMIT
        return None

    def count(self, holder: UUID, more: Money, opened_at: datetime) -> None:
        self._allowances.count(Spend(holder, Operation.CARD, more), opened_at)

    def write(self) -> None:
        self._allowances.write()


async def book(desk: Desk, messages: Sequence[NetworkMessage | Lapse]) -> list[Answer | bool]:
    """Decide what the network says, within what each holder may spend: a verb for app/batch.py."""
    return await booking.book(desk, messages, _load)


async def _load(desk: Desk, holders: set[UUID]) -> _Holders:
    spends = (Spend(holder, Operation.CARD, zero(KZT)) for holder in holders)
    return _Holders(await Allowances.load(desk, spends))
