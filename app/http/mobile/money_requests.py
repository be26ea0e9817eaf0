"""Asking others for money, and paying what one is asked for.

path   POST /v1/money-requests            ->  app/payments/request.py  make()
       POST /v1/money-requests/{id}/pay   ->  app/batch.py  ->  app/payments/request.py  pay()
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta

from app import clock, idempotency, standing
from app import ids as mint
from app.auth import stepup
from app.auth.principal import Principal
from app.db import Story, transaction
from app.house import House
from app.http import answers, ids
from app.http.mobile import payees
from app.http.mobile.payees import PaymentCodeView
from app.http.mobile.transfers import Amount, Message, TransferView, WordsView, transfer_view
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import MoneyWire, Wire
from app.idempotency import Once
from app.payments import emv, note, payee
from app.payments import request as request_
from app.payments.note import Words
from app.payments.payee import Payee
from app.payments.request import Paid, State
from law.money import KZT, Money
from wallet import account
from wallet.transfer import Posted, TransferId

_TAGS = ["Requests"]
PAY = "money_request.pay"
Reference = Annotated[
    str,
    Meta(
        max_length=payee.REFERENCE_MAX,
        description="The `reference` of who was looked up.",
        examples=["payee.mWqGvVt4v0xZ3GkQ1cC3Sg"],
    ),
]
Days = Annotated[int, Meta(ge=1, le=request_.LIFETIME_MAX.days, description="How long it can be paid.", examples=[7])]
RequestId = Annotated[str, Meta(examples=["money_request_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]


class AskForMoney(Wire, frozen=True):
    """Ask somebody who was looked up; without `of`, whoever scans the code of the request, once."""

    amount: Amount
    of: Reference | None = None
    message: Message | None = None
    days: Days = 7


class PayRequest(Wire, frozen=True):
    """The passkey's answer over `money_request.pay`: `request`, `payee`, `name`, `amount_minor`, `currency`."""

    step_up: stepup.Confirmation | None = None


class Confirm(Wire, frozen=True):
    """What the passkey is asked for."""

    operation: Annotated[str, Meta(examples=[PAY])]
    shown: stepup.Shown


class MoneyRequestView(Wire, frozen=True):
    """A request. `mine` says whether the caller asks; `confirm` is what whoever pays confirms, while it is open."""

    id: RequestId
    mine: bool
    amount: MoneyWire
    state: State
    made_at: datetime
    expires_at: datetime
    words: WordsView | None = None
    split: Annotated[str | None, Meta(examples=["split_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])] = None
    transfer: Annotated[str | None, Meta(examples=["transfer_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])] = None
    confirm: Confirm | None = None


class MoneyRequestPage(Wire, frozen=True):
    """A page of requests, newest first; `next_cursor` is absent on the last."""

    money_requests: list[MoneyRequestView]
    next_cursor: str | None = None


@post(
    "/v1/money-requests",
    operation_id="askForMoney",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Ask for money",
)
async def ask_for_money(
    data: JSONBody[AskForMoney],
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
    house: NamedDependency[House],
) -> Response[MoneyRequestView]:
    """Ask one person, or whoever scans the code. It is paid once. The answer, kept for repeats, is without words."""
    of = None if data.of is None else asked_of(house, me, data.of)

    async def act(story: Story) -> MoneyRequestView:
        [made] = await made_of(story, house, me, [(of, data.amount.money())], words=data.message, days=data.days)
        return request_view(made, me, {})

    return await once(act, headers=lambda view: {"Location": f"/v1/money-requests/{view.id}"})


@get(
    "/v1/money-requests",
    operation_id="listMoneyRequests",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="Requests by me or of me",
)
async def list_money_requests(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    *,
    of_me: Annotated[bool, QueryParameter(description="Those the caller is asked for, not those they ask.")] = False,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> MoneyRequestPage:
    """List requests, newest first."""
    db = await story()
    pager = Pager(house.keys.cursor, f"money-requests/{me.subject}/{of_me}")
    place = pager.place(cursor)
    found = await request_.page(
        db, me.subject, asked_of_me=of_me, before=UUID(place) if place else None, limit=limit + 1
    )
    shown = found[:limit]
    words = await note.read(db, house.keys.kms, [each.id for each in shown])
    return MoneyRequestPage(
        money_requests=[request_view(each, me, words, story.now) for each in shown],
        next_cursor=pager.cursor(str(shown[-1].id)) if len(found) > limit else None,
    )


@get(
    "/v1/money-requests/{money_request_id:str}",
    operation_id="getMoneyRequest",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="A request",
)
async def get_money_request(
    money_request_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> MoneyRequestView:
    """Show a request by the caller, of the caller, or of whoever has its id."""
    db = await story()
    found = await request_.find(db, ids.parse("money_request", money_request_id))
    return request_view(found, me, await note.read(db, house.keys.kms, [found.id]), story.now)


@get(
    "/v1/money-requests/{money_request_id:str}/payment-code",
    operation_id="getMoneyRequestCode",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="The payment code of a request",
)
async def get_money_request_code(
    money_request_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> PaymentCodeView:
    """Give the code by which the request is paid, once."""
    db = await story()
    found = await request_.find(db, ids.parse("money_request", money_request_id))
    if found.holder != me.subject:
        raise request_.OtherSide
    iban, shown = await payee.introduce(db, house, me.subject, actor=me.actor, at=story.now)
    name = shown.name if shown and shown.by_account else ""
    return payees.drawn(emv.Code(iban=iban, name=name, money=found.money, request=money_request_id))


@post(
    "/v1/money-requests/{money_request_id:str}/pay",
    operation_id="payMoneyRequest",
    opt={"scope": "wallet:write", "idempotent": True},
    tags=_TAGS,
    summary="Pay a request",
)
async def pay_money_request(
    request: Request[Any, Any, Any],
    money_request_id: FromPath[str],
    data: JSONBody[PayRequest],
    *,
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[TransferView]:
    """Pay what one is asked for, confirmed with the passkey; once, whoever pays."""
    async with transaction(house.api, holder=me.subject, audience="resident", actor=me.actor) as story:
        db = await story()
        found = await request_.find(db, ids.parse("money_request", money_request_id))
        words = (await note.read(db, house.keys.kms, [found.id])).get(found.id, Words())
    home = await house.money.wallet(me.subject)
    confirmed = await stepup.proven(
        house.step_ups, house.settings, me, operation=PAY, shown=_shown(found, words), confirmation=data.step_up
    )
    post_ = request_.post(found, payer=home.account, transfer=TransferId(mint.new()))
    reply = await house.money.submit(
        request_.pay,
        [Paid(found.id, me.subject, me.actor, post_, confirmed)],
        lanes=sorted({home.lane, found.lane}),
        claim=idempotency.claim_of(request, me.actor, await request.body()),
        render=answers.one(request, Posted, transfer_view, status=201),
    )
    return answers.sent(reply)


@post(
    "/v1/money-requests/{money_request_id:str}/decline",
    operation_id="declineMoneyRequest",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Decline a request",
    status_code=200,
)
async def decline_money_request(
    money_request_id: FromPath[str],
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
) -> Response[MoneyRequestView]:
    """Say no to what one is asked for."""
    return await _ended(once, me, money_request_id, State.DECLINED)


@post(
    "/v1/money-requests/{money_request_id:str}/cancel",
    operation_id="cancelMoneyRequest",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Take a request back",
    status_code=200,
)
async def cancel_money_request(
    money_request_id: FromPath[str],
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
) -> Response[MoneyRequestView]:
    """Take back what one asked for."""
    return await _ended(once, me, money_request_id, State.CANCELLED)


def asked_of(house: House, me: Principal, reference: str) -> Payee:
    """Read whom a reference names; raises payee.BadReference for one that is too old too."""
    found, until = payee.referred(house.keys, me.subject, reference)
    if until < clock.real():
        raise payee.BadReference
    return found


async def made_of(
    story: Story,
    house: House,
    me: Principal,
    asked: Sequence[tuple[Payee | None, Money]],
    *,
    words: str | None,
    days: int,
    split_: UUID | None = None,
) -> list[request_.Request]:
    """Ask everybody for their amount, with the same words."""
    db, now = await story(), story.now
    await standing.require_e_resident(db, me.subject)
    mine, shown = await account.wallet(db, me.subject), await payee.publish(db, house.keys.kms, me.subject, on=now)
    made = []
    for of, money in asked:
        _check(me, of, money)
        made.append(
            request_.Request(
                id=mint.new(),
                holder=me.subject,
                account=mine.account,
                lane=mine.lane,
                payer=of.holder if of else None,
                money=money,
                state=State.OPEN,
                version=1,
                split=split_,
                made_at=now,
                expires_at=now + timedelta(days=days),
                transfer=None,
            )
        )
    await request_.make(db, made, me)
    name = shown.name if shown else ""
    for each, (of, _) in zip(made, asked, strict=True):
        asked_by = {"payer": of.name, "address": of.address} if of else {}
        said = Words(text=words or "", payee=name, **asked_by)
        await note.store(db, note.seal(house.keys.kms, each.id, said, holder=me.subject, reader=each.payer), story.now)
    return made


def _check(me: Principal, of: Payee | None, money: Money) -> None:
    if (of is not None and of.holder == me.subject) or money.currency != KZT:
        raise request_.NotAskable


async def _ended(once: Once, me: Principal, money_request_id: str, ends: State) -> Response[Any]:
    wanted = ids.parse("money_request", money_request_id)

    async def act(story: Story) -> MoneyRequestView:
        return request_view(await request_.end(await story(), wanted, me, ends, story.now), me, {})

    return await once(act)


def _shown(found: request_.Request, words: Words) -> stepup.Shown:
    """Write down what whoever pays confirms: the request, the payee's wallet and name, the amount."""
    return {
        "request": ids.show("money_request", found.id),
        "payee": ids.show("wallet", found.account),
        "name": words.payee,
        "amount_minor": found.money.minor,
        "currency": str(found.money.currency),
    }


def request_view(
    found: request_.Request, me: Principal, words: dict[UUID, Words], now: datetime | None = None
) -> MoneyRequestView:
    """Show a request as the caller sees it."""
    state = found.standing(now) if now else found.state
    said, mine = words.get(found.id), found.holder == me.subject
    payable = state is State.OPEN and not mine
    return MoneyRequestView(
        id=ids.show("money_request", found.id),
        mine=mine,
        amount=MoneyWire.of(found.money),
        state=state,
        made_at=found.made_at,
        expires_at=found.expires_at,
        words=WordsView.of(said) if said else None,
        split=ids.show("split", found.split) if found.split and mine else None,
        transfer=ids.show("transfer", found.transfer) if found.transfer else None,
        confirm=Confirm(operation=PAY, shown=_shown(found, said or Words())) if payable else None,
    )


routes = [
    ask_for_money,
    list_money_requests,
    get_money_request,
    get_money_request_code,
    pay_money_request,
    decline_money_request,
    cancel_money_request,
]
