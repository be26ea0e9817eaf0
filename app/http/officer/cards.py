"""Cards of others: what somebody has, and the flags that officers set on a card and lift again.

path   POST /v1/officer/cards/{id}/risk-suspension             ->  cards/programme/change.py   suspended()
       POST /v1/officer/cards/{id}/risk-suspension/lift        ->  cards/programme/change.py   lifted()
       POST /v1/officer/cards/{id}/regulator-suspension, lift      the same, by who answers to the regulator

Each flag has its owner, and each owner a scope: nobody lifts another's. The holder reads the class of the reason.
"""

from datetime import date
from typing import Annotated, Literal

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app.auth.principal import Principal
from app.db import Story
from app.http import ids
from app.http.mobile.card_view import CardId
from app.http.officer import whom
from app.http.wire import Wire
from app.idempotency import Once
from cards import card as cards_card
from cards.card import Card, Closing, Form, Owner, State
from cards.programme import change

_TAGS = ["Cards"]


class SuspendForRisk(Wire, frozen=True):
    """Why a card must not be used now."""

    reason: Annotated[Literal["security", "compromised"], Meta(examples=["compromised"])]


class SuspendByOrder(Wire, frozen=True):
    """By what a card must not be used now."""

    reason: Annotated[Literal["legal_review", "court_order", "state_order"], Meta(examples=["court_order"])]


class FlagView(Wire, frozen=True):
    """A flag: whose it is, and the class of its reason."""

    owner: Annotated[Owner, Meta(examples=["risk"])]
    reason: Annotated[str, Meta(examples=["compromised"])]


class OfficerCardView(Wire, frozen=True, kw_only=True):
    """A card as officers see it: what of it is decided by, no number."""

    id: CardId
    resident: Annotated[str, Meta(examples=["resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    form: Annotated[Form, Meta(examples=["virtual"])]
    state: Annotated[State, Meta(examples=["active"])]
    closed_for: Annotated[Closing | None, Meta(examples=[None])]
    frozen: Annotated[bool, Meta(examples=[False])]
    suspensions: list[FlagView]
    last4: Annotated[str, Meta(examples=["4242"])]
    expires_on: date
    issuance_basis: Annotated[str, Meta(examples=["NBK-SANDBOX-ASSUMED-1"])]
    exemption: Annotated[str | None, Meta(examples=[None])]
    verified_until: Annotated[date | None, Meta(examples=[None])]
    processor: Annotated[str, Meta(examples=["own"])]

    @classmethod
    def of(cls, card: Card) -> "OfficerCardView":
        """Show a card."""
        return cls(
            id=ids.show("card", card.id),
            resident=ids.show("resident", card.holder),
            form=card.form,
            state=card.state,
            closed_for=card.closed_for,
            frozen=card.frozen,
            suspensions=[FlagView(owner=flag.owner, reason=flag.reason) for flag in card.suspended],
            last4=card.last4,
            expires_on=card.expires_on,
            issuance_basis=card.issuance_basis,
            exemption=card.exemption,
            verified_until=card.verified_until,
            processor=card.processor,
        )


class OfficerCards(Wire, frozen=True):
    """The newest hundred cards of somebody."""

    cards: list[OfficerCardView]


@get(
    "/v1/officer/residents/{resident_id:str}/cards",
    operation_id="listCardsOfResident",
    opt={"scope": "officer:cards"},
    tags=_TAGS,
    summary="Somebody's cards",
)
async def list_cards(resident_id: FromPath[str], story: NamedDependency[Story]) -> OfficerCards:
    """List the cards of a resident, closed ones too, newest first."""
    db = await story()
    holder = await whom.resident(db, resident_id)
    found = await cards_card.of_holder(db, holder, after=None, limit=100)
    return OfficerCards([OfficerCardView.of(card) for card in found])


@post(
    "/v1/officer/cards/{card_id:str}/risk-suspension",
    operation_id="suspendCardForRisk",
    opt={"scope": "officer:cards"},
    tags=_TAGS,
    summary="Suspend a card for risk",
    status_code=200,
)
async def suspend_for_risk(
    card_id: FromPath[str],
    data: JSONBody[SuspendForRisk],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[OfficerCardView]:
    """Refuse purchases with a card until an officer of cards lifts this; the holder can't."""
    return await _suspend(once, me, card_id, owner=Owner.RISK, reason=data.reason)


@post(
    "/v1/officer/cards/{card_id:str}/risk-suspension/lift",
    operation_id="liftCardRiskSuspension",
    opt={"scope": "officer:cards"},
    tags=_TAGS,
    summary="Lift a suspension for risk",
    status_code=200,
)
async def lift_risk(
    card_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[OfficerCardView]:
    """Lift what was set for risk, and nothing else."""
    return await _lift(once, me, card_id, Owner.RISK)


@post(
    "/v1/officer/cards/{card_id:str}/regulator-suspension",
    operation_id="suspendCardByOrder",
    opt={"scope": "officer:programme"},
    tags=_TAGS,
    summary="Suspend a card by order",
    status_code=200,
)
async def suspend_by_order(
    card_id: FromPath[str],
    data: JSONBody[SuspendByOrder],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[OfficerCardView]:
    """Refuse purchases with a card because a court or an authority ordered it."""
    return await _suspend(once, me, card_id, owner=Owner.REGULATOR, reason=data.reason)


@post(
    "/v1/officer/cards/{card_id:str}/regulator-suspension/lift",
    operation_id="liftCardOrder",
    opt={"scope": "officer:programme"},
    tags=_TAGS,
    summary="Lift a suspension by order",
    status_code=200,
)
async def lift_order(
    card_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[OfficerCardView]:
    """Lift what was ordered, and nothing else."""
    return await _lift(once, me, card_id, Owner.REGULATOR)


async def _suspend(once: Once, me: Principal, card_id: str, *, owner: Owner, reason: str) -> Response[OfficerCardView]:
    async def act(story: Story) -> OfficerCardView:
        db = await story()
        before = await change.locked(db, ids.parse("card", card_id))
        return await _record(story, me, change.suspended(before, owner, reason))

    return await once(act)


async def _lift(once: Once, me: Principal, card_id: str, owner: Owner) -> Response[OfficerCardView]:
    async def act(story: Story) -> OfficerCardView:
        db = await story()
        before = await change.locked(db, ids.parse("card", card_id))
        return await _record(story, me, change.lifted(before, owner))

    return await once(act)


async def _record(story: Story, me: Principal, changed: change.Changed) -> OfficerCardView:
    await change.record_all(await story(), [changed], actor=me.actor, at=story.now)
    return OfficerCardView.of(changed.card)


routes = [list_cards, suspend_for_risk, lift_risk, suspend_by_order, lift_order]
