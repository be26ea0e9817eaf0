"""Cursor pagination: an opaque, signed place in an order, stable while rows are added.

The cursor names the last row shown, so a row that is inserted meanwhile moves nothing; the signature binds it to the
list it was made for, so nobody steers a query by hand.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Annotated

from litestar.params import QueryParameter

LIMIT_MAX = 100
Limit = Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX, description="How many rows at most.")]
Cursor = Annotated[
    str | None, QueryParameter(max_length=400, description="`next_cursor` of the page before; absent for the first.")
]
_TAG_BYTES = 16


class BadCursor(Exception):
    """The cursor was not made by us for this list."""


class Pager:
    """Makes and reads the cursors of one list. `secret` is the installation's, `name` the list's."""

    def __init__(self, secret: bytes, name: str) -> None:
        self._key = hmac.digest(secret, b"cursor|" + name.encode(), hashlib.sha256)

    def cursor(self, place: str) -> str:
        """Sign `place`, the sort key of the last row shown."""
        raw = place.encode()
        return base64.urlsafe_b64encode(self._tag(raw) + raw).decode().rstrip("=")

    def place(self, cursor: str | None) -> str | None:
        """Read a cursor back, None for the first page; raises BadCursor."""
        if cursor is None:
            return None
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadCursor from error
        tag, place = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(place)):
            raise BadCursor
        return place.decode()

    def _tag(self, raw: bytes) -> bytes:
        return hmac.digest(self._key, raw, hashlib.sha256)[:_TAG_BYTES]
