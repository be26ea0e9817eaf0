"""HTTP message signatures (RFC 9421) as the outside world speaks them: by a library, so that ours are checked.

A request is signed whole, with a nonce that is used once; an answer is signed for the request it answers.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping, MutableMapping
from datetime import timedelta
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    InvalidSignature,
    MappingKeyResolver,
    algorithms,
)

from simulators.standard_webhooks import Signer

DIRECTORY = "/.well-known/http-message-signatures-directory"
LABEL, TAG = "sig", "eresidency"
_ASKED = ("@method", "@target-uri", "@authority")
_WITH_BODY = ("content-digest", "content-type")
_ANSWERED = ('"@method";req', '"@target-uri";req', '"signature";req;key="sig"')
_OLD_MAX = timedelta(seconds=60)

Json = dict[str, Any]


class Unproved(Exception):
    """The signature doesn't prove who sent this."""


class Message(Protocol):
    """A request or an answer, of whatever library."""

    @property
    def headers(self) -> MutableMapping[str, str]:
        """Its fields, to be read and added to."""
        ...


def kid(signer: Signer) -> str:
    """Name a key by its RFC 7638 thumbprint, as the house does that was told of it as `whpk_…`."""
    x = base64.urlsafe_b64encode(base64.b64decode(signer.public.removeprefix("whpk_"))).rstrip(b"=").decode()
    canonical = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()


def sign_request(signer: Signer, request: Message, body: bytes) -> None:
    """Sign a request in place."""
    covered = (*_ASKED, *(_WITH_BODY if body else ()), *(("idempotency-key",) if _is_named(request) else ()))
    _sign(signer, request, covered, body)


def sign_answer(signer: Signer, answer: Message, body: bytes) -> None:
    """Sign an answer in place; it knows the request it answers."""
    _sign(signer, answer, ("@status", *_WITH_BODY, *_ANSWERED), body)


def verify_request(request: Message, body: bytes, keys: Mapping[str, Ed25519PublicKey]) -> None:
    """Check that one of `keys` signed all that acts in a request; raises Unproved."""
    needed = (*_ASKED, *(_WITH_BODY if body else ()), *(("idempotency-key",) if _is_named(request) else ()))
    _verify(request, body, keys, needed)


def verify_answer(answer: Message, body: bytes, keys: Mapping[str, Ed25519PublicKey]) -> None:
    """Check that one of `keys` signed an answer to this very request; raises Unproved."""
    _verify(answer, body, keys, ("@status", *_WITH_BODY, *_ANSWERED))


def directory(published: Json) -> dict[str, Ed25519PublicKey]:
    """Read the keys of a published set."""
    found = {}
    for jwk in published["keys"]:
        raw = base64.urlsafe_b64decode(jwk["x"] + "=" * (-len(jwk["x"]) % 4))
        found[jwk["kid"]] = Ed25519PublicKey.from_public_bytes(raw)
    return found


def _is_named(request: Message) -> bool:
    return any(name.lower() == "idempotency-key" for name in request.headers)


def _sign(signer: Signer, message: Message, covered: tuple[str, ...], body: bytes) -> None:
    keys = MappingKeyResolver(public_keys={}, private_keys={kid(signer): signer.key})
    HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=keys).sign(
        message,
        key_id=kid(signer),
        nonce=secrets.token_urlsafe(18),
        label=LABEL,
        tag=TAG,
        covered_component_ids=covered,
        body=body if "content-digest" in covered else None,
    )


def _verify(message: Message, body: bytes, keys: Mapping[str, Ed25519PublicKey], needed: tuple[str, ...]) -> None:
    resolver = MappingKeyResolver(public_keys=keys, private_keys={})
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=resolver)
    try:
        verifier.verify(message, max_age=_OLD_MAX, expect_tag=TAG, require_components=needed, body=body)
    except InvalidSignature as error:
        raise Unproved(str(error)) from error
