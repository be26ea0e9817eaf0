"""Names written in one alphabet, no marks, no case: as names are stored and compared with documents.

Cyrillic is written in Latin as passports write it (ICAO Doc 9303-3, section 6, table B), so that a name from a list and
a name from a chip meet in the same letters.
"""

import re
import unicodedata

# Table B, and for the Kazakh letters that it lacks the ones Kazakhstan's passports use.
_LATIN = str.maketrans(
    {
        "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "i",
        "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
        "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "ie", "ы": "y", "ь": "", "э": "e", "ю": "iu",
        "я": "ia", "є": "ie", "і": "i", "ї": "i", "ґ": "g", "ў": "u", "ђ": "d", "ћ": "c", "ѓ": "g", "ѕ": "dz", "ј": "j",
        "љ": "lj", "њ": "nj", "ќ": "k", "џ": "dz",
        "ә": "a", "ғ": "g", "қ": "k", "ң": "n", "ө": "o", "ұ": "u", "ү": "u", "һ": "h",
        "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ə": "e",
    }
)  # fmt: skip
_APART = re.compile(r"[^\w]+|_+")
_JOINED = re.compile(r"['’‘ʼʻ`´ʿʾ]")  # apostrophes of many scripts, written out
# No marks at all, nuktas and viramas, and the vowels of Thai and Lao.
_SYLLABIC_MARKS = frozenset({0, 7, 8, 9, 103, 107, 118, 122})


def normalise(name: str) -> str:
    """Write `name` in lower-case Latin words without marks; other scripts stay as they are."""
    # Compatibility forms first (a fraktur A is an A); folding may bring decomposed ones back, so compose anew.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    latin = folded.translate(_LATIN)
    bare = "".join(char for char in unicodedata.normalize("NFKD", latin) if not unicodedata.combining(char))
    # Once more: a letter that only lost a mark we don't know (Ӑ) is one we do.
    plain = bare.translate(_LATIN)
    return " ".join(_APART.sub(" ", _JOINED.sub("", plain)).split())


def latinise(word: str) -> str:
    """Write one folded word in Latin letters without marks; in other scripts those stay that make a syllable."""
    bare = unicodedata.normalize("NFKD", word.translate(_LATIN))
    plain = "".join(char for char in bare if unicodedata.combining(char) in _SYLLABIC_MARKS)
    return unicodedata.normalize("NFC", plain).translate(_LATIN)


def without_apostrophes(text: str) -> str:
    """Close up a word that an apostrophe parts, of whichever script it is."""
    return _JOINED.sub("", text)
