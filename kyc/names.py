"""Names, made comparable: one alphabet, no marks, no order; and the keys by which similar names find each other.

Cyrillic is written in Latin as passports write it (ICAO Doc 9303-3, section 6, table B), so that a name from a list and
a name from a chip meet in the same letters.
"""

import re
import unicodedata
from collections.abc import Iterator

# Table B, and for the Kazakh letters that it lacks the ones Kazakhstan's passports use.
_LATIN = str.maketrans(
    {
        "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "i",
        "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
        "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "ie", "ы": "y", "ь": "", "э": "e", "ю": "iu",
        "я": "ia", "є": "ie", "і": "i", "ї": "i", "ґ": "g", "ў": "u", "ђ": "d", "ѓ": "g", "ѕ": "dz", "ј": "j",
        "љ": "lj", "њ": "nj", "ќ": "k", "џ": "dz",
        "ә": "a", "ғ": "g", "қ": "k", "ң": "n", "ө": "o", "ұ": "u", "ү": "u", "һ": "h",
        "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i",
    }
)  # fmt: skip
_APART = re.compile(r"[^\w]+|_+")
_JOINED = re.compile(r"['’ʼʻ`´]")  # apostrophes of many scripts, written out
_KEYED_FROM = 4


def normalise(name: str) -> str:
    """Write `name` in lower-case Latin words without marks; other scripts stay as they are."""
    # Compatibility forms first (a fraktur A is an A); folding may bring decomposed ones back, so compose anew.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    latin = folded.translate(_LATIN)
    bare = "".join(char for char in unicodedata.normalize("NFKD", latin) if not unicodedata.combining(char))
    # Once more: a letter that only lost a mark we don't know (Ӑ) is one we do.
    plain = bare.translate(_LATIN)
    return " ".join(_APART.sub(" ", _JOINED.sub("", plain)).split())


def keys(normalised: str) -> frozenset[str]:
    """Give the keys of a normalised name: two words that differ by one edit share a key (deletion neighbours)."""
    return frozenset(key for word in normalised.split() for key in _neighbours(word))


def telling_keys(normalised: str) -> frozenset[str]:
    """Give the keys to look a name up by: those of its longer words, for "al" and "de" lead to half of every list."""
    longer = " ".join(word for word in normalised.split() if len(word) >= _KEYED_FROM)
    return keys(longer or normalised)


def _neighbours(word: str) -> Iterator[str]:
    yield word
    if len(word) >= _KEYED_FROM:
        for place in range(len(word)):
            yield word[:place] + word[place + 1 :]
