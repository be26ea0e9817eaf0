"""Cards and investments meet what their holder may spend: limits over everything, restrictions, and what comes back."""

from datetime import date
from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from app import ids, swiping
from app.house import House
from app.idempotency_key import Stored
from app.money import FIRST_LANE, claim
from app.settings import Settings
from cards.message import Answer, Authorization, NetworkMessage, Reversal
from cards.payment import PaymentId
from cards.reason import Reason
from law.money import KZT, Money
from simulators.faults import Faults
from tests.app.people import bearer
from tests.app.restrictions.people import Bureau, bureau
from tests.cards import made
from tests.partners import outside
from tests.partners.investors import Investor, investor

pytestmark = pytest.mark.asyncio


async def tell(house: House, *messages: NetworkMessage) -> list[Answer]:
    found: list[Answer] = []

    def render(answers: object) -> Stored:
        found.extend(answers)  # type: ignore[arg-type]  # the answers of book()
        return Stored(200, b"")

    named = claim("test", str(ids.new()), None)
    await house.money.submit(swiping.book, messages, lanes=[FIRST_LANE], claim=named, render=render)
    return found


async def card_of(of: Bureau, house: House) -> dict[str, object]:
    """Order a card; gives what every message about it says."""
    notice = (await of.get(of.who.access_token, "/v1/cards/notice"))["version"]
    card = await of.post(of.who.access_token, "/v1/cards", {"accepted_notice": notice})
    [row] = await outside.rows(house, "SELECT id, expires_on FROM cards.card WHERE holder = :h", h=of.who.subject)
    assert card["id"]
    return {"network": "demo", "lane": FIRST_LANE, "card": row.id, "merchant": made.SHOP, "expiry": row.expires_on}


def asks(card: dict[str, object], tenge: int, lifecycle: str, element: str = "a") -> Authorization:
    said = {**card, "amount": Money(tenge * 100, KZT), "lifecycle": lifecycle, "element": element}
    return Authorization(**said, payment=PaymentId(ids.new()))  # type: ignore[arg-type]  # the fields of a message


def gives_up(card: dict[str, object], tenge: int, lifecycle: str) -> Reversal:
    said = {**card, "amount": Money(tenge * 100, KZT), "lifecycle": lifecycle, "element": "r"}
    assert isinstance(said.pop("expiry"), date)
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
