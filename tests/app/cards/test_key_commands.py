"""The keys of the cards from the command line: listed, changed, entered in parts, given to a network."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from cards.hsm import keyblock
from cards.hsm.material import Key, Material
from cards.hsm.port import Usage
from tests.app.terminal import Run, typing

CHECK = Material(Key(Usage.ZONE_KEYS, "demo", 1), "A", bytes([3] * 32), datetime(2026, 11, 22, tzinfo=UTC)).check_value


@pytest.fixture
def run(database: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> Run:  # noqa: ANN401  pytest's own
    """Give the command as an operator types it; answers its exit code and what it said."""
    types = typing(database, settings, tmp_path / "keys", monkeypatch, capfd)

    def typed(*words: str) -> tuple[int, Any]:
        code, said, complained = types(*words)
        return code, json.loads(said) if said else complained

    return typed


def test_a_networks_keys_are_entered_in_parts_and_given_as_blocks(run: Run, tmp_path: Path) -> None:
    parts = [tmp_path / "one", tmp_path / "two"]
    for part, byte in zip(parts, (1, 2), strict=True):
        part.write_text(bytes([byte] * 32).hex() + "\n")
    words = ("card-key", "enter", "demo", "--part", str(parts[0]), "--part", str(parts[1]), "--check")

    code, said = run(*words, "000000")
    assert (code, "the key that was agreed on" in said) == (2, True)
    code, entered = run(*words, CHECK.lower())
    assert (code, entered["usage"], entered["zone"], entered["version"]) == (0, "zone-keys", "demo", 1)
    code, said = run("card-key", "rotate", "zone-pin", "--zone", "elsewhere")
    assert (code, "elsewhere" in said) == (2, True)
    assert run("card-key", "rotate", "zone-pin", "--zone", "demo")[1]["version"] == 1
    code, given = run("card-key", "give", "demo", "zone-pin")
    header, key = keyblock.unwrap(bytes([3] * 32), given["block"])
    assert (code, header.usage, header.exportable, len(key)) == (0, "P0", "N", 32)
    code, made = run("card-key", "rotate", "codes")
    code, listed = run("card-key", "list")
    assert [(each["usage"], each["zone"]) for each in listed][:1] == [("codes", "")]
    assert made["check_value"] in {each["check_value"] for each in listed}
    assert {name for each in listed for name in each} == {"usage", "zone", "version", "check_value"}
