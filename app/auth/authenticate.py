"""Who is calling, and may they? Asked of every request before its route runs.

    Authorization: DPoP <access token>      the token, believed by door.reader
    DPoP: <proof>                           made for this request by the key of the token: dpop.check()
                                            not used before, with a nonce of ours, and the session stands: door.gate
    opt={"scope": …, "quota": …}            held by the token: guard.check(); not used up: app/limits.py

What is refused here is answered by the route's own handlers of exceptions, so a route of a standard (OpenID4VCI) does
so in its own form. `told` are the header fields that every answer carries.
"""

from functools import lru_cache
from typing import NamedTuple, cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from app import clock, limits
from app.auth import dpop, guard, scopes, token
from app.auth.door import Door
from app.auth.principal import Principal, Role
from app.auth.scopes import PUBLIC
from app.auth.token import Claims
from app.limits import Exceeded, Headers, Left, Policy, Quotas

#: Under this name the state of a request has what its caller is refused with where app/http/signed.py answers.
REFUSED = "entrance.refused"
#: Under this name the state of a request says what is left of its caller's quota.
_LEFT = "quota.left"
#: Under this name, whether the answer carries a nonce for the next proof although this request brought none.
_GIVES_NONCES = "nonce.given"
_SCOPES_CACHED = 1_024


class Caller(NamedTuple):
    """Who calls, what the token said (its session, its end, the credentials it is for), and what is left to ask."""

    principal: Principal
    claims: Claims
    left: Left | None


class Entrance:
    """Sets `request.auth` to the Principal and `request.user` to the token's Claims; both None on public routes.

    A plain ASGI layer: it wraps neither `receive` nor `send`, since every request pays for it.
    """

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas

    def __call__(self, app: ASGIApp) -> ASGIApp:
        """Stand in front of a route."""

        async def entered(scope: Scope, receive: Receive, send: Send) -> None:
            await self._enter(cast("HTTPScope", scope))
            await app(scope, receive, send)

        return entered

    async def _enter(self, scope: HTTPScope) -> None:
        """Raise what the caller is refused with."""
        scope["auth"] = scope["user"] = None
        handler = scope["route_handler"]
        opt, state = handler.opt, scope["state"]
        needed, policy = opt.get("scope"), self._quotas.of(opt)
        state[_GIVES_NONCES] = opt.get("nonce", False)
        if needed == PUBLIC or guard.only_lists_methods(handler):
            if not opt.get("unlimited"):
                left = state[_LEFT] = await self._stranger(scope, policy)
                _check(left)
            return
        try:
            principal, claims, left = await recognise(_door(scope), scope, policy=policy)
        except Exception:
            left = state[_LEFT] = self._quotas.count(scope)
            _check(left)  # who guesses tokens is counted, and hears no more than that
            raise
        scope["auth"], scope["user"], state[_LEFT] = principal, claims, left
        try:
            _check(left)
            guard.check(principal, needed)
        except (Exceeded, guard.ScopeMissing) as refusal:
            if opt.get("answers") != "signed":
                raise
            state[REFUSED] = refusal

    async def _stranger(self, scope: HTTPScope, policy: Policy) -> Left | None:
        """Count a caller without a token."""
        if policy.name in limits.SHARED:
            who = f"address:{limits.address(scope)}"
            return await _door(scope).gate.admit(None, None, who=who, policy=policy)
        return self._quotas.count(scope, policy)


async def recognise(door: Door, scope: HTTPScope, *, policy: Policy | None = None) -> Caller:
    """Say who sends this request, and count it; raises token.Missing, token.Refused, dpop.Refused and as the gate."""
    now = clock.real()
    scheme, _, presented = (_single(scope, b"authorization") or "").partition(" ")
    scheme = scheme.lower()
    if scheme not in {"dpop", "bearer"}:
        raise token.Missing
    claims = door.reader.read(presented, now)
    proof = prove(door, scope, access_token=presented) if scheme == "dpop" else None
    if proof is None or claims.cnf is None or claims.cnf.jkt != proof.thumbprint:
        _check_unbound(claims, proof)
    if claims.cnf is not None and claims.cnf.certificate is not None:
        door.proxies.check(claims.cnf.certificate, scope)
    left = await door.gate.admit(claims.sid, proof, who=f"{claims.role}:{claims.sub}", policy=policy)
    principal = Principal(
        role=claims.role,
        subject=claims.sub,
        scopes=_allowed(claims.role, claims.scope),
        name=claims.name,
        session=claims.sid,
        minted=claims.cnf is None,
    )
    return Caller(principal, claims, left)


def prove(door: Door, scope: HTTPScope, *, access_token: str | None) -> dpop.Proof:
    """Check the DPoP header of this request; whether it is new, with a nonce of ours, the gate says.

    Raises dpop.Refused.
    """
    try:
        header = _single(scope, b"dpop")
    except token.Refused as refused:
        raise dpop.Refused(refused.reason) from None
    return dpop.check(
        header,
        method=str(scope["method"]),
        # The public address, not the Host header, which whoever relays a stolen request may choose.
        url=door.issuer + scope["raw_path"].decode("latin-1"),
        access_token=access_token,
        now=clock.real(),
    )


def told(scope: HTTPScope, quotas: Quotas) -> Headers:
    """Give the fields of an answer: what is left of the quota and the nonce of the next proof.

    The nonce is for who sent a proof, and for who asks a route that gives nonces (HAIP 1.0 section 4).
    """
    left: Left | None = scope["state"].get(_LEFT)
    fields = (left or quotas.count(scope)).fields()
    if any(name == b"dpop" for name, _ in scope["headers"]) or scope["state"].get(_GIVES_NONCES):
        house = getattr(scope["litestar_app"].state, "house", None)
        nonce = house.door.gate.nonce() if house is not None else None
        if nonce is not None:
            fields.append((b"dpop-nonce", nonce.encode()))
    return fields


def _door(scope: Scope) -> Door:
    door: Door = scope["litestar_app"].state.house.door
    return door


def _check(left: Left | None) -> None:
    if left is not None and left.left < 0:
        raise Exceeded(left)


def _check_unbound(claims: Claims, proof: dpop.Proof | None) -> None:
    if proof is not None:
        raise dpop.Refused("made with another key than that of the token")
    if claims.cnf is not None:
        raise token.Refused("bound to a key: send it as DPoP, with a proof")


def _single(scope: HTTPScope, name: bytes) -> str | None:
    found = None
    for key, value in scope["headers"]:
        if key == name:
            if found is not None:
                raise token.Refused(f"{name.decode()} was sent twice")
            found = value
    return None if found is None else found.decode("latin-1")


@lru_cache(_SCOPES_CACHED)
def _allowed(role: Role, scope: str) -> frozenset[str]:
    return scopes.allowed(role, scope.split())
