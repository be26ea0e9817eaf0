"""Why was this swipe declined? Every reason that was found, what was known, and which rules applied.

path   GET /v1/officer/card-payments/{payment_id}/decisions    ->  cards/rules/result.py    decisions()
"""

from datetime import datetime
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from app.db import Story
from app.http import ids
from app.http.officer.card_rules import SCOPE, TAGS, ResultView
from app.http.wire import CurrencyCode, Wire
from cards.payments.reason import CODES, Reason
from cards.rules import result
from cards.rules.result import Decided

#: Shown beside the question, in the words of the outside.
_SHOWN = frozenset({"card", "payment", "lane", "presented"})


class FoundView(Wire, frozen=True):
    """A reason that was found, and its response code (field 39)."""

    reason: Annotated[Reason, Meta(examples=["risk"])]
    code: Annotated[str, Meta(examples=["59"])]


class DecisionView(Wire, frozen=True, kw_only=True):
    """An answer to the network. The first of `reasons` is the one it heard; none means yes.

    `request` is the question without what proves (no numbers, codes, blocks), `features` what the rules looked at.
    """

    payment: Annotated[str, Meta(examples=["payment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    element: Annotated[int, Meta(examples=[1])]
    card: Annotated[str, Meta(examples=["card_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    resident: Annotated[str, Meta(examples=["resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    at: datetime
    approved: Annotated[bool, Meta(examples=[False])]
    amount_minor: Annotated[int, Meta(description="What was asked for.", examples=[150_000])]
    currency: CurrencyCode
    reasons: list[FoundView]
    rules: list[ResultView]
    request: dict[str, Any]
    features: dict[str, Any]

    @classmethod
    def of(cls, found: Decided) -> "DecisionView":
        """Show a decision."""
        return cls(
            payment=ids.show("payment", found.payment),
            element=found.number,
            card=ids.show("card", found.card),
            resident=ids.show("resident", found.holder),
            at=found.at,
            approved=found.approved,
            amount_minor=found.minor,
            currency=found.currency,
            reasons=[FoundView(reason=reason, code=CODES[reason]) for reason in found.reasons],
            rules=[ResultView.of(each) for each in found.rules],
            request={name: value for name, value in found.request.items() if name not in _SHOWN},
            features=found.features,
        )


class DecisionList(Wire, frozen=True):
    """Every question about a payment that was answered, the first one first."""

    decisions: list[DecisionView]


@get(
    "/v1/officer/card-payments/{payment_id:str}/decisions",
    operation_id="explainCardDecision",
    opt=SCOPE,
    tags=TAGS,
    summary="Why a swipe was declined",
)
async def explain_card_decision(payment_id: FromPath[str], story: NamedDependency[Story]) -> DecisionList:
    """Show why: all reasons, the features as they were then, and the versions of the rules that applied."""
    found = await result.decisions(await story(), ids.parse("payment", payment_id))
    return DecisionList(decisions=[DecisionView.of(each) for each in found])


routes = [explain_card_decision]
