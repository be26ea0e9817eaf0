"""A lost account comes back to its owner, and to nobody else; strangers who try keep nobody out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import create_engine, text

from app import clock, db, identity_cases
from app.auth import jose, recovery, verification
from app.http import ids
from app.settings import Environment, Settings
from kyc.cases import keeping
from simulators.passkey import Passkey
from simulators.passport import Passport
from simulators.phone import Phone, Refused
from tests import postgres
from tests.app.auth.people import count, house_of, minted, phone, registered, story_of
from tests.app.auth.post import Post, post_of
from tests.app.people import bearer
from tests.kyc.listing import put_in_force
from tests.kyc.passports import authority, flipped
from tests.kyc.scans import novel

pytestmark = pytest.mark.asyncio

Json = dict[str, Any]


@pytest.fixture(scope="module")
def settings(module_database: str, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give settings that trust the test authority."""
    folder = tmp_path_factory.mktemp("csca")
    authority().export(folder)
    word = postgres.role_password(module_database)
    told = Settings(environment=Environment.TEST, database_url=module_database, role_password=word, keys=keys)
    return msgspec.structs.replace(told, csca_folder=folder)


@asynccontextmanager
async def resident(app: Litestar, settings: Settings, post: Post, at: str) -> AsyncIterator[Phone]:
    """Give the phone of somebody with a proved contact."""
    async with registered(app, settings) as mine:
        await mine.add_contact("email", at, post.code)
        yield mine


async def identified(app: Litestar, mine: Phone, **person: Any) -> Passport:  # noqa: ANN401  what passport() takes
    """Let the owner of a phone be identified by a passport."""
    await put_in_force(house_of(app))
    shown = novel(**person)
    scanned = await mine.post("/v1/identity/documents", shown.body())
    assert scanned["outcome"] == "identified", scanned
    return shown


async def begun(new: Phone, at: str) -> str:
    answer = await new.post("/v1/auth/recoveries", {"kind": "email", "value": at})
    return f"/v1/auth/recoveries/{answer['id']}"


def forged(shown: Passport) -> Passport:
    """Change one bit of the signature over a passport."""
    [sod] = flipped(shown.sod, [len(shown.sod) - 20])
    return replace(shown, sod=sod)


async def at_document(new: Phone, post: Post, at: str) -> str:
    where = await begun(new, at)
    assert (await new.post(f"{where}/code", {"code": await post.code(at)}))["next"] == "document"
    return where


async def refusal(new: Phone, path: str, body: object = None) -> tuple[int, str]:
    answer = await new.call("POST", path, body=body)
    return answer.status_code, answer.json().get("code", "")


async def test_who_was_identified_comes_back_with_the_passport(app: Litestar, settings: Settings) -> None:
    at = "lost@example.com"
    async with post_of(house_of(app)) as post, resident(app, settings, post, at) as old, phone(app, settings) as new:
        passport = await identified(app, old)
        before = old.tokens

        tokens = await new.recover("email", at, post.code, passport.body())

        assert before is not None
        assert tokens.subject == before.subject
        for act in (old.refresh, old.sign_in, lambda: old.get("/v1/me")):
            with pytest.raises(Refused) as refused:
                await act()
            assert refused.value.status in {400, 401}
        assert [each["this_one"] for each in (await new.get("/v1/me/devices"))["devices"]] == [True]
        assert (await post.titles(at))[-1] == "Your account was recovered"
        told = "SELECT count(*) FROM app.event WHERE kind = 'account.recovered' AND body ->> 'proof' = 'identified'"
        assert await count(house_of(app), told) == 1


async def test_a_document_that_is_shown_to_come_back_identifies_by_what_is_demanded_today(
    app: Litestar, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, house = "faceless@example.com", house_of(app)
    async with post_of(house) as post, resident(app, settings, post, at) as old, phone(app, settings) as new:
        passport = await identified(app, old)
        assert old.tokens is not None
        me = ids.parse("resident", old.tokens.subject)
        async with db.transaction(house.worker) as story:
            assert await keeping.fall_due(await story(), me, at=story.now, by="service:test")
        monkeypatch.setattr(identity_cases, "demanded", lambda *_: frozenset({"face.match"}))

        await new.recover("email", at, post.code, passport.body())

    assert await count(house, "SELECT count(*) FROM kyc.case WHERE resident = :me AND state = 'approved'", me=me) == 0


async def test_for_a_day_nothing_that_matters_can_be_changed(app: Litestar, settings: Settings) -> None:
    at = "limited@example.com"
    async with post_of(house_of(app)) as post, resident(app, settings, post, at), phone(app, settings) as new:
        tokens = await new.recover("email", at, post.code)

        for operation, shown in (
            ("device.add", {"account": tokens.subject}),
            ("device.remove", {"device_id": "device_1"}),
            ("contact.add", {"contact_id": "contact_1", "kind": "email"}),
            ("contact.remove", {"contact_id": "contact_1", "kind": "email"}),
        ):
            with pytest.raises(Refused) as refused:
                await new.step_up(operation, dict(shown))
            assert (refused.value.status, refused.value.code) == (403, "recovery_period")
    hours = "SELECT (extract(epoch FROM limited_until - now()) / 3600)::int FROM app.subject WHERE id = :me"
    assert await count(house_of(app), hours, me=ids.parse("resident", tokens.subject)) == 24


async def test_who_never_showed_a_document_comes_back_with_the_code(app: Litestar, settings: Settings) -> None:
    at = "nobody.yet@example.com"
    async with post_of(house_of(app)) as post, resident(app, settings, post, at) as old, phone(app, settings) as new:
        assert old.tokens is not None
        assert (await new.recover("email", at, post.code)).subject == old.tokens.subject


async def test_a_renewed_passport_of_the_same_person_is_enough(app: Litestar, settings: Settings) -> None:
    at = "renewed@example.com"
    async with post_of(house_of(app)) as post, resident(app, settings, post, at) as old, phone(app, settings) as new:
        await identified(app, old, surname="SELLIN", given="MAJA")

        await new.recover("email", at, post.code, novel(surname="SELLIN", given="MAJA").body())

        documents = "SELECT count(*) FROM kyc.document WHERE resident = :me"
        assert new.tokens is not None
        assert await count(house_of(app), documents, me=ids.parse("resident", new.tokens.subject)) == 2


async def test_no_other_passport_is_enough(app: Litestar, settings: Settings) -> None:
    at = "other.passports@example.com"
    async with post_of(house_of(app)) as post, resident(app, settings, post, at) as old, phone(app, settings) as new:
        await identified(app, old, surname="OLSON", given="KARIN")
        where = await at_document(new, post, at)
        wrong = {
            "another person's": novel(),
            "with another day of birth": novel(surname="OLSON", given="KARIN", born=date(1974, 8, 13)),
            "a forged one": forged(novel(surname="OLSON", given="KARIN")),
            "of the name with a letter more": novel(surname="OLSSON", given="KARIN"),
        }

        for shown in wrong.values():
            assert await refusal(new, f"{where}/document", shown.body()) == (401, "recovery_refused")
            assert await refusal(new, f"{where}/registrations") == (401, "recovery_refused")
        assert await refusal(new, f"{where}/document", novel().body()) == (401, "recovery_refused")
        sound = novel(surname="OLSON", given="KARIN").body()
        assert await refusal(new, f"{where}/document", sound) == (401, "recovery_refused"), "the sixth is not looked at"
        stored = "SELECT count(*) FROM kyc.document WHERE resident = :me"
        assert old.tokens is not None
        assert await count(house_of(app), stored, me=ids.parse("resident", old.tokens.subject)) == 1
        await old.get("/v1/me")


async def test_a_recovery_belongs_to_the_device_key_that_began_it(app: Litestar, settings: Settings) -> None:
    at = "bound@example.com"
    async with post_of(house_of(app)) as post, resident(app, settings, post, at), phone(app, settings) as new:
        where = await begun(new, at)
        code = await post.code(at)
        async with phone(app, settings) as thief:
            assert await refusal(thief, f"{where}/code", {"code": code}) == (401, "recovery_refused")
            assert (await thief.call("GET", where)).status_code == 401
        assert (await new.get(where))["next"] == "code"
        assert (await new.post(f"{where}/code", {"code": code}))["next"] == "passkey"


async def test_the_steps_are_taken_in_their_order(app: Litestar, settings: Settings) -> None:
    at = "order@example.com"
    async with post_of(house_of(app)) as post, resident(app, settings, post, at) as old, phone(app, settings) as new:
        passport = (await identified(app, old)).body()
        where = await begun(new, at)
        other = await new.post("/v1/auth/registrations", {})
        _, credential = Passkey.create(other["options"], settings.origins[0])
        body = {"registration_id": other["id"], "credential": credential}

        for path, sent in (("document", passport), ("registrations", None), ("passkey", body)):
            assert await refusal(new, f"{where}/{path}", sent) == (401, "recovery_refused")
        await new.post(f"{where}/code", {"code": await post.code(at)})
        for path, sent in (("registrations", None), ("passkey", body)):
            assert await refusal(new, f"{where}/{path}", sent) == (401, "recovery_refused")
        await new.post(f"{where}/document", passport)
        assert await refusal(new, f"{where}/document", passport) == (401, "recovery_refused")
        assert await refusal(new, f"{where}/passkey", body) == (401, "passkey_refused"), "a challenge of another flow"
        await old.get("/v1/me")


async def test_a_lost_answer_is_looked_up_or_repeated(app: Litestar, settings: Settings) -> None:
    at = "repeated.steps@example.com"
    async with post_of(house_of(app)) as post, resident(app, settings, post, at), phone(app, settings) as new:
        where = await begun(new, at)
        await new.post(f"{where}/code", {"code": await post.code(at)})
        assert (await new.get(where))["next"] == "passkey"
        asked = await new.post(f"{where}/registrations")
        new.passkey, credential = Passkey.create(asked["options"], settings.origins[0])
        body = {"registration_id": asked["id"], "credential": credential}

        first, again = [await new.post(f"{where}/passkey", body) for _ in range(2)]

        assert first == again == await new.get(where)
        assert first["next"] == "sign_in"
        await new.sign_in()
        assert (await post.titles(at)).count("Your account was recovered") == 1


async def test_a_finished_recovery_ends_all_others_and_every_invitation(app: Litestar, settings: Settings) -> None:
    at = "two.at.once@example.com"
    async with (
        post_of(house_of(app)) as post,
        resident(app, settings, post, at) as old,
        phone(app, settings) as new,
        phone(app, settings) as other,
    ):
        assert old.tokens is not None
        step_up = await old.step_up("device.add", {"account": old.tokens.subject})
        added = await old.post("/v1/me/devices", {"step_up": step_up})
        where = await begun(other, at)
        await other.post(f"{where}/code", {"code": await post.code(at)})

        await new.recover("email", at, post.code)

        assert await refusal(other, f"{where}/registrations") == (401, "recovery_refused")
        with pytest.raises(Refused, match="invitation_spent"):
            await other.register(added["invitation"])


async def test_a_former_phone_can_stop_a_recovery_within_the_day(app: Litestar, settings: Settings) -> None:
    at = "contested@example.com"
    async with (
        post_of(house_of(app)) as post,
        resident(app, settings, post, at) as old,
        phone(app, settings) as thief,
        registered(app, settings) as stranger,
    ):
        await thief.recover("email", at, post.code)
        for other in (stranger, thief):
            with pytest.raises(Refused, match="passkey_refused"):
                await other.contest()
        await thief.get("/v1/me")

        await old.contest()

        with pytest.raises(Refused, match="session_ended"):
            await thief.get("/v1/me")
        with pytest.raises(Refused, match="suspended"):
            await thief.sign_in()
        contested = "SELECT count(*) FROM app.event WHERE kind = 'account.recovery_contested'"
        assert await count(house_of(app), contested) == 1


async def test_officers_give_an_account_back(app: Litestar, settings: Settings) -> None:
    at = "given.back@example.com"
    async with post_of(house_of(app)) as post, resident(app, settings, post, at) as old, phone(app, settings) as thief:
        tokens = await thief.recover("email", at, post.code)
        security = frozenset({"officer:suspensions"})
        first, second = [
            bearer((await minted(house_of(app), "officer", asked=security)).access_token) for _ in range(2)
        ]
        listed = await old.http.get(f"/v1/officer/residents/{tokens.subject}/recoveries", headers=first)
        [shown] = listed.json()["recoveries"]
        undo = f"/v1/officer/recoveries/{shown['id']}/undo"

        early = await old.http.post(undo, headers=first | {"Idempotency-Key": "early"})
        await old.contest()
        done = await old.http.post(undo, headers=first | {"Idempotency-Key": "undo"})
        again = await old.http.post(undo, headers=first | {"Idempotency-Key": "again"})
        with pytest.raises(Refused, match="suspended"):
            await old.sign_in()
        with pytest.raises(Refused, match="passkey_refused"):
            await thief.sign_in()

        standing = (await old.http.get("/v1/officer/suspensions", headers=first)).json()["suspensions"]
        [stopped] = [each["id"] for each in standing if each["subject"] == tokens.subject]
        for nth, officer in enumerate((first, second)):
            lifted = {"Idempotency-Key": f"lift-{nth}"} | officer
            await old.http.post(f"/v1/officer/suspensions/{stopped}/lift", json={"reason": "cleared"}, headers=lifted)
        await old.sign_in()
        with pytest.raises(Refused, match="passkey_refused"):
            await thief.sign_in()

    assert (early.status_code, early.json()["code"]) == (409, "not_suspended")
    assert (done.status_code, again.status_code) == (200, 404)


async def test_after_the_day_a_former_phone_is_a_stranger(
    app: Litestar, settings: Settings, module_database: str
) -> None:
    at = "too.late@example.com"
    async with post_of(house_of(app)) as post, resident(app, settings, post, at) as old, phone(app, settings) as new:
        tokens = await new.recover("email", at, post.code)
        owner = create_engine(module_database)
        with owner.begin() as connection:
            back = text("UPDATE app.recovery SET finished_at = now() - interval '24 hours' WHERE subject = :me")
            connection.execute(back, {"me": ids.parse("resident", tokens.subject)})
        owner.dispose()

        with pytest.raises(Refused, match="passkey_refused"):
            await old.contest()
        await new.get("/v1/me")


async def test_a_device_that_was_removed_can_stop_nothing(app: Litestar, settings: Settings) -> None:
    at = "removed.before@example.com"
    async with (
        post_of(house_of(app)) as post,
        resident(app, settings, post, at) as old,
        phone(app, settings) as second,
        phone(app, settings) as new,
    ):
        await old.add_device(second)
        gone = [each["id"] for each in (await old.get("/v1/me/devices"))["devices"] if not each["this_one"]]
        await old.remove_device(gone[0])
        await new.recover("email", at, post.code)

        with pytest.raises(Refused, match="passkey_refused"):
            await second.contest()


async def test_a_recovery_runs_out(app: Litestar, settings: Settings) -> None:
    at, now = "slow@example.com", clock.real()
    async with post_of(house_of(app)) as post, resident(app, settings, post, at), phone(app, settings) as new:
        where = await begun(new, at)
        wanted = ids.parse("recovery", where.rpartition("/")[2])
        key = jose.key_of(msgspec.convert(new.device.jwk, jose.Jwk)).thumbprint
        async with story_of(house_of(app), "public") as story:
            assert (await recovery.load(story, wanted, jkt=key, now=now)).next == "code"
            with pytest.raises(recovery.Refused):
                await recovery.load(story, wanted, jkt=key, now=now + recovery.LIFETIME + timedelta(seconds=5))


async def test_strangers_who_guess_keep_nobody_out(app: Litestar, settings: Settings) -> None:
    at = "victim@example.com"
    async with post_of(house_of(app)) as post, resident(app, settings, post, at) as victim, phone(app, settings) as new:
        await _guess(app, settings, at, flows=verification.SENT_MAX, guesses=8)

        await victim.sign_in()
        await new.recover("email", at, post.code)
        await new.get("/v1/me")
    evaluated = "SELECT max(tries) FROM app.verification"
    assert await count(house_of(app), evaluated) == verification.TRIES_MAX


@pytest.mark.nightly
async def test_ten_thousand_guesses_keep_nobody_out(app: Litestar, settings: Settings) -> None:
    at = "hunted@example.com"
    house = house_of(app)
    async with post_of(house) as post, resident(app, settings, post, at) as victim, phone(app, settings) as new:
        for nth in range(25):
            await _guess(app, settings, at, flows=4, guesses=100, address=f"10.1.{nth}.1")
            await victim.sign_in()

        tries = "SELECT count(*) FROM app.verification WHERE flow = 'recovery' AND tries > 0"
        assert await count(house, tries) >= 100
        assert await count(house, "SELECT max(tries) FROM app.verification") == verification.TRIES_MAX
        await new.recover("email", at, post.code)
        await new.get("/v1/me")


async def _guess(
    app: Litestar, settings: Settings, at: str, *, flows: int, guesses: int, address: str = "10.0.0.9"
) -> None:
    """Begin flows for somebody's contact and try codes in each, as fast as there are answers."""
    transport = httpx.ASGITransport(cast("Any", app), client=(address, 1))
    async with Phone(settings.issuer, transport=transport, origin=settings.origins[0]) as stranger:
        for where in [await begun(stranger, at) for _ in range(flows)]:
            for burst in range(0, guesses, 10):
                codes = [f"{nth:08}" for nth in range(burst, min(burst + 10, guesses))]
                tried = await asyncio.gather(*(refusal(stranger, f"{where}/code", {"code": code}) for code in codes))
                assert set(tried) == {(401, "code_refused")}
