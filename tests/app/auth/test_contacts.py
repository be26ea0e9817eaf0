"""Contacts and their codes: proved once, five guesses, ten minutes, in their own flow; nothing of them in the clear."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from app import clock, ids
from app.auth import contact, forgetting, verification
from app.auth.principal import Principal
from app.http import ids as public_ids
from app.language import Language
from app.settings import Settings
from simulators.phone import Phone, Refused
from tests.app.auth.people import count, house_of, minted, registered, story_of
from tests.app.auth.post import post_of
from tests.planted import planted

pytestmark = pytest.mark.asyncio


async def claimed(mine: Phone, value: str, kind: str = "email") -> str:
    return str((await mine.post("/v1/me/contacts", {"kind": kind, "value": value}))["id"])


async def prove(mine: Phone, which: str, code: str, kind: str = "email") -> Any:  # noqa: ANN401  a contact
    step_up = await mine.step_up("contact.add", {"contact_id": which, "kind": kind})
    return await mine.post(f"/v1/me/contacts/{which}/code", {"code": code, "step_up": step_up})


async def refused(mine: Phone, which: str, code: str) -> tuple[int, str]:
    with pytest.raises(Refused) as found:
        await mine.post(f"/v1/me/contacts/{which}/code", {"code": code})
    return found.value.status, found.value.code


def other_than(code: str, nth: int = 1) -> str:
    return f"{(int(code) + nth) % 10**8:08}"


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("anna@example.com", "anna@example.com"),
        (" Anna.B+kz@Example.COM ", "anna.b+kz@example.com"),
        ("anna@example.com.", "anna@example.com"),
        ("anna@пошта.укр", "anna@xn--80a1acn3a.xn--j1amh"),
        ("o'brien_{1}@sub.example.org", "o'brien_{1}@sub.example.org"),
    ],
)
async def test_an_address_has_one_normal_form(given: str, normal: str) -> None:
    assert contact.email(given) == normal
    assert contact.email(normal) == normal


@pytest.mark.parametrize(
    "given",
    [
        "", "@", "anna", "anna@", "@example.com", "anna@localhost", "anna@example..com", "anna@-example.com",
        ".anna@example.com", "an..na@example.com", '"anna b"@example.com', "anna b@example.com", "anna@exa mple.com",
        "anna@example.com\r\nBcc: x@example.com", "anna,bob@example.com", "<anna@example.com>", "аnna@example.com",
        "annа@example.com", "ﬁ@example.com", "anna@[127.0.0.1]", "anna@exam_ple.com", "a" * 65 + "@example.com",
        "a@" + "b" * 64 + ".com", "a@" + ".".join(["b" * 60] * 5) + ".com",
    ],
)  # fmt: skip
async def test_what_is_no_address_is_none(given: str) -> None:
    with pytest.raises(contact.BadContact):
        contact.email(given)


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("+7 701 234 56 78", "+77012345678"),
        ("+7 (701) 234-5678", "+77012345678"),
        ("+34 612 34 56 78", "+34612345678"),
        ("+1 201-555-0123", "+12015550123"),
    ],
)
async def test_a_number_has_one_normal_form(given: str, normal: str) -> None:
    assert contact.phone(given) == normal


@pytest.mark.parametrize(
    "given",
    [
        "", "8 701 234 56 78", "701 234 56 78", "+7 701 234", "+999 123456789", "+7 701 234 56 78 ext. 5", "hello",
        "+7 7172 70 00 00",  # a landline in Astana
        "+44 909 879 0000",  # earns on being called
    ],
)  # fmt: skip
async def test_what_is_no_persons_number_is_none(given: str) -> None:
    with pytest.raises(contact.BadContact):
        contact.phone(given)


async def test_a_contact_is_proved_by_the_code_that_was_sent_there(app: Litestar, settings: Settings) -> None:
    async with post_of(house_of(app)) as post, registered(app, settings) as mine:
        await mine.add_contact("email", "Proved@Example.com", lambda _: post.code("proved@example.com"))
        await mine.add_contact("phone", "+7 701 000 00 01", lambda _: post.code("+77010000001"))
        listed = (await mine.get("/v1/me/contacts"))["contacts"]
        heard = await post.titles("proved@example.com")

    assert [(each["kind"], each["value"]) for each in listed] == [
        ("email", "proved@example.com"), ("phone", "+77010000001")
    ]  # fmt: skip
    assert all(each["verified_at"] for each in listed)
    assert heard == ["Your code", "A contact was added"]


async def test_a_contact_that_is_no_contact_is_said_to_be_none(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        for kind, value in (("email", "nobody"), ("phone", "123 456")):
            with pytest.raises(Refused) as found:
                await claimed(mine, value, kind)
            assert (found.value.status, found.value.code) == (422, "bad_contact")


async def test_a_code_is_good_once_and_needs_the_passkey(app: Litestar, settings: Settings) -> None:
    async with post_of(house_of(app)) as post, registered(app, settings) as mine:
        which = await claimed(mine, "once@example.com")
        code = await post.code("once@example.com")

        assert await refused(mine, which, code) == (403, "step_up_required")
        assert (await prove(mine, which, code))["value"] == "once@example.com"
        assert await refused(mine, which, code) == (401, "code_refused")


async def test_of_guesses_at_once_five_are_evaluated(app: Litestar, settings: Settings) -> None:
    async with post_of(house_of(app)) as post, registered(app, settings) as mine:
        which = await claimed(mine, "guessed@example.com")
        code = await post.code("guessed@example.com")

        guesses = await asyncio.gather(*(refused(mine, which, other_than(code, nth)) for nth in range(1, 16)))

        assert set(guesses) == {(401, "code_refused")}
        tries = "SELECT tries FROM app.verification WHERE id = :id"
        assert await count(house_of(app), tries, id=public_ids.parse("contact", which)) == verification.TRIES_MAX
        assert await refused(mine, which, code) == (401, "code_refused")


#: A check of app/auth/verification.py, and what stands in its place in a copy.
DEFECTS: dict[str, tuple[str, str]] = {
    "any number of tries": (", columns.tries < TRIES_MAX)", ")"),
    "six tries": ("columns.tries < TRIES_MAX", "columns.tries <= TRIES_MAX"),
    "tries are not counted": ("columns.tries + 1", "columns.tries"),
    "good twice": ("columns.used_at.is_(None), ", ""),
    "good for ever": ("columns.expires_at > now, ", ""),
    "good for another flow": ("columns.id == about, columns.flow == flow", "columns.id == about"),
    "any code": ("hmac.compare_digest(stored or bytes(32), _mac(kms, flow, about, code))", "stored is not None"),
}


async def test_a_code_is_guessed_five_times_taken_once_and_in_time(app: Litestar) -> None:
    assert await _guessed(app, verification) == []


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
async def test_a_server_that_lacks_a_check_is_caught(app: Litestar, defect: tuple[str, str]) -> None:
    # Of another flow the digest is another, too: the defect counts where both are the same.
    lax = planted(verification, *defect)
    if "columns.flow" in defect[0]:
        lax._mac = lambda kms, _, about, code: verification._mac(kms, "contact", about, code)  # noqa: SLF001  as told

    assert await _guessed(app, lax)


async def _guessed(app: Litestar, by: Any) -> list[str]:  # noqa: ANN401  verification or a copy
    """Guess a code fifteen times at once, take one twice, late and elsewhere: say what was not as it must be."""
    house, now, wrong = house_of(app), clock.real(), []

    async def issued() -> tuple[UUID, str]:
        async with story_of(house) as story:
            about = ids.new()
            return about, await by.issue(await story(), house.keys.kms, "contact", about, subject=ids.new(), now=now)

    async def taken(about: UUID, code: str, flow: str = "contact", *, at: datetime = now) -> bool:
        try:
            async with story_of(house) as story:
                found: bool = await by.evaluate(await story(), house.keys.kms, flow, about, code, now=at)
        except IntegrityError:  # the database counts as well
            wrong.append("the database had to refuse it")
            return False
        return found

    about, code = await issued()
    guesses = await asyncio.gather(*(taken(about, other_than(code, nth)) for nth in range(1, 16)))
    tries = await count(house, "SELECT tries FROM app.verification WHERE id = :id", id=about)
    if any(guesses) or tries != verification.TRIES_MAX or await taken(about, code):
        wrong.append("more than five tries were evaluated")
    if [await taken(*again) for again in [await issued()] * 2] != [True, False]:
        wrong.append("not taken once")
    if await taken(*await issued(), at=now + timedelta(seconds=601)):
        wrong.append("taken late")
    if await taken(*await issued(), "recovery"):
        wrong.append("taken for another flow")
    return wrong


async def test_of_right_codes_at_once_one_is_taken(app: Litestar, settings: Settings) -> None:
    async with post_of(house_of(app)) as post, registered(app, settings) as mine:
        which = await claimed(mine, "race@example.com")
        code = await post.code("race@example.com")
        results = await asyncio.gather(*(prove(mine, which, code) for _ in range(4)), return_exceptions=True)

        assert sorted(isinstance(each, Refused) for each in results) == [False, True, True, True]


@pytest.mark.parametrize(("age", "taken"), [(timedelta(seconds=599), True), (timedelta(seconds=601), False)])
async def test_a_code_is_good_for_ten_minutes(app: Litestar, *, age: timedelta, taken: bool) -> None:
    house, now, about = house_of(app), clock.real(), ids.new()
    async with story_of(house) as story:
        db, kms = await story(), house.keys.kms
        code = await verification.issue(db, kms, "contact", about, subject=ids.new(), now=now)

        assert await verification.evaluate(db, kms, "contact", about, code, now=now + age) is taken


async def test_a_code_belongs_to_its_flow_and_its_contact(app: Litestar) -> None:
    house, now, one, two = house_of(app), clock.real(), ids.new(), ids.new()
    async with story_of(house) as story:
        db, kms = await story(), house.keys.kms
        code = await verification.issue(db, kms, "recovery", one, subject=ids.new(), now=now)
        await verification.issue(db, kms, "contact", two, subject=ids.new(), now=now)

        assert not await verification.evaluate(db, kms, "contact", one, code, now=now)
        assert not await verification.evaluate(db, kms, "contact", two, code, now=now)
        assert not await verification.evaluate(db, kms, "recovery", two, code, now=now)
        assert await verification.evaluate(db, kms, "recovery", one, code, now=now)


async def test_a_code_and_a_contact_are_nowhere_in_the_clear(
    app: Litestar, settings: Settings, module_database: str
) -> None:
    async with post_of(house_of(app)) as post, registered(app, settings) as mine:
        which = await claimed(mine, "secret.address@example.com")
        code = await post.code("secret.address@example.com")
        await prove(mine, which, code)
    owner = create_engine(module_database)
    with owner.connect() as connection:
        tables = connection.scalars(text("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace"
                                         " IN ('app'::regnamespace)")).all()  # fmt: skip
        rows = [line for table in tables for line in connection.scalars(text(f"SELECT t::text FROM {table} AS t"))]  # noqa: S608  names of the catalogue
    owner.dispose()

    said = "\n".join(rows)
    for told in (code, "secret.address", "secret.address@example.com"):
        assert told not in said
        assert told.encode().hex() not in said
    assert str(public_ids.parse("contact", which)) in said


async def test_what_somebody_else_proved_is_not_mine(app: Litestar, settings: Settings) -> None:
    async with (
        post_of(house_of(app)) as post,
        registered(app, settings) as mine,
        registered(app, settings) as other,
    ):
        await other.add_contact("email", "shared@example.com", post.code)
        which = await claimed(mine, "shared@example.com")
        with pytest.raises(Refused) as taken:
            await prove(mine, which, await post.code("shared@example.com"))
        theirs = (await other.get("/v1/me/contacts"))["contacts"][0]["id"]
        with pytest.raises(Refused) as removed:
            await remove(mine, theirs)

    assert (taken.value.status, taken.value.code) == (409, "contact_taken")
    assert (removed.value.status, removed.value.code) == (404, "not_found")


async def remove(mine: Phone, which: str) -> None:
    step_up = await mine.step_up("contact.remove", {"contact_id": which, "kind": "email"})
    await mine.delete(f"/v1/me/contacts/{which}", {"step_up": step_up})


async def test_a_removed_contact_is_gone_and_free_for_others(app: Litestar, settings: Settings) -> None:
    async with (
        post_of(house_of(app)) as post,
        registered(app, settings) as mine,
        registered(app, settings) as other,
    ):
        which = await mine.add_contact("email", "moving@example.com", post.code)
        with pytest.raises(Refused, match="step_up_required"):
            await mine.delete(f"/v1/me/contacts/{which}")
        await remove(mine, which)

        assert (await mine.get("/v1/me/contacts"))["contacts"] == []
        await other.add_contact("email", "moving@example.com", post.code)
        assert "A contact was removed" in await post.titles("moving@example.com")


async def test_one_sender_has_five_codes_sent_to_one_contact(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine, registered(app, settings) as other:
        body = {"kind": "email", "value": "flooded@example.com"}
        # One more than two windows allow: the clock may pass from one to the next meanwhile.
        answers = [await mine.call("POST", "/v1/me/contacts", body=body) for _ in range(2 * verification.SENT_MAX + 1)]
        statuses = [answer.status_code for answer in answers]

        assert statuses[: verification.SENT_MAX] == [202] * verification.SENT_MAX
        over = answers[statuses.index(429)]
        assert over.json()["code"] == "too_many_codes"
        assert 0 < int(over.headers["retry-after"]) <= 600
        await claimed(other, "flooded@example.com")


async def test_a_window_of_sending_ends(app: Litestar) -> None:
    house, now = house_of(app), datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    async with story_of(house) as story:
        db, kms = await story(), house.keys.kms
        for _ in range(verification.SENT_MAX):
            await verification.count(db, kms, sender="a", contact=b"c", now=now)
        with pytest.raises(verification.TooMany) as over:
            await verification.count(db, kms, sender="a", contact=b"c", now=now + timedelta(seconds=599))
        await verification.count(db, kms, sender="a", contact=b"d", now=now)
        await verification.count(db, kms, sender="b", contact=b"c", now=now)
        await verification.count(db, kms, sender="a", contact=b"c", now=now + verification.WINDOW)

    assert over.value.headers == {"Retry-After": "2"}


async def test_a_repeated_claim_sends_one_code(app: Litestar, settings: Settings) -> None:
    async with post_of(house_of(app)) as post, registered(app, settings) as mine:
        body = {"kind": "email", "value": "repeated@example.com"}
        first = await mine.post("/v1/me/contacts", body, key="one-claim")
        again = await mine.post("/v1/me/contacts", body, key="one-claim")

        assert first == again
        assert await post.titles("repeated@example.com") == ["Your code"]


async def test_a_person_has_so_many_contacts_and_no_more(app: Litestar) -> None:
    house = house_of(app)
    me = Principal("resident", (await minted(house, "resident")).subject, frozenset(), "")
    async with story_of(house) as story:
        await story.speak_for(me.subject)
        db, kms = await story(), house.keys.kms
        wanted = contact.named(kms, "email", "many@example.com", Language.EN)
        for nth in range(contact.CONTACTS_MAX):
            await contact.claim(db, kms, me, wanted, sender=f"sender {nth}", now=clock.real())

        with pytest.raises(contact.TooManyContacts):
            await contact.claim(db, kms, me, wanted, sender="another sender", now=clock.real())


async def test_what_nobody_proved_is_forgotten_with_its_code(app: Litestar) -> None:
    house, now = house_of(app), clock.real()
    me = Principal("resident", (await minted(house, "resident")).subject, frozenset(), "")
    async with story_of(house) as story:
        await story.speak_for(me.subject)
        db, kms = await story(), house.keys.kms
        wanted = contact.named(kms, "email", "forgotten@example.com", Language.EN)
        old = await contact.claim(db, kms, me, wanted, sender="old", now=now - 2 * verification.LIFETIME)
        new = await contact.claim(db, kms, me, wanted, sender="new", now=now)

    assert await forgetting.step(house) >= 4  # the contact, its code, its message, and that one was sent
    for table, left in (("contact", [new.id]), ("verification", [new.id])):
        async with story_of(house, "officer") as story:
            mine = text(f"SELECT id FROM app.{table} WHERE id = ANY(:ids)")  # noqa: S608  names of the table above
            assert list(await (await story()).scalars(mine, {"ids": [old.id, new.id]})) == left
