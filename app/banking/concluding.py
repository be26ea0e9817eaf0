"""What a bank did, refused or sent back takes effect: state and money move together, once.

hears      app/banking/hearing.py      heard()
concludes  app/banking/concluding.py   conclude()    <- you are here, a verb of app/batch.py
moves      app/banking/booking.py      moves()

Whatever a bank says is said again, in another order, by webhook and when asked: the order is locked and its life says
what is news. A wallet that was closed meanwhile is passed over: what comes back for it waits in suspense.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db, ids
from app.allowance import Allowances, Operation, Spend
from app.banking import booking, counting, incoming, order, quoting, tables
from app.banking.booking import Places
from app.banking.incoming import Incoming, Step
from app.banking.order import Act, Change, Kind, Order, WrongState
from app.banking.quoting import Quote
from app.house import House
from app.idempotency_key import Stored
from app.money import claim
from app.partners import registry
from law.rails import Rail
from proof import journal
from wallet import exchange
from wallet import tables as ledger_tables
from wallet.account import NoWallet
from wallet.desk import Desk
from wallet.transfer import AccountId, HoldId, Move, Reason, Refused


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an order as its bank told it, or as we end what no bank was asked for.

    `wallet` is the holder's; `sequences` count the movements of accounts at the bank (app.bank_account), by their ids.
    `version` is of the order we looked at, where the end is our own decision and not news of what the bank did.
    """

    order: UUID
    act: Act
    places: Places
    actor: str
    wallet: AccountId | None = None
    bank_reference: str | None = None
    reason: str | None = None
    sequences: dict[UUID, int] = {}
    version: int | None = None


class Blocked(Exception):
    """The ledger refuses the moves: the order stays where it is and somebody has to look."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


Concluded = Order | Blocked | WrongState
#: What `submit` answers where the order moved on since it was looked at.
OVERTAKEN = "it moved on meanwhile"


async def submit(house: House, found: Order, conclusion: dict[str, object], *, actor: str) -> str:
    """Conclude `found` in the next batch; answers what went wrong, empty where nothing did."""
    async with db.transaction(house.worker) as story:
        bank = await registry.find(await story(), found.partner)
    asked = Conclusion(
        order=found.id,
        places=await booking.places(house, found, bank.code),
        wallet=await _wallet(house, found),
        actor=actor,
        **conclusion,  # type: ignore[arg-type]  # the other fields, by name
    )
    # A name of its own for each attempt: the ledger's refusal is an answer, and a later attempt may fare better. That
    # the effect is there once is the order's life to say.
    name = claim("bank_order", f"{found.id}/{asked.act}/{ids.new()}", None)
    reply = await house.money.submit(conclude, [asked], lanes=[found.lane], claim=name, render=_render)
    return msgspec.json.decode(reply.stored.body, type=str)


async def conclude(desk: Desk, asked: Sequence[Conclusion]) -> Sequence[Concluded]:
    """Conclude orders, one after the other: a verb for app/batch.py."""
    orders = await order.lock(desk.db, [item.order for item in asked])
    await desk.load_holds(HoldId(item.order) for item in asked)
    await desk.load(
        account
        for item in asked
        for account in (
            *booking.accounts(orders[item.order]),
            *item.places.all(),
            *([item.wallet] if item.wallet else []),
        )
    )
    spends = [spend for item in asked if (spend := _spent(orders[item.order]))]
    allowances = await Allowances.load(desk, spends)
    quotes = await quoting.of_orders(desk.db, [found.quote for found in orders.values() if found.quote])
    answers: list[Concluded] = []
    changes: list[Change] = []
    strayed: list[Incoming] = []
    for item in asked:
        found = orders[item.order]
        moved = _move(desk, item, found, quotes, strayed)
        if isinstance(moved, Order):
            orders[item.order] = moved  # a second entry for it in this batch finds the act done
            changes.append(_change(desk, item, found))
            if item.act is not Act.FINISH and (spend := _spent(found)):
                allowances.give_back(spend, found.requested_at)
        answers.append(moved)
    await order.record(desk.db, changes)
    allowances.write()
    await incoming.write(desk.db, [(each, [Step("suspended", desk.now, each.reason)]) for each in strayed])
    await _follow(desk, asked, answers, quotes)
    return answers


def _move(desk: Desk, item: Conclusion, found: Order, quotes: dict[UUID, Quote], strayed: list[Incoming]) -> Concluded:
    """Decide the act and its moves, all or none; what comes back to nobody is added to `strayed`."""
    try:
        state = _after(item, found)
        if not _try(desk, item, found, quotes):
            strayed.append(_stray(found, desk.now))
    except (WrongState, Blocked) as refusal:
        return refusal
    return msgspec.structs.replace(found, state=state, version=found.version + 1)


def _after(item: Conclusion, found: Order) -> order.State:
    if item.version not in {None, found.version}:
        raise WrongState(item.act, found.state)
    return order.after(found.state, item.act)


def _try(desk: Desk, item: Conclusion, found: Order, quotes: dict[UUID, Quote]) -> bool:
    """Move the money; False where its wallet is closed and it went into suspense, for officers."""
    quote = quotes[found.quote] if found.quote else None
    try:
        # The event of an exchange names its group, by which it is verified.
        group = found.id if found.kind is Kind.EXCHANGE else None
        _together(desk, booking.moves(found, item.act, item.places, item.wallet, quote), group)
    except Blocked as blocked:
        if item.act is not Act.RETURN or blocked.reason is not Reason.ACCOUNT_CLOSED:
            raise
        _together(desk, booking.moves(found, item.act, item.places, None))
        return False
    return True


def _stray(found: Order, at: datetime) -> Incoming:
    """Put what came back for a closed wallet in the officers' queue, under the key of its order."""
    came, rail = found.money + found.fee, found.rail or Rail.IMPS
    return incoming.stray(found.partner, found.key, came, rail, lane=found.lane, reason="wallet_closed", at=at)


def _together(desk: Desk, moves: Sequence[Move], group: UUID | None = None) -> None:
    with desk.together((group or ids.new()) if len(moves) > 1 else None):
        for move in moves:
            answer = desk.move(move)
            if isinstance(answer, Refused):
                raise Blocked(answer.reason)


def _change(desk: Desk, item: Conclusion, found: Order) -> Change:
    return Change(
        order=found,
        act=item.act,
        at=desk.now,
        actor=item.actor,
        bank_reference=item.bank_reference,
        reason=item.reason,
    )


async def _follow(
    desk: Desk, asked: Sequence[Conclusion], answers: Sequence[Concluded], quotes: dict[UUID, Quote]
) -> None:
    """Tell what hangs on the orders: an exchange, an account that moved at the bank, a payment that went back."""
    for item, answer in zip(asked, answers, strict=True):
        if not isinstance(answer, Order):
            continue
        await _moved_at_bank(desk.db, item.sequences)
        if answer.quote is not None and item.act is Act.FINISH:
            await journal.append(desk.db, ledger_tables.event, _exchanged(answer, item, quotes[answer.quote], desk.now))
        if answer.kind is Kind.REFUND:
            await incoming.refunded(desk.db, answer.about, item.act, at=desk.now, reason=item.reason)


def _exchanged(found: Order, item: Conclusion, quote: Quote, at: datetime) -> journal.Fact:
    assert found.holder is not None, "residents exchange"
    return exchange.fact(booking.exchange(quote), found.id, holder=found.holder, actor=item.actor, at=at)


async def _moved_at_bank(connection: AsyncConnection, sequences: dict[UUID, int]) -> None:
    accounts = tables.bank_account
    for account, sequence in sorted(sequences.items()):
        older = (accounts.c.id == account) & (accounts.c.sequence < sequence)
        await connection.execute(accounts.update().where(older).values(sequence=sequence))


def _spent(found: Order) -> Spend | None:
    """Say how the order was counted, to be given back on the day it was."""
    return None if found.operation is Operation.RECEIVE else counting.spend(found)


async def _wallet(house: House, found: Order) -> AccountId | None:
    if found.holder is None:
        return None
    try:
        return (await house.money.wallet(found.holder)).account
    except NoWallet:
        return None


def _render(answers: Sequence[Concluded]) -> Stored:
    match answers[0]:
        case Blocked() as blocked:
            trouble = f"ledger: {blocked.reason}"
        case WrongState():
            trouble = OVERTAKEN
        case _:
            trouble = ""
    return Stored(200, msgspec.json.encode(trouble))
