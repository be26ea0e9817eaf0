"""Who saw my data: nobody opens a vault of another without leaving a row, and its owner reads it when the law lets."""

import contextlib
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import psycopg
import pytest
import pytest_asyncio
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import access, db, vault
from app.access import DELAY, SCREENING, Look, Purpose, Sees, VaultOpened
from app.db import Story
from app.house import House
from app.http import ids as outside
from app.vault import Erased
from tests import postgres
from tests.app.people import bearer, keyed, residents, token
from tests.walls import openers

pytestmark = pytest.mark.asyncio

SUSPICION = Look(sees=Sees.IDENTITY, purpose=Purpose.SUSPICION, delay=None)
LATER = Look(sees=Sees.IDENTITY, purpose=Purpose.REQUEST, delay=DELAY)


class Person(msgspec.Struct, frozen=True):
    """A resident whose case officers decided, and what they may read about it."""

    client: httpx.AsyncClient
    id: UUID
    token: str

    async def log(self, **query: object) -> Any:  # noqa: ANN401  any JSON
        params = {name: str(value) for name, value in query.items()}
        answer = await self.client.get("/v1/me/access-log", params=params, headers=bearer(self.token))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def looks(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = (await self.log(limit=100))["accesses"]
        return found

    async def since(self, before: list[dict[str, str]]) -> list[dict[str, str]]:
        return [each for each in await self.looks() if each not in before]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def person(app: Litestar, client: httpx.AsyncClient) -> Person:
    [found] = await residents(app, 1)
    return Person(client, found.subject, found.access_token)


def acting(house: House, operation: str = "test", officer: UUID | None = None) -> Any:  # noqa: ANN401  a context manager
    actor = f"officer:{officer or uuid.uuid4()}"
    return db.transaction(house.api, audience="officer", actor=actor, operation=operation)


async def look(house: House, story: Story, person: UUID, why: Look) -> None:
    await vault.look(await story(), house.keys.kms, person, why)


# -- what a person reads -----------------------------------------------------------------------------------------------


async def test_a_case_that_was_decided_shows_who_looked_and_what_for(person: Person) -> None:
    answered = (await person.client.get("/v1/applications", headers=bearer(person.token))).json()

    found = await person.looks()

    assert [(each["role"], each["organisation"], each["sees"], each["purpose"]) for each in found[-2:]] == [
        ("officer", "operator", "identity", "case"),
        ("service", "operator", "identity", "case"),
    ]
    assert {each["application"] for each in found[-2:]} == {answered["applications"][0]["id"]}


async def test_no_officer_is_named(house: House, person: Person) -> None:
    officer = uuid.uuid4()
    async with acting(house, officer=officer) as story:
        await look(house, story, person.id, SCREENING)

    shown = await person.looks()

    assert str(officer) not in str(shown)
    assert set(shown[0]) == {"id", "at", "role", "organisation", "sees", "purpose", "application"}


async def test_a_partner_is_named_by_its_code(house: House, person: Person) -> None:
    partner, before = uuid.uuid4(), await person.looks()
    async with db.transaction(house.api, audience="service") as story:
        made = "INSERT INTO app.subject (id, role, name, at) VALUES (:id, 'partner', 'bank-one', now())"
        await (await story()).execute(text(made), {"id": partner})
    actor = f"partner:{partner}"
    async with db.transaction(house.api, audience="partner", actor=actor, operation="test") as story:
        await look(house, story, person.id, SCREENING)

    [seen] = await person.since(before)

    assert (seen["role"], seen["organisation"]) == ("partner", "bank-one")


async def test_pages_go_back_from_the_newest(house: House, person: Person) -> None:
    for _ in range(3):
        async with acting(house) as story:
            await look(house, story, person.id, SCREENING)
    everything = await person.looks()

    page = await person.log(limit=2)
    walked = page["accesses"]
    while page["next_cursor"]:
        page = await person.log(limit=2, cursor=page["next_cursor"])
        walked += page["accesses"]

    assert len(everything) >= 5
    assert walked == everything == sorted(everything, key=lambda each: each["at"], reverse=True)


async def test_one_log_is_not_anothers(app: Litestar, client: httpx.AsyncClient, person: Person) -> None:
    other = await token(app, "resident")

    answer = await client.get("/v1/me/access-log", headers=bearer(other))

    assert await person.looks()
    assert answer.json() == {"accesses": [], "next_cursor": None}


async def test_a_look_without_an_open_case_shows_later_and_a_suspicion_never(
    house: House, person: Person, database: str
) -> None:
    before, seen = await person.looks(), await _rows(house, person.id)
    async with acting(house) as story:
        await look(house, story, person.id, LATER)
        await look(house, story, person.id, SUSPICION)

    assert await person.since(before) == []
    assert await _rows(house, person.id) == seen, "not even the database shows them to the person"
    with _later(database, DELAY):
        assert [each["purpose"] for each in await person.since(before)] == ["request"]
        assert await _rows(house, person.id) == seen + 1


async def _rows(house: House, person: UUID) -> int:
    async with db.transaction(house.api, holder=person, audience="resident") as story:
        return int(await (await story()).scalar(text("SELECT count(*) FROM app.access")) or 0)


@contextlib.contextmanager
def _later(database: str, by: timedelta) -> Iterator[None]:
    move = "UPDATE app.clock SET advanced_by = advanced_by + %s"
    address = postgres.libpq(database)
    with psycopg.connect(address, autocommit=True) as owner:
        owner.execute(move, [by])
        yield
        owner.execute(move, [-by])


# -- what leaves a row -------------------------------------------------------------------------------------------------


async def test_one_story_leaves_one_row_for_each_person_and_kind(house: House, person: Person) -> None:
    before = await person.looks()
    async with acting(house) as story:
        for _ in range(3):
            await look(house, story, person.id, SCREENING)
        await look(house, story, person.id, msgspec.structs.replace(SCREENING, sees=Sees.EVIDENCE))

    assert sorted(each["sees"] for each in await person.since(before)) == ["evidence", "identity"]


async def test_what_the_worker_does_every_night_is_one_row_a_month(house: House, person: Person, database: str) -> None:
    async def night() -> None:
        async with db.transaction(house.worker, actor="service:monitoring", operation="monitoring") as story:
            await look(house, story, person.id, SCREENING)

    before = await person.looks()
    for _ in range(3):
        await night()
    this_month = len(await person.since(before))
    with _later(database, timedelta(days=31)):
        await night()
        next_month = len(await person.since(before))

    assert (this_month, next_month) == (1, 2)


async def test_a_row_is_in_the_journal_and_thereby_in_the_audit_chain(house: House, person: Person) -> None:
    about = uuid.uuid4()
    async with acting(house, "getCase") as story:
        await look(house, story, person.id, access.case(about, waiting=True))

    async with db.transaction(house.worker) as story:
        rows = await (await story()).execute(
            text("SELECT body, holder FROM app.event WHERE kind = 'vault.opened' AND body->>'about' = :about"),
            {"about": str(about)},
        )
        [event] = rows.all()

    told = msgspec.convert({"type": "vault.opened", **event.body}, VaultOpened)
    assert told == VaultOpened(
        person=person.id, operation="getCase", sees=Sees.IDENTITY, purpose=Purpose.CASE, about=about
    )
    assert event.holder is None, "the person's own feed must not tell what the log keeps back"


async def test_where_nothing_can_be_seen_nothing_is_written(house: House) -> None:
    stranger = uuid.uuid4()

    with pytest.raises(Erased):
        async with acting(house) as story:
            await look(house, story, stranger, SCREENING)
    async with db.transaction(house.report) as story:
        written = text("SELECT count(*) FROM app.access WHERE person = :person")
        assert await (await story()).scalar(written, {"person": stranger}) == 0


# -- there is no way around it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("audience", ["officer", "service", "partner", "regulator", "resident", "public", ""])
async def test_the_api_reads_the_key_of_nobody_else(house: House, person: Person, audience: str) -> None:
    for holder in (None, uuid.uuid4()):
        with pytest.raises(Erased):
            async with db.transaction(house.api, holder=holder, audience=audience) as story:
                await vault.existing(await story(), house.keys.kms, person.id)


async def test_the_worker_reads_keys_only_to_wrap_them_anew(house: House, person: Person) -> None:
    with pytest.raises(Erased):
        async with db.transaction(house.worker, actor="service:any", operation="any") as story:
            await vault.existing(await story(), house.keys.kms, person.id)


@pytest.mark.parametrize(
    ("actor", "operation"), [("", "getCase"), ("officer:", "getCase"), ("officer:1", ""), ("resident:1", "getCase")]
)
async def test_a_vault_is_not_opened_by_nobody(house: House, person: Person, actor: str, operation: str) -> None:
    with pytest.raises(DBAPIError, match="somebody who is named"):
        async with db.transaction(house.api, audience="officer", actor=actor, operation=operation) as story:
            await look(house, story, person.id, SCREENING)


@pytest.mark.parametrize("role", ["posting", "report"])
async def test_who_cannot_write_the_log_cannot_look(house: House, person: Person, role: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with db.transaction(getattr(house, role), actor="officer:1", operation="getCase") as story:
            await look(house, story, person.id, SCREENING)


@pytest.mark.parametrize("role", ["api", "worker"])
@pytest.mark.parametrize("change", ["INSERT INTO app.access DEFAULT VALUES", "DELETE FROM app.access"])
async def test_the_log_is_written_by_looking_alone(house: House, role: str, change: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with db.transaction(getattr(house, role)) as story:
            await (await story()).execute(text(change))


async def test_the_log_is_history_for_its_owner_too(person: Person, database: str) -> None:
    assert await person.looks()
    with psycopg.connect(postgres.libpq(database)) as owner:
        for change in ("DELETE FROM app.access", "UPDATE app.access SET shown_from = NULL", "TRUNCATE app.access"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only added to"), owner.transaction():
                owner.execute(change.encode())


# -- every operation that can ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", openers.OPENING)
async def test_each_of_them_leaves_its_row(house: House, app: Litestar, person: Person, operation: str) -> None:
    named = await _concerning(app, person)
    method, path, body = openers.OPENING[operation]
    filled = body and {name: value.format(**named) if isinstance(value, str) else value for name, value in body.items()}
    headers = keyed(await token(app, "officer"))

    answer = await person.client.request(method, path.format(**named), json=filled, headers=headers)

    assert answer.status_code in {200, 201, 409}, answer.text
    async with db.transaction(house.report) as story:
        newest = (
            "SELECT operation, shown_from - at AS delay FROM app.access WHERE person = :me ORDER BY id DESC LIMIT 1"
        )
        written = (await (await story()).execute(text(newest), {"me": person.id})).one()
    assert (written.operation, written.delay) == (operation, DELAY), "the case was decided before"


async def _concerning(app: Litestar, person: Person) -> dict[str, str]:
    """Give the ids of what there is about a person: a case, a restriction with an appeal, a correction."""
    cases = (await person.client.get("/v1/applications", headers=bearer(person.token))).json()["applications"]
    resident, officers = outside.show("resident", person.id), [await token(app, "officer") for _ in "12"]

    async def do(by: str, path: str, **body: object) -> Any:  # noqa: ANN401  any JSON
        return (await person.client.post(path, json=body, headers=keyed(by))).json()

    mine = (await person.client.get("/v1/me/restrictions", headers=bearer(person.token))).json()["restrictions"]
    standing = [each for each in mine if each["state"] == "in_force"]
    if not standing:
        act = await do(officers[0], "/v1/officer/restrictions", resident=resident, cause="asked_by_holder")
        await do(officers[1], f"/v1/officer/restriction-acts/{act['id']}/decision", agree=True)
        return await _concerning(app, person)
    path = f"/v1/me/restrictions/{standing[0]['id']}/appeals"
    await do(person.token, path, text="It is mine")
    waiting = (await person.client.get("/v1/officer/restrictions", headers=bearer(officers[0]))).json()["appeals"]
    correction = {
        "kind": "credit",
        "reason": "goodwill",
        "evidence": "CASE-1",
        "amount_minor": 1,
        "purpose": "adjustment",
    }
    made = await do(officers[0], "/v1/officer/adjustments", resident=resident, note="a hint", **correction)
    return {
        "case": cases[0]["id"],
        "resident": resident,
        "restriction": standing[0]["id"],
        "appeal": waiting[0]["id"],
        "adjustment": made["id"],
    }
