"""One tap: what a holder forbade and was just asked for is let pass, once or for the rest of a journey.

path   POST /v1/card-payments/{id}/allowance   ->  cards/payments/allowance.py     grant()     once, at that merchant
                                               ->  cards/processing/processor.py   travel()    its country, for days

`card_payment.declined` names in `allow` what it would take. The passkey confirms the card, the merchant and how much,
so that nobody who has the phone in their hand for a moment opens the card for more than the till asks.
"""

from datetime import date, datetime, timedelta
from typing import Annotated

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import ids as mint
from app.auth import stepup
from app.auth.principal import Principal
from app.cards import processors
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.card_view import card_shown
from app.http.wire import NoSuchTime, Wire
from app.idempotency import Once
from cards.card import Card
from cards.payments import allowance, descriptor, reading
from cards.payments.payment import Element, Payment
from cards.programme import change, permission
from law.calendar import statutory_date

#: A journey that is begun by a tap; a longer one is told as such (PUT /v1/cards/{id}/trips).
DAYS_MAX = 92


class AllowPayment(Wire, frozen=True):
    """Without a day the purchase passes once, within the hour, at that merchant and for at most as much.

    With `until`, where it was declined for its country, the card may be used there until the end of that day. The
    passkey's answer is over `card.allow`: the card, the merchant, its country, how much, and `until` or `once`.
    """

    until: Annotated[date | None, Meta(description="The last day of the journey.", examples=["2026-12-01"])] = None
    step_up: stepup.Confirmation | None = None


class AllowedView(Wire, frozen=True):
    """What passes from now on: once until `expires_at`, or all of the country until the last day of a journey."""

    payment_id: Annotated[str, Meta(examples=["payment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    card_id: Annotated[str, Meta(examples=["card_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    expires_at: Annotated[datetime | None, Meta(examples=["2026-11-22T12:00:00Z"])] = None
    until: Annotated[date | None, Meta(examples=[None])] = None


@post(
    "/v1/card-payments/{payment_id:str}/allowance",
    operation_id="allowCardPayment",
    opt={"scope": "cards:write"},
    tags=["Cards"],
    summary="Allow a declined payment",
)
async def allow_payment(
    payment_id: FromPath[str],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    data: JSONBody[AllowPayment | None] = None,
) -> Response[AllowedView]:
    """Let pass what the card's holder had forbidden, where nothing else stood against it; then the till asks again."""
    asked = data or AllowPayment()

    async def act(story: Story) -> AllowedView:
        db, at = await story(), story.now
        payment, _ = await reading.one(db, ids.parse("payment", payment_id))
        declined, allow = allowance.offered(payment, at=at)
        assert payment.card is not None, "a card was declined"
        card = await change.locked(db, payment.card)
        if asked.until is not None and set(allow) != {"countries"}:
            raise allowance.NothingToAllow
        shown = _shown(card, payment, declined, asked.until)
        await stepup.redeem(db, house.settings, me, operation="card.allow", shown=shown, confirmation=asked.step_up)
        by, processor = await processors.asking(story, me.actor), processors.of(house, card.processor)
        expires_at = None
        if asked.until is None:
            given = allowance.allowance(mint.new(), me.subject, payment, declined, at=at)
            await processor.allow_once(by, card, given)
            expires_at = given.expires_at
        else:
            today = statutory_date(at)
            if not today <= asked.until <= today + timedelta(days=DAYS_MAX):
                raise NoSuchTime("until")
            trips = permission.travelling(card.trips, allow["countries"], today, asked.until)
            await processor.travel(by, card, trips)
        return AllowedView(payment_id, ids.show("card", card.id), expires_at=expires_at, until=asked.until)

    return await once(act)


def _shown(card: Card, payment: Payment, declined: Element, until: date | None) -> stepup.Shown:
    merchant = descriptor.clean(payment.merchant)
    return {
        **card_shown(card),
        "merchant": merchant.name,
        "country": merchant.country,
        "amount_minor": declined.amount.minor,
        "currency": str(declined.amount.currency),
        "until": "once" if until is None else until.isoformat(),
    }


routes = [allow_payment]
