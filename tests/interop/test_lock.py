"""The clients that are not ours are bound by hash, and nothing says where they come from."""

import json
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
LOCK: dict[str, Any] = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))
WANTED: dict[str, Any] = json.loads((HERE / "package.json").read_text(encoding="utf-8"))
#: By whom the resident's ID must be understood; whoever takes one away says so here.
NAMED = {
    "@auth0/mdl",
    "@openid4vc/oauth2",
    "@openid4vc/openid4vci",
    "@openid4vc/openid4vp",
    "@owf/mdoc",
    "@sd-jwt/jwt-status-list",
    "@sd-jwt/sd-jwt-vc",
}


def loose(lock: dict[str, Any]) -> set[str]:
    """Name the packages of a lock that are not bound by hash, or come from a certain place."""
    packages = {place: each for place, each in lock["packages"].items() if place}
    return {place for place, each in packages.items() if "resolved" in each or each["integrity"][:7] != "sha512-"}


def test_every_package_is_bound_by_hash_and_names_no_registry() -> None:
    assert len(LOCK["packages"]) > 50
    assert loose(LOCK) == set()


@pytest.mark.parametrize("change", [{"resolved": "https://registry.example/a.tgz"}, {"integrity": "sha1-AAAA"}])
def test_a_package_that_is_not_is_found(change: dict[str, str]) -> None:
    """A planted defect."""
    place = "node_modules/@auth0/mdl"
    changed = LOCK | {"packages": LOCK["packages"] | {place: LOCK["packages"][place] | change}}

    assert loose(changed) == {place}


def missing(lock: dict[str, Any]) -> set[str]:
    """Name what a package of a lock asks for, for this machine or another, and is not in it: npm would refuse."""
    packages, found = lock["packages"], set()
    for place, each in packages.items():
        for name in (each.get("dependencies") or {}) | (each.get("optionalDependencies") or {}):
            parts = place.split("/node_modules/")
            above = ["/node_modules/".join(parts[:count]) for count in range(len(parts), 0, -1)]
            if not any(f"{one}/node_modules/{name}".lstrip("/") in packages for one in [*above, ""]):
                found.add(name)
    return found


def test_every_package_that_another_asks_for_is_there() -> None:
    assert missing(LOCK) == set()


@pytest.mark.parametrize("name", ["@cbor-extract/cbor-extract-darwin-arm64", "zod", "@sd-jwt/core"])
def test_a_package_that_is_not_there_is_found(name: str) -> None:
    """A planted defect."""
    packages = {place: each for place, each in LOCK["packages"].items() if not place.endswith(f"node_modules/{name}")}

    assert missing(LOCK | {"packages": packages}) == {name}


def test_the_clients_are_those_that_were_agreed_on_each_at_one_version() -> None:
    wanted = WANTED["dependencies"]

    assert wanted.keys() >= NAMED
    assert not [each for each in wanted.values() if each.startswith(("^", "~", ">", "*"))]
    assert LOCK["packages"][""]["dependencies"] == wanted
