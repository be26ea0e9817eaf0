"""A face over HTTP: a session, a selfie, vendors that answer or don't, and a person who looks in the end."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar
from sqlalchemy import text

from app import clock, db, ids, seed
from app.http import ids as outside_ids
from app.papers import faces
from kyc.papers import face
from simulators.faces import Faults, selfie
from tests.app.papers import outside
from tests.app.papers.outside import Outside
from tests.app.people import bearer, keyed, token
from tests.kyc import scans
from tests.kyc.papers import files
from tests.kyc.scans import novel

pytestmark = pytest.mark.asyncio

SESSIONS = "/v1/identity/face-sessions"


class Resident(msgspec.Struct, frozen=True):
    """Somebody who signed in and showed a passport."""

    subject: UUID
    token: str


@pytest_asyncio.fixture
async def out(app: Litestar, tmp_path: Path) -> AsyncIterator[Outside]:
    async with outside.answering(app, tmp_path) as found:
        yield found


async def arrived(app: Litestar) -> Resident:
    subject, house = ids.new(), app.state.house
    await scans.show(house, novel(), by=subject, kms=house.keys.kms)
    return Resident(subject, await token(app, "resident", of=subject))


async def shown(client: httpx.AsyncClient, who: Resident, picture: bytes) -> dict[str, Any]:
    """Begin a session and give it a selfie."""
    begun = await client.post(SESSIONS, headers=keyed(who.token))
    assert begun.status_code == 201, begun.text
    sent = (await outside.send(client, who.token, picture)).json()
    path = f"{SESSIONS}/{begun.json()['id']}/selfie"
    answer = await client.post(path, json={"file": sent["id"]}, headers=keyed(who.token))
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def worked(out: Outside) -> int:
    """Let the worker ask until nothing is due; what is to be asked again is due at once."""
    done = 0
    for _ in range(2 * face.TRIES_MAX):
        async with db.transaction(out.house.worker) as story:
            due = text("UPDATE kyc.face_session SET due_at = :now WHERE due_at IS NOT NULL")
            await (await story()).execute(due, {"now": clock.real()})
        if not (tried := await faces.step(out.house)):
            return done
        done += tried
    return done


async def seen(client: httpx.AsyncClient, who: Resident, session: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"{SESSIONS}/{session['id']}", headers=bearer(who.token))).json()
    return found


async def records(out: Outside, who: Resident) -> dict[str, str]:
    """Read the latest look of each check of the person's face."""
    query = text(
        "SELECT name, verdict FROM kyc.check WHERE resident = :who AND name IN ('face.match', 'liveness') ORDER BY id"
    )
    async with db.transaction(out.house.worker) as story:
        return {row.name: row.verdict for row in await (await story()).execute(query, {"who": who.subject})}


async def test_the_one_in_the_passport_passes(app: Litestar, client: httpx.AsyncClient, out: Outside) -> None:
    who = await arrived(app)

    session = await shown(client, who, selfie())
    await worked(out)

    assert (session["state"], session["attempt"], session["attempts_left"]) == ("waiting", 1, 2)
    assert (await seen(client, who, session))["state"] == "passed"
    assert await records(out, who) == {"face.match": "pass", "liveness": "pass"}


async def test_the_evidence_is_kept_and_shown_to_officers_only(
    app: Litestar, client: httpx.AsyncClient, out: Outside
) -> None:
    who = await arrived(app)
    session = await shown(client, who, selfie())
    await worked(out)
    officer = await token(app, "officer", of=seed.OFFICERS[0])
    path = f"/v1/officer/face-sessions/{session['id']}"

    told = (await client.get(path, headers=bearer(officer))).json()
    pictures = (await client.get(f"{path}/pictures", headers=bearer(officer))).json()
    mine = await seen(client, who, session)
    looks = (await client.get("/v1/me/access-log", headers=bearer(who.token))).json()["accesses"]

    kinds = {each["kind"]: each for each in told["results"]}
    assert set(kinds) == {"match", "liveness"}
    assert (kinds["match"]["vendor"], kinds["match"]["threshold"]) == ("Demo Faces", face.MATCH_MIN)
    assert len(kinds["match"]["images"]) == 2
    assert (pictures["portrait_media"], pictures["selfie_media"]) == ("image/jpeg", "image/jpeg")
    assert "results" not in mine
    assert "score" not in msgspec.json.encode(mine).decode()
    assert ("officer", "evidence") in {(each["role"], each["sees"]) for each in looks}


async def test_somebody_else_may_try_again_and_is_then_looked_at(
    app: Litestar, client: httpx.AsyncClient, out: Outside
) -> None:
    who = await arrived(app)
    states, verdicts = [], []
    for _ in range(face.ATTEMPTS_MAX):
        session = await shown(client, who, selfie("other"))
        await worked(out)
        states.append((await seen(client, who, session))["state"])
        verdicts.append((await records(out, who))["face.match"])
    spent = await client.post(SESSIONS, headers=keyed(who.token))

    assert states == ["failed", "failed", "review"]
    assert verdicts == ["fail", "fail", "review"]
    assert (spent.status_code, spent.json()["code"]) == (409, "face_attempts_spent")


async def test_a_picture_of_a_picture_is_no_living_person(
    app: Litestar, client: httpx.AsyncClient, out: Outside
) -> None:
    who = await arrived(app)

    session = await shown(client, who, selfie("still"))
    await worked(out)

    assert (await seen(client, who, session))["state"] == "failed"
    assert await records(out, who) == {"face.match": "pass", "liveness": "fail"}


async def test_a_vendor_that_is_away_is_asked_again(app: Litestar, client: httpx.AsyncClient, out: Outside) -> None:
    who = await arrived(app)
    out.vendor.faults = Faults(unavailable=3, nonsense=2)

    session = await shown(client, who, selfie())
    tries = await worked(out)

    assert tries > 1
    assert (await seen(client, who, session))["state"] == "passed"


async def test_silence_is_looked_at_by_a_person_and_refuses_nobody(
    app: Litestar, client: httpx.AsyncClient, out: Outside
) -> None:
    who = await arrived(app)
    out.vendor.faults = Faults(unavailable=1_000)

    session = await shown(client, who, selfie())
    tries = await worked(out)

    after = await seen(client, who, session)
    again = await client.post(SESSIONS, headers=keyed(who.token))

    assert tries == face.TRIES_MAX
    assert (after["state"], after["attempts_left"]) == ("review", face.ATTEMPTS_MAX), "silence is no attempt"
    assert (again.status_code, again.json()["attempts_left"]) == (201, face.ATTEMPTS_MAX - 1)
    assert await records(out, who) == {"face.match": "error", "liveness": "error"}


async def test_a_portrait_that_no_state_signed_is_not_compared(
    app: Litestar, client: httpx.AsyncClient, out: Outside
) -> None:
    who, house, stolen = await arrived(app), app.state.house, novel()
    forged = replace(stolen, files={**stolen.files, 2: stolen.files[2] + b"\x00"})
    genuine = (await client.post(SESSIONS, headers=keyed(who.token))).json()["document_id"]
    nobody = ids.new()

    await scans.show(house, forged, by=who.subject, kms=house.keys.kms)
    await scans.show(house, forged, by=nobody, kms=house.keys.kms)
    async with db.transaction(house.worker) as story:
        over = text("UPDATE kyc.face_session SET state = 'expired', ended_at = at WHERE resident = :who")
        await (await story()).execute(over, {"who": who.subject})
    next_ = (await client.post(SESSIONS, headers=keyed(who.token))).json()
    refused = await client.post(SESSIONS, headers=keyed(await token(app, "resident", of=nobody)))

    assert next_["document_id"] == genuine
    assert (refused.status_code, refused.json()["code"]) == (409, "no_portrait")
    assert out.vendor.said == {}


async def test_what_is_found_of_a_face_is_of_the_document_it_was_compared_with(
    app: Litestar, client: httpx.AsyncClient, out: Outside
) -> None:
    who = await arrived(app)
    session = await shown(client, who, selfie())
    await worked(out)

    query = text("SELECT name, document FROM kyc.check WHERE resident = :who AND name IN ('face.match', 'liveness')")
    async with db.transaction(out.house.worker) as story:
        rows = await (await story()).execute(query, {"who": who.subject})
        assert {row.name: outside_ids.show("document", row.document) for row in rows} == dict.fromkeys(
            ("face.match", "liveness"), session["document_id"]
        )


async def test_another_document_gives_no_further_attempts(
    app: Litestar, client: httpx.AsyncClient, out: Outside
) -> None:
    mine = novel()
    who, house = Resident(subject := ids.new(), await token(app, "resident", of=subject)), app.state.house
    for _ in range(face.ATTEMPTS_MAX):
        await scans.show(house, mine, by=who.subject, kms=house.keys.kms)
        await shown(client, who, selfie("other"))
        await worked(out)

    await scans.show(house, mine, by=who.subject, kms=house.keys.kms)
    spent = await client.post(SESSIONS, headers=keyed(who.token))

    assert (spent.status_code, spent.json()["code"]) == (409, "face_attempts_spent")


@pytest.mark.usefixtures("out")
async def test_one_session_at_a_time_with_one_selfie(app: Litestar, client: httpx.AsyncClient) -> None:
    who = await arrived(app)
    session = await shown(client, who, selfie())
    again = await client.post(SESSIONS, headers=keyed(who.token))
    sent = (await outside.send(client, who.token, files.png())).json()
    path = f"{SESSIONS}/{session['id']}/selfie"
    second = await client.post(path, json={"file": sent["id"]}, headers=keyed(who.token))

    assert (again.status_code, again.json()["code"]) == (409, "face_session_open")
    assert (second.status_code, second.json()["code"]) == (409, "face_session_over")


async def test_a_pdf_is_no_selfie_and_a_stranger_has_no_portrait(
    app: Litestar, client: httpx.AsyncClient, out: Outside
) -> None:
    who, stranger = await arrived(app), await token(app, "resident", of=ids.new())
    begun = (await client.post(SESSIONS, headers=keyed(who.token))).json()
    sent = (await outside.send(client, who.token, files.pdf())).json()
    path = f"{SESSIONS}/{begun['id']}/selfie"
    paper = await client.post(path, json={"file": sent["id"]}, headers=keyed(who.token))
    nobody = await client.post(SESSIONS, headers=keyed(stranger))

    assert (paper.status_code, paper.json()["code"]) == (409, "file_not_usable")
    assert (nobody.status_code, nobody.json()["code"]) == (409, "no_portrait")
    assert out.vendor.said == {}
