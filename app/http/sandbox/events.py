"""Events put in from outside, for who tests without a partner's keys: as if a proved message of it had come."""

from typing import Annotated, Any

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from app import clock, ids
from app.db import Story
from app.house import House
from app.http.wire import Text, Wire
from app.idempotency import Once
from app.partners import inbox, registry
from app.partners.inbox import Kept
from app.partners.webhook import Received


class InjectedEvent(Wire, frozen=True):
    """A message of a partner. `id` is the webhook-id: the same id is the same message."""

    partner: Annotated[str, Meta(min_length=1, max_length=64, description="The partner's code.", examples=["altai"])]
    type: Annotated[str, Meta(min_length=1, max_length=64, examples=["payment.received"])]
    data: Annotated[
        dict[str, Any],
        Meta(
            examples=[
                {
                    "payment_id": "P-000001",
                    "reference": "wallet_06AVZR0TKB7Z8M2Q3R4S5T6V7W",
                    "amount_minor": 150_000,
                    "currency": "KZT",
                    "payer": {"name": "ERIKA MUSTERMANN"},
                }
            ]
        ),
    ]
    id: Text | None = None


class InjectionView(Wire, frozen=True):
    """The message waits in the inbox for the worker."""

    id: Annotated[str, Meta(examples=["sandbox-06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    result: Annotated[Kept, Meta(examples=["new"])]


@post(
    "/v1/sandbox/events",
    operation_id="injectEvent",
    opt={"scope": "service:operate"},
    tags=["Sandbox"],
    summary="Put in a partner's event",
    status_code=202,
)
async def inject_event(
    data: JSONBody[InjectedEvent], once: NamedDependency[Once], house: NamedDependency[House]
) -> Response[InjectionView]:
    """Keep a message in the inbox as if `partner` had sent and signed it; the worker acts on it like on any other."""

    async def act(story: Story) -> InjectionView:
        db, now = await story(), clock.real()
        partner = await registry.find(db, data.partner)
        received = Received(data.id or f"sandbox-{ids.new()}", now)
        body = msgspec.json.encode({"type": data.type, "timestamp": now, "data": data.data})
        kept = await inbox.keep(db, house.keys.kms, partner, received, body=body, now=now)
        return InjectionView(id=received.id, result=kept)

    return await once(act)


routes = [inject_event]
