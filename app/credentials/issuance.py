"""A wallet's request for copies is met at once, later, or not at all (OpenID4VCI 1.0 sections 8 and 9).

routes     app/http/wallet_openid/credential.py        POST /openid4vci/{credential,deferred}
proves     residency/credential/wallets/key_proof.py   check()      <- by _proven(), here
says       app/credentials/entitlement.py              resident()   what a document says, or why there is none
waits      app/credentials/deferral.py                 keep()       while that is being decided
reserves   residency/credential/issuing.py             reserve()
signs      residency/credential/issuing.py             sign()
"""

from datetime import datetime
from functools import partial
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import person, standing, vault
from app.auth.principal import Principal
from app.auth.token import Claims
from app.auth.wallets import wallet_provider, wallet_session, wallet_status
from app.credentials import deferral, entitlement
from app.credentials.deferral import Waiting
from app.db import Story, transaction
from app.house import House
from residency.credential import issuing
from residency.credential.configuration import Configuration
from residency.credential.dataset import Kind
from residency.credential.issuing import Order
from residency.credential.transparency import log
from residency.credential.wallets import grade, key_proof, nonce
from residency.credential.wallets.grade import Grade
from residency.credential.wallets.key_proof import InvalidProof, Proven, Terms

#: Why somebody has no document, where that may be about to change: no status yet, no identity in force just now.
_NO_STATUS = (standing.NotEResident, entitlement.NotAltyn)
_NOBODY = (person.NotIdentified, vault.Erased)


class Wallet(msgspec.Struct, frozen=True):
    """Who asks: on whose behalf, with which token."""

    me: Principal
    claims: Claims

    @property
    def device(self) -> str:
        """The thumbprint of its DPoP key; empty only for the unbound tokens of testers."""
        return self.claims.cnf.jkt if self.claims.cnf else ""

    @property
    def client(self) -> str | None:
        """Its client id; None for one that never said which it is."""
        return None if self.claims.client_id == wallet_session.ANONYMOUS else self.claims.client_id


class Issued(msgspec.Struct, frozen=True):
    """The copies, in the order of their keys, and the id under which the wallet tells what became of them."""

    copies: list[str]
    notification_id: str | None


class Deferred(msgspec.Struct, frozen=True):
    """The request waits under this id."""

    transaction_id: str


async def ask(
    story: Story, house: House, by: Wallet, configuration: Configuration, *, proofs: object, now: datetime
) -> Issued | Deferred:
    """Meet a request, or let it wait; raises what _proven(), issuing.reserve() and entitlement.resident() raise."""
    db = await story()
    found = await _proven(db, house, by, proofs, now)
    wanted = Waiting(
        holder=by.me.subject,
        configuration=configuration,
        device=by.device,
        grade=await _graded(db, by, found),
        keys=found.keys,
    )
    grade.require(configuration.kind, wanted.grade)
    try:
        return await _issue(story, house, by, wanted, now)
    except _NO_STATUS + _NOBODY as why:
        if not await _may_come(db, wanted, why):
            raise
    id_ = await deferral.keep(db, house.keys.kms, wanted, actor=by.me.actor, at=story.now, now=now)
    return Deferred(id_)


async def collect(story: Story, house: House, by: Wallet, transaction_id: str, now: datetime) -> Issued | Deferred:
    """Meet a request that waited, once, or let it wait on; raises as ask(), and deferral.UnknownTransaction."""
    db = await story()
    waiting = await deferral.find(db, house.keys.kms, transaction_id, holder=by.me.subject, device=by.device, now=now)
    try:
        issued = await _issue(story, house, by, waiting, now)
    except _NO_STATUS + _NOBODY as why:
        if not await _may_come(db, waiting, why):
            raise
        return Deferred(transaction_id)
    await deferral.take(db, transaction_id, holder=waiting.holder)
    return issued


async def require_possible(db: AsyncConnection, holder: UUID, kind: Kind, *, at: datetime) -> None:
    """Let pass who has the status that a document proves, or waits for it; raises as entitlement.entitled()."""
    try:
        await entitlement.entitled(db, holder, kind, at=at)
    except _NO_STATUS:
        if not await deferral.status_may_come(db, holder, entitlement.PROVES[kind]):
            raise


async def _may_come(db: AsyncConnection, waiting: Waiting, why: Exception) -> bool:
    if isinstance(why, _NO_STATUS):
        return await deferral.status_may_come(db, waiting.holder, entitlement.PROVES[waiting.configuration.kind])
    return await deferral.identity_may_come(db, waiting.holder)


async def _proven(db: AsyncConnection, house: House, by: Wallet, proofs: object, now: datetime) -> Proven:
    """Check the proofs and use their nonces up; raises InvalidProof, InvalidNonce, wallet_status.NotFetchedYet."""
    judge = partial(nonce.read, house.credentials.authority.nonce_key, at=now)
    terms = Terms(
        audience=house.settings.issuer,
        client=by.client,
        judge=judge,
        providers=await wallet_provider.trusted(db, now),
        at=now,
    )
    found = key_proof.check(proofs, terms)
    await _check_statuses(db, house, found, now)
    for text in sorted(found.nonces):
        await nonce.spend(db, text, expires_at=judge(text))
    return found


async def _check_statuses(db: AsyncConnection, house: House, found: Proven, now: datetime) -> None:
    for each in found.attestations:
        if each.status is None:
            continue
        try:
            why = await wallet_status.doubt(db, each.provider, each.status, now)
        except wallet_status.NotFetchedYet as missing:
            # The request is refused, and what it wrote is undone; that the list is wanted must last.
            async with transaction(house.api, audience="service") as story:
                await wallet_status.note(await story(), missing, now)
            raise
        if why is not None:
            raise InvalidProof(f"key_attestation: status {why}")


async def _graded(db: AsyncConnection, by: Wallet, found: Proven) -> Grade:
    held = await wallet_session.of(db, by.claims.sid)
    attested = held is not None and held.provider is not None
    return grade.reached(attested=attested, attestations=found.attestations)


async def _issue(story: Story, house: House, by: Wallet, wanted: Waiting, now: datetime) -> Issued:
    db, kind = await story(), wanted.configuration.kind
    who = await entitlement.resident(db, house.keys.kms, wanted.holder, kind, at=story.now)
    issuer = house.credentials.issuer
    order = Order(
        holder=wanted.holder,
        configuration=wanted.configuration,
        device=wanted.device,
        copies=len(wanted.keys),
        made_at=now,
        expires_at=issuing.expiry(now, resident=who, seal=issuer.seal),
        sources=who.sources,
        grade=wanted.grade,
    )
    reserved = await issuing.reserve(db, order, actor=by.me.actor, at=story.now)
    copies = issuing.sign(who, wanted.configuration, wanted.keys, reserved.entries, issuer=issuer, at=now)
    await log.append(db, order, reserved, copies, key=issuer.seal.signer.kid, actor=by.me.actor, at=story.now)
    return Issued(copies, reserved.notification_id)
