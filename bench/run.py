"""Run the groups, print their table, write build/bench.json. A row that misses its goal is shown as missed.

make bench                 every group but growth, which takes half an hour
make bench ONLY=wallet     one

A group that raises is a row that missed its goal; the others are measured, shown and written all the same.
"""

import importlib
import logging
import pkgutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

import bench
from bench import ground
from bench.ground import Ground
from bench.row import Row

RESULT = Path("build/bench.json")
#: Rooms whose measurements come with them.
LATER = ("trust",)
#: Measured only by name.
LONG = frozenset({"growth"})

Group = Callable[[Ground], Awaitable[list[Row]]]


class UnknownGroup(Exception):
    """No module of this name measures anything."""


def groups(only: list[str]) -> dict[str, Group]:
    """Find the groups but the LONG, or the named ones; those of LATER measure nothing yet. Raises UnknownGroup."""
    modules = {
        found.name: importlib.import_module(f"bench.{found.name}") for found in pkgutil.iter_modules(bench.__path__)
    }
    measuring: dict[str, Group] = {name: module.rows for name, module in modules.items() if hasattr(module, "rows")}
    known = dict.fromkeys(LATER, nothing) | measuring
    if unknown := set(only) - set(known):
        raise UnknownGroup(f"{', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    return {name: known[name] for name in only or sorted(known.keys() - LONG)}


async def nothing(_: Ground) -> list[Row]:
    """Measure nothing: what this group is about is not built yet."""
    return []


async def measure(chosen: dict[str, Group], place: Ground, console: Console) -> list[Row]:
    """Run the groups one after the other, so that none disturbs another."""
    found = []
    for name, rows in chosen.items():
        if rows is nothing:
            console.print(f"{name}: no measurements yet")
            continue
        with console.status(f"measuring {name}"):
            try:
                found += [msgspec.structs.replace(row, name=f"{name}.{row.name}") for row in await rows(place)]
            except Exception as error:  # noqa: BLE001  whatever it is, the other groups are still to be measured
                console.print_exception()
                found.append(_failed(name, error))
    return found


def _failed(group: str, error: Exception) -> Row:
    why = f"{type(error).__name__}: {error}".partition("\n")[0]
    return Row(name=group, value=0, unit="rows", goal=f"to be measured; {why}", met=False)


def table(found: list[Row]) -> Table:
    """Show the rows to people."""
    shown = Table("measured", "value", "unit", "peer", "peer's value", "ratio", "goal", "")
    for column in shown.columns[1:2] + shown.columns[4:6]:
        column.justify = "right"
    for row in found:
        verdict = {None: "", True: "[green]met[/]", False: "[bold red]missed[/]"}[row.met]
        peer_value = "" if row.peer_value is None else f"{row.peer_value:,.4g}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        shown.add_row(row.name, f"{row.value:,.4g}", row.unit, row.peer, peer_value, ratio, row.goal, verdict)
    return shown


def main(only: list[str]) -> int:
    """Measure, print, write; 2 for an unknown group, 1 if one raised. A missed goal is news, not a failure."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    console = Console()
    if not console.is_terminal:
        console.width = 150  # a log has no edge
    try:
        chosen = groups(only)
    except UnknownGroup as unknown:
        console.print(f"unknown group {unknown}")
        return 2
    with ground.prepared() as place:
        found = uvloop.run(measure(chosen, place, console))  # the loop uvicorn serves on
    return report(found, console)


def report(found: list[Row], console: Console) -> int:
    """Show the rows and write them; 1 if a group has none because it raised."""
    console.print(table(found))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    missed = [row.name for row in found if row.met is False]
    console.print(f"{len(found)} rows in {RESULT}" + (f"; missed: {', '.join(missed)}" if missed else ""))
    return int(any(row.unit == "rows" and not row.value for row in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
