"""Two officers' word: it takes two, ends, answers for a score and never for a floor."""

from datetime import date, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import db
from kyc.check import Verdict
from kyc.risk import exposure, override
from kyc.risk.assessment import assess
from kyc.risk.band import Band
from kyc.risk.exposure import Found, Kind, Known
from kyc.risk.facts import Listing
from kyc.risk.override import BadTerm, Override, Proposed, Reason, SameOfficer, UnknownOverride, What
from tests.conftest import Engines
from tests.kyc.risk import known
from tests.kyc.risk.known import AT, PLAIN, SCALE

ANN, BOB = "officer:ann", "officer:bob"
ENDS = date(2027, 1, 1)


def wanted(resident: UUID, *, band: Band | None = Band.MEDIUM, expires_on: date = ENDS, by: str = ANN) -> Override:
    return Override(
        id=uuid4(),
        resident=resident,
        what=What.PEP if band is None else What.BAND,
        band=band,
        entity="office-1" if band is None else None,
        reason=Reason.NAMESAKE,
        note=None,
        expires_on=expires_on,
        proposed_by=by,
        proposed_at=AT,
    )


async def proposed(engines: Engines, asked: Override) -> Override:
    async with db.transaction(engines.api, audience="officer", actor=asked.proposed_by) as story:
        return await override.propose(await story(), asked, at=AT)


async def decided(engines: Engines, asked: Override, *, by: str = BOB, agreed: bool = True) -> Override:
    async with db.transaction(engines.api, audience="officer", actor=by) as story:
        return await override.decide(await story(), asked.id, agreed=agreed, actor=by, at=AT)


async def holding(engines: Engines, resident: UUID, on: date) -> list[UUID]:
    async with db.transaction(engines.worker) as story:
        return [each.id for each in await override.in_force(await story(), resident, on)]


@pytest.mark.asyncio
async def test_it_holds_once_another_officer_agrees_and_until_it_ends(engines: Engines) -> None:
    resident = uuid4()
    asked = await proposed(engines, wanted(resident))
    with pytest.raises(SameOfficer):
        await decided(engines, asked, by=ANN)
    assert await holding(engines, resident, ENDS - timedelta(days=1)) == []

    await decided(engines, asked)

    assert await holding(engines, resident, ENDS - timedelta(days=1)) == [asked.id]
    assert await holding(engines, resident, ENDS) == []
    with pytest.raises(UnknownOverride):
        await decided(engines, asked)


@pytest.mark.asyncio
async def test_the_same_is_proposed_once_and_what_is_refused_may_be_proposed_anew(engines: Engines) -> None:
    resident = uuid4()
    asked = await proposed(engines, wanted(resident))
    with pytest.raises(Proposed):
        await proposed(engines, wanted(resident, band=Band.LOW))
    await proposed(engines, wanted(resident, band=None))

    await decided(engines, asked, agreed=False)

    await proposed(engines, wanted(resident))
    assert await holding(engines, resident, AT.date()) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("expires_on", [AT.date(), AT.date() + timedelta(days=367)])
async def test_it_ends_and_not_too_late(engines: Engines, expires_on: date) -> None:
    with pytest.raises(BadTerm):
        await proposed(engines, wanted(uuid4(), expires_on=expires_on))


@pytest.mark.asyncio
async def test_the_database_refuses_one_officer_on_both_sides_and_a_second_decision(engines: Engines) -> None:
    asked = await proposed(engines, wanted(uuid4()))
    says = "UPDATE kyc.risk_override SET decided_by = :by, decided_at = now(), agreed = true WHERE id = :id"
    with pytest.raises(DBAPIError, match="risk_override_four_eyes"):
        async with db.transaction(engines.api, audience="officer") as story:
            await (await story()).execute(text(says), {"by": ANN, "id": asked.id})
    await decided(engines, asked, agreed=False)

    with pytest.raises(DBAPIError, match="decided refused"):
        async with db.transaction(engines.api, audience="officer") as story:
            await (await story()).execute(text(says), {"by": "officer:carl", "id": asked.id})


@pytest.mark.parametrize(
    ("changed", "word", "band"),
    [
        ({}, Band.HIGH, Band.HIGH),
        ({"nationality_listing": Listing.MONITORED, "residence_listing": Listing.MONITORED}, Band.LOW, Band.LOW),
        ({"pep_hits": 1}, Band.LOW, Band.HIGH),
        ({"list_confirmed": 1}, Band.LOW, Band.PROHIBITED),
    ],
)
def test_a_word_answers_for_the_score_and_never_for_a_floor(changed: dict[str, object], word: Band, band: Band) -> None:
    made = assess(known.shipped(), msgspec.structs.replace(PLAIN, **changed), SCALE)

    assert override.band(made, [wanted(uuid4(), band=word)]) is band
    assert override.band(made, []) is made.band


def test_a_match_that_is_somebody_else_no_longer_counts_and_another_one_does() -> None:
    matches = tuple(Found(entity=name, score=score, class_="foreign") for name, score in
                    (("office-1", 97), ("office-2", 85), ("office-3", 60)))  # fmt: skip
    answer = Known(id=uuid4(), kind=Kind.PEP, vendor="v", version="1", threshold=80, matches=matches, found=b"", at=AT)
    excepted = override.excepted([wanted(uuid4(), band=None)], What.PEP)

    assert [each.entity for each in answer.counts()] == ["office-1", "office-2"]
    assert [each.entity for each in answer.counts(excepted)] == ["office-2"]
    assert exposure.finding(answer, Kind.PEP, excepted).verdict is Verdict.REVIEW
    assert exposure.finding(answer, Kind.PEP, frozenset({"office-1", "office-2"})).verdict is Verdict.PASS
    assert exposure.finding(None, Kind.PEP).verdict is Verdict.ERROR, "no answer is not clear"
