"""A client's keys: added with a proof, believed beside one another, retired without a lost request."""

import asyncio
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ed25519
from litestar import Litestar
from sqlalchemy import text

from app import clock, db
from app.auth import client as client_
from app.auth import client_key, jose
from app.auth.principal import Role
from app.settings import Settings
from proof.signer import FileSigner
from simulators.passkey import DeviceKey
from tests.app.auth import oauth
from tests.app.auth.oauth import Machine
from tests.app.auth.people import house_of

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(loop_scope="module")
async def machine(app: Litestar, client: httpx.AsyncClient, settings: Settings) -> Machine:
    return await oauth.machine(app, client, settings.issuer)


async def token(machine: Machine) -> str:
    answer = await machine.ask()
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def proof(machine: Machine, by: DeviceKey, header: dict[str, Any] | None = None, **changed: object) -> str:
    return machine.assertion(by=by, header={"typ": client_.KEY_PROOF} | (header or {}), **changed)


async def add(machine: Machine, by: DeviceKey, role: str = "partner", **sent: object) -> httpx.Response:
    body = {"jwk": by.jwk, "proof": proof(machine, by)} | sent
    return await machine.call(await token(machine), "POST", f"/v1/{role}/keys", json=body)


async def kids(machine: Machine, role: str = "partner") -> dict[str, str | None]:
    answer = await machine.call(await token(machine), "GET", f"/v1/{role}/keys")
    return {each["kid"]: each["valid_to"] for each in answer.json()["keys"]}


@pytest.mark.parametrize("role", ["partner", "regulator", "service"])
async def test_a_client_replaces_its_key_by_itself(
    app: Litestar, client: httpx.AsyncClient, settings: Settings, role: Role
) -> None:
    machine, new = await oauth.machine(app, client, settings.issuer, role), DeviceKey()
    added = await add(machine, new, role)
    assert added.status_code == 201, added.text
    machine.key = new
    retired = await machine.call(await token(machine), "DELETE", f"/v1/{role}/keys/1?grace_s=0")

    assert retired.status_code == 200, retired.text
    assert list(await kids(machine, role)) == ["1", added.json()["kid"]]


async def test_keys_are_rotated_under_requests_and_none_fails(app: Litestar, machine: Machine) -> None:
    old, new = machine.key, DeviceKey()
    answers: list[httpx.Response] = []

    async def work() -> None:
        for _ in range(8):
            answers.extend([await machine.ask()])

    workers = [asyncio.create_task(work()) for _ in range(3)]
    added = await add(machine, new)
    before = len(answers)
    machine.key = new
    retired = await machine.call(await token(machine), "DELETE", "/v1/partner/keys/1?grace_s=3600")
    during = len(answers)
    await asyncio.gather(*workers)

    assert added.status_code == 201
    assert 0 < before < during < len(answers) == 24  # the keys changed while requests were under way
    assert {answer.status_code for answer in answers} == {200}
    assert retired.json()["valid_to"] > retired.json()["valid_from"]
    # Within the grace the old key is believed, and after it no more.
    assert (await machine.ask(machine.assertion(by=old))).status_code == 200
    await _pass(app, machine, timedelta(hours=1))
    assert (await machine.ask(machine.assertion(by=old))).json()["error"] == "invalid_client"
    assert (await machine.ask()).status_code == 200


async def test_a_stolen_key_is_retired_at_once(machine: Machine) -> None:
    stolen, new = machine.key, DeviceKey()
    await add(machine, new)
    machine.key = new
    await machine.call(await token(machine), "DELETE", "/v1/partner/keys/1?grace_s=0")

    assert (await machine.ask(machine.assertion(by=stolen))).json()["error"] == "invalid_client"


async def test_the_last_key_stays_however_many_ask_at_once(machine: Machine) -> None:
    new = DeviceKey()
    kid = (await add(machine, new)).json()["kid"]
    held = await token(machine)
    answers = await asyncio.gather(
        *(machine.call(held, "DELETE", f"/v1/partner/keys/{each}?grace_s=60") for each in ("1", kid, "1", kid))
    )

    assert sorted({answer.status_code for answer in answers}) == [200, 409]
    assert [valid_to for valid_to in (await kids(machine)).values() if valid_to is None] == [None]


async def test_only_ones_own_key_is_retired_and_once(machine: Machine) -> None:
    await add(machine, DeviceKey())
    held = await token(machine)
    unknown = await machine.call(held, "DELETE", "/v1/partner/keys/nobodys")
    first = await machine.call(held, "DELETE", "/v1/partner/keys/1?grace_s=60")
    later = await machine.call(held, "DELETE", "/v1/partner/keys/1?grace_s=600")

    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert first.json() == later.json()  # a retirement is brought forward, never put off


BAD: dict[str, Callable[[Machine, DeviceKey], dict[str, object]]] = {
    "proof by the old key": lambda m, new: {"jwk": new.jwk, "proof": proof(m, m.key)},
    "proof by a third key": lambda m, new: {"jwk": new.jwk, "proof": proof(m, DeviceKey())},
    "an assertion for a proof": lambda m, new: {"jwk": new.jwk, "proof": m.assertion(by=new)},
    "proof for another server": lambda m, new: {"jwk": new.jwk, "proof": proof(m, new, aud="https://evil.example")},
    "proof of another client": lambda m, new: {"jwk": new.jwk, "proof": proof(m, new, iss="bank-b", sub="bank-b")},
    "proof that is over": lambda m, new: {"jwk": new.jwk, "proof": proof(m, new, exp=int(time.time()) - 1)},
    "proof for an hour": lambda m, new: {"jwk": new.jwk, "proof": proof(m, new, exp=int(time.time()) + 3600)},
    "proof without an id": lambda m, new: {"jwk": new.jwk, "proof": proof(m, new, jti=None)},
    "proof unsigned": lambda m, new: {"jwk": new.jwk, "proof": proof(m, new, {"alg": "none"})},
    "proof under another algorithm": lambda m, new: {"jwk": new.jwk, "proof": proof(m, new, {"alg": "EdDSA"})},
    "no proof": lambda _, new: {"jwk": new.jwk, "proof": "x"},
    "a point off its curve": lambda m, new: {"jwk": new.jwk | {"y": new.jwk["x"]}, "proof": proof(m, new)},
    "an EC key without y": lambda m, new: {
        "jwk": {name: new.jwk[name] for name in ("kty", "crv", "x")},
        "proof": proof(m, new),
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(app: Litestar, client: httpx.AsyncClient, settings: Settings) -> tuple[Machine, str]:
    """Give a machine with a token, whose keys no refusal changes."""
    made = await oauth.machine(app, client, settings.issuer)
    return made, await token(made)


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
async def test_a_key_nobody_proved_is_not_added(
    standing: tuple[Machine, str], body: Callable[[Machine, DeviceKey], dict[str, object]]
) -> None:
    machine, held = standing
    answer = await machine.call(held, "POST", "/v1/partner/keys", json=body(machine, DeviceKey()))

    assert (answer.status_code, answer.json()["code"]) == (422, "key_not_proved"), answer.text


@pytest.mark.parametrize("more", [{"d": "AAAA"}, {"x5u": "https://evil.example"}, {"kid": "../../x"}, {"use": "enc"}])
async def test_a_key_with_more_than_is_public_is_not_read(standing: tuple[Machine, str], more: dict[str, str]) -> None:
    machine, held = standing
    new = DeviceKey()
    body = {"jwk": new.jwk | more, "proof": proof(machine, new)}
    answer = await machine.call(held, "POST", "/v1/partner/keys", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_after_all_that_was_refused_there_is_one_key(standing: tuple[Machine, str]) -> None:
    assert list(await kids(standing[0])) == ["1"]


async def test_a_key_comes_once_and_not_back(machine: Machine) -> None:
    first = machine.key
    await add(machine, DeviceKey())
    await machine.call(await token(machine), "DELETE", "/v1/partner/keys/1?grace_s=60")

    again = await add(machine, first)
    named = await add(machine, new := DeviceKey(), jwk=new.jwk | {"kid": "1"})
    assert [each.json()["code"] for each in (again, named)] == ["key_known", "key_known"]


async def test_there_is_an_end_to_keys(machine: Machine) -> None:
    answers = [await add(machine, DeviceKey()) for _ in range(client_key.VALID_MAX)]

    assert [answer.status_code for answer in answers] == [201] * (client_key.VALID_MAX - 1) + [409]
    assert answers[-1].json()["code"] == "too_many_keys"


async def test_a_proof_adds_a_key_once(machine: Machine) -> None:
    new = DeviceKey()
    body = {"jwk": new.jwk, "proof": proof(machine, new)}
    held = await token(machine)
    first, again = [await machine.call(held, "POST", "/v1/partner/keys", json=body) for _ in range(2)]

    assert (first.status_code, again.status_code, again.json()["code"]) == (201, 422, "key_not_proved")


async def test_each_change_of_keys_is_a_fact(app: Litestar, machine: Machine) -> None:
    await add(machine, DeviceKey())
    await machine.call(await token(machine), "DELETE", "/v1/partner/keys/1?grace_s=60")

    async with db.transaction(house_of(app).api, audience="officer") as story:
        query = text("SELECT kind, actor FROM app.event WHERE aggregate = :id ORDER BY version")
        told = [tuple(row) for row in await (await story()).execute(query, {"id": machine.who})]
    assert told == [
        ("subject.registered", f"partner:{machine.who}"),
        ("client_key.added", "operator"),
        ("client_key.added", f"partner:{machine.who}"),
        ("client_key.retired", f"partner:{machine.who}"),
    ]


async def test_a_client_holds_the_scopes_it_was_registered_with(
    app: Litestar, client: httpx.AsyncClient, settings: Settings
) -> None:
    machine = await oauth.machine(app, client, settings.issuer, asked=frozenset({"partner:keys"}))

    all_of, wide = await machine.ask(), await machine.ask(scope="partner:events")
    assert all_of.json()["scope"] == "partner:keys"
    assert wide.json()["error"] == "invalid_scope"
    answer = await machine.call(all_of.json()["access_token"], "GET", "/v1/partner/subscriptions")
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


async def test_a_key_is_believed_by_its_name_or_without_one(app: Litestar, machine: Machine) -> None:
    signer = FileSigner(ed25519.Ed25519PrivateKey.generate())
    async with db.transaction(house_of(app).api, holder=machine.who, audience="service") as story:
        jwk = msgspec.convert(signer.public_jwk, jose.Jwk)
        now = clock.real()
        await client_key.put(await story(), machine.who, jwk, valid_from=now, actor="operator", at=now)

    said = {"iss": machine.name, "sub": machine.name, "aud": machine.issuer, "exp": int(time.time()) + 30}
    for header in ({"alg": "EdDSA"}, {"alg": "EdDSA", "kid": signer.kid}):
        parts = (header, said | {"jti": str(uuid.uuid4())})
        message = ".".join(jose.b64(msgspec.json.encode(part)) for part in parts)
        assertion = f"{message}.{jose.b64(signer.sign(message.encode()))}"
        assert (await machine.ask(assertion)).status_code == 200
    assert (await machine.ask()).status_code == 200


async def _pass(app: Litestar, machine: Machine, by: timedelta) -> None:
    """Let time pass over the retirements of a client's keys."""
    async with db.transaction(house_of(app).api, holder=machine.who, audience="service") as story:
        moved = "UPDATE app.client_key SET valid_to = greatest(valid_from, valid_to - :by)"
        which = "subject = :id AND valid_to IS NOT NULL"
        await (await story()).execute(text(f"{moved} WHERE {which}"), {"by": by, "id": machine.who})
