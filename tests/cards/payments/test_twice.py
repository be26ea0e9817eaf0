"""What a network says twice of one thing, and what it takes back: a table, played as in test_scenarios.py."""

from decimal import Decimal
from typing import Any

import pytest

from app.money import Money
from cards.payments.payment import Cause, Operation, Status
from tests.cards.played import Scenario, eur, plays
from tests.conftest import Engines

pytestmark = pytest.mark.asyncio

ABROAD: dict[str, Any] = {"original": eur(10_00), "rate": Decimal(500)}

SCENARIOS = [
    Scenario(
        "what the network answered in our place is what we had answered ourselves",
        1_000, [lambda p: p.ask(600), lambda p: p.advise(600), lambda p: p.clear(600, final=False)],
        "00 00 00", 400, Status.CLEARED, went={"card_clearing": 600},
    ),
    Scenario(
        "a question that comes after the network's own answer is promised once",
        1_000, [lambda p: p.advise(600), lambda p: p.ask(600)],
        "00 00", 1_000, Status.PENDING, held=600,
    ),
    Scenario(
        "of a question that had a part the network may promise the rest in our place",
        70, [lambda p: p.ask(100, partial_ok=True), lambda p: p.advise(100)],
        "10 00", 70, Status.PENDING, held=70,
    ),
    Scenario(
        "what we refused the network may promise in our place",
        50, [lambda p: p.ask(60), lambda p: p.advise(60)],
        "51 00", 50, Status.PENDING, held=50,
    ),
    Scenario(
        "what was taken at once is not taken again by the advice of it",
        1_000, [lambda p: p.ask(600, single=True), lambda p: p.clear(600, of_question="ask")],
        "00 00", 400, Status.CLEARED, went={"card_clearing": 600},
    ),
    Scenario(
        "what was taken at once is taken once where the advice of it comes first",
        1_000, [lambda p: p.clear(600, of_question="ask"), lambda p: p.ask(600, single=True)],
        "00 00", 400, Status.CLEARED, went={"card_clearing": 600},
    ),
    Scenario(
        "of what was taken in part the advice takes the rest",
        1_000, [lambda p: p.clear(400, of_question="ask"), lambda p: p.ask(600, single=True)],
        "00 00", 400, Status.CLEARED, went={"card_clearing": 600},
    ),
    Scenario(
        "an advice that is taken back takes back the question it answered",
        1_000, [lambda p: p.ask(600), lambda p: p.advise(600), lambda p: p.give_up(600, of="ask")],
        "00 00 00", 1_000, Status.REVERSED,
    ),
    Scenario(
        "a clearing that is taken back gives the money back, and its promise stands again",
        1_000, [
            lambda p: p.ask(1_000), lambda p: p.clear(400, final=False), lambda p: p.give_up(400, of="clear"),
        ],
        "00 00 00", 1_000, Status.PENDING, held=1_000,
    ),
    Scenario(
        "a clearing without a promise that is taken back gives the money back with our charge",
        6_000, [lambda p: p.clear(5_000, **ABROAD), lambda p: p.give_up(5_000, of="clear")],
        "00 00", 6_000, Status.REVERSED,
    ),
    Scenario(
        "what takes back a clearing may come before it",
        1_000, [lambda p: p.give_up(1_000, of="clear"), lambda p: p.clear(1_000)],
        "00 00", 1_000, Status.REVERSED,
    ),
    Scenario(
        "a clearing that was lent and is taken back is owed no more",
        100, [lambda p: p.clear(150), lambda p: p.give_up(150, of="clear")],
        "00 00", 100, Status.REVERSED,
    ),
    Scenario(
        "a refund that is taken back is taken from the wallet",
        1_000, [lambda p: p.refund(400), lambda p: p.give_up(400, of="refund", remaining=100)],
        "00 00", 1_100, Status.REFUNDED, went={"card_clearing": -100},
    ),
    Scenario(
        "a refund that is taken back and was spent is lent",
        0, [
            lambda p: p.refund(400), lambda p: p.clear(300, final=False), lambda p: p.give_up(400, of="refund"),
        ],
        "00 00 00", 0, Status.CLEARED,
        went={"card_clearing": 300, "card_receivable": -300}, owed=300, cause=Cause.TAKEN_BACK,
    ),
    Scenario(
        "what takes back more than there was buys nothing",
        100, [
            lambda p: p.ask(60), lambda p: p.give_up(10_000, of="ask"), lambda p: p.ask(5_000, "more", increment=True),
        ],
        "00 00 51", 100, Status.REVERSED,
    ),
    Scenario(
        "what gives up more than there was, and says not of what, ends the purchase",
        100, [lambda p: p.ask(60), lambda p: p.give_up(10_000), lambda p: p.ask(40, "more", increment=True)],
        "00 00 12", 100, Status.REVERSED,
    ),
    Scenario(
        "what takes back the whole of a part leaves the next question its money",
        70, [
            lambda p: p.ask(100, partial_ok=True), lambda p: p.give_up(100, of="ask"), lambda p: p.ask(30, "again"),
        ],
        "10 00 00", 70, Status.PENDING, held=30,
    ),
    Scenario(
        "a question that was taken back before it came is not asked of an empty wallet",
        50, [lambda p: p.give_up(60, of="ask"), lambda p: p.ask(60)],
        "00 51", 50, Status.DECLINED,
    ),
    Scenario(
        "what is taken back names one question, and the other stands",
        100, [lambda p: p.ask(60), lambda p: p.ask(30, "more", increment=True), lambda p: p.give_up(90, of="more")],
        "00 00 00", 100, Status.PENDING, held=60,
    ),
    Scenario(
        "what names nothing that was said takes nothing back",
        100, [lambda p: p.ask(60), lambda p: p.give_up(60, of="something else")],
        "00 00", 100, Status.PENDING, held=60,
    ),
    Scenario(
        "a refund by one message is paid at once, whatever advice of it follows",
        100, [
            lambda p: p.ask(40, operation=Operation.REFUND, single=True), lambda p: p.refund(40, subject="ask"),
        ],
        "00 00", 140, Status.REFUNDED, went={"card_clearing": -40},
    ),
    Scenario(
        "a refund by one message that follows its advice is paid once",
        100, [
            lambda p: p.refund(40, subject="ask"), lambda p: p.ask(40, operation=Operation.REFUND, single=True),
        ],
        "00 00", 140, Status.REFUNDED, went={"card_clearing": -40},
    ),
    Scenario(
        "a refund by one message is taken back by what takes back the message",
        100, [
            lambda p: p.ask(40, operation=Operation.REFUND, single=True), lambda p: p.give_up(40, of="ask"),
        ],
        "00 00", 100, Status.REVERSED,
    ),
    Scenario(
        "no name of a network is the name of what was taken at once",
        1_000, [lambda p: p.ask(600, single=True), lambda p: p.clear(100, "ask/taken")],
        "00 00", 300, Status.CLEARED, went={"card_clearing": 700},
    ),
]  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_scenario(engines: Engines, money: Money, database: str, scenario: Scenario) -> None:
    await plays(engines, money, database, scenario)
