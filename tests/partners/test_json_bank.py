"""What is made of a bank that answers slowly."""

import asyncio
from uuid import UUID

import httpx
import msgspec
import pytest

from app import db
from app.partners import json_bank, registry
from tests.partners import outside
from tests.partners.outside import Outside


@pytest.mark.asyncio
async def test_a_bank_that_drips_is_not_waited_for(out: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_bank, "TIMEOUT_S", 0.05)

    async def drip(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Type": "application/json"}, content=outside.dripping())

    slow = msgspec.structs.replace(out.house, http=httpx.AsyncClient(transport=httpx.MockTransport(drip)))
    async with db.transaction(slow.worker) as story:
        bank = await registry.find(await story(), outside.CODE)

    answer = await asyncio.wait_for(json_bank.status(slow, bank, UUID(int=1)), 5)

    assert answer == json_bank.Unreachable("TimeoutError")
