"""A bill shared among several: each gets a request for their share, and the shares are the bill.

path   POST /v1/splits  ->  app/payments/split.py, and app/payments/request.py make() for each share
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import ids as mint
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.money_requests import Days, MoneyRequestView, Reference, asked_of, made_of, request_view
from app.http.mobile.transfers import Amount, Message
from app.http.wire import MoneyWire, Wire
from app.idempotency import Once
from app.payments import note, split
from app.payments import request as request_
from app.payments.note import Words
from app.payments.request import State
from law.money import Money

_TAGS = ["Requests"]


class Share(Wire, frozen=True):
    """One of those who owe: whoever was looked up, and how many parts of the bill."""

    of: Reference
    weight: Annotated[int, Meta(ge=1, le=1_000_000, examples=[1])] = 1


class SplitBill(Wire, frozen=True):
    """A bill, who else owes a share of it, and how many parts are the caller's own."""

    total: Amount
    shares: Annotated[list[Share], Meta(min_length=1, max_length=split.SHARES_MAX)]
    own_weight: Annotated[int, Meta(ge=0, le=1_000_000, examples=[1])] = 1
    message: Message | None = None
    days: Days = 7


class SplitView(Wire, frozen=True):
    """A bill that was split: own and asked shares add up to the total; `paid` is what has come in."""

    id: Annotated[str, Meta(examples=["split_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    total: MoneyWire
    own: MoneyWire
    paid: MoneyWire
    money_requests: list[MoneyRequestView]


@post("/v1/splits", operation_id="splitBill", opt={"scope": "wallet:write"}, tags=_TAGS, summary="Split a bill")
async def split_bill(
    data: JSONBody[SplitBill],
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
    house: NamedDependency[House],
) -> Response[SplitView]:
    """Ask each of several for their share; the shares add up to the bill to the last tiyn."""
    others = [asked_of(house, me, each.of) for each in data.shares]

    async def act(story: Story) -> SplitView:
        total = data.total.money()
        own, asked = split.shares(total, data.own_weight, [each.weight for each in data.shares])
        people = {each.holder for each in others}
        if len(people) < len(others) or me.subject in people:
            raise split.BadShares
        db = await story()
        bill = split.Split(id=mint.new(), holder=me.subject, total=total, own=own, at=story.now)
        await split.store(db, bill)
        pairs = list(zip(others, asked, strict=True))
        made = await made_of(story, house, me, pairs, words=data.message, days=data.days, split_=bill.id)
        return _split(bill, made, me, {})

    return await once(act, headers=lambda view: {"Location": f"/v1/splits/{view.id}"})


@get(
    "/v1/splits/{split_id:str}",
    operation_id="getSplit",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="A bill that was split",
)
async def get_split(
    split_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> SplitView:
    """Show a bill and who has paid."""
    db = await story()
    bill = await split.find(db, me.subject, ids.parse("split", split_id))
    if bill is None:
        raise request_.Unknown
    found = [await request_.find(db, each) for each in await split.requests_of(db, bill.id)]
    return _split(bill, found, me, await note.read(db, house.keys.kms, [each.id for each in found]), story.now)


def _split(
    bill: split.Split,
    found: Sequence[request_.Request],
    me: Principal,
    words: dict[UUID, Words],
    now: datetime | None = None,
) -> SplitView:
    paid = sum(each.money.minor for each in found if each.state is State.PAID)
    return SplitView(
        id=ids.show("split", bill.id),
        total=MoneyWire.of(bill.total),
        own=MoneyWire.of(bill.own),
        paid=MoneyWire.of(Money(paid, bill.total.currency)),
        money_requests=[request_view(each, me, words, now) for each in found],
    )


routes = [split_bill, get_split]
