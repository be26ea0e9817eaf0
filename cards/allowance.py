"""What a holder may spend beside the balance and the card's own limits: asked of whoever counts it.

The house counts over everything a person pays with (app/allowance.py) and hands the answer in; the card only says what
it is about. A payment counts on the day it was opened, whenever its elements come.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from cards.reason import Reason
from law.money import Money
from wallet.desk import Desk


class Allowance(Protocol):
    """What the holders of one batch may spend."""

    def refuses(self, holder: UUID, more: Money) -> Reason | None:
        """Say what stands against spending `more`, which may be nothing; None lets it pass. Nothing is counted."""
        ...

    def count(self, holder: UUID, more: Money, opened_at: datetime) -> None:
        """Count `more`, or where it is negative give back."""
        ...

    def write(self) -> None:
        """Store what was counted."""
        ...


#: Loads the allowance of the holders of one batch.
Load = Callable[[Desk, set[UUID]], Awaitable[Allowance]]


class _Anything:
    """Who counts nothing lets everything pass."""

    def refuses(self, holder: UUID, more: Money) -> Reason | None:
        """Let it pass."""

    def count(self, holder: UUID, more: Money, opened_at: datetime) -> None:
        """Forget it."""

    def write(self) -> None:
        """Store nothing."""


async def anything(desk: Desk, holders: set[UUID]) -> Allowance:  # noqa: ARG001  as Load asks
    """Load nothing: the balance and the card's own limits alone decide."""
    return _Anything()
