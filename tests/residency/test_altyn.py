"""The Altyn visa (D2.2): announced, so nobody asks for it; granted by two officers from the day an act is in force."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from app import db
from app.credentials import entitlement
from law import calendar
from law.seed import THRESHOLDS
from law.threshold import NotInForce, State, Thresholds
from residency import application, filing, service, status
from residency.credential.dataset import Kind
from residency.review import Opinion, Verdict
from tests.conftest import Engines
from tests.residency import cases

pytestmark = pytest.mark.asyncio

IN_FORCE = date(2027, 1, 1)
THE_DAY_BEFORE = datetime(2026, 12, 31, 4, tzinfo=UTC)
THAT_DAY = datetime(2027, 1, 1, 4, tzinfo=UTC)
ANSWERS: service.Answers = {"ground": "business", "data_consent": True, "rules_accepted": True}


def enacted(*names: str, on: date = IN_FORCE) -> Thresholds:
    """Give the law of the land with rules of the decree that an act brought into force on the day `on`."""
    return Thresholds(
        msgspec.structs.replace(rule, enacted_on=on - timedelta(days=31), in_force_on=on)
        if rule.name in names
        else rule
        for rule in THRESHOLDS
    )


BUSINESS = enacted("altyn.wait_months.business", "altyn.resident_id")


async def drafted(engines: Engines, who: UUID, answers: service.Answers, rules: Thresholds, at: datetime) -> UUID:
    async with db.transaction(engines.api, holder=who, audience="resident") as story:
        begun = await filing.begin(await story(), who, "altyn.assign", at=at, by=f"resident:{who}", thresholds=rules)
        return (await filing.answer(await story(), begun, answers)).id


async def filed(
    engines: Engines,
    who: UUID,
    answers: service.Answers = ANSWERS,
    rules: Thresholds = BUSINESS,
    at: datetime = THAT_DAY,
) -> application.Application:
    draft = await drafted(engines, who, answers, rules, at)
    async with db.transaction(engines.api, holder=who, audience="resident") as story:
        locked = await application.lock(await story(), draft)
        return await filing.submit(await story(), locked, at=at, by=f"resident:{who}", thresholds=rules)


async def granted(engines: Engines, who: UUID, *, rules: Thresholds = BUSINESS, at: datetime = THAT_DAY) -> None:
    waiting = await cases.checked(engines, await filed(engines, who, rules=rules, at=at), at=at)
    for _ in range(2):
        await cases.reviewed(engines, waiting.id, cases.approves(cases.somebody()), at=at)


async def test_as_long_as_no_act_is_in_force_nobody_asks(engines: Engines) -> None:
    for rules, at in ((THRESHOLDS, cases.FILED_AT), (BUSINESS, THE_DAY_BEFORE)):
        with pytest.raises(NotInForce) as refused:
            await filed(engines, cases.somebody(), rules=rules, at=at)
        assert refused.value.state in {State.ANNOUNCED, State.ENACTED}
        assert refused.value.clause.startswith("D2.2")


async def test_who_has_another_ground_waits_for_another_act(engines: Engines) -> None:
    with pytest.raises(NotInForce) as refused:
        await filed(engines, cases.somebody(), answers=ANSWERS | {"ground": "skilled_worker"})

    assert refused.value.clause == "D2.2-c"


async def test_the_catalogue_asks_for_every_ground_of_the_decree() -> None:
    altyn = service.of("altyn.assign")

    assert {rule.name for rule in THRESHOLDS if rule.clause.startswith("D2.2")} == set(altyn.grounds.values())
    assert set(altyn.questions[0].choices) == set(altyn.grounds)


async def test_two_officers_grant_it_with_a_number_of_its_own(engines: Engines) -> None:
    who = cases.somebody()
    await granted(engines, who)

    async with db.transaction(engines.worker) as story:
        [held] = await status.of_resident(await story(), who)
    assert (held.kind, held.state, held.scheme) == (status.Kind.ALTYN, status.State.ACTIVE, "DEMO-ALTYN")


async def test_one_pair_of_eyes_is_not_enough(engines: Engines) -> None:
    who = cases.somebody()
    waiting = await cases.checked(engines, await filed(engines, who), at=THAT_DAY)
    await cases.reviewed(engines, waiting.id, Opinion(officer=cases.somebody(), verdict=Verdict.APPROVE))

    async with db.transaction(engines.worker) as story:
        assert await status.of_resident(await story(), who) == []


#: Who holds what, on which day by which law: what is refused to them, None where the resident ID is theirs.
ENTITLED = {
    "an Altyn holder, by an act in force": (True, THAT_DAY, BUSINESS, None),
    "an Altyn holder, the day before": (True, THE_DAY_BEFORE, BUSINESS, NotInForce),
    "an Altyn holder, as the law is": (True, THAT_DAY, THRESHOLDS, NotInForce),
    "an e-resident, by an act in force": (False, THAT_DAY, BUSINESS, entitlement.NotAltyn),
    "an e-resident, as the law is": (False, THAT_DAY, THRESHOLDS, NotInForce),
}


@pytest.mark.parametrize("case", ENTITLED)
async def test_the_resident_id_is_for_altyn_holders_while_its_rule_is_in_force(engines: Engines, case: str) -> None:
    is_altyn, at, rules, refusal = ENTITLED[case]
    who = cases.somebody()
    await (granted(engines, who) if is_altyn else cases.granted(engines, who))

    async with db.transaction(engines.api, holder=who, audience="resident") as story:
        asked = entitlement.entitled(await story(), who, Kind.RESIDENT_ID, at=at, rules=rules)
        if refusal is None:
            assert (await asked).kind is status.Kind.ALTYN
        else:
            with pytest.raises(refusal):
                await asked

    offers_it = Kind.RESIDENT_ID in entitlement.offered(calendar.statutory_date(at), rules)
    assert offers_it == (rules is BUSINESS and at is THAT_DAY)


async def test_no_resident_id_outlives_its_rule() -> None:
    repealed = Thresholds(
        msgspec.structs.replace(rule, repealed_on=date(2027, 6, 1)) if rule.name == "altyn.resident_id" else rule
        for rule in BUSINESS
    )

    assert entitlement.last_day(Kind.RESIDENT_ID, IN_FORCE, repealed) == date(2027, 5, 31)
    assert entitlement.last_day(Kind.RESIDENT_ID, IN_FORCE, BUSINESS) is None
    assert entitlement.last_day(Kind.E_RESIDENT, IN_FORCE, repealed) is None
    assert Kind.RESIDENT_ID not in entitlement.offered(date(2027, 6, 1), repealed)
