"""Whose master lists are believed: authorities known by their key before any list was read (list_signers.toml)."""

import tomllib
from datetime import date
from functools import cache
from pathlib import Path

import msgspec

_FILE = Path(__file__).with_name("list_signers.toml")


class Pin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One authority: SHA-256 in hex of its public key and of its certificate, and where they were compared."""

    country: str
    name: str
    key: str
    certificate: str
    source: str
    checked_on: date


@cache
def published() -> tuple[Pin, ...]:
    """Give the pins that come with the house."""
    read = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(msgspec.convert(each, Pin) for each in read["pin"])
