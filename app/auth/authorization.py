"""A resident lets a wallet fetch credentials: code with PKCE, approved by the passkey (OAuth 2.1, RFC 9207).

pushed     by the wallet                     app/auth/par.py
opened     once, in the resident's browser   open_()      what is asked, and the challenge over exactly that
approved   by the passkey                    approve()    a code for the wallet, good for a minute
           by who tests, in a demo           stand_in()
redeemed   by the wallet, once               redeem()     app/http/oauth/token.py
"""

import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import device, jose, par, passkey, session, stepup, subject, tables, ticket
from app.auth.code import Denied
from app.auth.confirmed import RecoveryPeriod
from app.auth.credential import Assertion
from app.auth.events import StepUpConfirmed, WalletAuthorized
from app.auth.operations import OPERATIONS
from app.auth.passkey import Proven
from app.auth.subject import Subject
from app.auth.suspension import UnknownSubject
from app.auth.wallets import wallet_client
from app.db import Story
from app.http import ids as public_ids
from app.settings import Settings
from app.tables import event
from proof import journal
from residency.credential.wallets.wallet_attestation import WalletAttestation

OPERATION = "wallet.authorize"
#: How long the resident may read before signing.
DECIDE_WITHIN = timedelta(minutes=5)
CODE_LIFETIME = timedelta(seconds=60)

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)


class Over(Exception):
    """There is no such request, it was opened or decided before, or its time is over: the wallet begins again."""


class Opened(msgspec.Struct, frozen=True):
    """A request in front of a resident: what is shown, and the challenge over exactly that."""

    id: UUID
    shown: Mapping[str, str]
    nonce: str
    challenge: bytes
    decide_by: datetime


class Approved(msgspec.Struct, frozen=True):
    """A resident signed: who, for which configurations, and where the browser goes."""

    subject: Subject
    configurations: tuple[str, ...]
    back: str


class Redeemed(msgspec.Struct, frozen=True):
    """The code was good: whose credentials, in which configurations, for which wallet; approved on which device."""

    hash: bytes
    subject: Subject
    client: str
    configurations: tuple[str, ...]
    detailed: bool
    device: UUID | None


async def stands(db: AsyncConnection, client_id: str, request_uri: str, now: datetime) -> bool:
    """Say whether a pushed request may still be opened; opens nothing."""
    columns = tables.authorization_request.c
    mine = (columns.hash == par.hash_of(request_uri)) & (columns.client == client_id)
    found = select(columns.id).where(mine, columns.opened_at.is_(None), columns.expires_at > now)
    return (await db.execute(found)).one_or_none() is not None


async def open_(db: AsyncConnection, client_id: str, request_uri: str, now: datetime) -> Opened:
    """Show a pushed request, once, to whoever brings it from the wallet `client_id`; raises Over."""
    columns = tables.authorization_request.c
    mine = (columns.hash == par.hash_of(request_uri)) & (columns.client == client_id)
    standing = select(columns.id, columns.redirect_uri, columns.configurations).where(
        mine, columns.opened_at.is_(None), columns.expires_at > now
    )
    found = (await db.execute(standing.with_for_update())).one_or_none()
    wallet = await wallet_client.find(db, client_id)
    if found is None or wallet is None:
        raise Over
    shown = {
        "wallet": wallet.name,
        "wallet_id": wallet.id,
        "returns_to": found.redirect_uri,
        "credentials": " ".join(found.configurations),
        "request": public_ids.show("authorization", found.id),
    }
    nonce = jose.b64(secrets.token_bytes(16))
    covered = stepup.cover(OPERATION, shown, nonce=nonce)
    opened = Opened(found.id, shown, nonce, sha256(covered).digest(), now + DECIDE_WITHIN)
    await db.execute(
        update(tables.authorization_request)
        .where(columns.id == found.id)
        .values(opened_at=now, covered=covered, challenge=opened.challenge, decide_by=opened.decide_by)
    )
    return opened


async def approve(story: Story, settings: Settings, request: UUID, assertion: Assertion, now: datetime) -> Approved:
    """Believe that a resident signed what was shown; the browser goes back with the code.

    The story speaks for the resident from here on. Raises Over, passkey.Refused, Suspended, RecoveryPeriod.
    """
    asked = await _decide(await story(), request, now)
    owner, proven = await passkey.signed(story, settings, assertion, challenge_bytes=asked.challenge, at=now)
    db = await story()
    who = await subject.admitted(db, owner)
    if who.role != "resident":
        raise passkey.Refused
    await _check_recovery(db, owner, now)
    await _keep(db, who, asked, proven, now)
    signed_on = await device.of_passkey(db, proven.passkey)
    return await _approved(db, settings, who, asked, now, actor=f"resident:{who.id}", signed_on=signed_on)


async def stand_in(
    story: Story, settings: Settings, owner: UUID, *, client_id: str, request_uri: str, actor: str, now: datetime
) -> Approved:
    """Approve a pushed request in the name of the resident `owner`, who signs nothing: in a demo or test alone.

    Raises Over, UnknownSubject, Suspended, RecoveryPeriod.
    """
    await story.speak_for(owner)
    db = await story()
    if await subject.find(db, owner) is None:
        raise UnknownSubject
    who = await subject.admitted(db, owner)
    opened = await open_(db, client_id, request_uri, now)
    asked = await _decide(db, opened.id, now)
    await _check_recovery(db, owner, now)
    return await _approved(db, settings, who, asked, now, actor=actor)


async def deny(db: AsyncConnection, settings: Settings, request: UUID, now: datetime) -> str:
    """Take the resident's no; gives where the browser goes. Raises Over."""
    return _back(await _decide(db, request, now), settings, error="access_denied")


async def redeem(
    story: Story, form: Mapping[str, str], jkt: str, now: datetime, *, by: WalletAttestation | None = None
) -> Redeemed | Denied:
    """Believe a code for the key `jkt`, from the wallet and for the address it was made for, with the PKCE verifier.

    What an attested wallet pushed is redeemed by the same instance of it, attested again as `by` says. A code that
    comes again ends what it gave (RFC 6749 section 4.1.2). The caller writes down what it gives: `give`.
    """
    if (shown := ticket.parse(form.get("code", ""))) is None:
        return _UNKNOWN
    await story.speak_for(shown.subject)
    db = await story()
    stored = (await db.execute(_CODE.where(tables.authorization_code.c.hash == shown.hash))).one_or_none()
    owner = await subject.find(db, shown.subject)
    if stored is None or owner is None or owner.suspended_at is not None:
        return _UNKNOWN
    if stored.session is not None:
        await session.end(db, stored.session, owner, "code_reused", now)
        return Denied("invalid_grant", "used before; what it gave is ended")
    if stored.expires_at <= now or not _fits(stored, form, jkt) or await wallet_client.find(db, stored.client) is None:
        return _UNKNOWN
    if stored.instance is not None and (by is None or by.instance != stored.instance):
        return Denied("invalid_client", "the code is an attested wallet's, and this request is not attested as its")
    return Redeemed(shown.hash, owner, stored.client, tuple(stored.configurations), stored.detailed, stored.device)


async def give(db: AsyncConnection, redeemed: Redeemed, opened: UUID, now: datetime) -> None:
    """Write down that a code was used, and for which session."""
    mine = tables.authorization_code.c.hash == redeemed.hash
    await db.execute(update(tables.authorization_code).where(mine).values(used_at=now, session=opened))


_CODE = select(tables.authorization_code).with_for_update()
_UNKNOWN = Denied(
    "invalid_grant", "the code is unknown or expired, or client_id, redirect_uri, code_verifier or key is another"
)


def _fits(stored: Row[tuple[object, ...]], form: Mapping[str, str], jkt: str) -> bool:
    verifier = form.get("code_verifier", "")
    if not _VERIFIER.fullmatch(verifier):
        return False
    proved = hmac.compare_digest(jose.b64(sha256(verifier.encode()).digest()), stored.code_challenge)
    same = (form.get("client_id"), form.get("redirect_uri"), jkt) == (stored.client, stored.redirect_uri, stored.jkt)
    return proved and same


async def _decide(db: AsyncConnection, request: UUID, now: datetime) -> Row[tuple[object, ...]]:
    columns = tables.authorization_request.c
    standing = (columns.id == request) & columns.decided_at.is_(None) & (columns.decide_by > now)
    decided = update(tables.authorization_request).where(standing).values(decided_at=now)
    rows = await db.execute(decided.returning(tables.authorization_request))
    if (found := rows.one_or_none()) is None:
        raise Over
    return found  # type: ignore[no-any-return]  # SQLAlchemy types no row of RETURNING


async def _check_recovery(db: AsyncConnection, owner: UUID, now: datetime) -> None:
    until = await db.scalar(select(tables.subject.c.limited_until).where(tables.subject.c.id == owner))
    if until is not None and now < until and not OPERATIONS[OPERATION].in_recovery:
        raise RecoveryPeriod(OPERATION, until)


async def _keep(
    db: AsyncConnection, who: Subject, asked: Row[tuple[object, ...]], proven: Proven, at: datetime
) -> None:
    """Keep what was signed as evidence: it is a step-up like any other, begun before it was known whose."""
    row = {"id": asked.id, "subject": who.id, "operation": OPERATION, "covered": asked.covered}
    row |= {"challenge": asked.challenge, "expires_at": asked.decide_by, "used_at": at}
    signed = ("passkey", "client_data", "authenticator_data", "signature")
    await db.execute(insert(tables.step_up).values(row | {name: getattr(proven, name) for name in signed}))
    told = StepUpConfirmed(subject=who.id, operation=OPERATION)
    fact = journal.Fact(aggregate=asked.id, holder=who.id, at=at, actor=f"resident:{who.id}", event=told)
    await journal.append(db, event, fact)


async def _approved(
    db: AsyncConnection,
    settings: Settings,
    who: Subject,
    asked: Row[tuple[object, ...]],
    now: datetime,
    *,
    actor: str,
    signed_on: UUID | None = None,
) -> Approved:
    """Make the code of a request that somebody approved."""
    told = WalletAuthorized(subject=who.id, client=asked.client, configurations=tuple(asked.configurations))
    fact = journal.Fact(aggregate=asked.id, holder=who.id, at=now, actor=actor, event=told)
    await journal.append(db, event, fact)
    made = ticket.new(who.id)
    taken = ("client", "redirect_uri", "code_challenge", "jkt", "configurations", "detailed", "provider", "instance")
    row = {name: getattr(asked, name) for name in taken}
    row |= {"hash": made.hash, "subject": who.id, "expires_at": now + CODE_LIFETIME, "device": signed_on}
    await db.execute(insert(tables.authorization_code).values(row))
    return Approved(who, tuple(asked.configurations), _back(asked, settings, code=made.text))


def _back(asked: Row[tuple[object, ...]], settings: Settings, **told: str) -> str:
    """Write where the browser goes: the address that was registered, never one that came with the browser."""
    said = told | ({"state": asked.state} if asked.state is not None else {}) | {"iss": settings.issuer}
    return f"{asked.redirect_uri}{'&' if '?' in asked.redirect_uri else '?'}{urlencode(said)}"
