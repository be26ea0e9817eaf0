"""What a version of the rules decides never changes, whatever later ones ask for."""

import functools

import msgspec
import pytest

from kyc.cases import decision
from kyc.cases.decision import FRESH, Record
from kyc.cases.required import DEMANDED, NOW, REQUIRED, VERSIONS, Rules
from kyc.check import Verdict
from tests.kyc.cases.test_decision import ONE, TWO, look, looks, settle


#: What a version decides by never changes: what follows from these looks is pinned by the digest of its words.
def _pinned(by: Rules) -> list[list[Record]]:
    return [
        looks(by=by),
        looks(by=by, chip__signature=Verdict.FAIL),
        looks(by=by, person__screening=Verdict.REVIEW, person__unique=Verdict.REVIEW),
        looks(by=by, risk__score=Verdict.FAIL, mrz__read=Verdict.FAIL),
        [*looks(ONE, by=by), look(50, FRESH, Verdict.FAIL, ONE)],
        [*looks(by=by, chip__issuer_trusted=Verdict.REVIEW), settle(50, "chip.issuer_trusted")],
        [look(1, "person.pep", Verdict.ERROR)],
        [*looks(by=by), look(50, DEMANDED, Verdict.PASS, checks="face.match person.pep")],
        [*looks(ONE, by=by, chip__issuer_trusted=Verdict.REVIEW), *looks(TWO, since=50, by=by, mrz__read=Verdict.FAIL)],
    ]


PINNED = {
    "case@2026-11": "588c3724ef28 683abe86c8b3 daa3984927a9 ddedc2cb8c26 fae40c719fac ff46cb9dc5b5 4c117871b6a2"
    " e1b5d9ccc987 ac56577809c0",
    "case@2026-11.2": "7cc3ac57dfd4 7ff13f2ac6fc caee5550b725 99d0a639f117 b4e5b41dbfa2 0dd6bfdec85d c7655a0d015a"
    " 640ca13400ac 520a2c1a2d8f",
    "case@2026-11.3": "9efb74e8bae0 f194bc0f359e 71d3ca5b5d39 0ee481039de4 c256d6269bd9 73fae50ea59f ec1e05e2c75e"
    " 18f0a1e159a2 a1e52033da8c",
    "case@2026-11.4": "bf4cd631e765 3943d00b8975 5623f8b71e4d 4f0a6ab8e67d 66692833e20d 6342cd72b06f 0161cdc41edd"
    " 58248cbdc241 51c21b40b1ee",
}


@pytest.mark.parametrize("rules", VERSIONS, ids=[each.version for each in VERSIONS])
def test_each_version_decides_as_it_always_did(rules: Rules) -> None:
    decided = [decision.decide(each, rules=rules.version).digest().hex()[:12] for each in _pinned(rules)]

    assert " ".join(decided) == PINNED[rules.version]


def test_what_is_required_from_now_on_changes_nothing_that_was_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    records = looks()
    before = decision.decide(records)
    required = {"identity": (*REQUIRED["identity"], "face.match")}
    later = msgspec.structs.replace(NOW, version="case@2099-01", required=required, mendable=(), bound=("face.",))
    monkeypatch.setattr(decision, "NOW", later)
    monkeypatch.setattr(decision, "RULES", later.version)
    monkeypatch.setitem(decision.DECIDERS, later.version, functools.partial(decision.by_rules, later))

    assert decision.decide(records, rules=before.rules).encoded() == before.encoded()
    assert decision.decide(records, rules=later.version).outcome is not before.outcome
