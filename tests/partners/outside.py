"""A bank outside, and what tests let it do: the simulator's own code, wired to the application under test in memory."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
import msgspec
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db, outbox
from app.house import House
from app.partners import inbox, placing
from simulators.bank import Bank, build
from simulators.faults import Faults
from tests.app import people
from wallet.account import Purpose

CODE = "demo-bank"


class Outside(msgspec.Struct, frozen=True):
    """The bank, its public side, and our process as it would be with that bank at the other end of its line."""

    bank: Bank
    public: httpx.AsyncClient
    house: House
    token: str

    async def pays(self, reference: str, tenge: int, **told: object) -> httpx.Response:
        """Let money come in for `reference`, and have it reported."""
        body = {"reference": reference, "amount_minor": tenge * 100, "payer": {"name": "A PAYER"}, **told}
        answer = await self.public.post("/incoming-payments", json=body)
        await self.bank.send()
        return answer

    async def works(self) -> None:
        """Let the bank decide and tell."""
        self.bank.decide()
        await self.bank.send()

    def outcomes(self) -> list[str]:
        """List what the house answered to each copy of each message, in order."""
        return [str(copy["outcome"]) for message in self.bank.books.messages() for copy in message["copies"]]


@contextlib.asynccontextmanager
async def bank(app: Litestar, folder: Path, *, code: str = CODE) -> AsyncIterator[Outside]:
    """Run a bank that is enrolled with `app`; it decides at once and does nothing by itself."""
    async with contextlib.AsyncExitStack() as open_:
        api = await open_.enter_async_context(client(app, app.state.house.settings.issuer))
        played = Bank(folder, api=api, code=code, faults=Faults(decision_s=0.0))
        open_.callback(played.books.close)
        public = await open_.enter_async_context(client(build(played, works=False), "http://127.0.0.1:9101"))
        token = await enrol(app, api, played, code)
        yield Outside(played, public, msgspec.structs.replace(app.state.house, http=public), token)


def client(app: Litestar, base_url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(cast("Any", app)), base_url=base_url)


async def enrol(app: Litestar, api: httpx.AsyncClient, played: Bank, code: str) -> str:
    body = {
        "name": "Demo Bank",
        "kind": "bank",
        "key": played.signer.public,
        "base_url": "http://127.0.0.1:9101",
        "events_url": "http://127.0.0.1:9101/events",
    }
    service = people.bearer(await people.token(app, "service"))
    answer = await api.put(f"/v1/sandbox/partners/{code}", json=body, headers=service)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def settle(house: House, rounds: int = 6) -> None:
    """Let the worker act on what is due, and the relay follow."""
    for _ in range(rounds):
        found = await inbox.step(house) + await placing.step(house)
        while await outbox.step(house):
            pass
        if not found:
            return


async def balance(
    house: House, purpose: Purpose, label: str = "", holder: UUID | None = None, *, currency: str = "KZT"
) -> int:
    """Read the posted balance of an account, in minor units; zero where there is none."""
    query = text(
        "SELECT coalesce(sum(posted), 0)::bigint FROM wallet.account WHERE purpose = :purpose AND label = :label"
        " AND holder IS NOT DISTINCT FROM CAST(:holder AS uuid) AND currency = :currency"
    )
    async with house.report.connect() as connection:
        found = await connection.scalar(
            query, {"purpose": purpose, "label": label, "holder": holder, "currency": currency}
        )
    return int(found or 0)


async def rows(house: House, query: str, **values: object) -> list[Any]:
    """Read rows as the reporting role does."""
    async with house.report.connect() as connection:
        return list((await connection.execute(text(query), values)).all())


async def hurry(house: House) -> None:
    """Let everything that waits between us and partners be due now."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        for table in ("app.inbox", "app.delivery", "invest.placement"):
            await connection.execute(
                text(f"UPDATE {table} SET due_at = now(), leased_until = NULL WHERE due_at IS NOT NULL")  # noqa: S608  literals above
            )


async def waiting(blocker: AsyncConnection) -> int:
    """Give the backend that waits for `blocker`, once there is one."""
    query = text("SELECT pid FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
    while True:
        await blocker.execute(text("SELECT pg_stat_clear_snapshot()"))
        if (found := await blocker.scalar(query)) is not None:
            return int(found)


async def dripping() -> AsyncIterator[bytes]:
    """Give an answer that begins and never ends."""
    yield b"["
    await asyncio.Event().wait()


def base64url(text_: str) -> bytes:
    """Read unpadded base64url."""
    return base64.urlsafe_b64decode(text_ + "=" * (-len(text_) % 4))
