"""What a card presents is held against what the house knows, in the batch that answers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import text

from app import ids
from app.cards.swiping import Till
from app.idempotency_key import Stored
from app.money import FIRST_LANE, Money, claim
from cards.card import Card, Form
from cards.hsm.soft import SoftHsm
from cards.payments.message import Answer, Channel, Operation
from cards.payments.reason import Reason
from cards.proofs import challenge
from cards.proofs.evidence import Case, Facts, Guesses, Judged, Token, Yes
from cards.proofs.presented import NOTHING, Cavv, Presented
from law.money import EUR
from law.money import Money as Amount
from tests.cards import made, plates
from tests.cards.plates import Plastic
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio


class Shop:
    """A card of somebody with money, the machine that knows it, and shops that ask."""

    def __init__(self, engines: Engines, money: Money, machine: SoftHsm, used: Card, plastic: Plastic) -> None:
        self.engines = engines
        self.hsm = machine
        self.card = used
        self.plastic = plastic
        self._money = money
        self._till = Till(self._machine)

    async def _machine(self, _: object) -> SoftHsm:
        return self.hsm

    async def ask(self, presented: Presented, channel: Channel, *, tenge: int = 100, **other: object) -> Reason | None:
        """Ask for money, and say why there is none."""
        [reason] = await self.ask_all([presented], channel, tenge=tenge, **other)
        return reason

    async def ask_all(
        self, presented: Sequence[Presented], channel: Channel, *, tenge: int = 100, **other: object
    ) -> list[Reason | None]:
        """Ask as often in one batch."""
        fields = {"channel": channel, "expiry": self.card.expires_on, **other}
        asked = [
            made.question(self.card, tenge, presented=each, **fields)  # type: ignore[arg-type]  # fields of Authorization
            for each in presented
        ]

        def render(answers: Sequence[object]) -> Stored:
            return Stored(200, msgspec.json.encode(answers))

        named = claim("test", str(ids.new()), None)
        reply = await self._money.submit(self._till.book, asked, lanes=[FIRST_LANE], claim=named, render=render)
        return [each.reason for each in msgspec.json.decode(reply.stored.body, type=list[Answer])]


@pytest_asyncio.fixture
async def shop(engines: Engines, money: Money) -> Shop:
    machine = plates.hsm()
    used = await made.spender(engines, money, 100_000)
    return Shop(engines, money, machine, used, Plastic(machine, used, await plates.number(engines, used)))


def now() -> datetime:
    return datetime.now(UTC)


async def test_a_code_of_the_moment_pays_and_no_other(shop: Shop) -> None:
    # One of a thousand codes is right by chance, so those that are wrong today are looked for.
    right = {shop.plastic.of_now(now() + timedelta(minutes=minutes)) for minutes in (-10, -5, 0, 5)}
    older = next(
        code
        for minutes in range(15, 90, 5)
        if (code := shop.plastic.of_now(now() - timedelta(minutes=minutes))) not in right
    )
    wrong = next(code for number in range(9) if (code := shop.plastic.typed(f"00{number}")) not in right)

    assert await shop.ask(shop.plastic.of_now(now()), Channel.ECOMMERCE) is None
    assert await shop.ask(wrong, Channel.ECOMMERCE) is Reason.WRONG_CODE
    assert await shop.ask(older, Channel.ECOMMERCE) is Reason.WRONG_CODE


async def test_a_card_that_is_nothing_but_a_number_has_no_printed_code(shop: Shop) -> None:
    right = {shop.plastic.of_now(now() + timedelta(minutes=minutes)) for minutes in (-10, -5, 0, 5)}
    printed = shop.plastic.typed(shop.hsm.code(shop.plastic.plate, "000").value)

    assert printed in right or await shop.ask(printed, Channel.ECOMMERCE) is Reason.WRONG_CODE
    plastic = msgspec.structs.replace(shop.card, form=Form.PLASTIC)
    question = made.question(plastic, 1, presented=printed)
    judged = Case(shop.hsm, now(), plastic, question, Facts(plate_version=1), Judged([], []))
    judged.typed(Guesses())
    assert judged.judged.held == ["cvv2"]


async def test_a_code_is_of_its_number_alone(shop: Shop, engines: Engines, money: Money) -> None:
    other = await made.spender(engines, money, 1)
    theirs = Plastic(shop.hsm, other, await plates.number(engines, other)).of_now(now())
    right = {shop.plastic.of_now(now() + timedelta(minutes=minutes)) for minutes in (-10, -5, 0, 5)}
    mixed = msgspec.structs.replace(theirs, number=shop.plastic.plate.number)

    assert mixed in right or await shop.ask(mixed, Channel.ECOMMERCE) is Reason.WRONG_CODE


async def test_a_stripe_pays_with_its_own_code(shop: Shop) -> None:
    stolen = shop.hsm.code(shop.plastic.plate, "000")

    assert await shop.ask(shop.plastic.swiped(), Channel.MAGSTRIPE) is None
    assert await shop.ask(shop.plastic.swiped(service="000", code=stolen), Channel.MAGSTRIPE) is Reason.WRONG_CODE
    assert await shop.ask(NOTHING, Channel.MAGSTRIPE) is Reason.NOT_PROVED


async def test_a_chip_pays_once_per_counter_and_for_its_amount(shop: Shop) -> None:
    first = shop.plastic.inserted(kzt(100))

    assert await shop.ask(first, Channel.CHIP) is None
    assert await shop.ask(first, Channel.CHIP) is Reason.CHIP_REPLAYED
    assert await shop.ask(shop.plastic.inserted(kzt(1)), Channel.CHIP) is Reason.WRONG_CRYPTOGRAM
    assert await shop.ask(NOTHING, Channel.CONTACTLESS) is Reason.NOT_PROVED


async def test_a_chip_used_twice_in_one_batch_pays_once(shop: Shop) -> None:
    said = shop.plastic.inserted(kzt(100))

    assert await shop.ask_all([said, said], Channel.CHIP) == [None, Reason.CHIP_REPLAYED]


async def test_a_copy_without_the_key_is_no_chip(shop: Shop) -> None:
    copy = Plastic(plates.hsm(), shop.card, shop.plastic.plate.number)

    assert await shop.ask(copy.inserted(kzt(100)), Channel.CHIP) is Reason.WRONG_CRYPTOGRAM
    # What was wrong used no counter up: the card goes on paying.
    assert await shop.ask(shop.plastic.inserted(kzt(100), counter=1), Channel.CHIP) is None


async def test_cash_is_given_for_the_pin(shop: Shop) -> None:
    await plates.set_pin(shop.engines, shop.hsm, shop.card, "5927")
    bare = shop.plastic.inserted(kzt(100))

    assert await shop.ask(bare, Channel.CHIP, operation=Operation.CASH) is Reason.PIN_REQUIRED
    typed = shop.plastic.inserted(kzt(100), pin="5927")
    assert await shop.ask(typed, Channel.CHIP, operation=Operation.CASH) is None


async def test_three_wrong_pins_block_the_right_one(shop: Shop) -> None:
    await plates.set_pin(shop.engines, shop.hsm, shop.card, "5927")

    for wrong in ("5926", "59270", "5928"):
        assert await shop.ask(shop.plastic.inserted(kzt(1), pin=wrong), Channel.CHIP, tenge=1) is Reason.WRONG_PIN
    assert await shop.ask(shop.plastic.inserted(kzt(1), pin="5927"), Channel.CHIP, tenge=1) is Reason.PIN_BLOCKED

    async with shop.engines.report.connect() as connection:
        blocked = text("SELECT count(*) FROM cards.event WHERE holder = :holder AND kind = 'card.pin_blocked'")
        assert await connection.scalar(blocked, {"holder": shop.card.holder}) == 1


async def test_a_right_pin_gives_the_tries_back(shop: Shop) -> None:
    await plates.set_pin(shop.engines, shop.hsm, shop.card, "5927")

    for typed in ("5926", "5928", "5927", "5926", "5928"):
        await shop.ask(shop.plastic.inserted(kzt(1), pin=typed), Channel.CHIP, tenge=1)

    assert await shop.ask(shop.plastic.inserted(kzt(1), pin="5927"), Channel.CHIP, tenge=1) is None


async def test_who_guesses_a_hundred_pins_at_once_gets_three(shop: Shop) -> None:
    await plates.set_pin(shop.engines, shop.hsm, shop.card, "0047")
    guesses = [shop.plastic.inserted(kzt(1), pin=f"{guess:04d}") for guess in range(100)]

    answers = await shop.ask_all(guesses, Channel.CHIP, tenge=1)

    assert answers.count(Reason.WRONG_PIN) == 3
    assert answers.count(Reason.PIN_BLOCKED) == 97


async def test_noise_is_no_try(shop: Shop) -> None:
    await plates.set_pin(shop.engines, shop.hsm, shop.card, "5927")
    noise = msgspec.structs.replace(shop.plastic.inserted(kzt(1)), pin=shop.plastic.pin("5927", key=bytes(32)))

    assert await shop.ask(noise, Channel.CHIP, tenge=1) is Reason.WRONG_PIN
    for wrong in ("5926", "5928"):
        await shop.ask(shop.plastic.inserted(kzt(1), pin=wrong), Channel.CHIP, tenge=1)
    assert await shop.ask(shop.plastic.inserted(kzt(1), pin="5927"), Channel.CHIP, tenge=1) is None


async def test_all_that_is_wrong_is_found(shop: Shop) -> None:
    wrong = msgspec.structs.replace(
        Plastic(plates.hsm(), shop.card, shop.plastic.plate.number).inserted(kzt(100)), pin=shop.plastic.pin("1111")
    )

    assert await shop.ask(wrong, Channel.CHIP) is Reason.WRONG_CRYPTOGRAM


async def test_a_repeat_is_answered_and_nothing_is_counted_again(shop: Shop) -> None:
    said = shop.plastic.inserted(kzt(100))
    lifecycle = f"L-{ids.new()}"

    assert await shop.ask(said, Channel.CHIP, lifecycle=lifecycle) is None
    assert await shop.ask(said, Channel.CHIP, lifecycle=lifecycle) is None


async def test_a_yes_is_old_after_a_day_and_means_one_currency(shop: Shop) -> None:
    number, agreed, at = shop.plastic.plate.number, kzt(100), now()
    bound = challenge.bound(ids.new(), 7, made.SHOP.id, agreed)
    presented = Presented(number=number, cavv=Cavv(value=shop.hsm.authentication(number, bound)))
    yes = Yes(bound.challenge, 7, made.SHOP.id, agreed, approved=True, answered_at=at, used=False)

    def judged(yes: Yes | None, later: timedelta = timedelta(), **other: object) -> list[Reason]:
        asked = made.question(shop.card, 100, presented=presented, **other)  # type: ignore[arg-type]  # fields of Authorization
        case = Case(shop.hsm, at + later, shop.card, asked, Facts(1, yes=yes), Judged([], []))
        case.yes(())
        return case.judged.reasons

    assert challenge.sequence(presented.cavv.value.value if presented.cavv else b"") == 7
    assert judged(yes) == []
    assert judged(yes, timedelta(hours=24)) == []
    assert judged(yes, timedelta(hours=25)) == [Reason.WRONG_AUTHENTICATION]
    assert judged(yes, original=Amount(100_00, EUR)) == [Reason.WRONG_AUTHENTICATION]
    assert judged(None) == [Reason.WRONG_AUTHENTICATION]
    for changed in ({"approved": False}, {"used": True}, {"answered_at": None}, {"sequence": 8}):
        assert judged(msgspec.structs.replace(yes, **changed)) == [Reason.WRONG_AUTHENTICATION]


AFAR = (Channel.ECOMMERCE, Channel.MOTO, Channel.RECURRING)
BARE = Presented()


@pytest.mark.parametrize("channel", AFAR)
async def test_a_bare_number_buys_nothing_and_learns_nothing(shop: Shop, channel: Channel) -> None:
    number = Presented(number=shop.plastic.plate.number)

    assert await shop.ask(number, channel) is Reason.NOT_PROVED
    assert await shop.ask(BARE, channel) is Reason.NOT_PROVED
    assert await shop.ask(number, channel, tenge=0, operation=Operation.VERIFICATION) is Reason.NOT_PROVED
    code = shop.plastic.of_now(now())
    assert await shop.ask(code, channel, tenge=0, operation=Operation.BALANCE) is Reason.NOT_PROVED
    assert await shop.ask(code, channel, expiry=None) is Reason.NOT_PROVED
    assert await shop.ask(code, channel) is None


async def test_where_a_card_was_proved_once_the_number_is_enough(shop: Shop) -> None:
    code, again = shop.plastic.of_now(now()), Presented(number=shop.plastic.plate.number)
    other = msgspec.structs.replace(made.SHOP, id="M-1002")

    assert await shop.ask(code, Channel.ECOMMERCE, tenge=10**6) is not None
    assert await shop.ask(again, Channel.RECURRING) is Reason.NOT_PROVED  # what was declined began nothing
    assert await shop.ask(code, Channel.ECOMMERCE, tenge=0, operation=Operation.VERIFICATION) is None

    assert await shop.ask(again, Channel.RECURRING, expiry=None) is None
    assert await shop.ask(again, Channel.MOTO) is None
    assert await shop.ask(again, Channel.ECOMMERCE, expiry=None) is Reason.NOT_PROVED
    assert await shop.ask(again, Channel.RECURRING, merchant=other) is Reason.NOT_PROVED


async def test_a_subscription_follows_a_card_that_is_replaced(shop: Shop) -> None:
    assert await shop.ask(shop.plastic.of_now(now()), Channel.ECOMMERCE) is None

    shop.card = await made.replaced(shop.engines, shop.card)

    assert await shop.ask(BARE, Channel.RECURRING) is None


async def test_who_guesses_codes_is_not_told_the_right_one_for_a_day(shop: Shop) -> None:
    right = {shop.plastic.of_now(now() + timedelta(minutes=minutes)) for minutes in (-10, -5, 0, 5)}
    wrong = [code for number in range(12) if (code := shop.plastic.typed(f"{number:03d}")) not in right]

    assert await shop.ask_all(wrong[:6], Channel.ECOMMERCE) == [Reason.WRONG_CODE] * 5 + [Reason.CODE_BLOCKED]
    assert await shop.ask(shop.plastic.of_now(now()), Channel.ECOMMERCE) is Reason.CODE_BLOCKED
    assert await shop.ask(shop.plastic.inserted(kzt(100)), Channel.CHIP) is None


async def test_a_wrong_date_is_a_guess_as_well(shop: Shop) -> None:
    later, code = shop.card.expires_on + timedelta(days=31), shop.plastic.of_now(now())

    for _ in range(5):
        assert await shop.ask(code, Channel.ECOMMERCE, expiry=later) is not None
    assert await shop.ask(code, Channel.ECOMMERCE) is Reason.CODE_BLOCKED


async def test_a_counter_used_while_the_books_were_away_is_used(shop: Shop) -> None:
    said = shop.plastic.inserted(kzt(100))

    assert await shop.ask(Presented(counter=shop.plastic.counter), Channel.CHIP, advice=True) is None

    assert await shop.ask(said, Channel.CHIP) is Reason.CHIP_REPLAYED


async def test_no_machine_pays_out_to_what_is_held_to_it_without_a_pin(shop: Shop) -> None:
    bare = shop.plastic.inserted(kzt(100))

    assert await shop.ask(bare, Channel.TOKEN, operation=Operation.CASH) is not None
    question = made.question(shop.card, 100, channel=Channel.TOKEN, operation=Operation.CASH, presented=bare)
    judged = Judged([], [])
    token = Token(shop.card.id, "active", (Channel.TOKEN,), None)
    Case(shop.hsm, now(), shop.card, question, Facts(plate_version=1, token=token), judged).missing()
    assert Reason.PIN_REQUIRED in judged.reasons


@pytest.mark.parametrize("channel", [Channel.TOKEN, Channel.CONTACTLESS])
async def test_the_name_of_a_token_alone_is_no_proof(shop: Shop, channel: Channel) -> None:
    token = Token(shop.card.id, "active", (channel,), None)
    question = made.question(shop.card, 100, channel=channel, presented=Presented(token="DNI-1"))
    judged = Judged([], [])
    case = Case(shop.hsm, now(), shop.card, question, Facts(plate_version=1, token=token), judged)

    case.token()
    case.missing()

    assert judged.reasons == [Reason.NOT_PROVED]
