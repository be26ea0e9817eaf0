"""Who vouches for a signer: links to an authority's next key, what was taken back, and what a certificate is for."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from asn1crypto import core, x509

from kyc.chip import certificate, chain, lds, store, trust
from kyc.chip.passive import verify
from kyc.chip.report import Grade, Report
from kyc.chip.trust import Trust
from simulators.passport import Authority
from simulators.portrait import tlv
from tests.kyc import forge
from tests.kyc.passports import AT, authority, grades, passport, read, trusting

OLD, NEXT = authority(), Authority.seeded(5)
ABROAD = Authority.seeded(2, state="KAZ", country="KZ")
DOUBTED = {"chip.issuer_trusted": "signed_untrusted_issuer"}
PAST = date(2026, 11, 20)


def link(by: Authority, over: Authority, *, named: Authority | None = None) -> bytes:
    """Let `by` certify the key of `over`, in its own name or in that of another."""
    return replace(by, signer=over.key, country=(named or by).country).link


def linked(*links: bytes, by: Authority = NEXT) -> Authority:
    """Let these travel with what `by` signs."""
    return replace(by, enclosed=links)


def evidence(report: Report) -> dict[str, str]:
    return {step.check: step.params for step in report.steps}["chip.issuer_trusted"]


# -- links that travel with the signature ----------------------------------------------------------------------------


@pytest.mark.parametrize("trusted", [(OLD, ABROAD), (ABROAD,)], ids=["both", "the forger alone"])
def test_a_trusted_country_introduces_no_key_in_the_name_of_another(trusted: tuple[Authority, ...]) -> None:
    """The key identifier leads to a trusted authority, and its signature holds: it is only not of that name."""
    forged = link(ABROAD, NEXT, named=NEXT)

    report = read(passport(linked(forged)), trusting(*trusted))

    assert grades(report) == DOUBTED
    assert evidence(report)["reason"] == "unknown"


def test_a_link_in_its_own_name_signs_for_no_other_state() -> None:
    report = read(passport(linked(link(ABROAD, NEXT))), trusting(ABROAD))

    assert grades(report) == {"chip.issuer_matches": "issuer_mismatch"}


def test_the_anchor_of_a_link_is_of_the_state_that_signs() -> None:
    elsewhere = trust.of([forge.altered(certificate.read(OLD.certificate), country="KZ")])

    report = read(passport(linked(link(OLD, NEXT))), elsewhere)

    assert grades(report) == {"chip.issuer_matches": "issuer_mismatch"}


def test_the_anchor_is_named_beside_its_link_with_the_lists_it_stands_on() -> None:
    anchor = certificate.read(OLD.certificate)

    told = evidence(read(passport(linked(link(OLD, NEXT))), store.load({"a.cer": OLD.certificate})))

    assert (told["anchor"], told["anchor_sha256"]) == (anchor.label, anchor.fingerprint)
    assert told["authority_sha256"] == certificate.read(link(OLD, NEXT)).fingerprint
    assert (told["kind"], told["lists"]) == ("enclosed_link", "a.cer")
    assert told["revocation"] == told["link_revocation"] == "not_checked"


def unmarked(body: x509.TbsCertificate) -> None:
    """Take away what makes it an authority."""
    marks = {"basic_constraints", "key_usage"}
    body["extensions"] = [each for each in body["extensions"] if each["extn_id"].native not in marks]


def renamed(body: x509.TbsCertificate) -> None:
    body["subject"] = x509.Name.build({"country_name": "UT", "common_name": "An authority below"})


def demanding(body: x509.TbsCertificate) -> None:
    asked = x509.Extension({"extn_id": "1.2.398.9", "critical": True, "extn_value": b"\x05\x00"})
    body["extensions"] = [*body["extensions"], asked]


@pytest.mark.parametrize(
    ("change", "reason"),
    [(unmarked, "unknown"), (renamed, "unknown"), (demanding, "critical_extension")],
)
def test_not_all_that_an_authority_certified_is_a_link(
    change: Callable[[x509.TbsCertificate], None], reason: str
) -> None:
    changed = forge.reissued(link(OLD, NEXT), change, OLD.key)

    report = read(passport(linked(changed)))

    assert grades(report) == DOUBTED
    assert evidence(report)["reason"] == reason


def test_a_link_of_an_anchor_that_asks_too_much_is_not_gone_by() -> None:
    believed = trust.of([certificate.read(forge.reissued(OLD.certificate, demanding, OLD.key))])

    assert evidence(read(passport(linked(link(OLD, NEXT))), believed))["reason"] == "critical_extension"


@pytest.mark.parametrize(
    ("expires", "grade"), [(date(2032, 1, 1), "signed_untrusted_issuer"), (PAST, "expired_document")]
)
def test_a_link_lasts_no_longer_than_its_anchor(expires: date, grade: str) -> None:
    ended = replace(OLD, not_after=PAST)

    report = read(passport(linked(link(OLD, NEXT)), expires=expires), trusting(ended))

    assert report.grade == grade
    assert (evidence(report)["reason"], evidence(report)["until"]) == ("anchor_period", "2026-11-20")


@pytest.mark.parametrize("by", [OLD, linked(link(OLD, NEXT))], ids=["root", "link"])
def test_of_several_certificates_over_one_key_the_one_in_force_that_lasts_longest_speaks(by: Authority) -> None:
    ended = replace(OLD, not_after=PAST, serial=7)
    coming = replace(OLD, not_before=date(2026, 11, 23), not_after=date(2060, 1, 1), serial=8)
    shorter = replace(OLD, not_after=date(2046, 1, 1), serial=9)
    role = "anchor_sha256" if by.enclosed else "authority_sha256"

    for trusted in itertools.permutations((ended, coming, shorter, OLD)):
        report = read(passport(by), trusting(*trusted))
        assert report.grade is Grade.VALID
        assert evidence(report)[role] == certificate.read(OLD.certificate).fingerprint


def test_a_link_signed_with_an_old_digest_is_weak() -> None:
    old = authority(digest="sha1")

    report = read(passport(linked(link(old, NEXT))), trusting(OLD))

    assert grades(report) == {"chip.algorithms": "signed_weak_algorithm"}


# -- what was taken back ---------------------------------------------------------------------------------------------


def with_revocations(*trusted: bytes, by: Authority = OLD, serials: tuple[int, ...]) -> Trust:
    files = {f"{place}.cer": each for place, each in enumerate(trusted)}
    return store.load({**files, "a.crl": by.revoke(*serials)})


def test_a_link_its_anchor_took_back_introduces_nobody() -> None:
    shown = passport(linked(link(OLD, NEXT)))

    report, spared = (read(shown, with_revocations(OLD.certificate, serials=each)) for each in ((OLD.serial + 2,), ()))

    assert grades(report) == DOUBTED
    told = evidence(report)
    assert (told["reason"], told["revoked"], told["revoked_at"]) == ("revoked", "authority", "2026-11-01")
    assert told["link_revocation"] == "list of 2026-11-01"
    assert spared.grade is Grade.VALID


def test_a_link_on_a_list_that_its_issuer_took_back_vouches_for_nobody() -> None:
    listed = link(OLD, NEXT)

    alone, with_root = (
        read(passport(NEXT), with_revocations(OLD.certificate, *each, serials=(OLD.serial + 2,)))
        for each in ((listed,), (listed, NEXT.certificate))
    )

    assert grades(alone) == DOUBTED
    assert evidence(alone)["revoked"] == "authority"
    assert (with_root.grade, evidence(with_root)["kind"]) == (Grade.VALID, "root")


def test_an_authority_that_took_itself_back_vouches_for_nobody() -> None:
    believed = with_revocations(OLD.certificate, serials=(OLD.serial,))

    direct, through = (read(passport(by), believed) for by in (OLD, linked(link(OLD, NEXT))))

    assert [evidence(each)["revoked"] for each in (direct, through)] == ["authority", "anchor"]
    assert grades(direct) == grades(through) == DOUBTED


def test_a_serial_number_is_revoked_only_by_who_gave_it() -> None:
    """The next key's list names a number that the former key gave to a signer, under the same name."""
    believed = with_revocations(OLD.certificate, NEXT.certificate, by=NEXT, serials=(OLD.serial, OLD.serial + 1))

    assert read(passport(OLD), believed).grade is Grade.VALID


def test_a_revoked_signer_is_not_excused_by_being_past_its_date_too() -> None:
    """Whoever has the key of a revoked signer dates the document back."""
    by = replace(OLD, signer_not_after=PAST)
    believed = with_revocations(by.certificate, serials=(by.serial + 1,))

    report = read(passport(by, expires=PAST), believed)

    assert evidence(report)["reason"] == "revoked"
    assert report.grade is Grade.SIGNED_UNTRUSTED_ISSUER
    assert read(passport(by, expires=PAST), trusting(by)).grade is Grade.EXPIRED_DOCUMENT


def test_without_dg1_a_document_is_taken_to_have_lapsed_with_its_signer() -> None:
    by = replace(OLD, signer_not_after=PAST)

    assert verify(passport(by).sod, {}, trusting(by), AT).grade is Grade.EXPIRED_DOCUMENT


def test_an_authority_of_tomorrow_is_not_excused_by_a_signer_of_yesterday() -> None:
    by = replace(OLD, signer_not_after=PAST, not_before=date(2026, 11, 23))

    report = read(passport(by, expires=PAST), trusting(by))

    assert evidence(report)["reason"] == "authority_period"
    assert report.grade is Grade.SIGNED_UNTRUSTED_ISSUER


def test_a_list_of_revocations_that_is_out_of_date_says_so() -> None:
    shown, believed = passport(), with_revocations(OLD.certificate, serials=())

    told = [evidence(read(shown, believed, at=AT.replace(year=year)))["revocation"] for year in (2026, 2030)]

    assert told == ["list of 2026-11-01", "list of 2026-11-01, a newer one was due 2027-11-01"]


# -- what a certificate is for ---------------------------------------------------------------------------------------


def for_usage(*usage: str) -> Callable[[x509.TbsCertificate], None]:
    """Let a certificate's key be for `usage`, or for nothing said."""

    def change(body: x509.TbsCertificate) -> None:
        said = x509.Extension({"extn_id": "key_usage", "critical": True, "extn_value": set(usage)})
        kept = [each for each in body["extensions"] if each["extn_id"].native != "key_usage"]
        body["extensions"] = [*kept, *([said] if usage else [])]

    return change


@pytest.mark.parametrize("usage", ["key_cert_sign", "crl_sign", "key_encipherment", "key_agreement", "non_repudiation"])
def test_a_key_for_something_else_signs_no_passports(usage: str) -> None:
    report = read(forge.resigned(passport(), for_usage(usage)))

    assert grades(report) == DOUBTED
    assert (evidence(report)["reason"], evidence(report)["usage"]) == ("key_usage", usage)


@pytest.mark.parametrize("usage", [("digital_signature",), ("digital_signature", "non_repudiation"), ()])
def test_a_key_for_signatures_or_for_nothing_said_signs_passports(usage: tuple[str, ...]) -> None:
    assert read(forge.resigned(passport(), for_usage(*usage))).grade is Grade.VALID


def test_a_key_for_something_else_is_not_excused_by_being_past_its_date() -> None:
    by = replace(OLD, signer_not_after=PAST)

    report = read(forge.resigned(passport(by, expires=PAST), for_usage("crl_sign"), by), trusting(by))

    assert report.grade is Grade.SIGNED_UNTRUSTED_ISSUER


def for_documents(written: bytes, *, critical: bool = False) -> Callable[[x509.TbsCertificate], None]:
    def change(body: x509.TbsCertificate) -> None:
        said = {"extn_id": "2.23.136.1.1.6.2", "critical": critical, "extn_value": core.ParsableOctetString(written)}
        body["extensions"] = [*body["extensions"], x509.Extension(said)]

    return change


def types(*names: str, bare: bool = False) -> bytes:
    """Write a document type list, or a bare one as Indonesia and the Philippines do."""
    written = b"".join(tlv(0x13, name.encode()) for name in names)
    return tlv(0x30, written if bare else tlv(0x02, b"\0") + tlv(0x31, written))


@pytest.mark.parametrize(
    ("written", "signs"),
    [
        (types("P"), {"P", "PN"}),
        (types("P<"), {"P", "PN"}),
        (types("PN"), {"PN"}),
        (types("ID", "P"), {"P", "PN", "ID"}),
        (types("P", "PO", bare=True), {"P", "PN"}),
        (types("ID"), {"ID"}),
        (types("I"), {"ID", "I"}),
        (types(""), set()),
        (types(), set()),
        (b"\x30\x02\x31\x05", set()),
    ],
)
@pytest.mark.parametrize("critical", [False, True])
def test_a_signer_signs_the_types_of_document_its_certificate_names(
    written: bytes, signs: set[str], *, critical: bool
) -> None:
    shown = forge.resigned(passport(), for_documents(written, critical=critical))
    believed = trusting(OLD)

    found = chain.find(lds.signed_object(shown.sod), believed, AT)

    judged = {
        each: chain.judge(found, believed, AT, document=each, lapsed=False).grade for each in ("P", "PN", "I", "ID")
    }
    assert {each for each, grade in judged.items() if grade is Grade.VALID} == signs
    assert set(judged.values()) <= {Grade.VALID, Grade.SIGNED_UNTRUSTED_ISSUER}


def test_a_signer_of_identity_cards_signs_no_passport() -> None:
    shown = forge.resigned(passport(), for_documents(types("ID", "AC")))

    report = read(shown)

    assert grades(report) == DOUBTED
    assert (evidence(report)["reason"], evidence(report)["documents"]) == ("document_type", "AC, ID")
    assert verify(shown.sod, {}, trusting(OLD), AT).grade is Grade.VALID, "without DG1 nobody knows what it is"


# -- a weak list under a strong signature ----------------------------------------------------------------------------


def test_an_old_digest_in_the_list_of_files_is_weak_under_any_signature() -> None:
    """Who finds two files of one SHA-1 digest has both signed."""
    shown = forge.relisted(passport(), "sha1")

    report = read(shown)

    assert lds.signed_object(shown.sod).digest == "sha256"
    assert grades(report) == {"chip.algorithms": "signed_weak_algorithm"}
    assert {step.check: step.params for step in report.steps}["chip.algorithms"] == {"weak": "sha1"}
