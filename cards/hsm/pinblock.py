"""PIN blocks of ISO 9564-1: how a PIN travels. Format 4 (AES) is ours; 0 and 3 are what old zones send and are sent.

Every block is bound to the number of the card, so that one of a card says nothing of another. What doesn't decode is
BadBlock, whatever the reason: who guesses learns nothing from how it failed.
"""

import enum
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.modes import ECB

from cards.hsm import des

PIN_MIN, PIN_MAX = 4, 12


class Format(enum.IntEnum):
    """Which layout a block has."""

    ISO_0 = 0
    ISO_3 = 3
    ISO_4 = 4


class BadBlock(Exception):
    """It is no PIN block of this format, for this number, under this key."""


def encode(format_: Format, key: bytes, pin: str, number: str) -> bytes:
    """Encipher a PIN of 4 to 12 digits for the card with this number; raises BadBlock."""
    _check(pin)
    if format_ is Format.ISO_4:
        plain = bytes.fromhex(f"4{len(pin):X}{pin:A<14}") + secrets.token_bytes(8)
        return _aes(key, des.xor(_aes(key, plain), _number_4(number)))
    fill = 14 - len(pin)
    filler = "F" * fill if format_ is Format.ISO_0 else "".join(secrets.choice("ABCDEF") for _ in range(fill))
    plain = bytes.fromhex(f"{format_:d}{len(pin):X}{pin}{filler}")
    return des.encrypt(key, des.xor(plain, _number_0(number)))


def decode(format_: Format, key: bytes, block: bytes, number: str) -> str:
    """Decipher a block of the card with this number; raises BadBlock."""
    if len(block) != (16 if format_ is Format.ISO_4 else des.BLOCK):
        raise BadBlock
    if format_ is Format.ISO_4:
        plain = _aes_back(key, des.xor(_aes_back(key, block), _number_4(number)))[:8].hex().upper()
    else:
        plain = des.xor(des.decrypt(key, block), _number_0(number)).hex().upper()
    length = int(plain[1], 16)
    pin, filler = plain[2 : 2 + length], plain[2 + length :]
    allowed = {Format.ISO_0: "F", Format.ISO_3: "ABCDEF", Format.ISO_4: "A"}[format_]
    if plain[0] != f"{format_:d}" or not PIN_MIN <= length <= PIN_MAX or not pin.isdecimal():
        raise BadBlock
    if set(filler) - set(allowed):
        raise BadBlock
    return pin


def _check(pin: str) -> None:
    if not (PIN_MIN <= len(pin) <= PIN_MAX and pin.isascii() and pin.isdecimal()):
        raise BadBlock


def _number_0(number: str) -> bytes:
    return bytes.fromhex("0000" + number[-13:-1].rjust(12, "0"))


def _number_4(number: str) -> bytes:
    return bytes.fromhex(f"{max(0, len(number) - 12)}{number.rjust(12, '0')}".ljust(32, "0"))


def _aes(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), ECB()).encryptor().update(block)  # noqa: S305  one block, as the standard has it


def _aes_back(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), ECB()).decryptor().update(block)  # noqa: S305  as above
