"""Every word that the names of the lists are made of, held once, and found by a word that is spelt in another way.

A word has keys: itself with one letter missing, or its consonants with one missing; two words one edit apart share a
key. Keys are held as checksums in one sorted array; what a checksum finds by accident, the comparison of the words
throws out.
"""

import bisect
import functools
import zlib
from array import array
from collections.abc import Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA

from kyc.names import sounds
from kyc.names.alike import short_forms, spelt
from kyc.names.part import Part, Role

#: Words of the lists and the price of each, 0 to 1.
Near = dict[int, float]

_PRICE_MAX = 0.65
_RUN_PRICE_MAX = 0.2
_ALIKE_MIN = 0.55
_CONSONANTS_KEYED = 3
_CONSONANTS_FEW = 4
_HALF_MIN = 3
_CACHED = 1 << 15
_LOW = (1 << 32) - 1


class Vocabulary:
    """Words by number: `weights` of each, and who bears it."""

    def __init__(self) -> None:
        """Start empty; `close` makes it ready to be asked."""
        self.weights = array("f")
        self._words: list[tuple[str, ...]] = []
        self._numbers: dict[tuple[tuple[str, ...], float], int] = {}
        self._keyed_words: list[int] = []
        self._keys = array("I")
        self._keyed = array("I")
        self._bearer_starts = array("I")
        self._bearers = array("I")
        self._forget()

    def add(self, folds: tuple[str, ...], weight: float) -> int:
        """Take a word in, or find it; gives its number."""
        if (known := self._numbers.get((folds, weight))) is not None:
            return known
        number = len(self._words)
        self._words.append(folds)
        self._numbers[folds, weight] = number
        self.weights.append(weight)
        self._keyed_words += [key << 32 | number for key in _keys(folds)]
        return number

    def add_run(self, run: Sequence[Part]) -> int:
        """Take in words that may be written as one."""
        return self.add(_written(run), sum(part.weight for part in run))

    def close(self, starts: Sequence[int], words: Sequence[int]) -> None:
        """Take who bears which word: the words of name N stand from starts[N] to starts[N + 1]."""
        self._keyed_words.sort()
        self._keys = array("I", [each >> 32 for each in self._keyed_words])
        self._keyed = array("I", [each & _LOW for each in self._keyed_words])
        self._keyed_words, self._numbers = [], {}
        counts = [0] * (len(self._words) + 1)
        for word in words:
            counts[word + 1] += 1
        for place in range(1, len(counts)):
            counts[place] += counts[place - 1]
        self._bearer_starts = array("I", counts)
        bearers = array("I", bytes(4 * len(words)))
        for name in range(len(starts) - 1):
            for word in words[starts[name] : starts[name + 1]]:
                bearers[counts[word]] = name
                counts[word] += 1
        self._bearers = bearers

    def bearers(self, word: int) -> "array[int]":
        """Give the numbers of the names that have a word."""
        return self._bearers[self._bearer_starts[word] : self._bearer_starts[word + 1]]

    def bearing(self, group: Near) -> set[int]:
        """Give the names that have one of the words."""
        return set[int]().union(*map(self.bearers, group))

    def commonness(self, group: Near) -> int:
        """Say how many names have one of the words."""
        starts = self._bearer_starts
        return sum(starts[word + 1] - starts[word] for word in group)

    def near(self, part: Part) -> Near:
        """Give the words that a word may be."""
        return self._near(part.sought, exact=part.role in {Role.INITIAL, Role.NUMBER})

    def near_run(self, run: Sequence[Part]) -> Near:
        """Give the words that several may be, written as one."""
        return {
            word: price for word, price in self._near(_written(run), exact=False).items() if price <= _RUN_PRICE_MAX
        }

    def halves(self, part: Part) -> tuple[tuple[Near, Near], ...]:
        """Give the pairs of words that a long word may be when a space is missing in it, each as it is written."""
        return self._halves(part.folds[0]) if part.plain else ()

    def _cut(self, fold: str) -> tuple[tuple[Near, Near], ...]:
        cuts = range(_HALF_MIN, len(fold) - _HALF_MIN + 1)
        found = ((self._written(fold[:cut]), self._written(fold[cut:])) for cut in cuts)
        return tuple(
            (dict.fromkeys(ours, 0.0), dict.fromkeys(others, 0.0)) for ours, others in found if ours and others
        )

    def _written(self, fold: str) -> list[int]:
        return [number for number in self._sharing((_first_key(fold),)) if self._words[number][0] == fold]

    def _look(self, folds: tuple[str, ...], *, exact: bool) -> Near:
        found = self._sharing(_keys(folds))
        if exact:
            return {number: 0.0 for number in found if self._words[number] == folds}
        near: Near = {}
        numbers = list(found)
        first = [self._words[number][0] for number in numbers]
        for fold in dict.fromkeys(folds):
            for _, _, place in process.extract(
                fold, first, scorer=OSA.normalized_similarity, score_cutoff=_ALIKE_MIN, limit=None, processor=None
            ):
                price, _ = spelt(folds, self._words[numbers[place]])
                if price <= _PRICE_MAX:
                    near[numbers[place]] = price
        for other in short_forms(folds[0]):
            for number in self._written(other):
                near.setdefault(number, spelt(folds, self._words[number])[0])
        return near

    def _sharing(self, keys: Sequence[int]) -> set[int]:
        found: set[int] = set()
        held = self._keys
        for key in keys:
            start = bisect.bisect_left(held, key)
            found.update(self._keyed[start : bisect.bisect_right(held, key, start)])
        return found

    def __getstate__(self) -> dict[str, object]:
        """Leave out what is remembered of questions."""
        return {name: value for name, value in vars(self).items() if name not in {"_near", "_halves"}}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._forget()

    def _forget(self) -> None:
        self._near = functools.lru_cache(maxsize=_CACHED)(self._look)
        self._halves = functools.lru_cache(maxsize=_CACHED)(self._cut)


def _written(run: Sequence[Part]) -> tuple[str, ...]:
    """Write words as one."""
    return (sounds.fold("".join([part.text for part in run])),)


def _first_key(fold: str) -> int:
    """Give the key that the word itself has, whatever its spelling."""
    bones = sounds.bones(fold)
    return zlib.crc32((fold if len(bones) <= _CONSONANTS_FEW else f"{bones}.").encode())


def _keys(folds: tuple[str, ...]) -> list[int]:
    """Give the keys of a word: of few consonants by letters, of many by consonants."""
    keys: dict[str, None] = {}
    for fold in folds:
        bones = sounds.bones(fold)
        if len(bones) <= _CONSONANTS_FEW:
            keys[fold] = None
            keys.update(dict.fromkeys([fold[:at] + fold[at + 1 :] for at in range(len(fold))]))
        if len(bones) >= _CONSONANTS_KEYED and f"{bones}." not in keys:
            keys[f"{bones}."] = None
            if len(bones) > _CONSONANTS_FEW:
                keys.update(dict.fromkeys([f"{bones[:at]}{bones[at + 1 :]}." for at in range(len(bones))]))
    return [zlib.crc32(key.encode()) for key in keys]
