"""The resident's cards: order one, see them, limit them.

path   POST /v1/cards            ->  cards/processing/processor.py   issue_card()  of whoever processes the card
       PATCH /v1/cards/{id}      ->  the same                  limit()

The passkey is asked for higher limits; ordering costs nothing, and whatever takes rights from a card is free.
"""

from typing import Annotated, Any

from litestar import Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody
from msgspec import UNSET, Meta, UnsetType, structs

from app import ids as mint
from app import language, standing
from app.auth import stepup
from app.auth.principal import Principal
from app.cards import holders, processors
from app.db import Story
from app.house import House
from app.http import ids, precondition
from app.http.mobile.card_shipping import Address
from app.http.mobile.card_view import CardView, LimitsView, NoticeVersion, card_shown, etag
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import Minor, NotTogether, Wire
from app.idempotency import Once
from cards import card as cards_card
from cards.card import Card, Form, Limits
from cards.processing.processor import Wanted
from cards.programme import change, child, order
from law.money import Currency, Money
from wallet import account

_TAGS = ["Cards"]
IfMatch = Annotated[
    str | None, HeaderParameter(name="If-Match", description="The ETag that the edit was made on; required.")
]


class OrderCard(Wire, frozen=True):
    """A card on the caller's wallet. `accepted_notice` names the consumer notice the caller has read.

    A plastic card is sent to `address`, which a virtual one has not.
    """

    accepted_notice: NoticeVersion
    form: Annotated[Form, Meta(examples=["virtual"])] = Form.VIRTUAL
    limits: LimitsView = LimitsView()
    address: Annotated[Address | None, Meta(examples=[None])] = None


class SetLimits(Wire, frozen=True):
    """What to change: a limit that is absent stays, one that is null is lifted.

    What raises or lifts a limit needs the passkey's answer over `card.limits`: all limits as they will be, `none` for
    no limit, and the card's version before. Limits of a child's card stay within the programme's.
    """

    per_payment_max_minor: Minor | UnsetType | None = UNSET
    per_day_max_minor: Minor | UnsetType | None = UNSET
    per_week_max_minor: Minor | UnsetType | None = UNSET
    per_month_max_minor: Minor | UnsetType | None = UNSET
    per_year_max_minor: Minor | UnsetType | None = UNSET
    step_up: stepup.Confirmation | None = None

    def over(self, before: Limits, currency: Currency) -> Limits:
        """Say what the limits are after this."""
        return Limits(
            per_payment=_changed(before.per_payment, self.per_payment_max_minor, currency),
            per_day=_changed(before.per_day, self.per_day_max_minor, currency),
            per_week=_changed(before.per_week, self.per_week_max_minor, currency),
            per_month=_changed(before.per_month, self.per_month_max_minor, currency),
            per_year=_changed(before.per_year, self.per_year_max_minor, currency),
        )


class CardPage(Wire, frozen=True):
    """A page of cards, newest first; `next_cursor` is absent on the last."""

    cards: list[CardView]
    next_cursor: str | None = None


@post("/v1/cards", operation_id="orderCard", opt={"scope": "cards:write"}, tags=_TAGS, summary="Order a card")
async def order_card(
    request: Request[Any, Any, Any],
    data: JSONBody[OrderCard],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[CardView]:
    """Order a card on the caller's wallet; a virtual one can be used at once, a plastic one is activated on arrival."""
    if (data.form is Form.PLASTIC) is not (data.address is not None):
        raise NotTogether("form", "address")

    async def act(story: Story) -> CardView:
        tag = language.choose(request.headers.get("accept-language"))
        asked = await wanted(story, me, data.form, data.limits, notice=data.accepted_notice, tag=tag)
        made = Wanted(order=asked, to=data.address.read() if data.address else None)
        return CardView.of(await ordered(story, house, me, made))

    return await once(act, headers=lambda view: {"Location": f"/v1/cards/{view.id}", **etag(view)})


async def wanted(
    story: Story, me: Principal, form: Form, limits: LimitsView, *, notice: str, tag: language.Language
) -> order.Order:
    """Say what an e-resident orders on their wallet; raises standing.NotEResident, wallet.account.NoWallet."""
    db = await story()
    await standing.require_e_resident(db, me.subject)
    mine = await account.wallet(db, me.subject)
    currency = mine.available.currency
    return order.Order(
        card=mint.new(),
        holder=await holders.holder(db, me.subject),
        lane=mine.lane,
        account=mine.account,
        currency=currency,
        form=form,
        limits=SetLimits(**structs.asdict(limits)).over(Limits(), currency),
        notice_version=notice,
        notice_language=tag,
    )


async def ordered(story: Story, house: House, me: Principal, wanted: Wanted) -> Card:
    """Have our own processor make a card; raises what cards/programme/order.py does."""
    made = await processors.of(house).issue_card(await processors.asking(story, me.actor), wanted)
    assert isinstance(made, Card), "our own cards are there at once"
    return made


@get("/v1/cards", operation_id="listCards", opt={"scope": "cards:read"}, tags=_TAGS, summary="The cards")
async def list_cards(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> CardPage:
    """List the caller's cards, closed ones and children's too, newest first."""
    pager = Pager(house.keys.cursor, f"cards/{me.subject}")
    place = pager.place(cursor)
    after = ids.parse("card", place) if place else None
    found = await cards_card.of_holder(await story(), me.subject, after=after, limit=limit + 1)
    shown = [CardView.of(card) for card in found[:limit]]
    return CardPage(cards=shown, next_cursor=pager.cursor(shown[-1].id) if len(found) > limit else None)


@get("/v1/cards/{card_id:str}", operation_id="getCard", opt={"scope": "cards:read"}, tags=_TAGS, summary="A card")
async def get_card(card_id: FromPath[str], story: NamedDependency[Story]) -> Response[CardView]:
    """Show one of the caller's cards."""
    view = CardView.of(await cards_card.find(await story(), ids.parse("card", card_id)))
    return Response(view, headers=etag(view))


@patch(
    "/v1/cards/{card_id:str}",
    operation_id="setCardLimits",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Limit a card",
)
async def set_limits(
    card_id: FromPath[str],
    data: JSONBody[SetLimits],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    *,
    if_match: IfMatch = None,
) -> Response[CardView]:
    """Set or lift the caller's own limits of a card, over the version named in If-Match; the passkey raises them."""
    db = await story()
    before = await change.locked(db, ids.parse("card", card_id))
    precondition.check(if_match, before.version)
    limits = data.over(before.limits, before.currency)
    if before.parent is not None:
        child.within(limits, child.offered(holders.regime(story.now)))
    if any(_raises(getattr(before.limits, name), getattr(limits, name)) for name in Limits.__struct_fields__):
        shown = _limits_shown(before, limits)
        await stepup.redeem(db, house.settings, me, operation="card.limits", shown=shown, confirmation=data.step_up)
    by = await processors.asking(story, me.actor)
    view = CardView.of(await processors.of(house, before.processor).limit(by, before, limits))
    return Response(view, headers=etag(view))


def _limits_shown(before: Card, limits: Limits) -> stepup.Shown:
    amounts = structs.asdict(LimitsView.of(limits))
    return {
        **card_shown(before),
        "version": before.version,
        "currency": str(before.currency),
        **{name: "none" if most is None else most for name, most in amounts.items()},
    }


def _raises(before: Money | None, after: Money | None) -> bool:
    return before is not None and (after is None or after > before)


def _changed(before: Money | None, asked: int | UnsetType | None, currency: Currency) -> Money | None:
    if asked is UNSET:
        return before
    return None if asked is None else Money(asked, currency)


routes = [order_card, list_cards, get_card, set_limits]
