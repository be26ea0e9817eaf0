"""The resident's investments: opt in, see what is offered, preview, confirm, follow.

path   PUT  /v1/invest/consent     ->  invest/consent.py         give()
       POST /v1/invest/previews    ->  invest/quote.py           quote()
       POST /v1/invest/placements  ->  app/partners/confirming.py  confirm()  ->  invest/request.py  request()

Previews and placements are for those who opted in; the catalogue may be read before, and positions after leaving.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db as db_
from app import idempotency, language, standing
from app import ids as mint
from app.auth import stepup
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.invest_views import (
    AskPreview,
    ConfirmPlacement,
    ConsentView,
    GiveConsent,
    PlacementPage,
    PlacementView,
    Positions,
    PositionView,
    PreviewView,
    Products,
    ProductView,
    agreement,
    to_show,
)
from app.http.paging import Cursor, Limit, Pager
from app.idempotency import Once
from app.idempotency_key import Stored
from app.language import Language
from app.partners import confirming, registry
from invest import consent, placement, position, preview, product, quote
from invest.placement import Placement
from law import calendar
from law.seed import THRESHOLDS
from wallet import account


@get(
    "/v1/invest/consent",
    operation_id="getInvestConsent",
    opt={"scope": "invest:read"},
    tags=["Invest"],
    summary="The text to agree to, and whether the caller has",
)
async def get_consent(
    request: Request[Any, Any, Any], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> ConsentView:
    """Show the text in force and what the caller said last."""
    return await _consent(request, story, me)


@put(
    "/v1/invest/consent",
    operation_id="giveInvestConsent",
    opt={"scope": "invest:write"},
    tags=["Invest"],
    summary="Opt in",
)
async def give_consent(
    request: Request[Any, Any, Any],
    data: JSONBody[GiveConsent],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> ConsentView:
    """Agree to the text of this hash, with the passkey; taking part is voluntary (D2.5-a). Saying it again is free."""
    db, agreed = await story(), bytes.fromhex(data.text_sha256)
    await standing.require_e_resident(db, me.subject)
    if await consent.is_new(db, me.subject, agreed, story.now):
        shown = agreement(await consent.text_in_force(db, story.now))
        await stepup.redeem(db, house.settings, me, operation="invest.consent", shown=shown, confirmation=data.step_up)
    await consent.give(db, me.subject, agreed, at=story.now, actor=me.actor)
    return await _consent(request, story, me)


@delete(
    "/v1/invest/consent",
    operation_id="withdrawInvestConsent",
    opt={"scope": "invest:write"},
    tags=["Invest"],
    summary="Opt out",
    status_code=200,
)
async def withdraw_consent(
    request: Request[Any, Any, Any], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> ConsentView:
    """Leave at once: nothing new is placed. Deposits that exist run on under their terms."""
    await consent.withdraw(await story(), me.subject, at=story.now, actor=me.actor)
    return await _consent(request, story, me)


@get(
    "/v1/invest/products",
    operation_id="listProducts",
    opt={"scope": "invest:read"},
    tags=["Invest"],
    summary="What is offered",
)
async def list_products(request: Request[Any, Any, Any], story: NamedDependency[Story]) -> Products:
    """List the products of partner banks by their current terms."""
    db = await story()
    banks = await registry.names(db)
    offers = await product.offered(db, story.now)
    return Products(products=[ProductView.of(offer, banks[offer.partner], _language(request)) for offer in offers])


@post(
    "/v1/invest/previews",
    operation_id="previewPlacement",
    opt={"scope": "invest:write"},
    tags=["Invest"],
    summary="Preview a placement",
)
async def preview_placement(
    request: Request[Any, Any, Any],
    data: JSONBody[AskPreview],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[PreviewView]:
    """Compute what a placement would pay, cost and risk; nothing is set aside yet."""

    async def act(story: Story) -> PreviewView:
        db, now = await story(), story.now
        await standing.require_e_resident(db, me.subject)
        await consent.require(db, me.subject, now)
        offer = await product.offer_of(db, ids.parse("product", data.product_id), now)
        partner = await registry.find(db, offer.partner)
        mine = await account.wallet(db, me.subject)
        today = calendar.statutory_date(now)
        committed = await position.committed(db, me.subject, partner.id, offer.currency)
        quoted = quote.quote(
            offer,
            offer.money(data.amount_minor),
            held=position.held(committed, offer.terms.insurance),
            on=today,
            calendar=calendar.current(today),
            thresholds=THRESHOLDS,
        )
        shown = await preview.keep(db, preview=mint.new(), holder=me.subject, offer=offer, quote=quoted, at=now)
        return PreviewView.of(shown, offer, partner, mine.available, _language(request))

    return await once(act)


@post(
    "/v1/invest/placements",
    operation_id="confirmPlacement",
    opt={"scope": "invest:write", "idempotent": True},
    tags=["Invest"],
    summary="Confirm a preview",
)
async def confirm_placement(
    request: Request[Any, Any, Any],
    data: JSONBody[ConfirmPlacement],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[PlacementView]:
    """Set the money aside and ask the bank. Needs the passkey's answer over what the preview says to show."""
    claim = idempotency.claim_of(request, me.actor, await request.body())
    # A story of its own, over before the batch begins: no connection waits for another.
    async with db_.transaction(house.api, holder=me.subject, audience=me.role) as story:
        db = await story()
        shown = await preview.load(db, ids.parse("preview", data.preview_id), me.subject)
        offer = (await product.by_terms(db, [shown.terms]))[shown.terms]
        partner = await registry.find(db, offer.partner)

    def render(found: Sequence[Placement | confirming.Refusal]) -> Stored:
        if not isinstance(found[0], Placement):
            return idempotency.refused(request, found[0])
        view = PlacementView.of(found[0], offer, partner.name)
        return Stored(201, msgspec.json.encode(view), {"Location": f"/v1/invest/placements/{view.id}"})

    reply = await confirming.confirm(
        house,
        me,
        shown,
        partner,
        shown=to_show(shown, offer, partner),
        step_up=data.step_up,
        claim=claim,
        render=render,
    )
    answer: Response[Any] = idempotency.respond(reply.stored, replayed=reply.replayed)
    return answer


@get(
    "/v1/invest/placements",
    operation_id="listPlacements",
    opt={"scope": "invest:read"},
    tags=["Invest"],
    summary="All placements",
)
async def list_placements(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> PlacementPage:
    """List the caller's placements, those that failed too, newest first."""
    db = await story()
    pager = Pager(house.keys.cursor, f"placements/{me.subject}")
    place = pager.place(cursor)
    found = await placement.page(db, me.subject, before=UUID(place) if place else None, limit=limit + 1)
    shown = found[:limit]
    offers = await product.by_terms(db, [each.terms for each in shown])
    banks = await registry.names(db)
    return PlacementPage(
        placements=[PlacementView.of(each, offers[each.terms], banks[each.partner]) for each in shown],
        next_cursor=pager.cursor(str(shown[-1].id)) if len(found) > limit else None,
    )


@get(
    "/v1/invest/placements/{placement_id:str}",
    operation_id="getPlacement",
    opt={"scope": "invest:read"},
    tags=["Invest"],
    summary="One placement",
)
async def get_placement(
    placement_id: FromPath[str], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> PlacementView:
    """Show a placement of the caller's."""
    db = await story()
    found = await placement.load(db, ids.parse("placement", placement_id), me.subject)
    offer = (await product.by_terms(db, [found.terms]))[found.terms]
    return PlacementView.of(found, offer, (await registry.find(db, found.partner)).name)


@get(
    "/v1/invest/positions",
    operation_id="listPositions",
    opt={"scope": "invest:read"},
    tags=["Invest"],
    summary="Deposits that exist",
)
async def list_positions(
    request: Request[Any, Any, Any], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> Positions:
    """List the caller's deposits with what they have earned so far."""
    db = await story()
    today = calendar.statutory_date(story.now)
    banks = await registry.names(db)
    found = await position.positions(db, me.subject, today)
    shown = [PositionView.of(each, banks[each.placement.partner], _language(request)) for each in found]
    return Positions(as_of=today, positions=shown)


async def _consent(request: Request[Any, Any, Any], story: Story, me: Principal) -> ConsentView:
    db: AsyncConnection = await story()
    in_force = await consent.text_in_force(db, story.now)
    said = await consent.latest(db, me.subject)
    return ConsentView.of(in_force, said, given=consent.holds(said, in_force), language=_language(request))


def _language(request: Request[Any, Any, Any]) -> Language:
    return language.choose(request.headers.get("accept-language"))


routes = [
    get_consent,
    give_consent,
    withdraw_consent,
    list_products,
    preview_placement,
    confirm_placement,
    list_placements,
    get_placement,
    list_positions,
]
