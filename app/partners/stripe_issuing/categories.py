"""Merchant categories: Stripe writes names where ISO 18245 has four digits.

The names are those of the SDK's types (tests compare them), the digits Stripe's list of merchant categories.
"""

import csv
import functools
from collections.abc import Mapping
from pathlib import Path

#: What Stripe calls a category that has no name of its own.
OTHER = "miscellaneous"


@functools.cache
def names() -> Mapping[str, str]:
    """Give Stripe's names by category."""
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as rows:
        return {row["mcc"]: row["name"] for row in csv.DictReader(rows)}


@functools.cache
def codes() -> Mapping[str, str]:
    """Give categories by Stripe's names."""
    return {name: code for code, name in names().items()}
