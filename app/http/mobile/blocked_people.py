"""Who may not ask the caller for money.

path   POST /v1/money-requests/{id}/block   ->  app/payments/blocking.py  block()
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.money_requests import RequestId
from app.http.wire import Wire
from app.idempotency import Once
from app.payments import blocking, note
from app.payments.blocking import Blocked
from app.payments.note import Words

_TAGS = ["Requests"]


class BlockedView(Wire, frozen=True):
    """Somebody who may not ask the caller for money; `name` as their request showed it."""

    id: Annotated[str, Meta(examples=["blocked_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    name: Annotated[str, Meta(examples=["TIMUR K."])]
    money_request: RequestId
    blocked_at: datetime


class BlockedList(Wire, frozen=True):
    """Everybody the caller has blocked, the last first."""

    blocked: list[BlockedView]


@post(
    "/v1/money-requests/{money_request_id:str}/block",
    operation_id="blockAsker",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Block who asks",
)
async def block_asker(
    money_request_id: FromPath[str],
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
) -> Response[BlockedView]:
    """Take no request from whoever made this one, and decline all that are open. The answer is without the name."""
    wanted = ids.parse("money_request", money_request_id)

    async def act(story: Story) -> BlockedView:
        return _blocked(await blocking.block(await story(), wanted, me, story.now), {})

    return await once(act)


@get(
    "/v1/blocked-people",
    operation_id="listBlocked",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="Who may not ask",
)
async def list_blocked(
    story: NamedDependency[Story], me: NamedDependency[Principal], house: NamedDependency[House]
) -> BlockedList:
    """List whom the caller has blocked."""
    db = await story()
    found = await blocking.of(db, me.subject)
    words = await note.read(db, house.keys.kms, [each.money_request for each in found])
    return BlockedList(blocked=[_blocked(each, words) for each in found])


@delete(
    "/v1/blocked-people/{blocked_id:str}",
    operation_id="unblockAsker",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Let somebody ask again",
)
async def unblock_asker(
    blocked_id: FromPath[str], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> None:
    """Take somebody off the list; what was declined stays declined."""
    await blocking.unblock(await story(), ids.parse("blocked", blocked_id), me, story.now)


def _blocked(found: Blocked, words: dict[UUID, Words]) -> BlockedView:
    said = words.get(found.money_request)
    return BlockedView(
        id=ids.show("blocked", found.id),
        name=said.payee if said else "",
        money_request=ids.show("money_request", found.money_request),
        blocked_at=found.at,
    )


routes = [block_asker, list_blocked, unblock_asker]
