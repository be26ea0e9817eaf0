"""What a reviewer reads about a chip, in English, Russian and Kazakh (words.toml)."""

import tomllib
from functools import cache
from pathlib import Path

from kyc.chip.report import Copying, Grade, Report

_FILE = Path(__file__).with_suffix(".toml")


def of(said: Grade | Copying) -> dict[str, str]:
    """Give the text about a grade or about copying, by language."""
    return _read()["grade" if isinstance(said, Grade) else "copying"][said]


def about(report: Report) -> dict[str, str]:
    """Give the text about the whole; where nothing is wrong and DG1 was not read, that nobody was compared."""
    alone = report.grade is Grade.VALID and report.zone is None
    return _read()["without"]["dg1"] if alone else of(report.grade)


@cache
def _read() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))
