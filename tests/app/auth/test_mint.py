"""Tokens for testers: of every role where the clock is virtual, of none where people are real."""

import asyncio
from types import NoneType
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from app import clock, db, ids
from app.auth import mint, stepup
from app.auth.confirmed import Confirmations, RecoveryPeriod
from app.auth.mint import Minted, NotHere, OtherRole, ScopeNotHeld
from app.auth.principal import ROLES, Principal, Role
from app.auth.scopes import SCOPES, held_by
from app.house import House
from app.settings import Environment
from tests.app.auth.people import minted, story_of

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("role", ROLES)
async def test_a_token_of_every_role(house: House, role: Role) -> None:
    given = await minted(house, role)
    claims = house.door.reader.read(given.access_token, clock.real())

    assert (claims.role, claims.sub, claims.cnf) == (role, given.subject, None)
    assert set(claims.scope.split()) == held_by(role)
    assert given.expires_in == 3600
    await house.door.gate.admit(claims.sid, None)


async def test_the_same_subject_again_is_the_same_subject(house: House) -> None:
    first = await minted(house, "resident")
    async with story_of(house) as story:
        again = await mint.mint(story, house.settings, house.door, role="resident", of=first.subject, now=clock.real())
        with pytest.raises(OtherRole):
            await mint.mint(story, house.settings, house.door, role="officer", of=first.subject, now=clock.real())

    assert again.subject == first.subject


async def test_two_who_mint_for_a_new_subject_at_once_both_get_a_token(house: House) -> None:
    newcomer = ids.new()

    async def once() -> Minted:
        async with story_of(house) as story:
            return await mint.mint(story, house.settings, house.door, role="resident", of=newcomer, now=clock.real())

    first, second = await asyncio.gather(once(), once())

    assert first.subject == second.subject == newcomer
    assert first.access_token != second.access_token


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_gets_no_scope_it_may_not_hold(house: House, role: Role) -> None:
    for scope in SCOPES.keys() - held_by(role) - {"credential:issue"}:
        with pytest.raises(ScopeNotHeld):
            await minted(house, role, asked=frozenset({scope}))


async def test_nothing_is_minted_in_production(house: House) -> None:
    real = msgspec.structs.replace(house.settings, environment=Environment.PRODUCTION)
    async with story_of(house) as story:
        with pytest.raises(NotHere):
            await mint.mint(story, real, house.door, role="resident", of=ids.new(), now=clock.real())


async def test_whoever_recovered_a_short_while_ago_waits_with_a_minted_token_too(house: House) -> None:
    given = await minted(house, "resident")
    me = Principal(role="resident", subject=given.subject, scopes=frozenset(), name="", minted=True)
    asked: dict[str, Any] = {
        "operation": "card.reveal",
        "shown": {"card": "1", "card_id": "1", "device_key": "1"},
        "confirmation": None,
    }

    async def refusals() -> list[object]:
        try:
            async with db.transaction(house.api, holder=me.subject, audience="resident") as story:
                redeemed: object = await stepup.redeem(await story(), house.settings, me, **asked)
        except RecoveryPeriod as waits:
            redeemed = waits
        waived = await stepup.proven(house.step_ups, house.settings, me, **asked)
        async with house.posting.connect() as connection:
            claimed = (await Confirmations.load(connection, [waived])).claim(waived)
        return [type(redeemed), type(claimed)]

    before = await refusals()
    async with db.transaction(house.api, holder=me.subject, audience="service") as story:
        limited = text("UPDATE app.subject SET limited_until = now() + interval '1 hour' WHERE id = :me")
        await (await story()).execute(limited, {"me": me.subject})

    assert before == [NoneType, NoneType]
    assert await refusals() == [RecoveryPeriod, RecoveryPeriod]
