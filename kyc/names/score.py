"""How far two names are one name, and why: every difference has its price.

reads      kyc/names/name.py    read()
pairs      kyc/names/pairing.py pair()            each word with its counterpart
scores     kyc/names/score.py   compare()         <- you are here

A name starts with 100 points. What is spelt differently, stands on one side only, or contradicts costs points; the
whole sum is the explanation. The order of the two names does not matter.
"""

from collections.abc import Iterator

import msgspec

from kyc.names import pairing
from kyc.names.alike import How
from kyc.names.entity import Kind, Reason
from kyc.names.name import Name, read
from kyc.names.pairing import Pairing
from kyc.names.part import Part, Role

#: The decision: from here on two names are taken for one.
THRESHOLD = 70
FULL = 100


class Prices(msgspec.Struct, frozen=True):
    """What differences cost, in points; found as docs/kyc/names.md says.

    `conflict` is the price of a word of five letters or more that stands against another; `missing` that of a person's
    name of which nothing but one word in many is said; `extra` nears what many words too many cost an organisation.
    """

    conflict: float = 66.0
    alone: float = 10.0
    missing: float = 52.0
    extra: float = 53.0
    extra_half: float = 0.5
    order: float = 5.0
    joined: float = 2.0
    fathers: float = 50.0
    child: float = 20.0
    form: float = 15.0
    backwards: float = 20.0


PRICES = Prices()
#: Two fathers that are children on the other side are another pair of people.
_CROSSED = 2
_BACKWARDS_FROM = 8
#: One word in common is nobody where the other side has more than this besides.
_ALONE = 0.5

_Cost = tuple[str, float]


class Match(msgspec.Struct, frozen=True):
    """How far two names are one, of 100, and what was found on the way."""

    score: int
    reasons: tuple[Reason, ...]


def compare(left: Name, right: Name) -> Match:
    """Compare two names."""
    left, right = same_kind(left, right)
    found = pairing.pair(left, right)
    costs = _costs(found, left, right)
    return Match(_score(costs), (*_paired(found, left, right), *_explained(costs, found, left, right)))


def score(left: Name, right: Name) -> int:
    """Give the score of two names without its reasons."""
    left, right = same_kind(left, right)
    return _score(_costs(pairing.pair(left, right), left, right))


def same_kind(left: Name, right: Name) -> tuple[Name, Name]:
    """Read both as an organisation's if one is."""
    if left.organisation is right.organisation:
        return left, right
    if left.organisation:
        return left, read(right.text, Kind.ORGANISATION)
    return read(left.text, Kind.ORGANISATION), right


def _score(costs: list[_Cost]) -> int:
    return max(0, round(FULL - sum(points for _, points in costs)))


def _costs(found: Pairing, left: Name, right: Name) -> list[_Cost]:
    """Sum up what the differences cost."""
    if not found.matched or (not left.organisation and all(each.how is How.INITIAL for each in found.pairs)):
        return _backwards(left, right) or [("nothing_alike", FULL)]
    costs = [
        ("spelling", PRICES.conflict * found.slips),
        ("conflict", PRICES.conflict * found.conflict),
        ("extra", _extra(found, organisation=left.organisation)),
        ("alone", PRICES.alone * (len(found.pairs) == 1 and found.extra > _ALONE and not left.organisation)),
        ("joined", PRICES.joined * sum(each.how is How.JOINED for each in found.pairs)),
        ("order", PRICES.order * found.moved),
        ("fathers", PRICES.fathers * (found.crossed >= _CROSSED and left.fathered and right.fathered)),
        ("child", PRICES.child * (found.crossed == 1 and _child(found, left, right))),
        ("form", PRICES.form * _other_form(left, right)),
    ]
    return [(code, points) for code, points in costs if points]


def _backwards(left: Name, right: Name) -> list[_Cost]:
    """Read a name from its end, as who hides from filters writes it: `rimidalV nituP`."""
    if min(len(left.text), len(right.text)) < _BACKWARDS_FROM:
        return []
    kind = Kind.ORGANISATION if left.organisation else Kind.PERSON
    turned = (pairing.pair(read(ours.text[::-1], kind), theirs) for ours, theirs in ((left, right), (right, left)))
    costs = [
        PRICES.backwards + PRICES.conflict * (found.slips + found.conflict)
        for found in turned
        if found.matched and not found.extra
    ]
    return [("backwards", min(costs))] if costs else []


def _extra(found: Pairing, *, organisation: bool) -> float:
    """Price what only one side says: of a person much is left out, of an organisation every word makes another one."""
    if organisation:
        return PRICES.extra * found.extra / (found.extra + PRICES.extra_half)
    return PRICES.missing * found.extra / (found.matched + found.conflict + found.extra)


def _child(found: Pairing, left: Name, right: Name) -> bool:
    """Whether one is the other's father: said to be one there, where the child's own name stands first and alone."""
    [crossed] = [each for each in found.pairs if each.crossed]
    if left.parts[crossed.left[0]].role is Role.FATHER:
        before, rest = left.parts[: crossed.left[0]], found.left_rest
    else:
        before, rest = right.parts[: crossed.right[0]], found.right_rest
    names = [part for part in before if part.role is Role.NAME]
    return bool(names) and all(part in rest for part in names)


def _other_form(left: Name, right: Name) -> bool:
    return bool(left.forms and right.forms) and set(left.forms).isdisjoint(right.forms)


def _paired(found: Pairing, left: Name, right: Name) -> Iterator[Reason]:
    for each in found.pairs:
        params = {"left": _said(left, each.left), "right": _said(right, each.right)}
        weight = max(part.weight for part in (left.parts[each.left[0]], right.parts[each.right[0]]))
        yield Reason(f"word.{each.how}", -round(PRICES.conflict * each.price * weight), params)


def _explained(costs: list[_Cost], found: Pairing, left: Name, right: Name) -> Iterator[Reason]:
    """Say what cost anything besides the spelling of words, which their pairs say."""
    params = {
        "conflict": {"left": _texts(found.left_rest), "right": _texts(found.right_rest)},
        "extra": {"left": _texts(found.left_rest), "right": _texts(found.right_rest)},
        "form": {"left": " ".join(left.forms), "right": " ".join(right.forms)},
    }
    for code, points in costs:
        if code != "spelling":
            yield Reason(f"name.{code}", -round(points), params.get(code, {}))


def _said(name: Name, places: tuple[int, ...]) -> str:
    return " ".join(name.parts[place].text for place in places)


def _texts(parts: tuple[Part, ...]) -> str:
    return " ".join(part.text for part in parts)
