"""A preview: a quote that was shown to a resident and may be confirmed until it expires, once.

shows      app/http/mobile/invest.py  POST /v1/invest/previews
computes   invest/quote.py            quote()
keeps      invest/preview.py          keep()       <- you are here
confirms   invest/request.py          request()
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from invest import tables
from invest.product import Offer
from invest.quote import Quote

#: Long enough to read the terms, short enough that the rate a bank quotes still stands.
LIFETIME = timedelta(minutes=10)


class UnknownPreview(Exception):
    """There is no such preview, or it is somebody else's, which looks the same."""

    def __init__(self, preview: UUID) -> None:
        super().__init__(preview)
        self.preview = preview


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What was shown, on which version of terms, and until when it may be confirmed (not at `expires_at` itself)."""

    id: UUID
    holder: UUID
    product: UUID
    terms: UUID
    quote: Quote
    at: datetime
    expires_at: datetime


async def keep(
    db: AsyncConnection, *, preview: UUID, holder: UUID, offer: Offer, quote: Quote, at: datetime
) -> Preview:
    """Store what is shown to `holder` at the instant `at`."""
    shown = Preview(
        id=preview,
        holder=holder,
        product=offer.product,
        terms=offer.terms_id,
        quote=quote,
        at=at,
        expires_at=at + LIFETIME,
    )
    row = msgspec.structs.asdict(shown) | {"quote": msgspec.to_builtins(quote)}
    await db.execute(tables.preview.insert().values(row))
    return shown


async def load(db: AsyncConnection, preview: UUID, holder: UUID) -> Preview:
    """Load what was shown to `holder`; raises UnknownPreview."""
    previews = tables.preview
    query = select(previews).where(previews.c.id == preview, previews.c.holder == holder)
    row = (await db.execute(query)).mappings().one_or_none()
    if row is None:
        raise UnknownPreview(preview)
    return _preview(row)


def _preview(row: RowMapping) -> Preview:
    return Preview(**{**row, "quote": msgspec.convert(row["quote"], Quote)})
