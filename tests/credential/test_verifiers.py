"""Certificates of those who ask wallets through us: one each, as long as the key that signs for them."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from app.credentials import roots, signing_keys, verifiers
from app.credentials.issuer import Credentials
from app.credentials.key_place import Home
from proof.kms import FileKms
from residency.credential import jws, pki, role
from residency.credential.presenting import asking
from residency.credential.role import Role
from residency.credential.seal import Seal
from tests.credential import made

ACTOR, NAME = "partner:1", "Bank Saryarka"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.of(tmp_path / "keys", url=made.URL, kms=FileKms.open(tmp_path / "kms"))


@pytest.fixture
def process(home: Home) -> Credentials:
    return Credentials(home, now=lambda: made.AT)


def named(seal: Seal) -> tuple[str | bytes, str | bytes]:
    [certificate] = seal.chain
    number, name = [
        certificate.subject.get_attributes_for_oid(oid)[0].value for oid in (NameOID.SERIAL_NUMBER, NameOID.COMMON_NAME)
    ]
    return number, name


def test_each_verifier_has_a_certificate_of_its_own(home: Home, process: Credentials) -> None:
    bank, again, other, renamed = (
        process.requests_of(*who)
        for who in ((ACTOR, NAME), (ACTOR, NAME), ("partner:2", NAME), (ACTOR, "Bank Saryarka 2"))
    )

    assert bank is again
    assert Credentials(home, now=lambda: made.AT).requests_of(ACTOR, NAME).chain == bank.chain
    assert len({asking.client_id(each.chain[0]) for each in (bank, other, renamed, process.authority.requests)}) == 4
    assert [named(each)[1] for each in (bank, other, renamed)] == [NAME, NAME, "Bank Saryarka 2"]
    assert named(bank)[0] == named(renamed)[0] != named(other)[0]


def test_a_wallet_follows_it_to_the_root_and_to_what_it_is_for(process: Credentials) -> None:
    seal = process.requests_of(ACTOR, NAME)

    token = jws.parse(seal.sign({"a": 1}))
    signer = pki.signatory(token.header["x5c"], (process.authority.root,), at=made.AT)

    assert token.header["typ"] == asking.TYP
    assert token.signed_by(signer.key)
    role.require_may(signer, Role.REQUEST)
    assert signer.ends == process.authority.requests.chain[0].not_valid_after_utc


@pytest.mark.parametrize(
    ("name", "shown"), [("Ж" * 40, "Ж" * 32), ("a" * 63 + "Ж", "a" * 63), ("b" * 64, "b" * 64), ("", None)]
)
def test_a_name_is_cut_where_a_certificate_has_no_room(name: str, shown: str | None) -> None:
    number, told = (each.value for each in verifiers.subject(ACTOR, name))

    assert told == (number if shown is None else shown)


def test_it_goes_with_the_key_that_signs_for_it(home: Home, process: Credentials) -> None:
    before = process.requests_of(ACTOR, NAME).chain[0]
    [house] = process.authority.requests.chain

    signing_keys.revoke(home, "request", 1, at=made.AT)
    after = Credentials(home, now=lambda: made.AT)

    assert after.authority.revoked == {before.serial_number, house.serial_number}
    [crl] = [each.crl for each in after.authority.published]
    assert {each.serial_number for each in x509.load_der_x509_crl(crl or b"")} == after.authority.revoked
    [now] = after.requests_of(ACTOR, NAME).chain
    assert (now.subject, now.public_key() == before.public_key()) == (before.subject, False)


def test_nobody_is_certified_over_a_key_that_was_revoked_meanwhile(home: Home, process: Credentials) -> None:
    process.requests_of("partner:2", NAME)
    held = process.authority

    signing_keys.revoke(home, "request", 1, at=made.AT)

    assert process.authority is held  # it looks again in a few seconds
    assert process.requests_of(ACTOR, NAME) is held.requests
    after = Credentials(home, now=lambda: made.AT)
    [crl] = [each.crl for each in after.authority.published]
    assert {each.serial_number for each in x509.load_der_x509_crl(crl or b"")} == after.authority.revoked


def test_it_stands_under_the_root_of_that_key(home: Home, process: Credentials) -> None:
    roots.rotate(home, at=made.AT, at_once=True)
    first = Credentials(home, now=lambda: made.AT)
    signing_keys.rotate(home, "request", at=made.AT, at_once=True)
    second = Credentials(home, now=lambda: made.AT)

    assert pki.is_issued(first.requests_of(ACTOR, NAME).chain[0], process.authority.root)
    assert pki.is_issued(second.requests_of(ACTOR, NAME).chain[0], second.authority.root)
    assert second.authority.root != process.authority.root


def test_while_the_roots_key_is_elsewhere_who_is_new_asks_under_the_houses(home: Home, process: Credentials) -> None:
    known = process.requests_of(ACTOR, NAME)
    key = (home.folder / "root.key").rename(home.folder / "elsewhere")

    assert process.requests_of("partner:2", NAME) is process.authority.requests
    assert Credentials(home, now=lambda: made.AT + timedelta(days=1)).requests_of(ACTOR, NAME).chain == known.chain

    key.rename(home.folder / "root.key")
    assert process.requests_of("partner:2", NAME) is not process.authority.requests
