"""Yes, no, or no answer: what the verdict over a document makes of a question."""

import pytest

from residency.credential.presenting import judging, question
from residency.credential.presenting.judging import Answers, Broken, Told, Untold
from residency.credential.presenting.question import QUESTIONS, Answer, Question
from residency.credential.status_list import Status
from tests.credential import made
from tests.credential.presenting.test_judging import CLIENT, TRUST, asked, presentation

GOOD, ENDED, UNHEARD = Told(Status.VALID, made.AT), Told(Status.INVALID, made.AT), Untold("list_expired")
OVER_18, OVER_63 = QUESTIONS["over_18"], QUESTIONS["over_63"]
AGES = ("18", "63")
CHILD = "~".join([made.authority().document.sign(made.payload(age_equal_or_over={"18": False})), ""])

ANSWERS: dict[str, tuple[Question, str, Told | Untold | Broken, Answer]] = {
    "of age": (OVER_18, presentation(AGES), GOOD, Answer.YES),
    "not that old": (OVER_63, presentation(AGES), GOOD, Answer.NO),
    "under age": (OVER_18, made.bound(CHILD, aud=CLIENT), GOOD, Answer.NO),
    "revoked": (OVER_18, presentation(AGES), ENDED, Answer.NO),
    "nobody knows the status": (OVER_18, presentation(AGES), UNHEARD, Answer.UNKNOWN),
    "a list that has no such entry": (OVER_18, presentation(AGES), Broken("index_out_of_range"), Answer.UNKNOWN),
    "the claim not shown": (OVER_18, presentation(("family_name",)), GOOD, Answer.UNKNOWN),
    "garbage": (OVER_18, "garbage", GOOD, Answer.UNKNOWN),
    "for another nonce": (OVER_18, presentation(AGES, nonce="of-yesterday"), GOOD, Answer.UNKNOWN),
    "of another verifier": (OVER_63, presentation(AGES, aud="x509_hash:other"), GOOD, Answer.UNKNOWN),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_a_no_is_read_off_a_document_or_its_status_and_never_off_a_fault(case: str) -> None:
    wanted, text, told, expected = ANSWERS[case]
    request = asked(query=question.query(wanted, made.URL))

    presented = judging.read({"sd_jwt": [text]}, request, TRUST)
    statuses: Answers = {each.entry: told for each in presented["sd_jwt"] if each.entry is not None}
    verdict = judging.conclude(presented, request.query, statuses, at=made.AT)

    assert question.answer(wanted, verdict) is expected
