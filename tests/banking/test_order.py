"""The life of an order as a table, and every history a bank can make of one: never paid twice, never lost.

The histories are generated: what is asked, what the line loses, what the bank says and says again, in whatever order.
The rules are those of app/banking/order.py and hearing.py; the money follows each act as booking.py lists it.
"""

import itertools
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from types import ModuleType
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.banking import booking, hearing, order, tariff
from app.banking.booking import Places
from app.banking.order import ENDED, LIFE, Act, Kind, Order, State, WrongState
from app.banking.told import Told
from app.partners.message import TooEarly, Unfit
from law.money import KZT, Money
from law.rails import Rail
from wallet.transfer import AccountId, Capture, Move, Post, Release, TransferId

_AT = datetime(2026, 11, 22, tzinfo=UTC)
_WALLET, _BANK, _CLEARING, _FEES, _SUSPENSE, _HOLDINGS, _OTHER = (AccountId(UUID(int=place)) for place in range(1, 8))
PLACES = Places(
    bank=_BANK,
    clearing=_CLEARING,
    fees=_FEES,
    suspense=_SUSPENSE,
    rounding=None,
    holdings={KZT: _HOLDINGS},
    positions={},
)


def an_order(kind: Kind = Kind.PAYOUT, state: State = State.SENT) -> Order:
    outwards = kind is not Kind.FROM_ACCOUNT
    source = _SUSPENSE if kind is Kind.REFUND else _WALLET if outwards else _OTHER
    return Order(
        id=UUID(int=99),
        kind=kind,
        holder=None if kind is Kind.REFUND else UUID(int=98),
        partner=UUID(int=97),
        about=UUID(int=96),
        lane=1,
        source=source,
        target={Kind.TO_ACCOUNT: _OTHER, Kind.FROM_ACCOUNT: _WALLET}.get(kind),
        amount_minor=1_000_00,
        currency=KZT,
        fee_minor=100_00 if kind is Kind.PAYOUT else 0,
        requested_at=_AT,
        state=state,
    )


def told(status: str, asked: Order, minor: int | None = None) -> Told:
    amount = {"amount_minor": asked.amount_minor if minor is None else minor, "currency": "KZT"}
    return msgspec.convert({"order_id": asked.key, "status": status, **amount}, Told)


@pytest.mark.parametrize(("state", "act"), list(itertools.product(State, Act)))
def test_every_act_leads_where_the_table_says_or_nowhere(state: State, act: Act) -> None:
    if (state, act) in LIFE:
        assert order.after(state, act) is LIFE[state, act]
    else:
        with pytest.raises(WrongState):
            order.after(state, act)


def test_what_has_ended_ends_no_other_way_than_by_coming_back() -> None:
    assert {(state, act) for state, act in LIFE if state in ENDED} == {(State.DONE, Act.RETURN)}


def follow(asked: Order, words: list[str]) -> tuple[Order, Counter[AccountId]]:
    """Hear the words one after the other, as the inbox does, and move the money of what they change."""
    moved: Counter[AccountId] = Counter()
    held = asked.money + asked.fee
    waiting = list(words)
    for _ in range(len(words) + 1):  # what came too early is heard again later
        early = []
        for word in waiting:
            try:
                act = hearing.decide(asked, told(word, asked))
            except TooEarly:
                early.append(word)
                continue
            except Unfit:
                continue
            if act is None:
                continue
            held = _apply(asked, act, moved, held)
            asked = msgspec.structs.replace(asked, state=order.after(asked.state, act))
        waiting = early
    assert (held.minor == 0) == (asked.state in ENDED)
    return asked, moved


def _apply(asked: Order, act: Act, moved: Counter[AccountId], held: Money) -> Money:
    wallet = None if asked.kind is Kind.REFUND else _WALLET
    for move in booking.moves(asked, act, PLACES, wallet):
        match move:
            case Release():
                held = Money(0, KZT)
            case Capture():
                placed = booking.hold(asked, PLACES)
                held = held - move.money
                moved[placed.debit] -= move.money.minor
                moved[placed.credit] += move.money.minor
            case Post():
                moved[move.debit] -= move.money.minor
                moved[move.credit] += move.money.minor
    return held


@pytest.mark.parametrize(("kind", "state"), list(itertools.product(Kind, State)))
@pytest.mark.parametrize("status", ["pending", "done", "rejected", "returned"])
def test_what_a_bank_says_is_no_news_or_refused_or_an_act_the_life_knows(kind: Kind, state: State, status: str) -> None:
    # Words that were overtaken are weighed again against the order as it is then: this is why that comes to an end.
    asked = an_order(kind, state)
    said = msgspec.structs.replace(told(status, asked), iban="KZ599990000000000001")

    try:
        act = hearing.decide(asked, said)
    except (TooEarly, Unfit):
        return
    assert act is None or (state, act) in LIFE


_MOVING = [Kind.PAYOUT, Kind.TO_ACCOUNT, Kind.FROM_ACCOUNT, Kind.REFUND]


@given(
    st.sampled_from(_MOVING),
    st.sampled_from([State.SENT, State.UNKNOWN]),
    st.lists(st.sampled_from(["pending", "done", "rejected", "returned"]), max_size=8),
)
def test_whatever_a_bank_says_in_whatever_order_money_moves_once_or_not_at_all(
    kind: Kind, state: State, words: list[str]
) -> None:
    begun = an_order(kind, state)
    ended, moved = follow(begun, words)

    assert sum(moved.values()) == 0
    assert moved[_CLEARING] == 0, "nothing stays on its way"
    gone = ended.state is State.DONE
    assert begun.source is not None
    source = AccountId(begun.source)
    assert moved[source] == (-(begun.money + begun.fee).minor if gone else 0)
    paid = -moved[_BANK] if kind is Kind.FROM_ACCOUNT else moved[_BANK]
    assert paid == (begun.amount_minor if gone else 0)
    assert moved[_FEES] == (begun.fee_minor if gone else 0)


def _hears_everything(_: Order, said: Told) -> Act | None:
    return {"done": Act.FINISH}.get(said.status)


def _keeps_the_fee(found: Order, at: Places, to: AccountId) -> list[Move]:
    reference = str(found.id)
    post = Post(id=TransferId(UUID(int=9)), debit=at.bank, credit=to, money=found.money, code="x", reference=reference)
    return [post]


@pytest.mark.parametrize(
    ("module", "name", "defect", "words"),
    [
        (hearing, "decide", _hears_everything, ["done", "done"]),
        (booking, "_back", _keeps_the_fee, ["done", "returned"]),
    ],
)
def test_a_defect_that_pays_twice_or_keeps_the_fee_would_be_found(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, defect: Callable[..., Any], words: list[str]
) -> None:
    law = test_whatever_a_bank_says_in_whatever_order_money_moves_once_or_not_at_all.hypothesis.inner_test  # type: ignore[attr-defined]  # hypothesis puts it there
    law(Kind.PAYOUT, State.SENT, words)
    monkeypatch.setattr(module, name, defect)

    with pytest.raises((AssertionError, WrongState)):
        law(Kind.PAYOUT, State.SENT, words)


@pytest.mark.parametrize("minor", [0, 999_99, 1_000_01])
def test_another_amount_is_not_what_was_agreed(minor: int) -> None:
    asked = an_order()

    with pytest.raises(Unfit):
        hearing.decide(asked, told("done", asked, minor))


@given(st.integers(1, 10**12))
def test_a_fee_is_never_less_than_its_share_and_within_its_bounds(minor: int) -> None:
    on = date(2026, 11, 22)
    row = tariff.price(tariff.payout(Rail.ISMT, own=False), on)
    fee = tariff.fee(tariff.payout(Rail.ISMT, own=False), Money(minor, KZT), on).minor

    assert row.minimum_minor <= fee <= (row.maximum_minor or fee)
    assert fee * 1000 >= minor * row.per_mille or fee == row.maximum_minor
    assert tariff.fee(tariff.payout(Rail.IMPS, own=True), Money(minor, KZT), on).minor == 0
