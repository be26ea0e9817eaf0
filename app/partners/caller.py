"""Who calls, when a partner asks for an answer at once: its signature over the whole request (RFC 9421), once.

proves   app/auth/message_signature.py   read_request()
by keys  app/auth/client_key.py          valid()          those of the partner's client
"""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import client_key, message_signature
from app.auth.message_signature import BadSignature, Request
from app.db import Story
from app.partners import registry
from app.partners.registry import Kind, Partner, State, UnknownPartner

_REMEMBERED = timedelta(seconds=message_signature.OLD_MAX_S + message_signature.AHEAD_MAX_S)


class Unproved(Exception):
    """The partner named in the address did not sign this. Whatever is wrong, the caller learns only that."""


async def prove(story: Story, code: str, kind: Kind, request: Request, *, body: bytes, now: datetime) -> Partner:
    """Answer the partner `code` of this kind, who signed the request just now (real clock) and sends it once.

    The story speaks for the partner from here on. Raises Unproved.
    """
    try:
        signed = message_signature.read_request(request, body, now)
        partner = await registry.find(await story(), code)
        if partner.kind is not kind or partner.state is State.CLOSED:
            raise Unproved
        await story.speak_for(partner.id)
        signed.believe({each.kid: each.key for each in await client_key.valid(await story(), partner.id, now)})
        if not await _spend(await story(), partner, signed.nonce, now):
            raise Unproved
    except (UnknownPartner, BadSignature) as error:
        raise Unproved from error
    return partner


async def _spend(db: AsyncConnection, partner: Partner, nonce: str, now: datetime) -> bool:
    used = {"minter": f"message:{partner.id}", "jti": nonce, "until": now + _REMEMBERED}
    return bool(await db.scalar(_SPEND, used))


# A swipe does not wait for the disk here. What a crash forgets are the nonces of its last moment; a message of then
# that comes again gets its stored first answer, since it has a name of its own.
_SPEND = text(
    """
    INSERT INTO app.spent_assertion (minted_by, jti, expires_at)
    SELECT :minter, :jti, :until FROM set_config('synchronous_commit', 'off', true)
    ON CONFLICT DO NOTHING RETURNING true
    """
)
