"""What a card spent in the day, week, month and year that run now, and what its limits leave of them.

path   GET /v1/cards/{card_id}/spending    ->  cards/spending/velocity.py    spent()
"""

from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from app.db import Story
from app.http import ids
from app.http.wire import MoneyWire, Wire
from cards import card as cards_card
from cards.card import Card
from cards.spending import velocity
from cards.spending.velocity import Spent
from cards.spending.window import Period
from law.money import Money


class PeriodView(Wire, frozen=True, kw_only=True):
    """A window of the calendar in Kazakhstan. Cash is in `spent` as well; `limit` is the lowest that holds."""

    period: Annotated[Period, Meta(examples=["month"])]
    begins_at: datetime
    ends_at: datetime
    spent: MoneyWire
    payments: Annotated[int, Meta(examples=[12])]
    cash: MoneyWire
    withdrawals: Annotated[int, Meta(examples=[1])]
    limit: Annotated[MoneyWire | None, Meta(description="None where there is no limit.")]
    left: MoneyWire | None

    @classmethod
    def of(cls, card: Card, found: Spent) -> "PeriodView":
        """Show a window."""

        def money(minor: int) -> MoneyWire:
            return MoneyWire.of(Money(minor, card.currency))

        return cls(
            period=found.period,
            begins_at=found.begins_at,
            ends_at=found.ends_at,
            spent=money(found.used.amount),
            payments=found.used.times,
            cash=money(found.used.cash_amount),
            withdrawals=found.used.cash_times,
            limit=None if found.most is None else money(found.most),
            left=None if found.most is None else money(max(found.most - found.used.amount, 0)),
        )


class CardSpending(Wire, frozen=True):
    """The windows, the shortest first."""

    periods: list[PeriodView]


@get(
    "/v1/cards/{card_id:str}/spending",
    operation_id="readCardSpending",
    opt={"scope": "cards:read"},
    tags=["Cards"],
    summary="What a card spent, and what its limits leave",
)
async def read_card_spending(card_id: FromPath[str], story: NamedDependency[Story]) -> CardSpending:
    """Show what counts against the limits of a card: what was paid and what merchants may still take."""
    db = await story()
    card = await cards_card.find(db, ids.parse("card", card_id))
    return CardSpending(periods=[PeriodView.of(card, each) for each in await velocity.spent(db, card, story.now)])


routes = [read_card_spending]
