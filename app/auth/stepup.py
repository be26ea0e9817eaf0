"""Step-up: before money leaves or something is signed, the person confirms exactly what is shown, with the passkey.

The challenge the passkey signs is SHA-256 over the canonical JSON of what is shown, which operation it is for, the
version of the text it was shown in, and a nonce (dynamic linking: RTS 2018/389 art. 5). Any change of payee, amount or
currency is another challenge, so the signature does not fit. It is taken once, within five minutes, in the session in
which it was begun.

    begin    POST /v1/auth/step-ups       begin()
    sign     the device, over `options.challenge`, which it computes itself from what it shows
    redeem   in the operation that acts   redeem(), or proven() before a batch that uses it up (app/auth/confirmed.py)
"""

import json
import secrets
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Annotated, NamedTuple, get_args
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import clock, ids
from app.auth import challenge, credential, device, jose, passkey, tables
from app.auth.confirmed import (
    Confirmations,
    Confirmed,
    Mismatch,
    NotSigned,
    Proof,
    RecoveryPeriod,
    Refusal,
    Required,
    Waived,
)
from app.auth.operations import OPERATIONS
from app.auth.principal import Principal
from app.crowd import Crowd
from app.db import transaction
from app.http import ids as public_ids
from app.http.wire import Wire
from app.settings import Settings
from proof import canonical
from wallet import ledger, packed
from wallet.ledger import Question

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


class OtherLines(Exception):
    """The operation shows other lines: `lines`."""

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.operation = operation
        self.lines = ", ".join(sorted(OPERATIONS[operation].shows))


class Confirmation(Wire, frozen=True):
    """The field `step_up` of an operation that acts: which step-up, and the passkey's answer to it."""

    id: Annotated[
        str, Meta(pattern=public_ids.pattern("step_up") + r"(?!\n)", examples=["step_up_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])
    ]
    credential: credential.Assertion


class StepUp(msgspec.Struct, frozen=True):
    """A begun step-up; `nonce` and `text_version` let the device compute the challenge itself."""

    id: UUID
    challenge: bytes
    nonce: str
    text_version: str
    expires_at: datetime


async def begin(db: AsyncConnection, me: Principal, operation: str, shown: Shown, now: datetime) -> StepUp:
    """Make the challenge for confirming `shown`; raises UnknownOperation, OtherLines, RecoveryPeriod."""
    if (known := OPERATIONS.get(operation)) is None:
        raise UnknownOperation(operation)
    if shown.keys() != known.shows:
        raise OtherLines(operation)
    await check_limited(db, me, operation)
    nonce = jose.b64(secrets.token_bytes(16))
    covered = cover(operation, shown, nonce=nonce)
    made = StepUp(ids.new(), sha256(covered).digest(), nonce, known.text_version, now + challenge.LIFETIME)
    await db.execute(
        insert(tables.step_up).values(
            id=made.id,
            subject=me.subject,
            session=me.session,
            operation=operation,
            covered=covered,
            challenge=made.challenge,
            expires_at=made.expires_at,
        )
    )
    return made


def cover(operation: str, shown: Shown, *, nonce: str) -> bytes:
    """Write what the signature is to cover, one text for one meaning."""
    version = OPERATIONS[operation].text_version
    return canonical.dumps({"nonce": nonce, "operation": operation, "shown": dict(shown), "text_version": version})


async def redeem(
    db: AsyncConnection,
    settings: Settings,
    me: Principal,
    *,
    operation: str,
    shown: Shown,
    confirmation: Confirmation | None,
) -> UUID | None:
    """Use up the confirmation of exactly `shown`, which is what the caller is about to do; give its id.

    None where none was sent and none is asked for (`Principal.minted`). Raises UnknownId, Required, Mismatch,
    NotSigned, RecoveryPeriod. It is used in the transaction of the effect: if that fails, the person need not
    confirm again.
    """
    if confirmation is None:
        _check_waived(settings, me, operation)
        await check_limited(db, me, operation)
        return None
    [stored] = await _find(db, [_asked(me, operation, confirmation)])
    proof = _believed(settings, me, stored, operation=operation, shown=shown, confirmation=confirmation)
    confirmations = await Confirmations.load(db, [proof])
    if refusal := confirmations.claim(proof):
        raise refusal
    confirmations.use(proof)
    await confirmations.write()
    return proof.step_up


class _Asked(NamedTuple):
    """A confirmation that somebody sent: whose, begun in which session, and by which passkey it says it is signed."""

    step_up: UUID
    subject: UUID
    session: UUID | None
    passkey: bytes


class _Stored(NamedTuple):
    """What a confirmation is checked against; of a passkey that is not the subject's key and counter are None."""

    id: UUID
    covered: bytes
    challenge: bytes
    limited_until: datetime | None
    public_key: bytes | None
    sign_count: int | None


class StepUps:
    """What was begun and waits to be confirmed, read without a lock over an engine of the API's role."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._crowd = Crowd(self._read)

    async def find(self, asked: _Asked) -> _Stored | None:
        """Read one that may still be used."""
        return await self._crowd.find(asked)

    async def _read(self, asked: Sequence[_Asked]) -> list[_Stored | None]:
        async with self._reading.connect() as db:
            return await _find(db, asked)


async def proven(
    step_ups: StepUps,
    settings: Settings,
    me: Principal,
    *,
    operation: str,
    shown: Shown,
    confirmation: Confirmation | None,
) -> Confirmed:
    """Check the confirmation of exactly `shown` before the batch that will act on it and use it up.

    One read, which a crowd shares, no lock, and the passkey's signature; what stands against it is a value, for
    the batch to answer with: a repeat of a request whose confirmation is used gets the first answer.
    """
    try:
        if confirmation is None:
            _check_waived(settings, me, operation)
            return Waived(me.subject, operation, OPERATIONS[operation].in_recovery)
        stored = await step_ups.find(_asked(me, operation, confirmation))
        return _believed(settings, me, stored, operation=operation, shown=shown, confirmation=confirmation)
    except NotSigned as refusal:
        if refusal.copied is not None:  # on a story of its own: nothing else of this request will be kept
            async with transaction(step_ups.engine, holder=me.subject, audience=me.role, actor=me.actor) as story:
                await device.remember(await story(), refusal.copied, clock.real())
        return refusal
    except get_args(Refusal) as refusal:
        return refusal  # type: ignore[no-any-return]  # mypy can't see that these are the members of Refusal


def _check_waived(settings: Settings, me: Principal, operation: str) -> None:
    # Whoever tests an installation from outside by a minted token has no passkey; demo and test only.
    if not (settings.virtual and me.minted):
        raise Required(operation)


async def _find(db: AsyncConnection, asked: Sequence[_Asked]) -> list[_Stored | None]:
    columns = (
        packed.uuids(each.step_up for each in asked),
        packed.uuids(each.subject for each in asked),
        packed.uuids(each.session for each in asked),
        packed.blobs([each.passkey for each in asked]),
        clock.real(),
    )
    rows = await (await ledger.ask(await ledger.wire(db), Question(_FIND, columns))).fetchall()
    found = {place: _Stored(*row) for place, *row in rows}
    return [found.get(place) for place in range(1, len(asked) + 1)]


def _asked(me: Principal, operation: str, confirmation: Confirmation) -> _Asked:
    step_up = public_ids.parse("step_up", confirmation.id)
    return _Asked(step_up, me.subject, me.session, _passkey(operation, confirmation))


def _passkey(operation: str, confirmation: Confirmation) -> bytes:
    try:
        return jose.unb64(confirmation.credential.id)
    except jose.Unreadable:
        raise NotSigned(operation) from None


def _believed(
    settings: Settings,
    me: Principal,
    stored: _Stored | None,
    *,
    operation: str,
    shown: Shown,
    confirmation: Confirmation,
) -> Proof:
    """Believe that `me` confirmed exactly `shown`, unless it was used meanwhile."""
    if stored is None:
        raise Required(operation)
    _compare(operation, shown, stored.covered)
    _check_recovery(operation, stored.limited_until, clock.real())
    if stored.public_key is None or stored.sign_count is None:
        raise NotSigned(operation)
    try:
        answer = passkey.believed(
            settings,
            me.subject,
            confirmation.credential,
            public_key=stored.public_key,
            sign_count=stored.sign_count,
            challenge_bytes=stored.challenge,
        )
    except passkey.Refused as refused:
        raise NotSigned(operation, refused if isinstance(refused, passkey.Regressed) else None) from refused
    return Proof(stored.id, me.subject, me.actor, operation, answer)


def _compare(operation: str, shown: Shown, covered: bytes) -> None:
    # By the text of today: whoever signed under an older one has seen something else.
    if cover(operation, shown, nonce=json.loads(covered)["nonce"]) != covered:
        raise Mismatch(operation)


async def check_limited(db: AsyncConnection, me: Principal, operation: str) -> None:
    """Let pass who may do `operation` by now; raises RecoveryPeriod."""
    until = await db.scalar(select(tables.subject.c.limited_until).where(tables.subject.c.id == me.subject))
    _check_recovery(operation, until, clock.real())


def _check_recovery(operation: str, until: datetime | None, now: datetime) -> None:
    if until is not None and now < until and not OPERATIONS[operation].in_recovery:
        raise RecoveryPeriod(operation, until)


_FIND = b"""
    SELECT asked.place, found.*
    FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::bytea[])
         WITH ORDINALITY AS asked (step_up, subject, session, passkey, place)
    CROSS JOIN LATERAL app.confirmation(asked.step_up, asked.subject, asked.session, asked.passkey, %s::timestamptz)
         AS found
"""
