"""Seeded residents: the same people in every installation, and people like any other in it."""

from pathlib import Path

import pytest
from litestar import Litestar
from sqlalchemy import text

from app import clock, house, ids, seed
from app.settings import Environment, Settings
from tests import postgres
from tests.app import people

pytestmark = pytest.mark.asyncio


async def _installed(url: str, keys: Path) -> list[tuple[object, ...]]:
    """Seed a new installation and read what a number made there."""
    settings = Settings(
        environment=Environment.TEST, database_url=url, role_password=postgres.role_password(url), keys=keys
    )
    async with house.opened(settings) as opened:
        seeded = await seed.residents(opened, 2, start=7)
        async with opened.report.connect() as db:
            documents = await db.execute(
                text("SELECT resident, id, expires, issuer FROM kyc.document ORDER BY resident")
            )
            return [(one.number, one.subject, one.wallet) for one in seeded] + [tuple(row) for row in documents]


async def test_a_number_is_the_same_person_in_every_installation(server: str, template: str, tmp_path: Path) -> None:
    with postgres.copied(server, template) as first, postgres.copied(server, template) as second:
        here = await _installed(first, tmp_path / "first")
        there = await _installed(second, tmp_path / "second")

    assert here == there
    assert len({str(each) for each in here}) == 4


async def test_what_a_seeded_resident_has_is_older_than_anything_made_later(app: Litestar) -> None:
    [one] = await people.residents(app, 1)

    async with app.state.house.report.connect() as db:
        scanned = await db.scalar(text("SELECT id FROM kyc.document WHERE resident = :one"), {"one": one.subject})

    assert {one.wallet.version, scanned.version} == {7}
    assert max(one.wallet, scanned) < ids.new()
    expires = seed.person(7).expires
    assert expires is not None
    assert expires > clock.real().date()
