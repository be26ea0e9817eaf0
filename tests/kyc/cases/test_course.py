"""The way of a case as rooms report and officers decide: straight through, asked, alerted, refused, renewed."""

import pytest
from sqlalchemy import text

from app import db
from kyc.cases import appeal, case, keeping, records, review
from kyc.cases.case import ATTEMPTS_MAX
from kyc.cases.claim import SameReviewer
from kyc.cases.life import Act, IllegalMove, State
from kyc.cases.review import AlertOpen, NotGrantable, Verdict
from kyc.check import Finding
from kyc.check import Verdict as Said
from law.calendar import statutory_date
from tests.conftest import Engines
from tests.kyc.cases.people import (
    AT,
    FIRST,
    FOURTH,
    INPUTS,
    SECOND,
    THIRD,
    alerted,
    all_pass,
    granted,
    lapsed,
    later,
    locked,
    outcomes,
    refused,
    reported,
    reviews,
    shows,
    somebody,
    stands,
)

pytestmark = pytest.mark.asyncio
BAD = all_pass(chip__signature=Said.FAIL)
ODD = all_pass(chip__issuer_trusted=Said.REVIEW)
LISTED = all_pass(person__screening=Said.REVIEW)


async def acts(engines: Engines, resident: object) -> list[str]:
    held = await stands(engines, resident)  # type: ignore[arg-type]  # a resident's id
    async with db.transaction(engines.worker) as story:
        return [str(each.act) for each in await case.moves(await story(), held.id) if each.act]


async def test_who_lacks_nothing_goes_straight_through(engines: Engines) -> None:
    resident = somebody()

    await shows(engines, resident, all_pass())

    held = await stands(engines, resident)
    assert (held.state, held.due_at, held.answer_by, held.attempts) == (State.APPROVED, None, None, 0)
    assert await acts(engines, resident) == ["collect", "submit", "check", "approve"]
    assert await outcomes(engines, resident) == [("identified", [])]


async def test_a_look_without_a_document_waits_for_one(engines: Engines) -> None:
    resident = somebody()

    await reported(engines, resident, Finding("person.pep", Said.ERROR))

    assert (await stands(engines, resident)).state is State.COLLECTING
    await shows(engines, resident, all_pass())
    assert (await stands(engines, resident)).state is State.MANUAL_REVIEW
    await reported(engines, resident, Finding("person.pep", Said.PASS))
    assert (await stands(engines, resident)).state is State.APPROVED


async def test_what_can_be_mended_is_asked_for_so_often_and_then_officers_look(engines: Engines) -> None:
    resident = somebody()

    await shows(engines, resident, BAD)

    held = await stands(engines, resident)
    assert (held.state, held.told, held.attempts_left) == (
        State.NEEDS_INPUT,
        ("chip_not_proven",),
        ATTEMPTS_MAX - 1,
    )
    assert statutory_date(held.answer_by) == statutory_date(later(31))  # type: ignore[arg-type]  # it has one
    for _ in range(ATTEMPTS_MAX - 1):
        await shows(engines, resident, BAD)
    assert (await stands(engines, resident)).attempts_left == 0
    await shows(engines, resident, BAD)
    assert (await stands(engines, resident)).state is State.MANUAL_REVIEW
    await shows(engines, resident, all_pass())
    held = await stands(engines, resident)
    assert held.state is State.MANUAL_REVIEW, "whoever tried so often is looked at"
    assert (await outcomes(engines, resident))[-1] == ("review", ["person"])
    assert (await granted(engines, resident)).state is State.APPROVED
    assert (await outcomes(engines, resident))[-1] == ("identified", [])


async def test_a_retry_mends_what_failed(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, BAD)

    await shows(engines, resident, all_pass())

    assert (await stands(engines, resident)).state is State.APPROVED
    assert await outcomes(engines, resident) == [("refused", ["chip.signature"]), ("identified", [])]


async def test_two_officers_grant_what_was_open(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, ODD)
    held = await stands(engines, resident)
    assert held.state is State.MANUAL_REVIEW
    assert held.due_at is not None

    proposed = await reviews(engines, resident, FIRST, Verdict.GRANT)
    with pytest.raises(SameReviewer):
        await reviews(engines, resident, FIRST, Verdict.GRANT)
    done = await reviews(engines, resident, SECOND, Verdict.GRANT)

    assert (proposed.state, done.state) == (State.SECOND_REVIEW, State.APPROVED)
    assert await outcomes(engines, resident) == [("identified", [])]


async def test_officers_who_disagree_begin_anew(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, ODD)

    await reviews(engines, resident, FIRST, Verdict.GRANT)
    apart = await reviews(engines, resident, SECOND, Verdict.REFUSE, "not_confirmed")

    assert apart.state is State.MANUAL_REVIEW
    assert (await granted(engines, resident, by=(SECOND, FIRST))).state is State.APPROVED


async def test_what_failed_nobody_can_grant(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass(risk__score=Said.FAIL))

    with pytest.raises(NotGrantable, match=r"risk\.score"):
        await reviews(engines, resident, FIRST, Verdict.GRANT)

    assert (await refused(engines, resident)).state is State.REJECTED_FINAL


async def test_what_was_found_between_two_reviews_begins_the_review_anew(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, ODD)
    await reviews(engines, resident, FIRST, Verdict.GRANT)

    await reported(engines, resident, Finding("risk.score", Said.REVIEW))

    assert (await stands(engines, resident)).state is State.MANUAL_REVIEW
    assert (await reviews(engines, resident, SECOND, Verdict.GRANT)).state is State.SECOND_REVIEW


async def test_nobody_is_approved_while_an_alert_is_open(engines: Engines, database: str) -> None:
    resident = somebody()
    await shows(engines, resident, LISTED)
    alerted(database, resident)
    assert (await stands(engines, resident)).state is State.SCREENING_ALERT
    assert await outcomes(engines, resident) == [("review", ["person"])]
    with pytest.raises(IllegalMove):
        await reviews(engines, resident, FIRST, Verdict.GRANT)

    lapsed(database, resident)
    await reported(engines, resident, Finding("person.screening", Said.PASS))

    assert (await stands(engines, resident)).state is State.APPROVED


async def test_an_open_alert_stops_officers_too(engines: Engines, database: str) -> None:
    resident = somebody()
    await shows(engines, resident, ODD)
    alerted(database, resident)

    with pytest.raises(AlertOpen):
        await reviews(engines, resident, FIRST, Verdict.GRANT)


async def test_an_alert_about_somebody_known_takes_away_what_stood_until_it_is_clear(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass())
    async with db.transaction(engines.worker) as story:
        await keeping.monitor(await story(), resident, at=AT, by="service:risk")

    await reported(engines, resident, Finding("person.screening", Said.REVIEW))
    during = await stands(engines, resident), await outcomes(engines, resident)
    await reported(engines, resident, Finding("person.screening", Said.PASS))

    assert (during[0].state, during[1]) == (State.ALERT, [("review", ["person"])])
    assert (await stands(engines, resident)).state is State.MONITORING
    assert await outcomes(engines, resident) == [("identified", [])]


async def test_a_confirmed_alert_goes_to_two_officers_who_can_only_refuse(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass())
    await reported(engines, resident, Finding("person.screening", Said.REVIEW))

    await reported(engines, resident, Finding("person.screening", Said.FAIL))

    assert (await stands(engines, resident)).state is State.MANUAL_REVIEW
    with pytest.raises(NotGrantable, match=r"person\.screening"):
        await reviews(engines, resident, FIRST, Verdict.GRANT)
    assert (await refused(engines, resident)).state is State.REJECTED_FINAL
    assert await outcomes(engines, resident) == [("refused", ["person"])]


async def test_a_selfie_that_failed_takes_nothing_away_from_who_is_known(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass())

    await reported(engines, resident, Finding("face.match", Said.FAIL), Finding("person.screening", Said.ERROR))

    assert (await stands(engines, resident)).state is State.APPROVED
    assert await outcomes(engines, resident) == [("identified", [])]


async def test_a_bad_copy_takes_nothing_away_from_who_is_known(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass())

    await shows(engines, resident, BAD)

    assert (await stands(engines, resident)).state is State.APPROVED
    assert await outcomes(engines, resident) == [("identified", []), ("refused", ["chip.signature"])]


async def test_a_refusal_has_its_ground_and_its_term_and_stands(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, ODD)

    held = await refused(engines, resident, reason="document_not_genuine")

    async with db.transaction(engines.worker) as story:
        found = await review.refusal(await story(), held.id)
    assert found is not None
    assert (found.reason, found.appeal_until.isoformat()) == ("document_not_genuine", "2027-02-23")
    assert "88-V" in found.ground
    await shows(engines, resident, all_pass())
    assert (await stands(engines, resident)).state is State.REJECTED_FINAL
    assert {outcome for outcome, _ in await outcomes(engines, resident)} == {"refused"}


async def _appeals(engines: Engines, resident: object, on: int = 0) -> State:
    async with db.transaction(engines.api, holder=resident, audience="resident") as story:  # type: ignore[arg-type]  # an id
        connection = await story()
        held = await locked(connection, resident)  # type: ignore[arg-type]  # a resident's id
        at = later(on)
        lodged = await appeal.lodge(
            connection, held, id_=somebody(), words=b"sealed", on=statutory_date(at), at=at, by=f"resident:{resident}"
        )
        return lodged.state


async def test_an_appeal_is_heard_once_by_other_officers(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, ODD)
    await refused(engines, resident)

    assert await _appeals(engines, resident, on=90) is State.MANUAL_REVIEW
    for officer in (FIRST, SECOND):
        with pytest.raises(SameReviewer):
            await reviews(engines, resident, officer, Verdict.GRANT)
    assert (await granted(engines, resident, by=(THIRD, FOURTH))).state is State.APPROVED


async def test_an_appeal_comes_in_time_and_only_once(engines: Engines) -> None:
    late, twice = somebody(), somebody()
    for resident in (late, twice):
        await shows(engines, resident, ODD)
        await refused(engines, resident)

    with pytest.raises(appeal.AppealOver):
        await _appeals(engines, late, on=93)
    await _appeals(engines, twice)
    await refused(engines, twice, by=(THIRD, FOURTH))
    with pytest.raises(appeal.AppealOver):
        await _appeals(engines, twice)


async def test_a_renewal_identifies_until_it_is_overdue_and_a_fresh_document_ends_it(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass())

    async with db.transaction(engines.worker) as story:
        due = await keeping.fall_due(await story(), resident, at=AT, by="service:risk")
        again = await keeping.fall_due(await story(), resident, at=AT, by="service:risk")
    assert due is not None
    assert (due.state, due.told, again) == (State.RE_KYC_DUE, ("document_due",), None)
    assert await outcomes(engines, resident) == [("identified", [])]
    await shows(engines, resident, BAD)
    assert (await stands(engines, resident)).state is State.NEEDS_INPUT
    await shows(engines, resident, all_pass())

    assert (await stands(engines, resident)).state is State.APPROVED
    assert (await outcomes(engines, resident))[-1] == ("identified", [])


async def test_an_overdue_renewal_suspends_and_a_question_nobody_answered_lapses(engines: Engines) -> None:
    known, asked = somebody(), somebody()
    await shows(engines, known, all_pass())
    await shows(engines, asked, BAD)
    async with db.transaction(engines.worker) as story:
        await keeping.fall_due(await story(), known, at=AT, by="service:risk")
    for resident in (known, asked):
        async with db.transaction(engines.worker) as story:
            connection = await story()
            held = await locked(connection, resident)
            await keeping.lapse(connection, held, at=later(31), by="service:identity_cases")

    assert (await stands(engines, known)).state is State.SUSPENDED
    assert await outcomes(engines, known) == [("refused", ["document.fresh"])]
    assert (await stands(engines, asked)).state is State.COLLECTING
    await shows(engines, known, all_pass())
    assert (await stands(engines, known)).state is State.APPROVED


async def test_what_was_suspended_by_hand_is_never_approved_without_officers(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass())
    async with db.transaction(engines.worker) as story:
        await keeping.suspend(await story(), resident, reason="court_order", at=AT, by="service:test")
    assert await outcomes(engines, resident) == [("review", ["person"])]

    await shows(engines, resident, all_pass())

    assert (await stands(engines, resident)).state is State.MANUAL_REVIEW
    assert (await granted(engines, resident)).state is State.APPROVED


async def test_a_case_ends_with_the_account(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass())
    async with db.transaction(engines.worker) as story:
        connection = await story()
        kept = await keeping.close(connection, resident, at=AT, by="service:ending")
        gone = await keeping.erase(connection, resident, at=AT, by="service:ending")

    assert kept is not None
    assert gone is not None
    assert (kept.state, gone.state) == (State.RETENTION, State.ERASED)


async def test_what_is_shown_changes_is_told_and_every_move_is_in_the_chain(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, LISTED)
    held = await stands(engines, resident)

    async with db.transaction(engines.worker) as story:
        rows = (
            await (await story()).execute(
                text("SELECT kind, holder, body FROM kyc.event WHERE body ->> 'identity_case' = :id ORDER BY seq"),
                {"id": str(held.id)},
            )
        ).all()

    moved = [row for row in rows if row.kind == "identity_case.moved"]
    assert [row.body["act"] for row in moved] == [None, "collect", "submit", "check", "alert"]
    assert {row.holder for row in moved} == {None}
    assert [(row.holder, row.body["state"]) for row in rows if row.kind == "identity.changed"] == [
        (resident, "collecting"),
        (resident, "in_review"),
    ]


async def test_an_illegal_verb_changes_nothing(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, BAD)
    before = await stands(engines, resident)

    with pytest.raises(IllegalMove) as illegal:
        await reviews(engines, resident, FIRST, Verdict.GRANT)
    async with db.transaction(engines.worker) as story:
        assert await keeping.monitor(await story(), resident, at=AT, by="service:risk") is None
        assert await keeping.resume(await story(), resident, at=AT, by="service:risk") is None

    assert illegal.value.act is Act.PROPOSE
    assert await stands(engines, resident) == before


async def test_nobody_reports_about_somebody_else(engines: Engines) -> None:
    mine, theirs = somebody(), somebody()
    await shows(engines, theirs, all_pass())
    held = await stands(engines, theirs)

    with pytest.raises(Exception, match="of oneself only"):
        async with db.transaction(engines.api, holder=mine, audience="resident") as story:
            await records.latest(await story(), held.id)
    with pytest.raises(Exception, match="row-level security"):
        async with db.transaction(engines.api, holder=mine, audience="resident") as story:
            await records.add(await story(), theirs, all_pass(), inputs=INPUTS, at=AT, actor=f"resident:{mine}")
