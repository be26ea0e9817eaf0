"""Rules of risk over HTTP: one officer drafts and tries, another one brings into force, and both see why."""

from typing import Any

import httpx
import pytest
from litestar import Litestar

from app import seed
from app.cards import backtests
from app.http import ids
from app.money import Money
from tests.app.people import bearer, keyed, token
from tests.cards import made
from tests.cards.made import question, tell
from tests.conftest import Engines

pytestmark = pytest.mark.asyncio

_DEAR = {"on": "number", "feature": "amount_minor", "is": "more", "to": 100_00}


def body(*conditions: dict[str, Any], do: str = "decline") -> dict[str, Any]:
    return {"when": [{"any_of": [each]} for each in conditions or (_DEAR,)], "then": {"do": do}}


class Officers:
    """Two officers at their desks."""

    def __init__(self, client: httpx.AsyncClient, tokens: list[str]) -> None:
        self._client = client
        self._tokens = tokens

    async def do(self, path: str, *, by: int = 0, **said: object) -> httpx.Response:
        return await self._client.post(f"/v1/officer/{path}", json=said, headers=keyed(self._tokens[by]))

    async def read(self, path: str) -> Any:  # noqa: ANN401  JSON
        answer = await self._client.get(f"/v1/officer/{path}", headers=bearer(self._tokens[0]))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def active(self, name: str, said: dict[str, Any]) -> dict[str, Any]:
        version = (await self.do("card-rules", name=name, body=said)).json()
        path = f"card-rule-versions/{version['id']}/steps"
        await self.do(path, to="shadow")
        found: dict[str, Any] = (await self.do(path, by=1, to="active")).json()
        return found


@pytest.fixture
def money(engines: Engines) -> Money:
    return Money(engines.posting)


async def officers(app: Litestar, client: httpx.AsyncClient) -> Officers:
    return Officers(client, [await token(app, "officer", of=officer) for officer in seed.OFFICERS])


async def test_two_officers_bring_a_rule_into_force(app: Litestar, client: httpx.AsyncClient) -> None:
    desk = await officers(app, client)

    said = body({"on": "text", "feature": "merchant", "values": ["M-NOBODY"], "none": False})
    draft = await desk.do("card-rules", name="two_officers", body=said)
    path = f"card-rule-versions/{draft.json()['id']}/steps"
    untried = await desk.do(path, by=1, to="active")
    shadow = await desk.do(path, to="shadow")
    alone = await desk.do(path, to="active")
    active = await desk.do(path, by=1, to="active")
    twice = await desk.do("card-rules", name="two_officers", body=said)
    second = await desk.do(f"card-rules/{draft.json()['rule']}/versions", by=1, body=body(do="alert"))

    assert (draft.status_code, draft.json()["state"], draft.json()["body"]) == (201, "draft", said)
    assert (untried.status_code, untried.json()["code"]) == (409, "rule_state")
    assert (shadow.status_code, shadow.json()["state"]) == (200, "shadow")
    assert (alone.status_code, alone.json()["code"]) == (409, "same_officer")
    assert [step["state"] for step in active.json()["steps"]] == ["draft", "shadow", "active"]
    assert (twice.status_code, twice.json()["code"]) == (409, "rule_name_taken")
    assert (second.status_code, second.json()["version"]) == (201, 2)
    rule = await desk.read(f"card-rules/{draft.json()['rule']}")
    assert [each["state"] for each in rule["versions"]] == ["active", "draft"]
    assert rule in (await desk.read("card-rules"))["rules"]


@pytest.mark.parametrize(
    "when",
    [
        [],
        [{"any_of": []}],
        [{"any_of": [{"on": "number", "feature": "amount_minor", "is": "more", "to": 1, "code": "x"}]}],
        [{"any_of": [{"on": "number", "feature": "__dict__", "is": "more", "to": 1}]}],
        [{"any_of": [{"on": "eval", "feature": "amount_minor"}]}],
    ],
)
async def test_what_the_vocabulary_does_not_know_is_no_rule(
    app: Litestar, client: httpx.AsyncClient, when: list[Any]
) -> None:
    desk = await officers(app, client)

    answer = await desk.do("card-rules", name="no_rule", body={"when": when, "then": {"do": "decline"}})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_an_officer_sees_why_a_swipe_was_declined(
    app: Litestar, client: httpx.AsyncClient, engines: Engines, money: Money
) -> None:
    desk, card = await officers(app, client), await made.spender(engines, money, 50)
    shop = {"on": "text", "feature": "merchant", "values": [f"M-{card.id.hex[-10:]}"]}
    merchant = type(made.SHOP)(name="Dear", id=shop["values"][0], category="5942", country="KZ")
    version = await desk.active("why_declined", body(_DEAR, shop))

    answers = [(await tell(money, question(card, 200, merchant=merchant)))[0] for _ in range(3)]

    payment = ids.show("payment", answers[0].payment)
    [why] = (await desk.read(f"card-payments/{payment}/decisions"))["decisions"]
    assert (why["approved"], why["amount_minor"], why["currency"]) == (False, 200_00, "KZT")
    assert why["reasons"] == [{"reason": "risk", "code": "59"}, {"reason": "insufficient_funds", "code": "51"}]
    assert (why["features"]["new_merchant"], why["features"]["times_24h"]) == (True, 0)
    [applied] = why["rules"]
    assert (applied["rule"], applied["version"], applied["shadow"]) == ("why_declined", 1, False)
    assert applied["because"][0] == {"condition": {**_DEAR}, "value": 200_00}
    assert str(card.id) not in str(why)

    results = f"card-rule-versions/{version['id']}/results"
    first = await desk.read(f"{results}?limit=2")
    rest = await desk.read(f"{results}?limit=2&cursor={first['next_cursor']}")
    shown = [each["payment"] for each in (*first["results"], *rest["results"])]
    assert shown == [ids.show("payment", answer.payment) for answer in reversed(answers)]
    assert rest["next_cursor"] is None


async def test_a_backtest_is_asked_for_run_and_read(app: Litestar, client: httpx.AsyncClient) -> None:
    desk = await officers(app, client)
    version = (await desk.do("card-rules", name="tried_on_the_past", body=body())).json()
    path = f"card-rule-versions/{version['id']}/backtests"

    asked = await desk.do(path, since="2026-05-01T00:00:00Z", until="2026-05-31T00:00:00Z")
    too_long = await desk.do(path, since="2026-05-01T00:00:00Z", until="2026-09-01T00:00:00Z")
    waiting = await desk.read(f"card-rule-backtests/{asked.json()['id']}")
    assert await backtests.step(app.state.house) == 1
    done = await desk.read(f"card-rule-backtests/{asked.json()['id']}")

    assert asked.status_code == 202
    assert (too_long.status_code, too_long.json()["code"]) == (422, "backtest_period")
    assert (waiting["report"], waiting["sha256"]) == (None, None)
    assert done["report"]["applied"] == {"decisions": 0, "amounts_minor": {}}
    assert len(done["sha256"]) == 64
    assert (await desk.read(path))["backtests"] == [done]


async def test_who_is_no_officer_of_compliance_reads_none_of_it(app: Litestar, client: httpx.AsyncClient) -> None:
    viewer = await token(app, "officer", of=seed.OFFICERS[0], scopes=frozenset({"officer:read"}))

    answer = await client.get("/v1/officer/card-rules", headers=bearer(viewer))

    assert answer.status_code == 403
