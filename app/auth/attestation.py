"""What the platform says of the app that holds a session's device key: a signal for officers, never a gate.

path      POST /v1/auth/attestations            begin()     a challenge, for this session
          POST /v1/auth/attestations/{id}       submit()    kept as a row
worker    app/auth/attestation.py               step()      judged outside any transaction
          Android: Play Integrity, its token decoded by Google's server or one before it
          Apple: App Attest, a certificate checked against the configured root (app/auth/app_attest.py)

What is attested is SHA-256 over `<challenge>.<thumbprint of the device key>`: made for another session, another key or
another time it is worth nothing. Who has no attestation, or a bad one, is served all the same.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Literal
from uuid import UUID

import msgspec
import structlog
from cryptography import x509
from msgspec import Meta
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, ids
from app.auth import app_attest, challenge, jose, tables
from app.auth.credential import Bytes
from app.auth.principal import Principal
from app.db import transaction
from app.house import House
from app.http.wire import Wire
from app.partners import line
from app.settings import Settings

Verdict = Literal["trusted", "doubtful", "refused", "unknown"]
TIMEOUT_S = 5.0
#: Google's verdict may be so much older than its arrival here.
OLD_MAX = timedelta(minutes=5)
ATTEMPTS_MAX = 6
_ANSWER_BYTES_MAX = 65_536
_SIZE_MAX = 8
# Longer than an attempt can take; also the pause before the next one.
_LEASE = timedelta(seconds=30)

_log = structlog.get_logger()


class PlayIntegrity(Wire, frozen=True, tag_field="platform", tag="android"):
    """The token of a standard request to Play Integrity, made with our hash as `requestHash` in base64url."""

    token: Annotated[
        str, Meta(min_length=1, max_length=16_384, examples=["eyJhbGciOiJBMjU2S1ciLCJlbmMiOiJBMjU2R0NNIn0"])
    ]


class AppAttest(Wire, frozen=True, tag_field="platform", tag="ios"):
    """The attestation object of `attestKey`, made with our hash as `clientDataHash`, and the id of the key."""

    key_id: Bytes
    attestation: Bytes


Evidence = PlayIntegrity | AppAttest


class Judged(msgspec.Struct, frozen=True):
    """What came of an attestation; `findings` name what was wrong."""

    verdict: Verdict
    findings: tuple[str, ...] = ()


class Attestation(msgspec.Struct, frozen=True, kw_only=True):
    """An attestation as officers see it; `verdict` is None while nobody looked."""

    id: UUID
    session: UUID
    platform: Literal["android", "ios"]
    at: datetime
    verdict: Verdict | None
    findings: list[str]
    settled_at: datetime | None


class _RequestDetails(msgspec.Struct, frozen=True, rename="camel"):
    request_package_name: str = ""
    request_hash: str = ""
    timestamp_millis: str = "0"


class _AppIntegrity(msgspec.Struct, frozen=True, rename="camel"):
    app_recognition_verdict: str = "UNEVALUATED"


class _DeviceIntegrity(msgspec.Struct, frozen=True, rename="camel"):
    device_recognition_verdict: tuple[str, ...] = ()


class _Payload(msgspec.Struct, frozen=True, rename="camel"):
    request_details: _RequestDetails = _RequestDetails()
    app_integrity: _AppIntegrity = _AppIntegrity()
    device_integrity: _DeviceIntegrity = _DeviceIntegrity()


class _Decoded(msgspec.Struct, frozen=True, rename="camel"):
    token_payload_external: _Payload


class Due(msgspec.Struct, frozen=True):
    """An attestation this worker has until `due_at`."""

    id: UUID
    client_hash: bytes
    evidence: bytes
    at: datetime
    due_at: datetime
    attempts: int


async def begin(db: AsyncConnection, me: Principal, now: datetime) -> challenge.Challenge:
    """Give a challenge for the session of the caller."""
    return await challenge.issue(db, "attestation", now, bound_to=me.session)


async def submit(
    db: AsyncConnection, me: Principal, asked: UUID, evidence: Evidence, *, jkt: str, now: datetime
) -> None:
    """Keep what the app brought, to be looked at; raises Spent."""
    spent = await challenge.spend(db, asked, "attestation", now, bound_to=me.session)
    await db.execute(
        insert(tables.attestation).values(
            id=ids.new(),
            subject=me.subject,
            session=me.session,
            platform=evidence.__struct_config__.tag,
            client_hash=client_hash(spent.challenge, jkt),
            evidence=msgspec.json.encode(evidence),
            at=now,
            due_at=now,
        )
    )


def client_hash(challenge_bytes: bytes, jkt: str) -> bytes:
    """Say what the platform must attest: this challenge, for this device key."""
    return sha256(f"{jose.b64(challenge_bytes)}.{jkt}".encode()).digest()


async def of(db: AsyncConnection, subject: UUID) -> list[Attestation]:
    """List the attestations of a subject, the latest first."""
    columns = tables.attestation.c
    wanted = select(*(columns[name] for name in Attestation.__struct_fields__)).where(columns.subject == subject)
    rows = await db.execute(wanted.order_by(columns.at.desc()).limit(100))
    return [Attestation(**row._asdict()) for row in rows]


async def step(house: House) -> int:
    """Look at what is due; answers how many attestations were looked at."""
    now = clock.real()
    async with transaction(house.worker) as story:
        rows = await (await story()).execute(_CLAIM, {"now": now, "until": now + _LEASE, "limit": _SIZE_MAX})
        due = [Due(**row._asdict()) for row in rows]
    for each in due:
        if (judged := await judge(house, each)) is not None:
            settled = {"id": each.id, "lease": each.due_at, "verdict": judged.verdict, "at": clock.real()}
            async with transaction(house.worker) as story:
                await (await story()).execute(_SETTLE, settled | {"findings": list(judged.findings)})
    return len(due)


async def judge(house: House, due: Due) -> Judged | None:
    """Look at one; None where nobody could be asked and it is worth asking again."""
    evidence: Evidence = msgspec.json.decode(due.evidence, type=Evidence)
    if isinstance(evidence, AppAttest):
        return judge_apple(house.settings, evidence, due.client_hash, due.at)
    if house.settings.integrity_url is None:
        return Judged("unknown", ("no_decoder",))
    try:
        decoded = await _decode(house, evidence.token)
    except line.Unanswered as error:
        _log.warning("attestation_not_decoded", why=error.trouble, attempts=due.attempts)
        return Judged("unknown", ("no_answer",)) if due.attempts >= ATTEMPTS_MAX else None
    return judge_google(house.settings, decoded, due.client_hash, due.at) if decoded else Judged("refused", ("token",))


def judge_apple(settings: Settings, evidence: AppAttest, expected: bytes, at: datetime) -> Judged:
    """Check an App Attest object against the configured root."""
    if settings.app_attest_root is None:
        return Judged("unknown", ("no_root",))
    root = x509.load_pem_x509_certificate(settings.app_attest_root.read_bytes())
    try:
        app_attest.verify(
            jose.unb64(evidence.attestation),
            key_id=jose.unb64(evidence.key_id),
            client_hash=expected,
            app_id=settings.ios_app_id,
            root=root,
            at=at,
        )
    except (app_attest.Refused, jose.Unreadable) as error:
        return Judged("refused", (error.why if isinstance(error, app_attest.Refused) else "form",))
    return Judged("trusted")


def judge_google(settings: Settings, said: _Payload, expected: bytes, at: datetime) -> Judged:
    """Say what Google's verdict is worth: made for our request at all, and then how far app and device are genuine."""
    request, millis = said.request_details, said.request_details.timestamp_millis
    made_at_s = int(millis) / 1_000 if millis.isascii() and millis.isdigit() and len(millis) < 16 else 0.0  # noqa: PLR2004  milliseconds since 1970 have 13 digits
    ours = {
        "request": request.request_hash == jose.b64(expected),
        "package": request.request_package_name == settings.android_package,
        "age": abs(at.timestamp() - made_at_s) <= OLD_MAX.total_seconds(),
    }
    if wrong := tuple(name for name, held in ours.items() if not held):
        return Judged("refused", wrong)
    genuine = {
        "app": said.app_integrity.app_recognition_verdict == "PLAY_RECOGNIZED",
        "device": "MEETS_DEVICE_INTEGRITY" in said.device_integrity.device_recognition_verdict,
    }
    doubts = tuple(name for name, held in genuine.items() if not held)
    return Judged("doubtful", doubts) if doubts else Judged("trusted")


async def _decode(house: House, token: str) -> _Payload | None:
    """Let the token be decoded; None for one that is none. Raises app.partners.line.Unanswered."""
    settings = house.settings
    headers = {"Content-Type": "application/json"}
    if (key := settings.secret("integrity_token")) is not None:
        headers["Authorization"] = f"Bearer {key}"
    answer = await line.ask(
        house.http,
        "POST",
        f"{settings.integrity_url}/v1/{settings.android_package}:decodeIntegrityToken",
        within_s=TIMEOUT_S,
        bytes_max=_ANSWER_BYTES_MAX,
        kinds=frozenset({"application/json"}),
        body=msgspec.json.encode({"integrity_token": token}),
        headers=headers,
    )
    if answer.status == 400:  # noqa: PLR2004  INVALID_ARGUMENT: it can't be decrypted or was made for somebody else
        return None
    if not answer.is_success:
        raise line.Unanswered(f"answered {answer.status}")
    try:
        return msgspec.json.decode(answer.body, type=_Decoded).token_payload_external
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise line.Unanswered("answered something else") from error


_CLAIM = text(
    """
    UPDATE app.attestation SET due_at = :until, attempts = attempts + 1
    WHERE id IN (
        SELECT id FROM app.attestation WHERE due_at <= :now ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING id, client_hash, evidence, at, due_at, attempts
    """
)
# What was looked at has no more use; the verdict stays.
_SETTLE = text(
    """
    UPDATE app.attestation
    SET verdict = :verdict, findings = :findings, settled_at = :at, due_at = NULL, evidence = NULL
    WHERE id = :id AND due_at = :lease
    """
)
