"""The history with filters: everything that is wanted is found, page by page, and nothing that is not."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar

from app import ids
from app.http import ids as outside
from app.seed import Seeded
from tests.app.payments.people import Resident
from tests.app.people import bearer, residents, send, wallet
from tests.wallet.ledgers import bank, kzt, move, post
from wallet import history
from wallet.transfer import AccountId, Hold, HoldId, Release, TransferId

pytestmark = pytest.mark.asyncio
Query = dict[str, Any]


async def page(client: httpx.AsyncClient, me: Seeded, query: Query) -> dict[str, Any]:
    answer = await client.get("/v1/wallets/me/entries", params=query, headers=bearer(me.access_token))
    assert answer.status_code == 200, (query, answer.text)
    found: dict[str, Any] = answer.json()
    return found


async def everything(client: httpx.AsyncClient, me: Seeded, query: Query) -> list[dict[str, Any]]:
    """Read page after page to the end."""
    found, cursor = [], None
    while True:
        shown = await page(client, me, query | ({"cursor": cursor} if cursor else {}))
        found += shown["entries"]
        if (cursor := shown["next_cursor"]) is None:
            return found


async def lived(app: Litestar, client: httpx.AsyncClient) -> tuple[Seeded, Seeded]:
    """Let one send the other 1 to 6 tenge, get 3 back, and have a hold placed and released; once for all tests."""
    me, other = await residents(app, 2, start=660)
    if len(await everything(client, me, {})) > 1:
        return me, other
    for tenge in range(1, 7):
        await send(client, me, other, tenge)
    await send(client, other, me, 3)
    house = app.state.house
    hold = HoldId(ids.new())
    account, credit = AccountId(me.wallet), await bank(house.posting)
    placed = Hold(id=hold, debit=account, credit=credit, money=kzt(9), code="test.hold", reference="ref-9")
    await move(house.money, placed)
    await move(house.money, Release(id=TransferId(ids.new()), hold=hold, code="test.release", reference="ref-9"))
    return me, other


FILTERS: list[tuple[Query, list[int]]] = [
    ({}, [0, 0, 300, -600, -500, -400, -300, -200, -100, 1_000_000_00]),
    ({"direction": "in"}, [300, 1_000_000_00]),
    ({"direction": "out", "kind": "post"}, [-600, -500, -400, -300, -200, -100]),
    ({"code": "transfer"}, [300, -600, -500, -400, -300, -200, -100]),
    ({"code": "transfer,sandbox.funding", "direction": "in"}, [300, 1_000_000_00]),
    ({"least_minor": 250, "most_minor": 450}, [300, -400, -300]),
    ({"kind": "hold,void"}, [0, 0]),
    ({"reference": "ref-9"}, [0, 0]),
    ({"text": "REF-9"}, [0, 0]),
    ({"text": "set aside", "kind": "hold"}, [0]),
    ({"text": "money paid"}, []),
    ({"text": "between residents", "least_minor": 500}, [-600, -500]),
    ({"text": "nothing says this"}, []),
    ({"reference": "ref-8"}, []),
]


async def test_each_filter_finds_what_it_says_however_the_pages_are_cut(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    me, _ = await lived(app, client)

    for query, expected in FILTERS:
        for limit in (3, 100):
            found = await everything(client, me, query | {"limit": limit})
            assert [entry["moved"]["amount_minor"] for entry in found] == expected, (query, limit)


async def test_the_other_side_is_known_to_who_sent_and_not_to_who_got(app: Litestar, client: httpx.AsyncClient) -> None:
    me, other = await lived(app, client)

    sent = await everything(client, me, {"counterparty": wallet(other)})
    got = await everything(client, other, {"counterparty": wallet(me)})
    asked_for = await everything(client, me, {"counterparty": wallet(other), "direction": "in"})

    assert [entry["moved"]["amount_minor"] for entry in sent] == [-600, -500, -400, -300, -200, -100]
    assert {entry["counterparty"] for entry in sent} == {wallet(other)}
    assert [entry["moved"]["amount_minor"] for entry in got] == [-300]
    assert asked_for == []
    incoming = await everything(client, me, {"direction": "in"})
    assert {entry["counterparty"] for entry in incoming} == {None}


async def test_times_bound_what_was_booked_between_them(app: Litestar, client: httpx.AsyncClient) -> None:
    me, _ = await lived(app, client)
    entries = await everything(client, me, {"code": "transfer"})
    at = [datetime.fromisoformat(entry["at"]) for entry in entries]

    found = await everything(
        client, me, {"booked_from": at[4].isoformat(), "booked_before": at[1].isoformat(), "limit": 2}
    )
    later = await everything(client, me, {"booked_from": (at[0] + timedelta(days=1)).isoformat()})

    assert [entry["transfer"] for entry in found] == [entry["transfer"] for entry in entries[2:5]]
    assert later == []


async def test_a_cursor_belongs_to_its_filters(app: Litestar, client: httpx.AsyncClient) -> None:
    me, _ = await lived(app, client)
    cursor = (await page(client, me, {"direction": "out", "limit": 1}))["next_cursor"]

    answer = await client.get(
        "/v1/wallets/me/entries", params={"direction": "in", "cursor": cursor}, headers=bearer(me.access_token)
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")


@pytest.mark.parametrize(
    "query",
    [
        {"direction": "up"},
        {"kind": "gift"},
        {"kind": "post,"},
        {"code": ",".join(["x"] * 11)},
        {"least_minor": 0},
        {"most_minor": 2**60},
        {"booked_before": "0001-01-01T00:00:00Z"},
        {"counterparty": "wallet_x"},
        {"reference": "'; DROP"},
        {"text": "a"},
        {"text": "a\u0000b"},
    ],
)
async def test_a_filter_nobody_can_mean_is_refused(app: Litestar, client: httpx.AsyncClient, query: Query) -> None:
    [me] = await residents(app, 1, start=650)

    answer = await client.get("/v1/wallets/me/entries", params=query, headers=bearer(me.access_token))

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), answer.text


async def test_a_page_looks_at_a_bounded_part_of_a_long_history(app: Litestar, client: httpx.AsyncClient) -> None:
    [me] = await residents(app, 1, start=699)
    house = app.state.house
    source = await bank(house.posting)
    await move(house.money, *(post(source, AccountId(me.wallet), kzt(1)) for _ in range(history.WINDOW + 10)))

    first = await page(client, me, {"code": "sandbox.funding"})
    second = await page(client, me, {"code": "sandbox.funding", "cursor": first["next_cursor"]})

    assert (first["entries"], second["next_cursor"]) == ([], None)
    assert [entry["moved"]["amount_minor"] for entry in second["entries"]] == [1_000_000_00]


async def test_what_can_be_spent_is_explained_to_the_last_tiyn(app: Litestar, client: httpx.AsyncClient) -> None:
    [me] = await residents(app, 1, start=650)
    house = app.state.house
    credit = await bank(house.posting)
    ends = datetime.fromisoformat("2027-01-01T00:00:00+00:00")
    holds = [
        Hold(
            id=HoldId(ids.new()),
            debit=AccountId(me.wallet),
            credit=credit,
            money=kzt(tenge),
            code="test",
            expires_at=ends,
        )
        for tenge in (1, 2)
    ]
    await move(house.money, *holds)

    told = (await client.get("/v1/wallets/me/availability", headers=bearer(me.access_token))).json()
    plain = (await client.get("/v1/wallets/me", headers=bearer(me.access_token))).json()

    held = [hold["amount"]["amount_minor"] for hold in told["holds"]]
    rest = [told[name]["amount_minor"] for name in ("held_otherwise", "floor")]
    assert told["posted"]["amount_minor"] - sum(held) - sum(rest) == told["available"]["amount_minor"]
    assert told["available"] == plain["available"]
    assert [hold["id"] for hold in told["holds"]] == [outside.show("hold", hold.id) for hold in reversed(holds)]
    assert {hold["expires_at"] for hold in told["holds"]} == {"2027-01-01T00:00:00Z"}
    assert {each["operation"] for each in told["operations"]} >= {"transfer", "payout", "card", "invest", "exchange"}
    assert all(each["most"]["amount_minor"] <= told["available"]["amount_minor"] for each in told["operations"])


async def test_what_the_wallet_had_is_told_for_both_times(app: Litestar, client: httpx.AsyncClient) -> None:
    me, _ = await lived(app, client)
    entries = await everything(client, me, {})

    for entry in entries:
        query = {"recorded_at": entry["at"]}
        told = (await client.get("/v1/wallets/me/balance", params=query, headers=bearer(me.access_token))).json()
        assert told["recorded"] == entry["balance"], entry
    query = {"effective_on": "2026-01-01"}
    before = (await client.get("/v1/wallets/me/balance", params=query, headers=bearer(me.access_token))).json()
    assert (before["effective"]["amount_minor"], before["effective_on"]) == (0, "2026-01-01")
    assert before["recorded"] == entries[0]["balance"]


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("balance", {"recorded_at": "2026-02-30T00:00:00Z"}, 422, "no_such_time"),
        ("balance", {"effective_on": "2026-02-30"}, 422, "no_such_time"),
        ("balance", {"effective_on": "9999-12-31"}, 400, "invalid_request"),
        ("balance", {"recorded_at": "2026-02-20T00:00:00"}, 400, "invalid_request"),
        ("entries", {"booked_from": "2026-02-31T00:00:00Z"}, 422, "no_such_time"),
    ],
)
async def test_a_time_that_is_none_is_refused(
    app: Litestar, client: httpx.AsyncClient, path: str, query: Query, status: int, code: str
) -> None:
    [me] = await residents(app, 1, start=650)

    answer = await client.get(f"/v1/wallets/me/{path}", params=query, headers=bearer(me.access_token))

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_sealed_message_is_shown_and_found_by_either_side_and_by_nobody_else(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    payer, payee, other = [Resident(app, client, each) for each in await residents(app, 3, start=670)]
    for message in ("Rent of May", "Rent of June"):
        body = {"to": await payer.reference(payee), "amount": {"amount_minor": 1}, "message": message}
        await payer.post("/v1/transfers", body)
    await payer.post("/v1/transfers", {"to": await payer.reference(other), "amount": {"amount_minor": 1}})

    for who, shown in ((payer, payee), (payee, payer)):
        [found] = (await who.get("/v1/wallets/me/entries", text="rent of june"))["entries"]
        assert found["message"] == "Rent of June"
        assert found["label"] == (await shown.get("/v1/me/payee"))["name"]
    assert (await other.get("/v1/wallets/me/entries", text="rent"))["entries"] == []
    name = (await payee.get("/v1/me/payee"))["name"]
    assert len((await payer.get("/v1/wallets/me/entries", text=name))["entries"]) == 2
