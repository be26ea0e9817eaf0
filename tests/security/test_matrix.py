"""The matrix: every operation × every role × own, foreign and random id. Whoever may not know, can't tell.

A thing of somebody else is answered as one that does not exist: same status, same headers, same body. Each cell of
one's own is called as well and must be answered otherwise, or two refusals of something else would be compared.
"""

import re
from collections.abc import Collection
from typing import Any, NamedTuple, cast

import httpx
import pytest
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from tests.security import contract, doing, world
from tests.security.contract import Operation
from tests.security.doing import Owned
from tests.security.world import Caller, World

pytestmark = pytest.mark.asyncio

#: Ids that name somebody else on purpose, or that anybody may know: (operation, kind) with the reason.
NOT_OWNED = {
    ("sendMoney", "wallet"): "the wallet that money goes to is somebody else's",
    ("sendManyTransfers", "wallet"): "as sendMoney",
    ("injectEvent", "wallet"): "a bank names any wallet in a payment's reference",
    ("previewPlacement", "product"): "the catalogue is everybody's",
    ("giveInvestConsent", "consent"): "names the text, which is everybody's",
    ("undoRecovery", "recovery"): "takes a whole recovery: tests/app/auth/test_recovery.py",
}

#: A secret is asked for before anything is told, so one's own is answered like any other until it is right.
SECRET_FIRST = {"finishAttestation", "proveContact"}

_NAMED = {"country": "UZ", "code": "bank-one", "network": "nobody"}
_CHANGING = {"date", "ratelimit", "ratelimit-policy", "content-length", "traceparent", "dpop-nonce"}
_TRACE = re.compile(r'"(trace_id|instance)":"[^"]*"')


class Cell(NamedTuple):
    """One cell that is wrong."""

    operation: str
    role: str
    what: str


async def violations(
    living: World, client: httpx.AsyncClient, only: str = "", roles: Collection[str] = ()
) -> tuple[list[Cell], int]:
    """Call every cell; answers those that are wrong and how many were called."""
    wrong: list[Cell] = []
    called = 0
    operations = sorted(contract.operations(living.app), key=lambda each: world.ends(each.name))
    for operation in operations:
        if only not in {"", operation.name}:
            continue
        if operation.name == "showCardNumber":  # what the story looked at may be over by now
            await doing.looks(client, await living.callers["resident"].token(living.app), living.mine["resident"])
        for role, caller in living.callers.items():
            if roles and role not in roles:
                continue
            found, count = await _cell(living, client, operation, role, caller)
            wrong += [Cell(operation.name, role, what) for what in found]
            called += count
    return wrong, called


async def _cell(
    living: World, client: httpx.AsyncClient, operation: Operation, role: str, caller: Caller
) -> tuple[list[str], int]:
    # A flow that anybody may begin belongs to nobody yet: what protects each is proved in its own tests.
    owned = {kind for kind in operation.kinds if operation.scope and (operation.name, kind) not in NOT_OWNED}
    allowed = caller.role in operation.roles or operation.scope is None
    answers: dict[str, httpx.Response] = {}
    for whose, ids in _whose(living, operation, role).items():
        if missing := sorted(kind for kind in owned if allowed and whose != "random" and not ids.get(kind)):
            return [f"no {whose} {' '.join(missing)} was made"], 0
        answers[whose] = await _called(living, client, operation, caller, ids)
        if not owned:
            break
    wrong = [f"{whose}: {answer.status_code}" for whose, answer in answers.items() if answer.status_code >= 500]
    if not allowed:
        wrong += _refused(answers, caller)
    elif owned:
        wrong += _told_apart(operation, answers)
    return wrong, len(answers)


def _whose(living: World, operation: Operation, role: str) -> dict[str, Owned]:
    if role == "officer" and operation.scope and operation.scope.startswith("officer:"):
        return {"random": {}, "own": living.mine[role]}  # sees what is everybody's: nothing is foreign
    if role == "officer":
        return {"random": {}, "foreign": living.mine["resident"]}  # signs in like a resident, and owns nothing here
    if role == "service" and operation.scope == "service:operate":
        asked = {"presentation": living.mine["service"]["presentation"]}
        return {"random": {}, "own": living.mine["resident"] | asked}  # who tests an installation does it to anybody
    asker = role if role in living.mine else "resident"
    return {"random": {}, "foreign": living.theirs[asker], "own": living.mine[asker]}


async def _called(
    living: World, client: httpx.AsyncClient, operation: Operation, caller: Caller, ids: Owned
) -> httpx.Response:
    def pick(kind: str) -> str:
        found = sorted(ids.get(kind, ()))
        return found[-1] if found else world.random(kind)

    path, body = operation.filled(pick, lambda name: _NAMED.get(name, "nothing"))
    return await living.call(client, caller, operation, path, body)


def _refused(answers: dict[str, httpx.Response], caller: Caller) -> list[str]:
    expected = 401 if caller.role is None else 403
    return [f"{whose}: {answer.status_code}" for whose, answer in answers.items() if answer.status_code != expected]


def _told_apart(operation: Operation, answers: dict[str, httpx.Response]) -> list[str]:
    wrong = []
    random, foreign, own = (answers.get(whose) for whose in ("random", "foreign", "own"))
    assert random is not None, "called first"
    if foreign is not None and _seen(foreign) != _seen(random):
        wrong.append(f"foreign {foreign.text} is not random {random.text}")
    if random.is_success:
        wrong.append("random succeeds")
    if own is not None and operation.name not in SECRET_FIRST and _seen(own) == _seen(random):
        wrong.append(f"own is answered like random: {own.text}")
    return wrong


def _seen(answer: httpx.Response) -> tuple[int, dict[str, str], str]:
    headers = {name: value for name, value in answer.headers.items() if name not in _CHANGING}
    return answer.status_code, headers, contract.ID.sub(r"\1", _TRACE.sub("", answer.text))


async def test_whoever_may_not_know_cannot_tell(living: World, client: httpx.AsyncClient) -> None:
    wrong, called = await violations(living, client)

    assert not wrong, "\n".join(f"{cell.operation} as {cell.role}: {cell.what}" for cell in wrong)
    assert called >= len(contract.operations(living.app)) * len(living.callers)


class Leaky:
    """A planted defect: a card of somebody else is refused as forbidden instead of as unknown."""

    def __init__(self, inside: ASGIApp, cards: Collection[str]) -> None:
        self.inside = inside
        self.cards = cards

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        leaks = scope["type"] == ScopeType.HTTP and scope["path"].rpartition("/")[2] in self.cards

        async def telling(message: Message) -> None:
            if leaks and message["type"] == "http.response.start" and message["status"] == 404:
                message["status"] = 403
            await send(message)

        await self.inside(scope, receive, telling)


async def test_the_matrix_sees_a_leak(living: World) -> None:
    leaky = httpx.ASGITransport(cast("Any", Leaky(living.app, living.theirs["resident"]["card"])))
    async with httpx.AsyncClient(transport=leaky, base_url="http://127.0.0.1:8000") as client:
        wrong, _ = await violations(living, client, only="getCard", roles=["resident"])

    assert [cell.operation for cell in wrong] == ["getCard"]
