"""Client certificates behind a proxy: a token may be bound to one as well as to a DPoP key (RFC 8705 section 3).

TLS ends at the proxy, which says in a header whose certificate it saw: `Client-Cert` (RFC 9440), or PEM in URL encoding
as nginx writes it. The header is believed of the proxies named in the settings and of nobody else: the peer of the
connection decides, not what forwarded headers make of it.

binds    app/http/oauth/token.py     client_credentials
checks   app/auth/authenticate.py    with every request of a token that was bound so
"""

import base64
import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from litestar.types import HTTPScope

from app.auth import jose, token

#: Where app/connection.py leaves who is at the other end of the connection.
PEER = "connection.peer"
_BYTES_MAX = 16 * 1024


class Proxies:
    """Which header tells of a certificate, and from which peers it is believed. Without a header there is none."""

    def __init__(self, header: str | None, believed: Iterable[str]) -> None:
        """Read the settings; raises ValueError for what is no address or network."""
        self.header = header.lower().encode() if header else None
        self._believed = [ipaddress.ip_network(each.strip()) for each in believed]

    def thumbprint(self, scope: HTTPScope) -> str | None:
        """Give the `x5t#S256` of the caller's certificate; None where no believed proxy tells of one.

        Raises token.Refused for a header that holds none.
        """
        if self.header is None or not self._is_believed(scope):
            return None
        found = [value for name, value in scope["headers"] if name.lower() == self.header]
        if not found or found == [b""]:
            return None
        if len(found) > 1 or len(found[0]) > _BYTES_MAX:
            raise token.Refused("the certificate was told twice, or at too great a length")
        return jose.b64(hashlib.sha256(_der(found[0].decode("latin-1"))).digest())

    def check(self, bound_to: str, scope: HTTPScope) -> None:
        """Refuse (token.Refused) a request without the certificate the token is bound to."""
        if not hmac.compare_digest(bound_to, self.thumbprint(scope) or ""):
            raise token.Refused("bound to another client certificate")

    def _is_believed(self, scope: HTTPScope) -> bool:
        peer = scope["state"].get(PEER) or scope.get("client")
        try:
            address = ipaddress.ip_address(peer[0]) if peer else None
        except ValueError:
            return False
        return address is not None and any(address in network for network in self._believed)


def _der(value: str) -> bytes:
    """Read a certificate in either of its two spellings."""
    try:
        if value.startswith(":"):
            found = x509.load_der_x509_certificate(base64.b64decode(value.removesuffix(":")[1:], validate=True))
        else:
            found = x509.load_pem_x509_certificate(unquote(value).encode())
    except ValueError as error:
        raise token.Refused("the certificate can't be read") from error
    return found.public_bytes(Encoding.DER)
