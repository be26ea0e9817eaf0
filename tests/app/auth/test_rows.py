"""Row-level security of sign-in: without a holder, or with another, there is nothing to see."""

import uuid

import pytest
from litestar import Litestar
from sqlalchemy import text

from app import clock, db
from app.auth import code
from app.auth.operations import OPERATIONS
from app.http import ids
from app.settings import Settings
from tests.app.auth.people import house_of, registered, story_of

pytestmark = pytest.mark.asyncio

TABLES = {
    "subject": "id",
    "passkey": "subject",
    "session": "subject",
    "refresh": "subject",
    "pre_authorized_code": "subject",
    "step_up": "subject",
    "contact": "subject",
    "verification": "subject",
}


async def test_another_residents_sign_in_is_out_of_sight(app: Litestar, settings: Settings) -> None:
    house = house_of(app)
    async with registered(app, settings) as mine:
        shown = dict.fromkeys(OPERATIONS["invest.confirm"].shows, "x")
        await mine.post("/v1/auth/step-ups", {"operation": "invest.confirm", "shown": shown})
        await mine.post("/v1/me/contacts", {"kind": "email", "value": "rows@example.com"})
        assert mine.tokens is not None
        me = ids.parse("resident", mine.tokens.subject)
        async with story_of(house) as story:
            await code.issue_code(await story(), me, ["e_resident_sd_jwt"], now=clock.real())

    for holder, audience, seen in (
        (me, "resident", True),
        (None, "resident", False),
        (None, "public", False),
        (None, "", False),
        (uuid.uuid4(), "resident", False),
    ):
        async with db.transaction(house.api, holder=holder, audience=audience) as story:
            for table, column in TABLES.items():
                query = text(f"SELECT count(*) FROM app.{table} WHERE {column} = :me")  # noqa: S608  names of the table above
                assert bool(await (await story()).scalar(query, {"me": me})) is seen, (table, holder, audience)
