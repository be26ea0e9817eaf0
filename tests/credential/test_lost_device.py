"""A phone is lost: one call over HTTP ends what was on it, and the new phone gets everything back with the passkey."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from pathlib import Path

import httpx
import msgspec
import pytest
from litestar import Litestar

from app.credentials import renewing
from app.settings import Settings
from residency.credential.status_list import Status
from simulators.passkey import Json
from simulators.phone import Phone, Refused
from simulators.wallet_app import Held, Offer, WalletApp
from simulators.wallet_app import Refused as WalletRefused
from tests.app import card_holders
from tests.app.auth.people import phone
from tests.app.auth.post import post_of
from tests.app.card_holders import NOTICE, Holder
from tests.app.people import residents
from tests.credential import lists
from tests.credential.people import another_wallet, renewed
from tests.credential.showing.people import scan
from tests.kyc.passports import authority
from tests.partners.investors import Investor, investor

pytestmark = pytest.mark.asyncio

_NUMBERS = iter(range(81_000, 82_000))
FIELDS: Json = {"fields": ["family_name"]}


@pytest.fixture
def settings(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give settings that trust the test authority."""
    folder = tmp_path_factory.getbasetemp() / "csca-of-the-lost"
    authority().export(folder)
    return msgspec.structs.replace(settings, csca_folder=folder)


@contextlib.asynccontextmanager
async def two_phones(app: Litestar, settings: Settings) -> AsyncIterator[tuple[Investor, int, Phone, Phone]]:
    """Give an e-resident with two phones: the old one, which is going to be lost, and a tablet."""
    number = next(_NUMBERS)
    async with investor(app, settings, number) as owner, phone(app, settings) as other:
        await owner.phone.add_device(other)
        yield owner, number, owner.phone, other


async def offer(of: Phone, **said: Json) -> str:
    uri: str = (await of.post("/v1/me/credential-offers", said))["offer_uri"]
    return uri


async def devices(of: Phone) -> dict[bool, str]:
    """Name this device and the other one."""
    return {each["this_one"]: each["id"] for each in (await of.get("/v1/me/devices"))["devices"]}


async def lose(other: Phone) -> Json:
    """Report the other of two devices lost."""
    lost = (await devices(other))[False]
    step_up = await other.step_up("device.lost", {"device_id": lost})
    done: Json = await other.post(f"/v1/me/devices/{lost}/lost", {"step_up": step_up})
    assert done["device"] == lost
    return done


async def paying(app: Litestar, client: httpx.AsyncClient, number: int, folder: Path) -> Holder:
    """Let the resident have a card that pays from a phone."""
    [me] = await residents(app, 1, start=number)
    headers = {"Authorization": f"Bearer {me.access_token}", "Idempotency-Key": str(number)}
    made = await client.post("/v1/cards", json={"accepted_notice": NOTICE}, headers=headers)
    holder = Holder(app, client, me, made.json())
    network = await card_holders.network(app, client, folder)
    shown = await holder.shown()
    await network.provision(shown["pan"], cvv2=shown["cvv2"])
    [token] = await holder.tokens()
    code = (await holder.post(f"/v1/card-tokens/{token['id']}/code")).json()["code"]
    assert (await network.activate(network.references[-1], code))["state"] == "active"
    return holder


async def test_one_call_ends_everything_and_the_new_phone_gets_it_back(
    app: Litestar, settings: Settings, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with contextlib.AsyncExitStack() as open_:
        _, number, old, tablet = await open_.enter_async_context(two_phones(app, settings))
        on_the_phone, waiting, on_the_new = [await open_.enter_async_context(another_wallet(app)) for _ in range(3)]
        held = await on_the_phone.accept(await offer(old), copies=2)
        unused = await offer(old)
        holder = await paying(app, client, number, tmp_path)
        shown = await old.post("/v1/me/shown-codes", FIELDS)

        done = await lose(tablet)

        assert (len(done["credentials"]), len(done["card_tokens"])) == (1, 1)
        with pytest.raises(Refused) as shut_out:
            await old.get("/v1/me/devices")
        assert shut_out.value.status == 401
        with pytest.raises(Refused):
            await old.sign_in()
        metadata = await on_the_phone.metadata(settings.issuer)
        with pytest.raises(WalletRefused) as no_more:
            await on_the_phone.fetch(metadata, "e_resident_sd_jwt")
        assert no_more.value.status == 401
        with pytest.raises(WalletRefused) as void:
            await waiting.redeem(Offer.read(unused))
        assert void.value.error == "invalid_grant"
        assert [await lists.read(client, one.claims["status"]["status_list"]) for one in held] == [Status.INVALID] * 2
        assert (await scan(client, shown["code"])).status_code == 404
        [token] = await holder.tokens()
        assert token["state"] == "suspended"

        unconfirmed = [
            await why(tablet.post("/v1/me/shown-codes", FIELDS)),
            await why(tablet.post("/v1/me/printed-codes", FIELDS)),
            await why(offer(tablet)),
        ]
        assert unconfirmed == ["credential_revoked", "step_up_required", "step_up_required"]
        step_up = await tablet.step_up("credential.offer", {"configuration": "e_resident_sd_jwt"})
        [fresh] = await on_the_new.accept(await offer(tablet, step_up=step_up))
        assert await lists.read(client, fresh.claims["status"]["status_list"]) is Status.VALID
        assert (await holder.post(f"/v1/card-tokens/{token['id']}/resume")).json()["state"] == "active"
        listed = (await tablet.get("/v1/me/credentials"))["credentials"]
        assert [(each["state"], each.get("reason")) for each in listed] == [
            ("active", None),
            ("revoked", "device_lost"),
        ]
        # The passkey has confirmed once: what is offered, printed and shown is of a credential that lives.
        await offer(tablet)
        await tablet.post("/v1/me/printed-codes", FIELDS)
        await tablet.post("/v1/me/shown-codes", FIELDS)


async def wallets_of(of: Phone) -> list[Json]:
    """List the wallets that are signed in, the newest first."""
    return [each for each in (await of.get("/v1/me/sessions"))["sessions"] if each["client"] == "wallet"]


async def keeping(other: Phone, *named: str, shown: str | None = None) -> Json:
    """Report the other device lost, and name the wallets that are not on it."""
    lost = (await devices(other))[False]
    keeps = " ".join(named) if shown is None else shown
    step_up = await other.step_up("device.lost_keeping", {"device_id": lost, "keeps": keeps})
    done: Json = await other.post(f"/v1/me/devices/{lost}/lost", {"keep": list(named), "step_up": step_up})
    return done


async def test_a_wallet_that_is_elsewhere_lives_on_and_nothing_else_does(
    app: Litestar, settings: Settings, client: httpx.AsyncClient
) -> None:
    async with contextlib.AsyncExitStack() as open_:
        _, _, old, tablet = await open_.enter_async_context(two_phones(app, settings))
        stolen, elsewhere, fresh = [await open_.enter_async_context(another_wallet(app)) for _ in range(3)]
        gone = await stolen.accept(await offer(old), copies=2)
        here = await elsewhere.accept(await offer(tablet), copies=2)
        paper = await old.post("/v1/me/printed-codes", FIELDS)
        let_in = {each["device"]: each["id"] for each in await wallets_of(tablet)}
        on = await devices(tablet)
        assert set(let_in) == set(on.values()), "each wallet is listed with the device it was let in from"

        assert await why(keeping(tablet, let_in[on[True]], shown=let_in[on[False]])) == "step_up_mismatch"
        assert await why(keeping(tablet, (await tablet.get("/v1/me/sessions"))["sessions"][-1]["id"])) == "not_found"
        done = await keeping(tablet, let_in[on[True]])

        assert (done["credentials"], len(done["kept"])) == ([], 1)
        assert await lists.read_all(client, statuses(gone)) == {Status.INVALID}
        assert await lists.read_all(client, statuses(here)) == {Status.VALID}
        read = await client.post("/v1/public/printed-codes", json={"text": paper["qr"]["text"]})
        assert read.json()["conclusion"] == "rejected"
        metadata = await stolen.metadata(settings.issuer)
        with pytest.raises(WalletRefused) as no_more:
            await stolen.fetch(metadata, "e_resident_sd_jwt")
        assert no_more.value.status == 401
        here += await elsewhere.fetch(metadata, "e_resident_sd_jwt")
        [listed] = (await tablet.get("/v1/me/credentials"))["credentials"]
        assert (listed["state"], listed["copies"]) == ("active", 3)

        # What is void stays void, whatever the holder does to the rest.
        for act, seen in (("pause", Status.SUSPENDED), ("resume", Status.VALID)):
            await tablet.post(f"/v1/me/credentials/{listed['id']}/{act}")
            assert await lists.read_all(client, statuses(here)) == {seen}
            assert await lists.read_all(client, statuses(gone)) == {Status.INVALID}
        # A new wallet is let in with the passkey, though the one that was kept has fetched more meanwhile.
        assert await why(offer(tablet)) == "step_up_required"
        step_up = await tablet.step_up("credential.offer", {"configuration": "e_resident_sd_jwt"})
        await fresh.accept(await offer(tablet, step_up=step_up))
        await offer(tablet)


async def test_the_phone_of_a_wallet_that_was_kept_may_be_lost_too(
    app: Litestar, settings: Settings, client: httpx.AsyncClient
) -> None:
    async with contextlib.AsyncExitStack() as open_:
        _, _, old, tablet = await open_.enter_async_context(two_phones(app, settings))
        stolen, elsewhere = [await open_.enter_async_context(another_wallet(app)) for _ in range(2)]
        await stolen.accept(await offer(old))
        here = await elsewhere.accept(await offer(tablet))
        third = await open_.enter_async_context(phone(app, settings))
        await tablet.add_device(third)
        kept = (await wallets_of(tablet))[0]["id"]
        lost = next(each["id"] for each in (await tablet.get("/v1/me/devices"))["devices"])
        step_up = await tablet.step_up("device.lost_keeping", {"device_id": lost, "keeps": kept})
        await tablet.post(f"/v1/me/devices/{lost}/lost", {"keep": [kept], "step_up": step_up})

        done = await lose(third)

        assert (len(done["credentials"]), done["kept"]) == (1, [])
        assert await lists.read_all(client, statuses(here)) == {Status.INVALID}
        assert await wallets_of(third) == []


def statuses(copies: Sequence[Held]) -> list[Json]:
    return [each.claims["status"]["status_list"] for each in copies]


async def test_who_revokes_for_a_lost_phone_signs_its_wallet_out(app: Litestar, settings: Settings) -> None:
    async with contextlib.AsyncExitStack() as open_:
        owner = await open_.enter_async_context(investor(app, settings, next(_NUMBERS)))
        asked, lost = [await open_.enter_async_context(another_wallet(app)) for _ in range(2)]
        for holds, reason, ends in ((asked, "holder_request", 0), (lost, "device_lost", 1)):
            await holds.accept(await offer(owner.phone))
            held = (await owner.phone.get("/v1/me/credentials"))["credentials"][0]["id"]
            before = await wallets_of(owner.phone)

            await owner.phone.post(f"/v1/me/credentials/{held}/revoke", {"reason": reason})

            assert len(await wallets_of(owner.phone)) == len(before) - ends
        metadata = await lost.metadata(settings.issuer)
        with pytest.raises(WalletRefused) as signed_out:
            await lost.fetch(metadata, "e_resident_sd_jwt")
        assert signed_out.value.status == 401
        assert await why(offer(owner.phone)) == "step_up_required"
        await asked.fetch(metadata, "e_resident_sd_jwt")


async def test_it_is_done_with_the_passkey_once_and_heard_of_at_the_contacts(
    app: Litestar, settings: Settings, wallet: WalletApp
) -> None:
    async with post_of(app.state.house) as post, two_phones(app, settings) as (_, _, old, tablet):
        to = "heard@example.com"
        await old.add_contact("email", to, post.code)
        await wallet.accept(await offer(old))
        await old.post("/v1/identity/identifiers", {"scheme": "iin", "country": "KZ", "value": "900101300067"})
        while await renewing.step(post.house):
            pass
        lost = (await devices(tablet))[False]
        shown = {"device.lost": f"{lost[:-1]}{'1' if lost[-1] == '0' else '0'}", "device.remove": lost}

        unconfirmed = [{}, *[{"step_up": await tablet.step_up(act, {"device_id": of})} for act, of in shown.items()]]
        refusals = [await refused(tablet, lost, body) for body in unconfirmed]
        assert refusals == ["step_up_required", "step_up_mismatch", "step_up_mismatch"]
        assert (await tablet.get("/v1/me/credentials"))["credentials"][0]["state"] == "superseded"

        body = {"step_up": await tablet.step_up("device.lost", {"device_id": lost})}
        first, again = [await tablet.post(f"/v1/me/devices/{lost}/lost", body, key="lost-once") for _ in range(2)]

        assert first == again
        assert (await post.titles(to))[-2:] == ["Your ID is issued anew", "A device was reported lost"]
        [listed] = (await tablet.get("/v1/me/credentials"))["credentials"]
        assert listed["state"] == "revoked", "what was superseded goes too"

        step_up = await tablet.step_up("credential.print", {"document": "e_resident", "fields": "family_name"})
        assert await why(tablet.post("/v1/me/printed-codes", {"fields": ["given_name"], "step_up": step_up})) == (
            "step_up_mismatch"
        )
        paper: Json = await tablet.post("/v1/me/printed-codes", FIELDS | {"step_up": step_up})
        assert [each["name"] for each in paper["fields"]] == FIELDS["fields"]


async def refused(phone_: Phone, lost: str, body: Json) -> str:
    return await why(phone_.post(f"/v1/me/devices/{lost}/lost", body))


async def why(act: Awaitable[object]) -> str:
    with pytest.raises(Refused) as caught:
        await act
    return caught.value.code


async def test_the_last_device_is_not_lost_but_recovered_and_leaves_its_credentials_behind(
    app: Litestar, settings: Settings, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    number = next(each for each in _NUMBERS if each % 2)
    async with (
        post_of(app.state.house) as post,
        investor(app, settings, number) as owner,
        phone(app, settings) as new,
    ):
        [me] = await residents(app, 1, start=number)
        await owner.phone.add_contact("email", "lost@example.com", post.code)
        [held] = await wallet.accept(await offer(owner.phone))
        only = (await devices(owner.phone))[True]
        step_up = await owner.phone.step_up("device.lost", {"device_id": only})
        assert await refused(owner.phone, only, {"step_up": step_up}) == "only_device"

        await new.recover("email", "lost@example.com", post.code, renewed(me).body())

        assert await lists.read(client, held.claims["status"]["status_list"]) is Status.INVALID
        [listed] = (await new.get("/v1/me/credentials"))["credentials"]
        assert (listed["state"], listed["reason"]) == ("revoked", "account_recovered")
        refusals = [
            await why(asked)
            for asked in (
                offer(new),
                new.post("/v1/me/printed-codes", FIELDS),
                new.step_up("credential.offer", {"configuration": "e_resident_sd_jwt"}),
            )
        ]
        assert refusals == ["recovery_period"] * 3, "the owner has a day to say: it was not me"
