"""Days and instants as query parameters: their form is the contract's, whether there is such a day is ours."""

from datetime import date
from typing import TypeVar

from app.http.wire import NoSuchTime

#: An instant as RFC 3339 writes it, with offset, and a day, of this century.
INSTANT = r"^20\d{2}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$(?!\n)"
DAY = r"^20\d{2}-\d\d-\d\d$(?!\n)"
_When = TypeVar("_When", bound=date)


def read(kind: type[_When], text: str | None, parameter: str) -> _When | None:
    """Read a day or an instant, None where none is given; raises NoSuchTime, as for 31 February."""
    if text is None:
        return None
    try:
        return kind.fromisoformat(text)
    except ValueError as error:
        raise NoSuchTime(parameter) from error
