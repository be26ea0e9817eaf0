"""Whatever order a purchase is looked at in, however often, and however late: the same facts are booked in the end."""

import random
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app import ids
from app.house import House
from app.money import FIRST_LANE
from app.partners.stripe_issuing import merging
from app.partners.stripe_issuing.merging import Seen
from app.partners.stripe_issuing.objects import Authorization, MerchantData, Named, Past, Transaction
from cards.payments import message
from cards.payments.message import Clearing, NetworkMessage, Refund, Refused, Reversal
from cards.payments.payment import Kind, Merchant, Payment, PaymentId, Sums
from law.money import EUR, Money
from tests.stripe.fake import Fake
from tests.stripe.world import Spender, spender
from wallet.transfer import AccountId

AT = datetime(2026, 11, 22, tzinfo=UTC)
SHOP = MerchantData(network_id="1234567890", category="book_stores", category_code="5942", name="Books", country="DE")


class Act(msgspec.Struct, frozen=True):
    """Something a merchant does: asks (who of us said yes, if anybody), gives up, takes, gives back."""

    kind: str
    amount: int
    ours: bool | None = None
    theirs: bool = True


_AMOUNTS = st.integers(1, 1_000)
_ASKS = st.builds(Act, st.just("ask"), _AMOUNTS, st.sampled_from([None, True, False]), st.booleans())
_OTHERS = st.builds(Act, st.sampled_from(["give_up", "take", "take_last", "give_back", "expire"]), _AMOUNTS)


def history(acts: list[Act]) -> tuple[Payment, list[Authorization]]:
    """Play `acts`: what we answered ourselves, and the purchase as Stripe had it after each."""
    ours = blank()
    now = purchase()
    seen = [now]
    for act in acts:
        if act.kind == "ask":
            number = len(now.request_history)
            if act.ours is not None and ours.told(f"request-{number}") is None:
                kind = (Kind.INCREMENT if number else Kind.AUTHORIZATION) if act.ours else Kind.DECLINE
                ours = ours.adding(kind, eur(act.amount), AT, source=f"request-{number}")
        now = after(now, act)
        seen.append(now)
    return ours, seen


def after(now: Authorization, act: Act) -> Authorization:  # noqa: PLR0911  a case each
    replace = msgspec.structs.replace
    if act.kind == "ask" and now.status in {"pending", "new"}:
        past = Past(
            amount=act.amount, approved=act.theirs, reason="x", merchant_amount=act.amount, merchant_currency="eur"
        )
        asked = replace(now, request_history=[*now.request_history, past])
        return replace(asked, amount=now.amount + act.amount, status="pending") if act.theirs else asked
    if now.status != "pending":
        return now
    match act.kind:
        case "give_up":
            left = max(now.amount - act.amount, 0)
            return replace(now, amount=left, status="pending" if left else "reversed")
        case "expire":
            return replace(now, status="expired")
        case "take" | "take_last":
            taken = transaction(-act.amount, len(now.transactions))
            status = "closed" if act.kind == "take_last" else "pending"
            return replace(now, transactions=[*now.transactions, taken], status=status)
        case "give_back":
            return replace(now, transactions=[*now.transactions, transaction(act.amount, len(now.transactions))])
    return now


def eur(minor: int) -> Money:
    return Money(minor, EUR)


def transaction(amount: int, number: int) -> Transaction:
    return Transaction(
        id=f"ipi_{number}",
        type="capture" if amount < 0 else "refund",
        amount=amount,
        currency="eur",
        card="ic_1",
        merchant_amount=amount,
        merchant_currency="eur",
        merchant_data=SHOP,
    )


def purchase() -> Authorization:
    return Authorization(
        id="iauth_1",
        amount=0,
        currency="eur",
        approved=False,
        status="new",
        authorization_method="online",
        card=Named("ic_1"),
        merchant_data=SHOP,
        request_history=[],
    )


def blank() -> Payment:
    return Payment(
        id=PaymentId(ids.new()),
        lane=FIRST_LANE,
        network="stripe",
        lifecycle="iauth_1",
        card=None,
        holder=None,
        account=None,
        currency=EUR,
        merchant=Merchant(name="Books", id="1234567890", category="5942", country="DE"),
        opened_at=AT,
    )


def look(payment: Payment, found: Authorization) -> Payment:
    """Merge a look at the purchase, as the batch does, but for the money."""
    seen = Seen(
        lifecycle="iauth_1",
        lane=FIRST_LANE,
        card=None,
        payment=payment.id,
        currency=EUR,
        merchant=payment.merchant,
        authorization=found,
        transactions=tuple(found.transactions),
        clearing=AccountId(ids.new()),
        funding=AccountId(ids.new()),
        at=AT,
    )
    for told in merging.missing(payment, seen):
        assert payment.told(told.element) is None, "a fact is booked once"
        payment = booked(payment, told)
    return payment


def booked(payment: Payment, told: NetworkMessage) -> Payment:
    source = told.element
    match told:
        case message.Authorization():
            kind = Kind.INCREMENT if told.increment else Kind.AUTHORIZATION
            return payment.adding(kind, told.amount, AT, source=source, subject=told.subject)
        case Refused():
            return payment.adding(Kind.DECLINE, told.amount, AT, source=source, reasons=told.reasons)
        case Reversal():
            return payment.adding(Kind.REVERSAL, told.amount, AT, source=source, subject=told.subject)
        case Clearing():
            return payment.adding(Kind.CLEARING, told.amount, AT, source=source, final=told.final)
        case Refund():
            return payment.adding(Kind.REFUND, told.amount, AT, source=source)
    raise AssertionError(told)


def end(sums: Sums) -> tuple[object, ...]:
    """Say what a purchase comes to, for its holder and for the ledger."""
    return sums.promised, sums.taken, sums.refunded


_SOME = st.lists(_ASKS, min_size=1, max_size=3)
_MORE = st.lists(_ASKS | _OTHERS, max_size=6)


@settings(max_examples=30, deadline=None)
@given(_SOME, _MORE, st.data())
def test_any_order_and_number_of_looks_books_the_same(first: list[Act], then: list[Act], data: st.DataObject) -> None:
    converges(first, then, data)


@pytest.mark.nightly
@settings(max_examples=3_000, deadline=None)
@given(_SOME, _MORE, st.data())
def test_any_order_of_very_many_looks_books_the_same(first: list[Act], then: list[Act], data: st.DataObject) -> None:
    converges(first, then, data)


def converges(first: list[Act], then: list[Act], data: st.DataObject) -> None:
    ours, seen = history([*first, *then])
    straight = look(ours, seen[-1])
    order = data.draw(st.lists(st.sampled_from(seen), max_size=8))
    order.insert(data.draw(st.integers(0, len(order))), seen[-1])

    merged = ours
    for found in order:
        merged = look(merged, found)
    again = look(merged, seen[-1])

    assert end(merged.sums()) == end(straight.sums())
    assert again == merged, "what was merged adds nothing"
    if seen[-1].status in {"closed", "reversed", "expired"}:
        assert not merged.sums().promised


def test_naming_what_was_given_up_by_its_last_part_would_be_found_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted defect: a reversal that says how much, not how much in all, books a look twice."""
    ours, seen = history([Act("ask", 100, ours=True), Act("give_up", 20), Act("give_up", 30)])

    def naive(_: Payment, at: Seen) -> Any:  # noqa: ANN401  messages
        assert at.authorization is not None, "looked at"
        given = 100 - at.authorization.amount
        if given:
            yield Reversal(**merging._said(at), element=f"reversed-{given}", amount=eur(given))  # noqa: SLF001  tells what the merger would

    monkeypatch.setattr(merging, "_given_up", naive)
    straight = look(ours, seen[-1])
    merged = look(look(ours, seen[-2]), seen[-1])

    assert end(merged.sums()) != end(straight.sums())


# -- on the ledger -----------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", range(2))
async def test_events_in_any_order_twice_or_late_leave_the_same_money(programme: House, fake: Fake, seed: int) -> None:
    chance = random.Random(seed)
    mine = await spender(programme, fake, 500_00)

    async def some() -> None:
        events = chance.choices(fake.events, k=3)
        await mine.hears(shuffled=events)

    stay = await mine.tester.pays(mine.reference, 100_00)
    await some()
    await mine.tester.asks_more(stay.id, 40_00)
    await mine.tester.gives_up(stay.id, 20_00)
    await some()
    await mine.tester.takes(stay.id, 50_00, last=False)
    await mine.tester.gives_up(stay.id, 10_00)
    await some()
    taken = await mine.tester.takes(stay.id, 75_00)
    await mine.tester.gives_back(taken.transactions[0].id, 5_00)
    await mine.hears(shuffled=chance.sample(fake.events, k=len(fake.events)))

    assert await mine.has() == (500_00 - 50_00 - 75_00 + 5_00, 0)
    assert await settled(mine) == [-75_00, -50_00, 5_00]


async def settled(mine: Spender) -> list[int]:
    """List what was paid out of what Stripe was paid ahead, and what came back there."""
    async with mine.house.report.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT CASE WHEN account.purpose = 'card_clearing' THEN -amount ELSE amount END AS moved"
                " FROM wallet.transfer JOIN wallet.account ON account.lane = transfer.lane AND account.id = debit"
                " WHERE code = 'processor_settled' AND reference = ANY(:names) ORDER BY moved"
            ),
            {"names": [f"stripe:{id_}" for id_ in mine.fake.objects if id_.startswith("ipi_")]},
        )
        return [row.moved for row in rows]
