"""How much of one's money at banks is guaranteed.

path   GET /v1/deposit-insurance  ->  app/banking/meter.py  meters()
"""

from datetime import date
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from msgspec import Meta

from app.auth.principal import Principal
from app.banking import meter
from app.banking.meter import Meter
from app.db import Story
from app.http.wire import MoneyWire, Wire
from law import calendar
from law.seed import THRESHOLDS


class MeterView(Wire, frozen=True):
    """One bank: what is there in tenge by the fund's classes, what of it is guaranteed, and what is `above`."""

    bank: Annotated[str, Meta(examples=["Demo Bank"])]
    savings: MoneyWire
    other: MoneyWire
    guaranteed: MoneyWire
    above: Annotated[MoneyWire, Meta(description="Not guaranteed: it would be at another bank.")]
    uninsured: Annotated[MoneyWire, Meta(description="Deposits the fund does not know, such as in the AIFC.")]
    foreign: list[MoneyWire]
    foreign_most: Annotated[MoneyWire, Meta(description="Up to what foreign currency there is guaranteed.")]

    @classmethod
    def of(cls, found: Meter) -> "MeterView":
        """Show one bank."""
        return cls(
            bank=found.bank,
            savings=MoneyWire.of(found.savings),
            other=MoneyWire.of(found.other),
            guaranteed=MoneyWire.of(found.guaranteed),
            above=MoneyWire.of(found.above),
            uninsured=MoneyWire.of(found.uninsured),
            foreign=[MoneyWire.of(each) for each in found.foreign],
            foreign_most=MoneyWire.of(found.foreign_most),
        )


class MeterList(Wire, frozen=True):
    """Every bank with anything of the caller's, by the limits in force `on` the day. E-money is no deposit."""

    on: date
    source: Annotated[str, Meta(examples=["Deposit Insurance Fund limits since 11 Jan 2022"])]
    banks: list[MeterView]


@get(
    "/v1/deposit-insurance",
    operation_id="getDepositInsurance",
    opt={"scope": "wallet:read"},
    tags=["Bank accounts"],
    summary="What is guaranteed",
)
async def get_insurance(story: NamedDependency[Story], me: NamedDependency[Principal]) -> MeterList:
    """Show for each bank how much of the caller's money the deposit insurance fund guarantees."""
    db = await story()
    today = calendar.statutory_date(story.now)
    found = await meter.meters(db, me.subject, today)
    source = THRESHOLDS.at("deposit.insured.total_max", today).source
    return MeterList(on=today, source=source, banks=[MeterView.of(each) for each in found])


routes = [get_insurance]
