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
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

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
    assert not any("://" in line for line in said)


def older(found: dict[str, str], floors: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Say which of the versions found, by package, have a known hole, and which."""
    return {name: why for name, (safe, why) in floors.items() if name in found and version(found[name]) < version(safe)}


def locked(lock: str) -> dict[str, str]:
    """Give the version of each requirement of a lock."""
    return {name: block.partition("==")[2].split()[0] for name, block in requirements(lock).items()}


def floors_of(project: str) -> dict[str, str]:
    """Give the lowest version that each dependency of a pyproject.toml allows; "0" where it names none."""
    told = tomllib.loads(project)
    named = [*told["project"]["dependencies"], *(one for group in told["dependency-groups"].values() for one in group)]
    found = {}
    for each in named:
        name = re.match(r"[\w.-]+", each)
        assert name is not None
        lowest = re.search(r">=\s*([\w.]+)", each)
        found[name[0].lower()] = lowest[1] if lowest else "0"
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_nothing_is_older_than_its_last_known_hole(lock: str) -> None:
    assert older(locked(lock), FLOORS) == {}


def test_how_soon_a_hole_must_be_closed_is_written_down() -> None:
    told = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").partition("## Libraries with holes")[2]
    days = {name: int(days) for name, days in re.findall(r"^\| ([a-z]+) \([^|]*\| (\d+) days? \|", told, re.MULTILINE)}

    assert list(days) == ["critical", "high", "medium", "low"]
    assert 0 < days["critical"] < days["high"] < days["medium"] < days["low"] <= 90


def test_a_floor_lies_under_something_we_have() -> None:
    assert FLOORS.keys() <= locked("requirements.lock").keys()


def test_nothing_older_may_be_locked_than_is_safe() -> None:
    assert older(floors_of(PROJECT), FLOORS) == {}


@pytest.mark.parametrize("package", FLOORS)
def test_an_older_version_is_caught(package: str) -> None:
    """A planted defect: a lock that was resolved to the last version with the hole."""
    safe = [*version(FLOORS[package][0])]
    last = next(place for place in reversed(range(len(safe))) if safe[place])
    before = ".".join(map(str, [*safe[:last], safe[last] - 1, 999]))

    assert older(locked("requirements.lock") | {package: before}, FLOORS) == {package: FLOORS[package][1]}


@pytest.mark.parametrize("package", sorted(FLOORS.keys() & floors_of(PROJECT).keys()))
def test_a_lowered_floor_is_caught(package: str) -> None:
    """A planted defect: pyproject.toml lets an older version in, or any."""
    for lowered in (">=0.1", ""):
        project = re.sub(rf'(?m)^(  "{package}(?:\[\w+\])?)>=[\w.]+', rf"\g<1>{lowered}", PROJECT)

        assert project != PROJECT
        assert older(floors_of(project), FLOORS).keys() == {package}


def test_a_version_is_compared_as_numbers() -> None:
    assert version("2.9.0") < version("2.10.0") < version("2.10.0.post1")
    assert version("46.0.4") < version(FLOORS["cryptography"][0])


def test_the_rules_of_bandit_hold_but_for_those_that_are_named() -> None:
    lint = tomllib.loads(PROJECT)["tool"]["ruff"]["lint"]
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
