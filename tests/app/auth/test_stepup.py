"""Step-up: what was signed is what is done, once, by the one who saw it."""

import asyncio
import contextlib
import hashlib
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import create_engine, text

from app import clock, db
from app.auth import stepup
from app.auth.challenge import LIFETIME
from app.auth.confirmed import Confirmations, Confirmed, Mismatch, NotSigned, Proof, RecoveryPeriod, Required
from app.auth.operations import OPERATIONS
from app.auth.principal import Principal
from app.auth.stepup import Confirmation
from app.settings import Environment, Settings
from simulators.passkey import b64, challenge_of
from simulators.phone import Phone, Refused
from tests.app.auth.people import count, house_of, principal, registered

pytestmark = pytest.mark.asyncio

Shown = dict[str, str | int]
OPERATION = "invest.confirm"
SHOWN: Shown = {
    "payee": "Қазақстан Банкі",
    "amount_minor": 150_000_00,
    "currency": "KZT",
    "interest_minor": 21_750_00,
    "starts_on": "2026-12-01",
    "matures_on": "2027-12-01",
    "terms_sha256": "ab" * 32,
    "preview_id": "preview_1",
}
CHANGES: dict[str, Shown] = {
    "payee": {"payee": "Qazaqstan Banki"},
    "a look-alike letter": {"payee": "Қазақстан Бaнкі"},
    "amount": {"amount_minor": 150_000_01},
    "amount as text": {"amount_minor": "15000000"},
    "currency": {"currency": "USD"},
    "id": {"preview_id": "preview_2"},
    "one field more": {"note": ""},
}


async def _confirmed(mine: Phone, shown: Shown | None = None) -> Confirmation:
    return msgspec.convert(await mine.step_up(OPERATION, shown or SHOWN), Confirmation)


def _sent(begun: dict[str, Any], credential: dict[str, Any]) -> Confirmation:
    return msgspec.convert({"id": begun["id"], "credential": credential}, Confirmation)


async def _redeem(
    app: Litestar,
    me: Principal,
    confirmation: Confirmation | None,
    *,
    operation: str = OPERATION,
    shown: Shown | None = None,
) -> None:
    house = house_of(app)
    async with db.transaction(house.api, holder=me.subject, audience=me.role) as story:
        await stepup.redeem(
            await story(),
            house.settings,
            me,
            operation=operation,
            shown=SHOWN | (shown or {}) if operation == OPERATION else shown or SHOWN,
            confirmation=confirmation,
        )


async def test_what_was_confirmed_is_done_once(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        confirmation = await _confirmed(mine)

        await _redeem(app, principal(mine), confirmation)
        with pytest.raises(Required):
            await _redeem(app, principal(mine), confirmation)


async def test_of_ten_at_once_one_is_done(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        confirmation = await _confirmed(mine)
        attempts = [_redeem(app, principal(mine), confirmation) for _ in range(10)]

        results = await asyncio.gather(*attempts, return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["NoneType"] + ["Required"] * 9


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
async def test_a_change_of_what_is_shown_is_not_what_was_signed(
    app: Litestar, settings: Settings, changed: Shown
) -> None:
    async with registered(app, settings) as mine:
        confirmation = await _confirmed(mine)

        with pytest.raises(Mismatch):
            await _redeem(app, principal(mine), confirmation, shown=changed)
        await _redeem(app, principal(mine), confirmation)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_of_every_operation_every_line_is_signed(app: Litestar, settings: Settings, operation: str) -> None:
    shown: Shown = dict.fromkeys(sorted(OPERATIONS[operation].shows), "1")
    async with registered(app, settings) as mine:
        confirmation = msgspec.convert(await mine.step_up(operation, shown), Confirmation)

        for line in shown:
            for other in ("2", 1):
                with pytest.raises(Mismatch):
                    await _redeem(app, principal(mine), confirmation, operation=operation, shown=shown | {line: other})
        await _redeem(app, principal(mine), confirmation, operation=operation, shown=shown)


async def test_a_confirmation_of_one_operation_is_none_of_another(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        confirmation = await _confirmed(mine)

        with pytest.raises(Mismatch):
            await _redeem(app, principal(mine), confirmation, operation="card.reveal")


async def test_nothing_is_done_without_a_confirmation(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        with pytest.raises(Required):
            await _redeem(app, principal(mine), None)


async def test_the_confirmation_of_another_resident_is_none(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine, registered(app, settings) as other:
        with pytest.raises(Required):
            await _redeem(app, principal(mine), await _confirmed(other))


async def test_a_confirmation_is_good_in_the_session_in_which_it_was_begun(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        confirmation = await _confirmed(mine)
        earlier = principal(mine)
        await mine.sign_in()

        with pytest.raises(Required):
            await _redeem(app, principal(mine), confirmation)
        assert earlier.session != principal(mine).session


async def test_a_text_that_changed_meanwhile_is_confirmed_again(
    app: Litestar, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with registered(app, settings) as mine:
        confirmation = await _confirmed(mine)
        changed = msgspec.structs.replace(OPERATIONS[OPERATION], text_version="2026-12")
        monkeypatch.setitem(OPERATIONS, OPERATION, changed)

        with pytest.raises(Mismatch):
            await _redeem(app, principal(mine), confirmation)


@pytest.mark.parametrize("what", ["nonce", "text_version", "operation"])
async def test_what_is_not_shown_is_signed_too(app: Litestar, settings: Settings, what: str) -> None:
    async with registered(app, settings) as mine:
        begun = await mine.post("/v1/auth/step-ups", {"operation": OPERATION, "shown": SHOWN})
        other = challenge_of(begun | {what: "other"})
        assert other != begun["options"]["challenge"]

        with pytest.raises(NotSigned):
            await _redeem(app, principal(mine), _sent(begun, mine.sign(begun["options"] | {"challenge": other})))


async def test_money_waits_while_a_recovered_account_is_limited(
    app: Litestar, settings: Settings, module_database: str
) -> None:
    async with registered(app, settings) as mine:
        confirmation, me = await _confirmed(mine), principal(mine)
        until = await _limit(module_database, me, timedelta(hours=1))

        with pytest.raises(RecoveryPeriod) as waits:
            await _redeem(app, me, confirmation)
        with pytest.raises(Refused) as refused:
            await mine.step_up(OPERATION, SHOWN)

        assert (refused.value.status, refused.value.code) == (403, "recovery_period")
        assert waits.value.until == until.isoformat(timespec="seconds")
        assert waits.value.until in refused.value.body["detail"]
        await mine.step_up("invest.consent", {"consent_version": 1, "text_sha256": "ab" * 32})
        await _limit(module_database, me, timedelta())
        await _redeem(app, me, confirmation)


async def _limit(database: str, me: Principal, left: timedelta) -> datetime:
    owner = create_engine(database)
    with owner.begin() as connection:
        until = text("UPDATE app.subject SET limited_until = now() + :left WHERE id = :id RETURNING limited_until")
        given: datetime = connection.execute(until, {"left": left, "id": me.subject}).scalar_one()
    owner.dispose()
    return given.astimezone(UTC)


@pytest.mark.parametrize("field", ["id", "rawId", "clientDataJSON", "authenticatorData", "signature", "userHandle"])
async def test_an_assertion_has_one_spelling(app: Litestar, settings: Settings, field: str) -> None:
    async with registered(app, settings) as mine:
        sent = await mine.step_up(OPERATION, SHOWN)
        assertion = msgspec.json.decode(msgspec.json.encode(sent["credential"]))
        part = assertion if field in assertion else assertion["response"]
        part[field] = _stray(part[field])

        with pytest.raises(NotSigned):
            await _redeem(app, principal(mine), _sent(sent, assertion))
        await _redeem(app, principal(mine), msgspec.convert(sent, Confirmation))


def _stray(encoded: str) -> str:
    """Spell the same bytes in another way: with a bit that is left over, or a letter that is."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    if len(encoded) % 4 == 0:
        return encoded + "A"
    return encoded[:-1] + alphabet[alphabet.index(encoded[-1]) ^ 1]


async def test_who_has_no_passkey_is_asked_for_none_but_what_is_sent_is_checked(
    app: Litestar, settings: Settings
) -> None:
    async with registered(app, settings) as mine, registered(app, settings) as other:
        me = principal(mine)
        minted = msgspec.structs.replace(me, minted=True)
        live = msgspec.structs.replace(settings, environment=Environment.PRODUCTION)

        await _redeem(app, minted, None)
        with pytest.raises(Required):
            await _redeem(app, minted, await _confirmed(other))
        with pytest.raises(Mismatch):
            await _redeem(app, minted, await _confirmed(mine), shown={"amount_minor": 1})
        refused = await stepup.proven(
            house_of(app).step_ups, live, minted, operation=OPERATION, shown=SHOWN, confirmation=None
        )
        assert isinstance(refused, Required)


async def test_of_a_batch_each_confirmation_is_used_by_one_item(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine, registered(app, settings) as other:
        first, again, overtaken = await _confirmed(mine), await _confirmed(mine), await _confirmed(mine)
        theirs = await _confirmed(other)
        proofs = [await _proven(app, mine, each) for each in (first, first, overtaken, again)]
        proofs.append(await _proven(app, other, theirs))

        async with house_of(app).posting.begin() as db:
            batch = await Confirmations.load(db, proofs)
            claims = [batch.claim(proof) for proof in (*proofs, proofs[0])]
            batch.use(proofs[0])
            await batch.write()

        assert [type(claim) for claim in claims] == [
            NoneType, Required, NoneType, NotSigned, NoneType, NoneType,
        ]  # fmt: skip
        assert isinstance(await _proven(app, mine, first), Required)
        used = "SELECT count(*) FROM app.step_up WHERE subject = ANY(:subjects) AND used_at IS NOT NULL"
        subjects = [principal(mine).subject, principal(other).subject]
        assert await count(house_of(app), used, subjects=subjects) == 1
        await _redeem(app, principal(other), theirs)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE app.step_up SET expires_at = now() WHERE subject = :id AND used_at IS NULL",
        "UPDATE app.passkey SET removed_at = now(), removed_why = 'removed' WHERE subject = :id",
    ],
    ids=["over", "removed"],
)
async def test_what_changes_between_the_check_and_the_batch_is_seen(
    app: Litestar, settings: Settings, module_database: str, change: str
) -> None:
    async with registered(app, settings) as mine:
        proof = await _proven(app, mine, await _confirmed(mine))
        owner = create_engine(module_database)
        with owner.begin() as connection:
            connection.execute(text(change), {"id": principal(mine).subject})
        owner.dispose()

        async with house_of(app).posting.begin() as db:
            batch = await Confirmations.load(db, [proof])

        assert isinstance(proof, Proof)
        assert isinstance(batch.claim(proof), Required)


async def _proven(app: Litestar, phone: Phone, confirmation: Confirmation) -> Confirmed:
    house = house_of(app)
    return await stepup.proven(
        house.step_ups, house.settings, principal(phone), operation=OPERATION, shown=SHOWN, confirmation=confirmation
    )


async def test_another_resident_can_not_sign_for_me(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine, registered(app, settings) as other:
        begun = await mine.post("/v1/auth/step-ups", {"operation": OPERATION, "shown": SHOWN})

        with pytest.raises(NotSigned):
            await _redeem(app, principal(mine), _sent(begun, other.sign(begun["options"])))


async def test_a_sign_in_is_no_confirmation(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        begun = await mine.post("/v1/auth/step-ups", {"operation": OPERATION, "shown": SHOWN})
        challenge = (await mine.post("/v1/auth/assertions"))["options"]

        with pytest.raises(NotSigned):
            await _redeem(app, principal(mine), _sent(begun, mine.sign(challenge)))


async def test_the_person_must_be_verified(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        begun = await mine.post("/v1/auth/step-ups", {"operation": OPERATION, "shown": SHOWN})
        assert mine.passkey is not None
        credential = mine.passkey.sign(begun["options"], settings.origins[0], user_verified=False)

        with pytest.raises(NotSigned):
            await _redeem(
                app, principal(mine), msgspec.convert({"id": begun["id"], "credential": credential}, Confirmation)
            )


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
            await _redeem(app, principal(mine), confirmation)


async def test_the_device_can_compute_the_challenge_itself(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        begun = await mine.post("/v1/auth/step-ups", {"operation": OPERATION, "shown": SHOWN})

    canonical = (
        f'{{"nonce":"{begun["nonce"]}","operation":"invest.confirm","shown":{{"amount_minor":15000000,"currency":"KZT",'
        f'"interest_minor":2175000,"matures_on":"2027-12-01","payee":"Қазақстан Банкі","preview_id":"preview_1",'
        f'"starts_on":"2026-12-01","terms_sha256":"{"ab" * 32}"}},"text_version":"{begun["text_version"]}"}}'
    )
    assert begun["options"]["challenge"] == b64(hashlib.sha256(canonical.encode()).digest()) == challenge_of(begun)


async def test_the_signed_bytes_stay_as_evidence(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        await _redeem(app, principal(mine), await _confirmed(mine))

        kept = """
            SELECT count(*) FROM app.step_up JOIN app.event ON event.aggregate = step_up.id
            WHERE step_up.subject = :subject AND kind = 'step_up.confirmed' AND length(signature) > 60
              AND position(encode(challenge, 'hex') IN encode(sha256(covered), 'hex')) = 1
        """
        assert await count(house_of(app), kept, subject=principal(mine).subject) == 1


async def test_only_what_is_listed_is_confirmed(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        with pytest.raises(Refused) as refused:
            await mine.step_up("world.domination", SHOWN)

    assert (refused.value.status, refused.value.code) == (422, "unknown_operation")


async def test_lines_the_app_does_not_show_are_not_signed(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        for shown in (SHOWN | {"note": ""}, {"payee": "x"}):
            with pytest.raises(Refused) as refused:
                await mine.step_up(OPERATION, shown)

            assert (refused.value.status, refused.value.code) == (422, "step_up_lines")


@pytest.mark.parametrize(
    "shown", [{}, {"Payee": "x"}, {"payee": 1.5}, {"payee": None}, {"payee": True}, {"a": {"b": 1}}]
)
async def test_what_can_not_be_shown_is_not_signed(app: Litestar, settings: Settings, shown: dict[str, Any]) -> None:
    async with registered(app, settings) as mine:
        with pytest.raises(Refused) as refused:
            await mine.step_up(OPERATION, shown)

    assert (refused.value.status, refused.value.code) == (400, "invalid_request")
