"""What a card network and we say to each other about a dispute, and the port it is said through.

    we show      Exhibit      each file, before the first message that names it
    we tell      Message      file, withdraw, escalate, arbitrate, give up: the same key is the same message for ever
    it tells     Heard        accepted, refused, represented, contested, conceded, ruled: each has a name of its own

It tells by its answer to ours, and by itself (app/http/partner/network_disputes.py); the same words either way,
whichever come first, and any number of times.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from cards.disputes.errand import Errand, Kind
from cards.disputes.life import Act

EventKind = Literal["accepted", "refused", "represented", "contested", "conceded", "ruled"]
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~]+$(?!\n)")]
Word = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9_]+$(?!\n)")]
Minor = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of evidence, by its digest: the file itself was shown before."""

    kind: str
    media: str
    sha256: str


class Exhibit(msgspec.Struct, frozen=True, kw_only=True):
    """A file for the network to read, in base64 on its way; it is opened for this and nothing else."""

    dispute_id: Name
    file: File
    content: bytes

    def __repr__(self) -> str:
        return f"Exhibit({self.dispute_id}, {self.file.kind})"


class Has(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The network's answer to an exhibit: it has the file with this digest, and calls it `reference`."""

    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    reference: Name


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What we tell: about which purchase, under which condition, how much, and with which evidence."""

    dispute_id: Name
    number: int
    kind: Kind
    lifecycle_id: str
    condition: str
    amount_minor: Minor
    currency: str
    evidence: tuple[File, ...] = ()


class Heard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the network tells, about `amount_minor`: all of it where that is null; a ruling of 0 is lost."""

    event_id: Name
    kind: EventKind
    amount_minor: Minor | None = None
    reason: Word | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The network's answer to a message: that it has it, and all it has to say of the dispute so far."""

    dispute_id: Name
    events: Annotated[list[Heard], Meta(max_length=32)] = []


class Unanswered(Exception):
    """No answer that can be read: what the network knows is unknown, and it is told again under the same key."""

    def __init__(self, trouble: str) -> None:
        super().__init__(trouble)
        self.trouble = trouble


class NotTaken(Exception):
    """The network will not have this file, however often it is shown."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class DisputeLink(Protocol):
    """Brings messages to the network that has the payment; raises Unanswered."""

    async def show(self, network: str, key: str, exhibit: Exhibit) -> str:
        """Show a file once for ever under `key`; answers what the network calls it, or raises NotTaken."""
        ...

    async def tell(self, network: str, key: str, message: Message) -> Told:
        """Tell once for ever under `key`."""
        ...


_ACTS: Mapping[EventKind, Act] = {
    "accepted": Act.ACCEPT,
    "refused": Act.REFUSE,
    "represented": Act.REPRESENT,
    "contested": Act.CONTEST,
    "conceded": Act.CONCEDE,
}


def act(heard: Heard) -> Act:
    """Say what happens by it."""
    if heard.kind == "ruled":
        return Act.LOSE if heard.amount_minor == 0 else Act.WIN
    return _ACTS[heard.kind]


def key(dispute_id: str, told: Errand) -> str:
    """Name a message for ever."""
    return f"{dispute_id}/{told.number}"
