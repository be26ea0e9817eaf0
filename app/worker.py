"""The worker: takes what is due, one step at a time, until told to stop.

A step is `async def step(house) -> int`: it takes due rows (`FOR UPDATE SKIP LOCKED`), does one thing to each and
answers how many it did. Any number of workers may run; one that dies leaves its rows to the others.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable

import structlog

from app import card_expiry, monitoring, nonces, outbox, pipeline, trace
from app.auth import forgetting
from app.house import House
from app.partners import agencies, inbox, outgoing, placing

Step = Callable[[House], Awaitable[int]]

#: How long an idle worker waits before it looks again: the most a due row is late.
IDLE_S = 0.1
_AFTER_FAULT_S = 1.0

STEPS: dict[str, Step] = {
    "relay": outbox.step,
    "forgetting": forgetting.step,
    "nonces": nonces.step,
    "lists": agencies.step,
    "monitoring": monitoring.step,
    "pipeline": pipeline.step,
    "inbox": inbox.step,
    "placements": placing.step,
    "deliveries": outgoing.step,
    "card_expiry": card_expiry.step,
}

_log = structlog.get_logger()


async def run(house: House) -> None:
    """Work until SIGTERM or SIGINT; steps under way have `drain_s` to finish."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(_repeat(house, name, step, stop)) for name, step in STEPS.items()]
    await stop.wait()
    _, late = await asyncio.wait(tasks, timeout=house.settings.drain_s)
    for task in late:
        task.cancel()  # its transaction is undone and its rows are due again
    await asyncio.gather(*late, return_exceptions=True)


async def catch_up(house: House, rounds_max: int = 1_000) -> int:
    """Do everything that is due now, in the order of STEPS, until a round finds nothing; answers how much it was."""
    done = 0
    for _ in range(rounds_max):
        found = sum([await step(house) for step in STEPS.values()])
        if not found:
            return done
        done += found
    return done


async def _repeat(house: House, name: str, step: Step, stop: asyncio.Event) -> None:
    while not stop.is_set():
        trace.begin(None)
        try:
            found = await step(house)
        except Exception as error:  # noqa: BLE001  one step's fault must not stop the others; its rows stay due
            _log.error("step_failed", step=name, error=type(error).__name__, exc_info=error)
            found, pause_s = 0, _AFTER_FAULT_S
        else:
            pause_s = IDLE_S
        if not found:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause_s)
