"""A card network as a process of its own: shops swipe here, the issuer is asked, and later the money is taken.

    python -m simulators.card_network --port 9100 --line 127.0.0.1:9301 --issuer http://127.0.0.1:8000 --folder DIR

POST /purchases                  a shop asks for money: the authorization goes to the issuer at once
POST /purchases/{id}/reverse     the shop gives up what it was promised, or a part of it
POST /purchases/{id}/clear       the network takes the money
GET  /purchases/{id}             what became of it
POST /scenarios/{name}           what happens to cards (simulators/card_scenarios.py); GET /scenarios lists them
GET  /key                        the public key that signs our requests, for an issuer without a line to believe

The issuer is told in ISO 8583 over `--line`; without one, by signed requests to `--issuer`. Each message takes
`repeat`: so many copies of it travel at once, as networks do. With `--faults 0.3 --seed 7` three of ten messages are
sent twice or lose their answer and are sent again; the same seed makes the same faults.
"""

import argparse
import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import httpx
import msgspec
import uvicorn
from litestar import Litestar, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody

from simulators import card_scenarios
from simulators.card_scenarios import Acquirer, Happened, Played
from simulators.faults import Faults
from simulators.iso8583 import Line
from simulators.iso_issuer import IsoIssuer
from simulators.purchase import (
    ISSUER_UNAVAILABLE,
    Answer,
    Heard,
    Issuer,
    Kind,
    Purchase,
    Step,
    Swipe,
    Told,
    Unanswered,
)
from simulators.signed_issuer import SignedIssuer


class PurchaseView(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase as a shop sees it: never the number."""

    id: str
    approved: bool
    code: str
    reason: str | None
    authorization_id: str | None
    heard: list[Heard]


class Network:
    """The network: its purchases, and the issuer it tells of them."""

    def __init__(
        self,
        issuer: Issuer,
        folder: Path,
        *,
        faults: Faults | None = None,
        pauses_s: tuple[float, ...] = (0.0, 0.1, 0.3, 1.0, 2.0),
    ) -> None:
        """Keep the purchases in `folder`; an issuer that is away is asked again after each of the pauses."""
        self.issuer = issuer
        self._journal = folder / "purchases.jsonl"
        self._faults = faults or Faults()
        self._pauses_s = pauses_s
        self._told = 0
        self._purchases = {purchase.id: purchase for purchase in self._read()}

    def purchase(self, purchase_id: str) -> Purchase:
        """Find a purchase."""
        try:
            return self._purchases[purchase_id]
        except KeyError:
            raise NotFoundException from None

    async def swipe(self, swipe: Swipe) -> Purchase:
        """Open a purchase and ask the issuer, unless it is forced.

        Before that it is told of the purchases that shops gave up for want of its answer, which may have been yes.
        """
        purchase = self._purchases.get(swipe.purchase_id or "") or await self._open(swipe)
        latest = purchase.heard[-1] if purchase.heard else None
        asked_in_vain = latest is not None and latest.element.startswith("authorization") and _is_unanswered(latest)
        if not swipe.forced and (latest is None or asked_in_vain):
            await self.ask(purchase)
            self._write(purchase)
        return purchase

    async def _open(self, swipe: Swipe) -> Purchase:
        for left in [left for left in self._purchases.values() if _is_in_doubt(left)]:
            await self.reverse(left, Step())
        name = swipe.purchase_id or f"{time.time_ns() // 1000}{secrets.randbelow(10**4):04d}"
        purchase = self._purchases[name] = Purchase(
            id=name, swipe=swipe, opened_at=datetime.now(UTC).replace(microsecond=0)
        )
        self._write(purchase)  # before the issuer hears of it, or a network that is killed forgets what it asked
        return purchase

    async def ask(self, purchase: Purchase) -> None:
        """Ask the issuer whether the shop may have the money."""
        await self._tell(purchase, "authorization", purchase.swipe.amount_minor, purchase.swipe.repeat)

    async def reverse(self, purchase: Purchase, step: Step) -> Purchase:
        """Tell the issuer that the shop gives the amount up."""
        return await self._go_on(purchase, "reversal", step)

    async def clear(self, purchase: Purchase, step: Step) -> Purchase:
        """Take the amount from the issuer."""
        return await self._go_on(purchase, "clearing", step)

    async def _go_on(self, purchase: Purchase, kind: Kind, step: Step) -> Purchase:
        await self._tell(
            purchase, kind, step.amount_minor or purchase.swipe.amount_minor, step.repeat, final=step.final
        )
        self._write(purchase)
        return purchase

    async def _tell(self, purchase: Purchase, kind: Kind, minor: int, repeat: int, *, final: bool = True) -> None:
        """Send a message, as often as told and as faults will have it, and note what was heard.

        One that nobody answered before is the same message again, under the same name: it may have been done.
        """
        again = (
            bool(purchase.heard) and purchase.heard[-1].element.startswith(kind) and _is_unanswered(purchase.heard[-1])
        )
        if again:
            purchase.heard.pop()
        element = f"{kind}-{sum(heard.element.startswith(kind) for heard in purchase.heard) + 1}"
        told = Told(kind, element, minor, final)
        self._told += 1
        nth = str(self._told)
        copies = repeat + self._faults.strikes("duplicate", nth)
        answers = await asyncio.gather(*(self._send(purchase, told, again=again) for _ in range(copies)))
        if self._faults.strikes("lost_answer", nth):
            answers = [await self._send(purchase, told, again=True)]
        purchase.heard.append(_fold(told, answers))

    async def _send(self, purchase: Purchase, told: Told, *, again: bool) -> Answer | None:
        """Send one copy until the issuer answers; None when it doesn't in time."""
        for pause_s in self._pauses_s:
            await asyncio.sleep(pause_s)
            with contextlib.suppress(Unanswered):
                answer = await self.issuer.tell(purchase, told, again=again)
                if answer.code != ISSUER_UNAVAILABLE:
                    return answer
            again = True
        return None

    def _read(self) -> list[Purchase]:
        """Read what an earlier run of this process noted; the latest line of a purchase is the purchase.

        Of one that it had asked about and not noted an answer to, nobody knows the answer.
        """
        if not self._journal.exists():
            return []
        whole, _, _ = self._journal.read_bytes().rpartition(b"\n")  # the last line may be torn
        latest = {purchase.id: purchase for purchase in msgspec.json.Decoder(Purchase).decode_lines(whole)}
        for purchase in latest.values():
            if not purchase.heard and not purchase.swipe.forced:
                purchase.heard.append(
                    _fold(Told("authorization", "authorization-1", purchase.swipe.amount_minor), [None])
                )
        return list(latest.values())

    def _write(self, purchase: Purchase) -> None:
        self._journal.touch(mode=0o600)  # it holds card numbers
        with self._journal.open("ab") as journal:
            journal.write(msgspec.json.encode(purchase) + b"\n")


def _fold(told: Told, answers: list[Answer | None]) -> Heard:
    """Make one answer of those to all copies."""
    first = next((answer for answer in answers if answer is not None), None)
    if first is None:
        return Heard(element=told.element, approved=False, code=ISSUER_UNAVAILABLE, minor=told.minor)
    return Heard(
        element=told.element,
        approved=first.approved,
        code=first.code,
        reason=first.reason,
        authorization_id=first.authorization_id,
        conflicting=any(answer not in (None, first) for answer in answers),
        minor=told.minor,
    )


def _is_unanswered(heard: Heard) -> bool:
    return heard.code == ISSUER_UNAVAILABLE


def _is_in_doubt(purchase: Purchase) -> bool:
    """Say whether the last that is known of a purchase is a question, or its reversal, that nobody answered."""
    latest = purchase.heard[-1] if purchase.heard else None
    return latest is not None and _is_unanswered(latest) and not latest.element.startswith("clearing")


def _view(purchase: Purchase) -> PurchaseView:
    latest = purchase.heard[-1] if purchase.heard else Heard(element="", approved=True, code="")
    return PurchaseView(
        id=purchase.id,
        approved=latest.approved,
        code=latest.code,
        reason=latest.reason,
        authorization_id=latest.authorization_id,
        heard=purchase.heard,
    )


@post("/purchases", status_code=201)
async def swipe(data: JSONBody[Swipe], network: NamedDependency[Network]) -> PurchaseView:
    """Buy something."""
    return _view(await network.swipe(data))


@post("/purchases/{purchase_id:str}/reverse", status_code=200)
async def reverse(purchase_id: FromPath[str], data: JSONBody[Step], network: NamedDependency[Network]) -> PurchaseView:
    """Give up what was promised."""
    return _view(await network.reverse(network.purchase(purchase_id), data))


@post("/purchases/{purchase_id:str}/clear", status_code=200)
async def clear(purchase_id: FromPath[str], data: JSONBody[Step], network: NamedDependency[Network]) -> PurchaseView:
    """Take the money."""
    return _view(await network.clear(network.purchase(purchase_id), data))


@get("/purchases/{purchase_id:str}")
async def look(purchase_id: FromPath[str], network: NamedDependency[Network]) -> PurchaseView:
    """See what became of a purchase."""
    return _view(network.purchase(purchase_id))


@get("/scenarios")
async def scenarios() -> list[str]:
    """List what can happen."""
    return sorted(card_scenarios.SCENARIOS)


@post("/scenarios/{name:str}", status_code=200)
async def play(name: FromPath[str], data: JSONBody[Happened], acquirer: NamedDependency[Acquirer | None]) -> Played:
    """Let it happen to a card."""
    scenario = card_scenarios.SCENARIOS.get(name)
    if scenario is None or acquirer is None:
        raise NotFoundException
    return await card_scenarios.play(scenario, acquirer, data)


@get("/key")
async def show_key(state: State) -> dict[Literal["key"], str]:
    """Show the public key that signs what we send."""
    return {"key": state.key}


@get("/health/ready")
async def ready() -> dict[str, str]:
    """Say that shops may come."""
    return {"status": "ready"}


def build(network: Network, *, key: str = "", acquirer: Acquirer | None = None) -> Litestar:
    """Compose the process's application around `network`."""

    @contextlib.asynccontextmanager
    async def line(_: Litestar) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await network.issuer.close()

    return Litestar(
        [swipe, reverse, clear, look, scenarios, play, show_key, ready],
        dependencies={
            "network": Provide(lambda: network, sync_to_thread=False),
            "acquirer": Provide(lambda: acquirer, sync_to_thread=False),
        },
        lifespan=[line],
        state=State({"key": key}),
        openapi_config=None,
    )


def main() -> None:
    """Run the network until told to stop."""
    parser = argparse.ArgumentParser(prog="simulators.card_network", description="A card network.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--line", help="address of the issuer's line, as host:port or as an address of the web")
    parser.add_argument("--issuer", required=True, help="base address of the issuer's API")
    parser.add_argument("--folder", type=Path, required=True, help="where the key and the purchases are kept")
    parser.add_argument("--name", default="mspk", help="what the issuer calls us")
    parser.add_argument("--faults", type=float, default=0.0, help="share of messages that something happens to")
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    told.folder.mkdir(parents=True, exist_ok=True)
    signed = SignedIssuer(told.name, httpx.AsyncClient(base_url=told.issuer, timeout=5, trust_env=False), told.folder)
    issuer: Issuer = signed
    acquirer = None
    if told.line:
        where = urlsplit(told.line if "//" in told.line else f"//{told.line}")
        line = Line(where.hostname or "127.0.0.1", where.port or 0)
        issuer, acquirer = IsoIssuer(line), Acquirer(line)
    faults = Faults(seed=told.seed, duplicate=told.faults / 2, lost_answer=told.faults / 2)
    network = Network(issuer, told.folder, faults=faults)
    app = build(network, key=signed.public_key, acquirer=acquirer)
    uvicorn.run(app, host="127.0.0.1", port=told.port, log_level="warning")


if __name__ == "__main__":
    main()
