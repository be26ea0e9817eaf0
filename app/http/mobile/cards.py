"""The resident's cards: order one, see them, freeze, limit and close them, look at the number.

path   POST /v1/cards          ->  cards/order.py   order()
       POST /v1/cards/{id}/…   ->  cards/change.py  turn()
       PATCH /v1/cards/{id}    ->  cards/change.py  limit()

The passkey is asked for the number and for higher limits; ordering costs nothing, and whatever takes rights from a card
is free.
"""

from datetime import date, datetime
from typing import Annotated, Any

from litestar import Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody
from msgspec import UNSET, Meta, UnsetType

from app import ids as mint
from app import language, standing
from app.auth import stepup
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids, precondition
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import CurrencyCode, Minor, Wire
from app.idempotency import Once
from cards import card as cards_card
from cards import change, order, reveal
from cards.card import Act, Card, Form, Limits, State
from law.calendar import statutory_date
from law.money import Currency, Money
from law.regime import PROGRAMME, Phase
from law.seed import THRESHOLDS
from wallet import account

CardId = Annotated[str, Meta(examples=["card_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Expiry = Annotated[
    str,
    Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$(?!\n)", description="Year and month on the card.", examples=["2027-10"]),
]
IfMatch = Annotated[
    str | None, HeaderParameter(name="If-Match", description="The ETag that the edit was made on; required.")
]
NoticeVersion = Annotated[str, Meta(min_length=1, max_length=64, examples=["sandbox-2026-1"])]


class LimitsView(Wire, frozen=True):
    """What the holder lets the card spend, in the card's currency; null is no limit. Days are days in Kazakhstan."""

    per_payment_max_minor: Minor | None = None
    per_day_max_minor: Minor | None = None


class OrderCard(Wire, frozen=True):
    """A virtual card on the caller's wallet. `accepted_notice` names the consumer notice the caller has read."""

    accepted_notice: NoticeVersion
    limits: LimitsView = LimitsView()


class SetLimits(Wire, frozen=True):
    """What to change: a limit that is absent stays, one that is null is lifted.

    What raises or lifts a limit needs the passkey's answer over `card.limits`: both limits as they will be, `none` for
    no limit, and the card's version before.
    """

    per_payment_max_minor: Minor | UnsetType | None = UNSET
    per_day_max_minor: Minor | UnsetType | None = UNSET
    step_up: stepup.Confirmation | None = None


class RevealCard(Wire, frozen=True):
    """The passkey's answer over `card.reveal`: the last four digits and the id of the card."""

    step_up: stepup.Confirmation | None = None


class CardView(Wire, frozen=True):
    """A card as its holder sees it. `version` grows with each change and is the ETag."""

    id: CardId
    form: Annotated[Form, Meta(examples=["virtual"])]
    state: Annotated[State, Meta(examples=["active"])]
    last4: Annotated[str, Meta(pattern=r"^[0-9]{4}$(?!\n)", examples=["4242"])]
    currency: CurrencyCode
    expires_on: Annotated[date, Meta(description="The last day it can be used.", examples=["2027-10-31"])]
    limits: LimitsView
    issuance_basis: Annotated[str, Meta(examples=["NBK-SANDBOX-ASSUMED-1"])]
    accepted_notice: NoticeVersion
    ordered_at: datetime
    version: Annotated[int, Meta(ge=1, examples=[2])]

    @classmethod
    def of(cls, card: Card) -> "CardView":
        """Show a card."""
        return cls(
            id=ids.show("card", card.id),
            form=card.form,
            state=card.state,
            last4=card.last4,
            currency=str(card.currency),
            expires_on=card.expires_on,
            limits=LimitsView(
                per_payment_max_minor=_minor(card.limits.per_payment), per_day_max_minor=_minor(card.limits.per_day)
            ),
            issuance_basis=card.issuance_basis,
            accepted_notice=card.notice_version,
            ordered_at=card.ordered_at,
            version=card.version,
        )


class CardPage(Wire, frozen=True):
    """A page of cards, newest first; `next_cursor` is absent on the last."""

    cards: list[CardView]
    next_cursor: str | None = None


class NoticeView(Wire, frozen=True):
    """What must be read before a card is ordered, and under which regime the programme runs."""

    version: NoticeVersion
    phase: Annotated[Phase, Meta(examples=["sandbox"])]
    issuance_basis: Annotated[str, Meta(examples=["NBK-SANDBOX-ASSUMED-1"])]
    language: Annotated[language.Language, Meta(examples=["en"])]
    text: Annotated[str, Meta(examples=["This service runs under the special regulatory regime …"])]


class NumberView(Wire, frozen=True):
    """The full number. Show it, never keep it."""

    pan: Annotated[str, Meta(pattern=r"^[0-9]{12,19}$(?!\n)", examples=["9398010000000007"])]
    expiry: Expiry


@get(
    "/v1/cards/notice",
    operation_id="getCardNotice",
    opt={"scope": "cards:read"},
    tags=["Cards"],
    summary="The consumer notice",
)
async def get_notice(request: Request[Any, Any, Any], story: NamedDependency[Story]) -> NoticeView:
    """Show what the programme must tell a consumer before the first card (Law on the National Bank, art. 51-5)."""
    await story()
    regime = PROGRAMME.at(statutory_date(story.now))
    tag = language.choose(request.headers.get("accept-language"))
    return NoticeView(
        version=regime.notice.version,
        phase=regime.phase,
        issuance_basis=regime.basis,
        language=tag,
        text=regime.notice.texts[tag],
    )


@post("/v1/cards", operation_id="orderCard", opt={"scope": "cards:write"}, tags=["Cards"], summary="Order a card")
async def order_card(
    request: Request[Any, Any, Any],
    data: JSONBody[OrderCard],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[CardView]:
    """Order a virtual card on the caller's wallet; it can be used at once."""

    async def act(story: Story) -> CardView:
        db = await story()
        await standing.require_e_resident(db, me.subject)
        mine = await account.wallet(db, me.subject)
        asked = order.Order(
            card=mint.new(),
            holder=me.subject,
            lane=mine.lane,
            account=mine.account,
            currency=mine.available.currency,
            form=Form.VIRTUAL,
            limits=_limits(data.limits, mine.available.currency),
            notice_version=data.accepted_notice,
            notice_language=language.choose(request.headers.get("accept-language")),
        )
        ordered = await order.order(
            db,
            asked,
            programme=PROGRAMME.at(statutory_date(story.now)),
            thresholds=THRESHOLDS,
            keys=house.keys.kms,
            actor=me.actor,
            at=story.now,
        )
        return CardView.of(ordered)

    return await once(act, headers=lambda view: {"Location": f"/v1/cards/{view.id}", **_etag(view)})


@get("/v1/cards", operation_id="listCards", opt={"scope": "cards:read"}, tags=["Cards"], summary="The cards")
async def list_cards(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> CardPage:
    """List the caller's cards, closed ones too, newest first."""
    pager = Pager(house.keys.cursor, f"cards/{me.subject}")
    place = pager.place(cursor)
    after = ids.parse("card", place) if place else None
    found = await cards_card.of_holder(await story(), me.subject, after=after, limit=limit + 1)
    shown = [CardView.of(card) for card in found[:limit]]
    return CardPage(cards=shown, next_cursor=pager.cursor(shown[-1].id) if len(found) > limit else None)


@get("/v1/cards/{card_id:str}", operation_id="getCard", opt={"scope": "cards:read"}, tags=["Cards"], summary="A card")
async def get_card(card_id: FromPath[str], story: NamedDependency[Story]) -> Response[CardView]:
    """Show one of the caller's cards."""
    view = CardView.of(await cards_card.find(await story(), ids.parse("card", card_id)))
    return Response(view, headers=_etag(view))


@patch(
    "/v1/cards/{card_id:str}",
    operation_id="setCardLimits",
    opt={"scope": "cards:write"},
    tags=["Cards"],
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
    limits = Limits(
        per_payment=_changed(before.limits.per_payment, data.per_payment_max_minor, before.currency),
        per_day=_changed(before.limits.per_day, data.per_day_max_minor, before.currency),
    )
    if _raises(before.limits.per_payment, limits.per_payment) or _raises(before.limits.per_day, limits.per_day):
        shown = _limits_shown(before, limits)
        await stepup.redeem(db, house.settings, me, operation="card.limits", shown=shown, confirmation=data.step_up)
    view = CardView.of(await change.limit(db, before, limits, actor=me.actor, at=story.now))
    return Response(view, headers=_etag(view))


@post(
    "/v1/cards/{card_id:str}/freeze",
    operation_id="freezeCard",
    opt={"scope": "cards:write"},
    tags=["Cards"],
    summary="Freeze a card",
    status_code=200,
)
async def freeze_card(
    card_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[CardView]:
    """Refuse new purchases with a card until it is unfrozen. What was already authorised is still paid."""
    return await _turn(once, me, card_id, Act.FREEZE)


@post(
    "/v1/cards/{card_id:str}/unfreeze",
    operation_id="unfreezeCard",
    opt={"scope": "cards:write"},
    tags=["Cards"],
    summary="Unfreeze a card",
    status_code=200,
)
async def unfreeze_card(
    card_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[CardView]:
    """Let a frozen card be used again."""
    return await _turn(once, me, card_id, Act.UNFREEZE)


@post(
    "/v1/cards/{card_id:str}/close",
    operation_id="closeCard",
    opt={"scope": "cards:write"},
    tags=["Cards"],
    summary="Close a card",
    status_code=200,
)
async def close_card(
    card_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[CardView]:
    """Close a card for good. What was already authorised is still paid."""
    return await _turn(once, me, card_id, Act.CLOSE)


@post(
    "/v1/cards/{card_id:str}/reveal",
    operation_id="revealCard",
    opt={"scope": "cards:write"},
    tags=["Cards"],
    summary="Show the number",
    status_code=200,
)
async def reveal_card(
    card_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    data: JSONBody[RevealCard | None] = None,
) -> Response[NumberView]:
    """Show the caller the full number of a card. Each look is confirmed and recorded; no copy of the answer is kept."""
    # Without Idempotency-Key: a stored answer would be a card number outside its vault.
    db = await story()
    card = await change.locked(db, ids.parse("card", card_id))
    await stepup.redeem(
        db,
        house.settings,
        me,
        operation="card.reveal",
        shown=_card_shown(card),
        confirmation=data.step_up if data else None,
    )
    number = await reveal.reveal(db, card, keys=house.keys.kms, actor=me.actor, at=story.now)
    view = NumberView(pan=number.digits, expiry=f"{card.expires_on:%Y-%m}")
    return Response(view, headers={"Cache-Control": "no-store"})


async def _turn(once: Once, me: Principal, card_id: str, act_: Act) -> Response[CardView]:
    async def act(story: Story) -> CardView:
        db = await story()
        before = await change.locked(db, ids.parse("card", card_id))
        return CardView.of(await change.turn(db, before, act_, actor=me.actor, at=story.now))

    return await once(act, headers=_etag)


def _card_shown(card: Card) -> stepup.Shown:
    return {"card": card.last4, "card_id": ids.show("card", card.id)}


def _limits_shown(before: Card, limits: Limits) -> stepup.Shown:
    return {
        **_card_shown(before),
        "version": before.version,
        "currency": str(before.currency),
        "per_payment_max_minor": limits.per_payment.minor if limits.per_payment else "none",
        "per_day_max_minor": limits.per_day.minor if limits.per_day else "none",
    }


def _raises(before: Money | None, after: Money | None) -> bool:
    return before is not None and (after is None or after > before)


def _etag(view: CardView) -> dict[str, str]:
    return {"ETag": precondition.etag(view.version)}


def _minor(amount: Money | None) -> int | None:
    return None if amount is None else amount.minor


def _limits(wanted: LimitsView, currency: Currency) -> Limits:
    return Limits(
        per_payment=_changed(None, wanted.per_payment_max_minor, currency),
        per_day=_changed(None, wanted.per_day_max_minor, currency),
    )


def _changed(before: Money | None, wanted: int | UnsetType | None, currency: Currency) -> Money | None:
    if wanted is UNSET:
        return before
    return None if wanted is None else Money(wanted, currency)


routes = [
    get_notice,
    order_card,
    list_cards,
    get_card,
    set_limits,
    freeze_card,
    unfreeze_card,
    close_card,
    reveal_card,
]
