"""A PEP applicant goes to a second officer, and nobody who speaks for the applicant learns why."""

import re
from uuid import uuid4

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import db
from app.house import House
from app.partners.exposure import Vendor as Adapter
from app.risk import looking
from kyc.check import Verdict
from kyc.risk.exposure import Asked, Unanswered
from simulators.exposure import Somebody, Vendor
from simulators.faults import Faults
from tests.app.people import keyed
from tests.app.risk.relations import Officer, Person, arrived, officers, worked

pytestmark = pytest.mark.asyncio

#: Words of which none may reach the person, whatever is read.
TELLING = re.compile(
    r"pep|media|\brisk|score|\bband\b|exposure|public.?office|assessment|override|prohibited|due.diligence|\bhigh\b",
    re.IGNORECASE,
)


SHOWN = (
    *("/v1/identity/standing", "/v1/identity/review", "/v1/identity/declarations", "/v1/me/identity"),
    *("/v1/me", "/v1/me/feed?limit=100", "/v1/me/access-log", "/v1/me/restrictions", "/v1/me/consents", "/v1/limits"),
)


def minister(number: int) -> dict[str, str]:
    """Name a minister nobody knew yet."""
    return {"surname": "WOLKENSTEIN", "given": "AUGUSTA" + "ABCDEFGHIJ"[number % 10]}


def known(vendor: Vendor, person: dict[str, str], *, born: str = "1974-08-12") -> str:
    entity = f"office-{uuid4().hex[:8]}"
    vendor.known.append(Somebody(entity=entity, **person, born=born, knows="pep", class_="foreign", about="Minister"))
    return entity


async def looks(house: House, person: Person) -> dict[str, str]:
    """Read the latest verdict of each confidential check."""
    query = text(
        "SELECT DISTINCT ON (name) name, verdict FROM kyc.check WHERE resident = :resident AND confidential"
        " ORDER BY name, id DESC"
    )
    async with db.transaction(house.worker) as story:
        rows = await (await story()).execute(query, {"resident": person.subject})
        return {row.name: row.verdict for row in rows}


async def read_everything(person: Person) -> dict[str, str]:
    """Read all that says anything of who somebody is; tests/app/kyc reads the whole of the mobile API (CASES)."""
    told = {path: str(await person.get(path)) for path in SHOWN}
    for document in re.findall(r"document_[0-9A-Z]{26}", str(told)):
        told[document] = str(await person.get(f"/v1/identity/documents/{document}"))
    return told


async def test_who_is_clear_is_approved_once_the_outside_has_answered(
    app: Litestar, client: httpx.AsyncClient, house: House
) -> None:
    person = await arrived(app, client)

    scanned = await person.scan()
    assert scanned["outcome"] == "review", "not answered is not clear"
    await worked(house)

    assert (await person.get("/v1/identity/standing"))["identified"]
    assert await looks(house, person) == {
        "person.unique": "pass", "person.screening": "pass", "person.pep": "pass", "person.media": "pass",
        "risk.score": "pass", "case.demanded": "pass",
    }  # fmt: skip


async def test_a_minister_goes_to_two_officers_and_is_told_nothing(
    app: Litestar, client: httpx.AsyncClient, house: House, vendor: Vendor
) -> None:
    person, (first, second) = await arrived(app, client), await officers(app, client)
    name = minister(1)
    entity = known(vendor, name)

    scanned = await person.scan(**name)
    await worked(house)

    assert (await looks(house, person))["person.pep"] == Verdict.REVIEW
    seen = await first.risk(person)
    assert seen["band"] == "high"
    assert {"pep.hit@1", "pep.foreign@1"} <= {hit["rule"] for hit in seen["assessments"][0]["hits"]}
    assert all(hit["words"].keys() == {"kk", "ru", "en"} for hit in seen["assessments"][0]["hits"])
    [pep] = [each for each in (await first.get(f"/v1/officer/residents/{person.id}/exposure"))["answers"]
             if each["kind"] == "pep"]  # fmt: skip
    assert [match["entity"] for match in pep["matches"]] == [entity]
    one = await first.get(f"/v1/officer/risk-assessments/{seen['assessments'][0]['id']}")
    assert one["same_again"]

    told = await read_everything(person)
    assert scanned["outcome"] == "review"
    assert {path: TELLING.findall(text) for path, text in told.items() if TELLING.search(text)} == {}

    case = await first.case(person)
    assert case["state"] == "manual_review"
    await _grants(first, case["id"])
    assert (await first.case(person))["state"] == "second_review"
    again = await client.post(
        f"/v1/officer/identity-cases/{case['id']}/reviews", json={"decision": "grant"}, headers=keyed(first.token)
    )
    assert again.status_code == 409, "senior approval is another officer's"
    await _grants(second, case["id"])
    assert (await person.get("/v1/identity/standing"))["identified"]
    await worked(house)
    assert (await person.get("/v1/identity/standing"))["identified"], "what two officers settled is not asked again"


async def test_a_namesake_is_cleared_by_two_officers_and_stays_clear_when_asked_again(
    app: Litestar, client: httpx.AsyncClient, house: House, vendor: Vendor
) -> None:
    person, (first, second) = await arrived(app, client), await officers(app, client)
    name = minister(2)
    entity = known(vendor, name)
    await person.scan(**name)
    await worked(house)
    asked = {"resident": person.id, "what": "pep", "entity": entity, "reason": "namesake", "days": 90}

    proposed = await first.post("/v1/officer/risk-overrides", **asked, note="Another face.")
    path = f"/v1/officer/risk-overrides/{proposed['id']}/decision"
    alone = await client.post(path, json={"agree": True}, headers=keyed(first.token))
    assert (alone.status_code, alone.json()["code"]) == (409, "same_officer")
    await second.post(path, agree=True)
    await worked(house)

    assert (await looks(house, person))["person.pep"] == Verdict.PASS
    assert (await first.risk(person))["band"] == "low"
    assert [each["note"] for each in (await second.risk(person))["overrides"]] == ["Another face."]
    assert (await person.get("/v1/identity/standing"))["identified"]
    await _ask_again(house, person)
    assert (await looks(house, person))["person.pep"] == Verdict.PASS


async def test_an_office_taken_later_is_found_and_asks_the_officers(
    app: Litestar, client: httpx.AsyncClient, house: House, vendor: Vendor
) -> None:
    person, (first, _) = await arrived(app, client), await officers(app, client)
    name = minister(3)
    await person.scan(**name)
    await worked(house)
    assert (await person.get("/v1/identity/standing"))["identified"]

    known(vendor, name)
    await _ask_again(house, person)

    assert (await first.risk(person))["band"] == "high"
    assert (await first.case(person))["state"] == "manual_review"


async def test_a_namesake_of_another_year_does_not_count(
    app: Litestar, client: httpx.AsyncClient, house: House, vendor: Vendor
) -> None:
    person = await arrived(app, client)
    name = minister(4)
    known(vendor, name, born="1921-01-01")

    await person.scan(**name)
    await worked(house)

    assert (await looks(house, person))["person.pep"] == Verdict.PASS


async def test_a_vendor_that_does_not_answer_leaves_everything_open_until_it_does(
    app: Litestar, client: httpx.AsyncClient, house: House, vendor: Vendor
) -> None:
    person = await arrived(app, client)
    vendor.faults = Faults(lost_answer=1.0)
    await person.scan()
    await worked(house)

    assert not {"person.pep", "person.media"} & (await looks(house, person)).keys()
    assert not (await person.get("/v1/identity/standing"))["identified"]
    assert await looking.step(house) == 0, "asked again later, not at once"

    vendor.faults = Faults()
    keys = set(vendor.asked)
    await _ask_again(house, person)
    assert (await person.get("/v1/identity/standing"))["identified"]
    assert {key for key, times in vendor.asked.items() if times == 2} <= keys, "the same question has the same key"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b'{"vendor": "V V", "version": "1", "threshold": 80, "matches": []}',
        b'{"vendor": "v", "version": "1", "threshold": 0, "matches": []}',
        b'{"vendor": "v", "version": "1", "threshold": 80}',
        b'{"vendor": "v", "version": "1", "threshold": 80, "matches": [{"entity": "e", "score": 101}]}',
    ],
)
async def test_what_can_not_be_read_is_no_answer(house: House, answer: bytes) -> None:

    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, content=answer, headers={"content-type": "application/json"})
    )
    async with httpx.AsyncClient(transport=transport) as http:
        adapter = Adapter.of(msgspec.structs.replace(house, http=http))
        assert adapter is not None
        with pytest.raises(Unanswered):
            await adapter.pep("k", Asked(surname="A", given="B", born="1990-01-01", nationality="UTO"))


async def _grants(officer: Officer, case: str) -> None:
    await officer.post(f"/v1/officer/identity-cases/{case}/claim")
    await officer.post(f"/v1/officer/identity-cases/{case}/reviews", decision="grant")


async def _ask_again(house: House, person: Person) -> None:
    """Let the month be over in which nobody asked."""
    late = text("UPDATE kyc.exposure SET due_at = now() - interval '1 s' WHERE resident = :resident")
    async with db.transaction(house.worker) as story:
        await (await story()).execute(late, {"resident": person.subject})
    assert await looking.step(house) == 2
    await worked(house)
