"""The worker: takes what is due, one step at a time, until told to stop.

A step is `async def step(house) -> int`: it takes due rows (`FOR UPDATE SKIP LOCKED`), does one thing to each and
answers how many it did. Any number of workers may run; one that dies leaves its rows to the others.

A step that found something goes on at once. One that found nothing rests, until rows of its kind are due (app/due.py:
one statement looks at all queues, ten times a second) or PAUSE_S are over. Rows don't announce themselves by NOTIFY:
PostgreSQL lets transactions that notify commit one after the other only, and every event of every story would be one.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Mapping

import structlog

from app import (
    anchor,
    db,
    due,
    hold_expiry,
    identity_cases,
    measures,
    monitoring,
    nonces,
    outbox,
    pipeline,
    remarks,
    rotation,
    sink,
    trace,
)
from app.account import ending, export, retention
from app.auth import attestation, forgetting
from app.banking import asking, safeguarding, suspense
from app.cards import (
    backtests,
    campaigns,
    dispute_errands,
    disputing,
    holders,
    processing,
    settling,
    terms,
    work,
)
from app.credentials import issuance_log, renewing
from app.house import House
from app.limiting import forgetting as allowances_forgetting
from app.papers import faces, scanning
from app.partners import agencies, inbox, messenger, outgoing, placing, status_lists, wallet_lists
from app.partners.stripe_issuing import events as stripe_events
from app.partners.stripe_issuing import repair as stripe_repair
from app.payments import list_run, request, standing_run
from app.restrictions import overdue
from app.risk import backtests as risk_backtests
from app.risk import judging, looking, reviewing
from app.risk import sealing as risk_sealing
from app.statements import days, document

Step = Callable[[House], Awaitable[int]]

#: How often an idle worker looks at the queues: the most a due row is late.
LOOK_S = 0.1
#: How long a step rests that no queue calls: what runs by the clock alone is late by as much.
PAUSE_S = 1.0
_AFTER_FAULT_S = 1.0

STEPS: dict[str, Step] = {
    "relay": outbox.step,
    "forgetting": forgetting.step,
    "nonces": nonces.step,
    "lists": agencies.step,
    "monitoring": monitoring.step,
    "measures": measures.step,
    "risk": judging.step,
    "exposure": looking.step,
    "foreign_lists": status_lists.step,
    "wallet_lists": wallet_lists.step,
    "identity_reviews": reviewing.step,
    "risk_backtests": risk_backtests.step,
    "identity_cases": identity_cases.step,
    "pipeline": pipeline.step,
    "credentials": renewing.step,
    "issuance_log": issuance_log.step,
    "inbox": inbox.step,
    "placements": placing.step,
    "bank_orders": asking.step,
    "suspense": suspense.step,
    "safeguarding": safeguarding.step,
    "deliveries": outgoing.step,
    "messages": messenger.step,
    "attestations": attestation.step,
    "files": scanning.step,
    "faces": faces.step,
    "disputes": disputing.step,
    "dispute_errands": dispute_errands.step,
    "settlement": settling.step,
    "card_expiry": work.lapse,
    "card_recovery": work.recover,
    "card_matching": work.match,
    "card_backtests": backtests.step,
    "card_holders": holders.step,
    "card_letter_keys": work.renew_letter_keys,
    "card_terms": terms.step,
    "card_campaigns": campaigns.step,
    "card_commands": processing.step,
    "stripe_events": stripe_events.step,
    "stripe_repair": stripe_repair.step,
    "hold_expiry": hold_expiry.step,
    "standing_orders": standing_run.step,
    "payment_lists": list_run.step,
    "money_requests": request.step,
    "rotation": rotation.step,
    "remarks": remarks.step,
    "risk_sealing": risk_sealing.step,
    "exports": export.step,
    "days": days.step,
    "statements": document.step,
    "endings": ending.step,
    "retention": retention.step,
    "reviews": overdue.step,
    "allowances": allowances_forgetting.step,
    "anchors": anchor.step,
    "second_places": sink.step,
}

_log = structlog.get_logger()


async def run(house: House) -> None:
    """Work until SIGTERM or SIGINT; steps under way have `drain_s` to finish."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    calls = {name: asyncio.Event() for name in STEPS}
    tasks = [asyncio.create_task(_repeat(house, name, call, stop)) for name, call in calls.items()]
    tasks.append(asyncio.create_task(_look(house, calls, stop)))
    await stop.wait()
    for call in calls.values():
        call.set()
    _, late = await asyncio.wait(tasks, timeout=house.settings.drain_s)
    for task in late:
        task.cancel()  # its transaction is undone and its rows are due again
    await asyncio.gather(*late, return_exceptions=True)


async def catch_up(house: House, rounds_max: int = 1_000) -> int:
    """Do everything that is due now, in the order of STEPS, until a round finds nothing; answers how much it was."""
    done = 0
    for _ in range(rounds_max):
        found = sum([await step(house) for step in STEPS.values()])
        # A step that found nothing may have told so (a retention rule that was applied): that is relayed as well.
        if not found and not (found := await outbox.step(house)):
            return done
        done += found
    return done


async def _repeat(house: House, name: str, call: asyncio.Event, stop: asyncio.Event) -> None:
    """Take one step again and again; where it found nothing, when it is called."""
    while not stop.is_set():
        trace.begin(None)
        call.clear()  # who calls from here on is heard after the step
        try:
            found = await STEPS[name](house)
        except Exception as error:  # noqa: BLE001  one step's fault must not stop the others; its rows stay due
            _log.error("step_failed", step=name, error=type(error).__name__, exc_info=error)
            await _rest(stop, _AFTER_FAULT_S)
        else:
            if not found:
                await _rest(call, PAUSE_S)


async def _look(house: House, calls: Mapping[str, asyncio.Event], stop: asyncio.Event) -> None:
    """Call the steps whose queues hold something that is due."""
    while not stop.is_set():
        pause_s = LOOK_S
        try:
            async with db.transaction(house.worker) as story:
                kinds = await due.kinds(await story(), story.now)
            for kind in kinds:
                calls[kind].set()
        except Exception as error:  # noqa: BLE001  the database will be back; until then the steps look by themselves
            _log.warning("look_failed", error=type(error).__name__)
            pause_s = _AFTER_FAULT_S
        await _rest(stop, pause_s)


async def _rest(until: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(until.wait(), seconds)
