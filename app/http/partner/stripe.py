"""Stripe asks and tells: two endpoints with a secret each, because one is waited for and the other is not.

route      app/http/partner/stripe.py              POST /v1/processors/stripe/authorizations    <- you are here
           app/http/partner/stripe.py              POST /v1/processors/stripe/events
proves     app/partners/stripe_issuing/door.py     opened()      over the raw bytes
batches    app/cards/swiping.py                    Till.book     the same decision as for our own cards
keeps      app/partners/stripe_issuing/inbox.py    keep()        the answer comes before anything is done

Answers are what Stripe reads: 200 with a body of its own, under the version the endpoints are made with. Stripe gives
two seconds; a hold that was made too late for our yes is given back by what Stripe says came of it.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Response, post
from litestar.di import NamedDependency
from msgspec import Meta

from app import batch, clock, db
from app import ids as mint
from app.house import House
from app.http import ids
from app.http.wire import Minor, Wire
from app.idempotency_key import Reused, Stored
from app.money import claim
from app.partners.stripe_issuing import door, inbox, known, objects
from app.partners.stripe_issuing.client import VERSION
from app.partners.stripe_issuing.issuer import CODE
from app.partners.stripe_issuing.objects import Authorization
from cards.payments import message
from cards.payments.message import Answer
from cards.payments.payment import PaymentId
from cards.proofs.presented import NOTHING, Presented

#: Of Stripe's two seconds: what is left is for the way there and back.
WITHIN = timedelta(seconds=1.2)
BODY_BYTES_MAX = 256 * 1024
REQUEST = "issuing_authorization.request"

_log = structlog.get_logger()


class StripeVerdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a question. `amount` stands only where less was approved, which only some merchants can take."""

    approved: Annotated[bool, Meta(examples=[True])]
    amount: Minor | None = None
    metadata: dict[str, str] = {}


class StripeHeard(Wire, frozen=True):
    """The event is kept."""

    received: bool


class StripeUnheard(msgspec.Struct, frozen=True):
    """The message is not taken; `error` is for who set the endpoint up."""

    error: str


_OPTIONS: dict[str, Any] = {
    "opt": {"scope": "public", "standard": "webhook", "quota": "signed"},
    "tags": ["Card processors"],
    "status_code": 200,
}


@post(
    "/v1/processors/stripe/authorizations",
    operation_id="answerStripe",
    summary="Stripe asks whether a merchant may have the money",
    **_OPTIONS,
)
async def authorize(request: Request[Any, Any, Any], house: NamedDependency[House]) -> Response[StripeVerdict]:
    """Decide a purchase with a card that Stripe issued, and hold the money, while Stripe waits."""
    deadline = clock.real() + WITHIN
    body = await request.body()
    if (refused := _refusal(house, body)) is not None:
        return refused
    try:
        event = door.opened(house, "stripe_authorization_secret", request.headers.get("stripe-signature"), body)
        asked = msgspec.json.decode(event.data.object, type=Authorization)
    except (door.Unsigned, msgspec.DecodeError):
        return _unheard(400, "not signed by this endpoint's secret, or not an authorization")
    if event.type != REQUEST or asked.pending_request is None:
        return _unheard(400, f"only {REQUEST} is sent here")
    verdict = StripeVerdict(approved=False)
    try:
        async with asyncio.timeout((deadline - clock.real()).total_seconds()):
            verdict = await _decide(house, asked, deadline)
    except Reused:
        # The same question with another content is not the one we answered: whoever is right, nothing more is promised.
        _log.error("stripe_question_changed", authorization=asked.id)
    except (TimeoutError, batch.Overloaded, batch.Unavailable) as error:
        # Whatever becomes of the entry in the batch: Stripe's final word takes a hold back that nobody was promised.
        _log.warning("stripe_undecided", authorization=asked.id, error=type(error).__name__)
    return Response(verdict, status_code=200, headers={"Stripe-Version": VERSION}, media_type="application/json")


@post(
    "/v1/processors/stripe/events",
    operation_id="hearStripe",
    summary="Stripe tells what happened",
    **_OPTIONS,
)
async def hear(request: Request[Any, Any, Any], house: NamedDependency[House]) -> Response[StripeHeard]:
    """Keep an event by its name, once; the worker looks at what it is about. One that means nothing here is let be."""
    body = await request.body()
    if (refused := _refusal(house, body)) is not None:
        return refused
    try:
        event = door.opened(house, "stripe_event_secret", request.headers.get("stripe-signature"), body)
    except door.Unsigned:
        return _unheard(400, "not signed by this endpoint's secret")
    if (told := event.told()) is None:
        _log.warning("stripe_event_passed_over", id=event.id, kind=event.type)
    else:
        async with db.transaction(house.api, audience="public") as story:
            await inbox.keep(await story(), [told], found_by="webhook", now=clock.real())
    return Response(StripeHeard(received=True), status_code=200, headers={"Stripe-Version": VERSION})


async def _decide(house: House, asked: Authorization, deadline: datetime) -> StripeVerdict:
    async with db.transaction(house.posting) as story:
        used = await known.card(await story(), CODE, asked.card.id)
    if used is None or asked.pending_request is None:
        return StripeVerdict(approved=False)
    wanted = asked.pending_request
    amount = objects.money(wanted.amount, wanted.currency)
    original, rate = objects.original(wanted.merchant_amount, wanted.merchant_currency, amount)
    number = len(asked.request_history)
    details = wanted.amount_details
    question = message.Authorization(
        network=CODE,
        lifecycle=asked.id,
        element=f"request-{number}",
        lane=used.lane,
        card=used.card,
        payment=PaymentId(mint.new()),
        amount=amount,
        merchant=objects.merchant(asked.merchant_data),
        operation=objects.operation(asked, wanted.amount, details),
        channel=objects.channel(asked),
        original=original,
        rate=rate,
        fee=objects.money(details.atm_fee, wanted.currency) if details and details.atm_fee else None,
        partial_ok=wanted.is_amount_controllable,
        increment=number > 0,
        presented=Presented(token=objects.id_of(asked.token)) if asked.token else NOTHING,
        deadline=deadline,
    )
    named = claim(f"network:{CODE}", f"{asked.id} {question.element}", [used.card, amount, question.merchant.id])
    reply = await house.money.submit(house.till.book, [question], lanes=[used.lane], claim=named, render=_render)
    answer = msgspec.json.decode(reply.stored.body, type=Answer)
    return _verdict(answer, question)


def _verdict(answer: Answer, asked: message.Authorization) -> StripeVerdict:
    less = answer.approved and answer.amount is not None and answer.amount < asked.amount
    assert asked.partial_ok or not less, "who can't take less is asked for all or nothing"
    return StripeVerdict(
        approved=answer.approved,
        amount=answer.amount.minor if less and answer.amount else None,
        metadata={
            "payment": ids.show("payment", answer.payment),
            **({"reason": answer.spoken} if answer.spoken else {}),
        },
    )


def _render(answers: Sequence[Answer]) -> Stored:
    return Stored(200, msgspec.json.encode(answers[0]))


def _refusal(house: House, body: bytes) -> Response[Any] | None:
    if house.stripe is None:
        return _unheard(404, "this installation has no programme with Stripe")
    return _unheard(413, "too large") if len(body) > BODY_BYTES_MAX else None


def _unheard(status: int, error: str) -> Response[Any]:
    return Response(StripeUnheard(error), status_code=status)


routes = [authorize, hear]
