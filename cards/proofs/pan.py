"""The card number: drawn at random, sealed at once, found by a keyed index, shown to its holder alone.

No login role can read the table. Functions of the schema `card_vault` keep a number, say which card has a given one,
and hand a sealed one to the resident the transaction speaks for (migrations/versions/0007_cards.py). What would let a
stranger pay, the CVV2, is stored nowhere: it is made anew each time (cards/hsm; PCI DSS 4.0.1, 3.3.1).

Two keys, neither of which is in the database, stand between a copy of it and a number. The KEK opens what is sealed.
The key of the index, which lies in a place of its own, says which row a known number has; without it the index says
nothing, also beside the four digits that are in clear (3.5.1.1).
"""

import re
import secrets
from collections.abc import Callable
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from proof import kms

# ISO/IEC 7812-1: a first digit 9 is for national use; the country follows (398, Kazakhstan), then two digits of ours.
# Such a number can't be taken for one of an international scheme.
IIN = "939801"
_ACCOUNT_DIGITS = 9
_PAN = re.compile(r"[0-9]{12,19}", re.ASCII)
_BLIND = "card_vault.pan"


class NotAPan(Exception):
    """The text can't be a card number: wrong length, not digits, or a wrong check digit. Its value is never shown."""


class Pan:
    """A full card number. It doesn't print itself: whoever needs the digits asks for them by name."""

    __slots__ = ("digits",)

    def __init__(self, digits: str) -> None:
        """Take 12 to 19 digits with their check digit; raises NotAPan."""
        if not _PAN.fullmatch(digits) or check_digit(digits[:-1]) != digits[-1]:
            raise NotAPan
        self.digits = digits

    @property
    def last4(self) -> str:
        """The part that may be shown and stored anywhere (PCI DSS 4.0.1, 3.4.1)."""
        return self.digits[-4:]

    def __repr__(self) -> str:
        return f"Pan(…{self.last4})"


def check_digit(digits: str) -> str:
    """Answer the digit that completes `digits` (Luhn, ISO/IEC 7812-1 annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled  # noqa: PLR2004  the sum of a two-digit number's digits
    return str(-total % 10)


def draw() -> Pan:
    """Draw a number of ours, unpredictable: numbers in a row would let a stranger walk through our cards."""
    digits = f"{IIN}{secrets.randbelow(10**_ACCOUNT_DIGITS):0{_ACCOUNT_DIGITS}d}"
    return Pan(digits + check_digit(digits))


async def keep(db: AsyncConnection, keys: kms.Kms, *, card: UUID, holder: UUID, draw: Callable[[], Pan] = draw) -> Pan:
    """Draw a number no other card has, seal it for `card` and keep it."""
    data_key = kms.new_data_key()
    wrapped = keys.wrap(data_key, _owner(card))
    while True:
        number = draw()
        kept = await db.scalar(
            _PUT,
            {
                "card": card,
                "holder": holder,
                "blind": blind(keys, number),
                "key_version": wrapped.version,
                "wrapped_key": wrapped.blob,
                "sealed": _seal(data_key, number, card),
            },
        )
        if kept:
            return number


def blind(keys: kms.Kms, number: Pan) -> bytes:
    """Answer the 32 bytes by which a number is found: a keyed hash of all of it (PCI DSS 4.0.1, 3.5.1.1)."""
    return keys.blind(_BLIND, number.digits)


class Found(msgspec.Struct, frozen=True):
    """The card a number belongs to, the lane it lives in, and which keys its codes are made with: none ever changes."""

    card: UUID
    lane: int
    plate_version: int = 1


class Kept(msgspec.Struct, frozen=True):
    """A number as it was kept, and the version of the keys that the codes of its card are made with."""

    number: Pan
    plate_version: int


async def find(db: AsyncConnection, index: bytes) -> Found | None:
    """Answer which card has the number with this blind index, None if none has."""
    row = (await db.execute(_FIND, {"blind": index})).one_or_none()
    return None if row is None else Found(row.id, row.lane, row.plate_version)


async def read(db: AsyncConnection, keys: kms.Kms, card: UUID) -> Kept | None:
    """Open the number of a card of the resident this transaction speaks for; None if it is not theirs."""
    row = (await db.execute(_READ, {"card": card})).one_or_none()
    if row is None:
        return None
    data_key = keys.unwrap(kms.Wrapped(row.key_version, row.wrapped_key), _owner(card))
    digits = kms.open_(data_key, row.sealed, table="card_vault.pan", column="sealed", row=card).decode()
    return Kept(Pan(digits), row.plate_version)


def _seal(data_key: bytes, number: Pan, card: UUID) -> bytes:
    return kms.seal(data_key, number.digits.encode(), table="card_vault.pan", column="sealed", row=card)


def _owner(card: UUID) -> str:
    return f"card:{card}"


_PUT = text("SELECT card_vault.put(:card, :holder, :blind, :key_version, :wrapped_key, :sealed)")
_FIND = text(
    """
    SELECT card.id, card.lane, found.plate_version
    FROM card_vault.find(:blind) AS found JOIN cards.card ON card.id = found.card
    """
)
_READ = text("SELECT plate_version, key_version, wrapped_key, sealed FROM card_vault.read(:card)")
