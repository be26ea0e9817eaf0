"""Disputes over HTTP: what the resident's app does, what officers and the network do, what each of them sees."""

import base64
import tomllib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar
from sqlalchemy import text

from app import db, seed
from app.cards import disputing as disputed
from app.http import ids as public
from app.http.mobile import dispute_views
from app.language import Language
from cards.disputes.life import State
from cards.disputes.reason import NOTICE, RULES, Credit, Proof, Reason
from simulators import scanner
from simulators.chargebacks import Course
from tests.app import disputing, people
from tests.app.cards.test_cards import available as balance
from tests.app.cards.test_cards import forward
from tests.app.disputing import Desk, bought, does, opened, picture, seen, shows
from tests.app.papers import outside as scanners
from tests.app.people import bearer, keyed
from tests.kyc.papers import files
from tests.partners import outside
from tests.security import odd

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def desk(app: Litestar, tmp_path: Path) -> AsyncIterator[Desk]:
    async with disputing.desk(app, tmp_path) as made:
        yield made


async def officer(app: Litestar, number: int = 0) -> str:
    return await people.token(app, "officer", of=seed.OFFICERS[number])


async def test_fraud_from_the_payment_to_the_ruling(app: Litestar, client: httpx.AsyncClient, desk: Desk) -> None:
    desk.network.courses["*"] = Course(represents=50, concedes=False, rules=100)
    me, payment = await bought(app, client, desk.name, 300)
    before = await balance(client, me)
    options = (await client.get(f"/v1/card-payments/{payment}/dispute-options", headers=bearer(me.access_token))).json()
    assert options["disputable"]["amount_minor"] == 300_00
    assert {each["reason"] for each in options["reasons"]} == set(Reason)

    draft = await opened(client, me, payment, 300, "fraud_card_absent", words="It was not me.")
    assert (draft["state"], draft["turn"]) == ("draft", "person")
    assert [(need["kind"], need["given"]) for need in draft["needs"]] == [("declaration", False)]

    claimed = await does(client, me, draft["id"], "submission")
    assert claimed.json()["state"] == "evidence_needed"
    assert (await shows(client, me, draft["id"], "declaration")).status_code == 201
    handed = await does(client, me, draft["id"], "submission")
    assert (handed.json()["state"], handed.json()["credited"]["amount_minor"]) == ("submitted", 300_00)
    assert await balance(client, me) == before + 300

    await desk.works()
    found = await seen(client, me, draft["id"])
    assert (found["state"], found["recovered"]["amount_minor"]) == ("representment", 150_00)

    for act in ("escalate", "arbitrate"):
        token = await officer(app)
        acted = await client.post(f"/v1/officer/disputes/{draft['id']}/acts", json={"act": act}, headers=keyed(token))
        assert acted.status_code == 200, acted.text
        await desk.works()
    won = await seen(client, me, draft["id"])
    assert (won["state"], won["recovered"]["amount_minor"], won["act_by"]) == ("won", 300_00, None)
    assert [step["act"] for step in won["steps"]] == [
        "claim",
        "hand_in",
        "accept",
        "represent",
        "escalate",
        "contest",
        "arbitrate",
        "win",
    ]
    assert await balance(client, me) == before + 300


async def test_what_was_credited_is_taken_back_after_notice(
    app: Litestar, client: httpx.AsyncClient, desk: Desk
) -> None:
    desk.network.courses["*"] = Course(represents=100)
    me, payment = await bought(app, client, desk.name, 300)
    before = await balance(client, me)
    draft = await opened(client, me, payment, 300, "fraud_card_absent")
    await shows(client, me, draft["id"], "declaration")
    await does(client, me, draft["id"], "submission")
    await desk.works()
    gave_up = await client.post(
        f"/v1/officer/disputes/{draft['id']}/acts", json={"act": "give_up"}, headers=keyed(await officer(app))
    )
    assert gave_up.json()["state"] == "lost"
    noticed = await seen(client, me, draft["id"])
    assert noticed["credit"]["taken_back"]["amount_minor"] == 300_00
    assert await balance(client, me) == before + 300

    await forward(app.state.house, NOTICE + timedelta(days=1))
    try:
        await desk.works()
        over = await seen(client, me, draft["id"])
    finally:
        await forward(app.state.house, -(NOTICE + timedelta(days=1)))

    assert over["credit"]["amount"]["amount_minor"] == 0
    assert await balance(client, me) == before


@pytest.mark.parametrize("number", [0, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(1, 30))])
async def test_whatever_the_network_does_money_is_where_the_outcome_says(
    app: Litestar, client: httpx.AsyncClient, tmp_path: Path, number: int
) -> None:
    async with disputing.desk(app, tmp_path, seed=number) as desk:
        me, payment = await bought(app, client, desk.name, 300)
        before = await balance(client, me)
        draft = await opened(client, me, payment, 300, "duplicate")
        await does(client, me, draft["id"], "submission")
        await desk.works()
        for act in ("escalate", "arbitrate"):
            body, headers = {"act": act}, keyed(await officer(app))
            await client.post(f"/v1/officer/disputes/{draft['id']}/acts", json=body, headers=headers)
            await desk.works()
        found = await seen(client, me, draft["id"])

        credited = found["credit"]["amount"]["amount_minor"]
        assert await balance(client, me) == before + credited // 100
        assert found["state"] in {"chargeback", "won", "lost", "rejected"}
        assert found["state"] != "lost" or found["recovered"]["amount_minor"] < 300_00


async def test_a_file_is_looked_at_as_closely_as_one_of_an_identity(
    app: Litestar, client: httpx.AsyncClient, desk: Desk
) -> None:
    me, payment = await bought(app, client, desk.name, 300)
    draft = await opened(client, me, payment, 100, "wrong_amount")

    async def said(content: bytes) -> tuple[int, str, str]:
        answer = await shows(client, me, draft["id"], "receipt", content)
        told = answer.json()
        return answer.status_code, told["code"], told["detail"].rpartition("(")[2].removesuffix(").")

    no = [
        await said(b"<html><script>alert(1)</script></html>"),
        await said(odd.XML["an entity of a file"]),
        await said(picture() + b"\x7fELF"),
        await said(picture()[:-3]),
        await said(files.pdf(b"9 0 obj\n<< /S /JavaScript /JS (app.alert(1)) >>\nendobj\n")),
    ]
    located = (await shows(client, me, draft["id"], "receipt", files.photo())).json()
    kept = await client.get(f"/v1/disputes/{draft['id']}/evidence/{located['id']}", headers=bearer(me.access_token))

    assert [(status, code) for status, code, _ in no] == [(422, "file_not_taken")] * 5
    assert [why for *_, why in no] == ["unknown_type", "unknown_type", "polyglot", "damaged", "active"]
    assert located["media"] == "image/jpeg"
    assert files.PHONE not in base64.b64decode(kept.json()["content"]), "which phone took it, and where, is nobody's"


async def test_no_file_is_taken_that_no_scanner_looked_at(
    app: Litestar, client: httpx.AsyncClient, desk: Desk, tmp_path: Path
) -> None:
    me, payment = await bought(app, client, desk.name, 300)
    draft = await opened(client, me, payment, 100, "wrong_amount")
    said = []
    for scans in (True, False):
        async with scanners.answering(app, tmp_path, scans=scans):
            for content in (files.pdf(b"% " + scanner.EICAR + b"\n"), files.photo()):
                answer = await shows(client, me, draft["id"], "receipt", content)
                said.append((answer.status_code, answer.json().get("code")))

    kept = await outside.rows(
        desk.house,
        "SELECT media FROM cards.dispute_evidence WHERE dispute = :id",
        id=public.parse("dispute", draft["id"]),
    )
    assert said == [(422, "file_infected"), (201, None), (503, "file_not_scanned"), (503, "file_not_scanned")]
    assert [row.media for row in kept] == ["image/jpeg"]


async def test_files_are_sealed_given_back_to_their_owner_and_shown_to_officers_with_a_trace(
    app: Litestar, client: httpx.AsyncClient, desk: Desk
) -> None:
    me, payment = await bought(app, client, desk.name, 300)
    draft = await opened(client, me, payment, 100, "wrong_amount", words="Two coffees, not three.")
    receipt = picture()
    given = (await shows(client, me, draft["id"], "receipt", receipt)).json()
    address = f"{draft['id']}/evidence/{given['id']}"

    mine = await client.get(f"/v1/disputes/{address}", headers=bearer(me.access_token))
    token = await officer(app)
    case = (await client.get(f"/v1/officer/disputes/{draft['id']}", headers=bearer(token))).json()
    theirs = await client.get(f"/v1/officer/disputes/{address}", headers=bearer(token))
    log = (await client.get("/v1/me/access-log", headers=bearer(me.access_token))).json()

    assert base64.b64decode(mine.json()["content"]) == base64.b64decode(theirs.json()["content"]) == receipt
    assert case["words"] == "Two coffees, not three."
    assert [each["sees"] for each in log["accesses"][:2]] == ["evidence", "identity"]
    assert (await shows(client, me, draft["id"], "receipt", receipt)).json()["code"] == "evidence_given"
    for row in await outside.rows(
        desk.house,
        "SELECT content FROM cards.dispute_evidence WHERE id = :id",
        id=public.parse("dispute_evidence", given["id"]),
    ):
        assert receipt not in row.content


async def test_a_dispute_of_somebody_else_is_not_found(app: Litestar, client: httpx.AsyncClient, desk: Desk) -> None:
    me, payment = await bought(app, client, desk.name, 300)
    draft = await opened(client, me, payment, 100, "duplicate")
    [other] = await people.residents(app, 1, start=7)

    for method, path, body in (
        ("GET", f"/v1/disputes/{draft['id']}", None),
        ("POST", f"/v1/disputes/{draft['id']}/submission", None),
        ("POST", f"/v1/disputes/{draft['id']}/withdrawal", None),
        ("GET", f"/v1/card-payments/{payment}/dispute-options", None),
        ("POST", f"/v1/card-payments/{payment}/disputes", {"reason": "duplicate", "amount_minor": 1}),
    ):
        answer = await client.request(method, path, json=body, headers=keyed(other.access_token))
        assert answer.status_code == 404, path


async def test_a_repeat_of_a_submission_gets_the_first_answer(
    app: Litestar, client: httpx.AsyncClient, desk: Desk
) -> None:
    me, payment = await bought(app, client, desk.name, 300)
    draft = await opened(client, me, payment, 300, "duplicate")
    headers = keyed(me.access_token)

    first, again = [await client.post(f"/v1/disputes/{draft['id']}/submission", headers=headers) for _ in range(2)]

    assert (first.json(), again.headers["idempotency-replayed"]) == (again.json(), "true")
    assert len((await seen(client, me, draft["id"]))["steps"]) == 1


async def test_only_the_network_of_a_dispute_is_heard_and_nothing_out_of_turn(
    app: Litestar, client: httpx.AsyncClient, desk: Desk, tmp_path: Path
) -> None:
    me, payment = await bought(app, client, desk.name, 300)
    draft = await opened(client, me, payment, 300, "duplicate")
    ruled = {"event_id": "R-1", "kind": "ruled", "amount_minor": 300_00, "reason": None}
    case = desk.network.cases.setdefault(draft["id"], disputing.Case(id=draft["id"], amount_minor=300_00))
    case.says = [ruled]

    assert await desk.network.send() == [409]
    unsigned = await client.post(f"/v1/networks/{desk.name}/disputes/{draft['id']}/events", json=ruled)
    assert unsigned.status_code == 401
    async with disputing.desk(app, tmp_path / "other") as other:
        other.network.cases[draft["id"]] = msgspec.structs.replace(case)
        assert await other.network.send() == [404]
    assert (await seen(client, me, draft["id"]))["state"] == "draft"


async def test_two_officers_bear_a_loss(app: Litestar, client: httpx.AsyncClient, desk: Desk) -> None:
    desk.network.courses["*"] = Course(represents=100)
    me, payment = await bought(app, client, desk.name, 300)
    draft = await opened(client, me, payment, 300, "fraud_card_absent")
    body = {"what": "receivable", "amount_minor": 1, "cause": "goodwill"}

    refused = await client.post(
        f"/v1/officer/disputes/{draft['id']}/write-offs", json=body, headers=keyed(await officer(app))
    )

    assert (refused.status_code, refused.json()["code"]) == (422, "dispute_amount")


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("reason", set(Reason)),
        ("proof", set(Proof)),
        ("state", set(State)),
        ("credit", set(Credit)),
    ],
)
async def test_every_word_speaks_three_languages(section: str, words: set[str]) -> None:
    found = dispute_views.texts()[section]

    assert set(found) == words
    assert all(set(each) == set(Language) and all(each.values()) for each in found.values())


async def test_the_words_are_a_file_of_toml() -> None:
    assert set(tomllib.loads(dispute_views.TEXTS.read_text(encoding="utf-8"))) == {"reason", "proof", "state", "credit"}


async def test_the_worker_reminds_credits_and_lets_lapse_by_the_clock(
    app: Litestar, client: httpx.AsyncClient, desk: Desk
) -> None:
    desk.network.courses["*"] = Course(represents=0)
    me, payment = await bought(app, client, desk.name, 300)
    before = await balance(client, me)
    handed = await opened(client, me, payment, 200, "duplicate")
    forgotten = await opened(client, me, payment, 100, "wrong_amount")
    await does(client, me, handed["id"], "submission")
    rule = RULES[Reason.WRONG_AMOUNT]
    moved = timedelta()
    seen_at = {}
    try:
        for name, time in (
            ("credited", timedelta(days=25)),
            ("reminded", timedelta(days=rule.claim_days - 26)),
            ("lapsed", timedelta(days=5)),
        ):
            await forward(app.state.house, time)
            moved += time
            await desk.works()
            states = [(await seen(client, me, each["id"]))["state"] for each in (handed, forgotten)]
            seen_at[name] = (*states, await balance(client, me) - before)
    finally:
        await forward(app.state.house, -moved)

    assert seen_at == {
        "credited": ("chargeback", "draft", 200),
        "reminded": ("won", "draft", 200),
        "lapsed": ("won", "expired", 200),
    }
    kinds = await outside.rows(
        desk.house,
        "SELECT kind FROM cards.event WHERE aggregate = :id ORDER BY version",
        id=public.parse("dispute", forgotten["id"]),
    )
    assert [row.kind for row in kinds] == ["dispute.opened", "dispute.reminded", "dispute.ended"]


async def test_what_can_not_be_done_starves_nobody(
    app: Litestar, client: httpx.AsyncClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    me, payment = await bought(app, client, desk.name, 300)
    before = await balance(client, me)
    stuck, waits = [await opened(client, me, payment, tenge, "duplicate") for tenge in (100, 200)]
    await does(client, me, waits["id"], "submission")
    monkeypatch.setattr(disputed, "SIZE_MAX", 1)
    # A draft has no credit to be due: it is found each time, and refused each time.
    async with db.transaction(desk.house.posting) as story:
        overdue = text("UPDATE cards.dispute SET credit_due_at = now() - interval '2 days' WHERE id = :id")
        await (await story()).execute(overdue, {"id": public.parse("dispute", stuck["id"])})
    await forward(app.state.house, timedelta(days=25))
    try:
        await disputed.step(desk.house)
    finally:
        await forward(app.state.house, -timedelta(days=25))

    assert await balance(client, me) == before + 200


async def test_the_network_reads_what_was_handed_in_before_it_is_told(
    app: Litestar, client: httpx.AsyncClient, desk: Desk
) -> None:
    desk.network.courses["*"] = Course(represents=0)
    me, payment = await bought(app, client, desk.name, 300)
    draft = await opened(client, me, payment, 300, "wrong_amount")
    receipt = picture()
    await shows(client, me, draft["id"], "receipt", receipt)
    await does(client, me, draft["id"], "submission")
    assert desk.network.files == {}

    await desk.works(1)
    async with desk.house.worker.begin() as connection:
        again = "UPDATE cards.dispute_errand SET done_at = NULL, due_at = now() WHERE dispute = :dispute"
        await connection.execute(text(again), {"dispute": public.parse("dispute", draft["id"])})
    await desk.works(1)

    assert list(desk.network.files[draft["id"]].values()) == [receipt]
    assert desk.network.cases[draft["id"]].unseen == []
    async with desk.house.report.connect() as connection:
        shown = await connection.execute(text("SELECT reference FROM cards.dispute_shown"))
        assert [each for each in shown.scalars() if each.startswith("exhibit-")]
