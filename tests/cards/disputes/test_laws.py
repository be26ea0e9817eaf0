"""Whatever happens to disputes in whatever order, the money adds up: laws over random histories."""

import random
from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError

from app.money import Money
from cards.card import Card
from cards.disputes import acts
from cards.disputes.dispute import Dispute
from cards.disputes.life import Act
from cards.disputes.reason import Proof, Reason
from tests.cards.disputes import disputed
from tests.cards.disputes.disputed import bought, did, does, doing, opened, read, receivable_minor, shown, wallet
from tests.conftest import Engines
from tests.planted import planted
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio

REASONS = (Reason.FRAUD_CARD_ABSENT, Reason.DUPLICATE, Reason.WRONG_AMOUNT)
BEGINS = (Act.HAND_IN, Act.HAND_IN, Act.ACCEPT)
LENGTH = 10


async def history(engines: Engines, money: Money, seed: int) -> Card:
    """Let random things happen to a dispute, about random amounts, by everybody who may."""
    chance = random.Random(f"disputes/{seed}")
    card, paid = await bought(engines, money, 300, left=chance.choice((0, 40)))
    about = await opened(engines, paid, chance.choice((300, 120)), chance.choice(REASONS))
    if chance.random() < 0.9:
        await shown(engines, about, Proof.DECLARATION, Proof.RECEIPT)
    for number in range(LENGTH):
        act = BEGINS[number] if number < len(BEGINS) else chance.choice(list(Act))
        minor = chance.choice((None, None, chance.randint(0, 350_00)))
        await does(money, doing(about, act, minor=minor, source=f"{act}-{chance.randint(0, 2)}"))
        await holds(engines, about.id)
    return card


async def holds(engines: Engines, dispute: UUID) -> Dispute:
    """Check what has to hold after every step: receivable is what was given, less what came and what is lost."""
    about = await read(engines, dispute)
    open_ = about.credited_minor - about.recovered_minor - about.lost_minor

    assert await receivable_minor(engines, about) == open_ >= 0
    assert about.closed_at is None or (open_, about.take_back_minor) == (0, 0)
    return about


@pytest.mark.parametrize("seed", range(4))
async def test_money_adds_up(engines: Engines, money: Money, seed: int) -> None:
    card = await history(engines, money, seed)

    assert await wallet(engines, card) >= kzt(0)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(100, 400))
async def test_money_adds_up_over_many_histories(engines: Engines, money: Money, seed: int) -> None:
    card = await history(engines, money, seed)

    assert await wallet(engines, card) >= kzt(0)


_FAR = (Act.ACCEPT, Act.REPRESENT, Act.ESCALATE, Act.CONTEST, Act.ARBITRATE)
#: A defect of the money as it might be made, what stands in its place in a copy, and the history that shows it.
DEFECTS = {
    "a ruling brings nothing": ("work.mover.given(work.minor(work.before.contested_minor))", "pass", (*_FAR, Act.WIN)),
    "a withdrawal keeps it": ("    work.mover.contested(about.recovered_minor)\n", "", (Act.ACCEPT, Act.WITHDRAW)),
    "a representment takes nothing": (
        "work.mover.contested(work.minor(work.before.recovered_minor))",
        "work.minor(work.before.recovered_minor)",
        (Act.ACCEPT, Act.REPRESENT, Act.GIVE_UP, Act.TAKE_BACK),
    ),
}


async def settled(engines: Engines, money: Money, *all_of: Act) -> Dispute:
    """Bring a dispute to its end and check that everybody has what is theirs."""
    card, paid = await bought(engines, money, 300)
    about = await disputed.submitted(engines, money, paid, 300, Reason.FRAUD_CARD_ABSENT)
    for act in all_of:
        await did(engines, money, about, act)
        about = await holds(engines, about.id)
    theirs = 300 if Act.WIN in all_of else 0
    assert (about.closed_at is not None, about.recovered_minor) == (True, theirs * 100)
    assert await wallet(engines, card) == kzt(theirs)
    return about


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
async def test_a_defect_of_the_money_is_caught(
    engines: Engines, money: Money, monkeypatch: pytest.MonkeyPatch, defect: tuple[str, str, tuple[Act, ...]]
) -> None:
    check, instead, all_of = defect
    await settled(engines, money, *all_of)
    monkeypatch.setattr(acts, "ALONG", planted(acts, check, instead).ALONG)

    with pytest.raises((AssertionError, IntegrityError)):
        await settled(engines, money, *all_of)
