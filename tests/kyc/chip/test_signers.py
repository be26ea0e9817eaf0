"""Who signed, where that is unusual: several signers of one content, and certificates that ask more of their reader."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from asn1crypto import cms, x509

from kyc.chip.report import Grade
from simulators.passport import Authority, Passport
from simulators.portrait import tlv
from tests.kyc import forge
from tests.kyc.passports import authority, flipped, passport, read, trusting

HOME, ABROAD = authority(), authority("p384", country="UX")


def together(*sods: bytes) -> bytes:
    """Put the signatures of several security objects over one content into one."""
    first, *others = (cms.ContentInfo.load(sod[4:]) for sod in sods)
    content = first["content"]
    for field in ("certificates", "signer_infos"):
        content[field] = [*content[field], *(each for other in others for each in other["content"][field])]
    return tlv(0x77, first.dump(force=True))


def signed_by(*signers: Passport) -> Passport:
    return replace(signers[0], sod=together(*(each.sod for each in signers)))


@pytest.mark.parametrize("order", [(HOME, ABROAD), (ABROAD, HOME)], ids=["trusted first", "trusted last"])
def test_of_two_signers_the_one_who_is_trusted_speaks(order: Sequence[Authority]) -> None:
    shown = signed_by(*(passport(by) for by in order))

    report = read(shown)

    assert report.grade is Grade.VALID
    assert report.steps[0].params["oddities"] == "more_certificates, more_signers"


def test_two_strangers_are_worth_no_more_than_one() -> None:
    shown = signed_by(passport(ABROAD), passport(authority("p384", country="UY")))

    assert read(shown).grade is Grade.ISSUER_MISMATCH


def test_another_signature_helps_no_forged_one() -> None:
    genuine, stranger = passport(HOME), passport(ABROAD)
    (spoilt,) = flipped(genuine.sod, [len(genuine.sod) - 1])

    assert read(signed_by(replace(genuine, sod=spoilt), stranger)).grade is Grade.ISSUER_MISMATCH
    assert read(replace(genuine, sod=spoilt)).grade is Grade.BAD_SIGNATURE


def test_a_crowd_of_signers_is_not_read() -> None:
    assert read(signed_by(*[passport(ABROAD)] * 5)).grade is Grade.MALFORMED


@pytest.mark.parametrize(("critical", "grade"), [(True, Grade.SIGNED_UNTRUSTED_ISSUER), (False, Grade.VALID)])
def test_a_certificate_that_asks_what_we_do_not_understand_is_not_gone_by(critical: bool, grade: Grade) -> None:
    def asking(body: x509.TbsCertificate) -> None:
        asked = x509.Extension({"extn_id": "1.2.398.9", "critical": critical, "extn_value": b"\x05\x00"})
        body["extensions"] = [*body["extensions"], asked]

    report = read(forge.resigned(passport(), asking))

    assert report.grade is grade
    if critical:
        told = report.steps[4].params
        assert (told["reason"], told["extensions"]) == ("critical_extension", "1.2.398.9")


@pytest.mark.parametrize(("kind", "grade"), [("rsa2048-pss", Grade.VALID), ("rsa2048", Grade.BAD_SIGNATURE)])
def test_a_key_for_one_padding_signs_with_no_other(kind: str, grade: Grade) -> None:
    def only_pss(body: x509.TbsCertificate) -> None:
        body["subject_public_key_info"]["algorithm"] = {"algorithm": "rsassa_pss"}

    by = authority(kind)

    assert read(forge.resigned(passport(by), only_pss, by), trusting(by)).grade is grade
