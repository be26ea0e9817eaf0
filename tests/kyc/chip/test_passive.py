"""Passive authentication: genuine passports of many makes, and everything a forger or a bad reader could change."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from asn1crypto import cms

from kyc.chip import certificate, curves, lds, trust
from kyc.chip.passive import verify
from kyc.chip.report import Grade
from simulators.passport import KINDS, Authority
from simulators.portrait import tlv
from tests.kyc import forge
from tests.kyc.passports import AT, authority, flipped, grades, passport, read, trusting

by_kind = pytest.mark.parametrize("kind", KINDS)
VISA = b"V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<L898902C<3UTO6908061F9406236ZE184226B<<<<<<<"


@by_kind
def test_a_genuine_passport_is_valid(kind: str) -> None:
    report = read(passport(authority(kind)), trusting(authority(kind)))

    assert report.grade is Grade.VALID, grades(report)
    assert report.zone is not None
    assert (report.zone.surname, report.zone.number) == ("ERIKSSON", "L898902C3")
    assert report.lines == passport(authority(kind)).mrz


@pytest.mark.parametrize("digest", ["sha384", "sha512"])
@pytest.mark.parametrize("kind", ["p256", "brainpool384", "rsa2048", "rsa2048-pss"])
def test_every_strong_digest_is_known(kind: str, digest: str) -> None:
    by = authority(kind, digest=digest)

    assert read(passport(by), trusting(by)).grade is Grade.VALID


@pytest.mark.parametrize("kind", ["p256", "rsa2048", "rsa2048-pss"])
def test_an_old_digest_is_called_weak(kind: str) -> None:
    by = authority(kind, digest="sha1")

    report = read(passport(by), trusting(by))

    assert grades(report) == {"chip.algorithms": "signed_weak_algorithm"}
    assert {step.check: step.params for step in report.steps}["chip.algorithms"] == {"weak": "sha1"}


def test_a_short_rsa_key_is_called_weak() -> None:
    by = authority("rsa1024")

    assert {step.params.get("weak") for step in read(passport(by), trusting(by)).steps} == {None, "rsa_1024"}


def test_the_outer_tag_may_be_missing() -> None:
    shown = passport()
    bare = shown.sod[4:]

    assert read(replace(shown, sod=bare)).grade is Grade.VALID


def test_lengths_may_be_left_open() -> None:
    """BER with indefinite lengths and a content in pieces, as New Zealand writes it."""
    shown = passport()
    information = cms.ContentInfo.load(shown.sod[4:])["content"]
    encapsulated = information["encap_content_info"]
    content = encapsulated["content"].native
    pieces = _open(0x24, tlv(0x04, content[:20]) + tlv(0x04, content[20:]))
    parts = [information[name].dump() for name in ("version", "digest_algorithms", "certificates", "signer_infos")]
    parts.insert(2, _open(0x30, encapsulated["content_type"].dump() + _open(0xA0, pieces)))
    sod = _open(0x30, cms.ContentType("signed_data").dump() + _open(0xA0, _open(0x30, b"".join(parts))))

    assert read(replace(shown, sod=sod)).grade is Grade.VALID


def _open(tag: int, content: bytes) -> bytes:
    return bytes([tag, 0x80]) + content + b"\0\0"


# -- who signed ------------------------------------------------------------------------------------------------------


def test_an_unknown_authority_is_not_trusted_and_nothing_else_is_wrong() -> None:
    assert grades(read(passport(), trust.of(()))) == {"chip.issuer_trusted": "signed_untrusted_issuer"}


def test_an_authority_of_the_same_name_and_another_key_is_not_the_issuer() -> None:
    other = Authority.seeded(2)

    assert grades(read(passport(), trusting(other))) == {"chip.issuer_trusted": "signed_untrusted_issuer"}


def test_of_several_certificates_over_one_key_the_one_in_force_speaks() -> None:
    short = replace(authority(), not_after=date(2025, 1, 1), serial=7)
    long = replace(authority(), not_after=date(2049, 1, 1), serial=9)

    for believed in (trusting(short, long), trusting(long, short)):
        assert read(passport(), believed).grade is Grade.VALID
    late = read(passport(), trusting(short))
    assert grades(late) == {"chip.issuer_trusted": "signed_untrusted_issuer"}
    assert late.steps[4].params["reason"] == "authority_period"


def test_a_signer_past_its_date_is_not_trusted() -> None:
    by = replace(authority(), signer_not_after=date(2026, 11, 21))

    report = read(passport(by), trusting(by))

    assert grades(report) == {"chip.issuer_trusted": "signed_untrusted_issuer"}
    assert report.steps[4].params["reason"] == "signer_period"


def test_an_issuer_is_found_by_name_where_the_key_identifier_is_wrong() -> None:
    believed = certificate.read(authority().certificate)
    renamed = trust.of([forge.altered(believed, key_id=b"other")])

    assert read(passport(), renamed).grade is Grade.VALID


def test_a_certificate_that_is_no_authority_issues_nothing() -> None:
    believed = certificate.read(authority().certificate)

    assert trust.of([forge.altered(believed, authority=False)]).anchors == {}


def test_a_signer_of_master_lists_signs_no_passports() -> None:
    shown = forge.resigned(passport(), forge.with_purpose)

    report = read(shown)

    assert grades(report) == {"chip.issuer_trusted": "signed_untrusted_issuer"}
    assert report.steps[4].params["reason"] == "purpose"


def test_a_trusted_country_can_not_sign_the_passport_of_another() -> None:
    by = authority(state="UTO", country="KZ")

    assert grades(read(passport(by), trusting(by))) == {"chip.issuer_matches": "issuer_mismatch"}


def test_the_authority_and_the_signer_are_of_one_country() -> None:
    believed = certificate.read(authority().certificate)
    elsewhere = trust.of([forge.altered(believed, country="KZ")])

    assert grades(read(passport(), elsewhere)) == {"chip.issuer_matches": "issuer_mismatch"}


def test_a_country_is_written_in_any_case() -> None:
    by = authority(country="ut")

    assert read(passport(by), trusting(by)).grade is Grade.VALID


# -- explicit curves -------------------------------------------------------------------------------------------------


def test_a_spelled_out_curve_is_the_named_one() -> None:
    by = authority("brainpool256")
    believed = forge.spelled_out(by.certificate, curves.named("1.3.36.3.3.2.8.1.1.7"))

    assert read(passport(by), trust.of([believed])).grade is Grade.VALID


@pytest.mark.parametrize("forged", ["base", "order", "cofactor"])
def test_a_curve_with_a_base_point_of_ones_own_is_refused(forged: str) -> None:
    """CVE-2020-0601: same p, a, b and public key, another G for which the forger knows the private key."""
    by = authority("brainpool256")
    believed = forge.spelled_out(by.certificate, curves.named("1.3.36.3.3.2.8.1.1.7"), forged)

    assert grades(read(passport(by), trust.of([believed]))) == {"chip.issuer_trusted": "signed_untrusted_issuer"}


def test_a_signer_on_an_unknown_curve_is_not_verifiable_and_not_called_forged() -> None:
    by = authority("brainpool256")
    shown = forge.resigned(
        passport(by), lambda body: forge.spell(body["subject_public_key_info"], _BP256, "order"), by=by
    )

    report = read(shown, trusting(by))

    assert grades(report) == {"chip.signature": "bad_signature"}
    assert report.steps[2].params["reason"] == "unsupported_algorithm"
    assert str(report.steps[2].finding().verdict) == "error"


_BP256 = curves.named("1.3.36.3.3.2.8.1.1.7")


# -- what was changed ------------------------------------------------------------------------------------------------


def test_each_part_that_is_changed_is_named() -> None:
    shown = passport()
    whole = lds.signed_object(shown.sod)
    parts = {
        whole.signature[-8:]: {"chip.signature": "bad_signature"},
        whole.attributed_digest: {"chip.digest": "bad_signature", "chip.signature": "bad_signature"},
        whole.signer.signature[-8:]: {"chip.issuer_trusted": "signed_untrusted_issuer"},
        lds.security_object(whole.content_type, whole.content).hashes[1]: {
            "chip.digest": "bad_signature",
            "chip.data_groups": "dg_mismatch",
        },
    }
    for part, expected in parts.items():
        place = shown.sod.rindex(part) + len(part) // 2
        (changed,) = flipped(shown.sod, [place])
        assert grades(read(replace(shown, sod=changed))) == expected


def test_a_file_nobody_signed_is_refused() -> None:
    shown = passport()

    report = read(replace(shown, files={**shown.files, 13: b"\x6d\x00"}))

    assert grades(report) == {"chip.only_signed_groups": "unreferenced_dg"}


def test_signed_files_need_not_all_be_read() -> None:
    shown = passport()

    assert read(replace(shown, files={1: shown.files[1]})).grade is Grade.VALID


@pytest.mark.parametrize(
    "group", [b"", tlv(0x61, tlv(0x5F1F, b"A" * 87)), tlv(0x61, tlv(0x5F1F, b"A" * 88)), b"\x61\x80\x00\x00"]
)
def test_a_dg1_that_is_another_is_a_mismatch_whatever_it_holds(group: bytes) -> None:
    report = read(replace(passport(), files={1: group}))

    assert grades(report) == {"chip.data_groups": "dg_mismatch"}
    assert report.zone is None


@pytest.mark.parametrize("group", [b"\x61\x00", tlv(0x61, tlv(0x5F1F, b"A" * 88)), tlv(0x61, tlv(0x5F1F, VISA))])
def test_a_signed_dg1_without_a_travel_document_is_malformed(group: bytes) -> None:
    files = {1: group}

    report = read(replace(passport(), files=files, sod=authority().sign(files)))

    assert grades(report) == {"chip.structure": "malformed"}
    assert report.zone is None


def test_without_dg1_the_signature_is_verified_and_nobody_is_named() -> None:
    """As a security object that comes alone: its chain is good, and it speaks of nobody."""
    report = read(replace(passport(), files={}))

    assert report.grade is Grade.VALID
    assert report.zone is None
    assert "document.in_force" not in {step.check for step in report.steps}


def test_another_passports_mrz_does_not_go_with_this_signature() -> None:
    report = read(replace(passport(), files=passport(number="X12345678").files))

    assert grades(report) == {"chip.data_groups": "dg_mismatch"}


def test_all_that_is_wrong_is_said_and_the_worst_is_the_grade() -> None:
    by = authority("rsa2048", digest="sha1", country="KZ")
    shown = passport(by, expires=date(2020, 1, 1))

    report = read(replace(shown, files={**shown.files, 13: b"\x6d\x00"}), trust.of(()))

    assert grades(report) == {
        "chip.algorithms": "signed_weak_algorithm",
        "chip.issuer_trusted": "signed_untrusted_issuer",
        "chip.issuer_matches": "issuer_mismatch",
        "chip.only_signed_groups": "unreferenced_dg",
        "document.in_force": "expired_document",
    }
    assert report.grade is Grade.UNREFERENCED_DG


def test_a_document_lasts_to_the_end_of_its_last_day_in_kazakhstan() -> None:
    shown = passport(expires=date(2026, 11, 30))
    midnight = datetime(2026, 11, 30, 19, 0, tzinfo=UTC)  # 1 December begins in Kazakhstan, UTC+5

    assert read(shown, at=midnight - timedelta(seconds=1)).grade is Grade.VALID
    assert read(shown, at=midnight).grade is Grade.EXPIRED_DOCUMENT


def test_verification_answers_at_any_instant() -> None:
    for at in (datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)):
        shown = passport()
        assert verify(shown.sod, shown.files, trusting(authority()), at).grade is not Grade.VALID
    assert read(passport(), at=AT).grade is Grade.VALID
