"""The catalogue and its forms."""

from datetime import date

import pytest

from law.seed import THRESHOLDS
from residency import service
from residency.case import State

_ASSIGN = service.of("eresidency.assign")


def test_the_term_of_e_residency_is_fifteen_working_days_and_waits_for_the_applicant_only() -> None:
    assert THRESHOLDS.value(_ASSIGN.term.threshold, date(2026, 9, 1)) == 15
    assert _ASSIGN.term.pauses == {State.AWAITING_APPLICANT}
    assert _ASSIGN.clause == "D3.2-d"


def test_there_is_no_service_beside_the_catalogue() -> None:
    with pytest.raises(service.UnknownService):
        service.of("eresidency.sell")


@pytest.mark.parametrize(
    "answers", [{}, {"purpose": "business"}, {"data_consent": False}, {"purpose": "other", "rules_accepted": True}]
)
def test_a_draft_may_be_incomplete(answers: service.Answers) -> None:
    assert service.read(_ASSIGN, answers) == answers


@pytest.mark.parametrize(
    ("answers", "question"),
    [
        ({"purpose": "espionage"}, "purpose"),
        ({"purpose": True}, "purpose"),
        ({"data_consent": "yes"}, "data_consent"),
        ({"iin": "940930490003"}, "iin"),
    ],
)
def test_a_draft_is_never_wrong(answers: service.Answers, question: str) -> None:
    with pytest.raises(service.BadAnswer) as refused:
        service.read(_ASSIGN, answers)

    assert refused.value.question == question


def test_a_consent_that_was_declined_leaves_the_form_incomplete() -> None:
    with pytest.raises(service.IncompleteAnswers) as refused:
        service.complete(_ASSIGN, {"purpose": "other", "data_consent": False})

    assert refused.value.questions == "data_consent, rules_accepted"
