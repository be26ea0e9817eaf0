"""Two worlds in which the same things are asked over the same routes: cards of our own, and cards that Stripe issues.

What a resident does goes through the HTTP of the application, and on to Stripe by the worker's steps; what a merchant
does is the world's, because every network has its own words.
"""

from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import httpx
import msgspec
from litestar import Litestar
from sqlalchemy import text

from app import clock, db, ids
from app.cards import processing
from app.house import House
from app.http import ids as public_ids
from app.money import FIRST_LANE, claim, plainly
from app.partners import registry
from app.partners.registry import Kind, UnknownPartner
from app.partners.stripe_issuing import events
from app.partners.stripe_issuing.sandbox import Shop
from app.seed import Seeded
from cards.hsm import pinblock
from cards.hsm.pinblock import Format
from cards.hsm.port import Usage
from law.money import EUR, Money
from simulators import letter
from tests.app import card_holders, card_numbers, people
from tests.app.cards.test_secrets import check_value
from tests.app.people import bearer, keyed
from tests.cards import made
from tests.stripe import issuing
from tests.stripe.fake import Fake
from wallet.chart import Purpose
from wallet.transfer import AccountId, Post, TransferId

ADDRESS = {
    "recipient": "ERIKA MUSTERMANN",
    "lines": ["Unter den Linden 1"],
    "city": "Berlin",
    "postcode": "10117",
    "country": "DE",
    "phone": "+4915112345678",
}
HOME = {"line1": "Unter den Linden 1", "city": "Berlin", "postal_code": "10117", "country": "DE"}
Json = dict[str, Any]


class Bought(msgspec.Struct, frozen=True):
    """A purchase, by the name that the world has for it."""

    name: str
    approved: bool


class World(Protocol):
    """A processor, somebody with 1 000 to spend on its cards, and a shop."""

    app: Litestar
    client: httpx.AsyncClient
    house: House
    me: Seeded
    code: str

    async def begins(self) -> None:
        """Bring somebody up."""
        ...

    async def orders(self, key: str | None = None, **more: object) -> httpx.Response:
        """Order a card."""
        ...

    async def settles(self) -> None:
        """Let the worker and whoever is at the other end do what is due."""
        ...

    async def pays(self, card: Json, minor: int, **at: str) -> Bought:
        """Ask for money at a merchant."""
        ...

    async def gives_up(self, bought: Bought, minor: int) -> None:
        """Give up a part of what was promised."""
        ...

    async def takes(self, bought: Bought, minor: int) -> str:
        """Take money, for the last time; names what was taken."""
        ...

    async def gives_back(self, taken: str, minor: int) -> None:
        """Give money back."""
        ...

    async def has(self) -> tuple[int, int]:
        """Say what is on the account, and what of it is set aside."""
        ...

    async def sends(self, card: Json, status: str) -> None:
        """Have plastic be made, sent, delivered or returned."""
        ...

    async def loads(self, card: Json) -> None:
        """Put the card into a wallet."""
        ...

    async def sealed(self, card: Json, pin: str) -> str:
        """Seal a PIN on the device, for whoever processes the card."""
        ...

    async def knows(self, card: Json, pin: str) -> bool:
        """Say whether this is the card's PIN, where it is typed."""
        ...


class Asks:
    """A resident's app, in either world."""

    app: Litestar
    client: httpx.AsyncClient
    house: House
    me: Seeded

    async def settles(self) -> None:
        """Nothing waits where nobody else has to be asked."""

    async def says(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Ask the house, and let it have its way."""
        named = {"Idempotency-Key": str(ids.new()), **headers}
        answer = await self.client.request(method, path, json=body, headers=bearer(self.me.access_token, **named))
        await self.settles()
        return answer

    async def does(self, method: str, path: str, body: object = None, **headers: str) -> Any:  # noqa: ANN401  an answer
        """Ask for what is done."""
        answer = await self.says(method, path, body, **headers)
        assert answer.is_success, answer.text
        return answer.json()

    async def turns(self, card: Json, how: str, body: object = None) -> Json:
        """Do something to a card."""
        found: Json = await self.does("POST", f"/v1/cards/{card['id']}/{how}", body)
        return found

    async def sets(self, method: str, card: Json, path: str, body: object) -> Json:
        """Change a card over the version it has."""
        seen = await self.reads(card)
        match = {"If-Match": f'"{seen["version"]}"'}
        found: Json = await self.does(method, f"/v1/cards/{card['id']}{path}", body, **match)
        return found

    async def cards(self) -> list[Json]:
        """List the cards of this test: those before it were closed."""
        return [each for each in (await self.does("GET", "/v1/cards"))["cards"] if each["state"] != "closed"]

    async def ends(self) -> None:
        """Close what this test leaves: somebody is one for all tests of a database."""
        for each in await self.cards():
            await self.turns(each, "close")

    async def reads(self, card: Json) -> Json:
        """Look at a card."""
        found: Json = await self.does("GET", f"/v1/cards/{card['id']}")
        return found


class Ours(Asks):
    """Our own issuer, and a network that testers play."""

    code = "own"

    def __init__(self, app: Litestar, client: httpx.AsyncClient, folder: Path) -> None:
        self.app = app
        self._folder = folder
        self.client = client
        self.house = app.state.house

    async def begins(self) -> None:
        self.me = await _somebody(self.app, self.code)
        self._tester = await people.token(self.app, "service")

    async def orders(self, key: str | None = None, **more: object) -> httpx.Response:
        body = {"accepted_notice": "sandbox-2026-1", **more}
        return await self.client.post("/v1/cards", json=body, headers=keyed(self.me.access_token, key))

    async def pays(self, card: Json, minor: int, **at: str) -> Bought:
        merchant = msgspec.to_builtins(made.SHOP) | at
        wanted = {name: merchant[name] for name in ("name", "id", "category", "country")}
        asked = {"card_id": card["id"], "amount_minor": minor, "merchant": wanted}
        answer = await self._plays("/v1/sandbox/card-authorizations", asked)
        return Bought(answer["payment_id"], answer["approved"])

    async def gives_up(self, bought: Bought, minor: int) -> None:
        await self._plays(f"/v1/sandbox/card-payments/{bought.name}/reversals", {"amount_minor": minor})

    async def takes(self, bought: Bought, minor: int) -> str:
        await self._plays(f"/v1/sandbox/card-payments/{bought.name}/captures", {"amount_minor": minor})
        return bought.name

    async def gives_back(self, taken: str, minor: int) -> None:
        await self._plays(f"/v1/sandbox/card-payments/{taken}/refunds", {"amount_minor": minor})

    async def has(self) -> tuple[int, int]:
        async with self.house.report.connect() as connection:
            query = text("SELECT posted, hold_out FROM wallet.account WHERE holder = :holder AND purpose = 'wallet'")
            row = (await connection.execute(query, {"holder": self.me.subject})).one()
        return row.posted, row.hold_out

    async def sends(self, card: Json, status: str) -> None:
        act = {"submitted": "submit", "shipped": "ship", "delivered": "deliver", "returned": "return"}[status]
        await self._plays(f"/v1/sandbox/cards/{card['id']}/parcel", {"act": act})

    async def loads(self, card: Json) -> None:
        # A card that is a day old, of a phone that its wallet knows well and whose owner typed the code on the card.
        asked = {"card_id": card["id"], "device_score": 5, "account_score": 5, "proved": True}
        given = await self._plays("/v1/sandbox/card-tokens", asked)
        code = (await self.does("POST", f"/v1/card-tokens/{given['token_id']}/code"))["code"]
        await self._plays(f"/v1/sandbox/card-tokens/{given['token_id']}/activation", {"code": code})

    async def sealed(self, card: Json, pin: str) -> str:
        keys = (await self.does("GET", "/v1/card-keys"))["keys"]
        return letter.about_pin(keys, card["id"], pin)

    async def knows(self, card: Json, pin: str) -> bool:
        """Type it at a machine, to have another one: who knows no PIN changes none."""
        network = await card_holders.network(self.app, self.client, self._folder)
        await self.house.card_keys.enter(network.name, [b"\1" * 32, b"\2" * 32], check_value())
        key = (await self.house.card_keys.rotate(Usage.ZONE_PIN, network.name)).value
        pan = (await card_numbers.shown(self.client, self.me.access_token, card))["pan"]
        old, new = (pinblock.encode(Format.ISO_4, key, each, pan).hex().upper() for each in (pin, "8046"))
        answer = (await network.say("pin-changes", {"pan": pan, "old": old, "new": new})).json()
        return bool(answer["outcome"] == "done")

    async def _plays(self, path: str, body: object) -> Any:  # noqa: ANN401  an answer
        answer = await self.client.post(path, json=body, headers=keyed(self._tester))
        assert answer.status_code == 200, answer.text
        return answer.json()


class Theirs(Asks):
    """Stripe, played by the fake, with our house as who answers it."""

    code = "stripe"

    def __init__(self, app: Litestar, client: httpx.AsyncClient, house: House, fake: Fake) -> None:
        assert house.stripe is not None, "the programme is on"
        self.app = app
        self.client = client
        self.house = house
        self.fake = fake
        self._shop = Shop(house.stripe)

    async def begins(self) -> None:
        self.me = await _somebody(self.app, self.code)
        found = (await self.does("GET", "/v1/card-accounts"))["accounts"] if self.me.subject in _HOLDERS else []
        if found:
            self._account = found[0]["id"]
            self.fake.objects.update(_HOLDERS[self.me.subject])
            return
        await _bank(self.house)
        self._account = (await self.does("POST", "/v1/card-accounts"))["id"]
        prepaid = AccountId(public_ids.parse("card_account", self._account))
        bank = await self.house.money.operator(Purpose.BANK, label="demo-bank", currency=EUR)
        put = Post(
            id=TransferId(ids.new()),
            debit=bank,
            credit=prepaid,
            money=Money(1_000_00, EUR),
            code="test",
            reference="test",
        )
        await self.house.money.move(
            [put], lanes=[FIRST_LANE], claim=claim("test", str(ids.new()), None), render=plainly
        )

    async def ends(self) -> None:
        await super().ends()
        holders = {name: each for name, each in self.fake.objects.items() if each["object"] == "issuing.cardholder"}
        _HOLDERS.setdefault(self.me.subject, {}).update(holders)

    def cardholder(self) -> Json:
        """Give who it is for, as Stripe has them."""
        [found] = [each for each in self.fake.objects.values() if each["object"] == "issuing.cardholder"]
        return found

    async def orders(self, key: str | None = None, **more: object) -> httpx.Response:
        body = {"accepted_offer": "stripe-2026-1", "home": HOME, **more}
        path = f"/v1/card-accounts/{self._account}/cards"
        answer = await self.client.post(path, json=body, headers=keyed(self.me.access_token, key))
        await self.settles()
        return answer

    async def settles(self) -> None:
        while await processing.step(self.house) or self.fake.events:
            told, self.fake.events = self.fake.events, []
            for event in told:
                assert (await self.fake.deliver(event)).status_code == 200
            while await events.step(self.house):
                pass

    async def pays(self, card: Json, minor: int, **at: str) -> Bought:
        merchant = {"network_id": at.get("id", "M-1001"), "name": "Dostyk Books", "country": at.get("country", "KZ")}
        merchant["category"] = {"5942": "book_stores", "5812": "eating_places_restaurants"}[at.get("category", "5942")]
        bought = await self._shop.pays(self.named(card), minor, merchant_data=merchant)
        await self.settles()
        return Bought(bought.id, bought.approved)

    async def gives_up(self, bought: Bought, minor: int) -> None:
        await self._shop.gives_up(bought.name, minor)
        await self.settles()

    async def takes(self, bought: Bought, minor: int) -> str:
        found = await self._shop.takes(bought.name, minor)
        await self.settles()
        return str(found.transactions[-1].id)

    async def gives_back(self, taken: str, minor: int) -> None:
        await self._shop.gives_back(taken, minor)
        await self.settles()

    async def has(self) -> tuple[int, int]:
        [account] = (await self.does("GET", "/v1/card-accounts"))["accounts"]
        posted, available = account["balance"]["amount_minor"], account["available"]["amount_minor"]
        return posted, posted - available

    async def sends(self, card: Json, status: str) -> None:
        await self._shop.sends(self.named(card), status)
        await self.settles()

    async def loads(self, card: Json) -> None:
        issuing.provisioned(self.fake, self.named(card))
        await self.settles()

    async def sealed(self, card: Json, pin: str) -> str:
        return f"{card['id']}-under-stripes-key-{pin}"

    async def knows(self, card: Json, pin: str) -> bool:
        return self.fake.pins.get(self.named(card)) == await self.sealed(card, pin)

    def named(self, card: Json) -> str:
        """Say what Stripe calls a card."""
        wanted = {"card": str(public_ids.parse("card", card["id"]))}
        return next(name for name, each in self.fake.objects.items() if each.get("metadata") == wanted)


_MET: dict[tuple[str, str], Seeded] = {}
#: Whom the fakes of tests before knew: Stripe forgets nobody.
_HOLDERS: dict[UUID, dict[str, Json]] = {}


async def _somebody(app: Litestar, code: str) -> Seeded:
    known = app.state.house.settings.database_url, code
    if known not in _MET:
        [_MET[known]] = await people.residents(app, 1, start=ids.new().int % 10**9)
    return _MET[known]


async def _bank(house: House) -> None:
    """Enrol the bank that the programme is paid from."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        try:
            await registry.find(connection, "demo-bank")
        except UnknownPartner:
            await registry.enrol(
                connection,
                house.keys.kms,
                partner=ids.new(),
                code="demo-bank",
                name="Demo Bank",
                kind=Kind.BANK,
                base_url=None,
                at=clock.real(),
            )
