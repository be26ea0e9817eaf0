"""The trust list over HTTP: two officers agree whom to believe, one stops it, and a verdict goes by it."""

import base64
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
import pytest_asyncio
import sqlalchemy
from litestar import Litestar

from app import clock, db, seed
from app import ids as mint
from app.house import House
from app.http import ids
from residency.credential.presenting import issuers
from simulators.passkey import Json
from tests.app import people
from tests.app.people import bearer, keyed
from tests.credential.presenting import foreign
from tests.credential.presenting.foreign import Abroad

pytestmark = pytest.mark.asyncio
PATH = "/v1/officer/foreign-issuers"


class Office:
    """Two officers and what they do to the trust list."""

    def __init__(self, client: httpx.AsyncClient, first: str, second: str) -> None:
        self.client, self.first, self.second = client, first, second

    async def do(self, token: str, path: str, body: Json) -> httpx.Response:
        return await self.client.post(f"{PATH}{path}", json=body, headers=keyed(token))

    async def proposed(self, by: Abroad, **changes: Any) -> Json:  # noqa: ANN401  JSON
        answer = await self.do(self.first, "", foreign.proposal(by, **changes))
        assert answer.status_code == 201, answer.text
        found: Json = answer.json()
        return found

    async def believed(self, by: Abroad, **changes: Any) -> Json:  # noqa: ANN401  JSON
        entry = await self.proposed(by, **changes)
        answer = await self.do(self.second, f"/{entry['id']}/decision", {"agree": True})
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found


@pytest_asyncio.fixture
async def office(app: Litestar, client: httpx.AsyncClient) -> Office:
    first, second = [await people.token(app, "officer", of=each) for each in seed.OFFICERS]
    return Office(client, first, second)


def abroad() -> Abroad:
    return foreign.abroad(foreign.NOW)


async def in_force(house: House) -> set[str]:
    async with db.transaction(house.worker) as story:
        found = await issuers.in_force(await story(), clock.real().date())
    return {each.name for each in found}


async def test_who_is_believed_is_agreed_by_two_and_ended_by_one(house: House, office: Office) -> None:
    entry = await office.proposed(abroad(), name="Agreed")
    assert (entry["agreed"], entry["proposed_by"].partition(":")[0]) == (None, "officer")
    assert "Agreed" not in await in_force(house)

    own = await office.do(office.first, f"/{entry['id']}/decision", {"agree": True})
    assert (own.status_code, own.json()["code"]) == (409, "same_reviewer")
    agreed = await office.do(office.second, f"/{entry['id']}/decision", {"agree": True})
    assert agreed.json()["agreed"] is True
    assert "Agreed" in await in_force(house)

    again = await office.do(office.second, f"/{entry['id']}/decision", {"agree": False})
    assert (again.status_code, again.json()["code"]) == (409, "foreign_issuer_state")
    ended = await office.do(office.first, f"/{entry['id']}/end", {"reason": "compromised"})
    assert (ended.status_code, ended.json()["ended_because"]) == (200, "compromised")
    assert "Agreed" not in await in_force(house)
    twice = await office.do(office.first, f"/{entry['id']}/end", {"reason": "mistake"})
    assert (twice.status_code, twice.json()["code"]) == (409, "foreign_issuer_state")


async def test_what_was_not_agreed_to_is_not_believed(house: House, office: Office) -> None:
    entry = await office.proposed(abroad(), name="Refused")
    await office.do(office.second, f"/{entry['id']}/decision", {"agree": False})

    assert "Refused" not in await in_force(house)
    assert (await office.do(office.first, f"/{entry['id']}/end", {"reason": "mistake"})).status_code == 409


@pytest.mark.parametrize(("begins", "ends", "holds"), [(0, 1, True), (-1, 0, False), (1, 2, False), (-9, 9, True)])
async def test_an_entry_holds_from_its_first_day_until_before_its_last(
    house: House, office: Office, begins: int, ends: int, holds: bool
) -> None:
    today, name = clock.real().date(), f"From {begins} to {ends}"
    term = {
        "begins_on": (today + timedelta(days=begins)).isoformat(),
        "ends_on": (today + timedelta(days=ends)).isoformat(),
    }
    await office.believed(abroad(), name=name, **term)

    async with db.transaction(house.worker) as story:
        found = await issuers.in_force(await story(), today)
    assert (name in {each.name for each in found}) is holds


def certificate(der: bytes) -> list[str]:
    return [base64.b64encode(der).decode()]


async def test_what_could_never_be_believed_is_refused(office: Office, client: httpx.AsyncClient) -> None:
    issuer = str(client.base_url).rstrip("/")
    root = (await client.get("/.well-known/eresidency-root.cer")).content
    cases: dict[str, Json] = {
        "a document of ours": {"vcts": [f"{issuer}/credentials/e-resident/1"]},
        "an mdoc of ours": {"doc_types": ["kz.gov.e-residency.resident-id.1"]},
        "a root of ours": {"certificates": certificate(root)},
        "no certificate": {"certificates": certificate(b"noise")},
        "no type": {"vcts": [], "doc_types": []},
        "a beginning of other names": {"lists_at": "https://pid.example/status"},
        "a term that is none": {"ends_on": "2026-01-01"},
        "a term without end": {"ends_on": "2036-01-01"},
        "a root that ended": {"begins_on": "2039-01-01", "ends_on": "2039-02-01"},
    }

    refused = {}
    for name, changes in cases.items():
        answer = await office.do(office.first, "", foreign.proposal(abroad(), **changes))
        refused[name] = (answer.status_code, answer.json()["code"])

    assert refused == dict.fromkeys(cases, (422, "bad_foreign_issuer"))


async def test_the_database_wants_two_officers_and_one_decision(database: str, office: Office) -> None:
    entry = await office.proposed(abroad(), name="In the database")
    decided = await office.believed(abroad(), name="In the database too")
    engine = sqlalchemy.create_engine(database)
    change = "UPDATE credential.foreign_issuer SET {} WHERE name = '{}'"
    word = "decided_by = {}, decided_at = now(), agreed = true"
    for statement, refusal in (
        (change.format(word.format("proposed_by"), entry["name"]), psycopg.errors.CheckViolation),
        (change.format("agreed = false", decided["name"]), psycopg.errors.InsufficientPrivilege),
        (change.format("ends_on = '2099-01-01'", entry["name"]), psycopg.errors.CheckViolation),
        ("DELETE FROM credential.foreign_issuer_end", psycopg.errors.InsufficientPrivilege),
    ):
        with engine.connect() as connection, pytest.raises(sqlalchemy.exc.DBAPIError) as refused:
            connection.execute(sqlalchemy.text(statement))
        assert isinstance(refused.value.orig, refusal), statement
    engine.dispose()


async def test_nobody_but_an_officer_writes_the_list(house: House, office: Office) -> None:
    entry = await office.proposed(abroad(), name="For officers")
    async with db.transaction(house.api, audience="partner") as story:
        found = await issuers.find(await story(), ids.parse("foreign_issuer", entry["id"]))
        with pytest.raises(sqlalchemy.exc.DBAPIError) as refused:
            await issuers.propose(
                await story(), msgspec.structs.replace(found, id=mint.new()), ours=frozenset(), own_roots=()
            )

    assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)


async def test_the_list_is_read_page_by_page(office: Office) -> None:
    for number in range(3):
        await office.proposed(abroad(), name=f"Page {number}")
    seen, cursor = [], ""
    while True:
        path = f"{PATH}?limit=2{cursor}"
        page = (await office.client.get(path, headers=bearer(office.first))).json()
        seen += [each["name"] for each in page["issuers"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert [name for name in seen if name.startswith("Page ")] == ["Page 0", "Page 1", "Page 2"]


async def test_an_entry_of_nobody_is_not_found(office: Office) -> None:
    path = f"/foreign_issuer_{'0' * 26}"
    for what, body in (("decision", {"agree": True}), ("end", {"reason": "mistake"})):
        answer = await office.do(office.first, f"{path}/{what}", body)
        assert (answer.status_code, answer.json()["code"]) == (404, "foreign_issuer_not_found")


async def test_what_happened_is_in_the_journal(house: House, office: Office) -> None:
    entry = await office.believed(abroad(), name="Told")
    await office.do(office.first, f"/{entry['id']}/end", {"reason": "succeeded"})

    async with db.transaction(house.report) as story:
        rows = await (await story()).execute(sqlalchemy.text(_KINDS), {"name": "Told"})
        assert [row.kind for row in rows] == [
            "foreign_issuer.proposed",
            "foreign_issuer.decided",
            "foreign_issuer.ended",
        ]


_KINDS = """
SELECT kind FROM credential.event JOIN credential.foreign_issuer ON foreign_issuer.id = aggregate
WHERE name = :name ORDER BY event.version
"""
