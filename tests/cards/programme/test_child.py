"""Children's cards: who may have one, and the most it may be let spend."""

from datetime import date

import msgspec
import pytest

from app import db, ids
from app.money import Money
from cards.card import Act, Card, Limits, WrongState
from cards.programme import change, child
from cards.programme.child import AboveMinorLimit, NoCardsForChildren, NotAChild
from law.regime import CapReached, Regime
from tests.cards import made
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

MINORS = child.offered(made.regime())
TODAY = made.AT.date()
CHILD = date(2015, 6, 1)
SMALL = Limits(per_payment=kzt(10), per_day=kzt(20), per_month=kzt(30))


@pytest.mark.parametrize(
    ("born", "years"),
    [
        (date(2016, 11, 22), 10),
        (date(2016, 11, 23), 9),
        (date(2016, 2, 29), 10),
        (date(2026, 11, 22), 0),
    ],
)
def test_a_year_is_full_on_the_birthday(born: date, years: int) -> None:
    assert child.age(born, TODAY) == years


@pytest.mark.parametrize("name", ["per_payment", "per_day", "per_month"])
def test_a_childs_limits_are_there_and_within_the_programmes(name: str) -> None:
    most = MINORS
    just = msgspec.structs.replace(SMALL, **{name: getattr(most, name)})
    over = msgspec.structs.replace(SMALL, **{name: getattr(most, name) + kzt(1)})

    child.within(just, most)
    for wrong in (over, msgspec.structs.replace(SMALL, **{name: None})):
        with pytest.raises(AboveMinorLimit) as refused:
            child.within(wrong, most)
        assert (refused.value.limit, refused.value.most) == (name, getattr(most, name).minor)


async def ensure(
    engines: Engines, parent: Card, born: date = CHILD, limits: Limits = SMALL, programme: Regime | None = None
) -> None:
    async with db.transaction(engines.api, holder=parent.holder, audience="resident") as story:
        before = await change.locked(await story(), parent.id)
        await child.ensure(await story(), before, born, limits, programme=programme or made.regime(), on=TODAY)


@pytest.mark.asyncio
@pytest.mark.parametrize("born", [date(2021, 1, 1), date(2008, 11, 22)])
async def test_who_is_too_young_or_of_age_gets_no_childs_card(engines: Engines, money: Money, born: date) -> None:
    parent = await made.spender(engines, money, 0)

    await ensure(engines, parent)
    with pytest.raises(NotAChild):
        await ensure(engines, parent, born)


@pytest.mark.asyncio
async def test_a_childs_card_has_no_children(engines: Engines, money: Money) -> None:
    parent = await made.spender(engines, money, 0)
    kid = await made.ordered(engines, made.asked(parent.holder, parent.account, parent=parent.id, limits=SMALL))

    with pytest.raises(NoCardsForChildren):
        await ensure(engines, kid)


@pytest.mark.asyncio
async def test_a_programme_without_children_has_none(engines: Engines, money: Money) -> None:
    regime = made.regime()
    without = msgspec.structs.replace(regime, policy=msgspec.structs.replace(regime.policy, minors=None))

    with pytest.raises(NoCardsForChildren):
        await ensure(engines, await made.spender(engines, money, 0), programme=without)


@pytest.mark.asyncio
async def test_only_a_card_in_use_has_children_and_not_too_many(engines: Engines, money: Money) -> None:
    parent = await made.spender(engines, money, 0)
    most = MINORS
    for _ in range(most.cards_per_parent):
        await ensure(engines, parent)
        await made.ordered(engines, made.asked(parent.holder, parent.account, parent=parent.id, limits=SMALL))

    with pytest.raises(CapReached) as refused:
        await ensure(engines, parent)
    closed = await made.act(engines, parent, Act.CLOSE)
    with pytest.raises(WrongState):
        await ensure(engines, closed)

    assert refused.value.cap == "cards_per_parent"


@pytest.mark.asyncio
async def test_nobody_carries_a_card_of_ones_own(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 0)

    async with db.transaction(engines.api, holder=card.holder, audience="resident") as story:
        assert await child.of(await story(), card.id) is None
        assert await child.of(await story(), ids.new()) is None
