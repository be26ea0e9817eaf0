"""What a token may be allowed to do: every scope, with the roles that may hold it.

A route names its scope (`opt={"scope": "cards:write"}`), the guard compares. A room adds its lines here; a route with a
scope that is not here makes the application refuse to start (`app/auth/guard.py`).
"""

from collections.abc import Iterable
from typing import Literal

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
    "access:read": _RESIDENT,
    # What the resident agreed to, a copy of everything, the end of the account.
    "account:read": _RESIDENT,
    "account:write": _RESIDENT,
    "contact:read": _RESIDENT,
    "contact:write": _RESIDENT,
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
    # What an officer sees, decides, changes and hands out; who has which is in DUTIES.
    "officer:read": _OFFICER,
    "officer:cases": _OFFICER,
    "officer:statuses": _OFFICER,
    "officer:duties": _OFFICER,
    "officer:duties:read": _OFFICER,
    "officer:suspensions": _OFFICER,
    # Money nobody could be found for, and whether the money is there at all.
    "officer:suspense": _OFFICER,
    "officer:periods": _OFFICER,
    # Restrictions of money, and corrections of wallets; each under four eyes.
    "officer:restrictions": _OFFICER,
    # Who is near an entry of a list, who is cleared of it, and what proves that everybody was looked up.
    "officer:screening": _OFFICER,
    "officer:adjustments": _OFFICER,
    # Disputes with their files and losses; what networks settle, and what does not agree.
    "officer:disputes": _OFFICER,
    "officer:settlement": _OFFICER,
    # Rules of risk for cards, and why a swipe was declined.
    "officer:card-rules": _OFFICER,
    # How risky a relation is and why; by which rules; where residents say their money comes from.
    "officer:risk": _OFFICER,
    "officer:risk-rules": _OFFICER,
    "officer:declarations": _OFFICER,
    # Cards of others: suspensions and parcels; the programme itself: lists, exemptions, campaigns.
    "officer:cards": _OFFICER,
    "officer:programme": _OFFICER,
    # Which foreign issuers' documents are believed.
    "officer:trust-list": _OFFICER,
    # The security log and how far the anchors are.
    "officer:security": _OFFICER,
    # Asking holders to prove something with their ID, and reading what came of it.
    "presentation:ask": _PARTNER | _SERVICE,
    "partner:events": _PARTNER,
    "partner:keys": _PARTNER,
    "regulator:reports": _REGULATOR,
    "regulator:keys": _REGULATOR,
    "service:operate": _SERVICE,
    "service:keys": _SERVICE,
}

#: Granted only when asked for by name: a passkey sign-in does not carry them.
ON_REQUEST = frozenset({"credential:issue"})


Duty = Literal["viewer", "case_officer", "approver", "security", "auditor", "compliance", "treasury"]
DUTIES: dict[Duty, frozenset[str]] = {
    "viewer": frozenset({"officer:read"}),
    "case_officer": frozenset({"officer:read", "officer:cases", "officer:cards", "officer:disputes"})
    | frozenset({"officer:declarations"}),
    "approver": frozenset({"officer:read", "officer:cases", "officer:statuses", "officer:periods"}),
    "security": frozenset({"officer:suspensions", "officer:duties", "officer:duties:read", "officer:security"}),
    "auditor": frozenset({"officer:read", "officer:duties:read", "officer:security"}),
    "compliance": frozenset({"officer:cards", "officer:programme"})
    | frozenset({"officer:read", "officer:restrictions", "officer:screening", "officer:card-rules"})
    | frozenset({"officer:risk", "officer:risk-rules", "officer:declarations", "officer:trust-list"}),
    "treasury": frozenset({"officer:adjustments", "officer:suspense", "officer:disputes", "officer:settlement"}),
}
#: What every officer may do, whatever the duties.
_EVERY_OFFICER = frozenset({"me:read", "me:write"})


class NotOfRole(Exception):
    """The role may not hold `scopes`, or none were named."""

    def __init__(self, extra: frozenset[str]) -> None:
        super().__init__(extra)
        self.scopes = " ".join(sorted(extra)) or "nothing"


def of_duties(duties: Iterable[Duty]) -> frozenset[str]:
    """Every scope an officer of these duties gets by signing in."""
    return _EVERY_OFFICER.union(*(DUTIES[duty] for duty in duties))


def of_client(role: Role, asked: frozenset[str] | None) -> frozenset[str]:
    """Check what a client of `role` is registered for, by default all that the role may hold; raises NotOfRole."""
    wanted = held_by(role) if asked is None else asked
    extra = wanted - allowed(role, wanted)
    if extra or not wanted:
        raise NotOfRole(extra)
    return wanted


def held_by(role: Role) -> frozenset[str]:
    """Every scope `role` gets by signing in."""
    return frozenset(scope for scope, roles in SCOPES.items() if role in roles) - ON_REQUEST


def allowed(role: Role, asked: Iterable[str]) -> frozenset[str]:
    """Cut `asked` down to what `role` may hold."""
    return frozenset(scope for scope in asked if role in SCOPES.get(scope, ()))
