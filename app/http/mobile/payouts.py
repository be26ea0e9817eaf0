"""Money that leaves for a bank account.

path   POST /v1/payouts  ->  app/banking/paying_out.py  ->  app/batch.py  ->  app/banking/requesting.py
"""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import idempotency
from app.auth import stepup
from app.auth.principal import Principal
from app.banking import order, paying_out
from app.banking.order import Kind, Order
from app.db import Story
from app.house import House
from app.http import answers, ids
from app.http.mobile.beneficiaries import BeneficiaryId
from app.http.mobile.orders import Moving, lines
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import Minor, Wire
from law.money import KZT, Money

_TAGS = ["Pay-outs"]


class PayOut(Wire, frozen=True):
    """Tenge to a saved account, with the passkey's answer over `payout.send`: payee, IBAN, amount, fee and key."""

    beneficiary_id: BeneficiaryId
    amount_minor: Minor
    step_up: stepup.Confirmation | None = None


class PayoutView(Moving, frozen=True, kw_only=True):
    """A pay-out as it stands."""

    id: Annotated[str, Meta(examples=["payout_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    beneficiary_id: BeneficiaryId

    @classmethod
    def of(cls, found: Order, now: datetime) -> "PayoutView":
        """Show a pay-out as of `now`."""
        return cls(id=found.key, beneficiary_id=ids.show("beneficiary", found.about), **lines(found, now))  # type: ignore[arg-type]  # the lines of Moving, by name


class PayoutPage(Wire, frozen=True):
    """A page of pay-outs, newest first; `next_cursor` is absent on the last."""

    payouts: list[PayoutView]
    next_cursor: str | None = None


@post(
    "/v1/payouts",
    operation_id="payOut",
    opt={"scope": "wallet:write", "idempotent": True},
    tags=_TAGS,
    summary="Pay out to a bank account",
)
async def pay_out(
    request: Request[Any, Any, Any],
    data: JSONBody[PayOut],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[PayoutView]:
    """Set the money and the fee aside and have the issuing bank pay. It leaves once, or comes back."""
    reply = await paying_out.pay_out(
        house,
        me,
        ids.parse("beneficiary", data.beneficiary_id),
        Money(data.amount_minor, KZT),
        confirmation=data.step_up,
        claim=idempotency.claim_of(request, me.actor, await request.body()),
        render=answers.one(request, Order, _view, status=201, place="/v1/payouts"),
    )
    return answers.sent(reply)


def _view(order: Order) -> PayoutView:
    return PayoutView.of(order, order.requested_at)


@get(
    "/v1/payouts",
    operation_id="listPayouts",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="All pay-outs",
)
async def list_payouts(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> PayoutPage:
    """List the caller's pay-outs, those that failed too, newest first."""
    pager = Pager(house.keys.cursor, f"payouts/{me.subject}")
    place = pager.place(cursor)
    before = UUID(place) if place else None
    found = await order.page(await story(), me.subject, Kind.PAYOUT, before=before, limit=limit + 1)
    more = pager.cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return PayoutPage(payouts=[PayoutView.of(each, story.now) for each in found[:limit]], next_cursor=more)


@get(
    "/v1/payouts/{payout_id:str}",
    operation_id="getPayout",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="One pay-out",
)
async def get_payout(payout_id: FromPath[str], story: NamedDependency[Story]) -> PayoutView:
    """Show a pay-out: where it is, when it will be there, or why not."""
    found = await order.find(await story(), ids.parse("payout", payout_id), Kind.PAYOUT)
    return PayoutView.of(found, story.now)


routes = [pay_out, list_payouts, get_payout]
