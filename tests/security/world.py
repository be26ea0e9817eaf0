"""Two residents and two partners who own one thing of every kind, officers who see all, and what each of them may see.

Nothing here lists ids: what belongs to whom is found by reading everything a caller can read. A kind of thing that no
story makes is missing, and the matrix says so.
"""

import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
import msgspec
from litestar import Litestar

from app import ids as app_ids
from app import seed
from app.auth.principal import Role
from app.http import ids
from app.seed import Seeded
from app.settings import Settings
from tests.app import people
from tests.app.people import bearer, keyed
from tests.credential.people import another_wallet, offered
from tests.partners import outside
from tests.partners.investors import investor
from tests.security import contract
from tests.security.contract import Operation

_FIRST = 7_100
_ROUNDS = 3

#: Calls of one's own that end what other calls need.
_ENDS = ("close", "withdraw", "revoke", "delete", "end", "remove", "suspend", "signOut")

Owned = dict[str, set[str]]


class Caller(msgspec.Struct, frozen=True):
    """Somebody with a role; `subject` None is nobody in particular."""

    role: Role | None
    subject: UUID | None = None

    async def token(self, app: Litestar) -> str:
        """Mint a token of its own."""
        assert self.role is not None
        return await people.token(app, self.role, of=self.subject)


class World(msgspec.Struct, frozen=True):
    """The callers, and the ids that only they see. `theirs` are the ids of the other of two, `mine` one's own."""

    app: Litestar
    callers: dict[str, Caller]
    mine: dict[str, Owned]
    theirs: dict[str, Owned]
    tokens: dict[Caller, str]

    async def call(
        self, client: httpx.AsyncClient, caller: Caller, operation: Operation, path: str, body: object
    ) -> httpx.Response:
        """Call an operation as the outside would: with a token that is thrown away if the call may end it."""
        headers = {"idempotency-key": str(app_ids.new())}
        if caller.role is not None:
            token = (
                await caller.token(self.app)
                if ends(operation.name) or caller not in self.tokens
                else self.tokens[caller]
            )
            self.tokens[caller] = token
            headers = keyed(token)
        if operation.method in {"PUT", "PATCH", "DELETE"}:
            headers["if-match"] = '"1"'
        if operation.form and "form" in operation.form:
            return await client.request(operation.method, path, data=cast("Any", body), headers=headers)
        json = body if operation.form else None
        return await client.request(operation.method, path, json=json, headers=headers)


@contextlib.asynccontextmanager
async def living(app: Litestar, client: httpx.AsyncClient, settings: Settings, folder: Path) -> AsyncIterator[World]:
    """Let the two residents live until each has everything the contract has operations for."""
    async with contextlib.AsyncExitStack() as open_:
        for number, code in enumerate(("bank-one", "bank-two")):
            await open_.enter_async_context(outside.bank(app, folder / str(number), code=code))
        payee, *pair = await people.residents(app, 3, start=_FIRST)
        made: tuple[Owned, Owned] = (defaultdict(set), defaultdict(set))
        for resident, seen in zip(pair, made, strict=True):
            await open_.enter_async_context(investor(app, settings, resident.number))  # a phone with a passkey
            await _lives(app, client, resident, payee, seen)
        a, b = (Caller("resident", resident.subject) for resident in pair)
        p, q = [Caller("partner", subject) for subject in await _partners(app)]
        officer = Caller("officer", seed.OFFICERS[0])
        told = {
            caller: await _read_everything(app, client, caller, known)
            for caller, known in zip((a, b, p, q), (*made, {}, {}), strict=True)
        }
        mine, theirs = {}, {}
        for role, (one, other) in {"resident": (a, b), "partner": (p, q)}.items():
            mine[role], theirs[role] = _less(told[one], told[other]), _less(told[other], told[one])
        mine["officer"] = await _decides(app, client, officer, mine["resident"])
        others = {"anonymous": Caller(None), "regulator": Caller("regulator"), "service": Caller("service")}
        yield World(app, {"resident": a, "officer": officer, "partner": p, **others}, mine, theirs, {})


async def _lives(app: Litestar, client: httpx.AsyncClient, me: Seeded, payee: Seeded, seen: Owned) -> None:
    async def do(method: str, path: str, body: object = None) -> contract.Json:
        return await _done(client, keyed(me.access_token), seen, method, path, body)

    await people.send(client, me, payee, 1_000)
    await do("POST", "/v1/cards", {"accepted_notice": (await do("GET", "/v1/cards/notice"))["version"]})
    await do("POST", "/v1/me/contacts", {"kind": "email", "value": f"r{me.number}@example.com"})
    await do("POST", "/v1/me/exports", {})
    await do("POST", "/v1/auth/attestations")
    consent = await do("GET", "/v1/invest/consent")
    await do("PUT", "/v1/invest/consent", {"text_sha256": consent["text_sha256"]})
    product = (await do("GET", "/v1/invest/products"))["products"][0]
    preview = await do("POST", "/v1/invest/previews", {"product_id": product["id"], "amount_minor": 100_000_00})
    await do("POST", "/v1/auth/step-ups", {"operation": "invest.confirm", "shown": preview["confirm"]["shown"]})
    await do("POST", "/v1/invest/placements", {"preview_id": preview["id"]})
    async with another_wallet(app) as wallet:
        await wallet.accept(await offered(client, me))


async def _decides(app: Litestar, client: httpx.AsyncClient, officer: Caller, residents: Owned) -> Owned:
    """Let an officer propose and suspend; gives what an officer may name: everything of one resident, and staff."""
    seen: Owned = defaultdict(set, {kind: set(texts) for kind, texts in residents.items()})
    other, stranger = seed.OFFICERS[1], await people.residents(app, 1, start=_FIRST + 9)
    token, _ = [await people.token(app, "officer", of=each) for each in (officer.subject, other)]
    seen["officer"].add(ids.show("officer", other))
    await _done(
        client,
        keyed(token),
        seen,
        "POST",
        "/v1/officer/duties",
        {"officer": ids.show("officer", other), "duty": "auditor"},
    )
    suspended = {"subject": ids.show("resident", stranger[0].subject), "reason": "device_stolen"}
    await _done(client, keyed(token), seen, "POST", "/v1/officer/suspensions", suspended)
    return await _read_everything(app, client, officer, seen)


async def _done(
    client: httpx.AsyncClient, headers: dict[str, str], seen: Owned, method: str, path: str, body: object = None
) -> contract.Json:
    answer = await client.request(method, path, json=body, headers=headers)
    assert answer.is_success, f"{method} {path}: {answer.text}"
    for kind, text in contract.ids_in(answer.text):
        seen[kind].add(text)
    found: contract.Json = answer.json()
    return found


async def _partners(app: Litestar) -> list[UUID]:
    found = await outside.rows(app.state.house, "SELECT id FROM app.partner WHERE code LIKE 'bank-%' ORDER BY code")
    return [row.id for row in found]


async def _read_everything(app: Litestar, client: httpx.AsyncClient, caller: Caller, known: Owned) -> Owned:
    """Read all that `caller` may read, going on from the ids `known` and found; gives every id seen, by kind."""
    assert caller.role is not None
    reading = [each for each in contract.operations(app) if each.method == "GET" and caller.role in each.roles]
    found: Owned = defaultdict(set, {kind: set(texts) for kind, texts in known.items()})
    token = await people.token(app, caller.role, of=caller.subject)
    asked: set[str] = set()
    for _ in range(_ROUNDS):
        for operation in reading:
            for path in _paths(operation, found) - asked:
                asked.add(path)
                answer = await client.get(path, headers=bearer(token))
                for kind, text in contract.ids_in(answer.text):
                    found[kind].add(text)
    return found


def _paths(operation: Operation, found: Owned) -> set[str]:
    if not operation.parameters:
        return {operation.path}
    kinds = [contract.kind_of(name) for name in operation.parameters]
    if len(kinds) != 1 or kinds[0] is None:
        return set()
    return {operation.path.replace(f"{{{operation.parameters[0]}}}", text) for text in sorted(found[kinds[0]])[:3]}


def _less(one: Owned, other: Owned) -> Owned:
    return defaultdict(set, {kind: texts - other.get(kind, set()) for kind, texts in one.items()})


def ends(operation: str) -> int:
    """Say how much a call ends that others need, so that those which end something come last."""
    return 2 if operation == "endOtherSessions" else operation.startswith(_ENDS)


def random(kind: str) -> str:
    """Give an id of a thing that does not exist."""
    return ids.show(kind, app_ids.new())
