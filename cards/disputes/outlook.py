"""What comes next in a dispute, and by when at the latest: honest dates, computed from the terms of its reason."""

from datetime import date, timedelta

import msgspec

from cards.disputes.dispute import Dispute
from cards.disputes.life import State, Turn
from law import calendar


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """Whose turn it is and until which day; and the last day on which it is decided if everybody takes all their time.

    `decided_by` is None where nothing is decided any more, or where only the network's own time counts.
    """

    turn: Turn
    act_by: date | None
    decided_by: date | None


def of(about: Dispute) -> Outlook:
    """Look ahead."""
    act_by = None if about.due_at is None else _last_day(about)
    return Outlook(turn=about.turn, act_by=act_by, decided_by=_decided_by(about, act_by))


def _last_day(about: Dispute) -> date:
    assert about.due_at is not None, "asked for one that has a term"
    # A term ends with a day, which is over at midnight: the last day is the one before.
    return calendar.statutory_date(about.due_at - timedelta(microseconds=1))


def _decided_by(about: Dispute, act_by: date | None) -> date | None:
    rule = about.rule
    after = {
        State.DRAFT: rule.file_days - rule.claim_days,
        State.EVIDENCE_NEEDED: max((rule.file_until(about.since_on) - act_by).days, 0) if act_by else 0,
        State.SUBMITTED: 0,
    }
    contest = rule.second_days + rule.final_days + rule.second_days + rule.ruling_days
    left = {
        State.DRAFT: rule.answer_days + contest,
        State.EVIDENCE_NEEDED: rule.answer_days + contest,
        State.SUBMITTED: rule.answer_days + contest,
        State.CHARGEBACK: contest,
        State.REPRESENTMENT: rule.final_days + rule.second_days + rule.ruling_days,
        State.PRE_ARBITRATION: rule.ruling_days + (rule.second_days if about.turn is Turn.NETWORK else 0),
    }.get(about.state)
    if act_by is None or left is None:
        return None
    return act_by + timedelta(days=left + after.get(about.state, 0))
