"""Which payment a refund or a clearing under another name is about, and that a promise gives way once."""

import itertools
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from app import db
from app.cards import work
from app.house import House
from cards.card import Act, Limits, State
from cards.payments.matching import Candidate, Confidence, Loose, Pair, frees, pair
from cards.payments.message import Match, Message, Refund
from cards.payments.payment import PaymentId
from cards.programme.renewal import Cause
from tests.cards import made
from tests.cards.made import cleared, question, taken_back, tell
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

ONE, OTHER = (PaymentId(UUID(int=number)) for number in (1, 2))


def loose(*, refund: bool = False, of: str | None = None) -> Loose:
    return Loose(lane=1, payment=PaymentId(UUID(int=9)), holder=UUID(int=8), refund=refund, amount_minor=100, of=of)


def candidate(payment: PaymentId, minor: int, lifecycle: str = "L") -> Candidate:
    return Candidate(payment=payment, lifecycle=lifecycle, amount_minor=minor)


@pytest.mark.parametrize(
    ("of", "candidates", "about", "confidence"),
    [
        ("L-1", [candidate(ONE, 5, "L-1"), candidate(OTHER, 100)], ONE, Confidence.NAMED),
        (None, [candidate(ONE, 100), candidate(OTHER, 200)], ONE, Confidence.EXACT),
        ("L-0", [candidate(ONE, 100), candidate(OTHER, 200)], ONE, Confidence.EXACT),
        (None, [candidate(ONE, 150), candidate(OTHER, 20)], ONE, Confidence.LIKELY),
        (None, [candidate(ONE, 100), candidate(OTHER, 100)], None, None),
        (None, [candidate(ONE, 150), candidate(OTHER, 160)], None, None),
        (None, [candidate(ONE, 20)], None, None),
        (None, [], None, None),
    ],
)
def test_the_one_that_fits_best_and_alone_is_meant(
    of: str | None, candidates: list[Candidate], about: PaymentId | None, confidence: Confidence | None
) -> None:
    found = pair(loose(of=of), candidates)

    assert (found and found.about, found and found.confidence) == (about, confidence)


@pytest.mark.parametrize("confidence", Confidence)
@pytest.mark.parametrize("refund", [True, False])
def test_money_is_freed_by_what_was_taken_and_never_on_a_guess(confidence: Confidence, *, refund: bool) -> None:
    found = Pair(loose=loose(refund=refund), about=ONE, confidence=confidence)

    assert frees(found) is (not refund and confidence is not Confidence.LIKELY)


@pytest.mark.asyncio
async def test_a_clearing_that_names_its_promise_takes_what_it_held(house: House, engines: Engines) -> None:
    card = await made.spender(engines, house.money, 100)
    asked = question(card, 80)

    await tell(house.money, asked, cleared(card, 80, of=asked.lifecycle))

    assert await made.balance(engines, card) == (kzt(20), kzt(0))


@pytest.mark.asyncio
@pytest.mark.parametrize(("same_name", "left"), [(True, 400), (False, 600)])
async def test_what_a_card_was_promised_is_paid_with_the_number_of_its_heir(
    house: House, engines: Engines, left: int, *, same_name: bool
) -> None:
    card = await made.spender(engines, house.money, 1_000, Limits(per_day=kzt(900)))
    asked = question(card, 600)
    await tell(house.money, asked)
    heir = await made.replaced(engines, await made.replaced(engines, card, Cause.DAMAGED), Cause.DAMAGED)
    heir = await made.act(engines, heir, Act.ACTIVATE) if heir.state is not State.ACTIVE else heir

    # Under another name it is not known at once what it is about: what was held is lent until the evening.
    await tell(house.money, cleared(heir, 600, asked.lifecycle if same_name else None))
    await matched(house)

    assert await made.balance(engines, card) == (kzt(left), kzt(0))
    more = await tell(house.money, question(heir, 301), question(heir, 300))
    assert [answer.code for answer in more] == ["61", "00"]


@pytest.mark.asyncio
async def test_a_clearing_that_came_first_frees_its_promise_once(house: House, engines: Engines) -> None:
    card = await made.spender(engines, house.money, 200)
    asked = question(card, 80)
    taken = cleared(card, 80, of=asked.lifecycle, final=False)
    await tell(house.money, taken)
    await tell(house.money, asked)
    assert await made.balance(engines, card) == (kzt(120), kzt(80))

    await matched(house)
    assert await made.balance(engines, card) == (kzt(120), kzt(0))

    await tell(house.money, taken, question(card, 30, asked.lifecycle, "more", increment=True))
    await matched(house)
    assert await made.balance(engines, card) == (kzt(120), kzt(30))
    assert await links(engines, card.id) == [("named", 80_00)]


@pytest.mark.asyncio
async def test_a_part_that_names_its_promise_takes_that_part_of_it_once(house: House, engines: Engines) -> None:
    card = await made.spender(engines, house.money, 100)
    asked = question(card, 100)
    part = cleared(card, 60, of=asked.lifecycle, final=False)

    await tell(house.money, asked, part)
    await matched(house)

    assert await made.balance(engines, card) == (kzt(40), kzt(40))
    assert await links(engines, card.id) == [("named", 60_00)]
    assert await waiting(engines, card.id) == []

    again = [Match(lane=1, payment=asked.payment, taken=part.payment, confidence=Confidence.NAMED)] * 2
    await tell(house.money, *again, cleared(card, 10, part.lifecycle, "more", of=asked.lifecycle, final=False))
    assert await made.balance(engines, card) == (kzt(30), kzt(30))


@pytest.mark.asyncio
@pytest.mark.parametrize("order", list(itertools.permutations(("question", "last", "part"))), ids="-".join)
async def test_the_last_clearing_frees_the_rest_of_the_promise_that_it_names(
    house: House, engines: Engines, order: tuple[str, ...]
) -> None:
    card = await made.spender(engines, house.money, 100)
    asked = question(card, 80)
    last = cleared(card, 10, of=asked.lifecycle)
    part = cleared(card, 5, last.lifecycle, "part", of=asked.lifecycle, final=False)
    told: dict[str, Message] = {"question": asked, "last": last, "part": part}

    for each in order:
        await tell(house.money, told[each])
    await matched(house)

    assert await made.balance(engines, card) == (kzt(85), kzt(0))


@pytest.mark.asyncio
async def test_what_has_a_promise_of_its_own_takes_of_no_other(house: House, engines: Engines) -> None:
    card = await made.spender(engines, house.money, 100)
    asked, other = question(card, 50), question(card, 40)

    await tell(house.money, asked, other, cleared(card, 40, other.lifecycle, of=asked.lifecycle))
    await matched(house)

    assert await made.balance(engines, card) == (kzt(60), kzt(50))


@pytest.mark.asyncio
async def test_a_clearing_without_a_name_frees_the_one_promise_of_the_same_shop_and_amount(
    house: House, engines: Engines
) -> None:
    card = await made.spender(engines, house.money, 300)
    await tell(house.money, question(card, 80), question(card, 70), cleared(card, 80), cleared(card, 60))

    await matched(house)

    assert await made.balance(engines, card) == (kzt(160), kzt(70))
    assert ("exact", 80_00) in await links(engines, card.id)


@pytest.mark.asyncio
async def test_a_refund_is_linked_to_what_it_may_be_about_and_moves_nothing_by_that(
    house: House, engines: Engines
) -> None:
    card = await made.spender(engines, house.money, 100)
    await tell(house.money, cleared(card, 80))
    said = taken_back(card, 30)
    back = Refund(
        network=said.network, lifecycle=said.lifecycle, element="refund", lane=said.lane, card=said.card,
        payment=said.payment, amount=said.amount, merchant=said.merchant,
    )  # fmt: skip
    await tell(house.money, back)

    await matched(house)

    assert await made.balance(engines, card) == (kzt(50), kzt(0))
    assert await links(engines, card.id) == [("likely", 30_00)]


@pytest.mark.asyncio
async def test_what_nobody_knows_is_looked_at_less_and_less_and_then_no_more(house: House, engines: Engines) -> None:
    card = await made.spender(engines, house.money, 100)
    await tell(house.money, cleared(card, 10))

    await work.match(house)
    [(at, due_at)] = await waiting(engines, card.id)
    assert due_at - at < timedelta(minutes=2)

    async with db.transaction(house.worker) as story:
        connection = await story()
        await connection.execute(_AGE, {"card": card.id})
    await work.match(house)
    assert await waiting(engines, card.id) == []


async def matched(house: House) -> None:
    """Let the worker look at everything that is loose."""
    async with db.transaction(house.worker) as story:
        await (await story()).execute(text("UPDATE cards.loose SET due_at = at"))
    await work.match(house)


async def links(engines: Engines, card: UUID) -> list[tuple[str, int]]:
    async with engines.report.connect() as connection:
        return [tuple(row) for row in await connection.execute(_LINKS, {"card": card})]


async def waiting(engines: Engines, card: UUID) -> list[tuple[datetime, datetime]]:
    async with engines.report.connect() as connection:
        return [tuple(row) for row in await connection.execute(_WAITING, {"card": card})]


_LINKS = text(
    """
    SELECT link.confidence, sum(element.amount_minor)::bigint FROM cards.link
    JOIN cards.payment ON payment.lane = link.lane AND payment.id = link.payment
    JOIN cards.element ON element.lane = link.lane AND element.payment = link.payment
    WHERE payment.card = :card GROUP BY link.payment, link.confidence
    """
)
_WAITING = text(
    "SELECT loose.at, loose.due_at FROM cards.loose JOIN cards.payment ON payment.id = loose.payment WHERE card = :card"
)
_AGE = text(
    """
    UPDATE cards.loose SET at = loose.at - interval '32 days', due_at = loose.at FROM cards.payment
    WHERE payment.id = loose.payment AND payment.card = :card
    """
)
