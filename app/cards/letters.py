"""What a device alone may read: a JWE to a key that it made for one answer (RFC 7516, ECDH-ES and A256GCM).

The key is the device's own, never stored by it; TLS ends before the device does, and this does not.
"""

from typing import Annotated, Literal

import msgspec
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from msgspec import Meta

from app.auth import jose
from app.http.wire import Wire

_Coordinate = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$(?!\n)")]
_ALGORITHMS = ["ECDH-ES", "A256GCM"]


class BadDeviceKey(Exception):
    """It is no public key on the curve P-256."""


class DeviceKey(Wire, frozen=True):
    """A public key of the device, made for this once (RFC 7517)."""

    kty: Annotated[Literal["EC"], Meta(examples=["EC"])]
    crv: Annotated[Literal["P-256"], Meta(examples=["P-256"])]
    x: Annotated[_Coordinate, Meta(examples=["axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY"])]
    y: Annotated[_Coordinate, Meta(examples=["T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"])]

    def thumbprint(self) -> str:
        """Name the key (RFC 7638), as the device names it where it is confirmed; raises BadDeviceKey."""
        try:
            return jose.key_of(jose.Jwk(kty="EC", crv="P-256", x=self.x, y=self.y)).thumbprint
        except jose.Unreadable as error:
            raise BadDeviceKey from error


def to(jwk: str, content: msgspec.Struct) -> str:
    """Write a letter to a key that was thumbprint()ed; raises BadDeviceKey."""
    try:
        key = ECKey.import_key(msgspec.json.decode(jwk))
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "typ": "JOSE"}
        return jwe.encrypt_compact(header, msgspec.json.encode(content), key, algorithms=_ALGORITHMS)
    except (JoseError, ValueError) as error:
        raise BadDeviceKey from error
