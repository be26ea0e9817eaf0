"""The sandbox report: what each figure counts."""

from datetime import date, datetime, timedelta, timezone

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import db, ids
from app import tables as app_tables
from app.house import House
from app.partners import events as partner
from cards import events as cards
from cards import tables as cards_tables
from invest import events as invest
from invest import tables as invest_tables
from law.regime import PROGRAMME
from residency import events as residency
from residency import tables as residency_tables
from tests.app.people import residents, send
from tests.app.reports.conftest import Between, Figure, Regulator, now, relay, tell

pytestmark = pytest.mark.asyncio


async def status(house: House, *told: type[residency.StatusFact]) -> None:
    aggregate = ids.new()
    events = [fact(status_id=aggregate, kind="e_resident") for fact in told]
    await tell(house, residency_tables.event, aggregate, *events)


async def card(house: House, *told: type[msgspec.Struct]) -> None:
    aggregate = ids.new()
    ordered = cards.CardOrdered(
        card=aggregate, form="virtual", issuance_basis="b", notice_version="1", expires_on=date(2027, 9, 1)
    )
    await tell(house, cards_tables.event, aggregate, ordered, *(fact(card=aggregate) for fact in told))


async def purchase(house: House, *told: msgspec.Struct, at: datetime | None = None) -> None:
    await tell(house, cards_tables.event, ids.new(), *told, at=at)


def authorised(minor: int) -> msgspec.Struct:
    return cards.PaymentAuthorised(
        payment=ids.new(), card=None, amount_minor=minor, promised_minor=minor, currency="KZT"
    )


def cleared(minor: int, short: int = 0) -> msgspec.Struct:
    return cards.PaymentCleared(
        payment=ids.new(),
        card=None,
        amount_minor=minor,
        short_minor=short,
        promised_minor=0,
        currency="KZT",
        matched=True,
    )


def declined(minor: int, *reasons: str) -> msgspec.Struct:
    return cards.PaymentDeclined(payment=ids.new(), card=None, amount_minor=minor, currency="KZT", reasons=reasons)


async def test_residents_are_counted_by_what_they_are_now(house: House, growth: Between) -> None:
    await status(house, residency.StatusAssigned)
    await status(house, residency.StatusAssigned, residency.StatusSuspended)
    await status(house, residency.StatusAssigned, residency.StatusSuspended, residency.StatusRestored)
    await status(house, residency.StatusAssigned, residency.StatusRevoked)

    assert await growth.relayed() == {
        ("residents", "active"): Figure(2),
        ("residents", "suspended"): Figure(1),
        ("residents", "revoked"): Figure(1),
        ("residents.holding", ""): Figure(3),
    }


async def test_cases_are_counted_by_decision(house: House, growth: Between) -> None:
    for decision in (residency.Granted, residency.Granted, residency.Refused):
        case = ids.new()
        path = enumerate((residency.Submitted, decision), start=1)
        told = [fact(application_id=case, service="s", sort=sort) for sort, fact in path]
        await tell(house, residency_tables.event, case, *told)

    assert await growth.relayed() == {
        ("cases", "application.submitted"): Figure(3),
        ("cases", "application.granted"): Figure(2),
        ("cases", "application.refused"): Figure(1),
    }


async def test_cards_are_counted_by_what_they_are_now(house: House, growth: Between) -> None:
    await card(house)
    await card(house, cards.CardActivated)
    await card(house, cards.CardActivated, cards.CardFrozen)
    await card(house, cards.CardActivated, cards.CardFrozen, cards.CardUnfrozen)
    await card(house, cards.CardActivated, cards.CardClosed)

    assert await growth.relayed() == {
        ("cards.issued", "card.ordered"): Figure(5),
        ("cards", "ordered"): Figure(1),
        ("cards", "active"): Figure(2),
        ("cards", "frozen"): Figure(1),
        ("cards", "closed"): Figure(1),
        ("cards.alive", ""): Figure(4),
    }


async def test_purchases_are_added_up_and_refusals_by_their_first_reason(house: House, growth: Between) -> None:
    await purchase(house, authorised(100_00), cleared(90_00, short=1_00))
    await purchase(house, authorised(50_00), cleared(50_00))
    await purchase(house, declined(7_00, "insufficient_funds", "daily_limit"))
    await purchase(house, declined(8_00, "insufficient_funds"))
    await purchase(house, declined(9_00, "card_frozen"))

    assert await growth.relayed() == {
        ("card_payments.authorised", ""): Figure(2, 150_00),
        ("card_payments.cleared", ""): Figure(2, 140_00),
        ("card_payments.cleared_short", ""): Figure(2, 1_00),
        ("card_payments.cleared_this_month", ""): Figure(2, 140_00),
        ("card_payments.declined", "insufficient_funds"): Figure(2, 15_00),
        ("card_payments.declined", "card_frozen"): Figure(1, 9_00),
    }


async def test_the_turnover_of_a_month_is_that_of_the_almaty_month(house: House, growth: Between) -> None:
    today = (await now(house)).astimezone(timezone(timedelta(hours=5)))
    begins = today.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    await purchase(house, cleared(1_00), at=begins)
    await purchase(house, cleared(10_00), at=begins - timedelta(microseconds=1))

    grown = await growth.relayed()

    assert grown["card_payments.cleared_this_month", ""] == Figure(1, 1_00)
    assert grown["card_payments.cleared", ""] == Figure(2, 11_00)


async def test_money_from_banks_and_deposits_with_them_are_added_up_by_bank(house: House, growth: Between) -> None:
    bank = ids.new()
    credited = partner.PaymentCredited(
        transfer=ids.new(), partner=bank, account=ids.new(), amount_minor=5_00, currency="KZT"
    )
    suspended = partner.PaymentSuspended(
        transfer=ids.new(), partner=bank, amount_minor=3_00, currency="KZT", reason="unknown_account"
    )
    await tell(house, app_tables.event, ids.new(), credited, credited, suspended)
    matures = date(2027, 9, 1)
    requested = invest.PlacementRequested(ids.new(), bank, ids.new(), ids.new(), 20_00, "KZT", matures)
    booked = invest.PlacementBooked(ids.new(), bank, 20_00, "KZT", matures)
    repaid = invest.PlacementRepaid(ids.new(), bank, 20_00, 1_50, "KZT")
    rejected = invest.PlacementRejected(ids.new(), bank, "limit")
    await tell(house, invest_tables.event, ids.new(), requested, requested, booked, repaid, rejected)

    assert await growth.relayed() == {
        ("payments.credited", str(bank)): Figure(2, 10_00),
        ("payments.suspended", "unknown_account"): Figure(1, 3_00),
        ("placements.requested", str(bank)): Figure(2, 40_00),
        ("placements.booked", str(bank)): Figure(1, 20_00),
        ("placements.repaid", str(bank)): Figure(1, 20_00),
        ("placements.interest", str(bank)): Figure(1, 1_50),
        ("placements.rejected", "limit"): Figure(1),
    }


@pytest.mark.fresh
async def test_every_transfer_is_counted_once_as_in_the_ledger(
    app: Litestar, client: httpx.AsyncClient, regulator: Regulator, house: House
) -> None:
    payer, payee = await residents(app, 2)
    assert (await send(client, payer, payee, 250)).status_code == 201

    found = await regulator.figures(await relay(house))

    async with db.transaction(house.report) as story:
        rows = await (await story()).execute(
            text("SELECT kind, code, count(*), sum(amount) FROM wallet.transfer GROUP BY kind, code")
        )
        ledger = {f"transfer.{row.kind} {row.code}": Figure(row[2], int(row[3])) for row in rows}
    assert {key: figure for (measure, key), figure in found.items() if measure == "ledger"} == ledger
    assert ledger["transfer.post transfer"] == Figure(1, 250_00)


async def test_what_is_capped_shows_its_cap(house: House, regulator: Regulator) -> None:
    await purchase(house, cleared(1_00))
    caps = PROGRAMME.regimes[0].caps

    rows = (await regulator.ask(await relay(house))).json()["rows"]

    assert caps.turnover_month is not None
    assert {row["measure"]: row["cap"] for row in rows if row["cap"] is not None} == {
        "residents.holding": caps.customers,
        "cards.alive": caps.cards,
        "card_payments.cleared_this_month": caps.turnover_month.minor,
    }
