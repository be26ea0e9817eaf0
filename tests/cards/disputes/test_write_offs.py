"""Losses the operator bears: who may say so, and that they are nothing but what they were when that was said."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app import db
from app.money import Money
from cards.disputes import write_off
from cards.disputes.dispute import Dispute
from cards.disputes.events import What
from cards.disputes.life import Act, State
from cards.disputes.reason import BORNE_UP_TO, Reason
from cards.disputes.work import BadAmount
from tests.cards import made
from tests.cards.disputes import disputed
from tests.cards.disputes.disputed import UNSEEN, bought, did, payment, read, receivable, submitted, wallet
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio

FRAUD = Reason.FRAUD_CARD_ABSENT
MOST = BORNE_UP_TO.minor // 100


async def indebted(engines: Engines, money: Money, tenge: int) -> Dispute:
    """Let somebody owe `tenge`: credited, spent, and taken back when the dispute was lost."""
    card, paid = await bought(engines, money, tenge)
    about = await submitted(engines, money, paid, tenge, FRAUD)
    await made.tell(money, made.cleared(card, tenge))
    return await did(engines, money, about, Act.ACCEPT, Act.REPRESENT, Act.GIVE_UP, Act.TAKE_BACK)


async def test_a_loss_above_the_threshold_takes_two_officers(engines: Engines, money: Money) -> None:
    card, late = await disputed.late(engines, money)
    assert (late.state, late.contested_minor, late.closed_at) == (State.EXPIRED, UNSEEN * 100, None)
    proposed = await disputed.proposes(engines, late, UNSEEN)
    with pytest.raises(write_off.WriteOffOpen):
        await disputed.proposes(engines, late, 1)

    assert await disputed.decides(money, proposed, disputed.OFFICER) == "SameOfficer"
    assert await disputed.decides(money, proposed, disputed.OTHER) == "WriteOff"
    assert await disputed.decides(money, proposed, disputed.OTHER) == "UnknownWriteOff"

    borne = await read(engines, late.id)
    assert (borne.lost_minor, await receivable(engines, borne)) == (UNSEEN * 100, 0)
    assert borne.closed_at is not None
    assert await wallet(engines, card) == kzt(UNSEEN)


async def test_a_small_loss_takes_one_and_what_is_dropped_moves_nothing(engines: Engines, money: Money) -> None:
    _, late = await disputed.late(engines, money)

    dropped = await disputed.proposes(engines, late, 100)
    assert await disputed.decides(money, dropped, disputed.OFFICER, agreed=False) == "WriteOff"
    assert (await read(engines, late.id)).lost_minor == 0

    small = await disputed.proposes(engines, late, 100)
    assert await disputed.decides(money, small, disputed.OFFICER) == "WriteOff"
    assert (await read(engines, late.id)).lost_minor == 100_00


async def test_the_database_refuses_one_officer_deciding_twice(engines: Engines, money: Money) -> None:
    _, late = await disputed.late(engines, money)
    proposed = await disputed.proposes(engines, late, UNSEEN)

    with pytest.raises(IntegrityError, match="takes two officers"):
        async with db.transaction(engines.posting) as story:
            await (await story()).execute(_ALONE, {"id": proposed.id})


async def test_a_debt_is_written_off_as_fraud(engines: Engines, money: Money) -> None:
    card, paid = await bought(engines, money, 300)
    about = await submitted(engines, money, paid, 300, FRAUD)
    await made.tell(money, made.cleared(card, 300))
    lost = await did(engines, money, about, Act.ACCEPT, Act.REPRESENT, Act.GIVE_UP, Act.TAKE_BACK)
    before = await made.operator(engines, "fraud_loss")
    proposed = await disputed.proposes(engines, lost, 300, what=What.DEBT)

    assert await disputed.decides(money, proposed, disputed.OTHER) == "WriteOff"

    assert (await read(engines, lost.id)).owed_minor == 0
    assert await made.operator(engines, "fraud_loss") == before - kzt(300)


async def test_what_was_lent_for_the_payment_itself_is_written_off_whole(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 100)
    [answer] = await made.tell(money, made.cleared(card, 300))
    paid = await payment(engines, answer.payment)
    late = await did(engines, money, await submitted(engines, money, paid, 300, FRAUD), Act.REFUSE)
    before = await made.operator(engines, "fraud_loss")
    with pytest.raises(BadAmount):
        await disputed.proposes(engines, late, 199, what=What.PAYMENT)

    proposed = await disputed.proposes(engines, late, 200, what=What.PAYMENT)
    assert await disputed.decides(money, proposed, disputed.OTHER) == "WriteOff"

    assert (await payment(engines, answer.payment)).sums().owed == kzt(0)
    assert await made.operator(engines, "fraud_loss") == before - kzt(200)


@pytest.mark.parametrize("what", [What.DEBT, What.RECEIVABLE])
async def test_slices_of_one_dispute_count_together(engines: Engines, money: Money, what: What) -> None:
    about = await indebted(engines, money, 2 * MOST) if what is What.DEBT else (await disputed.late(engines, money))[1]
    first = await disputed.proposes(engines, about, MOST, what=what)
    assert await disputed.decides(money, first, disputed.OFFICER) == "WriteOff"

    second = await disputed.proposes(engines, about, 1, what=what)

    assert await disputed.decides(money, second, disputed.OFFICER) == "SameOfficer"
    with pytest.raises(IntegrityError, match="all of it together takes two officers"):
        async with db.transaction(engines.posting) as story:
            await (await story()).execute(_ALONE, {"id": second.id})
    assert await disputed.decides(money, second, disputed.OTHER) == "WriteOff"


async def test_what_is_owed_otherwise_by_the_time_it_is_decided_is_not_given_up(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 100)
    [answer] = await made.tell(money, first := made.cleared(card, 300))
    paid = await payment(engines, answer.payment)
    over = await did(engines, money, await submitted(engines, money, paid, 300, FRAUD), Act.REFUSE)
    proposed = await disputed.proposes(engines, over, 200, what=What.PAYMENT)
    await made.tell(money, made.cleared(card, 1_000, first.lifecycle, "clearing-2"))
    owed = (await payment(engines, answer.payment)).sums().owed
    assert owed > kzt(200)

    assert await disputed.decides(money, proposed, disputed.OTHER) == "BadAmount"

    assert (await payment(engines, answer.payment)).sums().owed == owed


_ALONE = text(
    "UPDATE cards.dispute_write_off SET decided_by = proposed_by, decided_at = now(), agreed = true WHERE id = :id"
)
