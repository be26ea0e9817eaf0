"""Run the groups, print their table, write build/bench.json. A row that misses its goal is shown as missed.

make bench                 every group
make bench ONLY=wallet     one
"""

import asyncio
import importlib
import logging
import pkgutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

import bench
from bench import ground
from bench.ground import Ground
from bench.row import Row

RESULT = Path("build/bench.json")

Group = Callable[[Ground], Awaitable[list[Row]]]


class UnknownGroup(Exception):
    """No module of this name measures anything."""


def groups(only: list[str]) -> dict[str, Group]:
    """Find the groups, or the named ones. Raises UnknownGroup."""
    modules = {
        found.name: importlib.import_module(f"bench.{found.name}") for found in pkgutil.iter_modules(bench.__path__)
    }
    known: dict[str, Group] = {name: module.rows for name, module in modules.items() if hasattr(module, "rows")}
    if unknown := set(only) - set(known):
        raise UnknownGroup(f"{', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    return {name: known[name] for name in only or sorted(known)}


async def measure(chosen: dict[str, Group], console: Console) -> list[Row]:
    """Run the groups one after the other, so that none disturbs another."""
    found = []
    with ground.prepared() as place:
        for name, rows in chosen.items():
            with console.status(f"measuring {name}"):
                found += [msgspec.structs.replace(row, name=f"{name}.{row.name}") for row in await rows(place)]
    return found


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
    """Measure, print, write; 2 for an unknown group. A missed goal is news, not a failure of the run."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    console = Console()
    if not console.is_terminal:
        console.width = 150  # a log has no edge
    try:
        chosen = groups(only)
    except UnknownGroup as unknown:
        console.print(f"unknown group {unknown}")
        return 2
    found = asyncio.run(measure(chosen, console))
    console.print(table(found))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    missed = [row.name for row in found if row.met is False]
    console.print(f"{len(found)} rows in {RESULT}" + (f"; missed: {', '.join(missed)}" if missed else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
