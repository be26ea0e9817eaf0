"""The second format over HTTP: the same wallet, the same life, an mdoc instead of an SD-JWT; a list for its readers."""

import httpx
import pytest
from cryptography import x509
from litestar import Litestar

from app import clock
from residency.credential import cbor, cose, jws, status_cwt
from residency.credential.configuration import DOC_TYPES
from residency.credential.dataset import Kind
from residency.credential.mdoc import response
from residency.credential.mdoc.response import Expected, Verified
from residency.credential.status_list import Status
from simulators import wallet_app
from simulators.passkey import DeviceKey, Json
from simulators.wallet_app import Offer, WalletApp
from tests.app.people import keyed
from tests.credential.people import resident

pytestmark = pytest.mark.asyncio
DOC_TYPE = DOC_TYPES[Kind.E_RESIDENT]


async def test_a_wallet_gets_an_mdoc_that_its_root_vouches_for(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    who = await resident(app)
    keys = [DeviceKey() for _ in range(2)]

    copies = await fetched(client, wallet, who.access_token, keys)

    root = await pinned(client)
    found = [verified(copy, root) for copy in copies]
    assert [each.elements[DOC_TYPE]["residency_status"] for each in found] == ["e_resident"] * 2
    assert found[0].elements == found[1].elements
    assert found[0].status != found[1].status
    assert [holder_key(copy) for copy in copies] == [key.jwk for key in keys]


async def test_what_is_revoked_is_so_in_both_formats_at_once(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    who = await resident(app)
    [copy] = await fetched(client, wallet, who.access_token, [DeviceKey()])
    root = await pinned(client)
    assert await status(client, verified(copy, root), root) is Status.VALID

    [held] = (await client.get("/v1/me/credentials", headers=keyed(who.access_token))).json()["credentials"]
    for act, shown in (("pause", Status.SUSPENDED), ("resume", Status.VALID), ("revoke", Status.INVALID)):
        path = f"/v1/me/credentials/{held['id']}/{act}"
        assert (await client.post(path, json={}, headers=keyed(who.access_token))).status_code == 200
        assert await status(client, verified(copy, root), root) is shown


@pytest.mark.parametrize("name", ["resident_id_sd_jwt", "resident_id_mdoc"])
async def test_no_resident_id_is_offered_before_its_rule_is_in_force(
    app: Litestar, client: httpx.AsyncClient, name: str
) -> None:
    who = await resident(app)

    answer = await client.post(
        "/v1/me/credential-offers", json={"configuration": name}, headers=keyed(who.access_token)
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "rule_not_in_force")


async def fetched(client: httpx.AsyncClient, wallet: WalletApp, token: str, keys: list[DeviceKey]) -> list[bytes]:
    """Get a copy for each key, by an offer of the app."""
    made = await client.post(
        "/v1/me/credential-offers", json={"configuration": "e_resident_mdoc"}, headers=keyed(token)
    )
    offer = Offer.read(made.json()["offer_uri"])
    await wallet.redeem(offer)
    metadata = await wallet.metadata(offer.issuer)
    nonce = (await wallet.http.post(metadata["nonce_endpoint"])).json()["c_nonce"]
    proofs = [wallet_app.proof_of(key, audience=offer.issuer, nonce=nonce) for key in keys]
    body: Json = {"credential_configuration_id": "e_resident_mdoc", "proofs": {"jwt": proofs}}
    answer = await wallet.send("POST", metadata["credential_endpoint"], body=body)
    assert answer.status_code == 200, answer.text
    return [jws.unb64(each["credential"]) for each in answer.json()["credentials"]]


async def pinned(client: httpx.AsyncClient) -> x509.Certificate:
    return x509.load_der_x509_certificate((await client.get("/.well-known/eresidency-root.cer")).content)


def verified(copy: bytes, root: x509.Certificate) -> Verified:
    return response.verify_issuer_signed(copy, Expected((root,), DOC_TYPE, clock.real(), None))


def holder_key(copy: bytes) -> dict[str, str]:
    signed = cbor.load(cbor.embedded(cose.parse(cbor.parts(copy)["issuerAuth"]).payload or b""))
    return jws.public_jwk(cose.from_cose_key(signed["deviceKeyInfo"]["deviceKey"]))


async def status(client: httpx.AsyncClient, of: Verified, root: x509.Certificate) -> Status:
    """Ask as a reader of mdocs does: the list as CWT, from where the document says."""
    assert of.status is not None
    answer = await client.get(of.status.uri, headers={"Accept": status_cwt.MEDIA_TYPE})
    assert answer.headers["content-type"] == status_cwt.MEDIA_TYPE
    found = status_cwt.look_up(answer.content, of.status.idx, uri=of.status.uri, roots=(root,), at_time=clock.real())
    return Status(found)
