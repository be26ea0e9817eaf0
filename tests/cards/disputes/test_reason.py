"""Reasons and their terms: which of them somebody has said in public, and which the operator assumes."""

from cards.disputes import reason
from cards.disputes.reason import RULES, Rule

TERMS = [name for name in Rule.__struct_fields__ if name.endswith("_days")]


def test_every_term_says_where_it_is_from_and_what_is_cited_says_the_number() -> None:
    for rule in RULES.values():
        for term in TERMS:
            source = rule.source(term)
            assert source.url is None or str(getattr(rule, term)) in source.says, (rule.condition, term)
            assert (source.url is None) == ("assumption" in source.says)
    assert str(reason.LATEST_DAYS) in reason.FILED_IN_TIME.says


def test_what_nobody_says_in_public_is_called_an_assumption() -> None:
    cited = {term for term in TERMS if RULES[reason.Reason.DUPLICATE].source(term).url}

    assert cited == {"file_days", "answer_days", "final_days"}
    assert RULES[reason.Reason.NOT_AUTHORIZED].source("file_days").url is None
