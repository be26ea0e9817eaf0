"""What others wrote and we run: known, bound by hash, no older than its last known hole."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.lock", "requirements.run.lock")

#: Package → the first version without the hole, and where the hole is described. Read in the projects' advisories and
#: in who followed them (2026-11); an older version in a lock fails, whoever resolved it.
FLOORS = {
    "cbor2": ("5.9.0", "CVE-2026-26209: recursion without end"),
    "certifi": ("2024.7.4", "CVE-2024-39689: an authority that is no longer trusted"),
    "cryptography": ("50.0.0", "CVE-2026-69247 (GHSA-g6cj-pr64-35w5); before it CVE-2026-26007"),
    "h11": ("0.16.0", "CVE-2025-43859: request smuggling by chunks"),
    "idna": ("3.7", "CVE-2024-3651: quadratic time"),
    "litestar": ("2.20.0", "CVE-2026-25480: keys of the file store"),
    "mako": ("1.2.2", "CVE-2022-40023: quadratic time"),
    "pyasn1": ("0.6.4", "CVE-2026-59885, CVE-2026-59886; before them CVE-2026-30922, CVE-2026-23490"),
    "pyjwt": ("2.13.0", "CVE-2026-48526; before it CVE-2026-32597: unknown `crit` accepted"),
    "pyopenssl": ("26.0.0", "CVE-2026-27459, CVE-2026-27448"),
    "pyyaml": ("5.4", "CVE-2020-14343: code in what is loaded"),
    "requests": ("2.32.4", "CVE-2024-47081: credentials sent to another host"),
    "urllib3": ("2.7.0", "CVE-2026-44431, CVE-2026-44432"),
}
#: Rules of bandit (ruff's S) that are off, everywhere or in a folder; pyproject.toml says why.
RULES_OFF = {
    "everywhere": {"S101", "S603"},
    "tests/**": {"S105", "S106", "S107", "S311"},
    "bench/**": {"S311"},
    "simulators/**": {"S311"},
    "migrations/versions/**": {"S608"},
    "migrations/walls.py": {"S608"},
}


def requirements(lock: str) -> dict[str, str]:
    """Give each requirement of a lock as it stands there, by its name."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return {block.partition("==")[0].strip(): block for block in re.split(r"\n(?=[\w.-]+ *==)", f"\n{text}")[1:]}


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0]))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_bound_by_hash_and_names_no_index(lock: str) -> None:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    found = requirements(lock)

    assert len(found) > 30
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in found.values())
    # Neither an address nor an option of pip, from which a package could come from anywhere else.
    said = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    assert all(re.match(r"[\w.-]+==\S+|\s+--hash=sha256:[0-9a-f]{64}( \\)?$", line) for line in said)


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("package", FLOORS)
def test_nothing_is_older_than_its_last_known_hole(package: str, lock: str) -> None:
    found = requirements(lock).get(package)
    safe, why = FLOORS[package]

    if lock == "requirements.lock":
        assert found is not None, "a floor under something we no longer have"
    if found is not None:
        locked = re.match(r"[\w.-]+==([\w.]+)", found)
        assert locked is not None
        assert version(locked[1]) >= version(safe), why


def test_a_version_is_compared_as_numbers() -> None:
    assert version("2.9.0") < version("2.10.0") < version("2.10.0.post1")
    assert version("46.0.4") < version(FLOORS["cryptography"][0])


def test_the_rules_of_bandit_hold_but_for_those_that_are_named() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    off = {"everywhere": lint["ignore"], **lint["per-file-ignores"]}

    assert lint["select"] == ["ALL"]
    assert {place: {rule for rule in rules if re.match(r"S\d", rule)} for place, rules in off.items()} == RULES_OFF


def test_the_bill_of_materials_names_what_production_runs_on(tmp_path: Path) -> None:
    """`make sbom`, into a folder of the test's."""
    told = tmp_path / "sbom.json"
    subprocess.run(["make", "sbom", f"SBOM={told}"], cwd=ROOT, check=True, capture_output=True)  # noqa: S607  make of the PATH

    bill: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "kz-eresidency"
    assert {part["name"].lower() for part in bill["components"]} == set(requirements("requirements.run.lock"))
    # Told by hash, so that what is installed can be compared; and where it came from is nobody's business.
    assert all(part["externalReferences"][0]["hashes"] for part in bill["components"])
    assert all(part["purl"].startswith("pkg:pypi/") for part in bill["components"])
