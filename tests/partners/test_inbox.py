"""The door for partners: proved, kept, answered; then acted on, waiting or parked, never lost."""

import base64
import secrets
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db, ids
from app.house import House
from app.partners import inbox, registry, webhook
from app.partners.registry import Kind, Partner
from tests.partners import outside
from tests.partners.outside import CODE, Outside
from wallet.account import Purpose

pytestmark = pytest.mark.asyncio
DOOR = f"/v1/partner/{CODE}/webhooks"


@pytest.fixture
def message_id() -> str:
    return f"msg_{secrets.token_hex(8)}"


def body_of(kind: str = "bank.greeted", **data: Any) -> bytes:  # noqa: ANN401  any JSON
    return msgspec.json.encode({"type": kind, "timestamp": "2026-11-20T09:00:00Z", "data": data})


async def send(out: Outside, client: httpx.AsyncClient, body: bytes, message_id: str, **signed: Any) -> httpx.Response:  # noqa: ANN401  see above
    headers = out.bank.signer.headers(message_id, body, **signed)
    return await client.post(DOOR, content=body, headers=headers)


async def kept(out: Outside, message_id: str) -> Any:  # noqa: ANN401  a row
    query = "SELECT state, kind, outcome, attempts, due_at, body FROM app.inbox WHERE webhook_id = :id"
    [row] = await outside.rows(out.house, query, id=message_id)
    return row


async def test_a_message_is_taken_once_and_its_repeat_is_taken_as_well(
    out: Outside, client: httpx.AsyncClient, message_id: str
) -> None:
    answers = [await send(out, client, body_of(), message_id) for _ in range(2)]

    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (202, {"result": "new"}),
        (202, {"result": "repeated"}),
    ]


async def test_another_message_under_a_used_id_is_refused_and_noted(
    out: Outside, client: httpx.AsyncClient, message_id: str
) -> None:
    await send(out, client, body_of(), message_id)

    refused = await send(out, client, body_of(other=1), message_id)

    assert (refused.status_code, refused.json()["error"]) == (409, "id_reused")
    noted = await outside.rows(out.house, "SELECT 1 FROM app.inbox_conflict WHERE webhook_id = :id", id=message_id)
    assert len(noted) == 1
    assert (await send(out, client, body_of(), message_id)).json() == {"result": "repeated"}


@pytest.mark.parametrize("signed", [{"broken": True}, {"at_s": 0.0}], ids=["forged", "old"])
async def test_what_is_not_proved_is_not_taken(
    out: Outside, client: httpx.AsyncClient, message_id: str, signed: dict[str, Any]
) -> None:
    refused = await send(out, client, body_of(), message_id, **signed)

    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_signature")
    assert not await outside.rows(out.house, "SELECT 1 FROM app.inbox WHERE webhook_id = :id", id=message_id)


async def test_a_stranger_does_not_learn_who_our_partners_are(
    out: Outside, client: httpx.AsyncClient, message_id: str
) -> None:
    body = body_of()
    unsigned = await client.post(DOOR, content=body)
    unknown = await client.post(
        "/v1/partner/nobody/webhooks", content=body, headers=out.bank.signer.headers(message_id, body)
    )

    assert (unsigned.status_code, unsigned.content) == (unknown.status_code, unknown.content) == (401, unknown.content)


async def test_a_message_has_a_size(out: Outside, client: httpx.AsyncClient, message_id: str) -> None:
    refused = await send(out, client, body_of(filler="x" * 70_000), message_id)

    assert (refused.status_code, refused.json()["error"]) == (413, "too_large")


async def test_what_nobody_can_act_on_is_parked_with_its_reason(out: Outside, client: httpx.AsyncClient) -> None:
    unfit = {
        body_of("bank.greeted"): "unknown kind",
        b"not json at all": "unreadable",
        b'{"type":"payment.received","type":"x","data":{}}': "key `type` given twice",
        b'{"type":"payment.received","data":{"payment_id":"P","amount_minor":"5"}}': "Expected `int`",
        body_of("payment.received", payment_id="P", reference="", amount_minor=0, currency="KZT", payer={}): ">= 1",
    }
    names = {body: f"msg_{secrets.token_hex(8)}" for body in unfit}
    assert {(await send(out, client, body, name)).status_code for body, name in names.items()} == {202}

    await outside.settle(out.house)

    rows = {body: await kept(out, name) for body, name in names.items()}
    assert {(row.state, row.due_at) for row in rows.values()} == {("parked", None)}
    assert all(reason in rows[body].outcome for body, reason in unfit.items())


async def test_unknown_fields_are_passed_over_as_the_standard_says(
    out: Outside, client: httpx.AsyncClient, message_id: str
) -> None:
    payment = {"payment_id": f"P-{message_id}", "reference": "x", "amount_minor": 1, "currency": "KZT", "new": True}
    body = body_of("payment.received", **payment, payer={"name": "A PAYER", "shoe_size": 43})
    await send(out, client, body, message_id)

    await outside.settle(out.house)

    assert (await kept(out, message_id)).state == "done"


async def test_a_message_that_fails_stays_visible_and_comes_later_and_later(app: Litestar, out: Outside) -> None:
    broken = f"msg_{secrets.token_hex(8)}"
    await _store(app, broken, sealed=b"sealed with no key of ours, nor of anybody else's")

    seen = []
    for _ in range(3):
        await inbox.step(out.house)
        row = await kept(out, broken)
        seen.append((row.state, row.attempts, row.outcome))
        assert row.due_at > clock.real()
        await outside.hurry(out.house)

    assert seen == [("waiting", attempt, "Unopenable") for attempt in (1, 2, 3)]


async def test_the_waits_grow_from_a_second_to_an_hour() -> None:
    rows = [
        inbox.Row(id=ids.new(), partner=ids.new(), body=b"", attempts=n, leased_until=clock.real()) for n in (1, 5, 99)
    ]

    waits = [(inbox.later(row, clock.real()) - clock.real()).total_seconds() for row in rows]

    assert [round(wait) for wait in waits] == [1, 16, 3600]


async def test_a_message_under_lease_is_left_to_its_worker_and_taken_when_it_died(app: Litestar, out: Outside) -> None:
    working, dead = (f"msg_{secrets.token_hex(8)}" for _ in range(2))
    now = clock.real()
    await _store(app, working, leased_until=now + timedelta(minutes=1))
    await _store(app, dead, leased_until=now - timedelta(seconds=1))

    await outside.settle(out.house)

    assert (await kept(out, working)).state == "waiting"
    assert (await kept(out, dead)).outcome == "unknown kind"


async def test_what_a_bank_says_of_people_is_not_stored_in_the_clear(
    out: Outside, client: httpx.AsyncClient, message_id: str
) -> None:
    body = body_of("payment.received", payer={"name": "ZHANSAYA OMAROVA"})

    await send(out, client, body, message_id)

    assert b"ZHANSAYA" not in (await kept(out, message_id)).body


async def test_a_key_is_replaced_without_a_lost_message_and_then_believed_no_more(
    out: Outside, client: httpx.AsyncClient
) -> None:
    house = out.house
    new = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()

    async def by_old() -> int:
        return (await send(out, client, body_of(), f"msg_{secrets.token_hex(8)}")).status_code

    async def by_new() -> int:
        body, name = body_of(), f"msg_{secrets.token_hex(8)}"
        at = clock.real()
        signature = webhook.hmac_sha256(webhook.shared_key(new), webhook.signed_text(name, at, body))
        headers = webhook.headers(name, at, [signature])
        return (await client.post(DOOR, content=body, headers=headers)).status_code

    assert (await by_old(), await by_new()) == (202, 401)
    async with db.transaction(house.worker) as story:
        connection = await story()
        bank = await registry.find(connection, CODE)
        await registry.add_key(connection, house.keys.kms, bank, kid="new", key=new, valid_from=clock.real())
    assert (await by_old(), await by_new()) == (202, 202)
    async with db.transaction(house.worker) as story:
        await registry.retire_key(await story(), bank, kid="new", at=clock.real())
    assert (await by_old(), await by_new()) == (202, 401)


async def test_a_closed_partner_is_not_believed(app: Litestar, client: httpx.AsyncClient) -> None:
    house = app.state.house
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    code = f"closing-{secrets.token_hex(4)}"
    async with db.transaction(house.worker) as story:
        partner = await _agency(await story(), house, code, secret)

    async def told() -> int:
        at, name = clock.real(), f"msg_{secrets.token_hex(8)}"
        signature = webhook.hmac_sha256(webhook.shared_key(secret), webhook.signed_text(name, at, b"{}"))
        door = f"/v1/partner/{code}/webhooks"
        return (await client.post(door, content=b"{}", headers=webhook.headers(name, at, [signature]))).status_code

    assert await told() == 202
    async with db.transaction(house.worker) as story:
        await (await story()).execute(
            text("UPDATE app.partner SET state = 'closed' WHERE id = :id"), {"id": partner.id}
        )
    assert await told() == 401


@pytest.mark.parametrize("kind", [Kind.AGENCY, Kind.BROKER, Kind.NETWORK])
async def test_only_a_bank_makes_money_or_speaks_about_deposits(
    app: Litestar, out: Outside, client: httpx.AsyncClient, kind: Kind
) -> None:
    house = app.state.house
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    code = f"{kind.value}-{secrets.token_hex(4)}"
    async with db.transaction(house.worker) as story:
        await _agency(await story(), house, code, secret, kind=kind)
    paid = {"payment_id": "P", "reference": "x", "amount_minor": 5_00, "currency": "KZT", "payer": {"name": "A PAYER"}}
    names = {f"msg_{secrets.token_hex(8)}": said for said in inbox.HANDLERS}

    for name, said in names.items():
        at, body = clock.real(), body_of(said, **paid)
        signature = webhook.hmac_sha256(webhook.shared_key(secret), webhook.signed_text(name, at, body))
        door = f"/v1/partner/{code}/webhooks"
        taken = await client.post(door, content=body, headers=webhook.headers(name, at, [signature]))
        assert taken.status_code == 202
    await outside.settle(out.house)

    rows = [await kept(out, name) for name in names]
    assert {(row.state, row.outcome) for row in rows} == {("parked", f"not for {kind.value} to say")}
    assert await outside.balance(house, Purpose.BANK, code) == 0


async def _agency(
    connection: AsyncConnection, house: House, code: str, secret: str, *, kind: Kind = Kind.AGENCY
) -> Partner:
    at = clock.real()
    partner = await registry.enrol(
        connection, house.keys.kms, partner=ids.new(), code=code, name="A partner", kind=kind, base_url=None, at=at
    )
    await registry.add_key(connection, house.keys.kms, partner, kid="1", key=secret, valid_from=at)
    return partner


async def _store(app: Litestar, name: str, **changed: Any) -> None:  # noqa: ANN401  columns
    """Put a message of the bank into the inbox as it would stand there."""
    house = app.state.house
    async with db.transaction(house.api, audience="public") as story:
        bank = await registry.find(await story(), CODE)
        await story.speak_for(bank.id)
        row, body = ids.new(), body_of()
        await (await story()).execute(
            text(
                "INSERT INTO app.inbox (id, partner, webhook_id, sha256, body, sent_at, received_at, due_at,"
                " leased_until) VALUES (:id, :partner, :name, sha256(''), :body, now(), now(), now(), :leased_until)"
            ),
            {
                "id": row,
                "partner": bank.id,
                "name": name,
                "body": changed.get("sealed") or registry.seal(house.keys.kms, bank, body, row=row),
                "leased_until": changed.get("leased_until"),
            },
        )
