"""Offers, quotes and placements for the tests of Invest."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from app import ids
from invest import product
from invest.insurance import Held
from invest.interest import DayCount
from invest.life import State
from invest.placement import Placement
from invest.product import EarlyExit, InsuranceClass, Jurisdiction, Offer, Terms
from invest.quote import Quote, quote
from law import calendar
from law.money import KZT, Money
from law.seed import THRESHOLDS

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
FRIDAY = date(2026, 11, 20)
SAVINGS = Terms(
    name={"en": "Savings", "ru": "Вклад", "kk": "Салым"},
    rate=Decimal("0.1450"),
    day_count=DayCount.ACT_365F,
    term_days=365,
    minimum_minor=1_000_00,
    maximum_minor=50_000_000_00,
    step_minor=100_00,
    insurance=InsuranceClass.SAVINGS,
    early_exit=EarlyExit(notice_days=30, rate=Decimal("0.0010")),
)


def kzt(tenge: int, tiyn: int = 0) -> Money:
    return Money(tenge * 100 + tiyn, KZT)


def terms(**changed: Any) -> Terms:  # noqa: ANN401  any field of the terms
    return msgspec.structs.replace(SAVINGS, **changed)


def offer(of: Terms = SAVINGS) -> Offer:
    return Offer(
        product=ids.new(),
        code="bank-12m",
        partner=ids.new(),
        jurisdiction=Jurisdiction.RK,
        currency=KZT,
        terms_id=ids.new(),
        terms_version=1,
        terms_sha256=product.sha256(of),
        terms=of,
    )


def held(of_class: int = 0, insured: int | None = None) -> Held:
    return Held(of_class=kzt(of_class), insured=kzt(of_class if insured is None else insured))


def quoted(tenge: int = 50_000, of: Terms = SAVINGS, on: date = FRIDAY) -> Quote:
    return quote(offer(of), kzt(tenge), held=held(), on=on, calendar=calendar.current(on), thresholds=THRESHOLDS)


def placement(state: State = State.REQUESTED, **changed: Any) -> Placement:  # noqa: ANN401  any field
    made = Placement(
        id=ids.new(),
        holder=ids.new(),
        preview=ids.new(),
        product=ids.new(),
        terms=ids.new(),
        partner=ids.new(),
        principal_minor=50_000_00,
        interest_minor=7_250_00,
        currency=KZT,
        starts_on=date(2026, 11, 20),
        matures_on=date(2027, 11, 22),
        requested_at=AT,
        state=state,
        version=1,
        bank_reference="DB-1",
    )
    return msgspec.structs.replace(made, **changed)
