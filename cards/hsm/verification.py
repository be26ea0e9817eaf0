"""Short values that prove something about a card to whoever has the key: CVV, CVV2, iCVV, CVV2 of the moment, PVV.

One algorithm makes all codes of a card; the service code says which it is. A terminal that reads a stripe can therefore
not use it to pay in a shop on the internet, nor a chip's picture of a stripe to write a stripe.
"""

import enum
import hmac
from datetime import date, datetime, timedelta

from cards.hsm import des

#: How long a CVV2 of the moment is shown. The one before is taken as well: somebody may be typing.
BUCKET = timedelta(minutes=5)
_EPOCH_BUCKET_S = int(BUCKET.total_seconds())
_PIN_DIGITS = 4


class Service(enum.StrEnum):
    """Service codes that are not on a stripe: they tell the codes of one card apart."""

    CVV2 = "000"
    ICVV = "999"


def code(key: bytes, number: str, expiry: date, service: str) -> str:
    """Answer the three digits of a card for `service`: the one of a stripe, or a Service. Expiry is taken as YYMM."""
    return _code(key, number, f"{expiry:%y%m}", service)


def code_at(key: bytes, number: str, expiry: date, at: datetime, *, back: int = 0) -> str:
    """Answer the CVV2 of the moment `at`, or of `back` moments before it.

    Where CVV2 takes the expiry, this takes four digits that follow from key, expiry and moment; whoever has seen any
    number of them doesn't know the next.
    """
    bucket = int(at.timestamp()) // _EPOCH_BUCKET_S - back
    moved = hmac.digest(key, f"dcvv2|{number}|{expiry:%y%m}|{bucket}".encode(), "sha256")
    return _code(key, number, f"{int.from_bytes(moved[:8]) % 10_000:04d}", Service.CVV2)


def bucket_ends(at: datetime) -> datetime:
    """Say until when the CVV2 of the moment `at` is the one that is shown."""
    return datetime.fromtimestamp((int(at.timestamp()) // _EPOCH_BUCKET_S + 1) * _EPOCH_BUCKET_S, tz=at.tzinfo)


def _code(key: bytes, number: str, expiry: str, service: str) -> str:
    text = bytes.fromhex(f"{number}{expiry}{service}".ljust(32, "0"))
    first = des.encrypt(key[:8] * 3, text[:8])
    return des.decimals(des.encrypt(key, des.xor(first, text[8:])), 3)


def pvv(key: bytes, index: int, number: str, pin: str) -> str:
    """Answer Visa's PIN verification value: four digits of a PIN of four digits, under the key of this index (0-9)."""
    text = f"{number[-12:-1]}{index}{pin[:_PIN_DIGITS]}"
    return des.decimals(des.encrypt(key, bytes.fromhex(text)), 4)
