"""Grants of wallets at the token endpoint (OpenID4VCI 1.0 section 6): what a resident let them fetch, and for how long.

authorization_code    approved with the passkey, for a registered wallet        app/auth/authorization.py
pre-authorized_code   offered by the resident, to whoever has the code          app/auth/code.py

Either opens a session with a refresh token, by which it renews what it holds: app/auth/wallets/wallet_session.py.
A wallet that is attested reaches a higher grade than one that is not (residency/credential/wallets/grade.py).
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import authorization, code, par, refresh
from app.auth.door import Door
from app.auth.session import Session
from app.auth.wallets import wallet_client, wallet_session
from app.auth.wallets.wallet_session import WalletSession
from app.db import Story
from app.http.oauth import answer
from app.http.oauth import form as form_
from app.http.oauth.answer import Proved, TokenAnswer
from app.http.oauth.form import Form, Unacceptable
from residency.credential import metadata
from residency.credential.wallets.wallet_attestation import WalletAttestation

PRE_AUTHORIZED = "urn:ietf:params:oauth:grant-type:pre-authorized_code"


async def pre_authorized(story: Story, door: Door, form: Form, by: Proved, now: datetime) -> TokenAnswer:
    """Redeem the code of an offer."""
    asked = _configurations(form)
    client = await _client(await story(), form, by.attested)
    redeemed = await code.redeem(
        story, form_.needed(form, "pre-authorized_code"), tx_code=form.get("tx_code"), asked=asked, now=now
    )
    if isinstance(redeemed, code.Denied):
        raise Unacceptable(redeemed.error, redeemed.reason)
    wanted = [name for name in redeemed.configurations if name in asked or not asked]
    _check_grade(wanted, by.attested)
    opened, held = await wallet_session.begin(
        await story(),
        redeemed.subject,
        client=client,
        jkt=by.jkt,
        configurations=wanted,
        detailed=bool(asked),
        by=by.attested,
        device=redeemed.device,
        now=now,
    )
    return await _given(await story(), door, opened, held, now)


async def authorized(story: Story, door: Door, form: Form, by: Proved, now: datetime) -> TokenAnswer:
    """Redeem the code of an authorisation; `authorization_details` may ask for less than was approved."""
    if by.attested is not None:  # who it is stands in the attestation (attestation-based client authentication)
        form = {"client_id": by.attested.client} | form
    for name in ("code", "redirect_uri", "code_verifier", "client_id"):
        form_.needed(form, name)
    asked = _configurations(form)
    redeemed = await authorization.redeem(story, form, by.jkt, now, by=by.attested)
    if isinstance(redeemed, code.Denied):
        raise Unacceptable(redeemed.error, redeemed.reason)
    if not asked <= set(redeemed.configurations):
        raise Unacceptable("invalid_authorization_details", "the code is not for these configurations")
    wanted = [name for name in redeemed.configurations if name in asked or not asked]
    db = await story()
    opened, held = await wallet_session.begin(
        db,
        redeemed.subject,
        client=redeemed.client,
        jkt=by.jkt,
        configurations=wanted,
        detailed=redeemed.detailed or bool(asked),
        by=by.attested,
        device=redeemed.device,
        now=now,
    )
    await authorization.give(db, redeemed, opened.id, now)
    return await _given(db, door, opened, held, now)


def renewed(door: Door, rotated: refresh.Rotated, now: datetime, *, asked: frozenset[str]) -> TokenAnswer:
    """Answer a wallet's refresh token with the next one; `asked` are the scopes it wants this access token for."""
    assert rotated.wallet is not None, "a wallet's session"
    scopes = asked | {metadata.SCOPE} if asked else frozenset()
    grants = rotated.wallet.grants(asked)
    return answer.answer(door, rotated.session, now, scopes=scopes, refresh_token=rotated.text, grants=grants)


async def _given(db: AsyncConnection, door: Door, opened: Session, held: WalletSession, now: datetime) -> TokenAnswer:
    first = await refresh.first(db, opened)
    return answer.answer(door, opened, now, refresh_token=first, grants=held.grants())


async def _client(db: AsyncConnection, form: Form, by: WalletAttestation | None) -> str:
    """Say which wallet redeems an offer: the attested one, a registered one by its own word, or nobody in particular.

    The name is shown to the resident, so one that nobody knows is not taken over.
    """
    if by is not None:
        return by.client
    known = await wallet_client.find(db, form["client_id"]) if "client_id" in form else None
    if known is None:
        return wallet_session.ANONYMOUS
    if known.provider is not None:
        raise Unacceptable("invalid_client", "the wallet is registered with a provider, and the request not attested")
    return known.id


def _check_grade(wanted: Sequence[str], by: WalletAttestation | None) -> None:
    try:
        par.check_grade(wanted, by)
    except par.Denied as denied:
        raise Unacceptable(denied.error, denied.reason) from None


def _configurations(form: Form) -> frozenset[str]:
    """Read `authorization_details`; empty when the wallet leaves the choice to the code."""
    if (text := form.get("authorization_details")) is None:
        return frozenset()
    try:
        return par.configurations(text)
    except par.Denied as denied:
        raise Unacceptable(denied.error, denied.reason) from None
