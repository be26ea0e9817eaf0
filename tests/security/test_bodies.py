"""No operation takes a body that is odd, of another media type, or says what is not for the caller to say.

Every operation of the contract is tried; all cases of each run nightly, a cut through them with every change. Whatever
is sent is refused with 4xx, at once, and leaves nothing behind.
"""

import asyncio
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
import pytest_asyncio
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from msgspec import inspect

from app import strict
from app.auth.principal import Role
from app.banking import bank_statement, camt053
from app.http.wire import Wire
from app.payments import list_file
from app.settings import Settings
from kyc.lists import formats
from tests import postgres
from tests.app import people
from tests.security import contract, odd, world
from tests.security.contract import Operation

pytestmark = pytest.mark.asyncio

ROOT = Path(__file__).parents[2]
#: What says nothing, which is all right where nothing need be said.
NO_BODY = {"nothing", "null"}
#: What is malformed, or comes without the proof that this operation wants before it reads.
MALFORMED = {400, 401}
#: Nothing takes that long; what does would hold others up.
WITHIN_S = 5.0
#: What the server knows, counts or decides. No caller says it, whatever the operation.
SERVER_OWNED: dict[str, object] = {
    "id": "x", "uuid": "x", "subject": "x", "holder": "x", "holder_id": "x", "resident": "x", "resident_id": "x",
    "owner": "x", "owner_id": "x", "user_id": "x", "partner_id": "x", "tenant": "x", "wallet_id": "x", "account": "x",
    "status": "approved", "state": "active", "outcome": "approved", "result": "ok", "verdict": "pass", "level": "chip",
    "grade": "valid", "identified": True, "verified": True, "verified_at": "2026-01-01T00:00:00Z", "approved": True,
    "approved_by": "x", "reviewer": "x", "first_reviewer": "x", "decided_by": "x", "actor": "x", "by": "x",
    "role": "officer", "roles": ["officer"], "scope": "officer:cases", "scopes": ["officer:cases"], "rights": ["*"],
    "is_admin": True, "is_staff": True, "admin": True, "audience": "service", "minted": True, "session": "x",
    "balance": 1, "balance_minor": 1, "posted": 1, "held": 1, "available": 1, "available_minor": 1, "credit_minor": 1,
    "fee_minor": 0, "interest_minor": 1, "rate": "1", "overdraft_minor": 1, "lane": 1, "seq": 1, "sequence": 1,
    "version": 1, "position": 1, "hash": "x", "prev": "x", "attempts": 0, "trouble": None, "limited_until": None,
    "suspended_at": None, "closed_at": None, "erased_at": None, "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z", "at": "2026-01-01T00:00:00Z", "due_at": "2026-01-01T00:00:00Z",
    "issued_at": "2026-01-01T00:00:00Z", "valid_from": "2026-01-01", "leased_until": "2026-01-01T00:00:00Z",
    "regime": "licensed", "environment": "test", "virtual": True, "confirmed": True, "step_up_done": True,
    "__proto__": {"role": "officer"}, "constructor": {}, "$where": "1",
}  # fmt: skip
#: Names of that list which are the caller's to say where they stand: (struct, field) with the reason.
SAID_BY_THE_CALLER = {
    ("Attestation", "id"): "the passkey's own name of itself (WebAuthn)",
    ("Assertion", "id"): "as Attestation",
    ("Confirmation", "id"): "which confirmation this answers; whose it is, is checked",
    ("MerchantWire", "id"): "the acquirer's name of the merchant, signed by the network",
    ("InjectedEvent", "id"): "the bank's id of its message, by which it counts once",
    ("Suspend", "subject"): "whom an officer suspends",
    ("WantedResidents", "balance_minor"): "invented money of demo and test",
    ("Propose", "wallet_id"): "whose an officer says a payment is; another one decides",
    ("ProposeAdjustment", "resident"): "whose wallet an officer would correct; another one decides",
    ("ProposeRestriction", "resident"): "whom an officer would restrict; another one decides",
    ("JudgePaper", "outcome"): "what an officer makes of a paper",
    ("GivePaper", "holder"): "whom the paper names, in its own letters; an officer reads it beside the paper",
    ("DecideAppeal", "outcome"): "what the other officer says to an appeal",
    ("AcceptNotice", "version"): "which text was accepted; another than the one in force is refused",
    ("ProposeExemption", "resident"): "whom an officer would exempt; another one decides",
    ("Original", "rate"): "the rate the network says it used, signed by it; ours is not asked",
    ("Ask", "rate"): "as Original, invented in a sandbox",
    **dict.fromkeys([(each, "rate") for each in ("Advice", "Amount", "Authorize", "Capture")], "as Ask"),
    ("OfferCredential", "by"): "whether the offer travels by value or by reference (OpenID4VCI)",
    ("SandboxOffer", "by"): "as OfferCredential",
    ("SandboxOffer", "resident"): "whose credential a tester's wallet is offered; invented people alone",
    ("SandboxWallet", "id"): "the client_id a tester's wallet calls itself by",
    ("ApproveInName", "resident"): "as SandboxOffer: who says yes to a tester's wallet; invented people alone",
    ("ProposeOverride", "resident"): "whose risk an officer would set; another one decides",
    ("LookAtDeclaration", "outcome"): "what an officer makes of a declaration",
    ("ChipWire", "sequence"): "the number of the card among those with one PAN (field 23), read by a terminal",
    ("MerchantAt", "id"): "the acquirer's name of an invented merchant of a sandbox",
    ("SandboxProvider", "id"): "how attestations name the provider that a tester invents",
    ("ProposeForeignIssuer", "status"): "how an officer says the issuer tells statuses; another one decides",
    ("ScanCode", "session"): "what the first scan answered; a guess reads nothing",
    ("VerifyShownCode", "session"): "as ScanCode",
}

IMPORTS = re.compile(r"^\s*(?:from|import) (\w+)", re.MULTILINE)

Body = dict[str, Any]


class Reader(msgspec.Struct, frozen=True):
    """An operation that reads JSON strictly, a body it understands, and a token of who may call it."""

    operation: Operation
    path: str
    body: bytes
    headers: dict[str, str]
    needs_body: bool


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def readers(app: Litestar) -> list[Reader]:
    tokens: dict[Role, dict[str, str]] = {}
    found = []
    for operation in strict_operations(app):
        role = min(operation.roles)
        if role not in tokens:
            tokens[role] = people.bearer(await people.token(app, role))
        path, body = operation.filled(world.random, lambda _: "unheard-of")
        headers = {**(tokens[role] if operation.scope else {}), "idempotency-key": "odd", "if-match": '"1"'}
        data = handlers_of(app)[operation.name].parsed_data_field
        assert data is not None
        needs_body = not (data.is_optional or data.has_default)
        found.append(Reader(operation, path, json.dumps(body).encode(), headers, needs_body))
    assert len(found) > 30
    return found


def strict_operations(app: Litestar) -> list[Operation]:
    handlers = handlers_of(app)
    return [
        each
        for each in contract.operations(app)
        if each.form == "application/json" and not {"standard", "signed"} & handlers[each.name].opt.keys()
    ]


def handlers_of(app: Litestar) -> dict[str, HTTPRouteHandler]:
    return {
        str(handler.operation_id): handler
        for route in app.routes
        for handler in getattr(route, "route_handlers", [])
        if isinstance(handler, HTTPRouteHandler)
    }


async def send(
    client: httpx.AsyncClient, reader: Reader, content: bytes, media_type: str = "application/json"
) -> httpx.Response:
    headers = {**reader.headers, "content-type": media_type}
    async with asyncio.timeout(WITHIN_S):
        return await client.request(reader.operation.method, reader.path, content=content, headers=headers)


def stored(settings: Settings) -> dict[str, int]:
    """Count the rows of every table but those that grow by being asked."""
    with psycopg.connect(postgres.libpq(settings.database_url)) as owner:
        names = owner.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname IN ('app', 'wallet', 'cards', 'invest', 'kyc', 'residency')"
        ).fetchall()
        # Names out of the catalogue, quoted by it.
        counts = {name: owner.execute(f"SELECT count(*) FROM {name}").fetchone() for (name,) in names}  # noqa: S608  as above
    return {name: row[0] for name, row in counts.items() if row and name not in COUNTING}


#: Tables that note that somebody asked.
COUNTING = {"app.epoch", "app.quota", "app.security_event", "app.spent_jti"}


async def refused(
    client: httpx.AsyncClient, settings: Settings, cases: Iterator[tuple[Reader, str, bytes, str]], allowed: set[int]
) -> list[str]:
    """Send every case; gives those that were not refused as they should be, and what they left behind."""
    before = stored(settings)
    wrong = []
    for reader, name, content, media_type in cases:
        answer = await send(client, reader, content, media_type)
        if answer.status_code not in allowed or answer.headers["content-type"] != "application/problem+json":
            wrong.append(f"{reader.operation.name}, {name}: {answer.status_code} {answer.text[:200]}")
    grown = {name: count - before[name] for name, count in stored(settings).items() if count != before[name]}
    return wrong + [f"left in {name}: {count}" for name, count in grown.items()]


def cut(readers: list[Reader], names: list[str], each: int) -> Iterator[tuple[Reader, str]]:
    """Give every operation some of the cases, in turn, so that each case meets some operation."""
    turning = itertools.cycle(names)
    return ((reader, next(turning)) for reader in readers for _ in range(each))


def spoilt(readers: list[Reader], each: int) -> Iterator[tuple[Reader, str, bytes, str]]:
    for reader, name in cut(readers, list(odd.BODIES), each):
        if reader.needs_body or name not in NO_BODY:
            yield reader, name, odd.BODIES[name](reader.body), "application/json"


async def test_odd_json_is_refused(client: httpx.AsyncClient, settings: Settings, readers: list[Reader]) -> None:
    assert "\n".join(await refused(client, settings, spoilt(readers, 1), MALFORMED)) == ""


@pytest.mark.nightly
async def test_all_odd_json_is_refused_by_every_operation(
    client: httpx.AsyncClient, settings: Settings, readers: list[Reader]
) -> None:
    assert "\n".join(await refused(client, settings, spoilt(readers, len(odd.BODIES)), MALFORMED)) == ""


def accepted(read: Callable[[bytes], object]) -> set[str]:
    """Name what of the corpus a reader takes, where it is asked for any object."""
    taken = set()
    for name, spoil in odd.BODIES.items():
        try:
            if isinstance(read(spoil(b'{"a": 1}')), dict):
                taken.add(name)
        except (ValueError, RecursionError, strict.Malformed):
            continue
    return taken


async def test_the_corpus_finds_what_other_readers_take() -> None:
    """The planted defects: the two readers of JSON that we stand on."""
    known = {"a field nobody knows", "a field of JavaScript", "a field without a name"}  # refused by the type alone

    assert accepted(lambda raw: strict.decode(raw, dict[str, Any])) == known
    assert accepted(json.loads) >= known | {"a field twice", "NaN", "1e400", "half a pair of surrogates", "UTF-16"}
    assert accepted(msgspec.json.decode) >= known | {
        "a field twice",
        "NUL, escaped",
        "too many fields",
    }


async def test_a_body_of_another_media_type_is_not_read(
    client: httpx.AsyncClient, settings: Settings, readers: list[Reader]
) -> None:
    pairs = cut(readers, list(odd.MEDIA_TYPES), 1)
    cases = ((reader, kind, reader.body, kind) for reader, kind in pairs)

    assert await refused(client, settings, cases, {415}) == []


#: Who reads XML, out of a field of JSON or from a publisher, with a parser that resolves, loads and fetches nothing.
XML_READERS: dict[str, Callable[[bytes], object]] = {
    "app/banking/camt053.py": camt053.from_xml,
    "app/payments/list_file.py": lambda content: list_file.read(list_file.Format.PAIN, content.decode()),
    "kyc/lists/formats.py": lambda content: formats.read(content, "un"),
}


async def test_xml_is_no_body(client: httpx.AsyncClient, settings: Settings, readers: list[Reader]) -> None:
    kinds = itertools.cycle(kind for kind in odd.MEDIA_TYPES if "xml" in kind)
    cases = ((reader, name, odd.XML[name], next(kinds)) for reader, name in cut(readers, list(odd.XML), 1))
    parsers = {"xml", "lxml", "defusedxml", "xmlschema", "signxml", "bs4"}
    packages = ("app", "wallet", "cards", "invest", "kyc", "residency", "law", "proof")
    imported = {
        (str(path.relative_to(ROOT)), name)
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        for name in IMPORTS.findall(path.read_text(encoding="utf-8"))
    }

    assert await refused(client, settings, cases, {415}) == []
    assert {"msgspec", "asn1crypto"} <= {name for _, name in imported}
    assert {path for path, name in imported if name in parsers} == XML_READERS.keys()


@pytest.mark.parametrize("content", odd.XML.values(), ids=odd.XML)
@pytest.mark.parametrize("read", XML_READERS.values(), ids=XML_READERS)
async def test_xml_that_attacks_its_reader_is_refused(read: Callable[[bytes], object], content: bytes) -> None:
    began = time.process_time()
    with pytest.raises((bank_statement.BadStatement, list_file.Invalid, formats.BadList)):
        read(content)

    assert time.process_time() - began < 1


@pytest.mark.nightly
async def test_every_media_type_and_all_xml_is_refused_by_every_operation(
    client: httpx.AsyncClient, settings: Settings, readers: list[Reader]
) -> None:
    bodies = {"JSON": None, **odd.XML}
    cases = (
        (reader, f"{name} as {kind}", content or reader.body, kind)
        for reader, kind, (name, content) in itertools.product(readers, odd.MEDIA_TYPES, bodies.items())
    )

    assert await refused(client, settings, cases, {415}) == []


def structs(kind: Any) -> Iterator[type[msgspec.Struct]]:  # noqa: ANN401  any type msgspec reads
    """Give every struct that can stand in a body of this type."""
    waiting, known = [inspect.type_info(kind)], set()
    while waiting:
        found = waiting.pop()
        if isinstance(found, inspect.StructType):
            if found.cls in known:
                continue
            known.add(found.cls)
            yield found.cls
            waiting += [field.type for field in found.fields]
        for name in ("item_type", "key_type", "value_type"):
            if isinstance(inner := getattr(found, name, None), inspect.Type):
                waiting.append(inner)
        for name in ("types", "item_types"):
            waiting += getattr(found, name, ())


def open_doors(kind: Any, *, ignores: bool) -> set[str]:  # noqa: ANN401  any type msgspec reads
    """Name the fields of the server's that a body of this type could say, and structs that take unknown ones."""
    found = set()
    for struct in structs(kind):
        said = {field.encode_name for field in msgspec.structs.fields(struct)} & SERVER_OWNED.keys()
        found |= {f"{struct.__name__}.{name}" for name in said if (struct.__name__, name) not in SAID_BY_THE_CALLER}
        if not (ignores or struct.__struct_config__.forbid_unknown_fields):
            found.add(f"{struct.__name__} takes any field")
    return found


async def test_no_body_says_what_is_the_servers(app: Litestar) -> None:
    """Types over all: each field of the list in each struct that any operation reads, however deep."""
    wrong = {
        door
        for handler in handlers_of(app).values()
        if handler.parsed_data_field is not None
        # Standards say to pass over what is unknown, so there it must not be a field.
        for door in open_doors(handler.parsed_data_field.annotation, ignores="standard" in handler.opt)
    }

    assert wrong == set()


async def test_the_walk_finds_a_door_that_is_open() -> None:
    class Inner(Wire, frozen=True):
        status: str

    class Lax(msgspec.Struct):
        name: str

    class Outer(Wire, frozen=True):
        inner: dict[str, list[Inner | None]]
        lax: Lax

    assert open_doors(Outer, ignores=False) == {"Inner.status", "Lax takes any field"}


def closed(kind: inspect.Type, value: Any, place: odd.Place = ()) -> Iterator[odd.Place]:  # noqa: ANN401  any JSON
    """Give where in a body the structs stand, the outermost first. An object of any names is the verb's to judge."""
    if isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from closed(each, value, place)
    elif isinstance(kind, inspect.StructType) and isinstance(value, dict):
        yield place
        for field in kind.fields:
            if field.encode_name in value:
                yield from closed(field.type, value[field.encode_name], (*place, field.encode_name))
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType) and isinstance(value, list):
        for number, each in enumerate(value):
            yield from closed(kind.item_type, each, (*place, number))
    elif isinstance(kind, inspect.DictType) and isinstance(value, dict):
        for name, each in value.items():
            yield from closed(kind.value_type, each, (*place, name))


def assigning(app: Litestar, reader: Reader, fields: list[str]) -> Iterator[tuple[Reader, str, bytes, str]]:
    field_of_data = handlers_of(app)[reader.operation.name].parsed_data_field
    assert field_of_data is not None
    body, kind = json.loads(reader.body), inspect.type_info(field_of_data.annotation)
    for field, place in itertools.product(fields, closed(kind, body)):
        content = json.dumps(odd.added(body, place, field, SERVER_OWNED[field])).encode()
        if not said_there(body, place, field):
            yield reader, f"{field} at {list(place)}", content, "application/json"


def said_there(body: Any, place: odd.Place, field: str) -> bool:  # noqa: ANN401  any JSON
    """Say whether the object at `place` has this field anyway: by the table above it may."""
    for step in place:
        body = body[step]
    return field in body


async def test_what_is_the_servers_is_refused_at_every_depth(
    app: Litestar, client: httpx.AsyncClient, settings: Settings, readers: list[Reader]
) -> None:
    turning = itertools.cycle(SERVER_OWNED)
    cases = (case for reader in readers for case in assigning(app, reader, [next(turning)]))

    assert "\n".join(await refused(client, settings, cases, MALFORMED)) == ""


@pytest.mark.nightly
async def test_everything_of_the_servers_is_refused_by_every_operation_at_every_depth(
    app: Litestar, client: httpx.AsyncClient, settings: Settings, readers: list[Reader]
) -> None:
    cases = (case for reader in readers for case in assigning(app, reader, list(SERVER_OWNED)))

    assert "\n".join(await refused(client, settings, cases, MALFORMED)) == ""
