"""What one process needs to let callers in: the tokens it believes and makes, and the gate."""

from datetime import datetime
from typing import NamedTuple, Self

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from app import ids
from app.auth import jose, token
from app.auth.gate import Gate
from app.auth.session import Session
from app.settings import Settings
from proof.signer import Signer


class Access(NamedTuple):
    """An access token, and the seconds it lives."""

    token: str
    expires_in: int


class Door(msgspec.Struct, frozen=True):
    """Part of the house: `app/house.py` opens it."""

    issuer: str
    signer: Signer
    reader: token.Reader
    gate: Gate

    @classmethod
    def open(cls, settings: Settings, signer: Signer, api: AsyncEngine) -> Self:
        """Build the door of an installation; tokens without a device key pass only where the clock is virtual too."""
        keys = {signer.kid: jose.key_of(msgspec.convert(signer.public_jwk, jose.Jwk))}
        reader = token.Reader(settings.issuer, keys, bearer=settings.virtual)
        return cls(settings.issuer, signer, reader, Gate(api))

    def access(
        self,
        session: Session,
        now: datetime,
        *,
        scope: str | None = None,
        grants: tuple[token.Grant, ...] = (),
    ) -> Access:
        """Make an access token of `session`, as long-lived as allowed; `scope` narrows what the session may do."""
        lifetime = token.LIFETIME if session.jkt else token.BEARER_LIFETIME_MAX
        lives_s = int(min(lifetime, session.expires_at - now).total_seconds())
        issued_at = int(now.timestamp())
        claims = token.Claims(
            iss=self.issuer,
            aud=self.issuer,
            sub=session.subject.id,
            sid=session.id,
            jti=ids.new(),
            client_id=session.client_id,
            role=session.subject.role,
            scope=session.scope if scope is None else scope,
            iat=issued_at,
            exp=issued_at + lives_s,
            name=session.subject.name,
            cnf=token.Confirmation(session.jkt) if session.jkt else None,
            authorization_details=grants,
        )
        return Access(token.mint(self.signer, claims), lives_s)
