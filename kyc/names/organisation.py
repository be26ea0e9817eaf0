"""Names of organisations and things: their legal forms apart, their numbers in figures, their abbreviations spelt."""

import functools
import re
from collections.abc import Iterator, Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA

from kyc.names import part, words
from kyc.names.part import Part, Role

#: A.B.C. and J. P. are one word here, not initials.
_DOTTED = re.compile(r"\b(?:[^\W\d_]\.\s?){2,}(?:[^\W\d_]\b(?!\.))?")
_NOT_LETTERS = re.compile(r"[.\s]")
_ONES_END = 10
_LONG, _LONGEST = 7, 10
_LONG_WORDS = tuple(sorted({word for form in words.FORMS for word in form if len(word) >= _LONG}))


def parts(folded: str) -> list[Part]:
    """Read the words of an organisation's folded name."""
    closed = _closed(folded).replace("&", " and ")
    return part.parts(" ".join(words.ABBREVIATIONS.get(word, word) for word in part.spaced(closed).split()))


def is_one(found: Sequence[Part], folded: str) -> bool:
    """Whether words of organisations, numbers or legal forms say that it is an organisation."""
    texts = [each.text for each in found]
    if "&" in folded or any(text in words.OF_ORGANISATIONS or text.isdecimal() for text in texts):
        return True
    written = [texts]
    if "." in folded:
        written.append([each.text for each in part.parts(_closed(folded))])
    return any(_tells(form) for each in written for _, _, form in _forms(each))


def without_forms(found: Sequence[Part], *, known: bool = False) -> tuple[list[Part], tuple[str, ...]]:
    """Part the legal forms from the name, misspelt ones too; a name of forms only stays as it is.

    Of what is not `known` to be an organisation only the longest are corrected: people are called Companys.
    """
    forms: set[str] = set()
    left = list(found)
    texts = [_corrected(each.text, _LONG if known else _LONGEST) for each in found]
    for start, end, form in reversed(list(_forms(texts))):
        if _tells(form) or not start or end >= len(left):
            forms.add(words.FORMS[form])
            del left[start:end]
    return (left, tuple(sorted(forms))) if left else (list(found), ())


def numbered(found: Sequence[Part]) -> Iterator[Part]:
    """Write numbers in figures, whether Roman or in words, and tell particles and what ships are called."""
    tens = 0
    for place, each in enumerate(found):
        ones = words.NUMBERS.get(each.text, "")
        if tens and ones and int(ones) < _ONES_END:
            yield part.number(str(tens + int(ones)))
            tens = 0
            continue
        if tens:
            yield part.number(str(tens))
        tens = words.TENS.get(each.text, 0)
        if tens:
            continue
        if ones or (place and each.text in words.ROMAN):
            yield part.number(ones or words.ROMAN[each.text])
        elif each.text in words.VESSELS and not place:
            yield part.roled(each, Role.TITLE)
        else:
            yield part.roled(each, Role.PARTICLE if each.text in words.PARTICLES else each.role)
    if tens:
        yield part.number(str(tens))


@functools.lru_cache(maxsize=32_768)
def _corrected(text: str, shortest: int) -> str:
    """Give the long word of a legal form that a word is but for one letter: Limted, and Compan where a field ended."""
    if len(text) < shortest - 1 or text in _LONG_WORDS:
        return text
    near = process.extractOne(text, _LONG_WORDS, scorer=OSA.distance, score_cutoff=1)
    return near[0] if near and len(near[0]) >= shortest else text


def _closed(folded: str) -> str:
    return _DOTTED.sub(lambda dotted: _NOT_LETTERS.sub("", dotted[0]) + " ", folded) if "." in folded else folded


def _tells(form: tuple[str, ...]) -> bool:
    """Whether a legal form is one wherever it stands."""
    return len(form) > 1 or form[0] not in words.ALSO_WORDS


def _forms(texts: Sequence[str]) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Find legal forms, longest first: where each starts and ends, and its words."""
    start = 0
    while start < len(texts):
        for size in range(min(words.LONGEST_FORM, len(texts) - start), 0, -1):
            form = tuple(texts[start : start + size])
            if form in words.FORMS:
                yield start, start + size, form
                start += size
                break
        else:
            start += 1
