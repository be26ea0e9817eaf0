"""One root succeeds another: who pinned the one believes both, on every way a document is read."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from app.credentials import roots, signing_keys
from app.credentials.issuer import Credentials
from app.credentials.key_place import Home, SignerAbsent
from app.credentials.roots import NOTICE, RootEnded, RootKeyAbsent
from app.credentials.signing_keys import ROLES, Authority, OnlyLeaf
from proof.hsm import Token
from proof.kms import FileKms
from residency.credential import issuing, jws, pki, sd_jwt, status_cwt, status_list
from residency.credential.check import NotVerified
from residency.credential.configuration import CONFIGURATIONS
from residency.credential.mdoc import response
from residency.credential.presenting import bundle, trust
from residency.credential.presenting.bundle import BadBundle
from residency.credential.seal import Seal
from residency.credential.showing import printed
from residency.credential.transparency import log_head
from tests import tokens
from tests.credential import made
from tests.credential.mdoc import made as mdoc_made
from tests.credential.showing.test_printed import FIELDS, STATUS

DAY = timedelta(days=1)
URI = f"{made.URL}/status-lists/1"


def home_in(folder: Path) -> Home:
    return Home.of(folder / "keys", url=made.URL, kms=FileKms.open(folder / "kms"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return home_in(tmp_path)


def opened(home: Home, *, later: timedelta = timedelta()) -> Authority:
    return signing_keys.opened(home, at=made.AT + later)


def succeeded(home: Home) -> tuple[Authority, Authority]:
    """Let a root be succeeded, and every leaf after it: gives what signed before and what signs after."""
    before = opened(home)
    roots.rotate(home, at=made.AT, at_once=True)
    for role in ROLES:
        signing_keys.rotate(home, role, at=made.AT, at_once=True)
    return before, opened(home)


READERS: dict[str, Callable[[Authority, tuple[x509.Certificate, ...]], object]] = {
    "SD-JWT": lambda by, known: sd_jwt.verify(_sd_jwt(by), made.expected(roots=known, at=made.AT, occasion=None)),
    "mdoc": lambda by, known: response.verify_issuer_signed(
        _mdoc(by), mdoc_made.expected(roots=known, at=made.AT, meeting=None)
    ),
    "status list as JWT": lambda by, known: status_list.look_up(
        status_list.token(status_list.encode(b"\0"), uri=URI, seal=by.statuses, issued_at=made.AT),
        0,
        uri=URI,
        roots=known,
        at_time=made.AT,
    ),
    "status list as CWT": lambda by, known: status_cwt.look_up(
        status_cwt.token(status_list.compress(b"\0"), uri=URI, seal=by.cose_statuses, issued_at=made.AT),
        0,
        uri=URI,
        roots=known,
        at_time=made.AT,
    ),
    "print": lambda by, known: printed.read(_print(by), trust.own(made.URL, known), at=made.AT),
    "head of the log": lambda by, known: log_head.read(
        log_head.sign(by.log, url=made.URL, size=1, root=bytes(32), prev=None, at=made.AT), known
    ),
    "bundle": lambda by, known: bundle.opened(_bundle(by), known, at=made.AT),
}


def _sd_jwt(by: Authority) -> str:
    return _issued(by, "e_resident_sd_jwt")


def _mdoc(by: Authority) -> bytes:
    return jws.unb64(_issued(by, "e_resident_mdoc"))


def _issued(by: Authority, configuration: str) -> str:
    issuer = issuing.Issuer(made.URL, by.documents, by.cose_documents, lambda _: URI)
    asked, key = CONFIGURATIONS[configuration], made.cnf(made.holder())
    [copy] = issuing.sign(made.resident(), asked, [key], [made.ENTRY], issuer=issuer, at=made.AT)
    return copy


def _print(by: Authority) -> str:
    times = {"begins": made.AT - DAY, "ends": made.AT + DAY}
    return printed.write(FIELDS, by.cose_documents, issuer=made.URL, status=STATUS, **times)


def _bundle(by: Authority) -> str:
    whole = bundle.made(made.URL, by.roots, (), (), links=by.links, revoked=by.revoked, at=made.AT)
    return bundle.signed(whole, Seal.of(by.documents.signer, by.documents.chain, typ=bundle.TYP))


@pytest.fixture(scope="module")
def one_after_the_other(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Authority]:
    return succeeded(home_in(tmp_path_factory.mktemp("roots")))


@pytest.mark.parametrize("read", READERS)
def test_what_either_root_certified_is_believed_by_who_pinned_one_of_them(
    one_after_the_other: tuple[Authority, Authority], read: str
) -> None:
    before, after = one_after_the_other
    old, new = before.root, after.root
    assert old != new
    links = [each for root in after.published for each in (root.link, root.former) if each is not None]

    for by, own, other in ((before, old, new), (after, new, old)):
        READERS[read](by, (own,))
        READERS[read](by, (new, old))
        READERS[read](by, pki.linked((other,), links, at=made.AT))
        if read != "bundle":  # which has the links in it
            with pytest.raises((NotVerified, log_head.NotProven)):
                READERS[read](by, (other,))


def test_a_bundle_leads_from_a_pinned_root_to_its_successor(one_after_the_other: tuple[Authority, Authority]) -> None:
    before, after = one_after_the_other

    for pinned in (before.root, after.root):
        taken = bundle.opened(_bundle(after), (pinned,), at=made.AT)
        ours = bundle.own(taken, (pinned,), at=made.AT)
        for by in (before, after):
            READERS["SD-JWT"](by, ours.certificates)


def test_a_bundle_adds_no_root(home: Home) -> None:
    """A stolen document key signs a bundle with a root of its thief: what stands under that is not believed."""
    by, thief = opened(home), pki.root(made.key(), url=made.URL, at=made.AT)
    stranger = made.sealed(thief, typ=sd_jwt.TYP, purpose=pki.DOCUMENT_SIGNING)
    whole = bundle.made(made.URL, (by.root, thief.certificate), (), (), links=(thief.certificate,), at=made.AT)
    text = bundle.signed(whole, Seal.of(by.documents.signer, by.documents.chain, typ=bundle.TYP))

    ours = bundle.own(bundle.opened(text, (by.root,), at=made.AT), (by.root,), at=made.AT)

    assert ours.certificates == (by.root,)
    with pytest.raises(NotVerified):
        pki.signatory_of((stranger.chain[0].public_bytes(Encoding.DER),), ours.certificates, at=made.AT)


def test_a_link_is_no_way_to_other_keys(one_after_the_other: tuple[Authority, Authority]) -> None:
    _, after = one_after_the_other
    old, new = after.roots[::-1]
    stranger = pki.root(made.key(), url=made.URL, at=made.AT)
    between = pki.link(stranger, pki.Root(made.key(), new), url=made.URL, at=made.AT)
    leaf = after.documents.chain[0]

    for links, at in (
        ((), made.AT),
        ((new, stranger.certificate, between, leaf), made.AT),
        (after.links, old.not_valid_after_utc),  # a link ends with who signed it
        (after.links, made.AT - timedelta(days=2)),
    ):
        assert pki.linked((old,), links, at=at) == (old,)
    [link] = [each.link for each in after.published if each.link is not None]
    assert pki.linked((old,), (link,), at=made.AT) == (old, link)
    assert pki.linked((old,), (link,), at=made.AT, revoked={link.serial_number}) == (old,)


def test_three_roots_are_a_chain_of_links(home: Home) -> None:
    first, _ = succeeded(home)
    roots.rotate(home, at=made.AT, at_once=True)
    signing_keys.rotate(home, "document", at=made.AT, at_once=True)
    third = opened(home)

    assert [each.number for each in third.published] == [3, 2, 1]
    READERS["bundle"](third, (first.root,))
    # As a chain of certificates too: links count for nothing in the length of a path, other authorities do.
    links = {each.number: each.link for each in third.published}
    chain = [third.documents.chain[0], links[3], links[2]]
    ders = tuple(each.public_bytes(Encoding.DER) for each in chain if each is not None)
    assert pki.signatory_of(ders, (first.root,), at=made.AT).anchor == first.root


def test_openssl_follows_the_links(one_after_the_other: tuple[Authority, Authority], tmp_path: Path) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("there is no openssl here")
    before, after = one_after_the_other
    link, former = next((each.link, each.former) for each in after.published if each.number == 2)

    def verifies(pinned: x509.Certificate, between: x509.Certificate | None, leaf: x509.Certificate) -> bool:
        told = {"-CAfile": pinned, "-untrusted": between or leaf, "--": leaf}
        for name, each in told.items():
            (tmp_path / name).write_bytes(each.public_bytes(Encoding.PEM))
        words = [word for name in told for word in (name, str(tmp_path / name))]
        when = ("-x509_strict", "-attime", str(int(made.AT.timestamp())))
        return subprocess.run([program, "verify", *when, *words], capture_output=True, check=False).returncode == 0

    for leaf, own, other, between in (
        (after.documents.chain[0], after.root, before.root, link),
        (before.documents.chain[0], before.root, after.root, former),
    ):
        assert verifies(own, None, leaf)
        assert not verifies(other, None, leaf)
        assert verifies(other, between, leaf)


def test_the_next_root_is_known_before_it_signs(home: Home) -> None:
    before = opened(home)
    next_ = roots.rotate(home, at=made.AT)

    told = opened(home)
    assert (told.root, told.roots) == (before.root, (before.root, next_))
    assert signing_keys.rotate(home, "document", at=made.AT).issuer == before.root.subject
    assert pki.is_issued(signing_keys.rotate(home, "document", at=made.AT), before.root)
    begun = opened(home, later=NOTICE)
    assert (begun.root, begun.roots) == (next_, (next_, before.root))
    # Nothing new stands under the former one for long, but what it vouched for is believed as before.
    over = opened(home, later=NOTICE + 2 * DAY)
    for seal in (over.documents, over.statuses, over.requests, over.log):
        assert pki.is_issued(seal.chain[0], next_)
    assert pki.is_issued(begun.documents.chain[0], before.root)
    assert begun.documents.chain[0] in over.signers
    files = {*home.folder.iterdir()}
    assert (opened(home, later=NOTICE + 3 * DAY).documents.chain, {*home.folder.iterdir()}) == (
        over.documents.chain,
        files,
    )


def test_a_next_root_reaches_a_running_process(home: Home) -> None:
    now = [made.AT]
    process = Credentials(home, now=lambda: now[0])
    next_ = roots.rotate(home, at=made.AT)

    now[0] += timedelta(seconds=5)

    assert next_ in process.authority.roots
    assert len(process.authority.links) == 2


def test_nothing_outlives_its_root_and_nothing_is_made_in_vain(home: Home) -> None:
    ends = opened(home).root.not_valid_after_utc
    for left in (100 * DAY, 30 * DAY, DAY):
        last = signing_keys.opened(home, at=ends - left).documents.chain[0]
        assert last.not_valid_after_utc == ends
    files = {*home.folder.iterdir()}

    signing_keys.opened(home, at=ends - DAY)

    assert {*home.folder.iterdir()} == files
    with pytest.raises(RootEnded):
        signing_keys.opened(home, at=ends)
    roots.rotate(home, at=ends, at_once=True)
    after = signing_keys.opened(home, at=ends)
    assert (len(after.roots), after.links) == (1, ())


def test_somebody_is_told_when_a_root_is_to_be_succeeded(home: Home) -> None:
    due = opened(home).root.not_valid_after_utc - timedelta(days=pki.LEAF_DAYS) - NOTICE
    for at, heard in ((due, False), (due + DAY, True)):
        with structlog.testing.capture_logs() as log:
            signing_keys.opened(home, at=at)
        assert ("credential_root_due" in {each["event"] for each in log}) is heard
    roots.rotate(home, at=due + DAY)
    with structlog.testing.capture_logs() as log:
        signing_keys.opened(home, at=due + DAY)
    assert not log


def test_a_root_that_is_not_believed_takes_its_leaves_and_links_with_it(home: Home) -> None:
    opened(home)
    with pytest.raises(OnlyLeaf):  # nothing would be left
        signing_keys.revoke(home, "root", 1, at=made.AT)
    before, after = succeeded(home)

    signing_keys.revoke(home, "root", 1, at=made.AT)
    left = opened(home)

    assert (left.roots, left.links) == ((after.root,), ())
    assert before.documents.chain[0] not in left.signers
    [crl] = [each.crl for each in left.published]
    listed = {each.serial_number for each in x509.load_der_x509_crl(crl or b"")}
    former = next(each.former for each in after.published if each.number == 2)
    assert former is not None
    assert listed == {former.serial_number}
    assert left.revoked == {before.root.serial_number, former.serial_number}
    with pytest.raises(BadBundle):
        bundle.opened(_bundle(before), left.roots, at=made.AT)


def test_a_successor_that_is_not_believed_leaves_the_one_before(home: Home) -> None:
    before, after = succeeded(home)

    signing_keys.revoke(home, "root", 2, at=made.AT)
    left = opened(home)

    assert left.roots == (before.root,)
    assert pki.is_issued(left.documents.chain[0], before.root)
    link = next(each.link for each in after.published if each.number == 2)
    assert link is not None
    assert link.serial_number in left.revoked
    assert pki.linked((before.root,), (link,), at=made.AT, revoked=left.revoked) == (before.root,)


def test_each_root_lists_what_it_signed_itself(home: Home) -> None:
    before, after = succeeded(home)
    for role in ROLES:
        signing_keys.rotate(home, role, at=made.AT, at_once=True)

    signing_keys.revoke(home, "document", 1, at=made.AT)
    signing_keys.revoke(home, "document", 2, at=made.AT)

    told = opened(home)
    listed = {
        each.number: {one.serial_number for one in x509.load_der_x509_crl(each.crl or b"")} for each in told.published
    }
    assert listed == {
        1: {before.documents.chain[0].serial_number},
        2: {after.documents.chain[0].serial_number},
    }
    places = [
        each.extensions.get_extension_for_class(x509.CRLDistributionPoints).value[0].full_name
        for each in (before.documents.chain[0], after.documents.chain[0])
    ]
    assert [place[0].value for place in places if place] == [made.URL + pki.crl_path(number) for number in (1, 2)]


def test_a_root_is_succeeded_by_who_has_its_key(home: Home) -> None:
    opened(home)
    (home.folder / "root.key").unlink()

    with pytest.raises(RootKeyAbsent):
        roots.rotate(home, at=made.AT)
    assert not list(home.folder.glob("root-*"))
    alone = roots.rotate(home, at=made.AT, at_once=True, unlinked=True)  # the key is lost
    assert (opened(home).root, opened(home).links) == (alone, ())
    (home.folder / "root-2.key").unlink()
    assert opened(home).root == alone
    with pytest.raises(RootKeyAbsent):
        signing_keys.rotate(home, "document", at=made.AT)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from tokens.driver(tmp_path_factory.mktemp("softhsm"))


def test_the_key_of_a_root_in_a_token_certifies_and_is_no_file(tmp_path: Path, driver: Path) -> None:
    token = tokens.new(driver)
    kms = FileKms.open(tmp_path / "kms")
    home = Home.of(tmp_path / "keys", url=made.URL, kms=kms, root_token=token)
    with pytest.raises(SignerAbsent):
        opened(home)

    first = roots.rotate(home, at=made.AT)
    before, after = succeeded(home)
    signing_keys.revoke(home, "document", 1, at=made.AT)

    assert (before.root, after.roots[1], len(after.links)) == (first, first, 2)
    assert not list(home.folder.glob("root*.key"))
    for by in (before, after):
        READERS["bundle"](by, (first,))
    listed = x509.load_der_x509_crl((home.folder / "root.crl").read_bytes())
    assert pki.lists(listed, first)
    assert len([*listed]) == 1


def test_a_token_that_is_not_here_is_a_key_elsewhere(tmp_path: Path, driver: Path) -> None:
    token = tokens.new(driver)
    kms = FileKms.open(tmp_path / "kms")
    home = Home.of(tmp_path / "keys", url=made.URL, kms=kms, root_token=token)
    roots.rotate(home, at=made.AT)
    before = opened(home)

    away = Token(token.module, "elsewhere", token.pin)
    home = Home.of(tmp_path / "keys", url=made.URL, kms=kms, root_token=away)

    assert opened(home).documents.chain == before.documents.chain
    for ask in (
        lambda: signing_keys.rotate(home, "document", at=made.AT),
        lambda: signing_keys.revoke(home, "document", 1, at=made.AT),
        lambda: roots.rotate(home, at=made.AT, at_once=True),
    ):
        with pytest.raises(RootKeyAbsent):
            ask()
