"""The keys that sign credentials, from the command line: shown, succeeded, revoked; in files and in a token."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.credentials.signing_keys import ROLES
from app.settings import Settings
from proof import hsm
from tests import tokens
from tests.app.terminal import Run, typing


@pytest.fixture
def run(database: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> Run:  # noqa: ANN401  pytest's own
    """Give the command as an operator types it; answers its exit code and the leaves it showed, or what it said."""
    types = typing(database, settings, tmp_path / "keys", monkeypatch, capfd)

    def typed(*words: str) -> tuple[int, Any]:
        code, said, complained = types("signer", *words)
        return code, [json.loads(line) for line in said.splitlines()] if code == 0 else complained

    return typed


def state(leaves: list[dict[str, Any]], role: str) -> list[tuple[int, bool]]:
    return [(leaf["number"], leaf["revoked"]) for leaf in leaves if leaf["role"] == role]


def test_a_leaf_is_succeeded_and_revoked(run: Run) -> None:
    first, second = (run("rotate", "document") for _ in range(2))
    assert (first[0], second[0]) == (0, 0)
    assert state(second[1], "document") == [(1, False), (2, False)]
    begins = [leaf["signs_from"] for leaf in second[1] if leaf["role"] == "document"]
    assert begins[0] < begins[1]

    assert state(run("revoke", "document", "1")[1], "document") == [(1, True), (2, False)]
    code, said = run("revoke", "document", "7")
    assert (code, said) == (2, "eresidency: there is no leaf document-7\n")


def test_a_root_is_succeeded_at_a_ceremony(run: Run, tmp_path: Path) -> None:
    run("list")
    code, said = run("rotate", "root")
    assert (code, state(said, "root")) == (0, [(1, False), (2, False)])
    first, next_ = (root for root in said if root["role"] == "root")
    assert first["signs_from"] < next_["signs_from"]

    code, complaint = run("revoke", "root", "1")  # the next one has not begun
    assert (code, "no other leaf of root signs" in complaint) == (2, True)
    run("rotate", "root", "--at-once")
    assert state(run("revoke", "root", "1")[1], "root") == [(1, True), (2, False), (3, False)]
    assert run("revoke", "root", "9") == (2, "eresidency: there is no leaf root-9\n")

    (tmp_path / "keys" / "credential" / "root-3.key").unlink()
    assert run("rotate", "root", "--at-once")[0] == 2
    code, said = run("rotate", "root", "--at-once", "--unlinked")
    assert (code, len(state(said, "root"))) == (0, 4)


def test_a_root_that_is_elsewhere_is_asked_for(run: Run, tmp_path: Path) -> None:
    run("rotate", "document")
    (tmp_path / "keys" / "credential" / "root.key").unlink()

    for words in (("rotate", "document"), ("revoke", "document", "1")):
        code, said = run(*words)
        assert code == 2
        assert "credential/root.key" in said


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from tokens.driver(tmp_path_factory.mktemp("softhsm"))


def test_the_first_keys_of_a_token_are_made_one_by_one(
    run: Run, driver: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tokens.new(driver)
    hsm.prepare(token)
    (tmp_path / "pin").write_text(token.pin())
    for name, value in {
        "PKCS11_MODULE": str(token.module),
        "PKCS11_TOKEN": token.label,
        "PKCS11_PIN_FILE": str(tmp_path / "pin"),
        "CREDENTIAL_TOKEN": token.label,
    }.items():
        monkeypatch.setenv(f"ERESIDENCY_{name}", value)

    answers = [run("rotate", role) for role in ROLES]

    assert [code for code, _ in answers] == [0] * len(ROLES), answers
    assert [leaf["role"] for leaf in answers[-1][1]] == ["root", *ROLES]
    assert {path.name for path in (tmp_path / "keys" / "credential").glob("*.key")} == {"root.key", "nonce.key"}
