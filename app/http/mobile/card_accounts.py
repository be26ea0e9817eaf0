"""Cards that another processor issues, in its countries and its currency: their prepaid account, the order, the number.

path   GET, POST /v1/card-accounts          ->  app/cards/accounts.py   listed(), open_()
       POST /v1/card-accounts/{id}/cards    ->  app/cards/stripe_processor.py   issue_card()
       POST /v1/cards/{id}/sessions         ->  cards/processing/processor.py   reveal()  of whoever processes the card

An account is filled by an exchange: POST /v1/fx-quotes with `buys_to` naming it. A card that was ordered is in the list
of cards once the processor made it.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, convert, structs

from app import db, language, standing
from app import ids as mint
from app.auth import stepup
from app.auth.principal import Principal
from app.cards import accounts as card_accounts
from app.cards import cardholders, holders, offers, processing, processors
from app.cards.accounts import Prepaid
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile import card_shipping, cards
from app.http.mobile.card_view import CardComing, Country, LimitsView, card_shown
from app.http.wire import LINE, CurrencyCode, MoneyWire, NotTogether, Wire
from app.idempotency import Once
from cards import card as cards_card
from cards.card import Form, Limits
from cards.processing import processor
from cards.processing.processor import Coming, Wanted
from cards.programme.order import Order

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
    """A card on the account. `accepted_offer` names what the caller has read; a plastic one is sent to `address`."""

    accepted_offer: OfferVersion
    home: Home
    form: Annotated[Form, Meta(examples=["virtual"])] = Form.VIRTUAL
    limits: LimitsView = LimitsView()
    address: Annotated[card_shipping.Address | None, Meta(examples=[None])] = None


class OpenSession(Wire, frozen=True):
    """A token of the processor's own library on the device, and the passkey's answer over what it is for.

    Without a wallet it is to see the number: `card.reveal`, over the last four digits and the id of the card, and the
    nonce as `device_key`. With one the card is loaded into it: `card_wallet.load`, over the same and the wallet.
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
        version=offers.VERSION,
        currency=str(programme.currency),
        countries=sorted(programme.lives),
        text=offers.TEXTS[tag].format(currency=programme.currency),
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
) -> Response[CardComing]:
    """Have the processor make a card. It is told who asks, and where they live."""
    programme = processing.programme(house)
    if data.accepted_offer != offers.VERSION:
        raise offers.OfferNotAccepted(offers.VERSION)
    if data.home.country not in programme.lives:
        raise offers.NotServedThere(data.home.country)

    if (data.form is Form.PLASTIC) is not (data.address is not None):
        raise NotTogether("form", "address")

    async def act(story: Story) -> CardComing:
        connection = await story()
        await standing.require_e_resident(connection, me.subject)
        about = ids.parse("card_account", card_account_id)
        prepaid = await card_accounts.find(connection, me.subject, about, programme)
        asked = Order(
            card=mint.new(),
            holder=await holders.holder(connection, me.subject),
            lane=prepaid.lane,
            account=prepaid.account,
            currency=prepaid.currency,
            form=data.form,
            limits=cards.SetLimits(**structs.asdict(data.limits)).over(Limits(), prepaid.currency),
            notice_version=offers.VERSION,
            notice_language=language.choose(request.headers.get("accept-language")),
        )
        home = convert(data.home, processor.Address, from_attributes=True)
        whom = await cardholders.told(connection, house.keys.kms, me.subject, home, at=story.now)
        wanted = Wanted(order=asked, whom=whom, to=data.address.read() if data.address else None)
        by = await processors.asking(story, me.actor)
        coming = await processors.of(house, processing.CODE).issue_card(by, wanted)
        assert isinstance(coming, Coming), "a card elsewhere comes when it is made"
        return CardComing(id=ids.show("card", coming.card))

    return await once(act, headers=lambda made: {"Location": f"/v1/cards/{made.id}"})


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
        operation = "card.reveal" if data.wallet is None else "card_wallet.load"
        shown |= {} if data.wallet is None else {"wallet": data.wallet}
        await stepup.redeem(connection, house.settings, me, operation=operation, shown=shown, confirmation=data.step_up)
        by, device = await processors.asking(story, me.actor), processor.Device(nonce=data.nonce, wallet=data.wallet)
        opening = await processors.of(house, card.processor).reveal(by, card, device)
    answer = await opening()
    view = SessionView(secret=answer.secret.text, expires_at=answer.expires_at)
    return Response(view, headers={"Cache-Control": "no-store"})


routes = [list_accounts, open_account, order_card, open_session]
