"""Sending money over HTTP: what a resident's app sees."""

import asyncio

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import ids
from app.http import ids as outside
from app.money import FIRST_LANE, Money
from proof import merkle
from tests.app.people import bearer, keyed, residents, send, token, wallet
from wallet import leaf
from wallet.account import Purpose

pytestmark = pytest.mark.asyncio


async def test_money_is_sent_and_seen_on_both_sides(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, payee = await residents(app, 2)
    before = (await client.get("/v1/wallets/me", headers=bearer(payee.access_token))).json()

    sent = await send(client, payer, payee, 250)

    assert sent.status_code == 201, sent.text
    assert sent.headers["location"] == f"/v1/transfers/{sent.json()['id']}"
    after = (await client.get("/v1/wallets/me", headers=bearer(payee.access_token))).json()
    assert after["available"]["amount_minor"] - before["available"]["amount_minor"] == 250_00
    mine = (await client.get("/v1/wallets/me/entries", headers=bearer(payer.access_token))).json()["entries"][0]
    assert (mine["transfer"], mine["moved"]["amount_minor"]) == (sent.json()["id"], -250_00)


async def test_a_repeat_gets_the_first_answer_and_moves_nothing(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, payee = await residents(app, 2)
    key = str(ids.new())

    answers = await asyncio.gather(*(send(client, payer, payee, 1, key) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    other = await send(client, payer, payee, 2, key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_refusal_is_an_answer_too(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, payee = await residents(app, 2)
    key = str(ids.new())

    first = await send(client, payer, payee, 10**9, key)
    again = await send(client, payer, payee, 10**9, key)

    assert (first.status_code, first.json()["code"]) == (422, "insufficient_funds")
    assert again.content == first.content
    assert again.headers["content-type"] == "application/problem+json"


async def test_who_finds_the_queue_full_is_told_when_to_come_again_and_nothing_is_kept(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    payer, payee = await residents(app, 2)
    inside, engine = app.state.house, app.state.house.posting
    app.state.house = msgspec.structs.replace(inside, money=Money(engine, capacity=1))
    key = str(ids.new())

    async with engine.connect() as elsewhere:
        await elsewhere.execute(_HOLD_LANE, {"lane": FIRST_LANE})
        first = asyncio.create_task(send(client, payer, payee, 1))
        while not await elsewhere.scalar(_WAITING):
            await elsewhere.execute(_LOOK_ANEW)
        full = await send(client, payer, payee, 2, key)
        before = await elsewhere.scalar(_KEPT, {"key": key})

    assert (full.status_code, full.json()["code"], full.headers["retry-after"]) == (503, "overloaded", "1")
    assert full.headers["content-type"] == "application/problem+json"
    assert (await first).status_code == 201
    again = await send(client, payer, payee, 2, key)
    assert (again.status_code, "idempotency-replayed" in again.headers) == (201, False)
    async with engine.connect() as elsewhere:
        assert (before, await elsewhere.scalar(_KEPT, {"key": key})) == (0, 1)
    app.state.house = inside


_HOLD_LANE = text("SELECT FROM wallet.lane WHERE lane = :lane FOR UPDATE")
_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
_LOOK_ANEW = text("SELECT pg_stat_clear_snapshot()")
_KEPT = text("SELECT count(*) FROM app.idempotency WHERE key = :key")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"to": "wallet_" + "0" * 26, "amount": {"amount_minor": 1}}, 422, "unknown_account"),
        ({"to": "card_" + "0" * 26, "amount": {"amount_minor": 1}}, 404, "not_found"),
        ({"to": "nonsense", "amount": {"amount_minor": 1}}, 404, "not_found"),
        ({"to": "wallet_" + "0" * 26, "amount": {"amount_minor": 0}}, 400, "invalid_request"),
        ({"to": "wallet_" + "0" * 26, "amount": {"amount_minor": -1}}, 400, "invalid_request"),
        ({"to": "wallet_" + "0" * 26, "amount": {"amount_minor": 2**63}}, 400, "invalid_request"),
        ({"to": "wallet_" + "0" * 26, "amount": {"amount_minor": 1, "currency": "XXX"}}, 422, "unknown_currency"),
        ({"to": "wallet_" + "0" * 26, "amount": {"amount_minor": 1}, "note": "x"}, 400, "invalid_request"),
    ],
)
async def test_bad_input_has_a_name_and_moves_nothing(
    app: Litestar, client: httpx.AsyncClient, body: dict[str, object], status: int, code: str
) -> None:
    [payer] = await residents(app, 1)
    before = (await client.get("/v1/wallets/me", headers=bearer(payer.access_token))).json()

    answer = await client.post("/v1/transfers", json=body, headers=keyed(payer.access_token))

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await client.get("/v1/wallets/me", headers=bearer(payer.access_token))).json() == before


async def test_nobody_sends_to_himself_or_in_another_currency(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, payee = await residents(app, 2)

    own = await send(client, payer, payer, 1)
    euro = await client.post(
        "/v1/transfers",
        json={"to": wallet(payee), "amount": {"amount_minor": 1, "currency": "EUR"}},
        headers=keyed(payer.access_token),
    )

    assert own.json()["code"] == "same_account"
    assert euro.json()["code"] == "wrong_currency"


async def test_a_bulk_answers_each_item(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, payee = await residents(app, 2)
    body = {"transfers": [{"to": wallet(payee), "amount": {"amount_minor": n}} for n in (1, 10**14, 2)]}

    answer = await client.post("/v1/transfers/bulk", json=body, headers=keyed(payer.access_token))

    assert answer.status_code == 200
    assert [each["refused"] for each in answer.json()["answers"]] == [None, "insufficient_funds", None]


async def test_the_history_is_paged_without_loss_while_it_grows(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, payee = await residents(app, 2, start=500)
    for tenge in range(1, 8):
        await send(client, payer, payee, tenge)

    seen, cursor = [], None
    for _ in range(10):
        query = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (await client.get("/v1/wallets/me/entries", params=query, headers=bearer(payer.access_token))).json()
        seen += [entry["moved"]["amount_minor"] for entry in page["entries"]]
        await send(client, payer, payee, 99)
        if (cursor := page["next_cursor"]) is None:
            break

    assert seen[:7] == [-tenge * 100 for tenge in range(7, 0, -1)]
    assert seen[7] == 1_000_000_00


async def test_a_transfer_is_shown_to_its_two_sides_only(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, payee, stranger = await residents(app, 3)
    sent = await send(client, payer, payee, 7)
    path, made = sent.headers["location"], sent.json()

    out, back = [(await client.get(path, headers=bearer(side.access_token))).json() for side in (payer, payee)]
    foreign = await client.get(path, headers=bearer(stranger.access_token))
    unknown = await client.get(
        f"/v1/transfers/{outside.show('transfer', ids.new())}", headers=bearer(stranger.access_token)
    )

    assert out["moved"] == {"amount_minor": -7_00, "currency": "KZT"}
    assert back == {**out, "moved": {"amount_minor": 7_00, "currency": "KZT"}}
    assert (out["kind"], out["code"], out["held"]["amount_minor"]) == ("post", "transfer", 0)
    assert [out[name] for name in ("id", "lane", "seq", "at")] == [made[name] for name in ("id", "lane", "seq", "at")]
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert {**foreign.json(), "trace_id": ""} == {**unknown.json(), "trace_id": ""}


async def test_a_receipt_proves_the_transfer_and_is_only_for_its_sides(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    payer, payee, stranger = await residents(app, 3)
    sent = (await send(client, payer, payee, 5)).json()

    got = await client.get(f"/v1/transfers/{sent['id']}/receipt", headers=bearer(payee.access_token))

    receipt = got.json()
    raw, path = bytes.fromhex(receipt["leaf"]), [bytes.fromhex(sibling) for sibling in receipt["path"]]
    root = bytes.fromhex(receipt["root"])
    assert merkle.verify(raw, receipt["index"], receipt["size"], path, root)
    assert outside.parse("transfer", sent["id"]).bytes in raw
    first = sent["seq"] - receipt["index"]
    entry = leaf.block(sent["lane"], receipt["block"], first, first + receipt["size"] - 1, root)
    assert leaf.BLOCKS.extend(bytes.fromhex(receipt["prev"]), entry).hex() == receipt["hash"]
    foreign = await client.get(f"/v1/transfers/{sent['id']}/receipt", headers=bearer(stranger.access_token))
    nobody = await client.get(
        f"/v1/transfers/{outside.show('transfer', ids.new())}/receipt", headers=bearer(stranger.access_token)
    )
    assert (foreign.status_code, nobody.status_code) == (404, 404)
    assert {**foreign.json(), "trace_id": ""} == {**nobody.json(), "trace_id": ""}


async def test_a_wallet_is_for_e_residents_and_there_is_one(app: Litestar, client: httpx.AsyncClient) -> None:
    newcomer = await token(app, "resident")
    [resident] = await residents(app, 1)

    early = await client.post("/v1/wallets", headers=keyed(newcomer))
    second = await client.post("/v1/wallets", headers=keyed(resident.access_token))
    missing = await client.get("/v1/wallets/me", headers=bearer(newcomer))

    assert (early.status_code, early.json()["code"]) == (403, "not_e_resident")
    assert (second.status_code, second.json()["code"]) == (409, "wallet_exists")
    assert (missing.status_code, missing.json()["code"]) == (404, "no_wallet")


async def test_a_receipt_tells_nobody_what_the_other_side_owns(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, payee = await residents(app, 2, start=520)
    await send(client, payee, payer, 123_456)
    sent = (await send(client, payer, payee, 5)).json()
    theirs = (await client.get("/v1/wallets/me", headers=bearer(payee.access_token))).json()["posted"]["amount_minor"]

    receipt = (await client.get(f"/v1/transfers/{sent['id']}/receipt", headers=bearer(payer.access_token))).json()

    assert str(theirs).encode() not in bytes.fromhex(receipt["leaf"])


async def test_an_account_of_the_operator_is_no_address(app: Litestar, client: httpx.AsyncClient) -> None:
    [payer] = await residents(app, 1)
    mirror = await app.state.house.money.operator(Purpose.SANDBOX)
    body = {"to": outside.show("wallet", mirror), "amount": {"amount_minor": 1}}

    answer = await client.post("/v1/transfers", json=body, headers=keyed(payer.access_token))

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_account")


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b"\xff\xfe", b'"\\ud800"'])
async def test_an_odd_body_where_none_is_read_is_refused(
    app: Litestar, client: httpx.AsyncClient, content: bytes
) -> None:
    [resident] = await residents(app, 1)

    answer = await client.post("/v1/wallets", content=content, headers=keyed(resident.access_token))

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_one_key_at_two_doors_at_once_is_never_a_fault(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, payee = await residents(app, 2)

    for number in range(20):
        key = f"both-doors-{number}"
        opened, sent = await asyncio.gather(
            client.post("/v1/wallets", headers=keyed(payer.access_token, key)), send(client, payer, payee, 1, key)
        )
        assert {opened.status_code, sent.status_code} <= {201, 409, 422}
