"""What is left of a word when spellings of one sound are written alike (`fold`), and then its vowels go (`bones`)."""

import functools
import re

# In this order. Capitals are sounds of several letters: S as in ship, C as in chip, J as in jam or Zhukov.
_SOUNDS = (
    ("shch", "S"), ("szcz", "S"), ("stsch", "S"), ("tsch", "C"), ("tch", "C"), ("sch", "S"), ("sh", "S"), ("cz", "C"),
    ("ch", "C"), ("dzh", "J"), ("dsch", "J"), ("zh", "J"), ("dj", "J"), ("kh", "h"), ("gh", "g"), ("ph", "f"),
    ("th", "t"), ("dh", "d"), ("bh", "b"), ("ck", "k"), ("ce", "se"), ("ci", "si"), ("cy", "sy"), ("c", "k"),
    ("q", "k"), ("tz", "ts"), ("w", "v"), ("eev", "eiev"), ("ou", "u"), ("oo", "u"), ("ee", "i"), ("y", "i"),
)  # fmt: skip
# J as in Sergej and Vasiljev is no sound of its own, J as in Jamal is.
_VOWEL_J = re.compile(r"(?<=[aeiou])j(?![aeiou])|(?<=[bdfghklmnprstvz])j(?=[aeiou])")
_DOUBLE = re.compile(r"(.)\1+")
_BALKAN = re.compile(r"i[ck]$")
# Voiced and voiceless are one; hardly any script keeps them apart as another hears them.
_BONES = str.maketrans("bdgvzwJ", "ptkfsfC", "aeiouyh")


@functools.lru_cache(maxsize=32_768)
def fold(latin: str) -> str:
    """Write a lower-case Latin word so that the usual spellings of one sound are one."""
    for letters, sound in _SOUNDS:
        if letters in latin:
            latin = latin.replace(letters, sound)
    if latin.startswith("ts"):
        latin = f"z{latin[2:]}"
    if "x" in latin:
        latin = f"s{latin[1:]}".replace("x", "ks") if latin[0] == "x" else latin.replace("x", "ks")
    if "j" in latin:
        latin = _VOWEL_J.sub("i", latin).replace("j", "J")
    return _DOUBLE.sub(r"\1", latin)


@functools.lru_cache(maxsize=32_768)
def bones(folded: str) -> str:
    """Leave the consonants of a folded word, in classes of sound."""
    return folded.replace("ts", "s").translate(_BONES)


def spelt_out(marked: str) -> str:
    """Write a word whose letters have marks the longer way: Müller is also Mueller, Vučić also Vuchich."""
    return marked.translate(_LONG)


def balkan(latin: str) -> str:
    """Read a surname in -ic as what it is once its marks are gone: Vucic is Vuchich."""
    return latin.replace("c", "ch") if _BALKAN.search(latin) and "ch" not in latin else latin


_LONG = str.maketrans(
    {
        "ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "č": "ch", "ć": "ch", "š": "sh", "ş": "sh", "ș": "sh",
        "ž": "zh", "ż": "zh", "ç": "ch", "ğ": "", "ñ": "ny", "ń": "ny", "ț": "ts", "ţ": "ts", "đ": "dj", "ł": "l",
        "ч": "c", "ћ": "ch", "ђ": "dj", "г": "h", "ж": "j", "х": "h", "ц": "c", "ә": "e", "ө": "u", "қ": "q", "җ": "j",
        "щ": "sh", "ю": "yu", "я": "ya", "ё": "yo", "э": "e", "є": "ye", "ї": "yi",
    }
)  # fmt: skip
