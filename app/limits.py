"""How much one caller may ask: quotas by class of operation (draft-ietf-httpapi-ratelimit-headers-10).

A route names its class beside its scope, `opt={"quota": "sign-in"}`; what names none is "default". Callers are counted
by subject once they are signed in, in PostgreSQL, by the statement that lets them in (app/auth/gate.py): all processes
share one count. Before that they are counted by address: for the classes of SHARED in PostgreSQL as well, for what
costs next to nothing in this process. Partners who sign their messages share one address with all their customers, so
their routes have a quota of their own; health has none.

The address is the peer's: forwarded headers are read by the server alone and only from proxies it was told of.
"""

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from litestar.handlers import HTTPRouteHandler
from litestar.types import Scope

from app import clock

Headers = list[tuple[bytes, bytes]]

DEFAULT, SIGNED = "default", "signed"
#: What a caller of each class may ask in `window_s`; "default" is a setting of the installation.
_CLASSES: dict[str, tuple[int, int]] = {
    # Coming in: begin and finish, so half as many sign-ins; many phones share the address of a mobile network.
    "sign-in": (600, 60),
    # Each phone renews its token every five minutes at most.
    "token": (1_200, 60),
    # Codes that somebody could guess, and what makes us send some.
    "codes": (60, 600),
    # Whether somebody can be paid by a number, and by which name: enough for many bills, too little to list people.
    "lookups": (30, 600),
    # Each takes the lock that all payments of a lane wait for.
    "own-limits": (30, 600),
    # A hundred things at once, or a document made for the asking.
    "bulk": (120, 60),
    # Messages of partners: 2 000 card swipes a second through one network's address.
    SIGNED: (120_000, 60),
}
#: Counted in PostgreSQL for callers without a token too: what is tried by guessing must not be tried once per process.
SHARED = frozenset({"sign-in", "token", "codes"})
#: Who measures an installation for tests must not measure its quota.
_VIRTUAL_FACTOR = 100
#: How many addresses this process tells apart within a window; who comes after them is counted with the others.
_CALLERS_MAX = 50_000
_OTHERS = "others"
#: An IPv6 caller is given at least a /64: all of it is one caller.
_IPV6_CALLER_BITS = 64


class UnknownQuota(Exception):
    """A route names a class of quota that is in no table: the application does not start with it."""

    def __init__(self, route: str, name: object) -> None:
        super().__init__(f"{route} has the quota {name!r}; see app/limits.py")


class Policy(NamedTuple):
    """So many requests of one caller in a window that begins with the clock's."""

    name: str
    quota: int
    window_s: int

    def window_ends_s(self, now_s: float) -> int:
        """Say when the window that holds `now_s` ends."""
        return (int(now_s) // self.window_s + 1) * self.window_s

    def left(self, used: int, now_s: float) -> "Left":
        """Say what is left after `used` requests."""
        return Left(self, self.quota - used, self.window_ends_s(now_s) - int(now_s))


class Left(NamedTuple):
    """What is left of a quota (negative: over it), and the seconds until it is whole again."""

    policy: Policy
    left: int
    reset_s: int

    def fields(self) -> Headers:
        """Write both fields of the draft."""
        name, quota, window_s = self.policy
        return [
            (b"ratelimit-policy", b'"%s";q=%d;w=%d' % (name.encode(), quota, window_s)),
            (b"ratelimit", b'"%s";r=%d;t=%d' % (name.encode(), max(0, self.left), self.reset_s)),
        ]


class Exceeded(Exception):
    """The caller's quota is used up for now."""

    def __init__(self, left: Left) -> None:
        super().__init__(left.policy.name)
        self.policy = left.policy.name
        self.headers = {"Retry-After": str(left.reset_s)}


class Quotas:
    """The classes of one installation, and this process's count of callers that PostgreSQL does not count."""

    def __init__(self, per_minute: int, *, virtual: bool = False) -> None:
        factor = _VIRTUAL_FACTOR if virtual else 1
        told = {DEFAULT: (per_minute, 60)} | _CLASSES
        self._policies = {name: Policy(name, quota * factor, window_s) for name, (quota, window_s) in told.items()}
        self._counts: dict[str, tuple[int, dict[str, int]]] = {}

    def check_routes(self, routes: Iterable[HTTPRouteHandler]) -> None:
        """Refuse to start with a class nobody decided about; raises UnknownQuota."""
        for handler in routes:
            if (name := handler.opt.get("quota", DEFAULT)) not in self._policies:
                raise UnknownQuota(handler.handler_name, name)

    def of(self, opt: dict[str, object]) -> Policy:
        """Find the policy of a route."""
        if opt.get("signed") or opt.get("standard") == "webhook":
            return self._policies[SIGNED]
        return self._policies[str(opt.get("quota", DEFAULT))]

    def count(self, scope: Scope, policy: Policy | None = None) -> Left:
        """Count one request by its address, in this process; what was counted is forgotten with its window."""
        policy = policy or self._policies[DEFAULT]
        now_s = clock.real().timestamp()
        ends_s = policy.window_ends_s(now_s)
        window = self._counts.get(policy.name)
        if window is None or window[0] != ends_s:
            window = self._counts[policy.name] = (ends_s, {})
        who = address(scope)
        if who not in window[1] and len(window[1]) >= _CALLERS_MAX:
            who = _OTHERS
        used = window[1][who] = window[1].get(who, 0) + 1
        return policy.left(used, now_s)


def address(scope: Scope) -> str:
    """Name the peer a request came from: its IPv4 address, or the network of its IPv6 address."""
    client = scope.get("client")
    if not client:
        return "unknown"
    if ":" not in client[0]:
        return client[0]
    try:
        found = ipaddress.IPv6Address(client[0])
    except ValueError:
        return client[0]
    return str(found.ipv4_mapped or ipaddress.ip_network((found, _IPV6_CALLER_BITS), strict=False))
