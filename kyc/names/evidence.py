"""What dates of birth, nationalities and sex say about two people whose names are alike."""

import re
from collections.abc import Iterator

from kyc.names.entity import Entity, Query, Reason

#: Points for each finding; what is unknown says nothing.
POINTS = {
    "born.same": 8,
    "born.swapped": 4,
    "born.same_month": 4,
    "born.same_year": 4,
    "born.near": 2,
    "born.contradicts": -20,
    "nationality.same": 4,
    "nationality.contradicts": -4,
    "sex.contradicts": -10,
}
#: Lists estimate years of birth, and sources that copy each other differ by as much.
_YEARS_NEAR = 1
_DAY = len(("month", "day"))
_ISO = re.compile(r"\d{4}(-\d\d){0,2}")


def weigh(query: Query, entity: Entity) -> Iterator[Reason]:
    """Say what supports and what contradicts that `query` is about `entity`."""
    if _ISO.fullmatch(query.born) and entity.born:
        code, listed = max(
            ((_born(query.born, each), each) for each in entity.born), key=lambda found: POINTS[found[0]]
        )
        yield Reason(code, POINTS[code], {"asked": query.born, "listed": listed})
    if query.nationalities and entity.nationalities:
        shared = set(query.nationalities) & set(entity.nationalities)
        code = "nationality.same" if shared else "nationality.contradicts"
        asked, listed = (" ".join(sorted(shared) or each) for each in (query.nationalities, entity.nationalities))
        yield Reason(code, POINTS[code], {"asked": asked, "listed": listed})
    if query.sex and entity.sex and query.sex != entity.sex:
        yield Reason("sex.contradicts", POINTS["sex.contradicts"], {"asked": query.sex, "listed": entity.sex})


def most(query: Query) -> int:
    """Give the most points that anything could add for `query`."""
    return (POINTS["born.same"] if query.born else 0) + (POINTS["nationality.same"] if query.nationalities else 0)


def _born(asked: str, listed: str) -> str:
    """Compare a date, month or year with a date, month, year or span of years of a list."""
    (year, *rest), first, last = (
        _numbers(asked),
        _numbers(listed.partition("/")[0]),
        _numbers(listed.rpartition("/")[2]),
    )
    if "/" in listed:
        return "born.near" if first[0] <= year <= last[0] else "born.contradicts"
    if year != first[0]:
        return "born.near" if abs(year - first[0]) <= _YEARS_NEAR else "born.contradicts"
    return _within_year(rest, first[1:])


def _within_year(asked: list[int], listed: list[int]) -> str:
    """Compare what is said besides the year. The first of January stands for a whole year in many lists."""
    if [] in (asked, listed) or ([1, 1] in (asked, listed) and asked != listed):
        return "born.same_year"
    if asked == listed and len(asked) == _DAY:
        return "born.same"
    if asked[0] == listed[0]:
        return "born.same_month"
    return "born.swapped" if len(asked) == _DAY and asked == listed[::-1] else "born.near"


def _numbers(iso: str) -> list[int]:
    return [int(number) for number in iso.split("-")]
