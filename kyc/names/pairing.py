"""Each word of a name with its counterpart in another, the cheapest first; and what has none.

Words may have been run together or torn apart (`Jan Daniel` and `JanDaniel`, `van der Bilt` and `Vanderbilt`), and a
word of capitals may stand for the words that it begins (`PLA`).
"""

import itertools
from collections.abc import Sequence

import msgspec

from kyc.names import sounds
from kyc.names.alike import SCALE, How, bare, judge, spelt
from kyc.names.name import Name
from kyc.names.part import Part, Role

# From here on a counterpart is none.
_COUNTERPART = 0.9
_RUN_COUNTERPART = 0.5
_RUN_MAX = 4
_RUN_SLACK = 3
_BARE_SLACK = 8
_BARE_MAX = 32
_ACRONYM = 0.3
_ACRONYM_LETTERS = range(2, 7)
# A child's name and a father's are one last: only where neither has a better counterpart.
_CROSSING = 0.05
_REPEATED = 0.05


class Pair(msgspec.Struct, frozen=True):
    """Words of one name that are words of the other, by their places; `price` 0 to 1."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    price: float
    how: How
    crossed: bool = False


class Pairing(msgspec.Struct, frozen=True):
    """Two names side by side, in weights of words: 1 is a word of five letters or more.

    `slips` is what the differences inside of pairs weigh, `conflict` what stands against each other on both sides,
    `extra` what is too much on one; `crossed` counts fathers that are children on the other side.
    """

    pairs: tuple[Pair, ...]
    left_rest: tuple[Part, ...]
    right_rest: tuple[Part, ...]
    matched: float
    slips: float
    conflict: float
    extra: float
    crossed: int
    moved: bool


def pair(left: Name, right: Name) -> Pairing:
    """Pair the words of two names."""
    pairs = _chosen(_possible(left, right))
    left_places = {place for each in pairs for place in each.left}
    right_places = {place for each in pairs for place in each.right}
    left_rest = _rest(left.parts, left_places)
    right_rest = _rest(right.parts, right_places)
    ours, theirs = _weight(left_rest), _weight(right_rest)
    more, paired = (left_rest, left.parts) if ours > theirs else (right_rest, right.parts)
    places = left_places if ours > theirs else right_places
    extra = min(abs(ours - theirs), sum(part.extra for part in more if not _repeats(part, paired, places)))
    return Pairing(
        pairs=tuple(pairs),
        left_rest=left_rest,
        right_rest=right_rest,
        matched=sum(_weigh(each, left, right) for each in pairs),
        slips=sum(each.price * _weigh(each, left, right) for each in pairs),
        conflict=min(ours, theirs),
        extra=extra,
        crossed=sum(each.crossed for each in pairs),
        moved=not left.told and not right.told and _moved(pairs, left, right),
    )


def _possible(left: Name, right: Name) -> list[tuple[float, int, Pair]]:
    """Give all pairs that could be, with what they are ranked by."""
    found: list[tuple[float, int, Pair]] = []
    for place, ours in enumerate(left.parts):
        for other, theirs in enumerate(right.parts):
            if ours.light and theirs.light:
                continue
            price, how = judge(ours, theirs)
            if price >= _COUNTERPART or (price and (ours.light or theirs.light)):
                continue
            crossed = (ours.role is Role.FATHER) is not (theirs.role is Role.FATHER)
            rank = price + _CROSSING * crossed + (ours.light or theirs.light)
            found.append((rank, abs(place - other), Pair((place,), (other,), price, how, crossed)))
    if len(left.parts) > 1:
        found += [(each.price, 0, each) for each in _runs(left.parts, right.parts)]
    if len(right.parts) > 1:
        found += [(each.price, 0, _turned(each)) for each in _runs(right.parts, left.parts)]
    if left.organisation:
        found += [(each.price, 0, each) for each in _acronyms(left.parts, right.parts)]
        found += [(each.price, 0, _turned(each)) for each in _acronyms(right.parts, left.parts)]
    return found


def _chosen(possible: list[tuple[float, int, Pair]]) -> list[Pair]:
    chosen: list[Pair] = []
    left: set[int] = set()
    right: set[int] = set()
    for _, _, each in sorted(
        possible, key=lambda ranked: (ranked[0], -len(ranked[2].left + ranked[2].right), ranked[1])
    ):
        if left.isdisjoint(each.left) and right.isdisjoint(each.right):
            chosen.append(each)
            left.update(each.left)
            right.update(each.right)
    return chosen


def _runs(torn: Sequence[Part], whole: Sequence[Part]) -> list[Pair]:
    """Find words of one side that are one word of the other."""
    known = {part.text for part in whole}
    possible = [place for place, part in enumerate(whole) if not part.light and (part.plain or part.skeleton)]
    longest = max((len(whole[place].text) for place in possible), default=0) + _RUN_SLACK
    found = []
    for start in range(len(torn) - 1):
        for end in range(start + 2, min(start + _RUN_MAX, len(torn)) + 1):
            run = torn[start:end]
            text = "".join([part.text for part in run])
            if len(text) > longest or not (run[-1].telling and run[-2].telling):
                break
            if run[0].text in known and run[-1].text in known:
                continue
            for place in possible:
                price = _joined(run, text, whole[place])
                if price < _RUN_COUNTERPART:
                    found.append(Pair(tuple(range(start, end)), (place,), price, How.JOINED))
    return found


def _joined(run: Sequence[Part], text: str, whole: Part) -> float:
    """Compare words written as one with a word, by consonants where one side is written without vowels."""
    if abs(len(text) - len(whole.text)) > (_BARE_SLACK if whole.skeleton else _RUN_SLACK):
        return 1.0
    price, _ = spelt((sounds.fold(text), text), whole.folds)
    if whole.skeleton is all(part.skeleton for part in run) or not all(part.bones[0] for part in run if part.weight):
        return price
    together = itertools.islice(itertools.product(*[part.bones for part in run]), _BARE_MAX)
    return min(price, SCALE.skeleton + bare(tuple(map("".join, together)), whole.bones))


def _acronyms(short: Sequence[Part], long: Sequence[Part]) -> list[Pair]:
    """Find a word whose letters begin words of the other side, one after the other."""
    spoken = [place for place, part in enumerate(long) if not part.light]
    initials = "".join(long[place].text[:1] for place in spoken)
    found = []
    for place, part in enumerate(short):
        if len(part.text) in _ACRONYM_LETTERS and not part.light and (start := initials.find(part.text)) >= 0:
            found.append(Pair((place,), tuple(spoken[start : start + len(part.text)]), _ACRONYM, How.ACRONYM))
    return found


def _turned(each: Pair) -> Pair:
    return Pair(each.right, each.left, each.price, each.how, each.crossed)


def _weigh(each: Pair, left: Name, right: Name) -> float:
    """Weigh a pair by its heavier side; words run together weigh as one."""
    parts = [left.parts[place] for place in each.left] + [right.parts[place] for place in each.right]
    return max(part.weight for part in parts)


def _weight(parts: Sequence[Part]) -> float:
    return sum(part.weight for part in parts)


def _rest(parts: Sequence[Part], places: set[int]) -> tuple[Part, ...]:
    return tuple(part for place, part in enumerate(parts) if place not in places and not part.light)


def _repeats(part: Part, parts: Sequence[Part], places: set[int]) -> bool:
    return any(judge(part, parts[place])[0] < _REPEATED for place in places)


def _moved(pairs: Sequence[Pair], left: Name, right: Name) -> bool:
    """Whether words stand in another order than on the other side, where both sides take them for names."""
    spoken = [each for each in pairs if not (left.parts[each.left[0]].light or right.parts[each.right[0]].light)]
    order = [each.right[0] for each in sorted(spoken, key=lambda each: each.left)]
    return order != sorted(order)
