"""The worker and the terms of cards: renewed before they end, ended on their day, suspended with a lapsed identity.

The clock of the installation goes forward from test to test; whoever is in one came to be in it.
"""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import clock, db, ids
from app.cards import holders, terms
from app.house import House
from app.http import ids as outside
from app.seed import Seeded
from cards import card as cards_card
from cards.card import Card, Closing, Owner, State
from law import calendar
from residency import status
from tests.app.people import bearer, keyed, residents
from tests.cards import made
from tests.partners.outside import rows

pytestmark = pytest.mark.asyncio
ADDRESS = {
    "recipient": "ANNA SCHMIDT",
    "lines": ["Unter den Linden 5"],
    "city": "Berlin",
    "postcode": "10117",
    "country": "DE",
    "phone": "+4915112345678",
}


async def someone(app: Litestar) -> Seeded:
    [found] = await residents(app, 1, start=ids.new().int % 10**9)
    return found


async def ordered(client: httpx.AsyncClient, me: Seeded, **more: object) -> dict[str, Any]:
    notice = (await client.get("/v1/cards/notice", headers=bearer(me.access_token))).json()["version"]
    answer = await client.post("/v1/cards", json={"accepted_notice": notice, **more}, headers=keyed(me.access_token))
    assert answer.status_code == 201, answer.text
    card: dict[str, Any] = answer.json()
    return card


async def read(house: House, card: dict[str, Any] | UUID) -> Card:
    wanted = card if isinstance(card, UUID) else outside.parse("card", card["id"])
    async with house.report.connect() as connection:
        return await cards_card.find(connection, wanted)


async def move_to(house: House, at: datetime) -> None:
    """Let the installation's clock say `at`, later than it does."""
    async with db.transaction(house.api, audience="service") as story:
        await (await story()).execute(text("UPDATE app.clock SET advanced_by = :by"), {"by": at - clock.real()})


def days_before_the_end(card: dict[str, Any], days: int) -> datetime:
    return calendar.day_starts(date.fromisoformat(card["expires_on"]) - timedelta(days=days))


async def told(house: House, card: dict[str, Any]) -> list[str]:
    found = await rows(
        house,
        "SELECT kind FROM cards.event WHERE aggregate = :card ORDER BY version",
        card=outside.parse("card", card["id"]),
    )
    return [row.kind for row in found]


async def heir_of(house: House, card: dict[str, Any]) -> Card:
    [row] = await rows(
        house, "SELECT id FROM cards.card WHERE replaces = :card", card=outside.parse("card", card["id"])
    )
    return await read(house, row.id)


async def test_a_virtual_card_is_renewed_by_itself_and_its_successor_takes_over(
    app: Litestar, client: httpx.AsyncClient, house: House
) -> None:
    card = await ordered(client, await someone(app))

    early = await terms.step(house)
    await move_to(house, days_before_the_end(card, 29))
    assert await terms.step(house) == 1
    assert await terms.step(house) == 0
    waiting = await heir_of(house, card)
    still = await read(house, card)
    await move_to(house, days_before_the_end(card, -1) + timedelta(seconds=1))
    await terms.step(house)

    assert early == 0
    assert (waiting.state, still.state) == (State.INACTIVE, State.ACTIVE)
    assert (await heir_of(house, card)).state is State.ACTIVE
    assert (await read(house, card)).closed_for is Closing.REPLACED
    assert waiting.expires_on > still.expires_on


async def test_what_stands_against_a_renewal_is_told_once_and_the_card_ends_on_its_day(
    app: Litestar, client: httpx.AsyncClient, house: House
) -> None:
    me = await someone(app)
    plastic = await ordered(client, me, form="plastic", address=ADDRESS)
    other = await ordered(client, me)
    async with db.transaction(house.worker) as story:
        [held] = await status.of_resident(await story(), me.subject)
        await status.change(
            await story(), held.id, status.Act.REVOKE, at=story.now, by="officer", reason_code="account_closed"
        )

    await move_to(house, days_before_the_end(plastic, 29))
    await terms.step(house)
    await terms.step(house)
    why = await rows(
        house,
        "SELECT body->>'why' AS why FROM cards.event WHERE kind = 'card.renewal_due' AND holder = :me ORDER BY why",
        me=me.subject,
    )
    await move_to(house, days_before_the_end(plastic, -1) + timedelta(seconds=1))
    await terms.step(house)

    assert [row.why for row in why] == [terms.ADDRESS_NEEDED, "not_e_resident"]
    assert {(await read(house, card)).closed_for for card in (plastic, other)} == {Closing.EXPIRED}


async def test_a_holder_renews_a_plastic_card_with_an_address(
    app: Litestar, client: httpx.AsyncClient, house: House
) -> None:
    me = await someone(app)
    card = await ordered(client, me, form="plastic", address=ADDRESS)
    path, mine = f"/v1/cards/{card['id']}/renewal", keyed(me.access_token)

    early = await client.post(path, json={"address": ADDRESS}, headers=mine)
    await move_to(house, days_before_the_end(card, 10))
    homeless = await client.post(path, headers=keyed(me.access_token))
    renewed = await client.post(path, json={"address": ADDRESS}, headers=keyed(me.access_token))
    again = await client.post(path, json={"address": ADDRESS}, headers=keyed(me.access_token))

    assert (early.status_code, early.json()["code"]) == (409, "card_renewal_too_early")
    assert homeless.status_code in {400, 422}
    assert (renewed.status_code, renewed.json()["replaces"], renewed.json()["state"]) == (201, card["id"], "ordered")
    assert (again.status_code, again.json()["code"]) == (409, "card_successor_exists")


async def test_an_identity_lapses_on_its_day_and_counts_again_once_it_was_verified(
    app: Litestar, client: httpx.AsyncClient, house: House, database: str
) -> None:
    me = await someone(app)
    card = await ordered(client, me)
    until = (await read(house, card)).verified_until
    assert until is not None
    await move_to(house, calendar.day_starts(until + timedelta(days=1)) + timedelta(seconds=1))

    assert await holders.step(house) >= 1
    assert await holders.step(house) == 0
    lapsed = await read(house, card)
    early = await client.post("/v1/cards/verification", headers=keyed(me.access_token))
    order = await client.post(
        "/v1/cards", json={"accepted_notice": card["accepted_notice"]}, headers=keyed(me.access_token)
    )
    await show_document(house, database, me)
    verified = await client.post("/v1/cards/verification", headers=keyed(me.access_token))
    shown = await client.get("/v1/cards/verification", headers=bearer(me.access_token))

    assert lapsed.suspended_by(Owner.REVERIFY)
    assert [answer.json()["code"] for answer in (early, order)] == ["identity_not_verified"] * 2
    assert verified.status_code == 200
    assert shown.json() == verified.json()
    assert (await read(house, card)).suspended == ()
    assert "card.suspension_lifted" in await told(house, card)


async def show_document(house: House, database: str, me: Seeded) -> None:
    """Let a document of a person be looked at again, as kyc stores what it found."""
    async with db.transaction(house.report) as story:
        again = {"me": me.subject, "at": story.now, "id": ids.new()}
    async with made.owner(database) as connection:
        for statement in (_DOCUMENT, _DECISION):
            await connection.execute(text(statement), again)


async def test_the_worker_sees_by_itself_that_somebody_was_verified_again(
    app: Litestar, client: httpx.AsyncClient, house: House, database: str
) -> None:
    me = await someone(app)
    card = await ordered(client, me)
    until = (await read(house, card)).verified_until
    assert until is not None
    lapses = calendar.day_starts(until + timedelta(days=1)) + timedelta(seconds=1)
    await move_to(house, lapses)
    await holders.step(house)
    await show_document(house, database, me)

    await move_to(house, lapses + timedelta(hours=1, seconds=1))
    await holders.step(house)

    assert (await read(house, card)).suspended == ()


_DOCUMENT = """
    INSERT INTO kyc.document
    SELECT again.* FROM kyc.document CROSS JOIN LATERAL jsonb_populate_record(
        document, jsonb_build_object('id', CAST(:id AS uuid), 'at', CAST(:at AS timestamptz))
    ) AS again WHERE document.resident = :me ORDER BY document.id LIMIT 1
"""
_DECISION = """
    INSERT INTO kyc.decision (document, version, resident, outcome, reasons, rule_version, actor, at)
    VALUES (:id, 1, :me, 'identified', '{}', '1', 'service:test', :at)
"""
