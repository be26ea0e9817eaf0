"""What an installation is told of each line to a card network: where it is, whom it believes, when its day ends."""

import enum
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from cards.payments import standin
from law import calendar
from law.currency import Currency
from law.money import KZT

_SATURDAY = 5
_DAY = timedelta(days=1)


class Scope(enum.StrEnum):
    """Whose purchases come over a line: each has a network, a settlement and a day of its own."""

    DOMESTIC = "domestic"
    INTERNATIONAL = "international"


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides prove who they are: our certificate, and the names that theirs must carry, signed by `authority`."""

    certificate: Path
    key: Path
    authority: Path
    names: Annotated[tuple[str, ...], Meta(min_length=1)]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `network` is the partner's code, under which its messages are booked and its keys are kept.

    Without `tls` it listens on this machine only, to `peers`. `mac`: every telegram carries a MAC, both ways. A
    question is answered within `deadline_ms` of its arrival. The day of the network ends at `cut_off` in `zone`; what
    comes later settles on the next one, and on a `working` line a weekend settles on Monday. The file of a day is
    expected `file_hours` after its cut-off. `patience_s` is how long half a frame, an answer nobody reads, an
    unanswered echo and a connection that never signs on may last. `stand_in` is what is promised while the books can't
    be asked.
    """

    network: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{1,30}$(?!\n)")]
    scope: Scope
    port: Annotated[int, Meta(ge=0, le=65_535)]
    host: str = "127.0.0.1"
    peers: tuple[str, ...] = ("127.0.0.1", "::1")
    tls: Tls | None = None
    mac: bool = False
    deadline_ms: Annotated[int, Meta(ge=50, le=10_000)] = 800
    cut_off: Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)")] = "18:00"
    zone: str = "Asia/Almaty"
    file_hours: Annotated[int, Meta(ge=1, le=72)] = 12
    working: bool = True
    sessions_max: Annotated[int, Meta(ge=1, le=64)] = 8
    at_once_max: Annotated[int, Meta(ge=1, le=4_096)] = 1_024
    echo_s: Annotated[float, Meta(gt=0, le=600)] = 30.0
    patience_s: Annotated[float, Meta(gt=0, le=60)] = 10.0
    billing: Currency = KZT
    stand_in: standin.Terms = standin.Terms()

    def settles(self, day: date) -> bool:
        """Say whether the network settles on `day`, and sends a file for it."""
        return not self.working or day.weekday() < _SATURDAY

    def file_expected(self, day: date) -> datetime:
        """Answer by when the file of `day` has to be here."""
        cut_off = datetime.combine(day, time.fromisoformat(self.cut_off), ZoneInfo(self.zone))
        return (cut_off + timedelta(hours=self.file_hours)).astimezone(UTC)

    def settles_on(self, at: datetime) -> date:
        """Answer the settlement date of what arrives at `at`."""
        local = at.astimezone(calendar.ALMATY if self.zone == calendar.ALMATY.key else ZoneInfo(self.zone))
        day = local.date() + (_DAY if local.time() >= time.fromisoformat(self.cut_off) else timedelta())
        while self.working and day.weekday() >= _SATURDAY:
            day += _DAY
        return day
