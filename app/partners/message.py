"""A message of a partner, proved and kept, on its way to who acts on it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import msgspec

from app import strict
from app.house import House
from app.partners.registry import Partner


class TooEarly(Exception):
    """What the message is about is not there yet: messages overtake each other. It waits."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Unfit(Exception):
    """Nobody here can act on the message as it is; it is parked for an officer, with `why`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Envelope(msgspec.Struct, frozen=True):
    """What every message says: Standard Webhooks lets further fields stand beside these."""

    type: str
    data: object


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A kept message and whose it is. `data` is JSON, of a form that hangs on `kind`."""

    id: UUID
    partner: Partner
    kind: str
    data: bytes


#: Acts on a message and says in a word what came of it; raises Unfit, TooEarly.
Handler = Callable[[House, Message], Awaitable[str]]
Data = TypeVar("Data")


def read(raw: bytes, kind: type[Data]) -> Data:
    """Read JSON of a partner strictly, passing over fields we don't know; raises Unfit."""
    try:
        found: Data = strict.decode(raw, kind)
    except strict.Malformed as error:
        raise Unfit(f"unreadable: {error}"[:200]) from error
    return found
