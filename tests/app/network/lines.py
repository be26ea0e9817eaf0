"""Lines that are open over a house, and cardholders whose numbers are known: what tests of the network begin with."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import text

from app import clock, db, ids, seed
from app.house import House
from app.money import FIRST_LANE
from app.network import serving
from app.network.serving import Lines
from app.network.terms import Line, Scope
from cards.card import Card, Form, Limits
from cards.hsm.port import Plate
from cards.programme import order
from cards.programme.order import Holder, Issuing, Order
from cards.proofs import pan
from law import calendar
from law.money import KZT, Money
from law.regime import PROGRAMME
from law.seed import THRESHOLDS
from simulators import iso8583
from simulators.card_scenarios import SCENARIOS, Acquirer, Happened, Played, Till, play
from tests.cards.plates import Plastic
from tests.wallet import ledgers
from wallet.chart import Purpose
from wallet.transfer import AccountId

#: Tag 9F34: the chip compared the PIN, and it was right.
_PIN_WAS_RIGHT = bytes.fromhex("9F3403410302")

LINE = Line(network="mspk", scope=Scope.DOMESTIC, port=0, deadline_ms=5_000)
ABROAD = Line(network="worldwide", scope=Scope.INTERNATIONAL, port=0, cut_off="00:00", zone="UTC", working=False)


class Cardholder(msgspec.Struct, frozen=True):
    """A resident with a card, and what is on it."""

    card: Card
    number: str
    cvv2: str
    plastic: Plastic

    @property
    def happened(self) -> Happened:
        """Say it as a shop reads it."""
        return Happened(pan=self.number, expiry=f"{self.card.expires_on:%Y-%m}", cvv2=self.cvv2)

    def till(self, by: Acquirer, tenge: int) -> Till:
        """Stand at a till with it."""
        return Till(by, msgspec.structs.replace(self.happened, amount_minor=tenge * 100, mcc="5411", cvv2=None))

    def inserted(self, tenge: int) -> dict[int, str]:
        """Say what a terminal reads of the chip that compared the PIN."""
        chip = self.plastic.inserted(Money(tenge * 100, KZT)).chip
        assert chip is not None
        return {22: "051", 25: "00", 55: (chip.field55.value + _PIN_WAS_RIGHT).hex().upper()}


async def resident(house: House, number: int) -> Cardholder:
    """Bring up a resident by number with a million tenge and a card: somebody who is identified, and may spend it."""
    [who] = await seed.residents(house, 1, start=number)
    return await _with_card(house, who.subject, AccountId(who.wallet))


async def cardholder(house: House, *, tenge: int = 1_000_000, limits: Limits | None = None) -> Cardholder:
    """Bring up somebody nobody identified with money and a card: by law they spend some 13 000 tenge a day."""
    holder = ids.new()
    account = await ledgers.opened(house.api, holder)
    source = await house.money.operator(Purpose.SANDBOX)
    await ledgers.move(house.money, ledgers.post(source, account, Money(tenge * 100, KZT)))
    return await _with_card(house, holder, account, limits)


async def another_card(house: House, of: Cardholder) -> Cardholder:
    """Give somebody one more card on the same wallet."""
    return await _with_card(house, of.card.holder, AccountId(of.card.account))


async def _with_card(house: House, holder: UUID, account: AccountId, limits: Limits | None = None) -> Cardholder:
    async with db.transaction(house.api, holder=holder, audience="resident") as story:
        connection, now = await story(), story.now
        programme = PROGRAMME.at(calendar.statutory_date(now))
        asked = Order(
            card=ids.new(),
            holder=Holder(id=holder, verified_at=now),
            lane=FIRST_LANE,
            account=account,
            currency=KZT,
            form=Form.VIRTUAL,
            limits=limits or Limits(),
            notice_version=programme.notice.version,
            notice_language="en",
        )
        by = Issuing(programme=programme, thresholds=THRESHOLDS, keys=house.keys.kms, actor="resident:test", at=now)
        card = await order.order(connection, asked, by)
        kept = await pan.read(connection, house.keys.kms, card.id)
        assert kept is not None
        machine = await house.card_keys.machine(connection)
    plate = Plate(kept.number, card.expires_on, kept.plate_version)
    plastic = Plastic(machine, card, kept.number, kept.plate_version)
    return Cardholder(card, kept.number.digits, machine.code_at(plate, clock.real()).value, plastic)


@contextlib.asynccontextmanager
async def opened(house: House, folder: Path, *over: Line) -> AsyncIterator[Lines]:
    """Open lines."""
    async with serving.opened(house, over or (LINE,), folder) as lines:
        yield lines


@contextlib.asynccontextmanager
async def acquirer(lines: Lines, network: str = "mspk") -> AsyncIterator[Acquirer]:
    """Come over a line as an acquirer."""
    line = iso8583.Line("127.0.0.1", lines.ports[network])
    try:
        yield Acquirer(line)
    finally:
        await line.close()


async def played(name: str, by: Acquirer, card: Happened) -> Played:
    """Play a scenario by its name."""
    return await play(SCENARIOS[name], by, card)


async def codes(name: str, by: Acquirer, card: Happened) -> list[str]:
    """Play a scenario and give field 39 of every answer."""
    return [heard.code for heard in (await played(name, by, card)).heard]


async def balance(house: House, of: Cardholder) -> tuple[int, int]:
    """Give what a wallet owns and what of it is set aside, in tenge."""
    return await sums(house, of.card.account)


async def sums(house: House, account: UUID) -> tuple[int, int]:
    """Give what an account holds and what of it is set aside, in tenge."""
    async with house.report.connect() as connection:
        row = (
            await connection.execute(text("SELECT posted, hold_out FROM wallet.account WHERE id = :a"), {"a": account})
        ).one()
    return row.posted // 100, row.hold_out // 100


async def elements(house: House, of: Cardholder) -> list[tuple[str, str | None, int]]:
    """List what the books know of a card's payments: kind, who promised, tenge."""
    async with house.report.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT kind, stand_in, amount_minor / 100 AS tenge FROM cards.element JOIN cards.payment"
                " ON payment.lane = element.lane AND payment.id = element.payment WHERE card = :card"
                " ORDER BY element.at, number"
            ),
            {"card": of.card.id},
        )
        return [(row.kind, row.stand_in, row.tenge) for row in rows]
