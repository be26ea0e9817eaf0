"""What the holder does to a card: freeze, activate, close, have another one in its place.

path   POST /v1/cards/{id}/freeze, unfreeze, activate, close, replacement, renewal
       ->  app/cards/processors.py          of(): whoever processes the card
       ->  cards/processing/processor.py    freeze(), activate(), close(), replace()

The holder's flag is the holder's alone: unfreezing lifts no suspension.
"""

from typing import Annotated, Literal

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import ids as mint
from app.auth import stepup
from app.auth.principal import Principal
from app.cards import parcels, processors
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.card_shipping import Address
from app.http.mobile.card_view import CardComing, CardView, card_shown, etag
from app.http.wire import NotTogether, Wire
from app.idempotency import Once
from cards.card import Card, Closing, Form
from cards.programme import change
from cards.programme.renewal import Cause

_TAGS = ["Cards"]


class ActivateCard(Wire, frozen=True):
    """The passkey's answer over `card.activate`: the last four digits and the id of the card."""

    step_up: stepup.Confirmation | None = None


class ReplaceCard(Wire, frozen=True):
    """Why there is to be another card. What was lost or stolen is closed at once, a damaged one when its heir works.

    A plastic card is sent to `address`; another than the last one was sent to needs the passkey's answer over
    `card.address`: the card that is replaced, and where to.
    """

    reason: Annotated[Literal["lost", "stolen", "damaged"], Meta(examples=["lost"])]
    address: Annotated[Address | None, Meta(examples=[None])] = None
    step_up: stepup.Confirmation | None = None

    @property
    def cause(self) -> Cause:
        """Say it in our words."""
        return Cause(self.reason)


class RenewCard(Wire, frozen=True):
    """A plastic card is sent to `address`; another than the last one needs the passkey, as where it is replaced."""

    address: Annotated[Address | None, Meta(examples=[None])] = None
    step_up: stepup.Confirmation | None = None

    @property
    def cause(self) -> Cause:
        """Say that it ends soon."""
        return Cause.ENDING


@post(
    "/v1/cards/{card_id:str}/freeze",
    operation_id="freezeCard",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Freeze a card",
    status_code=200,
)
async def freeze_card(
    card_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal], house: NamedDependency[House]
) -> Response[CardView]:
    """Refuse new purchases with a card until it is unfrozen. What was already authorised is still paid."""
    return await _freeze(once, me, house, card_id, frozen=True)


@post(
    "/v1/cards/{card_id:str}/unfreeze",
    operation_id="unfreezeCard",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Unfreeze a card",
    status_code=200,
)
async def unfreeze_card(
    card_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal], house: NamedDependency[House]
) -> Response[CardView]:
    """Let a frozen card be used again, unless somebody else suspended it."""
    return await _freeze(once, me, house, card_id, frozen=False)


@post(
    "/v1/cards/{card_id:str}/close",
    operation_id="closeCard",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Close a card",
    status_code=200,
)
async def close_card(
    card_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal], house: NamedDependency[House]
) -> Response[CardView]:
    """Close a card for good, and the cards of children on it. What was already authorised is still paid."""

    async def act(story: Story) -> CardView:
        db = await story()
        before = await change.locked(db, ids.parse("card", card_id))
        by = await processors.asking(story, me.actor)
        return CardView.of(await processors.of(house, before.processor).close(by, before, Closing.USER))

    return await once(act, headers=etag)


@post(
    "/v1/cards/{card_id:str}/activate",
    operation_id="activateCard",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Activate a card",
    status_code=200,
)
async def activate_card(
    card_id: FromPath[str],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    data: JSONBody[ActivateCard | None] = None,
) -> Response[CardView]:
    """Let a card that arrived, or a successor, be used. The card it replaces is closed in the same moment."""

    async def act(story: Story) -> CardView:
        db = await story()
        before = await change.locked(db, ids.parse("card", card_id))
        confirmation = data.step_up if data else None
        await stepup.redeem(
            db,
            house.settings,
            me,
            operation="card.activate",
            shown=card_shown(before),
            confirmation=confirmation,
        )
        by = await processors.asking(story, me.actor)
        return CardView.of(await processors.of(house, before.processor).activate(by, before))

    return await once(act, headers=etag)


@post(
    "/v1/cards/{card_id:str}/replacement",
    operation_id="replaceCard",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Replace a card",
)
async def replace_card(
    card_id: FromPath[str],
    data: JSONBody[ReplaceCard],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[CardView | CardComing]:
    """Order a card with another number in place of one: same wallet, children, limits and settings."""
    return await _succeed(once, me, house, card_id, data)


@post(
    "/v1/cards/{card_id:str}/renewal",
    operation_id="renewCard",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Renew a card",
)
async def renew_card(
    card_id: FromPath[str],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    data: JSONBody[RenewCard | None] = None,
) -> Response[CardView | CardComing]:
    """Order the successor of a card in its last days; the card works until the successor is activated, or its end."""
    return await _succeed(once, me, house, card_id, data or RenewCard())


async def _freeze(once: Once, me: Principal, house: House, card_id: str, *, frozen: bool) -> Response[CardView]:
    async def act(story: Story) -> CardView:
        before = await change.locked(await story(), ids.parse("card", card_id))
        by = await processors.asking(story, me.actor)
        return CardView.of(await processors.of(house, before.processor).freeze(by, before, frozen=frozen))

    return await once(act, headers=etag)


async def _succeed(
    once: Once, me: Principal, house: House, card_id: str, asked: ReplaceCard | RenewCard
) -> Response[CardView | CardComing]:
    async def act(story: Story) -> CardView | CardComing:
        db, address = await story(), asked.address
        before = await change.locked(db, ids.parse("card", card_id))
        _check_address(before, address)
        by, to = await processors.asking(story, me.actor), address.read() if address else None
        if address is not None and to != await parcels.last(db, house.keys.kms, before):
            shown = {**card_shown(before), "address": address.line()}
            await stepup.redeem(
                db, house.settings, me, operation="card.address", shown=shown, confirmation=asked.step_up
            )
        made = await processors.of(house, before.processor).replace(by, before, asked.cause, made=mint.new(), to=to)
        return CardView.of(made) if isinstance(made, Card) else CardComing(id=ids.show("card", made.card))

    return await once(act, headers=_where)


def _where(view: CardView | CardComing) -> dict[str, str]:
    return {"Location": f"/v1/cards/{view.id}", **(etag(view) if isinstance(view, CardView) else {})}


def _check_address(before: Card, address: Address | None) -> None:
    if (before.form is Form.PLASTIC) is not (address is not None):
        raise NotTogether("form", "address")


routes = [freeze_card, unfreeze_card, close_card, activate_card, replace_card, renew_card]
