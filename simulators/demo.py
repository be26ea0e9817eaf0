"""`make demo`: one e-resident's life on real processes, printed as it happens, proved at the end, left running.

make demo                 leaves the system running until Ctrl-C; the data stays in .data/demo
make demo ARGS=--once     stops everything at the end; non-zero if any step or proof failed
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Awaitable
from http import HTTPStatus
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from simulators import house, journey, proofs, world
from simulators.facts import Facts
from simulators.house import House
from simulators.journey import Journey
from simulators.phone import Call

FOLDER = Path(".data/demo")
_PART_MAX = 24
_LOOK_EVERY_S = 0.2


class Screen:
    """What is shown, and where: a person at a terminal or a log."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = 120
        self._alike: list[Call] = []

    def call(self, call: Call) -> None:
        """Show one request: what was called, what came back, how long it took; the same again and again on one line."""
        if self._alike and self._alike[0][:3] != call[:3]:
            self.flush()
        self._alike.append(call)

    def flush(self) -> None:
        """Show the requests held back."""
        if self._alike:
            call, times = self._alike[0], len(self._alike)
            colour = "green" if call.status < HTTPStatus.MULTIPLE_CHOICES else "yellow"
            took = f"{sum(each.ms for each in self._alike) / times:.0f} ms" + (f" × {times}" if times > 1 else "")
            told = f"[dim]{call.method:5}[/] {_short(call.path)}  [{colour}]{call.status}[/]  [dim]{took}[/]"
            self.console.print(f"    {told}")
        self._alike = []

    def step(self, number: int, title: str) -> None:
        """Announce a step."""
        self.console.print(f"\n[bold cyan]{number}[/] [bold]{title}[/]")

    def facts(self, facts: Facts, seconds: float) -> None:
        """Show what came of a step."""
        self.flush()
        shown = Table.grid(padding=(0, 2))
        for name, value in facts.items():
            shown.add_row(f"[dim]{name}[/]", escape(value))
        self.console.print(Panel(shown, subtitle=f"{seconds:.1f} s", subtitle_align="right", border_style="dim"))

    def failed(self, error: BaseException) -> None:
        """Show why a step failed."""
        self.flush()
        self.console.print(f"  [bold red]failed[/] {type(error).__name__}: {escape(str(error))}")

    def proofs(self, found: list[proofs.Proof]) -> None:
        """Show what was proved."""
        self.flush()
        shown = Table("proof", "looked at", "", title="Proofs", title_justify="left", title_style="bold")
        for proof in found:
            shown.add_row(proof.claim, proof.looked_at, "\n".join(proof.wrong) or "[green]holds[/]")
        self.console.print(shown)

    def addresses(self, running: House) -> None:
        """Show where to look."""
        api = running.url("api")
        shown = Table.grid(padding=(0, 2))
        for name, url in {
            "API": api,
            "its description": f"{api}/schema",
            **{name: running.url(name) for name in world.PROGRAMS if name not in {"api", "worker"}},
            "logs": str(running.folder / "log"),
        }.items():
            shown.add_row(f"[dim]{name}[/]", url)
        self.console.print(Panel(shown, title="Running until Ctrl-C", title_align="left"))


async def live(running: House, screen: Screen) -> bool:
    """Play the steps in order and prove what came of them; answers whether all went well."""
    async with Journey(running, screen.call) as resident:
        lived = await _steps(resident, screen)
        proved = await proofs.all_of(resident)
    screen.proofs(proved)
    return lived and not any(proof.wrong for proof in proved)


async def _steps(resident: Journey, screen: Screen) -> bool:
    """Play the steps; what follows a failed one makes no sense without it."""
    for number, step in enumerate(journey.STEPS, 1):
        screen.step(number, step.title)
        started = time.monotonic()
        try:
            facts = await _whole(resident.house, step.act(resident))
        except Exception as error:  # noqa: BLE001  whatever stopped the step is shown to whoever watches
            screen.failed(error)
            return False
        screen.facts(facts, time.monotonic() - started)
    return True


async def _whole(running: House, step: Awaitable[Facts]) -> Facts:
    """Take a step while every program lives: nobody starts one again now, so waiting for it would be in vain."""
    acting = asyncio.ensure_future(step)
    while not (await asyncio.wait({acting}, timeout=_LOOK_EVERY_S))[0]:
        try:
            running.check()
        except house.Ended:
            acting.cancel()
            await asyncio.wait({acting})
            raise
    return acting.result()


def play(screen: Screen, folder: Path, *, once: bool) -> int:
    """Start, live, prove, and stop or stay."""
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        with screen.console.status("Starting PostgreSQL, the API, the worker and the outside world"):
            running = stack.enter_context(world.running(folder))
        screen.console.print(
            f"{len(world.PROGRAMS)} processes and PostgreSQL run after {time.monotonic() - began:.1f} s"
        )
        well = asyncio.run(live(running, screen))
        screen.console.print(f"[bold]{'All of it went well' if well else 'Not all went well'}[/]")
        if not once:
            screen.addresses(running)
            watch(running, screen)
    return 0 if well else 1


def watch(running: House, screen: Screen) -> None:
    """Stay until Ctrl-C; start again whatever ends by itself, as an operator's supervisor would."""
    while True:
        if not running.database_is_running():
            screen.console.print("PostgreSQL ended; starting it again")
            running.start_database()
        for name in world.PROGRAMS:
            if not running.is_running(name):
                screen.console.print(f"{name} ended; starting it again")
                running.spawn(name)
        time.sleep(0.5)


def main(arguments: list[str]) -> int:
    """Be the program."""
    parser = argparse.ArgumentParser(prog="make demo", description="One e-resident's life on real processes.")
    parser.add_argument("--once", action="store_true", help="stop at the end; non-zero if anything failed")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the installation lies")
    given = parser.parse_args(arguments)
    # A closed terminal ends us as Ctrl-C does: in order, leaving no process behind.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    screen = Screen()
    try:
        return play(screen, given.folder, once=given.once)
    except house.Busy:
        screen.console.print("The demonstration runs already; stop it with Ctrl-C there.")
    except house.DidNotStart as error:
        screen.failed(error)
    except KeyboardInterrupt:
        screen.console.print("\nStopped.")
        return 130
    return 1


def _interrupt(_: int, __: object) -> None:
    raise KeyboardInterrupt


def _short(path: str) -> str:
    """Cut the long ids in a path; they are shown in full in the facts."""
    return "/".join(part if len(part) <= _PART_MAX else f"{part[: _PART_MAX - 6]}…" for part in path.split("/"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
