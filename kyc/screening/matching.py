"""A person against the lists in force: pure, and the same answer whichever other entities are looked at with it.

builds     app/watchlist.py             Lists of the newest edition, once in each process
asks       kyc/screening/matching.py    search()          <- you are here
scores     kyc/names/index.py           Index.search()
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from kyc.lists.edition import Edition
from kyc.lists.snapshot import Listed
from kyc.names.entity import Entity, Hit, Query
from kyc.names.index import Index
from kyc.names.name import unordered
from kyc.screening import standard
from kyc.screening.standard import Effect
from kyc.screening.subject import Subject

_PURPOSE = "kyc.alert"
#: How an explanation says that the day of birth is the same, and of what it says that it differs (docs/kyc/names.md).
_SAME_DAY = "born.same"
_AGAINST = ("nationality.", "sex.")

Key = tuple[str, str]


class Blind(Protocol):
    """Give the keyed digest by which an equal value is found again."""

    def __call__(self, purpose: str, value: str) -> bytes:
        """Give 32 bytes."""
        ...


class Lists(msgspec.Struct, frozen=True):
    """An edition in memory: its index of names, and its entities by source and id."""

    edition: Edition
    index: Index
    known: Mapping[Key, Listed]

    @classmethod
    def of(cls, edition: Edition, listed: Iterable[Listed]) -> "Lists":
        """Build the index; takes a second or two for whole lists, so not on the event loop."""
        known = {(each.entity.source, each.entity.id): each for each in listed}
        return cls(edition, Index.build(each.entity for each in known.values()), known)


class Match(msgspec.Struct, frozen=True):
    """An entity that the person comes too near, by its best name; `matched` is the keyed digest of what met."""

    source: str
    entity: str
    listed: bytes
    list: bytes
    name: str
    score: int
    grave: bool
    matched: bytes


def search(lists: Lists, subject: Subject, blind: Blind) -> tuple[Match, ...]:
    """Look a person up; one match for each entity, in order."""
    best: dict[Key, tuple[Query, Hit]] = {}
    for query in subject.asked:
        for hit in lists.index.search(query):
            key = (hit.source, hit.entity)
            if key not in best or _nearness(query, hit) < _nearness(*best[key]):
                best[key] = (query, hit)
    return tuple(_match(lists, *best[key], blind) for key in sorted(best))


def hits(lists: Lists, subject: Subject) -> bool:
    """Say whether anything is near at all."""
    return any(lists.index.search(query) for query in subject.asked)


def found(matches: Iterable[bytes]) -> bytes:
    """Digest what a look found: the identities of its matches, in order; of nothing it is one well-known value."""
    return hashlib.sha256(b"".join(sorted(matches))).digest()


def _nearness(query: Query, hit: Hit) -> tuple[object, ...]:
    """Order what met by how near it came, and what came equally near by its words alone."""
    return -hit.score, unordered(query.name), query.born, unordered(hit.name)


def _match(lists: Lists, query: Query, hit: Hit, blind: Blind) -> Match:
    listed = lists.known[hit.source, hit.entity]
    return Match(
        source=hit.source,
        entity=hit.entity,
        listed=listed.sha256,
        list=lists.edition.parts[hit.source],
        name=hit.name,
        score=hit.score,
        grave=_grave(hit),
        matched=identity(query, listed.entity, hit.name, blind),
    )


def identity(query: Query, entity: Entity, name: str, blind: Blind) -> bytes:
    """Digest what met, of both sides: a name of each, all dates of birth, nationalities, sexes; with our key.

    What a list says besides (its programmes, its other names) is no part, nor is how it writes a name down: case,
    marks, the order of words. An alert that was closed stays closed when that changes.
    """
    person = (unordered(query.name), query.born, sorted(query.nationalities), query.sex)
    listed = (entity.source, entity.id, unordered(name), sorted(entity.born), sorted(entity.nationalities), entity.sex)
    return blind(_PURPOSE, msgspec.json.encode((person, listed)).decode())


def _grave(hit: Hit) -> bool:
    """Say whether hardly anybody would doubt it: name and day of birth, nothing against it, and the law freezes."""
    same_day = any(each.code == _SAME_DAY for each in hit.supports)
    against = any(each.code.startswith(_AGAINST) for each in hit.contradicts)
    freezes = standard.publisher(hit.source).effect is Effect.FREEZE
    return freezes and hit.score >= standard.GRAVE_FROM and same_day and not against


def rows(matches: Iterable[Match]) -> str:
    """Write matches for kyc.settle_alerts()."""
    written = [
        {
            "source": each.source,
            "entity": each.entity,
            "listed": each.listed.hex(),
            "list": each.list.hex(),
            "name": each.name,
            "score": each.score,
            "grave": each.grave,
            "matched": each.matched.hex(),
        }
        for each in matches
    ]
    return msgspec.json.encode(written).decode()
