"""Keys under keys: what is sealed opens at its place, under its key, and nowhere else."""

import stat
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.kms import FileKms, Kms, UnknownKeyVersion, Unopenable, Wrapped, blind, new_data_key, open_, seal

KEY = new_data_key()
ROW = UUID("0193a5c0-0000-7000-8000-000000000001")
OTHER_ROW = UUID("0193a5c0-0000-7000-8000-000000000002")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kms"


@pytest.fixture
def kms(folder: Path) -> Kms:
    return FileKms.open(folder)


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


def test_a_wrapped_key_unwraps_for_its_owner(kms: Kms) -> None:
    wrapped = kms.wrap(KEY, "resident:1")

    assert KEY not in wrapped.blob
    assert kms.unwrap(wrapped, "resident:1") == KEY
    with pytest.raises(Unopenable):
        kms.unwrap(wrapped, "resident:2")


def test_keys_outlive_the_process(kms: Kms, folder: Path) -> None:
    again = FileKms.open(folder)

    assert again.unwrap(kms.wrap(KEY, "resident:1"), "resident:1") == KEY
    assert again.blind("phone", "+77010000000") == kms.blind("phone", "+77010000000")


def test_after_a_rotation_the_new_key_wraps_and_the_old_one_still_unwraps(kms: Kms, folder: Path) -> None:
    old = kms.wrap(KEY, "resident:1")
    rotated = FileKms.rotate(folder)
    new = rotated.wrap(KEY, "resident:1")

    assert (old.version, new.version) == (1, 2)
    assert rotated.unwrap(old, "resident:1") == rotated.unwrap(new, "resident:1") == KEY
    assert rotated.blind("phone", "+77010000000") == kms.blind("phone", "+77010000000")
    with pytest.raises(UnknownKeyVersion):
        kms.unwrap(new, "resident:1")


def test_a_wrapped_key_does_not_open_as_another_version() -> None:
    key = new_data_key()
    twins = FileKms({1: key, 2: key}, new_data_key())
    wrapped = twins.wrap(KEY, "resident:1")

    with pytest.raises(Unopenable):
        twins.unwrap(Wrapped(1, wrapped.blob), "resident:1")


def test_a_folder_of_another_installation_opens_nothing(kms: Kms, tmp_path: Path) -> None:
    with pytest.raises(Unopenable):
        FileKms.open(tmp_path / "other").unwrap(kms.wrap(KEY, "resident:1"), "resident:1")


def test_a_damaged_key_file_is_refused(folder: Path) -> None:
    FileKms.open(folder)
    (folder / "kek-1.key").write_bytes(b"short")

    with pytest.raises(ValueError, match="32 bytes"):
        FileKms.open(folder)


def test_key_files_are_their_owners_alone(folder: Path) -> None:
    FileKms.open(folder)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}

    assert modes == {"kek-1.key": 0o600, "blind.key": 0o600}


def test_equal_values_are_found_under_one_purpose_only(kms: Kms) -> None:
    assert kms.blind("phone", "+77010000000") == kms.blind("phone", "+77010000000")
    assert kms.blind("phone", "+77010000000") != kms.blind("phone", "+77010000001")
    assert kms.blind("phone", "+77010000000") != kms.blind("document", "+77010000000")


def test_a_blind_index_is_hmac_sha256_of_purpose_nul_value() -> None:
    """Computed with `openssl dgst -sha256 -mac HMAC -macopt hexkey:0b…`."""
    assert (
        blind(b"\x0b" * 32, "phone", "+7").hex() == "cdb109d090ed3c8aa981ee793fb280b0115a86720f480866f737b4eb9eb3f732"
    )


def test_a_purpose_and_a_value_can_not_be_confused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        blind(KEY, "phone\0", "1")
