"""The operator's command line lets officers and machines in."""

import json
import uuid
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
from litestar import Litestar

from app import cli, clock, db, ids
from app.auth import client as client_
from app.auth import entry, jose, scopes
from app.auth.wallets import wallet_client, wallet_provider
from app.auth.wallets.wallet_provider import NewProvider
from app.house import House
from app.partners import enrolment
from app.partners.enrolment import Wanted
from app.partners.registry import Kind
from app.settings import Settings
from simulators.wallet_provider import WalletProvider
from tests.app.auth.oauth import Machine
from tests.app.auth.people import phone

pytestmark = pytest.mark.asyncio


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
    machine = Machine(client, settings.issuer, f"agency-{uuid.uuid4().hex[:8]}", uuid.uuid4())
    jwks = json.dumps({"keys": [machine.key.jwk]}).encode()
    who = await entry.add_client(house, machine.name, "service", jwks, frozenset({"service:keys"}))

    answer = await machine.ask()
    payload = json.loads(jose.split(answer.json()["access_token"]).payload)
    assert (payload["sub"], payload["name"], payload["scope"]) == (str(who), machine.name, "service:keys")


async def test_a_machine_is_narrowed_and_never_beyond_its_role(
    client: httpx.AsyncClient, settings: Settings, house: House
) -> None:
    machine = Machine(client, settings.issuer, f"agency-{uuid.uuid4().hex[:8]}", uuid.uuid4())
    await entry.add_client(house, machine.name, "regulator", json.dumps({"keys": [machine.key.jwk]}).encode())
    for wide in (frozenset({"officer:cases"}), frozenset({"regulator:reports", "me:read"}), frozenset[str]()):
        with pytest.raises(scopes.NotOfRole):
            await entry.narrow_client(house, machine.name, wide)
    with pytest.raises(client_.UnknownClient):
        await entry.narrow_client(house, "nobody-knows", frozenset({"regulator:keys"}))

    await entry.narrow_client(house, machine.name, frozenset({"regulator:keys"}))
    assert (await machine.ask()).json()["scope"] == "regulator:keys"


async def test_a_partner_that_was_enrolled_has_a_token_for_its_own_rows(
    client: httpx.AsyncClient, settings: Settings, house: House
) -> None:
    machine = Machine(client, settings.issuer, f"bank-{uuid.uuid4().hex[:8]}", uuid.uuid4())
    wanted = Wanted(
        code=machine.name,
        name="A bank",
        kind=Kind.BANK,
        base_url=None,
        key=None,
        events_url=None,
        jwks=(msgspec.convert(machine.key.jwk, jose.Jwk),),
    )
    async with db.transaction(house.worker) as story:
        partner = await enrolment.enrol(house, story, wanted, partner=ids.new(), believed_from=clock.real())

    text = (await machine.ask()).json()["access_token"]
    made = await machine.call(
        text, "POST", "/v1/partner/subscriptions", json={"url": "http://127.0.0.1:9101/", "kinds": ["placement.booked"]}
    )
    listed = await machine.call(text, "GET", "/v1/partner/subscriptions")

    assert json.loads(jose.split(text).payload)["sub"] == str(partner.id)
    assert made.status_code == 201, made.text
    assert [each["id"] for each in listed.json()["subscriptions"]] == [made.json()["id"]]


ADDRESSES: dict[str, bool] = {
    "https://wallet.example/callback": True,
    "https://wallet.example/callback?app=1": True,
    "kz.example.wallet:/callback": True,
    "http://127.0.0.1:7000/callback": False,
    "http://wallet.example/": False,
    "https://": False,
    "https://user@wallet.example/": False,
    "https://wallet.example/#x": False,
    "https://*.example/": False,
    "https://wallet.example\\@evil.example/": False,
    "https://wallet.example/a b": False,
    "https://wallet.example/\u0439": False,
    "https://[::1": False,
    "javascript:alert(1)": False,
    "data:text/html,x": False,
    "wallet:/callback": False,
    "//wallet.example/": False,
    "": False,
    "https://wallet.example/" + "a" * 500: False,
}


@pytest.mark.parametrize(("address", "good"), ADDRESSES.items())
async def test_a_wallet_is_answered_where_nobody_else_listens(address: str, good: bool) -> None:
    if good:
        wallet_client.check(address, local=False)
    else:
        with pytest.raises(wallet_client.BadAddress):
            wallet_client.check(address, local=False)


async def test_a_wallet_is_registered_once_and_suspended(house: House) -> None:
    name = f"wallet.{uuid.uuid4().hex[:8]}"
    await entry.add_wallet(house, name, "A wallet", ["http://127.0.0.1:7000/callback"])  # this is a test installation
    with pytest.raises(wallet_client.WalletKnown):
        await entry.add_wallet(house, name, "A wallet", ["https://wallet.example/"])
    await entry.suspend_wallet(house, name)
    with pytest.raises(wallet_client.UnknownWallet):
        await entry.suspend_wallet(house, "nobody-knows")


@pytest.mark.parametrize("jwks", [b"", b"{}", b'{"keys":1}', b'{"keys":[{"kty":"RSA"}]}', b"\xff"])
async def test_a_file_that_holds_no_public_keys_is_refused(house: House, jwks: bytes) -> None:
    with pytest.raises(jose.Unreadable):
        await entry.add_client(house, "bank-z", "regulator", jwks)


async def test_a_wallet_is_registered_with_a_provider_that_is_trusted_just_then(house: House) -> None:
    now, made = clock.real(), WalletProvider("https://provider.example")
    soon = NewProvider(id="soon-trusted", name="Soon", root=made.root_pem.encode(), valid_from=now + timedelta(hours=1))
    await entry.trust_provider(house, soon)
    with pytest.raises(wallet_provider.ProviderKnown):
        await entry.trust_provider(house, msgspec.structs.replace(soon, id="other-name"))
    with pytest.raises(wallet_provider.UnknownProvider):
        await entry.add_wallet(house, "early.wallet", "Early", ["https://wallet.example/"], soon.id)

    await entry.distrust_provider(house, soon.id)

    async with db.transaction(house.api, audience="service") as story:
        later = await wallet_provider.trusted(await story(), now + timedelta(hours=2))
        assert soon.id not in {each.id for each in later}


async def test_the_command_line_reads_a_provider(tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    root.write_text(WalletProvider("https://provider.example").root_pem)
    words = ["wallet", "trust", "--id", "one", "--name", "One", "--root", str(root)]

    given = vars(cli.parsed([*words, "--until", "2027-01-01T00:00:00+05:00"]))

    assert (given["id"], given["root"], given["from"]) == ("one", root.read_bytes(), None)
    assert given["until"].utcoffset() == timedelta(hours=5)
    with pytest.raises(SystemExit):
        cli.parsed([*words, "--from", "2027-01-01"])
