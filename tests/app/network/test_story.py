"""A day of one card over two lines: every type of telegram and its repeat, what is answered, and the wallet after.

The acquirer writes its telegrams by a table of its own (simulators/iso8583.py). Each telegram is said again as a repeat
and must be answered the same and move nothing. In the evening each network settles by its own cut-off, and every date
is worked out here anew, from the words of docs/cards/link.md.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import clock, db
from app.house import House
from app.network.terms import Line, Scope
from cards.hsm import pinblock
from cards.hsm.pinblock import Format
from cards.hsm.port import Usage
from cards.proofs.pan import Pan
from cards.proofs.presented import Bytes, PinBlock
from simulators.card_scenarios import Acquirer, Exchange, Till
from simulators.iso8583 import Fields
from simulators.settlement_file import Line as Settled
from simulators.standard_webhooks import Signer
from tests.app.cards.test_keys import CHECK, PARTS
from tests.app.network import lines
from tests.app.network.lines import Cardholder
from tests.cards.settlement import files
from tests.cards.settlement.files import Network

pytestmark = pytest.mark.asyncio

PIN = "5927"
#: What is answered to each type, and the type that says it again.
ANSWERS = {
    "0100": ("0110", "0101"),
    "0120": ("0130", "0121"),
    "0200": ("0210", "0201"),
    "0220": ("0230", "0221"),
    "0400": ("0410", "0401"),
    "0420": ("0430", "0421"),
}
CASH: Fields = {3: "010000", 18: "6011", 28: f"D{200_00:08}"}
DOLLARS: Fields = {49: "840", 51: "398", 6: f"{9_000_00:012}", 10: "45000000"}


class Counter(NamedTuple):
    """One card at the counters of one network; `told` remembers which types were said, and said again."""

    who: Cardholder
    house: House
    network: Acquirer
    zone: str
    told: set[str]

    def page(self, tenge: int) -> Till:
        """Begin a purchase on a shop's page, where the CVV2 is typed."""
        return Till(self.network, msgspec.structs.replace(self.who.happened, amount_minor=tenge * 100))

    def at(self, tenge: int) -> Till:
        """Begin a purchase with the chip."""
        return self.who.till(self.network, tenge)

    async def typed(self) -> Fields:
        """Type the PIN."""
        async with self.house.posting.connect() as connection:
            machine = await self.house.card_keys.machine(connection)
        key = machine.material(Usage.ZONE_PIN, zone=self.zone).value
        return {52: pinblock.encode(Format.ISO_4, key, PIN, self.who.number).hex().upper()}

    async def says(self, mti: str, fields: Fields, code: str, has: tuple[int, int]) -> Exchange:
        """Say it and say it again: `code` both times, and the wallet `has` so much, and so much of it held."""
        answer, again = ANSWERS[mti]
        before = datetime.now(UTC)
        heard = await self.network.line.ask(mti, fields)
        assert heard[39] == code, (mti, heard)
        days = {settles_on(self.zone, each) for each in (before, datetime.now(UTC))}
        assert heard[15] in days, (mti, heard[15], days)
        assert await lines.balance(self.house, self.who) == has, mti
        repeated = await self.network.line.ask(again, fields)
        assert {**repeated, 15: ""} == {**heard, 15: ""}, again
        assert await lines.balance(self.house, self.who) == has, again
        self.told.update({mti, again, answer})
        return Exchange(mti=mti, code=heard[39], approval=heard.get(38), balance=heard.get(54))


def settles_on(zone: str, at: datetime) -> str:
    """Work out field 15: at home a day ends at 18:00 (UTC+5) and weekends wait; abroad it ends at midnight UTC."""
    if zone.startswith("far"):
        return f"{at.date() + timedelta(days=1):%m%d}"
    local = at + timedelta(hours=5)
    day = local.date() + timedelta(days=local.hour >= 18)
    return f"{day + timedelta(days={5: 2, 6: 1}.get(day.weekday(), 0)):%m%d}"


async def at_home(here: Counter) -> None:
    """Do everything that one can do with a card at home."""
    bought = here.page(10_000)
    approved = await here.says("0100", bought.asks(), "00", (1_000_000, 10_000))
    assert approved.approval
    await here.says("0220", bought.takes(), "00", (990_000, 0))

    late = here.page(10_000)
    await here.says("0100", late.asks(f14="2001"), "54", (990_000, 0))
    guessed = here.page(10_000)
    await here.says("0100", {**guessed.asks(), 48: "9203000"}, "N7", (990_000, 0))

    ticket = here.at(5_000)
    await here.says("0200", ticket.asks(more=here.who.inserted(5_000)), "00", (985_000, 0))

    machine = here.at(20_000)
    paid_out = machine.asks(more=here.who.inserted(20_000) | CASH | await here.typed())
    await here.says("0200", paid_out, "00", (964_800, 0))  # our fee: one in a hundred, and 200 at least
    without_pin = here.at(20_000)
    await here.says("0200", without_pin.asks(more=here.who.inserted(20_000) | CASH), "1A", (964_800, 0))

    look: Fields = {3: "310000", 18: "6011"}
    asked = here.at(0).asks(0, here.who.inserted(0) | look | await here.typed())
    shown = await here.says("0100", asked, "00", (964_800, 0))
    assert shown.balance is not None
    assert f"C{964_800_00:012}" in shown.balance

    jammed = here.at(20_000)
    asked = jammed.asks(more=here.who.inserted(20_000) | CASH | await here.typed())
    await here.says("0200", jammed.begins("0200", asked), "00", (944_600, 0))
    await here.says("0420", jammed.gives_up(f3="010000", f18="6011"), "00", (964_800, 0))

    returned = here.page(3_000)
    await here.says("0100", returned.begins("0100", returned.asks()), "00", (964_800, 3_000))
    await here.says("0400", returned.gives_up(), "00", (964_800, 0))

    stood_in = here.page(7_000)
    await here.says("0120", stood_in.asks(f39="00"), "00", (964_800, 7_000))

    await here.says("0220", here.at(4_000).takes(f3="200000"), "00", (968_800, 7_000))


async def abroad(there: Counter) -> None:
    """Pay in dollars: our one in a hundred is held and taken with it."""
    bought = there.page(90)
    asked = bought.asks(20_00, DOLLARS)
    await there.says("0100", asked, "00", (968_800, 16_090))
    await there.says("0220", bought.takes(20_00, DOLLARS), "00", (959_710, 7_000))


async def settled(network: Network, day: date, link: str) -> None:
    """Let the network send the file of its day: every purchase under the name it had on the line."""
    rows = await network.rows(_TAKEN)
    told = [
        Settled(kind=row.kind, lifecycle=row.lifecycle, element=row.source, amount_minor=row.amount_minor)
        for row in rows
    ]
    assert await network.takes(told, business_date=day, link=link) == []
    assert await network.states() == ["reported"]
    assert await network.balance("card_clearing") == 0
    [file] = await network.rows(_FILE)
    assert (file.business_date, file.link) == (day, link)


async def test_a_day_of_a_card_at_home_and_abroad(app: Litestar, tmp_path: Path) -> None:
    house: House = app.state.house
    signer = Signer(tmp_path / "network.key")
    home = await files.enrolled(app, signer, tmp_path / "home", name="near")
    far = await files.enrolled(app, signer, tmp_path / "far", name="far")
    who = await _with_pin(house, home.name)
    domestic = Line(network=home.name, scope=Scope.DOMESTIC, port=0, deadline_ms=5_000)
    terms = {"cut_off": "00:00", "zone": "UTC", "working": False, "deadline_ms": 5_000}
    international = Line(network=far.name, scope=Scope.INTERNATIONAL, port=0, **terms)  # type: ignore[arg-type]  # its fields
    told: set[str] = set()
    async with lines.opened(house, tmp_path / "link", domestic, international) as opened:
        async with lines.acquirer(opened, home.name) as network:
            await at_home(Counter(who, house, network, home.name, told))
        async with lines.acquirer(opened, far.name) as network:
            await abroad(Counter(who, house, network, far.name, told))

    assert told == {each for mti, (answer, again) in ANSWERS.items() for each in (mti, answer, again)}
    now = clock.real()
    await settled(home, domestic.settles_on(now), "domestic")
    await settled(far, international.settles_on(now), "international")


async def _with_pin(house: House, zone: str) -> Cardholder:
    who = await lines.resident(house, 7_090)
    await house.card_keys.enter(zone, PARTS, CHECK)
    key = (await house.card_keys.rotate(Usage.ZONE_PIN, zone)).value
    async with house.posting.connect() as connection:
        machine = await house.card_keys.machine(connection)
    block = pinblock.encode(Format.ISO_4, key, PIN, who.number)
    stored = machine.pin_value(Pan(who.number), PinBlock(block=Bytes(block), zone=zone), card="")
    async with db.transaction(house.api, holder=who.card.holder, audience="resident") as story:
        asked = {"card": who.card.id, "pvv": stored.value.value, "version": stored.version, "at": clock.real()}
        await (await story()).execute(text("SELECT card_vault.set_pin(:card, :pvv, :version, :at)"), asked)
    return who


_TAKEN = """
    SELECT CASE WHEN element.kind = 'clearing' OR element.single THEN 'purchase' ELSE 'refund' END AS kind,
           payment.lifecycle, element.source, element.amount_minor
    FROM cards.payment JOIN cards.element ON element.lane = payment.lane AND element.payment = payment.id
    WHERE payment.network = :network AND element.source NOT LIKE '% taken' AND (
        element.kind IN ('clearing', 'refund')
        OR element.kind = 'authorization' AND element.single
        OR element.kind = 'reversal' AND EXISTS (
            SELECT FROM cards.element AS first
            WHERE first.lane = payment.lane AND first.payment = payment.id AND first.single))
    ORDER BY element.at
"""
_FILE = "SELECT business_date, link FROM cards.settlement_file WHERE network = :network"
