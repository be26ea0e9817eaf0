"""A ticket: a secret that whoever holds it may use, and that says whose it is.

Refresh tokens, pre-authorised codes and invitations are tickets. Stored is only the hash. The subject is part of the
text because row-level security needs to know whose rows to show before any row is read; it proves nothing.
"""

import secrets
from hashlib import sha256
from uuid import UUID

import msgspec

from app.auth import jose

_UUID_BYTES, _SECRET_BYTES = 16, 32


class Ticket(msgspec.Struct, frozen=True):
    """`secret` has 256 bits, so its hash needs no salt and no slow function."""

    subject: UUID
    secret: bytes

    @property
    def text(self) -> str:
        """What the holder is given."""
        return jose.b64(self.subject.bytes + self.secret)

    @property
    def hash(self) -> bytes:
        """What is stored."""
        return sha256(self.subject.bytes + self.secret).digest()


def new(subject: UUID) -> Ticket:
    """Make a ticket for `subject`."""
    return Ticket(subject, secrets.token_bytes(_SECRET_BYTES))


def parse(text: str) -> Ticket | None:
    """Read a ticket; None for any text that is none."""
    try:
        raw = jose.unb64(text)
    except jose.Unreadable:
        return None
    if len(raw) != _UUID_BYTES + _SECRET_BYTES:
        return None
    return Ticket(UUID(bytes=raw[:_UUID_BYTES]), raw[_UUID_BYTES:])
