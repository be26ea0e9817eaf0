"""Two residents and two partners who own one thing of every kind, officers who see all, and what each of them may see.

Nothing here lists ids: what belongs to whom is found by reading everything a caller can read. A kind of thing that no
story makes is missing, and the matrix says so.
"""

import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import msgspec
from litestar import Litestar

from app import clock, db, monitoring, seed
from app import ids as app_ids
from app.auth.principal import Role
from app.house import House
from app.http import ids
from app.partners.stripe_issuing.client import Client
from app.partners.stripe_issuing.issuer import StripeIssuing
from app.partners.stripe_issuing.programme import StripeProgramme
from app.risk import judging
from app.seed import Seeded
from app.settings import Settings
from kyc.cases import case as identity_case
from kyc.cases import records
from kyc.check import Finding, Verdict
from law.calendar import statutory_date
from simulators.letter import DeviceKey
from tests.app import card_holders, card_numbers, disputing, people
from tests.app.papers import deeds as papers
from tests.app.people import bearer, keyed
from tests.app.risk.relations import DECLARED, RISK_RULE
from tests.banking import clients
from tests.credential.people import another_wallet, offered
from tests.credential.presenting import foreign
from tests.kyc.listing import entity, put_in_force
from tests.partners import outside
from tests.partners.investors import investor
from tests.partners.outside import Outside
from tests.security import contract
from tests.security.contract import Operation
from tests.security.doing import Owned, done, programme, rules

_FIRST = 7_100
_ROUNDS = 3

#: Calls of one's own that end what other calls need.
_ENDS = ("close", "withdraw", "revoke", "delete", "end", "lose", "remove", "suspend", "signOut")


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
        banks = [
            await open_.enter_async_context(outside.bank(app, folder / str(number), code=code))
            for number, code in enumerate((outside.CODE, "bank-two"))
        ]
        open_.callback(setattr, app.state, "house", app.state.house)
        app.state.house = elsewhere(banks[0].house)  # handlers ask a bank for prices
        payee, *pair = await people.residents(app, 3, start=_FIRST)
        made: tuple[Owned, Owned] = (defaultdict(set), defaultdict(set))
        for resident, seen in zip(pair, made, strict=True):
            await open_.enter_async_context(investor(app, settings, resident.number))  # a phone with a passkey
            await _lives(app, client, resident, payee, seen)
            await _card_secrets(app, client, resident, seen, folder / str(resident.number))
            await _banks(client, banks[0], resident, seen)
            await _shows_face(app, client, resident, seen)
        a, b = (Caller("resident", resident.subject) for resident in pair)
        p, q = [Caller("partner", subject) for subject in await _partners(app)]
        officer = Caller("officer", seed.OFFICERS[0])
        s, t = [Caller("service", uuid4()) for _ in range(2)]
        asked = [await _asks(app, client, verifier) for verifier in (p, q, s, t)]
        told = {
            caller: await _read_everything(app, client, caller, known)
            for caller, known in zip((a, b, p, q, s, t), (*made, *asked), strict=True)
        }
        mine, theirs = {}, {}
        for role, (one, other) in {"resident": (a, b), "partner": (p, q), "service": (s, t)}.items():
            mine[role], theirs[role] = _less(told[one], told[other]), _less(told[other], told[one])
        mine["officer"] = await _decides(app, client, officer, mine["resident"], folder)
        others = {"anonymous": Caller(None), "regulator": Caller("regulator"), "service": s}
        yield World(app, {"resident": a, "officer": officer, "partner": p, **others}, mine, theirs, {})


async def _asks(app: Litestar, client: httpx.AsyncClient, verifier: Caller) -> Owned:
    """Let a verifier ask somebody to prove something."""
    seen: Owned = defaultdict(set)
    token = await verifier.token(app)
    path = "/v1/presentations" if verifier.role == "partner" else "/v1/sandbox/presentations"
    await done(client, keyed(token), seen, "POST", path, {"question": "over_18"})
    return seen


def elsewhere(house: House) -> House:
    """Have a programme with another processor of cards, which is at no end of any line."""
    programme = StripeProgramme(country="DE", issuance_basis="STRIPE-DE-TEST-1", bank=outside.CODE)
    nowhere = Client(lambda: "sk_test_nobodys", house.http, address="http://127.0.0.1:9")
    return msgspec.structs.replace(house, stripe=StripeIssuing(nowhere, programme))


async def _lives(app: Litestar, client: httpx.AsyncClient, me: Seeded, payee: Seeded, seen: Owned) -> None:
    async def do(method: str, path: str, body: object = None) -> contract.Json:
        return await done(client, keyed(me.access_token), seen, method, path, body)

    await people.send(client, me, payee, 1_000)
    await _asks_and_orders(do, people.wallet(payee))
    await do("POST", f"/v1/money-requests/{await _asked_by(client, payee, me)}/block")
    card = await do("POST", "/v1/cards", {"accepted_notice": (await do("GET", "/v1/cards/notice"))["version"]})
    await disputing.lives(app.state.house, client, me, card["id"])
    await do("GET", f"/v1/cards/{card['id']}/payments")
    await do("POST", "/v1/card-accounts")
    await do("POST", "/v1/me/contacts", {"kind": "email", "value": f"r{me.number}@example.com"})
    await do("POST", "/v1/me/exports", {})
    await do("POST", "/v1/auth/attestations")
    await do("POST", "/v1/identity/declarations", DECLARED)
    consent = await do("GET", "/v1/invest/consent")
    await do("PUT", "/v1/invest/consent", {"text_sha256": consent["text_sha256"]})
    product = (await do("GET", "/v1/invest/products"))["products"][0]
    preview = await do("POST", "/v1/invest/previews", {"product_id": product["id"], "amount_minor": 100_000_00})
    await do("POST", "/v1/auth/step-ups", {"operation": "invest.confirm", "shown": preview["confirm"]["shown"]})
    await do("POST", "/v1/invest/placements", {"preview_id": preview["id"]})
    today = statutory_date(clock.real()).isoformat()
    await do("POST", "/v1/statements", {"begins_on": today, "ends_on": today})
    seen["file"].add(await papers.lives(client, me, do))
    await _restricted(app, client, me, seen, lifted=True)
    async with another_wallet(app) as wallet:
        await wallet.accept(await offered(client, me))
    # One code that somebody scanned, and one that still stands.
    scanned = (await do("POST", "/v1/me/shown-codes", {"question": "over_18"}))["code"]
    await done(client, {}, seen, "POST", "/v1/public/shown-codes", {"code": scanned, "name": "Hotel Almaty"})
    await do("POST", "/v1/me/shown-codes", {"fields": ["family_name"]})


async def _shows_face(app: Litestar, client: httpx.AsyncClient, me: Seeded, seen: Owned) -> None:
    """Let a resident show another passport, and begin to show the face that is in it."""

    async def do(method: str, path: str, body: object = None) -> contract.Json:
        return await done(client, keyed(me.access_token), seen, method, path, body)

    await papers.faces(app.state.house, me, do)


async def _card_secrets(app: Litestar, client: httpx.AsyncClient, me: Seeded, seen: Owned, folder: Path) -> None:
    """Let a resident ask for a card's number, put the card into a wallet, and be asked by a shop."""

    async def do(method: str, path: str, body: object = None) -> contract.Json:
        return await done(client, keyed(me.access_token), seen, method, path, body)

    card = (await do("GET", "/v1/cards"))["cards"][0]
    await do("POST", f"/v1/cards/{card['id']}/reveals", {"device_key": DeviceKey().public})
    number = (await card_numbers.shown(client, me.access_token, card))["pan"]
    network = await card_holders.network(app, client, folder)
    await network.provision(number)
    await network.challenge(number, 100, card_holders.SHOP)
    await do("GET", "/v1/card-tokens")
    await do("GET", "/v1/card-challenges")


async def _asks_and_orders(do: Callable[..., Awaitable[contract.Json]], payee: str) -> None:
    """Let a resident ask, share a bill, order and hand in a list, all with somebody else than the other of the two."""
    found = await do("POST", "/v1/payees/lookups", {"via": "wallet", "value": payee})
    to, amount = found["reference"], {"amount_minor": 100}
    await do("POST", "/v1/money-requests", {"of": to, "amount": amount})
    await do("POST", "/v1/splits", {"total": amount, "shares": [{"of": to}]})
    rule = {"frequency": "once", "first_on": "2030-01-01"}
    await do("POST", "/v1/standing-orders", {"to": to, "amount": amount, "rule": rule})
    await do("POST", "/v1/payment-lists", {"items": [{"to": payee, "amount_minor": 1}]})


async def _asked_by(client: httpx.AsyncClient, asker: Seeded, me: Seeded) -> str:
    """Let somebody ask this one for money; gives the request."""
    nobodys: Owned = defaultdict(set)

    async def do(path: str, **body: object) -> contract.Json:
        return await done(client, keyed(asker.access_token), nobodys, "POST", path, body)

    to = (await do("/v1/payees/lookups", via="wallet", value=people.wallet(me)))["reference"]
    return str((await do("/v1/money-requests", of=to, amount={"amount_minor": 100}))["id"])


async def _banks(client: httpx.AsyncClient, bank: Outside, me: Seeded, seen: Owned) -> None:
    """Let a resident have an account at the bank, pay in and out, exchange, and be paid by somebody who misspells."""

    async def do(path: str, **body: object) -> contract.Json:
        return await done(client, keyed(me.access_token), seen, "POST", path, body)

    await do("/v1/topups")
    payee = (await do("/v1/beneficiaries", iban="KZ86125KZT5004100100", own=True))["id"]
    tenge = (await do("/v1/bank-accounts", bank=outside.CODE, currency="KZT"))["id"]
    dollars = (await do("/v1/bank-accounts", bank=outside.CODE, currency="USD"))["id"]
    await clients.run(bank)
    await do("/v1/payouts", beneficiary_id=payee, amount_minor=1_00)
    await do("/v1/bank-transfers", bank_account_id=tenge, direction="to_account", amount_minor=1_00)
    quote = await do("/v1/fx-quotes", buys_to=dollars, fixed="sells", amount_minor=1_000_00)
    await do("/v1/exchanges", quote_id=quote["id"])
    await bank.pays(people.wallet(me), 1)
    await bank.pays("nobody we know", me.number)
    await clients.run(bank)


async def _decides(app: Litestar, client: httpx.AsyncClient, officer: Caller, residents: Owned, folder: Path) -> Owned:
    """Let an officer propose and suspend; gives what an officer may name: everything of one resident, and staff."""
    seen: Owned = defaultdict(set, {kind: set(texts) for kind, texts in residents.items()})
    other, stranger = seed.OFFICERS[1], await people.residents(app, 1, start=_FIRST + 9)
    token, _ = [await people.token(app, "officer", of=each) for each in (officer.subject, other)]
    seen["officer"].add(ids.show("officer", other))
    await done(
        client,
        keyed(token),
        seen,
        "POST",
        "/v1/officer/duties",
        {"officer": ids.show("officer", other), "duty": "auditor"},
    )
    await done(client, keyed(token), seen, "POST", "/v1/officer/periods", {"closed_until": "2026-06-01"})
    await _restricted(app, client, stranger[0], seen, lifted=False)
    for waiting in (await client.get("/v1/officer/suspense", headers=bearer(token))).json()["payments"]:
        returned = {"action": "return", "reason": "payer_asked"}
        await done(client, keyed(token), seen, "POST", f"/v1/officer/suspense/{waiting['id']}/proposals", returned)
    credit = {"kind": "credit", "reason": "goodwill", "evidence": "CASE-1", "amount_minor": 1, "purpose": "adjustment"}
    about = {"resident": ids.show("resident", stranger[0].subject)}
    await done(client, keyed(token), seen, "POST", "/v1/officer/adjustments", about | credit)
    suspended = {"subject": ids.show("resident", stranger[0].subject), "reason": "device_stolen"}
    await done(client, keyed(token), seen, "POST", "/v1/officer/suspensions", suspended)
    await _identity(app, client, token, stranger[0], seen)
    await rules(client, token, seen)
    await _screened(app, client, token, stranger[0], seen)
    await _risk(app, client, token, about["resident"], seen)
    await programme(client, token, about["resident"], seen)
    await done(client, keyed(token), seen, "POST", "/v1/officer/foreign-issuers", foreign.proposal(foreign.abroad()))
    await _disputes(app, client, token, seen, folder)
    return await _read_everything(app, client, officer, seen)


async def _identity(app: Litestar, client: httpx.AsyncClient, token: str, about: Seeded, seen: Owned) -> None:
    """Let somebody's identification be looked at, by the officer who claims it."""
    found = Finding("person.unique", Verdict.REVIEW)
    async with db.transaction(app.state.house.worker) as story:
        at = story.now
        await records.add(await story(), about.subject, [found], inputs=bytes(32), at=at, actor="service:matrix")
        held = await identity_case.of(await story(), about.subject)
    assert held is not None
    case = ids.show("identity_case", held.id)
    seen["identity_case"].add(case)
    await done(client, keyed(token), seen, "POST", f"/v1/officer/identity-cases/{case}/claim")


async def _disputes(app: Litestar, client: httpx.AsyncClient, token: str, seen: Owned, folder: Path) -> None:
    """Let an officer propose to bear a loss, and how a break of a settlement ends."""
    [lost, *_] = (await client.get("/v1/officer/disputes?state=expired", headers=bearer(token))).json()["disputes"]
    loss = {"what": "receivable", "amount_minor": 1, "cause": "late"}
    await done(client, keyed(token), seen, "POST", f"/v1/officer/disputes/{lost['id']}/write-offs", loss)
    found = await disputing.breaks(app, folder / "settlement")
    end = {"resolution": "accept_network", "evidence": "CASE-1"}
    await done(client, keyed(token), seen, "POST", f"/v1/officer/settlement/breaks/{found}/proposals", end)


async def _risk(app: Litestar, client: httpx.AsyncClient, token: str, resident: str, seen: Owned) -> None:
    """Have everybody judged; let an officer draft a rule of it, try it on the past, and want another band."""
    while await judging.step(app.state.house):
        pass
    path = "/v1/officer/risk-rules"
    version = await done(client, keyed(token), seen, "POST", path, {"rule": "matrix.rule", "body": RISK_RULE})
    past = {"since": "2026-05-01T00:00:00Z", "until": "2026-05-02T00:00:00Z"}
    path = f"/v1/officer/risk-rule-versions/{version['id']}/backtests"
    await done(client, keyed(token), seen, "POST", path, past)
    wanted = {"resident": resident, "what": "band", "band": "low", "reason": "known_better", "days": 30}
    await done(client, keyed(token), seen, "POST", "/v1/officer/risk-overrides", wanted)


async def _screened(app: Litestar, client: httpx.AsyncClient, token: str, who: Seeded, seen: Owned) -> None:
    """Let a list name somebody like this one, and an officer propose to clear them."""
    zone = seed.person(who.number)
    await put_in_force(app.state.house, entity("1", f"{zone.given} {zone.surname}", born=("1950",)))
    while await monitoring.step(app.state.house):
        pass
    [alert, *_] = (await client.get("/v1/officer/screening/alerts", headers=bearer(token))).json()["alerts"]
    path = f"/v1/officer/screening/alerts/{alert['id']}/acts"
    await done(client, keyed(token), seen, "POST", path, {"act": "clear", "reason": "other_birth"})


async def _restricted(app: Litestar, client: httpx.AsyncClient, who: Seeded, seen: Owned, *, lifted: bool) -> None:
    """Let two officers restrict somebody who appeals: it is granted, or waits with another act of the first officer."""
    first, second = [await people.token(app, "officer", of=each) for each in seed.OFFICERS]

    async def do(by: str, path: str, **body: object) -> contract.Json:
        return await done(client, keyed(by), seen, "POST", path, body)

    resident = ids.show("resident", who.subject)
    act = await do(first, "/v1/officer/restrictions", resident=resident, cause="data_outdated")
    await do(second, f"/v1/officer/restriction-acts/{act['id']}/decision", agree=True)
    mine = f"/v1/me/restrictions/{act['restriction']}"
    await do(who.access_token, f"{mine}/responses", text="Here it is.")
    appeal = await do(who.access_token, f"{mine}/appeals", text="Why?")
    if lifted:
        third = await people.token(app, "officer")
        await do(third, f"/v1/officer/appeals/{appeal['id']}/decision", outcome="granted")
    else:
        await do(first, f"/v1/officer/restrictions/{act['restriction']}/acts", act="extend")


async def _partners(app: Litestar) -> list[UUID]:
    both = "SELECT id FROM app.partner WHERE code IN (:one, 'bank-two') ORDER BY code"
    found = await outside.rows(app.state.house, both, one=outside.CODE)
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
