"""Whom the programme bars is told what everybody is told whom a rule stops: no list is spoken of (no tipping-off)."""

import json
from pathlib import Path

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import db, ids, outbox
from app.settings import Settings
from cards.card import Listing
from cards.payments.reason import Reason
from cards.programme import listing
from cards.programme.listing import Person
from tests.app import card_holders
from tests.app.card_holders import Holder
from tests.cards import made

pytestmark = pytest.mark.asyncio


async def barred(holder: Holder, database: str) -> None:
    async with db.transaction(holder.house.api, audience="officer") as story:
        listed = Person(
            id=ids.new(),
            listing=Listing.BARRED,
            blind=bytes(32),
            until=None,
            listed_by="officer:one",
            listed_at=made.AT,
        )
        person = await listing.add_person(await story(), listed)
    async with made.owner(database) as connection:
        found = text("UPDATE cards.listed_person SET holder = :holder WHERE id = :id")
        await connection.execute(found, {"holder": holder.id, "id": person.id})


async def test_who_is_barred_hears_of_risk_wherever_they_look(
    app: Litestar, client: httpx.AsyncClient, tmp_path: Path, settings: Settings
) -> None:
    async with card_holders.holding(app, client) as holder:
        network = await card_holders.network(app, client, tmp_path)
        shown = await holder.shown()
        await barred(holder, settings.database_url)

        heard = await network.pay(shown, 100_00, "ecommerce", cvv2=shown["cvv2"])
        while await outbox.step(holder.house):
            pass

        page = await holder.get("/v1/me/feed?limit=100")
        told = [event["data"]["reasons"] for event in page["events"] if event["type"] == "card_payment.declined"]
        payments = await holder.get(f"{holder.path}/payments")
        assert heard == "risk"
        assert told == [["risk"]]
        assert Reason.FORBIDDEN_PERSON not in json.dumps([page, payments])
        async with db.transaction(holder.house.posting) as story:
            kept = text("SELECT reasons FROM cards.element WHERE kind = 'decline'")
            assert (await (await story()).execute(kept)).scalars().all() == [["forbidden_person"]], (
                "it is kept as it is"
            )
