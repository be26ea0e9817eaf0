"""Every error code of the issuing endpoints and of their token endpoint, each provoked over HTTP by a table."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import httpx
import msgspec
import pytest
import pytest_asyncio
from joserfc import jwe
from joserfc.jwk import ECKey
from litestar import Litestar

from residency.credential.wallets import encryption
from simulators.passkey import DeviceKey, Json
from simulators.wallet_app import PRE_AUTHORIZED, Offer, WalletApp
from tests.app import people
from tests.app.people import keyed
from tests.credential.people import another_wallet, offered, resident

pytestmark = pytest.mark.asyncio
E_RESIDENT = {"credential_configuration_id": "e_resident_sd_jwt"}
Answer = httpx.Response


class Scene:
    """A resident with an offer, and a wallet that redeemed another one."""

    def __init__(self, app: Litestar, client: httpx.AsyncClient, wallet: WalletApp, told: Json) -> None:
        self.app, self.client, self.wallet, self.told = app, client, wallet, told
        self.issuer: str = told["credential_issuer"]
        self.who: Any = None

    async def proof(self, **changed: object) -> str:
        nonce = (await self.wallet.http.post(self.told["nonce_endpoint"])).json()["c_nonce"]
        claims = {"aud": self.issuer, "iat": int(time.time()), "nonce": nonce} | changed
        made = DeviceKey()
        header = {"typ": "openid4vci-proof+jwt", "alg": "ES256", "jwk": made.jwk}
        return made.jws(header, {name: value for name, value in claims.items() if value is not None})

    async def credential(self, body: object) -> Answer:
        return await self.wallet.send("POST", self.told["credential_endpoint"], body=cast("Json", body))

    async def proven(self, **changed: object) -> Answer:
        return await self.credential(E_RESIDENT | {"proofs": {"jwt": [await self.proof(**changed)]}})

    async def sealed(self, body: object, **header: object) -> Answer:
        ours = self.told["credential_request_encryption"]["jwks"]["keys"][0]
        top = {"alg": ours["alg"], "enc": "A128GCM", "kid": ours["kid"]} | header
        known = ["ECDH-ES", "ECDH-ES+A128KW", "A128GCM", "DEF"]
        text = jwe.encrypt_compact(top, msgspec.json.encode(body), ECKey.import_key(ours), algorithms=known)
        url, wallet = self.told["credential_endpoint"], self.wallet
        await wallet.send("POST", self.told["notification_endpoint"], body={})  # to hear a nonce of DPoP
        headers = {
            "Authorization": f"DPoP {wallet.token}",
            "DPoP": wallet.device.proof("POST", url, token=wallet.token, nonce=wallet.dpop_nonce),
            "Content-Type": "application/jwt",
        }
        return await wallet.http.post(url, content=text, headers=headers)

    async def token(self, **form: str) -> Answer:
        fields = {"grant_type": PRE_AUTHORIZED} | form
        return await self.wallet.send("POST", f"{self.issuer}/oauth/token", form=fields)

    async def code(self) -> str:
        return Offer.read(await offered(self.client, self.who)).code

    async def act(self, act: str) -> None:
        held = (await self.client.get("/v1/me/credentials", headers=keyed(self.who.access_token))).json()
        path = f"/v1/me/credentials/{held['credentials'][0]['id']}/{act}"
        answer = await self.client.post(path, json={}, headers=keyed(self.who.access_token))
        assert answer.status_code == 200, answer.text


@pytest_asyncio.fixture
async def scene(app: Litestar, client: httpx.AsyncClient) -> Any:  # noqa: ANN401  a generator
    async with another_wallet(app) as wallet:
        who = await resident(app)
        offer = Offer.read(await offered(client, who))
        await wallet.redeem(offer)
        made = Scene(app, client, wallet, await wallet.metadata(offer.issuer))
        made.who = who
        yield made


async def _paused(scene: Scene) -> Answer:
    assert (await scene.proven()).status_code == 200
    await scene.act("pause")
    return await scene.proven()


async def _reused_nonce(scene: Scene) -> Answer:
    body = E_RESIDENT | {"proofs": {"jwt": [await scene.proof()]}}
    assert (await scene.credential(body)).status_code == 200
    return await scene.credential(body)


async def _reused_code(scene: Scene) -> Answer:
    code = await scene.code()
    assert (await scene.token(**{"pre-authorized_code": code})).status_code == 200
    return await scene.token(**{"pre-authorized_code": code})


async def _wrong_tx_code(scene: Scene) -> Answer:
    body = {"with_tx_code": True}
    made = (
        await scene.client.post("/v1/me/credential-offers", json=body, headers=keyed(scene.who.access_token))
    ).json()
    wrong = f"{(int(made['tx_code']) + 1) % 10**6:06}"
    return await scene.token(**{"pre-authorized_code": Offer.read(made["offer_uri"]).code, "tx_code": wrong})


async def _no_tx_code(scene: Scene) -> Answer:
    body = {"with_tx_code": True}
    made = (
        await scene.client.post("/v1/me/credential-offers", json=body, headers=keyed(scene.who.access_token))
    ).json()
    return await scene.token(**{"pre-authorized_code": Offer.read(made["offer_uri"]).code})


async def _no_token(scene: Scene) -> Answer:
    return await scene.client.post(scene.told["credential_endpoint"], json={})


async def _other_scope(scene: Scene) -> Answer:
    service = await people.token(scene.app, "service")
    return await scene.client.post(scene.told["credential_endpoint"], json={}, headers=people.bearer(service))


def notification(**body: str) -> Callable[[Scene], Awaitable[Answer]]:
    return lambda scene: scene.wallet.send("POST", scene.told["notification_endpoint"], body=body)


def with_proofs(proofs: object, **more: object) -> Callable[[Scene], Awaitable[Answer]]:
    told = {} if proofs is None else {"proofs": proofs}
    return lambda scene: scene.credential(E_RESIDENT | told | more)


Row = tuple[Callable[[Scene], Awaitable[Answer]], int, str, str]
BAD_RESPONSE = {"credential_response_encryption": {"jwk": {}, "enc": "A128GCM"}}
ROWS: dict[str, Row] = {
    # Token endpoint, OpenID4VCI 1.0 section 6.3
    "a code twice": (_reused_code, 400, "invalid_grant", "used or expired"),
    "no code": (lambda s: s.token(), 400, "invalid_request", "pre-authorized_code is missing"),
    "a wrong transaction code": (_wrong_tx_code, 400, "invalid_grant", "wrong tx_code"),
    "no transaction code": (_no_tx_code, 400, "invalid_request", "tx_code is missing"),
    "another grant": (lambda s: s.token(grant_type="password"), 400, "unsupported_grant_type", "grant_types"),
    # Credential endpoint, section 8.3.1
    "no token": (_no_token, 401, "invalid_token", "token is needed"),
    "a token for something else": (_other_scope, 403, "insufficient_scope", "credential:issue"),
    "nothing is named": (lambda s: s.credential({}), 400, "invalid_credential_request", "not exactly one"),
    "a member of another type": (
        lambda s: s.credential({"credential_configuration_id": 1}),
        400,
        "invalid_credential_request",
        "/credential_configuration_id",
    ),
    "an unknown configuration": (
        lambda s: s.credential({"credential_configuration_id": "pid"}),
        400,
        "unknown_credential_configuration",
        "not for this configuration",
    ),
    "a configuration of another token": (
        lambda s: s.credential({"credential_configuration_id": "e_resident_mdoc"}),
        400,
        "unknown_credential_configuration",
        "not for this configuration",
    ),
    "an unknown identifier": (
        lambda s: s.credential({"credential_identifier": "pid"}),
        400,
        "unknown_credential_identifier",
        "not for this identifier",
    ),
    "no proof": (lambda s: s.credential(E_RESIDENT), 400, "invalid_proof", "proofs: missing"),
    "both names": (
        lambda s: s.credential(E_RESIDENT | {"credential_identifier": "e_resident_sd_jwt"}),
        400,
        "invalid_credential_request",
        "not exactly one",
    ),
    "a list": (lambda s: s.credential([]), 400, "invalid_credential_request", "Expected `object`"),
    "an identifier that no token named": (
        lambda s: s.credential({"credential_identifier": "e_resident_sd_jwt"}),
        400,
        "unknown_credential_identifier",
        "not for this identifier",
    ),
    "the proof of an old draft": (with_proofs(None, proof={"proof_type": "jwt"}), 400, "invalid_proof", "missing"),
    "an unknown kind of proof": (with_proofs({"ldp_vp": [{}]}), 400, "invalid_proof", "not exactly one of jwt"),
    "two kinds of proof": (
        with_proofs({"jwt": ["a"], "attestation": ["b"]}), 400, "invalid_proof", "not exactly one of jwt"
    ),
    "no proofs in the list": (with_proofs({"jwt": []}), 400, "invalid_proof", "proofs.jwt: between 1 and 10"),
    "a proof that is an object": (with_proofs({"jwt": [{}]}), 400, "invalid_proof", "proofs.jwt: not a list of texts"),
    "a proof that is no token": (with_proofs({"jwt": ["a"]}), 400, "invalid_proof", "proofs.jwt[0]: the proof is not"),
    "a proof without a nonce": (lambda s: s.proven(nonce=None), 400, "invalid_proof", "jwt[0]: nonce is missing"),
    "a proof for another": (lambda s: s.proven(aud="https://x.example"), 400, "invalid_proof", "aud is not"),
    "an anonymous wallet that names itself": (lambda s: s.proven(iss="me"), 400, "invalid_proof", "iss is not"),
    "a nonce that is none": (lambda s: s.proven(nonce="abc"), 400, "invalid_nonce", "not issued here"),
    "a nonce twice": (_reused_nonce, 400, "invalid_nonce", "already used"),
    "encryption of the answer in the open": (
        lambda s: s.credential(E_RESIDENT | BAD_RESPONSE),
        400,
        "invalid_encryption_parameters",
        "within an encrypted request only",
    ),
    "encryption to no key": (
        lambda s: s.sealed(E_RESIDENT | BAD_RESPONSE),
        400,
        "invalid_encryption_parameters",
        "the alg of jwk",
    ),
    "a request to another key": (
        lambda s: s.sealed(E_RESIDENT, kid="another"),
        400,
        "invalid_encryption_parameters",
        "kid is not",
    ),
    "a request that swells": (
        lambda s: s.sealed({"x": "y" * 2**20}, zip="DEF"),
        400,
        "invalid_encryption_parameters",
        "does not decrypt",
    ),
    "an encrypted request that is malformed": (lambda s: s.sealed([]), 400, "invalid_credential_request", "object"),
    # Deferred credential endpoint, section 9.3
    "no such transaction": (
        lambda s: s.wallet.send("POST", s.told["deferred_credential_endpoint"], body={"transaction_id": "x"}),
        400,
        "invalid_transaction_id",
        "no request of this wallet",
    ),
    "no transaction": (
        lambda s: s.wallet.send("POST", s.told["deferred_credential_endpoint"], body={}),
        400,
        "invalid_credential_request",
        "transaction_id",
    ),
    # Notification endpoint, section 11.3
    "an unknown notification": (
        notification(notification_id="x", event="credential_deleted"),
        400,
        "invalid_notification_id",
        "no issuance",
    ),
    "an unknown event": (
        notification(notification_id="x", event="sold"),
        400,
        "invalid_notification_request",
        "/event",
    ),
    # The last one: nothing is issued after it.
    "a credential that is paused": (_paused, 400, "credential_request_denied", "the credential is paused"),
}  # fmt: skip


async def test_an_error_is_the_standards_and_names_the_check(scene: Scene) -> None:
    for case, (provoke, status, error, description) in ROWS.items():
        answer = await provoke(scene)

        told = answer.json()
        assert (answer.status_code, told["error"]) == (status, error), (case, answer.text)
        assert description in told["error_description"], case
        assert not set('"\\') & set(told["error_description"]), case
        assert answer.headers["content-type"].startswith("application/json"), case
        assert answer.headers["cache-control"] == "no-store", case


async def test_every_word_of_the_standard_is_provoked() -> None:
    """Of sections 6.3, 8.3.1.2, 9.3 and 11.3: what the table does not show would not be proved."""
    standard = {
        "invalid_request",
        "invalid_grant",
        "invalid_credential_request",
        "unknown_credential_configuration",
        "unknown_credential_identifier",
        "invalid_proof",
        "invalid_nonce",
        "invalid_encryption_parameters",
        "credential_request_denied",
        "invalid_transaction_id",
        "invalid_notification_id",
        "invalid_notification_request",
    }

    assert standard - {error for _, _, error, _ in ROWS.values()} == set()


async def test_an_encrypted_request_is_answered_as_it_asks(scene: Scene) -> None:
    mine = ECKey.generate_key("P-256")
    wanted = {"jwk": {**mine.as_dict(private=False), "alg": "ECDH-ES", "kid": "k1"}, "enc": "A256GCM", "zip": "DEF"}

    plain = await scene.sealed(E_RESIDENT | {"proofs": {"jwt": [await scene.proof()]}}, zip="DEF")
    body = E_RESIDENT | {"proofs": {"jwt": [await scene.proof()]}, "credential_response_encryption": wanted}
    sealed = await scene.sealed(body)

    assert plain.headers["content-type"].startswith("application/json")
    assert len(plain.json()["credentials"]) == 1
    assert sealed.headers["content-type"] == "application/jwt"
    opened = jwe.decrypt_compact(sealed.text, mine, algorithms=["ECDH-ES", "A256GCM", "DEF"])
    assert opened.protected["kid"] == "k1"
    assert len(msgspec.json.decode(opened.plaintext or b"")["credentials"]) == 1


async def test_the_metadata_says_what_is_taken(scene: Scene) -> None:
    told = scene.told
    for name, more in (("request", {"jwks"}), ("response", {"alg_values_supported"})):
        said = told[f"credential_{name}_encryption"]
        assert set(said) == {"enc_values_supported", "zip_values_supported", "encryption_required"} | more
    [key] = told["credential_request_encryption"]["jwks"]["keys"]
    assert (key["use"], key["alg"], bool(key["kid"])) == ("enc", encryption.ALGORITHM, True)
    for name, offered_ in told["credential_configurations_supported"].items():
        assert offered_["scope"] == f"credential:{name}"
        assert set(offered_["proof_types_supported"]) == {"jwt", "attestation"}
        assert "key_attestations_required" not in offered_["proof_types_supported"]["jwt"]
        policy = offered_["credential_metadata"]["credential_reuse_policy"]
        assert policy["options"][0]["batch_size"] == told["batch_credential_issuance"]["batch_size"]
