"""Who asks for copies while what they rest on is being taken away gets none that last."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import msgspec
import pytest
import sqlalchemy.event
import sqlalchemy.exc
from litestar import Litestar
from sqlalchemy import text

from app import clock
from app.auth import gate, session, subject
from app.auth.principal import Principal
from app.auth.token import Grant
from app.credentials import deferral, entitlement, issuance, renewing
from app.credentials.deferral import UnknownTransaction, Voucher
from app.credentials.issuance import Early, Wallet
from app.db import Story, transaction
from app.house import House
from app.seed import Seeded
from residency import status
from residency.credential import holding, issuing
from residency.credential.configuration import CONFIGURATIONS
from residency.credential.dataset import Kind
from residency.credential.life import Reason, State
from residency.credential.renewal import LOOKED_AT_AFTER
from residency.credential.wallets import nonce
from residency.credential.wallets.grade import Grade
from residency.credential.wallets.key_proof import InvalidProof
from simulators.passkey import DeviceKey
from simulators.wallet_app import proof_of
from simulators.wallet_provider import WalletProvider
from tests.app.auth.attesting import trust
from tests.app.auth.people import count
from tests.credential.people import resident
from tests.credential.test_renewal import REFUSES, hurry, order, refused

pytestmark = pytest.mark.asyncio
SD_JWT = CONFIGURATIONS["e_resident_sd_jwt"]
Act = Callable[[Story, Seeded], Awaitable[None]]


def of(house: House, who: Seeded, audience: str = "resident") -> AbstractAsyncContextManager[Story]:
    return transaction(house.api, holder=who.subject, audience=audience, actor="x")


def wallet(house: House, who: Seeded, configuration: str = SD_JWT.id) -> Wallet:
    """Let a resident come with their own session as a wallet comes with its."""
    claims = house.door.reader.read(who.access_token, clock.real())
    claims = msgspec.structs.replace(claims, authorization_details=(Grant(configuration, ()),))
    return Wallet(Principal("resident", who.subject, frozenset(), "", claims.sid), claims)


async def revoke(story: Story, who: Seeded) -> None:
    """Take the status away, as an officer does."""
    db = await story()
    [held] = await status.of_resident(db, who.subject)
    why = {"by": "officer:1", "reason_code": "account_closed"}
    changed = await status.change(db, held.id, status.Act.REVOKE, at=story.now, **why)
    await entitlement.follow(db, changed, actor="officer:1", at=story.now)


async def sign_out(story: Story, who: Seeded, by: Wallet) -> None:
    db = await story()
    owner = await subject.admitted(db, who.subject)
    await session.end(db, by.claims.sid, owner, "device_removed", clock.real())


async def waits(house: House, who: Seeded, act: Act) -> None:
    """Show that somebody has to wait for the transaction that is open beside this."""

    async def at_once() -> None:
        async with of(house, who, "officer") as story:
            await (await story()).execute(text("SET LOCAL lock_timeout = '20ms'"))
            await act(story, who)

    with pytest.raises(sqlalchemy.exc.OperationalError, match="lock timeout"):
        await at_once()


async def held(house: House, who: Seeded) -> list[tuple[State, str | None]]:
    async with of(house, who) as story:
        found = await holding.of_holder(await story(), who.subject, at=clock.real())
    return [(each.state, each.reason) for each in found]


async def test_a_status_is_not_taken_away_between_reading_it_and_signing(app: Litestar, house: House) -> None:
    who = await resident(app)
    async with of(house, who) as story:
        db = await story()
        said = await entitlement.to_issue(db, house.keys.kms, who.subject, Kind.E_RESIDENT, at=story.now)
        await waits(house, who, revoke)
        await issuing.reserve(db, order(who.subject, sources=said.sources), actor="x", at=story.now)

    async with of(house, who, "officer") as story:
        await revoke(story, who)

    assert await held(house, who) == [(State.REVOKED, Reason.STATUS_REVOKED)]


async def refuse(story: Story, who: Seeded) -> None:
    """Find out that the passport is none."""
    await (await story()).execute(REFUSES, {"who": who.subject})


async def test_a_passport_is_not_refused_between_reading_it_and_signing(app: Litestar, house: House) -> None:
    who = await resident(app)
    async with of(house, who) as story:
        db = await story()
        said = await entitlement.to_issue(db, house.keys.kms, who.subject, Kind.E_RESIDENT, at=story.now)
        await waits(house, who, refuse)
        now = clock.real()
        late = order(who.subject, sources=said.sources, made_at=now, expires_at=now + timedelta(days=90))
        await issuing.reserve(db, late, actor="x", at=story.now)

    await refused(house, who.subject)
    while await renewing.step(house):
        pass

    assert await held(house, who) == [(State.REVOKED, Reason.NOT_IDENTIFIED)]


async def test_the_worker_looks_once_more_at_what_was_just_issued(app: Litestar, house: House) -> None:
    who = await resident(app)
    async with of(house, who, "officer") as story:
        await revoke(story, who)
    async with of(house, who) as story:
        late = order(who.subject, made_at=clock.real(), expires_at=clock.real() + timedelta(days=90))
        await issuing.reserve(await story(), late, actor="x", at=story.now)

    await hurry(house, who.subject, LOOKED_AT_AFTER)
    await renewing.step(house)

    assert await held(house, who) == [(State.REVOKED, Reason.STATUS_REVOKED)]


async def test_a_session_does_not_end_under_the_hands_of_who_signs(app: Litestar, house: House) -> None:
    who = await resident(app)
    by = wallet(house, who)
    async with of(house, who) as story:
        await session.keep(await story(), by.claims.sid)
        await waits(house, who, partial(sign_out, by=by))
    async with of(house, who, "officer") as story:
        await sign_out(story, who, by)

    for asks in (
        partial(issuance.ask, configuration=SD_JWT, proofs=None),
        partial(issuance.collect, transaction_id="x"),
    ):
        with pytest.raises(gate.SessionEnded):
            async with of(house, who) as story:
                await asks(story, house, by, now=clock.real())


async def keep(house: House, who: Seeded, **changed: Any) -> str:  # noqa: ANN401  fields of Waiting
    """Let a request of the wallet wait."""
    known = {"holder": who.subject, "configuration": SD_JWT, "device": "", "keys": (DeviceKey().jwk,)}
    waiting = deferral.Waiting(**{**known, "grade": Grade.BASIC, **changed})
    async with of(house, who) as story:
        return await deferral.keep(await story(), house.keys.kms, waiting, actor="x", at=story.now, now=clock.real())


async def collect(house: House, who: Seeded, id_: str, **changed: str) -> issuance.Issued | issuance.Deferred:
    async with of(house, who) as story:
        return await issuance.collect(story, house, wallet(house, who, **changed), id_, clock.real())


async def test_what_was_true_of_a_wallet_whose_request_waited_has_to_be_so_still(app: Litestar, house: House) -> None:
    who = await resident(app)
    high = await keep(house, who, grade=Grade.HIGH)
    for id_, changed, refusal in (
        (high, {"configuration": "e_resident_mdoc"}, UnknownTransaction),
        (await keep(house, who, vouchers=(Voucher("nobody", None),)), {}, InvalidProof),
    ):
        with pytest.raises(refusal):
            await collect(house, who, id_, **changed)

    assert isinstance(await collect(house, who, high), issuance.Issued)
    async with of(house, who) as story:
        [found] = await holding.of_holder(await story(), who.subject, at=clock.real())
    assert found.grade is Grade.BASIC


async def test_requests_of_one_holder_wait_up_to_a_number(app: Litestar, house: House) -> None:
    who = await resident(app)
    for _ in range(deferral.WAITING_MAX):
        await keep(house, who)

    with pytest.raises(deferral.TooManyWaiting):
        await keep(house, who)


async def test_a_list_that_is_not_here_yet_is_asked_for_by_the_connection_that_misses_it(
    app: Litestar, client: httpx.AsyncClient, house: House
) -> None:
    who, provider = await resident(app), WalletProvider("https://unheard.example")
    await trust(app, client, provider)
    fresh = nonce.mint(house.credentials.authority.nonce_key, at=clock.real())
    key = DeviceKey()
    said = provider.key_attestation([key.jwk], nonce=fresh, status=provider.status(1))
    plain = proof_of(DeviceKey(), audience=house.settings.issuer, nonce=fresh)
    header = {"typ": "openid4vci-proof+jwt", "alg": "ES256", "kid": "0", "key_attestation": said}
    claims = {"aud": house.settings.issuer, "iat": int(clock.real().timestamp()), "nonce": fresh}
    taken: list[object] = []

    async with of(house, who) as story:
        sqlalchemy.event.listen(house.api.sync_engine, "checkout", lambda *_: taken.append(_))
        # One key that nobody attests does not keep the others' attestation from being asked for.
        found = await issuance.ask(
            story, house, wallet(house, who), SD_JWT, proofs={"jwt": [plain, key.jws(header, claims)]}, now=clock.real()
        )

    assert isinstance(found, Early)
    assert taken == []
    uri = provider.status(1)["status_list"]["uri"]
    assert await count(house, "SELECT count(*) FROM app.wallet_status_list WHERE uri = :uri", uri=uri) == 1
