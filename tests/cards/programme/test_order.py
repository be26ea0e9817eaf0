"""Who gets a card: the notice, the term, the identity; caps are in test_place.py."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from app import ids
from cards.card import Act, Form, Limits, Owner, State
from cards.programme import exemption
from cards.programme.consent import NoticeNotAccepted
from cards.programme.order import CurrencyNotOffered, Holder, IssuingStopped, Order, RemoteIssuanceStopped, last_day
from cards.programme.place import CardsSuspended
from cards.programme.verification import IdentityNotVerified
from law.money import USD
from tests.cards import made
from tests.conftest import Engines
from tests.wallet import ledgers
from tests.wallet.ledgers import kzt


@pytest.mark.parametrize(
    ("ordered_at", "months", "ends"),
    [
        (datetime(2026, 11, 22, 9, tzinfo=UTC), 12, date(2027, 10, 31)),
        (datetime(2026, 11, 1, 9, tzinfo=UTC), 12, date(2027, 10, 31)),
        (datetime(2026, 10, 31, 18, 59, tzinfo=UTC), 12, date(2027, 9, 30)),  # 23:59 in Almaty
        (datetime(2026, 10, 31, 19, 0, tzinfo=UTC), 12, date(2027, 10, 31)),  # 00:00 of 1 November in Almaty
        (datetime(2027, 2, 28, 9, tzinfo=UTC), 12, date(2028, 1, 31)),
        (datetime(2027, 3, 15, 9, tzinfo=UTC), 12, date(2028, 2, 29)),
        (datetime(2026, 12, 31, 9, tzinfo=UTC), 12, date(2027, 11, 30)),
        (datetime(2026, 12, 31, 9, tzinfo=UTC), 36, date(2029, 11, 30)),
    ],
)
def test_a_card_ends_with_the_last_whole_month_of_its_term(ordered_at: datetime, months: int, ends: date) -> None:
    assert last_day(ordered_at, months) == ends


@pytest.mark.asyncio
async def test_a_virtual_card_can_be_used_the_moment_it_is_ordered(engines: Engines) -> None:
    holder = ids.new()
    request = made.asked(holder, await ledgers.opened(engines.api, holder), limits=Limits(per_day=kzt(5)))

    card = await made.ordered(engines, request)

    assert (card.state, card.version, card.expires_on) == (State.ACTIVE, 2, made.EXPIRY)
    assert (card.issuance_basis, card.notice_version) == (made.regime().basis, made.regime().notice.version)
    assert await made.found(engines, card) == card
    assert await made.told(engines, card.id) == ["card.ordered", "card.activated"]


@pytest.mark.asyncio
async def test_nobody_gets_a_card_on_another_notice_than_the_one_in_force(engines: Engines) -> None:
    holder = ids.new()
    request = made.asked(holder, await ledgers.opened(engines.api, holder), notice_version="sandbox-2025-9")

    with pytest.raises(NoticeNotAccepted) as refused:
        await made.ordered(engines, request)

    assert refused.value.version == made.regime().notice.version


@pytest.mark.asyncio
async def test_a_programme_that_winds_down_adds_no_card(engines: Engines) -> None:
    holder = ids.new()
    request = made.asked(holder, await ledgers.opened(engines.api, holder))

    with pytest.raises(IssuingStopped):
        await made.ordered(engines, request, msgspec.structs.replace(made.regime(), issues_cards=False))


@pytest.mark.asyncio
async def test_an_order_for_what_the_programme_does_not_offer_is_refused(engines: Engines) -> None:
    policy, request = made.regime().policy, await somebody(engines)
    by_hand = msgspec.structs.replace(made.regime(), policy=msgspec.structs.replace(policy, remote_issuance=False))

    with pytest.raises(CurrencyNotOffered):
        await made.ordered(engines, msgspec.structs.replace(request, currency=USD))
    with pytest.raises(RemoteIssuanceStopped):
        await made.ordered(engines, request, by_hand)


@pytest.mark.asyncio
async def test_who_was_identified_too_long_ago_gets_no_card(engines: Engines) -> None:
    request = await somebody(engines)
    long_ago = Holder(id=request.holder.id, verified_at=made.AT - timedelta(days=366))

    with pytest.raises(IdentityNotVerified):
        await made.ordered(engines, msgspec.structs.replace(request, holder=long_ago))


@pytest.mark.asyncio
@pytest.mark.parametrize("reason", list(exemption.Reason))
async def test_who_is_exempt_gets_a_card_for_longer(engines: Engines, reason: exemption.Reason) -> None:
    request = await somebody(engines)
    exempt = msgspec.structs.replace(request.holder, exemption=reason)

    card = await made.ordered(engines, msgspec.structs.replace(request, holder=exempt))

    assert card.expires_on == last_day(made.AT, made.regime().policy.exempt_validity_months) > made.EXPIRY
    assert (await made.found(engines, card)).exemption == reason


@pytest.mark.asyncio
async def test_a_plastic_card_waits_to_be_made(engines: Engines) -> None:
    card = await made.ordered(engines, msgspec.structs.replace(await somebody(engines), form=Form.PLASTIC))

    assert (card.state, card.form) == (State.ORDERED, Form.PLASTIC)


@pytest.mark.asyncio
@pytest.mark.parametrize("owner", [Owner.RISK, Owner.REGULATOR])
async def test_another_card_is_no_way_around_a_suspension(engines: Engines, owner: Owner) -> None:
    request = await somebody(engines)
    card = await made.ordered(engines, request)
    await made.suspend(engines, card, owner)
    again = msgspec.structs.replace(request, card=ids.new())

    with pytest.raises(CardsSuspended):
        await made.ordered(engines, again)
    await made.act(engines, card, Act.CLOSE)
    with pytest.raises(CardsSuspended):
        await made.ordered(engines, again)


async def somebody(engines: Engines) -> Order:
    holder = ids.new()
    return made.asked(holder, await ledgers.opened(engines.api, holder))
