"""A code is printed and checked, over HTTP: a copy of the ID that lives and ends with it."""

import shutil
from pathlib import Path

import httpx
import msgspec
import pytest
from cryptography import x509
from sqlalchemy import text

from app import clock, db
from app.credentials import printing, signing_keys
from app.credentials.issuer import Credentials
from app.credentials.key_place import Home
from app.house import House
from residency.credential.check import Check
from residency.credential.presenting import trust
from residency.credential.presenting.judging import Checked, Outcome
from residency.credential.showing import printed
from simulators.passkey import Json
from tests.credential.showing.people import Holder, values

pytestmark = pytest.mark.asyncio
NAMES = ["document_number", "family_name", "given_name"]


async def prints(holder: Holder, *names: str) -> Json:
    answer = await holder.post("/v1/me/printed-codes", {"fields": list(names or NAMES)})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def verdict(client: httpx.AsyncClient, paper: str) -> Json:
    answer = await client.post("/v1/public/printed-codes", json={"text": paper})
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def test_a_paper_says_what_was_picked_and_anybody_can_check_it(client: httpx.AsyncClient, holder: Holder) -> None:
    can = values(await holder.get("/v1/me/printable-fields"))
    made = await prints(holder)

    told = await verdict(client, made["qr"]["text"])

    picked = {name: can[name] for name in NAMES}
    assert values(made) == picked
    assert told["conclusion"] == "accepted"
    assert {each["outcome"] for each in told["checks"]} == {"passed"}
    assert told["says"] == picked | {"full_name": f"{can['given_name']} {can['family_name']}"}
    assert told["expires_at"] == made["expires_at"]
    assert made["qr"]["svg"].startswith("<svg")
    assert made["qr"]["png"].startswith("iVBOR")


async def test_the_published_root_is_all_a_reader_needs(client: httpx.AsyncClient, holder: Holder) -> None:
    made = await prints(holder)
    root = x509.load_pem_x509_certificate((await client.get("/.well-known/eresidency-root.pem")).content)

    paper = printed.read(made["qr"]["text"], trust.own("", (root,)), at=clock.real())

    assert paper.says["family_name"] == values(made)["family_name"]


@pytest.mark.parametrize(("act", "reason"), [("pause", "suspended"), ("revoke", "invalid")])
async def test_what_happens_to_the_id_happens_to_the_paper(
    client: httpx.AsyncClient, own: Holder, act: str, reason: str
) -> None:
    made = await prints(own)
    [held] = (await own.get("/v1/me/credentials"))["credentials"]
    assert held["copies"] == 1

    body: Json | None = {} if act == "revoke" else None
    assert (await own.post(f"/v1/me/credentials/{held['id']}/{act}", body)).is_success

    told = await verdict(client, made["qr"]["text"])
    assert (told["conclusion"], told["checks"][-1]["reason"]) == ("rejected", reason)


async def test_each_paper_has_an_entry_and_a_leaf_of_its_own(house: House, own: Holder) -> None:
    papers = [await prints(own) for _ in range(2)]

    issuer = trust.own("", (house.credentials.authority.root,))
    read = [printed.read(each["qr"]["text"], issuer, at=clock.real()) for each in papers]
    assert read[0].status != read[1].status
    assert {(each.begins.hour, each.begins.minute, each.ends.hour) for each in read} == {(0, 0, 0)}
    async with db.transaction(house.worker) as story:
        count = text("SELECT count(*) FROM credential.leaf WHERE holder = :holder")
        assert await (await story()).scalar(count, {"holder": own.who.subject}) == 2


async def test_a_signer_that_was_revoked_is_not_believed(house: House, own: Holder, tmp_path: Path) -> None:
    made = await prints(own)
    stands = house.credentials.home
    shutil.copytree(stands.folder, tmp_path / "credential")
    home = Home.of(tmp_path / "credential", url=stands.url, kms=house.keys.kms)
    [signer, *_] = house.credentials.authority.documents.chain
    [number] = [number for number, leaf in signing_keys.numbers(home, "document").items() if leaf == signer]

    signing_keys.revoke(home, "document", number, at=clock.real())

    after = msgspec.structs.replace(house, credentials=Credentials(home))
    async with db.transaction(house.api, audience="public") as story:
        told = [await printing.judged(await story(), by, made["qr"]["text"], now=clock.real()) for by in (house, after)]
    assert [each.conclusion for each in told] == ["accepted", "rejected"]
    assert Checked(Check.CHAIN, Outcome.FAILED, "revoked") in told[1].checks


async def test_what_is_not_ours_is_rejected_by_name_and_tells_nothing(client: httpx.AsyncClient) -> None:
    told = await verdict(client, "NOT A CODE")

    assert (told["conclusion"], told["says"], told["expires_at"]) == ("rejected", {}, None)
    assert told["checks"][0]["reason"] == "not_base45"


@pytest.mark.parametrize(
    ("asked", "status", "refused"),
    [
        ({"fields": []}, 400, "invalid_request"),
        ({"fields": ["portrait"]}, 422, "field_not_there"),
        ({"fields": ["family_name"], "document": "resident_id"}, 409, "rule_not_in_force"),
    ],
)
async def test_what_can_not_be_printed_is_refused(holder: Holder, asked: Json, status: int, refused: str) -> None:
    answer = await holder.post("/v1/me/printed-codes", asked)

    assert (answer.status_code, answer.json()["code"]) == (status, refused)
