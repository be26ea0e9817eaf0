"""What one rule says of one case: small pure functions, for the checks and for the linter on every rule's examples."""

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import product

from kyc import states
from kyc.identifiers import digits
from kyc.packs.pack import (
    Age,
    Chip,
    CriminalRecord,
    Diploma,
    Kind,
    Legalisation,
    Mark,
    Names,
    Number,
    Outcome,
    Police,
    Regime,
    Registers,
    Translation,
    Transliteration,
    Zone,
)

_SPELLINGS_MAX = 64
RANKINGS = frozenset({"qs", "arwu", "the"})


def legalised(rule: Legalisation, mark: Mark) -> Outcome:
    """Whether a paper with this mark counts; another mark than the one that is asked for is looked at by a person."""
    if rule.regime in {Regime.TREATY, Regime.NONE}:
        return Outcome.PASS
    if mark is Mark.NONE:
        return Outcome.FAIL
    wanted = Mark.APOSTILLE if rule.regime is Regime.APOSTILLE else Mark.CONSULAR
    return Outcome.PASS if mark is wanted else Outcome.REVIEW


def stands_for(rule: Zone, printed: str) -> str | None:
    """Give the country that a code in the MRZ stands for, if it is one of the rule's."""
    code = printed.rstrip("<")
    return states.letters(code) if code.ljust(3, "<") in rule.codes else None


def patronymic(rule: Names, given: str) -> str:
    """Find the patronymic among given names: a word with its ending, or a word that says it with the one beside it."""
    words = given.upper().split()
    for nth, word in enumerate(words):
        if word in rule.patronymic_words:
            # "Ulugbek ogli" stands before its word, "bin Muhammad" after it.
            after = word in _BEFORE_THE_FATHER
            beside = words[nth + 1 : nth + 2] if after else words[nth - 1 : nth] if nth else []
            return " ".join([word, *beside] if after else [*beside, word])
    last = words[-1] if len(words) > 1 else ""
    return last if last.endswith(tuple(rule.patronymic_endings) or ("\0",)) else ""


def bare(rule: Names, surname: str) -> str:
    """Give a surname without the particles before it."""
    words = surname.upper().split()
    while len(words) > 1 and words[0] in rule.particles:
        words = words[1:]
    return " ".join(words)


def spellings(rule: Transliteration, schemes: Mapping[str, Mapping[str, tuple[str, ...]]], text: str) -> frozenset[str]:
    """Spell a name in Latin letters, in each way the rule knows; the first SPELLINGS_MAX of them."""
    letters = {**schemes[rule.scheme], **rule.letters}
    ways = [letters.get(letter, (letter,)) for letter in text.upper()]
    found: list[str] = []
    for chosen in product(*ways):
        found.append("".join(chosen))
        if len(found) == _SPELLINGS_MAX:
            break
    return frozenset(found)


def valid(rule: Number, number: str) -> bool:
    """Whether the number's own check digits are right."""
    return digits.VALIDATORS[rule.validator](number)


def recognised(rule: Diploma, ranks: Mapping[str, int], issued_on: date | None = None) -> Outcome:
    """Whether a diploma of an institution that rankings place so is recognised; where that is open, a person looks."""
    if rule.regime == "treaty" or (rule.free_before and issued_on and issued_on < rule.free_before):
        return Outcome.PASS
    if rule.regime == "nostrification" or rule.rank_max is None or rule.rankings_min is None:
        return Outcome.REVIEW
    placed = [rank for name, rank in ranks.items() if name in RANKINGS and rank >= 1]
    among = [rank for rank in placed if rank <= rule.rank_max]
    enough = len(among) >= rule.rankings_min and (len(placed) == len(RANKINGS) or not rule.in_all)
    return Outcome.PASS if enough else Outcome.REVIEW


def fresh(rule: Age, days: int) -> Outcome:
    """Whether a paper that was issued so many days before it was filed is young enough; one of tomorrow is none."""
    return Outcome.PASS if 0 <= days <= rule.days_max else Outcome.FAIL


def is_issuer(rule: Police, named: str) -> bool:
    """Whether somebody calls the issuer by a name the rule knows."""
    known = {each.casefold() for each in (rule.issuer, *rule.known_as)}
    return " ".join(named.casefold().split()) in known


def lacking(rule: CriminalRecord, nationalities: Iterable[str], given: Iterable[str]) -> tuple[str, ...]:
    """Name the countries whose certificate is missing; where one is enough, none is once there is any."""
    has, wanted = set(given), list(nationalities)
    if not rule.both_nationalities and has & set(wanted):
        return ()
    return tuple(country for country in wanted if country not in has)


def is_listed(rule: Chip, master_list: str) -> bool:
    """Whether the master list names the country's authorities."""
    return master_list in rule.lists


def translated(rule: Translation, language: str, into: str | None, *, notarised: bool) -> Outcome:
    """Whether a paper can be read: in a language of the rule, or by a translation into one that a notary certified."""
    if language in rule.languages:
        return Outcome.NOT_APPLICABLE
    if into not in rule.languages:
        return Outcome.FAIL
    return Outcome.PASS if notarised or not rule.notarised else Outcome.FAIL


def is_asked(rule: Registers | None, kind: Kind) -> bool:
    """Whether a paper is asked for at all."""
    return rule is None or kind not in rule.holds


_BEFORE_THE_FATHER = frozenset({"BIN", "IBN", "BINT", "BEN"})
