"""A partner bank, played by a process of its own: takes deposits, reports payments, and misbehaves by plan.

    python -m simulators.bank --port 9101 --api-url http://127.0.0.1:8000 --code demo-bank --folder .data/bank

For whoever tests:
    POST /incoming-payments   {"reference": "wallet_…", "amount_minor": 500000, "payer": {"name": "…"}, "repeat": 3}
    POST /announcements       the same, on its way and not there yet
    POST /placements/{key}/maturity     the term is over: pays back
    POST /orders/{key}/return           what was paid out comes back
    POST /accounts/{key}/entries        {"amount_minor": …, "currency": …}  something else happens on an account
    POST /statements          {"day": "2026-11-21", "format": "camt.053"}  hands in the statement of a day
    GET, PUT /faults          what goes wrong from now on (simulators/faults.py)
    GET /messages, /events    what it told, and what it was told
For the house:
    POST, GET /placements, POST, GET /orders, POST /quotes, POST /events, GET /public-key
"""

import argparse
import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from litestar import Litestar, Request, Response, get, post, put
from litestar.datastructures import State
from litestar.params import FromPath, JSONBody

from simulators import bank_desk, bank_orders, message_signatures, standard_webhooks
from simulators.bank_books import Books, Json, Row
from simulators.faults import Faults

_TICK_S = 0.05
_AGAIN_FIRST_S, _AGAIN_MAX_S = 0.5, 60.0

Wanted = Request[Any, Any, State]


class Bank:
    """The bank: its books, its key, its plan of faults, and the line to the house."""

    def __init__(self, folder: Path, *, api: httpx.AsyncClient, code: str, faults: Faults | None = None) -> None:
        self.books = Books(folder)
        self.signer = standard_webhooks.Signer(folder / "bank.key")
        self.faults = faults or Faults()
        self._api = api
        self._path = f"/v1/partner/{code}/webhooks"
        self._statements = f"/v1/banks/{code}/statements"
        self._house_keys: list[str] = []
        self._message_keys: dict[str, Ed25519PublicKey] = {}
        self._taken: set[str] = set()

    async def run(self) -> None:
        """Decide and send what is due, for ever."""
        while True:
            self.decide()
            await self.send()
            await asyncio.sleep(_TICK_S)

    def tell(self, kind: str, data: Json, *, repeat: int = 1) -> str:
        """Queue a message with the copies the plan makes of it; gives its id."""
        message_id = f"msg_{uuid.uuid4().hex}"
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        body = json.dumps({"type": kind, "timestamp": stamp, "data": data}, separators=(",", ":"), ensure_ascii=False)
        self.books.tell(message_id, kind, body, self._copies(message_id, repeat))
        return message_id

    def _copies(self, message_id: str, repeat: int) -> list[tuple[float | None, bool]]:
        copies: list[tuple[float | None, bool]] = []
        for number in range(repeat + self.faults.strikes("duplicate", message_id)):
            what, due_at = f"{message_id}/{number}", time.time()
            if self.faults.strikes("bad_signature", what):
                copies.append((due_at, True))
            if self.faults.strikes("reorder", what):
                due_at += self.faults.draw("overtaken", what)
            if self.faults.strikes("delay", what):
                due_at += self.faults.delay_s
            copies.append((None if self.faults.strikes("drop", what) else due_at, False))
        return copies

    def decide(self) -> None:
        """Decide on the orders whose time has come, and tell."""
        for deposit in self.books.undecided(time.time()):
            with self.books.together():
                reason = self._objection(deposit)
                self.books.decide(deposit["key"], "rejected" if reason else "confirmed", reason)
                if reason:
                    self.tell("placement.rejected", {"placement_id": deposit["key"], "reason": reason})
                else:
                    asked = json.loads(deposit["asked"])
                    self.books.enter(bank_orders.SAFE, asked["currency"], -asked["principal_minor"], deposit["key"])
                    self.tell("placement.confirmed", {**view(deposit), "bank_reference": deposit["reference"]})
        for order in self.books.orders_undecided(time.time()):
            with self.books.together():
                told = bank_orders.decide(self.books, self.faults, order)
                self.books.decide_order(order["key"], json.dumps(told))
                self.tell(f"order.{told['status']}", told)
                self._report(json.loads(order["asked"]), told)

    def _report(self, asked: Json, told: Json) -> None:
        """Tell what is on the accounts an order moved."""
        if told["status"] != "done":
            return
        for side in {asked.get("account"), asked.get("sells_from"), asked.get("buys_to")} - {None, "", "wallet"}:
            self.report(str(side))

    def report(self, account: str) -> None:
        """Tell what is on an account of a client."""
        rows = self.books.of(account)
        told = {"account_id": account, "balance_minor": sum(row["minor"] for row in rows), "sequence": len(rows)}
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.tell("account.balance", {**told, "currency": rows[0]["currency"], "at": at})

    async def hand_in(self, day: str, format_: str) -> httpx.Response:
        """Hand in the statement of a day, signed."""
        told = bank_orders.statement(self.books, day)
        given = {"camt053": bank_orders.camt053(told, day)} if format_ == "camt.053" else {"statement": told}
        body = json.dumps({"day": day, **given}).encode()
        request = self._api.build_request(
            "POST", self._statements, content=body, headers={"Content-Type": "application/json"}
        )
        message_signatures.sign_request(self.signer, request, body)
        return await self._api.send(request)

    def _objection(self, deposit: Row) -> str | None:
        asked = json.loads(deposit["asked"])
        if asked["interest_minor"] != interest(asked):
            return "interest_differs"
        return "limit_reached" if self.faults.strikes("reject", deposit["key"]) else None

    def mature(self, key: str) -> str | None:
        """End the term of a confirmed deposit and pay it back; gives the message's id, None where there is none."""
        deposit = self.books.deposit(key)
        if deposit is None or deposit["status"] not in {"confirmed", "matured"}:
            return None
        asked = json.loads(deposit["asked"])
        paid = asked["principal_minor"] + interest(asked)
        data = {"placement_id": key, "bank_reference": deposit["reference"], "paid_minor": paid}
        with self.books.together():
            if deposit["status"] != "matured":
                self.books.enter(bank_orders.SAFE, asked["currency"], paid, key)
            self.books.decide(key, "matured")
            return self.tell("placement.matured", {**data, "currency": asked["currency"]})

    async def send(self) -> None:
        """Send the copies that are due; one that is not taken comes again, later and later."""
        for copy in self.books.due(time.time()):
            body = copy["body"].encode()
            headers = self.signer.headers(copy["message"], body, broken=bool(copy["forged"]))
            headers["Content-Type"] = "application/json"
            try:
                answer = await self._api.post(self._path, content=body, headers=headers)
                outcome = str(answer.status_code)
            except httpx.HTTPError as error:
                outcome = type(error).__name__
            settled = outcome.startswith("2") or outcome == "409" or copy["forged"]
            wait = min(_AGAIN_FIRST_S * 2 ** min(copy["attempts"], 10), _AGAIN_MAX_S)
            self.books.sent(copy["number"], outcome, again_at=None if settled else time.time() + wait)

    async def prove(self, request: Wanted) -> str:
        """Check that the house signed this event; its keys are asked for when none of the known ones did."""
        body = await request.body()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            return standard_webhooks.verify(headers, body, self._house_keys, now_s=time.time())
        except standard_webhooks.Unproved:
            answer = await self._api.get("/v1/partner/webhook-keys")
            self._house_keys = [key["key"] for key in answer.json()["keys"]]
            return standard_webhooks.verify(headers, body, self._house_keys, now_s=time.time())

    async def believe(self, request: Wanted) -> None:
        """Check that the house signed this request, which is sent once; raises Unproved."""
        asked, body = _message(request), await request.body()
        try:
            message_signatures.verify_request(asked, body, self._message_keys)
        except message_signatures.Unproved:
            answer = await self._api.get(message_signatures.DIRECTORY)
            self._message_keys = message_signatures.directory(answer.json())
            message_signatures.verify_request(asked, body, self._message_keys)
        if (signature := request.headers["signature"]) in self._taken:
            raise message_signatures.Unproved("sent before")
        self._taken.add(signature)

    def say(self, request: Wanted, told: Json, status: int = 200) -> Response[bytes]:
        """Answer, signed for this request."""
        body = json.dumps(told).encode()
        answer = SimpleNamespace(
            status_code=status, headers={"Content-Type": "application/json"}, request=_message(request)
        )
        message_signatures.sign_answer(self.signer, answer, body)
        kind = answer.headers.pop("Content-Type")
        return Response(body, status_code=status, media_type=kind, headers=answer.headers)


def _message(request: Wanted) -> SimpleNamespace:
    return SimpleNamespace(method=request.method, url=str(request.url), headers=dict(request.headers))


def view(deposit: Row) -> Json:
    """Show a deposit to the house."""
    asked = json.loads(deposit["asked"])
    terms = ("principal_minor", "interest_minor", "currency", "starts_on", "matures_on")
    shown: Json = {"placement_id": deposit["key"], "status": deposit["status"]} | {name: asked[name] for name in terms}
    if deposit["status"] in {"confirmed", "matured"}:
        shown["bank_reference"] = deposit["reference"]
    if deposit["reason"]:
        shown["reason"] = deposit["reason"]
    return shown


def interest(asked: Json) -> int:
    """Compute the interest as this bank does: whole numbers only, actual days over 365, half to even."""
    digits = asked["rate"].partition(".")[2]
    numerator = asked["principal_minor"] * int(asked["rate"].replace(".", "")) * asked["days"]
    denominator = 365 * 10 ** len(digits)
    whole, rest = divmod(numerator, denominator)
    return int(whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1)))


@post("/placements", status_code=201)
async def take_order(request: Wanted, state: State) -> Response[Any]:
    """Take an order of the house; the same key is the same deposit."""
    bank: Bank = state.bank
    try:
        await bank.believe(request)
    except message_signatures.Unproved:
        return Response({"error": "invalid_signature"}, status_code=401)
    asked = (await request.body()).decode()
    key = request.headers["idempotency-key"]
    with bank.books.together():
        known = bank.books.deposit(key)
        if known is None:
            decide_at = time.time() + bank.faults.decision_s * bank.faults.draw("decision", key)
            bank.books.open_deposit(key, asked, decide_at=decide_at)
    deposit = bank.books.deposit(key)
    assert deposit is not None, "opened above"
    if deposit["asked"] != asked:
        return bank.say(request, {"error": "key_reused"}, 422)
    if known is None and bank.faults.strikes("lost_answer", key):
        return Response({"error": "unavailable"}, status_code=503)
    return bank.say(request, view(deposit), 201 if known is None else 200)


@get("/placements/{key:str}")
async def show_deposit(key: FromPath[str], request: Wanted, state: State) -> Response[Any]:
    """Say what became of a deposit."""
    bank: Bank = state.bank
    try:
        await bank.believe(request)
    except message_signatures.Unproved:
        return Response({"error": "invalid_signature"}, status_code=401)
    deposit = bank.books.deposit(key)
    return bank.say(request, {"error": "unknown"}, 404) if deposit is None else bank.say(request, view(deposit))


@post("/placements/{key:str}/maturity", status_code=202)
async def mature(key: FromPath[str], state: State) -> Response[Json]:
    """End a term: the tester's hand on the calendar."""
    message_id = state.bank.mature(key)
    if message_id is None:
        return Response({"error": "no_such_deposit"}, status_code=404)
    return Response({"webhook_id": message_id}, status_code=202)


@post("/events", status_code=200)
async def hear(request: Wanted, state: State) -> Response[Json]:
    """Take an event of the house, once it is proved."""
    bank: Bank = state.bank
    try:
        message_id = await bank.prove(request)
    except standard_webhooks.Unproved:
        return Response({"error": "invalid_signature"}, status_code=401)
    bank.books.hear(message_id, (await request.body()).decode())
    return Response({"status": "taken"}, status_code=200)


@get("/events")
async def show_events(state: State) -> Json:
    """Show what the bank was told."""
    return {"events": state.bank.books.heard()}


@get("/messages")
async def show_messages(state: State) -> Json:
    """Show what the bank told, and how it went."""
    return {"messages": state.bank.books.messages()}


@get("/faults")
async def show_faults(state: State) -> Faults:
    """Show the plan."""
    found: Faults = state.bank.faults
    return found


@put("/faults")
async def plan_faults(data: JSONBody[Faults], state: State) -> Faults:
    """Change the plan, for messages from now on."""
    state.bank.faults = data
    return data


@get("/public-key")
async def show_key(state: State) -> Json:
    """Show the key the bank signs with."""
    return {"key": state.bank.signer.public}


@get("/health")
async def health() -> Json:
    """Answer that the process is up."""
    return {"status": "ok"}


def build(bank: Bank, *, works: bool = True) -> Litestar:
    """Compose the bank's own application; unless it only answers, its books are worked on while it is served."""

    @contextlib.asynccontextmanager
    async def working(_: Litestar) -> AsyncIterator[None]:
        work = asyncio.create_task(bank.run() if works else asyncio.sleep(0))
        try:
            yield
        finally:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
            bank.books.close()

    handlers = [take_order, show_deposit, mature, hear, show_events, show_messages]
    return Litestar(
        [*handlers, *bank_desk.handlers, show_faults, plan_faults, show_key, health],
        state=State({"bank": bank}),
        lifespan=[working],
        openapi_config=None,
    )


def main() -> None:
    """Run the bank until it is stopped."""
    parser = argparse.ArgumentParser(description="A partner bank for demonstrations and tests.")
    parser.add_argument("--port", type=int, default=9101)
    parser.add_argument("--api-url", required=True)
    parser.add_argument("--code", default="demo-bank")
    parser.add_argument("--folder", type=Path, default=Path(".data/bank"))
    parser.add_argument("--faults", default="{}", help="the plan, as JSON (simulators/faults.py)")
    given = parser.parse_args()
    api = httpx.AsyncClient(base_url=given.api_url, timeout=10, trust_env=False)
    bank = Bank(given.folder, api=api, code=given.code, faults=msgspec.json.decode(given.faults, type=Faults))
    uvicorn.run(build(bank), host="127.0.0.1", port=given.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
