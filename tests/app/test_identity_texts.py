"""What a resident is told about each check: there in three languages, and silent about what is confidential."""

import tomllib

import pytest

from app.http.mobile import identity
from app.language import Language
from kyc.cases import reasons
from kyc.check import Verdict
from tests.kyc.scans import SEEN

TEXTS = tomllib.loads(identity.TEXTS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [*sorted(SEEN), "sandbox.identified"])
def test_every_check_has_a_title_and_explains_each_verdict(name: str) -> None:
    assert set(TEXTS[name]["title"]) == set(Language)
    for verdict in Verdict:
        assert set(TEXTS[name].get(verdict, TEXTS["any"][verdict])) == set(Language)


@pytest.mark.parametrize("outcome", ["identified", "review", "refused"])
def test_every_outcome_has_a_message(outcome: str) -> None:
    assert set(TEXTS[outcome]["message"]) == set(Language)


def test_nothing_is_said_about_what_is_confidential() -> None:
    outcomes = {"identified", "review", "refused", "any"}
    assert not [name for name in set(TEXTS) - outcomes if reasons.is_confidential(name)]
    said = str(TEXTS).lower()
    for word in ("sanction", "screening", "санкц", "санкция", "тізімінде табылды"):
        assert word not in said
