"""A wallet's request for copies is met at once, later, or not at all (OpenID4VCI 1.0 sections 8 and 9).

routes     app/http/wallet_openid/credential.py        POST /openid4vci/{credential,deferred}
proves     residency/credential/wallets/key_proof.py   check()      <- by _proven(), here
says       app/credentials/entitlement.py              resident()   what a document says, or why there is none
waits      app/credentials/deferral.py                 keep()       while that is being decided
reserves   residency/credential/issuing.py             reserve()
signs      residency/credential/issuing.py             sign()
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import person, standing, vault
from app.auth import session
from app.auth.principal import Principal
from app.auth.token import Claims
from app.auth.wallets import wallet_provider, wallet_session, wallet_status
from app.credentials import deferral, entitlement
from app.credentials.deferral import UnknownTransaction, Voucher, Waiting
from app.db import Story
from app.house import House
from law import threshold
from residency.credential import issuing
from residency.credential.configuration import Configuration
from residency.credential.dataset import Kind
from residency.credential.issuing import Order
from residency.credential.transparency import log
from residency.credential.wallets import grade, key_proof, nonce
from residency.credential.wallets.grade import Grade
from residency.credential.wallets.key_attestation import KeyAttestation
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


class Early(msgspec.Struct, frozen=True):
    """A status list is not here yet, and is fetched now: the wallet comes again. A value, so that this lasts."""

    missing: wallet_status.NotFetchedYet


async def ask(
    story: Story, house: House, by: Wallet, configuration: Configuration, *, proofs: object, now: datetime
) -> Issued | Deferred | Early:
    """Meet a request, or let it wait; raises gate.SessionEnded, and as _proven(), issuing.reserve() and to_issue()."""
    db = await story()
    await session.keep(db, by.claims.sid)
    try:
        found = await _proven(db, house, by, proofs, now)
    except wallet_status.NotFetchedYet as missing:
        await wallet_status.note(db, missing, now)
        return Early(missing)
    attested = await _is_attested(db, by, now)
    wanted = Waiting(
        holder=by.me.subject,
        configuration=configuration,
        device=by.device,
        grade=grade.reached(attested=attested, attestations=found.attestations if found.attested else ()),
        keys=found.keys,
        vouchers=tuple(Voucher(each.provider, each.status) for each in found.attestations),
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
    """Meet a request that waited, once, or let it wait on; raises as ask(), and deferral.UnknownTransaction.

    What was true of the wallet and its keys then has to be so still.
    """
    db = await story()
    await session.keep(db, by.claims.sid)
    waiting = await deferral.find(db, house.keys.kms, transaction_id, holder=by.me.subject, device=by.device, now=now)
    if waiting.configuration.id not in {each.credential_configuration_id for each in by.claims.authorization_details}:
        raise UnknownTransaction
    try:
        waiting = await _still(db, by, waiting, now)
    except wallet_status.NotFetchedYet as missing:
        await wallet_status.note(db, missing, now)
        return Deferred(transaction_id)
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


async def require_one_possible(db: AsyncConnection, holder: UUID, kinds: Collection[Kind], *, at: datetime) -> None:
    """Let pass who may have one of the documents `kinds`; raises as require_possible() for the first of them."""
    refused: list[Exception] = []
    for kind in sorted(kinds):
        try:
            await require_possible(db, holder, kind, at=at)
        except (*_NO_STATUS, threshold.NotInForce) as why:
            refused.append(why)
        else:
            return
    raise refused[0]


async def _may_come(db: AsyncConnection, waiting: Waiting, why: Exception) -> bool:
    if isinstance(why, _NO_STATUS):
        return await deferral.status_may_come(db, waiting.holder, entitlement.PROVES[waiting.configuration.kind])
    return await deferral.identity_may_come(db, waiting.holder)


async def _still(db: AsyncConnection, by: Wallet, waiting: Waiting, now: datetime) -> Waiting:
    """Look again at who vouches for a wallet whose request waited; raises InvalidProof, NotFetchedYet, GradeTooLow."""
    trusted = {each.id for each in await wallet_provider.trusted(db, now)}
    if not {each.provider for each in waiting.vouchers} <= trusted:
        raise InvalidProof("key_attestation: its provider is not trusted any more")
    await _check_statuses(db, waiting.vouchers, now)
    reached = waiting.grade if await _is_attested(db, by, now) else Grade.BASIC
    grade.require(waiting.configuration.kind, reached)
    return msgspec.structs.replace(waiting, grade=reached)


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
    await _check_statuses(db, found.attestations, now)
    for text in sorted(found.nonces):
        await nonce.spend(db, text, expires_at=judge(text))
    return found


async def _check_statuses(db: AsyncConnection, vouchers: Sequence[Voucher | KeyAttestation], now: datetime) -> None:
    for each in vouchers:
        why = each.status and await wallet_status.doubt(db, each.provider, each.status, now)
        if why is not None:
            raise InvalidProof(f"key_attestation: status {why}")


async def _is_attested(db: AsyncConnection, by: Wallet, now: datetime) -> bool:
    """Whether the wallet of this session was vouched for by a provider that is trusted still."""
    held = await wallet_session.of(db, by.claims.sid)
    if held is None or held.provider is None:
        return False
    return held.provider in {each.id for each in await wallet_provider.trusted(db, now)}


async def _issue(story: Story, house: House, by: Wallet, wanted: Waiting, now: datetime) -> Issued:
    db, kind = await story(), wanted.configuration.kind
    who = await entitlement.to_issue(db, house.keys.kms, wanted.holder, kind, at=story.now)
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
