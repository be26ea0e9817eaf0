"""What happens to cards (reference/cards.md 7.6), over a real line: from an acquirer's telegram to the ledger."""

from pathlib import Path

import msgspec
import pytest

from app.house import House
from law.money import KZT, Money
from simulators.card_scenarios import Happened
from tests.app.network import lines
from tests.app.network.lines import ABROAD, LINE, Cardholder

pytestmark = pytest.mark.asyncio

#: What is answered, and by how many tenge less the wallet owns and how many are set aside, of a purchase of 10 000.
STORIES: dict[str, tuple[list[str], int, int]] = {
    "purchase": (["00", "00"], 10_000, 0),
    "duplicate": (["00", "00", "00"], 0, 10_000),
    "repeat": (["00", "00"], 0, 10_000),
    "late-reply": (["00", "00", "00"], 0, 0),
    "reversal-first": (["00", "00"], 0, 0),
    "clearing-first": (["00", "00"], 10_000, 0),
    "multi-clearing": (["00", "00", "00"], 10_000, 0),
    "tip": (["00", "00"], 12_000, 0),
    "fuel": (["00", "00", "00"], 10_000, 0),
    "hotel": (["00", "00", "00"], 20_000, 0),
    "partial-reversal": (["00", "00", "00"], 5_000, 0),
    "network-stand-in": (["00", "00"], 0, 10_000),
    "refused-in-our-place": (["00"], 0, 0),
    "refund": (["00"], -10_000, 0),
    "refund-more": (["00", "00", "00"], -10_000, 0),
    "fx-drift": (["00", "00"], 10_504, 0),  # at the second rate, and our one in a hundred (cards/payments/tariff.py)
    "verification": (["85"], 0, 0),
    "malformed": (["00", "00"], 10_000, 0),
}


async def test_scenarios_end_in_the_ledger(house: House, tmp_path: Path) -> None:
    who = await lines.resident(house, 7_001)
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        found = {}
        for name in STORIES:
            owned, held = await lines.balance(house, who)
            codes = await lines.codes(name, network, who.happened)
            owns, holds = await lines.balance(house, who)
            found[name] = (codes, owned - owns, holds - held)

    assert found == STORIES


def with_chip(who: Cardholder, times: int) -> Happened:
    """Say what the chip says of a thousand tenge, so many times."""
    said = [who.plastic.inserted(Money(1_000_00, KZT)).chip for _ in range(times)]
    fields = tuple(each.field55.value.hex().upper() for each in said if each is not None)
    return msgspec.structs.replace(who.happened, amount_minor=1_000_00, chip=fields, cvv2=None)


async def test_a_chip_pays_once_for_each_thing_it_said_and_is_answered_with_a_proof(
    house: House, tmp_path: Path
) -> None:
    who = await lines.cardholder(house)
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        assert await lines.codes("chip", network, with_chip(who, 3)) == ["00"] * 3
        assert await lines.codes("chip-replayed", network, with_chip(who, 1)) == ["00", "59"]
        assert await lines.codes("wrong-pin", network, with_chip(who, 1)) != ["00"]
        till = who.till(network, 1_000)
        heard = await network.line.ask("0100", till.asks(more=who.inserted(1_000)))

    assert heard[39] == "00"
    assert heard[55][:2] == "91"
    assert await lines.balance(house, who) == (1_000_000, 5_000)


async def test_less_is_approved_where_the_terminal_takes_less(house: House, tmp_path: Path) -> None:
    who = await lines.cardholder(house, tenge=700)
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        played = await lines.played("partial-approval", network, who.happened)
        asked = msgspec.structs.replace(who.happened, amount_minor=701_00)
        assert await lines.codes("purchase", network, asked) == ["51", "00"]  # the merchant took it all the same

    [part] = played.heard
    assert (part.code, part.minor) == ("10", 700_00)


async def test_a_name_is_of_one_question(house: House, tmp_path: Path) -> None:
    who = await lines.cardholder(house)
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        till = who.till(network, 1_000)
        asked = till.asks(f48=f"9203{who.cvv2}")
        assert (await till.say("0100", asked)).code == "00"
        assert (await till.say("0101", {**asked, 4: f"{2_000_00:012}"})).code == "94"


async def test_each_line_has_its_own_day_and_its_own_books(house: House, tmp_path: Path) -> None:
    who = await lines.cardholder(house)
    async with (
        lines.opened(house, tmp_path, LINE, ABROAD) as opened,
        lines.acquirer(opened) as domestic,
        lines.acquirer(opened, "worldwide") as international,
    ):
        till = who.till(domestic, 1_000)
        asked = till.asks(f48=f"9203{who.cvv2}")
        here = await domestic.line.ask("0100", asked)
        there = await international.line.ask("0100", asked)
        own = await international.line.ask("0100", till.asks(f48=f"9203{who.cvv2}", f15="1231"))

    assert (here[39], there[39], own[39]) == ("00", "00", "00")  # the same name on another network is another purchase
    assert len(here[15]) == len(there[15]) == 4
    assert own[15] == "1231"
    assert await lines.balance(house, who) == (1_000_000, 3_000)
