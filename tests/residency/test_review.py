"""Four eyes: what one officer proposes, another one confirms."""

import asyncio
from datetime import date

import msgspec
import pytest
from sqlalchemy import select

from app import db
from residency import application, case, comment, reason, review, status, tables
from residency.application import Application
from residency.case import Act, State
from residency.eligibility import Citizenship, Person
from tests.conftest import Engines
from tests.residency import cases

_A, _B = cases.somebody(), cases.somebody()


@pytest.mark.parametrize(
    ("first", "second", "act"),
    [
        (None, cases.approves(_B), Act.PROPOSE),
        (None, cases.refuses(_B), Act.PROPOSE),
        (None, cases.asks(_B), Act.ASK),
        (cases.approves(_A), cases.approves(_B), Act.GRANT),
        (cases.refuses(_A), cases.refuses(_B), Act.REFUSE),
        (cases.approves(_A), cases.refuses(_B), Act.DISAGREE),
        (cases.refuses(_A), cases.approves(_B), Act.DISAGREE),
        (cases.refuses(_A, "not_confirmed"), cases.refuses(_B), Act.DISAGREE),
        (cases.approves(_A), cases.asks(_B), Act.ASK),
    ],
)
def test_two_opinions_lead_to(first: review.Opinion | None, second: review.Opinion, act: Act) -> None:
    assert review.settle(first, second) is act


@pytest.mark.asyncio
async def test_two_officers_grant_and_the_status_is_assigned(engines: Engines) -> None:
    resident = cases.somebody()
    waiting = await cases.in_review(engines, resident)

    proposed = await cases.reviewed(engines, waiting.id, cases.approves(_A))
    granted = await cases.reviewed(engines, waiting.id, cases.approves(_B))

    assert (proposed.state, granted.state) == (State.SECOND_REVIEW, State.GRANTED)
    async with db.transaction(engines.api, holder=resident, audience="resident") as story:
        (assigned,) = await status.of_resident(await story(), resident)
    assert (assigned.kind, assigned.state) == (status.Kind.E_RESIDENT, status.State.ACTIVE)
    assert assigned.application_id == waiting.id


@pytest.mark.asyncio
async def test_the_same_officer_is_not_the_second_pair_of_eyes(engines: Engines) -> None:
    waiting = await cases.in_review(engines, cases.somebody())
    await cases.reviewed(engines, waiting.id, cases.approves(_A))

    with pytest.raises(review.SameReviewer):
        await cases.reviewed(engines, waiting.id, cases.approves(_A))

    assert await cases.state_of(engines, waiting.id) is State.SECOND_REVIEW


@pytest.mark.asyncio
async def test_an_officer_racing_himself_reviews_once(engines: Engines) -> None:
    waiting = await cases.in_review(engines, cases.somebody())

    ends = await asyncio.gather(
        *(cases.reviewed(engines, waiting.id, cases.approves(_A)) for _ in range(4)), return_exceptions=True
    )

    assert sorted(type(end).__name__ for end in ends) == ["Application", *["SameReviewer"] * 3]
    assert await cases.state_of(engines, waiting.id) is State.SECOND_REVIEW


@pytest.mark.asyncio
async def test_two_officers_approving_at_once_grant_one_status(engines: Engines) -> None:
    resident = cases.somebody()
    waiting = await cases.in_review(engines, resident)

    ends = await asyncio.gather(*(cases.reviewed(engines, waiting.id, cases.approves(by)) for by in (_A, _B)))

    assert sorted(end.state for end in ends) == [State.GRANTED, State.SECOND_REVIEW]
    async with db.transaction(engines.worker) as story:
        assert len(await status.of_resident(await story(), resident)) == 1


@pytest.mark.asyncio
async def test_a_third_officer_comes_too_late(engines: Engines) -> None:
    decided = await cases.granted(engines, cases.somebody())

    with pytest.raises(case.IllegalMove):
        await cases.reviewed(engines, decided.id, cases.approves(cases.somebody()))


@pytest.mark.asyncio
async def test_a_refusal_carries_reason_ground_and_the_last_day_to_complain(engines: Engines) -> None:
    resident = cases.somebody()
    waiting = await cases.in_review(engines, resident)
    await cases.reviewed(engines, waiting.id, cases.refuses(_A))

    refused = await cases.reviewed(engines, waiting.id, cases.refuses(_B))

    assert refused.state is State.REFUSED
    async with db.transaction(engines.api, holder=resident, audience="resident") as story:
        decision = await review.decision(await story(), refused.id)
    assert decision is not None
    assert (decision.reason, decision.complain_until) == ("requirements_not_met", date(2026, 12, 1))
    assert decision.ground == reason.CATALOGUE["requirements_not_met"].ground


@pytest.mark.asyncio
async def test_officers_who_disagree_look_at_the_case_anew(engines: Engines) -> None:
    waiting = await cases.in_review(engines, cases.somebody())
    await cases.reviewed(engines, waiting.id, cases.approves(_A))

    reopened = await cases.reviewed(engines, waiting.id, cases.refuses(_B))
    await cases.reviewed(engines, waiting.id, cases.approves(_B))
    granted = await cases.reviewed(engines, waiting.id, cases.approves(_A))

    assert reopened.state is State.IN_REVIEW
    assert granted.state is State.GRANTED


@pytest.mark.asyncio
async def test_a_question_starts_a_new_round(engines: Engines) -> None:
    waiting = await cases.in_review(engines, cases.somebody())
    await cases.reviewed(engines, waiting.id, cases.approves(_A))
    asked = await cases.reviewed(engines, waiting.id, cases.asks(_B))

    await cases.checked(engines, await cases.submitted(engines, asked))
    proposed = await cases.reviewed(engines, waiting.id, cases.approves(_A))

    assert asked.state is State.AWAITING_APPLICANT
    assert proposed.state is State.SECOND_REVIEW, "what was said before the question does not count any more"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "opinion",
    [
        review.Opinion(officer=_A, verdict=review.Verdict.REFUSE),
        review.Opinion(officer=_A, verdict=review.Verdict.REFUSE, reason="document_missing"),
        review.Opinion(officer=_A, verdict=review.Verdict.ASK, reason="not_confirmed"),
        review.Opinion(officer=_A, verdict=review.Verdict.APPROVE, reason="under_age"),
    ],
)
async def test_an_opinion_needs_the_right_kind_of_reason(engines: Engines, opinion: review.Opinion) -> None:
    waiting = await cases.in_review(engines, cases.somebody())

    with pytest.raises(reason.UnknownReason):
        await cases.reviewed(engines, waiting.id, opinion)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("person", "refusal"),
    [
        (Person(Citizenship.CITIZEN, date(1990, 1, 1)), status.IneligibleCitizen),
        (Person(Citizenship.FOREIGN, date(2010, 1, 1)), status.UnderAge),
        (Person(Citizenship.UNSPECIFIED, date(1990, 1, 1)), status.Unidentified),
    ],
)
async def test_two_officers_cannot_grant_what_the_law_refuses(
    engines: Engines, person: Person, refusal: type[Exception]
) -> None:
    waiting = await cases.in_review(engines, cases.somebody())
    await cases.reviewed(engines, waiting.id, cases.approves(_A), person=person)

    with pytest.raises(refusal):
        await cases.reviewed(engines, waiting.id, cases.approves(_B), person=person)

    assert await cases.state_of(engines, waiting.id) is State.SECOND_REVIEW


@pytest.mark.asyncio
async def test_a_stateless_person_becomes_an_electronic_resident(engines: Engines) -> None:
    resident = cases.somebody()
    noor = Person(Citizenship.STATELESS, date(1990, 1, 1))
    waiting = await cases.in_review(engines, resident)

    for officer in (_A, _B):
        await cases.reviewed(engines, waiting.id, cases.approves(officer), person=noor)

    async with db.transaction(engines.worker) as story:
        (assigned,) = await status.of_resident(await story(), resident)
    assert assigned.citizenship is Citizenship.STATELESS


@pytest.mark.asyncio
async def test_only_officers_read_reviews(engines: Engines) -> None:
    waiting = await _with_a_review(engines)

    async with db.transaction(engines.api, audience="officer") as story:
        assert len(await review.of(await story(), waiting.id)) == 1
    async with db.transaction(engines.api, holder=waiting.resident, audience="resident") as story:
        assert await review.of(await story(), waiting.id) == []


@pytest.mark.asyncio
async def test_what_the_first_officer_thinks_is_not_told_before_the_second_confirms(engines: Engines) -> None:
    waiting = await cases.in_review(engines, cases.somebody())
    await cases.reviewed(engines, waiting.id, cases.refuses(_A))

    async with db.transaction(engines.worker) as story:
        events = await (await story()).execute(
            select(tables.event.c.body).where(tables.event.c.aggregate == waiting.id)
        )
        moves = await application.moves(await story(), waiting.id)
        told = await comment.told(await story(), waiting.id)
    assert all("reason" not in body for (body,) in events)
    assert moves[-1].reason is None
    assert not told


@pytest.mark.asyncio
@pytest.mark.parametrize("state", sorted(set(State) - case.UNDER_REVIEW))
async def test_only_a_case_under_review_is_reviewed(engines: Engines, state: State) -> None:
    waiting = await cases.in_review(engines, cases.somebody())
    elsewhere = msgspec.structs.replace(waiting, state=state)

    async with db.transaction(engines.api, audience="officer") as story:
        with pytest.raises(case.IllegalMove):
            await review.give(
                await story(), elsewhere, cases.approves(_A), person=cases.NOVAK, at=cases.FILED_AT, by=f"officer:{_A}"
            )


async def _with_a_review(engines: Engines) -> Application:
    waiting = await cases.in_review(engines, cases.somebody())
    return await cases.reviewed(engines, waiting.id, cases.refuses(_A))
