"""`eresidency issuance`: with the list of revoked signers, heads of theirs prove nothing."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from app import cli, clock
from residency.credential import jws, pki
from residency.credential.transparency.log_head import Receipt
from tests.credential import made
from tests.credential.test_log import proven

Ask = Callable[..., tuple[int, Any]]
LEAF = made.authority().document.chain[0].serial_number


@pytest.fixture
def receipt() -> tuple[Receipt, str]:
    return proven()


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str], receipt: tuple[Receipt, str]) -> Ask:
    (tmp_path / "root").write_bytes(made.authority().root.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "receipt").write_bytes(msgspec.json.encode(receipt[0]))
    (tmp_path / "copy").write_text(receipt[1])
    words = [word for name in ("root", "receipt", "copy") for word in (f"--{name}", str(tmp_path / name))]

    def told(crl: bytes) -> tuple[int, Any]:
        (tmp_path / "crl").write_bytes(crl)
        code = cli.run(("issuance", "receipt", *words, "--crl", str(tmp_path / "crl")))
        return code, json.loads(capsys.readouterr().out)

    return told


def crl(*serials: int, root: pki.Root | None = None, at: datetime | None = None) -> bytes:
    when = at or clock.real()
    listed = pki.revoked(root or made.authority().root, dict.fromkeys(serials, when), number=1, at=when)
    return listed.public_bytes(Encoding.DER)


def test_a_head_of_a_revoked_signer_proves_nothing(ask: Ask, receipt: tuple[Receipt, str]) -> None:
    [leaf] = jws.parse(receipt[0].head).header["x5c"]
    serial = x509.load_pem_x509_certificate(f"-----BEGIN CERTIFICATE-----\n{leaf}\n-----END CERTIFICATE-----".encode())

    assert ask(crl(LEAF))[0] == 0
    code, answer = ask(crl(LEAF, serial.serial_number))
    assert (code, answer["proven"], answer["reason"]) == (1, False, "revoked")


@pytest.mark.parametrize(
    "given",
    [
        b"none",
        crl(root=pki.root(made.key(), url=made.URL, at=made.AT)),
        crl(at=clock.real() - timedelta(days=pki.CRL_DAYS)),
    ],
    ids=["no list", "of another root", "ended"],
)
def test_a_list_not_to_go_by_is_not_asked(ask: Ask, given: bytes) -> None:
    with pytest.raises(SystemExit) as stopped:
        ask(given)
    assert stopped.value.code == 2
