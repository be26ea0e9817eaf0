"""Step-up: what was signed is what is done, once, by the one who saw it."""

import asyncio
import contextlib
import hashlib
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import create_engine, text

from app import clock, db
from app.auth import passkey, stepup
from app.auth.challenge import LIFETIME
from app.auth.principal import Principal
from app.auth.stepup import Confirmation, Mismatch, Required
from app.http import ids
from app.settings import Settings
from simulators.passkey import b64, challenge_of
from simulators.phone import Phone, Refused
from tests.app.auth.people import count, house_of, registered

pytestmark = pytest.mark.asyncio(loop_scope="module")

Shown = dict[str, str | int]
OPERATION = "invest.confirm"
SHOWN: Shown = {
    "payee": "Қазақстан Банкі",
    "amount_minor": 150_000_00,
    "currency": "KZT",
    "preview": "preview_1",
}
CHANGES: dict[str, Shown] = {
    "payee": {"payee": "Qazaqstan Banki"},
    "a look-alike letter": {"payee": "Қазақстан Бaнкі"},
    "amount": {"amount_minor": 150_000_01},
    "amount as text": {"amount_minor": "15000000"},
    "currency": {"currency": "USD"},
    "id": {"preview": "preview_2"},
    "one field more": {"note": ""},
}


def _me(mine: Phone) -> Principal:
    assert mine.tokens is not None
    return Principal("resident", ids.parse("resident", mine.tokens.subject), frozenset(), "")


async def _confirmed(mine: Phone, shown: Shown | None = None) -> Confirmation:
    return msgspec.convert(await mine.step_up(OPERATION, shown or SHOWN), Confirmation)


async def _redeem(
    app: Litestar,
    me: Principal,
    confirmation: Confirmation | None,
    *,
    operation: str = OPERATION,
    shown: Shown | None = None,
) -> None:
    house = house_of(app)
    async with db.transaction(house.posting) as story:
        await stepup.redeem(
            await story(),
            house.settings,
            me,
            operation=operation,
            shown=SHOWN | (shown or {}),
            confirmation=confirmation,
        )


async def test_what_was_confirmed_is_done_once(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        confirmation = await _confirmed(mine)

        await _redeem(app, _me(mine), confirmation)
        with pytest.raises(Required):
            await _redeem(app, _me(mine), confirmation)


async def test_of_ten_at_once_one_is_done(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        confirmation = await _confirmed(mine)
        attempts = [_redeem(app, _me(mine), confirmation) for _ in range(10)]

        results = await asyncio.gather(*attempts, return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["NoneType"] + ["Required"] * 9


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
async def test_a_change_of_what_is_shown_is_not_what_was_signed(
    app: Litestar, settings: Settings, changed: Shown
) -> None:
    async with registered(app, settings) as mine:
        confirmation = await _confirmed(mine)

        with pytest.raises(Mismatch):
            await _redeem(app, _me(mine), confirmation, shown=changed)
        await _redeem(app, _me(mine), confirmation)


async def test_a_confirmation_of_one_operation_is_none_of_another(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        confirmation = await _confirmed(mine)

        with pytest.raises(Mismatch):
            await _redeem(app, _me(mine), confirmation, operation="payment.confirm")


async def test_nothing_is_done_without_a_confirmation(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        with pytest.raises(Required):
            await _redeem(app, _me(mine), None)


async def test_the_confirmation_of_another_resident_is_none(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine, registered(app, settings) as other:
        with pytest.raises(Required):
            await _redeem(app, _me(mine), await _confirmed(other))


async def test_another_resident_can_not_sign_for_me(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine, registered(app, settings) as other:
        begun = await mine.post("/v1/auth/step-ups", {"operation": OPERATION, "shown": SHOWN})
        signed = {"id": begun["id"], "credential": other.sign(begun["options"])}

        with pytest.raises(passkey.Refused):
            await _redeem(app, _me(mine), msgspec.convert(signed, Confirmation))


async def test_a_sign_in_is_no_confirmation(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        begun = await mine.post("/v1/auth/step-ups", {"operation": OPERATION, "shown": SHOWN})
        challenge = (await mine.post("/v1/auth/assertions"))["options"]
        signed = {"id": begun["id"], "credential": mine.sign(challenge)}

        with pytest.raises(passkey.Refused):
            await _redeem(app, _me(mine), msgspec.convert(signed, Confirmation))


async def test_the_person_must_be_verified(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        begun = await mine.post("/v1/auth/step-ups", {"operation": OPERATION, "shown": SHOWN})
        assert mine.passkey is not None
        credential = mine.passkey.sign(begun["options"], settings.origins[0], user_verified=False)

        with pytest.raises(passkey.Refused):
            await _redeem(app, _me(mine), msgspec.convert({"id": begun["id"], "credential": credential}, Confirmation))


@pytest.mark.parametrize(("left", "taken"), [(timedelta(seconds=10), True), (timedelta(), False)])
async def test_a_confirmation_is_good_for_five_minutes(
    app: Litestar, settings: Settings, module_database: str, *, left: timedelta, taken: bool
) -> None:
    async with registered(app, settings) as mine:
        confirmation = await _confirmed(mine)
        owner = create_engine(module_database)
        with owner.begin() as connection:
            given = connection.scalar(text("SELECT max(expires_at) FROM app.step_up"))
            connection.execute(text("UPDATE app.step_up SET expires_at = now() + :left"), {"left": left})
        owner.dispose()

        assert timedelta(seconds=-10) < given - clock.real() - LIFETIME <= timedelta()
        with contextlib.nullcontext() if taken else pytest.raises(Required):
            await _redeem(app, _me(mine), confirmation)


async def test_the_device_can_compute_the_challenge_itself(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        begun = await mine.post("/v1/auth/step-ups", {"operation": OPERATION, "shown": SHOWN})

    canonical = (
        f'{{"nonce":"{begun["nonce"]}","operation":"invest.confirm","shown":{{"amount_minor":15000000,"currency":"KZT",'
        f'"payee":"Қазақстан Банкі","preview":"preview_1"}},"text_version":"{begun["text_version"]}"}}'
    )
    assert begun["options"]["challenge"] == b64(hashlib.sha256(canonical.encode()).digest()) == challenge_of(begun)


async def test_the_signed_bytes_stay_as_evidence(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        await _redeem(app, _me(mine), await _confirmed(mine))

        kept = """
            SELECT count(*) FROM app.step_up JOIN app.event ON event.aggregate = step_up.id
            WHERE step_up.subject = :subject AND kind = 'step_up.confirmed' AND length(signature) > 60
              AND position(encode(challenge, 'hex') IN encode(sha256(covered), 'hex')) = 1
        """
        assert await count(house_of(app), kept, subject=_me(mine).subject) == 1


async def test_only_what_is_listed_is_confirmed(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        with pytest.raises(Refused) as refused:
            await mine.step_up("world.domination", SHOWN)

    assert (refused.value.status, refused.value.code) == (422, "unknown_operation")


@pytest.mark.parametrize(
    "shown", [{}, {"Payee": "x"}, {"payee": 1.5}, {"payee": None}, {"payee": True}, {"a": {"b": 1}}]
)
async def test_what_can_not_be_shown_is_not_signed(app: Litestar, settings: Settings, shown: dict[str, Any]) -> None:
    async with registered(app, settings) as mine:
        with pytest.raises(Refused) as refused:
            await mine.step_up(OPERATION, shown)

    assert (refused.value.status, refused.value.code) == (400, "invalid_request")
