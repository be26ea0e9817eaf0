"""A run of the measurements: what one group does to the others, and which there are."""

import json
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from bench import run
from bench.ground import Ground
from bench.row import Row, row

NOWHERE = cast("Ground", None)  # these groups don't look at it


async def good(_: Ground) -> list[Row]:
    return [row("speed", 5.0, "1/s")]


async def bad(_: Ground) -> list[Row]:
    raise ZeroDivisionError("no time passed\nat all")


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=150)


@pytest.mark.asyncio
async def test_a_group_that_raises_is_a_missed_row_and_the_others_are_kept(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    code = run.report(await run.measure({"one": good, "two": bad, "three": good}, NOWHERE, console), console)

    written = json.loads((tmp_path / run.RESULT).read_bytes())
    assert code == 1
    assert [(each["name"], each["met"]) for each in written] == [
        ("one.speed", None),
        ("two", False),
        ("three.speed", None),
    ]
    assert written[1]["goal"] == "to be measured; ZeroDivisionError: no time passed"
    assert set(written[1]) == {"name", "value", "unit", "peer", "peer_value", "ratio", "goal", "met"}
    assert "missed: two" in console.export_text()


@pytest.mark.asyncio
@pytest.mark.parametrize("name", run.LATER)
async def test_a_group_of_later_says_that_it_has_nothing_yet(name: str, console: Console) -> None:
    assert await run.measure(run.groups([name]), NOWHERE, console) == []
    assert f"{name}: no measurements yet" in console.export_text()


def test_groups_are_the_modules_that_measure_and_those_of_later() -> None:
    measuring = {"cards", "credential", "documents", "house", "http", "screening", "wallet"}
    assert set(run.groups([])) == measuring | set(run.LATER)
    assert set(run.groups(["growth"])) == {"growth"}
    with pytest.raises(run.UnknownGroup, match="walet; known: cards"):
        run.groups(["walet"])
