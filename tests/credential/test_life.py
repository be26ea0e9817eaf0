"""The life of a credential: every state and act, and that no copy outlives what happens to it."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import product
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import transaction
from residency.credential import entries, holding, issuing, life, tables
from residency.credential.issuing import NotActive, Order, Reserved, TooManyCopies
from residency.credential.life import LIFE, Act, IllegalAct, Reason, State, UnknownCredential
from residency.credential.status_list import Status
from residency.credential.wallets import notification
from residency.credential.wallets.notification import Outcome, UnknownNotification
from tests.conftest import Engines
from tests.credential import made

pytestmark = pytest.mark.asyncio
LATER = made.AT + timedelta(days=90)


def order(holder: UUID, *, copies: int = 1, device: str = "jkt") -> Order:
    return Order(
        holder=holder,
        configuration=made.E_RESIDENT,
        device=device,
        copies=copies,
        made_at=made.AT,
        expires_at=LATER,
    )


async def issue(engines: Engines, holder: UUID, *, copies: int = 1, device: str = "jkt") -> Reserved:
    asked = order(holder, copies=copies, device=device)
    async with transaction(engines.api, holder=holder, audience="resident") as story:
        return await issuing.reserve(await story(), asked, actor="resident:1", at=made.AT)


async def act(engines: Engines, holder: UUID, credential: UUID, *acts: Act) -> State:
    state = State.ACTIVE
    for each in acts:
        async with transaction(engines.api, holder=holder, audience="resident") as story:
            state = await life.act_on(
                await story(),
                credential,
                each,
                reason=Reason.HOLDER_REQUEST,
                actor="resident:1",
                at=made.AT,
                until=LATER if each is Act.RENEW else None,
            )
    return state


async def shown(engines: Engines, taken: Iterable[entries.Entry]) -> set[int]:
    """Read what a verifier would of the entries, as the API does it, without being anybody."""
    async with transaction(engines.api, audience="public") as story:
        db = await story()
        return {(await entries.snapshot(db, one.list)).statuses.get(one.idx, 0) for one in taken}


#: How a new credential comes to stand in each state.
WAY: dict[State, tuple[Act, ...]] = {
    State.ACTIVE: (),
    State.PAUSED: (Act.PAUSE,),
    State.SUSPENDED: (Act.SUSPEND,),
    State.SUPERSEDED: (Act.RENEW,),
    State.REVOKED: (Act.REVOKE,),
}


async def test_every_state_is_reached_and_shown() -> None:
    assert WAY.keys() == life.SHOWN_AS.keys() == set(State)
    assert {before for before, _ in LIFE} == set(State) - {State.REVOKED}
    assert {act for _, act in LIFE} == set(Act)


@pytest.mark.parametrize(("state", "asked"), [*product(State, Act)])
async def test_an_act_is_done_to_every_copy_or_refused(engines: Engines, state: State, asked: Act) -> None:
    holder = uuid4()
    first = await issue(engines, holder, copies=2)
    second = await issue(engines, holder, copies=3)
    assert first.credential == second.credential
    await act(engines, holder, first.credential, *WAY[state])

    if step := LIFE.get((state, asked)):
        assert await act(engines, holder, first.credential, asked) is step.state
        after = step.state
    else:
        with pytest.raises(IllegalAct) as caught:
            await act(engines, holder, first.credential, asked)
        assert (caught.value.state, caught.value.act) == (state, asked)
        after = state

    assert await shown(engines, [*first.entries, *second.entries]) == {int(life.SHOWN_AS[after])}


async def test_others_copies_are_left_alone(engines: Engines) -> None:
    holder, neighbour = uuid4(), uuid4()
    mine, theirs = await issue(engines, holder), await issue(engines, neighbour)

    await act(engines, holder, mine.credential, Act.REVOKE)

    assert await shown(engines, mine.entries) == {Status.INVALID}
    assert await shown(engines, theirs.entries) == {Status.VALID}


async def test_a_list_has_a_new_version_when_something_in_it_changed(engines: Engines) -> None:
    holder = uuid4()
    issued = await issue(engines, holder)
    list_id = issued.entries[0].list

    async with transaction(engines.api, audience="public") as story:
        before = await entries.version(await story(), list_id)
    await act(engines, holder, issued.credential, Act.PAUSE)
    async with transaction(engines.api, audience="public") as story:
        after = await entries.version(await story(), list_id)

    assert before is not None
    assert after == before + 1


async def test_a_revoked_credential_is_succeeded_by_another(engines: Engines) -> None:
    holder = uuid4()
    first = await issue(engines, holder)
    await act(engines, holder, first.credential, Act.REVOKE)

    second = await issue(engines, holder)

    assert second.credential != first.credential
    async with transaction(engines.api, holder=holder, audience="resident") as story:
        held = await holding.of_holder(await story(), holder, at=made.AT)
    assert [(one.id, one.state, one.copies) for one in held] == [
        (second.credential, State.ACTIVE, 1),
        (first.credential, State.REVOKED, 0),
    ]


@pytest.mark.parametrize("state", [State.PAUSED, State.SUSPENDED])
async def test_no_copy_is_issued_while_the_credential_rests(engines: Engines, state: State) -> None:
    holder = uuid4()
    issued = await issue(engines, holder)
    await act(engines, holder, issued.credential, *WAY[state])

    with pytest.raises(NotActive) as caught:
        await issue(engines, holder)

    assert caught.value.state is state


async def test_copies_are_bounded_in_each_wallet_and_not_over_all(engines: Engines) -> None:
    holder = uuid4()
    first = await issue(engines, holder, copies=issuing.COPIES_MAX)

    with pytest.raises(TooManyCopies):
        await issue(engines, holder)

    assert (await issue(engines, holder, device="another")).credential == first.credential


async def test_two_wallets_at_once_share_one_credential_and_no_entry(engines: Engines) -> None:
    holder = uuid4()

    issued = await asyncio.gather(*(issue(engines, holder, copies=5) for _ in range(6)))

    assert len({one.credential for one in issued}) == 1
    assert len({entry for one in issued for entry in one.entries}) == 30


async def test_another_residents_credential_is_unknown(engines: Engines) -> None:
    owner, stranger = uuid4(), uuid4()
    issued = await issue(engines, owner)

    with pytest.raises(UnknownCredential):
        await act(engines, stranger, issued.credential, Act.REVOKE)

    async with transaction(engines.api, holder=stranger, audience="resident") as story:
        assert await holding.of_holder(await story(), owner, at=made.AT) == []
    assert await shown(engines, issued.entries) == {Status.VALID}


async def test_everything_follows_when_the_status_changes(engines: Engines) -> None:
    holder = uuid4()
    old = await issue(engines, holder)
    await act(engines, holder, old.credential, Act.REVOKE)
    issued = await issue(engines, holder, copies=2)
    states = []

    for asked, reason in (
        (Act.SUSPEND, Reason.STATUS_SUSPENDED),
        (Act.RESTORE, Reason.STATUS_RESTORED),
        (Act.REVOKE, Reason.STATUS_REVOKED),
        (Act.REVOKE, Reason.STATUS_REVOKED),
    ):
        async with transaction(engines.worker) as story:
            touched = await life.act_on_all(await story(), holder, asked, reason=reason, actor="system", at=made.AT)
        states.append((len(touched), await shown(engines, issued.entries)))

    assert states == [(1, {Status.SUSPENDED}), (1, {Status.VALID}), (1, {Status.INVALID}), (0, {Status.INVALID})]


async def test_what_happened_is_in_the_journal(engines: Engines) -> None:
    holder = uuid4()
    issued = await issue(engines, holder, copies=2)
    done = (Act.PAUSE, Act.RESUME, Act.SUSPEND, Act.RESTORE, Act.RENEW, Act.REVOKE)
    await act(engines, holder, issued.credential, *done)

    async with transaction(engines.report) as story:
        rows = await (await story()).execute(
            select(tables.event.c.kind, tables.event.c.body)
            .where(tables.event.c.aggregate == issued.credential)
            .order_by(tables.event.c.version)
        )
        told = [(row.kind, row.body) for row in rows]

    assert [kind for kind, _ in told] == [
        f"credential.{fact}"
        for fact in ("opened", "issued", "paused", "resumed", "suspended", "restored", "superseded", "revoked")
    ]
    assert told[1][1]["copies"] == 2
    assert datetime.fromisoformat(told[-2][1]["until"]) == LATER
    assert told[-1][1]["reason"] == "holder_request"


async def hear(engines: Engines, holder: UUID, notification_id: str, outcome: Outcome) -> None:
    async with transaction(engines.api, holder=holder, audience="resident") as story:
        await notification.record(
            await story(), notification_id, outcome, holder=holder, actor="resident:1", at=made.AT
        )


async def test_what_a_wallet_says_twice_is_heard_once(engines: Engines) -> None:
    holder = uuid4()
    issued = await issue(engines, holder)

    for _ in range(3):
        await hear(engines, holder, issued.notification_id, Outcome.ACCEPTED)
    await hear(engines, holder, issued.notification_id, Outcome.DELETED)

    async with transaction(engines.report) as story:
        kinds = await (await story()).execute(
            select(tables.event.c.body["outcome"].astext)
            .where(tables.event.c.aggregate == issued.credential, tables.event.c.kind == "credential.notified")
            .order_by(tables.event.c.seq)
        )
        assert kinds.scalars().all() == ["credential_accepted", "credential_deleted"]


async def test_a_notification_is_the_holders_own(engines: Engines) -> None:
    issued = await issue(engines, uuid4())

    with pytest.raises(UnknownNotification):
        await hear(engines, uuid4(), issued.notification_id, Outcome.ACCEPTED)


FORGED = [
    "UPDATE credential.credential SET state = 'revoked' WHERE id = :credential",
    "UPDATE credential.transition SET state = 'active' WHERE credential = :credential",
    "DELETE FROM credential.copy WHERE credential = :credential",
    "UPDATE credential.issuance SET copies = 1 WHERE credential = :credential",
    "DELETE FROM credential.entry",
    "UPDATE credential.entry SET idx = idx + 1",
]


@pytest.mark.parametrize("statement", FORGED)
async def test_the_database_keeps_a_credential_from_being_forged(engines: Engines, statement: str) -> None:
    holder = uuid4()
    issued = await issue(engines, holder)

    with pytest.raises(DBAPIError):
        async with transaction(engines.api, holder=holder, audience="resident") as story:
            await (await story()).execute(text(statement), {"credential": issued.credential})


async def rows(db: AsyncConnection) -> list[str]:
    found = await db.execute(text("SELECT to_jsonb(issuance)::text FROM credential.issuance"))
    return list(found.scalars())


async def test_nothing_of_a_copy_is_kept(engines: Engines) -> None:
    holder = uuid4()
    issued = await issue(engines, holder)
    copies = issuing.sign(
        made.resident(),
        made.E_RESIDENT,
        [made.cnf(made.holder())],
        issued.entries,
        issuer=made.authority().issuer,
        at=made.AT,
    )

    async with transaction(engines.worker) as story:
        stored = " ".join(await rows(await story()))

    assert issued.notification_id not in stored
    for part in (made.holder().kid, made.cnf(made.holder())["x"], copies[0].split("~")[1], "MUSTERMANN"):
        assert part not in stored
