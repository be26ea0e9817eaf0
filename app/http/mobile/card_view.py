"""A card as its holder sees it: what it is, what state it is in, what it may be used for.

shows      app/http/mobile/cards.py card_life.py card_settings.py card_children.py
"""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from app.http import ids, precondition
from app.http.wire import CurrencyCode, Minor, Wire
from cards.card import Card, Closing, Form, Limits, Owner, State
from cards.payments.message import Channel, Operation
from cards.programme.permission import Controls, Trip
from law.money import Money

CardId = Annotated[str, Meta(examples=["card_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
NoticeVersion = Annotated[str, Meta(min_length=1, max_length=64, examples=["sandbox-2026-1"])]

Category = Annotated[str, Meta(pattern=r"^[0-9]{4}$(?!\n)", description="ISO 18245.", examples=["5942"])]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="ISO 3166-1.", examples=["KZ"])]
MerchantId = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9 ._-]{1,20}$(?!\n)", description="As the card's payments name it.", examples=["M-1001"]),
]
_FEW = Meta(max_length=80)
_VERY_FEW = Meta(max_length=20)


class LimitsView(Wire, frozen=True):
    """What the holder lets the card spend, in the card's currency; null is no limit.

    Days, weeks (from Monday), months and years are those of the calendar in Kazakhstan.
    """

    per_payment_max_minor: Minor | None = None
    per_day_max_minor: Minor | None = None
    per_week_max_minor: Minor | None = None
    per_month_max_minor: Minor | None = None
    per_year_max_minor: Minor | None = None

    @classmethod
    def of(cls, limits: Limits) -> "LimitsView":
        """Show limits."""
        return cls(
            per_payment_max_minor=minor(limits.per_payment),
            per_day_max_minor=minor(limits.per_day),
            per_week_max_minor=minor(limits.per_week),
            per_month_max_minor=minor(limits.per_month),
            per_year_max_minor=minor(limits.per_year),
        )


class Categories(Wire, frozen=True):
    """Merchant categories: `only` these where it is not null, and `never` those."""

    only: Annotated[tuple[Category, ...], _FEW] | None = None
    never: Annotated[tuple[Category, ...], _FEW] = ()


class Countries(Wire, frozen=True):
    """Countries of the merchant: `only` these where it is not null, and `never` those."""

    only: Annotated[tuple[Country, ...], _FEW] | None = None
    never: Annotated[tuple[Country, ...], _FEW] = ()


class Merchants(Wire, frozen=True):
    """Merchants: `only` these where it is not null, and `never` those."""

    only: Annotated[tuple[MerchantId, ...], _VERY_FEW] | None = None
    never: Annotated[tuple[MerchantId, ...], _VERY_FEW] = ()


class Channels(Wire, frozen=True):
    """How the card is used: `only` these where it is not null, and `never` those."""

    only: Annotated[tuple[Channel, ...], _VERY_FEW] | None = None
    never: Annotated[tuple[Channel, ...], Meta(max_length=20, examples=[["magstripe"]])] = ()


class Operations(Wire, frozen=True):
    """What the money is for: `only` these where it is not null, and `never` those."""

    only: Annotated[tuple[Operation, ...], _VERY_FEW] | None = None
    never: Annotated[tuple[Operation, ...], Meta(max_length=20, examples=[["cash"]])] = ()


class Currencies(Wire, frozen=True):
    """What the merchant charges in: `only` these where it is not null, and `never` those."""

    only: Annotated[tuple[CurrencyCode, ...], _FEW] | None = None
    never: Annotated[tuple[CurrencyCode, ...], _FEW] = ()


class ControlsView(Wire, frozen=True):
    """What the holder permits; all have to let a purchase pass. The programme's own denials stay, whatever is here."""

    categories: Categories = Categories()
    countries: Countries = Countries()
    merchants: Merchants = Merchants()
    channels: Channels = Channels()
    operations: Operations = Operations()
    currencies: Currencies = Currencies()

    @classmethod
    def of(cls, controls: Controls) -> "ControlsView":
        """Show controls, each list in order."""
        return msgspec.convert(msgspec.to_builtins(controls, order="deterministic"), cls)

    def read(self) -> Controls:
        """Read them in."""
        return msgspec.convert(msgspec.to_builtins(self), Controls)


class TripView(Wire, frozen=True):
    """A journey: purchases in its countries pass the card's choice of countries from `begins_on` to `ends_on`."""

    countries: Annotated[list[Country], Meta(min_length=1, max_length=20, examples=[["DE", "FR"]])]
    begins_on: Annotated[date, Meta(examples=["2026-12-20"])]
    ends_on: Annotated[date, Meta(description="The last day.", examples=["2027-01-10"])]

    @classmethod
    def of(cls, trip: Trip) -> "TripView":
        """Show a journey."""
        return cls(countries=sorted(trip.countries), begins_on=trip.begins, ends_on=trip.ends)


class CardView(Wire, frozen=True):
    """A card as its holder sees it. `version` grows with each change and is the ETag.

    It can be used while it is `active`, not `frozen` by the holder and suspended by nobody (`suspended_by`).
    """

    id: CardId
    form: Annotated[Form, Meta(examples=["virtual"])]
    state: Annotated[State, Meta(examples=["active"])]
    closed_for: Annotated[Closing | None, Meta(examples=[None])]
    frozen: Annotated[bool, Meta(examples=[False])]
    suspended_by: Annotated[list[Owner], Meta(examples=[[]])]
    last4: Annotated[str, Meta(pattern=r"^[0-9]{4}$(?!\n)", examples=["4242"])]
    currency: CurrencyCode
    expires_on: Annotated[date, Meta(description="The last day it can be used.", examples=["2027-10-31"])]
    limits: LimitsView
    controls: ControlsView
    trips: list[TripView]
    issuance_basis: Annotated[str, Meta(examples=["NBK-SANDBOX-ASSUMED-1"])]
    accepted_notice: NoticeVersion
    exemption: Annotated[
        str | None, Meta(description="Why it may be valid for longer than a non-resident's card.", examples=[None])
    ]
    replaces: Annotated[str | None, Meta(description="The card whose successor it is.", examples=[None])]
    child_of: Annotated[str | None, Meta(description="The parent's card, of a child's.", examples=[None])]
    verified_until: Annotated[
        date | None, Meta(description="The last day for which the holder's identity is verified.", examples=[None])
    ]
    ordered_at: datetime
    version: Annotated[int, Meta(ge=1, examples=[2])]

    @classmethod
    def of(cls, card: Card) -> "CardView":
        """Show a card."""
        return cls(
            id=ids.show("card", card.id),
            form=card.form,
            state=card.state,
            closed_for=card.closed_for,
            frozen=card.frozen,
            suspended_by=sorted(flag.owner for flag in card.suspended),
            last4=card.last4,
            currency=str(card.currency),
            expires_on=card.expires_on,
            limits=LimitsView.of(card.limits),
            controls=ControlsView.of(card.controls),
            trips=[TripView.of(trip) for trip in card.trips],
            issuance_basis=card.issuance_basis,
            accepted_notice=card.notice_version,
            exemption=card.exemption,
            replaces=ids.show("card", card.replaces) if card.replaces else None,
            child_of=ids.show("card", card.parent) if card.parent else None,
            verified_until=card.verified_until,
            ordered_at=card.ordered_at,
            version=card.version,
        )


class CardComing(Wire, frozen=True):
    """A card that its processor was asked to make: it is in the list of cards, under this id, when it is there."""

    id: CardId
    state: Annotated[Literal["requested"], Meta(examples=["requested"])] = "requested"


def etag(view: CardView) -> dict[str, str]:
    """Give the version of a card as its ETag."""
    return {"ETag": precondition.etag(view.version)}


def card_shown(card: Card) -> dict[str, str | int]:
    """Say which card is meant, in what the passkey signs."""
    return {"card": card.last4, "card_id": ids.show("card", card.id)}


def minor(amount: Money | None) -> int | None:
    """Show an amount of the card's currency."""
    return None if amount is None else amount.minor
