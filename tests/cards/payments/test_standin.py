"""What is promised while the books can't be asked: by default nothing, and each doubt is enough."""

from datetime import timedelta

import msgspec
import pytest

from cards.card import Listing
from cards.hsm.soft import SoftHsm
from cards.payments import standin
from cards.payments.message import Authorization, Channel, Operation
from cards.payments.reason import CODES, Reason
from cards.payments.standin import AWAY, Case, Doubt, Known, Proved, Terms, Used
from cards.programme import programme
from cards.proofs.pan import Pan
from cards.proofs.presented import Bytes
from law.money import KZT, Money
from law.regime import PROGRAMME
from tests.cards import made, plates
from tests.cards.plates import Plastic

TERMS = Terms()
CARD = made.card()
IN_FORCE = programme.of_rows([], PROGRAMME, made.AT)


def asked(**other: object) -> Authorization:
    """Ask for bread with a chip."""
    bread = {"channel": Channel.CHIP, "merchant": msgspec.structs.replace(made.SHOP, category="5411")}
    return msgspec.structs.replace(made.question(CARD, 1_000), **(bread | other))


def case(**other: object) -> Case:
    """Know the card well, a moment ago."""
    fields: dict[str, object] = {
        "asked": asked(),
        "known": Known(card=CARD, left=Money(100_000_00, KZT)),
        "known_at": made.AT - timedelta(minutes=1),
        "used": Used(),
        "proved": Proved(chip=True, pin=True),
        "now": made.AT,
        "in_force": IN_FORCE,
        "turnover_left": Money(100_000_00, KZT),
    }
    return Case(**(fields | other))  # type: ignore[arg-type]  # the fields of Case


def test_a_chip_that_proved_itself_and_compared_the_pin_buys_bread() -> None:
    assert standin.decide(case(), TERMS) == ()


KNOWN = Known(card=CARD, left=Money(100_000_00, KZT))
DEAR = Money(20_000_01, KZT)

DOUBTS: dict[Doubt, list[dict[str, object]]] = {
    Doubt.STALE: [
        {"known_at": None},
        {"known_at": made.AT - timedelta(minutes=15, seconds=1)},
        {"known_at": made.AT + timedelta(seconds=1)},  # a clock was set back: nobody knows how old it is
    ],
    Doubt.UNKNOWN_CARD: [{"known": None}],
    Doubt.REFUSED: [
        {"known": msgspec.structs.replace(KNOWN, card=msgspec.structs.replace(CARD, frozen=True))},
        {"now": made.AT + timedelta(days=365), "known_at": made.AT + timedelta(days=365)},
        {"ahead": timedelta(days=365)},
        {"in_force": None},
        {"in_force": msgspec.structs.replace(IN_FORCE, merchants=frozenset({made.SHOP.id}))},
        {"in_force": msgspec.structs.replace(IN_FORCE, ends={CARD.issuance_basis: made.AT})},
        {"asked": asked(merchant=msgspec.structs.replace(made.SHOP, category="7995"))},  # gambling
        {"known": msgspec.structs.replace(KNOWN, card=msgspec.structs.replace(CARD, listed=(Listing.BARRED,)))},
    ],
    Doubt.NOT_A_PURCHASE: [{"asked": asked(operation=each)} for each in Operation if each is not Operation.PURCHASE],
    Doubt.UNCERTAIN_AMOUNT: [{"asked": asked(estimated=True)}, {"asked": asked(increment=True)}],
    Doubt.UNPROVED: [
        {"proved": Proved(chip=True)},
        {"proved": Proved(pin=True)},
        {"asked": asked(channel=Channel.ECOMMERCE)},
        {"asked": asked(channel=Channel.CONTACTLESS)},
        {"asked": asked(channel=Channel.TOKEN)},
        {"asked": asked(channel=Channel.MAGSTRIPE)},
        {"asked": asked(channel=Channel.MOTO)},
        {"asked": asked(channel=Channel.RECURRING)},
    ],
    Doubt.CATEGORY: [{"asked": asked(merchant=made.SHOP)}],
    Doubt.TOO_MUCH: [{"asked": asked(amount=DEAR)}],
    Doubt.DAY: [{"used": Used(Money(100, KZT), 3)}, {"used": Used(Money(39_000_01, KZT), 1)}],
    Doubt.NOT_COVERED: [
        {"known": msgspec.structs.replace(KNOWN, left=Money(999_99, KZT))},
        {"shared": Money(99_000_01, KZT)},  # another card of the same wallet was promised it
    ],
    Doubt.TURNOVER: [
        {"turnover_left": Money(999_99, KZT)},
        {"promised": Money(99_000_01, KZT)},  # to others, of the same month
    ],
}


@pytest.mark.parametrize("doubt", Doubt)
def test_each_doubt_is_enough(doubt: Doubt) -> None:
    for changed in DOUBTS[doubt]:
        assert doubt in standin.decide(case(**changed), TERMS), changed


@pytest.mark.parametrize(
    ("channel", "proved"),
    [
        (Channel.CHIP, Proved(chip=True, pin=True)),
        (Channel.TOKEN, Proved(chip=True, token=True)),
        (Channel.ECOMMERCE, Proved(cavv=True)),
    ],
)
def test_what_can_not_be_copied_is_enough_of_a_proof(channel: Channel, proved: Proved) -> None:
    assert standin.decide(case(asked=asked(channel=channel), proved=proved), TERMS) == ()


def test_who_is_refused_by_the_card_hears_why_and_all_others_that_nobody_is_there() -> None:
    frozen = case(known=msgspec.structs.replace(KNOWN, card=msgspec.structs.replace(CARD, frozen=True)))
    stale = msgspec.structs.replace(frozen, known_at=None)

    assert standin.code(standin.decide(frozen, TERMS), frozen) == CODES[Reason.CARD_FROZEN]
    assert standin.code(standin.decide(stale, TERMS), stale) == AWAY
    for doubt in set(Doubt) - {Doubt.REFUSED}:
        other = case(**DOUBTS[doubt][0])
        assert standin.code((doubt,), other) == AWAY


def plastic(machine: SoftHsm) -> Plastic:
    return Plastic(machine, CARD, Pan("9398010000000000"))


PIN_RIGHT, PIN_WRONG = bytes.fromhex("9F3403410302"), bytes.fromhex("9F3403410301")


@pytest.mark.parametrize(
    ("results", "proved"),
    [
        (PIN_RIGHT, (True, True)),
        (PIN_WRONG, (True, False)),
        (b"", (True, False)),
        (bytes.fromhex("9F34031E0302"), (True, False)),
    ],
)
def test_the_chip_says_whether_it_compared_the_pin(results: bytes, proved: tuple[bool, bool]) -> None:
    machine = plates.hsm()
    presented = plastic(machine).inserted(Money(1_000_00, KZT))
    assert presented.chip is not None
    chip = msgspec.structs.replace(presented.chip, field55=Bytes(presented.chip.field55.value + results))
    question = asked(presented=msgspec.structs.replace(presented, chip=chip))
    found = standin.proofs(question, KNOWN, KNOWN.seen, machine, made.AT)

    assert (found.chip, found.pin) == proved
    assert found.counter == 1
    again = standin.proofs(question, KNOWN, KNOWN.seen.with_(1), machine, made.AT)
    assert again == Proved()


def test_a_copy_of_a_chip_proves_nothing() -> None:
    question = asked(presented=plastic(plates.hsm()).inserted(Money(1_000_00, KZT)))

    assert standin.proofs(question, KNOWN, KNOWN.seen, plates.hsm(), made.AT) == Proved()
