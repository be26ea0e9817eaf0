"""No byte of a chip's files can be changed unseen: every position, in files of several makers and families of keys.

Where the signer's chain ends at a trusted authority, seen means that the passport is not valid any more. Two kinds of
change leave the grade as it was, and the report tells them all the same: the certificate of a signer whom nobody known
issued is covered by no signature (its digest in the report changes), and a digest that its issuer misnamed may be named
rightly by a change (the report calls it odd no longer). What is sampled here is tried whole nightly.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from asn1crypto import cms

from kyc.chip import certificate, passive, signed, trust
from kyc.chip.report import Grade, Report
from kyc.chip.trust import Trust
from simulators import passport as make
from tests.kyc.passports import AT, authority, passport, read, trusting
from tests.planted import planted

FAMILIES = ("p256", "brainpool256", "rsa2048", "rsa2048-pss")
MAKER = (
    *(f"ecdsa-p{bits}-sha{digest}" for bits, digest in ((256, 256), (384, 384), (521, 512))),
    *(f"rsa-{bits}-sha{digest}" for bits, digest in ((2048, 256), (3072, 384), (4096, 512))),
)
NIGHTLY = pytest.mark.nightly
#: One bit, the highest, all of them; then what makes a lower-case letter a capital and one tag another.
MASKS = (0x01, 0x80, 0xFF, 0x20, 0x1F)

Verified = Callable[[bytes], Report]


def changed(data: bytes, every: int, masks: tuple[int, ...], start: int = 0) -> Iterator[tuple[int, bytes]]:
    for place in range(start, len(data), every):
        for mask in masks:
            yield place, data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]


def unseen(sod: bytes, verified: Verified, *, every: int, masks: tuple[int, ...] = MASKS) -> list[tuple[int, Report]]:
    """Change the security object, and give the places where its grade stayed what it was."""
    return list(passed(sod, verified, every=every, masks=masks))


def passed(
    sod: bytes, verified: Verified, *, every: int, masks: tuple[int, ...], start: int = 0
) -> Iterator[tuple[int, Report]]:
    before = verified(sod)
    after = ((place, verified(data)) for place, data in changed(sod, every, masks, start))
    return ((place, report) for place, report in after if report.grade is before.grade)


@pytest.mark.parametrize(
    ("kind", "every"),
    [*((kind, 17) for kind in FAMILIES), *(pytest.param(kind, 1, marks=NIGHTLY) for kind in make.KINDS)],
)
def test_no_byte_of_a_security_object_can_be_changed(kind: str, every: int) -> None:
    by = authority(kind)
    shown, believed = passport(by), trusting(by)
    masks = MASKS if every == 1 else MASKS[:1]

    def verified(sod: bytes) -> Report:
        return read(replace(shown, sod=sod), believed)

    assert verified(shown.sod).grade is Grade.VALID
    assert unseen(shown.sod, verified, every=every, masks=masks) == []


@pytest.mark.parametrize(
    ("kind", "every"), [("ecdsa-p256-sha256", 23), *(pytest.param(kind, 1, marks=NIGHTLY) for kind in MAKER)]
)
def test_no_byte_of_another_makers_security_object_can_be_changed(reference: Path, kind: str, every: int) -> None:
    folder = reference / "emrtd" / "zkr"
    believed = trust.of(certificate.read(path.read_bytes()) for path in sorted(folder.glob("zkr-csca-*.pem")))
    sod = (folder / f"johnny-silverhand-{kind}.sod").read_bytes()
    before = alone(sod, believed)

    left = unseen(sod, lambda data: alone(data, believed), every=every)

    assert before.grade is Grade.VALID
    assert all(report != before for _, report in left), "the name of a digest was put right, and the report says so"
    assert len(left) <= 1


@NIGHTLY
@pytest.mark.parametrize("kind", ["p384", "rsa3072"])
def test_a_digest_that_is_misnamed_is_told_where_the_signature_holds(kind: str) -> None:
    """Some issuers write SHA-256 beside every signature, so that this one change is believed, and called odd."""
    by = authority(kind, digest="sha384")
    shown, believed = passport(by), trusting(by)

    left = unseen(shown.sod, lambda sod: read(replace(shown, sod=sod), believed), every=1, masks=(0x01, 0x07))

    assert {report.steps[0].params.get("oddities") for _, report in left} == {"digest_misnamed"}
    assert len({place for place, _ in left}) == 1


@pytest.mark.parametrize("every", [61, pytest.param(1, marks=NIGHTLY)])
def test_no_byte_of_the_specimens_security_object_is_changed_unseen(reference: Path, every: int) -> None:
    shown = make.specimen(reference / "emrtd" / "bsi2008")
    before = passive.verify(shown.sod, shown.files, trust.of(()), AT)
    begins = shown.sod.index(signed_by(shown.sod))

    left = unseen(
        shown.sod,
        lambda sod: passive.verify(sod, shown.files, trust.of(()), AT),
        every=every,
        masks=MASKS if every == 1 else MASKS[:1],
    )

    assert before.grade is Grade.SIGNED_UNTRUSTED_ISSUER
    assert all(report != before for _, report in left)
    assert all(begins <= place < begins + len(signed_by(shown.sod)) for place, _ in left), "only in the certificate"


def test_every_byte_of_every_data_group_counts() -> None:
    shown = passport()
    for number, file in shown.files.items():
        for _, data in changed(file, 97 if number == 2 else 1, (0x01,)):
            report = read(replace(shown, files={**shown.files, number: data}))
            assert report.grade is Grade.DG_MISMATCH


@NIGHTLY
def test_every_byte_of_the_specimens_small_data_groups_counts(reference: Path) -> None:
    shown = make.specimen(reference / "emrtd" / "bsi2008")
    for number in (1, 14):
        for _, data in changed(shown.files[number], 1, MASKS):
            report = passive.verify(shown.sod, {number: data}, trust.of(()), AT)
            assert report.grade is Grade.DG_MISMATCH


#: What a reader leaves out, and how that looks: without each of these a change goes unseen.
LAX = {
    "the frame is not compared": ("or not _frame_fits(whole)", ""),
    "the signer's name is not compared": ("and _parts(each.issuer) == issuer", ""),
    "a signer may have any number": ("each.serial_number == serial and", ""),
}


@pytest.mark.parametrize("defect", LAX.values(), ids=LAX)
def test_a_reader_that_passes_something_over_is_caught(
    monkeypatch: pytest.MonkeyPatch, defect: tuple[str, str]
) -> None:
    lax = planted(signed, *defect)
    shown, believed = passport(), trusting(authority())
    monkeypatch.setattr("kyc.chip.lds.signed", lax)
    # The signer is named behind the certificate, the frame begins before everything.
    start = 0 if "frame" in defect[0] else shown.sod.index(signed_by(shown.sod)) + len(signed_by(shown.sod))
    seen = passed(shown.sod, lambda sod: read(replace(shown, sod=sod), believed), every=1, masks=(0x01,), start=start)

    assert next(seen, None) is not None


def alone(sod: bytes, believed: Trust) -> Report:
    return passive.verify(sod, {}, believed, AT)


def signed_by(sod: bytes) -> bytes:
    """Give the certificate in a security object, as it is written there."""
    written: bytes = cms.ContentInfo.load(sod[4:])["content"]["certificates"][0].chosen.dump()
    return written
