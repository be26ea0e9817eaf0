"""The payments of a card as its holder sees them, declined ones with the reason in words."""

import tomllib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from app import language
from app.db import Story
from app.house import House
from app.http import ids
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import MoneyWire, Wire
from app.language import Language
from cards import archive
from cards import card as cards_card
from cards.payment import Kind, Payment, Status
from cards.reason import Reason


class MerchantView(Wire, frozen=True):
    """Who was paid, as the network spells it."""

    name: Annotated[str, Meta(examples=["Dostyk Books"])]
    category: Annotated[str, Meta(pattern=r"^[0-9]{4}$(?!\n)", description="ISO 18245.", examples=["5942"])]
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="ISO 3166-1.", examples=["KZ"])]


class ReasonView(Wire, frozen=True):
    """Why a payment was declined: a code for programs, a text in the caller's language."""

    code: Annotated[Reason, Meta(examples=["insufficient_funds"])]
    text: Annotated[str, Meta(examples=["There was not enough money in the wallet."])]


class PaymentView(Wire, frozen=True):
    """A payment: what was asked, what of it may still be taken, what was taken; `declined_for` names every reason."""

    id: Annotated[str, Meta(examples=["payment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    status: Annotated[Status, Meta(examples=["cleared"])]
    merchant: MerchantView
    asked: MoneyWire
    promised: MoneyWire
    taken: MoneyWire
    declined_for: list[ReasonView]
    opened_at: datetime


class PaymentPage(Wire, frozen=True):
    """A page of payments, newest first; `next_cursor` is absent on the last."""

    payments: list[PaymentView]
    next_cursor: str | None = None


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
    limit: Limit = 20,
    cursor: Cursor = None,
) -> PaymentPage:
    """List what was bought with a card, and what was declined and why, newest first."""
    db = await story()
    card = await cards_card.find(db, ids.parse("card", card_id))
    pager = Pager(house.keys.cursor, f"card-payments/{card.id}")
    found = await archive.of_card(db, card.id, before=_read(pager.place(cursor)), limit=limit + 1)
    shown = found[:limit]
    tag = language.choose(request.headers.get("accept-language"))
    return PaymentPage(
        payments=[_view(payment, tag) for payment in shown],
        next_cursor=pager.cursor(_write(shown[-1])) if len(found) > limit else None,
    )


def _write(payment: Payment) -> str:
    return f"{payment.opened_at.isoformat()}|{payment.id}"


def _read(place: str | None) -> tuple[datetime, UUID] | None:
    if place is None:
        return None
    opened_at, _, payment = place.partition("|")
    return datetime.fromisoformat(opened_at), UUID(payment)


def _view(payment: Payment, tag: Language) -> PaymentView:
    sums = payment.sums()
    return PaymentView(
        id=ids.show("payment", payment.id),
        status=sums.status,
        merchant=MerchantView(
            name=payment.merchant.name, category=payment.merchant.category, country=payment.merchant.country
        ),
        asked=MoneyWire.of(sums.authorized or sums.declined or sums.captured or sums.reversed),
        promised=MoneyWire.of(sums.promised),
        taken=MoneyWire.of(sums.captured),
        declined_for=[ReasonView(code=reason, text=texts()[reason][tag]) for reason in _declined_for(payment)],
        opened_at=payment.opened_at,
    )


def _declined_for(payment: Payment) -> tuple[Reason, ...]:
    """Answer the reasons of the latest question, if it was declined."""
    questions = [told for told in payment.elements if told.kind in {Kind.AUTHORIZATION, Kind.DECLINE}]
    return questions[-1].reasons if questions else ()


@cache
def texts() -> dict[str, dict[str, str]]:
    """Read what a holder is told of each reason, by language."""
    found: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return found


routes = [list_payments]
