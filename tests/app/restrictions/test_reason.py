"""The matrix: what each reason class stops, and that no neutral cause can be told from another."""

from datetime import timedelta

import pytest

from app import problems
from app.language import Language
from app.restrictions.reason import CAUSES, CLASSES, FIRST, Owner, Reason
from wallet.limit import Operation

OPEN, SHUT = True, False

#: What works: transfer, payout, payout_own, exchange, card, invest, receive.
MATRIX = {
    Reason.IDENTITY_UPDATE: (SHUT, SHUT, OPEN, OPEN, OPEN, SHUT, OPEN),
    Reason.SECURITY: (SHUT, SHUT, OPEN, SHUT, SHUT, SHUT, OPEN),
    Reason.LEGAL_REVIEW: (SHUT, SHUT, OPEN, SHUT, SHUT, SHUT, OPEN),
    Reason.COURT_ORDER: (SHUT, SHUT, SHUT, SHUT, SHUT, SHUT, OPEN),
    Reason.STATE_ORDER: (SHUT, SHUT, SHUT, SHUT, SHUT, SHUT, OPEN),
    Reason.OWN_REQUEST: (SHUT, SHUT, OPEN, SHUT, SHUT, SHUT, OPEN),
}


@pytest.mark.parametrize("reason", Reason)
def test_what_works_in_spite_of_each_class(reason: Reason) -> None:
    assert tuple(CLASSES[reason].allows(each, FIRST) for each in Operation) == MATRIX[reason]


@pytest.mark.parametrize("reason", Reason)
def test_ones_own_money_finds_a_way_out_unless_another_has_ordered_otherwise(reason: Reason) -> None:
    assert CLASSES[reason].allows(Operation.PAYOUT_OWN, FIRST) == (CLASSES[reason].owner is Owner.OPERATOR)


@pytest.mark.parametrize("reason", Reason)
def test_of_what_works_later_a_legal_review_alone_stops_ones_own_way_out_at_first(reason: Reason) -> None:
    stops = {each for each in Operation if not CLASSES[reason].allows(each, FIRST - timedelta(seconds=1))}

    later = {each for each in Operation if not CLASSES[reason].allows(each, FIRST)}
    assert stops - later == ({Operation.PAYOUT_OWN} if reason is Reason.LEGAL_REVIEW else set())
    assert later <= stops


@pytest.mark.parametrize("cause", ["suspicious_report", "list_match", "authority_inquiry", "source_of_funds"])
def test_what_must_not_be_tipped_off_is_legal_review(cause: str) -> None:
    assert CAUSES[cause] is Reason.LEGAL_REVIEW


def test_every_cause_has_one_class() -> None:
    assert len(CAUSES) == sum(len(found.causes) for found in CLASSES.values())


@pytest.mark.parametrize("reason", Reason)
def test_every_class_is_told_in_every_language_and_no_text_names_a_cause(reason: Reason) -> None:
    for kind in ("restriction", "basis"):
        for tag in Language:
            title, text = problems.texts()[f"{kind}.{reason}"][tag]
            assert title
            assert text
            assert not [cause for cause in CAUSES if cause in text or cause in title]
