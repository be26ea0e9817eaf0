"""Keys under keys: what is sealed opens at its place, under its key, and nowhere else."""

import stat
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.kms import FileKms, Kms, Unopenable, Wrapped, blind, new_data_key, open_, seal
from proof.versions import Newest, UnknownKeyVersion
from tests.proof.conftest import Open

KEY = new_data_key()
ROW = UUID("0193a5c0-0000-7000-8000-000000000001")
OTHER_ROW = UUID("0193a5c0-0000-7000-8000-000000000002")


@given(st.binary())
def test_a_sealed_field_opens_at_its_place(plaintext: bytes) -> None:
    sealed = seal(KEY, plaintext, table="kyc.person", column="name", row=ROW)

    assert open_(KEY, sealed, table="kyc.person", column="name", row=ROW) == plaintext


@pytest.mark.parametrize(
    ("table", "column", "row"),
    [
        ("kyc.document", "name", ROW),
        ("kyc.person", "born", ROW),
        ("kyc.person", "name", OTHER_ROW),
        ("kyc.person", "name", ""),
    ],
)
def test_a_sealed_field_does_not_open_elsewhere(table: str, column: str, row: UUID | str) -> None:
    sealed = seal(KEY, b"Mei Lin Tan", table="kyc.person", column="name", row=ROW)

    with pytest.raises(Unopenable):
        open_(KEY, sealed, table=table, column=column, row=row)


def test_places_can_not_be_confused_by_their_names() -> None:
    with pytest.raises(ValueError, match="bar"):
        seal(KEY, b"", table="person|name", column="born", row=ROW)
    with pytest.raises(ValueError, match="bar"):
        seal(KEY, b"", table="person", column="name|born", row=ROW)


def test_a_sealed_field_does_not_open_under_another_key() -> None:
    sealed = seal(KEY, b"Mei Lin Tan", table="kyc.person", column="name", row=ROW)

    with pytest.raises(Unopenable):
        open_(new_data_key(), sealed, table="kyc.person", column="name", row=ROW)


@given(st.data())
def test_any_changed_bit_is_found(data: st.DataObject) -> None:
    sealed = bytearray(seal(KEY, b"Mei Lin Tan", table="kyc.person", column="name", row=ROW))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(Unopenable):
        open_(KEY, bytes(sealed), table="kyc.person", column="name", row=ROW)


@pytest.mark.parametrize("length", [0, 1, 12, 28])
def test_what_is_too_short_does_not_open(length: int) -> None:
    sealed = seal(KEY, b"", table="kyc.person", column="name", row=ROW)

    with pytest.raises(Unopenable):
        open_(KEY, sealed[:length], table="kyc.person", column="name", row=ROW)


def test_equal_fields_are_sealed_differently() -> None:
    def sealed() -> bytes:
        return seal(KEY, b"Mei Lin Tan", table="kyc.person", column="name", row=ROW)

    assert sealed() != sealed()
    assert b"Mei" not in sealed()


# -- wherever the keys are ---------------------------------------------------------------------------------------------


def test_a_wrapped_key_unwraps_for_its_owner(kms: Kms) -> None:
    wrapped = kms.wrap(KEY, "resident:1")

    assert KEY not in wrapped.blob
    assert kms.unwrap(wrapped, "resident:1") == KEY
    with pytest.raises(Unopenable):
        kms.unwrap(wrapped, "resident:2")


def test_any_changed_byte_of_a_wrapped_key_is_found(kms: Kms) -> None:
    wrapped = kms.wrap(KEY, "resident:1")

    for place in range(len(wrapped.blob)):
        blob = bytearray(wrapped.blob)
        blob[place] ^= 1
        with pytest.raises(Unopenable):
            kms.unwrap(Wrapped(wrapped.version, bytes(blob)), "resident:1")


@pytest.mark.parametrize("length", [0, 1, 13, 28, 60])
def test_a_wrapped_key_of_another_length_does_not_open(kms: Kms, length: int) -> None:
    wrapped = kms.wrap(KEY, "resident:1")

    with pytest.raises(Unopenable):
        kms.unwrap(Wrapped(wrapped.version, wrapped.blob[:length]), "resident:1")


def test_a_key_is_wrapped_differently_each_time(kms: Kms) -> None:
    assert kms.wrap(KEY, "resident:1") != kms.wrap(KEY, "resident:1")


def test_keys_outlive_the_process(kms: Kms, opened: Open) -> None:
    again = opened()

    assert again.unwrap(kms.wrap(KEY, "resident:1"), "resident:1") == KEY
    assert again.blind("phone", "+77010000000") == kms.blind("phone", "+77010000000")


def test_after_a_rotation_the_new_key_wraps_and_the_old_one_still_unwraps(kms: Kms) -> None:
    old, index = kms.wrap(KEY, "resident:1"), kms.blind("phone", "+77010000000")

    assert kms.rotate() == kms.version == 2
    new = kms.wrap(KEY, "resident:1")

    assert (old.version, new.version) == (1, 2)
    assert kms.unwrap(old, "resident:1") == kms.unwrap(new, "resident:1") == KEY
    assert kms.blind("phone", "+77010000000") == index


def test_a_running_process_unwraps_by_a_key_that_another_added(kms: Kms, opened: Open) -> None:
    another = opened()
    another.rotate()

    assert kms.unwrap(another.wrap(KEY, "resident:1"), "resident:1") == KEY


def test_a_running_process_wraps_by_the_keys_that_another_added(kms: Kms, opened: Open) -> None:
    another = opened()
    another.rotate()
    another.rotate()

    assert kms.wrap(KEY, "resident:1").version == kms.version == 3


def test_a_retired_key_opens_nothing_from_here_on(kms: Kms, opened: Open) -> None:
    old = kms.wrap(KEY, "resident:1")
    kms.rotate()
    new = kms.wrap(KEY, "resident:1")

    kms.retire(1)

    for each in (kms, opened()):
        with pytest.raises(UnknownKeyVersion):
            each.unwrap(old, "resident:1")
        assert each.unwrap(new, "resident:1") == KEY
        assert each.version == 2


def test_the_key_in_use_is_not_retired(kms: Kms) -> None:
    with pytest.raises(Newest):
        kms.retire(1)
    kms.rotate()
    with pytest.raises(UnknownKeyVersion):
        kms.retire(7)


def test_a_version_nobody_made_is_unknown(kms: Kms) -> None:
    with pytest.raises(UnknownKeyVersion):
        kms.unwrap(Wrapped(2, kms.wrap(KEY, "resident:1").blob), "resident:1")


def test_a_wrapped_key_does_not_open_as_another_version(kms: Kms) -> None:
    wrapped = kms.wrap(KEY, "resident:1")
    kms.rotate()

    with pytest.raises(Unopenable):
        kms.unwrap(Wrapped(2, wrapped.blob), "resident:1")


def test_equal_values_are_found_under_one_purpose_only(kms: Kms) -> None:
    assert len(kms.blind("phone", "+77010000000")) == 32
    assert kms.blind("phone", "+77010000000") != kms.blind("phone", "+77010000001")
    assert kms.blind("phone", "+77010000000") != kms.blind("document", "+77010000000")


def test_a_purpose_and_a_value_can_not_be_confused(kms: Kms) -> None:
    with pytest.raises(ValueError, match="NUL"):
        kms.blind("phone\0", "1")


# -- in files ----------------------------------------------------------------------------------------------------------


def test_the_version_is_bound_even_where_two_have_the_same_key(folder: Path) -> None:
    twins = FileKms(folder, {1: KEY, 2: KEY}, KEY)
    wrapped = twins.wrap(KEY, "resident:1")

    with pytest.raises(Unopenable):
        twins.unwrap(Wrapped(1, wrapped.blob), "resident:1")


def test_a_folder_of_another_installation_opens_nothing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Unopenable):
        FileKms.open(tmp_path / "other").unwrap(FileKms.open(folder).wrap(KEY, "resident:1"), "resident:1")


def test_a_damaged_key_file_is_refused(folder: Path) -> None:
    FileKms.open(folder)
    (folder / "kek-1.key").write_bytes(b"short")

    with pytest.raises(ValueError, match="32 bytes"):
        FileKms.open(folder)


def test_key_files_are_their_owners_alone(folder: Path) -> None:
    kms = FileKms.open(folder)
    kms.rotate()
    kms.retire(1)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}

    assert modes == {"retired-kek-1.key": 0o600, "kek-2.key": 0o600, "blind.key": 0o600}


def test_a_blind_index_is_hmac_sha256_of_purpose_nul_value() -> None:
    """Computed with `openssl dgst -sha256 -mac HMAC -macopt hexkey:0b…`."""
    assert (
        blind(b"\x0b" * 32, "phone", "+7").hex() == "cdb109d090ed3c8aa981ee793fb280b0115a86720f480866f737b4eb9eb3f732"
    )
