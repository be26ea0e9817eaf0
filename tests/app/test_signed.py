"""Signed requests and answers over HTTP: a message counts once and whole, and what we answer can be proved later."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver, algorithms
from litestar import Litestar
from sqlalchemy import text

from app import clock, db, ids
from app.partners import registry
from app.partners.registry import Kind
from cards.proofs.pan import draw
from simulators import message_signatures
from simulators.standard_webhooks import Signer
from tests.app import people

pytestmark = pytest.mark.asyncio


class Line:
    """A card network's line to the house, by hand."""

    def __init__(self, client: httpx.AsyncClient, name: str, signer: Signer) -> None:
        self.client, self.name, self.signer = client, name, signer

    def asks(self, kind: str = "authorizations", **changed: object) -> httpx.Request:
        """Sign a question that is declined: nobody has the card."""
        said = {
            "lifecycle_id": str(ids.new()),
            "element_id": "authorization-1",
            "pan": draw().digits,
            "amount": {"amount_minor": 100_00, "currency": "KZT"},
            "merchant": {"name": "Dostyk Books", "id": "M-1", "category": "5942", "country": "KZ"},
            "expiry": "2027-10",
        }
        body = json.dumps(said | changed).encode()
        path, headers = f"/v1/networks/{self.name}/{kind}", {"content-type": "application/json"}
        request = self.client.build_request("POST", path, content=body, headers=headers)
        message_signatures.sign_request(self.signer, request, body)
        return request


@pytest_asyncio.fixture
async def line(app: Litestar, client: httpx.AsyncClient, tmp_path: Any) -> Line:  # noqa: ANN401  a path
    name, signer = f"net-{str(ids.new())[-12:]}", Signer(tmp_path / "network.key")
    await enrolled(app, name, Kind.NETWORK, signer)
    return Line(client, name, signer)


async def enrolled(app: Litestar, code: str, kind: Kind, signer: Signer) -> None:
    kms, now = app.state.house.keys.kms, clock.real()
    async with db.transaction(app.state.house.worker) as story:
        connection = await story()
        partner = await registry.enrol(
            connection, kms, partner=ids.new(), code=code, name="A network", kind=kind, base_url=None, at=now
        )
        since = now - timedelta(minutes=1)
        await registry.add_key(connection, kms, partner, kid="1", key=signer.public, valid_from=since)


async def published(client: httpx.AsyncClient) -> Any:  # noqa: ANN401  keys by name
    return message_signatures.directory((await client.get(message_signatures.DIRECTORY)).json())


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def test_an_answer_is_signed_for_the_question(client: httpx.AsyncClient, line: Line) -> None:
    answer = await client.send(line.asks())
    keys = await published(client)

    assert answer.status_code == 200, answer.text
    message_signatures.verify_answer(answer, answer.content, keys)
    other = httpx.Response(200, headers=answer.headers, content=answer.content, request=line.asks())
    with pytest.raises(message_signatures.Unproved):
        message_signatures.verify_answer(other, other.content, keys)


async def test_a_refusal_is_signed_as_well(client: httpx.AsyncClient, line: Line) -> None:
    answer = await client.send(line.asks(amount={"amount_minor": 0, "currency": "KZT"}))

    assert code_of(answer) == (400, "invalid_request")
    message_signatures.verify_answer(answer, answer.content, await published(client))


async def test_a_message_counts_once(client: httpx.AsyncClient, line: Line) -> None:
    asked = line.asks()
    first, again = await client.send(asked), await client.send(asked)

    assert first.status_code == 200
    assert code_of(again) == (401, "unproved")
    assert "signature" not in again.headers  # nobody gets signatures from us by asking


TAMPERED: dict[str, Callable[[httpx.Request], httpx.Request]] = {
    "another body": lambda r: _with(r, content=r.content.replace(b"10000", b"90000")),
    "a byte more": lambda r: _with(r, content=r.content + b" "),
    "another operation": lambda r: _with(r, path=r.url.path.replace("authorizations", "clearings")),
    "another network": lambda r: _with(r, path=r.url.path.replace("net-", "ten-")),
    "a query": lambda r: _with(r, path=r.url.path + "?x=1"),
    "another media type": lambda r: _with(r, {"content-type": "application/json; charset=utf-8"}),
    "another digest": lambda r: _with(
        r, {"content-digest": f"sha-256=:{base64.b64encode(hashlib.sha256(b'').digest()).decode()}:"}
    ),
    "another key": lambda r: _with(r, {"signature-input": r.headers["signature-input"].replace('keyid="', 'keyid="x')}),
    "an idempotency key that is not signed": lambda r: _with(r, {"idempotency-key": '"1"'}),
    "no signature": lambda r: _with(r, {"signature": ""}),
}


def _with(
    request: httpx.Request,
    more: dict[str, str] | None = None,
    *,
    content: bytes | None = None,
    path: str | None = None,
) -> httpx.Request:
    more = more or {}
    headers = [(name, value) for name, value in request.headers.multi_items() if name not in {"content-length", *more}]
    url = request.url if path is None else request.url.join(path)
    return httpx.Request("POST", url, headers=[*headers, *more.items()], content=content or request.content)


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
async def test_a_message_that_was_changed_is_not_heard(
    client: httpx.AsyncClient, line: Line, tamper: Callable[[httpx.Request], httpx.Request]
) -> None:
    assert code_of(await client.send(tamper(line.asks()))) == (401, "unproved")


async def test_the_host_header_decides_nothing(client: httpx.AsyncClient, line: Line) -> None:
    asked = line.asks()
    asked.headers["host"] = "evil.example"

    assert (await client.send(asked)).status_code == 200


async def test_a_key_that_was_retired_is_not_believed(app: Litestar, client: httpx.AsyncClient, line: Line) -> None:
    assert (await client.send(line.asks())).status_code == 200
    async with db.transaction(app.state.house.worker) as story:
        retired = (
            "UPDATE app.client_key SET valid_to = now() WHERE subject = (SELECT id FROM app.partner WHERE code = :c)"
        )
        await (await story()).execute(text(retired), {"c": line.name})

    assert code_of(await client.send(line.asks())) == (401, "unproved")


async def test_a_webhook_signature_does_not_open_the_networks_door(client: httpx.AsyncClient, line: Line) -> None:
    body = line.asks().content
    headers = {"content-type": "application/json"} | line.signer.headers("msg_1", body)
    answer = await client.post(f"/v1/networks/{line.name}/authorizations", content=body, headers=headers)

    assert code_of(answer) == (401, "unproved")


@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
async def test_a_report_is_signed_for_who_asked(app: Litestar, client: httpx.AsyncClient, accept: str) -> None:
    headers = people.bearer(await people.token(app, "regulator"), accept=accept)
    query = {"as_of": "2026-11-01T00:00:00Z"}
    answer = await client.get("/v1/regulator/reports/sandbox", params=query, headers=headers)

    told = answer.headers["signature-input"]
    assert answer.status_code in {200, 409}, answer.text
    assert '"@target-uri";req' in told
    assert '"signature";req' not in told  # the request was not signed: its token says who asked
    digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
    assert answer.headers.get_list("content-digest") == [f"sha-256=:{digest}:"]
    keys = await published(client)
    verifier = HTTPMessageVerifier(
        signature_algorithm=algorithms.ED25519,
        key_resolver=MappingKeyResolver(public_keys=keys, private_keys={}),
    )
    needed = ("@status", "content-digest", "content-type", '"@method";req', '"@target-uri";req')
    verifier.verify(answer, expect_tag="eresidency", require_components=needed, body=answer.content)


async def test_who_may_not_ask_has_it_in_writing(app: Litestar, client: httpx.AsyncClient) -> None:
    known = await people.token(app, "partner")
    answer = await client.get(
        "/v1/regulator/reports/sandbox", params={"as_of": "2026-11-01T00:00:00Z"}, headers=people.bearer(known)
    )

    assert code_of(answer) == (403, "insufficient_scope")
    verifier = HTTPMessageVerifier(
        signature_algorithm=algorithms.ED25519,
        key_resolver=MappingKeyResolver(public_keys=await published(client), private_keys={}),
    )
    needed = ("@status", "content-digest", "content-type", '"@method";req', '"@target-uri";req')
    verifier.verify(answer, expect_tag="eresidency", require_components=needed, body=answer.content)


async def test_a_stranger_gets_no_signature(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/regulator/reports/sandbox", params={"as_of": "2026-11-01T00:00:00Z"})

    assert answer.status_code == 401
    assert "signature" not in answer.headers
