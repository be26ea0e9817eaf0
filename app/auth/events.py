"""What sign-in records in the journal of the schema `app`: ids, roles and reasons, never keys or tokens."""

from datetime import datetime
from uuid import UUID

import msgspec


class SubjectRegistered(msgspec.Struct, frozen=True, kw_only=True, tag="subject.registered"):
    """A person or a client became known. Aggregate: the subject."""

    role: str


class SubjectSuspended(msgspec.Struct, frozen=True, kw_only=True, tag="subject.suspended"):
    """Nothing is let in for this subject any more. Aggregate: the subject."""

    reason: str = ""


class SubjectReinstatementProposed(msgspec.Struct, frozen=True, kw_only=True, tag="subject.reinstatement_proposed"):
    """One officer wants to let the subject in again; another one must agree. Aggregate: the subject."""

    suspension: UUID
    reason: str


class SubjectReinstated(msgspec.Struct, frozen=True, kw_only=True, tag="subject.reinstated"):
    """Two officers let the subject in again. Aggregate: the subject."""

    suspension: UUID
    reason: str


class PasskeyAdded(msgspec.Struct, frozen=True, kw_only=True, tag="passkey.added"):
    """A passkey may sign the subject in. Aggregate: the subject."""

    aaguid: UUID
    synced: bool


class PasskeyRegressed(msgspec.Struct, frozen=True, kw_only=True, tag="passkey.regressed"):
    """The counter of a passkey did not grow: somebody has a copy. Aggregate: the subject."""

    device: UUID


class PasskeyRemoved(msgspec.Struct, frozen=True, kw_only=True, tag="passkey.removed"):
    """A passkey signs the subject in no more. Aggregate: the subject."""

    device: UUID
    why: str


class DeviceLost(msgspec.Struct, frozen=True, kw_only=True, tag="device.lost"):
    """A device was reported lost: what is void and paused with it. Aggregate: the subject."""

    device: UUID
    credentials: int
    card_tokens: int


class ContactVerified(msgspec.Struct, frozen=True, kw_only=True, tag="contact.verified"):
    """The subject proved to receive what is sent there. Aggregate: the contact."""

    subject: UUID
    contact_kind: str


class ContactRemoved(msgspec.Struct, frozen=True, kw_only=True, tag="contact.removed"):
    """Nothing is sent there any more. Aggregate: the contact."""

    subject: UUID


class AccountRecovered(msgspec.Struct, frozen=True, kw_only=True, tag="account.recovered"):
    """A new passkey took the place of all former ones. Aggregate: the subject.

    `proof` is what was shown besides the code: a document's outcome, or none where nobody had been identified.
    """

    recovery: UUID
    proof: str
    limited_until: datetime


class RecoveryContested(msgspec.Struct, frozen=True, kw_only=True, tag="account.recovery_contested"):
    """Somebody with a former passkey says that the recovery was not theirs. Aggregate: the subject."""

    recovery: UUID


class RecoveryUndone(msgspec.Struct, frozen=True, kw_only=True, tag="account.recovery_undone"):
    """The passkeys the account had before it was recovered sign in again, and no other. Aggregate: the subject."""

    recovery: UUID


class SessionOpened(msgspec.Struct, frozen=True, kw_only=True, tag="session.opened"):
    """Tokens were given out. Aggregate: the session."""

    subject: UUID
    opened_by: str
    client_id: str


class SessionEnded(msgspec.Struct, frozen=True, kw_only=True, tag="session.ended"):
    """Its tokens are void. Aggregate: the session."""

    subject: UUID
    why: str


class StepUpConfirmed(msgspec.Struct, frozen=True, kw_only=True, tag="step_up.confirmed"):
    """The person signed exactly what was shown. Aggregate: the step-up."""

    subject: UUID
    operation: str


class ClientKeyAdded(msgspec.Struct, frozen=True, kw_only=True, tag="client_key.added"):
    """A client may sign with one more key. Aggregate: the client's subject."""

    kid: str
    thumbprint: str


class ClientKeyRetired(msgspec.Struct, frozen=True, kw_only=True, tag="client_key.retired"):
    """The key is believed no longer from `until` on. Aggregate: the client's subject."""

    kid: str
    until: datetime


class ClientScoped(msgspec.Struct, frozen=True, kw_only=True, tag="client.scoped"):
    """A client may ask for these scopes and no others. Aggregate: the client's subject."""

    scopes: tuple[str, ...]


class DutyProposed(msgspec.Struct, frozen=True, kw_only=True, tag="duty.proposed"):
    """Somebody wants an officer to have a duty. Aggregate: the grant."""

    officer: UUID
    duty: str


class DutyGranted(msgspec.Struct, frozen=True, kw_only=True, tag="duty.granted"):
    """An officer has a duty, by the word of a second person or of the operator. Aggregate: the grant."""

    officer: UUID
    duty: str


class DutyEnded(msgspec.Struct, frozen=True, kw_only=True, tag="duty.ended"):
    """An officer has the duty no longer, or never got it. Aggregate: the grant."""

    officer: UUID
    duty: str


class WalletAuthorized(msgspec.Struct, frozen=True, kw_only=True, tag="wallet.authorized"):
    """A resident let a wallet fetch credentials, by the passkey. Aggregate: the step-up."""

    subject: UUID
    client: str
    configurations: tuple[str, ...]


class WalletProviderTrusted(msgspec.Struct, frozen=True, kw_only=True, tag="wallet_provider.trusted"):
    """What a wallet provider says of its wallets and their keys is believed from `valid_from` on."""

    provider: str
    root: str
    valid_from: datetime
    valid_to: datetime | None = None


class WalletProviderEnded(msgspec.Struct, frozen=True, kw_only=True, tag="wallet_provider.ended"):
    """Nothing a wallet provider says is believed from `valid_to` on."""

    provider: str
    valid_to: datetime
