"""A score against its threshold, and what follows from both."""

import pytest

from kyc.check import Verdict
from kyc.papers import face
from kyc.papers.face import ATTEMPTS_MAX, LIVENESS_MIN, MATCH_MIN, Kind, Result, Score, State


def judged(kind: Kind, score: int, attempt: int = 1) -> Result:
    return face.judge(kind, Score(vendor="v", version="1", value=score), attempt=attempt, images=("ab",))


@pytest.mark.parametrize(
    ("kind", "score", "attempt", "outcome"),
    [
        (Kind.MATCH, MATCH_MIN, 1, "pass"),
        (Kind.MATCH, MATCH_MIN - 1, 1, "fail"),
        (Kind.MATCH, MATCH_MIN - 1, ATTEMPTS_MAX - 1, "fail"),
        (Kind.MATCH, MATCH_MIN - 1, ATTEMPTS_MAX, "review"),
        (Kind.MATCH, 10_000, ATTEMPTS_MAX, "pass"),
        (Kind.LIVENESS, LIVENESS_MIN, 1, "pass"),
        (Kind.LIVENESS, LIVENESS_MIN - 1, 1, "fail"),
        (Kind.LIVENESS, MATCH_MIN, ATTEMPTS_MAX, "review"),
    ],
)
def test_below_the_threshold_the_person_tries_again_and_then_a_person_looks(
    kind: Kind, score: int, attempt: int, outcome: str
) -> None:
    assert judged(kind, score, attempt).outcome == outcome


def test_the_evidence_keeps_who_said_what_by_which_threshold_of_which_pictures() -> None:
    found = judged(Kind.MATCH, 9_000)

    assert (found.vendor, found.version, found.score, found.threshold, found.images) == (
        "v",
        "1",
        9_000,
        MATCH_MIN,
        ("ab",),
    )


@pytest.mark.parametrize(
    ("results", "state", "verdicts"),
    [
        ([judged(Kind.MATCH, 9_900), judged(Kind.LIVENESS, 9_900)], State.PASSED, (Verdict.PASS, Verdict.PASS)),
        ([judged(Kind.MATCH, 1), judged(Kind.LIVENESS, 9_900)], State.FAILED, (Verdict.FAIL, Verdict.PASS)),
        ([judged(Kind.MATCH, 1, 3), judged(Kind.LIVENESS, 1)], State.REVIEW, (Verdict.REVIEW, Verdict.FAIL)),
        ([judged(Kind.MATCH, 9_900)], State.REVIEW, (Verdict.PASS, Verdict.ERROR)),
        ([], State.REVIEW, (Verdict.ERROR, Verdict.ERROR)),
    ],
)
def test_silence_is_neither_good_nor_bad(results: list[Result], state: State, verdicts: tuple[Verdict, ...]) -> None:
    assert face.follows(results) is state
    assert tuple(each.verdict for each in face.findings(results, "face_session_1")) == verdicts


def test_a_finding_names_no_person_and_no_picture() -> None:
    [match, _] = face.findings([judged(Kind.MATCH, 9_900)], "face_session_1")

    assert match.params == {"vendor": "v", "version": "1", "score": "9900", "threshold": str(MATCH_MIN)}
    assert match.evidence == ("face_session_1",)
