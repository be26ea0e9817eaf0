"""The keys: made once, shared by processes that start together, encrypted or in a token, succeeded in time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pkcs11 import Attribute, KeyType
from pkcs11.util.ec import encode_named_curve_parameters

from app.credentials import signing_keys
from app.credentials.issuer import Credentials
from app.credentials.key_place import Home, SignerAbsent
from app.credentials.roots import RootKeyAbsent
from app.credentials.signing_keys import AHEAD, NOTICE, ROLES, Authority, OnlyLeaf
from proof.hsm import Exposed, Token
from proof.hsm_signer import HsmSigner, KeyThere
from proof.kms import FileKms
from proof.signer import Alg, BadKey, FileSigner
from residency.credential import issuing, jws, pki, sd_jwt
from residency.credential.configuration import CONFIGURATIONS
from residency.credential.mdoc import response
from tests import tokens
from tests.credential import made
from tests.credential.mdoc import made as mdoc_made

DAY = timedelta(days=1)


def home(folder: Path, *, url: str = made.URL, token: Token | None = None) -> Home:
    return Home.of(folder / "keys", url=url, kms=FileKms.open(folder / "kms"), token=token)


def opened(folder: Path, *, url: str = made.URL, later: timedelta = timedelta()) -> Authority:
    return signing_keys.opened(home(folder, url=url), at=made.AT + later)


def test_a_folder_is_filled_once_and_read_ever_after(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)

    assert (first.published, first.nonce_key) == (second.published, second.nonce_key)
    for role in ("documents", "statuses", "requests", "log"):
        assert getattr(first, role).header == getattr(second, role).header
    seals = (first.documents, first.statuses, first.requests, first.log)
    assert len({seal.signer.kid for seal in seals}) == len(seals) == len(ROLES)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "keys").iterdir())


def test_the_seals_are_signed_by_the_root(tmp_path: Path) -> None:
    authority = opened(tmp_path)

    for seal in (authority.documents, authority.statuses, authority.log):
        seal.chain[0].verify_directly_issued_by(authority.root)
        assert pki.urls(seal.chain[0]) == [made.URL]
        assert authority.root not in seal.chain
        signed = jws.parse(seal.sign({"a": 1}))
        assert signed.signed_by(pki.signing_key(seal.chain[0]))


def _shared(folder: Path) -> bytes:
    authority = opened(folder)
    return authority.root.public_bytes(Encoding.PEM) + authority.documents.header.encode() + authority.nonce_key


def test_processes_that_start_together_share_one_root(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:  # nothing but the folder is shared, so threads race as processes do
        found = set(pool.map(_shared, [tmp_path] * 16))

    assert len(found) == 1


@pytest.mark.parametrize("name", ["root", *(f"{role}-1" for role in ROLES)])
def test_a_key_file_opens_with_the_word_of_the_kms_alone(tmp_path: Path, name: str) -> None:
    opened(tmp_path)
    file = tmp_path / "keys" / f"{name}.key"

    assert file.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    with pytest.raises(BadKey):
        Home.of(tmp_path / "keys", url=made.URL, kms=FileKms.open(tmp_path / "other")).root.open(name)
    with pytest.raises(BadKey):
        FileSigner.open(file, Alg.ES256)


def test_a_key_from_before_there_was_a_word_is_kept_and_encrypted(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "document-1.key"
    before = FileSigner.open(file, Alg.ES256)
    assert b"ENCRYPTED" not in file.read_bytes()

    for _ in range(2):
        assert opened(tmp_path).documents.signer.kid == before.kid
        assert b"ENCRYPTED" in file.read_bytes()


def test_a_signer_is_succeeded_before_it_would_end_too_early(tmp_path: Path) -> None:
    first = opened(tmp_path)
    ends = first.documents.chain[0].not_valid_after_utc - made.AT
    calm = opened(tmp_path, later=ends - issuing.LIFE - AHEAD)
    told = opened(tmp_path, later=ends - issuing.LIFE - AHEAD + timedelta(seconds=1))
    next_ = opened(tmp_path, later=ends - issuing.LIFE - AHEAD + 2 * DAY)

    assert (calm.signers, calm.documents.header) == (first.signers, first.documents.header)
    # Everybody can know the successor before it signs, and what it will sign.
    assert told.documents.header == first.documents.header
    assert len(told.signers) == 2
    assert next_.documents.chain[0] in told.signers
    assert next_.documents.header != first.documents.header
    assert next_.root == first.root
    # What the old one signed is alive, so its key is still published.
    assert set(next_.signers) == {first.documents.chain[0], next_.documents.chain[0]}
    gone = opened(tmp_path, later=timedelta(days=pki.LEAF_DAYS))
    assert first.documents.chain[0] not in gone.signers


def test_a_signer_nobody_saw_to_in_time_is_succeeded_at_once(tmp_path: Path) -> None:
    first = opened(tmp_path)
    late = opened(tmp_path, later=timedelta(days=pki.LEAF_DAYS) - issuing.LIFE + DAY)

    assert late.documents.header != first.documents.header


def test_a_signer_speaks_for_the_url_it_was_made_for(tmp_path: Path) -> None:
    first = opened(tmp_path)
    moved = opened(tmp_path, url="https://other.example")

    assert moved.documents.chain != first.documents.chain
    assert pki.urls(moved.documents.chain[0]) == ["https://other.example"]


def test_the_roots_key_may_be_kept_elsewhere_until_it_is_needed(tmp_path: Path) -> None:
    first = opened(tmp_path)
    (tmp_path / "keys" / "root.key").unlink()

    # Copies become shorter rather than none, for as long as the leaf lasts.
    assert opened(tmp_path, later=timedelta(days=pki.LEAF_DAYS) - 2 * DAY).documents.header == first.documents.header
    for ask in (
        lambda: opened(tmp_path, later=timedelta(days=pki.LEAF_DAYS)),
        lambda: signing_keys.rotate(home(tmp_path), "document", at=made.AT),
        lambda: signing_keys.revoke(home(tmp_path), "document", 1, at=made.AT),
    ):
        with pytest.raises(RootKeyAbsent):
            ask()
    assert not (tmp_path / "keys" / "root.key").exists()


class Running:
    """A process that goes on while its keys change; its clock is turned by hand."""

    def __init__(self, folder: Path) -> None:
        self.now: datetime = made.AT
        self.home = home(folder)
        self.process = Credentials(self.home, now=lambda: self.now)

    def issue(self) -> tuple[str, bytes]:
        """Issue in both formats, as the credential endpoint does."""
        sd, mdoc = (
            issuing.sign(
                made.resident(), asked, [made.cnf(made.holder())], [made.ENTRY], issuer=self.process.issuer, at=self.now
            )[0]
            for asked in (made.E_RESIDENT, CONFIGURATIONS["e_resident_mdoc"])
        )
        return sd, jws.unb64(mdoc)

    def signed_by(self, copies: tuple[str, bytes]) -> set[int]:
        """Verify both copies under the root, and tell by the serial of whose leaf."""
        roots = (self.process.authority.root,)
        sd = sd_jwt.verify(copies[0], made.expected(roots=roots, at=self.now, occasion=None))
        expected = mdoc_made.expected(roots=roots, at=self.now, meeting=None)
        return {sd.issuer.serial, response.verify_issuer_signed(copies[1], expected).issuer.serial}


@pytest.fixture
def running(tmp_path: Path) -> Running:
    return Running(tmp_path)


def test_a_rotation_reaches_a_running_process_and_old_copies_verify(running: Running) -> None:
    old = running.issue()
    first = running.process.authority.documents.chain[0]

    successor = signing_keys.rotate(running.home, "document", at=made.AT)
    running.now += timedelta(seconds=5)
    assert running.signed_by(running.issue()) == {first.serial_number}
    assert set(running.process.authority.signers) == {first, successor}

    running.now = made.AT + DAY
    assert running.signed_by(running.issue()) == {successor.serial_number}
    assert running.signed_by(old) == {first.serial_number}
    assert successor.not_valid_before_utc - made.AT >= NOTICE
    assert len(list(running.home.folder.glob("status-*.pem"))) == 1


def test_a_revoked_signer_stops_at_once_and_is_listed(running: Running) -> None:
    first = running.process.authority.documents.chain[0]

    signing_keys.revoke(running.home, "document", 1, at=made.AT)
    running.now += timedelta(seconds=5)
    authority = running.process.authority

    assert running.signed_by(running.issue()) == {authority.documents.chain[0].serial_number} != {first.serial_number}
    assert first not in authority.signers
    assert authority.revoked == {first.serial_number}
    [crl] = [each.crl for each in authority.published]
    assert crl is not None
    listed = x509.load_der_x509_crl(crl)
    key = authority.root.public_key()
    assert listed.is_signature_valid(key)  # type: ignore[arg-type]  # a root of ours has a key on P-256
    assert [each.serial_number for each in listed] == [first.serial_number]


def test_of_signers_revoked_at_once_by_several_each_is_listed(tmp_path: Path) -> None:
    place = home(tmp_path)
    opened(tmp_path)
    for role in ROLES:
        signing_keys.rotate(place, role, at=made.AT, at_once=True)

    with ThreadPoolExecutor(len(ROLES)) as pool:
        for done in [pool.submit(signing_keys.revoke, place, role, 1, at=made.AT) for role in ROLES]:
            done.result()

    void = {signing_keys.numbers(place, role)[1].serial_number for role in ROLES}
    listed = x509.load_der_x509_crl((place.folder / "root.crl").read_bytes())
    assert {each.serial_number for each in listed} == void == {*signing_keys.revoked(place)}


def test_the_list_of_revoked_signers_never_gets_old(tmp_path: Path) -> None:
    def listed(later: timedelta) -> x509.CertificateRevocationList:
        told = opened(tmp_path, later=later).published[0].crl
        assert told is not None
        return x509.load_der_x509_crl(told)

    first, same, next_ = (listed(timedelta(days=days)) for days in (0, 60, 61))

    assert first.public_bytes(Encoding.DER) == same.public_bytes(Encoding.DER)
    assert next_.next_update_utc == made.AT + timedelta(days=61 + pki.CRL_DAYS)
    numbers = [each.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for each in (first, next_)]
    assert numbers[0] < numbers[1]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from tokens.driver(tmp_path_factory.mktemp("softhsm"))


def test_the_keys_of_a_token_sign_and_never_leave_it(tmp_path: Path, driver: Path) -> None:
    token = tokens.new(driver)
    place = home(tmp_path, token=token)
    with pytest.raises(SignerAbsent):
        signing_keys.opened(place, at=made.AT)

    for role in ROLES:
        signing_keys.rotate(place, role, at=made.AT)
    authority = signing_keys.opened(place, at=made.AT)

    issued = issuing.sign(
        made.resident(),
        made.E_RESIDENT,
        [made.cnf(made.holder())],
        [made.ENTRY],
        issuer=issuing.Issuer(made.URL, authority.documents, authority.cose_documents, lambda _: made.URL),
        at=made.AT,
    )[0]
    assert isinstance(authority.documents.signer, HsmSigner)
    assert sd_jwt.verify(issued, made.expected(roots=(authority.root,), occasion=None)).issuer.urls == (made.URL,)
    assert {path.name for path in (tmp_path / "keys").glob("*.key")} == {"root.key", "nonce.key"}
    with pytest.raises(KeyThere):
        place.keys.make("document-1")


def test_a_leaf_of_a_token_is_succeeded_before_it_is_revoked(tmp_path: Path, driver: Path) -> None:
    place = home(tmp_path, token=tokens.new(driver))
    place.keys.make("document-1")  # a ceremony that was broken off here
    first = signing_keys.rotate(place, "document", at=made.AT)
    with pytest.raises(OnlyLeaf):
        signing_keys.revoke(place, "document", 1, at=made.AT)
    assert signing_keys.revoked(place) == {}

    signing_keys.rotate(place, "document", at=made.AT, at_once=True)
    signing_keys.revoke(place, "document", 1, at=made.AT)

    assert signing_keys.revoked(place) == {first.serial_number: made.AT}


def test_a_signing_key_that_could_be_read_out_is_not_used(driver: Path) -> None:
    token = tokens.new(driver)
    with token.open(writing=True) as session:
        curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
        session.create_domain_parameters(KeyType.EC, curve, local=True).generate_keypair(
            label="document-1", store=True, private_template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
        )

    with pytest.raises(Exposed):
        HsmSigner(token, "document-1")
