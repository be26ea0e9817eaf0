"""What one request costs this process: the stack around a handler, and being let in, in microseconds of CPU.

CPU time, not the clock's, taken in short rounds by turns with the peers: the least of them, since whatever else the
machine does only adds. Being let in is an echo with a token and a proof less the same echo without: the token believed,
the proof verified, the nonce, the quota, the session and the once-only id asked of PostgreSQL (our side of it).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

import msgspec
from litestar import Litestar, get, post
from litestar.params import JSONBody

from app.auth import jose
from app.auth.scopes import PUBLIC
from app.http.mobile.transfers import SendMoney
from bench.caller import Caller
from bench.row import Goal, Row, row
from simulators.phone import Phone

#: Rounds, and requests in each: a round is shorter than what usually disturbs one.
TURNS = 60
TURN = 50

Act = Callable[[], Awaitable[object]]


class Spent(NamedTuple):
    """What one of each takes: a bare echo, ours, ours let in, both as many at once, and the signature check in it."""

    bare: float
    echo: float
    alone: float
    echo_together: float
    together: float
    verify: float


def add_echoes(app: Litestar) -> None:
    """Give the application the routes that are measured, or that others are measured against."""
    for echo in (_open, _let_in, _echo):
        app.register(echo)


async def measured(app: Litestar, phone: Phone) -> list[Row]:
    """Measure them with a phone that is signed in."""
    spent = await _spent(Caller(app, phone.base_url), phone)
    verify = ("its ES256 check", spent.verify)
    together = spent.together - spent.echo_together
    return [
        row("echo", spent.echo, "µs of CPU", peer=("bare Litestar", spent.bare), goal=Goal(ratio_max=4)),
        row("let in, alone", spent.alone - spent.echo, "µs of CPU", peer=verify),
        row(f"let in, {TURN} at once", together, "µs of CPU", peer=verify, goal=Goal(value_max=120)),
    ]


async def _spent(ours: Caller, phone: Phone) -> Spent:
    bare = Caller(Litestar([_open], openapi_config=None), phone.base_url)
    proof = jose.split(phone.device.proof("GET", phone.base_url))
    key = jose.key_of(msgspec.convert(phone.device.jwk, jose.Jwk))

    async def verify() -> None:
        key.verify(proof.signature, proof.signed)

    found = []
    for _ in range(TURNS):
        sent = _headers(phone)

        async def let_in(sent: Iterator[dict[str, str]] = sent) -> None:
            await ours("GET", LET_IN, next(sent))

        async def echo() -> None:
            await ours("GET", _OPEN)

        async def peer() -> None:
            await bare("GET", _OPEN)

        acts = [(peer, 1), (echo, 1), (let_in, 1), (echo, TURN), (let_in, TURN), (verify, 1)]
        found.append([await _cpu_us(act, at_once) for act, at_once in acts])
    return Spent(*(min(rounds) for rounds in zip(*found, strict=True)))


async def _cpu_us(act: Act, at_once: int) -> float:
    async def again() -> None:
        for _ in range(TURN // at_once):
            await act()

    started = time.process_time()
    await asyncio.gather(*(again() for _ in range(at_once)))
    return (time.process_time() - started) / TURN * 1_000_000


def _headers(phone: Phone) -> Iterator[dict[str, str]]:
    """Make what a round sends beforehand: the client's signature is not our cost."""
    assert phone.tokens is not None
    token, url = phone.tokens.access, phone.base_url + LET_IN
    proofs = [phone.device.proof("GET", url, token=token, nonce=phone.nonce) for _ in range(2 * TURN)]
    return iter([{"Authorization": f"DPoP {token}", "DPoP": proof} for proof in proofs])


_OPEN, LET_IN, ECHO = "/bench/open", "/bench/let-in", "/bench/echo"


@get(_OPEN, opt={"scope": PUBLIC}, sync_to_thread=False)
def _open() -> dict[str, str]:
    return {"status": "ok"}


@get(LET_IN, opt={"scope": "me:read"}, sync_to_thread=False)
def _let_in() -> dict[str, str]:
    return {"status": "ok"}


@post(ECHO, opt={"scope": "me:read"}, status_code=200)
async def _echo(data: JSONBody[SendMoney]) -> SendMoney:
    """Answer what was sent, read as strictly as where it means something."""
    return data
