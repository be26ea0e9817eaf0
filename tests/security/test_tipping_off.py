"""No tipping-off: whatever a list, a score, a register or a comparison said of somebody, every answer is the same.

Goal: over all of the mobile API, of two residents who differ only in why they are looked at nobody can tell which is
which: no tell-tale word, no code, no shape. Method: residents alike in everything are hit in different ways; every GET
is called with every id it takes, also the feed, the access log and the person's own copy; of those whose money is
stopped, too, every act is tried that they may do (a scan, an appeal, a transfer, a card). Numbers, ids and times are
masked and the rest is compared letter by letter. A planted defect shows that a difference would be found.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, cast
from uuid import UUID

import httpx
import psycopg
import pytest
from litestar import Litestar

from app import db, measures, outbox, seed, vault
from app import ids as mint
from app.account import bundle
from app.house import House
from app.http import ids
from kyc.cases import keeping, records
from kyc.check import Finding, Verdict
from kyc.screening import act
from kyc.screening.act import Act, Wanted
from tests import postgres
from tests.app import people
from tests.app.people import bearer, keyed
from tests.app.restrictions.people import restricting
from tests.kyc.cases.people import AT, INPUTS, alerted, all_pass, shows, stands
from tests.security import contract, world

pytestmark = pytest.mark.asyncio

#: Ways in which somebody is hit: none of them is the person's to know.
HITS = {
    "listed": Finding("person.screening", Verdict.REVIEW, {"lists": "ofac@1"}, "person@1", ("alert_1",)),
    "confirmed": Finding("person.screening", Verdict.FAIL, {"lists": "ofac@1"}),
    "prohibited": Finding("risk.score", Verdict.FAIL, {"score": "99"}),
    "risky": Finding("risk.score", Verdict.REVIEW, {"score": "71"}),
    "exposed": Finding("person.pep", Verdict.REVIEW, {"matches": "2"}),
    "in the press": Finding("person.media", Verdict.REVIEW, {"matches": "1"}),
    "came before": Finding("person.unique", Verdict.REVIEW, {"taken": "person"}),
}
#: Words that would tell; `alert` and `risk` alone are words of cards, with their own meaning.
TELLS = re.compile(
    r"sanction|ofac|watch.?list|screening|person\.(screening|unique|pep|media)|risk\.score|politically|\bpep\b"
    r"|adverse|tipping|санкц|перечн|публичн.{1,12}должност|тізім.{1,6}табыл|screening_alert|manual_review|case_move",
    re.IGNORECASE,
)
_MASKS = (
    (re.compile(r'"next(_cursor)?":"[^"]*"'), '"next":"CURSOR"'),
    (re.compile(r'"(nonce|reference)":"[^"]*"'), r'"\1":"RANDOM"'),
    (re.compile(r'"user":\{"id":[^}]*\}'), '"user":"THEMSELVES"'),
    (contract.ID, r"\1_ID"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\d{4}-\d{2}-\d{2}(T[0-9:.]+(Z|\+00:00))?"), "TIME"),
    (re.compile(r"[A-Za-z0-9+/_-]{16,}=="), "OPAQUE"),
    (re.compile(r"[0-9a-f]{16,}"), "HEX"),
    (re.compile(r"[A-Za-z0-9+/_=-]{40,}"), "OPAQUE"),
    (re.compile(r"\d+"), "N"),
)
#: Answers that are a picture of the person's own number.
_PICTURES = {"getMyPaymentCode"}
#: What ends the session, or the account, is tried no more: nothing would be answered after it.
_ENDING = {"signOut", "endSession", "endOtherSessions", "closeAccount", "removeDevice"}
#: What somebody whose money is stopped would try first.
_FIRST = {"scanDocument", "appealIdentity", "declareFunds", "appealRestriction", "sendMoney", "payOut", "orderCard"}
Answers = dict[tuple[str, str], tuple[int, str]]


def masked(text: str) -> str:
    """Leave of an answer what could tell two people apart who are alike."""
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text


async def walked(app: Litestar, client: httpx.AsyncClient, who: UUID) -> Answers:
    """Call every GET of a resident's with every id that turns up; gives the answers, masked, in the order of theirs."""
    reading = [
        each
        for each in contract.operations(app)
        if each.method == "GET" and each.scope is not None and "resident" in each.roles
    ]
    token = await people.token(app, "resident", of=who)
    known: dict[str, list[str]] = defaultdict(list)
    told: dict[tuple[str, str], tuple[int, str]] = {}
    for _ in range(3):
        for operation in reading:
            kinds = [contract.kind_of(name) for name in operation.parameters]
            wanted = known[kinds[0]][:2] if len(kinds) == 1 and kinds[0] else [""] if not kinds else []
            for nth, text in enumerate(wanted):
                place = (operation.name, str(nth))
                if place in told:
                    continue
                path = operation.path.replace(f"{{{operation.parameters[0]}}}", text) if text else operation.path
                answer = await client.get(path, headers=bearer(token))
                for kind, found in contract.ids_in(answer.text):
                    if found not in known[kind]:
                        known[kind].append(found)
                told[place] = (answer.status_code, "" if operation.name in _PICTURES else masked(answer.text))
    return told


async def acted(app: Litestar, client: httpx.AsyncClient, who: UUID, payee: str) -> Answers:
    """Try all that a resident may do with their own things; gives the answers, masked."""
    acting = [
        each
        for each in contract.operations(app)
        if each.method != "GET" and each.scope and "resident" in each.roles and each.name not in _ENDING
    ]
    token = await people.token(app, "resident", of=who)
    known: dict[str, str] = {}
    for path in ("/v1/me", "/v1/me/restrictions", "/v1/cards"):
        known |= dict(contract.ids_in((await client.get(path, headers=bearer(token))).text))
    known["wallet"] = payee
    told: Answers = {}

    def pick(kind: str) -> str:
        return known.get(kind) or world.random(kind)

    for operation in acting:
        path, body = operation.filled(pick, str)
        sent = {"json": body} if operation.body is not None and operation.form == "application/json" else {}
        headers = keyed(token, if_match='"1"')
        answer = await client.request(operation.method, path, headers=headers, **cast("Any", sent))
        known |= {kind: text for kind, text in contract.ids_in(answer.text) if kind not in known}
        told[operation.name, "act"] = (answer.status_code, masked(answer.text))
    return told


async def copied(house: House, who: UUID) -> Answers:
    """Give the person's own copy of everything, table by table, masked."""
    async with db.transaction(house.api, holder=who, audience="resident") as story:
        connection = await story()
        keys = await vault.of(connection, house.keys.kms, who, story.now)
        made = json.loads(await bundle.made(connection, house.keys.kms, keys, who, story.now))
    tables = made["tables"]
    del tables["app.security_event"]  # refused requests, written a moment after they were refused
    assert tables["kyc.case"], "the copy tells of the case"
    return {
        (name, "copy"): (len(rows), " ".join(sorted(masked(json.dumps(row)) for row in rows)))
        for name, rows in tables.items()
    }


async def hit(house: House, database: str, who: UUID, finding: Finding) -> None:
    """Let somebody be hit, looked at by an officer, and told of what they may know."""
    if finding.check == "person.screening" and finding.verdict is Verdict.REVIEW:
        alerted(database, who)
    async with db.transaction(house.worker) as story:
        await records.add(await story(), who, [finding], inputs=INPUTS, at=AT, actor="service:monitoring")


async def looked_at(app: Litestar, client: httpx.AsyncClient, who: UUID) -> None:
    """Let an officer open the case; that somebody looked is in the person's access log."""
    held = await stands(app.state.house, who)
    token = await people.token(app, "officer", of=seed.OFFICERS[0])
    path = f"/v1/officer/identity-cases/{ids.show('identity_case', held.id)}"
    opened = await client.get(path, headers=bearer(token))
    assert opened.status_code == 200, opened.text


async def relayed(house: House) -> None:
    while await outbox.step(house):
        pass


def telling(texts: Iterable[str]) -> set[str]:
    """Find the words that would tell."""
    return {match[0].lower() for text in texts for match in TELLS.finditer(text)}


def differences(told: Mapping[str, Answers]) -> list[str]:
    """Name every answer that is not the same for everybody who was hit."""
    (first, expected), *others = told.items()
    return [
        f"{place}: {first} {expected.get(place)} is not {name} {answers.get(place)}"
        for name, answers in others
        for place in sorted({*expected, *answers})
        if expected.get(place) != answers.get(place)
    ]


async def _alike(app: Litestar, hits: list[str], start: int = 5_000) -> dict[str, UUID]:
    """Make e-residents with wallets who are alike but for their number, one for each way of being hit."""
    made = [await people.residents(app, 1, start=start + 100 * nth) for nth in range(len(hits))]
    return {name: resident.subject for name, [resident] in zip(hits, made, strict=True)}


async def newcomers(app: Litestar, client: httpx.AsyncClient, hits: list[str]) -> dict[str, UUID]:
    """Let newcomers show a document that lacks nothing, one for each way of being hit at once."""
    house, made = cast("House", app.state.house), {}
    for name in hits:
        token = await people.token(app, "resident")
        me = (await client.get("/v1/me", headers=bearer(token))).json()
        made[name] = ids.parse("resident", me["id"])
        async with db.transaction(house.api, holder=made[name], audience="resident") as story:
            await vault.of(await story(), house.keys.kms, made[name], story.now)
        found = [each for each in all_pass() if each.check != HITS[name].check]
        await shows(house, made[name], [*found, HITS[name]])
    return made


@pytest.mark.parametrize("hits", [["listed", "risky"]])
async def test_whoever_is_known_cannot_tell_why_they_are_looked_at(
    app: Litestar, client: httpx.AsyncClient, database: str, hits: list[str]
) -> None:
    await _nobody_can_tell(app, client, database, hits)


@pytest.mark.nightly
async def test_in_none_of_the_ways_there_are_somebody_known_can_tell(
    app: Litestar, client: httpx.AsyncClient, database: str
) -> None:
    await _nobody_can_tell(app, client, database, list(HITS))


async def _nobody_can_tell(app: Litestar, client: httpx.AsyncClient, database: str, hits: list[str]) -> None:
    house = cast("House", app.state.house)
    who = await _alike(app, [*hits, "clean"])
    before = await walked(app, client, who.pop("clean"))
    for name, resident in who.items():
        await hit(house, database, resident, HITS[name])
        await looked_at(app, client, resident)
    await relayed(house)

    told = {name: await walked(app, client, resident) for name, resident in who.items()}
    copies = {name: await copied(house, resident) for name, resident in who.items()}

    assert len(before) > 50, "all of the API was walked"
    assert told[hits[0]]["getIdentity", "0"] != before["getIdentity", "0"], "they are looked at, and may know that"
    assert differences(told) == []
    assert differences(copies) == []
    said = [answer for answers in told.values() for _, answer in answers.values()]
    assert telling(said) <= telling(answer for _, answer in before.values())
    assert telling(answer for copy in copies.values() for _, answer in copy.values()) == set()


async def stopped(house: House, database: str, who: UUID, why: str) -> None:
    """Let somebody's money be stopped as a doubt of the law does it: by a list, or by officers."""
    if why == "officers":
        async with restricting(house, who, "suspicious_report"):
            return
    source = {"grave": "agency", "confirmed": "ofac"}[why]
    with psycopg.connect(postgres.libpq(database)) as owner:
        changed = owner.execute(
            "UPDATE kyc.alert SET grave = %s, source = %s WHERE resident = %s RETURNING id",
            [why == "grave", source, who],
        )
        [(alert,)] = changed.fetchall()
    if why == "grave":
        while await measures.step(house):
            pass
        return
    officer = f"officer:{mint.new()}"
    wanted = Wanted(act=Act.CONFIRM, reason="same_person")
    async with db.transaction(house.api, audience="officer", actor=officer) as story:
        connection = await story()
        about, done = await act.propose(connection, alert, wanted, act=mint.new(), actor=officer, at=story.now)
        await measures.settled(connection, about, done, at=story.now)


async def test_whose_money_is_stopped_cannot_tell_a_list_from_officers_whatever_they_try(
    app: Litestar, client: httpx.AsyncClient, database: str
) -> None:
    who, tried = await _stopped(app, client, database, ["officers", "grave"], start=5_810)

    read = ("me/restrictions", "me/identity", "me/feed", "limits", "cards")
    told = {
        name: {(path, ""): await _read(app, client, resident, path) for path in read} for name, resident in who.items()
    }
    assert '"reason":"legal_review"' in told["grave"]["me/restrictions", ""][1]
    assert differences(told) == []
    assert tried["grave"]["sendMoney", "act"][0] == 403, "the money does stand still"
    assert tried["grave"]["appealRestriction", "act"][0] == 201
    assert {name for name, _ in tried["grave"]} > _FIRST
    assert len(tried["grave"]) > 100, "all of the API was tried"
    assert telling(answer for answers in tried.values() for _, answer in answers.values()) == set()


@pytest.mark.nightly
async def test_nor_when_an_alert_is_confirmed_nor_by_all_they_read_after_it(
    app: Litestar, client: httpx.AsyncClient, database: str
) -> None:
    """A grave alert, a confirmed one, and a report that has nothing to do with lists."""
    who, _ = await _stopped(app, client, database, ["officers", "grave", "confirmed"], start=5_820)

    told = {name: await walked(app, client, resident) for name, resident in who.items()}

    assert differences(told) == []


async def _stopped(
    app: Litestar, client: httpx.AsyncClient, database: str, why: list[str], *, start: int
) -> tuple[dict[str, UUID], dict[str, Answers]]:
    """Stop the money of people who are alike, and let them try everything: nothing tells them apart."""
    house = cast("House", app.state.house)
    who = await _alike(app, why, start=start)
    [payee] = await people.residents(app, 1, start=start - 1)
    for name, resident in who.items():
        await hit(house, database, resident, HITS["risky" if name == "officers" else "listed"])
        await stopped(house, database, resident, name)
    tried = {name: await acted(app, client, resident, people.wallet(payee)) for name, resident in who.items()}
    await relayed(house)
    assert differences(tried) == []
    return who, tried


async def _read(app: Litestar, client: httpx.AsyncClient, who: UUID, path: str) -> tuple[int, str]:
    answer = await client.get(f"/v1/{path}", headers=bearer(await people.token(app, "resident", of=who)))
    return answer.status_code, masked(answer.text)


async def test_newcomers_cannot_tell_why_they_are_looked_at(app: Litestar, client: httpx.AsyncClient) -> None:
    house = cast("House", app.state.house)
    nobody = await people.token(app, "resident")
    clean = await walked(
        app, client, ids.parse("resident", (await client.get("/v1/me", headers=bearer(nobody))).json()["id"])
    )
    who = await newcomers(app, client, ["confirmed", "came before"])
    await relayed(house)

    told = {name: await walked(app, client, resident) for name, resident in who.items()}

    assert differences(told) == []
    said = [answer for answers in told.values() for _, answer in answers.values()]
    assert telling(said) <= telling(answer for _, answer in clean.values())


async def test_a_suspension_by_hand_looks_like_any_other_review(app: Litestar, client: httpx.AsyncClient) -> None:
    house = cast("House", app.state.house)
    who = await newcomers(app, client, ["risky"])
    [suspended] = (await _alike(app, ["suspended"])).values()
    async with db.transaction(house.worker) as story:
        await keeping.suspend(await story(), suspended, reason="court_order", at=AT, by="service:test")

    answers = [
        (await client.get("/v1/me/identity", headers=bearer(await people.token(app, "resident", of=each)))).json()
        for each in (who["risky"], suspended)
    ]

    assert answers[0] == answers[1]
    assert answers[0]["state"] == "in_review"
