"""A file as large as a large day's: a hundred thousand records are read, compared and settled while somebody waits."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from app import ids
from cards.settlement.breaks import Kind
from simulators.settlement_file import PLANTS, Line, planted
from tests.cards import made
from tests.cards.settlement.files import Network
from tests.cards.settlement.test_settling import FOUND_AS

pytestmark = [pytest.mark.asyncio, pytest.mark.nightly]

RECORDS = 100_000
PLANTED = 50
#: What it may take at most on two cores; measured it takes a quarter of that (docs/cards/disputes.md).
WITHIN_S = 60.0


def _lines(prefix: str) -> Iterator[Line]:
    for number in range(RECORDS):
        yield Line(lifecycle=f"{prefix}-{number}", element="clearing-1", amount_minor=100 + number, interchange_minor=1)


async def test_a_hundred_thousand_records_are_settled_and_every_planted_break_is_found(
    network: Network, database: str
) -> None:
    prefix = ids.new().hex
    async with made.owner(database) as owner:
        for statement in _BOOKED:
            await owner.execute(text(statement), {"network": network.name, "prefix": prefix, "records": RECORDS})
    plants = PLANTS * (PLANTED // len(PLANTS))
    written, told = planted(list(_lines(prefix)), plants, seed=1)
    path = network.put(written)
    size = path.stat().st_size

    began = time.perf_counter()
    await network.works()
    took_s = time.perf_counter() - began

    found = await network.breaks()
    assert Counter(each.kind for each in found) == Counter(FOUND_AS[plant] for plant, _ in told)
    assert sum(each.kind is Kind.MISSING_AT_US for each in found) == PLANTED // len(PLANTS)
    assert await network.states() == ["reported"]
    print(f"\n{RECORDS} records, {size / 1e6:.1f} MB: {took_s:.1f} s, {RECORDS / took_s:,.0f} records/s")  # noqa: T201  the figure
    assert took_s < WITHIN_S


# As the network told them, on nobody's card: what a holder would see of it is not what is measured.
_BOOKED = (
    """
    INSERT INTO cards.payment (lane, id, network, lifecycle, currency, merchant_name, merchant_id, merchant_category,
                               merchant_country, opened_at)
    SELECT 1, uuidv7(), :network, :prefix || '-' || number, 'KZT', 'Dostyk Books', 'M-1001', '5942', 'KZ', now()
    FROM generate_series(0, :records - 1) AS number
    """,
    """
    INSERT INTO cards.element (lane, payment, number, kind, source, amount_minor, final, at)
    SELECT 1, id, 1, 'clearing', 'clearing-1', 100 + split_part(lifecycle, '-', 2)::bigint, true, opened_at
    FROM cards.payment WHERE network = :network
    """,
    "ANALYZE cards.payment, cards.element",
)
