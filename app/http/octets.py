"""Bodies that are files, as they are: no form, no base64. What arrived is what was sent, or it is refused.

The sender says by Content-Digest (RFC 9530) what the bytes add up to; Repr-Digest is the same here, since nothing is
packed (app/edge.py). A repeat with the same Idempotency-Key is known by the digest, so the body is never kept for it.
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any, ClassVar

from litestar import Request
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, Parameter, RequestBody, Schema

from app.strict import NotJson, StrictRequest

MEDIA_TYPE = "application/octet-stream"
#: Structured field dictionaries of byte sequences (RFC 9651); an algorithm we don't know is passed over.
_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):")
_KNOWN = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


class DigestNeeded(Exception):
    """Nothing says what the bytes add up to, by an algorithm that counts."""


class OtherDigest(Exception):
    """The bytes add up to something else than was said: some were lost or changed on the way."""


class NotOctets(NotJson):
    """The operation reads a file as it is and was sent something else."""


@dataclass
class OctetsOperation(Operation):
    """Describes a file that the handler reads itself."""

    bytes_max: ClassVar[int] = 0
    file_example: ClassVar[str] = ""

    def __post_init__(self) -> None:
        file = Schema(type=OpenAPIType.STRING, content_media_type=MEDIA_TYPE, max_length=self.bytes_max)
        content = OpenAPIMediaType(schema=file, example=self.file_example)
        self.request_body = RequestBody(content={MEDIA_TYPE: content}, required=True)
        self.parameters = [
            Parameter(
                name="Content-Digest",
                param_in="header",
                description="What the body adds up to, by sha-256 or sha-512 (RFC 9530).",
                required=True,
                schema=Schema(type=OpenAPIType.STRING, pattern=r"^sha-(256|512)=:[A-Za-z0-9+/]+={0,2}:$(?!\n)"),
                example=digest(self.file_example.encode()),
            )
        ]


def digest(body: bytes) -> str:
    """Write the Content-Digest of a body."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


async def read(request: Request[Any, Any, Any]) -> bytes:
    """Read the file; raises NotOctets, DigestNeeded, OtherDigest."""
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise NotOctets(content_type)
    said = [_said(request.headers[name]) for name in ("content-digest", "repr-digest") if name in request.headers]
    wanted = {algorithm: value for each in said for algorithm, value in each.items()}
    if not wanted:
        raise DigestNeeded
    body: bytes = await request.body()
    for algorithm, value in wanted.items():
        if not hmac.compare_digest(_KNOWN[algorithm](body).digest(), value):
            raise OtherDigest
    assert isinstance(request, StrictRequest), "the application says so"
    # What tells this request from another one of the same key (app/idempotency.py).
    request.values = {"sha256": hashlib.sha256(body).hexdigest()}
    return body


def _said(field: str) -> dict[str, bytes]:
    """Read the members of a digest field that count; raises DigestNeeded where one of them can't be read."""
    found = {}
    for member in field.split(","):
        matched = _MEMBER.fullmatch(member.strip())
        if matched is None:
            raise DigestNeeded
        if matched[1] in _KNOWN:
            try:
                found[matched[1]] = base64.b64decode(matched[2], validate=True)
            except binascii.Error as error:
                raise DigestNeeded from error
    return found
