"""Words that stand in names without being names: particles, titles, legal forms, numbers; and short forms of names.

The words are data, kyc/names/words.toml, written as kyc/names/name.py writes words: Latin, lower case, no marks.
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

_TABLE = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))


def _words(key: str) -> frozenset[str]:
    return frozenset(_TABLE[key].split())


def _by_word(table: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return ((word, meant) for meant, words in table.items() for word in words.split())


#: Between a child and the father, who comes after; and after the father's own name.
FATHER_AFTER = _words("father_after")
FATHER_BEFORE = _words("father_before")
#: Endings that make a father's name of a name.
FATHER_ENDINGS = tuple(_TABLE["father_endings"].split())
#: Those of them that say a daughter.
DAUGHTER_ENDINGS = tuple(_TABLE["daughter_endings"].split())
#: What many surnames end in, folded, the longest first; being alike in it is no likeness.
FAMILY_ENDINGS = tuple(sorted(_TABLE["family_endings"].split(), key=len, reverse=True))
PARTICLES = _words("particles")
TITLES = _words("titles")
VESSELS = _words("vessels")
#: Words by which an organisation is recognised.
OF_ORGANISATIONS = _words("of_organisations")
#: Legal forms as words one after the other, and the form that they are alike to.
FORMS = {tuple(form.split("_")): alike for form, alike in _by_word(_TABLE["forms"])}
LONGEST_FORM = max(map(len, FORMS))
#: Forms that are also words or particles of people's names: forms only where a name starts or ends.
ALSO_WORDS = _words("also_words")
ABBREVIATIONS: dict[str, str] = _TABLE["abbreviations"]
NUMBERS = dict(_by_word(_TABLE["numbers"]))
TENS = {word: int(tens) for word, tens in _by_word(_TABLE["tens"])}
ROMAN = {
    f"{tens}{ones}": str(10 * ten + one)
    for ten, tens in enumerate(("", "x", "xx", "xxx"))
    for one, ones in enumerate(("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"))
    if ten + one
}
#: How Korean syllables are usually written besides their romanisation.
KOREAN: dict[str, str] = _TABLE["korean"]
#: A tuple for each name that is written in ways that no rule of sounds makes one.
SPELLINGS = tuple(tuple(line.split()) for line in _TABLE["given"]["spellings"].strip().splitlines())
#: A tuple for each given name whose short forms people use.
SHORT_FORMS = tuple(tuple(line.split()) for line in _TABLE["given"]["short_forms"].strip().splitlines())
