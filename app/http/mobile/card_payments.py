"""The payments of a card as its holder sees them: a history with filters, and a receipt of each.

path   GET /v1/cards/{id}/payments   ->  cards/payments/reading.py   of_card()
       GET /v1/card-payments/{id}    ->  cards/payments/reading.py   one()

Merchants are shown by the name people know them by (cards/payments/descriptor.py), declined payments with every reason
in words.
"""

import hashlib
import tomllib
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Meta

from app import language
from app.db import Story
from app.house import House
from app.http import ids, times
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import LINE, MoneyWire, Wire
from app.language import Language
from cards import card as cards_card
from cards.disputes import dispute as disputes
from cards.disputes.dispute import Dispute
from cards.disputes.life import State as DisputeState
from cards.payments import descriptor, message, reading, remedy
from cards.payments.payment import Channel, Element, Kind, Operation, Payment, Status
from cards.payments.reading import Filter, Related
from cards.payments.reason import Reason, spoken
from law.money import Money

_MINOR_MAX = 2**53 - 1


def _listed(one: str) -> str:
    """Say by a regular expression what a list of such words is: no parameter is given twice (app/edge.py)."""
    return rf"^({one})(,({one})){{0,9}}$(?!\n)"


class MerchantView(Wire, frozen=True):
    """Who was paid: `name` as people know it, `descriptor` as the network spelt it."""

    name: Annotated[str, Meta(examples=["Dostyk Books"])]
    city: Annotated[str | None, Meta(examples=["Almaty"])]
    category: Annotated[str, Meta(pattern=r"^[0-9]{4}$(?!\n)", description="ISO 18245.", examples=["5942"])]
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="ISO 3166-1.", examples=["KZ"])]
    descriptor: Annotated[str, Meta(examples=["SQ *DOSTYK BOOKS 0042 ALMATY"])]


class ReasonView(Wire, frozen=True):
    """Why a payment was declined: a code for programs, a text in the caller's language."""

    code: Annotated[Reason, Meta(examples=["insufficient_funds"])]
    text: Annotated[str, Meta(examples=["There was not enough money in the wallet."])]


class PaymentDispute(Wire, frozen=True):
    """A dispute of a payment, in a line; the rest is at `GET /v1/disputes/{id}`."""

    id: Annotated[str, Meta(examples=["dispute_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    state: Annotated[DisputeState, Meta(examples=["chargeback"])]
    amount: MoneyWire
    credited: MoneyWire

    @classmethod
    def of(cls, found: Dispute) -> "PaymentDispute":
        """Show one."""
        credited = MoneyWire.of(found.money(found.credited_minor))
        return cls(ids.show("dispute", found.id), found.state, MoneyWire.of(found.amount), credited)


class PaymentView(Wire, frozen=True):
    """A payment: what was asked, what of it may still be taken, what was taken and came back, what we charged beside.

    `owed` is what the wallet could not cover: it is asked back at the end of each day. `declined_for` has each reason,
    `allow` what each control would have to let pass where nothing but the holder's own choice stood against it
    (`POST …/allowance`).
    """

    id: Annotated[str, Meta(examples=["payment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    status: Annotated[Status, Meta(examples=["cleared"])]
    operation: Annotated[Operation | None, Meta(examples=["purchase"])]
    channel: Annotated[Channel | None, Meta(examples=["contactless"])]
    merchant: MerchantView
    asked: MoneyWire
    promised: MoneyWire
    taken: MoneyWire
    refunded: MoneyWire
    fee: MoneyWire
    markup: MoneyWire
    owed: MoneyWire
    declined_for: list[ReasonView]
    allow: Annotated[dict[str, str], Meta(examples=[{}])]
    disputes: list[PaymentDispute]
    opened_at: datetime


class PaymentPage(Wire, frozen=True):
    """A page of payments, newest first; `next_cursor` is absent on the last."""

    payments: list[PaymentView]
    next_cursor: str | None = None


class ElementView(Wire, frozen=True):
    """One thing that happened; `original` and `rate` are the merchant's currency and what the network made of it."""

    kind: Annotated[Kind, Meta(examples=["clearing"])]
    amount: MoneyWire
    at: datetime
    original: MoneyWire | None = None
    rate: Annotated[str | None, Meta(examples=["563.2"])] = None


class RelatedView(Wire, frozen=True):
    """Another payment: what this one gives back or takes under another name, or what does so with this one."""

    id: Annotated[str, Meta(examples=["payment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    confidence: Annotated[str, Meta(pattern=r"^(named|exact|likely)$(?!\n)", examples=["exact"])]
    about_this: bool


class Receipt(Wire, frozen=True):
    """A payment with everything that happened in it. `approval` is the code on the merchant's own receipt."""

    payment: PaymentView
    card_id: Annotated[str, Meta(examples=["card_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    approval: Annotated[str, Meta(pattern=r"^[0-9]{6}$(?!\n)", examples=["004711"])] | None
    elements: list[ElementView]
    related: list[RelatedView]


@get(
    "/v1/cards/{card_id:str}/payments",
    operation_id="listCardPayments",
    opt={"scope": "cards:read"},
    tags=["Cards"],
    summary="The payments of a card",
)
async def list_payments(
    request: Request[Any, Any, Any],
    card_id: FromPath[str],
    *,
    story: NamedDependency[Story],
    house: NamedDependency[House],
    status: Annotated[
        str | None, QueryParameter(pattern=_listed("|".join(Status)), description="Only these, with commas.")
    ] = None,
    operation: Annotated[
        str | None, QueryParameter(pattern=_listed("|".join(Operation)), description="Only these, with commas.")
    ] = None,
    channel: Annotated[
        str | None, QueryParameter(pattern=_listed("|".join(Channel)), description="Only these, with commas.")
    ] = None,
    category: Annotated[
        str | None, QueryParameter(pattern=_listed("[0-9]{4}"), description="Only these of ISO 18245, with commas.")
    ] = None,
    merchant: Annotated[
        str | None, QueryParameter(min_length=2, max_length=100, pattern=LINE, description="In the merchant's name.")
    ] = None,
    least_minor: Annotated[int | None, QueryParameter(ge=0, le=_MINOR_MAX, description="This much or more.")] = None,
    most_minor: Annotated[int | None, QueryParameter(ge=0, le=_MINOR_MAX, description="This much or less.")] = None,
    opened_from: Annotated[str | None, QueryParameter(pattern=times.INSTANT, description="RFC 3339.")] = None,
    opened_before: Annotated[str | None, QueryParameter(pattern=times.INSTANT, description="Not included.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> PaymentPage:
    """List what was bought, declined, refunded, newest first. A filtered page may be short and still not the last."""
    wanted = Filter(
        statuses=None if status is None else frozenset(map(Status, status.split(","))),
        operations=None if operation is None else frozenset(map(Operation, operation.split(","))),
        channels=None if channel is None else frozenset(map(Channel, channel.split(","))),
        categories=None if category is None else frozenset(category.split(",")),
        merchant=merchant,
        least=least_minor,
        most=most_minor,
        opened_from=times.read(datetime, opened_from, "opened_from"),
        opened_before=times.read(datetime, opened_before, "opened_before"),
    )
    db = await story()
    card = await cards_card.find(db, ids.parse("card", card_id))
    pager = Pager(house.keys.cursor, f"card-payments/{card.id}/{_digest(wanted)}")
    page = await reading.of_card(db, card.id, wanted, before=_read(pager.place(cursor)), limit=limit)
    tag = language.choose(request.headers.get("accept-language"))
    about = await disputes.of_payments(db, page.payments)
    return PaymentPage(
        payments=[_view(payment, about[payment.id], tag) for payment in page.payments],
        next_cursor=pager.cursor(_write(page.behind)) if page.behind else None,
    )


@get(
    "/v1/card-payments/{payment_id:str}",
    operation_id="readCardPayment",
    opt={"scope": "cards:read"},
    tags=["Cards"],
    summary="The receipt of a card payment",
)
async def read_payment(
    request: Request[Any, Any, Any], payment_id: FromPath[str], *, story: NamedDependency[Story]
) -> Receipt:
    """Show one payment with everything that happened in it, and what it is related to."""
    db = await story()
    payment, related = await reading.one(db, ids.parse("payment", payment_id))
    about = await disputes.of_payment(db, payment)
    assert payment.card is not None, "a payment that somebody may see was made with a card"
    approved = reading.approval(payment)
    return Receipt(
        payment=_view(payment, about, language.choose(request.headers.get("accept-language"))),
        card_id=ids.show("card", payment.card),
        approval=message.approval(payment.id, approved) if approved else None,
        elements=[_element(element) for element in payment.elements],
        related=[_related(each) for each in related],
    )


def _digest(wanted: Filter) -> str:
    """Bind a cursor to the filters it was made with."""
    return hashlib.sha256(msgspec.json.encode(wanted, order="sorted")).hexdigest()[:16]


def _write(place: tuple[datetime, UUID]) -> str:
    opened_at, payment = place
    return f"{opened_at.isoformat()}|{payment}"


def _read(place: str | None) -> tuple[datetime, UUID] | None:
    if place is None:
        return None
    opened_at, _, payment = place.partition("|")
    return datetime.fromisoformat(opened_at), UUID(payment)


def _view(payment: Payment, about: Sequence[Dispute], tag: Language) -> PaymentView:
    sums, shown = payment.sums(), descriptor.clean(payment.merchant)
    questions = [element for element in payment.elements if element.operation]
    return PaymentView(
        id=ids.show("payment", payment.id),
        status=sums.status,
        operation=questions[0].operation if questions else None,
        channel=next((element.channel for element in questions if element.channel), None),
        merchant=MerchantView(
            name=shown.name,
            city=shown.city,
            category=payment.merchant.category,
            country=shown.country,
            descriptor=payment.merchant.name,
        ),
        asked=MoneyWire.of(Money(reading.asked(payment), payment.currency)),
        promised=MoneyWire.of(sums.promised),
        taken=MoneyWire.of(sums.taken),
        refunded=MoneyWire.of(Money(sums.refunded, payment.currency)),
        fee=MoneyWire.of(sums.fee),
        markup=MoneyWire.of(sums.markup),
        owed=MoneyWire.of(sums.owed),
        declined_for=[ReasonView(code=reason, text=texts()[reason][tag]) for reason in spoken(_declined_for(payment))],
        allow=remedy.allowing(payment, payment.elements[-1]) if payment.elements[-1].reasons else {},
        disputes=[PaymentDispute.of(each) for each in about],
        opened_at=payment.opened_at,
    )


def _element(element: Element) -> ElementView:
    return ElementView(
        kind=element.kind,
        amount=MoneyWire.of(element.amount),
        at=element.at,
        original=None if element.original is None else MoneyWire.of(element.original),
        rate=None if element.rate is None else f"{element.rate:f}",
    )


def _related(found: Related) -> RelatedView:
    return RelatedView(id=ids.show("payment", found.payment), confidence=found.confidence, about_this=found.about_this)


def _declined_for(payment: Payment) -> tuple[Reason, ...]:
    """Answer the reasons of the latest question, if it was declined."""
    questions = [
        told
        for told in payment.elements
        if told.kind in {Kind.AUTHORIZATION, Kind.INCREMENT, Kind.INQUIRY, Kind.DECLINE}
    ]
    return questions[-1].reasons if questions else ()


@cache
def texts() -> dict[str, dict[str, str]]:
    """Read what a holder is told of each reason, by language."""
    found: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return found


routes = [list_payments, read_payment]
