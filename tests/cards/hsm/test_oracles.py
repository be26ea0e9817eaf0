"""Our legacy cryptography says what psec and pyemv say, over drawn keys, numbers and data."""

import warnings
from datetime import date

import pytest
from cryptography.utils import CryptographyDeprecationWarning
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.hsm import des, emv, keyblock, pinblock, verification
from cards.hsm.keyblock import BadKeyBlock, Header
from cards.hsm.pinblock import BadBlock, Format
from tests.cards.hsm import chips

with warnings.catch_warnings():  # the oracles take the old cipher from where it will no longer be
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    import psec
    import pyemv

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

DES_KEYS = st.binary(min_size=16, max_size=16)
PANS = st.text("0123456789", min_size=13, max_size=19)
PINS = st.text("0123456789", min_size=4, max_size=12)
EXPIRIES = st.dates(date(2000, 1, 1), date(2099, 12, 31))
FEW = settings(max_examples=25, deadline=None)


@FEW
@given(DES_KEYS, PANS, EXPIRIES, st.text("0123456789", min_size=3, max_size=3))
def test_a_code_is_psecs(key: bytes, pan: str, expiry: date, service: str) -> None:
    theirs = psec.cvv.generate_cvv(key, pan, f"{expiry:%y%m}", service)

    ours = verification.code(key, pan, expiry, service)

    # Where a ciphertext has fewer than three digits psec ends early; the standard goes on with its letters.
    assert ours.startswith(theirs)
    assert len(ours) == 3


@FEW
@given(DES_KEYS, st.integers(1, 6), PANS, st.text("0123456789", min_size=4, max_size=4))
def test_a_pin_value_is_psecs(key: bytes, index: int, pan: str, pin: str) -> None:
    assert verification.pvv(key, index, pan, pin) == psec.pin.generate_visa_pvv(key, str(index), pin, pan)


@FEW
@given(st.binary(min_size=16, max_size=16), PANS, PINS)
def test_pin_blocks_travel_both_ways(key: bytes, pan: str, pin: str) -> None:
    old = psec.des.encrypt_tdes_ecb(key, psec.pinblock.encode_pinblock_iso_0(pin, pan))
    padded = psec.des.encrypt_tdes_ecb(key, psec.pinblock.encode_pinblock_iso_3(pin, pan))
    new = psec.pinblock.encipher_pinblock_iso_4(key, pin, pan)

    assert pinblock.decode(Format.ISO_0, key, old, pan) == pin
    assert pinblock.decode(Format.ISO_3, key, padded, pan) == pin
    assert pinblock.decode(Format.ISO_4, key, new, pan) == pin
    assert pinblock.encode(Format.ISO_0, key, pin, pan) == old
    ours = psec.des.decrypt_tdes_ecb(key, pinblock.encode(Format.ISO_3, key, pin, pan))
    assert psec.pinblock.decode_pinblock_iso_3(ours, pan) == pin
    ours = pinblock.encode(Format.ISO_4, key, pin, pan)
    assert psec.pinblock.decipher_pinblock_iso_4(key, ours, pan) == pin


@FEW
@given(DES_KEYS, st.text("0123456789", min_size=16, max_size=19), st.sampled_from(["00", "01", "45"]))
def test_the_key_of_a_card_is_pyemvs(master: bytes, pan: str, sequence: str) -> None:
    ours = emv.card_key(master, pan, sequence)

    assert ours == pyemv.kd.derive_icc_mk_b(master, pan, sequence)
    assert len(pan) > 16 or ours == pyemv.kd.derive_icc_mk_a(master, pan, sequence)


@FEW
@given(DES_KEYS, st.text("0123456789", min_size=16, max_size=16), chips.said())
def test_a_cryptogram_is_pyemvs(master: bytes, pan: str, tags: dict[str, bytes]) -> None:
    oracle = chips.oracle(master, pan, "01", tags)
    chip = emv.read({**tags, "9F26": oracle.request})
    card = emv.card_key(master, pan, "01")

    assert emv.cryptogram(card, chip) == oracle.request
    assert emv.answer(card, chip, response="00", status=chips.STATUS) == oracle.answer


@FEW
@given(
    st.sampled_from([("B", 16), ("B", 24), ("D", 16), ("D", 24), ("D", 32)]),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=24),
    st.sampled_from([(), (("KS", "00604B120F9292800000"),), (("KS", "00604B120F929280"), ("TS", "20261122120000Z"))]),
)
def test_key_blocks_travel_both_ways(
    way: tuple[str, int], protection: bytes, key: bytes, blocks: tuple[tuple[str, str], ...]
) -> None:
    version, size = way
    protection = protection[:size]
    header = Header("P0", "T", "B", "00", "N", blocks)

    ours = keyblock.wrap(protection, header, key, version=version)
    read, opened = psec.tr31.unwrap(protection, ours)

    assert opened == key
    assert (read.key_usage, read.mode_of_use, read.exportability) == ("P0", "B", "N")
    theirs = psec.tr31.KeyBlock(protection, psec.tr31.Header(version, "P0", "T", "B", "00", "N"))
    for name, content in blocks:
        theirs.header.blocks[name] = content
    assert keyblock.unwrap(protection, theirs.wrap(key)) == (header, key)


def test_the_vectors_of_the_reference() -> None:
    key = bytes.fromhex("99999999999999998888888888888888")
    master = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")

    assert verification._code(key, "2222222222222222", "3333", "111") == "361"  # noqa: SLF001  it is no date
    assert verification.pvv(master, 3, "1122334455667788", "4524") == "4021"
    card = emv.card_key(master, "9901234567890123", "45")
    assert des.encrypt(card, bytes(8)).hex().upper().startswith("1DA5")
    block = bytes.fromhex("E4BE5B623AF7E006AC319E5B93544564")
    assert (
        pinblock.decode(Format.ISO_4, bytes.fromhex("00112233445566778899AABBCCDDEEFF"), block, "1234567890123456")
        == "1234"
    )
    header, opened = keyblock.unwrap(
        b"\xff" * 16,
        "B0096P0TE00N0000342811F905093F2B797EB9248C1121C011C2AE41BEC63E33C9C2FDB320540D82327221AE9C5C34FB",
    )
    assert opened == b"\xee" * 16
    assert header.usage == "P0"


@FEW
@given(st.binary(max_size=40), st.binary(min_size=16, max_size=16), st.sampled_from(Format))
def test_noise_is_no_pin_block(noise: bytes, key: bytes, format_: Format) -> None:
    # One in a hundred thousand passes for a block of format 0; of the keys drawn here none does.
    with pytest.raises(BadBlock):
        pinblock.decode(format_, key, noise[:15] + b"\0" * (len(noise) == 0), "9398010000000007")


#: What a block is written in, beside the letters of its header.
HEX = "0123456789ABCDEF"


@FEW
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 15))
def test_a_key_block_that_was_changed_is_refused(place: float, on: int) -> None:
    block = keyblock.wrap(b"k" * 32, Header("P0", "A", "B"), b"x" * 32)
    at = int(place * len(block))
    # What is drawn may not hang on the block, whose padding is random.
    other = HEX[(HEX.find(block[at]) + on) % len(HEX)]

    with pytest.raises(BadKeyBlock):
        keyblock.unwrap(b"k" * 32, block[:at] + other + block[at + 1 :])


def test_blocks_of_withdrawn_versions_are_refused() -> None:
    for version in "AC":
        theirs = psec.tr31.KeyBlock(b"k" * 16, psec.tr31.Header(version, "P0", "T", "B", "00", "N"))
        with pytest.raises(BadKeyBlock):
            keyblock.unwrap(b"k" * 16, theirs.wrap(b"x" * 16))
