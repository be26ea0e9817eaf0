"""A credential is issued anew: decided by a table, kept by the worker, told to its holder, seen by verifiers."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import select, text, update

from app import clock, outbox
from app.credentials import renewing
from app.db import transaction
from app.house import House
from app.seed import Seeded
from residency.credential import holding, issuing, life, renewal, tables
from residency.credential.configuration import CONFIGURATIONS, PRINTS
from residency.credential.dataset import Kind, Sources
from residency.credential.issuing import Order, Reserved
from residency.credential.life import GRACE, Act, Reason, State
from residency.credential.renewal import (
    REMINDED_BEFORE,
    SETTLES_AFTER,
    Answer,
    Batch,
    Due,
    Remind,
    Replace,
    Wait,
    Withdraw,
)
from residency.credential.status_list import Status
from residency.credential.wallets.grade import Grade
from simulators.wallet_app import WalletApp
from tests.app.people import bearer, keyed
from tests.conftest import Engines
from tests.credential import made
from tests.credential.people import offered, renewed, resident, shows
from tests.credential.test_life import shown
from tests.credential.test_said import named

pytestmark = pytest.mark.asyncio

NOW = made.AT
OLD, NEW, IIN = (UUID(int=each) for each in (1, 2, 3))
SOON, LATE = NOW + timedelta(days=10), NOW + timedelta(days=60)


def due(**changes: Any) -> Due:  # noqa: ANN401  fields of Due
    known = {"id": uuid4(), "holder": uuid4(), "kind": Kind.E_RESIDENT, "state": State.ACTIVE}
    return Due(**{**known, "until": None, "reminded_for": None, **changes})


SAME = Sources(OLD)
REPLACE, WITHDRAW = Replace(Reason.DATA_CHANGED, NOW + GRACE), Withdraw(Reason.NOT_IDENTIFIED)
#: What its live copies rest on and when they end, what new ones would, which documents were refused, what follows.
DECIDED: dict[str, tuple[list[Batch], Sources | None, set[UUID], Answer]] = {
    "nothing changed, nothing ends": ([Batch(OLD, None, LATE)], SAME, set(), Wait(LATE - REMINDED_BEFORE)),
    "another passport": ([Batch(OLD, None, LATE)], Sources(NEW), set(), REPLACE),
    "one wallet has the new one": ([Batch(OLD, None, LATE), Batch(NEW, None, LATE)], Sources(NEW), set(), REPLACE),
    "an IIN came": ([Batch(OLD, None, LATE)], Sources(OLD, IIN), set(), REPLACE),
    "an IIN ended": ([Batch(OLD, IIN, LATE)], SAME, set(), REPLACE),
    "the passport was refused": ([Batch(OLD, None, LATE)], Sources(NEW), {OLD}, WITHDRAW),
    "refused, and there is no other": ([Batch(OLD, None, LATE)], None, {OLD}, WITHDRAW),
    "another one was refused": ([Batch(OLD, None, LATE)], SAME, {NEW}, Wait(LATE - REMINDED_BEFORE)),
    "the passport ran out": ([Batch(OLD, None, LATE)], None, set(), Wait(LATE - REMINDED_BEFORE)),
    "made before it was written down": ([Batch(None, None, LATE)], Sources(NEW), {OLD}, Wait(LATE - REMINDED_BEFORE)),
    "the last copies end": ([Batch(OLD, None, NOW), Batch(OLD, None, SOON)], SAME, set(), Remind(SOON)),
    "some end, others do not": (
        [Batch(OLD, None, SOON), Batch(OLD, None, LATE)],
        SAME,
        set(),
        Wait(LATE - REMINDED_BEFORE),
    ),
    "no wallet has any": ([], Sources(NEW), {OLD}, Wait(None)),
}


@pytest.mark.parametrize("case", DECIDED)
async def test_what_follows_from_a_look(case: str) -> None:
    copies, now_says, refused, answer = DECIDED[case]

    assert renewal.decide(due(), copies, now_says, refused, now=NOW) == answer


async def test_nobody_is_reminded_twice_of_one_end() -> None:
    copies = [Batch(OLD, None, SOON)]

    assert renewal.decide(due(reminded_for=SOON), copies, SAME, set(), now=NOW) == Wait(None)
    assert renewal.decide(due(reminded_for=NOW), copies, SAME, set(), now=NOW) == Remind(SOON)


def order(holder: UUID, device: str = "phone", configuration: str = "e_resident_sd_jwt", **changes: Any) -> Order:  # noqa: ANN401  fields of Order
    known = {"copies": 1, "made_at": NOW, "expires_at": LATE, "sources": Sources(OLD)}
    return Order(holder=holder, configuration=CONFIGURATIONS[configuration], device=device, **{**known, **changes})


async def reserve(engines: Engines, wanted: Order) -> Reserved:
    async with transaction(engines.api, holder=wanted.holder, audience="resident") as story:
        return await issuing.reserve(await story(), wanted, actor="resident:1", at=NOW)


async def superseded(engines: Engines, holder: UUID, credential: UUID) -> None:
    async with transaction(engines.api, holder=holder, audience="resident") as story:
        await life.act_on(
            await story(), credential, Act.RENEW, reason=Reason.DATA_CHANGED, actor="x", at=NOW, until=NOW + GRACE
        )


async def settled(engines: Engines, credential: UUID, *, days: int = 0) -> bool:
    now = NOW + timedelta(days=days)
    async with transaction(engines.worker) as story:
        taken = await renewal.take(await story(), credential, now=NOW + GRACE)
        assert taken is not None
        return await renewal.settled(await story(), taken, now=now)


async def test_a_superseded_credential_is_good_until_each_wallet_has_its_successor(engines: Engines) -> None:
    holder = uuid4()
    old = await reserve(engines, order(holder))
    await reserve(engines, order(holder, "phone", "e_resident_mdoc"))
    await reserve(engines, order(holder, "tablet"))
    await superseded(engines, holder, old.credential)
    said = []

    for device, configuration in (
        ("phone", "e_resident_sd_jwt"),
        ("tablet", "e_resident_sd_jwt"),
        ("new", "e_resident_mdoc"),
    ):
        fresh = await reserve(engines, order(holder, device, configuration))
        assert fresh.credential != old.credential
        said.append(await settled(engines, old.credential))
    assert await shown(engines, old.entries) == {Status.VALID}
    await reserve(engines, order(holder, "phone", "e_resident_mdoc"))

    assert said == [False, False, False]
    assert await settled(engines, old.credential)


async def test_nobody_waits_for_a_paper_and_it_is_no_wallet(engines: Engines) -> None:
    holder = uuid4()
    old = await reserve(engines, order(holder, grade=Grade.HIGH))
    await reserve(engines, msgspec.structs.replace(order(holder, "print"), configuration=PRINTS[Kind.E_RESIDENT]))
    async with transaction(engines.api, holder=holder, audience="resident") as story:
        [held] = await holding.of_holder(await story(), holder, at=NOW)
    assert (held.copies, held.grade) == (2, Grade.HIGH)

    await superseded(engines, holder, old.credential)
    assert not await settled(engines, old.credential)
    await reserve(engines, order(holder))

    assert await settled(engines, old.credential)


async def test_a_superseded_credential_is_over_at_its_deadline(engines: Engines) -> None:
    holder = uuid4()
    old = await reserve(engines, order(holder))
    await superseded(engines, holder, old.credential)

    assert [await settled(engines, old.credential, days=days) for days in (0, 13, 14)] == [False, False, True]


async def test_new_copies_call_the_worker_to_the_old_ones(engines: Engines) -> None:
    holder = uuid4()
    old = await reserve(engines, order(holder))
    await superseded(engines, holder, old.credential)
    await reserve(engines, order(holder))

    async with transaction(engines.worker) as story:
        early = await renewal.take(await story(), old.credential, now=NOW + SETTLES_AFTER - timedelta(seconds=1))
        late = await renewal.take(await story(), old.credential, now=NOW + SETTLES_AFTER)
    assert early is None
    assert late is not None


@pytest.mark.parametrize("act", [Act.PAUSE, Act.SUSPEND, Act.REVOKE])
async def test_what_is_done_against_the_successor_ends_what_it_supersedes(engines: Engines, act: Act) -> None:
    holder = uuid4()
    old = await reserve(engines, order(holder))
    await superseded(engines, holder, old.credential)
    fresh = await reserve(engines, order(holder))

    async with transaction(engines.api, holder=holder, audience="resident") as story:
        db = await story()
        await life.act_on(db, fresh.credential, act, reason=Reason.HOLDER_REQUEST, actor="x", at=NOW)
        held = {each.id: each.state for each in await holding.of_holder(db, holder, at=NOW)}

    assert held[old.credential] is State.REVOKED
    assert await shown(engines, old.entries) == {Status.INVALID}


async def hurry(house: House, holder: UUID, by: timedelta) -> None:
    """Let all that is to come for the credentials of `holder` come earlier."""
    columns = tables.credential.c
    async with transaction(house.worker) as story:
        sooner = {"due_at": columns.due_at - by, "until": columns.until - by}
        await (await story()).execute(update(tables.credential).where(columns.holder == holder).values(sooner))


async def mine(client: httpx.AsyncClient, who: Seeded) -> list[tuple[str, str | None]]:
    held = (await client.get("/v1/me/credentials", headers=bearer(who.access_token))).json()["credentials"]
    return [(each["state"], each.get("reason")) for each in held]


async def told(client: httpx.AsyncClient, house: House, who: Seeded) -> list[str]:
    """Read what the resident is told of credentials in the app."""
    await renewing_done(house)
    events = (await client.get("/v1/me/feed?limit=100", headers=bearer(who.access_token))).json()["events"]
    return [each["type"] for each in events if each["type"].startswith("credential.")]


async def renewing_done(house: House) -> None:
    while await renewing.step(house):
        pass
    while await outbox.step(house):
        pass


async def test_a_new_passport_has_the_id_issued_anew_and_shown_again_it_changes_nothing(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    house: House = app.state.house
    who = await resident(app, woman=True)
    await wallet.accept(await offered(client, who))
    await shows(app, who, renewed(who))
    await renewing_done(house)
    assert await mine(client, who) == [("superseded", "data_changed")]

    await wallet.accept(await offered(client, who))
    await renewing_done(house)
    assert await mine(client, who) == [("active", None), ("superseded", "data_changed")]
    await hurry(house, who.subject, SETTLES_AFTER + timedelta(seconds=1))

    assert "credential.superseded" in await told(client, house, who)
    assert await mine(client, who) == [("active", None), ("revoked", "data_changed")]
    await shows(app, who, renewed(who))
    await renewing_done(house)
    assert await mine(client, who) == [("active", None), ("revoked", "data_changed")]


async def test_a_change_waits_for_a_paused_id_and_who_fetches_no_new_copies_is_left_without(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    house: House = app.state.house
    who = await resident(app)
    await wallet.accept(await offered(client, who))
    [held] = (await client.get("/v1/me/credentials", headers=bearer(who.access_token))).json()["credentials"]
    path = f"/v1/me/credentials/{held['id']}"
    await client.post(f"{path}/pause", headers=keyed(who.access_token))
    await named(client, who, "900101300057")
    await renewing_done(house)
    assert await mine(client, who) == [("paused", "holder_request")]

    await client.post(f"{path}/resume", headers=keyed(who.access_token))
    await renewing_done(house)
    assert await mine(client, who) == [("superseded", "data_changed")]
    await hurry(house, who.subject, GRACE + timedelta(seconds=1))

    assert (await told(client, house, who))[-1] == "credential.revoked"
    assert await mine(client, who) == [("revoked", "data_changed")]


async def test_a_refused_passport_takes_the_id_with_it_at_once(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    house: House = app.state.house
    who = await resident(app)
    await wallet.accept(await offered(client, who))
    await refused(house, who.subject)
    await renewing_done(house)

    assert await mine(client, who) == [("revoked", "not_identified")]


async def test_a_passport_that_is_refused_later_takes_what_was_superseded_with_it(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    house: House = app.state.house
    who = await resident(app, woman=True)
    await wallet.accept(await offered(client, who))
    await shows(app, who, renewed(who))
    await renewing_done(house)
    assert await mine(client, who) == [("superseded", "data_changed")]

    await refused(house, who.subject)
    await renewing_done(house)

    assert await mine(client, who) == [("revoked", "not_identified")]


async def test_one_that_somebody_holds_does_not_keep_the_others_waiting(engines: Engines, house: House) -> None:
    held, other = [await reserve(engines, order(uuid4(), made_at=clock.real())) for _ in range(2)]
    columns = tables.credential.c
    async with transaction(engines.worker) as story:
        for each, since in ((held, timedelta(days=9)), (other, timedelta(days=8))):
            due_at = {"due_at": clock.real() - since}
            await (await story()).execute(update(tables.credential).where(columns.id == each.credential).values(due_at))

    async with transaction(engines.worker) as story:
        assert await renewal.take(await story(), held.credential, now=clock.real()) is not None
        await renewing.step(house)

    async with transaction(engines.worker) as story:
        left = select(columns.id).where(columns.id.in_((held.credential, other.credential)))
        due_ = await (await story()).scalars(left.where(columns.due_at < clock.real()))
        assert list(due_) == [held.credential]


REFUSES = text(
    """
    INSERT INTO kyc.decision (document, version, resident, outcome, reasons, rule_version, actor, at)
    SELECT document, version + 1, resident, 'refused', '{chip.signature}', rule_version, 'service:test', now()
    FROM kyc.decision WHERE resident = :who ORDER BY document, version DESC LIMIT 1
    """
)


async def refused(house: House, who: UUID) -> None:
    """Let a later look refuse the document somebody was identified by."""
    async with transaction(house.worker) as story:
        await (await story()).execute(REFUSES, {"who": who})


async def test_the_holder_is_reminded_once_before_the_copies_end(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    house: House = app.state.house
    who = await resident(app)
    await wallet.accept(await offered(client, who))
    async with transaction(house.worker) as story:
        columns = tables.issuance.c
        query = select(columns.credential, columns.expires_at).where(columns.holder == who.subject)
        credential, ends_at = (await (await story()).execute(query)).one()
    soon = ends_at - timedelta(days=3)

    for _ in range(2):
        async with transaction(house.api, holder=who.subject, audience="resident", actor="x", operation="x") as story:
            if (found := await renewal.take(await story(), credential, now=soon)) is not None:
                await renewing.look(house, await story(), found, now=soon, at=clock.real())

    assert (await told(client, house, who)).count("credential.ending") == 1
