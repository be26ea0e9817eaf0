"""What stands between an order and its bank: another worker, another officer, money that is not there, other news.

Where two are at work, each has a house of its own, and the slower one acts on what it saw before.
"""

import asyncio

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy.exc import DBAPIError

from app import clock, db, ids, money
from app.banking import asking, concluding, errands, hearing, order
from app.banking.order import Act, Kind, Order, State
from app.banking.told import Told
from app.house import House
from app.partners.message import Unfit
from app.settings import Settings
from law.money import KZT
from simulators.faults import Faults
from tests.app.restrictions.people import days_later, restricting, waits
from tests.banking.clients import Json, held, pays_out, run, saves
from tests.partners import outside
from tests.partners.investors import Investor, investor
from tests.partners.outside import Outside
from wallet.transfer import HoldId, Release, TransferId

pytestmark = pytest.mark.asyncio
_FULL = 1_000_000_00


async def takes(house: House, paid: Json) -> Order:
    """Take an order as a worker does whose lease is over before it does anything."""
    now = clock.real()
    async with db.transaction(house.worker) as story:
        taken = await order.claim(await story(), now=now, until=now, limit=100)
    return next(each for each in taken if each.key == paid["id"])


async def stands(house: House, paid: Json) -> Order:
    """Load an order as it is now."""
    async with db.transaction(house.worker) as story:
        about = order.read_key(paid["id"])
        return (await order.lock(await story(), [about]))[about]


async def counted(out: Outside, me: Investor) -> int:
    """Add up what is counted against the limits of somebody."""
    query = "SELECT coalesce(sum(minor), 0)::bigint FROM app.allowance_use WHERE holder = :holder"
    [[minor]] = await outside.rows(out.house, query, holder=me.resident)
    return int(minor)


def deaf(house: House, heard: list[str]) -> House:
    """Give a house that reaches no bank; what it would have asked is in `heard`."""

    def refuse(request: httpx.Request) -> httpx.Response:
        heard.append(str(request.url))
        raise httpx.ConnectError("no route", request=request)

    return msgspec.structs.replace(house, http=httpx.AsyncClient(transport=httpx.MockTransport(refuse)))


async def test_a_worker_that_was_overtaken_does_not_end_what_the_bank_is_being_asked_for(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 361) as me:
        paid = await pays_out(me, await saves(me, out), 1_000, "as-1")
        out.bank.faults = Faults(decision_s=600)
        heard: list[str] = []
        slow = deaf(out.house, heard)

        seen = await takes(slow, paid)
        await asking.step(out.house)
        async with restricting(out.house, me.resident, "source_of_funds"):
            pass
        await asking.advance(slow, seen)

        assert (await stands(out.house, paid)).state is State.SENT
        assert await held(me) == (_FULL, 1_100_00)
        assert heard == []


async def test_a_worker_that_was_overtaken_does_not_ask_for_what_has_ended(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 362) as me:
        paid = await pays_out(me, await saves(me, out), 1_000, "as-2")
        out.bank.faults = Faults(seed=2, decision_s=0, reject=1.0)
        heard: list[str] = []
        slow = deaf(out.house, heard)

        seen = await takes(slow, paid)
        await run(out)
        await asking.advance(slow, seen)

        found = await stands(out.house, paid)
        assert (found.state, found.trouble, heard) == (State.REJECTED, None, [])


async def test_we_end_only_what_still_is_as_we_saw_it(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 363) as me:
        paid = await pays_out(me, await saves(me, out), 1_000, "as-3")
        opened = await me.phone.post("/v1/bank-accounts", {"bank": outside.CODE, "currency": "USD"})
        out.bank.faults = Faults(decision_s=600)
        payout, errand = await takes(out.house, paid), await takes(out.house, opened)
        await asking.step(out.house)

        ending = {"act": Act.REJECT, "reason": "consent_withdrawn", "version": payout.version}
        assert await concluding.submit(out.house, payout, ending, actor="system") == concluding.OVERTAKEN
        rejected = Told(order_id=errand.key, status="rejected")
        assert not await errands.conclude(out.house, errand, Act.REJECT, rejected, actor="system")

        assert await held(me) == (_FULL, 1_100_00)
        assert {(await stands(out.house, each)).state for each in (paid, opened)} == {State.SENT}


async def test_what_has_ended_is_never_due(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 364) as me:
        paid = await pays_out(me, await saves(me, out), 1_000, "as-4")
        await run(out)
        ended = await stands(out.house, paid)
        assert ended.state is State.DONE

        with pytest.raises(DBAPIError, match="bank_order_check"):
            async with db.transaction(out.house.worker) as story:
                await order.postpone(await story(), ended, due_at=clock.real(), trouble="")


@pytest.mark.parametrize(
    ("number", "cause", "payee", "later", "state"),
    [
        (365, "source_of_funds", "A PAYEE", True, "rejected"),
        (366, "source_of_funds", None, True, "done"),  # an account of one's own is not what a review stops
        (374, "source_of_funds", None, False, "rejected"),  # unless it has just begun
        (367, "court_arrest", None, True, "rejected"),
    ],
)
async def test_a_restriction_stops_what_the_bank_has_not_been_asked_for(
    app: Litestar,
    settings: Settings,
    out: Outside,
    number: int,
    cause: str,
    payee: str | None,
    state: str,
    *,
    later: bool,
) -> None:
    async with investor(app, settings, number) as me:
        paid = await pays_out(me, await saves(me, out, payee), 1_000, f"as-{number}")
        assert await counted(out, me) == 1_000_00

        async with restricting(out.house, me.resident, cause):
            pass
        if later:
            await days_later(out.house, me.resident)
        await run(out)

        found = await me.phone.get(f"/v1/payouts/{paid['id']}")
        assert (found["state"], found["reason"]) == (state, "restricted" if state == "rejected" else None)
        left = 1_000_00 if state == "done" else 0
        assert (await held(me), await counted(out, me)) == ((_FULL - left, 0), left)
        assert (out.bank.books.order(paid["id"]) is None) == (state == "rejected")


async def test_money_that_is_not_set_aside_is_never_paid(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 368) as me:
        paid = await pays_out(me, await saves(me, out), 1_000, "as-8")
        found = await stands(out.house, paid)
        freed = Release(id=TransferId(ids.new()), hold=HoldId(found.id), code="test.freed")
        claim = money.claim("test", str(ids.new()), None)
        await out.house.money.move([freed], lanes=[found.lane], claim=claim, render=money.plainly)
        assert await held(me) == (_FULL, 0)

        await asking.step(out.house)

        found = await stands(out.house, paid)
        assert (found.state, found.trouble) == (State.REQUESTED, "NotSetAside")
        assert out.bank.books.order(paid["id"]) is None


@pytest.mark.parametrize(
    ("kind", "state"),
    [*((kind, State.REQUESTED) for kind in Kind if kind not in order.ERRANDS), *((kind, State.SENT) for kind in Kind)],
)
async def test_the_api_s_role_asks_banks_for_errands_only(app: Litestar, kind: Kind, state: State) -> None:
    holder = ids.new()
    new = Order(
        id=ids.new(),
        kind=kind,
        holder=holder,
        partner=ids.new(),
        about=ids.new(),
        lane=1,
        amount_minor=1,
        currency=KZT,
        requested_at=clock.real(),
        state=state,
    )

    with pytest.raises(DBAPIError, match="row-level security"):
        async with db.transaction(app.state.house.api, holder=holder, audience="service") as story:
            await order.insert(await story(), [new], actor=f"resident:{holder}", due_at=clock.real())


@pytest.mark.parametrize(
    ("number", "first", "second", "why"),
    [(369, "done", "rejected", "it was done before"), (370, "rejected", "done", "it was rejected before")],
)
async def test_two_words_of_a_bank_that_contradict_each_other_are_not_both_taken(
    app: Litestar, settings: Settings, out: Outside, number: int, first: str, second: str, why: str
) -> None:
    async with investor(app, settings, number) as me:
        paid = await pays_out(me, await saves(me, out), 1_000, f"as-{number}")
        opened = await me.phone.post("/v1/bank-accounts", {"bank": outside.CODE, "currency": "USD"})
        out.bank.faults = Faults(decision_s=600)
        await asking.step(out.house)

        for each in (paid, opened):
            seen = await stands(out.house, each)
            words = {
                "order_id": seen.key,
                "amount_minor": seen.amount_minor,
                "currency": seen.currency,
                "iban": "KZ599990000000000001",
            }
            await hearing.heard(out.house, seen, msgspec.convert({**words, "status": first}, Told))
            again = await hearing.heard(out.house, seen, msgspec.convert({**words, "status": first}, Told))
            with pytest.raises(Unfit, match=why):
                await hearing.heard(out.house, seen, msgspec.convert({**words, "status": second}, Told))
            assert again == "known already"
            assert (await stands(out.house, each)).state == first


async def test_a_restriction_of_the_same_moment_comes_before_the_bank_or_after_it(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 368) as me:
        paid = await pays_out(me, await saves(me, out, "A PAYEE"), 1_000, "as-368")
        heard: list[str] = []
        seen = await takes(out.house, paid)

        async with restricting(out.house, me.resident, "source_of_funds"):
            asked = asyncio.create_task(asking.advance(deaf(out.house, heard), seen))
            await waits(out.house, asked)
        await asked

        found = await stands(out.house, paid)
        assert (found.state, found.reason, heard) == (State.REJECTED, "restricted", [])
