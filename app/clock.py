"""The two clocks of an installation.

`real()` is the machine's: tokens, proofs, challenges, leases, rate limits and retries read it. Law and money read the
installation's own clock, which is the real one plus what a demo or test installation has been moved forward
(`app.clock`, read with the first statement of each transaction: see `app/db.py`).
"""

from datetime import UTC, datetime, timedelta

from law import calendar

#: The longest term anything here runs for; a clock may be moved as far as its terms can still be computed.
_TERM_MAX = timedelta(days=366)


class BeyondCalendar(Exception):
    """The clock would stand where terms reach beyond the published working calendars; `latest` is where it may."""

    def __init__(self, latest: datetime) -> None:
        super().__init__(latest)
        self.latest = latest.isoformat()


class Moved(Exception):
    """This is production, and its database says that its clock was moved."""


def real() -> datetime:
    """Read the machine's clock: this instant, aware, in UTC."""
    return datetime.now(UTC)


def check_reach(to: datetime) -> None:
    """Let an installation's clock be moved as far as the law's calendar reaches; raises BeyondCalendar."""
    latest = calendar.day_starts(calendar.LAST_DAY) - _TERM_MAX
    if to > latest:
        raise BeyondCalendar(latest)
