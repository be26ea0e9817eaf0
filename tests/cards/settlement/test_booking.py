"""What a settlement file brings to the books: under its own name, in the currency of who pays, or not at all."""

import msgspec
import pytest

from cards.settlement.breaks import Kind, Resolution
from simulators.settlement_file import Line
from tests.cards import made
from tests.cards.settlement.files import Network
from tests.cards.settlement.test_settling import adds_up
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio

#: What was given up of 300 that were taken at once → which lines the network writes → what is found.
AT_ONCE = {
    "the purchase": (0, "whole", []),
    "what is left of it": (100, "net", []),
    "the purchase and its return": (100, "both", []),
    "nothing, since all of it was given up": (300, "none", []),
    "nothing": (100, "none", [(Kind.MISSING_AT_NETWORK, -200_00)]),
    "the purchase and no return": (100, "whole", [(Kind.MISSING_AT_NETWORK, 100_00)]),
    "another amount": (100, "other", [(Kind.AMOUNT_DIFFERS, -50_00)]),
}


@pytest.mark.parametrize(("back", "written", "breaks"), AT_ONCE.values(), ids=AT_ONCE)
async def test_what_was_taken_at_once_settles_under_the_name_of_the_question(
    network: Network, back: int, written: str, breaks: list[tuple[Kind, int]]
) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    whole, *returned = await network.takes_at_once(card, 300, back=back)
    lines = {
        "whole": [whole],
        "net": [msgspec.structs.replace(whole, amount_minor=(300 - back) * 100)],
        "both": [whole, *returned],
        "none": [],
        "other": [msgspec.structs.replace(whole, amount_minor=150_00)],
    }[written]

    found = await network.takes(lines)

    assert [(each.kind, each.difference_minor) for each in found] == breaks
    assert await network.states() == ["reported"]
    await adds_up(network)


@pytest.mark.parametrize("kind", ["purchase", "refund"])
@pytest.mark.parametrize("written", ["none", "both", "whole"])
async def test_what_was_taken_back_is_left_out_or_settled_both_ways(network: Network, kind: str, written: str) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    [line] = await (network.clears if kind == "purchase" else network.refunds)(card, 300)
    await network.takes_back(card, line)
    assert await made.balance(network.engines, card) == (kzt(1_000), kzt(0))
    back = msgspec.structs.replace(line, kind="refund" if kind == "purchase" else "purchase", element="reversal-1")

    found = await network.takes({"none": [], "both": [line, back], "whole": [line]}[written])

    off = 300_00 if kind == "purchase" else -300_00
    assert [(each.kind, each.difference_minor) for each in found] == (
        [(Kind.MISSING_AT_NETWORK, off)] if written == "whole" else []
    )
    await adds_up(network)


@pytest.mark.parametrize("said", ["0200", "0220"])
@pytest.mark.parametrize("settled", ["0200", "0220"])
async def test_what_was_asked_and_told_settles_under_either_name(network: Network, said: str, settled: str) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    line = await network.takes_by(card, 300, said)
    lines = [
        msgspec.structs.replace(line, element=f"{each}/20261122090000/000123", pan=await network.number(card))
        for each in (settled, "0220" if settled == "0200" else "0200")
    ]

    assert await network.takes(lines[:1]) == []
    [twice] = await network.takes(lines[1:])

    assert twice.kind is Kind.DUPLICATE
    assert await made.balance(network.engines, card) == (kzt(700), kzt(0))
    await adds_up(network)


async def test_what_is_named_like_a_question_is_not_booked_and_not_closed(network: Network) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    line = await network.asks(card, 300)

    [found] = await network.takes([msgspec.structs.replace(line, pan=await network.number(card))])

    assert (found.kind, found.resolution) == (Kind.MISSING_AT_US, None)
    assert await network.states() == ["reported"]
    await adds_up(network)


async def test_what_is_in_another_currency_than_the_card_is_left_to_officers(network: Network) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    digits = await network.number(card)
    unheard = Line(lifecycle="X-1", element="unheard", pan=digits, amount_minor=70_00, currency="USD")

    [found] = await network.takes([unheard], currency="USD")

    assert (found.kind, found.resolution) == (Kind.MISSING_AT_US, None)
    assert await made.balance(network.engines, card) == (kzt(1_000), kzt(0))
    assert await network.rows("SELECT id FROM cards.payment WHERE network = :network") == []
    assert await network.states() == ["reported"]


async def test_what_could_be_booked_is_closed_as_booked(network: Network) -> None:
    """The control of both tests above."""
    card = await made.spender(network.engines, network.house.money, 1_000)
    unheard = Line(lifecycle="X-1", element="unheard", pan=await network.number(card), amount_minor=70_00)

    [found] = await network.takes([unheard])

    assert found.resolution is Resolution.BOOKED
