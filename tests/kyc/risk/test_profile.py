"""When somebody is verified again: terms by band, over month ends, never later than the document; and who reads it."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import db
from kyc.risk import profile
from kyc.risk.band import TERMS, Band
from law import calendar
from tests.conftest import Engines
from tests.kyc.risk.known import AT

_FAR = date(2099, 1, 1)


@pytest.mark.parametrize(
    ("band", "verified_on", "expires", "on", "why"),
    [
        (Band.HIGH, date(2026, 11, 22), _FAR, date(2027, 11, 22), "period"),
        (Band.MEDIUM, date(2026, 11, 22), _FAR, date(2028, 11, 22), "period"),
        (Band.LOW, date(2026, 11, 22), _FAR, date(2029, 11, 22), "period"),
        # 29 February is the 28th in a year that has none, and is itself in one that has.
        (Band.HIGH, date(2028, 2, 29), _FAR, date(2029, 2, 28), "period"),
        (Band.LOW, date(2028, 2, 29), _FAR, date(2031, 2, 28), "period"),
        (Band.HIGH, date(2026, 8, 31), _FAR, date(2027, 8, 31), "period"),
        # A document is asked for thirty days before it ends, and at once where that is over.
        (Band.LOW, date(2026, 11, 22), date(2027, 3, 1), date(2027, 1, 30), "document_expires"),
        (Band.LOW, date(2026, 11, 22), date(2026, 12, 1), date(2026, 11, 22), "document_expires"),
        (Band.HIGH, date(2026, 11, 22), date(2027, 12, 22), date(2027, 11, 22), "period"),
        (Band.HIGH, date(2026, 11, 22), date(2027, 12, 21), date(2027, 11, 21), "document_expires"),
    ],
)
def test_the_day_of_the_next_verification(band: Band, verified_on: date, expires: date, on: date, why: str) -> None:
    assert profile.next_review(band, verified_on, expires) == (on, why)


@settings(max_examples=50, deadline=None)
@given(st.dates(date(2026, 4, 25), date(2060, 12, 31)), st.dates(date(2026, 5, 1), date(2099, 12, 31)))
def test_riskier_is_never_later_and_nobody_later_than_document_or_term(verified_on: date, expires: date) -> None:
    found = [profile.next_review(band, verified_on, expires)[0] for band in (Band.LOW, Band.MEDIUM, Band.HIGH)]

    assert found == sorted(found, reverse=True)
    for on, band in zip(found, (Band.LOW, Band.MEDIUM, Band.HIGH), strict=True):
        assert verified_on <= on
        assert on <= calendar.add_months(verified_on, TERMS.value(f"risk.review.{band}", verified_on))
        assert on <= max(verified_on, expires - timedelta(days=30))


@pytest.mark.asyncio
async def test_whoever_learns_something_says_so_and_the_earliest_counts(engines: Engines) -> None:
    resident = uuid4()
    for why, days in (("first", 2), ("sooner", 1), ("later", 3)):
        async with db.transaction(engines.api, holder=resident, audience="resident") as story:
            await profile.falls_due(await story(), resident, why, AT + timedelta(days=days))
            assert await profile.read(await story(), resident) is None, "its dates would tell the band"

    async with db.transaction(engines.worker) as story:
        connection = await story()
        assert await profile.due(connection, at=AT, limit=9) == []
        assert await profile.due(connection, at=AT + timedelta(days=1), limit=9) == [profile.Due(resident, "sooner")]
        await profile.judged(connection, resident, again_at=None)
        assert await profile.due(connection, at=AT + timedelta(days=9), limit=9) == []


@pytest.mark.asyncio
async def test_who_is_asked_reads_it_and_nobody_else(engines: Engines) -> None:
    resident = uuid4()
    async with db.transaction(engines.worker) as story:
        asked = await profile.ask(await story(), resident, new=uuid4(), at=AT, actor="service:risk")

    assert asked.until == date(2026, 12, 22)
    for holder, seen in ((resident, asked), (uuid4(), None)):
        async with db.transaction(engines.api, holder=holder, audience="resident") as story:
            assert await profile.open_review(await story(), resident) == seen
    async with db.transaction(engines.worker) as story:
        await profile.done(await story(), asked, at=AT + timedelta(days=1), actor="service:risk")
        assert await profile.open_review(await story(), resident) is None
