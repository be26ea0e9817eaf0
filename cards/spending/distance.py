"""How far apart two countries are at least, for what is asked about cards that travel: a rough figure, no map.

Between the nearest two of their principal places, as the time zone database lists them (zone.tab, public domain), since
a terminal names its country and no more. So neighbours are near, and whoever was in Almaty an hour ago is not in Lima.
"""

import functools
import itertools
import math
import re
from importlib import resources

_EARTH_KM = 6371
_PLACE = re.compile(r"([+-])(\d{2})(\d{2})(?:\d{2})?([+-])(\d{3})(\d{2})(?:\d{2})?")

#: Latitude and longitude in minutes of arc, north and east.
_Point = tuple[int, int]


@functools.lru_cache(maxsize=4096)
def km(one: str, other: str) -> int:
    """Answer the kilometres between two countries (ISO 3166, letters); 0 within one, and where one is unknown."""
    if one == other:
        return 0
    places = _places()
    pairs = itertools.product(places.get(one, ()), places.get(other, ()))
    return min((_apart(here, there) for here, there in pairs), default=0)


@functools.cache
def _places() -> dict[str, list[_Point]]:
    found: dict[str, list[_Point]] = {}
    for line in resources.files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            country, place, *_ = line.split("\t")
            found.setdefault(country, []).append(_point(place))
    return found


def _point(text: str) -> _Point:
    """Read ISO 6709 degrees and minutes, such as +4315+07657."""
    match = _PLACE.fullmatch(text)
    assert match, text
    north, degrees, minutes, east, degrees_east, minutes_east = match.groups()
    latitude = int(degrees) * 60 + int(minutes)
    longitude = int(degrees_east) * 60 + int(minutes_east)
    return (latitude if north == "+" else -latitude), (longitude if east == "+" else -longitude)


def _apart(here: _Point, there: _Point) -> int:
    """Answer the great-circle distance in kilometres (haversine)."""
    latitude, longitude, other_latitude, other_longitude = (math.radians(minutes / 60) for minutes in (*here, *there))
    half = math.sin((other_latitude - latitude) / 2) ** 2
    half += math.cos(latitude) * math.cos(other_latitude) * math.sin((other_longitude - longitude) / 2) ** 2
    return round(2 * _EARTH_KM * math.asin(min(math.sqrt(half), 1)))
