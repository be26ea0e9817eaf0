"""A status: assigned once, numbered, and ended only with a reason."""

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import select

from app import db
from residency import number, reason, status, tables
from residency.status import Act, State, Status
from tests.conftest import Engines
from tests.residency import cases

pytestmark = pytest.mark.asyncio

_LATER = cases.FILED_AT + timedelta(days=90)


async def test_every_status_has_a_number_of_its_own_in_the_demonstration_scheme(engines: Engines) -> None:
    held = [await _held(engines) for _ in range(3)]

    assert {each.scheme for each in held} == {"DEMO-ERID"}
    assert len({each.number for each in held}) == 3
    assert all(number.is_valid(each.number) and each.number.startswith("26") for each in held)


async def test_a_status_is_suspended_restored_and_revoked_as_dated_rows(engines: Engines) -> None:
    held = await _held(engines)

    await _changed(engines, held, Act.SUSPEND, "not_confirmed")
    await _changed(engines, held, Act.RESTORE)
    revoked = await _changed(engines, held, Act.REVOKE, "document_not_genuine")

    assert (revoked.state, revoked.version) == (State.REVOKED, 4)
    async with db.transaction(engines.report) as story:
        changes = tables.status_change
        query = select(changes.c.state, changes.c.reason).where(changes.c.status_id == held.id).order_by(changes.c.sort)
        rows = [tuple(row) for row in await (await story()).execute(query)]
        facts = select(tables.event.c.kind).where(tables.event.c.aggregate == held.id).order_by(tables.event.c.version)
        told = list((await (await story()).execute(facts)).scalars())
    assert rows == [
        ("active", None),
        ("suspended", "not_confirmed"),
        ("active", None),
        ("revoked", "document_not_genuine"),
    ]
    assert told == ["status.assigned", "status.suspended", "status.restored", "status.revoked"]


@pytest.mark.parametrize(("state", "act"), sorted(set(itertools.product(State, Act)) - set(status.LIFE)))
async def test_what_the_table_does_not_name_is_refused(engines: Engines, state: State, act: Act) -> None:
    held = await _held(engines)
    if state is not State.ACTIVE:
        way = Act.SUSPEND if state is State.SUSPENDED else Act.REVOKE
        await _changed(engines, held, way, "not_confirmed")

    with pytest.raises(status.IllegalChange):
        await _changed(engines, held, act, "not_confirmed")


@pytest.mark.parametrize("code", [None, "document_missing"])
async def test_a_status_is_not_taken_without_a_reason_for_it(engines: Engines, code: str | None) -> None:
    held = await _held(engines)

    with pytest.raises(reason.UnknownReason):
        await _changed(engines, held, Act.REVOKE, code)


async def test_after_a_revocation_the_person_may_apply_again(engines: Engines) -> None:
    held = await _held(engines)
    await _changed(engines, held, Act.REVOKE, "requirements_not_met")

    await cases.granted(engines, held.resident, at=_LATER)

    async with db.transaction(engines.worker) as story:
        statuses = await status.of_resident(await story(), held.resident)
    assert [each.state for each in statuses] == [State.REVOKED, State.ACTIVE]
    assert len({each.number for each in statuses}) == 2


async def test_an_unknown_status_is_not_changed(engines: Engines) -> None:
    with pytest.raises(status.UnknownStatus):
        async with db.transaction(engines.api, audience="officer") as story:
            await status.change(await story(), cases.somebody(), Act.RESTORE, at=_LATER, by="officer:x")


async def _held(engines: Engines) -> Status:
    resident = cases.somebody()
    await cases.granted(engines, resident)
    async with db.transaction(engines.worker) as story:
        (held,) = await status.of_resident(await story(), resident)
    return held


async def _changed(engines: Engines, held: Status, act: Act, code: str | None = None) -> Status:
    async with db.transaction(engines.api, audience="officer") as story:
        return await status.change(await story(), held.id, act, at=_LATER, by="officer:x", reason_code=code)
