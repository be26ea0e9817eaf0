"""Standard Webhooks 1.0.0 as the outside world speaks it: its own few lines, so that ours are checked against others.

Only `v1a` (ed25519): a bank that signs with a key of its own shares no secret with anybody.
"""

import base64
import binascii
import contextlib
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

TOLERANCE_S = 300


class Unproved(Exception):
    """The headers don't prove who sent the body."""


class Signer:
    """A private key, kept in a file of its own, which two processes of one partner may make at the same time."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            seed = Ed25519PrivateKey.generate().private_bytes_raw()
            fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(seed)
            with contextlib.suppress(FileExistsError):  # the other's, whole; a file that is being written is no key
                path.hardlink_to(fresh)
            fresh.unlink()
        self.key = Ed25519PrivateKey.from_private_bytes(path.read_bytes())

    @property
    def public(self) -> str:
        """The public key, as `whpk_…`."""
        return "whpk_" + base64.b64encode(self.key.public_key().public_bytes_raw()).decode()

    def headers(
        self, message_id: str, body: bytes, *, at_s: float | None = None, broken: bool = False
    ) -> dict[str, str]:
        """Sign a message at `at_s` (now, unless given); `broken` flips a bit of the signature."""
        stamp = int(time.time() if at_s is None else at_s)
        signature = bytearray(self.key.sign(f"{message_id}.{stamp}.".encode() + body))
        signature[0] ^= broken
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": "v1a," + base64.b64encode(bytes(signature)).decode(),
        }


def verify(headers: Mapping[str, str], body: bytes, keys: Iterable[str], *, now_s: float) -> str:
    """Give the id of a message that one of `keys` (`whpk_…`) signed; raises Unproved."""
    try:
        message_id, stamp = headers["webhook-id"], headers["webhook-timestamp"]
        entries = [entry.split(",", 1) for entry in headers["webhook-signature"].split(" ")]
        signatures = [base64.b64decode(entry[1], validate=True) for entry in entries if entry[0] == "v1a"]
        if abs(int(stamp) - now_s) > TOLERANCE_S:
            raise Unproved("not fresh")
    except (KeyError, ValueError, IndexError, binascii.Error) as error:
        raise Unproved("headers") from error
    text = f"{message_id}.{stamp}.".encode() + body
    if any(_signed(key, signature, text) for key in keys for signature in signatures):
        return message_id
    raise Unproved("signature")


def _signed(key: str, signature: bytes, text: bytes) -> bool:
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.removeprefix("whpk_")))
    try:
        public.verify(signature, text)
    except InvalidSignature:
        return False
    return True
