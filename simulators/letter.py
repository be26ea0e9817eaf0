"""What a phone does with secrets of a card: a key for one look at the number, and a letter about a PIN (RFC 7516)."""

from typing import Any

import msgspec
from joserfc import jwe
from joserfc.jwk import ECKey

_ALGORITHMS = ["ECDH-ES", "A256GCM"]


class DeviceKey:
    """A key made for one answer, and gone with it."""

    def __init__(self) -> None:
        self._key = ECKey.generate_key("P-256")

    @property
    def public(self) -> dict[str, Any]:
        """What the house writes to."""
        return {name: self._key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}

    @property
    def thumbprint(self) -> str:
        """What the person confirms the key as."""
        return self._key.thumbprint()

    def open(self, letter: str) -> dict[str, str]:
        """Read what the house wrote."""
        opened = jwe.decrypt_compact(letter, self._key, algorithms=_ALGORITHMS)
        shown: dict[str, str] = msgspec.json.decode(opened.plaintext or b"")
        return shown


def about_pin(keys: list[dict[str, Any]], card_id: str, pin: str) -> str:
    """Write a PIN to the newest key of the house."""
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": keys[0]["kid"]}
    content = msgspec.json.encode({"card_id": card_id, "pin": pin})
    return jwe.encrypt_compact(header, content, ECKey.import_key(keys[0]), algorithms=_ALGORITHMS)
