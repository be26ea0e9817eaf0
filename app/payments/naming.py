"""A payee's name: what of it a payer is shown, and how well the name the payer typed fits it.

The answers are those of confirmation of payee (Pay.UK) and verification of payee (Regulation (EU) 2024/886, art. 1):
match, close match, no match. Both meet in the letters of passports (kyc/names/latin.py), so `Айгерім` is `AIGERIM`.
"""

import enum

from rapidfuzz.distance import DamerauLevenshtein

from kyc import names
from kyc.document import Person

#: One slip in a word of at least four letters is a slip; in a shorter one it is another name.
_SLIPS = ((8, 2), (4, 1))


class Match(enum.StrEnum):
    """How well a typed name fits."""

    MATCH = "match"
    CLOSE = "close_match"
    NONE = "no_match"
    #: The payee does not let payers check the name.
    UNAVAILABLE = "unavailable"


def masked(person: Person) -> str:
    """Write a name for those who know it anyway: `AIGERIM S.`."""
    given, surname = person.given.split(), person.surname.split()
    initial = f"{surname[0][0]}." if surname else ""
    return " ".join([*given[:1], initial]).strip() if given else " ".join(surname[:1])


def full(person: Person) -> str:
    """Write a name as it is compared."""
    return names.normalise(f"{person.given} {person.surname}")


def match(typed: str, known: str) -> Match:
    """Compare what was typed with the normalised full name, in whatever order its words are.

    All words of the name are a match, further given names may be missing. A slip of the finger, an initial or a part
    of the name is close.
    """
    asked, words = names.normalise(typed).split(), known.split()
    if not asked or not words:
        return Match.NONE
    shortened = len(set(asked)) == len(asked) > 1 and {words[0], words[-1]} <= set(asked) <= set(words)
    if shortened or sorted(asked) == sorted(words):
        return Match.MATCH
    left = list(words)
    for word in asked:
        near = next((each for each in left if _near(word, each)), None)
        if near is None:
            return Match.NONE
        left.remove(near)
    # Two initials would fit half the country.
    return Match.CLOSE if any(len(word) > 1 for word in asked) else Match.NONE


def _near(typed: str, word: str) -> bool:
    if typed == word or (len(typed) == 1 and word.startswith(typed)):
        return True
    slips = next((slips for length, slips in _SLIPS if len(word) >= length), 0)
    return DamerauLevenshtein.distance(typed, word, score_cutoff=slips) <= slips
