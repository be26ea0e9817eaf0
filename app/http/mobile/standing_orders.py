"""Payments that are made by themselves: once on a day, or again and again.

path   POST /v1/standing-orders  ->  app/payments/standing_order.py  ->  the worker pays (app/payments/standing_run.py)

Setting up and editing ask for the passkey; whatever lets less money go (pause, skip, cancel) does not.
"""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import ids as mint
from app import standing
from app.auth import stepup
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.money_requests import Reference, asked_of
from app.http.mobile.transfers import Amount, Message, WordsView
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import MoneyWire, Wire
from app.idempotency import Once
from app.payments import note, payee, standing_order
from app.payments.note import Words
from app.payments.payee import Payee
from app.payments.request import NotAskable
from app.payments.rule import DaysOff, Frequency, Rule
from app.payments.standing_order import Act, Order, State
from law.money import KZT, Money
from wallet import account

_TAGS = ["Standing orders"]
SET_UP, EDIT = "standing_order.set_up", "standing_order.edit"
_SHOWN_PAYMENTS = 50
OrderId = Annotated[str, Meta(examples=["standing_order_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]


class RuleWire(Wire, frozen=True):
    """Every so many days, weeks or months from the first day; a day the month does not have is its last one."""

    frequency: Annotated[Frequency, Meta(examples=["monthly"])]
    first_on: Annotated[date, Meta(description="In Kazakhstan, today or later.", examples=["2030-01-31"])]
    every: Annotated[int, Meta(ge=1, le=12, examples=[1])] = 1
    days_off: Annotated[
        DaysOff, Meta(description="A payment on a day off is made then, before, or after.", examples=["after"])
    ] = DaysOff.AS_IS
    until_on: Annotated[date | None, Meta(examples=["2030-12-31"])] = None
    payments_max: Annotated[int, Meta(ge=1, le=10_000, examples=[12])] | None = None

    def rule(self) -> Rule:
        """Read it in."""
        return Rule(
            frequency=self.frequency,
            first_on=self.first_on,
            every=self.every,
            days_off=self.days_off,
            until_on=self.until_on,
            payments_max=self.payments_max,
        )

    @classmethod
    def of(cls, rule: Rule) -> "RuleWire":
        """Show a rule."""
        return cls(**{name: getattr(rule, name) for name in Rule.__struct_fields__})


class SetUpOrder(Wire, frozen=True):
    """A payment on dates, with the passkey's answer over `standing_order.set_up`.

    It shows `payee` (the wallet), `name`, `address`, `amount_minor`, `currency`, `frequency`, `every`, `first_on`,
    `days_off`, `until_on` (empty for none) and `payments_max` (0 for none).
    """

    to: Reference
    amount: Amount
    rule: RuleWire
    message: Message | None = None
    step_up: stepup.Confirmation | None = None


class EditOrder(Wire, frozen=True):
    """Another amount, end or way with days off, with the passkey's answer over `standing_order.edit`."""

    amount: Amount
    days_off: DaysOff = DaysOff.AS_IS
    until_on: Annotated[date | None, Meta(examples=["2030-12-31"])] = None
    payments_max: Annotated[int, Meta(ge=1, le=10_000, examples=[12])] | None = None
    step_up: stepup.Confirmation | None = None


class DoneView(Wire, frozen=True):
    """What became of one payment: by which day it is counted, and when that was."""

    no: Annotated[int, Meta(ge=0, examples=[0])]
    planned_on: date
    outcome: Annotated[str, Meta(examples=["paid"])]
    at: datetime
    reason: Annotated[str | None, Meta(examples=["insufficient_funds"])] = None
    transfer: Annotated[str | None, Meta(examples=["transfer_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])] = None


class OrderView(Wire, frozen=True):
    """An order; `next_on` is the day by which the next payment is counted, `due_at` when it is made or tried again."""

    id: OrderId
    state: State
    payee: Annotated[str, Meta(examples=["wallet_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    amount: MoneyWire
    rule: RuleWire
    version: Annotated[int, Meta(ge=1, examples=[1])]
    made_at: datetime
    payments: Annotated[list[DoneView], Meta(description="The last fifty, newest first; only of one order.")]
    words: WordsView | None = None
    next_on: date | None = None
    due_at: datetime | None = None


class OrderPage(Wire, frozen=True):
    """A page of orders, newest first; `next_cursor` is absent on the last."""

    standing_orders: list[OrderView]
    next_cursor: str | None = None


@post(
    "/v1/standing-orders",
    operation_id="setUpStandingOrder",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Pay on a date, or again and again",
)
async def set_up_standing_order(
    data: JSONBody[SetUpOrder],
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
    house: NamedDependency[House],
) -> Response[OrderView]:
    """Set up payments that are made by themselves, confirmed once; the answer, kept for repeats, is without words."""
    to, money, rule = asked_of(house, me, data.to), data.amount.money(), data.rule.rule()

    async def act(story: Story) -> OrderView:
        db = await story()
        await standing.require_e_resident(db, me.subject)
        mine = await account.wallet(db, me.subject)
        if to.account == mine.account or money.currency != KZT:
            raise NotAskable
        shown = _named(to) | _ruled(money, rule)
        confirmed = await stepup.redeem(
            db, house.settings, me, operation=SET_UP, shown=shown, confirmation=data.step_up
        )
        order = standing_order.advanced(
            Order(
                id=mint.new(),
                holder=me.subject,
                account=mine.account,
                lane=mine.lane,
                payee=to.account,
                payee_lane=to.lane,
                money=money,
                rule=rule,
                state=State.ACTIVE,
                version=0,
                next_no=0,
                tries=0,
                due_at=None,
                made_at=story.now,
                step_up=confirmed,
            ),
            0,
            State.ACTIVE,
            story.now,
        )
        await standing_order.set_up(db, order, actor=me.actor)
        own = await payee.publish(db, house.keys.kms, me.subject, on=story.now)
        words = Words(text=data.message or "", payer=own.name if own else "", payee=to.name, address=to.address)
        await note.store(db, note.seal(house.keys.kms, order.id, words, holder=me.subject), story.now)
        return _view(order, None)

    return await once(act, headers=lambda view: {"Location": f"/v1/standing-orders/{view.id}"})


@get(
    "/v1/standing-orders",
    operation_id="listStandingOrders",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="My standing orders",
)
async def list_standing_orders(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> OrderPage:
    """List the caller's standing orders, newest first."""
    db = await story()
    pager = Pager(house.keys.cursor, f"standing-orders/{me.subject}")
    place = pager.place(cursor)
    found = await standing_order.page(db, me.subject, before=UUID(place) if place else None, limit=limit + 1)
    shown = found[:limit]
    words = await note.read(db, house.keys.kms, [each.id for each in shown])
    return OrderPage(
        standing_orders=[_view(each, words.get(each.id)) for each in shown],
        next_cursor=pager.cursor(str(shown[-1].id)) if len(found) > limit else None,
    )


@get(
    "/v1/standing-orders/{standing_order_id:str}",
    operation_id="getStandingOrder",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="A standing order",
)
async def get_standing_order(
    standing_order_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> OrderView:
    """Show a standing order with what became of its last payments."""
    db = await story()
    order = await standing_order.find(db, ids.parse("standing_order", standing_order_id), me.subject)
    words = (await note.read(db, house.keys.kms, [order.id])).get(order.id)
    return _view(order, words, await standing_order.payments(db, order.id, _SHOWN_PAYMENTS))


@patch(
    "/v1/standing-orders/{standing_order_id:str}",
    operation_id="editStandingOrder",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Change amount or end",
)
async def edit_standing_order(
    standing_order_id: FromPath[str],
    data: JSONBody[EditOrder],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> OrderView:
    """Change an order, confirmed anew over what it will be. Another rhythm is another order."""
    db = await story()
    order = await standing_order.lock(db, ids.parse("standing_order", standing_order_id), me.subject)
    money = data.amount.money()
    if money.currency != KZT:
        raise NotAskable
    rule = msgspec.structs.replace(
        order.rule, days_off=data.days_off, until_on=data.until_on, payments_max=data.payments_max
    )
    shown: stepup.Shown = {
        "standing_order": standing_order_id,
        "payee": ids.show("wallet", order.payee),
        **_ruled(money, rule),
    }
    confirmed = await stepup.redeem(db, house.settings, me, operation=EDIT, shown=shown, confirmation=data.step_up)
    changed = await standing_order.edit(db, order, money, rule, step_up=confirmed, actor=me.actor, at=story.now)
    return _view(changed, (await note.read(db, house.keys.kms, [order.id])).get(order.id))


@post(
    "/v1/standing-orders/{standing_order_id:str}/pause",
    operation_id="pauseStandingOrder",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Pause a standing order",
    status_code=200,
)
async def pause_standing_order(
    standing_order_id: FromPath[str], me: NamedDependency[Principal], once: NamedDependency[Once]
) -> Response[OrderView]:
    """Pay nothing until it is resumed; what falls due meanwhile is left out."""
    return await _acted(once, me, standing_order_id, Act.PAUSE)


@post(
    "/v1/standing-orders/{standing_order_id:str}/resume",
    operation_id="resumeStandingOrder",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Resume a standing order",
    status_code=200,
)
async def resume_standing_order(
    standing_order_id: FromPath[str], me: NamedDependency[Principal], once: NamedDependency[Once]
) -> Response[OrderView]:
    """Go on with the next day that is not over."""
    return await _acted(once, me, standing_order_id, Act.RESUME)


@post(
    "/v1/standing-orders/{standing_order_id:str}/skip",
    operation_id="skipStandingPayment",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Skip the next payment",
    status_code=200,
)
async def skip_standing_payment(
    standing_order_id: FromPath[str], me: NamedDependency[Principal], once: NamedDependency[Once]
) -> Response[OrderView]:
    """Leave the next payment out."""
    return await _acted(once, me, standing_order_id, Act.SKIP)


@post(
    "/v1/standing-orders/{standing_order_id:str}/cancel",
    operation_id="cancelStandingOrder",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Cancel a standing order",
    status_code=200,
)
async def cancel_standing_order(
    standing_order_id: FromPath[str], me: NamedDependency[Principal], once: NamedDependency[Once]
) -> Response[OrderView]:
    """Pay nothing more, for good."""
    return await _acted(once, me, standing_order_id, Act.CANCEL)


async def _acted(once: Once, me: Principal, standing_order_id: str, what: Act) -> Response[OrderView]:
    wanted = ids.parse("standing_order", standing_order_id)

    async def act(story: Story) -> OrderView:
        db = await story()
        order = await standing_order.lock(db, wanted, me.subject)
        return _view(await standing_order.act(db, order, what, actor=me.actor, at=story.now), None)

    done: Response[OrderView] = await once(act)
    return done


def _named(to: Payee) -> dict[str, str | int]:
    return {"payee": ids.show("wallet", to.account), "name": to.name, "address": to.address}


def _ruled(money: Money, rule: Rule) -> dict[str, str | int]:
    return {
        "amount_minor": money.minor,
        "currency": str(money.currency),
        "frequency": str(rule.frequency),
        "every": rule.every,
        "first_on": rule.first_on.isoformat(),
        "days_off": str(rule.days_off),
        "until_on": rule.until_on.isoformat() if rule.until_on else "",
        "payments_max": rule.payments_max or 0,
    }


def _view(order: Order, words: Words | None, done: list[standing_order.Done] | None = None) -> OrderView:
    active = order.state is State.ACTIVE
    return OrderView(
        id=ids.show("standing_order", order.id),
        state=order.state,
        payee=ids.show("wallet", order.payee),
        amount=MoneyWire.of(order.money),
        rule=RuleWire.of(order.rule),
        version=order.version,
        made_at=order.made_at,
        words=WordsView.of(words) if words else None,
        next_on=order.rule.day(order.next_no) if active else None,
        due_at=order.due_at,
        payments=[
            DoneView(
                no=each.no,
                planned_on=each.planned_on,
                outcome=each.outcome,
                at=each.at,
                reason=each.reason,
                transfer=ids.show("transfer", each.transfer) if each.transfer else None,
            )
            for each in done or []
        ],
    )


routes = [
    set_up_standing_order,
    list_standing_orders,
    get_standing_order,
    edit_standing_order,
    pause_standing_order,
    resume_standing_order,
    skip_standing_payment,
    cancel_standing_order,
]
