"""A printed code, judged on the command line with nothing but a root and a bundle."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from app import cli
from residency.credential import pki, status_list
from residency.credential.presenting import bundle
from tests.credential import made
from tests.credential.showing.test_printed import SAYS, STATUS, written

Ask = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """Write what was read and the root; gives the command."""
    (tmp_path / "code.txt").write_text(written() + "\r\n")
    (tmp_path / "root.pem").write_bytes(made.authority().root.certificate.public_bytes(Encoding.PEM))
    return ["qr", str(tmp_path / "code.txt"), "--root", str(tmp_path / "root.pem"), "--at", made.AT.isoformat()]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Ask:
    def ask(*words: str) -> tuple[int, dict[str, Any]]:
        code = cli.run(words)
        return code, json.loads(capsys.readouterr().out)

    return ask


def bundled(folder: Path, statuses: dict[int, int], *revoked: int) -> str:
    by = made.authority()
    compressed = status_list.compress(status_list.pack(statuses, size=8_192))
    token = bundle.status_token(compressed, uri=STATUS.uri, seal=by.status, at=made.AT)
    whole = bundle.made(made.URL, (by.root.certificate,), (), (token,), revoked=revoked, at=made.AT)
    # Another signer than the paper's, which may be among the revoked.
    seal = made.sealed(by.root, typ=bundle.TYP, purpose=pki.DOCUMENT_SIGNING)
    (folder / "bundle.jwt").write_text(bundle.signed(whole, seal))
    return str(folder / "bundle.jwt")


@pytest.mark.parametrize(
    ("statuses", "code", "conclusion", "reason"),
    [
        ({}, 0, "accepted", None),
        ({4711: 1}, 1, "rejected", "invalid"),
        ({4711: 2}, 1, "rejected", "suspended"),
        (None, 1, "status_unknown", "no_bundle"),
    ],
)
def test_a_paper_is_judged_without_a_network(
    told: Ask,
    words: list[str],
    tmp_path: Path,
    statuses: dict[int, int] | None,
    code: int,
    conclusion: str,
    reason: str | None,
) -> None:
    more = [] if statuses is None else ["--bundle", bundled(tmp_path, statuses)]

    ended, verdict = told(*words, *more)

    assert (ended, verdict["conclusion"], verdict["paper"]["says"]) == (code, conclusion, SAYS)
    assert verdict["checks"][-1].get("reason") == reason


def test_the_bundle_knows_which_signers_were_revoked(told: Ask, words: list[str], tmp_path: Path) -> None:
    [signer, *_] = made.authority().document.chain

    ended, verdict = told(*words, "--bundle", bundled(tmp_path, {}, signer.serial_number))

    assert (ended, verdict["conclusion"], verdict["paper"]) == (1, "rejected", None)
    assert {"check": "chain", "outcome": "failed", "reason": "revoked"} in verdict["checks"]


def test_what_is_no_code_is_rejected_by_name(told: Ask, words: list[str]) -> None:
    Path(words[1]).write_text("NOT A CODE")

    ended, verdict = told(*words)

    assert (ended, verdict["conclusion"], verdict["paper"]) == (1, "rejected", None)
    assert verdict["checks"][0] == {"check": "format", "outcome": "failed", "reason": "not_base45"}


@pytest.mark.parametrize(
    "wrong",
    [
        {1: "nowhere.txt"},
        {3: "code.txt"},
        {5: "yesterday"},
        {5: "2026-11-22T09:30:00"},
        {4: "--bundle", 5: "code.txt"},
    ],
    ids=str,
)
def test_what_can_not_be_asked_is_said_in_a_line(words: list[str], tmp_path: Path, wrong: dict[int, str]) -> None:
    for place, word in wrong.items():
        words[place] = str(tmp_path / word) if word.endswith(".txt") else word

    with pytest.raises(SystemExit) as ended:
        cli.run(words)

    assert ended.value.code == 2
