"""What networks and merchants do to cards, for whoever tests from outside: by the id of a card, without its number.

route      app/http/sandbox/cards.py          POST /v1/sandbox/card-authorizations …      <- you are here
           app/http/sandbox/card_things.py    plastic, wallets, 3-D Secure, disputes
batches    app/cards/swiping.py           Till.book      the verb of real networks, but for the proofs

The operations are those of the test helpers of Stripe Issuing and Increase. What a payment began with, its network
among it, is kept in what follows; a payment of a real line can be gone on with here. Who knows no number has nothing to
prove a card with, so what is asked here counts as proved; proofs are tried over a line (docs/cards/link.md).
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency, Provide
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from app import clock, idempotency
from app import ids as mint
from app.auth.principal import Principal
from app.cards import swiping
from app.db import Story
from app.house import House
from app.http import ids
from app.http.sandbox.card_wire import (
    NETWORK,
    Advice,
    Amount,
    Ask,
    Authorize,
    Capture,
    Inquire,
    Paid,
)
from app.http.wire import Wire
from app.idempotency_key import Claim, Stored
from cards import card as cards_card
from cards.card import Card
from cards.payments import reading
from cards.payments.message import (
    Answer,
    Authorization,
    Clearing,
    Confirmation,
    Lapse,
    NetworkMessage,
    Operation,
    Refund,
    Reversal,
    Said,
    StandIn,
)
from cards.payments.payment import Merchant, Payment, PaymentId
from law.money import Money, zero

_INQUIRY = Merchant(name="Sandbox ATM", id="ATM-1", category="6011", country="KZ")


class Caller(msgspec.Struct, frozen=True):
    """A request: who sent it under which name, and what it reaches the books by."""

    house: House
    story: Story
    claim: Claim

    async def card(self, wanted: str) -> Card:
        """Find a card; raises UnknownCard."""
        return await cards_card.find(await self.story(), ids.parse("card", wanted))

    async def payment(self, wanted: str) -> Payment:
        """Find a payment; raises UnknownPayment."""
        payment, _ = await reading.one(await self.story(), ids.parse("payment", wanted))
        return payment

    def begins(self, card: Card, kind: str, minor: int, merchant: Merchant) -> Said:
        """Say what opens a payment."""
        payment = PaymentId(mint.new())
        return {
            "network": NETWORK,
            "lifecycle": str(payment),
            "element": self._element(kind),
            "lane": card.lane,
            "card": card.id,
            "payment": payment,
            "amount": Money(minor, card.currency),
            "merchant": merchant,
        }

    def goes_on(self, payment: Payment, kind: str, minor: int) -> Said:
        """Say what follows in a payment."""
        return {
            "network": payment.network,
            "lifecycle": payment.lifecycle,
            "element": self._element(kind),
            "lane": payment.lane,
            "card": payment.card,
            "payment": payment.id,
            "amount": Money(minor, payment.currency),
            "merchant": payment.merchant,
        }

    async def book(self, told: NetworkMessage | Lapse) -> Response[Any]:
        """Have it booked, once for each Idempotency-Key; of nothing nothing comes."""
        if not isinstance(told, Authorization | Lapse) and not told.amount:
            return Response(Paid.of_house(told.payment, done=False))
        reply = await self.house.money.submit(
            swiping.book, [told], lanes=[told.lane], claim=self.claim, render=lambda found: _render(told, found)
        )
        return idempotency.respond(reply.stored, replayed=reply.replayed)

    def named(self) -> str:
        """Name what this request has happen: the same key is the same thing."""
        named = f"{self.claim.principal}\0{self.claim.key}".encode()
        return hashlib.sha256(named).hexdigest()[:24]

    def _element(self, kind: str) -> str:
        return f"{kind}/{self.named()}"


def _render(told: NetworkMessage | Lapse, found: Sequence[Answer | bool]) -> Stored:
    [answer] = found
    if not isinstance(answer, Answer):
        return Stored(200, msgspec.json.encode(Paid.of_house(told.payment, done=answer)))
    return Stored(200, msgspec.json.encode(Paid.of(answer)))


async def caller(
    request: Request[Any, Any, Any], house: NamedDependency[House], story: NamedDependency[Story]
) -> Caller:
    """Give who sent a request, and what it reaches the books by."""
    me: Principal = request.auth
    return Caller(house, story, idempotency.claim_of(request, me.actor, await request.body()))


_OPTIONS: dict[str, Any] = {
    "opt": {"scope": "service:operate", "idempotent": True},
    "tags": ["Sandbox"],
    "status_code": 200,
    "dependencies": {"caller": Provide(caller)},
}


# -- what a card is asked ----------------------------------------------------------------------------------------------


def _authorization(caller: Caller, card: Card, data: Authorize) -> NetworkMessage:
    return Authorization(
        **caller.begins(card, "authorization", data.amount_minor, data.merchant.read()),
        expiry=card.expires_on,
        operation=data.operation,
        channel=data.channel,
        partial_ok=data.partial_ok,
        estimated=data.estimated,
        single=data.single,
        **data.exchanged(),
    )


def _advice(caller: Caller, card: Card, data: Advice) -> NetworkMessage:
    said = caller.begins(card, "advice", data.amount_minor, data.merchant.read())
    return Authorization(
        **said,
        expiry=card.expires_on,
        advice=True,
        stand_in=StandIn.NETWORK,
        channel=data.channel,
        **data.exchanged(),
    )


def _inquiry(caller: Caller, card: Card, _: Inquire) -> NetworkMessage:
    said = caller.begins(card, "inquiry", 0, _INQUIRY)
    return Authorization(**said, expiry=card.expires_on, operation=Operation.BALANCE)


def _forced(caller: Caller, card: Card, data: Ask) -> NetworkMessage:
    said = caller.begins(card, "capture", data.amount_minor, data.merchant.read())
    return Clearing(**said, **data.exchanged())


def _gift(caller: Caller, card: Card, data: Ask) -> NetworkMessage:
    said = caller.begins(card, "refund", data.amount_minor, data.merchant.read())
    return Refund(**said, **data.exchanged())


# -- what becomes of a payment -----------------------------------------------------------------------------------------


def _increment(caller: Caller, payment: Payment, data: Amount) -> NetworkMessage:
    said = caller.goes_on(payment, "increment", data.minor(zero(payment.currency)))
    return Authorization(**said, increment=True)


def _confirmation(caller: Caller, payment: Payment, data: Amount) -> NetworkMessage:
    said = caller.goes_on(payment, "confirmation", data.minor(payment.sums().promised))
    return Confirmation(**said, **data.exchanged())


def _capture(caller: Caller, payment: Payment, data: Capture) -> NetworkMessage:
    said = caller.goes_on(payment, "capture", data.minor(payment.sums().promised))
    return Clearing(**said, final=data.final, **data.exchanged())


def _reversal(caller: Caller, payment: Payment, data: Amount) -> NetworkMessage:
    return Reversal(**caller.goes_on(payment, "reversal", data.minor(payment.sums().promised)))


def _refund(caller: Caller, payment: Payment, data: Amount) -> NetworkMessage:
    return Refund(**caller.goes_on(payment, "refund", data.minor(payment.sums().taken)), **data.exchanged())


class Verb(NamedTuple):
    """Something a tester has happen: its operation, what it says of itself, what it takes, the message it becomes."""

    operation: str
    summary: str
    about: str
    takes: type[Wire]
    told: Callable[[Caller, Any, Any], NetworkMessage]


#: By path; each takes a card.
CARD_VERBS = {
    "card-authorizations": Verb(
        "simulateAuthorization",
        "A merchant asks for money",
        "Ask as a network does; the answer is the decision, with every reason against it.",
        Authorize,
        _authorization,
    ),
    "card-advices": Verb(
        "simulateAdvice",
        "A network promised in our place",
        "Tell that the network said yes while we could not be asked; it is booked whatever the wallet holds.",
        Advice,
        _advice,
    ),
    "card-balance-inquiries": Verb(
        "simulateBalanceInquiry",
        "A machine asks how much there is",
        "Ask for what the card could spend.",
        Inquire,
        _inquiry,
    ),
    "card-captures": Verb(
        "simulateForceCapture",
        "A merchant takes money it never asked for",
        "Take money without a promise: it is paid, and what the wallet does not have is lent.",
        Ask,
        _forced,
    ),
    "card-refunds": Verb(
        "simulateUnlinkedRefund",
        "A merchant sends money that nobody knows the purchase of",
        "Send money back without a purchase.",
        Ask,
        _gift,
    ),
}
#: By the end of the path; each takes a payment.
PAYMENT_VERBS = {
    "increments": Verb(
        "simulateIncrement",
        "A merchant asks for more of what it was promised",
        "Ask for so much more.",
        Amount,
        _increment,
    ),
    "confirmations": Verb(
        "simulateConfirmation",
        "A merchant says what an estimate came to",
        "Say what the pump came to.",
        Amount,
        _confirmation,
    ),
    "captures": Verb(
        "simulateCapture",
        "A merchant takes what it was promised",
        "Take all that is promised or so much; after the last one nothing stays promised.",
        Capture,
        _capture,
    ),
    "reversals": Verb(
        "simulateReversal",
        "A merchant gives up what it was promised",
        "Give up all that is promised or so much.",
        Amount,
        _reversal,
    ),
    "refunds": Verb(
        "simulateRefund",
        "A merchant sends money back",
        "Send back all that was taken or so much, also more.",
        Amount,
        _refund,
    ),
}


def _card_route(path: str, verb: Verb) -> HTTPRouteHandler:
    async def play(data: Any, caller: NamedDependency[Caller]) -> Response[Paid]:  # noqa: ANN401  what the verb takes
        card = await caller.card(data.card_id)
        return await caller.book(verb.told(caller, card, data))

    return _route(f"/v1/sandbox/{path}", verb, play)


def _payment_route(path: str, verb: Verb) -> HTTPRouteHandler:
    async def play(payment_id: FromPath[str], data: Any, caller: NamedDependency[Caller]) -> Response[Paid]:  # noqa: ANN401  as above
        payment = await caller.payment(payment_id)
        return await caller.book(verb.told(caller, payment, data))

    return _route(f"/v1/sandbox/card-payments/{{payment_id:str}}/{path}", verb, play)


def _route(path: str, verb: Verb, play: Callable[..., Any]) -> HTTPRouteHandler:
    play.__annotations__["data"] = JSONBody[verb.takes]  # type: ignore[misc, name-defined]  # a type of the table
    play.__doc__ = verb.about
    return post(path, operation_id=verb.operation, summary=verb.summary, **_OPTIONS)(play)


@post(
    "/v1/sandbox/card-payments/{payment_id:str}/expirations",
    operation_id="simulateExpiration",
    summary="Nobody takes what was promised",
    **_OPTIONS,
)
async def expire(payment_id: FromPath[str], caller: NamedDependency[Caller]) -> Response[Paid]:
    """End the promise now, as if its time were over; `approved` says whether there was one."""
    payment = await caller.payment(payment_id)
    return await caller.book(Lapse(lane=payment.lane, payment=payment.id, due_at=clock.real(), early=True))


routes = [
    *(_card_route(path, verb) for path, verb in CARD_VERBS.items()),
    *(_payment_route(path, verb) for path, verb in PAYMENT_VERBS.items()),
    expire,
]
