"""A person comes in with a passkey: once to register, then each time; nobody comes in without."""

import random
from datetime import timedelta
from typing import Any, TypedDict, Unpack

import cbor2
import pytest
from litestar import Litestar

from app import clock, ids
from app.auth import challenge, scopes, subject
from app.auth.subject import Subject
from app.http import ids as public_ids
from app.settings import Settings
from simulators.passkey import DeviceKey, Passkey, b64, unb64
from simulators.phone import Phone, Refused
from tests.app.auth.people import count, house_of, phone, registered, story_of

ORIGIN = "http://localhost:8000"

pytestmark = pytest.mark.asyncio


async def test_a_phone_registers_signs_out_and_signs_in_again(app: Litestar, settings: Settings) -> None:
    async with phone(app, settings) as mine:
        tokens = await mine.register()
        me = await mine.get("/v1/me")
        assert me["id"] == tokens.subject
        assert me["role"] == "resident"
        assert set(me["scopes"]) == scopes.held_by("resident")

        await mine.sign_out()
        again = await mine.sign_in()
        assert again.subject == tokens.subject
        assert (await mine.get("/v1/me"))["session"]["id"] != me["session"]["id"]

        assert [call.status for call in mine.calls] == [201, 201, 200, 204, 201, 201, 200]


async def test_after_signing_out_neither_token_works(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        tokens = mine.tokens
        await mine.sign_out()
        mine.tokens = tokens

        with pytest.raises(Refused) as access:
            await mine.get("/v1/me")
        with pytest.raises(Refused) as refresh:
            await mine.refresh()

    assert (access.value.status, access.value.code) == (401, "session_ended")
    assert refresh.value.code == "invalid_grant"


async def test_signing_out_of_one_phone_leaves_the_other(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as first, phone(app, settings) as second:
        second.passkey = first.passkey
        await second.sign_in()

        await first.sign_out()

        assert (await second.get("/v1/me"))["role"] == "resident"


class Answering(TypedDict, total=False):
    """How a device answers, where it does not answer well."""

    origin: str
    options: dict[str, object]
    user_verified: bool


async def _attestation(mine: Phone, **how: Unpack[Answering]) -> tuple[str, dict[str, Any]]:
    begun = await mine.post("/v1/auth/registrations", {})
    options, origin = begun["options"] | how.get("options", {}), how.get("origin", ORIGIN)
    _, credential = Passkey.create(options, origin, user_verified=how.get("user_verified", True))
    return f"/v1/auth/registrations/{begun['id']}/passkey", {"credential": credential}


async def _assertion(mine: Phone, **how: Unpack[Answering]) -> tuple[str, dict[str, Any]]:
    begun = await mine.post("/v1/auth/assertions")
    assert mine.passkey is not None
    options, origin = begun["options"] | how.get("options", {}), how.get("origin", ORIGIN)
    credential = mine.passkey.sign(options, origin, user_verified=how.get("user_verified", True))
    return f"/v1/auth/assertions/{begun['id']}", {"credential": credential}


WRONG: dict[str, Answering] = {
    "without user verification": {"user_verified": False},
    "for another website": {"origin": "https://evil.example"},
    "for the website without its port": {"origin": "http://localhost"},
    "over another challenge": {"options": {"challenge": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}},
}


@pytest.mark.parametrize("how", WRONG.values(), ids=WRONG)
async def test_a_passkey_is_not_taken(app: Litestar, settings: Settings, how: Answering) -> None:
    async with phone(app, settings) as mine:
        path, body = await _attestation(mine, **how)
        with pytest.raises(Refused) as refused:
            await mine.post(path, body)

    assert (refused.value.status, refused.value.code) == (401, "passkey_refused")


async def test_a_passkey_for_another_party_is_not_taken(app: Litestar, settings: Settings) -> None:
    async with phone(app, settings) as mine:
        path, body = await _attestation(mine, options={"rp": {"id": "evil.example", "name": "e-Residency"}})
        with pytest.raises(Refused, match="passkey_refused"):
            await mine.post(path, body)


async def test_a_passkey_belongs_to_one_subject(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine, phone(app, settings) as copy:
        begun = await copy.post("/v1/auth/registrations", {})
        made, body = Passkey.create(begun["options"], ORIGIN)
        assert mine.passkey is not None
        response = body["response"]
        raw = unb64(response["attestationObject"]).replace(made.id, mine.passkey.id)
        response["attestationObject"] = b64(raw)
        body["id"] = body["rawId"] = b64(mine.passkey.id)

        with pytest.raises(Refused, match="passkey_refused"):
            await copy.post(f"/v1/auth/registrations/{begun['id']}/passkey", {"credential": body})


async def test_a_passkey_with_papers_nobody_asked_for_is_not_taken(app: Litestar, settings: Settings) -> None:
    async with phone(app, settings) as mine:
        path, body = await _attestation(mine)
        response = body["credential"]["response"]
        sound = cbor2.loads(unb64(response["attestationObject"]))
        response["attestationObject"] = b64(cbor2.dumps(sound | {"fmt": "packed", "attStmt": {"alg": -7, "sig": b""}}))

        with pytest.raises(Refused, match="passkey_refused"):
            await mine.post(path, body)


@pytest.mark.parametrize("seed", range(20))
async def test_bytes_that_are_no_attestation_are_refused(app: Litestar, settings: Settings, seed: int) -> None:
    dice = random.Random(seed)
    async with phone(app, settings) as mine:
        path, body = await _attestation(mine)
        response = body["credential"]["response"]
        field = dice.choice(["attestationObject", "clientDataJSON"])
        raw = bytearray(unb64(response[field]))
        raw[dice.randrange(len(raw)) :] = dice.randbytes(dice.randrange(1, 60))
        response[field] = b64(bytes(raw))

        with pytest.raises(Refused, match="passkey_refused"):
            await mine.post(path, body)


async def test_a_registration_is_finished_once(app: Litestar, settings: Settings) -> None:
    async with phone(app, settings) as mine:
        path, body = await _attestation(mine)
        await mine.post(path, body)

        with pytest.raises(Refused) as refused:
            await mine.post(path, body)

    assert (refused.value.status, refused.value.code) == (401, "passkey_refused")


async def test_an_assertion_signs_in_once(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        path, body = await _assertion(mine)
        await mine.post(path, body)

        with pytest.raises(Refused, match="passkey_refused"):
            await mine.post(path, body)


async def test_a_challenge_serves_its_purpose_only(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        begun = await mine.post("/v1/auth/registrations", {})
        other = public_ids.show("assertion", public_ids.parse("registration", begun["id"]))
        body = {"credential": mine.sign({"challenge": begun["options"]["challenge"], "rpId": settings.rp_id})}

        with pytest.raises(Refused, match="passkey_refused"):
            await mine.post(f"/v1/auth/assertions/{other}", body)


async def test_a_challenge_is_good_for_five_minutes(app: Litestar) -> None:
    house, now = house_of(app), clock.real()
    async with story_of(house) as story:
        made = await challenge.issue(await story(), "assertion", now)

    async with story_of(house) as story:
        with pytest.raises(challenge.Spent):
            await challenge.spend(await story(), made.id, "assertion", now + challenge.LIFETIME)
        last = now + challenge.LIFETIME - timedelta(seconds=1)
        assert (await challenge.spend(await story(), made.id, "assertion", last)).challenge == made.challenge


async def test_an_id_that_was_never_given_is_not_found(app: Litestar, settings: Settings) -> None:
    async with phone(app, settings) as mine:
        _, body = await _attestation(mine)

        with pytest.raises(Refused, match="not_found"):
            await mine.post("/v1/auth/registrations/registration_nonsense/passkey", body)


async def test_signing_in_takes_the_device_key(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        path, body = await _assertion(mine)
        answer = await mine.http.post(path, json=body)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_dpop_proof")
    assert 'error="invalid_dpop_proof"' in answer.headers["www-authenticate"]


async def test_a_token_without_its_device_key_is_worth_nothing(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        mine.device = DeviceKey()
        with pytest.raises(Refused) as proven:
            await mine.get("/v1/me")

        assert mine.tokens is not None
        as_bearer = await mine.http.get("/v1/me", headers={"Authorization": f"Bearer {mine.tokens.access}"})
        bare = await mine.http.get("/v1/me", headers={"Authorization": f"DPoP {mine.tokens.access}"})

    assert proven.value.code == "invalid_dpop_proof"
    assert as_bearer.json()["code"] == "invalid_token"
    assert bare.json()["code"] == "invalid_dpop_proof"


async def test_a_proof_serves_one_request(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        assert mine.tokens is not None
        nonce = (await mine.call("GET", "/v1/me")).headers["dpop-nonce"]
        proof = mine.device.proof("GET", f"{settings.issuer}/v1/me", token=mine.tokens.access, nonce=nonce)
        headers = {"Authorization": f"DPoP {mine.tokens.access}", "DPoP": proof}
        first = await mine.http.get("/v1/me", headers=headers)
        second = await mine.http.get("/v1/me", headers=headers)
        twice = await mine.http.get("/v1/me", headers=[*headers.items(), ("DPoP", proof)])

    assert first.status_code == 200
    assert (second.status_code, second.json()["code"]) == (401, "invalid_dpop_proof")
    assert twice.status_code == 401


async def test_the_answer_with_tokens_is_not_stored_by_caches(app: Litestar, settings: Settings) -> None:
    async with phone(app, settings) as mine:
        path, body = await _attestation(mine)
        answer = await mine.call("POST", path, body=body)

    assert answer.headers["cache-control"] == "no-store"


async def test_a_suspended_subject_is_out_at_once(app: Litestar, settings: Settings) -> None:
    house = house_of(app)
    async with registered(app, settings) as mine:
        tokens = mine.tokens
        assert tokens is not None
        who = public_ids.parse("resident", tokens.subject)
        async with story_of(house) as story:
            await subject.suspend(await story(), who, actor="officer:1", at=clock.real())

        with pytest.raises(Refused, match="session_ended"):
            await mine.get("/v1/me")
        with pytest.raises(Refused, match="invalid_grant"):
            await mine.refresh()
        with pytest.raises(Refused) as refused:
            await mine.sign_in()

    assert (refused.value.status, refused.value.code) == (403, "suspended")


async def test_an_invited_officer_comes_in_as_officer(app: Litestar, settings: Settings) -> None:
    async with story_of(house_of(app)) as story:
        text = await subject.invite(story, Subject(ids.new(), "officer", "A. Bekova"), clock.real())

    async with phone(app, settings) as mine:
        assert (await mine.register(text)).subject.startswith("officer_")
        await mine.sign_in()
        assert (await mine.get("/v1/me"))["scopes"] == ["me:read", "me:write"]  # until somebody gives duties

        with pytest.raises(Refused, match="invitation_spent"):
            await mine.register(text)


async def test_an_invitation_is_for_the_registration_it_began(app: Litestar, settings: Settings) -> None:
    async with story_of(house_of(app)) as story:
        text = await subject.invite(story, Subject(ids.new(), "officer", "B. Serik"), clock.real())

    async with phone(app, settings) as mine:
        path, body = await _attestation(mine)
        with pytest.raises(Refused, match="invitation_missing"):
            await mine.post(path, body | {"invitation": text})

        begun = await mine.post("/v1/auth/registrations", {"invitation": text})
        _, credential = Passkey.create(begun["options"], settings.origins[0])
        with pytest.raises(Refused, match="invitation_missing"):
            await mine.post(f"/v1/auth/registrations/{begun['id']}/passkey", {"credential": credential})


async def test_an_invitation_is_over_after_a_day(app: Litestar) -> None:
    now = clock.real()
    async with story_of(house_of(app)) as story:
        text = await subject.invite(story, Subject(ids.new(), "officer", "C. Aman"), now)
        with pytest.raises(subject.InvitationSpent):
            await subject.invited(story, text, now + subject.INVITATION_LIFETIME, spend=False)


async def test_what_happened_is_in_the_journal(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        await mine.sign_out()
        assert mine.calls
        kinds = "SELECT count(DISTINCT kind) FROM app.event WHERE kind IN ('subject.registered', 'passkey.added', "
        kinds += "'session.opened', 'session.ended')"

        assert await count(house_of(app), kinds) == 4
