"""The operator's command line lets officers and machines in."""

import json
import time
import uuid

import httpx
import pytest
from litestar import Litestar

from app.auth import entry, jose
from app.house import House
from app.settings import Settings
from simulators.passkey import DeviceKey
from tests.app.auth.people import phone

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_invitation_from_the_command_line_makes_an_officer(
    app: Litestar, settings: Settings, house: House
) -> None:
    text = await entry.invite_officer(house, "E. Nurlan")

    async with phone(app, settings) as mine:
        await mine.register(text)
        assert (await mine.get("/v1/me"))["role"] == "officer"


async def test_a_machine_added_from_the_command_line_gets_a_token(
    client: httpx.AsyncClient, settings: Settings, house: House
) -> None:
    key, device, name, url = DeviceKey(), DeviceKey(), f"bank-{uuid.uuid4().hex[:8]}", f"{settings.issuer}/oauth/token"
    who = await entry.add_client(house, name, "partner", json.dumps({"keys": [key.jwk]}).encode())

    said = {"iss": name, "sub": name, "aud": settings.issuer, "jti": str(uuid.uuid4()), "exp": int(time.time()) + 60}
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": key.jws({"alg": "ES256"}, said),
    }
    answer = await client.post("/oauth/token", data=form, headers={"DPoP": device.proof("POST", url)})

    payload = json.loads(jose.split(answer.json()["access_token"]).payload)
    assert (payload["sub"], payload["name"]) == (str(who), name)


@pytest.mark.parametrize("jwks", [b"", b"{}", b'{"keys":1}', b'{"keys":[{"kty":"RSA"}]}', b"\xff"])
async def test_a_file_that_holds_no_public_keys_is_refused(house: House, jwks: bytes) -> None:
    with pytest.raises(jose.Unreadable):
        await entry.add_client(house, "bank-z", "partner", jwks)
