"""Triple DES as the card networks still use it, and what is built of it: MACs, digits out of ciphertext, check values.

Keys are 16 bytes (K1 K2, used as K1 K2 K1) or 24. The cipher is withdrawn for everything else (NIST SP 800-131A), so
nothing outside of this package asks for it.
"""

import hmac

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB
from cryptography.hazmat.primitives.cmac import CMAC

BLOCK = 8
_DOUBLE = 16
_TRIPLE = 24
_DIGITS = frozenset("0123456789")
_LETTERS = str.maketrans("abcdef", "012345")
_ODD = bytes(byte if byte.bit_count() % 2 else byte ^ 1 for byte in range(256))


class BadKey(Exception):
    """The key has the wrong length for what it is used for."""


def cipher(key: bytes) -> TripleDES:
    """Give the cipher under a key of two or three parts; raises BadKey."""
    if len(key) == _DOUBLE:
        key += key[:BLOCK]
    if len(key) != _TRIPLE:
        raise BadKey
    return TripleDES(key)


def encrypt(key: bytes, data: bytes) -> bytes:
    """Encrypt whole blocks, each by itself."""
    return _one(key).encryptor().update(data)


def decrypt(key: bytes, data: bytes) -> bytes:
    """Decrypt whole blocks, each by itself."""
    return _one(key).decryptor().update(data)


def encrypt_chained(key: bytes, first: bytes, data: bytes) -> bytes:
    """Encrypt whole blocks, each chained to the one before, the first to `first`."""
    return Cipher(cipher(key), CBC(first)).encryptor().update(data)


def decrypt_chained(key: bytes, first: bytes, data: bytes) -> bytes:
    """Undo encrypt_chained()."""
    return Cipher(cipher(key), CBC(first)).decryptor().update(data)


def retail_mac(key: bytes, padded: bytes) -> bytes:
    """Answer ISO/IEC 9797-1 MAC algorithm 3 over whole blocks: single DES through, the second half at the end."""
    left, right = key[:BLOCK] * 3, key[BLOCK:_DOUBLE] * 3  # three times the same part is single DES
    last = encrypt_chained(left, bytes(BLOCK), padded)[-BLOCK:]
    return encrypt(left, decrypt(right, last))


def _one(key: bytes) -> Cipher[ECB]:
    return Cipher(cipher(key), ECB())  # noqa: S305  the bare cipher, as the standards of cards name it


def cmac(algorithm: TripleDES | algorithms.AES, data: bytes) -> bytes:
    """Answer CMAC (NIST SP 800-38B) over `data`, as long as a block of the cipher."""
    mac = CMAC(algorithm)
    mac.update(data)
    return mac.finalize()


def odd(key: bytes) -> bytes:
    """Give each byte odd parity, as keys of this cipher have it."""
    return key.translate(_ODD)


def xor(left: bytes, right: bytes) -> bytes:
    """Add two strings of the same length, bit by bit."""
    return (int.from_bytes(left) ^ int.from_bytes(right)).to_bytes(len(left))


def decimals(block: bytes, count: int) -> str:
    """Read `count` decimal digits out of a ciphertext: its digits first, then its letters as 0 to 5."""
    text = block.hex()
    found = "".join(each for each in text if each in _DIGITS)
    if len(found) < count:
        found += "".join(each for each in text if each not in _DIGITS).translate(_LETTERS)
    return found[:count]


def same(one: str | bytes, other: str | bytes) -> bool:
    """Compare what somebody presented with what it should be, in a time that tells nothing."""
    left = one.encode() if isinstance(one, str) else one
    right = other.encode() if isinstance(other, str) else other
    return hmac.compare_digest(left, right)
