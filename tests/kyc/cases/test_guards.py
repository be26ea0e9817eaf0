"""What the database refuses by itself, shown by statements that go past all our code; and races it decides."""

import asyncio
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import db, ids
from kyc.cases import claim, review
from kyc.cases.life import IllegalMove, State
from kyc.cases.review import Verdict
from kyc.check import Finding
from kyc.check import Verdict as Said
from tests.conftest import Engines
from tests.kyc.cases.people import (
    AT,
    FIRST,
    SECOND,
    THIRD,
    alerted,
    all_pass,
    in_review,
    locked,
    officer_says,
    refused,
    reported,
    reviews,
    shows,
    somebody,
    stands,
)

pytestmark = pytest.mark.asyncio


async def test_a_second_reviewer_is_not_the_first(engines: Engines, owner: psycopg.Connection) -> None:
    resident = await in_review(engines)
    await reviews(engines, resident, FIRST, Verdict.GRANT)
    held = await stands(engines, resident)

    with pytest.raises(psycopg.errors.CheckViolation, match="four_eyes"):
        owner.execute(
            "INSERT INTO kyc.case_verdict (case_id, sort, resident, round, records, outcome, first_officer,"
            " second_officer, at) SELECT case_id, %s, resident, round, records, verdict, officer, officer, now()"
            " FROM kyc.case_review WHERE case_id = %s",
            (held.version + 1, held.id),
        )


async def test_a_verdict_stands_on_two_reviews_of_one_round(engines: Engines, owner: psycopg.Connection) -> None:
    resident = await in_review(engines)
    await reviews(engines, resident, FIRST, Verdict.GRANT)
    held = await stands(engines, resident)

    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="case_verdict_second"):
        owner.execute(
            "INSERT INTO kyc.case_verdict (case_id, sort, resident, round, records, outcome, first_officer,"
            " second_officer, at) SELECT case_id, %s, resident, round, records, verdict, officer, %s, now()"
            " FROM kyc.case_review WHERE case_id = %s",
            (held.version + 1, SECOND, held.id),
        )


async def test_nothing_is_granted_or_refused_without_a_verdict(engines: Engines, owner: psycopg.Connection) -> None:
    resident = await in_review(engines)
    await reviews(engines, resident, FIRST, Verdict.GRANT)
    held = await stands(engines, resident)

    for act, state in (("grant", "approved"), ("refuse", "rejected_final")):
        with pytest.raises(psycopg.errors.ForeignKeyViolation, match="case_move_decided"):
            owner.execute(_MOVE, (held.id, held.version + 1, resident, held.state, act, state))


async def test_nobody_is_approved_while_an_alert_is_open_or_confirmed(
    engines: Engines, database: str, owner: psycopg.Connection
) -> None:
    resident = await in_review(engines)
    await reviews(engines, resident, FIRST, Verdict.GRANT)
    alerted(database, resident)
    held = await stands(engines, resident)

    with pytest.raises(psycopg.errors.CheckViolation, match="open or confirmed"):
        owner.execute(_MOVE, (held.id, held.version + 1, resident, held.state, "grant", "approved"))


async def test_nobody_is_cleared_while_an_alert_is_open(
    engines: Engines, database: str, owner: psycopg.Connection
) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass())
    await reported(engines, resident, Finding("person.screening", Said.REVIEW))
    alerted(database, resident)
    held = await stands(engines, resident)
    assert held.state is State.ALERT
    owner.execute(_APPROVES, (held.id, held.decisions + 1, resident))

    with pytest.raises(psycopg.errors.CheckViolation, match="open or confirmed"):
        owner.execute(_MOVE, (held.id, held.version + 1, resident, held.state, "clear", "monitoring"))


async def test_who_reported_a_look_is_said_by_the_database(engines: Engines) -> None:
    resident = somebody()
    document, _ = await shows(engines, resident, all_pass())
    await reported(engines, resident, Finding("risk.score", Said.PASS))

    async with db.transaction(engines.worker) as story:
        rows = await (await story()).execute(
            text("SELECT document IS NULL AS of_person, bool_or(inside) FROM kyc.check WHERE resident = :r GROUP BY 1"),
            {"r": resident},
        )
        assert dict(rows.all()) == {False: False, True: True}, document


async def _reviews_as(engines: Engines, resident: UUID, officer: UUID, *, actor: UUID) -> None:
    async with db.transaction(engines.api, audience="officer", actor=f"officer:{actor}") as story:
        connection = await story()
        held = await locked(connection, resident)
        await claim.take(connection, held, officer, id_=ids.new(), at=AT)
        opinion = officer_says(officer, Verdict.GRANT)
        await review.give(connection, held, opinion, whole=True, at=AT, now=AT, by=f"officer:{actor}")


async def test_an_officer_reviews_in_their_own_name(engines: Engines) -> None:
    resident = await in_review(engines)

    with pytest.raises(DBAPIError, match="row-level security"):
        await _reviews_as(engines, resident, SECOND, actor=FIRST)
    await _reviews_as(engines, resident, SECOND, actor=SECOND)


async def test_two_who_saw_different_looks_decide_nothing(engines: Engines, owner: psycopg.Connection) -> None:
    resident = await in_review(engines)
    await reviews(engines, resident, FIRST, Verdict.GRANT)
    held = await stands(engines, resident)
    owner.execute(
        "INSERT INTO kyc.case_review (id, case_id, round, resident, officer, verdict, records, at)"
        " SELECT uuidv7(), case_id, round, resident, %s, verdict, records + 1, now() FROM kyc.case_review"
        " WHERE case_id = %s",
        (SECOND, held.id),
    )

    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="case_verdict_second"):
        owner.execute(
            "INSERT INTO kyc.case_verdict (case_id, sort, resident, round, records, outcome, first_officer,"
            " second_officer, at) SELECT case_id, %s, resident, round, records, verdict, officer, %s, now()"
            " FROM kyc.case_review WHERE case_id = %s AND officer = %s",
            (held.version + 1, SECOND, held.id, FIRST),
        )


async def test_one_action_is_pending_for_each_case(engines: Engines, owner: psycopg.Connection) -> None:
    resident = await in_review(engines)
    held = await stands(engines, resident)
    pending = (
        "INSERT INTO kyc.case_action (id, case_id, resident, officer, claimed_at, lapses_at)"
        " VALUES (uuidv7(), %s, %s, %s, now(), now() + interval '1 hour')"
    )
    owner.execute(pending, (held.id, resident, FIRST))

    with pytest.raises(psycopg.errors.UniqueViolation, match="case_action_pending"):
        owner.execute(pending, (held.id, resident, SECOND))
    owner.execute("UPDATE kyc.case_action SET ended_at = now(), ended_by = 'released' WHERE case_id = %s", (held.id,))
    owner.execute(pending, (held.id, resident, SECOND))


async def test_an_appeal_is_not_heard_by_who_refused(engines: Engines, owner: psycopg.Connection) -> None:
    resident = await in_review(engines)
    held = await refused(engines, resident)
    owner.execute(
        "INSERT INTO kyc.case_appeal (case_id, sort, id, resident, words, at)"
        " VALUES (%s, %s, uuidv7(), %s, 'x', now())",
        (held.id, held.version, resident),
    )
    review_ = (
        "INSERT INTO kyc.case_review (id, case_id, round, resident, officer, verdict, records, at)"
        " VALUES (uuidv7(), %s, %s, %s, %s, 'grant', 1, now())"
    )

    with pytest.raises(psycopg.errors.CheckViolation, match="appealed"):
        owner.execute(review_, (held.id, held.version, resident, FIRST))
    owner.execute(review_, (held.id, held.version, resident, THIRD))


async def test_what_was_decided_is_the_digest_of_its_words(engines: Engines, owner: psycopg.Connection) -> None:
    resident = await in_review(engines)
    held = await stands(engines, resident)

    with pytest.raises(psycopg.errors.CheckViolation, match="case_decision_digested"):
        owner.execute(
            "INSERT INTO kyc.case_decision VALUES (%s, 99, %s, 1, 'r', 'approve', '{}', sha256('x'), 'a', now())",
            (held.id, resident),
        )


async def test_a_resident_does_no_officers_act_and_reads_no_move(engines: Engines) -> None:
    resident = await in_review(engines)
    held = await stands(engines, resident)

    async with db.transaction(engines.api, holder=resident, audience="resident") as story:
        connection = await story()
        for table in ("case_move", "case_decision", "case_review", "case_action"):
            assert await connection.scalar(text(f"SELECT count(*) FROM kyc.{table}")) == 0  # noqa: S608  literals
        assert await connection.scalar(text("SELECT count(*) FROM kyc.check WHERE name = 'person.screening'")) == 0
    with pytest.raises(Exception, match="row-level security"):
        async with db.transaction(engines.api, holder=resident, audience="resident") as story:
            await (await story()).execute(
                text(
                    "INSERT INTO kyc.case_move (case_id, sort, resident, before, act, state, actor, at)"
                    " VALUES (:id, :sort, :resident, 'manual_review', 'propose', 'second_review', 'x', now())"
                ),
                {"id": held.id, "sort": held.version + 1, "resident": resident},
            )


async def _claimed(engines: Engines, resident: UUID, officer: UUID) -> None:
    async with db.transaction(engines.api, audience="officer", actor=f"officer:{officer}") as story:
        connection = await story()
        await claim.take(connection, await locked(connection, resident), officer, id_=ids.new(), at=AT)


async def _grants(engines: Engines, resident: UUID, officer: UUID, ready: asyncio.Barrier) -> str:
    """Review at the same moment as somebody else; gives what came of it."""
    await ready.wait()
    try:
        async with db.transaction(engines.api, audience="officer", actor=f"officer:{officer}") as story:
            connection = await story()
            held = await locked(connection, resident)
            await claim.take(connection, held, officer, id_=ids.new(), at=AT)
            opinion = officer_says(officer, Verdict.GRANT)
            moved = await review.give(connection, held, opinion, whole=True, at=AT, now=AT, by=f"officer:{officer}")
    except (claim.ClaimedByOther, IllegalMove, review.AlertOpen, claim.SameReviewer) as error:
        return type(error).__name__
    return moved.state


async def test_of_two_second_reviews_at_once_one_is_the_second(engines: Engines) -> None:
    for _ in range(4):
        resident = await in_review(engines)
        await reviews(engines, resident, FIRST, Verdict.GRANT)
        ready = asyncio.Barrier(2)

        came = await asyncio.gather(*(_grants(engines, resident, each, ready) for each in (SECOND, THIRD)))

        assert sorted(came) == ["IllegalMove", State.APPROVED]


async def test_an_approval_and_an_alert_at_once_leave_nobody_approved_with_an_open_alert(
    engines: Engines, database: str
) -> None:
    for _ in range(4):
        resident = await in_review(engines)
        await reviews(engines, resident, FIRST, Verdict.GRANT)
        ready = asyncio.Barrier(2)

        async def raises(resident: UUID = resident, ready: asyncio.Barrier = ready) -> None:
            await ready.wait()
            await asyncio.to_thread(alerted, database, resident)
            await reported(engines, resident, Finding("person.screening", Said.REVIEW))

        came, _ = await asyncio.gather(_grants(engines, resident, SECOND, ready), raises())

        assert came in {State.APPROVED, "AlertOpen", "IllegalMove"}
        assert (await stands(engines, resident)).state in {State.ALERT, State.SCREENING_ALERT}


async def test_a_claim_is_one_officers_until_it_lapses(engines: Engines) -> None:
    resident = await in_review(engines)
    await _claimed(engines, resident, FIRST)
    await _claimed(engines, resident, FIRST)

    with pytest.raises(claim.ClaimedByOther):
        await _claimed(engines, resident, SECOND)
    async with db.transaction(engines.api, audience="officer", actor=f"officer:{SECOND}") as story:
        connection = await story()
        held = await locked(connection, resident)
        after = AT + claim.LASTS
        assert await claim.pending(connection, held.id, at=after) is None
        await claim.take(connection, held, SECOND, id_=ids.new(), at=after)
        with pytest.raises(claim.NotClaimed):
            await claim.release(connection, held, FIRST, at=after)
        await claim.release(connection, held, SECOND, at=after)
        assert await claim.pending(connection, held.id, at=after) is None


_MOVE = (
    "INSERT INTO kyc.case_move (case_id, sort, resident, before, act, state, actor, at)"
    " VALUES (%s, %s, %s, %s, %s, %s, 'officer:x', now())"
)
_APPROVES = "INSERT INTO kyc.case_decision VALUES (%s, %s, %s, 1, 'r', 'approve', 'x', sha256('x'), 'service:x', now())"
