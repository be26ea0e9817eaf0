"""What a passkey's answer must hold, case by case: whatever is wrong with it, the answer is the same 401."""

import hashlib
import json
import secrets
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import cbor2
import httpx
import msgspec
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from litestar import Litestar
from sqlalchemy import create_engine, text

from app import ids
from app.auth import credential, passkey
from app.settings import Settings
from simulators.passkey import Passkey, b64, unb64
from simulators.phone import Phone
from tests.app.auth.people import count, house_of, phone, registered
from tests.planted import planted

ORIGIN = "http://localhost:8000"
RP_HASH, OTHER_HASH = (hashlib.sha256(name).digest() for name in (b"localhost", b"evil.example"))
UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40

pytestmark = pytest.mark.asyncio

Json = dict[str, Any]


def data(flags: int = UP | UV | BE | BS, *, rp: bytes = RP_HASH, uses: int = 0, rest: bytes = b"") -> bytes:
    return rp + struct.pack(">BI", flags, uses) + rest


def said(challenge: str, **changed: object) -> bytes:
    client_data = {"type": "webauthn.get", "challenge": challenge, "origin": ORIGIN, "crossOrigin": False}
    return json.dumps(client_data | changed).encode()


def assertion(by: Passkey, client_data: bytes, authenticator_data: bytes, **changed: str) -> Json:
    """Answer as an authenticator that does anything it is told, with a signature that holds over it."""
    private = by._private  # noqa: SLF001  an authenticator of an attacker keeps no secrets from him
    signed = authenticator_data + hashlib.sha256(client_data).digest()
    response = {
        "clientDataJSON": b64(client_data),
        "authenticatorData": b64(authenticator_data),
        "signature": b64(private.sign(signed, ec.ECDSA(hashes.SHA256()))),
        "userHandle": by.user_handle,
    }
    response |= {name: value for name, value in changed.items() if name in response}
    return {"id": changed.get("id", b64(by.id)), "rawId": changed.get("id", b64(by.id)), "type": "public-key",
            "response": response}  # fmt: skip


Answering = Callable[[Passkey, str], Json]
ANSWERS: dict[str, Answering] = {
    "without user verification": lambda by, asked: assertion(by, said(asked), data(UP | BE | BS)),
    "without user presence": lambda by, asked: assertion(by, said(asked), data(UV | BE | BS)),
    "backed up though it can't be": lambda by, asked: assertion(by, said(asked), data(UP | UV | BS)),
    "for another party": lambda by, asked: assertion(by, said(asked), data(rp=OTHER_HASH)),
    "from another origin": lambda by, asked: assertion(by, said(asked, origin="https://evil.example"), data()),
    "from the origin without its port": lambda by, asked: assertion(by, said(asked, origin="http://localhost"), data()),
    "from an app we do not know": lambda by, asked: assertion(
        by, said(asked, origin="android:apk-key-hash:" + b64(bytes(32))), data()
    ),
    "from a frame": lambda by, asked: assertion(by, said(asked, crossOrigin=True), data()),
    "from a frame that says so oddly": lambda by, asked: assertion(by, said(asked, crossOrigin="no"), data()),
    "under another page": lambda by, asked: assertion(by, said(asked, topOrigin="https://evil.example"), data()),
    "of a registration": lambda by, asked: assertion(by, said(asked, type="webauthn.create"), data()),
    "of a payment": lambda by, asked: assertion(by, said(asked, type="payment.get"), data()),
    "over another challenge": lambda by, _: assertion(by, said(b64(bytes(32))), data()),
    "over no challenge": lambda by, _: assertion(by, said(""), data()),
    "with data cut short": lambda by, asked: assertion(by, said(asked), data()[:-1]),
    "with data left over": lambda by, asked: assertion(by, said(asked), data(rest=b"\0")),
    "of a passkey nobody has": lambda by, asked: assertion(by, said(asked), data(), id=b64(bytes(32))),
    "for a person nobody is": lambda by, asked: assertion(by, said(asked), data(), userHandle=b64(bytes(16))),
    "for a person without an id": lambda by, asked: assertion(by, said(asked), data(), userHandle="AA"),
    "with a signature of nothing": lambda by, asked: assertion(by, said(asked), data(), signature=b64(bytes(70))),
    "in client data that is no JSON": lambda by, _: assertion(by, b"{", data()),
}


def refusal(answer: httpx.Response) -> tuple[int, Json, str]:
    body = answer.json()
    assert body.pop("trace_id")
    return answer.status_code, body, answer.headers["www-authenticate"]


async def answered(mine: Phone, answering: Answering) -> tuple[int, Json, str]:
    assert mine.passkey is not None
    begun = await mine.post("/v1/auth/assertions")
    body = {"credential": answering(mine.passkey, begun["options"]["challenge"])}
    return refusal(await mine.call("POST", f"/v1/auth/assertions/{begun['id']}", body=body, signed_in=False))


@pytest.fixture(scope="module")
def same() -> list[tuple[int, Json, str]]:
    """Keep the first refusal of the module: all others are compared with it."""
    return []


def check_same(same: list[tuple[int, Json, str]], found: tuple[int, Json, str]) -> None:
    same.append(found)
    assert found[0] == 401
    assert found == same[0]
    assert found[1]["code"] == "passkey_refused"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def victim(app: Litestar, settings: Settings) -> AsyncIterator[Phone]:
    """Give the phone of somebody whose passkey everything is tried with, in vain."""
    async with registered(app, settings) as mine:
        yield mine


@pytest.mark.parametrize("answering", ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_is_not_taken(victim: Phone, same: list[tuple[int, Json, str]], answering: Answering) -> None:
    check_same(same, await answered(victim, answering))


_OF_SIGN_IN = "expected_origin=list(settings.origins),\n            credential_public_key=public_key"
_ASKED = f"expected_rp_id=settings.rp_id,\n            {_OF_SIGN_IN}"
#: A check of app/auth/passkey.py, and what stands in its place in a copy.
DEFECTS: dict[str, tuple[str, str]] = {
    "nobody need be verified": (
        "credential_current_sign_count=0,\n            require_user_verification=True",
        "credential_current_sign_count=0,\n            require_user_verification=False",
    ),
    "any party": (
        _ASKED,
        _ASKED.replace("settings.rp_id", "settings.rp_id if authenticator_data[0] == 0x49 else 'evil.example'"),
    ),
    "any origin": (_OF_SIGN_IN, _OF_SIGN_IN.replace("list(settings.origins)", 'json.loads(client_data)["origin"]')),
    "any challenge": (
        f"expected_challenge=challenge_bytes,\n            {_ASKED}",
        f"expected_challenge=_said(client_data),\n            {_ASKED}",
    ),
    "any frame": ("_check_same_origin(response.client_data_json)", "pass"),
    "a frame that says so oddly": ('said.get("crossOrigin", False) is not False', 'said.get("crossOrigin") is True'),
    "any page around it": ('or "topOrigin" in said', ""),
    "any person": ("claimed(assertion) != subject or", ""),
    "any counter": ("if not grows(sign_count, verified.new_sign_count):", "if False:"),
}


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
async def test_a_server_that_lacks_a_check_is_caught(settings: Settings, defect: tuple[str, str]) -> None:
    lax, person, asked = planted(passkey, *defect), ids.new(), secrets.token_bytes(32)
    lax._said = lambda client_data: unb64(json.loads(client_data)["challenge"])  # noqa: SLF001  for one of the defects
    by = Passkey(settings.rp_id, b64(person.bytes))
    forged = [answering(by, b64(asked)) for answering in ANSWERS.values()]
    forged = [each for each in forged if each["id"] == b64(by.id)]  # by its id the key is found
    sound = assertion(by, said(b64(asked)), data(uses=9))

    assert [each for each in forged if _believes(lax, settings, person, by, asked, each)] or _believes(
        lax, settings, person, by, asked, assertion(by, said(b64(asked)), data(uses=7)), uses=8
    )
    assert not [each for each in forged if _believes(passkey, settings, person, by, asked, each)]
    assert _believes(lax, settings, person, by, asked, sound, uses=8)


def _believes(
    server: Any,  # noqa: ANN401  passkey or a copy
    settings: Settings,
    person: UUID,
    by: Passkey,
    asked: bytes,
    answer: Json,
    *,
    uses: int = 0,
) -> bool:
    point = by._private.public_key().public_numbers()  # noqa: SLF001  as above
    public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})
    told = msgspec.convert(answer, credential.Assertion)
    try:
        server.believed(settings, person, told, public_key=public, sign_count=uses, challenge_bytes=asked)
    except (passkey.Refused, server.Refused):
        return False
    return True


async def test_the_forger_of_these_tests_can_sign_in(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        assert mine.passkey is not None
        begun = await mine.post("/v1/auth/assertions")
        body = {"credential": assertion(mine.passkey, said(begun["options"]["challenge"]), data())}

        answer = await mine.call("POST", f"/v1/auth/assertions/{begun['id']}", body=body)

    assert answer.status_code == 201


@pytest.mark.parametrize("field", ["clientDataJSON", "authenticatorData", "signature", "userHandle"])
async def test_a_changed_byte_anywhere_is_not_taken(
    victim: Phone, same: list[tuple[int, Json, str]], field: str
) -> None:
    begun = await victim.post("/v1/auth/assertions")
    sound = victim.sign(begun["options"])
    length = len(unb64(sound["response"][field]))
    for place in (0, length // 2, length - 1):
        raw = bytearray(unb64(sound["response"][field]))
        raw[place] ^= 1
        body = {"credential": sound | {"response": sound["response"] | {field: b64(bytes(raw))}}}
        check_same(same, refusal(await victim.call("POST", f"/v1/auth/assertions/{begun['id']}", body=body)))


async def test_what_is_somebody_elses_signs_in_nobody(
    app: Litestar, settings: Settings, same: list[tuple[int, Json, str]]
) -> None:
    async with registered(app, settings) as mine, registered(app, settings) as other:
        assert mine.passkey is not None
        assert other.passkey is not None
        theirs, handle = b64(other.passkey.id), other.passkey.user_handle

        check_same(same, await answered(mine, lambda by, asked: assertion(by, said(asked), data(), id=theirs)))
        check_same(same, await answered(mine, lambda by, asked: assertion(by, said(asked), data(), userHandle=handle)))
        both = {"id": theirs, "userHandle": handle}
        check_same(same, await answered(mine, lambda by, asked: assertion(by, said(asked), data(), **both)))


async def test_a_challenge_that_is_used_or_over_is_refused_alike(
    app: Litestar, settings: Settings, same: list[tuple[int, Json, str]], module_database: str
) -> None:
    async with registered(app, settings) as mine:
        used, stale, other = [await mine.post("/v1/auth/assertions") for _ in range(3)]
        answers = [{"credential": mine.sign(begun["options"])} for begun in (used, stale, other)]
        await mine.post(f"/v1/auth/assertions/{used['id']}", answers[0])
        owner = create_engine(module_database)
        with owner.begin() as connection:
            wanted = {"challenge": unb64(stale["options"]["challenge"])}
            connection.execute(text("UPDATE app.challenge SET expires_at = now() WHERE challenge = :challenge"), wanted)
        owner.dispose()

        for asked, body in ((used, answers[0]), (stale, answers[1]), (other, answers[1])):
            check_same(same, refusal(await mine.call("POST", f"/v1/auth/assertions/{asked['id']}", body=body)))


def attested(options: Json, cose: dict[int, object], *, kind: str = "webauthn.create", **changed: object) -> Json:
    """Answer a registration with a key of any kind."""
    key_id = secrets.token_bytes(32)
    rest = bytes(16) + struct.pack(">H", len(key_id)) + key_id + cbor2.dumps(cose)
    made = data(UP | UV | BE | BS | AT, rest=rest)
    client_data = said(options["challenge"], **{"type": kind} | changed)
    response = {
        "clientDataJSON": b64(client_data),
        "attestationObject": b64(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": made})),
    }
    return {"id": b64(key_id), "rawId": b64(key_id), "type": "public-key", "response": response}


def _es256() -> dict[int, object]:
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    return {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}


def _es384() -> dict[int, object]:
    point = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    return {1: 2, 3: -35, -1: 2, -2: point.x.to_bytes(48), -3: point.y.to_bytes(48)}


def _rs256() -> dict[int, object]:
    numbers = rsa.generate_private_key(65_537, 2_048).public_key().public_numbers()
    return {1: 3, 3: -257, -1: numbers.n.to_bytes(256), -2: numbers.e.to_bytes(3)}


def _ed25519() -> dict[int, object]:
    return {1: 1, 3: -8, -1: 6, -2: ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()}


REGISTRATIONS: dict[str, Callable[[Json], Json]] = {
    "with RS256": lambda options: attested(options, _rs256()),
    "with ES384": lambda options: attested(options, _es384()),
    "with an algorithm that is not its key's": lambda options: attested(options, _rs256() | {3: -7}),
    "with a point off its curve": lambda options: attested(options, _es256() | {-2: b"\1" * 32}),
    "of a sign-in": lambda options: attested(options, _es256(), kind="webauthn.get"),
    "from a frame": lambda options: attested(options, _es256(), crossOrigin=True),
    "from another origin": lambda options: attested(options, _es256(), origin="https://evil.example"),
    "over another challenge": lambda options: attested(options | {"challenge": b64(bytes(32))}, _es256()),
}


@pytest.mark.parametrize("making", REGISTRATIONS.values(), ids=REGISTRATIONS)
async def test_a_new_passkey_is_not_taken(
    app: Litestar, settings: Settings, same: list[tuple[int, Json, str]], making: Callable[[Json], Json]
) -> None:
    async with phone(app, settings) as mine:
        begun = await mine.post("/v1/auth/registrations", {})
        body = {"credential": making(begun["options"])}
        check_same(same, refusal(await mine.call("POST", f"/v1/auth/registrations/{begun['id']}/passkey", body=body)))


async def test_an_ed25519_passkey_is_taken(app: Litestar, settings: Settings) -> None:
    async with phone(app, settings) as mine:
        begun = await mine.post("/v1/auth/registrations", {})
        assert {offered["alg"] for offered in begun["options"]["pubKeyCredParams"]} == {-7, -8}
        made = attested(begun["options"], _ed25519())

        answer = await mine.call("POST", f"/v1/auth/registrations/{begun['id']}/passkey", body={"credential": made})

    assert answer.status_code == 201


async def test_a_counter_that_steps_back_is_a_copy_that_is_remembered(
    app: Litestar, settings: Settings, same: list[tuple[int, Json, str]]
) -> None:
    async with registered(app, settings) as mine:
        await mine.sign_in()
        assert mine.passkey is not None
        mine.passkey.uses -= 1
        begun = await mine.post("/v1/auth/assertions")
        body = {"credential": mine.sign(begun["options"])}
        found = refusal(await mine.call("POST", f"/v1/auth/assertions/{begun['id']}", body=body))
        again = refusal(await mine.call("POST", f"/v1/auth/assertions/{begun['id']}", body=body))
        [shown] = (await mine.get("/v1/me/devices"))["devices"]
        mine.passkey.uses += 5
        await mine.sign_in()

    check_same(same, found)
    check_same(same, again)
    assert shown["copied_at"] is not None
    assert await count(house_of(app), "SELECT count(*) FROM app.event WHERE kind = 'passkey.regressed'") == 1


async def test_the_flags_of_its_backup_are_kept(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        [before] = (await mine.get("/v1/me/devices"))["devices"]
        assert mine.passkey is not None
        begun = await mine.post("/v1/auth/assertions")
        body = {"credential": assertion(mine.passkey, said(begun["options"]["challenge"]), data(UP | UV | BE))}
        await mine.post(f"/v1/auth/assertions/{begun['id']}", body)
        [after] = (await mine.get("/v1/me/devices"))["devices"]

    assert (before["synced"], before["backed_up"]) == (True, True)
    assert (after["synced"], after["backed_up"]) == (True, False)
