"""What the house asks of the machine that keeps the keys of its cards; the keys themselves never come out of it.

A key is named by its usage, its version and, where it is shared with somebody, with whom. Asking is never waiting: a
real machine answers in a millisecond, the one in memory (soft.py) in microseconds.
"""

import enum
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

import msgspec

from cards.hsm.emv import Chip
from cards.hsm.pinblock import Format
from cards.proofs.pan import Pan
from cards.proofs.presented import Bytes, Code, PinBlock
from law.money import Money


class Usage(enum.StrEnum):
    """What a key is for, as TR-31 spells it where it has a word for it; no key is for two things."""

    CODES = "C0"  # CVV, CVV2, iCVV
    PIN_VALUES = "V2"  # PVV
    CRYPTOGRAMS = "E0"  # the chips' master key
    AUTHENTICATIONS = "M7"  # what 3-D Secure ends with
    ZONE_PIN = "P0"  # PIN blocks to and from a zone
    ZONE_MAC = "M6"  # messages to and from a zone
    ZONE_KEYS = "K1"  # the two above, on their way
    LETTERS = "D1"  # what phones write to the house


#: Of these there is one of the house's own; the others are shared with a zone each.
OWN = (Usage.CODES, Usage.PIN_VALUES, Usage.CRYPTOGRAMS, Usage.AUTHENTICATIONS, Usage.LETTERS)


class UnknownKey(Exception):
    """The machine has no such key."""

    def __init__(self, usage: Usage, zone: str, version: int | None) -> None:
        super().__init__(usage, zone, version)
        self.usage = usage
        self.zone = zone
        self.version = version


class WeakPin(Exception):
    """Whoever knows what people choose would try this PIN among the first."""


class Plate(msgspec.Struct, frozen=True):
    """What the codes of a card are made over, and the version of the keys they are made with."""

    number: Pan
    expires_on: date
    version: int


class Pvv(msgspec.Struct, frozen=True):
    """The PIN verification value as it is stored, and the version of its key. It verifies; nothing leads back."""

    value: Bytes
    version: int


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """What an authentication value stands for: the challenge, the merchant, and the most it may be used for."""

    challenge: UUID
    sequence: int
    merchant: str
    amount: Money


class Hsm(Protocol):
    """See above. `version` is that of the key a thing was made with."""

    def newest(self, usage: Usage, zone: str = "") -> int:
        """Answer the version that makes new things; raises UnknownKey."""
        ...

    def check_value(self, usage: Usage, version: int, zone: str = "") -> str:
        """Answer the six digits by which two keepers of a key see that it is the same one; raises UnknownKey."""
        ...

    def code(self, plate: Plate, service: str) -> Code:
        """Answer a code of a card, for whoever writes the card."""
        ...

    def code_at(self, plate: Plate, at: datetime) -> Code:
        """Answer the CVV2 of this moment, for its holder."""
        ...

    def is_code(self, plate: Plate, service: str, presented: Code) -> bool:
        """Say whether it is the code of the card for this service code."""
        ...

    def is_code_at(self, plate: Plate, at: datetime, presented: Code) -> bool:
        """Say whether it is the CVV2 of this moment or of the one before."""
        ...

    def pin_value(self, number: Pan, given: PinBlock | str, *, card: str) -> Pvv:
        """Answer what is stored of a new PIN, given as a block or as a letter to the house (letter.py).

        A letter names the card it is about as its holder does. Raises WeakPin, pinblock.BadBlock, letter.BadLetter,
        UnknownKey.
        """
        ...

    def is_pin(self, number: Pan, block: PinBlock, stored: Pvv) -> bool:
        """Say whether it is the PIN of the card; raises pinblock.BadBlock, UnknownKey."""
        ...

    def translate(self, block: Bytes, number: Pan, *, zone: str, format_: Format, to: str) -> PinBlock:
        """Take a block of one zone and format to a block of format 4 of another; raises BadBlock, UnknownKey."""
        ...

    def is_cryptogram(self, plate: Plate, sequence: str, chip: Chip) -> bool:
        """Say whether the card with this number and sequence number said what field 55 holds."""
        ...

    def answer_chip(self, plate: Plate, sequence: str, chip: Chip, *, response: str) -> bytes:
        """Answer tag 91, which proves our response code to the chip."""
        ...

    def authentication(self, number: Pan, bound: Bound) -> Bytes:
        """Answer the twenty bytes that say: its holder agreed to this."""
        ...

    def is_authentication(self, number: Pan, bound: Bound, presented: Bytes) -> bool:
        """Say whether they are those."""
        ...

    def mac(self, zone: str, data: bytes) -> bytes:
        """Answer the eight bytes that prove a message to a zone; raises UnknownKey."""
        ...

    def letter_keys(self) -> list[dict[str, str]]:
        """Answer the public keys that letters may be written to, the newest first."""
        ...
