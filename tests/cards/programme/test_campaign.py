"""Campaigns: every card moves once or is closed, swipes go on, nobody consents twice, a rollback goes back."""

import asyncio
import contextlib
import itertools
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

from app import db, ids
from app.cards import campaigns
from app.money import Money
from cards.card import Act as CardAct
from cards.card import Card, Closing, Owner
from cards.payments.reason import Reason
from cards.programme import campaign, change, consent, rounds
from cards.programme.campaign import Act, CampaignUnderWay, Kind, NotInForce, Outcome, SameOfficer, State
from cards.programme.order import IssuingStopped
from law.regime import Regime
from tests.cards import made
from tests.cards.programme.campaigns import (
    LICENCE,
    bases,
    begun,
    licensed,
    moving,
    outcomes,
    spenders,
    turned,
    worked,
)
from tests.conftest import Engines
from tests.planted import planted
from tests.wallet import ledgers

pytestmark = pytest.mark.asyncio

#: How many cards move in the suite of every change; the nightly run has ten thousand.
SAMPLE = 2_000


@pytest.fixture
def sandbox() -> Regime:
    """Give a sandbox of the test's own: campaigns go by the basis of cards."""
    return msgspec.structs.replace(made.regime(), basis=f"NBK-SANDBOX-{next(_SANDBOXES)}")


_SANDBOXES = itertools.count(1)


async def test_all_cards_move_to_the_licence_while_they_are_used(
    engines: Engines, money: Money, sandbox: Regime, database: str
) -> None:
    [card] = await spenders(engines, money, 1, sandbox)
    await multiply(database, card, SAMPLE - 1)

    await moves(engines, money, sandbox, card, SAMPLE)


@pytest.mark.nightly
async def test_ten_thousand_cards_move_while_they_are_used(
    engines: Engines, money: Money, sandbox: Regime, database: str
) -> None:
    [card] = await spenders(engines, money, 1, sandbox)
    await multiply(database, card, 9_999)

    await moves(engines, money, sandbox, card, 10_000)


async def moves(engines: Engines, money: Money, sandbox: Regime, card: Card, cards: int) -> None:
    """Move all cards of a sandbox, and use one of them again and again until it is done."""
    wanted = await begun(engines, moving(sandbox))

    working = asyncio.create_task(worked(engines, wanted, batch=rounds.BATCH))
    approved = await swipe(money, card, 1)
    while not working.done():
        approved += await swipe(money, card, 1)

    assert (await working).state is State.DONE
    assert len(approved) > 1
    assert all(approved)
    assert await outcomes(engines, wanted) == {Outcome.MOVED: cards}
    assert await rebased(engines, wanted) == cards


async def test_a_closed_card_stays_on_the_basis_it_had(engines: Engines, money: Money, sandbox: Regime) -> None:
    first, gone = await spenders(engines, money, 2, sandbox)
    await made.act(engines, gone, CardAct.CLOSE)

    wanted = await begun(engines, moving(sandbox))
    await worked(engines, wanted)

    assert await bases(engines, [first, gone]) == {LICENCE: 1, sandbox.basis: 1}
    assert await outcomes(engines, wanted) == {Outcome.MOVED: 1}


async def test_no_swipe_waits_for_a_round_of_a_migration(engines: Engines, money: Money, sandbox: Regime) -> None:
    cards = await spenders(engines, money, 4, sandbox)
    wanted = await begun(engines, moving(sandbox))

    # A round that never ends: its cards are moved and locked, and nothing of it is committed while they are used.
    async with db.transaction(engines.worker) as story:
        running = await campaign.locked(await story(), wanted)
        assert await rounds.advance(await story(), running, actor=campaigns.ACTOR, at=made.AT) == len(cards)
        assert [await swipe(money, card, 2) for card in cards] == [[True, True]] * len(cards)
        assert await bases(engines, cards) == {sandbox.basis: len(cards)}

    assert await bases(engines, cards) == {LICENCE: len(cards)}


async def test_a_round_that_stopped_swipes_would_be_noticed(
    engines: Engines, money: Money, sandbox: Regime, database: str
) -> None:
    [card] = await spenders(engines, money, 1, sandbox)

    async with made.owner(database) as connection:
        await connection.execute(text("SELECT FROM wallet.lane FOR UPDATE"))
        swiping = asyncio.create_task(swipe(money, card, 1))
        while not await connection.scalar(_WAITING):
            assert not swiping.done()

    assert await swiping == [True]


async def swipe(money: Money, card: Card, times: int) -> list[bool]:
    return [(await made.tell(money, made.question(card, 1)))[0].approved for _ in range(times)]


async def rebased(engines: Engines, wanted: UUID) -> int:
    """Count what a campaign told of cards: each once, or once more where it went back."""
    async with engines.report.connect() as connection:
        found: int | None = await connection.scalar(_REBASED, {"campaign": str(wanted)})
    return found or 0


async def test_what_a_holder_does_meanwhile_is_not_lost(engines: Engines, money: Money, sandbox: Regime) -> None:
    cards = await spenders(engines, money, 6, sandbox)
    wanted = await begun(engines, moving(sandbox))

    await asyncio.gather(
        worked(engines, wanted, batch=3), *(made.freeze(engines, card) for card in cards), return_exceptions=False
    )

    found = [await made.found(engines, card) for card in cards]
    assert {(card.issuance_basis, card.frozen) for card in found} == {(LICENCE, True)}


async def test_a_worker_that_died_leaves_the_place_where_the_next_goes_on(
    engines: Engines, money: Money, sandbox: Regime
) -> None:
    cards = await spenders(engines, money, 6, sandbox)
    wanted = await begun(engines, moving(sandbox))

    async with contextlib.AsyncExitStack() as dying:
        story = await dying.enter_async_context(db.transaction(engines.worker))
        running = await campaign.locked(await story(), wanted)
        await rounds.advance(await story(), running, actor="service:dead", at=made.AT, batch=4)
        await story.abandon()
    assert await bases(engines, cards) == {sandbox.basis: 6}
    async with db.transaction(engines.worker) as story:
        running = await campaign.locked(await story(), wanted)
        await rounds.advance(await story(), running, actor="service:first", at=made.AT, batch=4)

    await asyncio.gather(*(worked_by_step(engines, wanted) for _ in range(3)))

    assert await bases(engines, cards) == {LICENCE: 6}
    assert await rebased(engines, wanted) == 6


async def worked_by_step(engines: Engines, wanted: UUID) -> None:
    """Work as one of several workers: a campaign that another one has is left to it."""
    while True:
        async with db.transaction(engines.worker) as story:
            running = await campaign.due(await story(), made.AT)
            if running is not None:
                await rounds.advance(await story(), running, actor="service:one", at=made.AT, batch=2)
        async with engines.report.connect() as connection:
            [found] = [each for each in await campaign.listed(connection) if each.id == wanted]
        if found.state is State.DONE:
            return


async def test_where_the_notice_changed_a_card_waits_for_its_holders_consent(
    engines: Engines, money: Money, sandbox: Regime
) -> None:
    first, second, third = await spenders(engines, money, 3, sandbox)
    to = licensed(sandbox, notice="licence-1")
    late = made.AT + timedelta(days=to.policy.reconsent_days)
    wanted = await begun(engines, moving(sandbox, to))

    waiting = await worked(engines, wanted)
    moved = [await accept(engines, first, to), await accept(engines, first, to)]
    during = await swipe(money, second, 1)
    ended = await worked(engines, wanted, at=late)
    suspended = await made.found(engines, second)
    after = await accept(engines, second, to)

    assert (waiting.state, waiting.due_at, moved) == (State.RUNNING, late, [1, 0])
    assert during == [True]  # no downtime for who has not read it yet
    assert (ended.state, suspended.suspended_by(Owner.NOTICE)) == (State.DONE, True)
    assert after == 1
    now = await made.found(engines, second)
    assert (now.suspended, now.issuance_basis, now.notice_version) == ((), to.basis, "licence-1")
    assert (await made.found(engines, third)).suspended_by(Owner.NOTICE)
    assert (await made.told(engines, first.holder)).count("card_holder.notice_accepted") == 2


async def accept(engines: Engines, used: Card, to: Regime) -> int:
    """Accept the notice of the new regime as the holder does, and answer how many cards moved by it."""
    async with db.transaction(engines.api, holder=used.holder, audience="resident") as story:
        connection = await story()
        await consent.accept(
            connection, used.holder, to.notice.version, "en", notice=to.notice, actor="resident", at=made.AT
        )
        locked = await change.all_locked(connection, [used.id])
        return await rounds.accepted(connection, locked, to, actor="resident", at=made.AT)


async def test_a_rollback_takes_every_card_back_and_forgets_no_consent(
    engines: Engines, money: Money, sandbox: Regime
) -> None:
    cards = await spenders(engines, money, 4, sandbox)
    to = licensed(sandbox, notice="licence-1")
    first = await begun(engines, moving(sandbox, to))
    await worked(engines, first, batch=3)
    for card in cards[:2]:
        await accept(engines, card, to)

    await turned(engines, first, Act.ROLL_BACK)
    ended = await worked(engines, first, batch=3)
    back = [await made.found(engines, card) for card in cards]
    again = await begun(engines, moving(sandbox, to))
    await worked(engines, again, batch=3)

    assert ended.state is State.ROLLED_BACK
    assert {(card.issuance_basis, card.notice_version, card.suspended) for card in back} == {
        (sandbox.basis, made.regime().notice.version, ())
    }
    # Who accepted before the rollback is not asked again.
    assert await bases(engines, cards) == {to.basis: 2, sandbox.basis: 2}
    assert (await made.told(engines, cards[0].holder)).count("card_holder.notice_accepted") == 2


async def test_a_campaign_that_is_paused_stands_still(engines: Engines, money: Money, sandbox: Regime) -> None:
    cards = await spenders(engines, money, 5, sandbox)
    wanted = await begun(engines, moving(sandbox))

    await turned(engines, wanted, Act.PAUSE)
    await worked(engines, wanted)
    still = await bases(engines, cards)
    await turned(engines, wanted, Act.RESUME)
    await worked(engines, wanted)

    assert still == {sandbox.basis: 5}
    assert await bases(engines, cards) == {LICENCE: 5}


async def test_a_wind_down_stops_orders_at_once_and_cards_on_its_day(
    engines: Engines, money: Money, sandbox: Regime
) -> None:
    cards = await spenders(engines, money, 5, sandbox)
    ends = made.AT + timedelta(days=30)
    wanted = await begun(engines, campaign.wind_down(ids.new(), sandbox.basis, ends, actor="officer:one", at=made.AT))

    holder = ids.new()
    with pytest.raises(IssuingStopped):
        await made.ordered(engines, made.asked(holder, await ledgers.opened(engines.api, holder)), sandbox)
    alive = await worked(engines, wanted)
    spends = await swipe(money, cards[0], 1)
    before = await made.balance(engines, cards[0])
    ended = await worked(engines, wanted, at=ends, batch=4)

    assert (alive.state, alive.due_at, spends) == (State.RUNNING, ends, [True])
    assert ended.state is State.DONE
    assert {(await made.found(engines, card)).closed_for for card in cards} == {Closing.WIND_DOWN}
    assert await made.balance(engines, cards[0]) == before  # the money stays in the wallet
    assert await outcomes(engines, wanted) == {Outcome.CLOSED: 5}
    [answer] = await made.tell(money, made.question(cards[0], 1))
    assert answer.reason is Reason.CARD_CLOSED
    with pytest.raises(campaign.WrongStep):
        await turned(engines, wanted, Act.ROLL_BACK)


async def test_an_order_under_way_is_stopped_or_moved_whatever_the_order_of_locks(
    engines: Engines, sandbox: Regime
) -> None:
    """Who winds down waits for orders under way; who orders then sees it: no card is left over."""
    ends = made.AT
    planned = campaign.wind_down(ids.new(), sandbox.basis, ends, actor="officer:one", at=made.AT)
    async with db.transaction(engines.api, audience="officer") as story:
        await campaign.propose(await story(), planned)
    holders = [ids.new() for _ in range(8)]
    requests = [made.asked(holder, await ledgers.opened(engines.api, holder)) for holder in holders]

    ended = await asyncio.gather(
        *(made.ordered(engines, request, sandbox) for request in requests[:4]),
        turned(engines, planned.id, Act.APPROVE, "officer:two"),
        *(made.ordered(engines, request, sandbox) for request in requests[4:]),
        return_exceptions=True,
    )
    await worked(engines, planned.id, batch=3)

    issued = [outcome for outcome in ended if isinstance(outcome, Card)]
    refused = [outcome for outcome in ended if isinstance(outcome, IssuingStopped)]
    assert len(issued) + len(refused) == len(requests)
    assert not [card for card in issued if (await made.found(engines, card)).alive]


async def test_holders_have_their_days_from_the_approval_on(engines: Engines, sandbox: Regime) -> None:
    to, late = licensed(sandbox), made.AT + timedelta(days=99)

    wanted = await begun(engines, moving(sandbox, to), at=late)

    async with engines.report.connect() as connection:
        [approved] = [each for each in await campaign.listed(connection) if each.id == wanted]
    assert approved.consent_until == late + timedelta(days=to.policy.reconsent_days)


async def test_two_officers_begin_one_campaign_at_a_time(engines: Engines, sandbox: Regime) -> None:
    wanted = moving(sandbox)
    async with db.transaction(engines.api, audience="officer") as story:
        await campaign.propose(await story(), wanted)
        with pytest.raises(CampaignUnderWay):
            await campaign.propose(await story(), moving(sandbox))

    with pytest.raises(SameOfficer):
        await turned(engines, wanted.id, Act.APPROVE)
    with pytest.raises(NotInForce):
        moving(sandbox, sandbox)
    dropped = await turned(engines, wanted.id, Act.DROP)

    assert (dropped.state, dropped.kind) == (State.DROPPED, Kind.MIGRATION)


async def test_a_migration_that_asked_nobody_would_move_who_did_not_consent(
    engines: Engines, money: Money, sandbox: Regime
) -> None:
    """Control of the consent: with the defect everybody moves at once."""
    cards = await spenders(engines, money, 3, sandbox)
    wanted = await begun(engines, moving(sandbox, licensed(sandbox, notice="licence-1")))
    lax = planted(rounds, " AND notice_version = :notice", "")

    await worked(engines, wanted, batch=rounds.BATCH, by=lax)

    assert await bases(engines, cards) == {LICENCE: 3}


async def multiply(database: str, card: Card, more: int) -> None:
    """Make as many cards more like `card`: what an order does to them is not what is tried here."""
    async with made.owner(database) as connection:
        await connection.execute(_MULTIPLY, {"card": card.id, "more": more})


_REBASED = text("SELECT count(*) FROM cards.event WHERE kind = 'card.rebased' AND body->>'campaign' = :campaign")
_MULTIPLY = text(
    """
    WITH copied AS (
        INSERT INTO cards.card
        SELECT made.* FROM cards.card CROSS JOIN generate_series(1, :more) AS nth
        CROSS JOIN LATERAL jsonb_populate_record(card, jsonb_build_object('nth', nth, 'id', uuidv7())) AS made
        WHERE card.id = :card RETURNING id
    )
    INSERT INTO cards.change
    SELECT made.* FROM copied CROSS JOIN cards.change
    CROSS JOIN LATERAL jsonb_populate_record(change, jsonb_build_object('card', copied.id)) AS made
    WHERE change.card = :card AND change.state = 'active'
    """
)
#: Whether somebody waits for a lock in this database.
_WAITING = text(
    "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE NOT granted AND datname = current_database())"
)
