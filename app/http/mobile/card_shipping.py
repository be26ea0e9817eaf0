"""Where a plastic card is sent, and how far it is.

path   PUT /v1/cards/{id}/address   ->  cards/processing/processor.py   send_card()  of whoever processes the card
       GET /v1/cards/{id}/parcels   ->  cards/programme/shipping.py   of_card()

The address is sealed under the holder's key. A thief with the phone must not have the card sent elsewhere, so another
address needs the passkey.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import vault
from app.auth import stepup
from app.auth.principal import Principal
from app.cards import parcels, processors
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.card_view import Country, card_shown
from app.http.wire import LINE, Wire
from cards import card as cards_card
from cards.processing.processor import Destination
from cards.programme import change, shipping
from cards.programme.shipping import Parcel, State

_TAGS = ["Cards"]
_Line = Annotated[str, Meta(min_length=1, max_length=70, pattern=LINE, examples=["Unter den Linden 5"])]


class Address(Wire, frozen=True, kw_only=True):
    """Where to, as it is written on a parcel (UPU S42)."""

    recipient: Annotated[str, Meta(min_length=1, max_length=70, pattern=LINE, examples=["ANNA SCHMIDT"])]
    lines: Annotated[list[_Line], Meta(min_length=1, max_length=3)]
    city: Annotated[str, Meta(min_length=1, max_length=70, pattern=LINE, examples=["Berlin"])]
    postcode: Annotated[str, Meta(max_length=16, pattern=LINE, examples=["10117"])]
    country: Country
    phone: Annotated[str, Meta(pattern=r"^\+[0-9]{8,15}$(?!\n)", examples=["+4915112345678"])]

    @classmethod
    def of(cls, to: Destination) -> "Address":
        """Show an address."""
        return msgspec.convert(to, cls, from_attributes=True)

    def read(self) -> Destination:
        """Give it in our words."""
        return msgspec.convert(self, Destination, from_attributes=True)

    def line(self) -> str:
        """Write it on one line, as the passkey's text shows it."""
        return ", ".join([self.recipient, *self.lines, f"{self.postcode} {self.city}", self.country])


class SendTo(Wire, frozen=True):
    """Another address, and the passkey's answer over `card.address`."""

    address: Address
    step_up: stepup.Confirmation | None = None


class ParcelView(Wire, frozen=True, kw_only=True):
    """How far a card is. `undeliverable` waits for another address."""

    state: Annotated[State, Meta(examples=["shipped"])]
    address: Address
    carrier: Annotated[str | None, Meta(examples=["kazpost"])]
    tracking: Annotated[str | None, Meta(examples=["RR123456785KZ"])]
    asked_at: datetime
    shipped_at: datetime | None
    ended_at: datetime | None


class Parcels(Wire, frozen=True):
    """Every try to send a card, the newest first."""

    parcels: list[ParcelView]


@put(
    "/v1/cards/{card_id:str}/address",
    operation_id="setCardAddress",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Send a card elsewhere",
)
async def set_address(
    card_id: FromPath[str],
    data: JSONBody[SendTo],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[ParcelView]:
    """Say where a plastic card is to be sent, until it is on its way and again once it came back."""
    db = await story()
    card = await change.locked(db, ids.parse("card", card_id))
    shown = {**card_shown(card), "address": data.address.line()}
    await stepup.redeem(db, house.settings, me, operation="card.address", shown=shown, confirmation=data.step_up)
    by = await processors.asking(story, me.actor)
    parcel = await processors.of(house, card.processor).send_card(by, card, data.address.read())
    return Response(await _view(story, house, parcel), headers={"Cache-Control": "no-store"})


@get(
    "/v1/cards/{card_id:str}/parcels",
    operation_id="listParcelsOfCard",
    opt={"scope": "cards:read"},
    tags=_TAGS,
    summary="Where a card is",
)
async def list_parcels(
    card_id: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House]
) -> Response[Parcels]:
    """Show every try to send a card, the newest first; a virtual card has none."""
    db = await story()
    card = await cards_card.find(db, ids.parse("card", card_id))
    found = [await _view(story, house, each) for each in await shipping.of_card(db, card.id)]
    return Response(Parcels(parcels=found), headers={"Cache-Control": "no-store"})


async def _view(story: Story, house: House, found: Parcel) -> ParcelView:
    keys = await vault.existing(await story(), house.keys.kms, found.holder)
    return ParcelView(
        state=found.state,
        address=Address.of(parcels.opened(keys, found)),
        carrier=found.carrier,
        tracking=parcels.tracking(keys, found),
        asked_at=found.asked_at,
        shipped_at=found.shipped_at,
        ended_at=found.ended_at,
    )


routes = [set_address, list_parcels]
