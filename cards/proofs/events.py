"""What happened to what proves a card: PINs, tokens, challenges. Ids and words, never a number, a PIN or a code."""

from datetime import datetime
from uuid import UUID

import msgspec


class PinSet(msgspec.Struct, frozen=True, kw_only=True, tag="card.pin_set"):
    """The card has a new PIN; `at_terminal` says that its holder typed the old one there. Aggregate: the card."""

    card: UUID
    at_terminal: bool = False


class PinBlocked(msgspec.Struct, frozen=True, kw_only=True, tag="card.pin_blocked"):
    """Three wrong PINs were typed: none is taken until the holder unblocks it. Aggregate: the payment."""

    card: UUID


class PinUnblocked(msgspec.Struct, frozen=True, kw_only=True, tag="card.pin_unblocked"):
    """The holder let the PIN be tried again. Aggregate: the card."""

    card: UUID


class TokenRequested(msgspec.Struct, frozen=True, kw_only=True, tag="card_token.requested"):
    """A wallet asked for a token of the card; `decision` is what it heard. Aggregate: the token."""

    token: UUID
    card: UUID
    requestor: str
    device: str
    decision: str
    reasons: tuple[str, ...] = ()


class TokenActivated(msgspec.Struct, frozen=True, kw_only=True, tag="card_token.activated"):
    """The token can be paid with. Aggregate: the token."""

    token: UUID
    card: UUID


class TokenSuspended(msgspec.Struct, frozen=True, kw_only=True, tag="card_token.suspended"):
    """The token can't be paid with until it is resumed. Aggregate: the token."""

    token: UUID
    card: UUID


class TokenDeleted(msgspec.Struct, frozen=True, kw_only=True, tag="card_token.deleted"):
    """The token will never be paid with again. Aggregate: the token."""

    token: UUID
    card: UUID


class TokenFollowed(msgspec.Struct, frozen=True, kw_only=True, tag="card_token.followed"):
    """The token stands for the card that replaced the one before. Aggregate: the token."""

    token: UUID
    card: UUID
    before: UUID


class ChallengeAsked(msgspec.Struct, frozen=True, kw_only=True, tag="card_challenge.asked"):
    """A shop wants to charge the card, and its holder is asked until `expires_at`. Aggregate: the challenge."""

    challenge: UUID
    card: UUID
    amount_minor: int
    currency: str
    expires_at: datetime


class ChallengeApproved(msgspec.Struct, frozen=True, kw_only=True, tag="card_challenge.approved"):
    """The holder agreed, by the confirmation `step_up`. Aggregate: the challenge."""

    challenge: UUID
    card: UUID
    step_up: UUID | None


class ChallengeDeclined(msgspec.Struct, frozen=True, kw_only=True, tag="card_challenge.declined"):
    """The holder did not agree. Aggregate: the challenge."""

    challenge: UUID
    card: UUID
