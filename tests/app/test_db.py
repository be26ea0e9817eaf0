"""One story, one transaction: nothing is said to have happened that was not committed."""

import httpx
import pytest
import sqlalchemy
from litestar import Litestar
from sqlalchemy import pool, text

from app import db, ids
from app.house import House
from app.settings import Settings
from tests.app.people import bearer, keyed, residents, token
from tests.conftest import Engines
from tests.wallet.ledgers import opened

pytestmark = pytest.mark.asyncio


@pytest.mark.fresh
async def test_a_commit_that_fails_is_a_problem_and_never_a_false_201(
    app: Litestar, client: httpx.AsyncClient, settings: Settings
) -> None:
    newcomer = await token(app, "resident")
    owner = sqlalchemy.create_engine(settings.database_url, poolclass=pool.NullPool)
    with owner.begin() as connection:
        connection.execute(text(_FAILS_AT_COMMIT))

    answer = await client.post("/v1/applications", json={"service": "eresidency.assign"}, headers=keyed(newcomer))

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "internal_error"
    assert "deferred" not in answer.text
    with owner.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM residency.application")) == 0
        assert connection.scalar(text("SELECT count(*) FROM app.idempotency")) == 0


# What fails at COMMIT and not before it is a deferred constraint.
_FAILS_AT_COMMIT = """
CREATE FUNCTION app.fail() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''deferred'' USING ERRCODE = ''check_violation''; END';
CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON residency.application
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.fail();
"""


async def test_a_connection_that_is_lost_under_way_means_again(
    app: Litestar, client: httpx.AsyncClient, settings: Settings
) -> None:
    operator = bearer(await token(app, "service"))
    owner = sqlalchemy.create_engine(settings.database_url, poolclass=pool.NullPool, isolation_level="AUTOCOMMIT")
    lost: list[int] = []

    @sqlalchemy.event.listens_for(app.state.house.worker.sync_engine, "before_cursor_execute")
    def lose(*_: object) -> None:
        if not lost:  # the story's own connection and the one that asks beside it
            with owner.connect() as connection:
                lost.append(connection.scalar(text(_CUT)) or 0)

    first = await client.get("/v1/sandbox/clock", headers=operator)
    again = await client.get("/v1/sandbox/clock", headers=operator)

    assert lost[0] >= 2
    assert (first.status_code, first.json()["code"], first.headers["retry-after"]) == (503, "overloaded", "1")
    assert again.status_code in {200, 503}


_CUT = """
SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
WHERE datname = current_database() AND usename IN ('eresidency_api', 'eresidency_worker')
"""


async def test_a_story_nobody_opened_takes_no_connection(house: House) -> None:
    async with db.telling(db.Story(house.api, holder=None, audience="public")):
        pass

    assert house.api.pool.checkedout() == 0  # type: ignore[attr-defined]  # QueuePool has it


async def test_an_exception_leaves_nothing_behind(house: House) -> None:
    holder = ids.new()

    async def fails() -> None:
        async with db.transaction(house.api, holder=holder, audience="resident") as story:
            await (await story()).execute(
                text("INSERT INTO wallet.holder (holder, lane, opened_at) VALUES (:id, 1, now())"), {"id": holder}
            )
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()

    async with db.transaction(house.worker) as story:
        found = await (await story()).scalar(
            text("SELECT count(*) FROM wallet.holder WHERE holder = :id"), {"id": holder}
        )
    assert found == 0


@pytest.mark.parametrize(
    ("setting", "roles"), [("statement_timeout", 4), ("lock_timeout", 4), ("idle_in_transaction_session_timeout", 4)]
)
async def test_no_role_waits_for_ever(engines: Engines, setting: str, roles: int) -> None:
    bounded = 0
    for engine in (engines.api, engines.posting, engines.worker, engines.report):
        async with engine.connect() as connection:
            bounded += await connection.scalar(text(f"SHOW {setting}")) != "0"

    assert bounded == roles


async def test_a_resident_sees_own_rows_and_nobody_else_any(engines: Engines) -> None:
    holder = ids.new()
    await opened(engines.api, holder)

    async def seen(speaking_for: str, audience: str) -> int:
        async with engines.api.connect() as connection:
            await connection.execute(
                text("SELECT set_config('app.holder', :holder, true), set_config('app.audience', :audience, true)"),
                {"holder": speaking_for, "audience": audience},
            )
            return await connection.scalar(text("SELECT count(*) FROM wallet.account")) or 0

    assert await seen(str(holder), "resident") == 1
    assert await seen(str(ids.new()), "resident") == 0
    assert await seen("", "resident") == 0
    assert await seen("", "") == 0
    assert await seen("", "officer") >= 1


async def test_the_report_role_changes_nothing(engines: Engines) -> None:
    async with engines.report.connect() as connection:
        with pytest.raises(sqlalchemy.exc.DBAPIError, match=r"read-only|permission denied"):
            await connection.execute(text("UPDATE app.clock SET advanced_by = interval '1 day'"))


async def test_the_owner_of_the_tables_is_bound_by_row_security_too(engines: Engines) -> None:
    async with engines.report.connect() as connection:
        loose = await connection.scalars(
            text(
                """
                SELECT format('%s.%s', nspname, relname)
                FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                WHERE relrowsecurity AND NOT relforcerowsecurity
                """
            )
        )
        assert loose.all() == []


async def test_an_existing_resident_can_be_found_again(app: Litestar) -> None:
    [first], [again] = await residents(app, 1), await residents(app, 1)

    assert (first.subject, first.wallet) == (again.subject, again.wallet)


async def test_nobody_reads_or_takes_the_keys_of_another(engines: Engines) -> None:
    async def stored(actor: str, principal: str) -> int:
        async with engines.api.begin() as connection:
            await connection.execute(text("SELECT set_config('app.actor', :actor, true)"), {"actor": actor})
            await connection.execute(
                text(
                    "INSERT INTO app.idempotency (principal, key, request_hash, status, body)"
                    " VALUES (:principal, 'k', decode(repeat('00', 32), 'hex'), 200, '')"
                ),
                {"principal": principal},
            )
            return await connection.scalar(text("SELECT count(*) FROM app.idempotency")) or 0

    assert await stored("resident:mine", "resident:mine") == 1
    assert await stored("resident:other", "resident:other") == 1, "sees its own alone"
    with pytest.raises(sqlalchemy.exc.ProgrammingError, match="row-level security"):
        await stored("resident:mine", "network:visa")


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ("NULL, 'fees', NULL", "row-level security"),
        (":me, 'wallet', -1", "chart of accounts"),
        (":other, 'wallet', 0", "row-level security|share a lane"),
    ],
)
async def test_a_resident_opens_no_account_but_the_own_and_none_to_overdraw(
    engines: Engines, values: str, refusal: str
) -> None:
    me, other = ids.new(), ids.new()

    async with engines.api.connect() as connection:
        await connection.execute(
            text("SELECT set_config('app.holder', :me, true), set_config('app.audience', 'resident', true)"),
            {"me": str(me)},
        )
        opening = text(
            "INSERT INTO wallet.account (lane, id, currency, opened_at, holder, purpose, floor)"  # noqa: S608  rows of the table above
            f" VALUES (1, uuidv7(), 'KZT', now(), {values})"
        )
        with pytest.raises(sqlalchemy.exc.DBAPIError, match=refusal):
            await connection.execute(opening, {"me": me, "other": other})
