"""Why a payment was declined is said in every language, for every reason there is, and for no other."""

import pytest

from app.http.mobile import card_payments
from app.language import Language
from cards.payments.reason import Reason


def test_there_are_texts_for_the_reasons_and_nothing_else() -> None:
    assert set(card_payments.texts()) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_speaks_three_languages(reason: Reason) -> None:
    assert set(card_payments.texts()[reason]) == set(Language)
