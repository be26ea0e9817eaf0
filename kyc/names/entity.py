"""What a list says of somebody, what is asked about somebody, and what is answered: values only."""

import enum

import msgspec


class Kind(enum.StrEnum):
    """What bears the name; a list that does not say gives UNKNOWN, which may be anything."""

    PERSON = "person"
    ORGANISATION = "organisation"
    VESSEL = "vessel"
    AIRCRAFT = "aircraft"
    UNKNOWN = "unknown"


class Quality(enum.StrEnum):
    """Whether a list holds the name for certain, or for a broad one that catches many (OFAC: weak, UN: low)."""

    STRONG = "strong"
    WEAK = "weak"


class Alias(msgspec.Struct, frozen=True, order=True):
    """One name of an entity, as the list writes it."""

    text: str
    quality: Quality = Quality.STRONG


class Entity(msgspec.Struct, frozen=True, order=True):
    """One entry of a list under the list's own `id`.

    `born` are ISO texts, any of which may be right: a date, a month `1961-03`, a year, or years `1958/1963`.
    `nationalities` are ISO 3166-1 alpha-3; `programs` are the list's own words for why.
    """

    source: str
    id: str
    kind: Kind
    names: tuple[Alias, ...]
    born: tuple[str, ...] = ()
    nationalities: tuple[str, ...] = ()
    sex: str = ""
    programs: tuple[str, ...] = ()


class Query(msgspec.Struct, frozen=True):
    """Whom to look for; what is empty neither supports nor contradicts. `born` is a date, a month or a year."""

    name: str
    born: str = ""
    nationalities: tuple[str, ...] = ()
    sex: str = ""
    kind: Kind = Kind.PERSON


class Reason(msgspec.Struct, frozen=True):
    """One sentence of an explanation: a code to be worded, and what stands in it. `points` were added or taken."""

    code: str
    points: int = 0
    params: dict[str, str] = {}


class Hit(msgspec.Struct, frozen=True):
    """An entity that is too near: `score` of 100, by `name`, the nearest of its `names` that are, which are sorted.

    `supports` and `contradicts` are all that was weighed, words, dates, nationalities; codes: docs/kyc/names.md.
    """

    source: str
    entity: str
    name: str
    quality: Quality
    score: int
    supports: tuple[Reason, ...]
    contradicts: tuple[Reason, ...]
    names: tuple[str, ...] = ()
