"""Documents of other people to try ourselves on: they lie outside the project and may be absent."""

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent.parent


def folder() -> Path:
    """Give the folder of reference data, or skip the test."""
    found = Path(os.environ.get("ERESIDENCY_REFERENCE_DATA", _ROOT.parent / "shared" / "data"))
    if not found.is_dir():
        pytest.skip(f"no reference data at {found}; ERESIDENCY_REFERENCE_DATA names its place")
    return found
