"""The port to whoever processes a card: our own issuer, or somebody else's behind an adapter.

port       cards/processing/processor.py    CardProcessor      <- you are here
common     cards/processing/kept.py         Kept               what is the same for all: our rows are the book of record
ours       app/cards/own_processor.py       OwnCards
Stripe     app/cards/stripe_processor.py    StripeCards        rows for the worker (app/cards/processing.py), which asks
           app/partners/stripe_issuing/issuer.py               Stripe under the row's id and learns an answer
chooses    app/cards/processors.py          of(), of_network()

Everything is asked inside the story of a request: what changes here changes with it, and what has to leave the house is
a row of it. So the key of a request is the key of all that follows, and no network is waited for with a transaction
open. Where an act makes no sense at a processor it is refused by name: NotAtThisProcessor.

The second half are the words of the line to a processor elsewhere. An answer is a value there: `Unknown` says that it
may have happened or not, and the same is asked again under the same key.
"""

import enum
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.card import Card, Closing, Form, Limits
from cards.disputes.dispute import Dispute
from cards.disputes.life import Act
from cards.disputes.link import DisputeLink
from cards.disputes.reason import Proof
from cards.payments.allowance import Allowance
from cards.programme.order import Order
from cards.programme.permission import Controls, Trip
from cards.programme.renewal import Cause
from cards.programme.shipping import Parcel
from cards.proofs.pin import Pin
from cards.proofs.token import Act as TokenAct
from cards.proofs.token import Token
from law.money import Currency, Money


class NotAtThisProcessor(Exception):
    """Whoever processes this card has no such thing; `act` says what, `processor` who."""

    def __init__(self, act: str, processor: str) -> None:
        super().__init__(act, processor)
        self.act = act
        self.processor = processor


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
    NOT_ANSWERED = "not_answered"  # for so long that to ask again could have another effect


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


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where plastic is sent, as it is written on a parcel (UPU S42)."""

    recipient: str
    lines: tuple[str, ...]
    city: str
    postcode: str
    country: str
    phone: str

    def __repr__(self) -> str:
        return f"Destination({self.country})"


class Cardholder(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a card is for, as far as a processor has to know; `id` is ours.

    Without an `address`, the one that was told before stays.
    """

    id: UUID
    given_names: str
    surname: str
    born_on: date
    address: Address | None = None
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
    ship_to: Destination | None = None


class Successor(msgspec.Struct, frozen=True, kw_only=True):
    """The card that replaces another one, and why; plastic is sent `to` there, or where the other one was."""

    id: UUID
    why: Closing
    ship_to: Destination | None = None


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
    """A purchase its holder disputes. `id` is our dispute, `transaction` the processor's name for what was taken.

    `files` are what shows it, each with the processor's name for a file that it has.
    """

    id: UUID
    transaction: str
    amount: Money
    grounds: Grounds
    explanation: str
    files: tuple[tuple[Proof, str], ...] = ()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened at the processor: its name, its kind, what it is about, and when."""

    event: str
    kind: str
    about: str
    at: datetime


# -- the port ----------------------------------------------------------------------------------------------------------


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """In which story something is asked, by whom and when; `db` is its open connection."""

    db: AsyncConnection
    actor: str
    at: datetime


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A card that is ordered; `whom` is told to a processor elsewhere, plastic is sent `to`."""

    order: Order
    whom: Cardholder | None = None
    to: Destination | None = None


class Coming(msgspec.Struct, frozen=True):
    """A card that somebody elsewhere is asked to make: it comes to be under this id when they have."""

    card: UUID


#: What is to be awaited when the story is over, with no transaction open.
Opening = Callable[[], Awaitable[Session]]


class CardProcessor(Protocol):
    """Whoever issues cards and answers the network for them. Cards and tokens that are handed in were locked.

    `code` names it in rows and accounts, `disputes` is the line to who decides about its purchases.
    """

    @property
    def code(self) -> str:
        """Name it."""
        ...

    @property
    def disputes(self) -> DisputeLink:
        """Give the line that its disputes are told through."""
        ...

    async def update_cardholder(self, by: Asking, holder: UUID) -> None:
        """Have it know who `holder` is now."""
        ...

    async def issue_card(self, by: Asking, wanted: Wanted) -> Card | Coming:
        """Make a card."""
        ...

    async def send_card(self, by: Asking, card: Card, to: Destination) -> Parcel:
        """Say where a plastic card goes, instead of what was said before."""
        ...

    async def activate(self, by: Asking, card: Card) -> Card:
        """Let a card be used for the first time."""
        ...

    async def freeze(self, by: Asking, card: Card, *, frozen: bool) -> Card:
        """Set or lift the holder's own flag."""
        ...

    async def close(self, by: Asking, card: Card, why: Closing) -> Card:
        """Close a card for good."""
        ...

    async def replace(
        self, by: Asking, card: Card, cause: Cause, *, made: UUID, to: Destination | None = None
    ) -> Card | Coming:
        """Make another card in the place of one, closed at once if lost or stolen, else once its heir works."""
        ...

    async def limit(self, by: Asking, card: Card, limits: Limits) -> Card:
        """Say what a card may spend."""
        ...

    async def control(self, by: Asking, card: Card, controls: Controls) -> Card:
        """Say what a card may be used for; what was said before no longer holds."""
        ...

    async def travel(self, by: Asking, card: Card, trips: tuple[Trip, ...]) -> Card:
        """Say where its holder goes."""
        ...

    async def allow_once(self, by: Asking, card: Card, given: Allowance) -> None:
        """Let a purchase pass once that its holder's own choice forbids."""
        ...

    async def pin(self, by: Asking, card: Card) -> Pin:
        """Say what there is of a PIN."""
        ...

    async def set_pin(self, by: Asking, card: Card, sealed: Shown) -> Pin:
        """Set the PIN, which comes sealed for the processor; nobody between can read it."""
        ...

    async def unblock_pin(self, by: Asking, card: Card) -> Pin:
        """Let a PIN that was typed wrong too often be tried again."""
        ...

    async def reveal(self, by: Asking, card: Card, device: Device) -> Opening:
        """Let one device see the number, or with a wallet named take the card into it."""
        ...

    async def turn_token(self, by: Asking, found: Token, act: TokenAct) -> Token:
        """Pause, resume or take out a card in a wallet."""
        ...

    async def check_dispute(self, by: Asking, about: Dispute, act: Act) -> None:
        """Refuse what can't be done to a dispute there, wherever it is in its life."""
        ...

    async def check_evidence(self, by: Asking, about: Dispute) -> None:
        """Refuse a file that nobody there would look at."""
        ...
