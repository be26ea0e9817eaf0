"""Cases of identification over HTTP: the queue, one case side by side, a claim, two officers, what the person reads."""

import re
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar import Litestar

from app import db, identity_cases, vault
from app.house import House
from app.http import ids
from app.http.mobile import identity_case
from app.language import Language
from app.settings import Settings
from kyc.cases import keeping, reasons
from kyc.cases.case import ATTEMPTS_MAX
from kyc.cases.life import Shown, State
from kyc.check import Finding, Verdict
from law.regime import PROGRAMME, Programme
from tests.app.account.people import pass_by
from tests.app.applicants import officers
from tests.app.people import bearer, keyed, token
from tests.kyc.cases.people import all_pass, reported, shows, stands

CASES = "/v1/officer/identity-cases"
ODD = all_pass(chip__issuer_trusted=Verdict.REVIEW)


class Resident:
    """Somebody with a token and a key, who can show a document of which this and that is found."""

    def __init__(self, app: Litestar, client: httpx.AsyncClient, held: str, subject: UUID) -> None:
        self.house: House = app.state.house
        self.client = client
        self.token = held
        self.subject = subject

    async def shows(self, findings: Any) -> None:  # noqa: ANN401  a list of findings
        async with db.transaction(self.house.api, holder=self.subject, audience="resident") as story:
            keys = await vault.of(await story(), self.house.keys.kms, self.subject, story.now)
            at = story.now
        name = b'{"surname":"RAO","given":"ASHA","born":"1990-01-01","sex":"F","nationality":"IND","number":"X1"}'

        def sealed(row: UUID) -> bytes:
            return keys.seal(name, table="kyc.document", column="person", row=row)

        await shows(self.house, self.subject, findings, at=at, sealed=sealed)

    async def identity(self, language: str = "en") -> Any:  # noqa: ANN401  any JSON
        answer = await self.client.get("/v1/me/identity", headers=bearer(self.token, accept_language=language))
        assert answer.status_code == 200, answer.text
        return answer.json()


async def arrived(app: Litestar, client: httpx.AsyncClient) -> Resident:
    held = await token(app, "resident")
    me = (await client.get("/v1/me", headers=bearer(held))).json()
    return Resident(app, client, held, ids.parse("resident", me["id"]))


async def path_of(resident: Resident) -> str:
    held = await stands(resident.house, resident.subject)
    return f"{CASES}/{ids.show('identity_case', held.id)}"


async def says(client: httpx.AsyncClient, officer: str, path: str, **said: str) -> httpx.Response:
    """Claim a case and review it."""
    claimed = await client.post(f"{path}/claim", headers=keyed(officer))
    assert claimed.status_code in {201, 409}, claimed.text
    return await client.post(f"{path}/reviews", json=said, headers=keyed(officer))


@pytest.mark.asyncio
async def test_two_officers_decide_what_the_machine_left_open(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await arrived(app, client)
    first, second = await officers(app)
    await resident.shows(ODD)
    path = await path_of(resident)

    queue = (await client.get(f"{CASES}?limit=100", headers=bearer(first))).json()["cases"]
    shown = (await client.get(path, headers=bearer(first))).json()
    early = await client.post(f"{path}/reviews", json={"decision": "grant"}, headers=keyed(first))
    proposed = await says(client, first, path, decision="grant", note="The embassy confirmed it.")
    again = await says(client, first, path, decision="grant")
    granted = await says(client, second, path, decision="grant")

    assert any(path.endswith(each["id"]) for each in queue)
    assert [each["due_at"] for each in queue] == sorted(each["due_at"] for each in queue)
    [document] = shown["documents"]
    assert (document["surname"], document["outcome"]) == ("RAO", "review")
    [odd] = [each for each in shown["checks"] if each["verdict"] == "review"]
    assert (odd["check"], odd["rule"], odd["told"]) == ("chip.issuer_trusted", "chip@2026-11", True)
    assert odd["title"]
    assert odd["explanation"]
    assert (shown["decision"]["outcome"], shown["decision"]["if_all_pass"]) == ("review", "approve")
    assert {(each["verdict"], each["outcome"]) for each in shown["decision"]["would_change"]} == {
        ("pass", "approve"),
        ("fail", "retry"),
    }
    assert (early.status_code, early.json()["code"]) == (409, "case_not_claimed")
    assert (again.status_code, again.json()["code"]) == (409, "same_reviewer")
    assert (proposed.status_code, granted.status_code) == (201, 201), proposed.text + granted.text
    assert (proposed.json()["state"], granted.json()["state"]) == ("second_review", "approved")
    done = (await client.get(path, headers=bearer(second))).json()
    assert [each["note"] for each in done["reviews"]] == ["The embassy confirmed it.", None]
    assert (await resident.identity())["state"] == "approved"


@pytest.mark.asyncio
async def test_what_was_suspended_two_officers_grant_again(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await arrived(app, client)
    first, second = await officers(app)
    await resident.shows(all_pass())
    async with db.transaction(resident.house.worker) as story:
        await keeping.suspend(await story(), resident.subject, reason="court_order", at=story.now, by="service:test")
    path = await path_of(resident)

    answers = [await says(client, officer, path, decision="grant") for officer in (first, second)]

    assert [each.json()["state"] for each in answers] == ["second_review", "approved"]


@pytest.mark.asyncio
async def test_one_officer_suspends_and_two_free_again(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await arrived(app, client)
    first, second = await officers(app)
    await resident.shows(all_pass())
    path = await path_of(resident)

    early = await client.post(f"{path}/resumption", headers=keyed(first))
    suspended = await client.post(f"{path}/suspension", json={"reason": "document_stolen"}, headers=keyed(first))
    again = await client.post(f"{path}/suspension", json={"reason": "court_order"}, headers=keyed(second))
    held = await resident.identity()
    known = (await client.get("/v1/identity/standing", headers=bearer(resident.token))).json()
    resumed = await client.post(f"{path}/resumption", headers=keyed(first))
    answers = [await says(client, officer, path, decision="grant") for officer in (first, second)]
    back = (await client.get("/v1/identity/standing", headers=bearer(resident.token))).json()

    assert (early.status_code, early.json()["code"]) == (409, "illegal_move")
    assert (suspended.status_code, suspended.json()["state"]) == (201, "suspended"), suspended.text
    assert (again.status_code, again.json()["code"]) == (409, "illegal_move")
    assert (held["state"], [each["code"] for each in held["reasons"]]) == ("in_review", ["under_review"])
    assert "stolen" not in str(held)
    assert (known["identified"], resumed.json()["state"]) == (False, "manual_review")
    assert [each.json()["state"] for each in answers] == ["second_review", "approved"]
    assert back["identified"]


@pytest.mark.asyncio
async def test_who_does_not_see_what_is_open_decides_nothing_and_tells_no_alert_from_it(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    watched, listed = await arrived(app, client), await arrived(app, client)
    blind = await token(app, "officer", scopes=frozenset({"officer:read", "officer:cases"}))
    [whole] = await officers(app, 1)
    for resident in (watched, listed):
        await resident.shows(all_pass())
    await reported(watched.house, watched.subject, Finding("risk.score", Verdict.REVIEW))
    await reported(listed.house, listed.subject, Finding("person.screening", Verdict.REVIEW))
    path, alert = await path_of(watched), await path_of(listed)

    answers = [await _all_acts(client, blind, each) for each in (path, alert)]
    await client.delete(f"{path}/claim", headers=bearer(blind))
    seen = await says(client, whole, path, decision="grant")

    assert answers[0] == answers[1]
    assert [code for _, code, _ in answers[0]] == ["illegal_move", *["case_unseen"] * 3]
    assert not re.search("risk|alert|screening", str(answers))
    assert (seen.status_code, seen.json()["state"]) == (201, "second_review")


async def _all_acts(client: httpx.AsyncClient, officer: str, path: str) -> list[tuple[int, str, str]]:
    """Suspend, grant, ask and refuse; gives the answers, and the case as it is shown, without what names it."""
    suspended = await client.post(f"{path}/suspension", json={"reason": "document_stolen"}, headers=keyed(officer))
    said = [
        await says(client, officer, path, decision="grant"),
        await says(client, officer, path, decision="ask", reason_code="information_needed"),
        await says(client, officer, path, decision="refuse", reason_code="not_confirmed"),
    ]
    shown = (await client.get(path, headers=bearer(officer))).json()
    alike = [shown[name] for name in ("state", "version", "due_at", "answer_by", "told", "reviews")]
    alike += [shown["decision"] | {"digest": "", "document": ""}, [each | {"at": ""} for each in shown["moves"]]]
    moved = str(alike).replace(shown["resident"], "").replace(str(ids.parse("resident", shown["resident"])), "")
    return [(each.status_code, each.json()["code"], each.json()["detail"] + moved) for each in (suspended, *said)]


@pytest.mark.asyncio
@pytest.mark.parametrize("open_", ["person__screening", "risk__score"])
async def test_an_appeal_too_early_names_no_state_but_what_is_shown(
    app: Litestar, client: httpx.AsyncClient, open_: str
) -> None:
    resident = await arrived(app, client)
    await resident.shows(all_pass(**{open_: Verdict.REVIEW}))

    early = await client.post("/v1/me/identity/appeals", json={"text": "No!"}, headers=keyed(resident.token))

    assert early.status_code == 409
    assert "in_review" in early.json()["detail"]
    assert not re.search("risk|alert|screening|manual", early.text)


def test_what_is_demanded_is_the_regimes_and_of_the_outside_that_is_there(settings: Settings) -> None:
    [regime] = PROGRAMME.regimes
    began, faces = date(2027, 1, 1), frozenset({"face.match", "liveness", "document.matches_form"})
    programme = Programme(
        [
            msgspec.structs.replace(regime, ends=began),
            msgspec.structs.replace(regime, begins=began, ends=date(2028, 1, 1), identification=faces),
        ]
    )
    asking = msgspec.structs.replace(settings, exposure_url="http://127.0.0.1:9")
    exposure = {"person.pep", "person.media"}
    silent = msgspec.structs.replace(settings, exposure_url=None)

    assert identity_cases.demanded(silent, programme, date(2026, 12, 31)) == set()
    assert identity_cases.demanded(silent, programme, began) == faces
    assert identity_cases.demanded(asking, programme, began) == faces | exposure
    assert identity_cases.demanded(asking, programme, date(2028, 1, 1)) == exposure
    assert Programme.load(programme.dump()).at(began).identification == faces


@pytest.mark.asyncio
async def test_who_was_approved_is_watched_from_the_next_day_on(app: Litestar, client: httpx.AsyncClient) -> None:
    resident, fresh = await arrived(app, client), await arrived(app, client)
    await fresh.shows(all_pass())
    async with db.transaction(resident.house.worker) as story:
        before = story.now - timedelta(days=1, minutes=1)
    await shows(resident.house, resident.subject, all_pass(), at=before)

    while await identity_cases.step(resident.house):
        pass

    assert (await stands(resident.house, resident.subject)).state is State.MONITORING
    assert (await stands(fresh.house, fresh.subject)).state is State.APPROVED
    assert (await resident.identity())["state"] == "approved"


@pytest.mark.asyncio
async def test_lists_and_scores_are_shown_to_those_whose_duty_they_are(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    resident = await arrived(app, client)
    reader = await token(app, "officer", scopes=frozenset({"officer:read"}))
    [compliance] = await officers(app, 1)
    await resident.shows(all_pass(person__screening=Verdict.REVIEW, risk__score=Verdict.REVIEW))
    path = await path_of(resident)

    told = {held: (await client.get(path, headers=bearer(held))).text for held in (reader, compliance)}
    queues = {
        state: (await client.get(f"{CASES}?limit=100&state={state}", headers=bearer(reader))).json()["cases"]
        for state in ("manual_review", "screening_alert")
    }

    for word in ("screening", "risk", "alert"):
        assert word not in told[reader]
        assert word in told[compliance]
    shown = msgspec.json.decode(told[reader])
    assert (shown["state"], shown["decision"]["reasons"]) == ("manual_review", ["person"])
    assert path.rpartition("/")[2] in {each["id"] for each in queues["manual_review"]}
    assert queues["screening_alert"] == []


@pytest.mark.asyncio
async def test_a_case_is_one_officers_at_a_time(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await arrived(app, client)
    first, second = await officers(app)
    await resident.shows(ODD)
    path = await path_of(resident)

    mine = await client.post(f"{path}/claim", headers=keyed(first))
    theirs = await client.post(f"{path}/claim", headers=keyed(second))
    released = await client.delete(f"{path}/claim", headers=bearer(first))
    then = await client.post(f"{path}/claim", headers=keyed(second))

    assert (mine.status_code, theirs.status_code, theirs.json()["code"]) == (201, 409, "case_claimed")
    assert (released.status_code, then.status_code) == (204, 201)


@pytest.mark.asyncio
async def test_what_is_asked_for_is_told_with_what_would_help_and_how_often(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    resident = await arrived(app, client)
    [officer] = await officers(app, 1)

    nothing = await resident.identity()
    await resident.shows(all_pass(chip__structure=Verdict.FAIL))
    asked = await resident.identity("ru")
    await resident.shows(ODD)
    await says(client, officer, await path_of(resident), decision="ask", reason_code="information_needed")
    again = await resident.identity("kk")

    assert (nothing["state"], nothing["reasons"]) == ("collecting", [])
    assert (asked["state"], asked["attempts_left"]) == ("action_needed", ATTEMPTS_MAX - 1)
    [reason] = asked["reasons"]
    assert reason["code"] == "chip_unreadable"
    assert reason["help"].startswith("Снимите обложку")
    assert asked["answer_by"] is not None
    assert [each["code"] for each in again["reasons"]] == ["information_needed"]


@pytest.mark.asyncio
async def test_a_refusal_names_its_ground_and_is_appealed_once_to_others(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    resident = await arrived(app, client)
    first, second, third, fourth = await officers(app, 4)
    await resident.shows(ODD)
    path = await path_of(resident)

    early = await client.post("/v1/me/identity/appeals", json={"text": "No!"}, headers=keyed(resident.token))
    unfounded = await says(client, first, path, decision="refuse", reason_code="chip_unreadable")
    for officer in (first, second):
        await says(client, officer, path, decision="refuse", reason_code="not_confirmed")
    refused = (await resident.identity())["refusal"]
    lodged = await client.post("/v1/me/identity/appeals", json={"text": "It is mine."}, headers=keyed(resident.token))
    read = (await client.get(path, headers=bearer(third))).json()["refusal"]
    same = await says(client, first, path, decision="grant")
    await client.delete(f"{path}/claim", headers=bearer(first))
    await says(client, third, path, decision="grant")
    heard = await says(client, fourth, path, decision="grant")

    assert (early.status_code, early.json()["code"]) == (409, "illegal_move")
    assert (unfounded.status_code, unfounded.json()["code"]) == (422, "unknown_reason")
    assert refused["reason"]["code"] == "not_confirmed"
    assert "88-V" in refused["ground"]
    assert (refused["may_appeal"], refused["appeal"]) == (True, None)
    assert lodged.status_code == 201
    assert lodged.json()["text"] is None
    assert read["appeal"] == "It is mine."
    assert (same.status_code, same.json()["code"]) == (409, "same_reviewer")
    assert heard.json()["state"] == "approved"


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_what_nobody_answers_lapses(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await arrived(app, client)
    await resident.shows(all_pass(mrz__read=Verdict.FAIL))

    assert await identity_cases.step(resident.house) == 0
    await pass_by(resident.house, timedelta(days=32))
    assert await identity_cases.step(resident.house) == 1

    assert (await stands(resident.house, resident.subject)).state is State.COLLECTING


def test_every_code_and_every_state_is_told_in_three_languages() -> None:
    for code, reason in reasons.catalogue().code.items():
        texts = [reason.en, reason.ru, reason.kk]
        assert len({text for pair in texts for text in pair}) == 6, code
        assert all(len(text) > 10 for pair in texts for text in pair), code
    assert set(identity_case.texts()) == set(Shown)
    assert all(set(text) == set(Language) for text in identity_case.texts().values())
