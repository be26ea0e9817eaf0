"""Passkeys: how a person is recognised without anything that can be told, guessed or replayed (WebAuthn level 3).

Signing in takes the device and the person: user verification is required, always (the library's default is not to).
"""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec
import webauthn
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from webauthn.helpers import (
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    parse_attestation_object,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import AttestationFormat, CredentialDeviceType
from webauthn.registration.verify_registration_response import VerifiedRegistration

from app.auth import challenge, credential, jose, tables
from app.auth.events import PasskeyAdded
from app.auth.subject import Subject
from app.db import Story
from app.settings import Settings
from app.tables import event
from proof import journal

_ALGORITHMS = [COSEAlgorithmIdentifier.ECDSA_SHA_256, COSEAlgorithmIdentifier.EDDSA]
_TIMEOUT_MS = int(challenge.LIFETIME.total_seconds() * 1_000)
_ID_BYTES = range(16, 1_024)  # WebAuthn level 3, section 4: credential id
_NAME = "e-Residency of Kazakhstan"


class Refused(Exception):
    """The passkey is unknown or its answer does not hold; which of both is not said, it would tell who has one."""


def creation_options(settings: Settings, subject: UUID, challenge_bytes: bytes) -> credential.CreationOptions:
    """Ask a device to make a passkey for `subject`."""
    label = f"e-Resident {str(subject)[-6:]}"
    return credential.CreationOptions(
        rp=credential.RelyingParty(id=settings.rp_id, name=_NAME),
        user=credential.User(id=jose.b64(subject.bytes), name=label, display_name=label),
        challenge=jose.b64(challenge_bytes),
        pub_key_cred_params=[credential.Parameter(alg=int(alg)) for alg in _ALGORITHMS],
        timeout=_TIMEOUT_MS,
        authenticator_selection=credential.Selection(),
    )


def request_options(settings: Settings, challenge_bytes: bytes) -> credential.RequestOptions:
    """Ask a device to sign a challenge; which passkeys exist is not said."""
    return credential.RequestOptions(challenge=jose.b64(challenge_bytes), rp_id=settings.rp_id, timeout=_TIMEOUT_MS)


async def add(
    db: AsyncConnection,
    settings: Settings,
    owner: Subject,
    attestation: credential.Attestation,
    *,
    challenge_bytes: bytes,
    at: datetime,
) -> None:
    """Believe a new passkey and keep it for `owner`; raises Refused."""
    with _refusing():
        verified = _verified(settings, attestation, challenge_bytes)
    aaguid, synced = UUID(verified.aaguid), verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE
    added = await db.execute(
        insert(tables.passkey)
        .values(
            id=verified.credential_id,
            subject=owner.id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            aaguid=aaguid,
            synced=synced,
            at=at,
            used_at=at,
        )
        .on_conflict_do_nothing()
        .returning(tables.passkey.c.id)
    )
    if added.one_or_none() is None:  # somebody has a passkey of this id, whose row may be out of sight
        raise Refused
    fact = PasskeyAdded(aaguid=aaguid, synced=synced)
    actor = f"{owner.role}:{owner.id}"
    await journal.append(db, event, journal.Fact(aggregate=owner.id, holder=owner.id, at=at, actor=actor, event=fact))


async def signed(
    story: Story, settings: Settings, assertion: credential.Assertion, *, challenge_bytes: bytes, at: datetime
) -> UUID:
    """Believe an answer to a challenge and give its subject, for whom the story then speaks; raises Refused."""
    subject = _claimed(assertion)
    await story.speak_for(subject)
    await signed_by(await story(), settings, subject, assertion, challenge_bytes=challenge_bytes, at=at)
    return subject


async def signed_by(
    db: AsyncConnection,
    settings: Settings,
    subject: UUID,
    assertion: credential.Assertion,
    *,
    challenge_bytes: bytes,
    at: datetime,
) -> None:
    """Believe that `subject` answered a challenge; raises Refused.

    The passkey's row stays locked, so an authenticator's counter can't be used twice at once.
    """
    if _claimed(assertion) != subject:
        raise Refused
    with _refusing():
        passkey_id = jose.unb64(assertion.id)
    columns = tables.passkey.c
    mine = (columns.id == passkey_id) & (columns.subject == subject)
    rows = await db.execute(select(columns.public_key, columns.sign_count).where(mine).with_for_update())
    if (stored := rows.one_or_none()) is None:
        raise Refused
    with _refusing():
        verified = webauthn.verify_authentication_response(
            credential=msgspec.to_builtins(assertion),
            expected_challenge=challenge_bytes,
            expected_rp_id=settings.rp_id,
            expected_origin=list(settings.origins),
            credential_public_key=stored.public_key,
            credential_current_sign_count=stored.sign_count,
            require_user_verification=True,
        )
    await db.execute(update(tables.passkey).where(mine).values(sign_count=verified.new_sign_count, used_at=at))


def _claimed(assertion: credential.Assertion) -> UUID:
    with _refusing():
        return UUID(bytes=jose.unb64(assertion.response.user_handle))


def _verified(settings: Settings, attestation: credential.Attestation, challenge_bytes: bytes) -> VerifiedRegistration:
    raw = jose.unb64(attestation.response.attestation_object)
    # We asked for none. The other formats bring certificate chains and TPM structures of strangers to be parsed.
    if parse_attestation_object(raw).fmt != AttestationFormat.NONE:
        raise Refused
    verified = webauthn.verify_registration_response(
        credential=msgspec.to_builtins(attestation),
        expected_challenge=challenge_bytes,
        expected_rp_id=settings.rp_id,
        expected_origin=list(settings.origins),
        require_user_verification=True,
        supported_pub_key_algs=_ALGORITHMS,
    )
    if verified.credential_id != jose.unb64(attestation.raw_id) or len(verified.credential_id) not in _ID_BYTES:
        raise Refused
    # A key that is no point of its curve would lock its owner out at the first sign-in.
    decoded_public_key_to_cryptography(decode_credential_public_key(verified.credential_public_key))
    return verified


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # strangers' bytes: the parsers let out OverflowError, AttributeError and more
        raise Refused from error
