"""What a person agreed to: exactly these words, until taken back; what needs a consent asks for it."""

import hashlib
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import db, ids
from app.account import consent, purposes
from app.account.consent import Where, Words
from app.http import mobile
from app.language import Language
from tests.app import people
from tests.app.account.people import count, house_of
from tests.app.applicants import ANSWERS, Resident, newcomer

WHERE = Where("app", ids.new())
#: The words that were released, by version: a changed text is a new version, these stay.
RELEASED = {
    "services 2026-11 en": "e0d1843c0fae9b6f",
    "services 2026-11 ru": "52b117027a342d10",
    "services 2026-11 kk": "7de651cd3de7db45",
    "partner_banks 2026-11 en": "398306d0e84421dc",
    "partner_banks 2026-11 ru": "ac07a3108a260f08",
    "partner_banks 2026-11 kk": "01ed7eb818b9a8b1",
    "partners_abroad 2026-11 en": "1b1f92832aabd4a2",
    "partners_abroad 2026-11 ru": "479e089fd2708eaa",
    "partners_abroad 2026-11 kk": "ce88ba45af234d7d",
}


@pytest_asyncio.fixture(loop_scope="module")
async def resident(app: Litestar, client: httpx.AsyncClient) -> AsyncIterator[Resident]:
    yield await newcomer(app, client)


def test_a_released_text_is_never_edited() -> None:
    assert {
        f"{name} {shown.version} {tag}": shown.sha256(tag).hex()[:16]
        for name, purpose in purposes.catalogue().items()
        for shown in purpose.texts
        for tag in Language
    } == RELEASED


@pytest.mark.parametrize("purpose", purposes.catalogue().values(), ids=purposes.catalogue())
def test_a_purpose_names_its_act_what_needs_it_and_what_ends_with_it(purpose: purposes.Purpose) -> None:
    served = {handler.operation_id for handler in mobile.routes}
    assert "94-V" in purpose.source
    assert set(purpose.needed_for) <= served
    for told in (purpose.title, purpose.ends, {tag: purpose.texts[0].words(tag) for tag in Language}):
        assert set(told) == set(Language)
        assert len(set(told.values())) == 3


def test_the_text_in_force_is_the_latest_that_began() -> None:
    early = purposes.Text("2026-11", date(2026, 4, 25), "a", "б", "в")
    late = purposes.Text("2027-01", date(2027, 1, 1), "d", "е", "ж")
    known = purposes.Purpose("94-V", (), {}, {}, (late, early))

    assert [known.text(on) for on in (date(2026, 4, 25), date(2026, 12, 31), date(2027, 1, 1))] == [early, early, late]


@pytest.mark.asyncio
async def test_a_yes_is_to_these_words_and_stands_until_taken_back(app: Litestar, resident: Resident) -> None:
    shown = await _shown(resident, "partner_banks", "ru")
    words = {key: shown[key] for key in ("purpose", "text_sha256", "language")}
    assert hashlib.sha256(shown["text"].encode()).hexdigest() == shown["text_sha256"]

    given = await resident.post("/v1/me/consents", words)
    repeated = await resident.post("/v1/me/consents", words)
    taken_back = await resident.client.delete("/v1/me/consents/partner_banks", headers=people.bearer(resident.token))
    after = await _shown(resident, "partner_banks")

    assert (shown["given"], given.status_code, given.json()["given"], repeated.json()["given"]) == (
        False, 201, True, True,
    )  # fmt: skip
    assert (taken_back.json()["given"], after["given"]) == (False, False)
    assert taken_back.json()["ends"] == purposes.of("partner_banks").ends[Language.EN]
    kept = "SELECT count(*) FROM app.consent WHERE holder = :holder AND language = 'ru' AND client_id <> ''"
    assert await count(house_of(app), kept, holder=resident.subject) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"purpose": "partner_banks", "text_sha256": "0" * 64, "language": "en"}, 409, "consent_text_other"),
        ({"purpose": "partner_banks", "text_sha256": "kk", "language": "en"}, 400, "invalid_request"),
        ({"purpose": "horoscopes", "text_sha256": "0" * 64, "language": "en"}, 404, "unknown_purpose"),
        ({"purpose": "services", "text_sha256": "0" * 64, "language": "de"}, 400, "invalid_request"),
        ({"purpose": "services", "text_sha256": "0" * 64, "language": "en", "given": True}, 400, "invalid_request"),
    ],
)
async def test_no_yes_is_kept_to_other_words(
    resident: Resident, sent: dict[str, object], status: int, code: str
) -> None:
    answer = await resident.post("/v1/me/consents", sent)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.asyncio
async def test_words_shown_in_one_language_are_not_those_of_another(resident: Resident) -> None:
    shown = await _shown(resident, "services", "kk")

    answer = await resident.post(
        "/v1/me/consents", {"purpose": "services", "text_sha256": shown["text_sha256"], "language": "en"}
    )

    assert (shown["language"], answer.json()["code"]) == ("kk", "consent_text_other")


@pytest.mark.asyncio
async def test_nothing_is_filed_without_the_consent_and_nothing_after_its_end(resident: Resident) -> None:
    begun = await resident.post("/v1/applications", {"service": "eresidency.assign"})
    path = begun.headers["location"]
    await resident.client.put(
        f"{path}/answers", json={"answers": ANSWERS}, headers=people.bearer(resident.token, if_match='"1"')
    )

    without = await resident.post(f"{path}/submit")
    await resident.agrees()
    await resident.client.delete("/v1/me/consents/services", headers=people.bearer(resident.token))
    withdrawn = await resident.post(f"{path}/submit")
    await resident.agrees()
    filed = await resident.post(f"{path}/submit")

    for refused in (without, withdrawn):
        assert (refused.status_code, refused.json()["code"]) == (403, "personal_data_consent_required")
    assert "services" in without.json()["detail"]
    assert filed.json()["state"] == "submitted"


@pytest.mark.asyncio
async def test_a_partner_abroad_takes_a_second_consent(app: Litestar, resident: Resident) -> None:
    house = house_of(app)
    here, abroad = await _partner(app, "KZ"), await _partner(app, "AE")
    async with db.transaction(house.api, holder=resident.subject, audience="resident") as story:
        connection, at = await story(), story.now

        async def missing() -> list[str | None]:
            told = [(resident.subject, partner) for partner in (here, abroad)]
            found = await consent.towards(connection, told, at=at)
            return [each.purpose if each else None for each in found]

        async def agrees(purpose: str) -> None:
            words = Words(purpose, purposes.of(purpose).texts[0].sha256(Language.EN), Language.EN)
            await consent.give(connection, resident.subject, words, WHERE, at=at)

        nothing_said = await missing()
        await agrees("partner_banks")
        one_said = await missing()
        await agrees("partners_abroad")
        both_said = await missing()

    assert nothing_said == ["partner_banks", "partner_banks"]
    assert one_said == [None, "partners_abroad"]
    assert both_said == [None, None]


@pytest.mark.asyncio
@pytest.mark.parametrize("change", ["UPDATE app.consent SET given = true", "DELETE FROM app.consent"])
async def test_what_was_said_is_only_added_to(app: Litestar, resident: Resident, change: str) -> None:
    await resident.agrees()
    for role in (house_of(app).api, house_of(app).worker):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with db.transaction(role, holder=resident.subject) as story:
                await (await story()).execute(text(change))


async def _shown(resident: Resident, purpose: str, tag: str = "en") -> dict[str, Any]:
    found = (await resident.get("/v1/me/consents", accept_language=tag))["consents"]
    return next(each for each in found if each["purpose"] == purpose)


async def _partner(app: Litestar, country: str) -> Any:  # noqa: ANN401  its id
    """Enrol a partner without keys: what is asked is where it is established."""
    house, partner = house_of(app), ids.new()
    wrapped = house.keys.kms.wrap(bytes(32), f"partner:{partner}")
    values = {"id": partner, "code": f"p-{country.lower()}", "country": country}
    async with db.transaction(house.worker) as story:
        db_ = await story()
        await db_.execute(_ENROL, values | {"version": wrapped.version, "key": wrapped.blob, "at": story.now})
    return partner


_ENROL = text(
    """
    INSERT INTO app.partner (id, code, name, kind, state, kek_version, data_key, enrolled_at, country)
    VALUES (:id, :code, 'A partner', 'bank', 'active', :version, :key, :at, :country)
    """
)
