"""What happens to the numbers of persons, as facts for the journal `kyc.event`: never the number."""

from uuid import UUID

import msgspec


class IdentifierGiven(msgspec.Struct, frozen=True, tag="identifier.given"):
    """The person named a number that stands for them."""

    identifier: UUID
    scheme: str
    country: str


class IdentifierEnded(msgspec.Struct, frozen=True, tag="identifier.ended"):
    """The number stands for them no longer."""

    identifier: UUID
