"""A word of a name: in Latin letters, by sound, and how much it tells."""

import enum
import functools
import itertools
import re
import unicodedata
from collections.abc import Iterator

import msgspec

from kyc.names import latin, scripts, sounds, words


class Role(enum.StrEnum):
    """What a word is in a name."""

    NAME = "name"
    FATHER = "father"
    PATRONYMIC = "patronymic"
    INITIAL = "initial"
    NUMBER = "number"
    PARTICLE = "particle"
    TITLE = "title"


#: What may be missing without anybody noticing.
LIGHT = frozenset({Role.PARTICLE, Role.TITLE})
FATHERLY = frozenset({Role.FATHER, Role.PATRONYMIC})
_HALF = 0.5
_FIRST = "1"
_WEIGHTS = {Role.INITIAL: 0.25, Role.NUMBER: 0.7}
_WEIGHT_OF_SIGN = 0.8
_LETTERS_IN_FULL = 5

# Who hides from filters writes I9or, B@shar, and Cyrillic letters that look like Latin ones.
_FIGURES = str.maketrans("0134579", "oieastg")
_FIGURES_INSIDE = re.compile(r"(?=.*[a-z].*[a-z])(?=.*\d)")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_SIGNS = str.maketrans("@$!|", "asil")
_SIGNS_INSIDE = re.compile(r"(?<=[a-z])[@$!|]+(?=[a-z])")
_OF_BOTH = re.compile(r"(?=\w*[a-z])(?=\w*[\u0400-\u04ff])\w+")
_LOOK_ALIKE = str.maketrans("асеорхуіјѕԁнкмтвг", "aceopxyijsdhkmtbr")

# Initials of two letters are one letter where the name was written first; `s/o` is whose child, `w/o` whose wife.
_LETTER_OF_TWO = {
    "ch": "ч", "ia": "я", "iu": "ю", "kh": "х", "sh": "ш", "shch": "щ", "ts": "ц", "ya": "я", "ye": "е", "yu": "ю",
    "zh": "ж",
}  # fmt: skip
_OF_TWO = re.compile(rf"\b({'|'.join(sorted(_LETTER_OF_TWO, key=len, reverse=True))})\.")
_RELATION = re.compile(r"\b[sdw]/o\b")
_EZAFE = re.compile(r"(?<=\w)-[ei]-(?=\w)")
_INITIAL = re.compile(r"[a-z\u0370-\u03ff\u0400-\u04ff\u0530-\u058f\u10d0-\u10ff]")
_ROOT = re.compile(rf"(.{{3,}}?)(?:{'|'.join(words.FATHER_ENDINGS)})")
_BONES_MAX = 16

_UNSEEN = str.maketrans("", "", "\u200c\u200d\u0640")  # joiners and the stretching of Arabic words
_ARABIC_ARTICLE = re.compile(r"^ال(?=\w{3})")
_ARTICLE = "ال"
_CONSONANTS_ONLY = re.compile(r"[\u0590-\u06ff\u0750-\u077f\ufb1d-\ufdff\ufe70-\ufeff]")
_ASCII_SPACED = {code: " " for code in range(128) if not chr(code).isalnum()}


class Part(msgspec.Struct, frozen=True):
    """One word of a name. `folds` are its spellings by sound, `bones` their consonants; `sign` is a Han or Hangul sign.

    A `skeleton` comes out of a script that writes no vowels, so that only the bones of it can be compared. `father` is
    the father's own name where the word is his, `-ovich` or not; `sought` are the spellings to look the word up by.
    What is `light` may be missing without anybody noticing; `weight` is how much the word tells, up to 1; what is
    `plain` is compared letter by letter.
    """

    text: str
    folds: tuple[str, ...]
    bones: tuple[str, ...]
    role: Role = Role.NAME
    father: tuple[str, ...] = ()
    sought: tuple[str, ...] = ()
    sign: str = ""
    skeleton: bool = False
    light: bool = False
    weight: float = 1.0
    plain: bool = True

    @property
    def extra(self) -> float:
        """What it weighs where the other side does not say it: fathers are left out, and that one is the first."""
        return self.weight * _HALF if self.role in FATHERLY or self.text == _FIRST else self.weight

    @property
    def telling(self) -> bool:
        """Whether a name can be looked up by it: an initial or a number leads to half of every list."""
        return self.plain or self.skeleton or bool(self.sign)


def folded(text: str) -> str:
    """Lower the case and take off what only tools of writing put on; the marks stay."""
    if text.isascii():
        return _SIGNS_INSIDE.sub(lambda signs: signs[0].translate(_SIGNS), latin.without_apostrophes(text.lower()))
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    bare = latin.without_apostrophes(plain).translate(_UNSEEN)
    return _OF_BOTH.sub(lambda word: word[0].translate(_LOOK_ALIKE), bare)


def parts(folded_text: str) -> list[Part]:
    """Read the words of a folded text; each Han or Hangul sign is one of its own."""
    return [part for part in map(of, spaced(folded_text).split()) if part.text]


def rough(text: str) -> tuple[Part, ...]:
    """Give the words of a name and what they weigh, without telling what bears it: enough to look it up by."""
    found = spaced(abbreviated(linked(folded(text)))).split()
    light = [_LIGHT.get(word) or of(word) for word in found]
    if any(part.weight for part in light):
        return tuple([part for part in light if part.text])
    return tuple([part for part in map(of, found) if part.text])


def abbreviated(folded_text: str) -> str:
    """Read what only people's names are shortened to: `Sh.` and `Yu.` are initials, `s/o` is a father's mark."""
    if "." in folded_text:
        folded_text = _OF_TWO.sub(lambda found: f"{_LETTER_OF_TWO[found[1]]}.", folded_text)
    return _RELATION.sub(" bin ", folded_text) if "/" in folded_text else folded_text


def linked(folded_text: str) -> str:
    """Leave out the vowel by which Persian and Urdu link two words: Jaish-e-Mohammed is Jaish-i-Mohammed."""
    return _EZAFE.sub("-", folded_text) if "-" in folded_text else folded_text


def spaced(folded_text: str) -> str:
    """Put spaces between words."""
    if folded_text.isascii():
        return folded_text.translate(_ASCII_SPACED)
    return "".join(map(_spaced, folded_text))


@functools.lru_cache(maxsize=8_192)
def _spaced(char: str) -> str:
    if scripts.is_syllabic(char):
        return f" {char} "
    return char if char.isalnum() or unicodedata.category(char)[0] == "M" else " "


@functools.lru_cache(maxsize=32_768)
def of(word: str) -> Part:
    """Read one folded word."""
    sign = word if len(word) == 1 and scripts.is_syllabic(word) else ""
    text = scripts.read(latin.latinise(word))
    if ordinal := _ORDINAL.fullmatch(text):
        text = ordinal[1]
    if text.isdecimal():
        return number(text)
    if _FIGURES_INSIDE.match(text):
        text = text.translate(_FIGURES)
    folds = tuple(dict.fromkeys((*map(sounds.fold, _readings(word, text, sign)), text)))
    initial = (len(text) == 1 and not sign) or _INITIAL.fullmatch(word)
    skeleton = bool(_CONSONANTS_ONLY.search(word)) and not scripts.spoken(word)
    bones = tuple(dict.fromkeys((*map(sounds.bones, folds), *(_bones(word) if skeleton else ()))))
    role = Role.INITIAL if initial else Role.NAME
    return _sized(Part(text, folds, bones, role, sought=_sought(text, folds), sign=sign, skeleton=skeleton))


def _sought(text: str, folds: tuple[str, ...]) -> tuple[str, ...]:
    """Give the spellings of a word for an index: Serikovna is also Serik."""
    root = _rooted(text)
    return (folds[0], sounds.fold(root), *(folds[1:] or folds)) if root else folds


def _bones(word: str) -> Iterator[str]:
    """Give the consonants that a word without vowels may stand for: each letter alone, and by each of its sounds."""
    for written in dict.fromkeys((word, word.removeprefix(_ARTICLE))):
        heard = [
            tuple(dict.fromkeys(sounds.bones(sounds.fold(each)) for each in scripts.heard(char))) for char in written
        ]
        for chosen in itertools.islice(itertools.product(*heard), _BONES_MAX):
            yield "".join(chosen)


def _readings(word: str, text: str, sign: str) -> Iterator[str]:
    """Give the ways to write a word in Latin letters, the first one first."""
    yield text
    yield sounds.balkan(text)
    if word == "е":
        yield "ye"
    if not word.isascii():
        yield scripts.read(latin.latinise(sounds.spelt_out(word)))
        yield scripts.read(latin.latinise(_ARABIC_ARTICLE.sub("", word)))
        yield from words.KOREAN.get(sign, "").split()


@functools.lru_cache(maxsize=1_024)
def number(text: str) -> Part:
    """Make a part of a number in figures."""
    return _sized(Part(text, (text,), (text,), Role.NUMBER, sought=(text,)))


@functools.lru_cache(maxsize=32_768)
def roled(part: Part, role: Role) -> Part:
    """Give a part another role, and what follows from it."""
    if role is part.role:
        return part
    root = _rooted(part.text) if role is Role.PATRONYMIC else ""
    father = (sounds.fold(root), root) if root else part.folds
    return _sized(msgspec.structs.replace(part, role=role, father=father if role in FATHERLY else ()))


def _rooted(text: str) -> str:
    """Give the father's name that a patronymic is made of."""
    found = _ROOT.fullmatch(text)
    return found[1] if found else ""


def _sized(part: Part) -> Part:
    """Say what a word weighs: one of a few letters tells little."""
    light = part.role in LIGHT
    plain = not (part.sign or part.skeleton or part.role in _WEIGHTS)
    if light:
        weight = 0.0
    elif part.sign:
        weight = _WEIGHT_OF_SIGN
    else:
        weight = _WEIGHTS.get(part.role) or min(1.0, (len(part.text) + 1) / (_LETTERS_IN_FULL + 1))
    return msgspec.structs.replace(part, light=light, plain=plain, weight=weight)


_LIGHT = {
    word: roled(of(word), Role.PARTICLE)
    for word in (
        words.PARTICLES
        | words.FATHER_AFTER
        | words.FATHER_BEFORE
        | words.TITLES
        | {form[0] for form in words.FORMS if len(form) == 1}
    )
}
