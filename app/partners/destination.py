"""Where a message may be sent: an address is resolved once, checked, and it is the checked address we connect to.

In production that is https on port 443 of a public address, so no URL a partner registers reaches our own network
(OWASP API7:2023); a name with one private address among others is refused. In demo and test it is this machine alone.
"""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

import httpx
import msgspec

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Addresses that carry another one inside, which would decide where the packet ends (RFC 6052, RFC 3056, RFC 4380).
_CARRIERS = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
_HTTPS_PORT = 443


class Forbidden(Exception):
    """Nothing is sent to this address: `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Destination(msgspec.Struct, frozen=True):
    """A URL whose host is the checked address; `host` is the name it was registered with."""

    url: str
    host: str

    def request(self, client: httpx.AsyncClient, body: bytes, headers: dict[str, str]) -> httpx.Request:
        """Build a POST that connects to the address and speaks, in TLS and HTTP, to the name."""
        name = urlsplit(f"//{self.host}").hostname
        sent = {**headers, "Host": self.host, "Content-Type": "application/json"}
        return client.build_request("POST", self.url, content=body, headers=sent, extensions={"sni_hostname": name})


def check(url: str, *, local: bool) -> None:
    """Refuse (Forbidden) a URL that could never be sent to; `local` is a demo or test, which stays on this machine."""
    try:
        parts = urlsplit(url)
        port = parts.port
        # What getaddrinfo would do and break at: a label that is empty or longer than 63. Its UnicodeError is a
        # ValueError.
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise Forbidden("form") from error
    if parts.username is not None or parts.fragment or not parts.hostname:
        raise Forbidden("form")
    if parts.scheme not in ({"http", "https"} if local else {"https"}):
        raise Forbidden("scheme")
    if not local and port not in {None, _HTTPS_PORT}:
        raise Forbidden("port")


async def resolve(url: str, *, local: bool) -> Destination:
    """Look the host up and check every address it has; raises Forbidden, OSError where there is none."""
    check(url, local=local)
    parts = urlsplit(url)
    port = parts.port or (_HTTPS_PORT if parts.scheme == "https" else 80)
    assert parts.hostname is not None, "checked above"
    found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(answer[4][0]) for answer in found]
    if not all(_allowed(address, local=local) for address in addresses):
        raise Forbidden("address")
    chosen = addresses[0]
    place = f"[{chosen}]" if chosen.version == 6 else str(chosen)  # noqa: PLR2004  the version of the protocol
    return Destination(parts._replace(netloc=f"{place}:{port}").geturl(), parts.netloc)


def _allowed(address: Address, *, local: bool) -> bool:
    inner = getattr(address, "ipv4_mapped", None) or address
    if local:
        return bool(inner.is_loopback)
    return bool(inner.is_global) and not inner.is_multicast and not any(inner in network for network in _CARRIERS)
