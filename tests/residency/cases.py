"""Applications brought to any state by the verbs themselves, each in a transaction of the role that really does it."""

import uuid
from datetime import UTC, date, datetime
from uuid import UUID

from app import db
from law.seed import THRESHOLDS
from residency import application, checking, filing, review
from residency.application import Application
from residency.case import State
from residency.comment import Audience, Comment
from residency.eligibility import Citizenship, Finding, Person
from residency.review import Opinion, Verdict
from tests.conftest import Engines

SERVICE = "eresidency.assign"
ANSWERS: dict[str, str | bool] = {"purpose": "investment", "data_consent": True, "rules_accepted": True}
WORKER = "service:worker"
FILED_AT = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)
SEALED = b"sealed with a key this room knows nothing of"
NOVAK = Person(Citizenship.FOREIGN, date(2001, 5, 5))


def somebody() -> UUID:
    return uuid.uuid4()


def approves(officer: UUID) -> Opinion:
    return Opinion(officer=officer, verdict=Verdict.APPROVE)


def refuses(officer: UUID, reason: str = "requirements_not_met") -> Opinion:
    return Opinion(officer=officer, verdict=Verdict.REFUSE, reason=reason, comments=(tells(),))


def asks(officer: UUID, reason: str = "information_needed") -> Opinion:
    return Opinion(officer=officer, verdict=Verdict.ASK, reason=reason, comments=(tells(),))


def tells() -> Comment:
    """Write something for the applicant, as it arrives here: sealed."""
    return Comment(uuid.uuid4(), Audience.APPLICANT, SEALED)


async def drafted(engines: Engines, resident: UUID, *, at: datetime = FILED_AT) -> Application:
    async with db.transaction(engines.api, holder=resident, audience="resident") as story:
        by = f"resident:{resident}"
        begun = await filing.begin(await story(), resident, SERVICE, at=at, by=by, thresholds=THRESHOLDS)
        return await filing.answer(await story(), begun, ANSWERS)


async def submitted(engines: Engines, draft: Application, *, at: datetime = FILED_AT) -> Application:
    async with db.transaction(engines.api, holder=draft.resident, audience="resident") as story:
        locked = await application.lock(await story(), draft.id)
        by = f"resident:{draft.resident}"
        return await filing.submit(await story(), locked, at=at, by=by, thresholds=THRESHOLDS)


async def filed(engines: Engines, resident: UUID, *, at: datetime = FILED_AT) -> Application:
    return await submitted(engines, await drafted(engines, resident, at=at), at=at)


async def checking_begun(engines: Engines, waiting: Application) -> Application:
    async with db.transaction(engines.worker) as story:
        return await checking.begin(
            await story(), await application.lock(await story(), waiting.id), at=FILED_AT, by=WORKER
        )


async def checked(engines: Engines, waiting: Application, *findings: Finding, at: datetime = FILED_AT) -> Application:
    async with db.transaction(engines.worker) as story:
        locked = await application.lock(await story(), waiting.id)
        begun = await checking.begin(await story(), locked, at=at, by=WORKER)
        return await checking.settle(await story(), begun, findings, at=at, by=WORKER)


async def in_review(engines: Engines, resident: UUID, *, at: datetime = FILED_AT) -> Application:
    return await checked(engines, await filed(engines, resident, at=at), at=at)


async def reviewed(
    engines: Engines, case_id: UUID, opinion: Opinion, *, person: Person = NOVAK, at: datetime = FILED_AT
) -> Application:
    async with db.transaction(engines.api, audience="officer") as story:
        locked = await application.lock(await story(), case_id)
        by = f"officer:{opinion.officer}"
        return await review.give(await story(), locked, opinion, person=person, at=at, by=by)


async def granted(engines: Engines, resident: UUID, *, at: datetime = FILED_AT) -> Application:
    waiting = await in_review(engines, resident, at=at)
    await reviewed(engines, waiting.id, approves(somebody()), at=at)
    return await reviewed(engines, waiting.id, approves(somebody()), at=at)


async def state_of(engines: Engines, case_id: UUID) -> State:
    async with db.transaction(engines.worker) as story:
        return (await application.find(await story(), case_id)).state
