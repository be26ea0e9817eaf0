"""The generator of test passports, seen by others: its certificates by the verifier of `cryptography`."""

import base64
import hashlib
from datetime import date
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography import x509

from simulators import portrait
from simulators.passport import KINDS, Authority, Passport


def erika(by: Authority) -> Passport:
    return by.issue(
        surname="MUSTERMANN",
        given="ERIKA",
        nationality="D",
        born=date(1964, 8, 12),
        sex="F",
        number="C01X00T47",
        expires=date(2027, 2, 28),
    )


def test_the_same_seed_makes_the_same_bytes_and_another_one_other_keys() -> None:
    one, same, other = Authority.seeded(7), Authority.seeded(7), Authority.seeded(8)

    assert erika(one) == erika(same)
    assert one.certificate == same.certificate
    assert one.key.public.dump() != other.key.public.dump()
    assert Authority.seeded().key.public.dump() != Authority.seeded().key.public.dump()


@pytest.mark.parametrize("kind", KINDS)
def test_the_authority_issued_the_signer_and_itself(kind: str) -> None:
    made = Authority.seeded(7, kind=kind)
    authority, signer = (x509.load_der_x509_certificate(each) for each in (made.certificate, made.signer_certificate))

    authority.verify_directly_issued_by(authority)
    signer.verify_directly_issued_by(authority)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert signer.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    assert authority.subject.rfc4514_string() == "CN=Test CSCA\\, not a real authority,O=Simulator,C=UT"


def test_the_security_object_lists_the_digests_of_the_files() -> None:
    shown = erika(Authority.seeded(7))

    content = cms.ContentInfo.load(shown.sod[4:])["content"]["encap_content_info"]["content"].native

    assert all(hashlib.sha256(file).digest() in content for file in shown.files.values())


def test_an_exported_certificate_is_found_by_its_name(tmp_path: Path) -> None:
    made = Authority.seeded(7)

    first, again = made.export(tmp_path / "csca"), made.export(tmp_path / "csca")

    assert first == again
    assert first.suffix == ".cer"
    assert first.read_bytes() == made.certificate


def test_the_printed_lines_are_those_of_the_german_specimen() -> None:
    shown = erika(Authority.seeded(7, state="D", country="DE"))

    assert shown.mrz == (
        "P<D<<MUSTERMANN<<ERIKA<<<<<<<<<<<<<<<<<<<<<<",
        "C01X00T478D<<6408125F2702283<<<<<<<<<<<<<<<4",
    )


def test_a_phone_sends_the_lines_and_the_files() -> None:
    shown = erika(Authority.seeded(7))
    body = shown.body()

    assert body["mrz"] == list(shown.mrz)
    assert body["sod"] == base64.b64encode(shown.sod).decode()
    assert body["data_groups"] == {str(number): base64.b64encode(file).decode() for number, file in shown.files.items()}


def test_the_portrait_is_a_jpeg_whose_segments_fill_it() -> None:
    picture = portrait.grey_jpeg(16, 8)
    assert picture[:2] == b"\xff\xd8"
    place, markers = 2, []
    while picture[place + 1] != 0xDA:
        markers.append(picture[place + 1])
        place += 2 + int.from_bytes(picture[place + 2 : place + 4], "big")

    scan = picture[place + 2 + int.from_bytes(picture[place + 2 : place + 4], "big") : -2]
    assert markers == [0xE0, 0xDB, 0xC0, 0xC4, 0xC4]
    assert scan == bytes([0b00001111]), "two blocks of two bits, filled up with ones"
    assert picture[-2:] == b"\xff\xd9"


def test_the_face_file_holds_the_portrait_and_says_how_long_it_is() -> None:
    face = portrait.face()

    record = face[face.index(b"FAC\x00010\x00") :]
    assert int.from_bytes(record[8:12], "big") == len(record)
    assert record.endswith(portrait.grey_jpeg())
    assert int.from_bytes(record[14:18], "big") == len(record) - 14
