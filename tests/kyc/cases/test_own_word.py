"""What a resident's own request can't say of itself, whatever it writes past our code: the database refuses it."""

import json
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import db
from kyc.cases import keeping
from kyc.cases.life import State
from kyc.cases.required import NOW
from kyc.check import Finding
from kyc.check import Verdict as Said
from tests.conftest import Engines
from tests.kyc.cases.people import AT, all_pass, demanded, in_review, reported, shows, somebody, stands

pytestmark = pytest.mark.asyncio


async def _writes_oneself(
    engines: Engines,
    resident: UUID,
    *steps: tuple[str, str, str],
    decided: str | None = None,
    looks: tuple[tuple[str, str], ...] = (),
) -> None:
    """Write looks, a decision in these words, and moves in a resident's own request, past all our code."""
    held = await stands(engines, resident)
    async with db.transaction(engines.api, holder=resident, audience="resident") as story:
        connection = await story()
        about = {"id": held.id, "resident": resident}
        for seq, (name, verdict) in enumerate(looks, held.records + 1):
            look = {"seq": seq, "name": name, "verdict": verdict, "params": '{"checks": "", "covers": ""}'}
            await connection.execute(text(_OWN_LOOK), {**about, **look})
        if decided is not None:
            words = {"number": held.decisions + 1, "encoded": decided.encode()}
            await connection.execute(text(_OWN_DECISION), {**about, **words})
        for sort, (before, act, state) in enumerate(steps, held.version + 1):
            step = {"sort": sort, "before": before, "act": act, "state": state}
            await connection.execute(text(_OWN_MOVE), {**about, **step})


def _approving(document: UUID) -> str:
    """Give the words of a decision that approves by a document."""
    return json.dumps({"document": str(document), "rules": NOW.version})


async def test_a_resident_is_approved_by_no_move_that_no_decision_says(engines: Engines) -> None:
    resident = await in_review(engines)

    with pytest.raises(DBAPIError, match="no decision approves"):
        await _writes_oneself(engines, resident, *_APPROVAL)


@pytest.mark.parametrize(
    "found",
    [
        {"chip__issuer_trusted": Said.REVIEW},
        {"document__same_holder": Said.REVIEW},
        {"person__screening": Said.ERROR},
        {"paper__diploma": Said.PASS, "chip__original": Said.ERROR},
    ],
    ids=str,
)
async def test_a_decision_that_does_not_follow_from_the_looks_approves_nobody(
    engines: Engines, found: dict[str, Said]
) -> None:
    resident = somebody()
    document, _ = await shows(engines, resident, all_pass(**found))

    for words in (_approving(document), _approving(somebody()), json.dumps({"document": str(document)})):
        with pytest.raises(DBAPIError, match="does not follow from what was found"):
            await _writes_oneself(engines, resident, *_APPROVAL, decided=words)
    for words in ("x", json.dumps({"document": "x", "rules": NOW.version})):
        with pytest.raises(DBAPIError, match="the decision is none"):
            await _writes_oneself(engines, resident, *_APPROVAL, decided=words)
    with pytest.raises(DBAPIError, match="identifies nobody"):
        await _says_oneself(engines, resident, document)


async def test_a_document_identifies_nobody_whose_case_does_not_stand(engines: Engines) -> None:
    resident = somebody()
    document, _ = await shows(engines, resident, all_pass(person__screening=Said.ERROR))
    other = somebody()
    good, _ = await shows(engines, other, all_pass())
    bad, _ = await shows(engines, other, all_pass(chip__issuer_trusted=Said.REVIEW, mrz__read=Said.FAIL))

    for who, which in ((resident, document), (other, bad)):
        with pytest.raises(DBAPIError, match="identifies nobody"):
            await _says_oneself(engines, who, which)
    await _says_oneself(engines, other, good)


async def _says_oneself(engines: Engines, resident: UUID, document: UUID) -> None:
    async with db.transaction(engines.api, holder=resident, audience="resident") as story:
        said = {"document": document, "resident": resident, "rules": NOW.version}
        await (await story()).execute(text(_OWN_WORTH), said)


@pytest.mark.parametrize("found", ["risk.score", "person.pep", "person.media"])
async def test_a_false_look_passes_over_nothing_that_was_found_inside(engines: Engines, found: str) -> None:
    resident = somebody()
    document, _ = await shows(engines, resident, all_pass())
    await reported(engines, resident, Finding(found, Said.REVIEW))

    with pytest.raises(DBAPIError, match="what was found inside is open"):
        await _writes_oneself(engines, resident, *_APPROVAL, decided=_approving(document), looks=((found, "pass"),))
    await reported(engines, resident, Finding(found, Said.PASS))
    assert (await stands(engines, resident)).state is State.APPROVED


@pytest.mark.parametrize(
    "look",
    [("case.suspended", "pass"), ("document.fresh", "pass"), ("case.officers", "pass"), ("case.officers", "fail")],
    ids=" ".join,
)
async def test_a_resident_does_not_say_what_officers_say(engines: Engines, look: tuple[str, str]) -> None:
    resident = await in_review(engines)

    with pytest.raises(DBAPIError, match=r"kyc\.check"):
        await _writes_oneself(engines, resident, looks=(look,))
    await _writes_oneself(engines, resident, looks=(("case.officers", "review"),))


async def test_what_was_asked_of_somebody_is_not_asked_less(engines: Engines) -> None:
    resident = somebody()
    await demanded(engines, resident, "face.match", "liveness")
    await demanded(engines, resident, "liveness")
    await demanded(engines, resident)
    assert (await stands(engines, resident)).records == 1

    with pytest.raises(DBAPIError, match="more was asked before"):
        await _writes_oneself(engines, resident, looks=(("case.demanded", "pass"),))


async def test_a_case_does_not_go_back_to_what_it_was(engines: Engines, owner: psycopg.Connection) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass())
    await reported(engines, resident, Finding("risk.score", Said.REVIEW))
    held = await stands(engines, resident)
    [[approved]] = owner.execute(
        "SELECT sort FROM kyc.case_move WHERE case_id = %s AND state = 'approved'", (held.id,)
    ).fetchall()

    for back in (f"version = {approved}, state = 'approved'", "records = 0", "decisions = 0"):
        with pytest.raises(DBAPIError, match=r"kyc\.case"):
            async with db.transaction(engines.api, holder=resident, audience="resident") as story:
                await (await story()).execute(
                    text(f"UPDATE kyc.case SET {back} WHERE id = :id"),  # noqa: S608  literals
                    {"id": held.id},
                )


async def test_the_database_decides_by_the_rules_that_decide_now(engines: Engines) -> None:
    async with db.transaction(engines.worker) as story:
        stored = text("SELECT * FROM kyc.case_rules WHERE version = :version")
        rows = (await (await story()).execute(stored, {"version": NOW.version})).mappings().all()

    names = ("version", "bound", "besides", "lasts", "answers", "answered")
    now = {"required": NOW.required["identity"], **{name: getattr(NOW, name) for name in names}}
    assert [{name: tuple(said) if isinstance(said, list) else said for name, said in row.items()} for row in rows] == [
        now
    ]


@pytest.mark.parametrize(
    ("way", "step"),
    [
        ("approved", ("approved", "suspend", "suspended")),
        ("approved", ("approved", "monitor", "monitoring")),
        ("approved", ("approved", "fall_due", "re_kyc_due")),
        ("suspended", ("suspended", "review", "manual_review")),
    ],
)
async def test_a_resident_moves_nothing_that_time_and_officers_move(
    engines: Engines, way: str, step: tuple[str, str, str]
) -> None:
    resident = somebody()
    document, _ = await shows(engines, resident, all_pass())
    if way == "suspended":
        async with db.transaction(engines.worker) as story:
            await keeping.suspend(await story(), resident, reason="court_order", at=AT, by="service:x")

    with pytest.raises(DBAPIError, match="row-level security"):
        await _writes_oneself(engines, resident, step, decided=_approving(document))


_OWN_MOVE = (
    "INSERT INTO kyc.case_move (case_id, sort, resident, before, act, state, actor, at)"
    " VALUES (:id, :sort, :resident, :before, :act, :state, 'x', now())"
)
_OWN_DECISION = (
    "INSERT INTO kyc.case_decision (case_id, number, resident, records, rules, outcome, encoded, digest, actor, at)"
    " VALUES (:id, :number, :resident, 1, 'r', 'approve', :encoded, sha256(:encoded), 'x', now())"
)
_OWN_LOOK = (
    "INSERT INTO kyc.check (case_id, seq, resident, name, rule, inputs_hash, verdict, params, evidence, ms,"
    " confidential, at) VALUES (:id, :seq, :resident, :name, 'r@1', sha256('x'), :verdict, :params, '{}', 0, false,"
    " now())"
)
_OWN_WORTH = (
    "INSERT INTO kyc.decision (document, version, resident, outcome, reasons, rule_version, actor, at)"
    " SELECT :document, count(*) + 1, :resident, 'identified', '{}', :rules, 'x', now() FROM kyc.decision"
    " WHERE document = :document"
)
_APPROVAL = (("manual_review", "check", "auto_checks"), ("auto_checks", "approve", "approved"))
