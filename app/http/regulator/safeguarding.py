"""Is the money there? Each day's comparison of what is owed with what the bank keeps, as it was signed.

path   GET /v1/regulator/safeguarding, GET /v1/officer/safeguarding  ->  app/banking/safeguarding.py  listed()
"""

import base64
import json
from datetime import date, datetime
from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Meta

from app import db
from app.banking import promises, safeguarding
from app.banking.safeguarding import Kept
from app.house import House
from app.http.paging import Limit
from app.http.wire import Wire

Alarms = Annotated[bool | None, QueryParameter(description="Only the days that somebody has to look into.")]
_Minor = Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1, examples=[0])]


class ItemView(Wire, frozen=True):
    """One difference: what our books moved under `reference` and what the bank moved."""

    reference: Annotated[str, Meta(examples=["P-20261122-1"])]
    books_minor: _Minor
    bank_minor: _Minor
    since: date
    why: Annotated[str, Meta(examples=["not_booked_by_us_yet"])]


class ComparisonView(Wire, frozen=True, kw_only=True):
    """A day of a bank. `jws` is the signed statement of all of this, `sha256` its hash; a re-run gives the same."""

    bank: Annotated[str, Meta(examples=["demo-bank"])]
    day: date
    no: Annotated[int, Meta(ge=1, description="Of the comparisons of this day.", examples=[1])]
    outcome: Annotated[safeguarding.Outcome, Meta(examples=["agrees"])]
    owed: Annotated[dict[str, int], Meta(description="What is owed, in tiyn, by purpose of the ledger's accounts.")]
    books_minor: Annotated[_Minor, Meta(description="What the bank should have.")]
    statement_minor: Annotated[int | None, Meta(description="What it says it has.", examples=[0])]
    items: list[ItemView]
    unexplained_minor: Annotated[int, Meta(ge=0, examples=[0])]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", examples=["9f" * 32])]
    jws: Annotated[str, Meta(examples=["eyJhbGciOiJFZERTQSJ9.e30.c2ln"])]
    made_at: datetime

    @classmethod
    def of(cls, kept: Kept) -> "ComparisonView":
        """Show a comparison by what was signed, and by nothing else."""
        middle = kept.jws.split(".")[1]
        signed = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        fields = (
            "bank",
            "day",
            "no",
            "outcome",
            "owed",
            "books_minor",
            "statement_minor",
            "items",
            "unexplained_minor",
        )
        told = {name: signed[name] for name in fields}
        told |= {"sha256": kept.sha256.hex(), "jws": kept.jws, "made_at": kept.at}
        return msgspec.convert(told, cls)


class ComparisonList(Wire, frozen=True):
    """The latest comparison of each day and bank, newest first."""

    comparisons: list[ComparisonView]


class PromiseView(Wire, frozen=True):
    """How a kind of payment kept its promises: `kept` of `ended` were there in time."""

    kind: Annotated[str, Meta(examples=["payout"])]
    rail: Annotated[str, Meta(examples=["imps"])]
    ended: Annotated[int, Meta(ge=0, examples=[120])]
    kept: Annotated[int, Meta(ge=0, examples=[119])]
    late_now: Annotated[int, Meta(ge=0, description="Promised by now and not there.", examples=[0])]
    median_s: Annotated[int | None, Meta(description="From the beginning to the end.", examples=[4])]
    slowest_s: Annotated[int | None, Meta(examples=[140])]


class PromiseList(Wire, frozen=True):
    """Promised against actual over the last 30 days, by kind and way."""

    since: datetime
    promises: list[PromiseView]


async def comparisons(house: House, *, alarms: bool, limit: int) -> ComparisonList:
    """Read the comparisons, as who only reads."""
    async with db.transaction(house.report) as story:
        found = await safeguarding.listed(await story(), alarms=alarms, limit=limit)
    return ComparisonList(comparisons=[ComparisonView.of(each) for each in found])


@get(
    "/v1/regulator/safeguarding",
    operation_id="getSafeguarding",
    opt={"scope": "regulator:reports"},
    tags=["Regulator"],
    summary="Is the money there?",
)
async def get_safeguarding(house: NamedDependency[House], alarms: Alarms = None, limit: Limit = 20) -> ComparisonList:
    """Show what is owed against what banks keep, by day, with each difference by name."""
    return await comparisons(house, alarms=bool(alarms), limit=limit)


@get(
    "/v1/regulator/reports/promises",
    operation_id="getPromiseReport",
    opt={"scope": "regulator:reports"},
    tags=["Regulator"],
    summary="Promised against actual",
)
async def get_promises(house: NamedDependency[House]) -> PromiseList:
    """Show how often money was there when it was promised to be."""
    async with db.transaction(house.report) as story:
        since, found = await promises.report(await story(), story.now)
    return PromiseList(since=since, promises=[PromiseView(**msgspec.structs.asdict(each)) for each in found])


routes = [get_safeguarding, get_promises]
