"""Payment lists: checked as a whole, confirmed once, paid one by one, whatever dies midway."""

import asyncio
import json
import time
import tracemalloc
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import money
from app.http import ids
from app.idempotency_key import Stored
from app.payments import list_run, payment_list
from app.payments.list_run import Chunk
from app.settings import Settings
from tests.app.account.people import pass_by
from tests.app.payments.people import Json, Resident, works
from tests.app.people import residents
from tests.partners import outside
from tests.partners.investors import investor
from wallet import address
from wallet.transfer import AccountId

pytestmark = pytest.mark.asyncio

LISTS = "/v1/payment-lists"


async def three(app: Litestar, client: httpx.AsyncClient) -> list[Resident]:
    return [Resident(app, client, each) for each in await residents(app, 3, start=390)]


def items(*payments: tuple[str, int]) -> Json:
    return {
        "items": [{"to": to, "amount_minor": minor, "reference": f"E-{no}"} for no, (to, minor) in enumerate(payments)]
    }


async def all_items(payer: Resident, path: str) -> list[Json]:
    found: list[Json] = []
    query: dict[str, Any] = {"limit": 100}
    while True:
        page = await payer.get(f"{path}/items", **query)
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


async def test_a_list_is_paid_and_answered_item_by_item(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, first, second = await three(app, client)
    before = [await each.balance() for each in (payer, first, second)]
    dear = before[0]  # what is left after the others were paid is less

    body = items((first.wallet, 1_00), (await second.iban(), 2_00), (first.wallet, dear - 3_00), (first.wallet, 4_00))
    drafted = await payer.call("POST", LISTS, body)
    assert drafted.status_code == 201, drafted.text
    made = drafted.json()
    path = f"{LISTS}/{made['id']}"
    poor = await payer.refused("POST", f"{path}/confirm", {})
    await payer.post(f"{path}/cancel")
    body["items"][2]["amount_minor"] = 5_00
    made = await payer.post(LISTS, body)
    path = f"{LISTS}/{made['id']}"
    assert [await each.balance() for each in (payer, first, second)] == before
    running = await payer.post(f"{path}/confirm", {})
    await works(app.state.house)

    assert poor == (422, "insufficient_funds")
    assert (made["payments"], made["amount"]["amount_minor"], running["state"]) == (4, 12_00, "running")
    done = await payer.get(path)
    assert (done["state"], done["paid"], done["refused"], done["paid_amount"]["amount_minor"]) == ("done", 4, 0, 12_00)
    found = await all_items(payer, path)
    assert [(each["no"], each["reference"], bool(each["transfer"])) for each in found] == [
        (no, f"E-{no}", True) for no in range(4)
    ]
    after = [await each.balance() for each in (payer, first, second)]
    assert [now - then for now, then in zip(after, before, strict=True)] == [-12_00, 10_00, 2_00]
    assert [each["paid"] for each in await payer.heard("payment_list.done")][-1] == 4
    assert await first.refused("GET", path) == (404, "not_found")
    assert await first.refused("GET", f"{path}/items") == (404, "not_found")
    assert await payer.refused("POST", f"{path}/confirm", {}) == (409, "payment_list_state")


async def test_money_that_goes_meanwhile_refuses_items_and_no_neighbour(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    payer, first, second = await three(app, client)
    left = await payer.balance()
    made = await payer.post(LISTS, items((first.wallet, left - 10_00), (second.wallet, 9_00), (second.wallet, 1_00)))
    await payer.post(f"{LISTS}/{made['id']}/confirm", {})
    await payer.post("/v1/transfers", {"to": second.wallet, "amount": {"amount_minor": 20_00}})

    await works(app.state.house)

    found = await all_items(payer, f"{LISTS}/{made['id']}")
    assert [each["refused"] for each in found] == ["insufficient_funds", None, None]
    assert (await payer.get(f"{LISTS}/{made['id']}"))["refused"] == 1


async def test_every_fault_is_told_before_anything_moves(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, first, _ = await three(app, client)
    before = await payer.balance()
    nobody = address.compose("999", "Z" * 13)
    body = items((first.wallet, 1), (nobody, 1), (payer.wallet, 1), ("+77012345678", 1), ("wallet_x", 1))

    answer = await payer.call("POST", LISTS, body)
    content = f"to,amount,reference\n{first.wallet},1,\n{nobody},1,\n{first.wallet},0.00,\n"
    as_file = await payer.call("POST", LISTS, {"file": {"format": "csv", "content": content}})

    assert (answer.status_code, answer.json()["code"]) == (422, "payment_list_invalid")
    assert sorted((each["pointer"], each["detail"]) for each in answer.json()["errors"]) == [
        ("/items/1/to", "nobody can be paid by this address"),
        ("/items/2/to", "this is the payer's own wallet"),
        ("/items/3/to", "is neither an IBAN nor a wallet's id"),
        ("/items/4/to", "is neither an IBAN nor a wallet's id"),
    ]
    assert [each["detail"] for each in as_file.json()["errors"]] == [
        "line 3: nobody can be paid by this address",
        "line 4: the amount is not more than zero",
    ]
    assert await payer.balance() == before
    for wrong in (
        {},
        items() | {"items": []},
        {**items((first.wallet, 1)), "file": {"format": "csv", "content": content}},
    ):
        assert (await payer.call("POST", LISTS, wrong)).status_code in {400, 422}


async def test_one_passkey_signs_count_sum_and_hash(
    app: Litestar, client: httpx.AsyncClient, settings: Settings
) -> None:
    _, first, second = await three(app, client)
    async with investor(app, settings, 394) as mine:
        made = await mine.phone.post(LISTS, items((first.wallet, 5), (second.wallet, 6)))
        other = await mine.phone.post(LISTS, items((first.wallet, 6), (second.wallet, 5)))
        path, confirm = f"{LISTS}/{made['id']}/confirm", made["confirm"]

        bare = await mine.phone.call("POST", path, body={})
        of_other = await mine.phone.step_up(confirm["operation"], other["confirm"]["shown"])
        swapped = await mine.phone.call("POST", path, body={"step_up": of_other})
        step_up = await mine.phone.step_up(confirm["operation"], confirm["shown"])
        done = await mine.phone.call("POST", path, body={"step_up": step_up})

    await works(app.state.house)
    assert (bare.json()["code"], swapped.json()["code"]) == ("step_up_required", "step_up_mismatch")
    assert confirm["shown"]["list_sha256"] != other["confirm"]["shown"]["list_sha256"]
    assert done.status_code == 202, done.text


async def test_a_process_that_dies_midway_leaves_the_rest_to_the_next_and_pays_nothing_twice(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer, first, _ = await three(app, client)
    monkeypatch.setattr(list_run, "CHUNK", 3)
    before = await first.balance()
    made = await payer.post(LISTS, items(*((first.wallet, 1_00) for _ in range(8))))
    path = f"{LISTS}/{made['id']}"
    await payer.post(f"{path}/confirm", {})
    assert await list_run.step(app.state.house) == 3

    async with app.state.house.posting.connect() as blocker:
        # The second chunk waits to be counted, and its connection dies; the batch tries again when it is let.
        await blocker.execute(text("SELECT FROM app.payment_list WHERE state = 'running' FOR UPDATE"))
        work = asyncio.create_task(list_run.step(app.state.house))
        waiting = await outside.waiting(blocker)
        await blocker.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": waiting})
        while await outside.waiting(blocker) == waiting:
            pass
        halfway = await payer.get(path)
        assert (halfway["paid"], await first.balance()) == (3, before + 3_00)
        await blocker.rollback()
    assert await work == 3
    await asyncio.gather(*(list_run.step(app.state.house) for _ in range(4)))
    await works(app.state.house)

    assert await first.balance() == before + 8_00
    assert (await payer.get(path))["paid"] == 8
    assert len({each["transfer"] for each in await all_items(payer, path)}) == 8


async def test_two_workers_who_found_the_same_payments_make_them_once(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, first, _ = await three(app, client)
    before = await first.balance()
    made = await payer.post(LISTS, items(*((first.wallet, 1_00) for _ in range(3))))
    await payer.post(f"{LISTS}/{made['id']}/confirm", {})
    chunk = Chunk(ids.parse("payment_list", made["id"]), AccountId(payer.seeded.wallet), [0, 1])
    named = money.claim("test", f"twice/{made['id']}", None)

    def counted(counts: Sequence[int]) -> Stored:
        return Stored(200, json.dumps(list(counts)).encode())

    reply = await app.state.house.money.submit(list_run.pay, [chunk, chunk], lanes=[1], claim=named, render=counted)
    await works(app.state.house)

    assert json.loads(reply.stored.body) == [2, 0]
    assert await first.balance() == before + 3_00
    assert (await payer.get(f"{LISTS}/{made['id']}"))["paid"] == 3


async def test_a_draft_waits_a_day_and_there_are_few(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, first, _ = await three(app, client)
    made = [await payer.post(LISTS, items((first.wallet, 1))) for _ in range(5)]

    full = await payer.refused("POST", LISTS, items((first.wallet, 1)))
    await payer.post(f"{LISTS}/{made[0]['id']}/cancel")
    await pass_by(app.state.house, payment_list.LIFETIME)
    late = await payer.refused("POST", f"{LISTS}/{made[1]['id']}/confirm", {})

    assert full == (409, "too_many_payment_lists")
    assert late == (409, "payment_list_state")
    assert (await payer.post(LISTS, items((first.wallet, 1))))["state"] == "draft"
    assert {each["state"] for each in (await payer.get(LISTS, limit=6))["payment_lists"]} == {"draft", "cancelled"}


@pytest.mark.nightly
async def test_ten_thousand_payments_fit_into_time_and_memory(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, first, second = await three(app, client)
    body = items(*((each.wallet, 1) for _ in range(5_000) for each in (first, second)))
    assert len(json.dumps(body)) < 5_000_000
    started = time.perf_counter()
    made = await payer.post(LISTS, body)
    drafted_s = time.perf_counter() - started
    tracemalloc.start()
    await payer.post(LISTS, body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await payer.post(f"{LISTS}/{made['id']}/confirm", {})
    started = time.perf_counter()
    await works(app.state.house)
    paid_s = time.perf_counter() - started

    done = await payer.get(f"{LISTS}/{made['id']}")
    assert (done["state"], done["paid"]) == ("done", 10_000)
    assert peak < 50_000_000
    assert (drafted_s, paid_s) < (30, 120)
    print(f"10 000 payments: drafted in {drafted_s:.2f} s, {peak / 1e6:.0f} MB; paid in {paid_s:.2f} s")  # noqa: T201  the figures are what the run is for
