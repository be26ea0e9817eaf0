"""What one proof is held against, without a database."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from cards.proofs.evidence import GUESSES_LAST, GUESSES_MAX, Guesses, Seen
from tests.cards.made import AT


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 130), max_size=40))
def test_no_counter_is_taken_twice(counters: list[int]) -> None:
    seen, used = Seen(-1, 0), set[int]()

    for counter in counters:
        stale = seen.highest - counter > 62
        assert seen.replays(counter) == (counter in used or stale)
        if not seen.replays(counter):
            seen = seen.with_(counter)
            used.add(counter)

    assert seen.bits < 2**63


def test_guesses_block_for_a_day_and_a_right_one_forgives_them() -> None:
    guesses = Guesses()
    for _ in range(GUESSES_MAX):
        assert not guesses.block(AT)
        guesses = guesses.with_(AT, right=False)

    assert guesses.block(AT)
    assert guesses.block(AT + GUESSES_LAST - timedelta(seconds=1))
    assert not guesses.block(AT + GUESSES_LAST)
    assert guesses.with_(AT + GUESSES_LAST, right=False).tries == 1
    assert guesses.with_(AT, right=True).tries == 0
