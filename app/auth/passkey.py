"""Passkeys: how a person is recognised without anything that can be told, guessed or replayed (WebAuthn level 3).

Signing in takes the device and the person: user verification is required, always (the library's default is not to).
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from uuid import UUID

import cbor2
import msgspec
import webauthn
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
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

from app import ids
from app.auth import challenge, credential, jose, tables, token
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


def _nobodys() -> bytes:
    """Make a public key whose private half nobody keeps, as passkeys write theirs (COSE, RFC 9053 section 7.1.1)."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})


_NOBODYS = _nobodys()


class Refused(Exception):
    """The passkey is unknown or its answer does not hold; which of both is not said, it would tell who has one."""

    headers: Mapping[str, str] = token.Missing.headers


class Regressed(Refused):
    """The signature holds, but the counter did not grow: somebody has a copy of this passkey of `subject`."""

    def __init__(self, subject: UUID, passkey: bytes) -> None:
        super().__init__()
        self.subject = subject
        self.passkey = passkey


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


class New(msgspec.Struct, frozen=True):
    """A passkey that was added; `device` names it outside."""

    id: bytes
    device: UUID


class Proven(msgspec.Struct, frozen=True):
    """An answer that holds: by which passkey, with which counter, and whether it is kept in somebody's cloud now.

    The bytes that were signed are evidence, each in its one spelling.
    """

    passkey: bytes
    sign_count: int
    backed_up: bool
    client_data: bytes
    authenticator_data: bytes
    signature: bytes


async def add(
    db: AsyncConnection,
    settings: Settings,
    owner: Subject,
    attestation: credential.Attestation,
    *,
    challenge_bytes: bytes,
    at: datetime,
) -> New:
    """Believe a new passkey and keep it for `owner`; raises Refused."""
    with _refusing():
        verified = _verified(settings, attestation, challenge_bytes)
    new = New(verified.credential_id, ids.new())
    aaguid, synced = UUID(verified.aaguid), verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE
    added = await db.execute(
        insert(tables.passkey)
        .values(
            id=new.id,
            device=new.device,
            subject=owner.id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            aaguid=aaguid,
            synced=synced,
            backed_up=verified.credential_backed_up,
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
    return new


async def signed(
    story: Story, settings: Settings, assertion: credential.Assertion, *, challenge_bytes: bytes, at: datetime
) -> tuple[UUID, Proven]:
    """Believe an answer to a challenge and give its subject, for whom the story then speaks; raises Refused."""
    subject = claimed(assertion)
    await story.speak_for(subject)
    db = await story()
    proven = await signed_by(db, settings, subject, assertion, challenge_bytes=challenge_bytes, at=at)
    return subject, proven


async def signed_by(
    db: AsyncConnection,
    settings: Settings,
    subject: UUID,
    assertion: credential.Assertion,
    *,
    challenge_bytes: bytes,
    at: datetime,
) -> Proven:
    """Believe that `subject` answered a challenge, and count it; raises Refused."""
    proven = await prove(db, settings, subject, assertion, challenge_bytes=challenge_bytes)
    await count(db, subject, proven, at)
    return proven


async def prove(
    db: AsyncConnection,
    settings: Settings,
    subject: UUID,
    assertion: credential.Assertion,
    *,
    challenge_bytes: bytes,
    former: bool = False,
) -> Proven:
    """Believe that a passkey of `subject` answered a challenge; reads, locks nothing. Raises Refused.

    `former` asks for one that a recovery left behind. Where there is no such passkey, the answer is checked against a
    key nobody has, so that it takes as long as a wrong signature.
    """
    with _refusing():
        passkey = jose.unb64(assertion.id)
    columns = tables.passkey.c
    standing = columns.removed_why == "recovered" if former else columns.removed_at.is_(None)
    known = select(columns.public_key, columns.sign_count).where(columns.id == passkey, columns.subject == subject)
    stored = (await db.execute(known.where(standing))).one_or_none()
    public_key, sign_count = (stored.public_key, stored.sign_count) if stored else (_NOBODYS, 0)
    return believed(
        settings, subject, assertion, public_key=public_key, sign_count=sign_count, challenge_bytes=challenge_bytes
    )


def believed(
    settings: Settings,
    subject: UUID,
    assertion: credential.Assertion,
    *,
    public_key: bytes,
    sign_count: int,
    challenge_bytes: bytes,
) -> Proven:
    """Believe that `subject` answered a challenge with the passkey of `public_key`; raises Refused, Regressed.

    Changes nothing: whoever acts on the answer counts it, over the counter that stands then.
    """
    if claimed(assertion) != subject or assertion.raw_id != assertion.id:
        raise Refused
    with _refusing():
        # Read strictly first: the library passes over stray bits, and what is kept as evidence must have one spelling.
        response = assertion.response
        signed = response.client_data_json, response.authenticator_data, response.signature
        passkey, client_data, authenticator_data, signature = map(jose.unb64, (assertion.id, *signed))
        verified = webauthn.verify_authentication_response(
            credential=msgspec.to_builtins(assertion),
            expected_challenge=challenge_bytes,
            expected_rp_id=settings.rp_id,
            expected_origin=list(settings.origins),
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
        _check_same_origin(response.client_data_json)
    if not grows(sign_count, verified.new_sign_count):
        raise Regressed(subject, passkey)
    return Proven(
        passkey=passkey,
        sign_count=verified.new_sign_count,
        backed_up=verified.credential_backed_up,
        client_data=client_data,
        authenticator_data=authenticator_data,
        signature=signature,
    )


def grows(before: int, now: int) -> bool:
    """Say whether a counter may follow another one; a passkey that is synced does not count at all."""
    return now > before or now == before == 0


async def count(db: AsyncConnection, subject: UUID, proven: Proven, at: datetime) -> None:
    """Keep the counter of an answer; raises Regressed if another answer overtook it meanwhile."""
    columns = tables.passkey.c
    rows = await db.execute(
        update(tables.passkey)
        .where(columns.id == proven.passkey, columns.subject == subject, columns.removed_at.is_(None))
        .where((columns.sign_count < proven.sign_count) | ((columns.sign_count == 0) & (proven.sign_count == 0)))
        .values(sign_count=proven.sign_count, backed_up=proven.backed_up, used_at=at)
        .returning(columns.id)
    )
    if rows.one_or_none() is None:
        raise Regressed(subject, proven.passkey)


def named(attestation: credential.Attestation) -> bytes:
    """Give the id a new passkey claims to have, which proves nothing; raises Refused."""
    with _refusing():
        return jose.unb64(attestation.raw_id)


def _check_same_origin(client_data_json: str) -> None:
    # A page that is framed by another site must not ask for the passkey (WebAuthn level 3, section 7.2 step 14). The
    # library does not look (webauthn 3.0.1).
    said = json.loads(jose.unb64(client_data_json))
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise Refused


def claimed(assertion: credential.Assertion) -> UUID:
    """Say whose passkey an answer claims to be of, which proves nothing; raises Refused."""
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
    _check_same_origin(attestation.response.client_data_json)
    if verified.credential_id != jose.unb64(attestation.raw_id) or len(verified.credential_id) not in _ID_BYTES:
        raise Refused
    # A key that is no point of its curve, or not of the kind it says, would lock its owner out at the first sign-in.
    stated = decode_credential_public_key(verified.credential_public_key)
    key = decoded_public_key_to_cryptography(stated)
    if isinstance(key, ec.EllipticCurvePublicKey):
        fits = stated.alg == COSEAlgorithmIdentifier.ECDSA_SHA_256 and isinstance(key.curve, ec.SECP256R1)
    else:
        fits = stated.alg == COSEAlgorithmIdentifier.EDDSA and isinstance(key, ed25519.Ed25519PublicKey)
    if not fits:
        raise Refused
    return verified


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # strangers' bytes: the parsers let out OverflowError, AttributeError and more
        raise Refused from error
