"""What sign-in records in the journal of the schema `app`: ids, roles and reasons, never keys or tokens."""

from uuid import UUID

import msgspec


class SubjectRegistered(msgspec.Struct, frozen=True, kw_only=True, tag="subject.registered"):
    """A person or a client became known. Aggregate: the subject."""

    role: str


class SubjectSuspended(msgspec.Struct, frozen=True, kw_only=True, tag="subject.suspended"):
    """Nothing is let in for this subject any more. Aggregate: the subject."""


class PasskeyAdded(msgspec.Struct, frozen=True, kw_only=True, tag="passkey.added"):
    """A passkey may sign the subject in. Aggregate: the subject."""

    aaguid: UUID
    synced: bool


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
