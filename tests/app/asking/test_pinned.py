"""Roots and lists of revoked signers that are given on the command line: what they let a verifier believe."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from app import cli
from residency.credential import pki, status_list
from residency.credential.presenting import bundle
from residency.credential.seal import Seal
from tests.credential import made
from tests.credential.showing.test_printed import STATUS, written

OLD = made.authority().root
NEW = pki.root(made.key(), url=made.URL, at=made.AT, number=2)
LINK, FORMER = pki.link(OLD, NEW, url=made.URL, at=made.AT), pki.link(NEW, OLD, url=made.URL, at=made.AT)
STRANGER = pki.root(made.key(), url=made.URL, at=made.AT)
#: Signs bundles, under the successor.
SIGNER = made.sealed(NEW, typ=bundle.TYP, purpose=pki.DOCUMENT_SIGNING)
[DOCUMENTS, *_] = made.authority().document.chain
AT = ("--at", made.AT.isoformat())


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def crl(by: pki.Root, *revoked: x509.Certificate, at: datetime = made.AT, form: Encoding = Encoding.DER) -> bytes:
    gone = dict.fromkeys((each.serial_number for each in revoked), at)
    return pki.revoked(by, gone, number=1, at=at).public_bytes(form)


def bundled(*links: x509.Certificate, by: Seal = SIGNER) -> bytes:
    compressed = status_list.compress(status_list.pack({}, size=8_192))
    tokens = [
        bundle.status_token(compressed, uri=uri, seal=made.authority().status, at=made.AT)
        for uri in (STATUS.uri, f"{made.URL}/status-lists/{made.LIST}")
    ]
    roots = (NEW.certificate, OLD.certificate)
    return bundle.signed(bundle.made(made.URL, roots, (), tokens, links=links, at=made.AT), by).encode()


class Verifier:
    """Asks of a paper and of a presentation, with what lies in files."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder, self._capsys = folder, capsys
        self.paper = self._file(written().encode())
        self.shown = self._file(made.presented().encode())

    def _file(self, content: bytes) -> str:
        path = self._folder / str(len([*self._folder.iterdir()]))
        path.write_bytes(content)
        return str(path)

    def _ask(self, *words: str | bytes) -> tuple[int, dict[str, Any]]:
        code = cli.run([self._file(word) if isinstance(word, bytes) else word for word in (*words, *AT)])
        return code, json.loads(self._capsys.readouterr().out)

    def of_paper(self, *words: str | bytes) -> tuple[int, dict[str, Any]]:
        return self._ask("qr", self.paper, *words)

    def of_presentation(self, *words: str | bytes) -> tuple[int, dict[str, Any]]:
        return self._ask("present", self.shown, "--audience", made.AUDIENCE, "--nonce", made.NONCE, *words)

    @property
    def ways(self) -> tuple[Callable[..., tuple[int, dict[str, Any]]], ...]:
        return self.of_paper, self.of_presentation

    def refused(self, *words: str | bytes) -> str:
        with pytest.raises(SystemExit) as ended:
            self.of_presentation(*words)
        assert ended.value.code == 2
        return self._capsys.readouterr().err


@pytest.fixture
def verifier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Verifier:
    return Verifier(tmp_path, capsys)


@pytest.mark.parametrize(
    ("pinned", "links"),
    [
        ((OLD.certificate,), (LINK, FORMER)),
        ((NEW.certificate,), (LINK, FORMER)),
        ((NEW.certificate, OLD.certificate), ()),
        ((OLD.certificate, LINK), ()),
        ((FORMER, NEW.certificate), ()),
    ],
    ids=["the old root", "the new root", "both", "the old root and a link", "the new root and a link"],
)
def test_a_root_that_is_pinned_is_enough_while_another_succeeds_it(
    verifier: Verifier, pinned: tuple[x509.Certificate, ...], links: tuple[x509.Certificate, ...]
) -> None:
    for ask in verifier.ways:
        code, verdict = ask("--root", pem(*pinned), "--bundle", bundled(*links))
        assert (code, verdict["conclusion"]) == (0, "accepted")


def test_roots_come_in_one_file_or_in_several(verifier: Verifier) -> None:
    der = OLD.certificate.public_bytes(Encoding.DER)

    for words in (("--root", pem(NEW.certificate), "--root", der), ("--root", pem(NEW.certificate, OLD.certificate))):
        assert verifier.of_presentation(*words, "--bundle", bundled())[0] == 0
    assert "unknown_root" in verifier.refused("--root", der, "--bundle", bundled())


@pytest.mark.parametrize(
    "told",
    [
        pem(LINK),
        pem(STRANGER.certificate, LINK),
        pem(OLD.certificate, pki.link(STRANGER, NEW, url=made.URL, at=made.AT)),
        pem(OLD.certificate, DOCUMENTS),
        b"-----BEGIN nothing",
        b"nothing",
    ],
    ids=["no root", "of a stranger", "vouched for by a stranger", "a leaf", "no PEM", "no DER"],
)
def test_what_no_root_vouches_for_is_not_taken_for_one(verifier: Verifier, told: bytes) -> None:
    assert "--root" in verifier.refused("--root", told, "--bundle", bundled())


def test_a_stolen_key_can_not_leave_itself_out_of_its_bundle(verifier: Verifier) -> None:
    """Whoever has the key of a document signer can sign documents and a bundle that is silent about it."""
    roots = ("--root", pem(NEW.certificate, OLD.certificate))
    thief = Seal.of(made.authority().document.signer, made.authority().document.chain, typ=bundle.TYP)
    forged = bundled(by=thief)

    assert verifier.of_presentation(*roots, "--bundle", forged)[0] == 0  # who has only the root can't see it
    said = verifier.refused(*roots, "--bundle", forged, "--crl", crl(OLD, DOCUMENTS))
    assert "revoked" in said
    for ask in verifier.ways:
        code, verdict = ask(*roots, "--bundle", bundled(), "--crl", crl(OLD, DOCUMENTS, form=Encoding.PEM))
        checks = verdict["checks"] if "checks" in verdict else verdict["credentials"][0]["checks"]
        assert (code, verdict["conclusion"]) == (1, "rejected")
        assert {"check": "chain", "outcome": "failed", "reason": "revoked"} in checks


def test_a_paper_is_checked_by_the_list_of_its_root_alone(verifier: Verifier) -> None:
    root = ("--root", pem(OLD.certificate))

    stands, revoked = (verifier.of_paper(*root, "--crl", crl(OLD, *gone)) for gone in ((), (DOCUMENTS,)))

    assert (stands[1]["conclusion"], stands[1]["checks"][-1]["reason"]) == ("status_unknown", "no_bundle")
    assert (revoked[0], revoked[1]["conclusion"]) == (1, "rejected")


def test_a_link_that_was_revoked_leads_nowhere(verifier: Verifier) -> None:
    words = ("--root", pem(OLD.certificate), "--crl", crl(OLD, LINK), "--bundle")

    assert "unknown_root" in verifier.refused(*words, bundled(LINK, FORMER))


@pytest.mark.parametrize(
    "told",
    [
        crl(STRANGER, DOCUMENTS),
        crl(NEW, DOCUMENTS),
        crl(OLD, at=made.AT - timedelta(days=pki.CRL_DAYS)),
        pem(OLD.certificate),
        b"nothing",
    ],
    ids=["of a stranger", "of a root that is not given", "ended", "no list", "no DER"],
)
def test_a_list_not_to_go_by_is_said_so(verifier: Verifier, told: bytes) -> None:
    assert "--crl" in verifier.refused("--root", pem(OLD.certificate), "--bundle", bundled(LINK), "--crl", told)
