"""Whom we ask about: everything a person's documents say together, as questions to the lists."""

from collections.abc import Iterable, Iterator
from typing import Protocol

import msgspec

from kyc.names.entity import Query

_ICAO_ONLY = {"D": "DEU", "GBD": "GBR", "GBN": "GBR", "GBO": "GBR", "GBP": "GBR", "GBS": "GBR", "RKS": "XKX"}
#: Codes of a machine-readable zone that name no state: of these no list can speak for or against anybody.
_NO_STATE = frozenset({"UNO", "UNA", "UNK", "EUE", "UTO"})
#: How many letters a name has that filled its field, by format: TD1, TD2 and MRV-B, TD3 and MRV-A (ICAO 9303-4 to -7).
_FULL = frozenset({30, 31, 39})
_SEVERAL = 2
_subject = msgspec.json.Decoder(tuple[Query, ...])


class Said(Protocol):
    """What one document says of its holder (kyc.document.Person): ISO dates, with X for what it leaves out."""

    @property
    def surname(self) -> str:
        """The primary identifier."""
        ...

    @property
    def given(self) -> str:
        """The secondary identifier, which may be empty."""
        ...

    @property
    def born(self) -> str:
        """The date of birth."""
        ...

    @property
    def sex(self) -> str:
        """F, M or what else the zone has."""
        ...

    @property
    def nationality(self) -> str:
        """The code of the zone."""
        ...

    @property
    def cut(self) -> bool | None:
        """Whether the name filled its field; None where nobody noted it."""
        ...


class Subject(msgspec.Struct, frozen=True):
    """One question for each name and date that a document of the person bears, in order, each once.

    A name that did not fit is asked again without the word that was cut, which is another word than the list has and
    would speak against the very person it names.
    """

    asked: tuple[Query, ...]

    @classmethod
    def of(cls, documents: Iterable[Said]) -> "Subject":
        """Ask about the person of these documents; every nationality counts for every name."""
        said = tuple(documents)
        states = tuple(sorted({state for each in said if (state := _state(each.nationality))}))
        asked = {_query(each, name, states) for each in said for name in _names(each)}
        return cls(tuple(sorted(asked, key=msgspec.json.encode)))

    def written(self) -> bytes:
        """Write it down, the same for the same person."""
        return msgspec.json.encode(self.asked)

    @classmethod
    def read(cls, text: bytes) -> "Subject":
        """Read what was written."""
        return cls(_subject.decode(text))


def called(name: str) -> Subject:
    """Ask about somebody of whom nothing but a name is known."""
    return Subject((Query(name),))


def _names(said: Said) -> Iterator[str]:
    yield f"{said.given} {said.surname}".strip()
    if said.cut or (said.cut is None and len(f"{said.surname}<<{said.given}") in _FULL):
        given, surname = said.given.split(), said.surname.split()
        # What stands last loses its end; beside a single given name the surname may have made room (ICAO 9303-3, 4.6).
        shorter = ([*given[:-1], *surname] if given else [], [*given, *surname[:-1]] if len(given) < _SEVERAL else [])
        yield from (" ".join(words) for words in shorter if words)


def _query(said: Said, name: str, states: tuple[str, ...]) -> Query:
    return Query(name, born=_known(said.born), nationalities=states, sex=said.sex if said.sex in {"F", "M"} else "")


def _known(born: str) -> str:
    """Leave out what the document does: `1974-08-XX` is a month, `1974-XX-XX` a year."""
    parts: list[str] = []
    for part in born.split("-"):
        if not part.isdecimal():
            break
        parts.append(part)
    return "-".join(parts)


def _state(code: str) -> str:
    if code in _ICAO_ONLY:
        return _ICAO_ONLY[code]
    return "" if code in _NO_STATE or code.startswith("X") or len(code) != len("KAZ") else code
