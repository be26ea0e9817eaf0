"""Many people against the lists in force; after a small change of a list, against what changed alone.

takes      kyc/screening/cohort.py     take()
plans      kyc/screening/rerun.py      between()        <- you are here
looks      kyc/screening/rerun.py      screen()         pure; on a thread, for a second or so

Whoever is looked at is looked at in full. What a change of the lists saves is looking at all: entities that were added
or changed make an index of their own, and only who is near one of those, or was near one that changed or went, may
stand otherwise than before. Every entity is judged by itself (kyc/names/index.py), so nobody else can; that both ways
answer the same is a law of tests/kyc/screening/test_rerun.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc.lists import snapshot
from kyc.lists.edition import Edition
from kyc.lists.snapshot import Listed
from kyc.names.index import Index
from kyc.screening import matching
from kyc.screening.matching import Blind, Key, Lists, Match
from kyc.screening.subject import Subject

#: An index of this part of all entities is no longer much cheaper to search than the whole one.
_WORTH_IT = 4


class Delta(msgspec.Struct, frozen=True):
    """From one edition to the next: an index of what is new, and every entity that is not what it was."""

    new: Index
    touched: frozenset[Key]


class Person(msgspec.Struct, frozen=True):
    """Somebody to be looked up, and the matches that are known of them: what of each met, by entity."""

    resident: UUID
    subject: Subject
    known: Mapping[Key, bytes]


async def between(db: AsyncConnection, before: Edition, now: Lists) -> Delta | None:
    """Say what changed since an edition; None where looking everybody up in everything is no dearer."""
    if before.rules != now.edition.rules:
        return None
    was, is_ = await _members(db, before), await _members(db, now.edition)
    added, gone = is_ - was, was - is_
    if len(added) * _WORTH_IT > len(is_):
        return None
    return _delta(await snapshot.load(db, added), await snapshot.load(db, gone))


def difference(was: Iterable[Listed], now: Iterable[Listed]) -> Delta:
    """Say what changed between two versions that are in memory."""
    before, after = ({each.sha256: each for each in listed} for listed in (was, now))
    new = [after[sha256] for sha256 in after.keys() - before.keys()]
    return _delta(new, [before[sha256] for sha256 in before.keys() - after.keys()])


def screen(
    lists: Lists, people: Iterable[Person], blind: Blind, delta: Delta | None
) -> dict[UUID, tuple[Match, ...] | None]:
    """Look people up, in their order; None is who stands as before because nothing near them changed."""
    return {
        each.resident: matching.search(lists, each.subject, blind)
        if delta is None or _may_differ(each, delta)
        else None
        for each in people
    }


def _may_differ(person: Person, delta: Delta) -> bool:
    if not delta.touched.isdisjoint(person.known):
        return True
    return any(delta.new.search(query) for query in person.subject.asked)


def _delta(new: Sequence[Listed], gone: Sequence[Listed]) -> Delta:
    touched = {(each.entity.source, each.entity.id) for each in (*new, *gone)}
    return Delta(Index.build(each.entity for each in new), frozenset(touched))


async def _members(db: AsyncConnection, edition: Edition) -> set[bytes]:
    return {each for digest in edition.parts.values() for each in await snapshot.members(db, digest)}


def found(person: Person, matches: Sequence[Match] | None) -> bytes:
    """Digest what a person's look found, whichever way it was taken."""
    return matching.found(person.known.values() if matches is None else (each.matched for each in matches))
