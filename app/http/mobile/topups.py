"""Money in: how to pay, and where a payment is that is on its way.

path   POST /v1/topups             ->  app/banking/topup.py       create()
       GET  /v1/incoming-payments  ->  app/banking/incoming.py    page(), expected()
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.principal import Principal
from app.banking import incoming, tariff, topup
from app.banking.incoming import Incoming
from app.banking.topup import Topup
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.orders import RailName, WindowView
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import Minor, MoneyWire, Wire
from app.idempotency import Once
from law import calendar, rails
from law.money import KZT, Money
from law.rails import Rail
from wallet import account, address

_TAGS = ["Money in"]
TopupId = Annotated[str, Meta(examples=["topup_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
_Stage = Annotated[
    Literal["announced", "received", "screened", "credited", "suspended", "returning", "returned"],
    Meta(examples=["announced"]),
]


class AskTopup(Wire, frozen=True):
    """What is meant to be paid in, if that is known; any amount may come."""

    amount_minor: Minor | None = None


class Payee(Wire, frozen=True):
    """Whom the payer's bank pays: the wallet has an address of its own at the bank that issues its money."""

    iban: Annotated[str, Meta(examples=["KZ599990000000000001"])]
    bank: Annotated[str, Meta(examples=["Demo Issuing Bank"])]
    bic: Annotated[str, Meta(examples=["DEMOKZKA"])]


class TopupView(Wire, frozen=True, kw_only=True):
    """Instructions to pay in. The reference leads to the wallet even where the address got lost.

    `arrives` is when money is there that is sent now, by either way banks have.
    """

    id: TopupId
    payee: Payee
    reference: Annotated[str, Meta(description="For the payer to write.", examples=["7K3Q-9TZC-M2XA"])]
    amount: MoneyWire | None = None
    fee: Annotated[MoneyWire, Meta(description="Ours; the payer's bank may take its own.")]
    arrives: list[WindowView]
    payments: Annotated[list["IncomingView"], Meta(description="What came in for it, newest first.")]
    at: datetime


class TopupPage(Wire, frozen=True):
    """A page of instructions, newest first; `next_cursor` is absent on the last."""

    topups: list[TopupView]
    next_cursor: str | None = None


class StageView(Wire, frozen=True):
    """A stage a payment came to."""

    stage: _Stage
    at: datetime
    why: Annotated[str | None, Meta(description="In a word of ours, where there is one.", examples=["clear"])] = None


class IncomingView(Wire, frozen=True, kw_only=True):
    """A payment to the caller. `promised_by` stays as it was first said; `expected` is what is known now."""

    id: Annotated[str, Meta(examples=["incoming_payment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    amount: MoneyWire
    rail: RailName
    stage: _Stage
    stages: list[StageView]
    promised_by: datetime
    expected: Annotated[WindowView | None, Meta(description="Null once it is there.")] = None
    late: bool
    credited_at: datetime | None = None


class IncomingPage(Wire, frozen=True):
    """A page of payments, newest first; `next_cursor` is absent on the last."""

    payments: list[IncomingView]
    next_cursor: str | None = None


@post(
    "/v1/topups",
    operation_id="createTopup",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="How to pay in",
)
async def create(
    data: JSONBody[AskTopup],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[TopupView]:
    """Make instructions: where to pay, what to write, what it costs, when it is there."""

    async def act(story: Story) -> TopupView:
        db = await story()
        mine = await account.wallet(db, me.subject)
        await address.issue(
            db,
            account=mine.account,
            lane=mine.lane,
            holder=me.subject,
            bank=house.settings.issuing_bank.code,
            actor=me.actor,
            at=story.now,
        )
        amount = None if data.amount_minor is None else Money(data.amount_minor, KZT)
        return await _topup(db, house, await topup.create(db, me.subject, mine, amount, at=story.now), story.now)

    return await once(act, headers=lambda made: {"Location": f"/v1/topups/{made.id}"})


@get(
    "/v1/topups",
    operation_id="listTopups",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="All instructions to pay in",
)
async def list_topups(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> TopupPage:
    """List the caller's instructions, newest first."""
    db = await story()
    pager = Pager(house.keys.cursor, f"topups/{me.subject}")
    place = pager.place(cursor)
    found = await topup.page(db, me.subject, before=UUID(place) if place else None, limit=limit + 1)
    more = pager.cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return TopupPage(topups=[await _topup(db, house, each, story.now) for each in found[:limit]], next_cursor=more)


@get(
    "/v1/topups/{topup_id:str}",
    operation_id="getTopup",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="Instructions to pay in, and what came",
)
async def get_topup(
    topup_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> TopupView:
    """Show instructions, and the stages of what was paid by them."""
    db = await story()
    return await _topup(db, house, await topup.find(db, me.subject, ids.parse("topup", topup_id)), story.now)


@get(
    "/v1/incoming-payments",
    operation_id="listIncomingPayments",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="Payments on their way and arrived",
)
async def list_incoming(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> IncomingPage:
    """List payments from banks to the caller, newest first."""
    db = await story()
    pager = Pager(house.keys.cursor, f"incoming/{me.subject}")
    place = pager.place(cursor)
    found = await incoming.page(db, me.subject, before=UUID(place) if place else None, limit=limit + 1)
    more = pager.cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return IncomingPage(payments=[await _view(db, each, story.now) for each in found[:limit]], next_cursor=more)


@get(
    "/v1/incoming-payments/{incoming_payment_id:str}",
    operation_id="getIncomingPayment",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="Where a payment is",
)
async def get_incoming(incoming_payment_id: FromPath[str], story: NamedDependency[Story]) -> IncomingView:
    """Show where a payment is, when it will be there, and why then."""
    db = await story()
    return await _view(db, await incoming.find(db, ids.parse("incoming_payment", incoming_payment_id)), story.now)


async def _topup(db: AsyncConnection, house: House, found: Topup, now: datetime) -> TopupView:
    iban = await address.iban_of(db, found.account)
    assert iban is not None, "given before the instructions"
    bank = house.settings.issuing_bank
    free = found.amount or Money(0, KZT)
    came = await incoming.of_topup(db, found.id)
    return TopupView(
        id=ids.show("topup", found.id),
        payee=Payee(iban=iban, bank=bank.name, bic=bank.bic),
        reference=topup.shown(found.reference),
        amount=MoneyWire.of(found.amount) if found.amount else None,
        fee=MoneyWire.of(tariff.fee("topup", free, calendar.statutory_date(now))),
        arrives=[WindowView.of(rails.window(rail, now)) for rail in Rail],
        payments=[await _view(db, each, now) for each in came],
        at=found.at,
    )


async def _view(db: AsyncConnection, found: Incoming, now: datetime) -> IncomingView:
    window = incoming.expected(found, now)
    steps = await incoming.steps(db, found.id)
    return IncomingView(
        id=ids.show("incoming_payment", found.id),
        amount=MoneyWire.of(found.amount),
        rail=found.rail.value,
        stage=found.stage,
        stages=[StageView(stage=step.stage, at=step.at, why=step.why) for step in steps],
        promised_by=found.promised_by,
        expected=WindowView.of(window) if window else None,
        late=(found.ended_at or now) > found.promised_by,
        credited_at=found.ended_at if found.stage == "credited" else None,
    )


routes = [create, list_topups, get_topup, list_incoming, get_incoming]
