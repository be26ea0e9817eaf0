"""Lists: who is on one is refused, whoever looks, until the last day; nobody reads who it is."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from app import db, ids
from app.cards import holders
from app.money import Money
from cards.card import Card, Listing
from cards.payments.reason import Reason
from cards.programme import listing
from cards.programme.listing import AlreadyListed, Person, UnknownListing
from tests.cards import made
from tests.conftest import Engines

pytestmark = pytest.mark.asyncio
TODAY = made.AT.date()


async def listed(engines: Engines, document: str, kind: Listing = Listing.BARRED, until: date | None = None) -> Person:
    async with db.transaction(engines.api, audience="officer") as story:
        wanted = Person(
            id=ids.new(),
            listing=kind,
            blind=made.KEYS.blind("kyc.document", document),
            until=until,
            listed_by="officer:one",
            listed_at=made.AT,
        )
        person = await listing.add_person(await story(), wanted)
        await holders.recognise(await story(), listed=person.id)
    return person


async def came_with(database: str, resident: UUID, document: str) -> None:
    """Let kyc know who came with a document first."""
    async with made.owner(database) as connection:
        claimed = {"blind": made.KEYS.blind("kyc.document", document), "resident": resident, "at": made.AT}
        await connection.execute(_CLAIM, claimed)


async def paid(money: Money, card: Card) -> Reason | None:
    [answer] = await made.tell(money, made.question(card, 1))
    return answer.reason


async def test_who_is_listed_later_is_refused_from_then_on(engines: Engines, money: Money, database: str) -> None:
    card = await made.spender(engines, money, 100)
    await came_with(database, card.holder, "DEU|LATER")

    before = await paid(money, card)
    person = await listed(engines, "DEU|LATER")
    during = await paid(money, card)
    async with db.transaction(engines.api, audience="officer") as story:
        await listing.end(await story(), person.id, actor="officer:two", at=made.AT)

    assert (before, during, await paid(money, card)) == (None, Reason.FORBIDDEN_PERSON, None)


async def test_who_was_listed_before_is_recognised_with_the_first_card(
    engines: Engines, money: Money, database: str
) -> None:
    card = await made.spender(engines, money, 100)
    await listed(engines, "DEU|BEFORE", Listing.SELF_RESTRICTED)
    unknown = (await made.found(engines, card)).listed

    await came_with(database, card.holder, "DEU|BEFORE")
    async with db.transaction(engines.api, holder=card.holder, audience="resident") as story:
        await holders.recognise(await story(), resident=card.holder)
    async with db.transaction(engines.posting) as story:
        [known] = await (await story()).scalars(
            text("SELECT holder FROM cards.listed_person WHERE holder = :id"), {"id": card.holder}
        )

    assert unknown == ()
    assert known == card.holder


async def test_a_resident_reads_no_list_not_even_of_themselves(engines: Engines, money: Money, database: str) -> None:
    card = await made.spender(engines, money, 0)
    await came_with(database, card.holder, "DEU|SELF")
    await listed(engines, "DEU|SELF")

    async with db.transaction(engines.api, holder=card.holder, audience="resident") as story:
        assert await listing.persons(await story(), after=None, limit=100) == []
    assert (await made.found(engines, card)).listed == ()


async def test_a_listing_ends_after_its_last_day(engines: Engines, money: Money, database: str) -> None:
    card = await made.spender(engines, money, 100)
    await came_with(database, card.holder, "DEU|UNTIL")
    await listed(engines, "DEU|UNTIL", until=TODAY)

    async def work(today: date) -> int:
        async with db.transaction(engines.worker) as story:
            return await listing.end_overdue(await story(), today, actor="service:test", at=made.AT)

    assert await work(TODAY) == 0
    assert await paid(money, card) is Reason.FORBIDDEN_PERSON
    assert await work(TODAY + timedelta(days=1)) == 1
    assert await paid(money, card) is None


async def test_a_document_is_on_a_list_once(engines: Engines) -> None:
    person = await listed(engines, "DEU|ONCE")

    with pytest.raises(AlreadyListed):
        await listed(engines, "DEU|ONCE")
    await listed(engines, "DEU|ONCE", Listing.SELF_RESTRICTED)
    async with db.transaction(engines.api, audience="officer") as story:
        await listing.end(await story(), person.id, actor="officer:two", at=made.AT)
        with pytest.raises(UnknownListing):
            await listing.end(await story(), person.id, actor="officer:two", at=made.AT)
    await listed(engines, "DEU|ONCE")


async def test_events_name_nobody_who_is_listed(engines: Engines) -> None:
    person = await listed(engines, "DEU|EVENT")

    async with engines.report.connect() as connection:
        row = (await connection.execute(_EVENT, {"id": person.id})).one()

    assert row.holder is None
    assert row.body == {"listing": str(person.id), "kind": "barred"}


_CLAIM = text(
    "INSERT INTO kyc.claim (kind, blind, resident, document, at) VALUES ('document', :blind, :resident, uuidv7(), :at)"
)
_EVENT = text("SELECT holder, body FROM cards.event WHERE aggregate = :id")
