"""The history of a card as its holder reads it: filters, pages, receipts."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app import ids as mint
from app.cards import swiping
from app.house import House
from app.http import ids
from app.seed import Seeded
from cards.payments.message import Clearing, NetworkMessage, Refund
from cards.payments.payment import Channel, Merchant, Operation, PaymentId
from law.money import EUR, Money
from tests.app.cards.test_cards import ordered, someone
from tests.app.cards.test_swiping import tell
from tests.app.people import bearer
from tests.cards import made
from tests.cards.made import cleared, question
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio

COFFEE = Merchant(name="SQ *JOES COFFEE 0042 ALMATY KZ", id="M-1", category="5814", country="KZ", city="ALMATY")
ABROAD = Merchant(name="FNAC PARIS", id="M-2", category="5732", country="FR", city="PARIS")
ATM = Merchant(name="ATM 0042", id="M-3", category="6011", country="KZ")


class Reader:
    """Somebody who reads the payments of their card."""

    def __init__(self, client: httpx.AsyncClient, me: Seeded, card: str) -> None:
        self._client = client
        self._me = me
        self.card = card

    async def get(self, path: str, **asked: Any) -> httpx.Response:  # noqa: ANN401  parameters of a query
        return await self._client.get(path, params=asked, headers=bearer(self._me.access_token))

    async def listed(self, **asked: Any) -> list[str]:  # noqa: ANN401  parameters of a query
        """Name the merchants of what is found."""
        answer = await self.get(f"/v1/cards/{self.card}/payments", **asked)
        assert answer.status_code == 200, answer.text
        return [each["merchant"]["name"] for each in answer.json()["payments"]]


@pytest_asyncio.fixture
async def reader(app: Litestar, client: httpx.AsyncClient) -> Reader:
    """Give somebody who had a coffee, was refused a television abroad and bought it then, and drew cash."""
    me, house = await someone(app), app.state.house
    shown = (await ordered(client, me))["id"]
    await told(house, history(ids.parse("card", shown)))
    return Reader(client, me, shown)


def history(card: UUID) -> list[NetworkMessage]:
    used = made.card(id=card)
    coffee = question(used, 1_500, merchant=COFFEE, channel=Channel.CONTACTLESS, advice=True, expiry=None)
    refused = question(used, 9_000_000, merchant=ABROAD, expiry=None)
    euros: dict[str, Any] = {"merchant": ABROAD, "original": Money(100_00, EUR), "rate": Decimal(563)}
    bought = question(used, 56_300, f"T-{card}", expiry=None, **euros)
    taken: Clearing = cleared(used, 56_300, f"T-{card}", **euros)
    cash = question(
        used, 5_000, merchant=ATM, operation=Operation.CASH, channel=Channel.MOTO, single=True, advice=True, expiry=None
    )
    back = Refund(
        network=taken.network, lifecycle=f"R-{card}", element="r", lane=taken.lane, card=card,
        payment=PaymentId(mint.new()), amount=kzt(300), merchant=ABROAD, of=bought.lifecycle,
    )  # fmt: skip
    return [coffee, refused, bought, taken, cash, back]


async def told(house: House, messages: list[NetworkMessage]) -> None:
    for message in messages:  # one after the other: their order is the order of the history
        await tell(house, message, verb=swiping.book)  # whatever was presented for them


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["Fnac", "ATM", "Fnac", "Fnac", "Joes Coffee"]),
    ({"status": "declined"}, ["Fnac"]),
    ({"status": "pending,refunded"}, ["Fnac", "Joes Coffee"]),
    ({"operation": "cash"}, ["ATM"]),
    ({"channel": "contactless"}, ["Joes Coffee"]),
    ({"category": "5814,6011"}, ["ATM", "Joes Coffee"]),
    ({"merchant": "joes"}, ["Joes Coffee"]),
    ({"merchant": "SQ *"}, ["Joes Coffee"]),
    ({"least_minor": 5_000_00, "most_minor": 60_000_00}, ["ATM", "Fnac"]),
    ({"opened_before": "2020-01-01T00:00:00Z"}, []),
    ({"opened_from": "2020-01-01T00:00:00Z", "operation": "cash"}, ["ATM"]),
]


async def test_the_history_is_read_newest_first_filtered_and_by_pages(reader: Reader) -> None:
    assert [await reader.listed(**asked) for asked, _ in FILTERS] == [found for _, found in FILTERS]

    for asked in ({}, {"merchant": "fnac"}):
        path = f"/v1/cards/{reader.card}/payments"
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await reader.get(path, limit=2, **asked, **cursor)).json()
            seen += [each["id"] for each in page["payments"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert len(seen) == len(set(seen)) == len(await reader.listed(**asked))


async def test_a_receipt_says_what_happened_and_what_was_charged_to_its_holder_alone(
    app: Litestar, client: httpx.AsyncClient, reader: Reader
) -> None:
    [listed] = (await reader.get(f"/v1/cards/{reader.card}/payments", status="cleared", merchant="fnac")).json()[
        "payments"
    ]

    receipt = (await reader.get(f"/v1/card-payments/{listed['id']}")).json()

    assert receipt["payment"] == listed
    assert (listed["taken"]["amount_minor"], listed["markup"]["amount_minor"]) == (56_300_00, 563_00)
    assert listed["merchant"] == {
        "name": "Fnac", "city": "Paris", "category": "5732", "country": "FR", "descriptor": "FNAC PARIS",
    }  # fmt: skip
    assert [(each["kind"], each["original"]["amount_minor"], each["rate"]) for each in receipt["elements"]] == [
        ("authorization", 100_00, "563"),
        ("clearing", 100_00, "563"),
    ]
    assert len(receipt["approval"]) == 6
    assert receipt["card_id"] == reader.card

    other = await someone(app)
    theirs = await client.get(f"/v1/card-payments/{listed['id']}", headers=bearer(other.access_token))
    assert theirs.status_code == 404
