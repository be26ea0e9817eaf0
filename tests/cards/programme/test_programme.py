"""What the programme never pays for, whatever a holder permits."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from app import db, ids
from app.money import Money
from cards.card import Card, Limits, Listing
from cards.payments.message import Authorization, Operation
from cards.payments.reason import Reason
from cards.programme import campaign, listing, programme
from cards.programme.permission import Choice, Controls, Trip
from cards.programme.programme import InForce
from law.regime import PROGRAMME, Programme
from tests.cards import made
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

POLICY = made.regime().policy
#: Everything a holder can do to let a purchase pass.
WIDE_OPEN = made.card(
    controls=Controls(categories=Choice(only=frozenset({"7995", "6051", "5816", "5921"}))),
    limits=Limits(per_payment=kzt(10**9)),
    trips=(Trip(countries=frozenset({"KZ"}), begins=date(2020, 1, 1), ends=date(2040, 1, 1)),),
)


def in_force(**other: object) -> InForce:
    fields: dict[str, object] = {"policy": POLICY, "merchants": frozenset(), "ends": {}}
    return InForce(**{**fields, **other})  # type: ignore[arg-type]  # its fields


def asked(tenge: int = 10, **merchant: str) -> Authorization:
    return made.question(made.card(), tenge, merchant=msgspec.structs.replace(made.SHOP, **merchant))


def refused(
    asked_: Authorization, card: Card = WIDE_OPEN, programme_: InForce | None = None, *, before: int = 0
) -> tuple[Reason, ...]:
    total = kzt(before) + asked_.amount
    return programme.refusals(programme_ or in_force(), card, asked_, total=total, now=made.AT)


@pytest.mark.parametrize("category", sorted(POLICY.denied_categories))
def test_no_control_overrides_what_the_programme_denies(category: str) -> None:
    assert refused(asked(category=category)) == (Reason.FORBIDDEN_MERCHANT,)
    for operation in Operation:
        gone = msgspec.structs.replace(asked(category=category), operation=operation)
        assert refused(gone) == (Reason.FORBIDDEN_MERCHANT,)


def test_gambling_and_quasi_cash_are_denied_by_the_programme_in_force() -> None:
    assert {"7995", "7800", "7801", "7802", "9406", "6051", "4829"} <= POLICY.denied_categories


def test_a_listed_merchant_is_paid_nothing_under_any_category() -> None:
    listed = in_force(merchants=frozenset({"M-1001"}))

    assert refused(asked(), programme_=listed) == (Reason.FORBIDDEN_MERCHANT,)
    assert refused(asked(id="M-1002"), programme_=listed) == ()


def test_a_denied_country_stays_denied_on_a_journey_there() -> None:
    strict = in_force(policy=msgspec.structs.replace(POLICY, denied_countries=frozenset({"KZ"})))

    assert refused(asked(), programme_=strict) == (Reason.FORBIDDEN_COUNTRY,)


@pytest.mark.parametrize("category", sorted(POLICY.denied_if_self_restricted))
def test_who_barred_themselves_is_refused_what_is_close_to_betting(category: str) -> None:
    barred = msgspec.structs.replace(WIDE_OPEN, listed=(Listing.SELF_RESTRICTED,))

    assert refused(asked(category=category), barred) == (Reason.FORBIDDEN_PERSON,)
    assert refused(asked(category=category)) == ()
    assert refused(asked(), barred) == ()


def test_who_the_programme_bars_pays_nothing() -> None:
    barred = msgspec.structs.replace(WIDE_OPEN, listed=(Listing.BARRED,))

    assert refused(asked(), barred) == (Reason.FORBIDDEN_PERSON,)


@pytest.mark.parametrize(
    ("category", "tenge", "passes"),
    [("5942", 50_000, True), ("5942", 50_001, False), ("5921", 1, False), ("7995", 1, False)],
)
def test_a_childs_card_pays_within_what_the_programme_lets_children(
    category: str,
    tenge: int,
    passes: bool,
) -> None:
    childs = msgspec.structs.replace(WIDE_OPEN, parent=ids.new())
    parents = refused(asked(tenge, category=category))

    assert (refused(asked(tenge, category=category), childs) == ()) is passes
    assert (parents == ()) is (category not in POLICY.denied_categories)


@pytest.mark.parametrize(("before", "passes"), [(0, True), (49_990, True), (49_991, False), (50_000, False)])
def test_more_of_a_childs_payment_is_capped_with_what_came_before(before: int, passes: bool) -> None:
    childs = msgspec.structs.replace(WIDE_OPEN, parent=ids.new())

    assert (refused(asked(10), childs, before=before) == ()) is passes


def test_a_programme_without_childrens_cards_pays_for_none() -> None:
    without = in_force(policy=msgspec.structs.replace(POLICY, minors=None))
    childs = msgspec.structs.replace(WIDE_OPEN, parent=ids.new())

    assert refused(asked(), childs, without) == (Reason.NOT_FOR_CHILDREN,)


@pytest.mark.parametrize(("seconds", "ended"), [(-1, False), (0, True), (1, True)])
def test_cards_of_a_basis_that_ends_spend_until_that_instant(seconds: int, ended: bool) -> None:
    over = in_force(ends={"sandbox": made.AT - timedelta(seconds=seconds)})

    assert (refused(asked(), programme_=over) == (Reason.PROGRAMME_ENDED,)) is ended
    other = msgspec.structs.replace(WIDE_OPEN, issuance_basis="licence")
    assert refused(asked(), other, over) == ()


def test_without_a_regime_nothing_is_paid() -> None:
    nothing = programme.of_rows((), PROGRAMME, datetime(2020, 1, 1, tzinfo=UTC))

    assert refused(asked(), programme_=nothing) == (Reason.PROGRAMME_ENDED,)


@pytest.mark.asyncio
async def test_lists_and_ends_are_read_as_they_are_now(engines: Engines) -> None:
    merchant, basis = f"M-{ids.new()}"[:20], f"basis-{ids.new()}"
    async with db.transaction(engines.api, audience="officer") as story:
        listed = listing.Merchant(
            id=ids.new(),
            merchant=merchant,
            reason=listing.Reason.ILLEGAL_GAMBLING,
            listed_by="officer:one",
            listed_at=made.AT,
        )
        await listing.add_merchant(await story(), listed)
        planned = campaign.wind_down(ids.new(), basis, made.AT, actor="officer:one", at=made.AT)
        await campaign.propose(await story(), planned)

    before = await read(engines, merchant, "M-1001")
    async with db.transaction(engines.api, audience="officer") as story:
        await campaign.turn(await story(), planned.id, campaign.Act.APPROVE, actor="officer:two", at=made.AT)
    after = await read(engines, merchant, "M-1001")
    async with db.transaction(engines.api, audience="officer") as story:
        await listing.end(await story(), listed.id, actor="officer:two", at=made.AT)

    assert before.merchants == frozenset({merchant})
    assert basis not in before.ends
    assert after.ends[basis] == made.AT
    assert (await read(engines, merchant)).merchants == frozenset()


async def read(engines: Engines, *merchants: str) -> InForce:
    async with db.transaction(engines.posting) as story:
        return await programme.load(await story(), Programme(PROGRAMME.regimes), merchants, made.AT)


@pytest.mark.asyncio
async def test_a_swipe_at_a_casino_is_refused_whatever_the_card_permits(engines: Engines, money: Money) -> None:
    card = await made.spender(engines, money, 1_000)

    [answer] = await made.tell(money, made.question(card, 10, merchant=asked(category="7995").merchant))

    assert (answer.approved, answer.reason) == (False, Reason.FORBIDDEN_MERCHANT)
