"""Residents and officers of an installation that judges risk, as their apps call it."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
from litestar import Litestar
from sqlalchemy import text

from app import db, identity_cases, ids, outbox, seed
from app.house import House
from app.http import ids as outside
from app.risk import backtests, judging, looking, reviewing
from tests.app.people import bearer, keyed, token
from tests.kyc.listing import entity, put_in_force
from tests.kyc.passports import passport

DECLARED: dict[str, Any] = {
    "occupation": "employed",
    "industry": "it",
    "employer": "Utopian Software Ltd",
    "residence": "UTO",
    "products": ["wallet"],
    "funds": ["salary"],
    "funds_amount": 1,
    "funds_explained": "A salary of ten years.",
    "wealth": ["savings"],
    "wealth_amount": 1,
    "expected_turnover": 1,
}
RISK_RULE: dict[str, Any] = {
    "when": [{"any_of": [{"on": "text", "fact": "residence_listing", "values": ["monitored"]}]}],
    "points": 10,
    "words": {"kk": "Алыста тұрады", "ru": "Живёт далеко", "en": "Lives far away"},
    "source": {"act": "AIFC AML Rules", "clause": "5.1", "checked_on": "2026-11-22"},
    "since": "2026-11-22",
    "applies_to": {"residence_listing": "monitored"},
    "spares": {"residence_listing": "none"},
}
FIRST, SECOND = seed.OFFICERS[:2]


_LETTERS = str.maketrans("0123456789", "GHIJKLMNOP")


class Person(msgspec.Struct, frozen=True):
    """A resident's app."""

    client: httpx.AsyncClient
    subject: UUID
    token: str

    @property
    def id(self) -> str:
        return outside.show("resident", self.subject)

    async def get(self, path: str) -> Any:  # noqa: ANN401  any JSON
        answer = await self.client.get(path, headers=bearer(self.token))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, **body: Any) -> Any:  # noqa: ANN401  any JSON
        answer = await self.client.post(path, json=body, headers=keyed(self.token))
        assert answer.is_success, answer.text
        return answer.json()

    async def scan(self, **person: Any) -> Any:  # noqa: ANN401  any JSON
        """Show the passport of somebody who was never seen: tests share their database."""
        number, name = [each.hex.upper().translate(_LETTERS) for each in (uuid4(), self.subject)]
        novel = {"number": number[:9], "surname": name[16:], "given": name[:16]}
        return await self.post("/v1/identity/documents", **passport(**novel | person).body())

    async def declare(self, **changed: Any) -> Any:  # noqa: ANN401  any JSON
        return await self.post("/v1/identity/declarations", **DECLARED | changed)


class Officer(Person, frozen=True):
    """An officer's console."""

    async def risk(self, of: Person) -> Any:  # noqa: ANN401  any JSON
        return await self.get(f"/v1/officer/residents/{of.id}/risk")

    async def case(self, of: Person) -> Any:  # noqa: ANN401  any JSON
        queue = await self.get("/v1/officer/identity-cases")
        [mine] = [each for each in queue["cases"] if each["resident"] == of.id]
        return mine


async def arrived(app: Litestar, client: httpx.AsyncClient) -> Person:
    await put_in_force(app.state.house, entity("LISTED NOBODY"))
    subject = ids.new()
    return Person(client, subject, await token(app, "resident", of=subject))


async def officers(app: Litestar, client: httpx.AsyncClient) -> tuple[Officer, Officer]:
    one, other = [Officer(client, each, await token(app, "officer", of=each)) for each in (FIRST, SECOND)]
    return one, other


async def worked(house: House) -> None:
    """Let the worker judge, ask and review until nothing is due."""
    steps = (judging.step, looking.step, reviewing.step, identity_cases.step, backtests.step, outbox.step)
    while sum([await step(house) for step in steps]):
        pass


async def moved_to(house: House, at: datetime) -> None:
    """Move the installation's clock to an instant."""
    async with db.transaction(house.api, audience="service") as story:
        ahead = at - story.now
        await (await story()).execute(text("UPDATE app.clock SET advanced_by = advanced_by + :ahead"), {"ahead": ahead})
