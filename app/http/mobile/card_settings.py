"""What the holder permits a card: where, how and for what it is used, and which journeys change that.

path   PUT /v1/cards/{id}/controls   ->  cards/processing/processor.py   control()  of whoever processes the card
       PUT /v1/cards/{id}/trips      ->  the same                  travel()

Narrowing is free; whatever lets a card do more needs the passkey over all of it as it will be.
"""

from collections.abc import Sequence
from typing import Annotated

from litestar import Response, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app.auth import stepup
from app.auth.principal import Principal
from app.cards import processors
from app.db import Story
from app.house import House
from app.http import ids, precondition
from app.http.mobile.card_view import CardView, ControlsView, TripView, card_shown, etag
from app.http.mobile.cards import IfMatch
from app.http.wire import NoSuchTime, Wire
from cards.card import Card
from cards.programme import change
from cards.programme.permission import TRIPS_MAX, Choice, Controls, Trip
from law.calendar import statutory_date

_TAGS = ["Cards"]
#: How far ahead a journey may be told, and how long it may last.
_TRIP_DAYS_MAX = 366


class SetControls(Wire, frozen=True):
    """All of what the card may be used for from now on.

    What permits more than before needs the passkey's answer over `card.controls`.
    """

    controls: ControlsView
    step_up: stepup.Confirmation | None = None


class SetTrips(Wire, frozen=True):
    """All journeys that are known, instead of what was said before.

    Where the card's countries are chosen, a journey permits more and needs the passkey's answer over `card.controls`.
    """

    trips: Annotated[list[TripView], Meta(max_length=TRIPS_MAX)]
    step_up: stepup.Confirmation | None = None


@put(
    "/v1/cards/{card_id:str}/controls",
    operation_id="setCardControls",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Say what a card may be used for",
)
async def set_controls(
    card_id: FromPath[str],
    data: JSONBody[SetControls],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    *,
    if_match: IfMatch = None,
) -> Response[CardView]:
    """Permit merchants, categories, countries, channels, operations and currencies, over the version in If-Match."""
    db = await story()
    before = await change.locked(db, ids.parse("card", card_id))
    precondition.check(if_match, before.version)
    controls = data.controls.read()
    if not controls.within(before.controls):
        shown = _shown(before, controls, before.trips)
        await stepup.redeem(db, house.settings, me, operation="card.controls", shown=shown, confirmation=data.step_up)
    by = await processors.asking(story, me.actor)
    view = CardView.of(await processors.of(house, before.processor).control(by, before, controls))
    return Response(view, headers=etag(view))


@put(
    "/v1/cards/{card_id:str}/trips",
    operation_id="setCardTrips",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Say where the holder goes",
)
async def set_trips(
    card_id: FromPath[str],
    data: JSONBody[SetTrips],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    *,
    if_match: IfMatch = None,
) -> Response[CardView]:
    """Tell of journeys, over the version in If-Match: their countries pass on their days, whatever is chosen."""
    db = await story()
    before = await change.locked(db, ids.parse("card", card_id))
    precondition.check(if_match, before.version)
    trips = tuple(_trip(each) for each in data.trips)
    today = statutory_date(story.now)
    if any((trip.ends - today).days > _TRIP_DAYS_MAX for trip in trips):
        raise NoSuchTime("ends_on")
    if before.controls.countries != Choice() and not set(trips) <= set(before.trips):
        shown = _shown(before, before.controls, trips)
        await stepup.redeem(db, house.settings, me, operation="card.controls", shown=shown, confirmation=data.step_up)
    by = await processors.asking(story, me.actor)
    view = CardView.of(await processors.of(house, before.processor).travel(by, before, trips))
    return Response(view, headers=etag(view))


def _trip(asked: TripView) -> Trip:
    if asked.ends_on < asked.begins_on:
        raise NoSuchTime("ends_on")
    return Trip(countries=frozenset(asked.countries), begins=asked.begins_on, ends=asked.ends_on)


def _shown(before: Card, controls: Controls, trips: Sequence[Trip]) -> stepup.Shown:
    return {
        **card_shown(before),
        "version": before.version,
        **{name: words(getattr(controls, name)) for name in Controls.__struct_fields__},
        "trips": "; ".join(f"{' '.join(sorted(trip.countries))} {trip.begins}/{trip.ends}" for trip in trips) or "none",
    }


def words(choice: Choice[str]) -> str:
    """Write a choice on one line, as the passkey's text shows it."""
    only = "all" if choice.only is None else " ".join(sorted(choice.only)) or "none"
    return f"{only}; never {' '.join(sorted(choice.never))}" if choice.never else only


routes = [set_controls, set_trips]
