"""The answer to a swipe: each reason, which one is public, and the network's code for it."""

from datetime import timedelta

import pytest

from cards import message
from cards.card import Limits, State
from cards.payment import Kind, PaymentId
from cards.reason import APPROVED, CODES, Reason
from cards.swipe import FORBIDDEN_CATEGORIES, RULES, Approved, Case, Declined, decide
from law.money import Money
from tests.cards import made
from tests.wallet.ledgers import kzt


def case(**other: object) -> Case:
    """Ask 100 tenge of a good card with 100 tenge behind it."""
    fields: dict[str, object] = {
        "card": made.card(),
        "asked": kzt(100),
        "to_hold": kzt(100),
        "spendable": kzt(100),
        "day_total": kzt(100),
        "today": made.AT.date(),
        "expiry": made.EXPIRY,
        "category": made.SHOP.category,
    }
    return Case(**{**fields, **other})  # type: ignore[arg-type]  # the fields of Case, some of them replaced


def limited(**limits: Money) -> dict[str, object]:
    return {"card": made.card(limits=Limits(**limits))}


DECLINED: list[tuple[Reason, dict[str, object]]] = [
    (Reason.WRONG_EXPIRY, {"expiry": made.EXPIRY + timedelta(days=30)}),
    (Reason.CARD_CLOSED, {"card": made.card(state=State.CLOSED)}),
    (Reason.CARD_NOT_ACTIVATED, {"card": made.card(state=State.ORDERED)}),
    (Reason.CARD_FROZEN, {"card": made.card(state=State.FROZEN)}),
    (Reason.CARD_EXPIRED, {"today": made.EXPIRY + timedelta(days=1)}),
    (Reason.FORBIDDEN_MERCHANT, {"category": "7995"}),
    (Reason.RESTRICTED, {"refused": Reason.RESTRICTED}),
    (Reason.PER_PAYMENT_LIMIT, limited(per_payment=kzt(99))),
    (Reason.PER_DAY_LIMIT, limited(per_day=kzt(99))),
    (Reason.SPENDING_LIMIT, {"refused": Reason.SPENDING_LIMIT}),
    (Reason.WALLET_CLOSED, {"wallet_closed": True}),
    (Reason.INSUFFICIENT_FUNDS, {"spendable": kzt(99)}),
]


def test_a_good_card_with_money_behind_it_pays() -> None:
    assert decide(case()) == Approved(kzt(100))


@pytest.mark.parametrize(("reason", "wrong"), DECLINED, ids=lambda value: str(value) if isinstance(value, str) else "")
def test_each_thing_that_is_wrong_declines_by_itself(reason: Reason, wrong: dict[str, object]) -> None:
    assert decide(case(**wrong)) == Declined((reason,))


@pytest.mark.parametrize(
    "right",
    [
        {"today": made.EXPIRY},
        limited(per_payment=kzt(100)),
        limited(per_day=kzt(100)),
        {"spendable": kzt(0), "to_hold": kzt(0)},  # the clearing overtook the question and took the money already
    ],
    ids=["on the last day", "at the limit of a payment", "at the limit of a day", "nothing left to hold"],
)
def test_the_edge_is_still_approved(right: dict[str, object]) -> None:
    assert isinstance(decide(case(**right)), Approved)


def test_every_category_of_betting_and_of_money_itself_is_forbidden() -> None:
    assert all(decide(case(category=found)) == Declined((Reason.FORBIDDEN_MERCHANT,)) for found in FORBIDDEN_CATEGORIES)


def test_all_reasons_are_found_and_the_card_speaks_before_the_purchase() -> None:
    answer = decide(
        case(
            card=made.card(state=State.FROZEN, limits=Limits(per_payment=kzt(1), per_day=kzt(1))),
            category="7995",
            spendable=kzt(0),
        )
    )

    assert answer == Declined(
        (
            Reason.CARD_FROZEN,
            Reason.FORBIDDEN_MERCHANT,
            Reason.PER_PAYMENT_LIMIT,
            Reason.PER_DAY_LIMIT,
            Reason.INSUFFICIENT_FUNDS,
        )
    )


def test_the_table_above_covers_every_rule() -> None:
    assert [reason for reason, _ in DECLINED] == [reason for reason, _ in RULES]
    # What no rule finds: there is no card to look at.
    assert set(Reason) - {reason for reason, _ in RULES} == {Reason.UNKNOWN_CARD}


@pytest.mark.parametrize("reason", Reason)
def test_the_network_hears_the_code_of_the_first_reason(reason: Reason) -> None:
    declined = made.payment((Kind.DECLINE, 1)).adding(
        Kind.DECLINE, kzt(1), made.AT, source="E", reasons=(reason, Reason.INSUFFICIENT_FUNDS)
    )

    answer = message.answer(PaymentId(declined.id), declined.elements[-1])

    assert (answer.approved, answer.code, answer.reason) == (False, CODES[reason], reason)
    assert CODES[reason] != APPROVED


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.DECLINE])
def test_only_a_question_can_hear_no(kind: Kind) -> None:
    told = made.payment((kind, 1))

    answer = message.answer(told.id, told.elements[0])

    assert (answer.approved, answer.code, answer.reason) == (True, APPROVED, None)
