"""What follows from what was found: rules as tables, then laws over generated looks."""

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.cases import decision
from kyc.cases.decision import FRESH, OFFICERS, Outcome, Record
from kyc.cases.required import DEMANDED, NOW, REQUIRED, VERSIONS, Rules, is_of_document
from kyc.check import Finding, Verdict

ONE, TWO = UUID(int=1), UUID(int=2)
NAMES = (
    *REQUIRED["identity"],
    "document.same_holder",
    "chip.original",
    "face.match",
    "person.pep",
    FRESH,
    "paper.diploma.age",
    "never.heard_of",
)


def looks(document: UUID = ONE, *, since: int = 1, by: Rules = NOW, **but: Verdict) -> list[Record]:
    """Give all required looks at one document; `but` names those that say something else, `__` for the dot."""
    other = {name.replace("__", "."): verdict for name, verdict in but.items()}
    required = by.required["identity"]
    names = (*required, *(name for name in other if name not in required))
    return [look(seq, name, other.get(name, Verdict.PASS), document) for seq, name in enumerate(names, since)]


def look(seq: int, check: str, verdict: Verdict, document: UUID | None = None, **params: str) -> Record:
    return Record(
        seq=seq, check=check, rule="r@1", verdict=verdict, params=params, evidence=(), inputs="00", document=document
    )


def follows(records: list[Record]) -> tuple[str, tuple[str, ...]]:
    decided = decision.decide(records)
    return decided.outcome, decided.reasons


def test_who_lacks_nothing_is_approved() -> None:
    assert follows(looks()) == ("approve", ())


@pytest.mark.parametrize("name", REQUIRED["identity"])
def test_nobody_is_approved_without_each_required_look(name: str) -> None:
    records = [each for each in looks() if each.check != name]

    assert follows(records) == ("review", (name,))


@pytest.mark.parametrize(
    ("check", "verdict", "outcome"),
    [
        ("chip.signature", Verdict.FAIL, "retry"),
        ("document.in_force", Verdict.FAIL, "retry"),
        ("face.match", Verdict.FAIL, "retry"),
        ("chip.issuer_trusted", Verdict.REVIEW, "review"),
        ("chip.signature", Verdict.ERROR, "review"),
        ("person.unique", Verdict.REVIEW, "review"),
        ("person.screening", Verdict.REVIEW, "alert"),
        ("person.screening", Verdict.ERROR, "review"),
        ("person.screening", Verdict.FAIL, "review"),
        ("risk.score", Verdict.REVIEW, "review"),
        ("risk.score", Verdict.FAIL, "review"),
        ("never.heard_of", Verdict.FAIL, "review"),
        ("person.pep", Verdict.NOT_APPLICABLE, "approve"),
        ("paper.diploma.age", Verdict.FAIL, "approve"),
        (FRESH, Verdict.FAIL, "retry"),
    ],
)
def test_what_each_look_leads_to(check: str, verdict: Verdict, outcome: str) -> None:
    others = [each for each in looks() if each.check != check]

    assert follows([*others, look(90, check, verdict, ONE)])[0] == outcome


def test_what_cannot_be_mended_goes_to_officers_before_what_can() -> None:
    assert follows(looks(risk__score=Verdict.FAIL, mrz__read=Verdict.FAIL))[0] == "review"


def test_a_better_copy_mends_a_bad_one_and_a_bad_one_spoils_nothing() -> None:
    bad = Verdict.FAIL

    assert follows(looks(ONE, chip__signature=bad) + looks(TWO, since=100))[0] == "approve"
    assert follows(looks(ONE) + looks(TWO, since=100, chip__signature=bad))[0] == "approve"
    assert decision.decide(looks(ONE) + looks(TWO, since=100)).document == TWO


def test_a_bad_copy_does_not_speak_in_the_place_of_a_document_that_is_only_in_question() -> None:
    question = looks(ONE, chip__issuer_trusted=Verdict.REVIEW)
    bad_copy = looks(TWO, since=100, mrz__read=Verdict.FAIL)

    assert follows([*question, *bad_copy]) == ("review", ("chip.issuer_trusted",))
    assert follows([*question, *bad_copy, settle(200, "chip.issuer_trusted", document=ONE)])[0] == "approve"
    assert follows([*looks(ONE, mrz__read=Verdict.FAIL), *bad_copy])[0] == "retry"


def demand(seq: int, *checks: str) -> Record:
    return look(seq, DEMANDED, Verdict.PASS, checks=" ".join(checks))


def test_what_is_demanded_of_a_person_must_have_passed() -> None:
    asked = [*looks(), demand(50, "person.pep", "person.media")]
    answered = [*asked, look(60, "person.pep", Verdict.PASS)]

    assert follows(asked) == ("review", ("person.media", "person.pep"))
    assert follows(answered) == ("review", ("person.media",))
    assert decision.is_unlooked(answered, decision.decide(answered))
    assert follows([*answered, look(70, "person.media", Verdict.PASS)]) == ("approve", ())
    assert follows([*answered, demand(80, "person.pep")]) == ("approve", ())


def test_a_face_that_is_demanded_is_waited_for_once_nothing_else_is_open() -> None:
    asked = [*looks(), demand(50, "face.match", "liveness", "person.pep")]
    face = [look(60, "face.match", Verdict.PASS, ONE), look(61, "liveness", Verdict.PASS, ONE)]

    assert follows(asked) == ("incomplete", ("face.match", "liveness"))
    assert follows([*asked, face[0]]) == ("incomplete", ("liveness",))
    assert follows([*asked, *face]) == ("review", ("person.pep",))
    assert follows([*asked, *face, look(70, "person.pep", Verdict.PASS)]) == ("approve", ())
    assert follows([*asked, look(60, "risk.score", Verdict.REVIEW)])[0] == "review"
    assert follows([*asked, look(60, "face.match", Verdict.FAIL, ONE)]) == ("retry", ("face.match",))


def test_a_face_is_demanded_of_the_document_it_is_compared_with() -> None:
    both = [*looks(ONE), *looks(TWO, since=100), demand(190, "face.match")]

    assert follows([*both, look(200, "face.match", Verdict.PASS, ONE)]) == ("approve", ())
    assert decision.decide([*both, look(200, "face.match", Verdict.PASS, ONE)]).document == ONE


def test_what_is_open_is_named_whatever_failed_beside_it() -> None:
    hidden = [*looks(person__screening=Verdict.REVIEW), look(50, "face.match", Verdict.FAIL, ONE)]

    assert follows(hidden) == ("retry", ("face.match",))
    assert decision.open_(hidden, decision.decide(hidden)) == ("person.screening",)
    assert decision.open_(looks(), decision.decide(looks())) == ()


def test_a_look_at_the_person_counts_whichever_document_it_came_with() -> None:
    listed = looks(ONE, person__screening=Verdict.REVIEW)
    bad_copy = [each for each in looks(TWO, since=100, mrz__read=Verdict.FAIL) if is_of_document(each.check)]

    assert follows([*listed, *bad_copy])[0] == "alert"


def test_a_look_at_the_person_that_could_not_be_taken_changes_nothing_that_is_known() -> None:
    blind = look(50, "person.screening", Verdict.ERROR)

    assert follows([*looks(), blind])[0] == "approve"
    assert follows([*looks(person__screening=Verdict.REVIEW), blind])[0] == "alert"
    assert follows([*looks(), look(50, "chip.signature", Verdict.ERROR, ONE)])[0] == "review"


def test_an_overdue_document_waits_for_a_fresh_one_and_an_alert_does_not_wait() -> None:
    stale = [*looks(ONE), look(50, FRESH, Verdict.FAIL, ONE)]

    assert follows(stale)[0] == "retry"
    assert follows([*stale, *looks(TWO, since=100)])[0] == "approve"
    assert follows([*stale, look(60, "person.screening", Verdict.REVIEW)])[0] == "alert"
    assert decision.worth(stale, ONE, stale=False).outcome is Outcome.APPROVE


def settle(seq: int, *covers: str, document: UUID = ONE) -> Record:
    said = look(seq, OFFICERS, Verdict.PASS, covers=" ".join(covers))
    return msgspec.structs.replace(said, params=said.params | {"document": str(document)})


def test_officers_settle_what_was_open_before_them_and_nothing_else() -> None:
    records = looks(chip__issuer_trusted=Verdict.REVIEW, person__unique=Verdict.REVIEW)
    covered = settle(50, "chip.issuer_trusted", "person.unique")

    assert follows([*records, covered])[0] == "approve"
    assert follows([*records, settle(50, "person.unique")]) == ("review", ("chip.issuer_trusted",))
    assert follows([*records, covered, look(60, "person.unique", Verdict.REVIEW)]) == ("review", ("person.unique",))
    assert follows([*looks(chip__signature=Verdict.FAIL), settle(50, "chip.signature")])[0] == "retry"


def test_what_officers_settled_of_one_document_settles_nothing_of_another() -> None:
    other = looks(TWO, since=10, chip__issuer_trusted=Verdict.REVIEW)
    missing = [each for each in other if each.check != "chip.digest"]

    assert follows([*missing, settle(90, "chip.issuer_trusted", "chip.digest", document=ONE)])[0] == "review"
    assert follows([*missing, settle(90, "chip.issuer_trusted", "chip.digest", document=TWO)])[0] == "approve"


def test_what_officers_refused_stays_refused_until_it_is_appealed() -> None:
    refused = [*looks(), look(50, OFFICERS, Verdict.FAIL, reason="not_confirmed")]

    assert follows([*refused, *looks(TWO, since=100)]) == ("reject", (OFFICERS,))
    assert follows([*refused, look(200, OFFICERS, Verdict.REVIEW)]) == ("review", (OFFICERS,))


def test_without_a_document_nothing_follows() -> None:
    assert follows([look(1, "person.pep", Verdict.ERROR)]) == ("incomplete", ())
    assert follows([]) == ("incomplete", ())


def test_the_findings_of_a_document_alone_are_decided_by_the_same_rules() -> None:
    found = [Finding(name, Verdict.PASS) for name in REQUIRED["identity"]]

    assert decision.alone(found) is Outcome.APPROVE
    assert decision.alone([*found, Finding("chip.cloning", Verdict.FAIL)]) is Outcome.RETRY


def test_unknown_rules_decide_nothing() -> None:
    with pytest.raises(decision.UnknownRules):
        decision.decide(looks(), rules="case@1999-01")


@pytest.mark.parametrize("check", NOW.answered)
def test_officers_settle_what_an_answer_left_open_and_not_that_there_was_none(check: str) -> None:
    others = [each for each in looks() if each.check != check]
    word = settle(100, check)

    assert follows([*others, look(90, check, Verdict.REVIEW, ONE), word])[0] == "approve"
    assert follows([*others, look(90, check, Verdict.ERROR, ONE), word]) == ("review", (check,))
    assert follows([*others, word]) == ("review", (check,))
    assert decision.decide([*others, word], rules="case@2026-11.3").outcome is Outcome.APPROVE


def test_a_claim_of_another_is_of_the_document_it_was_made_with() -> None:
    stolen = looks(ONE, person__unique=Verdict.REVIEW)
    both = [*stolen, *looks(TWO, since=100)]

    assert follows(stolen) == ("review", ("person.unique",))
    assert decision.worth(both, ONE).outcome is Outcome.REVIEW
    assert decision.worth(both, TWO).outcome is Outcome.APPROVE
    assert decision.decide(both).document == TWO


def test_another_holder_is_open_for_every_document_until_officers_settled_it() -> None:
    both = [*looks(ONE), *looks(TWO, since=100, document__same_holder=Verdict.REVIEW)]
    third = [*both, *looks(UUID(int=3), since=200, document__same_holder=Verdict.PASS)]

    for records in (both, third):
        assert follows(records) == ("review", ("document.same_holder",))
        assert decision.worth(records, ONE).outcome is Outcome.REVIEW
        assert decision.together(records) is Outcome.APPROVE
        assert follows([*records, settle(300, "document.same_holder")])[0] == "approve"


def test_a_face_speaks_for_the_document_it_was_compared_with() -> None:
    stolen = [*looks(ONE), look(50, "face.match", Verdict.FAIL, ONE)]
    other = [
        *stolen,
        *looks(TWO, since=100, chip__data_groups=Verdict.FAIL),
        look(150, "face.match", Verdict.PASS, TWO),
    ]

    assert follows(stolen) == ("retry", ("face.match",))
    assert decision.worth(other, ONE).outcome is Outcome.RETRY
    assert follows(other)[0] == "retry"
    assert follows([*other, look(160, "face.match", Verdict.PASS, ONE)])[0] == "approve"


def test_a_face_answers_what_the_chip_of_its_document_did_not() -> None:
    silent = [*looks(), look(50, "chip.original", Verdict.REVIEW, ONE, reason="answer_missing")]
    copied = [*looks(), look(50, "chip.original", Verdict.REVIEW, ONE, reason="other")]
    face = look(60, "face.match", Verdict.PASS, ONE)

    assert follows(silent) == ("review", ("chip.original",))
    assert follows([*silent, face])[0] == "approve"
    assert follows([*silent, msgspec.structs.replace(face, document=TWO)])[0] == "review"
    assert follows([*copied, face])[0] == "review"


def test_nobody_loses_what_they_have_by_what_nobody_looked_at_yet() -> None:
    known = [each for each in looks() if each.check != "risk.score"]
    undrawn = [each for each in looks() if each.check != "chip.digest"]

    assert decision.is_unlooked(known, decision.decide(known))
    assert not decision.is_unlooked(undrawn, decision.decide(undrawn))
    assert not decision.is_unlooked(looks(), decision.decide(looks()))
    open_ = [*known, look(50, "person.pep", Verdict.REVIEW)]
    assert not decision.is_unlooked(open_, decision.decide(open_))


_records = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(list(Verdict)), st.sampled_from([ONE, TWO])), max_size=32
).map(lambda drawn: [look(seq, *each) for seq, each in enumerate(drawn, 1)])


@given(records=_records, data=st.data())
def test_the_order_in_which_looks_are_read_does_not_matter(records: list[Record], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(records))

    assert decision.decide(shuffled).encoded() == decision.decide(records).encoded()


def latest(records: list[Record]) -> list[Record]:
    """Hand over what `kyc.latest_checks` does."""
    last = {(each.check, each.document, each.verdict is Verdict.ERROR): each for each in records}
    return list(last.values())


@given(records=_records, rules=st.sampled_from(VERSIONS))
def test_what_the_case_decides_by_decides_as_all_of_it(records: list[Record], rules: Rules) -> None:
    live = decision.decide(latest(records), rules=rules.version)

    assert live.encoded() == decision.decide(records, rules=rules.version).encoded()


def test_of_two_looks_that_could_not_be_taken_the_last_counts() -> None:
    blind = [look(seq, "person.screening", Verdict.ERROR, inputs=str(seq)) for seq in (50, 60)]
    unscreened = [each for each in looks() if each.check != "person.screening"]

    assert decision.decide([*unscreened, *blind]) == decision.decide([*unscreened, blind[1]])
    assert decision.decide([*unscreened, *blind]) != decision.decide([*unscreened, blind[0]])


@given(records=_records, check=st.sampled_from(NAMES), document=st.sampled_from([ONE, TWO]))
def test_one_more_pass_never_makes_it_worse(records: list[Record], check: str, document: UUID) -> None:
    rank = {"approve": 0, "retry": 1, "review": 1, "alert": 1, "incomplete": 1, "reject": 2}
    before = decision.decide(records)
    more = look(len(records) + 1, check, Verdict.PASS, document)

    if before.document == document or not NOW.is_bound(check):
        assert rank[decision.decide([*records, more]).outcome] <= rank[before.outcome]


@given(records=_records)
def test_what_would_change_the_decision_does(records: list[Record]) -> None:
    now = decision.decide(records)
    changes = decision.changes(records)

    for change in changes:
        of = {now.document} if NOW.is_bound(change.check) else {None}
        if change.check in NOW.lasts:
            of |= {each.document for each in records if each.check == change.check}
        other = [look(len(records) + 1, change.check, change.verdict, each) for each in of]
        assert decision.decide([*records, *other]).outcome is change.outcome is not now.outcome
    if len(now.reasons) == 1 and now.outcome is not Outcome.REJECT:
        assert (decision.together(records) is Outcome.APPROVE) == any(
            change.verdict is Verdict.PASS and change.outcome is Outcome.APPROVE for change in changes
        )


def test_a_single_open_check_is_all_that_stands_between() -> None:
    [change] = [each for each in decision.changes(looks(person__unique=Verdict.REVIEW)) if each.verdict is Verdict.PASS]

    assert (change.check, change.outcome) == ("person.unique", Outcome.APPROVE)


def test_two_open_checks_stand_between_together() -> None:
    two = looks(person__unique=Verdict.REVIEW, chip__issuer_trusted=Verdict.REVIEW)

    assert [each for each in decision.changes(two) if each.verdict is Verdict.PASS] == []
    assert decision.together(two) is Outcome.APPROVE
