"""Residents pay residents: what every way of paying asks before the desk moves anything.

used by    app/sending.py, app/payments/{request,standing_order,payment_list}.py, inside their verbs
counts     app/allowance.py      limits and restrictions of both sides
moves      wallet/desk.py        post(), from lane to lane too

A wallet whose owner is no e-resident any more can only be emptied: its owner sends, nobody sends to it (ADR 10). Why a
payee can't receive is between them and the operator.
"""

from collections.abc import Iterable
from typing import Self

from app.allowance import Allowances, LimitReached, Operation, Restricted, Spend
from app.banking import arriving
from app.standing import PayeeUnavailable
from wallet.desk import Desk
from wallet.transfer import Post, Posted, Reason, Refused

Answer = Posted | Refused | PayeeUnavailable | Restricted | LimitReached


class Paying:
    """The payments of one batch: load, then pay one after the other, then write once."""

    def __init__(self, desk: Desk, allowances: Allowances) -> None:
        self._desk = desk
        self._allowances = allowances

    @classmethod
    async def load(cls, desk: Desk, posts: Iterable[Post]) -> Self:
        """Load accounts and allowances of both sides of `posts`."""
        asked = list(posts)
        await desk.load(side for post in asked for side in (post.debit, post.credit))
        await desk.load_crossing()
        sides = [
            Spend(holder, operation, post.money)
            for post in asked
            for operation, side in ((Operation.TRANSFER, post.debit), (Operation.RECEIVE, post.credit))
            if (holder := desk.holder(side)) is not None
        ]
        return cls(desk, await arriving.allowances(desk, sides))

    def pay(self, post: Post) -> Answer:
        """Move the money of one payment, if nothing stands against it."""
        payer, payee = self._desk.holder(post.debit), self._desk.holder(post.credit)
        if payer is None or payee is None:  # nobody's, or the operator's, which is no address
            return Refused(Reason.UNKNOWN_ACCOUNT)
        if not self._allowances.e_resident(payee):
            return PayeeUnavailable()
        left = self._desk.available(post.debit)
        if left is not None and left.minor < post.money.minor:
            return self._desk.post(post)  # refuses, in plainer words than any limit has
        sent, received = Spend(payer, Operation.TRANSFER, post.money), Spend(payee, Operation.RECEIVE, post.money)
        if (stop := self._allowances.claim(sent)) is not None:
            return stop
        if self._allowances.claim(received) is not None:
            self._allowances.give_back(sent)
            return PayeeUnavailable()
        answer = self._desk.post(post)
        if not isinstance(answer, Posted):
            self._allowances.give_back(received)
            self._allowances.give_back(sent)
        return answer

    def write(self) -> None:
        """Store what was counted."""
        self._allowances.write()
