"""The token endpoint: clients with their key, wallets with a code, and what it refuses, in OAuth's own words."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar

from app import clock, ids
from app.auth import client as client_
from app.auth import code, jose, subject
from app.auth.principal import Role
from app.auth.scopes import held_by
from app.auth.subject import Subject
from app.http import ids as public_ids
from app.http.oauth.wallet_token import PRE_AUTHORIZED
from app.settings import Settings
from simulators.passkey import DeviceKey
from tests.app.auth import oauth
from tests.app.auth.oauth import CONFIGURATION, Machine
from tests.app.auth.people import house_of, registered, story_of
from tests.planted import planted

OTHER = "e_resident_mdoc"
pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(loop_scope="module")
async def machine(app: Litestar, client: httpx.AsyncClient, settings: Settings) -> Machine:
    return await oauth.machine(app, client, settings.issuer)


@pytest.mark.parametrize("role", ["partner", "regulator", "service"])
async def test_a_machine_gets_a_short_token_bound_to_its_key(
    app: Litestar, client: httpx.AsyncClient, settings: Settings, role: Role
) -> None:
    machine = await oauth.machine(app, client, settings.issuer, role)
    answer = await machine.ask()

    body = answer.json()
    assert answer.status_code == 200, body
    assert answer.headers["cache-control"] == "no-store"
    assert (body["token_type"], body["expires_in"]) == ("DPoP", 300)
    assert set(body["scope"].split()) == held_by(role)
    assert "refresh_token" not in body
    claims = house_of(app).door.reader.read(body["access_token"], clock.real())
    assert (claims.role, claims.sub, claims.name, claims.client_id) == (role, machine.who, machine.name, machine.name)
    assert claims.cnf is not None


FORGED: dict[str, Callable[[Machine], str]] = {
    "by another key": lambda m: m.assertion(by=DeviceKey()),
    "by another key it brings along": lambda m: m.assertion(by=(d := DeviceKey()), header={"jwk": d.jwk}),
    "under a kid that is not registered": lambda m: m.assertion(header={"kid": "2"}),
    "unsigned": lambda m: m.assertion(header={"alg": "none"}),
    "under another algorithm": lambda m: m.assertion(header={"alg": "EdDSA"}),
    "with a critical extension": lambda m: m.assertion(header={"crit": ["x"]}),
    "for another server": lambda m: m.assertion(aud="https://evil.example"),
    "for another server too": lambda m: m.assertion(aud=[m.issuer, "https://evil.example"]),
    "for nobody": lambda m: m.assertion(aud=None),
    "by another client": lambda m: m.assertion(iss="nobody-knows", sub="nobody-knows"),
    "about another client": lambda m: m.assertion(sub="bank-b"),
    "by a client whose id is none": lambda m: m.assertion(iss="a\x00b", sub="a\x00b"),
    "expired": lambda m: m.assertion(exp=int(time.time()) - 1),
    "without end": lambda m: m.assertion(exp=None),
    "good for an hour": lambda m: m.assertion(exp=int(time.time()) + 3600),
    "good for two minutes": lambda m: m.assertion(exp=int(time.time()) + 120),
    "of the type of a key's proof": lambda m: m.assertion(header={"typ": client_.KEY_PROOF}),
    "made tomorrow": lambda m: m.assertion(iat=int(time.time()) + 86_400),
    "not yet": lambda m: m.assertion(nbf=int(time.time()) + 60),
    "without an id": lambda m: m.assertion(jti=None),
    "with an id that can't be stored": lambda m: m.assertion(jti="12345678\x00"),
    "no assertion": lambda _: "x.y.z",
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
async def test_an_assertion_is_not_believed(machine: Machine, forged: Callable[[Machine], str]) -> None:
    answer = await machine.ask(forged(machine))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


#: A check of app/auth/client.py, and what stands in its place in a copy.
DEFECTS: dict[str, tuple[str, str]] = {
    "no signature": ("    last.verify(message.signature, message.signed)", "    pass"),
    "any kid": ("header.kid is None or header.kid == each.kid", "True"),
    "any alg": ("if each.key.algorithm == header.alg]", "]"),
    "any typ": ("if (header.typ == KEY_PROOF) is not key_proof:", "if False:"),
    "any extension": ("if header.crit is not None:", "if False:"),
    "any sub": ("if claims.sub != claims.iss:", "if False:"),
    "any aud": ("if claims.aud not in {", "if claims.aud is None and claims.aud not in {"),
    "any exp": ("if not now_s < claims.exp <= now_s + LIFETIME_MAX_S + token.AHEAD_MAX_S:", "if False:"),
    "an hour": ("LIFETIME_MAX_S = 60", "LIFETIME_MAX_S = 3600"),
    "any iat": ("max(claims.iat or 0, claims.nbf or 0)", "(claims.nbf or 0)"),
    "any nbf": ("max(claims.iat or 0, claims.nbf or 0)", "(claims.iat or 0)"),
}


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
async def test_a_server_that_lacks_a_check_is_caught(app: Litestar, machine: Machine, defect: tuple[str, str]) -> None:
    lax = planted(client_, *defect)

    let_in = [name for name, forged in FORGED.items() if await _recognises(app, machine, forged(machine), lax)]

    assert let_in
    assert await _recognises(app, machine, machine.assertion(), lax)
    assert not [name for name in let_in if await _recognises(app, machine, FORGED[name](machine), client_)]


async def _recognises(app: Litestar, machine: Machine, assertion: str, by: Any) -> bool:  # noqa: ANN401  or a copy
    try:
        async with story_of(house_of(app)) as story:
            await by.recognise(story, assertion, issuer=machine.issuer, now=clock.real())
    except (client_.NotRecognised, by.NotRecognised):
        return False
    return True


async def test_an_assertion_is_believed_once(machine: Machine) -> None:
    assertion = machine.assertion()
    answers = await asyncio.gather(*(machine.ask(assertion) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]


async def test_both_names_of_this_server_and_the_registered_kid_are_taken(machine: Machine) -> None:
    endpoint = await machine.ask(machine.assertion(aud=f"{machine.issuer}/oauth/token", header={"kid": "1"}))

    assert endpoint.status_code == 200


async def test_a_machine_gets_what_it_asks_for_and_no_more_than_its_role(machine: Machine) -> None:
    narrow, wide = await machine.ask(scope="partner:events"), await machine.ask(scope="partner:events officer:cases")

    assert narrow.json()["scope"] == "partner:events"
    assert (wide.status_code, wide.json()["error"]) == (400, "invalid_scope")


async def test_a_suspended_machine_gets_nothing(app: Litestar, machine: Machine) -> None:
    async with story_of(house_of(app), "officer") as story:
        await subject.suspend(await story(), machine.who, actor="officer:1", at=clock.real())

    assert (await machine.ask()).json()["error"] == "invalid_client"


async def test_another_client_id_beside_the_assertion_is_refused(machine: Machine) -> None:
    assert (await machine.ask(client_id="bank-b")).json()["error"] == "invalid_client"


async def test_an_id_names_one_client(app: Litestar, machine: Machine) -> None:
    async with story_of(house_of(app)) as story:
        with pytest.raises(client_.AlreadyRegistered):
            await client_.register(story, Subject(ids.new(), "partner", machine.name), [], clock.real())


async def test_a_private_key_is_not_registered(app: Litestar) -> None:
    jwk = msgspec.json.decode(json.dumps({**DeviceKey().jwk, "d": "AAAA"}), type=jose.Jwk)
    async with story_of(house_of(app)) as story:
        with pytest.raises(jose.Unreadable):
            await client_.register(story, Subject(ids.new(), "partner", "bank-x"), [jwk], clock.real())


REQUESTS: dict[str, tuple[bytes, str, str]] = {
    "no form": (b'{"grant_type":"refresh_token"}', "application/json", "invalid_request"),
    "nothing": (b"", "application/x-www-form-urlencoded", "invalid_request"),
    "no grant": (b"x=1", "application/x-www-form-urlencoded", "invalid_request"),
    "a grant we do not have": (b"grant_type=password", "application/x-www-form-urlencoded", "unsupported_grant_type"),
    "a field twice": (b"grant_type=a&grant_type=b", "application/x-www-form-urlencoded", "invalid_request"),
    "no pairs": (b"grant_type", "application/x-www-form-urlencoded", "invalid_request"),
    "bytes": (b"grant_type=\xff", "application/x-www-form-urlencoded", "invalid_request"),
    "not UTF-8": (b"grant_type=%ff", "application/x-www-form-urlencoded", "invalid_request"),
    "too many fields": (
        b"&".join(b"a%d=1" % n for n in range(50)),
        "application/x-www-form-urlencoded",
        "invalid_request",
    ),
    "no refresh token": (b"grant_type=refresh_token", "application/x-www-form-urlencoded", "invalid_request"),
}


@pytest.mark.parametrize(("body", "kind", "error"), REQUESTS.values(), ids=REQUESTS)
async def test_a_request_is_refused_in_the_words_of_oauth(
    client: httpx.AsyncClient, body: bytes, kind: str, error: str
) -> None:
    answer = await oauth.send(client, "/oauth/token", DeviceKey(), content=body, headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


async def test_without_a_proof_there_is_no_token(client: httpx.AsyncClient) -> None:
    answer = await client.post("/oauth/token", data={"grant_type": "refresh_token", "refresh_token": "x"})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")


class Offer:
    """A resident's offer and the wallet that takes it."""

    def __init__(self, app: Litestar, http: httpx.AsyncClient, issuer: str, holder: UUID) -> None:
        self.app, self.http, self.issuer, self.holder, self.device = app, http, issuer, holder, DeviceKey()

    async def code(self, tx_code: str | None = None, *, lasts: timedelta = code.LIFETIME) -> str:
        async with story_of(house_of(self.app)) as story:
            now = clock.real()
            made = await code.issue_code(
                await story(), self.holder, [CONFIGURATION, OTHER], now=now, tx_code=tx_code, lasts=lasts
            )
            return made.code

    async def take(self, text: str, **form: str) -> httpx.Response:
        fields = {"grant_type": PRE_AUTHORIZED, "pre-authorized_code": text} | form
        return await oauth.send(self.http, "/oauth/token", self.device, fields)


@pytest_asyncio.fixture(loop_scope="module")
async def offer(app: Litestar, client: httpx.AsyncClient, settings: Settings) -> Offer:
    async with registered(app, settings) as mine:
        assert mine.tokens is not None
        return Offer(app, client, settings.issuer, public_ids.parse("resident", mine.tokens.subject))


async def test_a_wallet_gets_a_token_for_the_credential_and_nothing_else(app: Litestar, offer: Offer) -> None:
    answer = await offer.take(await offer.code())

    body = answer.json()
    assert (answer.status_code, body["scope"]) == (
        200,
        f"credential:{OTHER} credential:{CONFIGURATION} credential:issue",
    )
    assert "authorization_details" not in body
    claims = house_of(app).door.reader.read(body["access_token"], clock.real())
    assert claims.sub == offer.holder
    assert [grant.credential_configuration_id for grant in claims.authorization_details] == [CONFIGURATION, OTHER]


async def test_a_wallet_that_names_the_credential_is_told_its_identifier(offer: Offer) -> None:
    details = json.dumps([{"type": "openid_credential", "credential_configuration_id": CONFIGURATION, "x": 1}])
    answer = await offer.take(await offer.code(), authorization_details=details)

    assert answer.json()["authorization_details"] == [
        {
            "type": "openid_credential",
            "credential_configuration_id": CONFIGURATION,
            "credential_identifiers": [CONFIGURATION],
        }
    ]


@pytest.mark.parametrize("details", ["x", "[]", "{}", "[1]", '[{"type":"x"}]', '[{"type":"openid_credential"}]'])
async def test_details_that_say_nothing_are_refused(offer: Offer, details: str) -> None:
    answer = await offer.take(await offer.code(), authorization_details=details)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")


async def test_details_of_another_credential_leave_the_code_as_it_was(offer: Offer) -> None:
    text = await offer.code()
    details = json.dumps([{"type": "openid_credential", "credential_configuration_id": "passport"}])
    refused = await offer.take(text, authorization_details=details)

    assert refused.json()["error"] == "invalid_authorization_details"
    assert (await offer.take(text)).status_code == 200


async def test_a_code_is_taken_once(offer: Offer) -> None:
    text = await offer.code()
    answers = await asyncio.gather(*(offer.take(text) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]
    assert {answer.json()["error"] for answer in answers if answer.is_error} == {"invalid_grant"}


async def test_a_code_is_over_after_its_time(offer: Offer) -> None:
    text = await offer.code(lasts=timedelta(microseconds=1))

    assert (await offer.take(text)).json()["error"] == "invalid_grant"


async def test_the_transaction_code_is_needed_when_there_is_one_and_only_then(offer: Offer) -> None:
    with_it, without = await offer.code("493 157"), await offer.code()

    assert (await offer.take(with_it)).json()["error"] == "invalid_request"
    assert (await offer.take(without, tx_code="493157")).json()["error"] == "invalid_request"
    assert (await offer.take(with_it, tx_code="493 157")).status_code == 200


async def test_the_fifth_wrong_transaction_code_is_the_last(offer: Offer) -> None:
    text = await offer.code("493157")
    for _ in range(code.TRIES_MAX):
        assert (await offer.take(text, tx_code="000000")).json()["error"] == "invalid_grant"

    assert (await offer.take(text, tx_code="493157")).json()["error"] == "invalid_grant"


async def test_wrong_transaction_codes_sent_at_once_are_all_counted(offer: Offer) -> None:
    text = await offer.code("493157")
    await asyncio.gather(*(offer.take(text, tx_code=f"00000{digit}") for digit in range(8)))

    assert (await offer.take(text, tx_code="493157")).json()["error"] == "invalid_grant"


async def test_a_suspended_resident_gets_no_credential(app: Litestar, offer: Offer) -> None:
    text = await offer.code()
    async with story_of(house_of(app), "officer") as story:
        await subject.suspend(await story(), offer.holder, actor="officer:1", at=clock.real())

    assert (await offer.take(text)).json()["error"] == "invalid_grant"


async def test_the_metadata_says_what_is_served(client: httpx.AsyncClient, settings: Settings) -> None:
    metadata = (await client.get("/.well-known/oauth-authorization-server")).json()

    assert metadata["issuer"] == settings.issuer
    assert metadata["token_endpoint"] == f"{settings.issuer}/oauth/token"
    assert metadata["pre-authorized_grant_anonymous_access_supported"] is True
    assert [] not in metadata.values()  # RFC 8414 section 3.2: what has no elements is left out


async def test_the_key_set_verifies_an_access_token(client: httpx.AsyncClient, machine: Machine) -> None:
    keys = (await client.get("/.well-known/jwks.json")).json()["keys"]
    message = jose.split((await machine.ask()).json()["access_token"])

    kid = json.loads(message.header)["kid"]
    [named] = [jwk for jwk in keys if jwk["kid"] == kid]
    assert "d" not in named
    jose.key_of(msgspec.convert(named, jose.Jwk)).verify(message.signature, message.signed)
