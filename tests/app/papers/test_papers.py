"""A paper's life over HTTP: handed in, checked, looked at by an officer, judged; and what its owner can read of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import psycopg
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import db, ids, seed
from app.account import retention
from app.http import ids as outside_ids
from kyc.packs import catalogue
from tests import postgres
from tests.app.papers import outside
from tests.app.people import bearer, keyed, token
from tests.kyc.papers import files

pytestmark = pytest.mark.asyncio

PAPERS = "/v1/identity/papers"


class Resident(msgspec.Struct, frozen=True):
    """Somebody who signed in, with a file."""

    subject: UUID
    token: str
    file: str


async def arrived(app: Litestar, client: httpx.AsyncClient) -> Resident:
    subject = ids.new()
    signed_in = await token(app, "resident", of=subject)
    sent = await outside.send(client, signed_in, files.pdf())
    assert sent.status_code == 201, sent.text
    return Resident(subject, signed_in, sent.json()["id"])


def diploma(who: Resident, **given: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    return {
        "kind": "diploma", "country": "UZ", "issued_on": "2019-06-30", "issuer": "Tashkent State University",
        "holder": "Bekzod Karimov", "language": "en", "translated_to": "ru", "notarised": True, "files": [who.file],
    } | given  # fmt: skip


async def given(client: httpx.AsyncClient, who: Resident, **told: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    answer = await client.post(PAPERS, json=diploma(who, **told), headers=keyed(who.token))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def verdicts(paper: dict[str, Any]) -> dict[str, str]:
    return {each["check"].rpartition(".")[2]: each["verdict"] for each in paper["checks"]}


async def test_a_diploma_is_handed_in_checked_and_accepted(
    app: Litestar, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with outside.answering(app, tmp_path):
        who = await arrived(app, client)
        handed = await given(client, who)
    officer = await token(app, "officer", of=seed.OFFICERS[0])
    path = f"/v1/officer/papers/{handed['id']}"
    seen = (await client.get(path, headers=bearer(officer))).json()
    file = (await client.get(f"{path}/files/{who.file}", headers=bearer(officer))).json()
    judged = await client.post(f"{path}/verdict", json={"outcome": "accepted"}, headers=keyed(officer))
    again = await client.post(f"{path}/verdict", json={"outcome": "accepted"}, headers=keyed(officer))
    mine = (await client.get(f"{PAPERS}/{handed['id']}", headers=bearer(who.token))).json()

    assert handed["state"] == "waiting"
    assert verdicts(handed) == {
        "files": "pass", "country": "pass", "legalised": "pass", "translated": "pass", "age": "not_applicable",
        "recognised": "review", "genuine": "review",
    }  # fmt: skip
    assert handed.get("details") is None, "the first answer is kept for repeats"
    assert seen["resident"] == outside_ids.show("resident", who.subject)
    assert seen["paper"]["details"]["holder"] == "Bekzod Karimov"
    assert file["file"]["id"] == who.file
    assert judged.status_code == 201, judged.text
    assert (again.status_code, again.json()["code"]) == (409, "paper_judged")
    assert (mine["state"], verdicts(mine)["genuine"]) == ("accepted", "pass")
    assert mine["details"]["issuer"] == "Tashkent State University"


async def test_whoever_looked_at_a_paper_is_in_its_owners_log(
    app: Litestar, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with outside.answering(app, tmp_path):
        who = await arrived(app, client)
        handed = await given(client, who)
    officer = await token(app, "officer", of=seed.OFFICERS[0])
    await client.get(f"/v1/officer/papers/{handed['id']}", headers=bearer(officer))
    await client.get(f"/v1/officer/papers/{handed['id']}/files/{who.file}", headers=bearer(officer))

    looks = (await client.get("/v1/me/access-log", headers=bearer(who.token))).json()["accesses"]

    assert [(each["role"], each["sees"], each["purpose"]) for each in looks] == [
        ("officer", "evidence", "request"),
        ("officer", "identity", "request"),
    ]


async def test_a_paper_that_is_not_accepted_says_why_in_the_owners_language(
    app: Litestar, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with outside.answering(app, tmp_path):
        who = await arrived(app, client)
        handed = await given(client, who)
    officer = await token(app, "officer", of=seed.OFFICERS[0])
    path = f"/v1/officer/papers/{handed['id']}/verdict"
    nameless = await client.post(path, json={"outcome": "not_accepted"}, headers=keyed(officer))
    both = await client.post(path, json={"outcome": "accepted", "reason": "unreadable"}, headers=keyed(officer))
    await client.post(path, json={"outcome": "not_accepted", "reason": "out_of_date"}, headers=keyed(officer))

    said = {
        tag: (await client.get(f"{PAPERS}/{handed['id']}", headers=bearer(who.token, accept_language=tag))).json()
        for tag in ("en", "ru", "kk")
    }

    assert [(each.status_code, each.json()["code"]) for each in (nameless, both)] == [(422, "not_together")] * 2
    assert {each["state"] for each in said.values()} == {"not_accepted"}
    assert len({each["message"] for each in said.values()}) == 3
    assert said["en"]["reason"] == "out_of_date"


async def test_the_looks_at_a_paper_are_records_of_its_owners_case(
    app: Litestar, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with outside.answering(app, tmp_path):
        who = await arrived(app, client)
        handed = await given(client, who, country="DE", mark="none")
    async with db.transaction(app.state.house.worker) as story:
        query = text("SELECT name, verdict, rule, evidence FROM kyc.check WHERE resident = :who ORDER BY name")
        rows = (await (await story()).execute(query, {"who": who.subject})).all()
    found = {row.name: row for row in rows}

    assert found["paper.diploma.legalised"].verdict == "fail"
    assert {row.rule for row in rows} == {catalogue.VERSION}
    assert {tuple(row.evidence) for row in rows} == {(handed["id"],)}


async def test_a_paper_whose_file_nobody_scanned_waits_for_it(
    app: Litestar, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with outside.answering(app, tmp_path, scans=False):
        who = await arrived(app, client)
        handed = await given(client, who)

    officer = await token(app, "officer", of=seed.OFFICERS[0])
    unseen = await client.get(f"/v1/officer/papers/{handed['id']}/files/{who.file}", headers=bearer(officer))

    assert verdicts(handed)["files"] == "error"
    assert (unseen.status_code, unseen.json()["code"]) == (409, "file_not_usable")


async def test_nobody_hands_in_what_is_not_theirs_or_not_yet(
    app: Litestar, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with outside.answering(app, tmp_path):
        who, other = await arrived(app, client), await arrived(app, client)
    foreign = await client.post(PAPERS, json=diploma(who, files=[other.file]), headers=keyed(who.token))
    tomorrow = await client.post(PAPERS, json=diploma(who, issued_on="2100-01-01"), headers=keyed(who.token))
    fileless = await client.post(PAPERS, json=diploma(who, files=[]), headers=keyed(who.token))

    codes = [(each.status_code, each.json()["code"]) for each in (foreign, tomorrow, fileless)]
    assert codes == [(404, "not_found"), (422, "paper_not_yet"), (400, "invalid_request")]


async def test_what_a_paper_must_be_is_said_beforehand(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await token(app, "resident", of=ids.new())

    async def asked(country: str) -> dict[str, Any]:
        answer = await client.get(f"/v1/identity/paper-requirements/{country}", headers=bearer(resident))
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return {"known": told["known"], **{each["kind"]: each for each in told["papers"]}}

    uzbek, georgian, unknown, own = [await asked(country) for country in ("UZ", "GE", "ZW", "KZ")]

    assert uzbek["diploma"]["legalisation"] == "treaty"
    assert georgian["diploma"]["doubt"] == "disputed"
    assert (unknown["known"], unknown["diploma"]["doubt"]) == (False, "no_pack")
    assert own["birth_certificate"]["asked"] is False
    assert uzbek["police_certificate"]["days_max"] == 180


async def test_the_queue_holds_what_nobody_judged(app: Litestar, client: httpx.AsyncClient, tmp_path: Path) -> None:
    async with outside.answering(app, tmp_path):
        who = await arrived(app, client)
        first, second = await given(client, who), await given(client, who, kind="birth_certificate")
    officer = await token(app, "officer", of=seed.OFFICERS[0])
    verdict = f"/v1/officer/papers/{first['id']}/verdict"
    await client.post(verdict, json={"outcome": "accepted"}, headers=keyed(officer))

    waiting: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await client.get(f"/v1/officer/papers?limit=2{cursor}", headers=bearer(officer))).json()
        waiting += [each["id"] for each in page["papers"]]
        cursor = f"&cursor={page['next_cursor']}" if page.get("next_cursor") else None

    assert second["id"] in waiting
    assert first["id"] not in waiting


async def test_a_file_that_no_paper_uses_goes_and_one_that_a_paper_uses_stays(
    app: Litestar, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with outside.answering(app, tmp_path):
        used, unused = await arrived(app, client), await arrived(app, client)
        await given(client, used)
    async with db.transaction(app.state.house.worker) as story:
        before = story.now + timedelta(days=1)
        await (await story()).execute(retention.KINDS["kyc_file"].statement, {"before": before, "size": 500})
    found = [await client.get(f"/v1/identity/files/{each.file}", headers=bearer(each.token)) for each in (used, unused)]

    assert [each.status_code for each in found] == [200, 404]


async def test_everything_of_papers_goes_with_the_person(
    app: Litestar, client: httpx.AsyncClient, tmp_path: Path, database: str
) -> None:
    async with outside.answering(app, tmp_path):
        who = await arrived(app, client)
        handed = await given(client, who)
    officer = await token(app, "officer", of=seed.OFFICERS[0])
    verdict = f"/v1/officer/papers/{handed['id']}/verdict"
    assert (await client.post(verdict, json={"outcome": "accepted"}, headers=keyed(officer))).is_success
    iin = {"scheme": "iin", "country": "KZ", "value": "900101300017"}
    assert (await client.post("/v1/identity/identifiers", json=iin, headers=keyed(who.token))).is_success
    with psycopg.connect(postgres.libpq(database)) as owner:
        owner.execute(
            "INSERT INTO app.closure (holder, state, version, requested_at, closes_at, erases_on, due_at)"
            " VALUES (%s, 'closed', 1, now(), now(), current_date, now())",
            [who.subject],
        )
    async with db.transaction(app.state.house.worker) as story:
        went = await (await story()).scalar(text("SELECT app.erase(:who)"), {"who": who.subject})

    tables = ("paper_file", "paper_verdict", "paper", "file", "identifier")
    assert {name: went.get(f"kyc.{name}") for name in tables} == dict.fromkeys(tables, 1)
