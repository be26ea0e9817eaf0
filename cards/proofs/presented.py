"""What a terminal or a shop presents to prove that the card, its holder or a token of it is there.

Nothing here prints itself, and nothing here can be encoded: whoever stores a message replaces `presented` by NOTHING
first (PCI DSS 4.0.1, 3.3.1: none of this is kept once the question is answered).

reads      cards/iso8583, app/http/partner/network.py
judges     cards/proofs/proving.py
"""

from typing import Generic, TypeVar
from uuid import UUID

import msgspec

from cards.proofs.pan import Pan

Value = TypeVar("Value", str, bytes)


class Secret(Generic[Value]):
    """A value that is asked for by name and says nothing of itself; no encoder of ours knows how to write it."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value: Value = value

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


class Code(Secret[str]):
    """Three or four digits: a CVV2, the CVV of a stripe, the iCVV of a chip, a code of the moment."""


class Bytes(Secret[bytes]):
    """A cryptogram, a block under a key, the data of a chip."""


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """What a terminal read of a stripe, or of the chip's picture of one: the service code and the CVV under it."""

    service: str
    code: Code


class Chip(msgspec.Struct, frozen=True, kw_only=True):
    """What the chip said: field 55 of ISO 8583, TLV as it came, and the sequence number of the card (field 23)."""

    field55: Bytes
    sequence: str = "00"


class PinBlock(msgspec.Struct, frozen=True, kw_only=True):
    """The PIN as typed: an ISO 9564 format 4 block, 16 bytes, under the PIN key that `zone` shares with us.

    A zone is a network, by its code; a zone that still speaks format 0 has it translated before it is one of these.
    """

    block: Bytes
    zone: str


class Cavv(msgspec.Struct, frozen=True, kw_only=True):
    """What 3-D Secure ended with: the authentication value, 20 bytes, and our name of the challenge it is about."""

    value: Bytes
    challenge: UUID | None = None


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """Everything presented with one question; None is what was not. `token` is the reference of a wallet token.

    `number` is the number as it was read: the codes are computed over it. `counter` comes with our own advice alone:
    the one that a chip used in a proof that was found right while the books were away.
    """

    number: Pan | None = None
    cvv2: Code | None = None
    track: Track | None = None
    chip: Chip | None = None
    pin: PinBlock | None = None
    cavv: Cavv | None = None
    token: str | None = None
    counter: int | None = None


#: What a message presents that presents nothing, and what is left of any once it is answered.
NOTHING = Presented()
