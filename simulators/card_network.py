"""A card network as a process of its own: shops swipe here, the issuer is asked, and later the money is taken.

    python -m simulators.card_network --port 9100 --issuer http://127.0.0.1:8000 --folder DIR

POST /purchases                  a shop asks for money: the authorization goes to the issuer at once
POST /purchases/{id}/reverse     the shop gives up what it was promised, or a part of it
POST /purchases/{id}/clear       the network takes the money
GET  /purchases/{id}             what became of it
GET  /key                        the public key that signs our messages, for the issuer to believe

Each takes `repeat`: so many copies of the message travel at once, as networks do. With `--faults 0.3 --seed 7` three of
ten messages are sent twice or lose their answer and are sent again; the same seed makes the same faults.
"""

import argparse
import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import msgspec
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from litestar import Litestar, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from simulators import message_signatures
from simulators.faults import Faults
from simulators.standard_webhooks import Signer

ISSUER_UNAVAILABLE = "91"  # field 39 of ISO 8583: what a shop hears when the issuer can't be reached
FORMAT_ERROR = "30"
TOO_MANY = 429

Minor = Annotated[int, Meta(ge=1)]
Repeat = Annotated[int, Meta(ge=1, le=100)]


class Swipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a terminal sends. `forced` asks nobody; `advice` tells the issuer that the network has said yes for it.

    `purchase_id` is the terminal's own name for the purchase: sent again for want of an answer, it is one purchase.
    """

    purchase_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,36}$")] | None = None
    pan: str
    expiry: str
    amount_minor: Minor
    currency: str = "KZT"
    merchant: str
    merchant_id: str = "M-1001"
    mcc: str = "5942"
    country: str = "KZ"
    forced: bool = False
    advice: bool = False
    repeat: Repeat = 1


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What happens to a purchase afterwards: the whole amount unless one is given."""

    amount_minor: Minor | None = None
    final: bool = True
    repeat: Repeat = 1


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What the issuer answered to a message; equal over all its copies, or `conflicting`."""

    element: str
    approved: bool
    code: str
    reason: str | None = None
    authorization_id: str | None = None
    conflicting: bool = False


class Purchase(msgspec.Struct, kw_only=True):
    """A purchase as the network knows it."""

    id: str
    swipe: Swipe
    heard: list[Heard] = []


class PurchaseView(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase as a shop sees it: never the number."""

    id: str
    approved: bool
    code: str
    reason: str | None
    authorization_id: str | None
    heard: list[Heard]


class Network:
    """The network: its key, its purchases, its line to the issuer."""

    def __init__(
        self,
        name: str,
        issuer: httpx.AsyncClient,
        folder: Path,
        *,
        faults: Faults | None = None,
        pauses_s: tuple[float, ...] = (0.0, 0.1, 0.3, 1.0, 2.0),
    ) -> None:
        """Keep key and purchases in `folder`; an issuer that is away is asked again after each of the pauses."""
        self.name = name
        self.issuer = issuer
        self._signer = Signer(folder / "network.key")
        self.public_key = self._signer.public
        self._journal = folder / "purchases.jsonl"
        self._faults = faults or Faults()
        self._pauses_s = pauses_s
        self._told = 0
        self._issuer_keys: dict[str, Ed25519PublicKey] = {}
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
        purchase = self._purchases[name] = Purchase(id=name, swipe=swipe)
        self._write(purchase)  # before the issuer hears of it, or a network that is killed forgets what it asked
        return purchase

    async def ask(self, purchase: Purchase) -> None:
        """Ask the issuer whether the shop may have the money."""
        more = {"expiry": purchase.swipe.expiry, "advice": purchase.swipe.advice}
        await self._tell(purchase, "authorization", purchase.swipe.amount_minor, purchase.swipe.repeat, more)

    async def reverse(self, purchase: Purchase, step: Step) -> Purchase:
        """Tell the issuer that the shop gives the amount up."""
        return await self._go_on(purchase, "reversal", step, {})

    async def clear(self, purchase: Purchase, step: Step) -> Purchase:
        """Take the amount from the issuer."""
        return await self._go_on(purchase, "clearing", step, {"final": step.final})

    async def _go_on(self, purchase: Purchase, kind: str, step: Step, more: dict[str, object]) -> Purchase:
        await self._tell(purchase, kind, step.amount_minor or purchase.swipe.amount_minor, step.repeat, more)
        self._write(purchase)
        return purchase

    async def _tell(self, purchase: Purchase, kind: str, minor: int, repeat: int, more: dict[str, object]) -> None:
        """Send a message, as often as told and as faults will have it, and note what was heard.

        One that nobody answered before is the same message again, under the same name: it may have been done.
        """
        if purchase.heard and purchase.heard[-1].element.startswith(kind) and _is_unanswered(purchase.heard[-1]):
            purchase.heard.pop()
        element = f"{kind}-{sum(heard.element.startswith(kind) for heard in purchase.heard) + 1}"
        body = msgspec.json.encode(
            {
                "lifecycle_id": purchase.id,
                "element_id": element,
                "pan": purchase.swipe.pan,
                "amount": {"amount_minor": minor, "currency": purchase.swipe.currency},
                "merchant": {
                    "name": purchase.swipe.merchant,
                    "id": purchase.swipe.merchant_id,
                    "category": purchase.swipe.mcc,
                    "country": purchase.swipe.country,
                },
                **more,
            }
        )
        self._told += 1
        nth = str(self._told)
        copies = repeat + self._faults.strikes("duplicate", nth)
        answers = await asyncio.gather(*(self._send(f"{kind}s", body) for _ in range(copies)))
        if self._faults.strikes("lost_answer", nth):
            answers = [await self._send(f"{kind}s", body)]
        purchase.heard.append(_fold(element, answers))

    async def _send(self, path: str, body: bytes) -> dict[str, Any] | None:
        """Send one copy until the issuer answers; None when it doesn't in time."""
        for pause_s in self._pauses_s:
            await asyncio.sleep(pause_s)
            with contextlib.suppress(httpx.TransportError, message_signatures.Unproved):
                answer = await self._ask(path, body)
                if answer.is_success:
                    heard: dict[str, Any] = answer.json()
                    return heard
                if answer.is_client_error and answer.status_code != TOO_MANY:  # wrong now, and wrong again
                    refused = answer.json().get("code")
                    return {"approved": False, "code": FORMAT_ERROR, "reason": refused, "authorization_id": None}
        return None

    async def _ask(self, path: str, body: bytes) -> httpx.Response:
        """Send one signed copy; a decision counts only if the issuer signed it for this copy. Raises Unproved."""
        headers = {"content-type": "application/json"}
        asked = self.issuer.build_request("POST", f"/v1/networks/{self.name}/{path}", content=body, headers=headers)
        message_signatures.sign_request(self._signer, asked, body)
        answer = await self.issuer.send(asked)
        if answer.is_success:
            if not self._issuer_keys:
                self._issuer_keys = await self._published()
            try:
                message_signatures.verify_answer(answer, answer.content, self._issuer_keys)
            except message_signatures.Unproved:
                self._issuer_keys = await self._published()  # it may have signed by a new key
                message_signatures.verify_answer(answer, answer.content, self._issuer_keys)
        return answer

    async def _published(self) -> dict[str, Ed25519PublicKey]:
        return message_signatures.directory((await self.issuer.get(message_signatures.DIRECTORY)).json())

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
                purchase.heard.append(_fold("authorization-1", [None]))
        return list(latest.values())

    def _write(self, purchase: Purchase) -> None:
        self._journal.touch(mode=0o600)  # it holds card numbers
        with self._journal.open("ab") as journal:
            journal.write(msgspec.json.encode(purchase) + b"\n")


def _fold(element: str, answers: list[dict[str, Any] | None]) -> Heard:
    """Make one answer of those to all copies."""
    first = next((answer for answer in answers if answer is not None), None)
    if first is None:
        return Heard(element=element, approved=False, code=ISSUER_UNAVAILABLE)
    return Heard(
        element=element,
        approved=first["approved"],
        code=first["code"],
        reason=first.get("reason"),
        authorization_id=first["authorization_id"],
        conflicting=any(answer not in (None, first) for answer in answers),
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


@get("/key")
async def key(network: NamedDependency[Network]) -> dict[Literal["key"], str]:
    """Show the public key that signs what we send."""
    return {"key": network.public_key}


@get("/health/ready")
async def ready() -> dict[str, str]:
    """Say that shops may come."""
    return {"status": "ready"}


def build(network: Network) -> Litestar:
    """Compose the process's application around `network`."""

    @contextlib.asynccontextmanager
    async def line(_: Litestar) -> AsyncGenerator[None, None]:
        async with network.issuer:
            yield

    return Litestar(
        [swipe, reverse, clear, look, key, ready],
        dependencies={"network": Provide(lambda: network, sync_to_thread=False)},
        lifespan=[line],
        state=State(),
        openapi_config=None,
    )


def main() -> None:
    """Run the network until told to stop."""
    parser = argparse.ArgumentParser(prog="simulators.card_network", description="A card network.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--issuer", required=True, help="base address of the issuer's API")
    parser.add_argument("--folder", type=Path, required=True, help="where the key and the purchases are kept")
    parser.add_argument("--name", default="mspk", help="what the issuer calls us")
    parser.add_argument("--faults", type=float, default=0.0, help="share of messages that something happens to")
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    issuer = httpx.AsyncClient(base_url=told.issuer, timeout=5, trust_env=False)
    faults = Faults(seed=told.seed, duplicate=told.faults / 2, lost_answer=told.faults / 2)
    network = Network(told.name, issuer, told.folder, faults=faults)
    uvicorn.run(build(network), host="127.0.0.1", port=told.port, log_level="warning")


if __name__ == "__main__":
    main()
