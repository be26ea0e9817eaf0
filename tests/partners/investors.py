"""Residents with a phone, a funded wallet and a will to invest, as the app on their phone acts."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid5

from litestar import Litestar

from app import clock, db, ids, money, seed
from app.auth import subject
from app.auth.subject import Subject
from app.house import House
from app.settings import Settings
from law.money import KZT, Money
from simulators.phone import Phone
from tests.app.auth.people import phone
from wallet.account import Purpose
from wallet.transfer import AccountId, Post, TransferId

Json = dict[str, Any]
SAVINGS = "demo-bank-12m-savings"


class Investor:
    """One resident and the calls of the Invest screens."""

    def __init__(self, phone: Phone, resident: UUID, wallet: UUID) -> None:
        self.phone = phone
        self.resident = resident
        self.wallet = wallet

    async def opts_in(self) -> None:
        text = await self.phone.get("/v1/invest/consent")
        step_up = await self.phone.step_up(text["confirm"]["operation"], text["confirm"]["shown"])
        body = {"text_sha256": text["text_sha256"], "step_up": step_up}
        answer = await self.phone.call("PUT", "/v1/invest/consent", body=body)
        assert answer.json()["given"], answer.text

    async def product(self, code: str = SAVINGS) -> Json:
        products: list[Json] = (await self.phone.get("/v1/invest/products"))["products"]
        return next(product for product in products if product["code"] == code)

    async def previews(self, tenge: int, code: str = SAVINGS) -> Json:
        asked = {"product_id": (await self.product(code))["id"], "amount_minor": tenge * 100}
        found: Json = await self.phone.post("/v1/invest/previews", asked)
        return found

    async def confirms(self, preview: Json, *, shown: Json | None = None, key: str | None = None) -> Json:
        confirm = preview["confirm"]
        step_up = await self.phone.step_up(confirm["operation"], shown or confirm["shown"])
        body = {"preview_id": preview["id"], "step_up": step_up}
        made: Json = await self.phone.post("/v1/invest/placements", body, key=key)
        return made

    async def places(self, tenge: int, code: str = SAVINGS) -> Json:
        """Opt in, preview and confirm."""
        await self.opts_in()
        return await self.confirms(await self.previews(tenge, code))

    async def placement(self, placed: Json) -> Json:
        found: Json = await self.phone.get(f"/v1/invest/placements/{placed['id']}")
        return found

    async def positions(self) -> list[Json]:
        found: list[Json] = (await self.phone.get("/v1/invest/positions"))["positions"]
        return found

    async def receives(self, house: House, tenge: int) -> None:
        """Get money from the sandbox."""
        source = await house.money.operator(Purpose.SANDBOX)
        move = Post(
            id=TransferId(ids.new()),
            debit=source,
            credit=AccountId(self.wallet),
            money=Money(tenge * 100, KZT),
            code="sandbox.funding",
        )
        claim = money.claim("test", str(ids.new()), None)
        await house.money.move([move], lanes=[money.FIRST_LANE], claim=claim, render=money.plainly)

    async def balance(self) -> Json:
        found: Json = await self.phone.get("/v1/wallets/me")
        return found


async def agrees(mine: Phone) -> None:
    """Agree to every purpose the app asks for."""
    for text in (await mine.get("/v1/me/consents"))["consents"]:
        words = {name: text[name] for name in ("purpose", "text_sha256", "language")}
        assert (await mine.post("/v1/me/consents", words))["given"], text["purpose"]


@contextlib.asynccontextmanager
async def investor(app: Litestar, settings: Settings, number: int) -> AsyncIterator[Investor]:
    """Give seeded resident `number`, who has 1 000 000 tenge, a phone with a passkey."""
    house = app.state.house
    resident = uuid5(seed.PEOPLE, str(number))
    async with db.transaction(house.api, holder=resident, audience="service") as story:
        invitation = await subject.invite(story, Subject(resident, "resident", ""), clock.real())
    async with phone(app, settings) as mine:
        await mine.register(invitation)
        await agrees(mine)
        [seeded] = await seed.residents(house, 1, start=number)
        yield Investor(mine, resident, seeded.wallet)
