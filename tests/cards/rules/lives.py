"""Builders for tests of rules: officers, and rules they draft, try and bring into force."""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app import db, ids
from cards.rules import rule
from cards.rules.rule import RuleBody, State, Version
from tests.cards.made import AT

ANN, BOB = (f"officer:{UUID(int=number)}" for number in (1, 2))

#: Applies to purchases of more than 100 tenge.
DEAR: dict[str, Any] = {"on": "number", "feature": "amount_minor", "is": "more", "to": 100_00}


def body(*conditions: dict[str, Any], do: str = "decline", **more: object) -> RuleBody:
    """Say that something is done where all `conditions` hold."""
    return msgspec.convert(
        {"when": [{"any_of": [each]} for each in conditions or (DEAR,)], "then": {"do": do, **more}}, RuleBody
    )


async def drafted(api: AsyncEngine, said: RuleBody | None = None, *, of: UUID | None = None) -> Version:
    """Let Ann draft a rule of its own name, or another version `of` one."""
    async with db.transaction(api, audience="officer") as story:
        connection, made, wanted = await story(), ids.new(), said or body()
        if of is not None:
            return await rule.redraft(connection, of, version=made, body=wanted, actor=ANN, at=AT)
        name = f"rule_{made.hex[-20:]}"
        return await rule.draft(connection, rule=ids.new(), version=made, name=name, body=wanted, actor=ANN, at=AT)


async def moved(api: AsyncEngine, version: Version, *states: State, by: str = BOB) -> Version:
    """Let an officer, by default Bob, take a version through `states`."""
    async with db.transaction(api, audience="officer") as story:
        connection = await story()
        for state in states:
            version = await rule.move(connection, version.id, state, actor=by, at=AT)
    return version


async def active(api: AsyncEngine, said: RuleBody | None = None, *, of: UUID | None = None) -> Version:
    """Bring a rule into force."""
    return await moved(api, await drafted(api, said, of=of), State.SHADOW, State.ACTIVE)


async def told(report: AsyncEngine, aggregate: UUID) -> list[str]:
    """List the kinds of what happened to a rule."""
    async with report.connect() as connection:
        return list(await connection.scalars(_TOLD, {"aggregate": aggregate}))


_TOLD = text("SELECT kind FROM cards.event WHERE aggregate = :aggregate ORDER BY version")
