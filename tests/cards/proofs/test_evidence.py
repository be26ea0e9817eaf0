"""What one proof is held against, without a database."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.card import Form
from cards.hsm.soft import SoftHsm
from cards.hsm.verification import Service
from cards.payments.message import Channel
from cards.payments.reason import Reason
from cards.proofs import pan
from cards.proofs.evidence import GUESSES_LAST, GUESSES_MAX, Case, Facts, Guesses, Judged, Seen
from cards.proofs.presented import Presented
from tests.cards import made, plates
from tests.cards.made import AT
from tests.cards.plates import STRIPE, Plastic
from tests.wallet.ledgers import kzt

CARD = made.card(form=Form.PLASTIC)


@pytest.fixture
def machine() -> SoftHsm:
    return plates.hsm()


@pytest.fixture
def plastic(machine: SoftHsm) -> Plastic:
    return Plastic(machine, CARD, pan.draw())


def judged(machine: SoftHsm, channel: Channel, presented: Presented) -> Judged:
    question = made.question(CARD, 100, channel=channel, presented=presented)
    case = Case(machine, AT, CARD, question, Facts(plate_version=1), Judged([], []))
    case.codes()
    case.chip(Seen(-1, 0))
    return case.judged


@pytest.mark.parametrize("channel", [Channel.CHIP, Channel.CONTACTLESS, Channel.TOKEN, Channel.MAGSTRIPE])
def test_a_chips_track_has_the_chips_code_and_a_stripe_its_own(
    machine: SoftHsm, plastic: Plastic, channel: Channel
) -> None:
    stripe = channel is Channel.MAGSTRIPE
    chips = plastic.swiped(code=machine.code(plastic.plate, Service.ICVV))
    copied = plastic.swiped(code=machine.code(plastic.plate, STRIPE))

    for presented, right in ((chips, not stripe), (copied, stripe)):
        found = judged(machine, channel, presented)
        assert (found.held, found.reasons) == ((["track"], []) if right else ([], [Reason.WRONG_CODE]))


#: What a card said first (its verification results: 00 declined, 01 approved, 10 asks), and the terminal says of it.
SAID = [
    ("06011203A0B800", None, True),
    ("06011203A0B800", "80", True),
    ("06010A03A4A002", "80", True),
    ("0110A04003220000000000000000000000FF", "80", True),
    ("0111A04003220000000000000000000000FF", None, True),
    ("06011203A0B800", "00", False),
    ("06011203A0B800", "40", False),
    ("06011203A0B800", "8080", False),
    ("0601120380B800", "80", False),
    ("0601120390B800", None, False),
    ("06010A0380A002", None, False),
    ("0110804003220000000000000000000000FF", "80", False),
    ("0111904003220000000000000000000000FF", None, False),
]


@pytest.mark.parametrize(("results", "information", "asks"), SAID)
def test_only_a_card_that_asks_its_issuer_can_be_told_yes(
    machine: SoftHsm, plastic: Plastic, results: str, information: str | None, asks: bool
) -> None:
    more = {"9F27": bytes.fromhex(information)} if information else {}
    found = judged(machine, Channel.CHIP, plastic.inserted(kzt(100), tags={"9F10": bytes.fromhex(results), **more}))

    assert (found.held, found.reasons) == ((["chip"], []) if asks else ([], [Reason.WRONG_CRYPTOGRAM]))


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
