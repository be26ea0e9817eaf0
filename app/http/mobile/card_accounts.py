"""Cards that another processor issues, in its countries and its currency: their prepaid account, the order, the number.

path   GET, POST /v1/card-accounts          ->  app/card_accounts.py   listed(), open_()
       POST /v1/card-accounts/{id}/cards    ->  app/processing.py      ask()    the worker asks the processor
       POST /v1/cards/{id}/sessions         ->  cards/processor.py     reveal_session(), provision_wallet()

An account is filled by an exchange: POST /v1/fx-quotes with `buys_to` naming it. A card that was ordered is in the list
of cards once the processor made it.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import card_accounts, card_holders, card_offer, db, language, person, processing, standing, vault
from app import ids as mint
from app.auth import contact, stepup
from app.auth.principal import Principal
from app.card_accounts import Prepaid
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.card_view import Country, LimitsView, card_shown
from app.http.wire import LINE, CurrencyCode, MoneyWire, Wire
from app.idempotency import Once
from cards import card as cards_card
from cards import elsewhere
from cards.card import Card, Form, Limits
from cards.command import CreateCardholder, IssueCard, UpdateCardholder
from cards.processor import Address, Cardholder, Device, Refused, Session, Unknown
from law.calendar import statutory_date
from law.money import Currency, Money

_TAGS = ["Card accounts"]
CardAccountId = Annotated[str, Meta(examples=["card_account_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
OfferVersion = Annotated[str, Meta(min_length=1, max_length=64, examples=["stripe-2026-1"])]
_Line = Annotated[str, Meta(min_length=1, max_length=70, pattern=LINE, examples=["Unter den Linden 5"])]


class OfferView(Wire, frozen=True):
    """What is told before such a card is ordered; `countries` are where its holder has to live."""

    version: OfferVersion
    currency: CurrencyCode
    countries: Annotated[list[Country], Meta(examples=[["DE", "FR"]])]
    text: Annotated[str, Meta(examples=["This card is issued through Stripe …"])]


class CardAccountView(Wire, frozen=True):
    """A prepaid account; `balance` is what is on it, `available` that less what merchants were promised."""

    id: CardAccountId
    currency: CurrencyCode
    balance: MoneyWire
    available: MoneyWire
    opened_at: datetime

    @classmethod
    def of(cls, found: Prepaid) -> "CardAccountView":
        """Show it."""
        return cls(
            id=ids.show("card_account", found.account),
            currency=str(found.currency),
            balance=MoneyWire.of(found.posted),
            available=MoneyWire.of(found.available),
            opened_at=found.opened_at,
        )


class CardAccountList(Wire, frozen=True):
    """The offer, and the caller's accounts."""

    offer: OfferView
    accounts: list[CardAccountView]


class CardAccountOpened(Wire, frozen=True):
    """An account that is there from now on, with nothing on it."""

    id: CardAccountId
    currency: CurrencyCode


class Home(Wire, frozen=True, kw_only=True):
    """Where the caller lives, as bills are sent there."""

    line1: _Line
    line2: _Line | None = None
    city: Annotated[str, Meta(min_length=1, max_length=70, pattern=LINE, examples=["Berlin"])]
    postal_code: Annotated[str, Meta(min_length=1, max_length=16, pattern=LINE, examples=["10117"])]
    region: _Line | None = None
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="ISO 3166-1.", examples=["DE"])]


class OrderElsewhere(Wire, frozen=True, kw_only=True):
    """A virtual card on the account. `accepted_offer` names what the caller has read."""

    accepted_offer: OfferVersion
    home: Home
    limits: LimitsView = LimitsView()


class OrderedElsewhere(Wire, frozen=True):
    """The order: the card comes to be under this id when the processor has made it."""

    card_id: Annotated[str, Meta(examples=["card_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    state: Annotated[Literal["requested"], Meta(examples=["requested"])] = "requested"


class OpenSession(Wire, frozen=True):
    """A token of the processor's own library on the device, and the passkey's answer over `card.reveal`.

    What is confirmed: the last four digits and the id of the card, and the nonce as `device_key`. Without a wallet it
    is to see the number.
    """

    nonce: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{8,255}$(?!\n)", examples=["ephkn_1P0vqBB7WZ01zgkW"])]
    wallet: Annotated[Literal["apple_pay", "google_pay"] | None, Meta(examples=[None])] = None
    step_up: stepup.Confirmation | None = None


class SessionView(Wire, frozen=True):
    """What the processor's library on the device takes. It is not kept here."""

    secret: Annotated[str, Meta(examples=["ek_live_…"])]
    expires_at: datetime


@get(
    "/v1/card-accounts",
    operation_id="listCardAccounts",
    opt={"scope": "cards:read"},
    tags=_TAGS,
    summary="Prepaid card accounts",
)
async def list_accounts(
    request: Request[Any, Any, Any],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> CardAccountList:
    """Show what is offered beside cards in tenge, and the caller's accounts for it."""
    programme = processing.programme(house)
    found = await card_accounts.listed(await story(), me.subject, programme)
    tag = language.choose(request.headers.get("accept-language"))
    offer = OfferView(
        version=card_offer.VERSION,
        currency=str(programme.currency),
        countries=sorted(programme.lives),
        text=card_offer.TEXTS[tag].format(currency=programme.currency),
    )
    return CardAccountList(offer=offer, accounts=[CardAccountView.of(each) for each in found])


@post(
    "/v1/card-accounts",
    operation_id="openCardAccount",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Open a prepaid card account",
)
async def open_account(
    once: NamedDependency[Once], me: NamedDependency[Principal], house: NamedDependency[House]
) -> Response[CardAccountOpened]:
    """Open the account that cards in the programme's currency spend from."""
    programme = processing.programme(house)

    async def act(story: Story) -> CardAccountOpened:
        connection = await story()
        await standing.require_e_resident(connection, me.subject)
        opened = await card_accounts.open_(connection, me.subject, programme, actor=me.actor, at=story.now)
        return CardAccountOpened(id=ids.show("card_account", opened), currency=str(programme.currency))

    return await once(act, headers=lambda _: {"Location": "/v1/card-accounts"})


@post(
    "/v1/card-accounts/{card_account_id:str}/cards",
    operation_id="orderCardElsewhere",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Order a card on a prepaid account",
    status_code=202,
)
async def order_card(
    card_account_id: FromPath[str],
    data: JSONBody[OrderElsewhere],
    request: Request[Any, Any, Any],
    *,
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[OrderedElsewhere]:
    """Have the processor make a card. It is told who asks, and where they live."""
    programme = processing.programme(house)
    if data.accepted_offer != card_offer.VERSION:
        raise card_offer.OfferNotAccepted(card_offer.VERSION)
    if data.home.country not in programme.lives:
        raise card_offer.NotServedThere(data.home.country)

    async def act(story: Story) -> OrderedElsewhere:
        connection = await story()
        await standing.require_e_resident(connection, me.subject)
        await card_holders.recognise(connection, resident=me.subject)
        about = ids.parse("card_account", card_account_id)
        prepaid = await card_accounts.find(connection, me.subject, about, programme)
        safe = await vault.of(connection, house.keys.kms, me.subject, story.now)
        wanted = IssueCard(
            card=mint.new(),
            holder=me.subject,
            lane=prepaid.lane,
            account=prepaid.account,
            form=Form.VIRTUAL,
            currency=prepaid.currency,
            limits=_limits(data.limits, prepaid.currency),
            denied=processing.denied(story.now),
            issuance_basis=programme.issuance_basis,
            notice_version=card_offer.VERSION,
            notice_language=language.choose(request.headers.get("accept-language")),
        )
        holder = await _holder(connection, house, me, data.home, story)
        named: dict[str, Any] = {"holder": me.subject, "processor": processing.CODE, "actor": me.actor, "at": story.now}
        known = await elsewhere.reference(connection, processor=processing.CODE, kind="cardholder", ours=me.subject)
        first = UpdateCardholder(holder) if known else CreateCardholder(holder)
        for asked in (first, wanted):
            await processing.ask(connection, safe, asked, **named)
        return OrderedElsewhere(card_id=ids.show("card", wanted.card))

    return await once(act, headers=lambda made: {"Location": f"/v1/cards/{made.card_id}"})


@post(
    "/v1/cards/{card_id:str}/sessions",
    operation_id="openCardSession",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="See the number of a card issued elsewhere",
    status_code=200,
)
async def open_session(
    card_id: FromPath[str],
    data: JSONBody[OpenSession],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[SessionView]:
    """Have the processor show the number to the device, or load it into its wallet; the number never comes by us."""
    # Without Idempotency-Key: the nonce is good for once, and no answer with a secret in it is kept.
    async with db.transaction(house.api, holder=me.subject, audience=me.role, actor=me.actor) as story:
        connection = await story()
        card = await cards_card.find(connection, ids.parse("card", card_id))
        shown = {**card_shown(card), "device_key": data.nonce}
        await stepup.redeem(
            connection, house.settings, me, operation="card.reveal", shown=shown, confirmation=data.step_up
        )
        named = await _named(connection, card)
    answer = await _ask(house, named, data, key=f"{card.id}/{data.nonce}")
    view = SessionView(secret=answer.secret.text, expires_at=answer.expires_at)
    return Response(view, headers={"Cache-Control": "no-store"})


async def _named(connection: AsyncConnection, card: Card) -> str:
    named = await elsewhere.reference(connection, processor=card.processor, kind="card", ours=card.id)
    if named is None:
        raise processing.NotOffered
    return named


async def _ask(house: House, named: str, data: OpenSession, *, key: str) -> Session:
    """Ask the processor, with no transaction open."""
    processor, device = processing.processor(house), Device(nonce=data.nonce, wallet=data.wallet)
    ask = processor.provision_wallet if data.wallet else processor.reveal_session
    answer = await ask(named, device, key)
    if isinstance(answer, Unknown):
        raise processing.NotAnswered
    if isinstance(answer, Refused) or not isinstance(answer, Session):
        raise processing.NotGranted
    return answer


async def _holder(connection: AsyncConnection, house: House, me: Principal, home: Home, story: Story) -> Cardholder:
    """Say who the card is for: names and birth as their document has them."""
    kms = house.keys.kms
    who = await person.identified(connection, kms, me.subject, statutory_date(story.now))
    reached = {str(each.kind): each.value for each in await contact.of(connection, kms, me.subject)}
    return Cardholder(
        id=me.subject,
        given_names=who.given,
        surname=who.surname,
        born_on=_born(who.born),
        address=Address(
            line1=home.line1,
            line2=home.line2,
            city=home.city,
            postal_code=home.postal_code,
            region=home.region,
            country=home.country,
        ),
        email=reached.get("email"),
        phone=reached.get("phone"),
    )


def _born(said: str) -> date:
    """Read a date of birth; some documents leave a part of it out, and a processor wants all of it."""
    try:
        return date.fromisoformat(said)
    except ValueError as error:
        raise person.NotIdentified from error


def _limits(asked: LimitsView, currency: Currency) -> Limits:
    """Read the limits of a new card."""

    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, currency)

    names = Limits.__struct_fields__
    return Limits(**{name: money(getattr(asked, f"{name}_max_minor")) for name in names})


routes = [list_accounts, open_account, order_card, open_session]
