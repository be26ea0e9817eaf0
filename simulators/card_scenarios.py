"""What happens to cards, by name: each scenario is what an acquirer says over its line, in order, and what it hears.

    POST /scenarios/{name} of simulators/card_network.py, with a card to play it with

Two need the issuer's keys, which no acquirer has: `chip` and `pin_block` are given by whoever made the card.
"""

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from simulators import iso8583, iso_issuer
from simulators.iso8583 import Away, Fields, Line

DOLLARS = "840"
_FUEL, _HOTEL, _CASH_MACHINE = "5542", "7011", "6011"
_PARTIAL_OK = "610510000"
_ESTIMATED, _MORE_ESTIMATED = "101", "103"
_PREAUTHORISED = "06"


class Happened(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A card, and how much it is about. `chip` are fields 55, each for one use; `pin_block` is field 52."""

    pan: str
    expiry: str
    cvv2: str | None = None
    amount_minor: Annotated[int, Meta(ge=100)] = 10_000_00
    mcc: str = "5942"
    chip: tuple[str, ...] = ()
    pin_block: str | None = None


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One telegram and its answer; `code` is field 39, "" where nobody answered in time."""

    mti: str
    code: str
    approval: str | None = None
    minor: int | None = None
    balance: str | None = None


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What was said and heard, in order; `transaction` names the purchase on the network."""

    transaction: str
    heard: list[Exchange]


class Acquirer:
    """An acquirer on its line: it counts its traces and names its purchases."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._traces = itertools.count(secrets.randbelow(900_000) + 1)

    async def say(self, mti: str, fields: Fields) -> Exchange:
        """Send one telegram and hear its answer, or nothing."""
        try:
            heard = await self.line.ask(mti, fields)
        except Away:
            return Exchange(mti=mti, code="")
        minor = int(heard[4]) if 4 in heard else None  # noqa: PLR2004  the number of a field
        return Exchange(mti=mti, code=heard[39], approval=heard.get(38), minor=minor, balance=heard.get(54))

    def stamped(self, fields: Fields) -> Fields:
        """Give a telegram a time and a trace number of its own."""
        now = datetime.now(UTC)
        trace = next(self._traces) % 999_999 + 1
        return {
            **fields,
            7: iso8583.time_of(now),
            11: f"{trace:06}",
            12: f"{now:%H%M%S}",
            13: f"{now:%m%d}",
        }


class Till:
    """One purchase with one card: what every telegram about it says."""

    def __init__(self, acquirer: Acquirer, card: Happened) -> None:
        self.acquirer, self.card = acquirer, card
        self.transaction = secrets.token_hex(8)[:15].upper()
        self.heard: list[Exchange] = []
        self._first: tuple[str, Fields] | None = None

    def asks(self, minor: int | None = None, more: Fields | None = None, **named: str) -> Fields:
        """Write a question; `more` are fields as f25="06"."""
        return self.acquirer.stamped(self._said(minor) | (more or {}) | _numbered(named))

    def takes(self, minor: int | None = None, more: Fields | None = None, **named: str) -> Fields:
        """Write what says that the money is taken."""
        return self.acquirer.stamped(self._said(minor) | (more or {}) | _numbered(named))

    def gives_up(self, was: int | None = None, left: int = 0, **more: str) -> Fields:
        """Write what takes a promise back, all but `left`."""
        said = self.acquirer.stamped(self._said(was) | _numbered(more))
        mti, first = self._first or ("0100", said)
        before = {90: f"{mti}{first[11]}{first[7]}{iso_issuer.ACQUIRER:0>11}{0:011}"}
        return {**said, **before} | ({95: f"{left:012}{0:012}C{0:08}C{0:08}"} if left else {})

    def begins(self, mti: str, fields: Fields) -> Fields:
        """Remember the first telegram: a reversal names it."""
        self._first = self._first or (mti, fields)
        return fields

    async def say(self, mti: str, fields: Fields) -> Exchange:
        """Say it, and remember what was heard."""
        self.begins(mti, fields)
        heard = await self.acquirer.say(mti, fields)
        self.heard.append(heard)
        return heard

    def _said(self, minor: int | None) -> Fields:
        card = self.card
        return {
            2: card.pan,
            3: "000000",
            4: f"{card.amount_minor if minor is None else minor:012}",
            14: card.expiry[2:4] + card.expiry[5:7],
            18: card.mcc,
            19: iso_issuer.DOMESTIC,
            22: "810",
            25: "59",
            32: iso_issuer.ACQUIRER,
            37: self.transaction[:12],
            41: "TERM0001",
            42: f"{'M-1001':15}",
            43: iso_issuer.place("Dostyk Books", "Almaty", "KZ"),
            49: iso_issuer.TENGE,
            62: self.transaction,
            **({48: f"9203{card.cvv2}"} if card.cvv2 else {}),
        }


def _numbered(more: dict[str, str]) -> Fields:
    return {int(name.removeprefix("f")): text for name, text in more.items()}


Scenario = Callable[[Till], Awaitable[None]]


async def play(scenario: Scenario, acquirer: Acquirer, card: Happened) -> Played:
    """Play a scenario with a card."""
    till = Till(acquirer, card)
    await scenario(till)
    return Played(transaction=till.transaction, heard=till.heard)


async def purchase(till: Till) -> None:
    """Ask, and take what was promised."""
    await till.say("0100", till.asks())
    await till.say("0220", till.takes())


async def duplicate(till: Till) -> None:
    """Ask three times at once, in the same words."""
    asked = till.asks()
    await asyncio.gather(*(till.say("0100", asked) for _ in range(3)))


async def repeat(till: Till) -> None:
    """Ask, hear nothing, and ask again as a repeat."""
    asked = till.asks()
    await till.say("0100", asked)
    await till.say("0101", asked)


async def late_reply(till: Till) -> None:
    """Give up waiting for an answer that comes all the same, and take the question back."""
    asked = till.begins("0100", till.asks())
    await asyncio.gather(till.say("0100", asked), till.say("0420", till.gives_up()))
    await till.say("0421", till.gives_up())


async def reversal_first(till: Till) -> None:
    """Take back what is only asked afterwards."""
    asked = till.begins("0100", till.asks())
    await till.say("0420", till.gives_up())
    await till.say("0100", asked)


async def clearing_first(till: Till) -> None:
    """Take the money before it is asked for."""
    asked = till.asks()
    await till.say("0220", till.takes())
    await till.say("0100", asked)


async def multi_clearing(till: Till) -> None:
    """Take the money in two parts, the second of which is the last."""
    half = till.card.amount_minor // 2
    await till.say("0100", till.asks())
    await till.say("0220", till.takes(half, f48="70040102"))
    await till.say("0220", till.takes(till.card.amount_minor - half, f48="70040202"))


async def tip(till: Till) -> None:
    """Take a fifth more than was promised: the guest left a tip."""
    await till.say("0100", till.asks())
    await till.say("0220", till.takes(till.card.amount_minor * 6 // 5))


async def fuel(till: Till) -> None:
    """Ask for one tenge at the pump, say what was filled in, and take that."""
    filled = till.card.amount_minor
    await till.say("0100", till.asks(100, f18=_FUEL, f24=_ESTIMATED, f25=_PREAUTHORISED))
    await till.say("0120", till.asks(filled, f18=_FUEL, f25=_PREAUTHORISED, f39="00"))
    await till.say("0220", till.takes(filled, f18=_FUEL))


async def hotel(till: Till) -> None:
    """Ask for a night, for another one, and take both."""
    night = till.card.amount_minor
    await till.say("0100", till.asks(f18=_HOTEL, f24=_ESTIMATED))
    await till.say("0100", till.asks(f18=_HOTEL, f24=_MORE_ESTIMATED))
    await till.say("0220", till.takes(2 * night, f18=_HOTEL))


async def partial_reversal(till: Till) -> None:
    """Give up half of what was promised, and take the rest."""
    whole = till.card.amount_minor
    await till.say("0100", till.asks())
    await till.say("0420", till.gives_up(whole, whole // 2))
    await till.say("0220", till.takes(whole // 2))


async def partial_approval(till: Till) -> None:
    """Ask for more than there is, at a terminal that takes less."""
    cvv2 = f"9203{till.card.cvv2}" if till.card.cvv2 else ""
    await till.say("0100", till.asks(till.card.amount_minor, f48=_PARTIAL_OK + cvv2))


async def network_stand_in(till: Till) -> None:
    """Tell that the network said yes for the issuer, and say it again."""
    told = till.asks(f39="00")
    await till.say("0120", told)
    await till.say("0121", told)


async def refused_in_our_place(till: Till) -> None:
    """Tell that the network said no for the issuer."""
    await till.say("0120", till.asks(f39="05"))


async def refund(till: Till) -> None:
    """Send money back that was never taken."""
    await till.say("0220", till.takes(f3="200000"))


async def refund_more(till: Till) -> None:
    """Send back more than was taken."""
    await purchase(till)
    await till.say("0220", till.takes(till.card.amount_minor * 2, f3="200000"))


async def fx_drift(till: Till) -> None:
    """Ask in dollars at one rate, and take at another."""
    dollars = till.card.amount_minor // 500
    foreign = {49: DOLLARS, 51: iso_issuer.TENGE}
    await till.say("0100", till.asks(dollars, foreign | {6: f"{dollars * 500:012}", 10: "45000000"}))
    await till.say("0220", till.takes(dollars, foreign | {6: f"{dollars * 520:012}", 10: "45200000"}))


async def cash(till: Till) -> None:
    """Take money out of a machine, in one message; the terminal charges for it."""
    told = {3: "010000", 18: _CASH_MACHINE, 22: "051", 25: "00", 28: f"D{200_00:08}"}
    await till.say("0200", till.asks(more=told | _chip(till.card) | _pin(till.card)))


async def cash_not_dispensed(till: Till) -> None:
    """Ask a machine for money that it then does not give out."""
    await cash(till)
    await till.say("0420", till.gives_up(f3="010000", f18=_CASH_MACHINE))


async def balance(till: Till) -> None:
    """Ask how much there is."""
    told = {3: "310000", 18: _CASH_MACHINE, 22: "051", 25: "00"}
    await till.say("0100", till.asks(0, told | _chip(till.card) | _pin(till.card)))


async def verification(till: Till) -> None:
    """Look whether the card is good."""
    await till.say("0100", till.asks(0, f25="51"))


async def chip(till: Till) -> None:
    """Pay with the chip, once for each of what it said."""
    for field55 in till.card.chip:
        another = Till(till.acquirer, till.card)
        till.heard.append(await another.say("0100", another.asks(more=_AT_THE_TILL | {55: field55} | _pin(till.card))))


async def chip_replayed(till: Till) -> None:
    """Pay twice with what the chip said once."""
    said = _AT_THE_TILL | _chip(till.card) | _pin(till.card)
    await till.say("0100", till.asks(more=said))
    another = Till(till.acquirer, till.card)
    till.heard.append(await another.say("0100", another.asks(more=said)))


async def wrong_pin(till: Till) -> None:
    """Type a wrong PIN until the card will not have another."""
    for number, field55 in enumerate(till.card.chip):
        another = Till(till.acquirer, till.card)
        said = _AT_THE_TILL | {55: field55, 52: f"{number:032X}"}
        till.heard.append(await another.say("0100", another.asks(more=said)))


async def malformed(till: Till) -> None:
    """Send what is no telegram, and go on as if nothing had been."""
    for data in (b"", b"\x00", b"0100", b"0100" + b"\xff" * 8, b"9999" + bytes(8)):
        await till.acquirer.line.send(data)
    await purchase(till)


_AT_THE_TILL: Fields = {22: "051", 25: "00"}


def _chip(card: Happened) -> Fields:
    return {55: card.chip[0]} if card.chip else {}


def _pin(card: Happened) -> Fields:
    return {52: card.pin_block} if card.pin_block else {}


SCENARIOS: dict[str, Scenario] = {
    scenario.__name__.replace("_", "-"): scenario
    for scenario in (
        purchase, duplicate, repeat, late_reply, reversal_first, clearing_first, multi_clearing, tip, fuel, hotel,
        partial_reversal, partial_approval, network_stand_in, refused_in_our_place, refund, refund_more, fx_drift,
        cash, cash_not_dispensed, balance, verification, chip, chip_replayed, wrong_pin, malformed,
    )
}  # fmt: skip
