"""A name taken apart: its words, and what each is in it.

reads      kyc/names/name.py    read()            <- you are here
words      kyc/names/part.py    of()
compares   kyc/names/score.py   compare()

A father's name has a role of its own, for whose child somebody is tells namesakes apart: `bin`, `oglu`, `-ovich`.
"""

from collections.abc import Sequence

import msgspec

from kyc.names import organisation, part, words
from kyc.names.entity import Kind
from kyc.names.part import Part, Role

_PATRONYMIC_LETTERS_MIN = 7
#: A father's mark between two names, and a short form of Benjamin where a name starts with it.
_BEN = "ben"


class Name(msgspec.Struct, frozen=True):
    """A name as it was written and its parts in the order of speech; `forms` are the legal forms that it says.

    `told` where a comma told which word is the surname.
    """

    text: str
    parts: tuple[Part, ...]
    forms: tuple[str, ...] = ()
    organisation: bool = False
    told: bool = False

    @property
    def fathered(self) -> bool:
        """Whether it marks a father; passports leave `bin` out, and then his name stands as any other."""
        return any(part.role is Role.FATHER for part in self.parts)


def read(text: str, kind: Kind = Kind.UNKNOWN) -> Name:
    """Take a name apart; of UNKNOWN kind, words of organisations and legal forms tell."""
    folded = part.linked(part.folded(text))
    if kind is Kind.PERSON or (kind is Kind.UNKNOWN and not organisation.is_one(part.parts(folded), folded)):
        return _person(text, folded, kind)
    left, forms = organisation.without_forms(organisation.parts(folded), known=True)
    return Name(text, _or_all(tuple(organisation.numbered(left)), left), forms, organisation=True)


def unordered(text: str) -> tuple[str, ...]:
    """Give the words of a name in one alphabet, in no order: the same however it is written down."""
    return tuple(sorted(each.text for each in part.parts(part.folded(text))))


def _person(text: str, folded: str, kind: Kind) -> Name:
    folded = part.abbreviated(folded)
    before, comma, after = folded.partition(",")
    told = bool(comma and after.strip()) and "," not in after
    found = part.parts(after) + part.parts(before) if told else part.parts(folded)
    left, forms = organisation.without_forms(found) if kind is Kind.UNKNOWN else (found, ())
    texts = [each.text for each in left]
    roled = tuple(part.roled(each, _role(texts, place, each.role)) for place, each in enumerate(left))
    return Name(text, _or_all(roled, left), forms, told=told)


def _or_all(roled: tuple[Part, ...], found: Sequence[Part]) -> tuple[Part, ...]:
    """Take the words as names where nothing else is left of it: people are called Van Le."""
    return roled if any(each.weight for each in roled) else tuple(found)


def _role(texts: Sequence[str], place: int, role: Role) -> Role:
    """Tell what the word at `place` is among the others."""
    text = texts[place]
    if (text in words.FATHER_AFTER and (place or text != _BEN)) or (place and text in words.FATHER_BEFORE):
        return Role.PARTICLE
    if len(texts) > 1 and text in words.TITLES:
        return Role.TITLE
    if text in words.PARTICLES:
        return Role.PARTICLE
    if role is Role.NAME and _is_father(texts, place):
        return Role.FATHER
    if role is Role.NAME and place and len(text) >= _PATRONYMIC_LETTERS_MIN and text.endswith(words.FATHER_ENDINGS):
        return Role.PATRONYMIC
    return role


def _is_father(texts: Sequence[str], place: int) -> bool:
    """Whether `bin` stands before the word, articles aside, or `oglu` after it."""
    if place and place + 1 < len(texts) and texts[place + 1] in words.FATHER_BEFORE:
        return True
    before = place - 1
    while before >= 0 and texts[before] in words.PARTICLES:
        before -= 1
    return before >= 0 and texts[before] in words.FATHER_AFTER and (before > 0 or texts[before] != _BEN)
