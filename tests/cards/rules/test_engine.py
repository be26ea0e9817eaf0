"""Rules at work on the real till: in force they decide, in the shadow they watch, and both leave why."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app import db
from app.money import Money
from cards.card import Card
from cards.payments.message import Answer
from cards.payments.payment import Channel, PaymentId
from cards.payments.reason import Reason
from cards.rules import result
from cards.rules.condition import Because, because
from cards.rules.engine import Hit, judged
from cards.rules.result import Decided
from cards.rules.rule import State
from tests.cards import made
from tests.cards.made import question, tell
from tests.cards.rules import lives
from tests.cards.rules.lives import DEAR, active, body, drafted, moved
from tests.cards.rules.test_condition import known
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio


def of(card: Card) -> dict[str, Any]:
    """Ask for one merchant, which only this test pays."""
    return {"on": "text", "feature": "merchant", "values": [_shop(card)]}


def _shop(card: Card) -> str:
    return f"M-{card.id.hex[-12:]}"


async def pay(money: Money, card: Card, tenge: int, **other: Any) -> Answer:  # noqa: ANN401  fields of the question
    merchant = type(made.SHOP)(name="Dear", id=_shop(card), category="5942", country="KZ")
    [answer] = await tell(money, question(card, tenge, merchant=merchant, **other))
    return answer


async def explained(engines: Engines, payment: PaymentId) -> Decided:
    async with db.transaction(engines.api, audience="officer") as story:
        [decided] = await result.decisions(await story(), payment)
    return decided


async def test_in_the_shadow_a_rule_changes_nothing_and_leaves_what_it_found(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 500)
    version = await moved(engines.api, await drafted(engines.api, body(DEAR, of(card))), State.SHADOW)

    dear, cheap = await pay(money, card, 200), await pay(money, card, 100)

    assert (dear.approved, cheap.approved) == (True, True)
    [found] = (await explained(engines, dear.payment)).rules
    assert (found.version, found.shadow, found.approved, found.minor) == (version.id, True, True, 200_00)
    assert found.because == because(version.body.when, known(amount_minor=200_00, merchant=_shop(card)))
    assert (await explained(engines, cheap.payment)).rules == ()


async def test_in_force_it_declines_and_the_officer_sees_why(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 150)
    version = await active(engines.api, body(DEAR, of(card)))

    answer = await pay(money, card, 200)

    assert (answer.approved, answer.code) == (False, "59")
    decided = await explained(engines, answer.payment)
    assert decided.reasons == (Reason.RISK, Reason.INSUFFICIENT_FUNDS)
    assert (decided.approved, decided.minor, decided.features["channel"]) == (False, 200_00, "ecommerce")
    assert decided.request["merchant"]["id"] == _shop(card)
    [found] = decided.rules
    assert (found.version, found.shadow, found.action, found.approved) == (version.id, False, "decline", False)
    assert found.because[0] == Because(condition=version.body.when[0].any_of[0], value=200_00)
    assert await made.balance(engines, card) == (kzt(150), kzt(0))


async def test_what_an_officer_changes_holds_in_every_process_from_its_next_batch_on(
    engines: Engines, money: Money
) -> None:
    card, other = await made.spender(engines, money, 500), Money(engines.posting)
    assert (await pay(other, card, 200)).approved
    version = await active(engines.api, body(DEAR, of(card)))
    assert [(await pay(each, card, 200)).approved for each in (money, other)] == [False, False]

    await moved(engines.api, version, State.RETIRED)

    assert (await pay(other, card, 200)).approved


async def test_an_alert_lets_pass_and_tells_officers_in_nobodys_feed(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 500)
    version = await active(engines.api, body(DEAR, of(card), do="alert"))

    answer = await pay(money, card, 200)

    assert answer.approved
    async with engines.report.connect() as connection:
        [event] = (await connection.execute(_ALERTS, {"version": str(version.id)})).all()
    assert (event.holder, event.body["payment"], event.body["amount_minor"]) == (None, str(answer.payment), 200_00)
    assert await made.told(engines, answer.payment) == ["card_payment.authorised"]


_ALERTS = text("SELECT * FROM cards.event WHERE kind = 'card_rule.alerted' AND body->>'version_id' = :version")


async def test_a_buffer_holds_more_than_was_asked(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 500)
    await active(engines.api, body(DEAR, of(card), do="buffer", percent=20))

    assert (await pay(money, card, 200)).approved

    assert await made.balance(engines, card) == (kzt(500), kzt(240))


async def test_rules_see_what_the_questions_before_them_did(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 500)
    often = {"on": "number", "feature": "declines_15m", "is": "at_least", "to": 2}
    await active(engines.api, body(often, of(card)))

    answers = [await pay(money, card, tenge) for tenge in (501, 502, 1)]

    assert [answer.reason for answer in answers] == [Reason.INSUFFICIENT_FUNDS, Reason.INSUFFICIENT_FUNDS, Reason.RISK]


async def test_what_is_new_is_known_the_next_time(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 500)

    first, second = [await pay(money, card, 10, channel=Channel.CHIP) for _ in range(2)]

    names = ("first_use", "new_merchant", "new_country", "times_15m", "amount_24h", "usual_amount", "channel_percent")
    before, after = [(await explained(engines, each.payment)).features for each in (first, second)]
    assert [before[name] for name in names] == [True, True, True, 0, 0, 0, 0]
    assert [after[name] for name in names] == [False, False, False, 1, 10_00, 10_00, 100]


@pytest.mark.parametrize(
    ("features", "reasons"),
    [
        (known(), (Reason.CHALLENGE_REQUIRED,)),
        (known(authenticated=True), ()),
        (known(with_pin=True), ()),
        (known(with_chip=True), (Reason.CHALLENGE_REQUIRED,)),
    ],
)
async def test_a_challenge_is_met_by_authentication(engines: Engines, features: Any, reasons: tuple[Reason]) -> None:  # noqa: ANN401  a table's column
    version = await active(engines.api, body(do="challenge"))
    await moved(engines.api, version, State.RETIRED)

    assert judged([Hit(_in_force(version), ())], features).reasons == reasons


async def test_of_several_rules_each_reason_counts_once_and_the_highest_buffer(engines: Engines) -> None:
    versions = [
        _in_force(await drafted(engines.api, each))
        for each in (body(), body(), body(do="buffer", percent=5), body(do="buffer", percent=30))
    ]
    watching = Hit(await drafted(engines.api, body(do="challenge")), ())

    verdict = judged([*(Hit(each, ()) for each in versions), watching], known())

    assert (verdict.reasons, verdict.buffer_percent, len(verdict.hits)) == ((Reason.RISK,), 30, 5)


def _in_force(version: Any) -> Any:  # noqa: ANN401  a version, made to look as if it were in force
    step = version.steps[0]
    return type(version)(
        **{name: getattr(version, name) for name in version.__struct_fields__ if name != "steps"},
        steps=(type(step)(State.ACTIVE, lives.BOB, made.AT),),
    )


async def test_what_was_found_and_how_somebody_lives_goes_with_the_person(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 500)
    await active(engines.api, body(DEAR, of(card), do="alert"))
    await pay(money, card, 200)
    assert await _kept(engines, card) == (2, 1)

    async with engines.worker.begin() as connection:
        await connection.execute(_CLOSED, {"holder": card.holder})
        await connection.execute(text("SELECT app.erase(:holder)"), {"holder": card.holder})

    assert await _kept(engines, card) == (0, 0)


async def _kept(engines: Engines, card: Card) -> tuple[int, int]:
    async with engines.report.connect() as connection:
        counted = "SELECT (SELECT count(*) FROM cards.velocity WHERE holder = :holder), count(*) FROM cards.rule_result"
        row = (await connection.execute(text(f"{counted} WHERE holder = :holder"), {"holder": card.holder})).one()
    return row[0], row[1]


_CLOSED = text(
    """
    INSERT INTO app.closure (holder, state, version, requested_at, closes_at, erases_on, due_at)
    VALUES (:holder, 'closed', 1, now(), now(), current_date, now())
    """
)


async def test_what_was_taken_unasked_was_decided_by_nobody(engines: Engines, money: Money) -> None:
    [taken] = await tell(money, made.cleared(await made.spender(engines, money, 500), 200))

    async with db.transaction(engines.api, audience="officer") as story:
        assert await result.decisions(await story(), taken.payment) == []
        with pytest.raises(result.UnknownPayment):
            await result.decisions(await story(), UUID(int=5))
