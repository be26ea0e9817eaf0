"""The words of a bank about an order, the same by webhook and when asked."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

AccountName = Annotated[str, Meta(max_length=64)]
Sequence = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Word = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9_]+$(?!\n)")]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a bank says it has under our key. Whoever acts on it compares it with what was agreed.

    `sequences` count the movements of each account of the resident that took part, this one included, by the name the
    bank knows it by. `iban` and `bic` are of an account that was opened, `name_match` answers a check of a name.
    """

    order_id: Annotated[str, Meta(max_length=64)]
    status: Literal["pending", "done", "rejected", "returned"]
    amount_minor: int = 0
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")] = "KZT"
    gets_minor: int | None = None
    gets_currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")] | None = None
    bank_reference: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:/-]{1,64}$(?!\n)")] | None = None
    reason: Word | None = None
    sequences: Annotated[dict[AccountName, Sequence], Meta(max_length=2)] = {}
    iban: Annotated[str, Meta(max_length=34)] | None = None
    bic: Annotated[str, Meta(max_length=11)] | None = None
    name_match: Literal["match", "close", "differs", "unknown"] | None = None
