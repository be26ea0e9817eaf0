"""A payment code: what a QR carries, as EMVCo's merchant-presented mode writes it (QRCPS-MPM v1.1).

Every object is two digits of tag, two of length, a value; the last is a CRC-16 over all before it. Ours is the account
template 26 under our own name, so that another house's reader shows who it is for and ours reads the address in it.
The reader trusts nothing: whatever is not exactly such a text is BadCode.
"""

import binascii
from collections.abc import Iterable

import msgspec

from law.money import (
    KZT,
    BadAmount,
    Currency,
    Money,
    UnknownCurrency,
    format_major,
    parse_major,
)
from wallet import address

#: Our name within template 26 (object 00: a globally unique identifier, here a reverse domain name).
GUI = "kz.gov.eresidency"
LENGTH_MAX = 512
_FORMAT, _INITIATION, _ACCOUNT, _CATEGORY, _CURRENCY = "00", "01", "26", "52", "53"
_AMOUNT, _COUNTRY, _NAME, _CITY, _CRC = "54", "58", "59", "60", "63"
_STATIC, _DYNAMIC = "11", "12"
_GUI, _IBAN, _REQUEST = "00", "01", "02"
_OWED = (_FORMAT, _ACCOUNT, _CATEGORY, _CURRENCY, _COUNTRY, _NAME, _CITY)
_HEAD, _VALUE_MAX, _NAME_MAX, _AMOUNT_MAX = 4, 99, 25, 13
_CRC_AT_END = 8


class BadCode(Exception):
    """This is no payment code of ours: another kind of code, cut short, or its check sum doesn't fit."""


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """What a code says: pay to `iban`, `money` if it names an amount, for the `request` (its public id) if any."""

    iban: str
    name: str
    money: Money | None = None
    request: str | None = None


def write(code: Code) -> str:
    """Write a code as text."""
    account = [(_GUI, GUI), (_IBAN, code.iban)] + ([(_REQUEST, code.request)] if code.request else [])
    objects = [
        (_FORMAT, "01"),
        (_INITIATION, _DYNAMIC if code.request else _STATIC),
        (_ACCOUNT, _joined(account)),
        (_CATEGORY, "0000"),
        (_CURRENCY, f"{(code.money.currency if code.money else KZT).numeric:03}"),
        *([(_AMOUNT, amount)] if (amount := _decimal(code.money)) else []),
        (_COUNTRY, "KZ"),
        (_NAME, code.name[:_NAME_MAX] or "E-RESIDENT"),
        (_CITY, "ASTANA"),
    ]
    covered = _joined(objects) + f"{_CRC}04"
    return covered + crc(covered)


def read(text: str) -> Code:
    """Read a code that somebody scanned; raises BadCode."""
    if len(text) > LENGTH_MAX or not text.isascii() or not text.isprintable():
        raise BadCode
    covered, told = text[:-_HEAD], text[-_HEAD:]
    if covered[-_HEAD:] != f"{_CRC}04" or crc(covered) != told.upper():
        raise BadCode
    objects = _split(text[:-_CRC_AT_END])
    if next(iter(objects), None) != _FORMAT or objects[_FORMAT] != "01" or any(tag not in objects for tag in _OWED):
        raise BadCode
    account = _split(objects[_ACCOUNT])
    if account.get(_GUI) != GUI:
        raise BadCode
    try:
        iban = address.parse(account.get(_IBAN, ""))
    except address.BadIban as error:
        raise BadCode from error
    money = _money(objects[_AMOUNT], objects[_CURRENCY]) if _AMOUNT in objects else None
    return Code(iban=iban, name=objects[_NAME], money=money, request=account.get(_REQUEST))


def crc(text: str) -> str:
    """Answer CRC-16/CCITT-FALSE of the text, four hex digits (ISO/IEC 13239, polynomial 1021, begun at FFFF)."""
    return f"{binascii.crc_hqx(text.encode('ascii'), 0xFFFF):04X}"


def _joined(objects: Iterable[tuple[str, str]]) -> str:
    written = []
    for tag, value in objects:
        if not value or len(value) > _VALUE_MAX or not value.isascii():
            raise ValueError(f"object {tag} can't be written")
        written.append(f"{tag}{len(value):02}{value}")
    return "".join(written)


def _split(text: str) -> dict[str, str]:
    """Take a text apart; raises BadCode for a tag given twice, a length beyond the end, or anything left over."""
    objects: dict[str, str] = {}
    place = 0
    while place < len(text):
        head, value_at = text[place : place + _HEAD], place + _HEAD
        if len(head) < _HEAD or not head.isdigit() or head[:2] in objects:
            raise BadCode
        place = value_at + int(head[2:])
        if place > len(text) or place == value_at:
            raise BadCode
        objects[head[:2]] = text[value_at:place]
    return objects


def _decimal(money: Money | None) -> str:
    """Write an amount, or nothing where there is none or it is longer than a code can say: a request says it then."""
    text = format_major(money) if money and money.minor > 0 else ""
    return text if len(text) <= _AMOUNT_MAX else ""


def _money(amount: str, numeric: str) -> Money:
    """Read an amount: digits with at most one point, more than nothing, no finer than the currency."""
    if len(amount) > _AMOUNT_MAX or not numeric.isdigit():
        raise BadCode
    try:
        money = parse_major(amount, Currency.of_numeric(int(numeric)))
    except (UnknownCurrency, BadAmount) as error:
        raise BadCode from error
    if money.minor <= 0:
        raise BadCode
    return money
