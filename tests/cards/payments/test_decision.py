"""The answer to a question of the network: pure, with all reasons, the public one first, and its code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.payments import message
from cards.payments.decision import Approved, Case, Declined, decide
from cards.payments.payment import Kind, Operation, PaymentId
from cards.payments.reason import APPROVED, CODES, PARTIAL, VERIFIED, Reason, in_order
from tests.cards import made
from tests.wallet.ledgers import kzt


def case(**other: object) -> Case:
    """Ask 100 tenge where 100 are there and nobody has anything against it."""
    fields: dict[str, object] = {"found": (), "amount": kzt(100), "needed": kzt(100), "spendable": kzt(100)}
    return Case(**{**fields, **other})  # type: ignore[arg-type]  # the fields of Case, some of them replaced


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ({}, Approved(kzt(100))),
        ({"spendable": kzt(99)}, Declined((Reason.INSUFFICIENT_FUNDS,))),
        ({"spendable": kzt(0), "needed": kzt(0)}, Approved(kzt(100))),  # the clearing overtook the question
        ({"closed": True}, Declined((Reason.WALLET_CLOSED,))),
        ({"closed": True, "needed": kzt(0)}, Approved(kzt(100))),
        ({"spendable": kzt(99), "less": kzt(99)}, Approved(kzt(99), partial=True)),
        ({"spendable": kzt(100), "less": kzt(100)}, Approved(kzt(100))),
        (
            {"spendable": kzt(99), "less": kzt(99), "found": (Reason.CARD_FROZEN,)},
            Declined((Reason.CARD_FROZEN, Reason.INSUFFICIENT_FUNDS)),
        ),
        ({"found": (Reason.PER_DAY_LIMIT,)}, Declined((Reason.PER_DAY_LIMIT,))),
        ({"over": True, "needed": kzt(0)}, Declined((Reason.PURCHASE_OVER,))),
        (
            {"over": True, "spendable": kzt(99), "less": kzt(99)},
            Declined((Reason.PURCHASE_OVER, Reason.INSUFFICIENT_FUNDS)),
        ),
    ],
)
def test_what_was_found_and_the_money_decide(asked: dict[str, object], answer: Approved | Declined) -> None:
    assert decide(case(**asked)) == answer


@given(st.lists(st.sampled_from(Reason)), st.booleans(), st.integers(0, 200))
def test_every_reason_is_kept_once_and_the_first_is_the_most_public(
    found: list[Reason], closed: bool, spendable: int
) -> None:
    answer = decide(case(found=tuple(found), closed=closed, spendable=kzt(spendable)))

    expected = {*found, *([Reason.WALLET_CLOSED] if closed else ())}
    expected |= {Reason.INSUFFICIENT_FUNDS} if spendable < 100 else set()
    assert (set(answer.reasons) if isinstance(answer, Declined) else set()) == expected
    if isinstance(answer, Declined):
        assert answer.reasons == tuple(reason for reason in Reason if reason in expected)


def test_what_is_wrong_with_the_card_is_said_before_what_is_wrong_with_the_money() -> None:
    found = (Reason.INSUFFICIENT_FUNDS, Reason.PER_DAY_LIMIT, Reason.FORBIDDEN_MERCHANT, Reason.CARD_FROZEN)

    assert in_order(found) == tuple(reversed(found))


@pytest.mark.parametrize("reason", Reason)
def test_the_network_hears_the_code_of_the_first_reason(reason: Reason) -> None:
    declined = made.payment((Kind.DECLINE, 1)).adding(
        Kind.DECLINE, kzt(1), made.AT, source="E", reasons=(reason, Reason.INSUFFICIENT_FUNDS)
    )

    answer = message.answer(PaymentId(declined.id), declined.elements[-1])

    assert (answer.approved, answer.code, answer.reason) == (False, CODES[reason], reason)
    assert CODES[reason] not in {APPROVED, PARTIAL, VERIFIED}


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in {Kind.DECLINE, Kind.INQUIRY}])
def test_only_a_question_can_hear_no(kind: Kind) -> None:
    told = made.payment((kind, 1))

    answer = message.answer(told.id, told.elements[0])

    assert (answer.approved, answer.code, answer.reason) == (True, APPROVED, None)


@pytest.mark.parametrize(
    ("told", "code"), [({"told": kzt(1)}, APPROVED), ({"operation": Operation.VERIFICATION}, VERIFIED)]
)
def test_who_only_looks_hears_the_balance_or_that_the_card_is_good(told: dict[str, object], code: str) -> None:
    looked = made.payment().adding(Kind.INQUIRY, kzt(0), made.AT, source="E", **told)

    assert message.answer(looked.id, looked.elements[0]).code == code


def test_the_approval_code_is_six_digits_and_the_same_at_every_repeat() -> None:
    told = made.payment((Kind.AUTHORIZATION, 1))

    first, again = (message.answer(told.id, told.elements[0]).approval for _ in range(2))

    assert first == again
    assert first is not None
    assert first.isdecimal()
    assert len(first) == 6
