"""A card network's dispute desk: takes what issuers file, plays the merchant's bank and the arbiter by a seed.

POST /disputes/{id}/evidence    the issuer shows a file, before the message that names it (signed, Idempotency-Key)
POST /disputes           the issuer files, withdraws, insists, asks for a ruling, gives up (signed, Idempotency-Key)
GET  /disputes/{id}      what the network has of a dispute: for whoever tries it out
POST /work               let everybody who has something to say, say it

What becomes of a dispute is drawn from the seed and its id, so the same seed plays the same course:

    accepted  ─ conceded | represented (a part or all) | silence, which is a concession when the term is over
    escalated ─ conceded | contested
    arbitrate ─ ruled: all, a part, or nothing

The first word (accepted or refused) is in the answer to the filing, or comes later by itself; all others come later.
Each is told until the issuer has it, under one name.
"""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import httpx
import msgspec
import uvicorn
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from simulators import message_signatures
from simulators.standard_webhooks import Signer

Wanted = Request[Any, Any, State]
Json = dict[str, Any]
Told = Literal["accepted", "refused", "represented", "contested", "conceded", "ruled"]


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a dispute; shares are of what is contested, in hundredths."""

    accepts: bool = True
    at_once: bool = True
    represents: int = 100
    concedes: bool = False
    rules: int = 0


class Case(msgspec.Struct, kw_only=True):
    """A dispute as the network has it: what it was told, what it says, and how much of that the issuer has."""

    id: str
    amount_minor: int
    contested_minor: int = 0
    told: dict[str, Json] = {}
    says: list[Json] = []
    heard: int = 0
    over: bool = False
    unseen: list[str] = []


class Chargebacks:
    """The desk: its key, its cases, its line to the issuer."""

    def __init__(self, name: str, issuer: httpx.AsyncClient, signer: Signer, *, seed: int = 1) -> None:
        self.name = name
        self.seed = seed
        self.cases: dict[str, Case] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.courses: dict[str, Course] = {}
        self.signer = signer
        self._issuer = issuer
        self._keys: Any = {}

    def course(self, dispute: str) -> Course:
        """Say what becomes of a dispute: as planned, or drawn from the seed."""
        if (planned := self.courses.get(dispute) or self.courses.get("*")) is not None:
            return planned
        chance = random.Random(f"{self.seed}/{dispute}")
        return Course(
            accepts=chance.choices((True, False), (9, 1))[0],
            at_once=chance.choice((True, False)),
            represents=chance.choice((0, 50, 100)),
            concedes=chance.choices((True, False), (2, 3))[0],
            rules=chance.choice((0, 50, 100)),
        )

    def take(self, key: str, told: Json) -> Json:
        """Take a message, which is one message for ever under `key`; gives the answer."""
        case = self.cases.setdefault(
            told["dispute_id"], Case(id=told["dispute_id"], amount_minor=told["amount_minor"], told={}, says=[])
        )
        if key not in case.told:
            case.told[key] = told
            seen = self.files.get(case.id, {})
            case.unseen = [each["sha256"] for each in told.get("evidence", ()) if each["sha256"] not in seen]
            getattr(self, f"_{told['kind']}")(case, told, self.course(case.id))
        shown = case.says if self.course(case.id).at_once else case.says[: case.heard]
        return {"dispute_id": case.id, "events": shown}

    def look_at(self, shown: Json) -> Json | None:
        """Take a file; None where its bytes are not what its digest says."""
        content = base64.b64decode(shown["content"])
        digest = hashlib.sha256(content).hexdigest()
        if digest != shown["file"]["sha256"]:
            return None
        self.files.setdefault(shown["dispute_id"], {})[digest] = content
        return {"sha256": digest, "reference": f"exhibit-{digest[:16]}"}

    def _file(self, case: Case, told: Json, course: Course) -> None:
        if not course.accepts:
            self._say(case, "refused", told["amount_minor"], "invalid_condition")
            case.over = True
            return
        self._say(case, "accepted", told["amount_minor"])

    def _withdraw(self, case: Case, told: Json, course: Course) -> None:  # noqa: ARG002  as the others
        case.amount_minor -= told["amount_minor"]
        case.over = case.amount_minor <= 0

    def _escalate(self, case: Case, told: Json, course: Course) -> None:
        if course.concedes:
            self._say(case, "conceded", told["amount_minor"])
            case.over = True
        else:
            self._say(case, "contested", told["amount_minor"], "compelling_evidence")

    def _arbitrate(self, case: Case, told: Json, course: Course) -> None:
        self._say(case, "ruled", told["amount_minor"] * course.rules // 100)
        case.over = True

    def _give_up(self, case: Case, told: Json, course: Course) -> None:  # noqa: ARG002  as the others
        case.over = True

    def answer_merchants(self) -> None:
        """Let merchants' banks answer what was accepted."""
        for case in self.cases.values():
            said = [each["kind"] for each in case.says]
            course = self.course(case.id)
            if case.over or "accepted" not in said or "represented" in said or "conceded" in said:
                continue
            if course.represents:
                case.contested_minor = case.amount_minor * course.represents // 100
                self._say(case, "represented", case.contested_minor, "proof_of_delivery")
            elif course.concedes:
                self._say(case, "conceded", None)
                case.over = True

    def _say(self, case: Case, kind: Told, amount_minor: int | None, reason: str | None = None) -> None:
        name = f"{case.id[-12:]}-{len(case.says) + 1}-{kind}"
        case.says.append({"event_id": name, "kind": kind, "amount_minor": amount_minor, "reason": reason})

    async def send(self) -> list[int]:
        """Tell issuers what they have not heard, in order; gives what they answered. What is refused is told again."""
        answers = []
        for case in list(self.cases.values()):
            while case.heard < len(case.says):
                answer = await self._tell(case, case.says[case.heard])
                answers.append(answer.status_code)
                if not answer.is_success:
                    break
                case.heard += 1
        return answers

    async def _tell(self, case: Case, event: Json) -> httpx.Response:
        body = json.dumps(event).encode()
        headers = {"content-type": "application/json"}
        path = f"/v1/networks/{self.name}/disputes/{case.id}/events"
        asked = self._issuer.build_request("POST", path, content=body, headers=headers)
        message_signatures.sign_request(self.signer, asked, body)
        return await self._issuer.send(asked)

    async def believe(self, request: Wanted) -> None:
        """Check that the issuer signed this request; raises Unproved."""
        asked, body = _message(request), await request.body()
        try:
            message_signatures.verify_request(asked, body, self._keys)
        except message_signatures.Unproved:
            self._keys = message_signatures.directory((await self._issuer.get(message_signatures.DIRECTORY)).json())
            message_signatures.verify_request(asked, body, self._keys)

    def say(self, request: Wanted, told: Json, status: int = 200) -> Response[bytes]:
        """Answer, signed for this request."""
        body = json.dumps(told).encode()
        headers = {"Content-Type": "application/json"}
        answer = SimpleNamespace(status_code=status, headers=headers, request=_message(request))
        message_signatures.sign_answer(self.signer, answer, body)
        kind = answer.headers.pop("Content-Type")
        return Response(body, status_code=status, media_type=kind, headers=answer.headers)


def _message(request: Wanted) -> SimpleNamespace:
    return SimpleNamespace(method=request.method, url=str(request.url), headers=dict(request.headers))


@post("/disputes", status_code=200)
async def take(request: Wanted, state: State) -> Response[Any]:
    """Take what an issuer tells."""
    desk: Chargebacks = state.desk
    try:
        await desk.believe(request)
    except message_signatures.Unproved:
        return Response({"error": "invalid_signature"}, status_code=401)
    return desk.say(request, desk.take(request.headers["idempotency-key"], json.loads(await request.body())))


@post("/disputes/{dispute_id:str}/evidence", status_code=200, request_max_body_size=8_000_000)
async def look_at(request: Wanted, dispute_id: FromPath[str], state: State) -> Response[Any]:
    """Take a file an issuer shows."""
    desk: Chargebacks = state.desk
    try:
        await desk.believe(request)
    except message_signatures.Unproved:
        return Response({"error": "invalid_signature"}, status_code=401)
    shown = json.loads(await request.body())
    has = desk.look_at(shown) if shown["dispute_id"] == dispute_id else None
    return desk.say(request, {"error": "another file"}, 422) if has is None else desk.say(request, has)


@get("/disputes/{dispute_id:str}")
async def look(dispute_id: FromPath[str], state: State) -> Case:
    """See what the network has of a dispute."""
    found: Case | None = state.desk.cases.get(dispute_id)
    if found is None:
        raise NotFoundException
    return found


@get("/health/ready")
async def ready() -> dict[str, str]:
    """Say that issuers may file."""
    return {"status": "ready"}


@post("/work", status_code=200)
async def work(state: State) -> dict[str, list[int]]:
    """Let merchants' banks answer, and tell the issuer."""
    state.desk.answer_merchants()
    return {"answered": await state.desk.send()}


def build(desk: Chargebacks, *, every_s: float | None = None) -> Litestar:
    """Compose the desk's application; with `every_s` it works by itself."""

    @contextlib.asynccontextmanager
    async def working(_: Litestar) -> AsyncIterator[None]:
        task = asyncio.create_task(_run(desk, every_s)) if every_s else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    doors = [take, look_at, look, ready, work]
    return Litestar(doors, state=State({"desk": desk}), lifespan=[working], openapi_config=None)


async def _run(desk: Chargebacks, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        desk.answer_merchants()
        with contextlib.suppress(httpx.TransportError):
            await desk.send()


def main() -> None:
    """Run the desk until told to stop."""
    parser = argparse.ArgumentParser(prog="simulators.chargebacks", description="A card network's dispute desk.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--issuer", required=True, help="base address of the issuer's API")
    parser.add_argument("--keys", type=Path, required=True, help="where the network's key is kept")
    parser.add_argument("--name", default="mspk")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=1.0, help="how often merchants answer, in seconds")
    parser.add_argument("--course", help="what becomes of every dispute, as JSON, instead of what the seed draws")
    told = parser.parse_args()
    issuer = httpx.AsyncClient(base_url=told.issuer, timeout=5, trust_env=False)
    desk = Chargebacks(told.name, issuer, Signer(told.keys / "network.key"), seed=told.seed)
    if told.course:
        desk.courses["*"] = msgspec.json.decode(told.course, type=Course)
    uvicorn.run(build(desk, every_s=told.every), host="127.0.0.1", port=told.port, log_level="warning")


if __name__ == "__main__":
    main()
