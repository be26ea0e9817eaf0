"""What is wrong with the packs, what rests on nobody's reading, and where sources disagree.

A problem stops the build: a rule without a source or an example, an example the rule does not bear out, days that
overlap. What is unverified or disputed is no problem but is shown, and passes nothing by itself (kyc/papers/check.py).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import msgspec

from kyc.identifiers import digits
from kyc.packs import catalogue, rule
from kyc.packs.catalogue import Catalogue
from kyc.packs.pack import (
    Age,
    Chip,
    Claim,
    CriminalRecord,
    Diploma,
    Legalisation,
    Names,
    Number,
    Pack,
    Police,
    Registers,
    Rule,
    Translation,
    Transliteration,
    Zone,
)

#: What every country's pack says something about.
NEEDED = ("legalisation", "zone", "names", "police", "chip")
#: Kinds of sources, the best first.
_KINDS = ("official", "law", "data", "press")
#: Which of its fields says in short what a rule is.
_GONE_BY = ("regime", "issuer", "order", "scheme", "days_max")


class Problem(msgspec.Struct, frozen=True):
    """Something wrong with a rule of a country."""

    country: str
    rule: str
    what: str


class Saying(msgspec.Struct, frozen=True):
    """What a source says, and where."""

    source: str
    says: str
    treaty: str
    publisher: str
    url: str | None
    checked: str | None


class Conflict(msgspec.Struct, frozen=True):
    """A rule about which sources disagree; `taken` is what we go by until somebody settles it."""

    country: str
    rule: str
    taken: str
    valid_from: str
    note: str
    claims: tuple[Saying, ...]


class Report(msgspec.Struct, frozen=True):
    """What the linter found. `rests_on` counts rules by the best kind of source that was read and agrees."""

    version: str
    countries: int
    rules: int
    examples: int
    rests_on: dict[str, int]
    problems: tuple[Problem, ...]
    unverified: tuple[Problem, ...]
    disputed: tuple[Problem, ...]


def lint(packs: Catalogue) -> Report:
    """Look at every rule of every country, and at those for everybody."""
    all_rules = [(pack, about, each) for pack in _packs(packs) for about, each in pack.rules()]
    return Report(
        version=catalogue.VERSION,
        countries=len(packs.packs),
        rules=len(all_rules),
        examples=sum(len(_examples(each)) for *_, each in all_rules),
        rests_on=dict(Counter(sorted(_rests_on(packs, each) for *_, each in all_rules))),
        problems=tuple(problem for pack in _packs(packs) for problem in _problems(packs, pack)),
        unverified=tuple(
            Problem(pack.country, about, _named(each))
            for pack, about, each in all_rules
            if each.claims and _are_known(packs, each) and not packs.is_sourced(each)
        ),
        disputed=tuple(Problem(each.country, each.rule, each.taken) for each in conflicts(packs)),
    )


def _rests_on(packs: Catalogue, each: Rule) -> str:
    """Name the best kind among the sources that were read and say what the rule says."""
    kinds = {
        source.kind
        for claim in each.claims
        if catalogue.agrees(each, claim) and (source := packs.sources.get(claim.source)) and source.checked
    }
    return next((kind for kind in _KINDS if kind in kinds), "nothing")


def conflicts(packs: Catalogue) -> tuple[Conflict, ...]:
    """List the rules about which sources disagree, with what each of them says."""
    return tuple(
        Conflict(
            country=pack.country,
            rule=about,
            taken=_taken(each),
            valid_from=each.valid_from.isoformat(),
            note=each.note,
            claims=tuple(_saying(packs, each, claim) for claim in each.claims),
        )
        for pack in _packs(packs)
        for about, each in pack.rules()
        if catalogue.is_disputed(each)
    )


def _saying(packs: Catalogue, of: Rule, claim: Claim) -> Saying:
    source = packs.sources[claim.source]
    return Saying(
        source=claim.source,
        says=str(claim.says or claim.differs or _taken(of)),
        treaty=claim.treaty,
        publisher=source.publisher,
        url=source.url,
        checked=source.checked.isoformat() if source.checked else None,
    )


def _taken(each: Rule) -> str:
    """Say in a word or two what we go by."""
    return next((str(getattr(each, name)) for name in _GONE_BY if hasattr(each, name)), "")


def _packs(packs: Catalogue) -> Iterator[Pack]:
    yield packs.every
    yield from packs.packs.values()


def _problems(packs: Catalogue, pack: Pack) -> Iterator[Problem]:
    if pack is not packs.every:
        for section in NEEDED:
            if not getattr(pack, section):
                yield Problem(pack.country, section, "says nothing")
    by_about: dict[str, list[Rule]] = defaultdict(list)
    for about, each in pack.rules():
        by_about[about].append(each)
        for what in _wrong(packs, each):
            yield Problem(pack.country, about, what)
    for about, rules in by_about.items():
        for earlier, later in pairwise(sorted(rules, key=lambda each: each.valid_from)):
            if earlier.valid_to is None or earlier.valid_to > later.valid_from:
                yield Problem(pack.country, about, f"two rules are in force on {later.valid_from}")


def _wrong(packs: Catalogue, each: Rule) -> Iterator[str]:
    if each.valid_to is not None and each.valid_to <= each.valid_from:
        yield "ends before it begins"
    if not each.claims:
        yield "has no source"
    for claim in each.claims:
        if claim.source not in packs.sources:
            yield f"names the unknown source {claim.source}"
    for claim in each.claims:
        source = packs.sources.get(claim.source)
        if source and (source.checked is not None) != (source.url is not None):
            yield f"the source {claim.source} has a day without an address, or an address that nobody read"
    yield from _untold(packs, each)


def _untold(packs: Catalogue, each: Rule) -> Iterator[str]:
    """Say what its examples do not bear out."""
    if isinstance(each, Transliteration) and each.scheme not in packs.schemes:
        yield f"names the unknown scheme {each.scheme}"
    elif isinstance(each, Number) and each.validator not in digits.VALIDATORS:
        yield f"names the unknown validator {each.validator}"
    elif not _examples(each):
        yield "has no example"
    else:
        told = _TOLD[type(each)]
        for example in _examples(each):
            if (gives := told(packs, each, example)) is not True:
                yield f"its example {msgspec.json.encode(example).decode()} gives {gives}"


def _are_known(packs: Catalogue, each: Rule) -> bool:
    return all(claim.source in packs.sources for claim in each.claims)


def _named(each: Rule) -> str:
    return ", ".join(dict.fromkeys(claim.source for claim in each.claims))


def _examples(each: Rule) -> tuple[Any, ...]:
    found: tuple[Any, ...] = getattr(each, "examples", ())
    return found


def _same(found: object, wanted: object) -> object:
    """Say True, or what came instead."""
    return True if found == wanted else found


def _names(each: Names, example: Any) -> object:  # noqa: ANN401  the examples of each kind of rule
    father, alone = rule.patronymic(each, example.given), rule.bare(each, example.surname)
    return _same((father, alone), (example.patronymic, example.bare))


def _spelt(packs: Catalogue, each: Transliteration, example: Any) -> object:  # noqa: ANN401  as above
    found = rule.spellings(each, packs.schemes, example.written)
    return True if found.issuperset(example.gives) else sorted(found)


_Told = Callable[[Catalogue, Any, Any], object]
#: How an example of each kind of rule is tried: True, or what came instead.
_TOLD: dict[type[Rule], _Told] = {
    Legalisation: lambda _, each, one: _same(rule.legalised(each, one.mark), one.gives),
    Zone: lambda _, each, one: _same(rule.stands_for(each, one.printed), one.gives),
    Names: lambda _, each, one: _names(each, one),
    Transliteration: _spelt,
    Number: lambda _, each, one: _same(rule.valid(each, one.number), one.valid),
    Diploma: lambda _, each, one: _same(rule.recognised(each, one.ranks, one.issued_on), one.gives),
    Age: lambda _, each, one: _same(rule.fresh(each, one.days), one.gives),
    Police: lambda _, each, one: _same(rule.is_issuer(each, one.named), one.gives),
    CriminalRecord: lambda _, each, one: _same(rule.lacking(each, one.nationalities, one.given), one.missing),
    Chip: lambda _, each, one: _same(rule.is_listed(each, one.list), one.gives),
    Translation: lambda _, each, one: _same(
        rule.translated(each, one.language, one.translated_to, notarised=one.notarised), one.gives
    ),
    Registers: lambda _, each, one: _same(rule.is_asked(each, one.kind), one.asked),
}
