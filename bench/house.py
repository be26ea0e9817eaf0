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
from litestar import Litestar
from sqlalchemy import text

from app import clock, db, ids, log, main, seed, sending
from app.auth import passkey, stepup
from app.auth.principal import Principal
from app.house import House
from app.http import ids as public_ids
from app.money import FIRST_LANE, claim, plainly
from app.sending import Payment
from bench import entrance, pgbench
from bench.caller import Caller
from bench.ground import Ground
from bench.row import Goal, Row, per_second, row
from law.money import KZT, Money
from simulators.phone import Phone
from wallet import account
from wallet.account import Purpose
from wallet.transfer import AccountId, Post, TransferId

TIMES = 300
ROUNDS = 5
AT_ONCE = 50

_TENGE = Money(100, KZT)


async def rows(ground: Ground) -> list[Row]:
    """Measure the stack bare, with sign-in, and with a transfer through it."""
    # The quota of one caller is part of the stack, but must not end a measurement.
    settings = msgspec.structs.replace(ground.settings, requests_per_minute=10**9)
    # The access log is written, to where it costs what it costs and shows nothing.
    with contextlib.redirect_stdout(io.StringIO()):
        log.configure()
        app = main.build(settings)
        entrance.add_echoes(app)
        async with app.lifespan():
            return await _measured(app, ground)


async def _measured(app: Litestar, ground: Ground) -> list[Row]:
    caller = Caller(app, ground.settings.issuer)
    house: House = app.state.house
    async with _phone(app, ground) as phone:
        payee = await funded(house, phone)
        let_in = await entrance.measured(app, phone)
        await phone.refresh()
        signed = _signed(phone, caller, "GET", "/v1/me")
        me = await per_second(lambda: caller("GET", "/v1/me", next(signed)), times=TIMES, rounds=ROUNDS)
        read = await per_second(lambda: _select(house), times=TIMES, rounds=ROUNDS)
        sent = await _confirmed(house, phone, caller, payee)

        async def send() -> None:
            await caller("POST", "/v1/transfers", *next(sent))

        alone = await per_second(send, times=TIMES, rounds=ROUNDS)
        sent = await _confirmed(house, phone, caller, payee)
        together = await per_second(send, times=TIMES, rounds=ROUNDS, at_once=AT_ONCE)
    pgbench.prepare(ground, 2_000)
    statements = pgbench.statements(ground, 2_000, hot=False)
    commit = await _commits(ground)
    return [
        *let_in,
        row("signed-in read", me, "1/s", peer=("SELECT 1 as the API's role", read), goal=Goal(ratio_min=0.2)),
        # What a transfer must reach is said in bench/http.py; here is what it spends without sockets.
        row("transfers, one at a time", alone, "1/s", peer=("one INSERT, one COMMIT", commit)),
        row(
            f"transfers, {AT_ONCE} at once",
            together,
            "1/s",
            peer=("pgbench, 4 statements, no sign-in", statements),
        ),
    ]


@contextlib.asynccontextmanager
async def _phone(app: Litestar, ground: Ground) -> AsyncIterator[Phone]:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # Litestar's own names for the same ASGI messages
    async with Phone(ground.settings.issuer, transport=transport) as phone:
        await phone.register()
        yield phone


def _signed(phone: Phone, caller: Caller, method: str, path: str) -> Iterator[dict[str, str]]:
    """Make the headers of one request after the other, as each is sent: a proof lives a minute, a nonce a few.

    So the client's signature, some 40 µs, is part of what is measured here; in bench/entrance.py it is not.
    """
    assert phone.tokens is not None
    token = phone.tokens.access
    while True:
        nonce = caller.nonce or phone.nonce
        proof = phone.device.proof(method, phone.base_url + path, token=token, nonce=nonce)
        yield {"Authorization": f"DPoP {token}", "DPoP": proof, "Content-Type": "application/json"}


async def _confirmed(house: House, phone: Phone, caller: Caller, payee: str) -> Iterator[tuple[dict[str, str], bytes]]:
    """Make as many transfers as will be measured, confirmed beforehand: the finger is not our cost, the check is."""
    await phone.refresh()
    assert phone.tokens is not None
    assert phone.passkey is not None
    claims = house.door.reader.read(phone.tokens.access, clock.real())
    me = Principal("resident", claims.sub, frozenset(), "", session=claims.sid)
    made = []
    async with db.transaction(house.api, holder=me.subject, audience=me.role) as story:
        for _ in range(TIMES * (ROUNDS + 1)):
            key = str(uuid.uuid4())
            shown = sending.shown(sending.ONE, [Payment(AccountId(public_ids.parse("wallet", payee)), _TENGE)], key)
            begun = await stepup.begin(await story(), me, sending.ONE, shown, clock.real())
            phone.passkey.uses = -1  # as those that are synced, it does not count: many requests overtake each other
            options = msgspec.to_builtins(passkey.request_options(house.settings, begun.challenge))
            step_up = {"id": public_ids.show("step_up", begun.id), "credential": phone.sign(options)}
            body = {"to": payee, "amount": {"amount_minor": 100, "currency": "KZT"}, "step_up": step_up}
            made.append(({"Idempotency-Key": key}, msgspec.json.encode(body)))
    signed = _signed(phone, caller, "POST", "/v1/transfers")
    return ((next(signed) | key, body) for key, body in made)


async def funded(house: House, phone: Phone) -> str:
    """Open a wallet with money for the phone's owner; the public id of an e-resident's, who is paid, is returned."""
    assert phone.tokens is not None
    holder = public_ids.parse("resident", phone.tokens.subject)
    async with db.transaction(house.api, holder=holder, audience="resident") as story:
        payer = await account.open_wallet(
            await story(), holder=holder, account=ids.new(), lane=FIRST_LANE, actor="system:bench", at=story.now
        )
    source = await house.money.operator(Purpose.BANK, label="bench")
    funds = Post(id=TransferId(ids.new()), debit=source, credit=payer, money=Money(10**12, KZT), code="bench")
    await house.money.move([funds], lanes=[FIRST_LANE], claim=claim("bench", str(ids.new()), None), render=plainly)
    [payee] = await seed.residents(house, 1)
    return public_ids.show("wallet", payee.wallet)


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
