"""The copy of everything: nothing forgotten, nothing sealed left sealed, nothing confidential shown."""

import json
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest
import sqlalchemy
from litestar import Litestar
from sqlalchemy import pool, text

from app import db, vault
from app.account import bundle, export
from app.settings import Settings
from tests.app import people
from tests.app.account.people import count, house_of, pass_by
from tests.app.applicants import checked, newcomer, officers, review, screening

#: Tables whose walls are the moves' own: they name accounts, not persons.
_WALLED = """
SELECT schemaname || '.' || tablename AS name FROM pg_policies
WHERE 'eresidency_api' = ANY (roles) AND cmd IN ('ALL', 'SELECT')
"""
_BYTES = """
SELECT table_schema || '.' || table_name AS place, column_name AS name FROM information_schema.columns
WHERE data_type = 'bytea' AND table_schema NOT IN ('pg_catalog', 'information_schema')
"""
#: Bytes that are shown as they are (base64), because they say nothing sealed: hashes, public keys, what was signed.
PLAIN_BYTES = {
    "cards.dispute_evidence": {"sha256"},
    "cards.processor_reference": {"permits"},
    "app.attestation": {"client_hash", "evidence"},
    "app.consent": {"text_sha256"},
    "app.export": {"sha256"},
    "app.feed": {"hash"},
    "app.passkey": {"id", "public_key"},
    "app.payment_list": {"sha256"},
    "app.recovery": {"passkey"},
    "app.security_event": {"hash"},
    "app.session": {"passkey"},
    "app.step_up": {"covered", "challenge", "passkey", "client_data", "authenticator_data", "signature"},
    "credential.issuance": {"notification_hash"},
    "credential.leaf": {"commitment", "salt"},
    "kyc.check": {"inputs_hash"},
    "kyc.file": {"sha256", "sent_sha256"},
    "wallet.address": {"salt"},
    "wallet.document": {"sha256"},
    "wallet.statement": {"code", "root"},
}


@pytest.fixture
def owner(module_database: str) -> Iterator[sqlalchemy.Connection]:
    engine = sqlalchemy.create_engine(module_database, poolclass=pool.NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_every_walled_table_is_copied_or_left_out_for_a_reason(owner: sqlalchemy.Connection) -> None:
    assert _placed() == set(owner.scalars(text(_WALLED)))
    assert not (set(bundle.ROWS) | set(bundle.MOVES)) & set(bundle.LEFT_OUT)
    assert all(bundle.LEFT_OUT.values())


def test_every_column_of_bytes_is_opened_hidden_or_plain(owner: sqlalchemy.Connection) -> None:
    plain = {(table, column) for table, columns in PLAIN_BYTES.items() for column in columns}

    assert _bytes(owner) == set(bundle.OPENED) | plain | (bundle.HIDDEN & _bytes(owner))


def test_a_table_or_column_nobody_placed_is_noticed(owner: sqlalchemy.Connection) -> None:
    before = _bytes(owner)
    owner.execute(text("CREATE TABLE app.diary (holder uuid, words bytea)"))
    owner.execute(text("CREATE POLICY own_rows ON app.diary TO eresidency_api USING (true)"))
    owner.execute(text("ALTER TABLE app.consent ADD COLUMN voice bytea"))

    assert set(owner.scalars(text(_WALLED))) - _placed() == {"app.diary"}
    assert _bytes(owner) - before == {("app.consent", "voice")}
    owner.rollback()


def _placed() -> set[str]:
    return set(bundle.ROWS) | set(bundle.MOVES) | set(bundle.LEFT_OUT)


def _bytes(owner: sqlalchemy.Connection) -> set[tuple[str, str]]:
    return {(row.place, row.name) for row in owner.execute(text(_BYTES)) if row.place in bundle.ROWS}


@pytest.mark.asyncio
async def test_an_applicant_gets_what_is_theirs_and_not_what_officers_keep(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    house = await screening(app)
    mine, other = await newcomer(app, client), await newcomer(app, client)
    for each in (mine, other):
        path = await each.file()
        await checked(house)
        [officer] = await officers(app, 1)
        said = {"comment_internal": "Smells of a front.", "comment_applicant": f"Which company, {each.subject}?"}
        answer = await review(client, officer, path, "ask", reason_code="information_needed", **said)
        assert answer.status_code in {201, 409}, answer.text

    document = await _copied(app, mine.subject)

    assert str(other.subject) not in document
    assert "front" not in document
    tables = json.loads(document)["tables"]
    assert {each["purpose"] for each in tables["app.consent"]} == {"services"}
    assert len(tables["residency.application"]) == 1
    assert set(tables) == set(bundle.ROWS) | set(bundle.MOVES)


@pytest.mark.asyncio
async def test_at_rest_the_copy_is_sealed_and_after_a_day_it_is_gone(
    app: Litestar, client: httpx.AsyncClient, settings: Settings
) -> None:
    house = house_of(app)
    mine = await newcomer(app, client)
    [made] = [await mine.post("/v1/me/exports", {})]
    assert await export.step(house) >= 1
    where = f"/v1/me/exports/{made.json()['id']}"
    legible = "SELECT count(*) FROM app.export WHERE position(convert_to('eresidency', 'UTF8') IN bundle) > 0"

    assert (await mine.get(where))["state"] == "ready"
    assert await count(house, legible) == 0
    repeated = await mine.post("/v1/me/exports", {})
    assert repeated.json()["id"] == made.json()["id"], "one that waits to be fetched is the one that is given"

    await pass_by(house, export.LIFETIME)
    late = await client.post(f"{where}/download", headers=people.keyed(mine.token))
    assert (late.status_code, late.json()["code"]) == (409, "export_not_ready")
    assert await export.step(house) == 1
    assert await count(house, "SELECT count(*) FROM app.export WHERE bundle IS NOT NULL") == 0
    assert (await mine.get(where))["state"] == "expired"
    assert settings.virtual


@pytest.mark.asyncio
async def test_another_residents_copy_is_one_that_does_not_exist(app: Litestar, client: httpx.AsyncClient) -> None:
    mine, stranger = await newcomer(app, client), await newcomer(app, client)
    made = (await mine.post("/v1/me/exports", {})).json()["id"]
    nowhere = made[:-4] + "0000"
    await export.step(house_of(app))

    for where in (made, nowhere):
        seen = await client.get(f"/v1/me/exports/{where}", headers=people.bearer(stranger.token))
        taken = await client.post(f"/v1/me/exports/{where}/download", headers=people.keyed(stranger.token))
        assert {seen.status_code, taken.status_code} == {404}


async def _copied(app: Litestar, person: UUID) -> str:
    house = house_of(app)
    async with db.transaction(house.api, holder=person, audience="resident") as story:
        keys = await vault.of(await story(), house.keys.kms, person, story.now)
        return (await bundle.made(await story(), house.keys.kms, keys, person, story.now)).decode()
