"""Several devices of one person: each signs in, each can be named and removed, the last one stays."""

import asyncio
from typing import Any

import msgspec
import pytest
from litestar import Litestar

from app import clock, ids
from app.auth import stepup, subject
from app.auth.confirmed import NotSigned
from app.auth.stepup import Confirmation
from app.auth.subject import Subject
from app.http import ids as public_ids
from app.settings import Settings
from simulators.passkey import Passkey
from simulators.phone import Phone, Refused
from tests.app.auth.people import count, house_of, minted, phone, principal, registered, story_of
from tests.app.auth.post import post_of
from tests.app.people import bearer

pytestmark = pytest.mark.asyncio


async def devices(of: Phone) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await of.get("/v1/me/devices"))["devices"]
    return listed


async def test_a_second_phone_is_added_by_the_first_and_signs_in(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as first, phone(app, settings) as second:
        tokens = await first.add_device(second)
        await second.sign_in()

        assert first.tokens is not None
        assert tokens.subject == first.tokens.subject
        assert [each["this_one"] for each in await devices(first)] == [True, False]
        assert [each["this_one"] for each in await devices(second)] == [False, True]


async def test_a_further_passkey_is_made_on_the_same_device_too(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        assert mine.tokens is not None
        step_up = await mine.step_up("device.add", {"account": mine.tokens.subject})
        added = await mine.post("/v1/me/devices", {"step_up": step_up})
        _, credential = Passkey.create(added["options"], settings.origins[0])
        where, body = f"/v1/auth/registrations/{added['id']}/passkey", {"credential": credential}

        with pytest.raises(Refused, match="invitation_missing"):
            await mine.post(where, body)
        await mine.post(where, body | {"invitation": added["invitation"]})
        with pytest.raises(Refused, match="passkey_refused"):
            await mine.post(where, body | {"invitation": added["invitation"]})

        assert len(await devices(mine)) == 2


async def test_an_invitation_adds_one_device_to_its_own_account(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine, registered(app, settings) as other, phone(app, settings) as new:
        assert mine.tokens is not None
        assert other.tokens is not None
        step_up = await mine.step_up("device.add", {"account": mine.tokens.subject})
        added = await mine.post("/v1/me/devices", {"step_up": step_up})
        stranger = await other.post("/v1/auth/registrations", {})
        _, credential = Passkey.create(stranger["options"], settings.origins[0])

        body = {"credential": credential, "invitation": added["invitation"]}
        with pytest.raises(Refused, match="invitation_missing"):
            await other.post(f"/v1/auth/registrations/{stranger['id']}/passkey", body)
        await new.register(added["invitation"])
        with pytest.raises(Refused, match="invitation_spent"):
            await new.register(added["invitation"])

        assert (len(await devices(mine)), len(await devices(other))) == (2, 1)


async def test_an_invitation_of_a_device_is_good_for_ten_minutes(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        assert mine.tokens is not None
        owner, now = public_ids.parse("resident", mine.tokens.subject), clock.real()
    async with story_of(house_of(app)) as story:
        made = await subject.invite_device(await story(), owner, now)

        with pytest.raises(subject.InvitationSpent):
            await subject.invited(story, made.text, now + subject.DEVICE_INVITATION_LIFETIME, spend=False)


async def test_a_removed_device_is_out_at_once_and_the_other_stays(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as first, phone(app, settings) as second:
        await first.add_device(second)
        tokens = second.tokens
        gone = next(each["id"] for each in await devices(first) if not each["this_one"])

        await first.remove_device(gone)

        with pytest.raises(Refused) as call:
            await second.get("/v1/me")
        with pytest.raises(Refused) as refresh:
            await second.refresh()
        with pytest.raises(Refused) as sign_in:
            await second.sign_in()
        assert tokens is not None
        assert (call.value.status, call.value.code) == (401, "session_ended")
        assert refresh.value.code == "invalid_grant"
        assert (sign_in.value.status, sign_in.value.code) == (401, "passkey_refused")
        assert len(await devices(first)) == 1
        with pytest.raises(Refused, match="not_found"):
            await first.remove_device(gone)


async def test_a_device_may_remove_itself_but_not_the_last(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as first, phone(app, settings) as second:
        await first.add_device(second)
        here = next(each["id"] for each in await devices(first) if each["this_one"])
        await first.remove_device(here)
        with pytest.raises(Refused, match="session_ended"):
            await first.get("/v1/me")

        [last] = await devices(second)
        with pytest.raises(Refused) as refused:
            await second.remove_device(last["id"])

        assert (refused.value.status, refused.value.code) == (409, "only_device")
        await second.sign_in()


async def test_two_who_remove_each_other_at_once_leave_one(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as first, phone(app, settings) as second:
        await first.add_device(second)
        [one, two] = [each["id"] for each in await devices(first)]

        results = await asyncio.gather(first.remove_device(two), second.remove_device(one), return_exceptions=True)

        assert sum(result is None for result in results) == 1
        sign_ins = await asyncio.gather(first.sign_in(), second.sign_in(), return_exceptions=True)
        assert sum(not isinstance(result, Refused) for result in sign_ins) == 1


async def test_nothing_changes_without_the_passkey(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as first, phone(app, settings) as second:
        await first.add_device(second)
        [one, two] = [each["id"] for each in await devices(first)]
        for_one = await first.step_up("device.remove", {"device_id": one})

        with pytest.raises(Refused, match="step_up_required"):
            await first.post("/v1/me/devices", {})
        with pytest.raises(Refused, match="step_up_required"):
            await first.delete(f"/v1/me/devices/{two}")
        with pytest.raises(Refused, match="step_up_mismatch"):
            await first.delete(f"/v1/me/devices/{two}", {"step_up": for_one})

        assert len(await devices(second)) == 2


async def test_anothers_device_does_not_exist(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine, registered(app, settings) as other:
        [theirs] = await devices(other)
        nobodys = public_ids.show("device", ids.new())

        found = []
        for device in (theirs["id"], nobodys):
            with pytest.raises(Refused) as removed:
                await mine.remove_device(device)
            named = await mine.call("PUT", f"/v1/me/devices/{device}/name", body={"name": "mine"})
            found.append((removed.value.status, removed.value.code, named.status_code, named.json()["code"]))

        assert found == [(404, "not_found", 404, "not_found")] * 2
        await other.sign_in()


async def test_a_device_has_the_name_its_owner_gave_and_nobody_else_reads_it(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        [before] = await devices(mine)
        answer = await mine.call("PUT", f"/v1/me/devices/{before['id']}/name", body={"name": "Анна, телефон"})
        [after] = await devices(mine)

    assert answer.status_code == 204
    assert (before["name"], after["name"]) == (None, "Анна, телефон")
    hidden = "SELECT count(*) FROM app.passkey WHERE position(convert_to('Анна', 'UTF8') IN name) > 0"
    assert await count(house_of(app), hidden) == 0


async def test_officers_have_devices_like_everybody(app: Litestar, settings: Settings) -> None:
    async with story_of(house_of(app)) as story:
        text = await subject.invite(story, Subject(ids.new(), "officer", "D. Aman"), clock.real())
    async with phone(app, settings) as first, phone(app, settings) as second:
        await first.register(text)
        await first.add_device(second)
        [_, other] = await devices(first)
        await first.call("PUT", f"/v1/me/devices/{other['id']}/name", body={"name": "Desk"})
        await first.remove_device(other["id"])

        assert len(await devices(first)) == 1


async def test_the_other_contacts_hear_of_every_change(app: Litestar, settings: Settings) -> None:
    async with post_of(house_of(app)) as post, registered(app, settings) as first, phone(app, settings) as second:
        await first.add_contact("email", "devices@example.com", post.code)
        await first.add_device(second)
        [_, other] = await devices(first)
        await first.remove_device(other["id"])

        assert (await post.titles("devices@example.com"))[1:] == ["A device was added", "A device was removed"]


async def test_who_tests_with_a_minted_token_needs_no_passkey(app: Litestar, settings: Settings) -> None:
    given = await minted(house_of(app), "resident")
    async with phone(app, settings) as mine:
        added = await mine.http.post("/v1/me/devices", json={}, headers=bearer(given.access_token))
        listed = await mine.http.get("/v1/me/devices", headers=bearer(given.access_token))

    assert (added.status_code, listed.json()) == (201, {"devices": []})


@pytest.mark.parametrize("in_batch", [False, True])
async def test_a_copy_that_tries_to_confirm_something_is_remembered(
    app: Litestar, settings: Settings, *, in_batch: bool
) -> None:
    async with registered(app, settings) as mine:
        await mine.sign_in()
        assert mine.passkey is not None
        mine.passkey.uses -= 2
        [device] = await devices(mine)
        if in_batch:
            shown = {"card": "···· 0000", "card_id": "card_1", "device_key": "key"}
            confirmation = msgspec.convert(await mine.step_up("card.reveal", shown), Confirmation)
            asked: Any = {"operation": "card.reveal", "shown": shown, "confirmation": confirmation}
            refused = await stepup.proven(house_of(app).step_ups, settings, principal(mine), **asked)
            assert isinstance(refused, NotSigned)
        else:
            with pytest.raises(Refused):
                await mine.remove_device(device["id"])
        [after] = await devices(mine)

    assert device["copied_at"] is None
    assert after["copied_at"] is not None
    regressed = "SELECT count(*) FROM app.event WHERE kind = 'passkey.regressed' AND holder = :me"
    assert await count(house_of(app), regressed, me=principal(mine).subject) == 1
