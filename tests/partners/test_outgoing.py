"""What partners are sent: signed, in order per aggregate, until it is taken, and to be pulled as well."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar import Litestar

from app import clock, db, ids, outbox, trace
from app.house import House
from app.http import ids as outside_ids
from app.partners import destination, line, outgoing, registry, webhook
from app.partners.outgoing import SCHEDULE, Failed, Gone, Taken
from invest import events, tables
from proof import journal
from simulators import standard_webhooks
from tests.app import people
from tests.partners import outside
from tests.partners.outside import CODE, Outside

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
Answer = Callable[[httpx.Request], httpx.Response]


async def happened(out: Outside, *things: UUID, partner: UUID | None = None) -> None:
    """Let something of the bank's happen to each of `things`, and relay it."""
    async with db.transaction(out.house.worker) as story:
        connection = await story()
        bank = partner or (await registry.find(connection, CODE)).id
        facts = [
            journal.Fact(aggregate=thing, at=story.now, actor="test", event=events.PlacementReleased(thing, bank))
            for thing in things
        ]
        await journal.append(connection, tables.event, *facts)
    while await outbox.step(out.house):
        pass


def answering(out: Outside, answer: Answer) -> House:
    """Put another endpoint at the end of the line."""
    return msgspec.structs.replace(out.house, http=httpx.AsyncClient(transport=httpx.MockTransport(answer)))


def taking(seen: list[httpx.Request], *, refuse: UUID | None = None, status: int = 500) -> Answer:
    """Take everything, but what is about `refuse`."""

    def take(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        about = msgspec.json.decode(request.content)["aggregate"]
        return httpx.Response(status if about == str(refuse) else 200)

    return take


def about(seen: list[httpx.Request], *things: UUID) -> list[tuple[UUID, int]]:
    """List what was sent about `things`, and which version of each."""
    sent = [msgspec.json.decode(request.content) for request in seen]
    return [(UUID(each["aggregate"]), each["version"]) for each in sent if UUID(each["aggregate"]) in things]


async def waiting(out: Outside, thing: UUID) -> Any:  # noqa: ANN401  a row
    query = "SELECT state, attempts, due_at, trouble FROM app.delivery WHERE aggregate = :thing ORDER BY sequence"
    rows = await outside.rows(out.house, query, thing=thing)
    return rows[0]


async def drained(out: Outside, house: House | None = None) -> None:
    while await outgoing.step(house or out.house):
        pass


@pytest.mark.asyncio
async def test_an_event_reaches_the_bank_signed_with_the_key_we_publish(out: Outside) -> None:
    thing = ids.new()
    await happened(out, thing)

    await drained(out)

    [told] = [each for each in out.bank.books.heard() if each["body"]["aggregate"] == str(thing)]
    assert told["times"] == 1
    assert told["body"]["type"] == "placement.released"
    assert told["body"]["data"]["placement"] == outside_ids.show("placement", thing)
    assert (await waiting(out, thing)).state == "delivered"


@pytest.mark.asyncio
async def test_every_attempt_carries_the_same_id_and_bytes_and_a_fresh_signature(out: Outside) -> None:
    thing = ids.new()
    seen: list[httpx.Request] = []
    house = answering(out, taking(seen, refuse=thing))
    await happened(out, thing)

    for _ in range(2):
        await drained(out, house)
        await outside.hurry(out.house)

    first, second = [request for request in seen if about([request], thing)]
    assert first.content == second.content
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    keys = [webhook.show_public(raw_key(out.house))]
    now_s = clock.real().timestamp()
    assert standard_webhooks.verify(second.headers, second.content, keys, now_s=now_s) == first.headers["webhook-id"]


def raw_key(house: House) -> bytes:
    return outside.base64url(house.keys.webhook.public_jwk["x"])


@pytest.mark.asyncio
async def test_while_one_waits_its_later_ones_wait_behind_it_and_others_pass(out: Outside) -> None:
    stuck, free = ids.new(), ids.new()
    seen: list[httpx.Request] = []
    await happened(out, stuck, stuck, free, free)

    await drained(out, answering(out, taking(seen, refuse=stuck)))
    assert sorted(about(seen, stuck, free)) == sorted([(stuck, 1), (free, 1), (free, 2)])
    assert about(seen, free) == [(free, 1), (free, 2)]

    seen.clear()
    await outside.hurry(out.house)
    await drained(out, answering(out, taking(seen)))
    assert about(seen, stuck, free) == [(stuck, 1), (stuck, 2)]


@pytest.mark.asyncio
async def test_the_sequence_of_a_subscription_has_no_gap(out: Outside) -> None:
    things = [ids.new() for _ in range(7)]
    for thing in things:
        await happened(out, thing)
    await asyncio.gather(*(outgoing.step(out.house) for _ in range(3)))
    await drained(out)

    told = sorted(each["body"]["sequence"] for each in out.bank.books.heard())
    assert told == list(range(told[0], told[0] + len(told)))
    assert all(each["times"] == 1 for each in out.bank.books.heard())


@pytest.mark.asyncio
async def test_a_partner_hears_only_what_names_it(app: Litestar, out: Outside) -> None:
    ours, theirs = ids.new(), ids.new()
    await happened(out, ours)
    await happened(out, theirs, partner=ids.new())

    await drained(out)

    told = {each["body"]["aggregate"] for each in out.bank.books.heard()}
    assert str(ours) in told
    assert str(theirs) not in told
    pulled = await pull(app, out.token)
    assert outside_ids.show("placement", ours) in str(pulled)
    assert outside_ids.show("placement", theirs) not in str(pulled)
    stranger = await people.token(app, "partner")
    assert (await pull(app, stranger))["events"] == []


@pytest.mark.asyncio
async def test_what_was_pushed_can_be_pulled_in_the_same_order(app: Litestar, out: Outside) -> None:
    start = (await pull(app, out.token, limit=100))["next"]
    things = [ids.new() for _ in range(5)]
    await happened(out, *things)
    await drained(out)

    first = await pull(app, out.token, after=start, limit=3)
    second = await pull(app, out.token, after=first["next"])
    third = await pull(app, out.token, after=second["next"])

    pulled = [*first["events"], *second["events"]]
    heard = sorted((each["body"] for each in out.bank.books.heard()), key=lambda event: event["sequence"])
    pushed = [event for event in heard if UUID(event["aggregate"]) in things]
    assert [(event["id"], event["data"]) for event in pulled] == [(event["id"], event["data"]) for event in pushed]
    assert (first["more"], second["more"], third["events"]) == (True, False, [])


async def pull(app: Litestar, token: str, **query: Any) -> Any:  # noqa: ANN401  any JSON
    api = outside.client(app, app.state.house.settings.issuer)
    answer = await api.get("/v1/partner/events", params=query, headers=people.bearer(token))
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_an_endpoint_that_is_gone_is_switched_off_and_its_events_are_kept(app: Litestar, out: Outside) -> None:
    thing, later = ids.new(), ids.new()
    seen: list[httpx.Request] = []
    gone = answering(out, taking(seen, refuse=thing, status=410))
    await happened(out, thing)

    await drained(out, gone)
    await happened(out, later)
    await outside.hurry(out.house)
    await drained(out, gone)

    assert len(seen) == 1
    api = outside.client(app, out.house.settings.issuer)
    [listed] = (await api.get("/v1/partner/subscriptions", headers=people.bearer(out.token))).json()["subscriptions"]
    assert (listed["active"], listed["trouble"], listed["sequence"]) == (False, "answered 410", 2)
    assert len((await pull(app, out.token))["events"]) == 2


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_a_subscription_that_is_switched_on_again_gets_what_was_queued(app: Litestar, out: Outside) -> None:
    thing, later = ids.new(), ids.new()
    seen: list[httpx.Request] = []
    await happened(out, thing)
    await drained(out, answering(out, taking([], refuse=thing, status=410)))
    await happened(out, later)
    await outside.hurry(out.house)
    off, headers = await first_of(app, out)

    stale = await edit(app, out, off, {"active": True}, if_match='"1"')
    unnamed = await edit(app, out, off, {"active": True})
    on = await edit(app, out, off, {"active": True}, if_match=headers["etag"])
    await drained(out, answering(out, taking(seen)))

    assert (off["active"], off["trouble"]) == (False, "answered 410")
    assert (stale.status_code, unnamed.status_code) == (412, 428)
    assert (on.status_code, on.headers["etag"]) == (200, f'"{on.json()["version"]}"')
    assert (on.json()["active"], on.json()["trouble"], on.json()["url"]) == (True, None, off["url"])
    assert sorted(about(seen, thing, later)) == [(thing, 1), (later, 1)]


@pytest.mark.asyncio
async def test_a_subscription_is_edited_by_its_partner_only_and_to_addresses_we_send_to(
    app: Litestar, out: Outside, tmp_path: Path
) -> None:
    body = {"url": "http://127.0.0.1:9101/other", "kinds": ["placement.booked"]}
    api = outside.client(app, out.house.settings.issuer)
    made = await api.post("/v1/partner/subscriptions", json=body, headers=people.keyed(out.token))
    tag, mine = {"if_match": made.headers["etag"]}, made.json()

    forbidden = await edit(app, out, mine, {"url": "ftp://127.0.0.1/"}, **tag)
    moved = await edit(app, out, mine, {"url": "http://127.0.0.1:9101/new", "kinds": ["placement.repaid"]}, **tag)
    read = await api.get(made.headers["location"], headers=people.bearer(out.token))
    async with outside.bank(app, tmp_path / "other", code="other-bank") as other:
        foreign = await edit(app, other, mine, {"active": False}, if_match="*")
        unseen = await api.get(made.headers["location"], headers=people.bearer(other.token))
    off = await edit(app, out, mine, {"active": False}, if_match="*")

    assert (forbidden.status_code, forbidden.json()["code"]) == (422, "address_forbidden")
    assert (read.json(), read.headers["etag"]) == (moved.json(), moved.headers["etag"])
    assert (moved.json()["url"], moved.json()["kinds"]) == ("http://127.0.0.1:9101/new", ["placement.repaid"])
    assert (foreign.status_code, unseen.status_code) == (404, 404)
    assert (off.json()["active"], off.json()["trouble"], off.json()["version"]) == (False, None, 3)


async def first_of(app: Litestar, out: Outside) -> tuple[dict[str, Any], httpx.Headers]:
    """Read the bank's first subscription by its own address."""
    api, headers = outside.client(app, out.house.settings.issuer), people.bearer(out.token)
    [first, *_] = (await api.get("/v1/partner/subscriptions", headers=headers)).json()["subscriptions"]
    answer = await api.get(f"/v1/partner/subscriptions/{first['id']}", headers=headers)
    return answer.json(), answer.headers


async def edit(
    app: Litestar, out: Outside, what: dict[str, Any], changes: dict[str, object], **headers: str
) -> httpx.Response:
    api = outside.client(app, out.house.settings.issuer)
    path = f"/v1/partner/subscriptions/{what['id']}"
    return await api.patch(path, json=changes, headers=people.bearer(out.token, **headers))


@pytest.mark.asyncio
async def test_a_delivery_that_is_never_taken_is_given_up_after_the_schedule_and_frees_the_way(out: Outside) -> None:
    stuck = ids.new()
    seen: list[httpx.Request] = []
    house = answering(out, taking(seen, refuse=stuck))
    await happened(out, stuck)
    await happened(out, stuck)

    for attempt in range(len(SCHEDULE)):
        assert (await waiting(out, stuck)).attempts == attempt
        await drained(out, house)
        await outside.hurry(out.house)

    row = await waiting(out, stuck)
    assert (row.state, row.trouble, row.due_at) == ("failed", "answered 500", None)
    await drained(out, house)
    assert about(seen, stuck)[: len(SCHEDULE) + 1] == [*([(stuck, 1)] * len(SCHEDULE)), (stuck, 2)]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "url", ["http://10.0.0.8/hook", "https://93.184.215.14/hook", "http://user@127.0.0.1/", "ftp://127.0.0.1/"]
)
async def test_a_demo_takes_no_address_but_its_own_machines(app: Litestar, out: Outside, url: str) -> None:
    api = outside.client(app, out.house.settings.issuer)
    body = {"url": url, "kinds": ["placement.booked"]}
    made = await api.post("/v1/partner/subscriptions", json=body, headers=people.keyed(out.token))

    if made.status_code == 201:  # its form is right; what it resolves to shows when something is sent
        await happened(out, thing := ids.new())
        assert (await waiting(out, thing)).trouble is None
        with pytest.raises(destination.Forbidden):
            destination.allowed(destination.LOCAL, [line.place(url)[0]], line.place(url)[1])
    else:
        assert (made.status_code, made.json()["code"]) == (422, "address_forbidden")


def test_the_schedule_is_that_of_the_standard() -> None:
    assert sum(SCHEDULE, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    waits = [outgoing.next_attempt(attempts, timedelta(), NOW) for attempts in range(1, 11)]
    assert waits == [*(NOW + wait for wait in SCHEDULE[1:]), None]


@pytest.mark.parametrize(
    ("status", "headers", "meant"),
    [
        (200, {}, Taken()),
        (204, {}, Taken()),
        (202, {"retry-after": "60"}, Taken()),
        (301, {"location": "https://elsewhere.example/"}, Failed("answered 301")),
        (400, {}, Failed("answered 400")),
        (410, {}, Gone()),
        (500, {"retry-after": "60"}, Failed("answered 500")),
        (429, {"retry-after": "60"}, Failed("answered 429", timedelta(seconds=60))),
        (503, {"retry-after": "Fri, 20 Nov 2026 09:02:00 GMT"}, Failed("answered 503", timedelta(minutes=2))),
        (503, {"retry-after": "Fri, 20 Nov 2020 09:02:00 GMT"}, Failed("answered 503")),
        (503, {"retry-after": "999999999999"}, Failed("answered 503", timedelta(seconds=86_400))),
        (503, {"retry-after": "soon"}, Failed("answered 503")),
        (503, {"retry-after": "-5"}, Failed("answered 503")),
        (503, {}, Failed("answered 503")),
    ],
)
def test_an_answer_means(status: int, headers: dict[str, str], meant: outgoing.Result) -> None:
    assert outgoing.judge(line.Answer(status, httpx.Headers(headers)), NOW) == meant


def test_what_an_endpoint_asks_for_never_comes_before_the_schedule() -> None:
    assert outgoing.next_attempt(1, timedelta(seconds=1), NOW) == NOW + timedelta(seconds=5)
    assert outgoing.next_attempt(1, timedelta(hours=1), NOW) == NOW + timedelta(hours=1)


@pytest.mark.asyncio
async def test_a_webhook_goes_on_with_the_trace_of_the_story_it_tells(out: Outside) -> None:
    thing = ids.new()
    seen: list[httpx.Request] = []
    began = trace.begin("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    async with db.transaction(out.house.worker) as story:
        connection = await story()
        bank = (await registry.find(connection, CODE)).id
        released = events.PlacementReleased(thing, bank)
        await journal.append(
            connection, tables.event, journal.Fact(aggregate=thing, at=story.now, actor="test", event=released)
        )

    trace.begin(None)  # the worker's own
    while await outbox.step(out.house):
        pass
    trace.begin(None)
    await drained(out, answering(out, taking(seen)))

    [sent] = [request for request in seen if about([request], thing)]
    assert sent.headers["traceparent"].split("-")[1] == began == "4bf92f3577b34da6a3ce929d0e0e4736"
