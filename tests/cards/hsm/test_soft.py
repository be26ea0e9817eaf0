"""The machine: versions of its keys, what it refuses, what it never says."""

import base64
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey

from cards.hsm import keyblock, letter, material, pinblock, tlv, verification, weak
from cards.hsm.keyblock import BadKeyBlock, Header
from cards.hsm.letter import BadLetter
from cards.hsm.material import Key, Material, WrongCheckValue
from cards.hsm.pinblock import BadBlock, Format
from cards.hsm.port import OWN, Bound, Plate, UnknownKey, Usage, WeakPin
from cards.hsm.soft import SoftHsm
from cards.proofs.pan import Pan, check_digit
from cards.proofs.presented import Bytes, Code, PinBlock
from law.money import KZT, Money

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
NUMBER, OTHER = (Pan(digits + check_digit(digits)) for digits in ("939801000000000", "939801000000001"))
CARD = "card_1"


@pytest.fixture(scope="module")
def hsm() -> SoftHsm:
    """Give a machine whose codes have two versions, and zones that speak the old and the new format."""
    keys = [Key(usage, "", 1) for usage in OWN]
    shared = [
        Key(usage, zone, 1) for usage in (Usage.ZONE_PIN, Usage.ZONE_KEYS, Usage.ZONE_MAC) for zone in ("new", "x")
    ]
    made = [material.make(key, AT) for key in (*keys, Key(Usage.CODES, "", 2), *shared)]
    old = Material(Key(Usage.ZONE_PIN, "old", 1), "T", bytes(range(1, 17)), AT)
    return SoftHsm([*made, old])


def plate(version: int = 1) -> Plate:
    return Plate(NUMBER, date(2027, 10, 31), version)


# -- versions ----------------------------------------------------------------------------------------------------------


def test_a_card_keeps_its_code_when_the_key_changes(hsm: SoftHsm) -> None:
    before, after = hsm.code(plate(1), "201"), hsm.code(plate(2), "201")

    assert hsm.newest(Usage.CODES) == 2
    assert hsm.is_code(plate(1), "201", before)
    assert hsm.is_code(plate(1), "201", after) == (before == after)
    assert hsm.check_value(Usage.CODES, 1) != hsm.check_value(Usage.CODES, 2)


def test_a_key_that_others_have_not_found_yet_makes_nothing() -> None:
    first, second = (material.make(Key(Usage.CODES, "", version), AT) for version in (1, 2))
    machine = SoftHsm([first, msgspec.structs.replace(second, ripe=False)])

    assert (machine.newest(Usage.CODES), machine.last(Usage.CODES)) == (1, 2)
    assert machine.is_code(plate(2), "201", machine.code(plate(2), "201"))


def test_a_key_that_is_not_there_is_named(hsm: SoftHsm) -> None:
    with pytest.raises(UnknownKey) as refused:
        hsm.mac("nowhere", b"")

    assert (refused.value.usage, refused.value.zone) == (Usage.ZONE_MAC, "nowhere")


# -- codes -------------------------------------------------------------------------------------------------------------


def test_the_codes_of_one_card_tell_nothing_of_each_other(hsm: SoftHsm) -> None:
    codes = {service: hsm.code(plate(), service).value for service in ("000", "999", "201")}

    # By chance two of three are equal in three of a thousand machines; then each is still only its own by its service.
    assert len(set(codes.values())) == 3 or all(len(code) == 3 for code in codes.values())


def test_a_code_of_the_moment_lives_two_moments() -> None:
    key = bytes(range(16))
    moments = [AT + timedelta(minutes=5 * each) for each in range(200)]

    codes = [verification.code_at(key, NUMBER.digits, date(2027, 10, 31), at) for at in moments]

    assert len(set(codes)) > 150
    assert verification.code_at(key, NUMBER.digits, date(2027, 10, 31), moments[1], back=1) == codes[0]
    assert verification.bucket_ends(AT + timedelta(seconds=299)) == AT + timedelta(seconds=300)


# -- PINs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pin",
    ["0000", "1234", "4321", "9012", "1098", "2580", "1212", "6969", "1984", "2031", "592", "59270", NUMBER.last4],
)
def test_a_weak_pin_is_refused(pin: str) -> None:
    with pytest.raises(WeakPin):
        weak.check(pin, NUMBER.digits)


def test_most_pins_are_not_weak() -> None:
    refused = 0
    for number in range(10_000):
        try:
            weak.check(f"{number:04d}", NUMBER.digits)
        except WeakPin:
            refused += 1

    assert refused < 300


def test_an_old_zones_block_is_translated(hsm: SoftHsm) -> None:
    old = hsm.material(Usage.ZONE_PIN, zone="old").value
    stored = hsm.pin_value(NUMBER, _typed(hsm, "5927"), card=CARD)

    for format_ in (Format.ISO_0, Format.ISO_3):
        block = Bytes(pinblock.encode(format_, old, "5927", NUMBER.digits))
        assert hsm.is_pin(NUMBER, hsm.translate(block, NUMBER, zone="old", format_=format_, to="new"), stored)
        with pytest.raises(BadBlock):
            hsm.translate(block, NUMBER, zone="new", format_=format_, to="new")
    with pytest.raises(BadBlock):
        hsm.is_pin(NUMBER, PinBlock(block=Bytes(bytes(16)), zone="old"), stored)


def test_a_longer_pin_that_begins_alike_is_wrong(hsm: SoftHsm) -> None:
    stored = hsm.pin_value(NUMBER, _typed(hsm, "5927"), card=CARD)

    assert hsm.is_pin(NUMBER, _typed(hsm, "5927"), stored)
    assert not hsm.is_pin(NUMBER, _typed(hsm, "59270"), stored)


def _typed(hsm: SoftHsm, pin: str) -> PinBlock:
    key = hsm.material(Usage.ZONE_PIN, zone="new").value
    return PinBlock(block=Bytes(pinblock.encode(Format.ISO_4, key, pin, NUMBER.digits)), zone="new")


# -- letters -----------------------------------------------------------------------------------------------------------


def _written(hsm: SoftHsm, content: object, **header: str) -> str:
    key: dict[str, Any] = dict(hsm.letter_keys()[0])
    said = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key["kid"], **header}
    allowed = ["ECDH-ES", "A256GCM", "A128GCM", "ECDH-ES+A256KW"]
    return jwe.encrypt_compact(said, msgspec.json.encode(content), ECKey.import_key(key), algorithms=allowed)


def test_a_letter_of_another_library_opens(hsm: SoftHsm) -> None:
    stored = hsm.pin_value(NUMBER, _written(hsm, {"card_id": CARD, "pin": "5927"}), card=CARD)

    assert hsm.is_pin(NUMBER, _typed(hsm, "5927"), stored)


def _bad(hsm: SoftHsm) -> Iterator[str]:
    good = _written(hsm, {"card_id": CARD, "pin": "5927"})
    head, _, nonce, sealed, tag = good.split(".")
    yield _written(hsm, {"card_id": "card_2", "pin": "5927"})
    yield _written(hsm, {"card_id": CARD, "pin": "59 7"})
    yield _written(hsm, {"card_id": CARD, "pin": "٥٩٢٧"})
    yield _written(hsm, {"card_id": CARD, "pin": "5927", "more": 1})
    yield _written(hsm, {"card_id": CARD, "pin": "5927"}, kid="card-letters-9")
    yield _written(hsm, {"card_id": CARD, "pin": "5927"}, enc="A128GCM")
    yield _written(hsm, {"card_id": CARD, "pin": "5927"}, alg="ECDH-ES+A256KW")
    yield good[:-2] + ("AA" if not good.endswith("AA") else "BB")
    yield f"{head}.AAAA.{nonce}.{sealed}.{tag}"
    yield f"{head}..{nonce}.{sealed}"
    yield "A" * 3_000
    yield f"{_flat(head)}..{nonce}.{sealed}.{tag}"


def _flat(head: str) -> str:
    """Put the sender's point off its curve."""
    said = msgspec.json.decode(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    said["epk"]["y"] = said["epk"]["x"]
    return base64.urlsafe_b64encode(msgspec.json.encode(said)).rstrip(b"=").decode()


def test_any_other_letter_is_refused(hsm: SoftHsm) -> None:
    for written in _bad(hsm):
        with pytest.raises(BadLetter):
            hsm.pin_value(NUMBER, written, card=CARD)


# -- what stands for a yes ---------------------------------------------------------------------------------------------


def test_a_yes_is_bound_to_all_it_says(hsm: SoftHsm) -> None:
    bound = Bound(challenge=UUID(int=1), sequence=7, merchant="M-1", amount=Money(100, KZT))
    value = hsm.authentication(NUMBER, bound)

    assert len(value.value) == 20
    assert hsm.is_authentication(NUMBER, bound, value)
    for change in ({"challenge": UUID(int=2)}, {"sequence": 8}, {"merchant": "M-2"}, {"amount": Money(101, KZT)}):
        assert not hsm.is_authentication(NUMBER, msgspec.structs.replace(bound, **change), value)
    assert not hsm.is_authentication(OTHER, bound, value)
    for noise in (b"", bytes(20), value.value[:1] + b"\x09" + value.value[2:]):
        assert not hsm.is_authentication(NUMBER, bound, Bytes(noise))


# -- keys on their way -------------------------------------------------------------------------------------------------


def test_a_zones_key_travels_and_others_stay(hsm: SoftHsm) -> None:
    protection, key = hsm.material(Usage.ZONE_KEYS, zone="new"), hsm.material(Usage.ZONE_PIN, zone="new")

    received = material.receive(protection, material.send(protection, key), lambda _: 2, AT)

    assert (received.value, received.check_value) == (key.value, key.check_value)
    assert received.key == Key(Usage.ZONE_PIN, "new", 2)
    for stays in (hsm.material(Usage.CODES), hsm.material(Usage.ZONE_PIN, zone="x"), protection):
        with pytest.raises(BadKeyBlock):
            material.send(protection, stays)


@pytest.mark.parametrize("header", [Header("C0", "T", "C"), Header("P0", "A", "E"), Header("D0", "A", "B")])
def test_a_key_for_anything_else_is_not_taken(hsm: SoftHsm, header: Header) -> None:
    protection = hsm.material(Usage.ZONE_KEYS, zone="new")

    with pytest.raises(BadKeyBlock):
        material.receive(protection, keyblock.wrap(protection.value, header, bytes(32)), lambda _: 1, AT)


def test_a_key_is_put_together_by_two_who_know_a_part_each() -> None:
    parts = [bytes([1]) * 32, bytes([2]) * 32]
    check = Material(Key(Usage.ZONE_KEYS, "z", 1), "A", bytes([3]) * 32, AT).check_value

    assert material.enter("z", 1, parts, check, AT).value == bytes([3]) * 32
    for wrong in ([parts[0]], [parts[0], parts[0]], [parts[0], parts[1][:16]], []):
        with pytest.raises(WrongCheckValue):
            material.enter("z", 1, wrong, check, AT)


# -- what it says ------------------------------------------------------------------------------------------------------


def test_nothing_of_it_prints_itself_or_can_be_encoded(hsm: SoftHsm) -> None:
    code = hsm.code(plate(), "000")
    key = hsm.material(Usage.CODES)

    printed: list[tuple[object, str]] = [
        (code, code.value),
        (Bytes(b"\x12" * 8), "12" * 4),
        (key, key.value.hex()),
        (NUMBER, NUMBER.digits),
    ]
    encoded: list[object] = [code, Bytes(b"1"), NUMBER, plate(), _typed(hsm, "5927")]

    for secret, value in printed:
        for said in (repr(secret), str(secret), f"{secret}", f"{secret!r}"):
            assert value not in said
    for secret in encoded:
        with pytest.raises(TypeError):
            msgspec.json.encode(secret)
    assert Code("123") == Code("123") != Bytes(b"123")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_noise_in_field_55_is_told(noise: bytes) -> None:
    try:
        read = tlv.parse(noise)
    except tlv.BadTlv:
        return
    assert tlv.parse(tlv.dump(read)) == read or any(len(value) > 127 for value in read.values())


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_noise_is_no_letter_and_no_key_block(noise: str) -> None:
    with pytest.raises(BadLetter):
        letter.kid(noise)
    with pytest.raises(BadKeyBlock):
        keyblock.unwrap(bytes(32), noise)
