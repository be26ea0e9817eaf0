"""How an order to a bank is shown to who gave it: the same lines for pay-outs, transfers and exchanges."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from app.banking.order import ENDED, Order, State
from app.http.wire import MoneyWire, Wire
from law import rails
from law.rails import Rail, Why, Window

#: What the resident sees of a state: the same story without our plumbing.
Face = Literal["processing", "done", "rejected", "returned"]
_FACES: dict[State, Face] = {
    State.REQUESTED: "processing",
    State.SENT: "processing",
    State.UNKNOWN: "processing",
    State.DONE: "done",
    State.REJECTED: "rejected",
    State.RETURNED: "returned",
}
assert set(_FACES) == set(State)

RailName = Annotated[Literal["imps", "ismt"], Meta(description="The interbank system.", examples=["imps"])]
Reason = Annotated[
    str | None, Meta(description="Why the bank refused it or it came back.", examples=["account_closed"])
]


class WindowView(Wire, frozen=True):
    """When money is there: between `earliest` and `by`, and why then. `cut_off` is what it was or has to be before."""

    rail: RailName
    earliest: datetime
    by: datetime
    why: Annotated[str, Meta(examples=[Why.INSTANT.value])]
    cut_off: datetime | None = None

    @classmethod
    def of(cls, window: Window) -> "WindowView":
        """Show a promise."""
        return cls(
            rail=window.rail.value,
            earliest=window.earliest,
            by=window.by,
            why=window.why.value,
            cut_off=window.cut_off,
        )


class Moving(Wire, frozen=True, kw_only=True):
    """The lines every order shows."""

    state: Annotated[Face, Meta(examples=["processing"])]
    amount: MoneyWire
    fee: MoneyWire
    requested_at: datetime
    ended_at: datetime | None = None
    expected: Annotated[
        WindowView | None,
        Meta(description="When it will be there as of now; null once it has ended. A late one is promised anew."),
    ] = None
    bank_reference: Annotated[str | None, Meta(examples=["DB-000001"])] = None
    reason: Reason = None


def lines(found: Order, now: datetime) -> dict[str, object]:
    """Give the lines of `Moving` for an order."""
    return {
        "state": _FACES[found.state],
        "amount": MoneyWire.of(found.money),
        "fee": MoneyWire.of(found.fee),
        "requested_at": found.requested_at,
        "ended_at": found.ended_at,
        "expected": _expected(found, now),
        "bank_reference": found.bank_reference,
        "reason": found.reason,
    }


def _expected(found: Order, now: datetime) -> WindowView | None:
    if found.state in ENDED or found.promised_from is None or found.promised_by is None:
        return None
    rail = found.rail or Rail.IMPS
    if now > found.promised_by:
        late = rails.window(rail, now)
        return WindowView(rail=rail.value, earliest=late.earliest, by=late.by, why=Why.LATE.value)
    why = rails.window(rail, found.requested_at).why.value
    return WindowView(rail=rail.value, earliest=found.promised_from, by=found.promised_by, why=why)
