"""A settlement file that does not come: the alarm is raised once a day and network, by its hour, and ends with it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text
from structlog.testing import capture_logs

from app import clock, db, ids, seed
from app.cards import settlement_alarm
from app.house import House
from app.network.terms import Line, Scope
from tests.app import people
from tests.app.cards.test_cards import forward
from tests.app.network import lines
from tests.app.people import bearer

pytestmark = pytest.mark.asyncio

#: 18:00 in Kazakhstan, and twelve hours.
EXPECTED = timedelta(hours=13 + 12)
FRIDAY = date(2026, 11, 20)


def at(day: date, after: timedelta) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + after


@pytest.mark.parametrize(
    ("working", "now", "days"),
    [
        (True, at(FRIDAY, EXPECTED - timedelta(seconds=1)), []),
        (True, at(FRIDAY, EXPECTED), [FRIDAY]),
        (True, at(FRIDAY + timedelta(days=2), EXPECTED), [FRIDAY]),
        (True, at(FRIDAY + timedelta(days=3), EXPECTED), [FRIDAY, FRIDAY + timedelta(days=3)]),
        (False, at(FRIDAY + timedelta(days=2), EXPECTED), [FRIDAY + timedelta(days=each) for each in range(3)]),
    ],
)
async def test_a_file_is_late_by_its_hour_and_not_before(*, working: bool, now: datetime, days: Sequence[date]) -> None:
    line = Line(network="net", scope=Scope.DOMESTIC, port=0, working=working)

    late = settlement_alarm.late(line, FRIDAY, (), now)

    assert [each.business_date for each in late] == list(days)
    assert all(each.expected_by <= now for each in late)


async def test_a_network_that_was_silent_for_long_is_not_told_of_for_ever() -> None:
    line = Line(network="net", scope=Scope.DOMESTIC, port=0, working=False)

    late = settlement_alarm.late(line, FRIDAY - timedelta(days=900), (), at(FRIDAY, EXPECTED))

    assert len(late) == settlement_alarm.DAYS_MAX - 1


async def test_a_file_that_came_says_nothing_of_the_days_before_it() -> None:
    line, days = Line(network="net", scope=Scope.DOMESTIC, port=0, working=False), timedelta(days=1)

    late = settlement_alarm.late(line, FRIDAY, (FRIDAY, FRIDAY + 3 * days), at(FRIDAY + 3 * days, EXPECTED))

    assert [each.business_date for each in late] == [FRIDAY + days, FRIDAY + 2 * days]


async def test_a_day_is_over_by_the_clock_of_the_machine(house: House) -> None:
    network = f"net-{ids.new().hex[-12:]}"
    line = Line(network=network, scope=Scope.DOMESTIC, port=0, working=False)
    lined = msgspec.structs.replace(house, settings=msgspec.structs.replace(house.settings, card_lines=(line,)))
    async with db.transaction(house.worker) as story:
        await taken(await story(), network, clock.real().date(), 1)

    await forward(house, timedelta(days=9))
    try:
        assert await settlement_alarm.look(lined) == 0
    finally:
        await forward(house, -timedelta(days=9))


async def test_the_alarm_is_raised_once_shown_and_over_when_the_file_comes(
    app: Litestar, client: httpx.AsyncClient, house: House, tmp_path: Path
) -> None:
    network = f"net-{ids.new().hex[-12:]}"
    line = Line(network=network, scope=Scope.DOMESTIC, port=0, working=False)
    lined = msgspec.structs.replace(house, settings=msgspec.structs.replace(house.settings, card_lines=(line,)))
    today = clock.real().date()
    async with db.transaction(house.worker) as story:
        await taken(await story(), network, today - timedelta(days=4), 1)

    with capture_logs() as logs:
        first, again = await settlement_alarm.look(lined), await settlement_alarm.look(lined)
    officer = await people.token(app, "officer", of=seed.OFFICERS[0])
    missed = await listed(client, officer, network)
    seen = [await metered(house, line, tmp_path)]
    async with db.transaction(house.worker) as story:
        for number, day in enumerate(missed, 2):
            await taken(await story(), network, date.fromisoformat(day["business_date"]), number)
    over = await settlement_alarm.look(lined)
    seen.append(await metered(house, line, tmp_path))

    assert first in {2, 3}, "yesterday's is expected by this morning, or was"
    assert (again, over) == (0, first)
    assert [each["business_date"] for each in missed] == [f"{today - timedelta(days=3 - day)}" for day in range(first)]
    assert len([each for each in logs if each["event"] == "settlement_file_missing"]) == first
    assert await listed(client, officer, network) == []
    assert seen == [first, 0]
    async with house.report.connect() as connection:
        kinds = text("SELECT kind FROM cards.event WHERE body ->> 'network' = :network ORDER BY seq")
        told = list(await connection.scalars(kinds, {"network": network}))
    assert told == ["settlement.file_missing"] * first + ["settlement.file_arrived"] * first


async def listed(client: httpx.AsyncClient, token: str, network: str) -> list[Any]:
    answer = await client.get("/v1/officer/settlement/missing-files", headers=bearer(token))
    assert answer.status_code == 200, answer.text
    return [each for each in answer.json()["files"] if each["network"] == network]


async def taken(connection: Any, network: str, day: date, sequence: int) -> None:  # noqa: ANN401  a connection
    """Have a file of a day be there."""
    query = text(
        """
        INSERT INTO cards.settlement_file (id, network, link, sequence, business_date, cutoff_at, settles_on, currency,
            sha256, records, debits_minor, credits_minor, interchange_minor, fees_minor, net_minor, taken_at, state,
            settled_at)
        VALUES (:id, :network, 'domestic', :sequence, :day, now(), :day, 'KZT', :sha256, 0, 0, 0, 0, 0, 0, now(),
            'reported', now())
        """
    )
    made = ids.new()
    given = {"id": made, "network": network, "sequence": sequence, "day": day, "sha256": made.bytes * 2}
    await connection.execute(query, given)


async def metered(house: House, line: Line, folder: Path) -> int:
    """Read what the process of a line tells Prometheus of its missing files."""
    async with lines.opened(house, folder, line) as opened:
        await opened.learn()
        told = opened.meters.text().splitlines()
    name = f'eresidency_link_settlement_files_missing{{network="{line.network}"}}'
    [level] = [each.removeprefix(name) for each in told if each.startswith(name)]
    return int(level)
