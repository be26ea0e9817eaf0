"""Who calls, when a partner asks for an answer at once: the signature of Standard Webhooks over the raw bytes."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.partners import registry, webhook
from app.partners.registry import Kind, Partner, UnknownPartner
from app.partners.webhook import BadSignature
from proof.kms import Kms


class Unproved(Exception):
    """The partner named in the address did not sign this. Whatever is wrong, the caller learns only that."""


async def prove(
    db: AsyncConnection,
    vault: Kms,
    code: str,
    kind: Kind,
    *,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> Partner:
    """Answer the partner `code` of this kind, who signed `body` just now (real clock); raises Unproved."""
    try:
        partner = await registry.find(db, code)
        keys = await registry.keys(db, vault, partner, now)
        webhook.verify(headers, body, keys=keys, now=now)
    except (UnknownPartner, BadSignature) as error:
        raise Unproved from error
    if partner.kind is not kind:
        raise Unproved
    return partner
