"""What happened to the trust list, as facts of the journal `credential.event`; the aggregate is the entry."""

from datetime import date

import msgspec


class ForeignIssuerProposed(msgspec.Struct, frozen=True, kw_only=True, tag="foreign_issuer.proposed"):
    """An officer wants documents of an issuer to be believed."""

    country: str
    begins_on: date
    ends_on: date


class ForeignIssuerDecided(msgspec.Struct, frozen=True, kw_only=True, tag="foreign_issuer.decided"):
    """Another officer agreed, or not."""

    agreed: bool


class ForeignIssuerEnded(msgspec.Struct, frozen=True, kw_only=True, tag="foreign_issuer.ended"):
    """The issuer is not believed any more, before its term."""

    reason: str


Event = ForeignIssuerProposed | ForeignIssuerDecided | ForeignIssuerEnded
