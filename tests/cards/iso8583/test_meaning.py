"""What telegrams mean in the words of cards/payments/message.py, and which of them can't be acted on."""

import base64
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest

from cards.iso8583 import additional, amounts, flow, meaning, reply
from cards.iso8583.amounts import BadAmounts
from cards.iso8583.flow import FLOWS
from cards.iso8583.meaning import Unclear
from cards.payments import message
from cards.payments.message import (
    Answer,
    Authorization,
    Channel,
    Clearing,
    Confirmation,
    Operation,
    Refund,
    Reversal,
    StandIn,
)
from cards.payments.reason import Reason
from law.currency import Currency
from law.money import KZT, USD, Money
from tests.cards.iso8583.telegrams import CARD, NOW, PAYMENT, occasion, telegram, told

DOLLARS = {"f49": "840", "f51": "398", "f6": "000000750000", "f10": "45000000", "f4": "000000001500"}


def asked(mti: str = "0100", *, without: str = "", **changed: str) -> Authorization:
    found = told(mti, without=without, **changed)
    assert isinstance(found, Authorization)
    return found


def test_a_question_is_an_authorization() -> None:
    found = asked()

    assert found.amount == Money(1_500_00, KZT)
    assert (found.network, found.card, found.payment) == ("mspk", CARD, PAYMENT)
    assert (found.merchant.name, found.merchant.id, found.merchant.country) == ("Dostyk Books", "M-1001", "KZ")
    assert (found.channel, found.operation, found.terminal) == (Channel.ECOMMERCE, Operation.PURCHASE, "TERM0001")
    assert str(found.expiry) == "2027-10-31"
    assert {found.advice, found.single, found.estimated, found.increment, found.partial_ok} == {False}


@pytest.mark.parametrize(
    ("mti", "changed", "kind"),
    [
        ("0101", {}, Authorization),
        ("0120", {"f39": "00"}, Authorization),
        ("0120", {"f25": "06"}, Confirmation),
        ("0200", {}, Authorization),
        ("0220", {}, Clearing),
        ("0221", {"f3": "200000"}, Refund),
        ("0400", {"f90": "0" * 42}, Reversal),
        ("0420", {}, Reversal),
    ],
)
def test_each_type_says_its_own(mti: str, changed: dict[str, str], kind: type) -> None:
    assert type(told(mti, **changed)) is kind


def test_a_yes_in_our_place_is_an_advice_and_a_no_is_nothing() -> None:
    yes = asked("0120", f39="00")

    assert (yes.advice, yes.stand_in) == (True, StandIn.NETWORK)
    assert told("0120", f39="05") is None


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"f3": "010000"}, {"operation": Operation.CASH}),
        ({"f3": "090000"}, {"operation": Operation.CASHBACK}),
        ({"f3": "200000"}, {"operation": Operation.REFUND}),
        ({"f3": "310000", "f4": "0" * 12}, {"operation": Operation.BALANCE}),
        ({"f4": "0" * 12, "f25": "51"}, {"operation": Operation.VERIFICATION}),
        ({"f22": "051"}, {"channel": Channel.CHIP}),
        ({"f22": "071"}, {"channel": Channel.CONTACTLESS}),
        ({"f22": "901"}, {"channel": Channel.MAGSTRIPE}),
        ({"f22": "010", "f25": "08"}, {"channel": Channel.MOTO}),
        ({"f22": "010"}, {"channel": Channel.ECOMMERCE}),
        ({"f22": "100"}, {"channel": Channel.RECURRING}),
        ({"f22": "071", "f48": "3304T-42"}, {"channel": Channel.TOKEN}),
        ({"f22": "810", "f48": "3304T-42"}, {"channel": Channel.ECOMMERCE}),
        ({"f22": "100", "f48": "3304T-42"}, {"channel": Channel.RECURRING}),
        ({"f25": "06"}, {"estimated": True}),
        ({"f24": "101"}, {"estimated": True}),
        ({"f24": "102"}, {"increment": True, "estimated": False}),
        ({"f24": "103"}, {"increment": True, "estimated": True}),
        ({"f48": "610510000"}, {"partial_ok": True}),
        ({"f8": "00020000"}, {"fee": Money(200_00, KZT)}),
        ({"f28": "D00020000"}, {"fee": Money(200_00, KZT)}),
        ({"f28": "C00020000"}, {"fee": None}),
        (DOLLARS, {"amount": Money(7_500_00, KZT), "original": Money(15_00, USD), "rate": Decimal(500)}),
    ],
)
def test_a_field_says_what_it_says(changed: dict[str, str], says: dict[str, object]) -> None:
    found = msgspec.structs.asdict(asked(**changed))

    assert {name: found[name] for name in says} == says


def test_an_amount_has_the_digits_of_its_currency() -> None:
    yen = asked(**(DOLLARS | {"f49": "392", "f4": "000000001500"}))
    dinars = asked(**(DOLLARS | {"f49": "414", "f4": "000000001500"}))

    assert str(yen.original) == "1500 JPY"
    assert str(dinars.original) == "1.500 KWD"


def test_what_was_presented_is_carried_and_not_shown() -> None:
    cavv, challenge = bytes(range(20)), UUID(int=7)
    data = additional.write({"43": base64.b64encode(cavv).decode(), "66": f"2{challenge}", "92": "123"})
    found = asked(f48=data, f52="0F" * 16, f55="9F02060000000150009F360200019F2608" + "A1" * 8, f23="001").presented

    assert found.cvv2 is not None
    assert found.cvv2.value == "123"
    assert found.cavv is not None
    assert (found.cavv.value.value, found.cavv.challenge) == (cavv, challenge)
    assert found.pin is not None
    assert (found.pin.block.value, found.pin.zone) == (b"\x0f" * 16, "mspk")
    assert found.chip is not None
    assert found.chip.sequence == "01"
    assert not {"123", "0f0f", cavv.hex()} & set(repr(found))


def test_field_126_says_the_same_as_48() -> None:
    cavv = bytes(range(20))
    bits = (1 << 63 - 8 | 1 << 63 - 9).to_bytes(8)
    found = asked(f126=(bits + cavv + b"11 456").hex().upper()).presented

    assert found.cvv2 is not None
    assert found.cvv2.value == "456"
    assert found.cavv is not None
    assert found.cavv.value.value == cavv


def test_a_track_says_number_expiry_and_code() -> None:
    found = asked(without="2 14", f35="9398010000000000D271020100000123", f22="901")

    assert str(found.expiry) == "2027-10-31"
    assert found.presented.track is not None
    assert (found.presented.track.service, found.presented.track.code.value) == ("201", "123")
    assert found.presented.number is not None
    assert found.presented.number.digits == "9398010000000000"


@pytest.mark.parametrize(
    ("changed", "number", "code"),
    [
        ({"f2": "9398010000000001"}, 2, flow.NO_SUCH_CARD),
        ({"f3": "770000"}, 3, flow.INVALID),
        ({"f22": "990"}, 22, flow.FORMAT_ERROR),
        ({"f14": "2713"}, 14, flow.FORMAT_ERROR),
        ({"f7": "1340000000"}, 7, flow.FORMAT_ERROR),
        ({"f43": f"{'Shop':25}{'Almaty':13}9z"}, 43, flow.FORMAT_ERROR),
        ({"f42": " " * 15}, 42, flow.FORMAT_ERROR),
        ({"f49": "840"}, 49, flow.INVALID),
        ({"f49": "999"}, 49, flow.FORMAT_ERROR),
        (DOLLARS | {"f51": "840", "f49": "398"}, 51, flow.INVALID),
        (DOLLARS | {"f10": "90000001"}, 10, flow.FORMAT_ERROR),
        (DOLLARS | {"f10": "40000000"}, 10, flow.FORMAT_ERROR),
        ({"f4": "0" * 12, "f3": "010000"}, 4, flow.FORMAT_ERROR),
        ({"f48": "92031"}, 48, flow.FORMAT_ERROR),
        ({"f48": "920312392031 3"}, 48, flow.FORMAT_ERROR),
        ({"f48": "4304!!!!"}, 48, flow.FORMAT_ERROR),
        ({"f54": "0040398C00000000010"}, 54, flow.FORMAT_ERROR),
        ({"f55": "9F02"}, 55, flow.FORMAT_ERROR),
        ({"f55": "9F360200019F36020001"}, 55, flow.FORMAT_ERROR),
        ({"f126": "FF" * 9}, 48, flow.FORMAT_ERROR),
    ],
)
def test_what_can_not_be_acted_on_names_its_field(changed: dict[str, str], number: int, code: str) -> None:
    with pytest.raises(Unclear) as unclear:
        told(**changed)

    assert (unclear.value.number, unclear.value.code) == (number, code)


BAD_NUMBER = "9398010000000001"


@pytest.mark.parametrize("mti", ["0120", "0220", "0400", "0420"])
@pytest.mark.parametrize(
    "changed",
    [
        {"f2": BAD_NUMBER}, {"f14": "2713"}, {"f22": "990"}, {"f48": "92031"}, {"f54": "0040398C00000000010"},
        {"f55": "9F02"}, {"f126": "FF" * 9}, {"f42": " " * 15}, {"f43": " " * 40},
        {"f43": f"{'Shop':25}{'Almaty':13}9z"},
        DOLLARS | {"f10": "90000001"},
    ],
)  # fmt: skip
def test_what_has_happened_is_booked_without_what_can_not_be_read(mti: str, changed: dict[str, str]) -> None:
    found = told(mti, **changed)

    assert found is not None
    assert found.amount.minor
    assert found.card == CARD


@pytest.mark.parametrize("mti", ["0120", "0220", "0400", "0420"])
def test_what_has_happened_in_another_currency_is_no_card_of_ours(mti: str) -> None:
    found = told(mti, f49="840")

    assert found is not None
    assert (found.card, found.amount) == (None, Money(1_500_00, USD))


@pytest.mark.parametrize("function", ["100", "101", "102", "103"])
def test_a_yes_to_an_estimate_in_our_place_says_what_was_asked(function: str) -> None:
    yes = asked("0120", f24=function, f25=meaning.PREAUTHORISED, f39="00")

    assert (yes.advice, yes.stand_in, yes.estimated) == (True, StandIn.NETWORK, True)


@pytest.mark.parametrize("more", [{}, {"f24": "202"}])
def test_what_an_estimate_came_to_says_the_merchants_currency_too(more: dict[str, str]) -> None:
    found = told("0120", **DOLLARS, **more, f22="051", f25=meaning.PREAUTHORISED)

    assert isinstance(found, Confirmation)
    assert (found.original, found.rate, found.channel) == (Money(15_00, USD), Decimal("500.0000"), Channel.CHIP)


def test_what_is_left_of_a_reversed_amount_is_its_part_of_what_was_billed() -> None:
    back = told("0420", f95=amounts.replacement(Money(500_00, KZT)))
    foreign = told("0420", **DOLLARS, f95=amounts.replacement(Money(5_00, USD)))

    assert isinstance(back, Reversal)
    assert (back.amount, back.remaining) == (Money(1_500_00, KZT), Money(500_00, KZT))
    assert isinstance(foreign, Reversal)
    assert (foreign.amount, foreign.remaining) == (Money(7_500_00, KZT), Money(2_500_00, KZT))
    with pytest.raises(Unclear):
        told("0420", f95=amounts.replacement(Money(1_500_01, KZT)))


@pytest.mark.parametrize(
    ("sequence", "final"), [(None, True), ("0101", True), ("0102", False), ("0202", True), ("0199", False)]
)
def test_a_clearing_says_whether_it_is_the_last(sequence: str | None, *, final: bool) -> None:
    found = told("0220", **({"f48": f"7004{sequence}"} if sequence else {}))

    assert isinstance(found, Clearing)
    assert found.final is final


def test_balances_are_written_as_they_are_read() -> None:
    assert amounts.additional(amounts.balances(Money(1_234_56, KZT))) == {"02": Money(1_234_56, KZT)}
    assert amounts.additional(amounts.balances(Money(-5, KZT))) == {"02": Money(0, KZT)}
    with pytest.raises(BadAmounts):
        amounts.additional("0002999C000000000001")


def decided(code: str, **more: object) -> Answer:
    return Answer(payment=PAYMENT, approved=code in {"00", "10"}, code=code, reason=None, **more)  # type: ignore[arg-type]  # its fields


def test_an_answer_says_what_was_decided_and_nothing_of_the_card() -> None:
    question = telegram(f48="9203123", f55="9F36020001")
    yes = reply.decided(question, decided("00", amount=Money(1_500_00, KZT), approval="123456"))

    assert yes is not None
    assert (yes.mti, yes[39], yes[38], yes[4]) == ("0110", "00", "123456", "000000150000")
    assert not {2, 14, 35, 48, 52, 55, 126} & yes.fields.keys()
    no = reply.decided(question, decided("51"))
    assert no is not None
    assert (no[39], no.get(38)) == ("51", None)


def test_a_partial_approval_says_how_much_in_both_currencies() -> None:
    part = reply.decided(telegram(**DOLLARS), decided("10", amount=Money(2_500_00, KZT), approval="123456"))

    assert part is not None
    assert (part[4], part[6], part[39]) == ("000000000500", "000000250000", "10")


def test_an_advice_is_never_declined() -> None:
    for mti in ("0120", "0121", "0220", "0221", "0400", "0420", "0421"):
        answer = reply.decided(telegram(mti), decided("51"))
        assert answer is not None
        assert answer[39] == "00"


@pytest.mark.parametrize(("reason", "code"), [(Reason.NAME_TAKEN, "94"), (Reason.WRONG_CURRENCY, "12")])
def test_who_tells_something_else_under_a_name_hears_that_it_is_not_down(reason: Reason, code: str) -> None:
    answer = reply.decided(telegram("0420"), message.unbooked(PAYMENT, reason))

    assert answer is not None
    assert answer[39] == code


def test_every_field_a_type_can_not_be_without_is_missed() -> None:
    for mti, going in FLOWS.items():
        whole = telegram(mti, f39="00", f70="301")
        assert flow.lacks(whole) is None, mti
        for number in going.needs:
            assert flow.lacks(telegram(mti, f39="00", f70="301", without=str(number))) == number, mti
    assert flow.lacks(telegram(without="2")) == 2


def test_a_type_that_answers_is_answered_by_none() -> None:
    assert flow.reply(telegram("0810", f70="301"), "00") is None
    assert flow.unreadable("4", telegram(without="11")) is None
    assert flow.unreadable("t", None) is None


def test_currencies_of_the_world_are_known_by_number() -> None:
    assert all(Currency.of_numeric(each.numeric) is each for each in Currency)
    assert occasion().now == NOW
    assert meaning.OPERATIONS.keys() == {"00", "01", "09", "20", "30", "31"}
