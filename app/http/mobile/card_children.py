"""Cards of the resident's children: they spend from the parent's wallet, and the parent decides over them.

path   POST /v1/cards/{id}/children   ->  cards/programme/child.py   ensure()
                                      ->  cards/processing/processor.py   issue_card()
       GET /v1/cards/{id}/bearer      ->  cards/programme/child.py   of()

A child's card is a card like the others in every operation here; its holder is the parent. Who carries it is sealed
under the parent's key, and the answer to a POST, which is kept for repeats, doesn't name the child.
"""

from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import language, vault
from app.auth import stepup
from app.auth.principal import Principal
from app.cards import holders
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile import cards
from app.http.mobile.card_view import CardView, LimitsView, NoticeVersion, card_shown, etag
from app.http.wire import LINE, Minor, Wire
from app.idempotency import Once
from cards import card as cards_card
from cards.card import Form
from cards.processing.processor import Wanted
from cards.programme import change, child
from law.calendar import statutory_date

_TAGS = ["Cards"]
TABLE = "cards.bearer"


class Child(Wire, frozen=True):
    """The child who carries the card."""

    name: Annotated[str, Meta(min_length=1, max_length=60, pattern=LINE, examples=["MIA SCHMIDT"])]
    born_on: Annotated[date, Meta(examples=["2015-06-01"])]


class ChildLimits(Wire, frozen=True):
    """What a child's card may spend at most; the programme sets the most of each."""

    per_payment_max_minor: Minor
    per_day_max_minor: Minor
    per_month_max_minor: Minor


class OrderChildCard(Wire, frozen=True):
    """A virtual card for a child, and the passkey's answer over `card.child`."""

    child: Child
    limits: ChildLimits
    accepted_notice: NoticeVersion
    step_up: stepup.Confirmation | None = None


@post(
    "/v1/cards/{card_id:str}/children",
    operation_id="orderChildCard",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Order a card for a child",
)
async def order_child_card(
    request: Request[Any, Any, Any],
    card_id: FromPath[str],
    data: JSONBody[OrderChildCard],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    *,
    house: NamedDependency[House],
) -> Response[CardView]:
    """Order a card that a child of the caller carries; it hangs on the caller's card and ends with it."""

    async def act(story: Story) -> CardView:
        db = await story()
        parent = await change.locked(db, ids.parse("card", card_id))
        shown = {**card_shown(parent), **msgspec.structs.asdict(data.limits), "currency": str(parent.currency)}
        await stepup.redeem(db, house.settings, me, operation="card.child", shown=shown, confirmation=data.step_up)
        tag = language.choose(request.headers.get("accept-language"))
        limits = LimitsView(**msgspec.structs.asdict(data.limits))
        asked = await cards.wanted(story, me, Form.VIRTUAL, limits, notice=data.accepted_notice, tag=tag)
        today = statutory_date(story.now)
        await child.ensure(db, parent, data.child.born_on, asked.limits, programme=holders.regime(story.now), on=today)
        asked = msgspec.structs.replace(asked, parent=parent.id)
        made = await cards.ordered(story, house, me, Wanted(order=asked))
        keys = await vault.of(db, house.keys.kms, me.subject, story.now)
        person = keys.seal(msgspec.json.encode(data.child), table=TABLE, column="person", row=made.id)
        await child.keep(db, made, person)
        return CardView.of(made)

    return await once(act, headers=lambda view: {"Location": f"/v1/cards/{view.id}", **etag(view)})


@get(
    "/v1/cards/{card_id:str}/bearer",
    operation_id="getCardBearer",
    opt={"scope": "cards:read"},
    tags=_TAGS,
    summary="The child who carries a card",
)
async def get_bearer(
    card_id: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House]
) -> Response[Child]:
    """Show which child carries a card of the caller's."""
    db = await story()
    card = await cards_card.find(db, ids.parse("card", card_id))
    found = await child.of(db, card.id)
    if found is None:
        raise child.NoCardsForChildren
    keys = await vault.existing(db, house.keys.kms, card.holder)
    opened = keys.open(found.person, table=TABLE, column="person", row=found.card)
    return Response(msgspec.json.decode(opened, type=Child), headers={"Cache-Control": "no-store"})


routes = [order_child_card, get_bearer]
