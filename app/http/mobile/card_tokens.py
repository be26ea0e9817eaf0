"""The caller's cards in wallets and at shops: where they are, the code that lets one in, and taking one out.

path   GET /v1/card-tokens                ->  cards/proofs/token_owner.py  of_holder()
       POST /v1/card-tokens/{id}/code     ->  cards/proofs/token.py  code()
       POST /v1/card-tokens/{id}/…        ->  cards/processing/processor.py  turn_token()  of its processor

Whatever takes rights from a token is free; the code, which gives some, is confirmed with the passkey. To resume what
the caller paused gives back no more than it had, and nothing without the device: it is free too.
"""

from datetime import datetime
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import clock
from app.auth import stepup
from app.auth.principal import Principal
from app.cards import processors
from app.db import Story
from app.house import House
from app.http import ids
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import Wire
from app.idempotency import Once
from cards import card as cards_card
from cards.proofs import token, token_owner
from cards.proofs.token import Act, Device, Life, Owner, Token

_READ: dict[str, Any] = {"opt": {"scope": "cards:read"}, "tags": ["Cards in wallets"]}
_WRITE: dict[str, Any] = {"opt": {"scope": "cards:write"}, "tags": ["Cards in wallets"], "status_code": 200}


class TokenView(Wire, frozen=True):
    """A card in a wallet, or at a shop. `last4` are the digits of the token, which are not those of the card."""

    id: Annotated[str, Meta(examples=["token_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    card_id: Annotated[str, Meta(examples=["card_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    wallet: Annotated[str, Meta(examples=["demo-wallet"])]
    device: Annotated[Device, Meta(examples=["phone"])]
    last4: Annotated[str, Meta(pattern=r"^[0-9]{4}$(?!\n)", examples=["0042"])]
    state: Annotated[Life, Meta(examples=["active"])]
    channels: Annotated[list[str], Meta(examples=[["contactless", "ecommerce", "token"]])]
    requested_at: datetime
    paused_by: Annotated[list[Owner], Meta(description="All must resume it.", examples=[[]])]
    shop: Annotated[str | None, Meta(examples=[None])] = None
    code_expires_at: datetime | None = None

    @classmethod
    def of(cls, found: Token) -> "TokenView":
        """Show a token."""
        return cls(
            id=ids.show("token", found.id),
            card_id=ids.show("card", found.card),
            wallet=found.requestor,
            device=found.device,
            last4=found.last4,
            state=found.state,
            channels=list(found.channels),
            paused_by=list(found.paused_by),
            shop=found.merchant,
            code_expires_at=found.code_expires_at if found.state is Life.REQUESTED else None,
            requested_at=found.requested_at,
        )


class TokenPage(Wire, frozen=True):
    """A page of tokens, newest first; `next_cursor` is absent on the last."""

    tokens: list[TokenView]
    next_cursor: str | None = None


class ShowCode(Wire, frozen=True):
    """The passkey's answer over `card_token.activate`: the wallet, the last four digits of the token, and its id."""

    step_up: stepup.Confirmation | None = None


class CodeView(Wire, frozen=True):
    """What to type into the wallet."""

    code: Annotated[str, Meta(pattern=r"^[0-9]{6}$(?!\n)", examples=["123456"])]
    expires_at: datetime

    def __repr__(self) -> str:
        return "CodeView(…)"


@get("/v1/card-tokens", operation_id="listCardTokens", summary="The cards in wallets", **_READ)
async def list_tokens(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> TokenPage:
    """List where the caller's cards are, those taken out too, newest first."""
    pager = Pager(house.keys.cursor, f"card-tokens/{me.subject}")
    place = pager.place(cursor)
    after = ids.parse("token", place) if place else None
    found = await token_owner.of_holder(await story(), me.subject, after=after, limit=limit + 1)
    shown = [TokenView.of(each) for each in found[:limit]]
    return TokenPage(tokens=shown, next_cursor=pager.cursor(shown[-1].id) if len(found) > limit else None)


@post("/v1/card-tokens/{token_id:str}/code", operation_id="showTokenCode", summary="The code for a wallet", **_WRITE)
async def show_code(
    token_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    data: JSONBody[ShowCode | None] = None,
) -> Response[CodeView]:
    """Show the code that lets a wallet have the card: it asked, and the house wants to be sure who holds the phone."""
    # Without Idempotency-Key: no copy of the code is kept.
    db = await story()
    found = await token.locked(db, ids.parse("token", token_id))
    expires_at = token.code_ends(found, clock.real())
    shown: stepup.Shown = {"wallet": found.requestor, "token": found.last4, "token_id": ids.show("token", found.id)}
    confirmation = data.step_up if data else None
    await stepup.redeem(db, house.settings, me, operation="card_token.activate", shown=shown, confirmation=confirmation)
    view = CodeView(code=token.code(house.keys.kms, found).value, expires_at=expires_at)
    return Response(view, headers={"Cache-Control": "no-store"})


@post("/v1/card-tokens/{token_id:str}/suspend", operation_id="suspendToken", summary="Pause a wallet", **_WRITE)
async def suspend_token(
    token_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal], house: NamedDependency[House]
) -> Response[TokenView]:
    """Let a wallet or a shop not pay with the card until it is resumed; the card itself goes on."""
    return await _turn(once, me, house, token_id, Act.SUSPEND)


@post("/v1/card-tokens/{token_id:str}/resume", operation_id="resumeToken", summary="Resume a wallet", **_WRITE)
async def resume_token(
    token_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal], house: NamedDependency[House]
) -> Response[TokenView]:
    """Let a paused wallet or shop pay with the card again; what its network paused, for its wallet, stays paused."""
    return await _turn(once, me, house, token_id, Act.RESUME)


@post("/v1/card-tokens/{token_id:str}/delete", operation_id="deleteToken", summary="Take a card out", **_WRITE)
async def delete_token(
    token_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal], house: NamedDependency[House]
) -> Response[TokenView]:
    """Take the card out of a wallet or a shop for good."""
    return await _turn(once, me, house, token_id, Act.DELETE)


async def _turn(once: Once, me: Principal, house: House, token_id: str, act_: Act) -> Response[TokenView]:
    async def act(story: Story) -> TokenView:
        db = await story()
        found = await token.locked(db, ids.parse("token", token_id))
        card = await cards_card.find(db, found.card)
        by = await processors.asking(story, me.actor)
        return TokenView.of(await processors.of(house, card.processor).turn_token(by, found, act_))

    return await once(act)


routes = [list_tokens, show_code, suspend_token, resume_token, delete_token]
