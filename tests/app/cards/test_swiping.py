"""Cards and investments meet what their holder may spend: limits over everything, restrictions, and what comes back."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import clock, db, ids
from app.batch import Verb
from app.cards.swiping import Till
from app.house import House
from app.http.partner import network
from app.idempotency_key import Stored
from app.money import FIRST_LANE, claim
from app.settings import Settings
from cards import card as cards_card
from cards.payments.message import Answer, Authorization, Message, NetworkMessage, Reversal
from cards.payments.payment import PaymentId
from cards.payments.reason import Reason
from cards.proofs import pan
from cards.proofs.presented import Presented
from law.money import KZT, Money
from simulators.faults import Faults
from tests.app.people import bearer
from tests.app.restrictions.people import Bureau, bureau
from tests.cards import made
from tests.cards.plates import Plastic
from tests.partners import outside
from tests.partners.investors import Investor, investor
from wallet.desk import Desk

pytestmark = pytest.mark.asyncio


async def tell(house: House, *messages: NetworkMessage, verb: Verb | None = None, by: str = "test") -> list[Answer]:
    found: list[Answer] = []

    def render(answers: object) -> Stored:
        found[:] = answers  # type: ignore[call-overload]  # the answers of book()
        return Stored(200, b"")

    named = claim(by, str(ids.new()), None)
    await house.money.submit(verb or house.till.book, messages, lanes=[FIRST_LANE], claim=named, render=render)
    return found


async def card_of(of: Bureau, house: House) -> dict[str, object]:
    """Order a card; gives what every question about it says."""
    notice = (await of.get(of.who.access_token, "/v1/cards/notice"))["version"]
    card = await of.post(of.who.access_token, "/v1/cards", {"accepted_notice": notice})
    [row] = await outside.rows(house, "SELECT id, expires_on FROM cards.card WHERE holder = :h", h=of.who.subject)
    assert card["id"]
    async with db.transaction(house.api, holder=of.who.subject, audience="resident") as story:
        used, kept = await cards_card.find(await story(), row.id), await pan.read(await story(), house.keys.kms, row.id)
        machine = await house.card_keys.machine(await story())
    assert kept is not None
    typed = Plastic(machine, used, kept.number, kept.plate_version).of_now(clock.real())
    said = {"network": "demo", "lane": FIRST_LANE, "card": row.id, "merchant": made.SHOP}
    return {**said, "expiry": row.expires_on, "presented": typed}


def asks(card: dict[str, object], tenge: int, lifecycle: str, element: str = "a", **other: object) -> Authorization:
    said = {**card, "amount": Money(tenge * 100, KZT), "lifecycle": lifecycle, "element": element, **other}
    return Authorization(**said, payment=PaymentId(ids.new()))  # type: ignore[arg-type]  # the fields of a message


def gives_up(card: dict[str, object], tenge: int, lifecycle: str) -> Reversal:
    said = {**card, "amount": Money(tenge * 100, KZT), "lifecycle": lifecycle, "element": "r"}
    assert isinstance(said.pop("expiry"), date)
    assert isinstance(said.pop("presented"), Presented)
    return Reversal(**said, payment=PaymentId(ids.new()))  # type: ignore[arg-type]  # the fields of a message


async def used(of: Bureau, name: str) -> int:
    found = (await of.get(of.who.access_token, "/v1/limits"))["limits"]
    return next(int(each["used"]["amount_minor"]) for each in found if each["name"] == name)


async def test_a_card_pays_within_its_holders_limits_and_gives_back_what_is_given_up(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    of, house = await bureau(app, client, 8_401), app.state.house
    card = await card_of(of, house)
    own = await client.put("/v1/limits/cards.day", json={"most_minor": 500_00}, headers=bearer(of.who.access_token))
    assert own.status_code == 200, own.text

    answers = await tell(house, asks(card, 300, "one"), asks(card, 201, "two"), asks(card, 200, "three"))

    assert [answer.reason for answer in answers] == [None, Reason.SPENDING_LIMIT, None]
    assert answers[1].code == "61"
    assert await used(of, "cards.day") == await used(of, "spending.month") == 500_00
    await tell(house, gives_up(card, 300, "one"))
    assert await used(of, "cards.day") == 200_00
    assert [answer.approved for answer in await tell(house, asks(card, 300, "four"))] == [True]


async def test_who_is_restricted_pays_by_no_card_and_learns_why(app: Litestar, client: httpx.AsyncClient) -> None:
    of, house = await bureau(app, client, 8_402), app.state.house
    card = await card_of(of, house)
    await of.restricts("suspicious_report")

    [answer] = await tell(house, asks(card, 1, "one"))

    assert (answer.approved, answer.reason) == (False, Reason.RESTRICTED)
    assert await used(of, "cards.day") == 0


async def test_a_question_that_nobody_waits_for_holds_nothing_and_its_neighbour_is_answered(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    of, house = await bureau(app, client, 8_405), app.state.house
    card = await card_of(of, house)
    late = asks(card, 100, "late", deadline=clock.real() - timedelta(seconds=1))

    answers = await tell(house, late, asks(card, 50, "in time"))

    assert [(answer.reason, answer.code) for answer in answers] == [(Reason.TIMED_OUT, "91"), (None, "00")]
    assert await used(of, "cards.day") == 50_00


async def test_a_question_that_becomes_late_while_it_is_stored_is_undone_alone(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    of, house = await bureau(app, client, 8_406), app.state.house
    card = await card_of(of, house)
    deadline = clock.real() + timedelta(seconds=2)  # enough to be decided in time on any machine
    late = asks(card, 100, "late", deadline=deadline)
    decided: list[list[bool]] = []

    async def slowly(desk: Desk, messages: Sequence[NetworkMessage]) -> list[Answer | bool]:
        answers = await house.till.book(desk, messages)
        decided.append([answer.approved for answer in answers])
        while (left := deadline - clock.real()) > timedelta():  # the database has much to do
            await desk.db.execute(text("SELECT pg_sleep_for(:left)"), {"left": left})
        return answers  # type: ignore[no-any-return]  # the answers of book()

    answers = await tell(house, late, asks(card, 50, "in time"), verb=slowly)

    assert decided == [[True, True], [False, True]]
    assert [answer.reason for answer in answers] == [Reason.TIMED_OUT, None]
    assert await used(of, "cards.day") == 50_00
    told = await outside.rows(house, "SELECT kind FROM cards.event WHERE holder = :h ORDER BY seq", h=of.who.subject)
    assert [row.kind for row in told if "payment" in row.kind] == ["card_payment.declined", "card_payment.authorised"]


async def test_nothing_is_stored_after_the_look_at_the_clock(
    app: Litestar, client: httpx.AsyncClient, database: str
) -> None:
    of, house = await bureau(app, client, 8_408), app.state.house
    card = await card_of(of, house)
    deadline = clock.real() + timedelta(seconds=2)

    async with made.owner(database) as owner:
        for statement in _SLOW_ANSWERS:
            await owner.execute(text(statement.format(until=deadline.isoformat())))
    try:
        [answer] = await tell(house, asks(card, 100, "late", deadline=deadline), by="slow")
    finally:
        async with made.owner(database) as owner:
            await owner.execute(text("DROP FUNCTION app.slow_answer() CASCADE"))

    assert answer.reason is Reason.TIMED_OUT
    assert await used(of, "cards.day") == 0


#: The answers of one caller are stored when a deadline is over.
_SLOW_ANSWERS = (
    (
        "CREATE FUNCTION app.slow_answer() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep_until('{until}'); RETURN NEW; END $$"
    ),
    (
        "CREATE TRIGGER slow_answer BEFORE INSERT ON app.idempotency FOR EACH ROW"
        " WHEN (NEW.principal = 'slow') EXECUTE FUNCTION app.slow_answer()"
    ),
)


async def test_who_asks_over_http_waits_only_so_long_and_a_repeat_is_the_same_question(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    of, house = await bureau(app, client, 8_407), app.state.house
    await card_of(of, house)
    heard: list[Message] = []

    class Listening(Till):
        async def decide(self, desk: Desk, messages: Sequence[Message]) -> list[Answer | bool]:
            heard.extend(messages)
            return await super().decide(desk, messages)

    listening = msgspec.structs.replace(house, till=Listening(None))
    said = {
        "lifecycle_id": "http", "element_id": "a", "pan": "9398010000000007", "expiry": "2027-10",
        "amount": {"amount_minor": 100, "currency": "KZT"},
        "merchant": {"name": "Shop", "id": "M-1", "category": "5942", "country": "KZ"},
    }  # fmt: skip

    for asked in (said, said, {**said, "element_id": "b", "advice": True}):
        data = msgspec.convert(asked, network.AuthorizationRequest)
        answer = await network.authorize.fn(network="demo", data=data, house=listening)
        assert answer.status_code == 200

    question, advice = heard
    assert isinstance(question, Authorization)
    assert isinstance(advice, Authorization)
    assert question.deadline is not None
    assert timedelta() < question.deadline - clock.real() <= timedelta(seconds=5)
    assert advice.deadline is None


async def test_a_deposit_counts_until_the_bank_will_not_have_it(
    app: Litestar, settings: Settings, tmp_path: Path
) -> None:
    async with outside.bank(app, tmp_path) as bank, investor(app, settings, 8_403) as mine:
        bank.bank.faults = Faults(decision_s=0, reject=1)

        await mine.places(100_000)
        during = await invested(mine)
        for _ in range(2):
            await outside.settle(bank.house)
            await bank.works()
        await outside.settle(bank.house)

        assert (during, await invested(mine)) == (100_000_00, 0)


async def test_who_is_restricted_or_at_the_limit_invests_nothing(
    app: Litestar, settings: Settings, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with outside.bank(app, tmp_path, code="bank-two"), investor(app, settings, 8_404) as mine:
        await mine.opts_in()
        limited = await mine.phone.call("PUT", "/v1/limits/invest.operation", body={"most_minor": 999_99})
        assert limited.status_code == 200, limited.text

        assert await refused(mine) == "limit_reached"
        await (await bureau(app, client, 8_404)).restricts("list_match")
        assert await refused(mine) == "restricted"
        assert await invested(mine) == 0


async def invested(mine: Investor) -> int:
    found = (await mine.phone.get("/v1/limits"))["limits"]
    return next(int(each["used"]["amount_minor"]) for each in found if each["name"] == "invest.day")


async def refused(mine: Investor) -> str:
    preview = await mine.previews(1_000, "bank-two-12m-savings")
    confirm = preview["confirm"]
    body = {
        "preview_id": preview["id"],
        "step_up": await mine.phone.step_up(confirm["operation"], confirm["shown"]),
    }
    answer = await mine.phone.call("POST", "/v1/invest/placements", body=body, key=str(ids.new()))
    return str(answer.json()["code"])
