"""Step-up: before money leaves or something is signed, the person confirms exactly what is shown, with the passkey.

The challenge the passkey signs is SHA-256 over the canonical JSON of what is shown, which operation it is for, the
version of the text it was shown in, and a nonce (dynamic linking: RTS 2018/389 art. 5). Any change of payee, amount or
currency is another challenge, so the signature does not fit. It is taken once, within five minutes.

    begin    POST /v1/auth/step-ups       begin()
    sign     the device, over `options.challenge`, which it computes itself from what it shows
    redeem   in the operation that acts   redeem()
"""

import json
import secrets
from datetime import datetime
from hashlib import sha256
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, ids
from app.auth import challenge, credential, jose, passkey, tables
from app.auth.events import StepUpConfirmed
from app.auth.principal import Principal
from app.http import ids as public_ids
from app.http.wire import Wire
from app.settings import Settings
from app.tables import event
from proof import canonical, journal

#: Operations that are confirmed, each with the version of the text the app shows. A new text is a new version.
TEXT_VERSIONS = {
    "invest.confirm": "2026-11",
}

#: What is shown: a few short lines and whole numbers.
Shown = Annotated[
    dict[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$(?!\n)")], Annotated[str, Meta(max_length=500)] | int],
    Meta(min_length=1, max_length=32, examples=[{"payee": "Halyk Bank", "amount_minor": 15000000, "currency": "KZT"}]),
]


class UnknownOperation(Exception):
    """No operation of this name is confirmed by step-up."""

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.operation = operation


class Required(Exception):
    """The operation acts only on a fresh assertion over what it shows; none was sent, or it is used or too old."""

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.operation = operation


class Mismatch(Exception):
    """What was signed is not what the operation would do."""

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.operation = operation


class Confirmation(Wire, frozen=True):
    """The field `step_up` of an operation that acts: which step-up, and the passkey's answer to it."""

    id: Annotated[str, Meta(examples=["step_up_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    credential: credential.Assertion


class StepUp(msgspec.Struct, frozen=True):
    """A begun step-up; `nonce` and `text_version` let the device compute the challenge itself."""

    id: UUID
    challenge: bytes
    nonce: str
    text_version: str
    expires_at: datetime


async def begin(db: AsyncConnection, me: Principal, operation: str, shown: Shown, now: datetime) -> StepUp:
    """Make the challenge for confirming `shown`; raises UnknownOperation."""
    if (text_version := TEXT_VERSIONS.get(operation)) is None:
        raise UnknownOperation(operation)
    nonce = jose.b64(secrets.token_bytes(16))
    covered = cover(operation, shown, nonce=nonce, text_version=text_version)
    made = StepUp(ids.new(), sha256(covered).digest(), nonce, text_version, now + challenge.LIFETIME)
    await db.execute(
        insert(tables.step_up).values(
            id=made.id,
            subject=me.subject,
            operation=operation,
            covered=covered,
            challenge=made.challenge,
            expires_at=made.expires_at,
        )
    )
    return made


def cover(operation: str, shown: Shown, *, nonce: str, text_version: str) -> bytes:
    """Write what the signature is to cover, one text for one meaning."""
    return canonical.dumps({"nonce": nonce, "operation": operation, "shown": dict(shown), "text_version": text_version})


async def redeem(
    db: AsyncConnection,
    settings: Settings,
    me: Principal,
    *,
    operation: str,
    shown: Shown,
    confirmation: Confirmation | None,
) -> UUID:
    """Use up the confirmation of exactly `shown`, which is what the caller is about to do; give its id.

    Raises UnknownId, Required, Mismatch, passkey.Refused. The signed bytes stay with the step-up as evidence. It is
    used in the transaction of the effect: if that fails, the person need not confirm again.
    """
    if confirmation is None:
        raise Required(operation)
    now = clock.real()
    step_up = public_ids.parse("step_up", confirmation.id)
    columns = tables.step_up.c
    rows = await db.execute(
        select(columns.covered, columns.challenge)
        .where(columns.id == step_up, columns.subject == me.subject)
        .where(columns.used_at.is_(None), columns.expires_at > now)
        .with_for_update()
    )
    if (stored := rows.one_or_none()) is None:
        raise Required(operation)
    signed_over = json.loads(stored.covered)
    nonce, text_version = signed_over["nonce"], signed_over["text_version"]
    if cover(operation, shown, nonce=nonce, text_version=text_version) != stored.covered:
        raise Mismatch(operation)
    await passkey.signed_by(db, settings, me.subject, confirmation.credential, challenge_bytes=stored.challenge, at=now)
    await _keep(db, me, step_up, operation, confirmation.credential, at=now)
    return step_up


async def _keep(
    db: AsyncConnection, me: Principal, step_up: UUID, operation: str, evidence: credential.Assertion, *, at: datetime
) -> None:
    await db.execute(
        update(tables.step_up)
        .where(tables.step_up.c.id == step_up)
        .values(
            used_at=at,
            passkey=jose.unb64(evidence.id),
            client_data=jose.unb64(evidence.response.client_data_json),
            authenticator_data=jose.unb64(evidence.response.authenticator_data),
            signature=jose.unb64(evidence.response.signature),
        )
    )
    fact = StepUpConfirmed(subject=me.subject, operation=operation)
    await journal.append(
        db, event, journal.Fact(aggregate=step_up, holder=me.subject, at=at, actor=me.actor, event=fact)
    )
