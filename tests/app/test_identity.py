"""Showing a document over HTTP: what the phone sends, what it is told, and what it is not."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app import db, ids, person, vault
from app.http import ids as outside
from app.settings import Settings
from kyc.names.entity import Entity
from law.calendar import statutory_date
from simulators.passport import Authority, Passport, specimen
from tests.app.people import bearer, keyed, token
from tests.kyc import reference
from tests.kyc.listing import entity, put_in_force
from tests.kyc.passports import authority, flipped
from tests.kyc.scans import SEEN, novel

pytestmark = pytest.mark.asyncio

DOCUMENTS = "/v1/identity/documents"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """Give settings that trust the test authority."""
    authority().export(tmp_path / "csca")
    return msgspec.structs.replace(settings, csca_folder=tmp_path / "csca")


class Resident(msgspec.Struct, frozen=True):
    """Somebody who signed in."""

    subject: UUID
    token: str


async def arrived(app: Litestar) -> Resident:
    subject = ids.new()
    return Resident(subject, await token(app, "resident", of=subject))


async def scan(
    client: httpx.AsyncClient, resident: Resident, shown: Passport, key: str | None = None, **headers: str
) -> httpx.Response:
    return await client.post(DOCUMENTS, json=shown.body(), headers=keyed(resident.token, key, **headers))


async def listed(app: Litestar, *entities: Entity) -> None:
    await put_in_force(app.state.house, *entities)


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {each["check"]: each["verdict"] for each in document["checks"]}


async def test_a_genuine_passport_identifies_its_holder(app: Litestar, client: httpx.AsyncClient) -> None:
    await listed(app)
    resident = await arrived(app)
    shown = novel(surname="SANDSTROM", given="EBBA")

    answer = await scan(client, resident, shown)

    assert answer.status_code == 201, answer.text
    document = answer.json()
    assert (document["outcome"], document["reasons"], document["grade"]) == ("identified", [], "valid")
    assert document["cloning"] == "not_checked"
    assert set(verdicts(document)) == SEEN
    assert all(each["verdict"] == "pass" and each["title"] and each["explanation"] for each in document["checks"])
    assert answer.headers["location"] == f"{DOCUMENTS}/{document['id']}"

    again = (await client.get(answer.headers["location"], headers=bearer(resident.token))).json()
    assert again["holder"] == {
        "surname": "SANDSTROM",
        "given": "EBBA",
        "born": "1974-08-12",
        "sex": "F",
        "nationality": "UTO",
        "number": again["holder"]["number"],
    }
    assert {**again, "holder": None} == {**document, "holder": None}

    standing = (await client.get("/v1/identity/standing", headers=bearer(resident.token))).json()
    assert standing == {
        "identified": True,
        "level": "chip",
        "outcome": "identified",
        "document": document["id"],
        "document_expires": "2032-04-15",
        "nationality_class": "foreign",
    }


async def test_the_name_of_an_identified_person_is_there_for_the_other_rooms(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    await listed(app)
    resident, stranger = await arrived(app), await arrived(app)
    await scan(client, resident, novel(surname="NORDIN", given="LIV"))

    async with db.transaction(app.state.house.api, holder=resident.subject, audience="resident") as story:
        named = await person.identified(
            await story(), app.state.house.keys.kms, resident.subject, statutory_date(story.now)
        )
        with pytest.raises(person.NotIdentified):
            await person.identified(
                await story(), app.state.house.keys.kms, stranger.subject, statutory_date(story.now)
            )

    assert (named.surname, named.given) == ("NORDIN", "LIV")


async def test_who_showed_nothing_is_nobody_yet(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await arrived(app)

    answer = await client.get("/v1/identity/standing", headers=bearer(resident.token))

    assert (answer.status_code, answer.json()["identified"], answer.json()["level"]) == (200, False, "none")
    assert answer.json()["outcome"] is None


async def test_a_repeat_gets_the_first_answer_and_stores_nothing(app: Litestar, client: httpx.AsyncClient) -> None:
    await listed(app)
    resident, shown, key = await arrived(app), novel(), str(ids.new())

    first = await scan(client, resident, shown, key)
    again = await scan(client, resident, shown, key)
    other = await scan(client, resident, novel(), key)

    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    async with db.transaction(app.state.house.worker) as story:
        counted = text("SELECT count(*) FROM kyc.document WHERE resident = :resident")
        assert await (await story()).scalar(counted, {"resident": resident.subject}) == 1


async def test_the_answer_that_is_kept_for_repeats_names_nobody(app: Litestar, client: httpx.AsyncClient) -> None:
    await listed(app)
    resident = await arrived(app)

    answer = await scan(client, resident, novel(surname="HAGSTROM", given="SIGNE", number="ZX0000001"))

    for word in ("HAGSTROM", "SIGNE", "ZX0000001", "1974"):
        assert word not in answer.text


async def test_the_specimen_of_2008_is_reviewed_and_the_journey_goes_on_with_another(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    await listed(app)
    resident = await arrived(app)

    old = (await scan(client, resident, specimen(reference.folder() / "emrtd" / "bsi2008"))).json()
    new = (await scan(client, resident, novel())).json()

    assert (old["outcome"], old["grade"], old["issuer"]) == ("review", "signed_untrusted_issuer", "D")
    open_ = {name: verdict for name, verdict in verdicts(old).items() if verdict != "pass"}
    assert open_ == dict.fromkeys(("chip.algorithms", "chip.issuer_trusted", "document.in_force"), "review")
    assert old["reasons"] == ["chip.algorithms", "chip.issuer_trusted", "document.in_force"]
    assert new["outcome"] == "identified"


async def test_a_forged_passport_is_refused_and_each_check_says_why(app: Litestar, client: httpx.AsyncClient) -> None:
    await listed(app)
    resident, shown = await arrived(app), novel()
    (changed,) = flipped(shown.files[2], [200])

    document = (await scan(client, resident, replace(shown, files={**shown.files, 2: changed}))).json()

    assert (document["outcome"], document["grade"], document["reasons"]) == (
        "refused",
        "dg_mismatch",
        ["chip.data_groups"],
    )
    told = {each["check"]: each for each in document["checks"]}["chip.data_groups"]
    assert told["explanation"] == "A file was changed after it was signed."
    assert told["params"]["changed"] == "2"


async def test_a_passport_of_an_authority_that_is_not_in_the_folder_is_reviewed(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    await listed(app)
    resident = await arrived(app)

    document = (await scan(client, resident, novel(by=Authority.seeded(2)))).json()

    assert (document["outcome"], document["grade"]) == ("review", "signed_untrusted_issuer")


async def test_somebody_on_a_list_is_told_only_that_a_person_will_look(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    await listed(app, entity("KZ-1", "Rurik Ravn", born=("1974",)))
    resident = await arrived(app)

    answer = await scan(client, resident, novel(surname="RAVN", given="RURIK"))

    document = answer.json()
    assert (document["outcome"], document["reasons"]) == ("review", ["person"])
    assert set(verdicts(document).values()) == {"pass"}
    shown = await client.get(answer.headers["location"], headers=bearer(resident.token))
    for said in (answer.text, shown.text):
        assert not any(word in said.lower() for word in ("screening", "on a list", "sanction", "kz-1", "agency"))


@pytest.mark.parametrize(
    ("tag", "message"),
    [("en", "You are identified"), ("ru", "Ваша личность установлена"), ("kk-KZ", "Жеке басыңыз")],
)
async def test_what_is_told_is_told_in_the_language_asked(
    app: Litestar, client: httpx.AsyncClient, tag: str, message: str
) -> None:
    await listed(app)
    resident = await arrived(app)

    document = (await scan(client, resident, novel(), accept_language=tag)).json()

    assert document["message"].startswith(message)


async def test_another_residents_document_does_not_exist(app: Litestar, client: httpx.AsyncClient) -> None:
    await listed(app)
    resident, stranger = await arrived(app), await arrived(app)
    location = (await scan(client, resident, novel())).headers["location"]

    for path in (location, f"{DOCUMENTS}/{outside.show('document', ids.new())}", f"{DOCUMENTS}/document_1"):
        answer = await client.get(path, headers=bearer(stranger.token))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_where_nothing_reads_the_phone_is_told_what_to_scan_again(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    resident = await arrived(app)

    answer = await scan(client, resident, replace(novel(), sod=b"\x77\x00\x00", mrz=("P<UTO", "L898")))

    assert (answer.status_code, answer.json()["code"]) == (422, "document_unreadable")
    assert "zone: shape" in answer.json()["detail"]


GOOD = {"mrz": ["A", "B"], "sod": "d4IFrg==", "data_groups": {"1": "YVtf"}}


@pytest.mark.parametrize(
    "body",
    [
        {**GOOD, "mrz": []},
        {**GOOD, "mrz": ["A"] * 4},
        {**GOOD, "mrz": ["A" * 45]},
        {**GOOD, "mrz": ["É"]},
        {**GOOD, "mrz": ["A\n"]},
        {**GOOD, "sod": ""},
        {**GOOD, "sod": "not base64!!"},
        {**GOOD, "sod": "AAA"},
        {**GOOD, "sod": "AAAA\n"},
        {**GOOD, "sod": base64.b64encode(bytes(33_000)).decode()},
        {**GOOD, "data_groups": {}},
        {**GOOD, "data_groups": {"0": "YVtf"}},
        {**GOOD, "data_groups": {"17": "YVtf"}},
        {**GOOD, "data_groups": {"01": "YVtf"}},
        {**GOOD, "data_groups": {"1": "%%%%"}},
        {**GOOD, "data_groups": {"1": None}},
        {**GOOD, "data_groups": {"1": base64.b64encode(bytes(525_000)).decode()}},
        {**GOOD, "name": "somebody"},
        {"mrz": ["A"]},
    ],
    ids=lambda body: str(body)[:60],
)
async def test_what_is_no_scan_is_not_read(app: Litestar, client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    resident = await arrived(app)

    answer = await client.post(DOCUMENTS, json=body, headers=keyed(resident.token))

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_more_than_the_house_reads_is_too_large(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await arrived(app)
    files = {str(number): base64.b64encode(bytes(300_000)).decode() for number in (1, 2, 3)}

    answer = await client.post(DOCUMENTS, json={**GOOD, "data_groups": files}, headers=keyed(resident.token))

    assert answer.status_code == 413


async def test_erasing_the_key_erases_the_person(app: Litestar, client: httpx.AsyncClient, database: str) -> None:
    await listed(app)
    resident = await arrived(app)
    location = (await scan(client, resident, novel())).headers["location"]
    async with db.transaction(app.state.house.api, holder=resident.subject, audience="resident") as story:
        await vault.existing(await story(), app.state.house.keys.kms, resident.subject)

    await _forget(database, resident.subject)

    answer = await client.get(location, headers=bearer(resident.token))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def _forget(database: str, holder: UUID) -> None:
    owner = create_async_engine(database)
    async with owner.begin() as connection:
        await connection.execute(text("DELETE FROM app.resident_key WHERE holder = :holder"), {"holder": holder})
    await owner.dispose()
