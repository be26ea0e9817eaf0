"""The card network asks, takes back and takes: its messages, proved before they are read, answered once and for ever.

route      app/http/partner/network.py   POST /v1/networks/{network}/authorizations      <- you are here
batches    app/swiping.py                book()      ->  cards/booking.py
decides    cards/swipe.py                decide()

A message is named by its purchase (`lifecycle_id`) and its place in it (`element_id`), whatever signature it travels
under: a repeat gets the stored first answer. A card number is looked up by its keyed index and goes no further.
"""

import calendar
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import msgspec
from litestar import Request, Response, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import clock, db, idempotency, swiping
from app import ids as mint
from app.house import House
from app.http import ids, signed
from app.http.wire import Minor, Wire
from app.idempotency_key import Stored
from app.money import FIRST_LANE, claim
from app.partners import caller
from app.partners.registry import Kind
from cards import message, pan
from cards.message import NetworkMessage
from cards.pan import NotAPan, Pan
from cards.payment import Merchant, PaymentId
from cards.reason import Reason
from law.money import KZT, Money

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~]+$(?!\n)")]
Line = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]


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


class _Told(Wire, frozen=True):
    """What every message of the network says."""

    lifecycle_id: Annotated[Name, Meta(description="The purchase.", examples=["396112233445566"])]
    element_id: Annotated[Name, Meta(description="The message within the purchase.", examples=["authorization-1"])]
    pan: Annotated[str, Meta(pattern=r"^[0-9]{12,19}$(?!\n)", examples=["9398010000000007"])]
    amount: Billed
    merchant: MerchantWire


class AuthorizationRequest(_Told, frozen=True):
    """May the merchant have the amount? With `advice` the network has said yes in our place and only tells."""

    expiry: Annotated[str, Meta(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$(?!\n)", examples=["2027-10"])]
    advice: bool = False


class ReversalAdvice(_Told, frozen=True):
    """The merchant gives up the amount, all of what it was promised or a part."""


class ClearingAdvice(_Told, frozen=True):
    """The network takes the amount; after a `final` one the merchant takes no more."""

    final: bool = True


class NetworkAnswer(Wire, frozen=True):
    """What the network hears. `code` is field 39 of ISO 8583."""

    authorization_id: Annotated[str, Meta(examples=["payment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    approved: bool
    code: Annotated[str, Meta(pattern=r"^[0-9A-Z]{2}$(?!\n)", examples=["00"])]
    reason: Annotated[Reason | None, Meta(description="Why not; null when approved.", examples=[None])] = None


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
    """Decide a swipe and hold the money; an advice is never declined."""
    used = await _used(house, data.pan)
    asked = message.Authorization(**_said(network, data, used), expiry=_last_day(data.expiry), advice=data.advice)
    return await _book(house, asked, used)


@post(
    "/v1/networks/{network:str}/reversals",
    operation_id="bookReversal",
    summary="A merchant gives up what it was promised",
    **_OPTIONS,
)
async def reverse(
    network: FromPath[str], data: JSONBody[ReversalAdvice], house: NamedDependency[House]
) -> Response[NetworkAnswer]:
    """Give the wallet back what the merchant will not take. Never declined, also before its authorization."""
    used = await _used(house, data.pan)
    return await _book(house, message.Reversal(**_said(network, data, used)), used)


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
    return await _book(house, message.Clearing(**_said(network, data, used), final=data.final), used)


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
        ),
    }


async def _book(house: House, told: NetworkMessage, used: _Used) -> Response[Any]:
    # What is told, but for what we made up ourselves; the number only as its index, since hashes of it must be keyed.
    content = [type(told).__name__, used.index.hex(), msgspec.structs.replace(told, payment=PaymentId(UUID(int=0)))]
    named = claim(f"network:{told.network}", f"{told.lifecycle} {told.element}", content)
    reply = await house.money.submit(swiping.book, [told], lanes=[used.lane], claim=named, render=_render)
    return idempotency.respond(reply.stored, replayed=reply.replayed)


def _render(answers: Sequence[message.Answer]) -> Stored:
    [answer] = answers
    view = NetworkAnswer(
        authorization_id=ids.show("payment", answer.payment),
        approved=answer.approved,
        code=answer.code,
        reason=answer.reason,
    )
    return Stored(200, msgspec.json.encode(view))


def _last_day(expiry: str) -> date:
    year, month = int(expiry[:4]), int(expiry[5:])
    return date(year, month, calendar.monthrange(year, month)[1])


routes = [authorize, reverse, clear]
