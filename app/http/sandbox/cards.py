"""What networks and merchants do to cards, for whoever tests from outside: by the id of a card, without its number.

route      app/http/sandbox/cards.py    POST /v1/sandbox/card-authorizations …      <- you are here
batches    app/swiping.py               book()           the verb of real networks, but for the proofs

The operations are those of the test helpers of Stripe Issuing and Increase. What a payment began with, its network
among it, is kept in what follows; a payment of a real line can be gone on with here. Who knows no number has nothing to
prove a card with, so what is asked here counts as proved; proofs are tried over a line (docs/cards/link.md).
"""

import hashlib
from collections.abc import Sequence
from typing import Any, TypedDict
from uuid import UUID

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody

from app import clock, idempotency, swiping
from app import ids as mint
from app.auth.principal import Principal
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
    ProvisionedToken,
    ProvisionToken,
)
from app.idempotency import Once
from app.idempotency_key import Claim, Stored
from cards import card as cards_card
from cards import reading, token
from cards.card import Card
from cards.message import (
    Answer,
    Authorization,
    Clearing,
    Confirmation,
    Lapse,
    NetworkMessage,
    Operation,
    Refund,
    Reversal,
    StandIn,
)
from cards.payment import Merchant, Payment, PaymentId
from cards.token import Asked, Doubt
from law.money import Money, zero

_INQUIRY = Merchant(name="Sandbox ATM", id="ATM-1", category="6011", country="KZ")


class _Said(TypedDict):
    network: str
    lifecycle: str
    element: str
    lane: int
    card: UUID | None
    payment: PaymentId
    amount: Money
    merchant: Merchant


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

    def begins(self, card: Card, kind: str, minor: int, merchant: Merchant) -> _Said:
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

    def goes_on(self, payment: Payment, kind: str, minor: int) -> _Said:
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

    def _element(self, kind: str) -> str:
        named = f"{self.claim.principal}\0{self.claim.key}".encode()
        return f"{kind}/{hashlib.sha256(named).hexdigest()[:24]}"


def _render(told: NetworkMessage | Lapse, found: Sequence[Answer | bool]) -> Stored:
    [answer] = found
    if not isinstance(answer, Answer):
        return Stored(200, msgspec.json.encode(Paid.of_house(told.payment, done=answer)))
    return Stored(200, msgspec.json.encode(Paid.of(answer)))


async def _caller(
    request: Request[Any, Any, Any], house: NamedDependency[House], story: NamedDependency[Story]
) -> Caller:
    me: Principal = request.auth
    return Caller(house, story, idempotency.claim_of(request, me.actor, await request.body()))


_OPTIONS: dict[str, Any] = {
    "opt": {"scope": "service:operate", "idempotent": True},
    "tags": ["Sandbox"],
    "status_code": 200,
    "dependencies": {"caller": Provide(_caller)},
}


@post(
    "/v1/sandbox/card-authorizations",
    operation_id="simulateAuthorization",
    summary="A merchant asks for money",
    **_OPTIONS,
)
async def authorize(data: JSONBody[Authorize], caller: NamedDependency[Caller]) -> Response[Paid]:
    """Ask as a network does; the answer is the decision, with every reason against it."""
    card = await caller.card(data.card_id)
    asked = Authorization(
        **caller.begins(card, "authorization", data.amount_minor, data.merchant.read()),
        expiry=card.expires_on,
        operation=data.operation,
        channel=data.channel,
        partial_ok=data.partial_ok,
        estimated=data.estimated,
        single=data.single,
    )
    return await caller.book(asked)


@post(
    "/v1/sandbox/card-advices",
    operation_id="simulateAdvice",
    summary="A network promised in our place",
    **_OPTIONS,
)
async def advise(data: JSONBody[Advice], caller: NamedDependency[Caller]) -> Response[Paid]:
    """Tell that the network said yes while we could not be asked; it is booked whatever the wallet holds."""
    card = await caller.card(data.card_id)
    said = caller.begins(card, "advice", data.amount_minor, data.merchant.read())
    return await caller.book(
        Authorization(**said, expiry=card.expires_on, advice=True, stand_in=StandIn.NETWORK, channel=data.channel)
    )


@post(
    "/v1/sandbox/card-balance-inquiries",
    operation_id="simulateBalanceInquiry",
    summary="A machine asks how much there is",
    **_OPTIONS,
)
async def inquire(data: JSONBody[Inquire], caller: NamedDependency[Caller]) -> Response[Paid]:
    """Ask for what the card could spend."""
    card = await caller.card(data.card_id)
    said = caller.begins(card, "inquiry", 0, _INQUIRY)
    return await caller.book(Authorization(**said, expiry=card.expires_on, operation=Operation.BALANCE))


@post(
    "/v1/sandbox/card-captures",
    operation_id="simulateForceCapture",
    summary="A merchant takes money it never asked for",
    **_OPTIONS,
)
async def force_capture(data: JSONBody[Ask], caller: NamedDependency[Caller]) -> Response[Paid]:
    """Take money without a promise: it is paid, and what the wallet does not have is lent."""
    card = await caller.card(data.card_id)
    return await caller.book(Clearing(**caller.begins(card, "capture", data.amount_minor, data.merchant.read())))


@post(
    "/v1/sandbox/card-refunds",
    operation_id="simulateUnlinkedRefund",
    summary="A merchant sends money that nobody knows the purchase of",
    **_OPTIONS,
)
async def refund_unlinked(data: JSONBody[Ask], caller: NamedDependency[Caller]) -> Response[Paid]:
    """Send money back without a purchase."""
    card = await caller.card(data.card_id)
    return await caller.book(Refund(**caller.begins(card, "refund", data.amount_minor, data.merchant.read())))


@post(
    "/v1/sandbox/card-payments/{payment_id:str}/increments",
    operation_id="simulateIncrement",
    summary="A merchant asks for more of what it was promised",
    **_OPTIONS,
)
async def increment(
    payment_id: FromPath[str], data: JSONBody[Amount], caller: NamedDependency[Caller]
) -> Response[Paid]:
    """Ask for so much more."""
    payment = await caller.payment(payment_id)
    said = caller.goes_on(payment, "increment", data.minor(zero(payment.currency)))
    return await caller.book(Authorization(**said, increment=True))


@post(
    "/v1/sandbox/card-payments/{payment_id:str}/confirmations",
    operation_id="simulateConfirmation",
    summary="A merchant says what an estimate came to",
    **_OPTIONS,
)
async def confirm(payment_id: FromPath[str], data: JSONBody[Amount], caller: NamedDependency[Caller]) -> Response[Paid]:
    """Say what the pump came to."""
    payment = await caller.payment(payment_id)
    promised = payment.sums().promised
    return await caller.book(Confirmation(**caller.goes_on(payment, "confirmation", data.minor(promised))))


@post(
    "/v1/sandbox/card-payments/{payment_id:str}/captures",
    operation_id="simulateCapture",
    summary="A merchant takes what it was promised",
    **_OPTIONS,
)
async def capture(
    payment_id: FromPath[str], data: JSONBody[Capture], caller: NamedDependency[Caller]
) -> Response[Paid]:
    """Take all that is promised or so much; after the last one nothing stays promised."""
    payment = await caller.payment(payment_id)
    promised = payment.sums().promised
    return await caller.book(Clearing(**caller.goes_on(payment, "capture", data.minor(promised)), final=data.final))


@post(
    "/v1/sandbox/card-payments/{payment_id:str}/reversals",
    operation_id="simulateReversal",
    summary="A merchant gives up what it was promised",
    **_OPTIONS,
)
async def reverse(payment_id: FromPath[str], data: JSONBody[Amount], caller: NamedDependency[Caller]) -> Response[Paid]:
    """Give up all that is promised or so much."""
    payment = await caller.payment(payment_id)
    promised = payment.sums().promised
    return await caller.book(Reversal(**caller.goes_on(payment, "reversal", data.minor(promised))))


@post(
    "/v1/sandbox/card-payments/{payment_id:str}/refunds",
    operation_id="simulateRefund",
    summary="A merchant sends money back",
    **_OPTIONS,
)
async def refund(payment_id: FromPath[str], data: JSONBody[Amount], caller: NamedDependency[Caller]) -> Response[Paid]:
    """Send back all that was taken or so much, also more."""
    payment = await caller.payment(payment_id)
    taken = Money(payment.sums().captured, payment.currency)
    return await caller.book(Refund(**caller.goes_on(payment, "refund", data.minor(taken))))


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


@post(
    "/v1/sandbox/card-tokens",
    operation_id="simulateTokenRequest",
    summary="A card is put into a wallet",
    opt={"scope": "service:operate"},
    tags=["Sandbox"],
    status_code=200,
)
async def provision(data: JSONBody[ProvisionToken], once: NamedDependency[Once]) -> Response[ProvisionedToken]:
    """Ask as a wallet does, and hear its answer."""

    async def act(story: Story) -> ProvisionedToken:
        card = await cards_card.find(await story(), ids.parse("card", data.card_id))
        reference = f"sandbox-{mint.new()}"
        asked = Asked(
            token=mint.new(),
            network=NETWORK,
            reference=reference,
            requestor="sandbox-wallet",
            device=data.device,
            last4=card.last4,
            device_score=data.device_score,
            account_score=data.account_score,
        )
        await story.speak_for(card.holder)
        made = await token.request(await story(), asked, card, now=clock.real(), at=story.now)
        return ProvisionedToken(
            token_id=ids.show("token", made.id),
            reference=reference,
            decision=made.decision,
            state=made.state,
            reasons=[Doubt(reason) for reason in made.reasons],
        )

    return await once(act)


routes = [
    authorize, advise, inquire, force_capture, refund_unlinked, increment, confirm, capture, reverse, refund, expire,
    provision,
]  # fmt: skip
