"""Where verifiers find the roots, how they vouch for each other, and what each does not vouch for any more."""

from pathlib import Path

import httpx
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from litestar import Litestar

from app import clock
from app.credentials import roots, signing_keys
from app.credentials.issuer import Credentials
from app.credentials.key_place import Home
from app.credentials.signing_keys import Authority
from app.house import House
from proof.kms import FileKms
from residency.credential import pki
from residency.credential.presenting import bundle

pytestmark = pytest.mark.asyncio


@pytest.fixture
def authority(app: Litestar, house: House, tmp_path: Path) -> Authority:
    """Let the house have two roots, and its document signer stand under the second."""
    home = Home.of(tmp_path / "keys", url=house.settings.issuer, kms=FileKms.open(tmp_path / "kms"))
    signing_keys.opened(home, at=clock.real())
    roots.rotate(home, at=clock.real(), at_once=True)
    signing_keys.rotate(home, "document", at=clock.real(), at_once=True)
    credentials = Credentials(home)
    app.state.house = msgspec.structs.replace(house, credentials=credentials)
    return credentials.authority


async def content(client: httpx.AsyncClient, url: str, kind: str) -> bytes:
    answer = await client.get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    return answer.content


async def test_both_roots_are_there_to_be_pinned(client: httpx.AsyncClient, authority: Authority) -> None:
    pem = x509.load_pem_x509_certificates((await client.get("/.well-known/eresidency-root.pem")).content)
    new, old = (await client.get(pki.ROOTS_PATH)).json()["roots"]

    assert tuple(pem) == authority.roots
    assert (await client.get("/.well-known/eresidency-root.cer")).content == pem[0].public_bytes(Encoding.DER)
    assert [(each["number"], each["signs"]) for each in (new, old)] == [(2, True), (1, False)]
    for told, root in zip((new, old), pem, strict=True):
        assert await content(client, told["certificate_url"], "application/pkix-cert") == root.public_bytes(
            Encoding.DER
        )
        assert told["sha256"] == root.fingerprint(hashes.SHA256()).hex()
        crl = x509.load_der_x509_crl(await content(client, told["crl_url"], "application/pkix-crl"))
        assert pki.lists(crl, root)
        [place] = root.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        assert [name.value for name in place.full_name or ()] == [told["crl_url"]]
    assert (old["link_url"], old["former_url"]) == (None, None)


async def test_each_root_vouches_for_the_key_of_the_other(client: httpx.AsyncClient, authority: Authority) -> None:
    told = (await client.get(pki.ROOTS_PATH)).json()["roots"][0]
    new, old = authority.roots
    link, former = [
        x509.load_der_x509_certificate(await content(client, told[name], "application/pkix-cert"))
        for name in ("link_url", "former_url")
    ]

    link.verify_directly_issued_by(old)
    former.verify_directly_issued_by(new)
    assert (link.public_key(), former.public_key()) == (new.public_key(), old.public_key())
    assert link.subject == link.issuer == old.subject
    assert link.not_valid_after_utc <= old.not_valid_after_utc
    for name in ("root.cer", "link.cer", "former.cer", "revoked.crl"):
        assert (await client.get(f"{pki.ROOTS_PATH}/7/{name}")).status_code == 404
    for name in ("link.cer", "former.cer"):
        assert (await client.get(f"{pki.ROOTS_PATH}/1/{name}")).status_code == 404


async def test_a_bundle_is_taken_by_who_pinned_the_first_root(client: httpx.AsyncClient, authority: Authority) -> None:
    text = (await client.get("/.well-known/eresidency-bundle")).text
    new, old = authority.roots
    assert pki.is_issued(authority.documents.chain[0], new)

    for pinned, other in ((new, old), (old, new)):
        ours = bundle.own(bundle.opened(text, (pinned,), at=clock.real()), (pinned,), at=clock.real())
        assert [each.public_key() for each in ours.certificates] == [pinned.public_key(), other.public_key()]
