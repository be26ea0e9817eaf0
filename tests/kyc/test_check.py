"""The decision: a pure function of findings, and the only way to be identified."""

import itertools

import pytest

from kyc import check
from kyc.check import REQUIRED, Finding, Identified, NeedsReview, Refused, Verdict
from kyc.chip import Grade, Step

ALL_PASS = [Finding(name, Verdict.PASS) for name in REQUIRED]


def but(name: str, verdict: Verdict) -> list[Finding]:
    return [Finding(name, verdict) if found.check == name else found for found in ALL_PASS]


def test_who_passes_every_required_check_is_identified() -> None:
    assert check.decide(ALL_PASS) == Identified()


@pytest.mark.parametrize("name", REQUIRED)
def test_without_any_one_check_a_person_looks(name: str) -> None:
    assert check.decide(found for found in ALL_PASS if found.check != name) == NeedsReview((name,))


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize(
    ("verdict", "decision"), [(Verdict.FAIL, Refused), (Verdict.REVIEW, NeedsReview), (Verdict.ERROR, NeedsReview)]
)
def test_any_one_check_can_stand_in_the_way(name: str, verdict: Verdict, decision: type[Refused | NeedsReview]) -> None:
    assert check.decide(but(name, verdict)) == decision((name,))


def test_a_failure_outweighs_doubt_and_every_reason_is_given() -> None:
    one, two, three = REQUIRED[:3]
    found = [
        *(each for each in ALL_PASS if each.check not in {one, two, three}),
        Finding(one, Verdict.REVIEW),
        Finding(two, Verdict.FAIL),
        Finding(three, Verdict.FAIL),
    ]

    assert check.decide(found) == Refused((two, three))


def test_nothing_identifies_nobody() -> None:
    assert check.decide([]) == NeedsReview(tuple(sorted(REQUIRED)))


def test_the_same_findings_give_the_same_decision_in_any_order() -> None:
    found = but(REQUIRED[0], Verdict.REVIEW)[:4]

    decisions = {frozenset(_reasons(check.decide(order))) for order in itertools.permutations(found)}

    assert len(decisions) == 1


def _reasons(decision: check.Decision) -> tuple[str, ...]:
    return () if isinstance(decision, Identified) else decision.reasons


def test_an_unrequired_check_that_fails_refuses_too() -> None:
    assert check.decide([*ALL_PASS, Finding("chip.cloning", Verdict.FAIL)]) == Refused(("chip.cloning",))


def test_what_is_confidential_is_never_spoken() -> None:
    assert check.spoken((*check.CONFIDENTIAL, "mrz.read")) == ("person", "mrz.read")


@pytest.mark.parametrize(
    ("grade", "verdict"),
    [
        ("malformed", "fail"),
        ("bad_signature", "fail"),
        ("dg_mismatch", "fail"),
        ("unreferenced_dg", "fail"),
        ("issuer_mismatch", "fail"),
        ("unsupported_algorithm", "error"),
        ("signed_untrusted_issuer", "review"),
        ("expired_document", "review"),
        ("signed_weak_algorithm", "review"),
        ("valid", "pass"),
    ],
)
def test_forgery_fails_and_doubt_is_reviewed(grade: str, verdict: str) -> None:
    assert Step("chip.any", Grade(grade)).finding() == Finding("chip.any", Verdict(verdict), {"grade": grade})


def test_every_grade_has_a_verdict() -> None:
    assert {Step("chip.any", grade).finding().verdict for grade in Grade} == set(Verdict)
