"""Money of a placement moves with its act, in one batch: to the bank when booked, back when released or repaid.

The operator's account `invest_settlement` of a bank holds exactly the principals placed there, so that the sum of all
positions is its balance. At maturity the principal comes back from it; the interest comes from the bank.

due        app/partners/placing.py     step()
moves      invest/settlement.py        book(), release(), repay()    <- you are here
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from invest import life, placement
from invest.life import Act, WrongState
from invest.placement import Change, Placement
from wallet.desk import Desk
from wallet.transfer import AccountId, Capture, HoldId, Move, Post, Reason, Refused, Release, TransferId


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A placement whose money is to move, by transfers with the ids `first` and `second`.

    `wallet` is the resident's account, `settlement` and `bank` the operator's for that bank, all on one lane.
    """

    placement: UUID
    first: UUID
    second: UUID
    wallet: AccountId
    settlement: AccountId
    bank: AccountId
    actor: str


class Blocked(Exception):
    """The ledger refuses the move: the placement stays where it is and somebody has to look."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


Settled = Placement | Blocked | WrongState


async def book(desk: Desk, asked: Sequence[Due]) -> Sequence[Settled]:
    """Let the money set aside go to the banks that confirmed: a verb for app/batch.py."""
    return await _settle(desk, asked, Act.BOOK)


async def release(desk: Desk, asked: Sequence[Due]) -> Sequence[Settled]:
    """Free the money set aside for banks that refused: a verb for app/batch.py."""
    return await _settle(desk, asked, Act.RELEASE)


async def repay(desk: Desk, asked: Sequence[Due]) -> Sequence[Settled]:
    """Pay principal and interest of matured placements into the wallets: a verb for app/batch.py."""
    return await _settle(desk, asked, Act.REPAY)


async def _settle(desk: Desk, asked: Sequence[Due], act: Act) -> Sequence[Settled]:
    placements = await placement.lock(desk.db, [item.placement for item in asked])
    if act is Act.REPAY:
        await desk.load(account for item in asked for account in (item.wallet, item.settlement, item.bank))
    else:
        await desk.load_holds(HoldId(item.placement) for item in asked)
    answers: list[Settled] = []
    changes: list[Change] = []
    for item in asked:
        found = placements[item.placement]
        moved = _move(desk, act, item, found)
        if isinstance(moved, Placement):
            placements[item.placement] = moved  # a second entry for it in this batch finds the act done
            changes.append(Change(placement=found, act=act, at=desk.now, actor=item.actor))
        answers.append(moved)
    await placement.record(desk.db, changes)
    return answers


def _move(desk: Desk, act: Act, item: Due, found: Placement) -> Settled:
    """Decide the act and its moves, all or none."""
    try:
        state = life.after(found.state, act)
    except WrongState as refusal:
        return refusal
    answer = desk.group(item.first, _moves(act, item, found))
    if isinstance(answer, Refused):
        return Blocked(answer.reason)
    return msgspec.structs.replace(found, state=state, version=found.version + 1)


def _moves(act: Act, item: Due, found: Placement) -> list[Move]:
    first, second, reference = TransferId(item.first), TransferId(item.second), str(found.id)
    hold = HoldId(found.id)
    if act is Act.BOOK:
        return [Capture(id=first, hold=hold, money=found.principal, code="invest.book", reference=reference)]
    if act is Act.RELEASE:
        return [Release(id=first, hold=hold, code="invest.release", reference=reference)]
    back = Post(
        id=first,
        debit=item.settlement,
        credit=item.wallet,
        money=found.principal,
        code="invest.principal",
        reference=reference,
    )
    earned = Post(
        id=second,
        debit=item.bank,
        credit=item.wallet,
        money=found.interest,
        code="invest.interest",
        reference=reference,
    )
    return [back, earned] if found.interest else [back]
