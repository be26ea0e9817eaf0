"""Everybody who has a say in a card payment, wired as a process of the house wires them: one question, all voices."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from app import clock, db, ids
from app.house import House
from app.idempotency_key import Stored
from app.money import FIRST_LANE, claim
from cards.card import Card, Limits
from cards.hsm import material
from cards.hsm.material import Key
from cards.hsm.port import Usage
from cards.hsm.soft import SoftHsm
from cards.payments.message import Answer, Authorization, Channel, NetworkMessage, Operation
from cards.payments.payment import Merchant
from cards.payments.reason import Reason
from cards.programme import change
from cards.programme.permission import Choice, Controls
from cards.proofs.presented import Presented
from tests.cards import made, plates
from tests.cards.made import question, taken_back
from tests.cards.plates import Plastic
from tests.cards.rules import lives
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio

CASINO = Merchant(name="SLOTS", id="M-666", category="7995", country="US")


class Kept(msgspec.Struct, frozen=True):
    """A decision as it is stored."""

    approved: bool
    reasons: list[str]
    features: dict[str, object]


class Holder:
    """Somebody with a card, and the shops they go to."""

    def __init__(self, house: House, machine: SoftHsm, card: Card, plastic: Plastic) -> None:
        self.house = house
        self.machine = machine
        self.card = card
        self.plastic = plastic

    async def tell(self, *messages: NetworkMessage) -> list[Answer]:
        def render(answers: object) -> Stored:
            return Stored(200, msgspec.json.encode(answers))

        named = claim("test", str(ids.new()), None)
        reply = await self.house.money.submit(
            self.house.till.book, messages, lanes=[FIRST_LANE], claim=named, render=render
        )
        return msgspec.json.decode(reply.stored.body, type=list[Answer])

    def asks(self, tenge: int, presented: Presented, channel: Channel = Channel.CHIP, **other: Any) -> Authorization:  # noqa: ANN401  its fields
        return question(
            self.card, tenge, channel=channel, presented=presented, expiry=self.card.expires_on, **other
        )  # fmt: skip


async def holder(house: House, engines: Engines, tenge: int, limits: Limits | None = None) -> Holder:
    async with house.posting.connect() as connection:
        machine = await house.card_keys.machine(connection)
    if not machine.last(Usage.ZONE_PIN, plates.ZONE):  # what a key exchange with the network brings
        machine.admit([material.make(Key(Usage.ZONE_PIN, plates.ZONE, 1), made.AT)])
    card = await made.spender(engines, house.money, tenge, limits)
    return Holder(house, machine, card, Plastic(machine, card, await plates.number(engines, card)))


async def test_all_who_object_are_heard_and_the_most_public_reason_is_answered(house: House, engines: Engines) -> None:
    mine = await holder(house, engines, 50, Limits(per_payment=kzt(100), per_day=kzt(100)))
    await lives.active(engines.api, lives.body({"on": "text", "feature": "merchant", "values": ["M-666"]}))
    async with db.transaction(engines.api, holder=mine.card.holder, audience="resident") as story:
        connection = await story()
        locked = await change.locked(connection, mine.card.id)
        controls = Controls(channels=Choice(never=frozenset({Channel.ECOMMERCE})))
        await change.control(connection, locked, controls, actor="resident:me", at=made.AT)
    await made.freeze(engines, mine.card)
    wrong = mine.plastic.of_now(clock.real().replace(year=2001))

    # More than somebody may spend whose document nobody has seen.
    [answer] = await mine.tell(mine.asks(500_000, wrong, Channel.ECOMMERCE, merchant=CASINO))

    assert answer.reasons == (
        Reason.CARD_FROZEN,
        Reason.WRONG_CODE,
        Reason.FORBIDDEN_MERCHANT,
        Reason.CHANNEL_BLOCKED,
        Reason.PER_PAYMENT_LIMIT,
        Reason.PER_DAY_LIMIT,
        Reason.SPENDING_LIMIT,
        Reason.RISK,
        Reason.INSUFFICIENT_FUNDS,
    )
    assert answer.code == "62"
    [kept] = await decisions(engines, mine)
    assert tuple(kept.reasons) == answer.reasons
    assert not kept.approved
    assert kept.features["merchant"] == "M-666"


async def test_a_chip_with_a_pin_passes_everybody_and_is_counted_by_everybody(house: House, engines: Engines) -> None:
    mine = await holder(house, engines, 1_000)
    await plates.set_pin(engines, mine.machine, mine.card, "4711")
    said = mine.plastic.inserted(kzt(300), pin="4711")
    asked = mine.asks(300, said)

    [answer] = await mine.tell(asked)
    [replayed] = await mine.tell(mine.asks(300, said))

    assert (answer.approved, answer.code) == (True, "00")
    assert replayed.reason is Reason.CHIP_REPLAYED
    assert await counted(engines, mine) == 300_00
    first, second = await decisions(engines, mine)
    assert (first.approved, first.features["times_24h"], first.features["first_use"]) == (True, 0, True)
    assert (second.approved, second.features["times_24h"], second.features["first_use"]) == (False, 1, False)

    await mine.tell(taken_back(mine.card, 300, asked.lifecycle))
    assert await counted(engines, mine) == 0
    third = mine.asks(1, mine.plastic.inserted(kzt(1)))
    await mine.tell(third)
    assert (await decisions(engines, mine))[-1].features["amount_24h"] == 0


async def test_of_what_was_presented_nothing_is_kept(house: House, engines: Engines) -> None:
    mine = await holder(house, engines, 1_000)
    await plates.set_pin(engines, mine.machine, mine.card, "4711")
    typed = mine.plastic.of_now(clock.real())

    await mine.tell(mine.asks(10, mine.plastic.inserted(kzt(10), pin="4711")), mine.asks(10, typed, Channel.ECOMMERCE))

    async with engines.report.connect() as connection:
        rows = await connection.scalars(_EVERYTHING, {"card": mine.card.id})
        found = "\n".join(rows)
    assert found.count('"approved":true') == 2
    assert mine.plastic.plate.number.digits not in found
    assert "presented" not in found


async def test_who_promised_in_our_place_is_obeyed_and_counted(house: House, engines: Engines) -> None:
    mine = await holder(house, engines, 100, Limits(per_day=kzt(50)))
    await made.freeze(engines, mine.card)

    [answer] = await mine.tell(mine.asks(150, Presented(), merchant=CASINO, advice=True))
    [after] = await mine.tell(mine.asks(1, Presented(), Channel.ECOMMERCE))

    assert answer.approved
    assert await made.balance(engines, mine.card) == (kzt(100), kzt(100))
    assert {Reason.CARD_FROZEN, Reason.PER_DAY_LIMIT, Reason.INSUFFICIENT_FUNDS} <= set(after.reasons)
    assert await counted(engines, mine) == 150_00


async def test_three_wrong_pins_block_cash_and_the_right_one_comes_too_late(house: House, engines: Engines) -> None:
    mine = await holder(house, engines, 1_000)
    await plates.set_pin(engines, mine.machine, mine.card, "4711")

    answers = [
        (await mine.tell(mine.asks(
            10, mine.plastic.inserted(kzt(10), pin=pin), operation=Operation.CASH, single=True
        )))[0].reason
        for pin in ("0000", "0001", "0002", "4711")
    ]  # fmt: skip

    assert answers == [Reason.WRONG_PIN, Reason.WRONG_PIN, Reason.WRONG_PIN, Reason.PIN_BLOCKED]
    assert await made.balance(engines, mine.card) == (kzt(1_000), kzt(0))


async def decisions(engines: Engines, mine: Holder) -> list[Kept]:
    async with engines.report.connect() as connection:
        return [Kept(*row) for row in await connection.execute(_DECISIONS, {"card": mine.card.id})]


async def counted(engines: Engines, mine: Holder) -> int:
    """Sum what counts against the limits of a person."""
    async with engines.worker.connect() as connection:
        found: int = (await connection.execute(_COUNTED, {"holder": mine.card.holder})).scalar_one()
    return found


_DECISIONS = text("SELECT approved, reasons, features FROM cards.decision WHERE card = :card ORDER BY at, payment")
_EVERYTHING = text(
    """
    SELECT row_to_json(decision)::text FROM cards.decision WHERE card = :card
    UNION ALL SELECT row_to_json(element)::text FROM cards.element JOIN cards.payment ON payment.id = element.payment
    WHERE payment.card = :card
    """
)
_COUNTED = text("SELECT coalesce(sum(minor), 0)::bigint FROM app.allowance_use WHERE holder = :holder")
