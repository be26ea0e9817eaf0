"""What becomes of a dispute and of its money, hop by hop, on the real database."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from app.money import Money
from cards.disputes import dispute
from cards.disputes.dispute import Dispute, MoreThanTaken, NotDisputable
from cards.disputes.dispute import TooLate as ClaimTooLate
from cards.disputes.life import Act, State, Turn
from cards.disputes.reason import NOTICE, RULES, Proof, Reason
from law import calendar
from tests.cards import made
from tests.cards.disputes import disputed
from tests.cards.disputes.disputed import (
    bought,
    did,
    does,
    doing,
    opened,
    payment,
    read,
    receivable,
    shown,
    submitted,
    wallet,
)
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio

FRAUD = Reason.FRAUD_CARD_ABSENT


async def test_fraud_is_given_back_at_once_and_stays_when_it_is_won(engines: Engines, money: Money) -> None:
    card, paid = await bought(engines, money, 300)

    handed = await submitted(engines, money, paid, 300, FRAUD)

    assert (handed.state, handed.turn, handed.credited_minor) == (State.SUBMITTED, Turn.NETWORK, 300_00)
    assert await wallet(engines, card) == kzt(300)
    assert await receivable(engines, handed) == 300

    given = await did(engines, money, handed, Act.ACCEPT)
    assert (given.turn, given.recovered_minor, await receivable(engines, given)) == (Turn.NETWORK, 300_00, 0)

    won = await did(engines, money, given, Act.CONCEDE)
    assert won.closed_at is not None
    assert await wallet(engines, card) == kzt(300)
    assert await disputed.facts(engines, won.id) == [
        "dispute.opened",
        "dispute.evidence_given",
        "dispute.credited",
        "dispute.moved",
        "dispute.moved",
        "dispute.ended",
        "dispute.credit_final",
    ]


async def test_all_the_way_to_a_ruling_and_the_credit_is_taken_back_after_notice(
    engines: Engines, money: Money
) -> None:
    card, paid = await bought(engines, money, 300, left=50)
    about = await submitted(engines, money, paid, 200, FRAUD)

    about = await did(engines, money, about, Act.ACCEPT, Act.REPRESENT)
    assert (about.state, await receivable(engines, about)) == (State.REPRESENTMENT, 200)
    assert await wallet(engines, card) == kzt(250), "what was credited stays as long as it is undecided"

    about = await did(engines, money, about, Act.ESCALATE, Act.CONTEST, Act.ARBITRATE)
    assert (about.state, about.due_at) == (State.ARBITRATION, None)

    lost = await did(engines, money, about, Act.LOSE)
    assert lost.take_back_at is not None
    assert lost.ended_at is not None
    assert lost.take_back_at - lost.ended_at >= NOTICE
    assert (lost.take_back_minor, lost.closed_at) == (200_00, None)
    assert await wallet(engines, card) == kzt(250)

    closed = await did(engines, money, lost, Act.TAKE_BACK)
    assert closed.closed_at is not None
    assert (await wallet(engines, card), await receivable(engines, closed)) == (kzt(50), 0)


async def test_what_the_wallet_has_not_when_it_is_taken_back_is_owed(engines: Engines, money: Money) -> None:
    card, paid = await bought(engines, money, 300)
    about = await submitted(engines, money, paid, 300, FRAUD)
    await made.tell(money, made.cleared(card, 280))
    lost = await did(engines, money, about, Act.ACCEPT, Act.REPRESENT, Act.GIVE_UP, Act.TAKE_BACK)

    assert (lost.owed_minor, lost.credited_minor) == (280_00, 0)
    assert (await wallet(engines, card), await receivable(engines, lost)) == (kzt(0), 0)


async def test_each_hop_may_be_about_a_part(engines: Engines, money: Money) -> None:
    card, paid = await bought(engines, money, 300)
    about = await submitted(engines, money, paid, 300, FRAUD)

    about = await did(engines, money, about, doing(about, Act.ACCEPT, minor=250_00))
    assert (about.amount_minor, about.recovered_minor, about.take_back_minor) == (250_00, 250_00, 50_00)

    about = await did(engines, money, about, doing(about, Act.REPRESENT, minor=100_00))
    assert (about.recovered_minor, about.contested_minor) == (150_00, 100_00)

    about = await did(engines, money, about, Act.ESCALATE, doing(about, Act.CONCEDE, minor=30_00))
    assert (about.state, about.recovered_minor, about.take_back_minor) == (State.WON, 180_00, 120_00)

    about = await did(engines, money, about, Act.TAKE_BACK)
    assert about.closed_at is not None
    assert (await wallet(engines, card), await receivable(engines, about)) == (kzt(180), 0)


@pytest.mark.parametrize("minor", [0, 300_01])
async def test_no_hop_is_about_nothing_or_about_more(engines: Engines, money: Money, minor: int) -> None:
    _, paid = await bought(engines, money, 300)
    about = await submitted(engines, money, paid, 300, FRAUD)

    assert await does(money, doing(about, Act.ACCEPT, minor=minor)) == ["BadAmount"]
    assert await read(engines, about.id) == about


async def test_a_claim_in_time_is_one_and_the_rest_follows(engines: Engines, money: Money) -> None:
    card, paid = await bought(engines, money, 300)
    draft = await opened(engines, paid, 300, Reason.WRONG_AMOUNT)

    claimed = await did(engines, money, draft, Act.HAND_IN)
    assert (claimed.state, claimed.turn) == (State.EVIDENCE_NEEDED, Turn.PERSON)
    assert await does(money, doing(claimed, Act.HAND_IN)) == ["MissingEvidence"]

    await shown(engines, claimed, Proof.RECEIPT)
    handed = await did(engines, money, claimed, Act.HAND_IN)
    today = calendar.statutory_date(handed.opened_at)
    worked = calendar.current(today).add_working_days(today, RULES[Reason.WRONG_AMOUNT].credit_days)
    assert handed.credit_due_at == calendar.day_starts(worked)
    assert (handed.state, await wallet(engines, card)) == (State.SUBMITTED, kzt(0))

    assert (await did(engines, money, handed, Act.CREDIT)).credit_due_at is None
    assert await wallet(engines, card) == kzt(300)


async def test_money_the_network_gives_reaches_the_person_at_the_latest_then(engines: Engines, money: Money) -> None:
    card, paid = await bought(engines, money, 300)
    today = calendar.statutory_date(paid.opened_at)
    draft = await opened(engines, paid, 300, Reason.NOT_RECEIVED, expected_on=today)
    await shown(engines, draft, Proof.ORDER, Proof.CORRESPONDENCE)
    handed = await did(engines, money, draft, Act.HAND_IN)
    assert (handed.credit_due_at, await wallet(engines, card)) == (None, kzt(0))

    given = await did(engines, money, handed, Act.ACCEPT)

    assert (given.credited_minor, await wallet(engines, card)) == (300_00, kzt(300))


async def test_who_withdraws_gives_all_of_it_back_or_stays_in_it(engines: Engines, money: Money) -> None:
    card, paid = await bought(engines, money, 300)
    about = await did(engines, money, await submitted(engines, money, paid, 300, FRAUD), Act.ACCEPT)
    await made.tell(money, spent := made.cleared(card, 1))

    assert await does(money, doing(about, Act.WITHDRAW)) == ["insufficient_funds"]
    assert await read(engines, about.id) == about

    await made.fund(engines, money, card.account, 1)
    gone = await did(engines, money, about, Act.WITHDRAW)
    assert (gone.state, gone.credited_minor, gone.recovered_minor) == (State.WITHDRAWN, 0, 0)
    assert gone.closed_at is not None
    assert (await wallet(engines, card), await receivable(engines, gone)) == (kzt(0), 0)
    assert spent.amount == kzt(1)


async def test_what_the_merchant_refunds_meanwhile_is_not_given_twice(engines: Engines, money: Money) -> None:
    card, paid = await bought(engines, money, 300)
    about = await did(engines, money, await submitted(engines, money, paid, 300, FRAUD), Act.ACCEPT)
    await disputed.refund(money, card, paid, 120)
    [found] = await disputed.refunded(engines, about)
    assert found.minor == 120_00

    shrunk = await did(engines, money, about, found)

    assert (shrunk.amount_minor, shrunk.recovered_minor, shrunk.take_back_minor) == (180_00, 180_00, 120_00)
    assert await disputed.refunded(engines, about) == []
    won = await did(engines, money, shrunk, Act.CONCEDE, Act.TAKE_BACK)
    assert won.closed_at is not None
    assert (await wallet(engines, card), await receivable(engines, won)) == (kzt(300), 0)


async def test_two_workers_let_go_of_a_refund_once(engines: Engines, money: Money) -> None:
    card, paid = await bought(engines, money, 300)
    about = await did(engines, money, await submitted(engines, money, paid, 300, FRAUD), Act.ACCEPT)
    await disputed.refund(money, card, paid, 120)
    found = [*await disputed.refunded(engines, about), *await disputed.refunded(engines, about)]

    shrunk = await did(engines, money, about, *found)

    assert len(found) == 2
    assert (shrunk.amount_minor, shrunk.take_back_minor) == (180_00, 120_00)


async def test_what_is_refunded_whole_is_no_dispute_any_more(engines: Engines, money: Money) -> None:
    card, paid = await bought(engines, money, 300)
    about = await submitted(engines, money, paid, 300, FRAUD)
    await disputed.refund(money, card, paid, 300)
    [found] = await disputed.refunded(engines, about)

    over = await did(engines, money, about, found, Act.TAKE_BACK)

    assert (over.state, over.amount_minor) == (State.WITHDRAWN, 0)
    assert await wallet(engines, card) == kzt(300)


#: state the term is over in → who had to act → state after, and who has the money of a purchase of 300
LAPSES = [
    ((), State.EXPIRED, 0),
    ((Act.HAND_IN, Act.ACCEPT), State.WON, 300),
    ((Act.HAND_IN, Act.ACCEPT, Act.REPRESENT), State.LOST, 0),
    ((Act.HAND_IN, Act.ACCEPT, Act.REPRESENT, Act.ESCALATE), State.WON, 300),
    ((Act.HAND_IN, Act.ACCEPT, Act.REPRESENT, Act.ESCALATE, Act.CONTEST), State.LOST, 0),
]


@pytest.mark.parametrize(("acts", "state", "tenge"), LAPSES)
async def test_whoever_had_to_act_loses_when_the_term_is_over(
    engines: Engines, money: Money, acts: tuple[Act, ...], state: State, tenge: int
) -> None:
    card, paid = await bought(engines, money, 300)
    draft = await opened(engines, paid, 300, Reason.DUPLICATE)

    over = await did(engines, money, draft, *acts, Act.LAPSE)

    assert over.state is state
    if over.take_back_at is not None:
        over = await did(engines, money, over, Act.TAKE_BACK)
    assert await wallet(engines, card) == kzt(tenge)
    assert over.closed_at is not None
    assert await receivable(engines, over) == 0


async def test_a_house_that_did_not_bring_it_to_the_network_bears_it(engines: Engines, money: Money) -> None:
    card, over = await disputed.late(engines, money)

    assert (over.state, over.reversible, over.take_back_at) == (State.EXPIRED, False, None)
    assert await wallet(engines, card) == kzt(disputed.UNSEEN)


@pytest.mark.parametrize("tenge", [300, disputed.UNSEEN])
async def test_what_the_network_was_told_is_never_lost_by_its_silence(
    engines: Engines, money: Money, tenge: int
) -> None:
    _, paid = await bought(engines, money, tenge)
    filed = await submitted(engines, money, paid, tenge, Reason.DUPLICATE)
    if tenge == disputed.UNSEEN:
        assert filed.turn is Turn.HOUSE
        filed = await did(engines, money, filed, Act.FILE)
    assert (filed.turn, filed.due_at is None) == (Turn.NETWORK, False)

    silent = await did(engines, money, filed, Act.LAPSE)

    assert (silent.state, silent.turn, silent.due_at, silent.reversible) == (
        State.SUBMITTED, Turn.HOUSE, None, True,
    )  # fmt: skip
    assert await does(money, doing(silent, Act.LAPSE), doing(silent, Act.FILE)) == ["WrongState", "WrongState"]
    given = await did(engines, money, silent, Act.ACCEPT)
    assert (given.state, given.recovered_minor) == (State.CHARGEBACK, tenge * 100)


async def test_working_days_until_the_credit_stop_while_an_officer_asks_for_more(
    engines: Engines, money: Money
) -> None:
    _, paid = await bought(engines, money, disputed.UNSEEN)
    handed = await submitted(engines, money, paid, disputed.UNSEEN, Reason.DUPLICATE)
    assert handed.credit_due_at is not None

    asked = await did(engines, money, handed, Act.ASK)
    assert (asked.state, asked.credit_due_at) == (State.EVIDENCE_NEEDED, None)

    again = await did(engines, money, asked, Act.HAND_IN)
    assert again.credit_due_at is not None


async def test_what_the_worker_found_due_and_is_not_any_more_is_left_alone(engines: Engines, money: Money) -> None:
    _, paid = await bought(engines, money, 300)
    about = await submitted(engines, money, paid, 300, FRAUD)

    for act in (Act.LAPSE, Act.REMIND, Act.CREDIT, Act.TAKE_BACK):
        assert await does(money, doing(about, act, found=True)) == ["submitted"]

    assert await read(engines, about.id) == about


async def test_what_the_network_tells_twice_happens_once(engines: Engines, money: Money) -> None:
    _, paid = await bought(engines, money, 300)
    about = await submitted(engines, money, paid, 300, FRAUD)
    accepted = doing(about, Act.ACCEPT, source="CB-1")

    assert await does(money, accepted, accepted) == ["chargeback", "chargeback"]
    assert await does(money, accepted) == ["chargeback"]
    assert (await read(engines, about.id)).recovered_minor == 300_00


async def test_a_wallet_that_was_closed_has_its_money_wait(engines: Engines, money: Money, database: str) -> None:
    card, paid = await bought(engines, money, 300)
    await made.close_wallet(database, card)
    handed = await submitted(engines, money, paid, 300, FRAUD)
    assert (handed.credited_minor, handed.parked_minor) == (300_00, 300_00)

    lost = await did(engines, money, handed, Act.ACCEPT, Act.REPRESENT, Act.GIVE_UP, Act.TAKE_BACK)

    assert (lost.owed_minor, lost.parked_minor) == (0, 0)
    assert lost.closed_at is not None


async def test_disputes_that_come_at_once_never_exceed_what_was_taken(engines: Engines, money: Money) -> None:
    _, paid = await bought(engines, money, 300)

    found = await asyncio.gather(*(opened(engines, paid, 70) for _ in range(8)), return_exceptions=True)

    assert sum(isinstance(each, Dispute) for each in found) == 4
    assert sum(isinstance(each, MoreThanTaken) for each in found) == 4


async def test_the_database_itself_refuses_more_than_was_taken_and_a_dispute_that_grows(
    engines: Engines, money: Money, database: str
) -> None:
    _, paid = await bought(engines, money, 300)
    about = await opened(engines, paid, 300)
    grows = text("UPDATE cards.dispute SET amount_minor = amount_minor + 1 WHERE id = :id")
    copied = text(
        "INSERT INTO cards.dispute (id, lane, holder, card, payment, account, network, reason, amount_minor, currency,"
        " since_on, state, turn, version, opened_at) SELECT uuidv7(), lane, holder, card, payment, account, network,"
        " reason, 1, currency, since_on, state, turn, version, opened_at FROM cards.dispute WHERE id = :id"
    )

    async with made.owner(database) as owner:
        with pytest.raises(IntegrityError, match="more is disputed"):
            async with owner.begin_nested():
                await owner.execute(copied, {"id": about.id})
        with pytest.raises(ProgrammingError, match="refused"):
            async with owner.begin_nested():
                await owner.execute(grows, {"id": about.id})


async def test_without_the_guard_the_race_is_lost(engines: Engines, money: Money, database: str) -> None:
    """The control: it is the guard that the race test is about."""
    _, paid = await bought(engines, money, 300)
    async with made.owner(database) as owner:
        await owner.execute(text("ALTER TABLE cards.dispute DISABLE TRIGGER within_captured"))
    try:
        found = await asyncio.gather(*(opened(engines, paid, 70) for _ in range(8)), return_exceptions=True)
    finally:
        async with made.owner(database) as owner:
            await owner.execute(text("ALTER TABLE cards.dispute ENABLE TRIGGER within_captured"))

    assert sum(isinstance(each, Dispute) for each in found) == 8


async def test_what_was_let_go_can_be_disputed_again_and_what_was_lost_can_not(engines: Engines, money: Money) -> None:
    _, paid = await bought(engines, money, 300)
    await did(engines, money, await opened(engines, paid, 300), Act.WITHDRAW)
    about = await submitted(engines, money, paid, 300, FRAUD)
    await did(engines, money, about, Act.ACCEPT, Act.REPRESENT, Act.GIVE_UP)

    with pytest.raises(MoreThanTaken):
        await opened(engines, paid, 1)


async def test_what_a_payment_can_not_be_disputed_for(engines: Engines, money: Money) -> None:
    card, paid = await bought(engines, money, 300)
    [asked] = await made.tell(money, made.question(await made.spender(engines, money, 10), 10))
    promised = await payment(engines, asked.payment)
    today = calendar.statutory_date(paid.opened_at)
    later = today + timedelta(days=RULES[Reason.DUPLICATE].claim_days + 1)

    for about, reason, expected_on, why in (
        (promised, Reason.DUPLICATE, None, "nothing_taken"),
        (paid, Reason.ATM_NO_CASH, None, "not_cash"),
        (paid, Reason.NOT_RECEIVED, None, "names_no_day"),
        (paid, Reason.NOT_RECEIVED, today + timedelta(days=1), "not_due_yet"),
    ):
        with pytest.raises(NotDisputable) as refused:
            await opened(engines, about, 10, reason, expected_on)
        assert refused.value.why == why
    with pytest.raises(ClaimTooLate):
        dispute.check(paid, Reason.DUPLICATE, expected_on=None, today=later)
    with pytest.raises(MoreThanTaken):
        await opened(engines, paid, 301)
    assert card.id == paid.card
