"""Who is believed: pinned publishers, certificates an operator put there, and what authorities took back."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from kyc.chip import certificate, masterlist, passive, pins, revocation, store, trust
from kyc.chip.certificate import Certificate
from kyc.chip.report import Grade, Report
from kyc.chip.store import BadFile, File, Kind
from kyc.chip.trust import Trust
from simulators.passport import Authority
from tests.kyc.chip.test_masterlist import own_list
from tests.kyc.passports import AT, authority, passport, read, trusting

LISTS = ("DE_ML_2026-05-28.ml", "NL_ML_2026-07-22.ml")


def params(report: Report, check: str = "chip.issuer_trusted") -> dict[str, str]:
    return {step.check: step.params for step in report.steps}[check]


# -- pins ------------------------------------------------------------------------------------------------------------


def test_a_pin_says_where_it_was_compared() -> None:
    assert {pin.country for pin in pins.published()} == {"DE", "NL"}
    for pin in pins.published():
        assert len(pin.key) == len(pin.certificate) == 64
        assert pin.source
        assert pin.checked_on >= date(2026, 11, 22)


def test_each_pinned_certificate_stands_on_the_lists_of_both_publishers(published: Trust) -> None:
    for pin in pins.published():
        assert published.origins[pin.certificate] == LISTS
        assert published.anchors[pin.certificate].key_sha256 == pin.key


def test_the_newer_german_pin_is_linked_to_the_older_by_germany_itself(published: Trust) -> None:
    older, newer = (pin for pin in pins.published() if pin.country == "DE")
    (link,) = (each for each in published.anchors.values() if each.links and each.key_sha256 == newer.key)
    (root,) = (each for each in published.anchors.values() if each.fingerprint == older.certificate)

    assert link.authority_key_id == root.key_id
    assert masterlist.issued(root, link) == frozenset()


@pytest.mark.parametrize("name", LISTS[1:])
def test_a_published_list_is_refused_where_its_publisher_is_not_pinned(reference: Path, name: str) -> None:
    data = (reference / "emrtd" / name).read_bytes()
    others = [pin for pin in pins.published() if pin.country != name[:2]]

    with pytest.raises(BadFile, match="publisher not pinned"):
        store.load({name: data}, others)


def test_a_list_of_anybody_is_whole_and_not_believed() -> None:
    data = own_list(authority(), by=authority())

    with pytest.raises(BadFile, match=r"^a\.ml: publisher not pinned"):
        store.load({"a.ml": data})
    assert len(store.load({"a.ml": data, "b.cer": authority().certificate}).anchors) == 1
    sifted = store.sift([File("a", Kind.LIST, data), File("b", Kind.LIST, b"\x30\x00")])
    assert [(bad.name, bad.why) for bad in sifted.refused] == [
        ("b", "no readable master list"),
        ("a", "publisher not pinned"),
    ]
    assert sifted.trust.anchors == {}


# -- the union -------------------------------------------------------------------------------------------------------


def test_every_key_of_both_lists_can_be_used(published: Trust) -> None:
    assert len(published.anchors) == 627
    assert store.unusable(published.anchors.values()) == ()


def test_a_key_that_can_not_be_used_is_found() -> None:
    (good,) = trusting(authority()).anchors.values()
    bad = replace_key(good, b"\x30\x00")

    assert store.unusable([good, bad]) == (bad,)


def replace_key(found: Certificate, key: bytes) -> Certificate:
    fields = {name: getattr(found, name) for name in found.__struct_fields__}
    return Certificate(**{**fields, "key": key})


def test_the_age_of_each_list_stands_next_to_the_verdict(published: Trust) -> None:
    report = passive.verify(passport().sod, passport().files, published, AT)

    ages = {source.name: source.age_days(AT) for source in report.sources}
    assert ages == {"DE_ML_2026-05-28.ml": 178, "NL_ML_2026-07-22.ml": 121}


def test_a_list_of_a_later_day_has_no_age_yet(published: Trust) -> None:
    before = AT.replace(year=2009)

    report = passive.verify(passport().sod, passport().files, published, before)

    assert {source.age_days(before) for source in report.sources} == {None}


def test_a_file_that_does_not_read_is_told_from_one_nobody_vouches_for() -> None:
    files = [
        store.File("broken.ml", store.Kind.LIST, b"\x30\x00"),
        store.File("broken.crl", store.Kind.REVOCATIONS, b""),
        store.File("unknown.ml", store.Kind.LIST, own_list(authority(), by=authority())),
    ]

    refused = {bad.name: bad.reads for bad in store.sift(files, believed=()).refused}

    assert refused == {"broken.ml": False, "broken.crl": False, "unknown.ml": True}


def test_an_authority_tells_on_which_lists_it_stands() -> None:
    listed = authority("p384", country="DE")
    files = {"a.ml": own_list(listed, by=listed), "c.cer": listed.certificate}

    report = read(passport(listed), store.load(files))

    assert params(report)["lists"] == "c.cer, a.ml"
    assert params(report)["candidates"] == "1"
    assert params(report)["kind"] == "root"


def test_a_link_certificate_is_told_from_a_root_of_the_same_name() -> None:
    old, new = authority(), Authority.seeded(5)
    link = replace(new, key=old.key)  # the same name, signed by the former key

    root, linked = (certificate.read(each) for each in (new.certificate, linked_by(old, new)))

    assert link.state == new.state
    assert not root.links
    assert linked.links
    assert masterlist.issued(certificate.read(old.certificate), linked) == frozenset()


def linked_by(old: Authority, new: Authority) -> bytes:
    """Let an authority certify its next key with its present one."""
    both = replace(old, signer=new.key, signer_not_after=old.not_after)
    return both.link


def test_a_passport_of_the_next_key_is_trusted_by_the_link_that_travels_with_it() -> None:
    old, new = authority(), Authority.seeded(5)
    shown = replace(new, enclosed=(linked_by(old, new),))

    alone, enclosed = (read(passport(by), trusting(old)) for by in (new, shown))

    assert alone.grade is Grade.SIGNED_UNTRUSTED_ISSUER
    assert enclosed.grade is Grade.VALID
    assert params(enclosed)["kind"] == "enclosed_link"
    assert read(passport(shown), trust.of(())).grade is Grade.SIGNED_UNTRUSTED_ISSUER


# -- revocations -----------------------------------------------------------------------------------------------------


def test_a_revoked_signer_is_not_trusted() -> None:
    by = authority()
    files = {"a.cer": by.certificate, "b.crl": by.revoke(by.serial + 1)}

    report = read(passport(by), store.load(files))

    assert report.grade is Grade.SIGNED_UNTRUSTED_ISSUER
    told = params(report)
    assert (told["reason"], told["revoked_at"], told["revocation"]) == ("revoked", "2026-11-01", "list of 2026-11-01")


def test_a_list_without_the_signer_is_named_and_none_at_all_too() -> None:
    by = authority()
    empty = store.load({"a.cer": by.certificate, "b.crl": by.revoke()})

    assert params(read(passport(by), empty))["revocation"] == "list of 2026-11-01"
    assert params(read(passport(by)))["revocation"] == "not_checked"


def test_of_several_lists_the_newest_counts() -> None:
    by = authority()
    older, newer = by.revoke(by.serial + 1), by.revoke(at=date(2026, 11, 20))

    found = store.load({"a.cer": by.certificate, "b.crl": newer, "c.crl": older})

    assert read(passport(by), found).grade is Grade.VALID


def test_a_list_that_its_authority_did_not_sign_revokes_nothing() -> None:
    by, forger = authority(), Authority.seeded(2)
    with pytest.raises(BadFile, match="not signed by a trusted authority"):
        store.load({"a.cer": by.certificate, "b.crl": forger.revoke(by.serial + 1)})
    with pytest.raises(BadFile, match=r"^b\.crl: no readable revocations"):
        store.load({"a.cer": by.certificate, "b.crl": by.certificate})


def test_a_list_is_read_with_its_times_and_reasons() -> None:
    found = revocation.read(authority().revoke(7))

    assert found.issued_at == datetime(2026, 11, 1, tzinfo=UTC)
    assert found.next_at == datetime(2027, 11, 1, tzinfo=UTC)
    assert found.revoked == {7: (datetime(2026, 11, 1, tzinfo=UTC), "unspecified")}


# -- out of date -----------------------------------------------------------------------------------------------------


def test_a_signer_past_its_date_is_out_of_date_with_its_document_and_doubted_without() -> None:
    by = replace(authority(), signer_not_after=date(2026, 11, 21))
    believed = trusting(by)

    lapsed, live = (read(passport(by, expires=day), believed) for day in (date(2026, 11, 20), date(2032, 1, 1)))

    assert lapsed.grade is Grade.EXPIRED_DOCUMENT
    assert live.grade is Grade.SIGNED_UNTRUSTED_ISSUER
    assert params(live)["reason"] == params(lapsed)["reason"] == "signer_period"


def test_a_signer_from_the_future_is_doubted() -> None:
    by = replace(authority(), signer_not_before=date(2026, 11, 23))

    report = read(passport(by), trusting(by))

    assert (report.grade, params(report)["from"]) == (Grade.SIGNED_UNTRUSTED_ISSUER, "2026-11-23")
