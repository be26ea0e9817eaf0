"""An identity holds for a time: what lapses suspends, what is verified again lifts, and nothing else does."""

from datetime import date, datetime, timedelta

import msgspec
import pytest

from app import db
from app.money import Money
from cards.card import Act, Card, Owner
from cards.payments.reason import Reason
from cards.programme import change, verification
from cards.programme.verification import IdentityNotVerified, Verification
from law import calendar
from tests.cards import made
from tests.conftest import Engines

POLICY = made.regime().policy
UNTIL = date(2027, 11, 22)
LAPSED = calendar.day_starts(UNTIL + timedelta(days=1))


async def note(engines: Engines, used: Card, verified_at: datetime, at: datetime) -> Verification:
    async with db.transaction(engines.worker) as story:
        return await verification.note(
            await story(), used.holder, verified_at, policy=POLICY, actor="service:test", at=at
        )


async def work(engines: Engines, used: Card, at: datetime) -> bool:
    """Lapse the holder of a card, if they are due at `at`."""
    async with db.transaction(engines.worker) as story:
        due = await verification.due(await story(), at, 1_000)
        if used.holder in due:
            await verification.lapse(await story(), used.holder, actor="service:test", at=at)
        return used.holder in due


@pytest.mark.parametrize(("day", "refused"), [(UNTIL, False), (UNTIL + timedelta(days=1), True)])
def test_the_last_day_is_still_good(day: date, refused: bool) -> None:
    known = Verification(made.AT, UNTIL)

    if refused:
        with pytest.raises(IdentityNotVerified):
            verification.ensure(known, day)
    else:
        verification.ensure(known, day)


@pytest.mark.asyncio
async def test_ordering_a_card_says_until_when_the_identity_holds(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 0)

    assert card.verified_until == UNTIL == (await made.found(engines, card)).verified_until


@pytest.mark.asyncio
async def test_the_cards_of_who_was_not_verified_in_time_wait_until_they_are(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 0)

    early = await work(engines, card, LAPSED - timedelta(seconds=1))
    assert await work(engines, card, LAPSED)
    waiting = await made.found(engines, card)
    known = await note(engines, card, LAPSED, LAPSED)
    again = await made.found(engines, card)

    assert not early
    assert waiting.suspended_by(Owner.REVERIFY)
    assert (again.suspended, again.verified_until) == ((), known.verified_until)
    assert (await made.told(engines, card.id))[2:] == ["card.suspended", "card.suspension_lifted"]
    assert await made.told(engines, card.holder) == [
        "card_holder.notice_accepted",
        "card_holder.verified",
        "card_holder.verification_lapsed",
        "card_holder.verified",
    ]


@pytest.mark.asyncio
async def test_who_lapsed_is_looked_at_again_and_suspended_once(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 0)

    assert await work(engines, card, LAPSED)
    assert not await work(engines, card, LAPSED + timedelta(minutes=59))
    assert await work(engines, card, LAPSED + timedelta(hours=1))

    assert (await made.told(engines, card.id))[2:] == ["card.suspended"]


@pytest.mark.asyncio
async def test_a_verification_lifts_no_flag_of_another(engines: Engines, money: Money) -> None:
    card = await made.suspend(engines, await made.spender(engines, money, 0), Owner.RISK)
    await work(engines, card, LAPSED)

    await note(engines, card, LAPSED, LAPSED)

    assert [flag.owner for flag in (await made.found(engines, card)).suspended] == [Owner.RISK]


@pytest.mark.asyncio
async def test_an_older_document_takes_nothing_back(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 0)

    await note(engines, card, made.AT + timedelta(days=30), made.AT + timedelta(days=30))
    await note(engines, card, made.AT - timedelta(days=30), made.AT + timedelta(days=31))

    async with db.transaction(engines.worker) as story:
        known = await verification.find(await story(), card.holder)
    assert known is not None
    assert known.verified_at == made.AT + timedelta(days=30)


@pytest.mark.asyncio
async def test_without_an_interval_an_identity_holds_for_ever(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 0)
    for_ever = msgspec.structs.replace(POLICY, reverify_days=None)

    async with db.transaction(engines.worker) as story:
        known = await verification.note(
            await story(), card.holder, made.AT, policy=for_ever, actor="service:test", at=made.AT
        )

    assert known.verified_until is None
    assert not await work(engines, card, LAPSED + timedelta(days=9_999))


@pytest.mark.asyncio
async def test_a_swipe_after_the_last_day_is_refused_before_any_worker_came(engines: Engines, money: Money) -> None:
    """The day is over when it is over: the flag is for the holder to see, the date decides."""
    card = await made.spender(engines, money, 100)
    async with db.transaction(engines.worker) as story:
        await verification.note(
            await story(),
            card.holder,
            made.AT + timedelta(seconds=1),
            policy=msgspec.structs.replace(POLICY, reverify_days=-1_000),
            actor="service:test",
            at=made.AT,
        )

    [answer] = await made.tell(money, made.question(card, 10))

    assert (answer.approved, answer.reason) == (False, Reason.VERIFICATION_LAPSED)


@pytest.mark.asyncio
async def test_a_closed_card_is_not_suspended(engines: Engines, money: Money) -> None:
    card = await made.act(engines, await made.spender(engines, money, 0), Act.CLOSE)

    await work(engines, card, LAPSED)

    assert (await made.found(engines, card)).suspended == ()
    with pytest.raises(change.NotSuspended):
        change.lifted(card, Owner.REVERIFY)
