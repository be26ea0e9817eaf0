"""Master lists: the two published ones, one of our own, and what is left of a list somebody touched."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import cms, core, x509

from kyc.chip import certificate, der, masterlist, store
from kyc.chip.masterlist import UntrustedList
from kyc.chip.store import BadFile
from kyc.chip.trust import Trust
from simulators.passport import Authority
from tests.kyc.passports import authority, flipped, passport, read

PUBLISHED = {"DE_ML_2026-05-28.ml": (588, 112), "NL_ML_2026-07-22.ml": (411, 129)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_list_is_whole_and_every_key_on_it_can_be_used(reference: Path, name: str) -> None:
    found = masterlist.read((reference / "emrtd" / name).read_bytes())

    countries = {each.country for each in found.certificates}
    assert (len(found.certificates), len(countries)) == PUBLISHED[name]
    assert found.unread == 0
    assert found.publisher.country == found.signer.country == name[:2]
    own = [each for each in found.certificates if each.key_id and each.key_id == each.authority_key_id]
    assert len(own) > 200
    assert all(masterlist.issued(each, each) is not None for each in own), "explicit curves included"


def test_the_union_knows_more_countries_than_either(published: Trust) -> None:
    countries = {each.country for each in published.anchors.values()}

    assert len(published.anchors) == 627
    assert {"KZ", "DE", "RU", "UZ", "TR", "EG", "NG", "IN"} <= countries


def test_kazakhstans_old_authority_counts_although_it_signed_itself_with_sha1(published: Trust) -> None:
    (old, *_) = sorted(
        (each for each in published.anchors.values() if each.country == "KZ"), key=lambda each: each.not_before
    )

    assert masterlist.issued(old, old) == frozenset({"sha1"})
    assert old.covers(datetime(2026, 11, 22, tzinfo=UTC))


def test_every_certificate_that_names_an_issuer_on_the_lists_was_issued_by_it(published: Trust) -> None:
    anchors = published.anchors.values()
    orphans = [
        each
        for each in anchors
        if not any(masterlist.issued(by, each) is not None for by in published.candidates(each))
    ]

    assert len(orphans) < 0.02 * len(anchors), "their issuers have left the lists"


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_list_that_was_touched_is_refused(reference: Path, name: str) -> None:
    data = (reference / "emrtd" / name).read_bytes()
    for changed in flipped(data, range(len(data) // 7, len(data), len(data) // 7)):
        with pytest.raises((UntrustedList, der.Malformed)):
            masterlist.read(changed)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_list_that_was_cut_is_malformed(reference: Path, name: str) -> None:
    data = (reference / "emrtd" / name).read_bytes()
    for size in (0, 1, 1000, len(data) - 1):
        with pytest.raises(der.Malformed):
            masterlist.read(data[:size])


def own_list(
    *authorities: Authority, by: Authority, purpose: str = "2.23.136.1.1.3", extra: Sequence[bytes] = ()
) -> bytes:
    """Publish a list: `by` signs it with its document signer, which it certifies anew for this purpose."""
    certificates = core.Asn1Value.load(_set_of([*(each.certificate for each in authorities), *extra]))
    content = core.SequenceOf([core.Integer(0), certificates], spec=core.Any).dump()
    signer = x509.Certificate.load(by.signer_certificate)
    body = signer["tbs_certificate"]
    body["extensions"] = [*body["extensions"], {"extn_id": "extended_key_usage", "extn_value": [purpose]}]
    signer["signature_value"] = by.key.sign(body.dump(force=True))
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["2.23.136.1.1.2"]},
            {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
        ]
    )
    data = {
        "version": "v3",
        "digest_algorithms": [{"algorithm": "sha256"}],
        "encap_content_info": {"content_type": "2.23.136.1.1.2", "content": core.ParsableOctetString(content)},
        "certificates": [signer],
        "signer_infos": [
            {
                "version": "v1",
                "sid": cms.SignerIdentifier(
                    {"issuer_and_serial_number": {"issuer": signer.issuer, "serial_number": signer.serial_number}}
                ),
                "digest_algorithm": {"algorithm": "sha256"},
                "signed_attrs": attributes,
                "signature_algorithm": by.signer.algorithm,
                "signature": by.signer.sign(attributes.dump()),
            }
        ],
    }
    made: bytes = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(data)}).dump()
    return made


def _set_of(encoded: Sequence[bytes]) -> bytes:
    class Certificates(core.SetOf):  # type: ignore[misc]  # asn1crypto carries no types
        _child_spec = core.Any

    made: bytes = Certificates([core.Any(core.Asn1Value.load(each)) for each in encoded]).dump()
    return made


def test_certificates_and_lists_in_the_folder_are_joined() -> None:
    listed, alone = authority("p384", country="DE"), authority()
    files = {
        "a.ml": own_list(listed, by=listed),
        "b.cer": alone.certificate,
        "c.cer": listed.certificate,
        "readme.txt": b"not a certificate",
    }

    found = store.load(files)

    assert len(found.anchors) == 2
    assert read(passport(alone), found).grade == "valid"


def test_a_certificate_may_be_pem() -> None:
    body = base64.encodebytes(authority().certificate).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"

    assert certificate.read(pem.encode()) == certificate.read(authority().certificate)


def test_a_list_signed_by_somebody_it_does_not_name_is_refused() -> None:
    with pytest.raises(UntrustedList, match="publisher"):
        masterlist.read(own_list(authority(), by=Authority.seeded(2, country="DE")))


def test_a_list_signed_by_a_document_signer_is_refused() -> None:
    with pytest.raises(UntrustedList, match="signer"):
        masterlist.read(own_list(authority(), by=authority(), purpose="2.23.136.1.1.8"))


def test_a_certificate_of_a_list_that_does_not_read_is_counted_and_left_out() -> None:
    found = masterlist.read(own_list(authority(), by=authority(), extra=[bytes.fromhex("3003020101")]))

    assert (len(found.certificates), found.unread) == (1, 1)


def test_a_broken_file_in_the_folder_is_not_passed_over() -> None:
    with pytest.raises(BadFile, match=r"^a\.cer: "):
        store.load({"b.cer": authority().certificate, "a.cer": b"\x30\x00"})
    with pytest.raises(BadFile, match=r"^a\.ml: no readable master list"):
        store.load({"a.ml": authority().certificate})


def test_a_security_object_is_no_master_list() -> None:
    with pytest.raises(der.Malformed):
        masterlist.read(passport().sod[4:])
