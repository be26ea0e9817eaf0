"""Every limit with its reason: what, how much, what is left, until when, by which rule, and how it gets higher.

route   GET /v1/limits, GET /v1/limits/preflight      app/http/mobile/limits.py
facts   app/allowance.py       facts(), the same a payment is decided by
"""

import enum
from datetime import date, datetime

import msgspec

from app.allowance import Facts, LimitReached, Restriction
from app.limiting.own import Own
from law.threshold import Rule
from wallet import limit
from wallet.limit import Ceiling, Level, Measure, Operation, Profile, Used
from wallet.policy import RULES


class Raise(enum.StrEnum):
    """What makes a limit higher."""

    IDENTIFY = "identify"
    RENEW_DOCUMENT = "renew_document"
    E_RESIDENCY = "e_residency"
    OWN = "own"
    NOTHING = "nothing"


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A limit as it stands for somebody: `most`, `used` and `left` in tiyn, `most` the lower of rule and own limit.

    `planned` is the rule that is announced or enacted to replace the one in force.
    """

    ceiling: Ceiling
    most: int
    used: int
    resets_at: datetime | None
    own: Own | None
    planned: Rule | None
    raises: tuple[Raise, ...]

    @property
    def left(self) -> int:
        """What may still be spent, or stored."""
        return max(self.most - self.used, 0)


def explain(facts: Facts, own: dict[str, Own], now: datetime, on: date) -> list[Explained]:
    """Explain every limit there is for somebody, in the order in which a payment is compared with them."""
    return [_explain(each, facts, own.get(each.limit.name), now, on) for each in limit.ceilings(facts.profile, on)]


def _explain(ceiling: Ceiling, facts: Facts, mine: Own | None, now: datetime, on: date) -> Explained:
    asked = ceiling.limit
    stands = mine.settled(now) if mine else None
    lower = stands is not None and stands.minor is not None and stands.minor < ceiling.most
    most = stands.minor if lower and stands and stands.minor is not None else ceiling.most
    stored = asked.measure is Measure.BALANCE
    return Explained(
        ceiling=ceiling,
        most=most,
        used=facts.stored if stored else limit.spent(asked, Used(facts.day, facts.month)),
        resets_at=limit.ends(asked.measure, on),
        own=stands if stands and (stands.minor is not None or stands.raised_from is not None) else None,
        planned=RULES.planned(ceiling.rule.name, on),
        raises=_raises(ceiling, facts.profile, on, own=lower),
    )


def _raises(ceiling: Ceiling, who: Profile, on: date, *, own: bool) -> tuple[Raise, ...]:
    """Say what makes the limit higher: what one set oneself, and whatever would put one under a higher rule."""
    ways = [Raise.OWN] if own else []
    if who.level is not Level.IDENTIFIED and _higher(ceiling, Profile(Level.IDENTIFIED, who.e_resident), on):
        ways.append(Raise.IDENTIFY if who.level is Level.UNIDENTIFIED else Raise.RENEW_DOCUMENT)
    if not who.e_resident and _higher(ceiling, Profile(who.level, True), on):  # noqa: FBT003  as a tuple
        ways.append(Raise.E_RESIDENCY)
    return tuple(ways) or (Raise.NOTHING,)


def _higher(ceiling: Ceiling, who: Profile, on: date) -> bool:
    found = next((each for each in limit.ceilings(who, on) if each.limit is ceiling.limit), None)
    return found is None or found.most > ceiling.most


class Forecast(msgspec.Struct, frozen=True):
    """What stands against a payment now: every restriction and every limit; nothing lets it pass."""

    restrictions: tuple[Restriction, ...]
    limits: tuple[LimitReached, ...]


def forecast(facts: Facts, operation: Operation, minor: int, on: date) -> Forecast:
    """Answer what a payment would meet if it came now."""
    return Forecast(tuple(facts.stopping(operation)), tuple(facts.reached(operation, minor, on)))
