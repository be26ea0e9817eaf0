"""Documents of other people: the BSI specimen of 2008, and security objects of another maker."""

from dataclasses import replace
from pathlib import Path

import pytest

from kyc.chip import certificate, lds, masterlist, signature, signed, trust
from kyc.chip.report import Grade
from kyc.chip.trust import Trust
from simulators import passport as make
from tests.kyc.passports import flipped, grades, read


def test_the_bsi_specimen_is_graded_for_what_it_is(reference: Path, published: Trust) -> None:
    shown = make.specimen(reference / "emrtd" / "bsi2008")

    report = read(shown, published)

    assert sorted(shown.files) == [1, 2, 3, 14]
    assert grades(report) == {
        "chip.algorithms": "signed_weak_algorithm",
        "chip.issuer_trusted": "signed_untrusted_issuer",
        "document.in_force": "expired_document",
    }
    assert report.zone is not None
    assert (report.zone.issuer, report.zone.surname, report.zone.given) == ("D", "MUSTERMANN", "ERIKA")
    assert {str(step.finding().verdict) for step in report.steps} == {"pass", "review"}


def test_a_file_beside_the_specimen_that_it_does_not_sign_is_found(reference: Path, published: Trust) -> None:
    shown = make.specimen(reference / "emrtd" / "bsi2008")
    extra = (reference / "emrtd" / "bsi2008" / "Datagroup15.bin").read_bytes()

    assert read(replace(shown, files={**shown.files, 15: extra}), published).grade is Grade.UNREFERENCED_DG


def test_the_specimens_signature_on_a_curve_of_our_own_verifier_catches_changes(reference: Path) -> None:
    shown = make.specimen(reference / "emrtd" / "bsi2008")
    for changed in flipped(shown.sod, range(len(shown.sod) - 50, len(shown.sod), 7)):
        assert read(replace(shown, sod=changed), trust.of(())).grade in {Grade.BAD_SIGNATURE, Grade.MALFORMED}


@pytest.mark.parametrize(
    "kind",
    [
        "rsa-2048-sha256",
        "rsa-3072-sha384",
        "rsa-4096-sha512",
        "ecdsa-p256-sha256",
        "ecdsa-p384-sha384",
        "ecdsa-p521-sha512",
    ],
)
def test_the_security_objects_of_another_maker_verify_up_to_their_authority(reference: Path, kind: str) -> None:
    """They leave out the signer's identifier, name a wrong digest and write ECDSA plain; each is seen in the wild."""
    folder = reference / "emrtd" / "zkr"
    believed = trust.of(certificate.read(path.read_bytes()) for path in sorted(folder.glob("zkr-csca-*.pem")))

    whole = lds.signed_object((folder / f"johnny-silverhand-{kind}.sod").read_bytes())

    assert signed.digest_matches(whole)
    assert signed.verify(whole) == frozenset()
    issuers = [each for each in believed.candidates(whole.signer) if masterlist.issued(each, whole.signer) is not None]
    assert len(issuers) == 1
    assert lds.security_object(whole.content_type, whole.content).digest == whole.digest


@pytest.mark.parametrize("kind", ["rsa-2048-sha256", "ecdsa-p256-sha256"])
def test_another_makers_security_object_is_not_believed_when_changed(reference: Path, kind: str) -> None:
    sod = (reference / "emrtd" / "zkr" / f"johnny-silverhand-{kind}.sod").read_bytes()
    for changed in flipped(sod, range(len(sod) - 60, len(sod), 5)):
        with pytest.raises(signature.BadSignature):
            signed.verify(lds.signed_object(changed))
