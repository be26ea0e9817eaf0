"""A purchase as a card network knows it: what the shop asked, what was said about it, what the issuer answered."""

from datetime import UTC, datetime
from typing import Annotated, Literal, NamedTuple, Protocol

import msgspec
from msgspec import Meta

ISSUER_UNAVAILABLE = "91"  # field 39 of ISO 8583: what a shop hears when the issuer can't be reached
FORMAT_ERROR = "30"

Minor = Annotated[int, Meta(ge=1)]
Repeat = Annotated[int, Meta(ge=1, le=100)]
Kind = Literal["authorization", "reversal", "clearing"]
Entry = Literal["ecommerce", "chip", "contactless", "magstripe", "moto", "recurring"]


class Swipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a terminal sends. `forced` asks nobody; `advice` tells the issuer that the network has said yes for it.

    `purchase_id` is the terminal's own name for the purchase: sent again for want of an answer, it is one purchase.
    """

    purchase_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,36}$")] | None = None
    pan: str
    expiry: str
    cvv2: str | None = None
    amount_minor: Minor
    currency: str = "KZT"
    merchant: str
    merchant_id: str = "M-1001"
    mcc: str = "5942"
    country: str = "KZ"
    entry: Entry = "ecommerce"
    forced: bool = False
    advice: bool = False
    repeat: Repeat = 1


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What happens to a purchase afterwards: the whole amount unless one is given."""

    amount_minor: Minor | None = None
    final: bool = True
    repeat: Repeat = 1


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What the issuer answered to a message; equal over all its copies, or `conflicting`."""

    element: str
    approved: bool
    code: str
    reason: str | None = None
    authorization_id: str | None = None
    conflicting: bool = False
    minor: int = 0


class Purchase(msgspec.Struct, kw_only=True):
    """A purchase as the network knows it."""

    id: str
    swipe: Swipe
    opened_at: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    heard: list[Heard] = []

    def given_up(self, *, before: str) -> int:
        """Sum what the shop gave up of it before that element."""
        said = [heard for heard in self.heard if heard.element.startswith("reversal") and heard.element != before]
        return sum(heard.minor for heard in said)


class Told(NamedTuple):
    """One thing said about a purchase; `element` is its name within it."""

    kind: Kind
    element: str
    minor: int
    final: bool = True


class Answer(NamedTuple):
    """What the issuer answered to one copy."""

    approved: bool
    code: str
    reason: str | None
    authorization_id: str | None


class Unanswered(Exception):
    """Nobody knows what the issuer did with it."""


class Issuer(Protocol):
    """Who is told of purchases, over whichever wire. `again`: nobody answered the same thing before."""

    async def tell(self, purchase: Purchase, told: Told, *, again: bool) -> Answer:
        """Send one copy; raises Unanswered."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...
