"""What the token endpoint answers, and what every grant is given to find it (RFC 6749 section 5.1)."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from app.auth import token
from app.auth.door import Door
from app.auth.session import Session
from app.db import Story
from app.http.oauth.form import Form
from residency.credential.wallets.wallet_attestation import WalletAttestation

REFRESH_TOKEN = "AZLzwNtZcAi0eJ0lYHp2c4n5bq1mZ2pX0f3dQe8wVt6K9uRjYhGkLxTn"  # noqa: S105  an example


class Proved(NamedTuple):
    """What the caller showed to hold: the device key; a client certificate, a wallet's attestation where there is."""

    jkt: str
    certificate: str | None
    attested: WalletAttestation | None


Grant = Callable[[Story, Door, Form, Proved, datetime], Awaitable["TokenAnswer"]]


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 6749 section 5.1."""

    access_token: Annotated[str, Meta(examples=["eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3Mi.c2ln"])]
    token_type: Literal["DPoP"]
    expires_in: Annotated[int, Meta(description="Seconds.", examples=[300])]
    scope: Annotated[str, Meta(examples=["cards:read cards:write wallet:read"])]
    refresh_token: Annotated[str, Meta(examples=[REFRESH_TOKEN])] | None = None
    authorization_details: tuple[token.Grant, ...] = ()


def answer(
    door: Door,
    opened: Session,
    now: datetime,
    *,
    scopes: frozenset[str] = frozenset(),
    refresh_token: str | None = None,
    grants: tuple[token.Grant, ...] = (),
    certificate: str | None = None,
) -> TokenAnswer:
    """Make an access token of a session; `scopes` narrow it, `grants` are the credentials a wallet's is for."""
    scope = " ".join(sorted(scopes)) or opened.scope
    access = door.access(opened, now, scope=scope, grants=grants, certificate=certificate)
    return TokenAnswer(
        access_token=access.token,
        token_type="DPoP",  # noqa: S106  the name of the scheme
        expires_in=access.expires_in,
        scope=scope,
        refresh_token=refresh_token,
        # Told where they were asked for by authorization_details (OpenID4VCI 1.0 section 6.2).
        authorization_details=tuple(grant for grant in grants if grant.credential_identifiers),
    )
