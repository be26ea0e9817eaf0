"""What happens to cards at shops, pumps, hotels and cash machines: told as a table, played on the real database.

Each scenario says what the network tells us, what it hears, what the wallet has and holds in the end, where the money
went by the ledger's own rows, and what the holder is shown. Then all is told a second time, in one batch, which must
change nothing.
"""

from decimal import Decimal
from typing import Any

import pytest

from app import ids
from app.money import Money
from cards.payments.payment import Cause, Channel, Merchant, Operation, Status
from tests.cards import made
from tests.cards.made import tell
from tests.cards.played import Evening, Lost, Over, Play, Scenario, eur, plays
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio

PUMP = Merchant(name="QAZAQ OIL 17", id="M-2001", category="5542", country="KZ")
HOTEL = Merchant(name="HOTEL ALATAU", id="M-2002", category="7011", country="KZ")
DINER = Merchant(name="TST* LUCKYS DINER", id="M-2003", category="5812", country="US")
ATM = Merchant(name="ATM 0042", id="M-2004", category="6011", country="KZ")


CASH: dict[str, Any] = {"operation": Operation.CASH, "channel": Channel.CHIP, "merchant": ATM}
ABROAD: dict[str, Any] = {"original": eur(10_00), "rate": Decimal(500)}
FUEL: dict[str, Any] = {"merchant": PUMP, "channel": Channel.CHIP, "estimated": True}
ROOM: dict[str, Any] = {"merchant": HOTEL, "channel": Channel.CHIP, "estimated": True}

SCENARIOS = [
    Scenario(
        "a duplicate and a repeat are one purchase",
        100, [lambda p: p.ask(60), lambda p: p.ask(60), lambda p: p.clear(60), lambda p: p.clear(60)],
        "00 00 00 00", 40, Status.CLEARED, went={"card_clearing": 60},
    ),
    Scenario(
        "a reversal that overtakes its question leaves a tombstone",
        100, [lambda p: p.give_up(60), lambda p: p.ask(60)],
        "00 00", 100, Status.REVERSED,
    ),
    Scenario(
        "a partial reversal leaves what replaces the amount",
        100, [lambda p: p.ask(60), lambda p: p.give_up(60, remaining=25)],
        "00 00", 100, Status.PENDING, held=25,
    ),
    Scenario(
        "a clearing that overtakes its question is taken once",
        100, [lambda p: p.clear(60), lambda p: p.ask(60)],
        "00 00", 40, Status.CLEARED, went={"card_clearing": 60},
    ),
    Scenario(
        "several clearings hold the rest until the last",
        100, [lambda p: p.ask(60), lambda p: p.clear(20, "1", final=False), lambda p: p.clear(10, "2", final=False)],
        "00 00 00", 70, Status.PARTIALLY_CLEARED, held=30, went={"card_clearing": 30},
    ),
    Scenario(
        "the last clearing frees what is left",
        100, [lambda p: p.ask(60), lambda p: p.clear(20, "1", final=False), lambda p: p.clear(10, "2")],
        "00 00 00", 70, Status.CLEARED, went={"card_clearing": 30},
    ),
    Scenario(
        "a tip of a fifth over the bill comes out of the buffer",
        120, [lambda p: p.ask(100, merchant=DINER, channel=Channel.CHIP), lambda p: p.clear(120)],
        "00 00", 0, Status.CLEARED, went={"card_clearing": 120},
    ),
    Scenario(
        "for a tip a fifth more is set aside, and no more than there is",
        110, [lambda p: p.ask(100, merchant=DINER, channel=Channel.CHIP)],
        "00", 110, Status.PENDING, held=110,
    ),
    Scenario(
        "what is taken beyond promise and balance is lent",
        100, [lambda p: p.ask(60), lambda p: p.clear(150)],
        "00 00", 0, Status.CLEARED,
        went={"card_clearing": 150, "card_receivable": -50}, owed=50, cause=Cause.OVER_CAPTURE,
    ),
    Scenario(
        "a force post beyond the balance is lent",
        100, [lambda p: p.clear(150)],
        "00", 0, Status.CLEARED,
        went={"card_clearing": 150, "card_receivable": -50}, owed=50, cause=Cause.FORCE_POST,
    ),
    Scenario(
        "after the last clearing nothing more is promised",
        5_000, [lambda p: p.ask(100), lambda p: p.clear(100), lambda p: p.ask(1_000, "more", increment=True)],
        "00 00 12", 4_900, Status.CLEARED, went={"card_clearing": 100},
    ),
    Scenario(
        "a question that its last clearing overtook in part would promise the rest to nobody",
        5_000, [lambda p: p.clear(1), lambda p: p.ask(1_000)],
        "00 12", 4_999, Status.CLEARED, went={"card_clearing": 1},
    ),
    Scenario(
        "who said what it will take is promised no more",
        5_000, [lambda p: p.ask(100), lambda p: p.confirm(100), lambda p: p.ask(1_000, "more", increment=True)],
        "00 00 12", 5_000, Status.PENDING, held=100,
    ),
    Scenario(
        "what was taken late is no part of what is asked for next",
        5_000, [
            lambda p: p.ask(60), Over(), lambda p: p.clear(60, final=False),
            lambda p: p.ask(1_000, "more", increment=True),
        ],
        "00 00 12", 4_940, Status.CLEARED, went={"card_clearing": 60},
    ),
    Scenario(
        "what is taken at once is there, whatever was taken before",
        100, [lambda p: p.clear(60), lambda p: p.ask(60, single=True)],
        "00 51", 40, Status.CLEARED, went={"card_clearing": 60},
    ),
    Scenario(
        "one name means one thing",
        100, [lambda p: p.ask(60, "same"), lambda p: p.clear(60, "same"), lambda p: p.give_up(60, "same")],
        "00 94 94", 100, Status.PENDING, held=60,
    ),
    Scenario(
        "what comes back repays first what was lent for it",
        100, [lambda p: p.clear(150), lambda p: p.refund(75)],
        "00 00", 25, Status.CLEARED, went={"card_clearing": 75},
    ),
    Scenario(
        "what was taken at once and comes back repays first too",
        100, [lambda p: p.ask(150, single=True, advice=True), lambda p: p.give_up(150, remaining=120)],
        "00 00", 0, Status.CLEARED, went={"card_clearing": 120, "card_receivable": -20}, owed=20,
    ),
    Scenario(
        "a pump asks for one tenge and a full tank is set aside",
        50_000, [lambda p: p.ask(1, **FUEL)],
        "00", 50_000, Status.PENDING, held=30_000,
    ),
    Scenario(
        "who has not enough for a full tank is refused at the pump",
        20_000, [lambda p: p.ask(1, **FUEL)],
        "51", 20_000, Status.DECLINED,
    ),
    Scenario(
        "a pump says what it poured",
        50_000, [lambda p: p.ask(1, **FUEL), lambda p: p.confirm(7_500)],
        "00 00", 50_000, Status.PENDING, held=7_500,
    ),
    Scenario(
        "what was poured is taken, whatever came first",
        50_000, [lambda p: p.confirm(7_500), lambda p: p.clear(7_500), lambda p: p.ask(1, **FUEL)],
        "00 00 00", 42_500, Status.CLEARED, went={"card_clearing": 7_500},
    ),
    Scenario(
        "a hotel estimates, adds a night and takes its bill",
        200_000, [
            lambda p: p.ask(100_000, **ROOM), lambda p: p.ask(40_000, "night", **ROOM, increment=True),
            lambda p: p.clear(150_000, merchant=HOTEL),
        ],
        "00 00 00", 50_000, Status.CLEARED, went={"card_clearing": 150_000},
    ),
    Scenario(
        "for a hotel 15 per cent more are set aside",
        200_000, [lambda p: p.ask(100_000, **ROOM), lambda p: p.ask(40_000, "night", **ROOM, increment=True)],
        "00 00", 200_000, Status.PENDING, held=161_000,
    ),
    Scenario(
        "a promise that is over frees the money, and a late clearing is paid",
        100, [lambda p: p.ask(60), Over(), lambda p: p.clear(60)],
        "00 00", 40, Status.CLEARED, went={"card_clearing": 60},
    ),
    Scenario(
        "a promise that is over and never claimed is over",
        100, [lambda p: p.ask(60), Over()],
        "00", 100, Status.EXPIRED,
    ),
    Scenario(
        "a clearing after the promise was over and the money spent is lent",
        100, [lambda p: p.ask(60), Over(), lambda p: p.clear(130)],
        "00 00", 0, Status.CLEARED,
        went={"card_clearing": 130, "card_receivable": -30}, owed=30, cause=Cause.AFTER_EXPIRY,
    ),
    Scenario(
        "what was promised in our place is booked beyond the balance",
        100, [lambda p: p.ask(150, advice=True), lambda p: p.clear(150)],
        "00 00", 0, Status.CLEARED,
        went={"card_clearing": 150, "card_receivable": -50}, owed=50, cause=Cause.STAND_IN,
    ),
    Scenario(
        "a refund needs no purchase",
        100, [lambda p: p.refund(40)],
        "00", 140, Status.REFUNDED, went={"card_clearing": -40},
    ),
    Scenario(
        "a refund may be larger than what was taken",
        100, [lambda p: p.ask(60), lambda p: p.clear(60), lambda p: p.refund(75)],
        "00 00 00", 115, Status.REFUNDED, went={"card_clearing": -15},
    ),
    Scenario(
        "a refund of a part leaves the purchase standing",
        100, [lambda p: p.ask(60), lambda p: p.clear(60), lambda p: p.refund(20)],
        "00 00 00", 60, Status.CLEARED, went={"card_clearing": 40},
    ),
    Scenario(
        "a refund that is announced moves nothing yet",
        100, [lambda p: p.ask(40, operation=Operation.REFUND)],
        "00", 100, Status.PENDING,
    ),
    Scenario(
        "a purchase abroad holds the markup too",
        6_000, [lambda p: p.ask(5_000, **ABROAD)],
        "00", 6_000, Status.PENDING, held=5_050,
    ),
    Scenario(
        "the exchange rate of the clearing counts, and the markup is ours",
        6_000, [lambda p: p.ask(5_000, **ABROAD), lambda p: p.clear(5_200, original=eur(10_00), rate=Decimal(520))],
        "00 00", 748, Status.CLEARED, went={"card_clearing": 5_200, "fx_income": 52},
    ),
    Scenario(
        "cash costs a fee, and is taken at once",
        20_000, [lambda p: p.ask(10_000, single=True, **CASH)],
        "00", 9_800, Status.CLEARED, went={"card_clearing": 10_000, "fees": 200},
    ),
    Scenario(
        "cash that never came out comes back with its fee",
        20_000, [lambda p: p.ask(10_000, single=True, **CASH), lambda p: p.give_up(10_000)],
        "00 00", 20_000, Status.REVERSED,
    ),
    Scenario(
        "cash that came out in part is taken in part, its fee as well",
        20_000, [lambda p: p.ask(10_000, single=True, **CASH), lambda p: p.give_up(10_000, remaining=4_000)],
        "00 00", 15_920, Status.CLEARED, went={"card_clearing": 4_000, "fees": 80},
    ),
    Scenario(
        "a reversal that overtakes the cash takes nothing",
        20_000, [lambda p: p.give_up(10_000), lambda p: p.ask(10_000, single=True, **CASH)],
        "00 00", 20_000, Status.REVERSED,
    ),
    Scenario(
        "cash is not given without its fee",
        10_100, [lambda p: p.ask(10_000, single=True, **CASH)],
        "51", 10_100, Status.DECLINED,
    ),
    Scenario(
        "a merchant who can take less gets what there is",
        70, [lambda p: p.ask(100, partial_ok=True)],
        "10", 70, Status.PENDING, held=70,
    ),
    Scenario(
        "a part leaves room for the markup",
        101, [lambda p: p.ask(5_000, partial_ok=True, **ABROAD)],
        "10", 101, Status.PENDING, held=101,
    ),
    Scenario(
        "nothing is no part",
        0, [lambda p: p.ask(100, partial_ok=True)],
        "51", 0, Status.DECLINED,
    ),
    Scenario(
        "a balance is told and nothing held",
        70, [lambda p: p.ask(0, operation=Operation.BALANCE)],
        "00", 70, Status.VERIFIED,
    ),
    Scenario(
        "a card is looked at for nothing",
        70, [lambda p: p.ask(0, operation=Operation.VERIFICATION)],
        "85", 70, Status.VERIFIED,
    ),
    Scenario(
        "a fee of ours is charged beside any purchase, and lent where it is not there",
        30, [lambda p: p.charge(50, ours=True)],
        "00", 0, Status.CLEARED, went={"fees": 50, "card_receivable": -20}, owed=20, cause=Cause.FEE,
    ),
    Scenario(
        "a fee of the network goes to the network",
        80, [lambda p: p.charge(50)],
        "00", 30, Status.CLEARED, went={"card_clearing": 50},
    ),
    Scenario(
        "in the evening the wallet pays back what it has",
        100, [lambda p: p.clear(150), Evening(funded=30)],
        "00", 0, Status.CLEARED, went={"card_clearing": 150, "card_receivable": -20}, owed=20,
    ),
    Scenario(
        "evening after evening, until nothing is owed",
        100, [lambda p: p.clear(150), Evening(), Evening(funded=30), Evening(funded=30), Evening()],
        "00", 10, Status.CLEARED, went={"card_clearing": 150},
    ),
    Scenario(
        "what is lost to fraud is written off and asked for no more",
        100, [lambda p: p.clear(150), Lost(), Evening(funded=30)],
        "00", 30, Status.CLEARED, went={"card_clearing": 150, "fraud_loss": -50},
    ),
]  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_scenario(engines: Engines, money: Money, database: str, scenario: Scenario) -> None:
    await plays(engines, money, database, scenario)


async def test_the_wallet_is_told_its_balance(engines: Engines, money: Money) -> None:
    play = Play(await made.spender(engines, money, 70), f"L-{ids.new()}")

    [answer] = await tell(money, play.ask(0, operation=Operation.BALANCE))

    assert answer.available == kzt(70)


async def test_a_part_is_what_the_answer_says(engines: Engines, money: Money) -> None:
    play = Play(await made.spender(engines, money, 70), f"L-{ids.new()}")

    [answer] = await tell(money, play.ask(100, partial_ok=True))

    assert (answer.approved, answer.amount, answer.code) == (True, kzt(70), "10")
