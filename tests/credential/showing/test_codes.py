"""A resident shows a code, somebody scans it: over HTTP, as the app, as anybody, as a registered client."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar
from psycopg import errors
from sqlalchemy import text

from app import clock, db, limits, nonces
from app import ids as app_ids
from app.account import retention
from app.house import House
from app.http import ids
from app.partners import registry
from app.partners.registry import Kind
from residency.credential.showing import code
from simulators.passkey import Json
from tests.app import people
from tests.app.people import bearer, keyed
from tests.credential.people import another_wallet, offered, resident
from tests.credential.showing.people import NAME, Holder, pass_by, scan, told, values
from tests.walls import lives

pytestmark = pytest.mark.asyncio

_TRACE = re.compile(r'"trace_id":"[^"]*"')
_CHANGING = {"ratelimit", "ratelimit-policy", "traceparent", "date"}


# -- what is seen ------------------------------------------------------------------------------------------------------


async def test_whoever_scans_sees_what_was_agreed_to_and_nothing_else(
    client: httpx.AsyncClient, holder: Holder
) -> None:
    can = values(await holder.get("/v1/me/showable-fields"))
    shown = await holder.shows(fields=["age_over_18", "family_name"])

    seen = await told(client, shown)

    assert values(seen) == values(shown) == {name: can[name] for name in ("family_name", "age_over_18")}
    assert (seen["document"], seen["conclusion"], seen["in_force"]) == ("e_resident", "accepted", True)
    assert (seen["verifier"], seen["verified"], seen["age_s"]) == (NAME, False, 0)
    assert shown["qr"]["text"].endswith(f"/show/{shown['code']}")
    assert can.keys() >= {"given_name", "document_number", "birth_date"}
    assert not [name for name in ("given_name", "document_number", "birth_date") if str(can[name]) in str(seen)]


async def test_a_code_lasts_three_minutes_and_is_160_bits(holder: Holder) -> None:
    shown = await holder.shows(fields=["family_name"])

    left = datetime.fromisoformat(shown["expires_at"]) - clock.real()
    assert timedelta(minutes=2, seconds=50) < left <= timedelta(minutes=3)
    assert re.fullmatch(r"[A-Z2-7]{32}", shown["code"])


@pytest.mark.parametrize("question", ["over_18", "e_resident_today"])
async def test_a_question_is_answered_without_the_document(
    client: httpx.AsyncClient, holder: Holder, question: str
) -> None:
    seen = await told(client, await holder.shows(question=question))

    assert (seen["question"], seen["answer"], seen["fields"]) == (question, "yes", [])


async def test_labels_speak_the_language_of_who_scans(client: httpx.AsyncClient, holder: Holder) -> None:
    shown = await holder.shows(fields=["family_name"])

    answer = await client.post(
        "/v1/public/shown-codes", json={"code": shown["code"], "name": NAME}, headers={"accept-language": "kk"}
    )

    assert answer.json()["fields"][0]["label"] == "Тегі"


@pytest.mark.parametrize(
    ("agreed", "status", "refused"),
    [
        ({}, 422, "not_together"),
        ({"fields": ["family_name"], "question": "over_18"}, 422, "not_together"),
        ({"fields": []}, 400, "invalid_request"),
        ({"fields": ["Family"]}, 400, "invalid_request"),
        ({"fields": ["family_name", "shoe_size"]}, 422, "field_not_there"),
        ({"fields": ["family_name"], "document": "resident_id"}, 409, "rule_not_in_force"),
        ({"question": "right_to_work"}, 409, "rule_not_in_force"),
        ({"question": "over_7"}, 400, "invalid_request"),
    ],
)
async def test_what_can_not_be_shown_is_refused(holder: Holder, agreed: Json, status: int, refused: str) -> None:
    answer = await holder.post("/v1/me/shown-codes", agreed)

    assert (answer.status_code, answer.json()["code"]) == (status, refused)


# -- whether it is in force today --------------------------------------------------------------------------------------


async def _suspended(app: Litestar, holder: Holder) -> None:
    [held] = (await holder.get("/v1/me/statuses"))["statuses"]
    officer = await people.token(app, "officer")
    body = {"act": "suspend", "reason_code": "not_confirmed"}
    changed = await holder.client.post(f"/v1/officer/statuses/{held['id']}/changes", json=body, headers=keyed(officer))
    assert changed.is_success, changed.text


async def _paused(app: Litestar, holder: Holder) -> None:
    await _done(app, holder, "pause")


async def _revoked(app: Litestar, holder: Holder) -> None:
    await _done(app, holder, "revoke", {})


async def _done(app: Litestar, holder: Holder, act: str, body: Json | None = None) -> None:
    async with another_wallet(app) as wallet:
        await wallet.accept(await offered(holder.client, holder.who))
    [held] = (await holder.get("/v1/me/credentials"))["credentials"]
    assert (await holder.post(f"/v1/me/credentials/{held['id']}/{act}", body)).is_success


@pytest.mark.parametrize("stopped", [_suspended, _paused, _revoked], ids=["suspended", "paused", "revoked"])
async def test_the_status_is_that_of_the_moment_of_looking(
    app: Litestar, client: httpx.AsyncClient, own: Holder, stopped: Callable[..., Awaitable[None]]
) -> None:
    shown = await own.shows(question="over_18")
    first = await told(client, shown)

    await stopped(app, own)

    later = await told(client, shown, session=first["session"])
    assert [(each["in_force"], each["conclusion"], each["answer"]) for each in (first, later)] == [
        (True, "accepted", "yes"),
        (False, "rejected", "no"),
    ]
    refused = await own.post("/v1/me/shown-codes", {"fields": ["family_name"]})
    assert refused.json()["code"] in {"not_e_resident", "credential_not_active", "credential_revoked"}


# -- one scan, one session ---------------------------------------------------------------------------------------------


async def test_of_many_who_scan_at_once_one_sees_it(client: httpx.AsyncClient, own: Holder) -> None:
    shown = await own.shows(fields=["family_name"])

    answers = await asyncio.gather(*(scan(client, shown["code"]) for _ in range(6)))

    assert sorted(each.status_code for each in answers) == [200, *[404] * 5]
    assert len(await own.verifiers()) == 1


async def test_the_session_looks_again_until_the_code_ends_and_is_noted_once(
    client: httpx.AsyncClient, own: Holder
) -> None:
    shown = await own.shows(fields=["family_name"])
    first = await told(client, shown)

    looks = [await told(client, shown, session=first["session"], name="Another") for _ in range(code.TOLD_MAX - 1)]

    assert {each["session"] for each in looks} == {None}
    assert all(values(each) == values(first) for each in looks)
    assert (await scan(client, shown["code"], session=first["session"])).status_code == 404  # often enough
    assert [each["verifier"] for each in await own.verifiers()] == [NAME]


async def _unknown(_: httpx.AsyncClient, __: Holder, ___: str) -> Json:
    return {"code": "A" * 32}


async def _no_code(_: httpx.AsyncClient, __: Holder, ___: str) -> Json:
    return {"code": "💥 ' OR 1=1"}


async def _used(client: httpx.AsyncClient, holder: Holder, _: str) -> Json:
    shown = await holder.shows(fields=["family_name"])
    await told(client, shown)
    return {"code": shown["code"]}


async def _anothers_session(client: httpx.AsyncClient, holder: Holder, url: str) -> Json:
    return {**await _used(client, holder, url), "session": "mWqGvVt4v0xZ3GkQ1cC3Sg"}


async def _session_without_scan(_: httpx.AsyncClient, holder: Holder, __: str) -> Json:
    return {"code": (await holder.shows(fields=["family_name"]))["code"], "session": "mWqGvVt4v0xZ3GkQ1cC3Sg"}


async def _expired(_: httpx.AsyncClient, holder: Holder, url: str) -> Json:
    shown = await holder.shows(fields=["family_name"])
    pass_by(url, shown, 180)
    return {"code": shown["code"]}


async def _session_over(client: httpx.AsyncClient, holder: Holder, url: str) -> Json:
    shown = await holder.shows(fields=["family_name"])
    first = await told(client, shown)
    pass_by(url, shown, 180)
    return {"code": shown["code"], "session": first["session"]}


async def _withdrawn(_: httpx.AsyncClient, holder: Holder, __: str) -> Json:
    shown = await holder.shows(fields=["family_name"])
    assert (await holder.withdraws(shown)).status_code == 200
    return {"code": shown["code"]}


async def _replaced(_: httpx.AsyncClient, holder: Holder, __: str) -> Json:
    shown, _ignored = await holder.shows(fields=["family_name"]), await holder.shows(fields=["given_name"])
    return {"code": shown["code"]}


async def _standing(_: httpx.AsyncClient, holder: Holder, __: str) -> Json:
    return {"code": (await holder.shows(fields=["family_name"]))["code"]}


VOID = (
    _no_code, _used, _anothers_session, _session_without_scan, _expired, _session_over, _withdrawn, _replaced,
)  # fmt: skip


async def _seen(client: httpx.AsyncClient, asked: Json, *, on_page: bool) -> Any:  # noqa: ANN401  all of an answer
    if on_page:
        answer = await client.post(f"/show/{asked['code']}", data={"name": NAME, **asked})
    else:
        answer = await client.post("/v1/public/shown-codes", json={"name": NAME, **asked})
    headers = {name: value for name, value in answer.headers.items() if name not in _CHANGING}
    return answer.status_code, headers, _TRACE.sub("", answer.text)


@pytest.mark.parametrize("on_page", [False, True], ids=["operation", "page"])
async def test_what_is_no_code_now_looks_alike_whatever_is_the_matter(
    client: httpx.AsyncClient, holder: Holder, database: str, on_page: bool
) -> None:
    unknown = await _seen(client, await _unknown(client, holder, database), on_page=on_page)
    assert unknown[0] == 404

    others = {case.__name__: await case(client, holder, database) for case in VOID}

    assert {name: await _seen(client, asked, on_page=on_page) for name, asked in others.items()} == dict.fromkeys(
        others, unknown
    )
    # The control: a code that stands does look otherwise.
    assert await _seen(client, await _standing(client, holder, database), on_page=on_page) != unknown


async def test_guesses_are_counted_by_address_in_all_processes(app: Litestar) -> None:
    scanning = [
        handler
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        if handler.operation_id in {"verifyShownCode", "scanOnPage"}
    ]
    assert {handler.opt["quota"] for handler in scanning} == {"codes"}
    assert "codes" in limits.SHARED


# -- who verified me ---------------------------------------------------------------------------------------------------


async def test_the_holder_reads_who_it_was_and_has_an_event(
    app: Litestar, client: httpx.AsyncClient, house: House, own: Holder
) -> None:
    first = await own.shows(question="over_18")
    await told(client, first, purpose="a drink")
    second = await own.shows(fields=["family_name", "nationality"])
    tester = await people.token(app, "service")
    by_client = await client.post("/v1/shown-codes", json={"code": second["code"]}, headers=bearer(tester))
    assert (by_client.status_code, by_client.json()["verified"]) == (200, True)

    listed = await own.verifiers()

    assert [(each["id"], each["verified"], each.get("purpose"), each.get("answer")) for each in listed] == [
        (second["id"], True, None, None),
        (first["id"], False, "a drink", "yes"),
    ]
    assert [each["verifier"] for each in listed] == [by_client.json()["verifier"], NAME]
    assert [each["fields"] for each in listed] == [["family_name", "nationality"], ["age_over_18"]]
    async with db.transaction(house.worker) as story:
        query = "SELECT kind, actor, body FROM credential.event WHERE holder = :of AND kind ~ '^showing' ORDER BY seq"
        facts = (await (await story()).execute(text(query), {"of": own.who.subject})).all()
    assert [fact.kind for fact in facts] == ["showing.opened", "showing.scanned"] * 2
    # It is never erased: who it was, what was shown and what was asked stand in the row alone.
    assert {name for fact in facts for name in fact.body} == {"showing", "kind", "expires_at"}
    assert {fact.actor for fact in facts} == {f"resident:{own.who.subject}", "public"}


async def test_the_list_goes_on_where_it_ended(client: httpx.AsyncClient, own: Holder) -> None:
    made = []
    for _ in range(3):
        made.append(await own.shows(question="over_18"))
        await told(client, made[-1])

    page = await own.get("/v1/me/showings", limit="2")
    rest = await own.get("/v1/me/showings", limit="2", cursor=page["next_cursor"])

    assert [each["id"] for each in (*page["showings"], *rest["showings"])] == [each["id"] for each in reversed(made)]
    assert rest["next_cursor"] is None


async def test_a_code_is_its_holders_to_take_back(app: Litestar, client: httpx.AsyncClient, holder: Holder) -> None:
    shown = await holder.shows(fields=["family_name"])
    stranger = Holder(client, await resident(app))

    assert (await stranger.withdraws(shown)).status_code == 404
    assert [(await holder.withdraws(shown)).status_code for _ in range(2)] == [200, 200]
    scanned = await holder.shows(fields=["family_name"])
    await told(client, scanned)
    refused = await holder.withdraws(scanned)
    assert (refused.status_code, refused.json()["code"]) == (409, "showing_over")
    assert await stranger.verifiers() == []


# -- what stays --------------------------------------------------------------------------------------------------------


async def test_what_was_shown_is_gone_when_the_code_is_over(
    client: httpx.AsyncClient, house: House, own: Holder, database: str
) -> None:
    shown = await own.shows(fields=["family_name"])
    await told(client, shown)
    pass_by(database, shown, 180)

    assert await nonces.step(house) >= 1

    async with db.transaction(house.worker) as story:
        count = text("SELECT count(*) FROM credential.shown_code WHERE holder = :holder")
        assert await (await story()).scalar(count, {"holder": own.who.subject}) == 0
    assert len(await own.verifiers()) == 1


async def test_who_verified_is_kept_for_a_year(client: httpx.AsyncClient, house: House, own: Holder) -> None:
    await told(client, await own.shows(question="over_18"))
    known = retention.KINDS["showing"]
    async with db.transaction(house.worker) as story:
        for days, gone in ((-1, 0), (1, 1)):
            asked = {"before": clock.real() + timedelta(days=days), "size": 500, "now": story.now}
            rows = (await (await story()).scalars(known.statement, asked)).all()
            assert (len(rows) >= 1) is bool(gone)

    assert await own.verifiers() == []


# -- what the database refuses -----------------------------------------------------------------------------------------

REFUSED = {
    "another session": "UPDATE credential.shown_code SET session_hash = sha256('x') WHERE id = :id",
    "no session": "UPDATE credential.shown_code SET session_hash = NULL, scanned_at = NULL, told = 0 WHERE id = :id",
    "a longer life": "UPDATE credential.shown_code SET expires_at = at + interval '181 seconds' WHERE id = :id",
    "looked at too often": "UPDATE credential.shown_code SET told = 21 WHERE id = :id",
    "another verifier": "UPDATE credential.showing SET verifier = 'somebody' WHERE id = :id",
}


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED)
async def test_the_database_keeps_what_was_scanned(
    client: httpx.AsyncClient, holder: Holder, database: str, statement: str
) -> None:
    shown = await holder.shows(fields=["family_name"])
    await told(client, shown)

    with lives.connect(database) as owner, pytest.raises((errors.InsufficientPrivilege, errors.CheckViolation)):
        owner.execute(statement.replace(":id", "%s").encode(), [ids.parse("showing", shown["id"])])


async def test_nobody_sees_a_code_but_its_holder(client: httpx.AsyncClient, house: House, holder: Holder) -> None:
    await told(client, await holder.shows(fields=["family_name"]))
    seen = "SELECT (SELECT count(*) FROM credential.shown_code) + (SELECT count(*) FROM credential.showing)"

    async with db.transaction(house.api, audience="public") as story:
        assert await (await story()).scalar(text(seen)) == 0
    async with db.transaction(house.api, holder=holder.who.subject, audience="resident") as story:
        assert await (await story()).scalar(text(seen)) >= 2


async def test_a_partner_is_shown_by_its_registered_name(
    app: Litestar, client: httpx.AsyncClient, house: House, own: Holder
) -> None:
    async with db.transaction(house.worker) as story:
        bank = await registry.enrol(
            await story(), house.keys.kms, partner=app_ids.new(), code="bank-shown", name="Bank of the Steppe",
            kind=Kind.BANK, base_url=None, at=clock.real(),
        )  # fmt: skip
    token = await people.token(app, "partner", of=bank.id)
    shown = await own.shows(question="over_18")

    seen = await client.post(
        "/v1/shown-codes", json={"code": shown["code"], "purpose": "an account"}, headers=bearer(token)
    )

    assert seen.status_code == 200, seen.text
    assert (seen.json()["verifier"], seen.json()["answer"]) == ("Bank of the Steppe", "yes")
    [noted] = await own.verifiers()
    assert (noted["verifier"], noted["verified"], noted["purpose"]) == ("Bank of the Steppe", True, "an account")
