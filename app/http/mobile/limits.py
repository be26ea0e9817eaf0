"""What the caller may spend: every limit explained, lowered by themselves, and tried before a payment.

path   GET /v1/limits            ->  app/limiting/explained.py   explain()
       GET /v1/limits/preflight  ->  app/limiting/explained.py   forecast()
       PUT /v1/limits/{name}     ->  app/limiting/own.py         decide()
"""

from datetime import date, datetime
from typing import Annotated, Any

from litestar import Request, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import allowance, language, problems
from app.allowance import Facts
from app.auth import stepup
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wire import MoneyWire, Wire
from app.language import Language
from app.limiting import explained, opening, own
from app.limiting.explained import Explained, Raise
from app.limiting.own import Own
from app.restrictions.reason import Reason
from law import calendar
from law.money import KZT, Money
from law.threshold import Rule, State
from wallet import account, limit
from wallet.account import NoWallet
from wallet.limit import Level, Measure, Operation

_TAGS = ["Limits"]
#: What the passkey signs for, to spend more again.
RAISE = "limit.raise"

LimitName = Annotated[str, Meta(examples=["transfers.day"])]


class RuleView(Wire, frozen=True, kw_only=True):
    """The rule that fixes a limit: whose it is, how far it has come in law, since when."""

    name: Annotated[str, Meta(examples=["operator.transfers.day_max"])]
    state: Annotated[State, Meta(examples=["in_force"])]
    source: Annotated[str, Meta(examples=["Operator's limits of 25 Apr 2026"])]
    in_force_on: Annotated[date | None, Meta(examples=["2026-04-25"])]

    @classmethod
    def of(cls, found: Rule, on: date) -> "RuleView":
        """Show a rule as it stands on a day."""
        state = found.state(on)
        assert state is not None, "a rule that is found has been heard of"
        return cls(name=found.name, state=state, source=found.source, in_force_on=found.in_force_on)


class OwnView(Wire, frozen=True, kw_only=True):
    """What the caller set: `most` now, `raises_to` at `raises_at`; null is no limit of their own."""

    most: MoneyWire | None
    raises_at: Annotated[datetime | None, Meta(examples=[None])]
    raises_to: MoneyWire | None

    @classmethod
    def of(cls, found: Own) -> "OwnView":
        """Show an own limit."""
        return cls(most=_money(found.minor), raises_at=found.raised_from, raises_to=_money(found.raised_to))


class WayView(Wire, frozen=True):
    """Something that makes a limit higher, in the caller's language."""

    code: Annotated[Raise, Meta(examples=["identify"])]
    title: Annotated[str, Meta(examples=["Show your document"])]
    what_to_do: Annotated[str, Meta(examples=["Scan a passport with a chip: POST /v1/identity/documents."])]


class LimitView(Wire, frozen=True, kw_only=True):
    """A limit: of these operations together, in one operation, a day, a month, or stored. Days are Kazakhstan's."""

    name: LimitName
    title: Annotated[str, Meta(examples=["Transfers, per day"])]
    measure: Annotated[Measure, Meta(examples=["day"])]
    operations: Annotated[list[Operation], Meta(examples=[["transfer"]])]
    most: MoneyWire
    used: MoneyWire
    left: MoneyWire
    resets_at: datetime | None
    rule: RuleView
    planned: RuleView | None
    own: OwnView | None
    how_to_raise: list[WayView]


class LimitsView(Wire, frozen=True, kw_only=True):
    """The caller's limits. `lacks` is what is missing before a wallet opens, in the order in which it is obtained."""

    level: Annotated[Level, Meta(examples=["identified"])]
    e_resident: bool
    lacks: Annotated[list[opening.Missing], Meta(examples=[[]])]
    limits: list[LimitView]


class StopView(Wire, frozen=True, kw_only=True):
    """What would stop a payment: a limit or restriction by name, or that there is less money."""

    code: Annotated[str, Meta(examples=["limit_reached"])]
    limit: Annotated[str | None, Meta(examples=["transfers.day"])] = None
    left: MoneyWire | None = None
    resets_at: Annotated[datetime | None, Meta(examples=[None])] = None
    restriction: Annotated[str | None, Meta(examples=[None])] = None
    reason: Annotated[Reason | None, Meta(examples=[None])] = None


class Preflight(Wire, frozen=True):
    """Whether a payment would pass if it came now, and everything that would stop it."""

    passes: bool
    stops: list[StopView]


class SetOwnLimit(Wire, frozen=True):
    """The most the caller wants to be able to spend; null is no limit of their own.

    More than now needs `step_up`, the passkey's answer over `limit.raise`, and takes effect a day later.
    """

    most_minor: Annotated[int, Meta(ge=0, le=2**53 - 1, description="Tiyn.", examples=[50_000_00])] | None
    step_up: stepup.Confirmation | None = None


@get("/v1/limits", operation_id="listLimits", opt={"scope": "wallet:read"}, tags=_TAGS, summary="My limits, explained")
async def list_limits(
    request: Request[Any, Any, Any], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> LimitsView:
    """Explain every limit of the caller: how much, what is left, why, and how to raise it."""
    db, tag = await story(), _language(request)
    on = calendar.statutory_date(story.now)
    facts = await _facts(db, story, me)
    found = explained.explain(facts, await own.of(db, me.subject), story.now, on)
    return LimitsView(
        level=facts.profile.level,
        e_resident=facts.profile.e_resident,
        lacks=list(await opening.lacking(db, me.subject, story.now)),
        limits=[_view(each, on, tag) for each in found],
    )


@get(
    "/v1/limits/preflight",
    operation_id="tryPayment",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="Would this payment pass?",
)
async def try_payment(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    operation: Annotated[Operation, QueryParameter(description="What the money would be moved for.")],
    amount_minor: Annotated[int, QueryParameter(ge=1, le=2**53 - 1, description="Tiyn.")],
) -> Preflight:
    """Try a payment against everything it would meet; nothing is set aside, so another may come first."""
    db = await story()
    on = calendar.statutory_date(story.now)
    found = explained.forecast(await _facts(db, story, me), operation, amount_minor, on)
    stops = [
        StopView(code="restricted", restriction=ids.show("restriction", each.id), reason=each.reason)
        for each in found.restrictions
    ]
    stops += [
        StopView(
            code="limit_reached",
            limit=each.limit,
            left=_money(each.left),
            resets_at=limit.ends(limit.LIMITS[each.limit].measure, on),
        )
        for each in found.limits
    ]
    stops += await _money_stops(db, me, operation, amount_minor)
    return Preflight(passes=not stops, stops=stops)


@put(
    "/v1/limits/{limit_name:str}",
    operation_id="setOwnLimit",
    opt={"scope": "wallet:write", "quota": "own-limits"},
    tags=_TAGS,
    summary="Set a limit of my own",
)
async def set_own_limit(
    request: Request[Any, Any, Any],
    limit_name: FromPath[str],
    data: JSONBody[SetOwnLimit],
    *,
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> LimitView:
    """Lower a limit at once, or raise one's own again with the passkey, a day from now. Saying it again is free."""
    db, now = await story(), story.now
    on = calendar.statutory_date(now)
    facts = await _facts(db, story, me)
    own.check(limit_name, data.most_minor, limit.ceilings(facts.profile, on))
    set_ = await own.of(db, me.subject)
    before = set_.get(limit_name, Own())
    made = own.decide(before, data.most_minor, now)
    if made is not before:
        if made.raised_from is not None:
            shown = to_raise(limit_name, made)
            await stepup.redeem(db, house.settings, me, operation=RAISE, shown=shown, confirmation=data.step_up)
        await own.store(db, me.subject, limit_name, before=before, made=made, actor=me.actor, at=now)
    found = explained.explain(facts, {**set_, limit_name: made}, now, on)
    return next(_view(each, on, _language(request)) for each in found if each.ceiling.limit.name == limit_name)


def to_raise(name: str, made: Own) -> stepup.Shown:
    """Write down what the person confirms: which limit, from what, to what."""
    assert made.minor is not None, "what is raised is a limit"
    return {
        "limit": name,
        "currency": str(KZT),
        "from_minor": made.minor,
        "to_minor": "none" if made.raised_to is None else made.raised_to,
    }


async def _facts(db: AsyncConnection, story: Story, me: Principal) -> Facts:
    mine = {me.subject}
    return (await allowance.facts(db, story.now, spenders=mine, receivers=mine))[me.subject]


async def _money_stops(db: AsyncConnection, me: Principal, operation: Operation, minor: int) -> list[StopView]:
    try:
        mine = await account.wallet(db, me.subject)
    except NoWallet:
        return [StopView(code="no_wallet")]
    short = operation is not Operation.RECEIVE and mine.available.minor < minor
    return [StopView(code="insufficient_funds", left=MoneyWire.of(mine.available))] if short else []


def _view(found: Explained, on: date, tag: Language) -> LimitView:
    asked = found.ceiling.limit
    return LimitView(
        name=asked.name,
        title=problems.texts()[f"limit.{asked.name}"][tag][0],
        measure=asked.measure,
        operations=[each for each in Operation if each in asked.operations],
        most=MoneyWire.of(Money(found.most, KZT)),
        used=MoneyWire.of(Money(found.used, KZT)),
        left=MoneyWire.of(Money(found.left, KZT)),
        resets_at=found.resets_at,
        rule=RuleView.of(found.ceiling.rule, on),
        planned=RuleView.of(found.planned, on) if found.planned else None,
        own=OwnView.of(found.own) if found.own else None,
        how_to_raise=[WayView(each, *problems.texts()[f"raise.{each}"][tag]) for each in found.raises],
    )


def _money(minor: int | None) -> MoneyWire | None:
    return None if minor is None else MoneyWire.of(Money(minor, KZT))


def _language(request: Request[Any, Any, Any]) -> Language:
    return language.choose(request.headers.get("accept-language"))


routes = [list_limits, try_payment, set_own_limit]
