"""Who is calling? The first thing asked of every request to a route that is not public.

    Authorization: DPoP <access token>      the token, believed by door.reader
    DPoP: <proof>                           made for this request by the key of the token: dpop.check()
                                            not used before, and the session stands: door.gate

A refusal is kept for the guard to raise, so that a route of a standard (OpenID4VCI) can answer it in its own form.
"""

from typing import NamedTuple, cast

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from app import clock
from app.auth import dpop, guard, scopes, token
from app.auth.door import Door
from app.auth.principal import Principal
from app.auth.token import Claims


class Caller(NamedTuple):
    """Who calls, and what the token said: its session, its end, the credentials it is for."""

    principal: Principal
    claims: Claims


class Authentication(ASGIMiddleware):
    """Sets `request.auth` to the Principal and `request.user` to the token's Claims; both None on public routes.

    Why a caller was not recognised is kept for the guard to raise: inside the route, where the error form of its
    standard, the access log and the quota headers apply.
    """

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Recognise the caller, or keep what `recognise` raises."""
        scope["auth"] = scope["user"] = None
        if scope["route_handler"].opt.get("scope", scopes.PUBLIC) != scopes.PUBLIC:
            door: Door = scope["litestar_app"].state.house.door
            try:
                scope["auth"], scope["user"] = await recognise(door, cast("HTTPScope", scope))
            except Exception as refusal:  # noqa: BLE001  the guard raises it, whatever it is
                scope["state"][guard.REFUSAL] = refusal
        await next_app(scope, receive, send)


async def recognise(door: Door, scope: HTTPScope) -> Caller:
    """Say who sends this request; raises token.Missing, token.Refused, dpop.Refused, SessionEnded, Crowded."""
    now = clock.real()
    scheme, _, presented = (_header(scope, b"authorization") or "").partition(" ")
    if scheme.lower() not in {"dpop", "bearer"}:
        raise token.Missing
    claims = door.reader.read(presented, now)
    proof = None
    if scheme.lower() == "dpop":
        proof = prove(door, scope, access_token=presented)
    if proof is None or claims.cnf is None or claims.cnf.jkt != proof.thumbprint:
        _check_unbound(claims, proof)
    await door.gate.admit(claims.sid, proof)
    principal = Principal(
        role=claims.role,
        subject=claims.sub,
        scopes=scopes.allowed(claims.role, claims.scope.split()),
        name=claims.name,
    )
    return Caller(principal, claims)


def prove(door: Door, scope: HTTPScope, *, access_token: str | None) -> dpop.Proof:
    """Check the DPoP header of this request; whether it was used before, the gate says. Raises dpop.Refused."""
    return dpop.check(
        _header(scope, b"dpop"),
        method=str(scope["method"]),
        # The public address, not the Host header, which whoever relays a stolen request may choose.
        url=door.issuer + scope["raw_path"].decode("latin-1"),
        access_token=access_token,
        now=clock.real(),
    )


def _check_unbound(claims: Claims, proof: dpop.Proof | None) -> None:
    if proof is not None:
        raise dpop.Refused("made with another key than that of the token")
    if claims.cnf is not None:
        raise token.Refused("bound to a key: send it as DPoP, with a proof")


def _header(scope: HTTPScope, name: bytes) -> str | None:
    found = [value for key, value in scope["headers"] if key == name]
    if len(found) > 1:
        raise token.Refused(f"{name.decode()} was sent twice")
    return found[0].decode("latin-1") if found else None
