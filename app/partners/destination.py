"""Where a message may go: which addresses anybody can register, and which of them we connect to.

In production that is https on port 443 of a public address, so no URL a partner registers reaches our own network
(OWASP API7:2023); a name with one private address among others is refused. In demo and test it is this machine alone.

checks     app/partners/destination.py    check()        the form of a URL, when it is registered and when it is used
connects   app/partners/destination.py    allowed()      the addresses its host has just then, for app/partners/line.py
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PUBLIC_6 = ipaddress.ip_network("2000::/3")
#: Public by their form, and yet they lead elsewhere: what carries an IPv4 address inside, which would decide where the
#: packet ends (RFC 6052, RFC 3056, RFC 4380), relays of such (RFC 7526), and what is set aside (RFC 6890, RFC 9637).
_LEADING_ELSEWHERE = tuple(
    ipaddress.ip_network(each)
    for each in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20", "64:ff9b::/96")
)


class Forbidden(Exception):
    """Nothing is sent to this address: `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Policy(msgspec.Struct, frozen=True):
    """Where an installation sends: by which schemes, to which port (None: any), to this machine or to everybody."""

    schemes: frozenset[str]
    port: int | None
    loopback: bool


PRODUCTION = Policy(frozenset({"https"}), 443, loopback=False)
LOCAL = Policy(frozenset({"http", "https"}), None, loopback=True)


def policy(*, local: bool) -> Policy:
    """Choose by the installation: a demo or test stays on its machine."""
    return LOCAL if local else PRODUCTION


def check(url: str, *, local: bool) -> None:
    """Refuse (Forbidden) a URL that could never be sent to."""
    among = policy(local=local)
    try:
        parts = urlsplit(url)
        port = parts.port
        # What a look-up would do and break at: a label that is empty or longer than 63. Its UnicodeError is a
        # ValueError.
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise Forbidden("form") from error
    # A backslash is a slash to some readers and part of the host to others; white space is skipped by some.
    if parts.username is not None or parts.fragment or not parts.hostname or any(c in url for c in "\\ \t\r\n"):
        raise Forbidden("form")
    if parts.scheme not in among.schemes:
        raise Forbidden("scheme")
    if among.port is not None and port not in {None, among.port}:
        raise Forbidden("port")


def allowed(among: Policy, found: Iterable[str], port: int) -> list[Address]:
    """Read the addresses a host was found to have; raises Forbidden unless each of them may be connected to."""
    # A link-local address comes with its interface behind a per cent sign.
    addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in found]
    if not addresses or not all(_reachable(address, among) for address in addresses):
        raise Forbidden("address")
    if among.port not in {None, port}:
        raise Forbidden("port")
    return addresses


def _reachable(address: Address, among: Policy) -> bool:
    inner = getattr(address, "ipv4_mapped", None) or address
    if among.loopback:
        return bool(inner.is_loopback)
    if inner.version == 6 and inner not in _PUBLIC_6:  # noqa: PLR2004  the version of the protocol
        return False
    return bool(inner.is_global) and not inner.is_multicast and not any(inner in each for each in _LEADING_ELSEWHERE)
