"""Stripe's own example objects: every object of the fake server has their fields, and no others."""

import copy
import os
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

_FILE = Path(os.environ.get("ERESIDENCY_REFERENCE_DATA", "../shared/data")) / "stripe" / "fixtures3.json"


def present() -> None:
    """Skip, saying why, where the examples are not there."""
    if not _FILE.exists():
        pytest.skip("reference data is not at ../shared/data: Stripe's example objects (stripe/openapi fixtures3.json)")


@cache
def _resources() -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(_FILE.read_bytes())["resources"]
    return found


def like(kind: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401  fields of an object of Stripe's
    """Give an object like the example of its kind, with other values; a field the example lacks is a mistake."""
    made: dict[str, Any] = copy.deepcopy(_resources()[kind])
    unknown = fields.keys() - made.keys()
    assert not unknown, f"{kind} has no {unknown}"
    return made | fields


def keys(kind: str) -> set[str]:
    """Name the fields of a kind of object."""
    return set(_resources()[kind])
