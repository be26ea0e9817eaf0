"""What happens to credentials, as facts of the journal `credential.event`: ids, words of ours and times only."""

from datetime import datetime
from uuid import UUID

import msgspec


class CredentialFact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every fact about a credential says; `reason` is one of `life.Reason`."""

    credential: UUID
    reason: str | None = None


class Opened(CredentialFact, frozen=True, tag="credential.opened"):
    """A credential of this holder came to be; no copy of it exists yet."""


class Issued(CredentialFact, frozen=True, tag="credential.issued"):
    """Copies were signed for a wallet's keys; verifiers take them until `expires_at`. `grade` is the wallet's."""

    issuance: UUID
    copies: int
    expires_at: datetime
    grade: str = "basic"


class Paused(CredentialFact, frozen=True, tag="credential.paused"):
    """The holder made every copy unusable, and can undo it."""


class Resumed(CredentialFact, frozen=True, tag="credential.resumed"):
    """The holder made the copies usable again."""


class Suspended(CredentialFact, frozen=True, tag="credential.suspended"):
    """The issuer made every copy unusable; only the issuer can undo it."""


class Restored(CredentialFact, frozen=True, tag="credential.restored"):
    """The issuer made the copies usable again."""


class Superseded(CredentialFact, frozen=True, tag="credential.superseded"):
    """New copies are to be fetched: the old ones end when every wallet has, or at `until`."""

    until: datetime | None = None


class Ending(CredentialFact, frozen=True, tag="credential.ending"):
    """The copies end at `ends_at`, and no wallet has fetched later ones: a reminder."""

    ends_at: datetime


class Revoked(CredentialFact, frozen=True, tag="credential.revoked"):
    """Every copy is void for good."""


class CopiesVoided(CredentialFact, frozen=True, tag="credential.copies_voided"):
    """So many copies are void for good, those in wallets on a phone that is lost; others live on."""

    copies: int


class Notified(CredentialFact, frozen=True, tag="credential.notified"):
    """A wallet said what became of an issuance: `outcome` is the event's name in OpenID4VCI."""

    issuance: UUID
    outcome: str


class Signed(CredentialFact, frozen=True, tag="credential.signed"):
    """A document key made `signatures` for one issuance: what an audit of the keys counts."""

    issuance: UUID
    key: str
    signatures: int


class Deferred(msgspec.Struct, frozen=True, kw_only=True, tag="credential.deferred"):
    """A wallet asked for what its holder may not have yet, and comes again. Aggregate: the waiting request."""

    configuration: str
    copies: int


class Headed(msgspec.Struct, frozen=True, kw_only=True, tag="credential.log_headed"):
    """The issuance log stands at `size` entries under `root`; `head` is the SHA-256 of what `key` signed, in hex."""

    size: int
    root: str
    head: str
    key: str


Event = (
    Opened
    | Issued
    | Paused
    | Resumed
    | Suspended
    | Restored
    | Superseded
    | Ending
    | Revoked
    | CopiesVoided
    | Notified
    | Signed
    | Deferred
    | Headed
)
