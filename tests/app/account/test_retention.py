"""What is kept how long: each rule with its act, each run bounded and told, and nothing that must stay goes."""

from datetime import date, timedelta

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from app import clock, db
from app.account import retention
from app.house import House
from law import retention as rules
from law.threshold import Rule, State
from tests.app import people
from tests.app.account.people import count, house_of, pass_by
from tests.app.applicants import newcomer
from tests.app.payments.people import Resident, works

TODAY = date(2026, 11, 22)
#: Rules that other steps apply: the end of an account and its erasure (app/account/ending.py).
ELSEWHERE = {"client", "closing"}


@pytest.mark.parametrize("rule", list(rules.RETENTION), ids=lambda rule: rule.name)
def test_a_rule_is_in_force_with_its_source_and_says_since_when(rule: Rule) -> None:
    assert rule.state(TODAY) is State.IN_FORCE
    assert rule.source
    assert rule.note.startswith("from ")


def test_every_rule_is_applied_by_somebody() -> None:
    assert {rule.name.removeprefix("retention.") for rule in rules.RETENTION} == set(retention.KINDS) | ELSEWHERE


@pytest.mark.parametrize(
    ("kind", "since", "until"),
    [
        ("client", date(2026, 11, 22), date(2031, 11, 22)),
        ("client", date(2028, 2, 29), date(2033, 2, 28)),
        ("closing", date(2026, 12, 25), date(2027, 1, 8)),
        ("card_number", date(2026, 1, 1) + timedelta(days=200), date(2026, 1, 1) + timedelta(days=740)),
    ],
)
def test_a_term_ends_on_its_day(kind: str, since: date, until: date) -> None:
    assert rules.until(kind, since) == until


@pytest.mark.asyncio
async def test_the_table_of_kinds_is_the_one_in_the_code(app: Litestar) -> None:
    async with db.transaction(house_of(app).worker) as story:
        rows = await (await story()).scalars(text("SELECT kind FROM app.retention"))

    assert set(rows.all()) == set(retention.KINDS)


@pytest.mark.asyncio
async def test_keys_that_moved_money_stay_and_others_go(app: Litestar, client: httpx.AsyncClient) -> None:
    house = house_of(app)
    payer, payee = await people.residents(app, 2, start=930)
    mine = await newcomer(app, client)
    await mine.draft()
    await people.send(client, payer, payee, 1, key="k-money")
    await _backdated(house, timedelta(days=91))

    await _applied(house, "idempotency")

    keys = "SELECT count(*) FROM app.idempotency WHERE principal = :principal"
    assert await count(house, keys, principal=f"resident:{payer.subject}") == 1
    assert await count(house, keys, principal=f"resident:{mine.subject}") == 0
    again = await people.send(client, payer, payee, 1, key="k-money")
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.asyncio
async def test_the_database_parts_with_no_key_that_moved_money(app: Litestar, client: httpx.AsyncClient) -> None:
    house = house_of(app)
    payer, payee = await people.residents(app, 2, start=932)
    await people.send(client, payer, payee, 1)

    async with db.transaction(house.worker) as story:
        connection = await story()
        with pytest.raises(DBAPIError, match="history is only added to"):
            await connection.execute(text("DELETE FROM app.idempotency WHERE money"))
        await connection.rollback()


@pytest.mark.asyncio
async def test_a_batch_is_bounded_and_the_rest_is_due_at_once(app: Litestar) -> None:
    house = house_of(app)
    async with db.transaction(house.worker) as story:
        old = clock.real() - timedelta(days=100)
        await (await story()).execute(_KEYS, {"many": retention.BATCH + 7, "at": old, "hash": bytes(32)})

    first, second = await _applied(house, "idempotency"), await _applied(house, "idempotency", due=False)

    assert (first, second) == (retention.BATCH, 7)
    assert await _applied(house, "idempotency", due=False) == 0, "nothing is due before tomorrow"


@pytest.mark.asyncio
async def test_every_run_is_an_event_with_its_count(app: Litestar) -> None:
    house = house_of(app)
    await _applied(house, "step_up")

    told = "SELECT count(*) FROM app.event WHERE kind = 'retention.applied' AND body->>'kind' = :kind"

    assert await count(house, told, kind="step_up") >= 1
    assert await count(house, told + " AND body->>'count' = '0'", kind="step_up") >= 1


@pytest.mark.asyncio
async def test_a_session_goes_a_year_after_its_end_with_what_hangs_on_it(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    house = house_of(app)
    old, young = await newcomer(app, client), await newcomer(app, client)
    async with house.api.begin() as connection:
        await connection.execute(text("SELECT set_config('app.audience', 'service', true)"))
        ended = "UPDATE app.session SET ended_at = :at, ended_why = 'signed_out' WHERE subject = :subject"
        for who, days in ((old, 366), (young, 364)):
            at = clock.real() - timedelta(days=days)
            await connection.execute(text(ended), {"at": at, "subject": who.subject})

    await _applied(house, "session")

    left = "SELECT count(*) FROM app.session WHERE subject = :subject"
    assert [await count(house, left, subject=who.subject) for who in (old, young)] == [0, 1]


@pytest.mark.asyncio
async def test_a_list_that_nobody_confirmed_goes_with_its_payments_and_no_other(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    house = house_of(app)
    payer, payee = [Resident(app, client, each) for each in await people.residents(app, 2, start=938)]
    item = {"to": payee.wallet, "amount_minor": 1}
    left, given_up, paid = [(await payer.post("/v1/payment-lists", {"items": [item]}))["id"] for _ in range(3)]
    await payer.post(f"/v1/payment-lists/{given_up}/cancel")
    await payer.post(f"/v1/payment-lists/{paid}/confirm", {})
    await works(house)
    await pass_by(house, timedelta(days=2))
    assert await _applied(house, "payment_list") == 0, "they could be confirmed until some time of the day before"

    await pass_by(house, timedelta(days=1))

    assert await _applied(house, "payment_list") == 2
    assert [await payer.refused("GET", f"/v1/payment-lists/{each}") for each in (left, given_up)] == [
        (404, "not_found")
    ] * 2
    assert (await payer.get(f"/v1/payment-lists/{paid}"))["state"] == "done"
    assert (
        await count(house, "SELECT count(*) FROM app.payment_item WHERE holder = :who", who=payer.seeded.subject) == 1
    )


@pytest.mark.asyncio
async def test_a_number_goes_when_nobody_can_charge_back(app: Litestar, client: httpx.AsyncClient) -> None:
    house = house_of(app)
    [mine] = await people.residents(app, 1, start=934)
    notice = (await client.get("/v1/cards/notice", headers=people.bearer(mine.access_token))).json()["version"]
    made = [
        await client.post("/v1/cards", json={"accepted_notice": notice}, headers=people.keyed(mine.access_token))
        for _ in range(2)
    ]
    await client.post(f"/v1/cards/{made[0].json()['id']}/close", headers=people.keyed(mine.access_token))
    kept = "SELECT count(*) FROM card_vault.pan WHERE holder = :holder"

    await _applied(house, "card_number")
    both = await count(house, kept, holder=mine.subject)
    await pass_by(house, timedelta(days=541))
    await _applied(house, "card_number")
    closed_gone = await count(house, kept, holder=mine.subject)

    assert both == 2
    assert closed_gone in {0, 1}, "the open one goes with its own expiry"
    assert closed_gone < both


@pytest.mark.asyncio
async def test_a_draft_nobody_filed_is_withdrawn_after_a_year(app: Litestar, client: httpx.AsyncClient) -> None:
    house = house_of(app)
    mine = await newcomer(app, client)
    path = await mine.draft()

    await _applied(house, "draft")
    early = (await mine.get(path))["state"]
    await pass_by(house, timedelta(days=366))
    await _applied(house, "draft")

    assert (early, (await mine.get(path))["state"]) == ("draft", "withdrawn")


async def _applied(house: House, kind: str, *, due: bool = True) -> int:
    """Let the worker apply one kind, now; all others wait."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        later = "UPDATE app.retention SET due_at = :later WHERE kind <> :kind"
        await connection.execute(text(later), {"kind": kind, "later": story.now + timedelta(days=9)})
        if due:
            now = "UPDATE app.retention SET due_at = :now WHERE kind = :kind"
            await connection.execute(text(now), {"kind": kind, "now": story.now})
    return await retention.step(house)


async def _backdated(house: House, by: timedelta) -> None:
    """Make every key older, as a superuser whom no trigger stops."""
    owner = create_async_engine(house.settings.database_url, poolclass=NullPool)
    async with owner.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(text("UPDATE app.idempotency SET at = at - :by"), {"by": by})
    await owner.dispose()


_KEYS = text(
    """
    INSERT INTO app.idempotency (principal, key, request_hash, status, body, at, money)
    SELECT 'service:bulk', 'k-' || number, :hash, 200, '', :at, false FROM generate_series(1, :many) AS number
    """
)
