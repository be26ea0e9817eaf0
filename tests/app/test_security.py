"""The security log: who was let in, who was refused, what staff did; counted, bounded, chained, without names."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import psycopg
import pytest
import pytest_asyncio
import sqlalchemy
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import cli, ids, refusals, security
from app.auth.principal import Principal, Role
from app.house import House
from app.http import ids as outside
from app.lookout import LETS_IN, UNPROVED
from app.security import Kind, Watch
from app.settings import Settings
from proof import chain
from tests import postgres
from tests.app import people
from tests.app.auth.people import phone


async def rows(house: House, after: int = 0) -> list[Any]:
    """Write what was seen, and read the log."""
    await house.watch.write()
    async with house.report.connect() as connection:
        statement = text("SELECT * FROM app.security_event WHERE position > :after ORDER BY position")
        return list((await connection.execute(statement, {"after": after})).all())


@pytest_asyncio.fixture
async def before(app: Litestar) -> AsyncIterator[int]:
    """Say how long the log is before the test."""
    found = await rows(app.state.house)
    yield found[-1].position if found else 0


async def seen(app: Litestar, before: int) -> set[tuple[str, str, str]]:
    return {(row.kind, row.code, row.operation) for row in await rows(app.state.house, before)}


@pytest.mark.asyncio
async def test_nobody_without_a_token_gets_in_unseen(app: Litestar, client: httpx.AsyncClient, before: int) -> None:
    await client.get("/v1/me")
    await client.get("/v1/me", headers=people.bearer("no.token.atall"))

    assert await seen(app, before) == {
        (Kind.UNAUTHENTICATED, "unauthenticated", "getMe"),
        (Kind.UNAUTHENTICATED, "invalid_token", "getMe"),
    }


@pytest.mark.asyncio
async def test_who_asks_for_more_than_the_token_allows_is_named(
    app: Litestar, client: httpx.AsyncClient, before: int
) -> None:
    (resident,) = await people.residents(app, 1)
    asked = people.bearer(resident.access_token)
    for _ in range(3):
        assert (await client.get("/v1/officer/cases", headers=asked)).status_code == 403

    found = [row for row in await rows(app.state.house, before) if row.kind == Kind.FORBIDDEN]
    assert {(row.code, row.operation, row.role, row.subject) for row in found} == {
        ("insufficient_scope", "listCases", "resident", resident.subject)
    }
    # In one row, or two where the minute ended meanwhile.
    assert sum(row.count for row in found) == 3


@pytest.mark.asyncio
async def test_who_asks_for_what_is_anothers_is_named_and_told_no_more_than_of_what_never_was(
    app: Litestar, client: httpx.AsyncClient, before: int
) -> None:
    curious, owner = await people.residents(app, 2)
    listed = await client.get("/v1/applications", headers=people.bearer(owner.access_token))
    foreign, made_up = listed.json()["applications"][0]["id"], outside.show("application", ids.new())
    asked = people.bearer(curious.access_token)

    answers = [await client.get(f"/v1/applications/{found}", headers=asked) for found in (foreign, made_up)]

    first, second = [answer.json() | {"trace_id": ""} for answer in answers]
    assert (answers[0].status_code, first) == (404, second)
    found = [row for row in await rows(app.state.house, before) if row.kind == Kind.MISSED]
    assert {(row.operation, row.role, row.subject) for row in found} == {
        ("getApplication", "resident", curious.subject)
    }
    assert sum(row.count for row in found) == 2


@pytest.mark.asyncio
async def test_input_that_is_refused_is_seen_with_who_sent_it(
    app: Litestar, client: httpx.AsyncClient, before: int
) -> None:
    (resident,) = await people.residents(app, 1)
    told = people.keyed(resident.access_token, content_type="application/json")
    for _ in range(3):
        assert (await client.post("/v1/wallets", content=b'{"a": 1, "a": 2}', headers=told)).status_code == 400
    assert (await client.get("/health/live?a=1&a=2")).status_code == 400

    found = [row for row in await rows(app.state.house, before) if row.kind == Kind.MALFORMED]
    assert {(row.code, row.operation, row.subject) for row in found} == {
        ("invalid_request", "openWallet", resident.subject),
        ("invalid_request", "", None),
    }
    assert sum(row.count for row in found) == 4


@pytest.mark.asyncio
async def test_signing_in_is_seen_and_so_is_failing_to(app: Litestar, client: httpx.AsyncClient, before: int) -> None:
    async with phone(app, app.state.house.settings) as resident:
        await resident.register()
    body = {"credential": {"id": "AA"}}
    await client.post(f"/v1/auth/assertions/{ids.new()}", json=body)
    await client.post("/oauth/token", data={"grant_type": "client_credentials", "client_id": "nobody"})

    kinds = {(kind, operation) for kind, _, operation in await seen(app, before)}
    assert (Kind.SIGNED_IN, "finishRegistration") in kinds
    assert {(Kind.NOT_SIGNED_IN, "finishSignIn"), (Kind.NOT_SIGNED_IN, "issueToken")} <= kinds


@pytest.mark.asyncio
async def test_a_message_nobody_signed_is_seen(app: Litestar, client: httpx.AsyncClient, before: int) -> None:
    await client.post("/v1/partner/nobody/webhooks", content=b"{}", headers={"content-type": "application/json"})
    await client.post("/v1/networks/nobody/authorizations", json={})

    assert {(kind, operation) for kind, _, operation in await seen(app, before)} == {
        (Kind.UNPROVED, "receiveWebhook"),
        (Kind.UNPROVED, "answerAuthorization"),
    }


@pytest.mark.asyncio
async def test_what_keys_sign_without_an_event_is_counted_by_key(
    app: Litestar, client: httpx.AsyncClient, before: int
) -> None:
    service = people.bearer(await people.token(app, "service"))
    by = app.state.house.credentials.authority

    for _ in range(2):
        await client.get("/.well-known/openid-credential-issuer", headers={"Accept": "application/jwt"})
    asked = await client.post("/v1/sandbox/presentations", json={"question": "over_18"}, headers=service)
    [link] = parse_qs(urlsplit(asked.json()["request_uri"]).query)["request_uri"]
    assert (await client.get(link)).status_code == 200

    counts: Counter[tuple[str, str]] = Counter()
    for row in await rows(app.state.house, before):
        if row.kind == Kind.SIGNED:
            counts[row.code, row.operation] += row.count  # two minutes may have been seen
    metadata, requests = by.metadata.signer.kid, by.requests.signer.kid
    assert counts == {("issuer_metadata", metadata): 2, ("presentation_request", requests): 1}


@pytest.mark.asyncio
async def test_what_staff_does_is_seen_and_what_residents_do_is_not(
    app: Litestar, client: httpx.AsyncClient, before: int
) -> None:
    service = people.bearer(await people.token(app, "service"))
    (resident,) = await people.residents(app, 1)

    await client.get("/v1/sandbox/clock", headers=service)
    await client.post("/v1/sandbox/residents", json={"count": 1, "start": 900}, headers=service)
    await client.post("/v1/wallets", headers=people.keyed(resident.access_token))

    kinds = {(kind, operation) for kind, _, operation in await seen(app, before)}
    assert kinds == {(Kind.ADMINISTERED, "seedResidents")}


@pytest.mark.asyncio
async def test_addresses_are_not_kept_but_can_be_told_apart(house: House) -> None:
    for address in ("203.0.113.7", "203.0.113.8", "::ffff:203.0.113.7", "2001:db8:1:2::3", "2001:db8:1:2:ff::4"):
        house.watch.note(Kind.UNAUTHENTICATED, code="of addresses", operation=address, address=address)

    found = [row for row in await rows(house) if row.code == "of addresses"]
    hashed = {row.operation: row.address for row in found}
    assert all(len(each) == 16 for each in hashed.values())
    assert hashed["203.0.113.7"] == hashed["::ffff:203.0.113.7"] != hashed["203.0.113.8"]
    assert hashed["2001:db8:1:2::3"] == hashed["2001:db8:1:2:ff::4"]


@pytest.mark.asyncio
async def test_an_attacker_makes_numbers_grow_and_not_the_table(house: House) -> None:
    for number in range(20 * security.ALIKE_MAX):
        house.watch.note(Kind.CROWDED, code="flood", operation="any", address=f"203.0.113.{number % 250}/{number}")
    house.watch.note(Kind.ADMINISTERED, code="200", operation="not hidden by it")

    found = [row for row in await rows(house) if row.kind == Kind.CROWDED]
    # Of two minutes, where one ended meanwhile.
    minutes = len({row.minute for row in found})
    assert len(found) <= minutes * (security.ALIKE_MAX + 1)
    assert sum(row.count for row in found) == 20 * security.ALIKE_MAX
    others = [row for row in found if row.code == security.OTHERS]
    assert {(row.address, row.subject, row.operation) for row in others} == {(None, None, "")}
    assert "not hidden by it" in {row.operation for row in await rows(house)}


class Line:
    """An engine whose line to the database can be cut."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.is_cut = True

    async def connect(self) -> AsyncConnection:
        if self.is_cut:
            raise ConnectionRefusedError
        return await self._engine.connect()


@pytest.mark.asyncio
async def test_what_can_not_be_written_is_kept_and_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "HELD_MAX", 20)
    line = Line(house.api)
    watch = Watch(cast("AsyncEngine", line), house.keys.kms)
    for number in range(100):
        watch.note(Kind.FORBIDDEN, code="cut", operation=str(number))
    await watch.write()
    line.is_cut = False
    await watch.close()

    found = [row for row in await rows(house) if row.kind == Kind.FORBIDDEN and row.code in {"cut", security.OTHERS}]
    assert sum(row.count for row in found) == 100
    # The twenty, and one row of the hour, or two where it ended meanwhile.
    assert 20 < len(found) <= 22


@pytest.mark.asyncio
async def test_every_row_is_a_link_of_one_chain_over_all_processes(house: House) -> None:
    who = Principal(role="officer", subject=ids.new(), scopes=frozenset(), name="not kept")
    for number in range(3):
        house.watch.note(Kind.ADMINISTERED, code=str(number), operation="doIt", who=who, address="192.0.2.1")
    found = await rows(house)

    names = ("position", "minute", "kind", "code", "operation", "role", "subject", "address", "count", "written_at")
    entries = [chain.encode(*(getattr(row, name) for name in names)) for row in found]
    security.CHAIN.verify(security.CHAIN.genesis, entries, [row.hash for row in found])
    assert [row.position for row in found] == list(range(1, len(found) + 1))


@pytest.mark.parametrize("statement", ["UPDATE app.security_event SET count = 1", "DELETE FROM app.security_event"])
@pytest.mark.asyncio
async def test_the_log_is_only_added_to_even_by_the_owner(house: House, statement: str) -> None:
    owner = sqlalchemy.create_engine(house.settings.database_url, poolclass=sqlalchemy.pool.NullPool)
    with pytest.raises(sqlalchemy.exc.DBAPIError, match="history is only added to"), owner.begin() as connection:
        connection.execute(text(statement))


@pytest.mark.asyncio
async def test_an_officer_of_security_reads_it_page_by_page(app: Litestar, client: httpx.AsyncClient) -> None:
    house: House = app.state.house
    who = Principal(role="officer", subject=ids.new(), scopes=frozenset(), name="")
    for number in range(3):
        house.watch.note(Kind.ADMINISTERED, code=str(number), operation="turnPage", who=who, address="192.0.2.1")
    await house.watch.write()
    officer = people.bearer(await people.token(app, "officer"))
    asked = {"kind": Kind.ADMINISTERED.value, "limit": "2"}

    first = (await client.get("/v1/officer/security-events", params=asked, headers=officer)).json()
    cursor = first["next_cursor"]
    rest = (await client.get("/v1/officer/security-events", params={**asked, "cursor": cursor}, headers=officer)).json()

    events = [*first["events"], *rest["events"]]
    assert [each["code"] for each in events if each["operation"] == "turnPage"] == ["2", "1", "0"]
    assert {each["caller"][:8] for each in events if each["operation"] == "turnPage"} == {"officer_"}
    positions = [each["position"] for each in events]
    assert positions == sorted(positions, reverse=True)


@pytest.mark.asyncio
async def test_nobody_else_reads_it_nor_an_officer_without_the_duty(app: Litestar, client: httpx.AsyncClient) -> None:
    others: list[Role] = ["resident", "partner", "regulator", "service"]
    tokens = [await people.token(app, role) for role in others]
    tokens.append(await people.token(app, "officer", scopes=frozenset({"officer:cases"})))

    answers = [await client.get("/v1/officer/security-events", headers=people.bearer(each)) for each in tokens]

    assert [answer.status_code for answer in answers] == [403] * 5


@pytest.mark.asyncio
async def test_the_operations_and_codes_the_lookout_knows_exist(app: Litestar) -> None:
    operations = {getattr(handler, "operation_id", None) for route in app.routes for handler in _handlers(route)}

    assert operations >= LETS_IN
    assert _codes() >= UNPROVED


def _handlers(route: Any) -> list[Any]:  # noqa: ANN401  Litestar's routes have no base with handlers
    return list(getattr(route, "route_handlers", []))


def _codes() -> set[str]:
    return {refusal.code for refusal in refusals.REFUSALS.values()}


@pytest.mark.asyncio
async def test_a_resident_sees_only_own_rows_whatever_the_query(app: Litestar) -> None:
    house: House = app.state.house
    mine: UUID = ids.new()
    for subject in (mine, ids.new()):
        who = Principal(role="resident", subject=subject, scopes=frozenset(), name="")
        house.watch.note(Kind.FORBIDDEN, code="rls", operation="any", who=who)
    await house.watch.write()
    async with house.api.begin() as connection:
        await connection.execute(
            text("SELECT set_config('app.holder', :mine, true), set_config('app.audience', 'resident', true)"),
            {"mine": str(mine)},
        )
        visible = set(await connection.scalars(text("SELECT subject FROM app.security_event")))

    assert visible == {mine}


def test_a_command_of_the_operator_is_seen(settings: Settings, database: str) -> None:
    given = cli.parsed(["officer", "invite", "--name", "NOBODY"])

    assert given.command(given, settings) == 0

    with psycopg.connect(postgres.libpq(database)) as connection:
        seen = connection.execute(
            "SELECT kind, operation, subject FROM app.security_event WHERE code = 'command'"
        ).fetchall()
    assert seen == [(Kind.ADMINISTERED, "officer invite", None)]
