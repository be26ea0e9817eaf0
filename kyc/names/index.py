"""The names of lists, found by a name that is spelt in another way: in process, immutable, without a database.

builds     kyc/names/index.py   Index.build()     from entities, once for each version of the lists
asks       kyc/names/index.py   Index.search()    <- you are here
near       kyc/names/vocabulary.py                which words of the lists a word may be
scores     kyc/names/score.py   compare()

A name is looked at only if the words that it shares with the question can be enough for a score: whose price at best is
too high is never taken apart. Everything is flat arrays, so that it is small and pickles fast.
"""

import functools
import math
import operator
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from kyc.names import evidence, score
from kyc.names.entity import Alias, Entity, Hit, Kind, Quality, Query, Reason
from kyc.names.name import Name, read, unordered
from kyc.names.part import Part, Role, rough
from kyc.names.score import FULL, PRICES, THRESHOLD
from kyc.names.vocabulary import Near, Vocabulary

CANDIDATES_MAX = 40
#: Below this share of all words nothing scores, whatever the rest is (kyc/names/score.py, `missing`).
_SHARE_MIN = 1 - (FULL - THRESHOLD) / PRICES.missing
_RUN_LETTERS = 3
_TWO = 2
_ROUNDED = 0.5
_UNSHARED = 2.0
_WHOLE_WORD = 1.0
_WEAK = Reason("alias.weak", -5)
_NAMES_CACHED = 1 << 15


class _Asked(msgspec.Struct, frozen=True):
    """A question as the index sees it.

    `numbers` of names that share enough words. `near`: for each word of the lists that may be one of the question's,
    its place and the price, `also` another; `halves`: a place and two words that stand for it together. The places of
    the question's `words` come first, then those of words run together. `initials` are places that any word may fill.
    """

    numbers: set[int]
    near: dict[int, tuple[int, float]]
    halves: tuple[tuple[int, Near, Near], ...]
    also: dict[int, tuple[int, float]]
    weights: tuple[float, ...]
    weight: float
    words: int
    initials: tuple[int, ...]


class Index:
    """Names of lists to ask; those of several lists in one index say their source."""

    def __init__(self, entities: tuple[Entity, ...]) -> None:
        """Build from entities; a name without a letter is left out."""
        self.entities = entities
        self._aliases: list[Alias] = []
        self._owners = array("I")
        self._weights = array("f")
        self._starts = array("I", [0])
        self._words = array("I")
        self._vocabulary = Vocabulary()
        for owner, entity in enumerate(entities):
            for alias in entity.names:
                if parts := rough(alias.text):
                    self._add(owner, alias, parts)
        self._vocabulary.close(self._starts, self._words)
        self._forget()

    @classmethod
    def build(cls, entities: Iterable[Entity]) -> "Index":
        """Build from entities, of one list or several."""
        return cls(tuple(entities))

    def __len__(self) -> int:
        return len(self._aliases)

    def search(self, query: Query, threshold: int = THRESHOLD) -> tuple[Hit, ...]:
        """Give the entities that are too near, best first, each once, by the nearest of its names."""
        name = read(query.name, query.kind)
        found: dict[int, dict[int, int]] = {}
        said: dict[int, int] = {}
        for number, price in self._ranked(self._ask(name), FULL - threshold + evidence.most(query) + _ROUNDED):
            owner = self._owners[number]
            entity = self.entities[owner]
            if not _may_be(query.kind, entity.kind):
                continue
            if owner not in said:
                said[owner] = sum(reason.points for reason in evidence.weigh(query, entity))
            points = said[owner] + (_WEAK.points if self._aliases[number].quality is Quality.WEAK else 0)
            if FULL - price + points < threshold - _ROUNDED:
                continue
            if (scored := score.score(name, self._name(number)) + points) >= threshold:
                found.setdefault(owner, {})[number] = scored
        hits = (self._hit(query, name, scores) for scores in found.values())
        return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.source, hit.entity)))

    def candidates(self, name: Name, most: int = CANDIDATES_MAX) -> tuple[int, ...]:
        """Give the numbers of the names that a score is worth while for, the most promising first."""
        ranked = sorted(self._ranked(self._ask(name), FULL - THRESHOLD + _ROUNDED), key=operator.itemgetter(1))
        return tuple(number for number, _ in ranked[:most])

    def named(self, number: int) -> tuple[Entity, str]:
        """Give the entity that bears the name of a number, and the name."""
        return self.entities[self._owners[number]], self._aliases[number].text

    def _add(self, owner: int, alias: Alias, parts: tuple[Part, ...]) -> None:
        words = [self._vocabulary.add(part.sought, part.weight) for part in parts if part.weight]
        if self.entities[owner].kind in {Kind.PERSON, Kind.UNKNOWN}:
            words += [self._vocabulary.add_run(run) for run in _runs(parts)]
        self._aliases.append(alias)
        self._owners.append(owner)
        self._weights.append(sum(part.weight for part in parts))
        self._words.extend(words)
        self._starts.append(len(self._words))

    def _ranked(self, asked: _Asked, allowed: float) -> Iterator[tuple[int, float]]:
        """Give names with the least that they can cost, where that is `allowed`."""
        prices = asked.weights
        for number in asked.numbers:
            shared, theirs = self._shared(asked, number)
            ours = asked.weight
            slips = 0.0
            for place, price in shared.items():
                ours -= prices[place]
                slips += price * prices[place]
            if asked.words <= max(shared, default=0):
                slips = 0.0  # words run together may be nearer than each of them
            for place in asked.initials:
                if place not in shared:
                    ours -= prices[place]
                    theirs -= _WHOLE_WORD
            least = _least(max(ours, 0.0), max(theirs, 0.0), asked.weight, slips)
            if least <= allowed:
                yield number, least

    def _shared(self, asked: _Asked, number: int) -> tuple[dict[int, float], float]:
        """Give the places that a name shares, with their prices, and what the rest of it weighs."""
        near, also, heavy = asked.near, asked.also, self._vocabulary.weights
        borne = self._words[self._starts[number] : self._starts[number + 1]]
        theirs = self._weights[number]
        shared: dict[int, float] = {}
        for word in borne:
            if (found := near.get(word)) is None:
                continue
            theirs -= heavy[word]
            if found[1] >= shared.get(found[0], _UNSHARED):
                found = also.get(word, found)
            if found[1] < shared.get(found[0], _UNSHARED):
                shared[found[0]] = found[1]
        for place, left, right in asked.halves:
            if not left.keys().isdisjoint(borne) and not right.keys().isdisjoint(borne):
                shared[place], theirs = 0.0, 0.0
        return shared, theirs

    def _ask(self, name: Name) -> _Asked:
        """Look the words of a question up."""
        repeated = Counter(part for part in name.parts if part.weight)
        parts = list(repeated)
        groups = [self._vocabulary.near(part) for part in parts]
        halves = [(place, *pair) for place, part in enumerate(parts) for pair in self._vocabulary.halves(part)]
        weights = [part.weight * times for part, times in repeated.items()]
        near: dict[int, tuple[int, float]] = {}
        also: dict[int, tuple[int, float]] = {}
        for place, group in enumerate(groups):
            _take(near, also, place, group)
        numbers = self._sharing([place for place, part in enumerate(parts) if part.telling], groups, halves)
        weight = sum(weights)
        for run in _runs(name.parts, whole=True):
            group = self._vocabulary.near_run(run)
            numbers |= self._vocabulary.bearing(group)
            _take(near, also, len(weights), group)
            weights.append(sum(part.weight for part in run))
        initials = tuple(place for place, part in enumerate(parts) if part.role is Role.INITIAL)
        return _Asked(numbers, near, tuple(halves), also, tuple(weights), weight, len(parts), initials)

    def _sharing(self, telling: list[int], groups: list[Near], halves: list[tuple[int, Near, Near]]) -> set[int]:
        """Give the names that share so many of the telling words that the rest can be missing.

        Rare words come first: whoever shares `needed` words has one of all but the `needed` - 1 commonest.
        """
        vocabulary = self._vocabulary
        needed = max(min(2, len(telling)), math.ceil(_SHARE_MIN * len(telling)))
        telling.sort(key=lambda place: vocabulary.commonness(groups[place]))
        sharing: list[set[int]] = [set() for _ in range(needed + 1)]
        for turn, place in enumerate(telling):
            bearing = vocabulary.bearing(groups[place])
            for half in (half for half in halves if half[0] == place):
                bearing |= vocabulary.bearing(half[1]) & vocabulary.bearing(half[2])
            for count in range(needed - 1, 0, -1):
                sharing[count + 1] |= sharing[count] & bearing
            if turn <= len(telling) - needed:
                sharing[1] |= bearing
        return sharing[needed]

    def _hit(self, query: Query, name: Name, scores: dict[int, int]) -> Hit:
        """Say why an entity is a hit, by the nearest of its names; of several it is the same in whatever order."""
        most = max(scores.values())
        number = min((each for each in scores if scores[each] == most), key=self._written)
        entity, text = self.named(number)
        alias = self._aliases[number]
        reasons = (*score.compare(name, self._name(number)).reasons, *evidence.weigh(query, entity))
        if alias.quality is Quality.WEAK:
            reasons += (_WEAK,)
        supports = tuple(reason for reason in reasons if reason.points > 0 or reason.code.startswith("word."))
        return Hit(
            source=entity.source,
            entity=entity.id,
            name=text,
            quality=alias.quality,
            score=min(FULL, scores[number]),
            supports=supports,
            contradicts=tuple(reason for reason in reasons if reason not in supports),
            names=tuple(sorted({self._aliases[each].text for each in scores})),
        )

    def _written(self, number: int) -> tuple[tuple[str, ...], str]:
        _, text = self.named(number)
        return unordered(text), text

    def __getstate__(self) -> dict[str, object]:
        """Leave out what is remembered of questions."""
        return {name: value for name, value in vars(self).items() if name != "_name"}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._forget()

    def _forget(self) -> None:
        self._name = functools.lru_cache(maxsize=_NAMES_CACHED)(self._read)

    def _read(self, number: int) -> Name:
        entity, text = self.named(number)
        return read(text, entity.kind)


def _least(ours: float, theirs: float, weight: float, slips: float) -> float:
    """Give the least that two names can cost of which so much is not shared."""
    against, more = min(ours, theirs), abs(ours - theirs)
    return PRICES.conflict * (against + slips) + PRICES.missing * more / (weight + theirs - ours + ours + 1e-9)


def _take(near: dict[int, tuple[int, float]], also: dict[int, tuple[int, float]], place: int, group: Near) -> None:
    """Note which place a word may stand for, the nearest first."""
    for word, price in group.items():
        if (known := near.get(word)) is None:
            near[word] = (place, price)
        elif price < known[1]:
            near[word], also[word] = (place, price), known
        elif word not in also:
            also[word] = (place, price)


def _may_be(asked: Kind, listed: Kind) -> bool:
    return asked is Kind.UNKNOWN or listed in {asked, Kind.UNKNOWN}


def _runs(parts: tuple[Part, ...], *, whole: bool = False) -> Iterator[tuple[Part, ...]]:
    """Give neighbours that may be written as one word: where one is short, and every two of a question."""
    for start in range(len(parts) - 1):
        for end in (start + 2, start + 3):
            run = parts[start:end]
            if len(run) < end - start or not run[-1].plain or not run[-2].plain or not run[0].plain:
                break
            short = min(len(part.text) for part in run) <= _RUN_LETTERS
            if (short or (whole and len(run) == _TWO)) and not all(part.light for part in run):
                yield run
