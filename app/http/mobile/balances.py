"""What the caller's wallet has: why this much can be spent now, and what it had at any other time.

path   GET /v1/wallets/me/availability  ->  wallet/availability.py, app/allowance.py
       GET /v1/wallets/me/balance       ->  wallet/asof.py
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any, Literal

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Meta

from app import allowance, language
from app.allowance import Facts
from app.auth.principal import Principal
from app.db import Story
from app.http import ids, times
from app.http.wire import MoneyWire, Wire
from app.language import Language
from app.statements import paper
from law.calendar import statutory_date
from law.money import KZT, Money
from wallet import account, asof, availability
from wallet.availability import Availability, Held
from wallet.limit import OUT, Operation

_TAGS = ["Wallet"]
_Because = Literal["available", "limit", "restriction"]


class HoldView(Wire, frozen=True, kw_only=True):
    """Money set aside: what for, since when, and until when nobody has to give it up for it to come back."""

    id: Annotated[str, Meta(examples=["hold_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    amount: MoneyWire
    code: Annotated[str, Meta(examples=["card_hold"])]
    reference: Annotated[str, Meta(examples=["card_payment:0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"])]
    description: Annotated[str, Meta(examples=["Promised to a merchant: Dostyk Books"])]
    label: Annotated[str | None, Meta(examples=["Dostyk Books"])] = None
    at: datetime
    expires_at: datetime | None


class OperationView(Wire, frozen=True, kw_only=True):
    """How much of it one operation may take now, and what bounds it.

    `because` is `available`, or a limit (see /v1/limits) or a restriction (see /v1/me/restrictions) named by `which`.
    """

    operation: Annotated[Operation, Meta(examples=["transfer"])]
    most: MoneyWire
    because: Annotated[_Because, Meta(examples=["available"])]
    which: Annotated[str | None, Meta(examples=["transfers.day"])] = None


class AvailabilityView(Wire, frozen=True, kw_only=True):
    """`posted` less all `holds`, less `held_otherwise` (beyond the first hundred), less `floor` is `available`."""

    posted: MoneyWire
    holds: list[HoldView]
    held_otherwise: MoneyWire
    floor: Annotated[MoneyWire, Meta(description="What has to stay.")]
    available: MoneyWire
    operations: list[OperationView]


class BalanceView(Wire, frozen=True, kw_only=True):
    """What the wallet had as known at `recorded_at`.

    `recorded` is everything booked by then. `effective` is what of it has a value date of `effective_on` or before.
    """

    recorded_at: datetime
    effective_on: date
    recorded: MoneyWire
    effective: MoneyWire
    version: Annotated[int, Meta(ge=0, description="How many entries there were.", examples=[12])]


@get(
    "/v1/wallets/me/availability",
    operation_id="getAvailability",
    opt={"scope": "wallet:read", "may_lack": True},
    tags=_TAGS,
    summary="Why this much can be spent",
)
async def get_availability(
    request: Request[Any, Any, Any], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> AvailabilityView:
    """Explain what can be spent: each amount set aside with its reason and end, and what bounds each operation."""
    db = await story()
    found = await availability.of_wallet(db, me.subject)
    labels = await paper.merchants(db, found.lane, [held.reference for held in found.held])
    tag = language.choose(request.headers.get("accept-language"))
    facts = (await allowance.facts(db, story.now, spenders={me.subject}))[me.subject]
    return AvailabilityView(
        posted=MoneyWire.of(found.posted),
        holds=[_hold(held, labels.get(held.reference, ""), tag) for held in found.held],
        held_otherwise=MoneyWire.of(found.held_otherwise),
        floor=MoneyWire.of(found.floor),
        available=MoneyWire.of(found.available),
        operations=list(_operations(found, facts, statutory_date(story.now))),
    )


@get(
    "/v1/wallets/me/balance",
    operation_id="getBalance",
    opt={"scope": "wallet:read", "may_lack": True},
    tags=_TAGS,
    summary="What the wallet had",
)
async def get_balance(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    recorded_at: Annotated[
        str | None, QueryParameter(pattern=times.INSTANT, description="As known at this instant (RFC 3339); else now.")
    ] = None,
    effective_on: Annotated[
        str | None,
        QueryParameter(pattern=times.DAY, description="Counting value dates up to this day; else that instant's."),
    ] = None,
) -> BalanceView:
    """Tell what the wallet had: as booked by an instant, and as of a value date with what was known then."""
    at = times.read(datetime, recorded_at, "recorded_at")
    on = times.read(date, effective_on, "effective_on")
    db = await story()
    mine = await account.wallet(db, me.subject)
    found = await asof.as_of(
        db, account=mine.account, lane=mine.lane, currency=KZT, recorded_at=at or story.now, effective_on=on
    )
    return BalanceView(
        recorded_at=found.recorded_at,
        effective_on=found.effective_on,
        recorded=MoneyWire.of(found.recorded),
        effective=MoneyWire.of(found.effective),
        version=found.version,
    )


def _hold(held: Held, label: str, tag: Language) -> HoldView:
    return HoldView(
        id=ids.show("hold", held.id),
        amount=MoneyWire.of(held.money),
        code=held.code,
        reference=held.reference,
        description=paper.said("hold", held.code, label, tag, comes=False),
        label=label or None,
        at=held.at,
        expires_at=held.expires_at,
    )


def _operations(found: Availability, facts: Facts, on: date) -> Iterator[OperationView]:
    """Say of each operation what it may take now; the first bound that binds gives the reason."""
    spendable = max(found.available.minor, 0)
    for operation in Operation:
        if operation not in OUT:
            continue
        most = spendable
        because: _Because = "available"
        which: str | None = None
        stop = next(iter(facts.stopping(operation)), None)
        if stop is not None:
            most, because, which = 0, "restriction", ids.show("restriction", stop.id)
        else:
            for reached in facts.reached(operation, spendable, on):
                if reached.left < most:
                    most, because, which = reached.left, "limit", reached.limit
        wire = MoneyWire.of(Money(most, found.available.currency))
        yield OperationView(operation=operation, most=wire, because=because, which=which)


routes = [get_availability, get_balance]
