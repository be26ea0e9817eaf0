"""Looks whether every network's file has come by its hour, and raises the alarm for each that has not.

step       app/cards/settling.py            step()
looks      app/cards/settlement_alarm.py    look()      <- you are here
notes      cards/settlement/missing.py      note(), arrived()

Expected is a file for each day on which a line settles (`card_lines`), so many hours after its cut-off, from the first
day of the network on, by the machine's clock, as lines are: what a sandbox makes of the time is nothing to a network.
The alarm is an event, a line in the log whose name alerts are made of, and the officers' list; it ends when the file is
taken.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta

import structlog

from app import clock, db
from app.house import House
from app.network.terms import Line
from cards.settlement import missing
from cards.settlement.missing import Missing

#: After so long without a file nobody needs a row for every day more.
DAYS_MAX = 31
_DAY = timedelta(days=1)

_log = structlog.get_logger()


async def look(house: House) -> int:
    """Note what is late and what came after all; answers how many of both there were."""
    if not house.settings.card_lines:
        return 0
    async with db.transaction(house.worker) as story:
        connection, now = await story(), clock.real()
        came = await missing.arrived(connection, now=now, at=story.now)
        found = 0
        for line in house.settings.card_lines:
            first, there = await missing.known(connection, line.network, since=now.date() - _DAY * DAYS_MAX)
            for each in late(line, first, there, now) if first else ():
                if await missing.note(connection, each, at=story.now):
                    found += 1
                    _log.error(
                        "settlement_file_missing", source=each.network, business_date=each.business_date.isoformat()
                    )
        waiting = len(await missing.waiting(connection, limit=DAYS_MAX * len(house.settings.card_lines)))
    if found or came:
        _log.info("settlement_files_missing", late=waiting, arrived=len(came))
    return found + len(came)


def late(line: Line, first: date, there: Collection[date], now: datetime) -> list[Missing]:
    """List the days from `first` on whose file should be there by `now`, but those that are `there`."""
    found = []
    day = max(first, now.date() - _DAY * (DAYS_MAX - 1))
    while (expected := line.file_expected(day)) <= now:
        if line.settles(day) and day not in there:
            found.append(
                Missing(
                    network=line.network,
                    business_date=day,
                    link=line.scope.value,
                    expected_by=expected,
                    found_at=now,
                )
            )
        day += _DAY
    return found
