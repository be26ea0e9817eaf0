"""Names against lists: how good and how fast, beside the plain ways, on the real lists and on labelled pairs.

Lists and pairs are the reference data (docs/testing.md says where they lie); where they are absent this group says so.
What is timed is timed as CPU of this process, so that neighbours don't count; a query's words are new to the index.
"""

import csv
import functools
import gc
import io
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import psutil
from rapidfuzz import fuzz, process
from rapidfuzz.distance import JaroWinkler

from bench import perturbed
from bench.ground import Ground
from bench.row import Goal, Row, row
from kyc import names
from kyc.lists import formats
from kyc.names import name, score
from kyc.names.entity import Entity, Kind, Query
from kyc.names.index import Index

QUERIES = 500
RESIDENTS = 5_000
FOLDS, REPEATS = 5, 20
_FOLDER = "ERESIDENCY_REFERENCE_DATA"
_THRESHOLDS = range(40, 100)
_ORDINARY = (
    "Anna Schneider", "Marie Dubois", "James Wilson", "Emily Clarke", "Luca Rossi", "Sofia Andersson", "Pedro Almeida",
    "Hiroshi Tanaka", "Priya Sharma", "Wei Zhang", "Min-jun Park", "Айгерим Сатпаева", "Ерлан Жумабаев",
    "Ольга Смирнова", "Дмитрий Кузнецов", "Mehmet Yılmaz", "Fatma Kaya", "Leyla Aliyeva", "Bekzod Rahimov",
    "Nino Beridze", "Aram Petrosyan", "Ahmed Hassan", "Fatima Zahra", "Mohammed Ali", "Chinedu Okafor",
    "Thandi Nkosi", "John Smith", "Maria Garcia", "Carlos Fernandez", "Nguyen Thi Lan",
)  # fmt: skip

T = TypeVar("T")


class Question(msgspec.Struct, frozen=True):
    """A name that somebody wrote, and whom it means."""

    text: str
    entity: str


class NoReferenceData(Exception):
    """The lists and pairs of other people are not there."""


async def rows(_: Ground) -> list[Row]:
    """Measure names."""
    folder = Path(os.environ.get(_FOLDER, Path(__file__).parents[2] / "shared" / "data")) / "sanctions"
    if not folder.is_dir():
        raise NoReferenceData(f"none at {folder}; {_FOLDER} names its place")
    entities = _entities(folder)
    gc.collect()
    before = psutil.Process().memory_info().rss
    index, built_s = _timed(lambda: Index.build(entities))
    gc.collect()
    held = (psutil.Process().memory_info().rss - before) / 1e6
    return [
        row("entities", len(entities), "entities", goal=Goal(value_min=16_000)),
        row("names", len(index), "names", goal=Goal(value_min=37_000)),
        row("index.build", built_s, "s", goal=Goal(value_max=2)),
        row("index.memory", held, "MB"),
        *_speed(index, entities),
        *_quality(index, entities),
        *_pairs(folder),
        *_nightly(entities),
    ]


def questions(entities: Sequence[Entity], write: Callable[[str, random.Random], str], seed: int = 7) -> list[Question]:
    """Let persons of the lists be written otherwise."""
    rng = random.Random(seed)
    persons = [entity for entity in entities if entity.kind is Kind.PERSON]
    asked: list[Question] = []
    while len(asked) < QUERIES:
        entity = rng.choice(persons)
        text = rng.choice(entity.names).text
        if text.isascii() and len(text.split()) > 1:
            asked.append(Question(write(text, rng), f"{entity.source}/{entity.id}"))
    return asked


def fathered(entities: Sequence[Entity], seed: int = 4) -> list[Question]:
    """Ask for persons whose names mark a father as passports write them: without the marks."""
    borne = [
        (alias.text, f"{entity.source}/{entity.id}")
        for entity in entities
        for alias in entity.names
        if entity.kind is Kind.PERSON
        and perturbed.unmarked(alias.text) != " ".join(alias.text.replace(",", " ").split())
    ]
    asked = random.Random(seed).sample(borne, min(len(borne), QUERIES))
    return [Question(perturbed.unmarked(text), entity) for text, entity in asked]


def reciprocal(asked: Sequence[Question], ranked: Sequence[Sequence[str]]) -> float:
    """Give the mean of 1 ÷ the rank at which the right entity stands, 0 where it does not."""
    ranks = [hits.index(each.entity) + 1 for each, hits in zip(asked, ranked, strict=True) if each.entity in hits]
    return sum(1 / rank for rank in ranks) / len(asked)


def cross_validated(pairs: Sequence[tuple[float, bool]], seed: int = 1) -> tuple[float, float]:
    """Give mean and deviation of F1 on folds that did not choose the threshold."""
    rng = random.Random(seed)
    found = []
    for _ in range(REPEATS):
        order = rng.sample(pairs, len(pairs))
        for fold in range(FOLDS):
            kept = [pair for place, pair in enumerate(order) if place % FOLDS != fold]
            threshold = max(_THRESHOLDS, key=lambda each: f1(kept, each))
            found.append(f1(order[fold::FOLDS], threshold))
    return statistics.mean(found), statistics.pstdev(found)


def f1(pairs: Sequence[tuple[float, bool]], threshold: float) -> float:
    """Give F1 of taking what scores `threshold` or more for one name."""
    said = [(scored >= threshold, match) for scored, match in pairs]
    right = said.count((True, True))
    return 2 * right / max(1, 2 * right + said.count((True, False)) + said.count((False, True)))


def _entities(folder: Path) -> tuple[Entity, ...]:
    sdn, others, nations = (
        (folder / file).read_bytes()
        for file in ("ofac_sdn_2025-03.csv", "ofac_alt.csv", "un_consolidated_2026-02-27.xml")
    )
    return formats.read(sdn, "ofac", others) + formats.read(nations, "un")


def _timed(act: Callable[[], T]) -> tuple[T, float]:
    began = time.process_time()
    done = act()
    return done, time.process_time() - began


def _speed(index: Index, entities: Sequence[Entity]) -> list[Row]:
    asked = [question.text for question in questions(entities, perturbed.misspelt)]
    known = [names.normalise(alias.text) for entity in entities for alias in entity.names]
    fresh = Index.build(entities)  # which has seen no word yet
    candidates = [_ms(functools.partial(_candidates, fresh, text)) for text in asked]
    searched = [_ms(functools.partial(index.search, Query(text))) for text in asked]
    scans = ((fuzz.ratio, 85), (JaroWinkler.normalized_similarity, 0.92), (fuzz.token_set_ratio, 90))
    ratio, jaro, tokens = (
        statistics.median([_ms(functools.partial(_scan, scorer, known, text, cutoff)) for text in asked[:40]])
        for scorer, cutoff in scans
    )
    return [
        row(
            "candidates", statistics.median(candidates), "ms", peer=("ratio, all names", ratio), goal=Goal(value_max=1)
        ),
        row("candidates.p95", statistics.quantiles(candidates, n=20)[-1], "ms", peer=("Jaro-Winkler, median", jaro)),
        row("search", statistics.median(searched), "ms", peer=("token_set_ratio", tokens), goal=Goal(value_max=5)),
        row("search.p95", statistics.quantiles(searched, n=20)[-1], "ms"),
    ]


def _ms(act: Callable[[], object]) -> float:
    return 1000 * _timed(act)[1]


def _candidates(index: Index, text: str) -> tuple[int, ...]:
    return index.candidates(name.read(text))


def _scan(scorer: Callable[..., float], known: Sequence[str], text: str, cutoff: float) -> list[int]:
    """Compare a name with every name."""
    wanted = names.normalise(text)
    return [place for _, _, place in process.extract(wanted, known, scorer=scorer, score_cutoff=cutoff, limit=None)]


def _quality(index: Index, entities: Sequence[Entity]) -> list[Row]:
    known = [(names.normalise(alias.text), f"{each.source}/{each.id}") for each in entities for alias in each.names]
    texts = [text for text, _ in known]
    asked = questions(entities, perturbed.misspelt)
    ranked = [[f"{hit.source}/{hit.entity}" for hit in index.search(Query(each.text))] for each in asked]
    ours = [set(hits) for hits in ranked]
    peers = [{known[place][1] for place in _scan(fuzz.token_set_ratio, texts, each.text, 90)} for each in asked[:100]]
    recall, alerts = _recall(asked, ours)
    peer_recall, peer_alerts = _recall(asked[:100], peers)
    made = [
        row("recall", recall, "share", peer=("token_set_ratio ≥ 90", peer_recall), goal=Goal(value_min=0.96)),
        row("rank", reciprocal(asked, ranked), "1/rank"),
        row("alerts", alerts, "1/query", peer=("token_set_ratio ≥ 90", peer_alerts), goal=Goal(value_max=2)),
    ]
    for what, write in (("respelt", perturbed.respelt), ("cyrillic", lambda text, _: perturbed.in_cyrillic(text))):
        asked = questions(entities, write)
        found = [{f"{hit.source}/{hit.entity}" for hit in index.search(Query(each.text))} for each in asked]
        made.append(row(f"recall.{what}", _recall(asked, found)[0], "share"))
    asked = fathered(entities)
    found = [{f"{hit.source}/{hit.entity}" for hit in index.search(Query(each.text))} for each in asked]
    made.append(row("recall.unmarked", _recall(asked, found)[0], "share", goal=Goal(value_min=0.96)))
    ordinary = sum(len(index.search(Query(each))) for each in _ORDINARY)
    return [*made, row("alerts.ordinary", ordinary / len(_ORDINARY), "1/name")]


def _recall(asked: Sequence[Question], found: Sequence[set[str]]) -> tuple[float, float]:
    """Give the share of questions that were answered, and answers for each."""
    right = sum(each.entity in hits for each, hits in zip(asked, found, strict=True))
    return right / len(asked), sum(map(len, found)) / len(asked)


def _pairs(folder: Path) -> list[Row]:
    labelled = list(csv.DictReader(io.StringIO((folder / "name_pairs_tuning.csv").read_text("utf-8"))))
    measured = {}
    for what, scorer in (("ours", _ours), ("ratio", _sorted_ratio), ("WRatio", fuzz.WRatio)):
        pairs = [(scorer(line["name1"], line["name2"]), line["is_match"] == "true") for line in labelled]
        measured[what] = (*cross_validated(pairs), f1(pairs, score.THRESHOLD))
    found, spread, at_ours = measured["ours"]
    each_us = 1e6 * _timed(lambda: [_ours(line["name1"], line["name2"]) for line in labelled])[1] / len(labelled)
    return [
        row("pairs.f1", found, "F1", peer=("rapidfuzz WRatio", measured["WRatio"][0]), goal=Goal(value_min=0.82)),
        row("pairs.f1.deviation", spread, "F1"),
        row("pairs.f1.at_threshold", at_ours, "F1", peer=("rapidfuzz ratio, sorted words", measured["ratio"][0])),
        row("pairs.each", each_us, "µs"),
    ]


def _ours(left: str, right: str) -> float:
    return score.score(name.read(left), name.read(right))


def _sorted_ratio(left: str, right: str) -> float:
    return fuzz.token_sort_ratio(names.normalise(left), names.normalise(right))


def _nightly(entities: Sequence[Entity]) -> list[Row]:
    """Look up residents who are called as listed people are: one's given name, another one's surname."""
    rng = random.Random(11)
    told = [alias.text.split(",", 1) for entity in entities for alias in entity.names[:1] if entity.kind is Kind.PERSON]
    given = [after.split()[0] for _, *rest in told for after in rest if after.split()]
    surnames = [before for before, *rest in told if rest]
    residents = [
        Query(
            f"{rng.choice(given)} {rng.choice(surnames)}",
            born=f"{rng.randint(1950, 2006)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        )
        for _ in range(RESIDENTS)
    ]
    fresh = Index.build(entities)
    hits, took_s = _timed(lambda: sum(len(fresh.search(each)) for each in residents))
    return [
        row("nightly", took_s * 100_000 / RESIDENTS, "s/100,000", goal=Goal(value_max=120)),
        row("nightly.alerts", hits / RESIDENTS, "1/resident"),
    ]
