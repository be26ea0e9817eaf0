"""What anybody may read about the card programme: under which regime it runs, and the notice to consumers.

The agreement with the National Bank obliges the operator to tell consumers (Law on the National Bank, art. 51-5).
"""

from datetime import date
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from msgspec import Meta

from app.cards import holders
from app.db import Story
from app.http.wire import Wire
from law.regime import Phase


class PublicProgrammeView(Wire, frozen=True, kw_only=True):
    """The programme of today."""

    phase: Annotated[Phase, Meta(examples=["sandbox"])]
    issuance_basis: Annotated[str, Meta(examples=["NBK-SANDBOX-ASSUMED-1"])]
    begins: date
    ends: Annotated[date | None, Meta(examples=[None])]
    issues_cards: Annotated[bool, Meta(examples=[True])]
    notice_version: Annotated[str, Meta(examples=["sandbox-2026-1"])]
    notice: Annotated[dict[str, str], Meta(description="By language.", examples=[{"en": "This service runs under …"}])]
    currencies: Annotated[list[str], Meta(examples=[["KZT"]])]
    denied_categories: Annotated[
        list[str], Meta(description="Merchant categories (ISO 18245) no card pays.", examples=[["7995"]])
    ]


@get(
    "/v1/card-programme",
    operation_id="getCardProgramme",
    opt={"scope": "public", "cors": "*", "cache": "public, max-age=300"},
    tags=["Cards"],
    summary="The card programme",
)
async def get_programme(story: NamedDependency[Story]) -> PublicProgrammeView:
    """Say under which regime cards are issued today, what consumers must know, and what no card ever pays for."""
    await story()
    regime = holders.regime(story.now)
    return PublicProgrammeView(
        phase=regime.phase,
        issuance_basis=regime.basis,
        begins=regime.begins,
        ends=regime.ends,
        issues_cards=regime.issues_cards,
        notice_version=regime.notice.version,
        notice=dict(regime.notice.texts),
        currencies=sorted(regime.policy.currencies),
        denied_categories=sorted(regime.policy.denied_categories),
    )


routes = [get_programme]
