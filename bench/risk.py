"""The rules of risk under which card payments are measured: twelve in force, eight in the shadow, as a programme has.

None stands against what is measured, however often a card is asked; one in the shadow applies to every twentieth
question, and what it found is kept.
"""

from typing import Any
from uuid import UUID

import msgspec

from app import db, ids
from app.house import House
from cards.rules import rule
from cards.rules.rule import RuleBody, State

#: Where every twentieth question comes from.
WATCHED = "M-1002"
_OFTEN = 10**6  # in a quarter of an hour: no card gets there
_DRAFTS, _DECIDES = (f"officer:{UUID(int=number)}" for number in (1, 2))


def _number(feature: str, is_: str, to: int) -> dict[str, Any]:
    return {"on": "number", "feature": feature, "is": is_, "to": to}


def _text(feature: str, *values: str) -> dict[str, Any]:
    return {"on": "text", "feature": feature, "values": values}


def _flag(feature: str, *, set_: bool = True) -> dict[str, Any]:
    return {"on": "flag", "feature": feature, "set": set_}


_QUASI_CASH = _text("category", "6051", "4829", "6211")
_ONLINE = _text("channel", "ecommerce", "moto")
_HIGH_RISK = _text("country", "NG", "KP", "IR", "MM")

#: What each rule asks for, all of it, and what it does.
ACTIVE: tuple[tuple[tuple[dict[str, Any], ...], str], ...] = (
    ((_number("times_15m", "at_least", _OFTEN),), "decline"),
    ((_number("declines_15m", "at_least", _OFTEN), _flag("present", set_=False)), "decline"),
    ((_number("holder_declines_15m", "at_least", _OFTEN),), "decline"),
    ((_number("travel_kmh", "more", 1_000), _flag("present")), "decline"),
    ((_HIGH_RISK,), "decline"),
    ((_QUASI_CASH, _flag("new_merchant")), "challenge"),
    ((_ONLINE, _number("amount_minor", "more", 500_000_00)), "challenge"),
    ((_ONLINE, _flag("country_changed"), _flag("abroad")), "challenge"),
    ((_number("deviation", "more", 1_000), _number("amount_minor", "more", 100_000_00)), "challenge"),
    ((_number("age_days", "at_most", 2), _number("amount_24h", "more", 1_000_000_00)), "alert"),
    ((_number("cash_amount_24h", "more", 200_000_00), _flag("night")), "alert"),
    ((_text("operation", "cash"), _flag("new_country")), "decline"),
)
SHADOW: tuple[tuple[tuple[dict[str, Any], ...], str], ...] = (
    ((_text("merchant", WATCHED),), "decline"),
    ((_number("times_1h", "at_least", _OFTEN),), "decline"),
    ((_number("holder_times_1h", "at_least", _OFTEN),), "decline"),
    ((_number("amount_1h", "more", 800_000_00),), "decline"),
    ((_flag("new_country"), _number("hour", "at_most", 5)), "decline"),
    ((_number("channel_percent", "at_most", 1), _number("usual_amount", "more", 0), _QUASI_CASH), "decline"),
    ((_flag("tokenised"), _flag("new_merchant"), _number("amount_minor", "more", 300_000_00)), "challenge"),
    ((_number("amount_30d", "more", 10_000_000_00),), "decline"),
)


async def enforce(house: House) -> None:
    """Bring them into force, or into the shadow, as two officers do."""
    async with db.transaction(house.api, audience="officer") as story:
        connection = await story()
        for number, ((conditions, action), states) in enumerate(
            [*((each, (State.SHADOW, State.ACTIVE)) for each in ACTIVE), *((each, (State.SHADOW,)) for each in SHADOW)]
        ):
            when = [{"any_of": [condition]} for condition in conditions]
            body = msgspec.convert({"when": when, "then": {"do": action}}, RuleBody)
            drafted = await rule.draft(
                connection,
                rule=ids.new(),
                version=ids.new(),
                name=f"bench_{number}",
                body=body,
                actor=_DRAFTS,
                at=story.now,
            )
            for state in states:
                await rule.move(connection, drafted.id, state, actor=_DECIDES, at=story.now)
