"""What a chip proves itself with, and what proves the issuer to the chip (EMV 4.3 book 2, annexes A1 and 8).

The issuer's master key gives each card its own, that gives each transaction its own, and under that stands the request
cryptogram (ARQC). The answer (ARPC) is made over it. A profile is what the networks call a cryptogram version (CVN).
"""

import enum
from collections.abc import Callable, Mapping
from hashlib import sha1

import msgspec

from cards.hsm import des

#: What every profile covers, in this order: amounts, country, TVR, currency, date, type, random number, AIP, counter.
_COVERED = ("9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36")
_LENGTHS = {"9F02": 6, "9F03": 6, "9F1A": 2, "95": 5, "5F2A": 2, "9A": 3, "9C": 1, "9F37": 4, "82": 2, "9F36": 2}
_OPTION_B_FROM = 17
_CRYPTOGRAM = 8
#: Cryptogram information data (EMV 4.3 book 3, 6.5.5.4), and what the networks' verification results say of the first
#: cryptogram: 00 declined, 01 approved, 10 asks.
_ANSWER, _ARQC = 0xC0, 0x80
_FIRST_ANSWER, _ARQC_FIRST = 0x30, 0x20


class BadChip(Exception):
    """Field 55 lacks a tag that the cryptogram covers, has one of the wrong length, or names no profile of ours."""


class Method(enum.IntEnum):
    """How the answer to the chip is made (EMV 4.3 book 2, 8.2)."""

    ONE = 1  # eight bytes over the cryptogram and the two bytes of the response code
    TWO = 2  # four bytes over the cryptogram and four bytes that update the card's status


class Profile(msgspec.Struct, frozen=True):
    """A cryptogram version: which bytes of tag 9F10 are covered, how the session key and the answer are made.

    `said_at` is the byte of 9F10 with which the card's verification results say what it answered.
    """

    name: str
    said_at: int
    issuer_data: Callable[[bytes], bytes]
    session: Callable[[bytes, Mapping[str, bytes]], bytes]
    answer_session: Callable[[bytes, Mapping[str, bytes]], bytes]
    padding: Callable[[bytes], bytes]
    method: Method


class Chip(msgspec.Struct, frozen=True):
    """What was read of field 55: its tags, the cryptogram, the counter, and the profile that the card says it follows.

    Nothing of it prints: `tags` hold the cryptogram.
    """

    tags: Mapping[str, bytes]
    profile: Profile
    cryptogram: bytes
    counter: int

    @property
    def asks(self) -> bool:
        """Whether the card asks its issuer (ARQC). Else it approved by itself (TC) or declined (AAC).

        Its verification results say so under the cryptogram; the terminal's word (9F27) is not covered and only agrees.
        """
        information = self.tags.get("9F27", b"\x80")
        own = self.tags["9F10"][self.profile.said_at] & _FIRST_ANSWER
        return own == _ARQC_FIRST and len(information) == 1 and information[0] & _ANSWER == _ARQC

    def __repr__(self) -> str:
        return f"Chip({self.profile.name}, {self.counter})"


def read(tags: Mapping[str, bytes]) -> Chip:
    """Take what a cryptogram is checked with out of the tags of field 55; raises BadChip."""
    if any(len(tags.get(tag, b"")) != length for tag, length in _LENGTHS.items()):
        raise BadChip
    if len(tags.get("9F26", b"")) != _CRYPTOGRAM:
        raise BadChip
    profile = _profile(tags.get("9F10", b""))
    return Chip(tags, profile, tags["9F26"], int.from_bytes(tags["9F36"]))


def card_key(master: bytes, number: str, sequence: str) -> bytes:
    """Derive a card's key: option A up to sixteen digits, B for longer numbers (annex A1.4)."""
    text = number + sequence
    if len(number) < _OPTION_B_FROM:
        half = bytes.fromhex(text[-16:].rjust(16, "0"))
    else:
        # SHA-1 is what the standard names; nothing depends on its collisions here.
        digest = sha1(bytes.fromhex(text if len(text) % 2 == 0 else "0" + text), usedforsecurity=False).digest()
        half = bytes.fromhex(des.decimals(digest, 16))
    return des.odd(des.encrypt(master, half + des.xor(half, b"\xff" * 8)))


def session_key(card: bytes, diversifier: bytes) -> bytes:
    """Derive a session's key from a card's by eight bytes that occur once (annex A1.3)."""
    left, right = bytearray(diversifier), bytearray(diversifier)
    left[2], right[2] = 0xF0, 0x0F
    return des.odd(des.encrypt(card, bytes(left + right)))


def cryptogram(card: bytes, chip: Chip) -> bytes:
    """Answer the eight bytes that the card with this key would have said about this transaction."""
    covered = b"".join(chip.tags[tag] for tag in _COVERED) + chip.profile.issuer_data(chip.tags["9F10"])
    return des.retail_mac(chip.profile.session(card, chip.tags), chip.profile.padding(covered))


def answer(card: bytes, chip: Chip, *, response: str, status: bytes) -> bytes:
    """Write tag 91: what proves the issuer's answer to the card, and what it is made over.

    `response` are the two characters of the response code (method 1), `status` the four bytes of the card status update
    (method 2).
    """
    key = chip.profile.answer_session(card, chip.tags)
    if chip.profile.method is Method.ONE:
        code = response.encode()
        return des.encrypt(key, des.xor(chip.cryptogram, code.ljust(8, b"\0"))) + code
    return des.retail_mac(key, _emv_padding(chip.cryptogram + status))[:4] + status


def _zero_padding(data: bytes) -> bytes:
    return data + bytes(-len(data) % des.BLOCK)


def _emv_padding(data: bytes) -> bytes:
    return _zero_padding(data + b"\x80")


def _none(card: bytes, _: Mapping[str, bytes]) -> bytes:
    return card


def _by_counter(card: bytes, tags: Mapping[str, bytes]) -> bytes:
    return session_key(card, tags["9F36"] + bytes(6))


def _by_counter_and_random(card: bytes, tags: Mapping[str, bytes]) -> bytes:
    return session_key(card, tags["9F36"] + bytes(2) + tags["9F37"])


def _visa_results(issuer_data: bytes) -> bytes:
    # Length, key index, version, then four bytes of the card's verification results.
    return issuer_data[3:7]


def _whole(issuer_data: bytes) -> bytes:
    return issuer_data


def _mastercard_results(issuer_data: bytes) -> bytes:
    # Key index, version, then six bytes of the card's verification results.
    return issuer_data[2:8]


def _mastercard_results_and_counters(issuer_data: bytes) -> bytes:
    # … after them two bytes of data authentication code, which are not covered, and eight of counters, which are.
    return issuer_data[2:8] + issuer_data[10:18]


VISA_10 = Profile("visa-10", 4, _visa_results, _none, _none, _zero_padding, Method.ONE)
VISA_18 = Profile("visa-18", 4, _whole, _by_counter, _by_counter, _emv_padding, Method.TWO)
MASTERCARD_16 = Profile(
    "mastercard-16", 2, _mastercard_results, _by_counter_and_random, _none, _emv_padding, Method.ONE
)
MASTERCARD_17 = Profile(
    "mastercard-17", 2, _mastercard_results_and_counters, _by_counter_and_random, _none, _emv_padding, Method.ONE
)

#: By how tag 9F10 begins and how long it is: Visa says its length first, Mastercard the index of its key.
_VISA = {0x0A: VISA_10, 0x12: VISA_18}
_MASTERCARD = {0x10: MASTERCARD_16, 0x11: MASTERCARD_17}
_VISA_LENGTH = 7
_MASTERCARD_LENGTH = 18


def _profile(issuer_data: bytes) -> Profile:
    if len(issuer_data) == _VISA_LENGTH and issuer_data[0] == _VISA_LENGTH - 1:
        found = _VISA.get(issuer_data[2])
    elif len(issuer_data) == _MASTERCARD_LENGTH:
        found = _MASTERCARD.get(issuer_data[1])
    else:
        found = None
    if found is None:
        raise BadChip
    return found
