"""Which events a partner is sent, and where. A partner sees only what names it.

path   POST  /v1/partner/subscriptions       ->  app/partners/subscription.py  subscribe()
       PATCH /v1/partner/subscriptions/{id}  ->  app/partners/subscription.py  change()
"""

from datetime import datetime
from typing import Annotated

from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody
from msgspec import UNSET, Meta, UnsetType

from app import ids as mint
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids, precondition
from app.http.wire import Wire
from app.idempotency import Once
from app.partners import registry, subscription
from app.partners.subscription import Subscription

Url = Annotated[str, Meta(min_length=1, max_length=500, examples=["https://bank.example/e-residency/events"])]
Kinds = Annotated[
    list[Annotated[str, Meta(pattern=r"^[a-z_]+\.[a-z_]+$(?!\n)", max_length=64)]],
    Meta(min_length=1, max_length=50, examples=[["placement.booked", "placement.repaid"]]),
]

IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", description="The ETag the edit is made on.")]


class Subscribe(Wire, frozen=True):
    """Send events of these kinds to this address. In production: https, port 443, a public address."""

    url: Url
    kinds: Kinds


class EditSubscription(Wire, frozen=True):
    """What to change: what is absent stays. Switched on again, it is sent what was queued meanwhile."""

    active: bool | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    kinds: Kinds | UnsetType = UNSET


class SubscriptionView(Wire, frozen=True):
    """A subscription. `sequence` is the number of the last event queued for it; one you miss was lost: pull it."""

    id: Annotated[str, Meta(examples=["subscription_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    url: Url
    kinds: Kinds
    sequence: Annotated[int, Meta(ge=0, examples=[0])]
    active: bool
    trouble: Annotated[str | None, Meta(description="Why it was switched off.", examples=["answered 410"])]
    version: Annotated[int, Meta(ge=1, description="Grows with each change of it, and is the ETag.", examples=[1])]
    created_at: datetime

    @classmethod
    def of(cls, found: Subscription) -> "SubscriptionView":
        """Show a subscription."""
        return cls(
            id=ids.show("subscription", found.id),
            url=found.url,
            kinds=found.kinds,
            sequence=found.sequence,
            active=found.active,
            trouble=found.trouble,
            version=found.version,
            created_at=found.created_at,
        )


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
        db, made = await story(), mint.new()
        partner = await registry.find(db, me.subject)
        await subscription.subscribe(
            db,
            partner.id,
            subscription=made,
            url=data.url,
            kinds=data.kinds,
            at=story.now,
            local=house.settings.virtual,
        )
        return SubscriptionView.of(await subscription.find(db, partner.id, made))

    return await once(act, headers=lambda view: {"Location": f"/v1/partner/subscriptions/{view.id}", **_etag(view)})


@get(
    "/v1/partner/subscriptions",
    operation_id="listSubscriptions",
    opt={"scope": "partner:events"},
    tags=["Partners"],
    summary="Subscriptions",
)
async def list_subscriptions(story: NamedDependency[Story], me: NamedDependency[Principal]) -> Subscriptions:
    """List the caller's subscriptions and how they fare."""
    found = await subscription.of_partner(await story(), me.subject)
    return Subscriptions(subscriptions=[SubscriptionView.of(each) for each in found])


@get(
    "/v1/partner/subscriptions/{subscription_id:str}",
    operation_id="getSubscription",
    opt={"scope": "partner:events"},
    tags=["Partners"],
    summary="A subscription",
)
async def get_subscription(
    subscription_id: FromPath[str], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> Response[SubscriptionView]:
    """Show a subscription of the caller's and how it fares."""
    wanted = ids.parse("subscription", subscription_id)
    return _tagged(await subscription.find(await story(), me.subject, wanted))


@patch(
    "/v1/partner/subscriptions/{subscription_id:str}",
    operation_id="editSubscription",
    opt={"scope": "partner:events"},
    tags=["Partners"],
    summary="Edit a subscription",
)
async def edit_subscription(
    subscription_id: FromPath[str],
    data: JSONBody[EditSubscription],
    *,
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    if_match: IfMatch = None,
) -> Response[SubscriptionView]:
    """Switch a subscription on again or off, or send other kinds or to another address, what is queued included."""
    db = await story()
    before = await subscription.lock(db, me.subject, ids.parse("subscription", subscription_id))
    precondition.check(if_match, before.version)
    changed = await subscription.change(
        db,
        before,
        active=before.active if data.active is UNSET else data.active,
        url=before.url if data.url is UNSET else data.url,
        kinds=before.kinds if data.kinds is UNSET else data.kinds,
        local=house.settings.virtual,
    )
    return _tagged(changed)


def _tagged(found: Subscription) -> Response[SubscriptionView]:
    view = SubscriptionView.of(found)
    return Response(view, headers=_etag(view))


def _etag(view: SubscriptionView) -> dict[str, str]:
    return {"ETag": precondition.etag(view.version)}


routes = [subscribe, list_subscriptions, get_subscription, edit_subscription]
