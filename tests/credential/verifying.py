"""A verifier that asks through us and a resident with a copy in each format, over HTTP, by the standard alone."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import cbor2
import httpx
import pytest_asyncio
from joserfc import jwe
from joserfc.jwk import ECKey
from litestar import Litestar

from app import clock
from residency.credential import cbor, jws, pki
from residency.credential.mdoc import response, session
from simulators import wallet_app
from simulators.passkey import DeviceKey, Json
from simulators.wallet_app import Held, WalletApp
from tests.app import people
from tests.app.people import bearer, keyed
from tests.credential import test_mdoc_issued as mdocs
from tests.credential.people import offered, resident


class Asked:
    """One request as a wallet sees it: fetched by its link, its signature followed to the root."""

    def __init__(self, client: httpx.AsyncClient, made: Json) -> None:
        self.client, self.made = client, made
        self.told: Json = {}

    async def fetch(self, *, nonce: str | None = None) -> "Asked":
        link = {name: value for name, [value] in parse_qs(urlsplit(self.made["request_uri"]).query).items()}
        if nonce is None:
            answer = await self.client.get(link["request_uri"])
        else:
            answer = await self.client.post(link["request_uri"], data={"wallet_nonce": nonce})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/oauth-authz-req+jwt"
        token = jws.parse(answer.text)
        root = await mdocs.pinned(self.client)
        assert token.signed_by(pki.signatory(token.header["x5c"], (root,), at=clock.real()).key)
        assert token.payload["client_id"] == link["client_id"]
        self.told = token.payload
        return self

    def sealed(self, vp_token: Json | None, **changes: object) -> str:
        key = self.told["client_metadata"]["jwks"]["keys"][0]
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key["kid"]}
        body = {"vp_token": vp_token, "state": self.told["state"]} | changes
        return jwe.encrypt_compact(
            header, json.dumps(body).encode(), ECKey.import_key(key), algorithms=["ECDH-ES", "A256GCM"]
        )

    async def answer(self, vp_token: Json | None, **changes: object) -> httpx.Response:
        return await self.post(self.sealed(vp_token, **changes))

    async def post(self, response: str) -> httpx.Response:
        return await self.client.post(self.told["response_uri"], data={"response": response})


class Bank:
    """A verifier that asks through us."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self.client, self.token = client, token

    async def ask(self, **wanted: Any) -> Asked:  # noqa: ANN401  JSON
        answer = await self.client.post("/v1/sandbox/presentations", json=wanted, headers=keyed(self.token))
        assert answer.status_code == 201, answer.text
        return Asked(self.client, answer.json())

    async def read(self, asked: Asked, **params: str) -> Json:
        answer = await self.client.get(asked.made["verdict_url"], headers=bearer(self.token), params=params)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found


@pytest_asyncio.fixture
async def bank(app: Litestar, client: httpx.AsyncClient) -> Bank:
    return Bank(client, await people.token(app, "service"))


class Holder:
    """A resident with a copy in each format, the mdoc of the type `doc_type`."""

    def __init__(self, token: str, held: Held, key: DeviceKey, mdoc: bytes, *, doc_type: str = mdocs.DOC_TYPE) -> None:
        self.token, self.held, self.key, self.mdoc = token, held, key, mdoc
        self.doc_type = doc_type

    def sd_jwt(self, asked: Asked, paths: Sequence[Sequence[str]]) -> Json:
        shown = wallet_app.present(self.held, [list(path) for path in paths], audience=asked.told["client_id"],
                                   nonce=asked.told["nonce"])  # fmt: skip
        return {"id": [shown]}

    def device_response(
        self, asked: Asked, wanted: set[str], said: Mapping[str, Mapping[str, object]] | None = None
    ) -> str:
        key = asked.told["client_metadata"]["jwks"]["keys"][0]
        required = json.dumps({name: key[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        transcript = session.openid4vp(
            client_id=asked.told["client_id"],
            nonce=asked.told["nonce"],
            response_uri=asked.told["response_uri"],
            key_thumbprint=hashlib.sha256(required.encode()).digest(),
        )
        return self.presented(transcript, wanted, said or {})

    def presented(self, transcript: bytes, wanted: set[str], said: Mapping[str, Mapping[str, object]]) -> str:
        spaces = cbor.embed(cbor2.dumps(said))
        told = cbor.embed(response.authentication(transcript, self.doc_type, spaces))
        protected = cbor2.dumps({1: -7})
        signature = self.key.sign(cbor2.dumps(["Signature1", protected, b"", told]))
        auth = cbor.mapping(deviceSignature=cbor2.dumps([protected, {}, None, signature]))
        issuer_signed = cbor.parts(self.mdoc)
        items = cbor.items(cbor.parts(issuer_signed["nameSpaces"])[self.doc_type])
        shown = [each for each in items if cbor.load(cbor.embedded(each))["elementIdentifier"] in wanted]
        signed = cbor.mapping(
            nameSpaces=b"\xa1" + cbor2.dumps(self.doc_type) + cbor.array(*shown),
            issuerAuth=issuer_signed["issuerAuth"],
        )
        document = cbor.mapping(
            docType=cbor2.dumps(self.doc_type),
            issuerSigned=signed,
            deviceSigned=cbor.mapping(nameSpaces=spaces, deviceAuth=auth),
        )
        whole = cbor.mapping(version=cbor2.dumps("1.0"), documents=cbor.array(document), status=cbor2.dumps(0))
        return jws.b64(whole)


@pytest_asyncio.fixture
async def holder(app: Litestar, client: httpx.AsyncClient, wallet: WalletApp) -> Holder:
    who, key = await resident(app), DeviceKey()
    [mdoc] = await mdocs.fetched(client, wallet, who.access_token, [key])
    [held] = await wallet.accept(await offered(client, who))
    return Holder(who.access_token, held, key, mdoc)


def named(client: httpx.AsyncClient, *names: str) -> Json:
    vct = f"{str(client.base_url).rstrip('/')}/credentials/e-resident/1"
    claims = [{"path": [name]} for name in names]
    return {"credentials": [{"id": "id", "format": "dc+sd-jwt", "meta": {"vct_values": [vct]}, "claims": claims}]}
