"""The bank's desk for payments and orders of the house, and the tester's hand on what happens at the bank."""

import json
import time
import uuid
from typing import Annotated, Any, Protocol

import httpx
import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from simulators import bank_orders, message_signatures
from simulators.bank_books import Books, Json
from simulators.faults import Faults

Wanted = Request[Any, Any, State]


class Payer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who pays."""

    name: str
    country: str | None = None


class IncomingPayment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Money comes in for `reference`; it is reported `repeat` times under one webhook id."""

    reference: str
    amount_minor: Annotated[int, Meta(ge=1)]
    currency: str = "KZT"
    payer: Payer
    repeat: Annotated[int, Meta(ge=1, le=100)] = 1
    payment_id: str | None = None
    rail: str = "imps"
    iban: str | None = None
    sent_at: str | None = None


class Desk(Protocol):
    """What of the bank this desk needs (simulators/bank.py)."""

    books: Books
    faults: Faults

    async def believe(self, request: Wanted) -> None:
        """Check that the house signed; raises Unproved."""

    def say(self, request: Wanted, told: Json, status: int = 200) -> Response[bytes]:
        """Answer, signed."""

    def tell(self, kind: str, data: Json, *, repeat: int = 1) -> str:
        """Queue a message; gives its id."""

    def report(self, account: str) -> None:
        """Tell what is on an account."""

    async def hand_in(self, day: str, format_: str) -> httpx.Response:
        """Hand in a statement."""


@post("/incoming-payments", status_code=202)
async def receive_payment(data: JSONBody[IncomingPayment], state: State) -> Response[Json]:
    """Let money come in and report it; a payment id is one payment for ever."""
    bank: Desk = state.bank
    payment_id = data.payment_id or f"P-{uuid.uuid4().hex[:16]}"
    told = _payment(data, payment_id)
    with bank.books.together():
        asked = json.dumps(told, sort_keys=True)
        known = bank.books.payment(payment_id)
        if bank.books.take_payment(payment_id, asked) != asked:
            return Response({"error": "payment_id_reused"}, status_code=409)
        if known is None and data.currency == "KZT":
            bank.books.enter(bank_orders.SAFE, "KZT", data.amount_minor, payment_id)
        message_id = bank.tell("payment.received", told, repeat=data.repeat)
    return Response({"payment_id": payment_id, "webhook_id": message_id}, status_code=202)


def _payment(data: IncomingPayment, payment_id: str) -> Json:
    told = {
        "payment_id": payment_id,
        "reference": data.reference,
        "amount_minor": data.amount_minor,
        "currency": data.currency,
        "payer": msgspec.to_builtins(data.payer),
    }
    further = {"rail": data.rail, "iban": data.iban, "sent_at": data.sent_at}
    return told | {name: value for name, value in further.items() if value is not None and value != "imps"}


@post("/announcements", status_code=202)
async def announce(data: JSONBody[IncomingPayment], state: State) -> Response[Json]:
    """Tell that a payment is on its way; it comes under the same id."""
    payment_id = data.payment_id or f"P-{uuid.uuid4().hex[:16]}"
    message_id = state.bank.tell("payment.announced", _payment(data, payment_id), repeat=data.repeat)
    return Response({"payment_id": payment_id, "webhook_id": message_id}, status_code=202)


@post("/orders", status_code=201)
async def order(request: Wanted, state: State) -> Response[Any]:
    """Take an order of the house; the same key is the same order."""
    bank: Desk = state.bank
    try:
        await bank.believe(request)
    except message_signatures.Unproved:
        return Response({"error": "invalid_signature"}, status_code=401)
    asked = (await request.body()).decode()
    key = request.headers["idempotency-key"]
    with bank.books.together():
        known = bank.books.order(key)
        if known is None:
            decide_at = time.time() + bank.faults.decision_s * bank.faults.draw("decision", key)
            bank.books.take_order(key, asked, decide_at=decide_at)
    taken = bank.books.order(key)
    assert taken is not None, "taken above"
    if taken["asked"] != asked:
        return bank.say(request, {"error": "key_reused"}, 422)
    if known is None and bank.faults.strikes("lost_answer", key):
        return Response({"error": "unavailable"}, status_code=503)
    return bank.say(request, bank_orders.view(taken), 201 if known is None else 200)


@get("/orders/{key:str}")
async def show_order(key: FromPath[str], request: Wanted, state: State) -> Response[Any]:
    """Say what became of an order."""
    bank: Desk = state.bank
    try:
        await bank.believe(request)
    except message_signatures.Unproved:
        return Response({"error": "invalid_signature"}, status_code=401)
    found = bank.books.order(key)
    return bank.say(request, {"error": "unknown"}, 404) if found is None else bank.say(request, bank_orders.view(found))


@post("/orders/{key:str}/return", status_code=202)
async def send_back(key: FromPath[str], state: State) -> Response[Json]:
    """Let what was paid out come back: the tester's hand on the other bank."""
    bank: Desk = state.bank
    with bank.books.together():
        told = bank_orders.send_back(bank.books, key, "account_closed")
        if told is None:
            return Response({"error": "nothing_went_out"}, status_code=404)
        return Response({"webhook_id": bank.tell("order.returned", told)}, status_code=202)


@post("/quotes", status_code=201)
async def name_price(request: Wanted, state: State) -> Response[Any]:
    """Name a firm price."""
    bank: Desk = state.bank
    try:
        await bank.believe(request)
    except message_signatures.Unproved:
        return Response({"error": "invalid_signature"}, status_code=401)
    return bank.say(request, bank_orders.quote(json.loads(await request.body())), 201)


class Happening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something happens on a client's account."""

    amount_minor: int
    currency: str


@post("/accounts/{key:str}/entries", status_code=202)
async def happen(key: FromPath[str], data: JSONBody[Happening], state: State) -> Response[Json]:
    """Book something on an account of a client, and report what is there."""
    bank: Desk = state.bank
    with bank.books.together():
        sequence = bank.books.enter(key, data.currency, data.amount_minor, "outside")
        bank.report(key)
    return Response({"sequence": sequence}, status_code=202)


class Day(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which statement to hand in, and as what."""

    day: str
    format: str = "camt.053"


@post("/statements", status_code=202)
async def hand_in(data: JSONBody[Day], state: State) -> Response[Json]:
    """Hand in a day's statement."""
    bank: Desk = state.bank
    answer = await bank.hand_in(data.day, data.format)
    return Response({"answered": answer.status_code, "said": answer.json()}, status_code=202)


handlers = [receive_payment, announce, order, show_order, send_back, name_price, happen, hand_in]
