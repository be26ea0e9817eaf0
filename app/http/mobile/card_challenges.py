"""A shop asks whether it is the caller who pays (3-D Secure): shown in the app, answered with the passkey.

path   GET  /v1/card-challenges                 ->  cards/proofs/challenge.py  of_holder()
       POST /v1/card-challenges/{id}/approval   ->  cards/proofs/challenge.py  answer()
       POST /v1/card-challenges/{id}/refusal    ->  cards/proofs/challenge.py  answer()

The passkey signs who gets how much: no other shop and no other amount can use the answer.
"""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import clock
from app.auth import stepup
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import CurrencyCode, Minor, Wire
from app.idempotency import Once
from cards import card as cards_card
from cards.proofs import challenge
from cards.proofs.challenge import Challenge, Status

_READ: dict[str, Any] = {"opt": {"scope": "cards:read"}, "tags": ["3-D Secure"]}
_WRITE: dict[str, Any] = {"opt": {"scope": "cards:write"}, "tags": ["3-D Secure"], "status_code": 200}


class ChallengeView(Wire, frozen=True):
    """Who wants how much, in the shop's own currency, and until when somebody waits for the answer."""

    id: Annotated[str, Meta(examples=["challenge_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    card_id: Annotated[str, Meta(examples=["card_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    merchant: Annotated[str, Meta(examples=["Dostyk Books"])]
    country: Annotated[str, Meta(examples=["KZ"])]
    amount_minor: Minor
    currency: CurrencyCode
    status: Annotated[Status, Meta(examples=["asked"])]
    asked_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, found: Challenge) -> "ChallengeView":
        """Show a challenge."""
        return cls(
            id=ids.show("challenge", found.id),
            card_id=ids.show("card", found.card),
            merchant=found.merchant_name,
            country=found.merchant_country,
            amount_minor=found.amount_minor,
            currency=found.currency,
            status=found.status(clock.real()),
            asked_at=found.asked_at,
            expires_at=found.expires_at,
        )


class ChallengePage(Wire, frozen=True):
    """A page of challenges, newest first; `next_cursor` is absent on the last."""

    challenges: list[ChallengeView]
    next_cursor: str | None = None


class Approve(Wire, frozen=True):
    """The passkey's answer over `card.pay`: merchant, amount, currency, the card's last digits, the challenge's id."""

    step_up: stepup.Confirmation | None = None


@get("/v1/card-challenges", operation_id="listCardChallenges", summary="What shops asked", **_READ)
async def list_challenges(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> ChallengePage:
    """List what the caller was asked, newest first; `asked` waits for an answer."""
    pager = Pager(house.keys.cursor, f"card-challenges/{me.subject}")
    place = pager.place(cursor)
    after = ids.parse("challenge", place) if place else None
    found = await challenge.of_holder(await story(), me.subject, after=after, limit=limit + 1)
    shown = [ChallengeView.of(each) for each in found[:limit]]
    return ChallengePage(challenges=shown, next_cursor=pager.cursor(shown[-1].id) if len(found) > limit else None)


@get("/v1/card-challenges/{challenge_id:str}", operation_id="getCardChallenge", summary="What a shop asks", **_READ)
async def get_challenge(challenge_id: FromPath[str], story: NamedDependency[Story]) -> ChallengeView:
    """Show who wants how much."""
    return ChallengeView.of(await challenge.find(await story(), ids.parse("challenge", challenge_id)))


@post("/v1/card-challenges/{challenge_id:str}/approval", operation_id="approveCardChallenge", summary="Pay", **_WRITE)
async def approve(
    challenge_id: FromPath[str],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    data: JSONBody[Approve | None] = None,
) -> Response[ChallengeView]:
    """Agree to this shop and this amount. The shop hears it, and can use it once."""

    async def act(story: Story) -> ChallengeView:
        db = await story()
        asked = await challenge.find(db, ids.parse("challenge", challenge_id))
        card = await cards_card.find(db, asked.card)
        shown: stepup.Shown = {
            "merchant": asked.merchant_name,
            "amount_minor": asked.amount_minor,
            "currency": asked.currency,
            "card": card.last4,
            "challenge_id": ids.show("challenge", asked.id),
        }
        confirmation = data.step_up if data else None
        proof = await stepup.redeem(
            db, house.settings, me, operation="card.pay", shown=shown, confirmation=confirmation
        )
        return ChallengeView.of(await _answer(story, asked, me, approved=True, step_up=proof))

    return await once(act)


@post(
    "/v1/card-challenges/{challenge_id:str}/refusal",
    operation_id="refuseCardChallenge",
    summary="Don't pay",
    **_WRITE,
)
async def refuse(
    challenge_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[ChallengeView]:
    """Refuse: the shop hears no. Needs no confirmation."""

    async def act(story: Story) -> ChallengeView:
        asked = await challenge.find(await story(), ids.parse("challenge", challenge_id))
        return ChallengeView.of(await _answer(story, asked, me, approved=False, step_up=None))

    return await once(act)


async def _answer(story: Story, asked: Challenge, me: Principal, *, approved: bool, step_up: UUID | None) -> Challenge:
    return await challenge.answer(
        await story(), asked, approved=approved, step_up=step_up, actor=me.actor, now=clock.real(), at=story.now
    )


routes = [list_challenges, get_challenge, approve, refuse]
