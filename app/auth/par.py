"""Pushed authorisation requests (RFC 9126): a wallet says on a line of its own what it will ask for.

Nothing that travels through the resident's browser can change it. What is pushed lives for a minute, is opened once,
and is bound to the wallet, to the key of its DPoP proof (RFC 9449 section 10) and to the secret of its PKCE challenge.

pushes   app/http/oauth/pushed.py    POST /oauth/par    <- read(), push()
opens    app/auth/authorization.py   open_()
"""

import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app.auth import jose, tables
from app.auth.wallets import wallet_client
from residency.credential.configuration import CONFIGURATIONS
from residency.credential.wallets import grade
from residency.credential.wallets.grade import Grade
from residency.credential.wallets.wallet_attestation import WalletAttestation

LIFETIME = timedelta(seconds=60)
PREFIX = "urn:ietf:params:oauth:request_uri:"
#: The scope of each credential configuration (HAIP 1.0 section 4.1).
SCOPES = {configuration.scope: configuration.id for configuration in CONFIGURATIONS.values()}

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_STATE = re.compile(r"[ -~]{1,512}", re.ASCII)


class Denied(Exception):
    """The request is not taken: OAuth's `error`, and a `reason` for the wallet's developer."""

    def __init__(self, error: str, reason: str) -> None:
        super().__init__(error, reason)
        self.error = error
        self.reason = reason


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """What a wallet asks for. `detailed`: by authorization_details, so it is told identifiers (OpenID4VCI 6.2).

    `provider` attested the wallet, whose key has the thumbprint `instance`.
    """

    client: str
    redirect_uri: str
    state: str | None
    code_challenge: str
    jkt: str
    configurations: tuple[str, ...]
    detailed: bool
    provider: str | None = None
    instance: str | None = None


class _Detail(msgspec.Struct, frozen=True, tag="openid_credential", tag_field="type"):
    credential_configuration_id: Annotated[str, Meta(max_length=100)]


def configurations(text: str) -> frozenset[str]:
    """Read `authorization_details`; raises Denied."""
    try:
        details = msgspec.json.decode(text, type=list[_Detail])
    except (msgspec.DecodeError, UnicodeError):
        raise Denied("invalid_authorization_details", "only openid_credential, by configuration id") from None
    if not details:
        raise Denied("invalid_authorization_details", "they are empty")
    return frozenset(detail.credential_configuration_id for detail in details)


def scopes_of(configurations: Iterable[str]) -> frozenset[str]:
    """Give the scopes of configurations."""
    return frozenset(CONFIGURATIONS[each].scope for each in configurations)


async def read(db: AsyncConnection, form: Mapping[str, str], jkt: str, by: WalletAttestation | None = None) -> Pushed:
    """Read what a wallet, attested as `by` says, pushes with a proof of the key `jkt`; raises Denied."""
    wallet = await wallet_client.find(db, form.get("client_id", ""))
    if wallet is None:
        raise Denied("invalid_client", "client_id is not a registered wallet")
    if wallet.provider is not None and by is None:
        raise Denied("invalid_client", "the wallet is registered with a provider, and the request is not attested")
    if form.get("redirect_uri") not in wallet.redirect_uris:
        raise Denied("invalid_request", "redirect_uri is not one that was registered, letter by letter")
    _check(form, jkt)
    asked = _asked(form)
    check_grade(asked, by)
    return Pushed(
        client=wallet.id,
        redirect_uri=form["redirect_uri"],
        state=form.get("state"),
        code_challenge=form["code_challenge"],
        jkt=jkt,
        configurations=asked,
        detailed="authorization_details" in form,
        provider=by.provider if by else None,
        instance=by.instance if by else None,
    )


def check_grade(configurations: Iterable[str], by: WalletAttestation | None) -> None:
    """Deny a wallet that nobody vouches for what only attested ones may have; that its keys are comes later."""
    needed = {grade.NEEDED[CONFIGURATIONS[each].kind] for each in configurations}
    if by is None and needed != {Grade.BASIC}:
        raise Denied("invalid_client", "a credential that is asked for goes to attested wallets only")


async def push(db: AsyncConnection, asked: Pushed, now: datetime) -> str:
    """Keep the request for a minute; gives its `request_uri`, of which only the hash is stored."""
    secret = secrets.token_bytes(32)
    row = msgspec.structs.asdict(asked) | {"configurations": list(asked.configurations)}
    row |= {"id": ids.new(), "hash": sha256(secret).digest(), "expires_at": now + LIFETIME}
    await db.execute(insert(tables.authorization_request).values(row))
    return PREFIX + jose.b64(secret)


def hash_of(request_uri: str) -> bytes | None:
    """Give what a `request_uri` is found by; None for any text that is none."""
    try:
        secret = jose.unb64(request_uri.removeprefix(PREFIX))
    except jose.Unreadable:
        return None
    return sha256(secret).digest() if request_uri.startswith(PREFIX) else None


def _check(form: Mapping[str, str], jkt: str) -> None:
    for name in ("request", "request_uri"):
        if name in form:
            raise Denied("invalid_request", f"{name} is not taken here")
    if form.get("response_type") != "code":
        raise Denied("unsupported_response_type", "response_type is not code")
    if form.get("response_mode", "query") != "query":
        raise Denied("invalid_request", "response_mode is not query")
    if form.get("code_challenge_method") != "S256":
        raise Denied("invalid_request", "code_challenge_method is not S256")
    if not _CHALLENGE.fullmatch(form.get("code_challenge", "")):
        raise Denied("invalid_request", "code_challenge is not the hash of a verifier")
    if "state" in form and not _STATE.fullmatch(form["state"]):
        raise Denied("invalid_request", "state is longer than 512 printable characters")
    if form.get("dpop_jkt", jkt) != jkt:
        raise Denied("invalid_request", "dpop_jkt is not the key of the proof")


def _asked(form: Mapping[str, str]) -> tuple[str, ...]:
    named = configurations(form["authorization_details"]) if "authorization_details" in form else frozenset[str]()
    if not named <= set(SCOPES.values()):
        raise Denied("invalid_authorization_details", "there is no such credential configuration")
    scopes = frozenset(form.get("scope", "").split())
    if not scopes <= SCOPES.keys() or not (scopes or named):
        raise Denied("invalid_scope", f"may ask for {' '.join(sorted(SCOPES))}")
    return tuple(sorted(named | {SCOPES[scope] for scope in scopes}))
