"""What one process needs to let callers in: the tokens it believes and makes, and the gate."""

from datetime import datetime
from typing import NamedTuple, Self

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from app import ids
from app.auth import token
from app.auth.certificate import Proxies
from app.auth.gate import Gate
from app.auth.nonce import Nonces
from app.auth.session import Session
from app.ring import Ring
from app.settings import Settings


class Access(NamedTuple):
    """An access token, and the seconds it lives."""

    token: str
    expires_in: int


class Door(msgspec.Struct, frozen=True):
    """Part of the house: `app/house.py` opens it."""

    issuer: str
    ring: Ring
    reader: token.Reader
    gate: Gate
    proxies: Proxies

    @classmethod
    def open(cls, settings: Settings, ring: Ring, secret: bytes, api: AsyncEngine) -> Self:
        """Build the door of an installation; `secret` is shared by its processes, nonces are derived from it.

        Tokens without a device key pass only where the clock is virtual too.
        """
        reader = token.Reader(settings.issuer, ring.published, bearer=settings.virtual)
        proxies = Proxies(settings.certificate_header, settings.certificate_proxies)
        return cls(settings.issuer, ring, reader, Gate(api, Nonces(secret)), proxies)

    def close(self) -> None:
        """Let nobody in any more."""
        self.gate.close()

    def access(
        self,
        session: Session,
        now: datetime,
        *,
        scope: str | None = None,
        grants: tuple[token.Grant, ...] = (),
        certificate: str | None = None,
    ) -> Access:
        """Make an access token of `session`, as long-lived as allowed; `scope` narrows what the session may do.

        It is bound to the session's device key, and to a client's `certificate` too where one is given.
        """
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
            cnf=token.Confirmation(session.jkt, certificate) if session.jkt else None,
            authorization_details=grants,
        )
        return Access(token.mint(self.ring.current(), claims), lives_s)
