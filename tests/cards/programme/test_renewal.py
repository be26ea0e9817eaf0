"""Successors: a new number in the same place, with everything the holder had set, and every flag of others."""

from datetime import datetime, timedelta

import msgspec
import pytest

from app import db, ids
from app.money import Money
from cards.card import Act, Card, Closing, Form, Limits, Owner, State, WrongState
from cards.programme import change, child, renewal
from cards.programme.consent import NoticeNotAccepted
from cards.programme.order import Holder, IssuingStopped
from cards.programme.permission import Choice, Controls
from cards.programme.renewal import Cause, SuccessorExists, TooEarly
from law import calendar
from law.regime import Regime
from tests.cards import made
from tests.conftest import Engines
from tests.wallet import ledgers
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio

#: An instant in the last days of a card that was ordered at made.AT.
LATE = calendar.day_starts(made.EXPIRY) - timedelta(days=10)


async def succeeded(
    engines: Engines, used: Card, cause: Cause, *, at: datetime = made.AT, programme: Regime | None = None
) -> Card:
    async with db.transaction(engines.api, holder=used.holder, audience="resident") as story:
        before = await change.locked(await story(), used.id)
        return await renewal.succeed(
            await story(),
            before,
            cause,
            made.issuing(used.holder, programme, at),
            card=ids.new(),
            holder=Holder(id=used.holder, verified_at=at),
        )


async def plastic(engines: Engines) -> Card:
    holder = ids.new()
    card = await made.ordered(engines, made.asked(holder, await ledgers.opened(engines.api, holder), form=Form.PLASTIC))
    return await made.act(engines, card, Act.PERSONALISE, Act.SHIP, Act.DELIVER, Act.ACTIVATE)


@pytest.mark.parametrize("cause", [Cause.LOST, Cause.STOLEN, Cause.DAMAGED])
async def test_a_virtual_card_is_replaced_at_once(engines: Engines, money: Money, cause: Cause) -> None:
    card = await made.spender(engines, money, 0)

    heir = await succeeded(engines, card, cause)

    gone = await made.found(engines, card)
    assert (heir.state, heir.replaces, heir.account) == (State.ACTIVE, card.id, card.account)
    assert gone.closed_for is {Cause.LOST: Closing.LOST, Cause.STOLEN: Closing.STOLEN}.get(cause, Closing.REPLACED)
    assert heir == await made.found(engines, heir)


async def test_what_the_holder_set_goes_on(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 0, Limits(per_payment=kzt(5), per_month=kzt(50)))
    controls = Controls(countries=Choice(only=frozenset({"KZ"})))
    async with db.transaction(engines.api, holder=card.holder, audience="resident") as story:
        card = await change.control(
            await story(), await change.locked(await story(), card.id), controls, actor="x", at=made.AT
        )

    heir = await succeeded(engines, card, Cause.LOST)

    assert (heir.limits, heir.controls, heir.last4) == (card.limits, controls, heir.last4)
    assert heir.id != card.id


@pytest.mark.parametrize("owner", [Owner.RISK, Owner.REGULATOR])
async def test_a_new_number_is_no_way_around_a_flag(engines: Engines, money: Money, owner: Owner) -> None:
    card = await made.suspend(engines, await made.spender(engines, money, 0), owner)

    heir = await succeeded(engines, card, Cause.STOLEN)

    assert (await made.found(engines, heir)).suspended == card.suspended


@pytest.mark.parametrize("owner", [Owner.REVERIFY, Owner.NOTICE])
async def test_a_flag_whose_ground_is_gone_ends_with_the_old_card(engines: Engines, money: Money, owner: Owner) -> None:
    """There is no successor for who is not verified, or did not accept the notice: both are proved by then."""
    card = await made.suspend(engines, await made.spender(engines, money, 0), owner)

    assert (await succeeded(engines, card, Cause.STOLEN)).suspended == ()


async def test_the_holders_own_flag_does_not_go_on(engines: Engines, money: Money) -> None:
    card = await made.freeze(engines, await made.spender(engines, money, 0))

    assert not (await succeeded(engines, card, Cause.LOST)).frozen


async def test_a_plastic_card_works_until_its_successor_is_activated(engines: Engines) -> None:
    card = await plastic(engines)

    heir = await succeeded(engines, card, Cause.DAMAGED)
    before = await made.found(engines, card)
    heir = await made.act(engines, heir, Act.PERSONALISE, Act.SHIP, Act.ACTIVATE)

    assert (before.state, heir.state) == (State.ACTIVE, State.ACTIVE)
    assert (await made.found(engines, card)).closed_for is Closing.REPLACED


@pytest.mark.parametrize("cause", [Cause.LOST, Cause.STOLEN])
async def test_a_lost_plastic_card_is_closed_before_its_successor_comes(engines: Engines, cause: Cause) -> None:
    card = await plastic(engines)

    heir = await succeeded(engines, card, cause)

    assert not (await made.found(engines, card)).alive
    assert heir.state is State.ORDERED


async def test_a_card_has_one_successor(engines: Engines) -> None:
    card = await plastic(engines)
    heir = await succeeded(engines, card, Cause.DAMAGED)

    with pytest.raises(SuccessorExists) as refused:
        await succeeded(engines, card, Cause.DAMAGED)
    await made.act(engines, heir, Act.CLOSE)
    other = await succeeded(engines, card, Cause.DAMAGED)

    assert (refused.value.successor, other.replaces) == (heir.id, card.id)


async def test_a_successor_shares_the_place_of_its_predecessor(engines: Engines) -> None:
    full = made.regime(cards_per_customer=1)
    holder = ids.new()
    request = made.asked(holder, await ledgers.opened(engines.api, holder), form=Form.PLASTIC)
    card = await made.ordered(engines, request, full)

    heir = await succeeded(engines, card, Cause.DAMAGED, programme=full)
    await made.act(engines, heir, Act.PERSONALISE, Act.SHIP, Act.ACTIVATE, Act.CLOSE)

    again = await made.ordered(engines, msgspec.structs.replace(request, card=ids.new()), full)
    assert again.alive


async def test_a_card_is_renewed_in_its_last_days_for_another_term(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 0)

    with pytest.raises(TooEarly):
        await succeeded(engines, card, Cause.ENDING)
    heir = await succeeded(engines, card, Cause.ENDING, at=LATE)

    assert (heir.state, (await made.found(engines, card)).state) == (State.INACTIVE, State.ACTIVE)
    assert heir.expires_on > card.expires_on


async def test_nobody_is_renewed_who_did_not_accept_the_notice_of_the_day(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 0)
    regime = made.regime()
    newer = msgspec.structs.replace(regime, notice=msgspec.structs.replace(regime.notice, version="2"))

    with pytest.raises(NoticeNotAccepted):
        await succeeded(engines, card, Cause.LOST, programme=newer)
    with pytest.raises(IssuingStopped):
        await succeeded(engines, card, Cause.LOST, programme=msgspec.structs.replace(regime, issues_cards=False))

    assert (await made.found(engines, card)).alive


async def test_a_closed_card_has_no_successor(engines: Engines, money: Money) -> None:
    card = await made.act(engines, await made.spender(engines, money, 0), Act.CLOSE)

    with pytest.raises(WrongState):
        await succeeded(engines, card, Cause.LOST)


async def childs(engines: Engines, parent: Card) -> Card:
    limits = Limits(per_payment=kzt(10), per_day=kzt(20), per_month=kzt(30))
    asked = made.asked(parent.holder, parent.account, parent=parent.id, limits=limits)
    card = await made.ordered(engines, asked)
    async with db.transaction(engines.api, holder=parent.holder, audience="resident") as story:
        await child.keep(await story(), card, b"sealed")
    return card


async def test_children_hang_on_the_successor_of_their_parents_card(engines: Engines, money: Money) -> None:
    parent = await made.spender(engines, money, 0)
    kid = await childs(engines, parent)

    heir = await succeeded(engines, parent, Cause.LOST)

    kept = await made.found(engines, kid)
    assert (kept.parent, kept.alive) == (heir.id, True)
    assert (await made.told(engines, kid.id))[-1] == "card.adopted"


async def test_children_stay_while_the_successor_of_their_parents_card_is_on_its_way(engines: Engines) -> None:
    parent = await plastic(engines)
    kid = await childs(engines, parent)

    lost_in_the_post = await succeeded(engines, parent, Cause.DAMAGED)
    await made.act(engines, lost_in_the_post, Act.CLOSE)
    still = await made.found(engines, kid)
    heir = await succeeded(engines, parent, Cause.DAMAGED)
    await made.act(engines, heir, Act.PERSONALISE, Act.SHIP, Act.ACTIVATE)

    assert (still.parent, still.alive) == (parent.id, True)
    assert (await made.found(engines, kid)).parent == heir.id


async def test_a_childs_card_ends_with_its_parents(engines: Engines, money: Money) -> None:
    parent = await made.spender(engines, money, 0)
    kid = await childs(engines, parent)

    await made.act(engines, parent, Act.CLOSE)

    assert (await made.found(engines, kid)).closed_for is Closing.PARENT_CLOSED


async def test_the_successor_of_a_childs_card_is_carried_by_the_same_child(engines: Engines, money: Money) -> None:
    kid = await childs(engines, await made.spender(engines, money, 0))

    heir = await succeeded(engines, kid, Cause.LOST)

    async with db.transaction(engines.api, holder=kid.holder, audience="resident") as story:
        assert await child.of(await story(), heir.id) == child.Bearer(kid.id, b"sealed")
    assert heir.parent == kid.parent
