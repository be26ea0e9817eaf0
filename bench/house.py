"""What the house costs: the stack around a handler, the sign-in of a request, a transfer by one request.

In process, so the figures are what one core spends; sockets would come on top for us and for the peers.
"""

import contextlib
import io
import uuid
from collections.abc import AsyncIterator, Iterator

import httpx
import msgspec
import psycopg
from litestar import Litestar, get
from sqlalchemy import text

from app import db, ids, main
from app.house import House
from app.http import ids as public_ids
from app.money import FIRST_LANE, claim, plainly
from bench import pgbench
from bench.caller import Caller
from bench.ground import Ground
from bench.row import Goal, Row, per_second, row
from law.money import KZT, Money
from simulators.phone import Phone
from wallet import account
from wallet.account import Purpose
from wallet.transfer import Post, TransferId

TIMES = 300
ROUNDS = 5
AT_ONCE = 50


async def rows(ground: Ground) -> list[Row]:
    """Measure the stack bare, with sign-in, and with a transfer through it."""
    # The quota of one caller is part of the stack, but must not end a measurement.
    settings = msgspec.structs.replace(ground.settings, requests_per_minute=10**9)
    # The access log is written, to where it costs what it costs and shows nothing.
    with contextlib.redirect_stdout(io.StringIO()):
        app = main.build(settings)
        async with app.lifespan():
            return await _measured(app, ground)


async def _measured(app: Litestar, ground: Ground) -> list[Row]:
    caller = Caller(app, ground.settings.issuer)
    bare = Caller(Litestar([_echo], openapi_config=None), ground.settings.issuer)
    house: House = app.state.house
    async with _phone(app, ground) as phone:
        payee = await _funded(house, phone)
        echo = await per_second(lambda: caller("GET", "/health/live"), times=TIMES, rounds=ROUNDS)
        peer = await per_second(lambda: bare("GET", "/echo"), times=TIMES, rounds=ROUNDS)
        signed = _signed(phone, "GET", "/v1/me")
        me = await per_second(lambda: caller("GET", "/v1/me", next(signed)), times=TIMES, rounds=ROUNDS)
        read = await per_second(lambda: _select(house), times=TIMES, rounds=ROUNDS)
        sent = _signed(phone, "POST", "/v1/transfers")
        body = msgspec.json.encode({"to": payee, "amount": {"amount_minor": 100, "currency": "KZT"}})

        async def send() -> None:
            await caller("POST", "/v1/transfers", next(sent) | {"Idempotency-Key": str(uuid.uuid4())}, body)

        alone = await per_second(send, times=TIMES, rounds=ROUNDS)
        sent = _signed(phone, "POST", "/v1/transfers")
        together = await per_second(send, times=TIMES, rounds=ROUNDS, at_once=AT_ONCE)
    pgbench.prepare(ground, 2_000)
    statements = pgbench.statements(ground, 2_000, hot=False)
    commit = await _commits(ground)
    return [
        row("echo", echo, "1/s", peer=("bare Litestar", peer), goal=Goal(ratio_min=0.3)),
        row("signed-in read", me, "1/s", peer=("SELECT 1 as the API's role", read), goal=Goal(ratio_min=0.2)),
        row(
            "transfers, one at a time", alone, "1/s", peer=("one INSERT, one COMMIT", commit), goal=Goal(ratio_min=0.1)
        ),
        row(
            f"transfers, {AT_ONCE} at once",
            together,
            "1/s",
            peer=("pgbench, 4 statements, no sign-in", statements),
            goal=Goal(ratio_min=0.3),
        ),
    ]


@get("/echo", sync_to_thread=False)
def _echo() -> dict[str, str]:
    return {"status": "ok"}


@contextlib.asynccontextmanager
async def _phone(app: Litestar, ground: Ground) -> AsyncIterator[Phone]:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # Litestar's own names for the same ASGI messages
    async with Phone(ground.settings.issuer, transport=transport) as phone:
        await phone.register()
        yield phone


def _signed(phone: Phone, method: str, path: str) -> Iterator[dict[str, str]]:
    """Make the headers of as many requests as will be measured, beforehand: the client's signature is not our cost."""
    assert phone.tokens is not None
    token = phone.tokens.access
    made = [
        {
            "Authorization": f"DPoP {token}",
            "DPoP": phone.device.proof(method, phone.base_url + path, token=token),
            "Content-Type": "application/json",
        }
        for _ in range(TIMES * (ROUNDS + 1))
    ]
    return iter(made)


async def _funded(house: House, phone: Phone) -> str:
    """Open a wallet with money for the phone's owner, and one for somebody else, whose public id is returned."""
    assert phone.tokens is not None
    opened = []
    for holder in (public_ids.parse("resident", phone.tokens.subject), ids.new()):
        async with db.transaction(house.api, holder=holder, audience="resident") as story:
            wallet = await account.open_wallet(
                await story(), holder=holder, account=ids.new(), lane=FIRST_LANE, actor="system:bench", at=story.now
            )
        opened.append(wallet)
    source = await house.money.operator(Purpose.BANK, label="bench")
    funds = Post(id=TransferId(ids.new()), debit=source, credit=opened[0], money=Money(10**12, KZT), code="bench")
    await house.money.move([funds], lanes=[FIRST_LANE], claim=claim("bench", str(ids.new()), None), render=plainly)
    return public_ids.show("wallet", opened[1])


async def _select(house: House) -> None:
    async with house.api.connect() as connection:
        await connection.execute(text("SELECT 1"))


async def _commits(ground: Ground) -> float:
    """Measure how many rows a second one connection can commit: the least a transfer must do."""
    async with await psycopg.AsyncConnection.connect(ground.address, autocommit=True) as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS public.bench_commit (id int)")

        async def commit() -> None:
            await connection.execute("INSERT INTO public.bench_commit VALUES (1)")

        return await per_second(commit, times=TIMES, rounds=ROUNDS)
