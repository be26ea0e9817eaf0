"""The migration with rows: everybody who showed a document has a case, moved by legal moves to where that left them."""

import asyncio
from uuid import UUID, uuid4

import psycopg
import pytest

from app import migrate, replaying
from app.settings import Settings
from kyc.cases.life import LIFE, Act, State
from kyc.check import Verdict
from tests import postgres
from tests.kyc.cases.people import all_pass, shows, stands
from tests.kyc.cases.test_machine import Roles

#: What was decided of each document of somebody, in order; where their case stands then.
CAME = {
    "identified": (["identified"], State.APPROVED),
    "identified, then a bad copy": (["identified", "refused"], State.APPROVED),
    "a bad copy": (["refused"], State.NEEDS_INPUT),
    "a bad copy, then something odd": (["refused", "review"], State.MANUAL_REVIEW),
}

_DOCUMENT = """
    INSERT INTO kyc.document (id, resident, format, issuer, nationality_class, expires, grade, person, at)
    VALUES (uuidv7(), %s, 'TD3', 'UTO', 'foreign', '2034-01-01', 'valid', 'x', now()) RETURNING id
"""
_CHECK = """
    INSERT INTO kyc.check (document, resident, name, rule_version, inputs_hash, verdict, params, confidential, at)
    VALUES (%s, %s, %s, '2026-11', sha256('x'), %s, '{}', %s, now())
"""
_DECISION = """
    INSERT INTO kyc.decision (document, version, resident, outcome, reasons, rule_version, actor, at)
    VALUES (%s, 1, %s, %s, %s, '2026-11', 'service:x', now())
"""


def _lived(owner: psycopg.Connection, outcomes: list[str]) -> UUID:
    resident = uuid4()
    for outcome in outcomes:
        row = owner.execute(_DOCUMENT, (resident,)).fetchone()
        assert row is not None
        for name, verdict in (("mrz.read", "pass"), ("person.screening", "pass")):
            owner.execute(_CHECK, (row[0], resident, name, verdict, name == "person.screening"))
        owner.execute(_DECISION, (row[0], resident, outcome, [] if outcome == "identified" else ["mrz.read"]))
    return resident


@pytest.mark.fresh
def test_whoever_came_before_has_a_case_that_stands_where_they_were_left(database: str, settings: Settings) -> None:
    migrate.downgrade(database, "0032")
    with psycopg.connect(postgres.libpq(database)) as owner:
        who = {name: _lived(owner, outcomes) for name, (outcomes, _) in CAME.items()}
    migrate.upgrade(database)

    with psycopg.connect(postgres.libpq(database)) as owner:
        for name, (outcomes, state) in CAME.items():
            moves = owner.execute(
                "SELECT before, act, move.state FROM kyc.case_move AS move JOIN kyc.case ON kyc.case.id = case_id"
                " WHERE move.resident = %s ORDER BY sort",
                (who[name],),
            ).fetchall()
            assert State(moves[-1][2]) is state, name
            assert all(LIFE[State(before), Act(act)] is State(after) for before, act, after in moves[1:]), name
            looked = owner.execute(
                "SELECT seq, rule FROM kyc.check WHERE resident = %s ORDER BY seq", (who[name],)
            ).fetchall()
            assert [seq for seq, _ in looked] == list(range(1, 2 * len(outcomes) + 1))
            assert {rule for _, rule in looked} == {"mrz@2026-11", "person@2026-11"}
    asyncio.run(_goes_on(settings, who))
    assert replaying.replayed(database).findings == ()


async def _goes_on(settings: Settings, who: dict[str, UUID]) -> None:
    """Let somebody whose copy was bad show a better one."""
    roles = Roles(settings)
    await shows(roles, who["a bad copy"], all_pass(person__unique=Verdict.PASS))
    assert (await stands(roles, who["a bad copy"])).state is State.APPROVED
    await roles.api.dispose()
    await roles.worker.dispose()
