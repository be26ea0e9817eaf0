"""Disputes as their holders see them: what is needed, what comes next, and by when at the latest."""

import base64
import tomllib
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated

from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app.http import ids
from app.http.wire import MoneyWire, Wire
from app.language import Language
from cards.disputes import dispute as disputes
from cards.disputes import evidence, outlook
from cards.disputes.dispute import Dispute, Hop, NotDisputable, TooLate
from cards.disputes.evidence import Evidence
from cards.disputes.life import State, Turn
from cards.disputes.reason import RULES, Credit, Proof, Reason, Rule, Since
from cards.payments.payment import Payment
from law import calendar
from law.money import Money

TEXTS = Path(__file__).with_name("disputes.toml")

DisputeId = Annotated[str, Meta(examples=["dispute_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
EvidenceId = Annotated[str, Meta(examples=["dispute_evidence_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
PaymentId = Annotated[str, Meta(examples=["payment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]


class NeedView(Wire, frozen=True):
    """Something that is needed, and whether it was handed in."""

    kind: Annotated[Proof, Meta(examples=["receipt"])]
    text: Annotated[str, Meta(examples=["The receipt"])]
    given: bool


class OptionView(Wire, frozen=True, kw_only=True):
    """A reason: what it needs, the last day for it, and when money is credited.

    `until` is null where it runs from the day the person names. `not_for` says why it cannot be chosen.
    """

    reason: Annotated[Reason, Meta(examples=["duplicate"])]
    text: Annotated[str, Meta(examples=["The same purchase was taken twice"])]
    needs: list[NeedView]
    asks_expected_on: bool
    until: date | None = None
    credit: Annotated[str, Meta(examples=["You get the money back within 10 working days."])]
    not_for: Annotated[str | None, Meta(examples=[None])] = None


class OptionsView(Wire, frozen=True):
    """How much of a payment can still be disputed, and why."""

    payment_id: PaymentId
    disputable: MoneyWire
    reasons: list[OptionView]


class StepView(Wire, frozen=True, kw_only=True):
    """Something that happened."""

    act: Annotated[str, Meta(examples=["hand_in"])]
    state: Annotated[State, Meta(examples=["submitted"])]
    amount: MoneyWire
    at: datetime


class CreditView(Wire, frozen=True, kw_only=True):
    """What was given back before it is decided: whether it may be taken back, until when, and when it is.

    `due_on` is the last day for it where it is still to come; `owed` is what was taken back and was not there.
    """

    amount: MoneyWire
    reversible: bool
    reversible_until: datetime | None = None
    due_on: date | None = None
    taken_back: MoneyWire | None = None
    taken_back_on: date | None = None
    owed: MoneyWire


class EvidenceView(Wire, frozen=True):
    """A file."""

    id: EvidenceId
    kind: Annotated[Proof, Meta(examples=["receipt"])]
    media: Annotated[str, Meta(examples=["image/jpeg"])]
    size: Annotated[int, Meta(ge=1, examples=[24])]
    sha256: Annotated[
        str,
        Meta(
            pattern=r"^[0-9a-f]{64}$(?!\n)",
            examples=["3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea"],
        ),
    ]
    at: datetime

    @classmethod
    def of(cls, found: Evidence) -> "EvidenceView":
        """Show a file, without what is in it."""
        return cls(
            id=ids.show("dispute_evidence", found.id),
            kind=found.kind,
            media=found.media,
            size=found.size,
            sha256=found.sha256.hex(),
            at=found.at,
        )


class EvidenceContent(Wire, frozen=True):
    """A file as it was handed in, in base64."""

    file: EvidenceView
    content: Annotated[str, Meta(examples=["/9j/4AAQSkZJRgABAQAAAQABAAD/2Q=="])]

    @classmethod
    def of(cls, found: Evidence, content: bytes) -> "EvidenceContent":
        """Show a file with what is in it."""
        return cls(file=EvidenceView.of(found), content=base64.b64encode(content).decode())


class DisputeView(Wire, frozen=True, kw_only=True):
    """A dispute: where it is, whose turn it is and until when, and the last day on which it is decided."""

    id: DisputeId
    payment_id: PaymentId
    reason: Annotated[Reason, Meta(examples=["duplicate"])]
    reason_text: Annotated[str, Meta(examples=["The same purchase was taken twice"])]
    amount: MoneyWire
    recovered: MoneyWire
    state: Annotated[State, Meta(examples=["draft"])]
    text: Annotated[str, Meta(examples=["Add what is needed and hand it in."])]
    turn: Annotated[Turn, Meta(examples=["person"])]
    act_by: Annotated[date | None, Meta(description="The last day for whoever's turn it is.")] = None
    decided_by: Annotated[date | None, Meta(description="If everybody takes all their time.")] = None
    needs: list[NeedView]
    evidence: list[EvidenceView]
    steps: list[StepView]
    credit: CreditView
    opened_at: datetime
    ended_at: datetime | None = None


class DisputePage(Wire, frozen=True):
    """A page of disputes, newest first; `next_cursor` is absent on the last."""

    disputes: list[DisputeView]
    next_cursor: str | None = None


class SubmittedView(Wire, frozen=True):
    """Where a dispute is now; the rest of it is at its own address."""

    id: DisputeId
    state: Annotated[State, Meta(examples=["submitted"])]
    turn: Annotated[Turn, Meta(examples=["house"])]
    act_by: date | None
    credited: MoneyWire

    @classmethod
    def of(cls, about: Dispute) -> "SubmittedView":
        """Show where a dispute is."""
        return cls(
            id=ids.show("dispute", about.id),
            state=about.state,
            turn=about.turn,
            act_by=outlook.of(about).act_by,
            credited=MoneyWire.of(about.money(about.credited_minor)),
        )


async def shown(db: AsyncConnection, about: Dispute, *, tag: Language) -> DisputeView:
    """Show a dispute with all that belongs to it."""
    files, hops = await evidence.of(db, about.id), await disputes.hops(db, about.id)
    ahead, given = outlook.of(about), {each.kind for each in files}
    return DisputeView(
        id=ids.show("dispute", about.id),
        payment_id=ids.show("payment", about.payment),
        reason=about.reason,
        reason_text=texts()["reason"][about.reason][tag],
        amount=MoneyWire.of(about.amount),
        recovered=MoneyWire.of(about.money(about.recovered_minor)),
        state=about.state,
        text=texts()["state"][about.state][tag],
        turn=ahead.turn,
        act_by=ahead.act_by,
        decided_by=ahead.decided_by,
        needs=_needs(about.rule, given, tag),
        evidence=[EvidenceView.of(each) for each in files],
        steps=[_step(about, each) for each in hops],
        credit=_credit(about),
        opened_at=about.opened_at,
        ended_at=about.ended_at,
    )


def _step(about: Dispute, hop: Hop) -> StepView:
    return StepView(
        act=hop.act, state=hop.state, amount=MoneyWire.of(about.money(hop.amount_minor)), at=hop.at
    )  # fmt: skip


def _needs(rule: Rule, given: set[Proof], tag: Language) -> list[NeedView]:
    return [NeedView(kind=each, text=texts()["proof"][each][tag], given=each in given) for each in rule.needs]


def _credit(about: Dispute) -> CreditView:
    back = about.take_back_minor
    return CreditView(
        amount=MoneyWire.of(about.money(about.credited_minor)),
        reversible=about.reversible and about.closed_at is None,
        reversible_until=about.reversible_until,
        due_on=None if about.credit_due_at is None else calendar.statutory_date(about.credit_due_at),
        taken_back=MoneyWire.of(about.money(back)) if back else None,
        taken_back_on=None if about.take_back_at is None else calendar.statutory_date(about.take_back_at),
        owed=MoneyWire.of(about.money(about.owed_minor)),
    )


def options(payment: Payment, others: Sequence[Dispute], *, tag: Language, now: datetime) -> OptionsView:
    """Show what can be disputed of a payment."""
    counted = sum(each.amount_minor for each in others if each.state not in _LET_GO)
    left = max(disputes.taken(payment).minor - counted, 0)
    today = calendar.statutory_date(now)
    return OptionsView(
        payment_id=ids.show("payment", payment.id),
        disputable=MoneyWire.of(Money(left, payment.currency)),
        reasons=[_option(payment, reason, rule, today, tag) for reason, rule in RULES.items()],
    )


_LET_GO = frozenset({State.WITHDRAWN, State.EXPIRED, State.REJECTED})


def _option(payment: Payment, reason: Reason, rule: Rule, today: date, tag: Language) -> OptionView:
    named, until, not_for = rule.since is Since.EXPECTED, None, None
    try:
        since_on = disputes.check(payment, reason, expected_on=today if named else None, today=today)
        until = None if named else rule.claim_until(since_on)
    except NotDisputable as error:
        not_for = error.why
    except TooLate as error:
        not_for, until = "too_late", error.until
    credit = texts()["credit"][rule.credit][tag]
    return OptionView(
        reason=reason,
        text=texts()["reason"][reason][tag],
        needs=_needs(rule, set(), tag),
        asks_expected_on=named,
        until=until,
        credit=credit.format(days=rule.credit_days) if rule.credit is Credit.IN_DAYS else credit,
        not_for=not_for,
    )


@cache
def texts() -> dict[str, dict[str, dict[str, str]]]:
    """Read what a holder is told, by kind of word, word and language."""
    found: dict[str, dict[str, dict[str, str]]] = tomllib.loads(TEXTS.read_text(encoding="utf-8"))
    return found
