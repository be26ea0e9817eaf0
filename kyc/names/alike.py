"""How far two words of names are apart, from 0 (one word) to 1 (nothing in common), and in what way.

Half of an edit is counted among the letters and half among the consonants, so that a vowel, which every transcription
writes as it likes, costs half as much. What all names of a people end in (-shvili, -dottir, -zai) tells nobody apart
and is not counted as being alike.
"""

import enum
import functools
import math
from collections.abc import Iterator

import msgspec
from rapidfuzz.distance import OSA, Levenshtein

from kyc.names import sounds, words
from kyc.names.part import Part, Role


class How(enum.StrEnum):
    """In what way two words are one, or that they are not."""

    EXACT = "exact"
    TRANSLITERATION = "transliteration"
    PHONETIC = "phonetic"
    SPELLING = "spelling"
    SHORT_FORM = "short_form"
    INITIAL = "initial"
    JOINED = "joined"
    ACRONYM = "acronym"
    OTHER = "other"


class Scale(msgspec.Struct, frozen=True):
    """What the ways cost. An edit distance of `apart` of the word's length makes another word of it."""

    apart: float = 0.5
    bend: float = 1.5
    consonants: float = 0.5
    initial: float = 0.12
    short_form: float = 0.1
    skeleton: float = 0.06
    number: float = 0.6


SCALE = Scale()

_Judged = tuple[float, How]
_OTHER: _Judged = (1.0, How.OTHER)
_SHORT: dict[str, frozenset[int]] = {}
for _line, _forms in enumerate(words.SHORT_FORMS):
    for _form in _forms:
        _SHORT[sounds.fold(_form)] = _SHORT.get(sounds.fold(_form), frozenset()) | {_line}
_SPELLING = {sounds.fold(each): line[0] for line in words.SPELLINGS for each in line}
_NOBODY: frozenset[int] = frozenset()
_BONES_MIN = 2
_ONE_CONSONANT = 0.24


def judge(left: Part, right: Part) -> _Judged:
    """Say how far apart two words are, and how they are one."""
    if left.text == right.text and left.sign == right.sign:
        return 0.0, How.EXACT
    if left.father and right.father and not _siblings(left, right):
        return min(_compared(left, right), spelt(left.father, right.father))
    return _compared(left, right)


def _siblings(left: Part, right: Part) -> bool:
    """Whether the marks of the father say a son here and a daughter there: Petrovich, Petrovna."""
    both = left.role is right.role is Role.PATRONYMIC
    return both and left.text.endswith(words.DAUGHTER_ENDINGS) is not right.text.endswith(words.DAUGHTER_ENDINGS)


def _compared(left: Part, right: Part) -> _Judged:
    if left.plain and right.plain:
        return spelt(left.folds, right.folds)
    return _special(left, right)


def _special(left: Part, right: Part) -> _Judged:
    if left.sign and right.sign:
        return _OTHER
    if left.role is Role.NUMBER or right.role is Role.NUMBER:
        return (SCALE.number, How.OTHER) if left.role is right.role else _OTHER
    if left.role is Role.INITIAL or right.role is Role.INITIAL:
        return (SCALE.initial, How.INITIAL) if _begins(left, right) or _begins(right, left) else _OTHER
    if left.skeleton is not right.skeleton:
        return _unvoiced(left, right)
    return spelt(left.folds, right.folds)


def _begins(initial: Part, word: Part) -> bool:
    """Whether a word begins with an initial, as it is written or as it sounds: P. and S. are Philip and Shamil."""
    if initial.role is not Role.INITIAL:
        return False
    return any(whole.startswith(letter) for letter in initial.folds for whole in word.folds)


def _unvoiced(left: Part, right: Part) -> _Judged:
    """Compare consonants where one side has nothing else, and by letters what has no consonants: Yahya."""
    price = bare(left.bones, right.bones)
    if "" in left.bones and "" in right.bones:
        price = min(price, *(_edited(ours, theirs)[0] for ours in left.folds for theirs in right.folds))
    return min(1.0, SCALE.skeleton + price), How.TRANSLITERATION


@functools.lru_cache(maxsize=1 << 17)
def spelt(left: tuple[str, ...], right: tuple[str, ...]) -> _Judged:
    """Compare the spellings of two words, by sound and, the last of each, by letter; the nearest pair counts."""
    if not set(left).isdisjoint(right):
        return 0.0, How.TRANSLITERATION
    if _SPELLING.get(left[0]) == _SPELLING.get(right[0], ""):
        return 0.0, How.TRANSLITERATION
    if _SHORT.get(left[0], _NOBODY) & _SHORT.get(right[0], _NOBODY):
        return SCALE.short_form, How.SHORT_FORM
    if len(left) == len(right) == 1:
        return _edited(left[0], right[0])
    heard = {(ours, theirs) for ours in left[:-1] or left for theirs in right[:-1] or right}
    return min(_edited(*each) for each in heard | {(left[-1], right[-1])})


def short_forms(fold: str) -> Iterator[str]:
    """Give the other forms of a folded given name, where it has any."""
    for line in _SHORT.get(fold, _NOBODY):
        yield from map(sounds.fold, words.SHORT_FORMS[line])
    if (spelling := _SPELLING.get(fold)) is not None:
        yield from (each for each, known in _SPELLING.items() if known == spelling)


def _edited(left: str, right: str) -> _Judged:
    shared = _shared_ending(left, right)
    longest = max(len(left), len(right)) - shared
    left_bones, right_bones = sounds.bones(left), sounds.bones(right)
    letters = OSA.distance(left, right)
    consonants = OSA.distance(left_bones, right_bones)
    edits = (1 - SCALE.consonants) * letters + SCALE.consonants * consonants
    return _steep(edits / longest), How.SPELLING if consonants else How.PHONETIC


def _shared_ending(left: str, right: str) -> int:
    if left[-2:] != right[-2:] or not left.endswith(words.FAMILY_ENDINGS):
        return 0
    for ending in words.FAMILY_ENDINGS:
        if left.endswith(ending) and right.endswith(ending):
            return len(ending) if min(len(left), len(right)) > len(ending) else 0
    return 0


@functools.lru_cache(maxsize=1 << 16)
def bare(left: tuple[str, ...], right: tuple[str, ...]) -> float:
    """Compare the consonants of two words, the nearest readings of each; one alone says little, none nothing."""
    return min(_bare(ours, theirs) for ours in left for theirs in right)


def _bare(left: str, right: str) -> float:
    longest = max(len(left), len(right))
    if longest < _BONES_MIN:
        return _ONE_CONSONANT if left and left == right else 1.0
    return _steep(Levenshtein.distance(left, right) / longest)


def _steep(share: float) -> float:
    """Price a share of edited letters: a slip costs little, and soon it is another word."""
    return min(1.0, math.exp(SCALE.bend * math.log(share / SCALE.apart))) if share else 0.0
