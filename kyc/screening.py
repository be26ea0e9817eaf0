"""Is the person on a list? Names are compared as sets of words, a date of birth speaks for or against.

reads      kyc/lists.py         the lists in force
compares   kyc/screening.py     compare()         <- you are here
stores     kyc/document.py      every result, also that nothing was found

A hit is a question to a person, never an answer: it only ever leads to a review.
"""

import enum
from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec
from rapidfuzz import fuzz
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import names, tables
from kyc.check import Finding, Verdict
from kyc.mrz import Birth

CHECK = "person.screening"
#: Of 100; best F1 over the 413 labelled pairs of the tuning set (tests/kyc/test_screening.py).
THRESHOLD = 81
# A name within a longer one counts for less than one whose every word has its match.
_WITHIN = 0.9
_HITS_MAX = 20


class Born(enum.StrEnum):
    """How two dates of birth stand to each other, by what it adds to the score of the names."""

    SAME = "same"
    NEAR = "near"
    UNKNOWN = "unknown"
    CONTRADICTS = "contradicts"


_ADDS = {Born.SAME: 6, Born.NEAR: 3, Born.UNKNOWN: 0, Born.CONTRADICTS: -12}


class Listed(msgspec.Struct, frozen=True):
    """One name of one entity of a list, normalised; `born` are ISO dates or years, any of which may be right."""

    source: str
    entity: str
    normal: str
    born: tuple[str, ...]


class Due(msgspec.Struct, frozen=True):
    """A document whose holder is to be looked up again; `person` is sealed."""

    document: UUID
    resident: UUID
    person: bytes


class Hit(msgspec.Struct, frozen=True):
    """A listed name that is too near: `score` of 100."""

    source: str
    entity: str
    score: int
    born: Born


def compare(name: str, born: Birth, candidates: Iterable[Listed], threshold: int = THRESHOLD) -> tuple[Hit, ...]:
    """Score candidates against a person; the hits, best first, one for each entity."""
    wanted = names.normalise(name)
    best: dict[tuple[str, str], Hit] = {}
    for listed in candidates:
        relation = _born(born, listed.born)
        score = min(100, round(_similarity(wanted, listed.normal) + _ADDS[relation]))
        key = (listed.source, listed.entity)
        if score >= threshold and (key not in best or best[key].score < score):
            best[key] = Hit(listed.source, listed.entity, score, relation)
    return tuple(sorted(best.values(), key=lambda hit: (-hit.score, hit.source, hit.entity)))


async def screen(db: AsyncConnection, name: str, born: Birth) -> Finding:
    """Look the person up in every list in force; without any list there is no answer, which is an error."""
    versions = await in_force(db)
    if not versions:
        return Finding(CHECK, Verdict.ERROR, {"reason": "no_list"})
    keys = sorted(names.telling_keys(names.normalise(name)))
    rows = await db.execute(_CANDIDATES, {"keys": keys})
    hits = compare(name, born, [Listed(row.source, row.entity, row.normal, tuple(row.born)) for row in rows])
    found = {"hits": "; ".join(map(_shown, hits[:_HITS_MAX])), "count": str(len(hits))} if hits else {}
    return Finding(CHECK, Verdict.REVIEW if hits else Verdict.PASS, {"lists": versions, **found})


async def in_force(db: AsyncConnection) -> str:
    """Name the lists in force and the digests of their content; empty where there is none."""
    rows: Sequence[tuple[str, bytes]] = [(row.source, row.digest) for row in await db.execute(_IN_FORCE)]
    return ", ".join(f"{source}@{digest.hex()[:16]}" for source, digest in rows)


async def note(db: AsyncConnection, document: UUID, resident: UUID, finding: Finding) -> None:
    """Note in which lists the holder of a document was looked up."""
    values = {"document": document, "resident": resident, "lists": finding.params.get("lists", "")}
    await db.execute(insert(tables.screened).values(values))


async def note_again(db: AsyncConnection, document: UUID, finding: Finding) -> None:
    """Note that the holder of a document was looked up anew."""
    await db.execute(_NOTE_AGAIN, {"document": document, "lists": finding.params.get("lists", "")})


async def forget(db: AsyncConnection, document: UUID) -> None:
    """Look the holder of a document up no more."""
    await db.execute(_FORGET, {"document": document})


async def due(db: AsyncConnection, at_once: int) -> tuple[Due, ...]:
    """Take documents whose holders were looked up in other lists than those in force, locked against other workers."""
    if not (versions := await in_force(db)):
        return ()
    rows = await db.execute(_DUE, {"lists": versions, "at_once": at_once})
    return tuple(Due(row.document, row.resident, row.person) for row in rows)


def _similarity(left: str, right: str) -> float:
    """Compare words in any order; 0 to 100."""
    return max(fuzz.token_sort_ratio(left, right), _WITHIN * fuzz.token_set_ratio(left, right))


def _born(person: Birth, listed: Sequence[str]) -> Born:
    relations = {_relation(person, each) for each in listed} or {Born.UNKNOWN}
    return max(relations, key=lambda relation: _ADDS[relation])


def _relation(person: Birth, listed: str) -> Born:
    if person.year is None or not listed[:4].isdecimal():
        return Born.UNKNOWN
    if listed == person.text():
        return Born.SAME
    # Lists give years that are estimates, and days and months that were exchanged.
    return Born.NEAR if abs(int(listed[:4]) - person.year) <= 1 else Born.CONTRADICTS


def _shown(hit: Hit) -> str:
    return f"{hit.source}/{hit.entity} {hit.score} {hit.born}"


_IN_FORCE = text("SELECT source, digest FROM kyc.list_source WHERE digest IS NOT NULL ORDER BY source")
_CANDIDATES = text(
    """
    SELECT held.source, listed.entity, listed.normal, listed.born
    FROM kyc.list_source AS held JOIN kyc.listed_name AS listed ON listed.digest = held.digest
    WHERE listed.keys && CAST(:keys AS text[])
    """
)
# Two ranges instead of <>, so that the index answers at once when nothing is due.
_DUE = text(
    """
    SELECT screened.document, screened.resident, held.person
    FROM kyc.screened AS screened JOIN kyc.document AS held ON held.id = screened.document
    WHERE screened.lists < :lists OR screened.lists > :lists
    ORDER BY screened.document LIMIT :at_once
    FOR UPDATE OF screened SKIP LOCKED
    """
)
_FORGET = text("DELETE FROM kyc.screened WHERE document = :document")
_NOTE_AGAIN = text("UPDATE kyc.screened SET lists = :lists WHERE document = :document")
