"""What a merchant does to a card that Stripe issued, in Stripe's test world: Stripe then asks and tells as in earnest.

route      app/http/sandbox/stripe.py                POST /v1/sandbox/stripe-acts      <- you are here
plays      app/partners/stripe_issuing/sandbox.py    Shop      Stripe's test helpers
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, get_args

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from app.cards import processing
from app.house import House
from app.http.wire import Minor, NotTogether, Wire
from app.partners.stripe_issuing.sandbox import Shop

Kind = Literal["pays", "asks_more", "gives_up", "lets_lapse", "takes", "forces", "gives_back", "gives"]
Sent = Literal["submitted", "shipped", "delivered", "returned", "failure"]


class StripeAct(Wire, frozen=True, kw_only=True):
    """What happens to what: a card (`ic_…`) or a purchase (`iauth_…`, `ipi_…`), by Stripe's name, and how much.

    A plastic card is submitted, shipped, delivered, returned, or lost on its way; that has no amount.
    """

    act: Annotated[Kind | Sent, Meta(examples=["pays"])]
    about: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]{4,64}$(?!\n)", examples=["ic_1Pgag5B7WZ01zgkWephORn8N"])]
    amount_minor: Minor | None = None


class StripePlayed(Wire, frozen=True):
    """What Stripe made of it, by its own name and in its own word."""

    id: Annotated[str, Meta(examples=["iauth_1Pgc77B7WZ01zgkWn0SmtHBY"])]
    status: Annotated[str, Meta(examples=["pending"])]


@post(
    "/v1/sandbox/stripe-acts",
    operation_id="simulateAtStripe",
    opt={"scope": "service:operate"},
    tags=["Sandbox"],
    summary="A merchant does something at Stripe",
    status_code=200,
)
async def play(data: JSONBody[StripeAct], house: NamedDependency[House]) -> StripePlayed:
    """Have Stripe's test world do it; what follows comes by its webhooks."""
    if house.stripe is None:
        raise processing.NotOffered
    shop = Shop(house.stripe)
    if (data.act in get_args(Sent)) is not (data.amount_minor is None):
        raise NotTogether("act", "amount_minor")
    acts: dict[str, Callable[[str, int], Awaitable[Any]]] = {
        "pays": shop.pays,
        "asks_more": shop.asks_more,
        "gives_up": shop.gives_up,
        "lets_lapse": lambda purchase, _: shop.lets_lapse(purchase),
        "takes": shop.takes,
        "forces": shop.forces,
        "gives_back": shop.gives_back,
        "gives": shop.gives,
    }
    if data.amount_minor is None:
        found = (await shop.sends(data.about, data.act)).to_dict()
    else:
        found = (await acts[data.act](data.about, data.amount_minor)).to_dict()
    return StripePlayed(id=found["id"], status=found.get("status") or found["type"])


routes = [play]
