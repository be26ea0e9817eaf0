"""Base45 (RFC 9285): bytes in the letters that a QR code packs two to eleven bits."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_DIGITS = {letter: digit for digit, letter in enumerate(_ALPHABET)}
_BASE = 45


class NotBase45(Exception):
    """The text is not base 45, or of no bytes."""


def encode(raw: bytes) -> str:
    """Write two bytes as three letters, a last one as two, the lowest digit first."""
    written = []
    for at in range(0, len(raw), 2):
        pair = raw[at : at + 2]
        number = int.from_bytes(pair)
        for _ in range(len(pair) + 1):
            number, digit = divmod(number, _BASE)
            written.append(_ALPHABET[digit])
    return "".join(written)


def decode(text: str) -> bytes:
    """Read it back; each text has one meaning or none: raises NotBase45."""
    if len(text) % 3 == 1:
        raise NotBase45
    read = bytearray()
    for at in range(0, len(text), 3):
        letters = text[at : at + 3]
        try:
            number = sum(_DIGITS[letter] * _BASE**place for place, letter in enumerate(letters))
            read += number.to_bytes(len(letters) - 1)
        except (KeyError, OverflowError) as error:
            raise NotBase45 from error
    return bytes(read)
