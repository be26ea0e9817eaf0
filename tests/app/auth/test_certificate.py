"""Client certificates that a proxy tells of: believed of the proxies named in the settings, and bound to the token."""

import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import quote

import httpx
import msgspec
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from litestar import Litestar

from app import clock, main
from app.auth.certificate import Proxies
from app.house import House
from app.settings import Settings
from tests.app.auth import oauth
from tests.app.auth.oauth import Machine

pytestmark = pytest.mark.asyncio

HEADER, PROXY, STRANGER = "client-cert", "10.0.0.8", "192.0.2.7"


def certificate() -> x509.Certificate:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    day = datetime.now(UTC)
    return made.not_valid_before(day).not_valid_after(day + timedelta(days=1)).sign(key, hashes.SHA256())


CERTIFICATE, OTHER = certificate(), certificate()


def told(found: x509.Certificate = CERTIFICATE) -> str:
    return f":{base64.b64encode(found.public_bytes(Encoding.DER)).decode()}:"


def pem(found: x509.Certificate = CERTIFICATE) -> str:
    return quote(found.public_bytes(Encoding.PEM).decode())


def thumbprint(found: x509.Certificate = CERTIFICATE) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(found.public_bytes(Encoding.DER)).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def behind(settings: Settings, house: House) -> Litestar:
    """Give the application of an installation behind a proxy."""
    built = main.build(settings)
    door = msgspec.structs.replace(house.door, proxies=Proxies(HEADER, ["10.0.0.0/24"]))
    built.state.house = msgspec.structs.replace(house, door=door)
    return built


@pytest_asyncio.fixture(loop_scope="module")
async def machine(behind: Litestar, settings: Settings) -> AsyncIterator[Machine]:
    async with speaking(behind, settings, PROXY, told()) as http:
        yield await oauth.machine(behind, http, settings.issuer)


def speaking(app: Litestar, settings: Settings, peer: str, header: str | None) -> httpx.AsyncClient:
    """Give a client whose connection comes from `peer`, with a header about its certificate."""
    transport = httpx.ASGITransport(cast("Any", app), client=(peer, 50_000))
    headers = {} if header is None else {HEADER: header}
    return httpx.AsyncClient(transport=transport, base_url=settings.issuer, headers=headers)


async def cnf(app: Litestar, machine: Machine) -> tuple[str, str | None]:
    answer = await machine.ask()
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["access_token"]
    confirmed = app.state.house.door.reader.read(text, clock.real()).cnf
    return text, confirmed.certificate


@pytest.mark.parametrize("header", [told(), pem()])
async def test_a_token_is_bound_to_the_certificate_and_to_the_key(
    behind: Litestar, settings: Settings, machine: Machine, header: str
) -> None:
    async with speaking(behind, settings, PROXY, header) as http:
        machine.http = http
        text, bound_to = await cnf(behind, machine)
        assert bound_to == thumbprint()
        assert (await machine.call(text, "GET", "/v1/partner/keys")).status_code == 200


@pytest.mark.parametrize(
    ("peer", "header"),
    [(PROXY, told(OTHER)), (PROXY, None), (PROXY, ""), (PROXY, "x"), (PROXY, ":AAAA:"), (STRANGER, told())],
    ids=["another certificate", "none", "an empty one", "no certificate", "bytes", "told by a stranger"],
)
async def test_a_bound_token_is_refused_without_its_certificate(
    behind: Litestar, settings: Settings, machine: Machine, peer: str, header: str | None
) -> None:
    text, _ = await cnf(behind, machine)
    async with speaking(behind, settings, peer, header) as http:
        machine.http = http
        answer = await machine.call(text, "GET", "/v1/partner/keys")

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_a_strangers_header_binds_nothing(behind: Litestar, settings: Settings, machine: Machine) -> None:
    async with speaking(behind, settings, STRANGER, told()) as http:
        machine.http = http
        assert (await cnf(behind, machine))[1] is None


async def test_a_header_that_is_no_certificate_gets_no_token(
    behind: Litestar, settings: Settings, machine: Machine
) -> None:
    async with speaking(behind, settings, PROXY, ":AAAA:") as http:
        machine.http = http
        answer = await machine.ask()

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_without_the_setting_no_header_is_read(
    app: Litestar, client: httpx.AsyncClient, settings: Settings
) -> None:
    machine = await oauth.machine(app, client, settings.issuer)
    async with speaking(app, settings, PROXY, told()) as http:
        machine.http = http
        assert (await cnf(app, machine))[1] is None
    assert (await client.get("/.well-known/oauth-authorization-server")).json()[
        "tls_client_certificate_bound_access_tokens"
    ] is False
