"""A resident lets a wallet fetch credentials: PAR, code and PKCE, and every way in which that is refused."""

import asyncio
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio
import sqlalchemy
from litestar import Litestar
from sqlalchemy import text

from app import clock, db
from app.auth import authorization, par, subject
from app.http import ids
from app.settings import Settings
from simulators.passkey import DeviceKey, Passkey, challenge_of
from tests.app.auth import oauth
from tests.app.auth.oauth import CALLBACK, CONFIGURATION, Holder, Wallet, code_of, parameters
from tests.app.auth.people import count, house_of, registered, story_of
from tests.credential import people

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def holder(app: Litestar, settings: Settings) -> Holder:
    return await oauth.holder_of(app, settings)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wallet(app: Litestar, client: httpx.AsyncClient) -> Wallet:
    return await oauth.wallet(app, client)


async def test_a_resident_lets_a_wallet_fetch_the_credential(
    app: Litestar, settings: Settings, wallet: Wallet, holder: Holder
) -> None:
    pushed = await wallet.push()
    assert (pushed.status_code, pushed.json()["expires_in"]) == (201, 60)
    assert pushed.headers["cache-control"] == "no-store"

    opened = (await wallet.open(pushed.json()["request_uri"])).json()
    assert opened["shown"]["wallet"] == "Silk Wallet"
    assert (opened["shown"]["credentials"], opened["shown"]["returns_to"]) == (CONFIGURATION, CALLBACK)
    assert opened["options"]["challenge"] == challenge_of(opened)
    approved = await oauth.signed(wallet.http, opened, holder.passkey)

    address = approved.json()["redirect_to"]
    told = parameters(address)
    assert address.startswith(CALLBACK + "&code=")
    assert (told["state"], told["iss"]) == ("af0ifjsldkj", settings.issuer)
    token = await wallet.redeem(told["code"])
    body = token.json()
    assert (token.status_code, body["expires_in"]) == (200, 300)
    assert body["scope"] == f"credential:{CONFIGURATION} credential:issue"
    assert "authorization_details" not in body
    claims = house_of(app).door.reader.read(body["access_token"], clock.real())
    assert (claims.sub, claims.client_id) == (holder.seeded.subject, wallet.name)
    assert [grant.credential_configuration_id for grant in claims.authorization_details] == [CONFIGURATION]

    async with people.another_wallet(app) as phone:
        phone.device, phone.token = wallet.device, body["access_token"]
        [held] = await phone.fetch(await phone.metadata(settings.issuer), CONFIGURATION)
    assert held.claims["vct"].startswith(settings.issuer)

    query = (
        "SELECT count(*) FROM app.step_up WHERE id = :id AND operation = 'wallet.authorize' AND signature IS NOT NULL"
    )
    request = ids.parse("authorization", opened["id"])
    assert await count(house_of(app), query, id=request) == 1


async def test_a_wallet_that_asks_by_details_is_told_the_identifier(wallet: Wallet, holder: Holder) -> None:
    asked = {"scope": None, "authorization_details": oauth.details(CONFIGURATION)}
    body = (await wallet.redeem(await code_of(wallet, holder, **asked))).json()

    assert body["authorization_details"][0]["credential_identifiers"] == [CONFIGURATION]


async def test_a_request_without_state_gets_none_back(wallet: Wallet, holder: Holder) -> None:
    opened = (await wallet.open(await wallet.pushed(state=None))).json()
    answer = await oauth.signed(wallet.http, opened, holder.passkey)

    assert set(parameters(answer.json()["redirect_to"])) == {"app", "code", "iss"}


async def test_a_resident_refuses(wallet: Wallet) -> None:
    opened = (await wallet.open(await wallet.pushed())).json()
    path = f"/oauth/authorizations/{opened['id']}/denial"
    answer, again = await wallet.http.post(path), await wallet.http.post(path)

    told = parameters(answer.json()["redirect_to"])
    assert (told["error"], told["state"], "code" in told) == ("access_denied", "af0ifjsldkj", False)
    assert (again.status_code, again.json()["code"]) == (409, "authorization_over")


async def test_a_suspended_wallet_asks_for_nothing(app: Litestar, client: httpx.AsyncClient, holder: Holder) -> None:
    mine = await oauth.wallet(app, client)
    uri, code = await mine.pushed(), await code_of(mine, holder)
    async with story_of(house_of(app)) as story:
        update = text("UPDATE app.wallet_client SET suspended_at = now() WHERE id = :id")
        await (await story()).execute(update, {"id": mine.name})

    assert (await mine.push()).json()["error"] == "invalid_client"
    assert (await mine.open(uri)).json()["code"] == "authorization_over"
    assert (await mine.redeem(code)).json()["error"] == "invalid_grant"


async def test_a_request_is_opened_once(wallet: Wallet) -> None:
    uri = await wallet.pushed()
    answers = await asyncio.gather(*(wallet.open(uri) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_a_request_is_not_opened_by_another_wallet_or_later(
    app: Litestar, client: httpx.AsyncClient, wallet: Wallet
) -> None:
    other = await oauth.wallet(app, client)
    uri = await wallet.pushed()
    for refused in (
        await other.open(uri),
        await wallet.open(uri + "x"),
        await wallet.open(uri.removeprefix(par.PREFIX)),
        await wallet.open("https://evil.example/request"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (409, "authorization_over")

    await _age(app, "authorization_request", wallet.name, par.LIFETIME)
    assert (await wallet.open(uri)).json()["code"] == "authorization_over"


async def test_what_is_shown_is_decided_once_and_in_time(app: Litestar, wallet: Wallet, holder: Holder) -> None:
    opened = (await wallet.open(await wallet.pushed())).json()
    first = await oauth.signed(wallet.http, opened, holder.passkey)
    again = await oauth.signed(wallet.http, opened, holder.passkey)
    assert (first.status_code, again.status_code, again.json()["code"]) == (200, 409, "authorization_over")

    late = (await wallet.open(await wallet.pushed())).json()
    await _age(app, "authorization_request", wallet.name, authorization.DECIDE_WITHIN)
    assert (await oauth.signed(wallet.http, late, holder.passkey)).json()["code"] == "authorization_over"


async def test_only_who_signs_what_is_shown_approves(wallet: Wallet, holder: Holder, settings: Settings) -> None:
    opened = (await wallet.open(await wallet.pushed())).json()
    other = (await wallet.open(await wallet.pushed())).json()
    path = f"/oauth/authorizations/{opened['id']}/approval"
    sign = holder.passkey.sign
    refused = [
        {"credential": sign(other["options"], settings.origins[0])},
        {"credential": sign(opened["options"], "https://evil.example")},
        {"credential": sign(opened["options"], settings.origins[0], user_verified=False)},
        {
            "credential": Passkey(settings.rp_id, holder.passkey.user_handle).sign(
                opened["options"], settings.origins[0]
            )
        },
    ]
    for body in refused:
        answer = await wallet.http.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (401, "passkey_refused")

    assert (await oauth.signed(wallet.http, opened, holder.passkey)).status_code == 200


async def test_only_an_e_resident_approves(app: Litestar, settings: Settings, wallet: Wallet) -> None:
    async with registered(app, settings) as newcomer:
        opened = (await wallet.open(await wallet.pushed())).json()
        answer = await oauth.approve(wallet.http, opened, newcomer)

    assert (answer.status_code, answer.json()["code"]) == (403, "not_e_resident")


async def test_nobody_approves_in_the_first_day_after_a_recovery(app: Litestar, wallet: Wallet, holder: Holder) -> None:
    await _limit(app, holder, "now() + interval '1 hour'")
    opened = (await wallet.open(await wallet.pushed())).json()
    answer = await oauth.signed(wallet.http, opened, holder.passkey)
    await _limit(app, holder, "NULL")

    assert (answer.status_code, answer.json()["code"]) == (403, "recovery_period")
    assert (await oauth.signed(wallet.http, opened, holder.passkey)).status_code == 200


REDEEMED: dict[str, dict[str, str | None]] = {
    "another verifier": {"code_verifier": "b" * 43},
    "no verifier": {"code_verifier": None},
    "an empty verifier": {"code_verifier": ""},
    "a short verifier": {"code_verifier": "a" * 42},
    "a long verifier": {"code_verifier": "a" * 129},
    "a verifier in other letters": {"code_verifier": "é" * 43},
    "another address": {"redirect_uri": oauth.OTHER_CALLBACK},
    "an address that is longer": {"redirect_uri": CALLBACK + "/"},
    "no address": {"redirect_uri": None},
    "another client": {"client_id": "other.wallet"},
    "no client": {"client_id": None},
    "no code": {"code": None},
    "a code that is none": {"code": "x"},
    "a code that is cut": {"code": "AAAA" * 16},
    "the verifier's hash": {"code_verifier": "CHALLENGE"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(app: Litestar, client: httpx.AsyncClient, holder: Holder) -> tuple[Wallet, str]:
    """Give a wallet with a code that no refusal uses up."""
    mine = await oauth.wallet(app, client)
    return mine, await code_of(mine, holder)


@pytest.mark.parametrize("changes", REDEEMED.values(), ids=REDEEMED)
async def test_a_code_is_refused(standing: tuple[Wallet, str], changes: dict[str, str | None]) -> None:
    mine, code = standing
    if changes.get("code_verifier") == "CHALLENGE":
        changes = {"code_verifier": mine.challenge}
    answer = await mine.redeem(**({"code": code} | changes))  # type: ignore[arg-type]  # None takes a parameter away

    assert (answer.status_code, answer.json()["error"]) == (
        400,
        "invalid_request" if None in changes.values() or "" in changes.values() else "invalid_grant",
    )


async def test_a_code_of_another_wallet_or_another_key_is_refused(
    app: Litestar, client: httpx.AsyncClient, standing: tuple[Wallet, str]
) -> None:
    mine, code = standing
    thief = await oauth.wallet(app, client)

    by_thief = await thief.redeem(code, code_verifier=mine.verifier)
    as_owner = await mine.redeem(code, device=thief.device)
    assert {by_thief.json()["error"], as_owner.json()["error"]} == {"invalid_grant"}
    assert (await mine.redeem(code)).status_code == 200  # none of all that used it up


async def test_a_code_is_good_for_a_minute(app: Litestar, wallet: Wallet, holder: Holder) -> None:
    code = await code_of(wallet, holder)
    await _age(app, "authorization_code", wallet.name, authorization.CODE_LIFETIME)

    assert (await wallet.redeem(code)).json()["error"] == "invalid_grant"


async def test_a_code_that_comes_again_ends_what_it_gave(app: Litestar, wallet: Wallet, holder: Holder) -> None:
    code = await code_of(wallet, holder)
    token = (await wallet.redeem(code)).json()["access_token"]
    sid = house_of(app).door.reader.read(token, clock.real()).sid

    again = await wallet.redeem(code, code_verifier="b" * 43, device=DeviceKey())

    assert again.json()["error"] == "invalid_grant"
    ended = "SELECT count(*) FROM app.session WHERE id = :id AND ended_why = 'code_reused'"
    assert await count(house_of(app), ended, id=sid) == 1


async def test_a_code_sent_five_times_at_once_gives_nothing_that_lasts(
    app: Litestar, wallet: Wallet, holder: Holder
) -> None:
    code = await code_of(wallet, holder)
    answers = await asyncio.gather(*(wallet.redeem(code) for _ in range(5)))

    [taken] = [answer for answer in answers if answer.is_success]
    sid = house_of(app).door.reader.read(taken.json()["access_token"], clock.real()).sid
    assert await count(house_of(app), "SELECT count(*) FROM app.session WHERE id = :i AND ended_at IS NULL", i=sid) == 0


async def test_a_suspended_resident_lets_nobody_in(
    app: Litestar, client: httpx.AsyncClient, settings: Settings
) -> None:
    mine, other = await oauth.wallet(app, client), await oauth.holder_of(app, settings)
    code = await code_of(mine, other)
    opened = (await mine.open(await mine.pushed())).json()
    async with story_of(house_of(app), "officer") as story:
        await subject.suspend(await story(), other.seeded.subject, actor="officer:1", at=clock.real())

    assert (await mine.redeem(code)).json()["error"] == "invalid_grant"
    assert (await oauth.signed(client, opened, other.passkey)).json()["code"] == "suspended"


async def _age(app: Litestar, table: str, client: str, by: timedelta) -> None:
    """Let time pass over what a wallet has not used, as the tables' owner may: the times of a row move together."""
    unused = {"authorization_request": "decided_at", "authorization_code": "used_at"}
    times = {"authorization_request": ("opened_at", "expires_at", "decide_by"), "authorization_code": ("expires_at",)}
    owner = sqlalchemy.create_engine(house_of(app).settings.database_url)
    with owner.begin() as connection:
        moved = ", ".join(f"{each} = {each} - :by" for each in times[table])
        which = f"client = :client AND {unused[table]} IS NULL"
        update = f"UPDATE app.{table} SET {moved} WHERE {which}"  # noqa: S608  literals above
        connection.execute(text(update), {"by": by, "client": client})
    owner.dispose()


async def _limit(app: Litestar, holder: Holder, until: str) -> None:
    async with db.transaction(house_of(app).api, holder=holder.seeded.subject, audience="service") as story:
        update = text(f"UPDATE app.subject SET limited_until = {until} WHERE id = :id")  # noqa: S608  literals of the tests
        await (await story()).execute(update, {"id": holder.seeded.subject})
