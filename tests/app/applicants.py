"""Applicants and officers as their apps call us, in an installation that trusts two test authorities and one list."""

import itertools
import string
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
import msgspec
from litestar import Litestar
from sqlalchemy import text

from app import db, pipeline
from app.house import House
from app.http import ids as outside
from app.settings import Settings
from kyc.lists import snapshot
from residency.service import Answers
from simulators.passport import Authority
from tests.app.people import bearer, keyed, token
from tests.kyc.listing import entity

UTOPIA = Authority.seeded(1)
KAZAKHSTAN = Authority.seeded(1, state="KAZ", country="KZ")
ANSWERS: Answers = {"purpose": "investment", "data_consent": True, "rules_accepted": True}

_LISTED = entity("E-1", "IVAN SIDOROV", born=("1971-03-04",))
_SOURCE = text("INSERT INTO kyc.list_source (source, due_at) VALUES (:source, :due_at) ON CONFLICT DO NOTHING")
_serials = itertools.count(1)


class Resident:
    """A resident's app: the token of a newcomer and the calls an application needs."""

    def __init__(self, client: httpx.AsyncClient, token: str, subject: UUID) -> None:
        self.client = client
        self.token = token
        self.subject = subject

    async def get(self, path: str, **headers: str) -> Any:  # noqa: ANN401  any JSON
        answer = await self.client.get(path, headers=bearer(self.token, **headers))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: object = None, *, key: str | None = None) -> httpx.Response:
        return await self.client.post(path, json=body, headers=keyed(self.token, key))

    async def scan(self, by: Authority = UTOPIA, **person: Any) -> None:  # noqa: ANN401  fields of a passport
        serial = next(_serials)
        novak = {"surname": "NOVAK", "given": _word(serial), "born": date(2001, 5, 5), "expires": date(2034, 1, 1)}
        fields: dict[str, Any] = {**novak, **person}
        shown = by.issue(**fields, number=f"P{serial:08d}", sex="M")
        answer = await self.post("/v1/identity/documents", shown.body())
        assert answer.status_code == 201, answer.text

    async def agrees(self, purpose: str = "services") -> None:
        [shown] = [each for each in (await self.get("/v1/me/consents"))["consents"] if each["purpose"] == purpose]
        words = {name: shown[name] for name in ("purpose", "text_sha256", "language")}
        answer = await self.post("/v1/me/consents", words)
        assert answer.status_code == 201, answer.text

    async def draft(self) -> str:
        await self.agrees()
        begun = await self.post("/v1/applications", {"service": "eresidency.assign"})
        assert begun.status_code == 201, begun.text
        path = begun.headers["location"]
        answered = await self.client.put(
            f"{path}/answers", json={"answers": ANSWERS}, headers=bearer(self.token, if_match=begun.headers["etag"])
        )
        assert answered.status_code == 200, answered.text
        return str(path)

    async def file(self) -> str:
        path = await self.draft()
        filed = await self.post(f"{path}/submit")
        assert filed.status_code == 200, filed.text
        return path


def trusting(settings: Settings, folder: Path) -> Settings:
    """Let an installation trust the two authorities."""
    for authority in (UTOPIA, KAZAKHSTAN):
        authority.export(folder)
    return msgspec.structs.replace(settings, csca_folder=folder)


async def screening(app: Litestar) -> House:
    """Put a list of persons in force and give the house of the application."""
    house = cast("House", app.state.house)
    async with db.transaction(house.worker) as story:
        later = story.now + timedelta(days=1)
        await (await story()).execute(_SOURCE, {"source": "agency", "due_at": later})
        await snapshot.replace(await story(), "agency", [_LISTED], etag="", at=story.now, due_at=later)
    return house


async def newcomer(app: Litestar, client: httpx.AsyncClient) -> Resident:
    held = await token(app, "resident")
    me = (await client.get("/v1/me", headers=bearer(held))).json()
    return Resident(client, held, outside.parse("resident", me["id"]))


async def officers(app: Litestar, count: int = 2) -> list[str]:
    return [await token(app, "officer") for _ in range(count)]


async def checked(house: House) -> None:
    while await pipeline.step(house):
        pass


async def review(client: httpx.AsyncClient, officer: str, path: str, decision: str, **more: str) -> httpx.Response:
    where = path.replace("/applications/", "/officer/cases/")
    return await client.post(f"{where}/reviews", json={"decision": decision, **more}, headers=keyed(officer))


async def cleared(client: httpx.AsyncClient, officers_: Sequence[str], resident: UUID) -> None:
    """Let two officers clear every alert about somebody, who is somebody else than the list means."""
    first, second = officers_
    about = outside.show("resident", resident)
    alerts = (await client.get("/v1/officer/screening/alerts?limit=100", headers=bearer(first))).json()["alerts"]
    for each in alerts:
        if each["resident"] != about:
            continue
        path = f"/v1/officer/screening/alerts/{each['id']}/acts"
        act = await client.post(path, json={"act": "clear", "reason": "other_birth"}, headers=keyed(first))
        assert act.status_code == 201, act.text
        path = f"/v1/officer/screening/acts/{act.json()['id']}/decision"
        agreed = await client.post(path, json={"agree": True}, headers=keyed(second))
        assert agreed.status_code == 200, agreed.text


async def get_case(client: httpx.AsyncClient, officer: str, path: str, **headers: str) -> Any:  # noqa: ANN401  any JSON
    answer = await client.get(path.replace("/applications/", "/officer/cases/"), headers=bearer(officer, **headers))
    assert answer.status_code == 200, answer.text
    return answer.json()


def _word(serial: int) -> str:
    """Spell a number in letters, so that no two people have the same name."""
    return "".join(string.ascii_uppercase[int(digit)] for digit in str(serial)) + "TOMAS"
