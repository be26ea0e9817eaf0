"""Journeys that are begun by a tap: of one country they are one, and no more are kept than can be told."""

from datetime import date, timedelta

import pytest

from cards.programme.permission import TRIPS_MAX, TooManyTrips, Trip, travelling

TODAY = date(2026, 11, 22)


def trip(begins: int, ends: int, *countries: str) -> Trip:
    """Make up a journey, by days from today."""
    there = frozenset(countries or {"TR"})
    return Trip(countries=there, begins=TODAY + timedelta(days=begins), ends=TODAY + timedelta(days=ends))


@pytest.mark.parametrize(
    ("before", "until", "after"),
    [
        ((), 7, (trip(0, 7),)),
        ((trip(0, 7),), 7, (trip(0, 7),)),
        ((trip(0, 7),), 3, (trip(0, 7),)),
        ((trip(-3, 2),), 7, (trip(-3, 7),)),
        ((trip(8, 9),), 7, (trip(0, 9),)),
        ((trip(9, 12),), 7, (trip(9, 12), trip(0, 7))),
        ((trip(-9, -1),), 7, (trip(0, 7),)),
        ((trip(0, 3, "TR", "GE"),), 7, (trip(0, 3, "TR", "GE"), trip(0, 7))),
        ((trip(0, 3, "GE"), trip(0, 1), trip(2, 5)), 4, (trip(0, 3, "GE"), trip(0, 5))),
    ],
)
def test_a_tap_is_part_of_the_journey_there_is(before: tuple[Trip, ...], until: int, after: tuple[Trip, ...]) -> None:
    assert travelling(before, "TR", TODAY, TODAY + timedelta(days=until)) == after


def test_no_more_journeys_are_kept_than_can_be_told() -> None:
    most = tuple(trip(0, 3, country) for country in ("DE", "FR", "GE", "IT", "TR")[:TRIPS_MAX])

    assert len(travelling(most, "TR", TODAY, TODAY)) == TRIPS_MAX
    with pytest.raises(TooManyTrips):
        travelling(most, "AM", TODAY, TODAY)
