"""Which events a partner is sent, and where. A partner sees only what names it.

path   POST /v1/partner/subscriptions  ->  app/partners/registry.py  subscribe()
"""

from datetime import datetime
from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta
from sqlalchemy import select

from app import ids as mint
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wire import Wire
from app.idempotency import Once
from app.partners import registry, tables

Url = Annotated[str, Meta(min_length=1, max_length=500, examples=["https://bank.example/e-residency/events"])]
Kinds = Annotated[
    list[Annotated[str, Meta(pattern=r"^[a-z_]+\.[a-z_]+$", max_length=64)]],
    Meta(min_length=1, max_length=50, examples=[["placement.booked", "placement.repaid"]]),
]


class Subscribe(Wire, frozen=True):
    """Send events of these kinds to this address. In production: https, port 443, a public address."""

    url: Url
    kinds: Kinds


class SubscriptionView(Wire, frozen=True):
    """A subscription. `sequence` is the number of the last event queued for it; one you miss was lost: pull it."""

    id: Annotated[str, Meta(examples=["subscription_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    url: Url
    kinds: Kinds
    sequence: Annotated[int, Meta(ge=0, examples=[0])]
    active: bool
    trouble: Annotated[str | None, Meta(description="Why it was switched off.", examples=["answered 410"])]
    created_at: datetime


class Subscriptions(Wire, frozen=True):
    """Every subscription of the caller."""

    subscriptions: list[SubscriptionView]


@post(
    "/v1/partner/subscriptions",
    operation_id="subscribe",
    opt={"scope": "partner:events"},
    tags=["Partners"],
    summary="Subscribe to events",
)
async def subscribe(
    data: JSONBody[Subscribe],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[SubscriptionView]:
    """Register an address; what happens from now on is sent there, signed."""

    async def act(story: Story) -> SubscriptionView:
        db = await story()
        partner = await registry.find(db, me.subject)
        made = mint.new()
        await registry.subscribe(
            db,
            partner,
            subscription=made,
            url=data.url,
            kinds=data.kinds,
            at=story.now,
            local=house.settings.virtual,
        )
        return SubscriptionView(
            id=ids.show("subscription", made),
            url=data.url,
            kinds=data.kinds,
            sequence=0,
            active=True,
            trouble=None,
            created_at=story.now,
        )

    return await once(act)


@get(
    "/v1/partner/subscriptions",
    operation_id="listSubscriptions",
    opt={"scope": "partner:events"},
    tags=["Partners"],
    summary="Subscriptions",
)
async def list_subscriptions(story: NamedDependency[Story], me: NamedDependency[Principal]) -> Subscriptions:
    """List the caller's subscriptions and how they fare."""
    subscription = tables.subscription
    query = select(subscription).where(subscription.c.partner == me.subject).order_by(subscription.c.id)
    rows = await (await story()).execute(query)
    return Subscriptions(
        subscriptions=[
            SubscriptionView(
                id=ids.show("subscription", row.id),
                url=row.url,
                kinds=row.kinds,
                sequence=row.sequence,
                active=row.active,
                trouble=row.trouble,
                created_at=row.created_at,
            )
            for row in rows
        ]
    )


routes = [subscribe, list_subscriptions]
