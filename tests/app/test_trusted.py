"""Whom our verifier believes today, and what it knows of the status of documents of ours."""

from datetime import UTC, datetime

import pytest

from app import clock, db, ids
from app.credentials import entitlement, trusted
from app.house import House
from app.http import ids as outside
from residency.credential import entries
from residency.credential.presenting.judging import Answer, Broken, Entry, Presented, Told, Untold
from residency.credential.presenting.trust import Trust
from residency.credential.sd_jwt import StatusReference
from residency.credential.status_list import Status

pytestmark = pytest.mark.asyncio
NOW = datetime(2026, 11, 22, tzinfo=UTC)


async def today(house: House) -> Trust:
    async with db.transaction(house.api) as story:
        return await trusted.today(await story(), house.credentials.authority, law_at=clock.real(), now=NOW)


async def test_we_believe_ourselves_for_our_own_documents(house: House) -> None:
    [ours] = (await today(house)).anchors

    authority = house.credentials.authority
    assert (ours.id, ours.certificates, ours.revoked) == (None, (authority.root,), authority.revoked)
    assert {each.rpartition("/")[0] or each for each in ours.types} >= {f"{authority.url}/credentials/e-resident"}


async def asked(house: House, uri: str, idx: int) -> Answer:
    trust = await today(house)
    presented = Presented(issuer=trust.anchors[0], status=StatusReference(idx, uri))
    async with db.transaction(house.api) as story:
        told = await trusted.statuses(await story(), house.credentials.authority, {"id": (presented,)}, now=NOW)
    return told[Entry(None, StatusReference(idx, uri))]


async def test_a_list_of_ours_is_asked_as_it_stands(house: House) -> None:
    url = house.credentials.authority.url
    async with db.transaction(house.api, audience="service") as story:
        [taken] = await entries.take(await story(), 1, at=clock.real())
    uri = entitlement.list_url(url, taken.list)

    assert await asked(house, uri, taken.idx) == Told(Status.VALID, NOW)
    assert await asked(house, uri, entries.SIZE) == Broken("index_out_of_range")
    assert await asked(house, entitlement.list_url(url, ids.new()), 0) == Broken("index_out_of_range")
    assert await asked(house, f"{url}/status-lists/{outside.show('other', taken.list)}", 0) == Broken("no_such_list")
    assert await asked(house, "https://elsewhere.example/status-lists/1", 0) == Untold("foreign_list")
