"""A request that moves money, over a socket with all that a real one carries, against an echo let in the same way.

The echo is of the same body under the same token: read strictly, and written back.

Three kinds of callers: with a minted token, for which the confirmation is waived (as for whoever tests from outside);
with a token bound to the phone's key (DPoP, nonce) whose every transfer a passkey confirmed; and bulks of a hundred.
The client makes its requests beforehand and shares the machine's cores with the workers and PostgreSQL.
"""

import asyncio
import contextlib
import itertools
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec

from app import clock, db, seed, sending
from app import house as house_
from app.auth import passkey, stepup
from app.auth.principal import Principal
from app.house import House
from app.http import ids as public_ids
from app.sending import Payment
from app.settings import Settings
from bench import house as bench_house
from bench import pgbench, serving
from bench.entrance import ECHO, LET_IN
from bench.ground import Ground
from bench.row import Goal, Rounds, Row
from law.money import KZT, Money
from simulators.phone import Phone
from wallet.transfer import AccountId

AT_ONCE = 64
SECONDS = 4.0
ROUNDS = 3
RESIDENTS = 16
BULK = 100
BULKS_AT_ONCE = 4
CONFIRMED = 1_000  # in a round: each is a signature of the client, made beforehand

_TENGE = Money(1_00, KZT)
_STATEMENTS = "pgbench, 4 statements"


async def rows(ground: Ground) -> list[Row]:
    """Measure echoes and transfers by one worker and by two."""
    settings = msgspec.structs.replace(ground.settings, requests_per_minute=10**9)
    pgbench.prepare(ground, 2_000)
    rounds = Rounds()
    async with _workers(settings) as sockets, house_.opened(settings) as house:
        people = await seed.residents(house, RESIDENTS)
        minted = _Minted(settings, [each.access_token for each in people], [each.wallet for each in people])
        async with _phone(settings, sockets[0]) as phone:
            payee = await bench_house.funded(house, phone)
            for _ in range(ROUNDS):
                rounds.add(_STATEMENTS, await asyncio.to_thread(pgbench.statements, ground, 2_000, hot=False))
                await _by_token(rounds, sockets, minted)
                await _by_passkey(rounds, sockets[:1], house, phone, payee)
    return [
        rounds.row("transfer, minted token", "echo, minted token", goal=Goal(ratio_min=0.75)),
        rounds.row("transfer, confirmed by passkey", "echo, token with proof", goal=Goal(ratio_min=0.75)),
        rounds.row("transfer, 2 workers", _STATEMENTS, goal=Goal(ratio_min=0.5)),
        rounds.row("transfer, 2 workers", "echo, 2 workers"),
        rounds.row(f"transfers in bulks of {BULK}", _STATEMENTS, goal=Goal(ratio_min=2.5)),
    ]


async def _by_token(rounds: Rounds, sockets: list[Path], minted: "_Minted") -> None:
    async def measured(name: str, to: list[Path], requests: Iterator[bytes], times: int = AT_ONCE) -> float:
        found = await serving.per_second(to, requests, at_once=times, seconds=SECONDS)
        rounds.add(name, found)
        return found

    await measured("echo, minted token", sockets[:1], minted.echoes())
    await measured("transfer, minted token", sockets[:1], minted.transfers())
    await measured("echo, 2 workers", sockets, minted.echoes())
    await measured("transfer, 2 workers", sockets, minted.transfers())
    bulks = await serving.per_second(sockets[:1], minted.bulks(), at_once=BULKS_AT_ONCE, seconds=SECONDS)
    rounds.add(f"transfers in bulks of {BULK}", bulks * BULK)


async def _by_passkey(rounds: Rounds, sockets: list[Path], house: House, phone: Phone, payee: str) -> None:
    """Measure what a phone sends: as many echoes as transfers."""
    await phone.refresh()
    proven = _Proven(phone, await _nonce(phone, sockets[0]))
    confirmed = await _confirmed(house, phone, payee)
    for name, path in (("echo, token with proof", ECHO), ("transfer, confirmed by passkey", "/v1/transfers")):
        requests = [proven.post(path, key, body) for key, body in confirmed]
        rounds.add(name, await serving.per_second(sockets, iter(requests), at_once=AT_ONCE, seconds=60))


class _Minted:
    """Requests of many residents by tokens that are bound to no key."""

    def __init__(self, settings: Settings, tokens: list[str], wallets: list[uuid.UUID]) -> None:
        self._host = urlsplit(settings.issuer).netloc
        self._tokens = itertools.cycle(tokens)
        self._wallets = itertools.cycle([public_ids.show("wallet", each) for each in wallets[1:] + wallets[:1]])

    def echoes(self) -> Iterator[bytes]:
        """Hear back what a transfer says."""
        while True:
            yield self._post(ECHO, self._transfer())

    def transfers(self) -> Iterator[bytes]:
        """Send one transfer each, everybody to the next."""
        while True:
            yield self._post("/v1/transfers", self._transfer())

    def bulks(self) -> Iterator[bytes]:
        """Send a hundred to the same one."""
        while True:
            yield self._post("/v1/transfers/bulk", {"transfers": [self._transfer()] * BULK})

    def _transfer(self) -> dict[str, object]:
        return {"to": next(self._wallets), "amount": {"amount_minor": _TENGE.minor, "currency": "KZT"}}

    def _post(self, path: str, body: object) -> bytes:
        headers = {
            "Authorization": f"Bearer {next(self._tokens)}",
            "Idempotency-Key": str(uuid.uuid4()),
            "Content-Type": "application/json",
        }
        return serving.request("POST", path, self._host, headers, msgspec.json.encode(body))


class _Proven:
    """Requests of one phone, each with a proof that it holds the token's key."""

    def __init__(self, phone: Phone, nonce: str | None) -> None:
        assert phone.tokens is not None
        self._phone = phone
        self._token = phone.tokens.access
        self._nonce = nonce
        self._host = urlsplit(phone.base_url).netloc

    def let_in(self) -> bytes:
        """Ask to be let in."""
        return serving.request("GET", LET_IN, self._host, self.headers("GET", LET_IN))

    def post(self, path: str, key: str, body: bytes) -> bytes:
        """Write a request that says something."""
        headers = {**self.headers("POST", path), "Idempotency-Key": key, "Content-Type": "application/json"}
        return serving.request("POST", path, self._host, headers, body)

    def headers(self, method: str, path: str) -> dict[str, str]:
        """Prove one request."""
        url = self._phone.base_url + path
        proof = self._phone.device.proof(method, url, token=self._token, nonce=self._nonce)
        return {"Authorization": f"DPoP {self._token}", "DPoP": proof}


async def _confirmed(house: House, phone: Phone, payee: str) -> list[tuple[str, bytes]]:
    """Make transfers that the passkey confirmed, each under its key: the finger is not our cost, the check is."""
    assert phone.tokens is not None
    assert phone.passkey is not None
    claims = house.door.reader.read(phone.tokens.access, clock.real())
    me = Principal("resident", claims.sub, frozenset(), "", session=claims.sid)
    bodies = []
    async with db.transaction(house.api, holder=me.subject, audience=me.role) as story:
        for _ in range(CONFIRMED):
            key = str(uuid.uuid4())
            shown = sending.shown(sending.ONE, [Payment(AccountId(public_ids.parse("wallet", payee)), _TENGE)], key)
            begun = await stepup.begin(await story(), me, sending.ONE, shown, clock.real())
            phone.passkey.uses = -1  # as those that are synced, it does not count: many requests overtake each other
            options = msgspec.to_builtins(passkey.request_options(house.settings, begun.challenge))
            step_up = {"id": public_ids.show("step_up", begun.id), "credential": phone.sign(options)}
            amount = {"amount_minor": _TENGE.minor, "currency": "KZT"}
            bodies.append((key, msgspec.json.encode({"to": payee, "amount": amount, "step_up": step_up})))
    return bodies


async def _nonce(phone: Phone, socket: Path) -> str | None:
    """Ask for what the next proofs must carry: the answer to one without it says so (RFC 9449 section 8)."""
    head = await serving.first_answer(socket, _Proven(phone, None).let_in())
    found = [line[12:].decode() for line in head.split(b"\r\n") if line.lower().startswith(b"dpop-nonce: ")]
    return found[0] if found else None


@contextlib.asynccontextmanager
async def _workers(settings: Settings) -> AsyncIterator[list[Path]]:
    with tempfile.TemporaryDirectory() as folder:
        sockets = [Path(folder) / "1", Path(folder) / "2"]
        async with serving.served(settings, sockets[0]), serving.served(settings, sockets[1]):
            yield sockets


@contextlib.asynccontextmanager
async def _phone(settings: Settings, socket: Path) -> AsyncIterator[Phone]:
    async with Phone(settings.issuer, transport=httpx.AsyncHTTPTransport(uds=str(socket))) as phone:
        await phone.register()
        yield phone
