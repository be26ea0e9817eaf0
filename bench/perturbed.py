"""Names as somebody else would write them: always the same ones for the same seed.

`misspelt` is what the reference measured: the words change places in 30 of 100, one letter is lost, added, exchanged or
swapped with the next in 75 of 100. `respelt` writes sounds as another transcription would; `in_cyrillic` in Cyrillic;
`unmarked` as machine-readable lines do that leave `bin` and `oglu` out.
"""

import random
import string

MARKS = frozenset({"bin", "ibn", "ben", "bint", "ould", "oglu", "ogly", "uly", "kyzy"})
_SHUFFLED, _EDITED = 0.3, 0.75
_SPELLINGS = (
    ("kh", "h"), ("gh", "g"), ("ph", "f"), ("dh", "d"), ("ou", "u"), ("oo", "u"), ("ee", "i"), ("zh", "j"), ("iy", "y"),
    ("ei", "ey"), ("ya", "ia"), ("yu", "iu"), ("ye", "e"), ("q", "k"), ("w", "v"), ("ks", "x"), ("mm", "m"),
    ("ss", "s"), ("dd", "d"), ("u", "ou"), ("o", "u"), ("e", "i"), ("y", "i"), ("j", "dj"), ("f", "ph"), ("c", "k"),
)  # fmt: skip
_CYRILLIC = (
    ("shch", "щ"), ("sh", "ш"), ("ch", "ч"), ("zh", "ж"), ("kh", "х"), ("ts", "ц"), ("ya", "я"), ("yu", "ю"),
    ("ia", "я"), ("iu", "ю"), ("th", "т"), ("ph", "ф"), ("gh", "г"), ("dh", "д"), ("ou", "у"), ("oo", "у"), ("a", "а"),
    ("b", "б"), ("c", "к"), ("d", "д"), ("e", "е"), ("f", "ф"), ("g", "г"), ("h", "х"), ("i", "и"), ("j", "дж"),
    ("k", "к"), ("l", "л"), ("m", "м"), ("n", "н"), ("o", "о"), ("p", "п"), ("q", "к"), ("r", "р"), ("s", "с"),
    ("t", "т"), ("u", "у"), ("v", "в"), ("w", "в"), ("x", "кс"), ("y", "й"), ("z", "з"),
)  # fmt: skip


def misspelt(name: str, rng: random.Random) -> str:
    """Shuffle the words sometimes, and edit one letter mostly."""
    words = name.replace(",", " ").split()
    if rng.random() < _SHUFFLED:
        rng.shuffle(words)
    text = " ".join(words)
    return edited(text, rng) if rng.random() < _EDITED else text


def edited(text: str, rng: random.Random) -> str:
    """Lose, add, exchange or swap one letter."""
    place = rng.choice([place for place, char in enumerate(text) if char.isalpha()])
    before, letter, after = text[:place], text[place], text[place + 1 :]
    other = rng.choice(string.ascii_lowercase)
    if (swapped := rng.choice("dais")) == "s" and after[:1].isalpha():
        return before + after[0] + letter + after[1:]
    return before + {"d": "", "a": letter + other}.get(swapped, other) + after


def respelt(name: str, rng: random.Random) -> str:
    """Write two sounds as another transcription would, wherever they occur."""
    text = " ".join(name.replace(",", " ").lower().split())
    possible = [pair for pair in _SPELLINGS if pair[0] in text]
    for written, otherwise in rng.sample(possible, min(2, len(possible))):
        text = text.replace(written, otherwise)
    return text


def unmarked(name: str) -> str:
    """Leave out what marks a father."""
    return " ".join(word for word in name.replace(",", " ").split() if word.lower() not in MARKS)


def in_cyrillic(name: str) -> str:
    """Write it in Cyrillic letters, sound by sound."""
    text = " ".join(name.replace(",", " ").replace("'", "").lower().split())
    for latin, cyrillic in _CYRILLIC:
        text = text.replace(latin, cyrillic)
    return text
