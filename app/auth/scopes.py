"""What a token may be allowed to do: every scope, with the roles that may hold it.

A route names its scope (`opt={"scope": "cards:write"}`), the guard compares. A room adds its lines here; a route with a
scope that is not here makes the application refuse to start (`app/auth/guard.py`).
"""

from collections.abc import Iterable

from app.auth.principal import Role

#: The scope of routes anybody may call without a token.
PUBLIC = "public"

_RESIDENT: frozenset[Role] = frozenset({"resident"})
_OFFICER: frozenset[Role] = frozenset({"officer"})
_PARTNER: frozenset[Role] = frozenset({"partner"})
_REGULATOR: frozenset[Role] = frozenset({"regulator"})
_SERVICE: frozenset[Role] = frozenset({"service"})

SCOPES: dict[str, frozenset[Role]] = {
    # Whoever signed in with a passkey: who am I, sign out, confirm with a fresh assertion.
    "me:read": _RESIDENT | _OFFICER,
    "me:write": _RESIDENT | _OFFICER,
    "feed:read": _RESIDENT,
    "kyc:read": _RESIDENT,
    "kyc:write": _RESIDENT,
    "residency:read": _RESIDENT,
    "residency:write": _RESIDENT,
    "credential:read": _RESIDENT,
    "credential:write": _RESIDENT,
    # The only right of a token that a wallet got for a pre-authorised code (OpenID4VCI).
    "credential:issue": _RESIDENT,
    "wallet:read": _RESIDENT,
    "wallet:write": _RESIDENT,
    "cards:read": _RESIDENT,
    "cards:write": _RESIDENT,
    "invest:read": _RESIDENT,
    "invest:write": _RESIDENT,
    "officer:cases": _OFFICER,
    "partner:events": _PARTNER,
    "regulator:reports": _REGULATOR,
    "service:operate": _SERVICE,
}

#: Granted only when asked for by name: a passkey sign-in does not carry them.
ON_REQUEST = frozenset({"credential:issue"})


def held_by(role: Role) -> frozenset[str]:
    """Every scope `role` gets by signing in."""
    return frozenset(scope for scope, roles in SCOPES.items() if role in roles) - ON_REQUEST


def allowed(role: Role, asked: Iterable[str]) -> frozenset[str]:
    """Cut `asked` down to what `role` may hold."""
    return frozenset(scope for scope in asked if role in SCOPES.get(scope, ()))
