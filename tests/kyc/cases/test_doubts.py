"""Doubts about who is known, which nothing hides; and what is demanded of a person beyond what cases always require."""

from uuid import UUID

import pytest
from sqlalchemy import text

from app import db
from kyc.cases import keeping
from kyc.cases.life import State
from kyc.cases.review import Verdict
from kyc.check import Finding
from kyc.check import Verdict as Said
from tests.conftest import Engines
from tests.kyc.cases.people import (
    AT,
    FIRST,
    all_pass,
    demanded,
    granted,
    outcomes,
    reported,
    reviews,
    shows,
    somebody,
    stands,
)

pytestmark = pytest.mark.asyncio
BAD = all_pass(chip__signature=Said.FAIL)
ODD = all_pass(chip__issuer_trusted=Said.REVIEW)


async def _worth(engines: Engines, resident: UUID) -> list[tuple[UUID, str]]:
    async with db.transaction(engines.worker) as story:
        query = "SELECT DISTINCT ON (document) document, outcome FROM kyc.decision WHERE resident = :resident"
        rows = await (await story()).execute(text(f"{query} ORDER BY document, version DESC"), {"resident": resident})
        return [(row.document, row.outcome) for row in rows]


async def test_a_doubt_about_who_is_known_goes_to_officers_whatever_bad_copies_came_since(engines: Engines) -> None:
    resident = somebody()
    good, _ = await shows(engines, resident, all_pass())
    await shows(engines, resident, BAD)

    await reported(engines, resident, Finding("person.unique", Said.REVIEW))

    assert (await stands(engines, resident)).state is State.MANUAL_REVIEW
    assert "identified" not in {said for said, _ in await outcomes(engines, resident)}
    assert (await granted(engines, resident)).state is State.APPROVED
    assert dict(await _worth(engines, resident))[good] == "identified"


@pytest.mark.parametrize("check", ["person.screening", "risk.score"])
async def test_a_selfie_that_failed_hides_no_doubt(engines: Engines, check: str) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass())
    await reported(engines, resident, Finding("face.match", Said.FAIL))

    await reported(engines, resident, Finding(check, Said.REVIEW))

    expected = State.ALERT if check == "person.screening" else State.MANUAL_REVIEW
    assert (await stands(engines, resident)).state is expected
    await reported(engines, resident, Finding(check, Said.PASS))
    assert (await stands(engines, resident)).state is State.MANUAL_REVIEW
    assert (await reviews(engines, resident, FIRST, Verdict.ASK, "face_not_matched")).state is State.NEEDS_INPUT


async def test_a_renewal_hides_no_alert_behind_a_selfie_that_failed(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass())
    async with db.transaction(engines.worker) as story:
        await keeping.fall_due(await story(), resident, at=AT, by="service:x")
    await reported(engines, resident, Finding("face.match", Said.FAIL))

    await reported(engines, resident, Finding("person.screening", Said.REVIEW))

    assert (await stands(engines, resident)).state is State.ALERT


async def test_who_is_asked_for_another_copy_is_asked_again_when_it_is_bad(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, ODD)
    await reviews(engines, resident, FIRST, Verdict.ASK, "chip_unreadable")

    await shows(engines, resident, all_pass(mrz__read=Said.FAIL))

    held = await stands(engines, resident)
    assert (held.state, held.told, held.attempts) == (State.NEEDS_INPUT, ("page_unreadable",), 2)


async def test_a_bad_copy_under_review_leaves_officers_what_they_can_grant(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, ODD)

    await shows(engines, resident, BAD)

    assert (await stands(engines, resident)).state is State.MANUAL_REVIEW
    assert (await granted(engines, resident)).state is State.APPROVED


async def test_a_face_that_is_demanded_is_asked_for_and_then_approves(engines: Engines) -> None:
    resident = somebody()
    await demanded(engines, resident, "face.match", "liveness")
    document, _ = await shows(engines, resident, all_pass())

    held = await stands(engines, resident)
    assert (held.state, held.told) == (State.NEEDS_INPUT, ("face_not_matched", "liveness_failed"))
    assert {said for said, _ in await outcomes(engines, resident)} == {"review"}
    face = [Finding("face.match", Said.PASS), Finding("liveness", Said.PASS)]
    await reported(engines, resident, *face, document=document)
    assert (await stands(engines, resident)).state is State.APPROVED
    assert await outcomes(engines, resident) == [("identified", [])]


async def test_what_is_demanded_later_is_asked_of_who_shows_a_document_and_takes_nothing_away(engines: Engines) -> None:
    resident = somebody()
    await shows(engines, resident, all_pass())

    await demanded(engines, resident, "face.match", "person.pep")
    await demanded(engines, resident, "person.pep", "face.match")
    await shows(engines, resident, all_pass())

    held = await stands(engines, resident)
    assert (held.state, held.records) == (State.APPROVED, 2 * len(all_pass()) + 1)
    assert [said for said, _ in await outcomes(engines, resident)] == ["identified", "review"]


@pytest.mark.parametrize("selfie", [{}, {"face__match": Said.FAIL}], ids=["none", "another's"])
async def test_another_document_of_who_is_known_identifies_only_with_the_face_that_is_demanded(
    engines: Engines, selfie: dict[str, Said]
) -> None:
    resident = somebody()
    await demanded(engines, resident, "face.match")
    good, _ = await shows(engines, resident, all_pass(face__match=Said.PASS))
    other, _ = await shows(engines, resident, all_pass(**selfie))
    before = dict(await _worth(engines, resident))

    await reported(engines, resident, Finding("face.match", Said.PASS), document=other)

    assert (before[good], before[other] == "identified") == ("identified", False)
    assert dict(await _worth(engines, resident)) == {good: "identified", other: "identified"}
