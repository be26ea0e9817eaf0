"""The port to whoever answers the network for a card: our own issuer, or somebody else's behind an adapter.

port       cards/processor.py             CardProcessor      <- you are here
ours       app/cards_processor.py         the card's rows, under the same port
Stripe     app/partners/stripe_issuing/   StripeIssuing
queues     app/processing.py              what leaves the house is a row first (cards/command.py)

Everything asked carries a key of ours: the same key with the same content has one effect, however often it is asked,
and with other content it is refused. An answer is a value. `Unknown` says that it may have happened or not: ask again
under the same key. What was read is no answer to what was asked: `list_events` is how what was missed is found.
"""

import enum
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

import msgspec

from cards.card import Closing, Form, Limits
from cards.permission import Controls
from law.money import Currency, Money

OWN = "own"


class Status(enum.StrEnum):
    """Whether a card may be used, as a processor knows it: a freeze and a suspension of ours are INACTIVE there."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    CLOSED = "closed"


class Why(enum.StrEnum):
    """Why a processor would not."""

    UNKNOWN_REFERENCE = "unknown_reference"
    WRONG_STATE = "wrong_state"
    KEY_REUSED = "key_reused"
    NOT_OFFERED = "not_offered"
    NOT_ACCEPTED = "not_accepted"


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """It was not done and will not be; `detail` is the processor's word, for officers."""

    why: Why
    detail: str = ""


class Unknown(msgspec.Struct, frozen=True, tag="unknown"):
    """Nobody knows whether it was done: ask again under the same key."""

    trouble: str


class Done(msgspec.Struct, frozen=True, tag="done"):
    """It was done; `reference` is the processor's name for what it was done to."""

    reference: str


class Issued(msgspec.Struct, frozen=True, kw_only=True, tag="issued"):
    """There is a card; `expires_on` is its last day."""

    reference: str
    last4: str
    expires_on: date
    status: Status


class Shown:
    """Text that is handed on to one device once: it says nothing of itself, and no encoder knows how to write it."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "Shown(…)"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What lets one device see a number, or load the card, until then: opaque to us, never stored."""

    secret: Shown
    expires_at: datetime


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody lives, or what is sent goes; `country` by ISO 3166 (letters)."""

    line1: str
    city: str
    postal_code: str
    country: str
    line2: str | None = None
    region: str | None = None

    def __repr__(self) -> str:
        return f"Address({self.country})"


class Cardholder(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a card is for, as far as a processor has to know; `id` is ours."""

    id: UUID
    given_names: str
    surname: str
    born_on: date
    address: Address
    email: str | None = None
    phone: str | None = None
    language: str = "en"

    def __repr__(self) -> str:
        return f"Cardholder({self.id})"


class Permits(msgspec.Struct, frozen=True, kw_only=True):
    """What a card may do, as its holder chose; `denied` are categories that the programme never pays for."""

    limits: Limits = Limits()
    controls: Controls = Controls()
    denied: frozenset[str] = frozenset()


class NewCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card to be made: `id` is ours, `cardholder` the processor's name for whom it is for."""

    id: UUID
    cardholder: str
    form: Form
    currency: Currency
    permits: Permits = Permits()
    status: Status = Status.ACTIVE
    ship_to: Address | None = None


class Successor(msgspec.Struct, frozen=True, kw_only=True):
    """The card that replaces another one, and why."""

    id: UUID
    why: Closing


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to see a number or to load a card.

    `key` is a public key of the device (JWK) for our own processor, `nonce` the token of its own library for another.
    """

    key: bytes | None = None
    nonce: str | None = None
    wallet: str | None = None


class Grounds(enum.StrEnum):
    """What is wrong with a purchase, in the words every processor has."""

    FRAUDULENT = "fraudulent"
    DUPLICATE = "duplicate"
    CANCELED = "canceled"
    NOT_RECEIVED = "not_received"
    NOT_AS_DESCRIBED = "not_as_described"
    NO_VALID_AUTHORIZATION = "no_valid_authorization"
    OTHER = "other"


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase its holder disputes. `id` is our dispute, `transaction` the processor's name for what was taken."""

    id: UUID
    transaction: str
    amount: Money
    grounds: Grounds
    explanation: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened at the processor: its name, its kind, what it is about, and when."""

    event: str
    kind: str
    about: str
    at: datetime


class CardProcessor(Protocol):
    """Whoever issues cards and answers the network for them. `code` names it in rows and accounts."""

    @property
    def code(self) -> str:
        """Name it."""
        ...

    async def create_cardholder(self, asked: Cardholder, key: str) -> Done | Refused | Unknown:
        """Make somebody known."""
        ...

    async def update_cardholder(self, reference: str, asked: Cardholder, key: str) -> Done | Refused | Unknown:
        """Tell what changed about somebody."""
        ...

    async def issue_card(self, asked: NewCard, key: str) -> Issued | Refused | Unknown:
        """Make a card."""
        ...

    async def activate(self, reference: str, key: str) -> Done | Refused | Unknown:
        """Let a card be used for the first time."""
        ...

    async def set_status(
        self, reference: str, status: Status, key: str, *, why: Closing | None = None
    ) -> Done | Refused | Unknown:
        """Stop a card, let it go on, or close it for good."""
        ...

    async def replace(self, reference: str, asked: Successor, key: str) -> Issued | Refused | Unknown:
        """Make another card in the place of one, closed at once if lost or stolen, else once its heir works."""
        ...

    async def set_controls(self, reference: str, permits: Permits, key: str) -> Done | Refused | Unknown:
        """Say what a card may do; what was said before no longer holds."""
        ...

    async def set_pin(self, reference: str, sealed: Shown, key: str) -> Done | Refused | Unknown:
        """Set the PIN, which comes sealed for the processor; nobody between can read it."""
        ...

    async def reveal_session(self, reference: str, device: Device, key: str) -> Session | Refused | Unknown:
        """Let one device see the number."""
        ...

    async def provision_wallet(self, reference: str, device: Device, key: str) -> Session | Done | Refused | Unknown:
        """Let one device take the card into its wallet."""
        ...

    async def submit_dispute(self, asked: Claim, key: str) -> Done | Refused | Unknown:
        """Dispute a purchase."""
        ...

    async def withdraw_dispute(self, reference: str, key: str) -> Done | Refused | Unknown:
        """Take a dispute back."""
        ...

    async def list_events(self, since: datetime) -> list[Told] | Unknown:
        """List what happened from then on, the oldest first; the same again is the same."""
        ...
