"""Somebody with a card and the app on their phone, and a network that asks for more than money."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from litestar import Litestar
from sqlalchemy import text

from app import clock, db, ids
from app.house import House
from app.http import ids as show
from app.partners import registry
from app.partners.registry import Kind
from app.seed import Seeded
from cards import card as cards_card
from cards.hsm.soft import SoftHsm
from cards.proofs.pan import Pan
from law.money import KZT, Money
from simulators import letter
from simulators.token_service import TokenService
from tests.app import card_numbers
from tests.app.people import bearer, keyed, residents
from tests.cards.plates import Plastic

NOTICE = "sandbox-2026-1"
SHOP = {"name": "Dostyk Books", "id": "M-1001", "category": "5942", "country": "KZ"}


class Holder:
    """Somebody with a card, and the app on their phone."""

    def __init__(self, app: Litestar, client: httpx.AsyncClient, me: Seeded, card: dict[str, Any]) -> None:
        self.house: House = app.state.house
        self.token = me.access_token
        self.id = me.subject
        self.card = card
        self.since = 0
        self.began = msgspec.json.decode(msgspec.json.encode(clock.real()), type=str)
        self.path = f"/v1/cards/{card['id']}"
        self.client = client

    async def post(self, path: str, body: object = None) -> httpx.Response:
        return await self.client.post(path, json=body, headers=keyed(self.token))

    async def get(self, path: str) -> Any:  # noqa: ANN401  what is read
        answer = await self.client.get(path, headers=bearer(self.token))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def shown(self) -> dict[str, str]:
        return await card_numbers.shown(self.client, self.token, self.card)

    async def set_pin(self, pin: str, **other: str) -> httpx.Response:
        keys = (await self.get("/v1/card-keys"))["keys"]
        written = letter.about_pin(keys, other.get("card_id", self.card["id"]), pin)
        return await self.post(f"{self.path}/pin", {"letter": written})

    async def phone(self, number: dict[str, str]) -> Plastic:
        """Have a card in a phone, whose chip is the phone's."""
        async with self.speaking() as story:
            used = await cards_card.find(await story(), show.parse("card", self.card["id"]))
        return Plastic(await self.machine(), used, Pan(number["pan"]))

    async def machine(self) -> SoftHsm:
        async with db.transaction(self.house.api) as story:
            return await self.house.card_keys.machine(await story())

    @asynccontextmanager
    async def speaking(self) -> AsyncIterator[db.Story]:
        async with db.transaction(self.house.api, holder=self.id, audience="resident") as story:
            yield story

    async def tokens(self) -> list[dict[str, Any]]:
        """List where this test's card is."""
        found = (await self.get("/v1/card-tokens"))["tokens"]
        return [each for each in found if each["requested_at"] >= self.began]

    async def challenges(self) -> list[dict[str, Any]]:
        """List what was asked about this test's card."""
        found = (await self.get("/v1/card-challenges"))["challenges"]
        return [each for each in found if each["asked_at"] >= self.began]

    async def events(self) -> list[str]:
        async with self.house.report.connect() as connection:
            kinds = text("SELECT kind FROM cards.event WHERE holder = :holder AND seq > :since ORDER BY seq")
            return list(await connection.scalars(kinds, {"holder": self.id, "since": self.since}))


def held_to(phone: Plastic, minor: int) -> dict[str, str]:
    """Say what a terminal reads of it for one payment."""
    chip = phone.inserted(Money(minor, KZT)).chip
    assert chip is not None
    return {"field55": chip.field55.value.hex().upper()}


class Network(TokenService):
    """A network that also asks for a holder's yes."""

    async def challenge(self, pan: str, minor: int, shop: dict[str, str], transaction: str | None = None) -> Any:  # noqa: ANN401  an answer
        name = transaction or f"ds-{ids.new()}"
        amount = {"amount_minor": minor, "currency": "KZT"}
        body = {"transaction_id": name, "pan": pan, "amount": amount, "merchant": shop}
        return (await self.say("challenges", body)).json() | {"transaction_id": name}

    async def result(self, transaction: str, pan: str) -> Any:  # noqa: ANN401  an answer
        return (await self.say(f"challenges/{transaction}/result", {"pan": pan})).json()

    async def pay(self, number: dict[str, str], minor: int, channel: str, **proofs: object) -> Any:  # noqa: ANN401  an answer
        """Ask for money, and say why there is none."""
        body = {
            "lifecycle_id": f"L-{ids.new()}",
            "element_id": "authorization-1",
            "pan": number["pan"],
            "expiry": number["expiry"],
            "amount": {"amount_minor": minor, "currency": "KZT"},
            "merchant": proofs.pop("merchant", SHOP),
            "channel": channel,
            "proofs": proofs,
        }
        answer = await self.say("authorizations", body)
        assert answer.status_code == 200, answer.text
        return answer.json()["reason"]


@asynccontextmanager
async def holding(app: Litestar, client: httpx.AsyncClient) -> AsyncIterator[Holder]:
    """Give somebody with money a card of this test's own; the somebody is one for all tests of a database."""
    known = app.state.house.settings.database_url
    if known not in _MET:
        [_MET[known]] = await residents(app, 1, start=ids.new().int % 10**9)
    me = _MET[known]
    answer = await client.post("/v1/cards", json={"accepted_notice": NOTICE}, headers=keyed(me.access_token))
    assert answer.status_code == 201, answer.text
    made = Holder(app, client, me, answer.json())
    async with made.house.report.connect() as connection:
        made.since = await connection.scalar(text("SELECT coalesce(max(seq), 0) FROM cards.event")) or 0
    yield made
    for card in (await made.get("/v1/cards"))["cards"]:
        if card["state"] != "closed":
            await made.post(f"/v1/cards/{card['id']}/close")


_MET: dict[str, Seeded] = {}


async def network(app: Litestar, client: httpx.AsyncClient, folder: Path) -> Network:
    """Bring up a network that the house believes."""
    name = f"net-{str(ids.new())[-12:]}"
    service = Network(name, client, folder)
    house: House = app.state.house
    async with db.transaction(house.worker) as story:
        connection, keys = await story(), house.keys.kms
        partner = await registry.enrol(
            connection,
            keys,
            partner=ids.new(),
            code=name,
            name="A network",
            kind=Kind.NETWORK,
            base_url=None,
            at=clock.real(),
        )
        began = clock.real() - timedelta(minutes=1)
        await registry.add_key(connection, keys, partner, kid="1", key=service.public_key, valid_from=began)
    return service
