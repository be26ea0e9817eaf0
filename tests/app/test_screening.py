"""Alerts over HTTP: a list names a resident at night, money stands still, officers look, two of them free.

Whatever happens, the resident reads nothing of it but what every doubt is called.
"""

from datetime import timedelta
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import db, measures, monitoring, seed
from app.house import House
from app.http import ids
from app.language import Language
from app.seed import Seeded
from kyc.names.alike import How
from kyc.names.entity import Entity
from kyc.names.evidence import POINTS
from tests.app.account.people import pass_by
from tests.app.people import bearer, keyed, residents, send, token
from tests.kyc.listing import entity, put_in_force

pytestmark = pytest.mark.asyncio

FIRST = 6_200


class Desk:
    """Two officers of compliance, a resident whom a list may name, and the worker at their call."""

    def __init__(self, app: Litestar, client: httpx.AsyncClient, who: Seeded, officers: list[str]) -> None:
        self.app, self.client, self.who = app, client, who
        self.house = cast("House", app.state.house)
        self.one, self.other = officers

    def named(self, source: str = "agency", **said: Any) -> Entity:  # noqa: ANN401  what a list says
        zone = seed.person(self.who.number)
        return entity("7", f"{zone.given} {zone.surname}", **{"born": (zone.born.text(),), "source": source, **said})

    async def night(self, *listed: Entity, source: str = "agency") -> None:
        """Let a list change, and the worker do what follows."""
        filler = [entity(str(number), f"Nobody{number} Nowhere", source=source) for number in range(100, 103)]
        await put_in_force(self.house, *filler, *listed, source=source)
        await self.works()

    async def works(self) -> None:
        while await monitoring.step(self.house) + await measures.step(self.house):
            pass

    async def get(self, path: str, by: str | None = None, **headers: str) -> Any:  # noqa: ANN401  any JSON
        answer = await self.client.get(f"/v1/{path}", headers=bearer(by or self.one, **headers))
        assert answer.is_success, answer.text
        return answer.json()

    async def post(self, path: str, body: object, by: str | None = None) -> httpx.Response:
        return await self.client.post(f"/v1/officer/screening/{path}", json=body, headers=keyed(by or self.one))

    async def queue(self, state: str = "open") -> list[dict[str, Any]]:
        """List the alerts about this resident."""
        found = (await self.get(f"officer/screening/alerts?state={state}&limit=100"))["alerts"]
        return [each for each in found if each["resident"] == ids.show("resident", self.who.subject)]

    async def act(self, alert: str, act: str, reason: str, by: str | None = None, **more: str) -> httpx.Response:
        return await self.post(f"alerts/{alert}/acts", {"act": act, "reason": reason, **more}, by)

    async def frees(self, alert: str, act: str, reason: str, **more: str) -> None:
        proposed = await self.act(alert, act, reason, **more)
        assert proposed.status_code == 201, proposed.text
        settled = await self.post(f"acts/{proposed.json()['id']}/decision", {"agree": True}, self.other)
        assert settled.status_code == 200, settled.text

    async def restrictions(self) -> list[tuple[str, str]]:
        found = await self.get("me/restrictions", self.who.access_token)
        return [(each["reason"], each["state"]) for each in found["restrictions"]]

    async def sends(self) -> int:
        [payee] = await residents(self.app, 1, start=FIRST + 955)
        return (await send(self.client, self.who, payee, 1)).status_code


async def desk(app: Litestar, client: httpx.AsyncClient, number: int) -> Desk:
    [who] = await residents(app, 1, start=number)
    return Desk(app, client, who, [await token(app, "officer") for _ in "12"])


async def test_who_is_named_by_a_list_of_the_law_stands_still_before_anybody_looked(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    at = await desk(app, client, FIRST)
    await at.night()
    assert (await at.sends(), await at.queue()) == (201, [])

    await at.night(at.named("un"), source="un")

    [alert] = await at.queue()
    assert (alert["source"], alert["grave"], alert["present"]) == ("un", True, True)
    assert await at.restrictions() == [("legal_review", "in_force")], "no list is spoken of"
    assert await at.sends() == 403

    assert (await at.act(alert["id"], "confirm", "same_person")).status_code == 201
    assert set(await at.restrictions()) == {("legal_review", "in_force"), ("state_order", "in_force")}
    assert (await at.queue(), len(await at.queue("confirmed"))) == ([], 1)

    await at.frees(alert["id"], "release", "mistaken_identity")
    assert set(await at.restrictions()) == {("legal_review", "lifted"), ("state_order", "lifted")}
    assert await at.sends() == 201


async def test_a_list_that_is_only_our_risk_waits_for_an_officer(app: Litestar, client: httpx.AsyncClient) -> None:
    at = await desk(app, client, FIRST + 1)
    await at.night(at.named("ofac"), source="ofac")

    [alert] = await at.queue()
    assert (alert["grave"], await at.restrictions()) == (False, [])

    await at.act(alert["id"], "confirm", "same_person")
    assert await at.restrictions() == [("legal_review", "in_force")]


async def test_an_alert_says_what_speaks_for_and_against_in_three_languages(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    at = await desk(app, client, FIRST + 2)
    await at.night(at.named(born=("1950-05-05",), nationalities=("ITA",), programs=("SDGT",)))
    [alert] = await at.queue()

    told = [await at.get(f"officer/screening/alerts/{alert['id']}", accept_language=language) for language in Language]

    [shown, *_] = told
    assert (shown["publisher"], shown["effect"]) == ("Financial Monitoring Agency of Kazakhstan", "freeze")
    assert shown["listed"]["born"] == ["1950-05-05"]
    assert shown["person"]["born"] == [seed.person(at.who.number).born.text()]
    against = {each["code"] for each in shown["explanation"] if not each["supports"]}
    assert {"born.contradicts", "nationality.contradicts"} <= against
    assert {each["code"] for each in shown["explanation"] if each["supports"]} == {"word.exact"}
    texts = {tuple(each["text"] for each in one["explanation"]) for one in told}
    assert len(texts) == len(Language)
    assert all("{" not in sentence for one in texts for sentence in one)


async def test_every_code_of_an_explanation_has_its_sentence(app: Litestar) -> None:
    from app.http.officer import screening_views  # noqa: PLC0415  beside the one test that reads it

    del app
    words = screening_views.texts()
    assert {f"word.{how}" for how in How} | set(POINTS) | {"alias.weak", "other"} <= set(words)
    assert all(set(each) == set(Language) for each in words.values())


async def test_what_is_cleared_stays_so_whatever_else_the_list_says(app: Litestar, client: httpx.AsyncClient) -> None:
    at = await desk(app, client, FIRST + 3)
    await at.night(at.named(born=("1950",)))
    [alert] = await at.queue()

    alone = await at.act(alert["id"], "clear", "other_birth", note="born forty years earlier")
    assert (alone.status_code, len(await at.queue())) == (201, 1), "one officer frees nobody"
    assert (await at.act(alert["id"], "clear", "other_birth", at.other)).json()["code"] == "alert_proposal_open"
    itself = await at.post(f"acts/{alone.json()['id']}/decision", {"agree": True})
    assert itself.json()["code"] == "alert_same_officer"
    [waiting] = (await at.get("officer/screening/acts"))["acts"]
    settled = await at.post(f"acts/{waiting['id']}/decision", {"agree": True}, at.other)
    assert (settled.status_code, await at.queue()) == (200, [])

    await at.night(at.named(born=("1950",), programs=("SDGT",)))
    assert await at.queue() == [], "other words of the list are no news"
    await at.night(at.named(born=("1951",)))
    [again] = await at.queue()
    assert again["id"] != alert["id"], "another date of birth is"


@pytest.mark.fresh
async def test_a_whitelisting_is_over_when_it_is(app: Litestar, client: httpx.AsyncClient) -> None:
    at = await desk(app, client, FIRST + 4)
    await at.night(at.named(born=("1950",)))
    [alert] = await at.queue()
    async with db.transaction(at.house.worker) as story:
        until = (story.now + timedelta(days=30)).isoformat()
        late = (story.now + timedelta(days=400)).isoformat()

    asked: list[tuple[str, dict[str, str]]] = [
        ("clear", {"until": until}),
        ("whitelist", {}),
        ("whitelist", {"until": late}),
    ]
    for refused, more in asked:
        answer = await at.act(alert["id"], refused, "other_birth", **more)
        assert (answer.status_code, answer.json()["code"]) == (422, "alert_until")
    await at.frees(alert["id"], "whitelist", "other_birth", until=until)
    await pass_by(at.house, timedelta(days=29))
    await at.works()
    assert await at.queue() == []

    await pass_by(at.house, timedelta(days=2))
    await at.works()
    assert [each["id"] for each in await at.queue()] == [alert["id"]]


async def test_what_does_not_go_together_is_refused(app: Litestar, client: httpx.AsyncClient) -> None:
    at = await desk(app, client, FIRST + 5)
    await at.night(at.named())
    [alert] = await at.queue()

    for act, reason, code in (
        ("release", "delisted", "alert_state"),
        ("clear", "same_person", "alert_reason"),
        ("confirm", "other_birth", "alert_reason"),
    ):
        assert (await at.act(alert["id"], act, reason)).json()["code"] == code


@pytest.mark.fresh
async def test_that_somebody_was_looked_up_can_be_proved(app: Litestar, client: httpx.AsyncClient) -> None:
    at = await desk(app, client, FIRST + 6)
    path = f"officer/screening/residents/{ids.show('resident', at.who.subject)}/proofs"
    assert (await at.get(path))["due"], "whoever came before there was a list"

    await at.night()
    await at.night(entity("8", "Somebody Else"))

    shown = await at.get(path)
    assert (shown["due"], shown["edition"]) == (False, 2)
    assert [(each["edition"], each["nothing_found"], each["sound"]) for each in shown["proofs"]] == [
        (2, True, True),
        (1, True, True),
    ]
    state = await at.get("officer/screening/lists")
    assert (state["people_due"], [each["entries"] for each in state["lists"]]) == (0, [4])
    async with db.transaction(at.house.worker) as story:
        roots = set(
            await (await story()).scalars(text("SELECT body->>'root' FROM kyc.event WHERE kind = 'screening.looked'"))
        )
    assert shown["proofs"][0]["root"] in roots


async def test_the_resident_reads_nothing_of_it(app: Litestar, client: httpx.AsyncClient) -> None:
    at = await desk(app, client, FIRST + 7)
    await at.night(at.named("un"), source="un")
    [alert] = await at.queue()

    for path in ("me/feed", "me/restrictions", "me/access-log", "limits", "me"):
        answer = await client.get(f"/v1/{path}", headers=bearer(at.who.access_token))
        assert answer.status_code == 200, path
        told = answer.text.lower()
        assert not any(word in told for word in ("alert", "screening.", "list_match", alert["id"].lower())), path
    async with db.transaction(at.house.api, holder=at.who.subject, audience="resident") as story:
        for table in ("kyc.alert", "kyc.look", "kyc.alert_act"):
            assert await (await story()).scalar(text(f"SELECT count(*) FROM {table}")) == 0  # noqa: S608  of this test
