"""What became of what a processor was asked: ids and words, never who it was about or what was sent."""

from uuid import UUID

import msgspec


class ProcessorAsked(msgspec.Struct, frozen=True, kw_only=True, tag="card_command.asked"):
    """A processor is to be asked; `command` names it there and here."""

    command: UUID
    processor: str
    kind: str
    about: UUID


class ProcessorDid(msgspec.Struct, frozen=True, kw_only=True, tag="card_command.done"):
    """The processor did it; `reference` is its name for what it was done to."""

    command: UUID
    processor: str
    kind: str
    about: UUID
    reference: str


class AddressRefused(msgspec.Struct, frozen=True, kw_only=True, tag="card.address_refused"):
    """The processor sends the card nowhere else: it goes where it went before. Aggregate: the command."""

    card: UUID


class PinRefused(msgspec.Struct, frozen=True, kw_only=True, tag="card.pin_refused"):
    """The processor did not take the PIN: the one before is the card's. Aggregate: the command."""

    card: UUID


class ProcessorRefused(msgspec.Struct, frozen=True, kw_only=True, tag="card_command.refused"):
    """The processor will not, for this class of reasons."""

    command: UUID
    processor: str
    kind: str
    about: UUID
    reason: str
