"""One measurement: what was measured, against what, and whether it reached its goal."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import msgspec


class Goal(msgspec.Struct, frozen=True):
    """A bound, on the ratio to the peer or on the value itself; exactly one is given."""

    ratio_min: float | None = None
    ratio_max: float | None = None
    value_min: float | None = None
    value_max: float | None = None

    def __str__(self) -> str:
        """Say it as a reader of the table would."""
        ((name, bound),) = self._given()
        what, _, side = name.partition("_")
        return f"{what} {'≥' if side == 'min' else '≤'} {bound:g}"

    def met(self, value: float, ratio: float | None) -> bool:
        """Whether `value`, or its `ratio` to the peer, is within the bound; without a peer a ratio never is."""
        ((name, bound),) = self._given()
        measured = ratio if name.startswith("ratio") else value
        if measured is None:
            return False
        return measured >= bound if name.endswith("min") else measured <= bound

    def _given(self) -> list[tuple[str, float]]:
        return [(name, bound) for name, bound in msgspec.structs.asdict(self).items() if bound is not None]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table and of build/bench.json. `ratio` is value / peer_value."""

    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    goal: str | None = None
    met: bool | None = None


def row(name: str, value: float, unit: str, *, peer: tuple[str, float] | None = None, goal: Goal | None = None) -> Row:
    """Make a row; `peer` is (what it is, its value in the same unit)."""
    ratio = value / peer[1] if peer else None
    return Row(
        name=name,
        value=value,
        unit=unit,
        peer=peer[0] if peer else None,
        peer_value=peer[1] if peer else None,
        ratio=ratio,
        goal=str(goal) if goal else None,
        met=goal.met(value, ratio) if goal else None,
    )


class Rounds:
    """What was measured in turns: in each round everything once, so that a slow minute is slow for all."""

    def __init__(self) -> None:
        self._measured: dict[str, list[float]] = {}

    def add(self, name: str, value: float) -> None:
        """Take the value of one round."""
        self._measured.setdefault(name, []).append(value)

    def row(self, name: str, peer: str, *, goal: Goal | None = None, unit: str = "1/s") -> Row:
        """Make a row of medians; the ratio is the median of those of each round, not that of the medians."""
        values, peers = self._measured[name], self._measured[peer]
        ratio = statistics.median(value / against for value, against in zip(values, peers, strict=True))
        value, against = statistics.median(values), statistics.median(peers)
        made = row(name, value, unit, peer=(peer, against))
        return msgspec.structs.replace(
            made, ratio=ratio, goal=str(goal) if goal else None, met=goal.met(value, ratio) if goal else None
        )


async def per_second(act: Callable[[], Awaitable[object]], *, times: int, rounds: int = 5, at_once: int = 1) -> float:
    """Measure how often a second `act` succeeds with `at_once` under way: the median of `rounds` after one more."""
    measured = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        await asyncio.gather(*(_again(act, times // at_once) for _ in range(at_once)))
        measured.append(times // at_once * at_once / (time.perf_counter() - started))
    return statistics.median(measured[1:])


async def _again(act: Callable[[], Awaitable[object]], times: int) -> None:
    for _ in range(times):
        await act()
