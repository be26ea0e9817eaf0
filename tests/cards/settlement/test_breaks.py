"""How breaks end and how old they are: by two officers, with the difference booked, and by age as of any instant."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from app import clock, db, ids
from app.idempotency_key import Stored
from app.money import claim
from cards.disputes.life import Act
from cards.disputes.reason import Reason
from cards.settlement import breaks
from cards.settlement.breaks import BUCKETS, Break, Deciding, Kind, Proposal, Resolution
from simulators.settlement_file import Line
from tests.cards import made
from tests.cards.disputes import disputed
from tests.cards.settlement.files import Network
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio

OFFICER, OTHER = disputed.OFFICER, disputed.OTHER


async def proposes(network: Network, about: Break, how: Resolution, by: str = OFFICER) -> Proposal:
    made_ = Proposal(
        id=ids.new(), about=about.id, resolution=how, evidence="CASE-1", proposed_by=by, proposed_at=clock.real()
    )
    async with db.transaction(network.house.api, audience="officer", actor=by) as story:
        return await breaks.propose(await story(), made_, at=story.now)


async def decides(network: Network, proposal: Proposal, by: str = OTHER, *, agreed: bool = True) -> str:
    """Let an officer decide; gives the name of the answer."""

    def render(answers: Sequence[object]) -> Stored:
        return Stored(200, msgspec.json.encode(type(answers[0]).__name__))

    said = Deciding(proposal.id, agreed, by)
    named = claim("test", str(ids.new()), None)
    reply = await network.house.money.submit(breaks.settle, [said], lanes=[1], claim=named, render=render)
    return msgspec.json.decode(reply.stored.body, type=str)


async def overcharged(network: Network, tenge: int) -> Break:
    """Let the network take more than it told, by `tenge`."""
    card = await made.spender(network.engines, network.house.money, 1_000)
    [line] = await network.clears(card, 300)
    [found] = await network.takes([msgspec.structs.replace(line, amount_minor=line.amount_minor + tenge * 100)])
    assert (found.kind, found.difference_minor) == (Kind.AMOUNT_DIFFERS, tenge * 100)
    return found


@pytest.mark.parametrize(("how", "tenge"), [(Resolution.NETWORK_CORRECTS, 20), (Resolution.ACCEPT_NETWORK, -20)])
async def test_two_officers_end_a_break_and_the_difference_is_booked(
    network: Network, how: Resolution, tenge: int
) -> None:
    found = await overcharged(network, tenge)
    adjustment, settlement = (
        await made.operator(network.engines, "adjustment"),
        await network.balance("card_settlement"),
    )
    assert await network.balance("card_clearing") == -tenge * 100

    assert await decides(network, await proposes(network, found, how)) == "Proposal"

    [ended] = await network.breaks()
    assert (ended.resolution, ended.resolved_by) == (how, OTHER)
    assert await network.balance("card_clearing") == 0
    if how is Resolution.ACCEPT_NETWORK:
        assert await made.operator(network.engines, "adjustment") == adjustment - kzt(tenge)
    else:
        assert await network.balance("card_settlement") == settlement - tenge * 100


async def test_who_proposes_does_not_decide_and_a_break_ends_once(network: Network) -> None:
    found = await overcharged(network, 20)
    proposal = await proposes(network, found, Resolution.ACCEPT_NETWORK)
    with pytest.raises(breaks.ProposalOpen):
        await proposes(network, found, Resolution.NETWORK_CORRECTS)

    assert await decides(network, proposal, OFFICER) == "SameOfficer"
    assert await decides(network, proposal, OTHER, agreed=False) == "Proposal"
    assert (await network.breaks())[0].resolution is None

    again = await proposes(network, found, Resolution.ACCEPT_NETWORK)
    assert await decides(network, again) == "Proposal"
    assert await decides(network, again) == "UnknownProposal"
    with pytest.raises(breaks.BreakResolved):
        await proposes(network, found, Resolution.ACCEPT_NETWORK)


async def test_the_database_refuses_one_officer_and_a_break_made_otherwise(network: Network, database: str) -> None:
    found = await overcharged(network, 20)
    proposal = await proposes(network, found, Resolution.ACCEPT_NETWORK)
    alone = text(
        "UPDATE cards.settlement_proposal SET decided_by = proposed_by, decided_at = now(), agreed = true"
        " WHERE id = :id"
    )
    other = text("UPDATE cards.settlement_break SET difference_minor = 0 WHERE id = :id")

    async with made.owner(database) as owner:
        with pytest.raises(IntegrityError, match="four_eyes"):
            async with owner.begin_nested():
                await owner.execute(alone, {"id": proposal.id})
        with pytest.raises(ProgrammingError, match="refused"):
            async with owner.begin_nested():
                await owner.execute(other, {"id": found.id})


async def test_an_officer_takes_a_break_upon_oneself(network: Network) -> None:
    found = await overcharged(network, 20)

    async with db.transaction(network.house.api, audience="officer", actor=OFFICER) as story:
        owned = await breaks.own(await story(), found.id, OFFICER)

    assert (owned.owner, owned.version) == (OFFICER, found.version + 1)


async def test_breaks_are_counted_by_age_as_of_any_instant(network: Network) -> None:
    found = await overcharged(network, 20)
    opened = found.opened_at
    buckets = {}
    for days in (0, 1, 2, 5, 6, 15, 16, 30, 31, 400):
        async with db.transaction(network.house.worker) as story:
            [aged] = await breaks.ages(await story(), at=opened + timedelta(days=days), network=network.name)
        buckets[days] = (aged.from_days, aged.to_days)
        assert (aged.kind, aged.breaks, aged.difference_minor) == (Kind.AMOUNT_DIFFERS, 1, 20_00)

    assert buckets == {
        0: (0, 1), 1: (0, 1), 2: (2, 5), 5: (2, 5), 6: (6, 15), 15: (6, 15), 16: (16, 30), 30: (16, 30), 31: (31, None),
        400: (31, None),
    }  # fmt: skip
    assert BUCKETS == (1, 5, 15, 30)
    async with db.transaction(network.house.worker) as story:
        assert await breaks.ages(await story(), at=opened - timedelta(seconds=1), network=network.name) == []


async def test_what_disputes_moved_is_settled_by_its_own_name(network: Network) -> None:
    """A chargeback and its representment come in the file as they were told, and leave nothing on the account."""
    engines, money = network.engines, network.house.money
    card = await made.spender(engines, money, 1_000)
    [line] = await network.clears(card, 300)
    [row] = await network.rows("SELECT id FROM cards.payment WHERE network = :network")
    paid = await disputed.payment(engines, row.id)
    about = await disputed.submitted(engines, money, paid, 300, Reason.FRAUD_CARD_ABSENT)
    accepted = disputed.doing(about, Act.ACCEPT, source="CB-1")
    contested = disputed.doing(about, Act.REPRESENT, source="CB-2", minor=100_00)
    await disputed.did(engines, money, about, accepted, contested)

    found = await network.takes(
        [
            line,
            Line(kind="chargeback", lifecycle=line.lifecycle, element="CB-1", amount_minor=300_00),
            Line(kind="representment", lifecycle=line.lifecycle, element="CB-2", amount_minor=100_00),
        ]
    )

    assert found == []
    assert await network.balance("card_clearing") == 0


async def test_a_chargeback_nobody_heard_of_waits_for_officers(network: Network) -> None:
    [found] = await network.takes([Line(kind="chargeback", lifecycle="X-1", element="CB-1", amount_minor=300_00)])

    assert (found.kind, found.difference_minor, found.resolution) == (Kind.MISSING_AT_US, -300_00, None)
    assert await network.states() == ["reported"]
    assert await network.balance("card_clearing") == 300_00


async def test_days_are_days_in_kazakhstan() -> None:
    found = msgspec.structs.replace(
        msgspec.convert(dict.fromkeys(Break.__struct_fields__, None) | _BREAK, Break),
        opened_at=datetime(2026, 11, 22, 18, 59, tzinfo=UTC),
    )

    assert found.age_days(datetime(2026, 11, 22, tzinfo=UTC).date()) == 0
    assert found.age_days(datetime(2026, 11, 23, tzinfo=UTC).date()) == 1


_BREAK = {
    "id": str(ids.new()),
    "network": "mspk",
    "file": str(ids.new()),
    "kind": "duplicate",
    "lane": 1,
    "direction": 1,
    "difference_minor": 1,
    "opened_at": "2026-11-22T18:59:00Z",
    "version": 1,
}
