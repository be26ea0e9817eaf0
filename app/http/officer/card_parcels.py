"""Plastic cards on their way: what is to be sent where, and what the maker and the carrier say.

path   GET /v1/officer/card-parcels                ->  cards/programme/shipping.py   waiting()
       GET /v1/officer/cards/{id}/parcels          ->  the addresses, which leaves a row in the person's access log
       POST /v1/officer/cards/{id}/parcel-acts     ->  cards/programme/shipping.py   ship(), deliver(), take_back()
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import vault
from app.access import Look, Purpose, Sees
from app.auth.principal import Principal
from app.cards import parcels
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.card_shipping import Address
from app.http.mobile.card_view import CardId
from app.http.officer.cards import OfficerCardView
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import LINE, NotTogether, Wire
from app.idempotency import Once
from cards import card as cards_card
from cards.card import Act, Card
from cards.programme import change, shipping
from cards.programme.shipping import Parcel, State

_TAGS = ["Cards"]
_SCOPE = {"scope": "officer:cards"}
_Carrier = Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,40}$(?!\n)", examples=["kazpost"])]
_Tracking = Annotated[str, Meta(min_length=1, max_length=40, pattern=LINE, examples=["RR123456785KZ"])]
_Does = Literal["personalise", "ship", "deliver", "return", "give_up"]


class WaitingView(Wire, frozen=True, kw_only=True):
    """A card that is to be sent or is on its way."""

    card: CardId
    state: Annotated[State, Meta(examples=["waiting"])]
    carrier: Annotated[str | None, Meta(examples=[None])]
    asked_at: datetime
    shipped_at: datetime | None


class WaitingPage(Wire, frozen=True):
    """A page of parcels, the oldest first; `next_cursor` is absent on the last."""

    parcels: list[WaitingView]
    next_cursor: str | None = None


class ParcelFile(Wire, frozen=True):
    """A try to send a card, with where to."""

    state: Annotated[State, Meta(examples=["waiting"])]
    address: Address


class ParcelFiles(Wire, frozen=True):
    """Every try to send a card, the newest first."""

    parcels: list[ParcelFile]


class ParcelAct(Wire, frozen=True):
    """What happened: `ship` names the carrier and, where there is one, the number to track by."""

    act: Annotated[_Does, Meta(examples=["ship"])]
    carrier: _Carrier | None = None
    tracking: _Tracking | None = None


@get(
    "/v1/officer/card-parcels",
    operation_id="listCardParcels",
    opt={**_SCOPE, "may_lack": True},
    tags=_TAGS,
    summary="Cards to send",
)
async def list_parcels(
    story: NamedDependency[Story], house: NamedDependency[House], limit: Limit = 20, cursor: Cursor = None
) -> WaitingPage:
    """List what waits to be sent or delivered."""
    pager = Pager(house.keys.cursor, "card-parcels")
    place = pager.place(cursor)
    found = await shipping.waiting(await story(), after=UUID(place) if place else None, limit=limit + 1)
    shown = found[:limit]
    return WaitingPage(
        parcels=[_waiting(each) for each in shown],
        next_cursor=pager.cursor(str(shown[-1].id)) if len(found) > limit else None,
    )


@get(
    "/v1/officer/cards/{card_id:str}/parcels",
    operation_id="readParcelsOfCard",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Where a card is to be sent",
)
async def read_parcels(
    card_id: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House]
) -> Response[ParcelFiles]:
    """Show where a card was and is to be sent, to who sends it; the person can read who looked."""
    db = await story()
    card = await cards_card.find(db, ids.parse("card", card_id))
    found = await shipping.of_card(db, card.id)
    opened = await _addresses(story, house, card, found) if found else []
    view = ParcelFiles(
        parcels=[ParcelFile(state=each.state, address=where) for each, where in zip(found, opened, strict=True)]
    )
    return Response(view, headers={"Cache-Control": "no-store"})


async def _addresses(story: Story, house: House, card: Card, found: Sequence[Parcel]) -> list[Address]:
    keys = await vault.look(await story(), house.keys.kms, card.holder, _why(found[0]))
    return [Address.of(parcels.opened(keys, each)) for each in found]


@post(
    "/v1/officer/cards/{card_id:str}/parcel-acts",
    operation_id="moveCardParcel",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Say how far a card is",
    status_code=200,
)
async def move_parcel(
    card_id: FromPath[str],
    data: JSONBody[ParcelAct],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[OfficerCardView]:
    """Say that a card is being made, was sent, arrived or came back, or that nobody could be brought it."""
    if (data.act == "ship") is not (data.carrier is not None) or (data.tracking and data.carrier is None):
        raise NotTogether("act", "carrier", "tracking")

    async def act(story: Story) -> OfficerCardView:
        db = await story()
        before = await change.locked(db, ids.parse("card", card_id))
        return OfficerCardView.of(await _moved(story, house, me, before, data))

    return await once(act)


async def _moved(story: Story, house: House, me: Principal, before: Card, data: ParcelAct) -> Card:
    db, at = await story(), story.now
    match data.act:
        case "personalise":
            return await change.turn(db, before, Act.PERSONALISE, actor=me.actor, at=at)
        case "ship":
            assert data.carrier is not None, "checked before"
            tracking = await _tracking(story, house, before, data.tracking)
            return await shipping.ship(db, before, carrier=data.carrier, tracking=tracking, actor=me.actor, at=at)
        case "deliver":
            return await shipping.deliver(db, before, actor=me.actor, at=at)
        case "return":
            return await shipping.take_back(db, before, actor=me.actor, at=at)
        case "give_up":
            return await shipping.give_up(db, before, actor=me.actor, at=at)


async def _tracking(story: Story, house: House, card: Card, number: str | None) -> bytes | None:
    found = await shipping.of_card(await story(), card.id)
    if number is None or not found:
        return None
    keys = await vault.look(await story(), house.keys.kms, card.holder, _why(found[0]))
    return keys.seal(number.encode(), table=parcels.TABLE, column="tracking", row=found[0].id)


def _why(parcel: Parcel) -> Look:
    """Tell the person at once: they asked for the card themselves."""
    return Look(sees=Sees.CONTACT, purpose=Purpose.REQUEST, about=parcel.id)


def _waiting(found: Parcel) -> WaitingView:
    return WaitingView(
        card=ids.show("card", found.card),
        state=found.state,
        carrier=found.carrier,
        asked_at=found.asked_at,
        shipped_at=found.shipped_at,
    )


routes = [list_parcels, read_parcels, move_parcel]
