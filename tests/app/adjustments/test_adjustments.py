"""Corrections over HTTP: one proposes, another decides, the money moves once, and what does not fit is named."""

import asyncio
from datetime import date
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import db
from app.adjustments.reason import RULES, Incompatible, Kind, Reason, Why, check
from app.http import ids
from app.ids import new
from app.seed import Seeded
from tests.app.people import bearer, keyed, residents, send, token
from tests.partners import outside
from wallet import period
from wallet.chart import CHART, Purpose

Json = dict[str, Any]


class Office:
    """Two officers of the treasury and the wallet they correct."""

    def __init__(self, client: httpx.AsyncClient, first: str, second: str, who: Seeded) -> None:
        self.client = client
        self.first = first
        self.second = second
        self.who = who

    async def proposes(self, **given: object) -> httpx.Response:
        body = {
            "resident": ids.show("resident", self.who.subject),
            "kind": "credit",
            "reason": "goodwill",
            "evidence": "CASE-1",
            "purpose": "adjustment",
            "amount_minor": 500_00,
            **given,
        }
        body = {name: value for name, value in body.items() if value is not None}
        return await self.client.post("/v1/officer/adjustments", json=body, headers=keyed(self.first))

    async def proposed(self, **given: object) -> Json:
        answer = await self.proposes(**given)
        assert answer.status_code == 201, answer.text
        found: Json = answer.json()
        return found

    async def decides(self, found: Json, *, agree: bool = True, by: str | None = None) -> httpx.Response:
        path = f"/v1/officer/adjustments/{found['id']}/decision"
        return await self.client.post(path, json={"agree": agree}, headers=keyed(by or self.second))

    async def balance(self) -> int:
        answer = await self.client.get("/v1/wallets/me", headers=bearer(self.who.access_token))
        return int(answer.json()["posted"]["amount_minor"])


async def office(app: Litestar, client: httpx.AsyncClient, number: int) -> Office:
    [who] = await residents(app, 1, start=number)
    first, second = [await token(app, "officer") for _ in "12"]
    return Office(client, first, second, who)


@pytest.mark.asyncio
async def test_a_credit_is_made_once_by_the_word_of_two(app: Litestar, client: httpx.AsyncClient) -> None:
    of = await office(app, client, 8_301)
    before = await of.balance()
    found = await of.proposed(note="late answer to a complaint")
    assert (await of.decides(found, by=of.first)).json()["code"] == "same_officer"
    assert await of.balance() == before

    answers = await asyncio.gather(*(of.decides(found) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert await of.balance() == before + 500_00
    read = await client.get(f"/v1/officer/adjustments/{found['id']}", headers=bearer(of.second))
    assert (read.json()["state"], read.json()["note"]) == ("executed", "late answer to a complaint")
    listed = await client.get(f"/v1/officer/adjustments?resident={found['resident']}", headers=bearer(of.first))
    assert [each["id"] for each in listed.json()["adjustments"]] == [found["id"]]
    told = "SELECT kind FROM app.event WHERE holder = :holder AND kind LIKE 'adjustment.%'"
    rows = await outside.rows(app.state.house, told, holder=of.who.subject)
    assert [row.kind for row in rows] == ["adjustment.executed"]


@pytest.mark.asyncio
async def test_a_debit_never_goes_below_the_floor(app: Litestar, client: httpx.AsyncClient) -> None:
    of = await office(app, client, 8_302)
    before = await of.balance()
    dear = await of.proposed(kind="debit", reason="fee_due", purpose="fees", amount_minor=before + 1)

    assert (await of.decides(dear)).json()["code"] == "insufficient_funds"
    assert await of.balance() == before

    fair = await of.proposed(kind="debit", reason="fee_due", purpose="fees", amount_minor=before)
    assert (await of.decides(fair)).status_code == 200
    assert await of.balance() == 0


@pytest.mark.asyncio
async def test_a_transfer_is_moved_back_once_in_whole_or_part(app: Litestar, client: httpx.AsyncClient) -> None:
    of = await office(app, client, 8_303)
    [payee] = await residents(app, 1, start=8_301)
    sent = (await send(client, of.who, payee, 100)).json()["id"]
    before = await of.balance()
    reversal = {"kind": "reversal", "reason": "misposted", "purpose": None, "reverses": sent}
    found = await of.proposed(**reversal, amount_minor=40_00)
    assert why_not(await of.proposes(**reversal, amount_minor=None)) == Why.PROPOSED_ALREADY
    await of.decides(found, agree=False)
    again = await of.proposed(**reversal, amount_minor=None)

    assert (await of.decides(again)).status_code == 200

    assert await of.balance() == before + 100_00
    assert (await of.decides(found)).json()["code"] == "adjustment_decided"


WRONG: list[tuple[Json, Why]] = [
    ({"reason": "fee_due"}, Why.KIND),
    ({"purpose": "sandbox"}, Why.PURPOSE),
    ({"label": "visa"}, Why.LABEL),
    ({"reason": "dispute_won", "purpose": "dispute_receivable"}, Why.LABEL),
    ({"amount_minor": None}, Why.NEEDS_AMOUNT),
    ({"reverses": "transfer_06AVZR0TKB7Z8M2Q3R4S5T6V7W"}, Why.NEEDS_AMOUNT),
    ({"effective_on": "2099-01-01"}, Why.FUTURE),
    ({"kind": "reversal", "reason": "misposted", "purpose": None}, Why.NEEDS_TRANSFER),
    (
        {
            "kind": "reversal",
            "reason": "misposted",
            "purpose": None,
            "reverses": "transfer_06AVZR0TKB7Z8M2Q3R4S5T6V7W",
        },
        Why.NOT_THEIRS,
    ),
]


def why_not(answer: httpx.Response) -> str:
    """Read the word for what does not go together."""
    assert answer.json()["code"] == "adjustment_refused", answer.text
    return str(answer.json()["detail"]).removeprefix("It fails at: ").partition(".")[0]


@pytest.mark.asyncio
async def test_what_does_not_go_together_is_named(app: Litestar, client: httpx.AsyncClient) -> None:
    of = await office(app, client, 8_301)

    for given, why in WRONG:
        answer = await of.proposes(**given)
        assert (answer.status_code, why_not(answer)) == (422, why), given


@pytest.mark.asyncio
async def test_no_value_date_in_a_closed_period_and_no_reversal_of_one(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    of, house = await office(app, client, 8_301), app.state.house
    done = (await of.decides(await of.proposed())).json()
    async with db.transaction(house.api, audience="officer") as story:
        connection, june = await story(), date(2026, 6, 1)
        asked = await period.propose(connection, period=new(), until=june, actor="officer:1", at=story.now)
        await period.approve(connection, asked.id, actor="officer:2", at=story.now)

    late = await of.proposes(effective_on="2026-05-31")
    back = {"kind": "reversal", "reason": "misposted", "purpose": None, "amount_minor": None}
    reversed_ = (await of.decides(await of.proposed(**back, reverses=done["transfer"]))).json()

    assert why_not(late) == Why.PERIOD_CLOSED
    assert (await of.proposed(effective_on="2026-06-01"))["effective"] == "2026-05-31T19:00:00Z"
    again = await of.proposes(**back, reverses=reversed_["transfer"])
    assert why_not(again) == Why.REVERSAL_OF_REVERSAL


@pytest.mark.asyncio
async def test_the_database_wants_two_officers(app: Litestar, client: httpx.AsyncClient) -> None:
    of, house = await office(app, client, 8_301), app.state.house
    found = await of.proposed()
    alone = text(
        "UPDATE app.adjustment SET decided_by = proposed_by, decided_at = now(), state = 'dropped' WHERE id = :id"
    )

    with pytest.raises(Exception, match="adjustment_four_eyes"):
        async with db.transaction(house.api, audience="officer") as story:
            await (await story()).execute(alone, {"id": ids.parse("adjustment", found["id"])})


_SAME = "holder, lane, wallet, kind, reason, purpose, minor, currency, evidence, proposed_by, proposed_at"
_ACT = "holder, restriction, act, reason, cause, proposed_by, proposed_at, decided_by, decided_at, agreed"
#: What would be decided as it is written, or anew, and the wall that stands before it.
UNSEEN = {
    f"INSERT INTO app.adjustment (id, {_SAME}, state, decided_by, decided_at)"  # noqa: S608  literals above
    f" SELECT uuidv7(), {_SAME}, 'dropped', 'officer:2', now() FROM app.adjustment": "permission denied",
    "UPDATE app.adjustment SET state = 'proposed', decided_by = NULL, decided_at = NULL": "that is decided",
    f"INSERT INTO app.restriction_act (id, {_ACT})"  # noqa: S608  literals above
    " VALUES (uuidv7(), uuidv7(), uuidv7(), 'impose', 'security', 'x', 'a', now(), 'b', now(), true)": "row-level",
}


@pytest.mark.asyncio
@pytest.mark.parametrize(("statement", "wall"), UNSEEN.items(), ids=("written", "anew", "restriction"))
async def test_nothing_is_decided_before_or_after_its_time(
    app: Litestar, client: httpx.AsyncClient, statement: str, wall: str
) -> None:
    of, house = await office(app, client, 8_301), app.state.house
    await of.decides(await of.proposed(), agree=False)

    with pytest.raises(DBAPIError, match=wall):
        async with db.transaction(house.api, audience="officer") as story:
            await (await story()).execute(text(statement))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("reason", Reason)
def test_only_what_the_table_names_goes_together(reason: Reason, kind: Kind) -> None:
    allowed = RULES[reason].kinds.get(kind)
    for purpose in (None, *Purpose):
        fits = allowed is not None and (kind is Kind.REVERSAL or purpose in allowed)
        label = "x" if purpose is not None and CHART[purpose].label else ""
        if fits:
            check(reason, kind, purpose, label)
        else:
            with pytest.raises(Incompatible):
                check(reason, kind, purpose, label)


def test_no_reason_takes_money_to_the_operators_own_use_but_a_fee() -> None:
    own = {Purpose.FEES, Purpose.FX_POSITION, Purpose.ROUNDING}
    taking = {reason for reason, rule in RULES.items() if rule.kinds.get(Kind.DEBIT, frozenset()) & own}

    assert taking == {Reason.FEE_DUE}
