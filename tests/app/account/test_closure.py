"""What stands in the way of an ending account, all of it at once; and accounts that end by themselves."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import db, problems
from app.account import closure, ending, retention
from app.account.closure import Obstacle, State
from app.house import House
from app.language import Language
from app.settings import Settings
from residency.credential.life import State as Credential
from tests.app import people
from tests.app.account.people import Leaver, count, house_of, leaver, pass_by
from tests.app.applicants import checked, newcomer, officers, review, screening

pytestmark = pytest.mark.asyncio

FORTNIGHT = timedelta(days=14, minutes=1)
Act = Callable[[Leaver], Coroutine[None, None, object]]


async def _nothing(_: Leaver) -> None:
    """Leave everything as it is: the seeded resident has money."""


@pytest.mark.parametrize(
    ("act", "found"),
    [
        (_nothing, [Obstacle.BALANCE]),
        (Leaver.orders_a_card, [Obstacle.BALANCE, Obstacle.CARDS]),
    ],
    ids=["money", "a card"],
)
async def test_everything_in_the_way_is_told_at_once(
    app: Litestar, client: httpx.AsyncClient, settings: Settings, act: Act, found: list[Obstacle]
) -> None:
    async with leaver(app, client, settings, 910 + len(found)) as mine:
        await act(mine)

        refused = await mine.closes()
        told = (await mine.phone.get("/v1/me/closure"))["obstacles"]

    assert (refused.status_code, refused.json()["code"]) == (409, "account_not_empty")
    assert all(each in refused.json()["detail"] for each in found)
    assert [each["code"] for each in told] == found
    assert all(each["what_to_do"] for each in told)


async def test_an_open_case_is_in_the_way(app: Litestar, client: httpx.AsyncClient) -> None:
    mine = await newcomer(app, client)
    path = await mine.draft()

    refused = await mine.post("/v1/me/closure", {})
    withdrawn = await mine.post(f"{path}/withdraw")
    asked = await mine.post("/v1/me/closure", {})

    assert "cases" in refused.json()["detail"]
    assert (withdrawn.status_code, asked.status_code, asked.json()["state"]) == (200, 202, "closing")


@pytest.mark.parametrize("obstacle", Obstacle)
async def test_what_to_do_is_said_in_three_languages(obstacle: Obstacle) -> None:
    texts = problems.texts()[f"closure.{obstacle}"]

    assert set(texts) == set(Language)
    assert len(set(texts.values())) == 3


async def test_an_end_needs_the_passkey_over_the_dates_that_are_shown(
    app: Litestar, client: httpx.AsyncClient, settings: Settings
) -> None:
    async with leaver(app, client, settings, 915) as mine:
        confirm = (await mine.phone.get("/v1/me/closure"))["confirm"]
        other = await mine.phone.step_up(confirm["operation"], {**confirm["shown"], "erases_on": "2026-12-31"})

        bare = await mine.phone.call("POST", "/v1/me/closure", body={})
        forged = await mine.phone.call("POST", "/v1/me/closure", body={"step_up": other})

    assert (bare.status_code, bare.json()["code"]) == (403, "step_up_required")
    assert (forged.status_code, forged.json()["code"]) == (403, "step_up_mismatch")


async def test_credentials_are_void_from_the_request_on(app: Litestar, client: httpx.AsyncClient) -> None:
    house = house_of(app)
    mine = await newcomer(app, client)
    async with db.transaction(house.api, holder=mine.subject, audience="service") as story:
        await (await story()).execute(_CREDENTIAL, {"holder": mine.subject, "at": story.now})

    asked = await mine.post("/v1/me/closure", {})

    assert asked.status_code == 202, asked.text
    states = "SELECT count(*) FROM credential.credential WHERE holder = :holder AND state = :state"
    assert await count(house, states, holder=mine.subject, state=str(Credential.REVOKED)) == 1
    ended = await client.get("/v1/me", headers=people.bearer(mine.token))
    assert ended.status_code == 401


async def test_what_came_in_meanwhile_keeps_the_account_open(
    app: Litestar, client: httpx.AsyncClient, settings: Settings
) -> None:
    house = house_of(app)
    [friend] = await people.residents(app, 1, start=920)
    async with leaver(app, client, settings, 921) as mine:
        await mine.sends_everything(friend)
        assert (await mine.closes()).status_code == 202
        await people.send(client, friend, mine.seeded, 5)
        await pass_by(house, FORTNIGHT)

        assert await ending.step(house) >= 1
        await mine.phone.sign_in()
        told = await mine.phone.get("/v1/me/closure")

    assert (told["state"], [each["code"] for each in told["obstacles"]]) == ("open", ["balance"])


async def test_to_a_closed_account_nothing_can_be_sent(
    app: Litestar, client: httpx.AsyncClient, settings: Settings
) -> None:
    house = house_of(app)
    [friend] = await people.residents(app, 1, start=922)
    async with leaver(app, client, settings, 923) as mine:
        await mine.sends_everything(friend)
        await mine.closes()
        await pass_by(house, FORTNIGHT)
        late, _ = await asyncio.gather(people.send(client, friend, mine.seeded, 5), ending.step(house))
        after = await people.send(client, friend, mine.seeded, 5)

    state = "SELECT count(*) FROM app.closure WHERE holder = :holder AND state = :state"
    # Whichever was first: the money came and the account stayed open, or the account was closed and it did not come.
    came = late.status_code == 201
    assert await count(house, state, holder=mine.resident, state="open" if came else "closed") == 1
    assert came or after.status_code == 422


async def test_it_is_asked_once_and_taken_back_once(app: Litestar, client: httpx.AsyncClient) -> None:
    house = house_of(app)
    mine = await newcomer(app, client)
    async with db.transaction(house.api, holder=mine.subject, audience="resident") as story:
        first = await closure.request(await story(), mine.subject, at=story.now)
        again = await closure.request(await story(), mine.subject, at=story.now + timedelta(days=1))
        stays = await closure.withdraw(await story(), mine.subject, at=story.now)
        with pytest.raises(closure.NotClosing):
            await closure.withdraw(await story(), mine.subject, at=story.now)

    assert first == again
    assert (first.state, stays.state, stays.version) == (State.CLOSING, State.OPEN, 2)


async def test_whoever_never_showed_a_document_is_erased_at_the_end(app: Litestar, client: httpx.AsyncClient) -> None:
    house = house_of(app)
    mine = await newcomer(app, client)

    asked = await mine.post("/v1/me/closure", {})
    await pass_by(house, FORTNIGHT)
    done = await ending.step(house)

    assert asked.json()["closes_on"] == asked.json()["erases_on"]
    assert asked.json()["kept"] == []
    assert done >= 2, "closed, and erased in the same breath"
    assert await count(house, _ERASED, holder=mine.subject) == 1


@pytest.mark.parametrize("role", ["api", "posting", "report", "worker"])
async def test_nobody_erases_before_the_day(app: Litestar, client: httpx.AsyncClient, role: str) -> None:
    house = house_of(app)
    mine = await newcomer(app, client)

    with pytest.raises(DBAPIError, match=r"permission denied|not due"):
        async with db.transaction(getattr(house, role), holder=mine.subject, audience="service") as story:
            await (await story()).execute(text("SELECT app.erase(:holder)"), {"holder": mine.subject})


@pytest.mark.parametrize("state", ["closed", "erased"])
async def test_the_api_takes_requests_and_ends_nobody(app: Litestar, client: httpx.AsyncClient, state: str) -> None:
    house = house_of(app)
    mine = await newcomer(app, client)
    await mine.post("/v1/me/closure", {})

    async with db.transaction(house.api, holder=mine.subject, audience="service") as story:
        connection = await story()
        with pytest.raises(DBAPIError, match="row-level security"):
            await connection.execute(_END, {"holder": mine.subject, "state": state})
        await connection.rollback()


async def test_an_erased_person_gets_no_second_key(app: Litestar, client: httpx.AsyncClient) -> None:
    house = house_of(app)
    mine = await newcomer(app, client)
    await mine.post("/v1/me/closure", {})
    await pass_by(house, FORTNIGHT)
    await ending.step(house)

    async with db.transaction(house.api, holder=mine.subject, audience="resident") as story:
        connection, values = await story(), {"holder": mine.subject, "at": story.now}
        with pytest.raises(DBAPIError, match="the person was erased"):
            await connection.execute(_KEY, values)
        await connection.rollback()


async def test_a_refused_applicant_is_erased_when_the_law_lets_go(app: Litestar, client: httpx.AsyncClient) -> None:
    house = await screening(app)
    mine = await newcomer(app, client)
    await mine.scan()
    path = await mine.file()
    await checked(house)
    for officer in await officers(app, 2):
        await review(client, officer, path, "refuse", reason_code="not_confirmed", comment_internal="A front.")
    assert (await mine.get(path))["state"] == "refused"

    await pass_by(house, timedelta(days=365 * 4))
    await _applied(house)
    early = await count(house, _ERASED, holder=mine.subject)
    await pass_by(house, timedelta(days=370))
    await _applied(house)

    assert early == 0
    assert await count(house, _ERASED, holder=mine.subject) == 1
    assert await count(house, "SELECT count(*) FROM kyc.document WHERE resident = :holder", holder=mine.subject) == 0
    assert await count(house, _COMMENTS, holder=mine.subject) == 0


async def _applied(house: House) -> None:
    """Let the worker apply every rule that is due, and end whom it ends."""
    for _ in retention.KINDS:
        await retention.step(house)
    while await ending.step(house):
        pass


_ERASED = "SELECT count(*) FROM app.closure WHERE holder = :holder AND state = 'erased'"
_COMMENTS = "SELECT count(*) FROM residency.comment WHERE resident = :holder"
_END = text(
    """
    UPDATE app.closure SET state = :state, erases_on = '2026-11-22',
                           due_at = CASE CAST(:state AS text) WHEN 'closed' THEN now() END
    WHERE holder = :holder
    """
)
_KEY = text("INSERT INTO app.resident_key (holder, kek_version, wrapped, created_at) VALUES (:holder, 1, '', :at)")
_CREDENTIAL = text(
    """
    WITH opened AS (
        INSERT INTO credential.credential (holder, kind, state, version, opened_at)
        VALUES (:holder, 'e_resident', 'active', 1, :at) RETURNING id
    )
    INSERT INTO credential.transition (credential, sort, holder, state, actor, at)
    SELECT id, 1, :holder, 'active', 'system', :at FROM opened
    """
)
