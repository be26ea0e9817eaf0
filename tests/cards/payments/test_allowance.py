"""What passes once: the very purchase that was declined by its holder's choice, and nothing beside it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from app import db, ids
from app.money import FIRST_LANE, Money, claim, plainly
from app.posting import naming
from cards.card import Card
from cards.payments import allowance, archive, booking, voices
from cards.payments.allowance import LASTS, Allowance, NothingToAllow
from cards.payments.gathering import Asked
from cards.payments.message import Answer, Authorization, Channel, Message, Operation
from cards.payments.payment import Payment, StandIn
from cards.payments.reason import Reason
from cards.programme import change, listing
from cards.programme.permission import Choice, Controls
from law.money import EUR, KZT, USD
from law.money import Money as Amount
from tests.cards import made
from tests.cards.made import question, tell
from tests.conftest import Engines
from wallet.desk import Desk

pytestmark = pytest.mark.asyncio
ABROAD = msgspec.structs.replace(made.SHOP, country="TR")
AT_HOME = Controls(countries=Choice(only=frozenset({"KZ"})))
SOURCES = (voices.Programme(), voices.Spending())


async def controlled(engines: Engines, money: Money, controls: Controls, tenge: int = 10_000) -> Card:
    card = await made.spender(engines, money, tenge)
    async with db.transaction(engines.api, holder=card.holder, audience="resident") as story:
        before = await change.locked(await story(), card.id)
        return await change.control(await story(), before, controls, actor="resident", at=made.AT)


async def read(engines: Engines, answer: Answer) -> Payment:
    async with db.transaction(engines.worker) as story:
        [kept] = await archive.find(await story(), ids={(1, answer.payment)})
    return kept.payment


async def allow(engines: Engines, money: Money, card: Card, asked: Authorization) -> Allowance:
    """Be declined, and let it pass."""
    [answer] = await tell(money, asked)
    assert not answer.approved
    payment = await read(engines, answer)
    at = payment.elements[-1].at
    declined, _ = allowance.offered(payment, at=at)
    given = allowance.allowance(ids.new(), card.holder, payment, declined, at=at)
    async with db.transaction(engines.api, holder=card.holder, audience="resident") as story:
        await allowance.grant(await story(), given, actor="resident")
    return given


async def passes(money: Money, *asked: Authorization, at: datetime | None = None) -> list[bool]:
    return [answer.approved for answer in await tell(money, *asked, at=at)]


def abroad(card: Card, tenge: int = 300, **other: Any) -> Authorization:  # noqa: ANN401  fields of a question
    return question(card, tenge, **{"merchant": ABROAD, **other})


def never(name: str, *values: str) -> Controls:
    return msgspec.structs.replace(Controls(), **{name: Choice(never=frozenset(values))})


# -- what passes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("controls", "refused", "other"),
    [
        (AT_HOME, {"merchant": ABROAD}, {"merchant": msgspec.structs.replace(ABROAD, country="GE")}),
        (never("channels", "ecommerce", "moto"), {"channel": Channel.ECOMMERCE}, {"channel": Channel.MOTO}),
        (never("operations", "cash", "cashback"), {"operation": Operation.CASH}, {"operation": Operation.CASHBACK}),
        (never("categories", "5942", "5812"), {}, {"merchant": msgspec.structs.replace(made.SHOP, category="5812")}),
        (never("currencies", "EUR", "USD"), {"original": Amount(5_00, EUR)}, {"original": Amount(5_00, USD)}),
        (never("merchants", "M-1001"), {}, {"network": "zarechnaya"}),
        (never("merchants", "M-1001"), {}, {"amount": Amount(300_01, KZT)}),
    ],
    ids=["country", "channel", "operation", "category", "currency", "network", "amount"],
)
async def test_only_what_was_declined_passes_and_once(
    engines: Engines, money: Money, controls: Controls, refused: dict[str, Any], other: dict[str, Any]
) -> None:
    card = await controlled(engines, money, controls)
    await allow(engines, money, card, question(card, 300, **refused))

    assert await passes(money, question(card, 300, **{**refused, **other})) == [False]
    assert await passes(money, question(card, 300, **refused)) == [True]
    assert await passes(money, question(card, 300, **refused)) == [False]


async def test_another_card_of_the_same_holder_is_not_allowed(engines: Engines, money: Money) -> None:
    card = await controlled(engines, money, AT_HOME)
    other = await made.ordered(engines, made.asked(card.holder, card.account))
    async with db.transaction(engines.api, holder=card.holder, audience="resident") as story:
        before = await change.locked(await story(), other.id)
        await change.control(await story(), before, AT_HOME, actor="resident", at=made.AT)
    await allow(engines, money, card, abroad(card))

    assert await passes(money, abroad(other), abroad(card)) == [False, True]


async def test_what_the_programme_denies_nobody_allows(engines: Engines, money: Money) -> None:
    card = await controlled(engines, money, AT_HOME)
    shop = msgspec.structs.replace(ABROAD, id=f"M-{ids.new().hex[-8:]}")
    await allow(engines, money, card, abroad(card, merchant=shop))
    listed = listing.Merchant(
        id=ids.new(),
        merchant=shop.id,
        reason=listing.Reason.ILLEGAL_GAMBLING,
        listed_by="officer:one",
        listed_at=made.AT,
    )

    [denied] = await tell(money, abroad(card, merchant=msgspec.structs.replace(shop, category="7995")))
    async with db.transaction(engines.api, audience="officer") as story:
        await listing.add_merchant(await story(), listed)
    [barred] = await tell(money, abroad(card, merchant=shop))

    assert (denied.reasons, barred.reasons) == ((Reason.FORBIDDEN_MERCHANT,), (Reason.FORBIDDEN_MERCHANT,))


# -- what uses it up ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "between",
    [
        {"tenge": 0, "operation": Operation.VERIFICATION},
        {"tenge": 0},
        {"tenge": 300, "operation": Operation.BALANCE},
        {"tenge": 300, "operation": Operation.REFUND},
        {"tenge": 300, "advice": True, "stand_in": StandIn.NETWORK},
    ],
    ids=["verification", "nothing", "balance", "refund", "advice"],
)
async def test_what_is_no_purchase_uses_nothing_up(engines: Engines, money: Money, between: dict[str, Any]) -> None:
    card = await controlled(engines, money, AT_HOME)
    await allow(engines, money, card, abroad(card))

    await tell(money, abroad(card, **between))

    assert await passes(money, abroad(card)) == [True]


async def test_more_of_what_was_promised_uses_nothing_up(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 10_000)
    hotel = abroad(card, 1_000)
    await tell(money, hotel)
    async with db.transaction(engines.api, holder=card.holder, audience="resident") as story:
        before = await change.locked(await story(), card.id)
        await change.control(await story(), before, AT_HOME, actor="resident", at=made.AT)
    await allow(engines, money, card, abroad(card))
    more = abroad(card, 300, lifecycle=hotel.lifecycle, element="more", increment=True)

    [answer] = await tell(money, more)

    assert answer.reasons == (Reason.COUNTRY_BLOCKED,)
    with pytest.raises(NothingToAllow):
        allowance.offered(await read(engines, answer), at=made.AT)
    assert await passes(money, abroad(card)) == [True]


async def test_a_purchase_without_the_money_uses_nothing_up(engines: Engines, money: Money) -> None:
    card = await controlled(engines, money, AT_HOME, tenge=400)
    await allow(engines, money, card, abroad(card))
    kept = question(card, 200)

    await tell(money, kept)
    [poor] = await tell(money, abroad(card))
    await tell(money, made.taken_back(card, 200, kept.lifecycle))

    assert poor.reasons == (Reason.INSUFFICIENT_FUNDS,)
    assert await passes(money, abroad(card)) == [True]


async def test_of_two_questions_of_one_batch_one_passes(engines: Engines, money: Money) -> None:
    card = await controlled(engines, money, AT_HOME)
    await allow(engines, money, card, abroad(card))

    assert await passes(money, abroad(card), abroad(card)) == [True, False]


async def test_of_two_processes_one_lets_it_pass(engines: Engines, money: Money) -> None:
    card = await controlled(engines, money, AT_HOME)
    await allow(engines, money, card, abroad(card))

    told = await asyncio.gather(*(passes(each, abroad(card)) for each in (money, Money(engines.posting))))

    assert sorted(told) == [[False], [True]]


# -- until when --------------------------------------------------------------------------------------------------------


async def test_it_passes_until_it_expires(engines: Engines, money: Money) -> None:
    card = await controlled(engines, money, AT_HOME)
    given = await allow(engines, money, card, abroad(card))
    last = given.expires_at - timedelta(seconds=1)

    assert given.expires_at == given.granted_at + LASTS
    assert await passes(money, abroad(card), at=given.expires_at) == [False]
    assert await passes(money, abroad(card), at=last) == [True]


@pytest.mark.parametrize(("guess", "now", "well"), [(0, 61, False), (61, 0, True)], ids=["behind", "ahead"])
async def test_it_expires_by_the_hour_of_the_decision_not_by_the_one_the_batch_asked_at(
    engines: Engines, money: Money, database: str, guess: int, now: int, *, well: bool
) -> None:
    card = await controlled(engines, money, AT_HOME)
    given = await allow(engines, money, card, abroad(card))
    noon = made.AT
    async with made.owner(database) as connection:
        await connection.exec_driver_sql(
            "UPDATE cards.allowance SET granted_at = %s, expires_at = %s WHERE id = %s", (noon, noon + LASTS, given.id)
        )

    async def verb(desk: Desk, asked: Sequence[Message]) -> list[Answer | bool]:
        desk.now = noon + timedelta(minutes=now)
        return await booking.book(desk, asked, SOURCES)

    def asks(asked: Sequence[Message]) -> Asked:
        return Asked(asked, SOURCES, noon + timedelta(minutes=guess))

    asked = abroad(card)
    told = naming(lambda _: (), asks)(verb)
    await money.submit(told, [asked], lanes=[FIRST_LANE], claim=claim("test", str(ids.new()), None), render=plainly)
    [element] = (await read(engines, Answer(payment=asked.payment, approved=True, code="", reason=None))).elements

    assert (not element.reasons) is well
