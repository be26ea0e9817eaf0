"""A key as it is handled inside the machine: made, checked, taken from a zone and sent to it.

Split knowledge: a zone's first key is entered in parts by people of whom none knows the whole; what follows travels
under it as key blocks (keyblock.py).
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import reduce
from hashlib import sha256
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cards.hsm import des, keyblock
from cards.hsm.keyblock import BadKeyBlock, Header
from cards.hsm.port import Usage

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_PARTS_MIN = 2
_CHECK_BYTES = 3


class Key(NamedTuple):
    """The name of a key; `zone` is empty for one of our own."""

    usage: Usage
    zone: str
    version: int

    @property
    def owner(self) -> str:
        """What its wrapping is bound to."""
        return f"card-key:{self.usage}/{self.zone}/{self.version}"


class WrongCheckValue(Exception):
    """The parts are not those of the key that was agreed on."""


class Material(msgspec.Struct, frozen=True):
    """A key in clear, for Triple DES (`T`), AES and HMAC (`A`) or the curve P-256 (`E`). It prints its name alone.

    One that is not `ripe` verifies already and makes nothing yet.
    """

    key: Key
    algorithm: str
    value: bytes
    made_at: datetime
    ripe: bool = True

    def __repr__(self) -> str:
        return f"Material({self.key.owner})"

    @property
    def check_value(self) -> str:
        """Six digits in which it differs from any other."""
        match self.algorithm:
            case "T":
                made = des.encrypt(self.value, bytes(des.BLOCK))
            case "A":
                made = des.cmac(algorithms.AES(self.value), bytes(16))
            case _:
                point = self.private().public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
                made = sha256(point).digest()
        return made[:_CHECK_BYTES].hex().upper()

    def private(self) -> ec.EllipticCurvePrivateKey:
        """Take the key as one of the curve P-256."""
        return ec.derive_private_key(int.from_bytes(self.value) % (_P256_ORDER - 1) + 1, ec.SECP256R1())


#: Which cipher a new key is for. What the networks have not moved off Triple DES stays there.
_ALGORITHMS = {
    Usage.CODES: "T",
    Usage.PIN_VALUES: "T",
    Usage.CRYPTOGRAMS: "T",
    Usage.AUTHENTICATIONS: "A",
    Usage.ZONE_PIN: "A",
    Usage.ZONE_MAC: "A",
    Usage.ZONE_KEYS: "A",
    Usage.LETTERS: "E",
}
_BYTES = {"T": 16, "A": 32, "E": 48}
#: Which keys travel, with what mode of use, and how long they may be. A zone that has not moved to AES has its PIN key
#: in Triple DES, and its blocks are translated (Hsm.translate).
_MODES = {Usage.ZONE_PIN: "B", Usage.ZONE_MAC: "C"}
_SIZES = {(Usage.ZONE_PIN, "A"): (16, 24, 32), (Usage.ZONE_PIN, "T"): (16, 24), (Usage.ZONE_MAC, "A"): (16, 24, 32)}


def make(key: Key, at: datetime) -> Material:
    """Make a key by chance."""
    algorithm = _ALGORITHMS[key.usage]
    value = secrets.token_bytes(_BYTES[algorithm])
    return Material(key, algorithm, des.odd(value) if algorithm == "T" else value, at)


def enter(zone: str, version: int, parts: Sequence[bytes], check_value: str, at: datetime) -> Material:
    """Put the key of a zone together from its parts; raises WrongCheckValue."""
    if len(parts) < _PARTS_MIN or len({len(part) for part in parts}) != 1 or len(parts[0]) != _BYTES["A"]:
        raise WrongCheckValue
    made = Material(Key(Usage.ZONE_KEYS, zone, version), "A", reduce(des.xor, parts), at)
    if not des.same(made.check_value, check_value):
        raise WrongCheckValue
    return made


def receive(protection: Material, block: str, versions: Callable[[Usage], int], at: datetime) -> Material:
    """Take a key that a zone sent under the one shared with it, as the next of its `versions`; raises BadKeyBlock."""
    header, value = keyblock.unwrap(protection.value, block)
    usage = next((usage for usage, mode in _MODES.items() if (usage, mode) == (header.usage, header.mode)), None)
    if usage is None or len(value) not in _SIZES.get((usage, header.algorithm), ()):
        raise BadKeyBlock
    return Material(Key(usage, protection.key.zone, versions(usage)), header.algorithm, value, at)


def send(protection: Material, material: Material) -> str:
    """Write a key of a zone as a key block of version D; raises BadKeyBlock for one that stays with us."""
    usage, zone, version = material.key
    if usage not in _MODES or zone != protection.key.zone:
        raise BadKeyBlock
    header = Header(usage, material.algorithm, _MODES[usage], f"{version % 100:02d}", "N")
    return keyblock.wrap(protection.value, header, material.value)
