"""What a network says twice of one thing, or takes back, over a real line: with every proof, rule and limit on."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from app import clock
from app.house import House
from app.network.books import Books
from tests.app.network import lines
from tests.app.network.test_standin import question, standing_in, written

pytestmark = pytest.mark.asyncio


async def test_what_a_network_answered_for_us_is_what_we_had_answered(house: House, tmp_path: Path) -> None:
    who = await lines.cardholder(house)
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        bought = who.till(network, 3_000)
        asked = bought.asks(more=who.inserted(3_000))
        for mti, more in (("0100", {}), ("0120", {39: "00"}), ("0121", {39: "00"})):
            assert (await bought.say(mti, {**asked, **more})).code == "00"
            assert await lines.balance(house, who) == (1_000_000, 3_000), mti

        paid = who.till(network, 2_000)
        asked = paid.asks(more=who.inserted(2_000))
        for mti in ("0200", "0220", "0221", "0201"):
            assert (await paid.say(mti, asked)).code == "00"
            assert await lines.balance(house, who) == (998_000, 3_000), mti

        early = who.till(network, 1_000)
        asked = early.asks(more=who.inserted(1_000))
        for mti, more in (("0120", {39: "00"}), ("0100", {}), ("0101", {})):
            assert (await early.say(mti, {**asked, **more})).code == "00"
            assert await lines.balance(house, who) == (998_000, 4_000), mti


async def test_what_is_taken_back_is_what_field_90_names(house: House, tmp_path: Path) -> None:
    who = await lines.cardholder(house)
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        sent = who.till(network, 1_000)
        assert (await sent.say("0220", sent.takes(f3="200000"))).code == "00"
        assert await lines.balance(house, who) == (1_001_000, 0)
        assert (await sent.say("0420", sent.gives_up(f3="200000"))).code == "00"
        assert await lines.balance(house, who) == (1_000_000, 0)

        part = who.till(network, 1_000)
        await part.acquirer.say("0100", part.asks(more=who.inserted(1_000)))
        assert (await part.say("0220", part.takes(400_00, f48="70040102"))).code == "00"
        assert await lines.balance(house, who) == (999_600, 600)
        assert (await part.say("0420", part.gives_up(400_00))).code == "00"
        assert await lines.balance(house, who) == (1_000_000, 1_000)


async def test_a_reversal_of_more_than_there_was_buys_nothing(house: House, tmp_path: Path) -> None:
    who = await lines.cardholder(house)
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        till = who.till(network, 100)
        assert (await till.say("0100", till.asks(more=who.inserted(100)))).code == "00"
        assert (await till.say("0420", till.gives_up(900_000_00))).code == "00"

        more = till.asks(800_000_00, who.inserted(800_000), f24="102")
        assert (await till.say("0100", more)).code == "61"
        assert await lines.balance(house, who) == (1_000_000, 0)


async def test_a_refund_by_one_message_is_paid(house: House, tmp_path: Path) -> None:
    who = await lines.cardholder(house)
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        till = who.till(network, 1_000)
        assert (await till.say("0200", till.asks(more=who.inserted(1_000), f3="200000"))).code == "00"
        assert await lines.balance(house, who) == (1_001_000, 0)

        assert (await till.say("0420", till.gives_up(f3="200000"))).code == "00"
        assert await lines.balance(house, who) == (1_000_000, 0)


async def test_what_was_promised_here_and_refused_by_another_process_is_told(house: House, tmp_path: Path) -> None:
    who = await lines.cardholder(house)
    stand_in, books = standing_in(tmp_path, house), Books(house)
    asked = msgspec.structs.replace(question(who, "elsewhere"), deadline=clock.real() - timedelta(seconds=1))
    assert not (await books.book(asked)).approved
    await written(stand_in, asked, approved=True, in_vain=False)

    await stand_in.tell(books.book)
    await standing_in(tmp_path, house).tell(books.book)

    assert [kind for kind, _, _ in await lines.elements(house, who)] == ["decline", "authorization"]
    assert await lines.balance(house, who) == (1_000_000, 1_000)


async def test_what_was_promised_here_and_by_the_network_is_promised_once(house: House, tmp_path: Path) -> None:
    who = await lines.cardholder(house)
    stand_in, books = standing_in(tmp_path, house), Books(house)
    asked = question(who, "both")
    await written(stand_in, asked, approved=True, in_vain=False)
    await books.book(msgspec.structs.replace(asked, element="theirs", subject=asked.element, advice=True))

    await stand_in.tell(books.book)

    assert await lines.balance(house, who) == (1_000_000, 1_000)
