"""What is published for wallets and verifiers: metadata, root, type, status lists and how they are cached."""

import base64
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from litestar import Litestar

from app import clock, db
from app.credentials import entitlement, signing_keys
from app.credentials.key_place import Home
from app.credentials.offline_bundle import Bundles
from app.credentials.status_tokens import StatusTokens
from app.house import House
from app.settings import Settings
from proof.kms import FileKms
from residency.credential import entries, issuing, jws, life, pki, status_list
from residency.credential.entries import Entry
from residency.credential.life import Act, Reason
from residency.credential.status_list import Status
from tests.conftest import Engines
from tests.credential.test_life import issue

pytestmark = pytest.mark.asyncio


async def test_the_issuer_describes_itself_under_its_own_name(client: httpx.AsyncClient, settings: Settings) -> None:
    told = (await client.get("/.well-known/openid-credential-issuer")).json()
    server = (await client.get("/.well-known/oauth-authorization-server")).json()

    assert told["credential_issuer"] == server["issuer"] == settings.issuer
    assert all(told[name].startswith(settings.issuer) for name in told if name.endswith("_endpoint"))
    assert told["batch_credential_issuance"]["batch_size"] >= 2
    assert told["credential_configurations_supported"].keys() == {"e_resident_sd_jwt", "e_resident_mdoc"}
    for configuration in told["credential_configurations_supported"].values():
        assert configuration["scope"] in server["scopes_supported"]
        proofs = configuration["proof_types_supported"]
        algorithms = {"proof_signing_alg_values_supported": ["ES256"]}
        assert proofs == {"jwt": algorithms, "attestation": algorithms | {"key_attestations_required": {}}}


async def test_every_endpoint_that_is_named_is_there(client: httpx.AsyncClient) -> None:
    told = (await client.get("/.well-known/openid-credential-issuer")).json()

    for name in ("credential_endpoint", "nonce_endpoint", "notification_endpoint"):
        assert (await client.post(told[name], json={})).status_code != 404


async def test_the_type_lives_where_its_name_says(client: httpx.AsyncClient) -> None:
    told = (await client.get("/.well-known/openid-credential-issuer")).json()
    configuration = told["credential_configurations_supported"]["e_resident_sd_jwt"]

    answer = await client.get(configuration["vct"])

    assert answer.json()["vct"] == configuration["vct"]
    digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
    assert (answer.headers["repr-digest"], answer.headers["etag"]) == (f"sha-256=:{digest}:", f'"{digest}"')
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (
        answer.headers["content-security-policy"]
        == "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    )
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "max-age" in answer.headers["cache-control"]


async def test_the_root_and_the_keys_are_public(client: httpx.AsyncClient, app: Litestar, settings: Settings) -> None:
    root = x509.load_pem_x509_certificate((await client.get("/.well-known/eresidency-root.pem")).content)
    told = (await client.get("/.well-known/jwt-vc-issuer")).json()
    seal = app.state.house.credentials.authority.documents

    assert (await client.get("/.well-known/eresidency-root.cer")).content == root.public_bytes(Encoding.DER)
    root.verify_directly_issued_by(root)
    seal.chain[0].verify_directly_issued_by(root)
    assert told["issuer"] == settings.issuer
    assert seal.signer.kid in [key["kid"] for key in told["jwks"]["keys"]]
    assert all("d" not in key for key in told["jwks"]["keys"])


async def test_the_list_of_revoked_signers_is_where_certificates_say(
    client: httpx.AsyncClient, app: Litestar, settings: Settings
) -> None:
    authority = app.state.house.credentials.authority
    for certificate in (authority.root, authority.documents.chain[0]):
        [place] = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        assert [name.value for name in place.full_name or ()] == [settings.issuer + pki.CRL_PATH]

    answer = await client.get(pki.CRL_PATH)

    assert answer.headers["content-type"] == "application/pkix-crl"
    listed = x509.load_der_x509_crl(answer.content)
    assert listed.is_signature_valid(authority.root.public_key())
    assert listed.next_update_utc is not None
    assert listed.next_update_utc > clock.real()
    assert list(listed) == []


async def test_nonces_are_never_stored_by_anybody_on_the_way(client: httpx.AsyncClient) -> None:
    first, second = [await client.post("/openid4vci/nonce") for _ in range(2)]

    assert first.headers["cache-control"] == "no-store"
    assert first.json()["c_nonce"] != second.json()["c_nonce"]


@pytest_asyncio.fixture
async def entry(engines: Engines) -> AsyncIterator[Entry]:
    issued = await issue(engines, uuid4())
    yield issued.entries[0]


def path(entry: Entry) -> str:
    return entitlement.list_url("", entry.list)


async def revoke(engines: Engines, entry: Entry) -> None:
    async with db.transaction(engines.worker) as story:
        connection = await story()
        found = await connection.exec_driver_sql(
            "SELECT credential FROM credential.copy WHERE list = %s AND idx = %s", (entry.list, entry.idx)
        )
        await life.act_on(
            connection, found.scalar_one(), Act.REVOKE, reason=Reason.DEVICE_LOST, actor="system", at=story.now
        )


async def test_a_status_list_is_signed_under_the_published_root(
    client: httpx.AsyncClient, engines: Engines, entry: Entry, settings: Settings
) -> None:
    root = x509.load_pem_x509_certificate((await client.get("/.well-known/eresidency-root.pem")).content)
    seen = []

    for _ in range(2):
        answer = await client.get(path(entry), headers={"Accept": "application/statuslist+jwt"})
        assert answer.headers["content-type"].startswith("application/statuslist+jwt")
        url = settings.issuer + path(entry)
        seen.append(status_list.look_up(answer.text, entry.idx, uri=url, roots=(root,), at_time=clock.real()))
        if seen == [Status.VALID]:
            await revoke(engines, entry)

    assert seen == [Status.VALID, Status.INVALID]


async def entries_of(house: House) -> list[UUID]:
    async with db.transaction(house.api) as story:
        return list(await entries.living(await story(), since=clock.real() - issuing.LIFE))


async def test_a_list_and_a_bundle_are_signed_anew_once_a_signer_is_revoked(
    house: House, entry: Entry, tmp_path: Path
) -> None:
    home = Home.of(tmp_path / "keys", url=house.settings.issuer, kms=FileKms.open(tmp_path / "kms"))
    held, at = signing_keys.opened(home, at=clock.real()), clock.real()
    signed: Counter[tuple[str, str]] = Counter()

    def noted(what: str, kid: str, times: int) -> None:
        signed[what, kid] += times

    statuses, bundles = StatusTokens(lambda: (held.statuses, held.cose_statuses), noted), Bundles()

    async def told() -> tuple[str, bytes, bytes, str, bytes]:
        async with db.transaction(house.api) as story:
            token = await statuses.of(await story(), entry.list, uri="https://id.example/1", at=at)
            taken = await bundles.of(await story(), held, law_at=story.now, now=at, noted=noted)
        assert token is not None
        return token.tag, token.plain, token.cwt, taken.tag, taken.text

    before, same = await told(), await told()
    lists = len(await entries_of(house))
    status, document = held.statuses.signer.kid, held.documents.signer.kid
    # What is given twice is signed once: a list as JWT and as CWT, each list again in the bundle, the bundle.
    assert signed == {("status_list", status): 2 + lists, ("bundle", document): 1}
    signing_keys.revoke(home, "status", 1, at=at)
    held = signing_keys.opened(home, at=at)
    after = await told()

    assert before == same
    assert not {*before} & {*after}


async def test_a_status_list_says_how_long_it_may_be_kept(client: httpx.AsyncClient, entry: Entry) -> None:
    answer = await client.get(path(entry))
    payload = jws.parse(answer.text).payload

    assert payload["ttl"] == 60
    assert payload["exp"] - payload["iat"] == 900
    assert payload["iat"] % 60 == 0
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert len(status_list.decode(payload["status_list"]["lst"])) == entries.SIZE * 2 // 8


async def test_a_status_list_that_did_not_change_is_not_sent_again(
    client: httpx.AsyncClient, engines: Engines, entry: Entry
) -> None:
    first = await client.get(path(entry))
    second = await client.get(path(entry), headers={"If-None-Match": first.headers["etag"]})
    if second.status_code == 200:  # a new minute began between the two
        second = await client.get(path(entry), headers={"If-None-Match": second.headers["etag"]})
    assert (second.status_code, second.content) == (304, b"")

    await revoke(engines, entry)
    third = await client.get(path(entry), headers={"If-None-Match": first.headers["etag"]})

    assert third.status_code == 200
    assert third.headers["etag"] != first.headers["etag"]


async def test_a_status_list_travels_compressed_for_who_asks(client: httpx.AsyncClient, entry: Entry) -> None:
    async with client.stream("GET", path(entry), headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    plain = await client.get(path(entry), headers={"Accept-Encoding": "identity"})
    refused = await client.get(path(entry), headers={"Accept-Encoding": "gzip;q=0"})

    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    assert gzip.decompress(raw).count(b".") == 2
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in refused.headers


ACCEPTED = {
    "application/statuslist+jwt": 200,
    "*/*": 200,
    "application/*": 200,
    "text/html, application/statuslist+jwt;q=0.5": 200,
    "application/statuslist+cwt": 200,
    "text/html": 406,
    "application/statuslist+jwt;q=0": 406,
}


async def test_only_the_forms_there_are_can_be_asked_for(client: httpx.AsyncClient, entry: Entry) -> None:
    answered = {accept: (await client.get(path(entry), headers={"Accept": accept})).status_code for accept in ACCEPTED}

    assert answered == ACCEPTED


async def test_the_past_of_a_status_list_is_nobodys_business(client: httpx.AsyncClient, entry: Entry) -> None:
    answer = await client.get(path(entry), params={"time": "1686925000"})

    assert (answer.status_code, answer.json()["code"]) == (501, "history_not_kept")


async def test_a_list_there_is_not_is_not_found(client: httpx.AsyncClient) -> None:
    for address in (entitlement.list_url("", uuid4()), "/status-lists/1"):
        answer = await client.get(address)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_the_type_of_a_list_is_told_by_other_peoples_libraries_too(
    client: httpx.AsyncClient, entry: Entry, app: Litestar
) -> None:
    text = (await client.get(path(entry))).text
    key = app.state.house.credentials.authority.statuses.chain[0].public_key()

    told = jwt.decode(text, key, algorithms=["ES256"], options={"require": ["exp", "iat", "sub"]})

    assert json.dumps(told["status_list"]["bits"]) == "2"


async def test_the_issuer_signs_what_it_says_of_itself(client: httpx.AsyncClient) -> None:
    address = "/.well-known/openid-credential-issuer"
    plain, signed = await client.get(address), await client.get(address, headers={"Accept": "application/jwt"})
    root = x509.load_pem_x509_certificate((await client.get("/.well-known/eresidency-root.pem")).content)

    assert signed.headers["content-type"] == "application/jwt"
    assert plain.headers["vary"] == signed.headers["vary"]
    unwanted = await client.get(address, headers={"Accept": "application/json, application/jwt;q=0.0"})
    assert unwanted.headers["content-type"] == plain.headers["content-type"]
    token = jws.parse(signed.text)
    assert token.header["typ"] == "openidvci-issuer-metadata+jwt"
    assert token.signed_by(pki.signatory(token.header["x5c"], (root,), at=clock.real()).key)
    told = plain.json()
    assert token.payload == told | {"sub": told["credential_issuer"], "iat": token.payload["iat"]}


async def test_every_list_is_named_in_one_place(client: httpx.AsyncClient, entry: Entry, settings: Settings) -> None:
    server = (await client.get("/.well-known/oauth-authorization-server")).json()

    named = (await client.get(server["status_list_aggregation_endpoint"])).json()["status_lists"]

    assert entitlement.list_url(settings.issuer, entry.list) in named
    assert [(await client.get(each)).status_code for each in named] == [200] * len(named)
