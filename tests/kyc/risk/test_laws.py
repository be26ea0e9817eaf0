"""Laws of judging: more never looks better, order is nothing, the same is the same to the byte, hits are explained."""

import itertools
import tomllib
from collections.abc import Callable, Sequence
from datetime import date

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.risk import assessment, condition, facts, jurisdiction
from kyc.risk.assessment import MOST, Assessment, assess
from kyc.risk.band import TERMS, Band, Scale, scale, worst
from kyc.risk.condition import AnyOf, CodeFact, CodeIs, CodesHold, Compares, Condition, CountFact, CountIs, SeveralFact
from kyc.risk.facts import Facts, Listing, Looked
from kyc.risk.jurisdiction import BadStatement, Statement
from kyc.risk.rule import FailsItsTest, RiskRuleBody, Version, prove
from tests.kyc.risk import known
from tests.kyc.risk.known import PLAIN, SCALE

_BODIES = known.bodies()
_CODES = [each.value for kind in (Listing, Looked) for each in kind]
_numbers = st.builds(CountIs, fact=st.sampled_from(CountFact), is_=st.sampled_from(Compares), to=st.integers(0, 5))
_texts = st.builds(
    CodeIs,
    fact=st.sampled_from(CodeFact),
    values=st.lists(st.sampled_from(_CODES), min_size=1, max_size=3).map(tuple),
    none=st.booleans(),
)
_several = st.builds(
    CodesHold,
    fact=st.sampled_from(SeveralFact),
    values=st.lists(st.sampled_from(["wallet", "crypto", "foreign"]), min_size=1, max_size=3).map(tuple),
    none=st.booleans(),
)
_conditions: st.SearchStrategy[Condition] = st.one_of(_numbers, _texts, _several)
_whens = st.lists(
    st.lists(_conditions, min_size=1, max_size=3).map(lambda any_of: AnyOf(tuple(any_of))), min_size=1, max_size=3
).map(tuple)
_facts = st.builds(
    Facts,
    nationality_listing=st.sampled_from(Listing),
    residence_listing=st.sampled_from(Listing),
    issuer_listing=st.sampled_from(Listing),
    pep=st.sampled_from(Looked),
    pep_hits=st.integers(0, 5),
    pep_classes=st.lists(st.sampled_from(["foreign", "relative"]), max_size=2).map(tuple),
    media_hits=st.integers(0, 5),
    list_open=st.integers(0, 2),
    list_confirmed=st.integers(0, 2),
    turnover_percent=st.integers(0, 500),
    relation_days=st.integers(0, 500),
)


@st.composite
def _rules(draw: st.DrawFn) -> list[Version]:
    count = draw(st.integers(0, 6))
    return [
        known.version(
            f"drawn.rule_{number}",
            known.body(
                when=draw(_whens),
                points=draw(st.integers(0, 100)),
                floor=draw(st.sampled_from([None, *Band])),
            ),
        )
        for number in range(count)
    ]


Judge = Callable[[Sequence[Version], Facts, Scale], Assessment]


def lowers(judge: Judge, rules: Sequence[Version], drawn: Facts) -> bool:
    """Say whether one of the rules, added to the others, lowers score, band or floor."""
    whole: Assessment = judge(rules, drawn, SCALE)
    for left_out in range(len(rules)):
        less = judge([each for nth, each in enumerate(rules) if nth != left_out], drawn, SCALE)
        if less.score > whole.score or less.band.rank > whole.band.rank or less.floor.rank > whole.floor.rank:
            return True
    return False


@settings(max_examples=30, deadline=None)
@given(_rules(), _facts)
def test_another_rule_never_lowers_score_band_or_floor(rules: list[Version], drawn: Facts) -> None:
    assert not lowers(assess, rules, drawn)


def test_a_judge_who_takes_an_average_would_be_found() -> None:
    def average(rules: Sequence[Version], drawn: Facts, by: Scale) -> Assessment:
        made = assess(rules, drawn, by)
        return msgspec.structs.replace(made, score=made.score // max(1, len(made.hits)))

    rules = [known.version(f"drawn.rule_{points}", known.body(points=points)) for points in (50, 10)]

    assert lowers(average, rules, Facts(pep_hits=1))


@settings(max_examples=30, deadline=None)
@given(st.data(), _rules(), _facts)
def test_the_order_of_rules_is_nothing_and_the_same_is_the_same_to_the_byte(
    data: st.DataObject, rules: list[Version], drawn: Facts
) -> None:
    other = data.draw(st.permutations(rules))
    names = [each.name for each in rules]

    assert assessment.written(assess(rules, drawn, SCALE)) == assessment.written(assess(other, drawn, SCALE))
    assert assessment.inputs(names, drawn, SCALE) == assessment.inputs(reversed(names), drawn, SCALE)
    assert facts.read(facts.written(drawn)) == drawn


@settings(max_examples=30, deadline=None)
@given(_whens, _facts)
def test_a_rule_applies_where_each_of_its_groups_is_explained(when: tuple[AnyOf, ...], drawn: Facts) -> None:
    explained = condition.because(when, drawn)

    for group in when:
        assert bool(set(group.any_of) & {each.condition for each in explained}) == condition.applies((group,), drawn)
    assert condition.applies(when, drawn) == all(condition.applies((group,), drawn) for group in when)


def test_every_fact_can_be_looked_at_by_one_kind_of_condition() -> None:
    words = [each.value for kind in (CountFact, CodeFact, SeveralFact) for each in kind]

    assert sorted(words) == sorted(Facts.__struct_fields__)


@pytest.mark.parametrize("rule", sorted(_BODIES))
def test_each_rule_of_the_beginning_has_words_source_days_and_does_what_its_own_facts_say(rule: str) -> None:
    body = _BODIES[rule]

    prove(body)
    assert len({body.words.kk, body.words.ru, body.words.en}) == 3
    assert body.source.act
    assert body.source.clause
    assert body.since <= date(2026, 11, 22)


@pytest.mark.parametrize(
    ("which", "changed"),
    [
        ("applies_to", {"applies_to": Facts()}),
        ("spares", {"spares": Facts(pep_hits=2)}),
        ("effect", {"points": 0}),
        ("days", {"until": date(2026, 4, 25)}),
    ],
)
def test_a_rule_that_fails_its_own_test_is_no_rule(which: str, changed: dict[str, object]) -> None:
    with pytest.raises(FailsItsTest) as refused:
        prove(known.body(**changed))

    assert refused.value.which == which


@pytest.mark.parametrize(
    ("changed", "band"),
    [
        ({}, Band.LOW),
        ({"relation_days": 0, "pep": Looked.UNKNOWN, "media": Looked.UNKNOWN}, Band.LOW),
        ({"nationality_listing": Listing.MONITORED, "residence_listing": Listing.MONITORED}, Band.MEDIUM),
        ({"nationality_listing": Listing.CALL_FOR_ACTION}, Band.HIGH),
        ({"pep": Looked.HIT, "pep_hits": 1, "pep_classes": ("relative",)}, Band.HIGH),
        ({"media": Looked.HIT, "media_hits": 1}, Band.MEDIUM),
        ({"media": Looked.HIT, "media_hits": 3}, Band.HIGH),
        ({"turnover_percent": 400}, Band.MEDIUM),
        ({"list_open": 1}, Band.HIGH),
        ({"list_confirmed": 1}, Band.PROHIBITED),
    ],
)
def test_what_the_rules_of_the_beginning_say(changed: dict[str, object], band: Band) -> None:
    judged = assess(known.shipped(), msgspec.structs.replace(PLAIN, **changed), SCALE)

    assert judged.band is band, judged


def test_a_score_ends_at_the_most_and_no_points_prohibit() -> None:
    many = [known.version(f"drawn.rule_{number}", known.body(points=90)) for number in range(3)]

    judged = assess(many, Facts(pep_hits=1), SCALE)

    assert (judged.score, judged.band) == (MOST, Band.HIGH)
    assert worst() is Band.LOW
    assert [SCALE.band(score) for score in (0, 24, 25, 59, 60, 100)] == [
        *(Band.LOW, Band.LOW, Band.MEDIUM, Band.MEDIUM, Band.HIGH, Band.HIGH)
    ]


def test_the_scale_of_a_day_is_a_dated_row_with_a_source() -> None:
    assert scale(date(2026, 11, 22)) == SCALE
    assert all(row.source and row.note for row in TERMS)


# -- jurisdictions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "on", "named"),
    [
        ("IRN", date(2026, 11, 22), Listing.CALL_FOR_ACTION),
        ("KWT", date(2026, 2, 12), Listing.NONE),
        ("KWT", date(2026, 2, 13), Listing.MONITORED),
        ("DZA", date(2026, 6, 18), Listing.MONITORED),
        ("DZA", date(2026, 6, 19), Listing.NONE),
        ("IRQ", date(2026, 6, 18), Listing.NONE),
        ("IRQ", date(2026, 6, 19), Listing.MONITORED),
        ("D", date(2026, 11, 22), Listing.NONE),
        ("GBD", date(2026, 11, 22), Listing.NONE),
        ("XXA", date(2026, 11, 22), Listing.NONE),
        ("QQQ", date(2026, 11, 22), Listing.UNKNOWN),
        ("", date(2026, 11, 22), Listing.UNKNOWN),
    ],
)
def test_a_jurisdiction_is_named_on_the_days_of_its_statement(code: str, on: date, named: Listing) -> None:
    assert jurisdiction.listing(code, on) is named


def _statement(**changed: object) -> Statement:
    plain: dict[str, object] = {
        "listing": "monitored", "since": date(2026, 1, 1), "codes": ("YEM",), "source": "FATF", "url": "https://x",
        "checked_on": date(2026, 11, 22),
    }  # fmt: skip
    return msgspec.convert(plain | changed, Statement)


@pytest.mark.parametrize(
    "bad",
    [
        (_statement(codes=("QQQ",)),),
        (_statement(source=""),),
        (_statement(codes=()),),
        (_statement(until=date(2026, 1, 1)),),
        (_statement(), _statement(since=date(2026, 5, 1))),
        (_statement(until=date(2026, 6, 1)), _statement(since=date(2025, 5, 1))),
    ],
)
def test_rows_that_contradict_themselves_or_each_other_are_refused(bad: tuple[Statement, ...]) -> None:
    with pytest.raises(BadStatement):
        jurisdiction.checked(bad)


def test_a_state_may_be_taken_off_and_named_again() -> None:
    first, again = _statement(until=date(2026, 3, 1)), _statement(since=date(2026, 3, 1))

    assert jurisdiction.checked((first, again)) == (first, again)


def test_what_a_rule_says_survives_being_written_and_read() -> None:
    for rule, text in itertools.islice(tomllib.loads(known.RULES.read_text(encoding="utf-8")).items(), 3):
        assert msgspec.convert(msgspec.to_builtins(msgspec.convert(text, RiskRuleBody)), RiskRuleBody) == _BODIES[rule]
