"""What screening must do, said once more without a database: names are equal or not, and everything is looked at."""

import enum
from collections.abc import Mapping

import msgspec

#: Source, id, name that matters, date of birth; programmes and other names do not matter.
Listing = Mapping[tuple[str, str], tuple[str, str]]
Key = tuple[int, str, str, str, str, str]


class State(enum.StrEnum):
    OPEN = "open"
    CLEARED = "cleared"
    CONFIRMED = "confirmed"
    LAPSED = "lapsed"


class Alert(msgspec.Struct):
    """How an alert stands, whether it is so, and at what hour a whitelisting is over."""

    state: State
    present: bool
    until: int | None = None


class Model:
    """People by number with the (name, born) they have shown, lists as they are, alerts by what they are about."""

    def __init__(self) -> None:
        self.people: dict[int, set[tuple[str, str]]] = {}
        self.listed: dict[tuple[str, str], tuple[str, str]] = {}
        self.alerts: dict[Key, Alert] = {}

    def near(self, person: int, said: set[tuple[str, str]]) -> set[Key]:
        """Say whom a person is near: a name that is the same, by the date that is the same, or by the first."""
        near: set[Key] = set()
        for entity, (listed, day) in self.listed.items():
            if dates := [born for name, born in said if name == listed]:
                born = min(dates, key=lambda each: (each != day, each))
                near.add((person, *entity, f"{listed} {born}", listed, day))
        return near

    def look(self, person: int, said: set[tuple[str, str]], *, whole: bool) -> None:
        near = self.near(person, said)
        for key in near:
            known = self.alerts.setdefault(key, Alert(State.OPEN, present=True))
            known.present = True
            if known.state is State.LAPSED:
                known.state = State.OPEN
        for key, known in self.alerts.items():
            if whole and key[0] == person and key not in near:
                known.present = False
                if known.state is State.OPEN:
                    known.state = State.LAPSED

    def night(self) -> None:
        for person, said in self.people.items():
            self.look(person, said, whole=True)

    def show(self, person: int, name: str, born: str) -> None:
        self.people.setdefault(person, set()).add((name, born))
        self.look(person, {(name, born)}, whole=False)

    def expire(self, hour: int) -> None:
        for known in self.alerts.values():
            if known.until is not None and known.until <= hour:
                known.until = None
                known.state = State.OPEN if known.present else State.LAPSED

    def open_or_worse(self, person: int) -> bool:
        return any(
            known.state in {State.OPEN, State.CONFIRMED} for key, known in self.alerts.items() if key[0] == person
        )
