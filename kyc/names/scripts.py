"""Other alphabets in Latin letters, as far as a name is recognised by them: a reading for comparing, never for showing.

Cyrillic is read in kyc/names/latin.py, by the rules of passports. Arabic and Hebrew write consonants only, so what
comes out is a skeleton. Hangul, kana, Ethiopic and the scripts of India and Indochina are read off the names that
Unicode gives their signs. Of Han characters only those common in names are read (Mandarin); the rest stand for
themselves. The letters are data, kyc/names/scripts.toml.
"""

import functools
import re
import tomllib
import unicodedata
from pathlib import Path

_TABLE = tomllib.loads(Path(__file__).with_name("scripts.toml").read_text("utf-8"))
_LETTERS = {
    letter: sound for script in _TABLE["letters"].values() for sound, letters in script.items() for letter in letters
}
_ALSO = {letter: sound for script in _TABLE["also"].values() for sound, letters in script.items() for letter in letters}
_HAN = {sign: reading for reading, signs in _TABLE["han"].items() for sign in signs}
#: Words of Arabic names whose vowels everybody knows.
_SPOKEN: dict[str, str] = _TABLE["spoken"]
_PERSIAN = str.maketrans("یک", "يك")  # the same letters, written in Persian

_DIGRAPHS = (("μπ", "b"), ("ντ", "d"), ("γκ", "g"), ("ου", "u"), ("τζ", "tz"), ("ευ", "ef"), ("αυ", "af"))
_SYLLABIC = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7a3]")
#: Unicode names kana as schools teach them; passports write Hepburn.
_HEPBURN = {"zi": "ji", "si": "shi", "ti": "chi", "tu": "tsu", "hu": "fu", "di": "ji", "du": "zu"}
_KUNREI = (("jya", "ja"), ("jyu", "ju"), ("jyo", "jo"), ("shy", "sh"), ("chy", "ch"))
#: Scripts whose letters carry a vowel that the next sign may replace or silence.
_ABUGIDA = re.compile(
    r"DEVANAGARI|BENGALI|GURMUKHI|GUJARATI|ORIYA|TAMIL|TELUGU|KANNADA|MALAYALAM|SINHALA|KHMER|MYANMAR"
)
_VOWELS = "aeiouy"


def is_syllabic(char: str) -> bool:
    """Whether one sign is a syllable of a name that stands for itself: Han and Hangul."""
    return bool(_SYLLABIC.match(char))


def spoken(word: str) -> str:
    """Give the vowelled reading of an Arabic word that everybody knows; empty for others."""
    return _SPOKEN.get(word.translate(_PERSIAN), "")


def heard(letter: str) -> tuple[str, ...]:
    """Give what one letter of a script without vowels may sound like."""
    sound = _LETTERS.get(letter, "")
    return (sound, _ALSO[letter]) if letter in _ALSO else (sound,)


@functools.lru_cache(maxsize=32_768)
def read(word: str) -> str:
    """Write one folded `word` in Latin letters; what has no reading stays as it is."""
    if word.isascii():
        return word
    if known := spoken(word):
        return known
    for pair, sound in _DIGRAPHS:
        word = word.replace(pair, sound)
    if word[0] == "ו":
        word = f"v{word[1:]}"
    out: list[str] = []
    for char in word:
        if char.isascii():
            out.append(char)
        elif char in _LETTERS:
            out.append(_LETTERS[char])
        else:
            _sound(char, out)
    _unvoice(out)  # at the end of a word it is silent
    sounds = "".join(out).replace("+", "")
    for written, sound in _KUNREI:
        sounds = sounds.replace(written, sound)
    return sounds


def _sound(char: str, out: list[str]) -> None:
    """Append what the sign `char` adds, which may take back the vowel that the letter before carried."""
    if char in _HAN:
        out.append(_HAN[char])
        return
    named = unicodedata.name(char, "")
    script, _, said = named.partition(" ")
    last = said.rpartition(" ")[2].lower()
    if script in {"HANGUL", "ETHIOPIC"} and said.startswith("SYLLABLE"):
        out.append(last)
    elif script in {"HIRAGANA", "KATAKANA"} and "LETTER" in said:
        _kana(last, out, small="SMALL" in said)
    elif script == "KATAKANA-HIRAGANA":
        return
    elif script in {"THAI", "LAO"}:
        _thai(said, out)
    elif _ABUGIDA.match(named):
        _abugida(said, last, out)
    else:
        out.append(char)


def _kana(last: str, out: list[str], *, small: bool) -> None:
    if small and out and last != "tu":
        out[-1] = out[-1][:-1]  # ji + small ya is ja, va + small i is vi
    if last != "tu" or not small:
        out.append(_HEPBURN.get(last, last))


def _thai(said: str, out: list[str]) -> None:
    name = said.removeprefix("CHARACTER ").removeprefix("LETTER ").lower()
    if name.startswith("sara "):
        out.append(name.removeprefix("sara ")[0])
    elif (consonant := re.match(r"([bcdfghjklmnpqrstvwxyz]+)o ", name + " ")) is not None:
        out.append(consonant[1])
    elif name.startswith("o "):
        out.append("o")


def _abugida(said: str, last: str, out: list[str]) -> None:
    if "VOWEL SIGN" in said:
        _unvoice(out)
        out.append(last)
    elif "VIRAMA" in said or "COENG" in said or "ASAT" in said:
        _unvoice(out)
    elif "ANUSVARA" in said or "NIKAHIT" in said:
        out.append("n")
    elif "MUUSIKATOAN" in said:
        if out and out[-1].startswith("b"):
            out[-1] = "p" + out[-1][1:]
    elif "LETTER" in said:
        # The "+" marks a vowel that is not written, so that a sign after it can take it away.
        consonant = last.rstrip(_VOWELS)
        out.append(f"{consonant}{last[len(consonant) :]}+" if consonant else last)


def _unvoice(out: list[str]) -> None:
    """Take back the vowel that nobody wrote."""
    if out and out[-1].endswith("+"):
        out[-1] = out[-1].rstrip("+").rstrip(_VOWELS)
