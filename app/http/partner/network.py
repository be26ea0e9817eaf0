"""The card network asks, takes back and takes: its messages, proved before they are read, answered once and for ever.

route      app/http/partner/network.py    POST /v1/networks/{network}/authorizations      <- you are here
batches    app/cards/swiping.py           Till.book  ->  cards/payments/booking.py
decides    cards/payments/decision.py     decide()

A message is named by its purchase (`lifecycle_id`) and its place in it (`element_id`), whatever signature it travels
under: a repeat gets the stored first answer. A card number is looked up by its keyed index and goes no further.
"""

import calendar
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import msgspec
from litestar import Request, Response, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import clock, db, idempotency
from app import ids as mint
from app.house import House
from app.http import ids, signed
from app.http.partner.proofs import ProofsWire, presented
from app.http.wire import Minor, Wire
from app.idempotency_key import Stored
from app.money import FIRST_LANE, claim
from app.partners import caller
from app.partners.registry import Kind
from cards.payments import message
from cards.payments.message import NetworkMessage
from cards.payments.payment import Channel, Merchant, Operation, PaymentId
from cards.payments.reason import Reason
from cards.proofs import pan
from cards.proofs.pan import NotAPan, Pan
from cards.proofs.presented import NOTHING
from law.money import KZT, Currency, Money

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~]+$(?!\n)")]
Line = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]


#: Who asks over HTTP waits no longer than who asks over a line and its way there and back.
_ANSWERED_WITHIN = timedelta(seconds=5)


class Billed(Wire, frozen=True):
    """What the cardholder is charged: cards are billed in tenge, whatever currency the merchant shows."""

    amount_minor: Minor
    currency: Annotated[Literal["KZT"], Meta(examples=["KZT"])]


class MerchantWire(Wire, frozen=True):
    """Who asks, as the acquirer registered it."""

    name: Annotated[Line, Meta(examples=["Dostyk Books"])]
    id: Annotated[Name, Meta(examples=["M-1001"])]
    category: Annotated[str, Meta(pattern=r"^[0-9]{4}$(?!\n)", description="ISO 18245.", examples=["5942"])]
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="ISO 3166-1.", examples=["KZ"])]
    city: Annotated[Line, Meta(examples=["Almaty"])] | None = None


class _Told(Wire, frozen=True, kw_only=True):
    """What every message of the network says.

    `subject_id` is the message of the same purchase that this one is about: what a reversal takes back (a question, a
    clearing or a refund), and the question whose answer an advice tells. What two messages say of one is said once.
    """

    lifecycle_id: Annotated[Name, Meta(description="The purchase.", examples=["396112233445566"])]
    element_id: Annotated[Name, Meta(description="The message within the purchase.", examples=["authorization-1"])]
    pan: Annotated[str, Meta(pattern=r"^[0-9]{12,19}$(?!\n)", examples=["9398010000000007"])]
    amount: Billed
    merchant: MerchantWire
    subject_id: Annotated[Name, Meta(examples=["authorization-1"])] | None = None


class Original(Wire, frozen=True):
    """What the merchant asks in its own currency, before the network turned it into the amount."""

    amount_minor: Minor
    currency: Annotated[Currency, Meta(examples=["EUR"])]
    rate: Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$(?!\n)", examples=["563.2"])]


class AuthorizationRequest(_Told, frozen=True):
    """May the merchant have the amount? With `advice` the network has said yes in our place and only tells.

    `partial_ok`: it can take less. `estimated`: what will be taken is not known yet. `increment`: more of what was
    promised under this lifecycle. `single`: what is approved is taken at once, no clearing follows.
    """

    expiry: Annotated[str, Meta(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$(?!\n)", examples=["2027-10"])]
    advice: bool = False
    operation: Annotated[Operation, Meta(examples=["purchase"])] = Operation.PURCHASE
    channel: Annotated[Channel, Meta(examples=["ecommerce"])] = Channel.ECOMMERCE
    terminal: Annotated[Name, Meta(examples=["T-0001"])] | None = None
    original: Original | None = None
    partial_ok: bool = False
    estimated: bool = False
    increment: bool = False
    single: bool = False
    proofs: ProofsWire | None = None


class ConfirmationAdvice(_Told, frozen=True):
    """The merchant says what an estimate came to: of all it was promised it will take the amount."""

    original: Original | None = None


class ReversalAdvice(_Told, frozen=True):
    """The merchant takes the amount back, all of it or a part, but for `remaining_minor`: of `subject_id` and no more.

    Without `subject_id` it gives up what was promised in this purchase, whichever question asked for it.
    """

    remaining_minor: Annotated[int, Meta(ge=0, le=2**53 - 1, examples=[0])] = 0


class ClearingAdvice(_Told, frozen=True):
    """The network takes the amount; after a `final` one the merchant takes no more.

    `about` is the lifecycle it was promised under, where that is another one.
    """

    final: bool = True
    operation: Annotated[Operation, Meta(examples=["purchase"])] = Operation.PURCHASE
    original: Original | None = None
    about: Annotated[Name, Meta(examples=["396112233445566"])] | None = None


class RefundAdvice(_Told, frozen=True):
    """The merchant sends the amount back; `about` is the lifecycle of the purchase, where that is known."""

    original: Original | None = None
    about: Annotated[Name, Meta(examples=["396112233445566"])] | None = None


class NetworkAnswer(Wire, frozen=True):
    """What the network hears. `code` is field 39 of ISO 8583, `approval` field 38.

    `approved_minor` is less than was asked where `code` is 10; `available_minor` is told to who asks for the balance.
    """

    authorization_id: Annotated[str, Meta(examples=["payment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    approved: bool
    code: Annotated[str, Meta(pattern=r"^[0-9A-Z]{2}$(?!\n)", examples=["00"])]
    reason: Annotated[Reason | None, Meta(description="Why not; null when approved.", examples=[None])] = None
    approved_minor: Annotated[int | None, Meta(examples=[150000])] = None
    available_minor: Annotated[int | None, Meta(examples=[None])] = None
    approval: Annotated[str, Meta(pattern=r"^[0-9]{6}$(?!\n)", examples=["004711"])] | None = None


async def proved(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Let only what the named network signed reach the decoder; raises app.partners.caller.Unproved."""
    assert isinstance(connection, Request), "a guard of HTTP routes"
    house: House = connection.app.state.house
    asked, body = signed.request(house, connection.scope), await connection.body()
    code = str(connection.path_params["network"])
    async with db.transaction(house.api, audience="public") as story:
        await caller.prove(story, code, Kind.NETWORK, asked, body=body, now=clock.real())
    connection.scope["state"][signed.PROVED] = True


_OPTIONS: dict[str, Any] = {
    "opt": {"scope": "public", "signed": True, "answers": "signed", "quota": "signed"},
    "guards": [proved],
    "tags": ["Card network"],
    "status_code": 200,
}


@post(
    "/v1/networks/{network:str}/authorizations",
    operation_id="answerAuthorization",
    summary="May a merchant have the money?",
    **_OPTIONS,
)
async def authorize(
    network: FromPath[str], data: JSONBody[AuthorizationRequest], house: NamedDependency[House]
) -> Response[NetworkAnswer]:
    """Decide a swipe and hold the money, while somebody waits for the answer; an advice is never declined."""
    used = await _used(house, data.pan)
    asked = message.Authorization(
        **_said(network, data, used),
        **_exchanged(data.original),
        expiry=_last_day(data.expiry),
        advice=data.advice,
        operation=data.operation,
        channel=data.channel,
        terminal=data.terminal,
        partial_ok=data.partial_ok,
        estimated=data.estimated,
        increment=data.increment,
        single=data.single,
        presented=presented(data.proofs, number=data.pan, network=network),
        deadline=None if data.advice else clock.real() + _ANSWERED_WITHIN,
    )
    return await _book(house, asked, used)


@post(
    "/v1/networks/{network:str}/confirmations",
    operation_id="bookConfirmation",
    summary="A merchant says what an estimate came to",
    **_OPTIONS,
)
async def confirm(
    network: FromPath[str], data: JSONBody[ConfirmationAdvice], house: NamedDependency[House]
) -> Response[NetworkAnswer]:
    """Let the promise come to the amount and hold no more than that. Never declined."""
    used = await _used(house, data.pan)
    told = message.Confirmation(**_said(network, data, used), **_exchanged(data.original))
    return await _book(house, told, used)


@post(
    "/v1/networks/{network:str}/reversals",
    operation_id="bookReversal",
    summary="A merchant takes back what it said",
    **_OPTIONS,
)
async def reverse(
    network: FromPath[str], data: JSONBody[ReversalAdvice], house: NamedDependency[House]
) -> Response[NetworkAnswer]:
    """Give the wallet back what the merchant will not take, or took. Never declined, also before what it takes back."""
    used = await _used(house, data.pan)
    told = message.Reversal(**_said(network, data, used), remaining=Money(data.remaining_minor, KZT))
    return await _book(house, told, used)


@post(
    "/v1/networks/{network:str}/clearings",
    operation_id="bookClearing",
    summary="The network takes the money",
    **_OPTIONS,
)
async def clear(
    network: FromPath[str], data: JSONBody[ClearingAdvice], house: NamedDependency[House]
) -> Response[NetworkAnswer]:
    """Pay what the network has paid the merchant. Never declined, promised or not."""
    used = await _used(house, data.pan)
    told = message.Clearing(
        **_said(network, data, used),
        **_exchanged(data.original),
        final=data.final,
        operation=data.operation,
        of=data.about,
    )
    return await _book(house, told, used)


@post(
    "/v1/networks/{network:str}/refunds",
    operation_id="bookCardRefund",
    summary="The network gives money back",
    **_OPTIONS,
)
async def refund(
    network: FromPath[str], data: JSONBody[RefundAdvice], house: NamedDependency[House]
) -> Response[NetworkAnswer]:
    """Pay the wallet what the merchant sends back. Never declined, whatever was taken before."""
    used = await _used(house, data.pan)
    told = message.Refund(**_said(network, data, used), **_exchanged(data.original), of=data.about)
    return await _book(house, told, used)


class _Used(msgspec.Struct, frozen=True):
    """The card a message names: its number as a keyed index, and the card where it is one of ours."""

    index: bytes
    found: pan.Found | None

    @property
    def lane(self) -> int:
        return self.found.lane if self.found else FIRST_LANE


class _Said(TypedDict):
    network: str
    lifecycle: str
    element: str
    lane: int
    card: UUID | None
    payment: PaymentId
    amount: Money
    merchant: Merchant
    subject: str | None


class _Exchanged(TypedDict):
    original: Money | None
    rate: Decimal | None


def _exchanged(original: Original | None) -> _Exchanged:
    if original is None:
        return {"original": None, "rate": None}
    return {"original": Money(original.amount_minor, original.currency), "rate": Decimal(original.rate)}


async def _used(house: House, digits: str) -> _Used:
    try:
        index = pan.blind(house.keys.kms, Pan(digits))
    except NotAPan:
        return _Used(b"", None)
    async with db.transaction(house.posting) as story:
        return _Used(index, await pan.find(await story(), index))


def _said(network: str, told: _Told, used: _Used) -> _Said:
    return {
        "network": network,
        "lifecycle": told.lifecycle_id,
        "element": told.element_id,
        "lane": used.lane,
        "card": used.found.card if used.found else None,
        "payment": PaymentId(mint.new()),
        "amount": Money(told.amount.amount_minor, KZT),
        "merchant": Merchant(
            name=told.merchant.name,
            id=told.merchant.id,
            category=told.merchant.category,
            country=told.merchant.country,
            city=told.merchant.city,
        ),
        "subject": told.subject_id,
    }


async def _book(house: House, told: NetworkMessage, used: _Used) -> Response[Any]:
    # What is told, but for what we made up ourselves; the number only as its index, since hashes of it must be keyed.
    # What was presented is nowhere: of a code of three digits a hash is the code.
    kept = told
    if isinstance(told, message.Authorization):
        kept = msgspec.structs.replace(told, presented=NOTHING, deadline=None)
    content = [type(told).__name__, used.index.hex(), msgspec.structs.replace(kept, payment=PaymentId(UUID(int=0)))]
    named = claim(f"network:{told.network}", f"{told.lifecycle} {told.element}", content)
    reply = await house.money.submit(house.till.book, [told], lanes=[used.lane], claim=named, render=_render)
    return idempotency.respond(reply.stored, replayed=reply.replayed)


def _render(answers: Sequence[message.Answer]) -> Stored:
    [answer] = answers
    view = NetworkAnswer(
        authorization_id=ids.show("payment", answer.payment),
        approved=answer.approved,
        code=answer.code,
        reason=answer.spoken,
        approved_minor=answer.amount.minor if answer.amount is not None else None,
        available_minor=answer.available.minor if answer.available is not None else None,
        approval=answer.approval,
    )
    return Stored(200, msgspec.json.encode(view))


def _last_day(expiry: str) -> date:
    year, month = int(expiry[:4]), int(expiry[5:])
    return date(year, month, calendar.monthrange(year, month)[1])


routes = [authorize, confirm, reverse, clear, refund]
