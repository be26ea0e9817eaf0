"""What a person may be asked to agree to, as dated data: app/account/purposes.toml, read once.

Each purpose names its source in the law, the operations that need it, what a withdrawal ends, and its texts. The words
a person agreed to are found again by version and language, and known by their hash.
"""

import hashlib
import tomllib
from datetime import date
from functools import cache
from pathlib import Path

import msgspec

from app.language import Language


class UnknownPurpose(Exception):
    """Nobody is asked to agree to this."""

    def __init__(self, purpose: str) -> None:
        super().__init__(purpose)
        self.purpose = purpose


class Text(msgspec.Struct, frozen=True):
    """One version of what is agreed to, in force from the Almaty day `in_force_on` until the next one is."""

    version: str
    in_force_on: date
    en: str
    ru: str
    kk: str

    def words(self, tag: Language) -> str:
        """Give the text as it is shown in one language."""
        shown: str = getattr(self, tag)
        return shown

    def sha256(self, tag: Language) -> bytes:
        """Name exactly these words."""
        return hashlib.sha256(self.words(tag).encode()).digest()


class Purpose(msgspec.Struct, frozen=True):
    """What data are processed for. `needed_for` are operations of the contract that refuse without the consent."""

    source: str
    needed_for: tuple[str, ...]
    title: dict[Language, str]
    ends: dict[Language, str]
    texts: tuple[Text, ...]

    def text(self, on: date) -> Text:
        """Give the text in force on the day `on`; there is one from the decree's day on."""
        return max((text for text in self.texts if text.in_force_on <= on), key=lambda text: text.in_force_on)


@cache
def catalogue() -> dict[str, Purpose]:
    """Read all purposes by name."""
    written = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return msgspec.convert(written, dict[str, Purpose])


def of(purpose: str) -> Purpose:
    """Look a purpose up; raises UnknownPurpose."""
    try:
        return catalogue()[purpose]
    except KeyError:
        raise UnknownPurpose(purpose) from None
