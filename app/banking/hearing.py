"""What a bank says about an order, by webhook or when asked: it counts once, and only where it says what was agreed.

hears      app/partners/inbox.py       order.done, order.rejected, order.returned
asks       app/banking/asking.py       step()
decides    app/banking/hearing.py      decide()      <- you are here
concludes  app/banking/concluding.py   conclude()    where money moves; app/banking/errands.py where none does
"""

from uuid import UUID

from sqlalchemy import select

from app import db
from app.banking import booking, concluding, errands, order, tables
from app.banking.order import Act, Kind, Order, State
from app.banking.told import Told
from app.house import House
from app.http.ids import UnknownId
from app.partners.message import Message, TooEarly, Unfit, read

_ACTS = {"done": Act.FINISH, "rejected": Act.REJECT, "returned": Act.RETURN}
#: Where an act has led before: said again it is no news.
_KNOWN = {
    Act.FINISH: frozenset({State.DONE, State.RETURNED}),
    Act.REJECT: frozenset({State.REJECTED}),
    Act.RETURN: frozenset({State.RETURNED}),
}


async def told(house: House, message: Message) -> str:
    """Act on `order.done`, `order.rejected` and `order.returned`; raises Unfit, TooEarly."""
    said = read(message.data, Told)
    try:
        about = order.read_key(said.order_id)
    except UnknownId as error:
        raise Unfit("no such order") from error
    async with db.transaction(house.worker) as story:
        found = (await order.lock(await story(), [about])).get(about)
    if found is None or found.partner != message.partner.id or found.key != said.order_id:
        raise Unfit("no such order")
    return await heard(house, found, said)


async def heard(house: House, found: Order, said: Told) -> str:
    """Let what the bank says about `found` take effect; raises Unfit, TooEarly.

    Where other news was faster, the words are weighed again against the order as it is then.
    """
    act = decide(found, said)
    if act is None:
        return "known already"
    trouble = await _conclude(house, found, act, said)
    if trouble == concluding.OVERTAKEN:
        async with db.transaction(house.worker) as story:
            found = await order.find(await story(), found.id, found.kind)
        return await heard(house, found, said)
    if trouble:
        raise TooEarly(trouble)
    return act.value


async def _conclude(house: House, found: Order, act: Act, said: Told) -> str:
    """Let `act` take effect; answers what went wrong, empty where nothing did."""
    actor = f"partner:{found.partner}"
    if found.kind in order.ERRANDS:
        return "" if await errands.conclude(house, found, act, said, actor=actor) else concluding.OVERTAKEN
    sequences = await _sequences(house, found, said) if act is Act.FINISH else {}
    words = {"bank_reference": said.bank_reference, "reason": _reason(act, said), "sequences": sequences}
    return await concluding.submit(house, found, {"act": act, **words}, actor=actor)


async def _sequences(house: House, found: Order, said: Told) -> dict[UUID, int]:
    """Say which movement of each account at the bank the order is; raises Unfit where the bank does not number all.

    A balance it reports counts the order or does not: without the numbers nobody knows.
    """
    if found.kind not in order.MOVES_ACCOUNTS:
        return {}
    accounts = tables.bank_account.c
    touched = accounts.account.in_(booking.accounts(found)) & (accounts.state == "open")
    async with db.transaction(house.worker) as story:
        known = (await (await story()).scalars(select(accounts.id).where(touched))).all()
    named = {order.show(Kind.ACCOUNT, account): account for account in known}
    if named.keys() != said.sequences.keys():
        raise Unfit("it does not number the movements of the accounts")
    return {account: said.sequences[name] for name, account in named.items()}


def decide(found: Order, said: Told) -> Act | None:
    """Say what follows from the bank's words, None where they are no news; raises Unfit, TooEarly."""
    if (act := _ACTS.get(said.status)) is None or found.state in _KNOWN[act]:
        return None
    if found.state is State.REJECTED:
        raise Unfit("it was rejected before")
    if act is Act.REJECT and found.state in {State.DONE, State.RETURNED}:
        raise Unfit("it was done before")
    if act is Act.RETURN and found.kind not in order.RETURNABLE:
        raise Unfit("nothing comes back of this")
    if found.state is State.REQUESTED or (act is Act.RETURN and found.state is not State.DONE):
        raise TooEarly(f"it is {found.state}")
    if act is not Act.REJECT:
        _compare(found, said)
    return act


def _compare(found: Order, said: Told) -> None:
    """Raise Unfit where the bank did something else than was agreed."""
    if found.kind is Kind.ACCOUNT:
        if said.iban is None or said.currency != found.currency:
            raise Unfit("it opened another account")
        return
    if found.kind is Kind.NAME_CHECK:
        return
    agreed = (found.amount_minor, found.currency, found.gets_minor, found.gets_currency)
    if (said.amount_minor, said.currency, said.gets_minor, said.gets_currency) != agreed:
        raise Unfit("it says another amount")


def _reason(act: Act, said: Told) -> str | None:
    return None if act is Act.FINISH else said.reason or "not_said"
