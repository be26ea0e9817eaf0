"""TR-31 key blocks (ANSI X9.143): a key travels with what it may be used for, and neither can be changed on the way.

Versions B (Triple DES) and D (AES), which derive what they encrypt and authenticate with; A and C, which X9.143 has
withdrawn, are refused. The header is authenticated with the key: a PIN key can't be passed off as one that encrypts.
"""

import secrets
from collections.abc import Callable

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.modes import CBC

from cards.hsm import des

_HEAD = 16
_LENGTH_BYTES = 2
_EXTENDED = 0


class BadKeyBlock(Exception):
    """It was changed, belongs under another key, or is no key block of version B or D."""


class Header(msgspec.Struct, frozen=True):
    """What the key is: its usage (`P0` encrypts PINs), algorithm (`T`, `A`), mode (`E`, `B`), version, export.

    `blocks` are optional blocks as they were read, padding left out.
    """

    usage: str
    algorithm: str
    mode: str
    version: str = "00"
    exportable: str = "E"
    blocks: tuple[tuple[str, str], ...] = ()


class _Version(msgspec.Struct, frozen=True):
    """How a version protects: the size of its blocks and its MAC, and the ciphers it is made of."""

    block: int
    key_max: int
    cmac: Callable[[bytes, bytes], bytes]
    encrypt: Callable[[bytes, bytes, bytes], bytes]
    decrypt: Callable[[bytes, bytes, bytes], bytes]
    algorithm: dict[int, int]


def wrap(protection: bytes, header: Header, key: bytes, *, version: str = "D") -> str:
    """Wrap `key` under the protection key; its true length is hidden. Raises BadKeyBlock."""
    way = _way(version, protection)
    hidden = max(way.key_max, len(key))
    body = (8 * len(key)).to_bytes(_LENGTH_BYTES) + key
    body += secrets.token_bytes(hidden + way.block - (_LENGTH_BYTES + hidden) % way.block - len(key))
    count, blocks = _blocks(header.blocks, way.block)
    length = _HEAD + len(blocks) + 2 * (len(body) + way.block)
    head = (
        f"{version}{length:04d}{header.usage}{header.algorithm}{header.mode}{header.version}"
        f"{header.exportable}{count:02d}00{blocks}"
    )
    encrypting, proving = _derived(way, protection)
    mac = way.cmac(proving, head.encode() + body)
    return head + (way.encrypt(encrypting, mac, body) + mac).hex().upper()


def unwrap(protection: bytes, block: str) -> tuple[Header, bytes]:
    """Answer what a block says and the key in it; raises BadKeyBlock."""
    way = _way(block[:1], protection)
    head, header = _read(block)
    try:
        cipher = bytes.fromhex(block[len(head) :])
    except ValueError as error:
        raise BadKeyBlock from error
    body, mac = cipher[: -way.block], cipher[-way.block :]
    if len(mac) < way.block or not body or len(body) % way.block:
        raise BadKeyBlock
    encrypting, proving = _derived(way, protection)
    plain = way.decrypt(encrypting, mac, body)
    if not des.same(way.cmac(proving, head.encode() + plain), mac):
        raise BadKeyBlock
    bits = int.from_bytes(plain[:_LENGTH_BYTES])
    key = plain[_LENGTH_BYTES : _LENGTH_BYTES + bits // 8]
    if bits % 8 or len(key) != bits // 8:
        raise BadKeyBlock
    return header, key


def _derived(way: _Version, protection: bytes) -> tuple[bytes, bytes]:
    """Derive the keys that encrypt and that authenticate, both as long as the one that protects."""

    def derived(use: int) -> bytes:
        size = len(protection)
        fixed = use.to_bytes(2) + b"\0" + way.algorithm[size].to_bytes(2) + (8 * size).to_bytes(2)
        parts = range(1, -(-size // way.block) + 1)
        return b"".join(way.cmac(protection, bytes([part]) + fixed) for part in parts)[:size]

    return derived(0), derived(1)


def _way(version: str, protection: bytes) -> _Version:
    way = _VERSIONS.get(version)
    if way is None or len(protection) not in way.algorithm:
        raise BadKeyBlock
    return way


def _read(block: str) -> tuple[str, Header]:
    """Read the header of a block and say where it ends."""
    if not block.isascii() or len(block) < _HEAD or not (block[1:5] + block[12:14]).isdecimal():
        raise BadKeyBlock
    if int(block[1:5]) != len(block):
        raise BadKeyBlock
    at, found = _HEAD, []
    for _ in range(int(block[12:14])):
        name, size, start = _block(block, at)
        if name != "PB":
            found.append((name, block[start : at + size]))
        at += size
    header = Header(block[5:7], block[7], block[8], block[9:11], block[11], tuple(found))
    return block[:at], header


def _block(text: str, at: int) -> tuple[str, int, int]:
    """Say which optional block begins at `at`, how long it is and where its content starts."""
    try:
        size, start = int(text[at + 2 : at + 4], 16), at + 4
        if size == _EXTENDED:
            width = 2 * int(text[at + 4 : at + 6], 16)
            start = at + 6 + width
            size = int(text[at + 6 : start], 16)
    except ValueError as error:
        raise BadKeyBlock from error
    if at + size > len(text) or start > at + size:
        raise BadKeyBlock
    return text[at : at + 2], size, start


def _blocks(blocks: tuple[tuple[str, str], ...], size: int) -> tuple[int, str]:
    """Write optional blocks, filled up to whole blocks of the cipher."""
    text = "".join(f"{name}{len(content) + 4:02X}{content}" for name, content in blocks)
    if not len(text) % size:
        return len(blocks), text
    fill = size - (len(text) + 4) % size
    return len(blocks) + 1, f"{text}PB{4 + fill:02X}{'0' * fill}"


def _des_cmac(key: bytes, data: bytes) -> bytes:
    return des.cmac(des.cipher(key), data)


def _aes_cmac(key: bytes, data: bytes) -> bytes:
    return des.cmac(algorithms.AES(key), data)


def _aes_encrypt(key: bytes, first: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), CBC(first)).encryptor().update(data)


def _aes_decrypt(key: bytes, first: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), CBC(first)).decryptor().update(data)


_VERSIONS = {
    "B": _Version(8, 24, _des_cmac, des.encrypt_chained, des.decrypt_chained, {16: 0, 24: 1}),
    "D": _Version(16, 32, _aes_cmac, _aes_encrypt, _aes_decrypt, {16: 2, 24: 3, 32: 4}),
}
