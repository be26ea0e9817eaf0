"""Beside a document over HTTP: the chip proves that it is the original, and the form is compared with the document."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from app.settings import Settings
from simulators.chip import Chip
from simulators.passport import Passport
from tests.app.people import bearer, keyed
from tests.app.test_identity import DOCUMENTS, Resident, arrived, listed, verdicts
from tests.kyc.passports import authority
from tests.kyc.scans import novel

pytestmark = pytest.mark.asyncio

CHALLENGES = "/v1/identity/chip-challenges"
CHIP = Chip.make("p256")


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """Give settings that trust the test authority."""
    authority().export(tmp_path / "csca")
    return msgspec.structs.replace(settings, csca_folder=tmp_path / "csca")


def with_chip(**given: Any) -> Passport:  # noqa: ANN401  what novel() takes
    bare = novel(**given)
    files = {**bare.files, **CHIP.files}
    return replace(bare, files=files, sod=authority().sign(files))


async def challenged(client: httpx.AsyncClient, me: Resident) -> dict[str, str]:
    answer = await client.post(CHALLENGES, headers=keyed(me.token))
    assert answer.status_code == 200, answer.text
    found: dict[str, str] = answer.json()
    return found


def answered(given: dict[str, str], by: Chip = CHIP) -> dict[str, str]:
    nonce = base64.b64decode(given["nonce"])
    return {"challenge": given["challenge"], "answer": base64.b64encode(by.answer(nonce)).decode()}


async def show(client: httpx.AsyncClient, me: Resident, shown: Passport, **beside: object) -> httpx.Response:
    return await client.post(DOCUMENTS, json={**shown.body(), **beside}, headers=keyed(me.token))


async def test_an_original_chip_excludes_a_copy(app: Litestar, client: httpx.AsyncClient) -> None:
    await listed(app)
    me = await arrived(app)

    given = await challenged(client, me)
    shown = (await show(client, me, with_chip(), chip_answer=answered(given))).json()

    assert (shown["outcome"], shown["cloning"]) == ("identified", "excluded")
    assert verdicts(shown)["chip.original"] == "pass"
    again = (await client.get(f"{DOCUMENTS}/{shown['id']}", headers=bearer(me.token))).json()
    assert again["cloning"] == "excluded"


async def test_a_copy_that_leaves_the_question_out_is_not_let_through(app: Litestar, client: httpx.AsyncClient) -> None:
    await listed(app)
    silent, unread = with_chip().body(), with_chip().body()
    del unread["data_groups"]["15"]  # type: ignore[attr-defined]  # a mapping of the body

    for body in (silent, unread):
        me = await arrived(app)
        shown = (await client.post(DOCUMENTS, json=body, headers=keyed(me.token))).json()
        assert (shown["outcome"], shown["reasons"], shown["cloning"]) == ("review", ["chip.original"], "not_checked")


async def test_a_copy_of_a_chip_is_refused(app: Litestar, client: httpx.AsyncClient) -> None:
    await listed(app)
    me = await arrived(app)
    copy = Chip.make("p256")

    shown = (await show(client, me, with_chip(), chip_answer=answered(await challenged(client, me), copy))).json()

    assert (shown["outcome"], shown["reasons"], shown["cloning"]) == ("refused", ["chip.original"], "not_excluded")


async def test_a_challenge_serves_once_and_its_resident_only(app: Litestar, client: httpx.AsyncClient) -> None:
    await listed(app)
    me, other = await arrived(app), await arrived(app)
    given = answered(await challenged(client, me))

    stolen = await show(client, other, with_chip(), chip_answer=given)
    first = await show(client, me, with_chip(), chip_answer=given)
    second = await show(client, me, with_chip(), chip_answer=given)

    assert [each.status_code for each in (stolen, first, second)] == [409, 201, 409]
    assert {stolen.json()["code"], second.json()["code"]} == {"chip_challenge_stale"}


async def test_a_repeated_request_is_answered_as_the_first_was(app: Litestar, client: httpx.AsyncClient) -> None:
    await listed(app)
    me = await arrived(app)
    body = {**with_chip().body(), "chip_answer": answered(await challenged(client, me))}
    headers = keyed(me.token, "the-same-key")

    first = await client.post(DOCUMENTS, json=body, headers=headers)
    again = await client.post(DOCUMENTS, json=body, headers=keyed(me.token, "the-same-key"))

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()


async def test_a_stale_challenge_stores_nothing(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await arrived(app)

    refused = await show(client, me, with_chip(), chip_answer={"challenge": "A" * 43, "answer": "AAAA"})

    assert refused.json()["code"] == "chip_challenge_stale"
    standing = (await client.get("/v1/identity/standing", headers=bearer(me.token))).json()
    assert standing["outcome"] is None


async def test_what_the_form_says_otherwise_is_looked_at_by_a_person(app: Litestar, client: httpx.AsyncClient) -> None:
    await listed(app)
    me, shown = await arrived(app), novel(surname="SANDSTROM", given="EBBA MARIA")
    stated = {"surname": "Sandström", "given": "Ebba Maria", "born": "1974-08-12"}

    right = (await show(client, me, shown, stated=stated)).json()
    wrong = (await show(client, await arrived(app), novel(), stated={**stated, "surname": "Sandberg"})).json()

    assert (right["outcome"], verdicts(right)["document.matches_form"]) == ("identified", "pass")
    assert (wrong["outcome"], wrong["reasons"]) == ("review", ["document.matches_form"])
    assert {each["check"]: each["params"] for each in wrong["checks"]}["document.matches_form"].keys() == {"differs"}


@pytest.mark.parametrize(
    "beside",
    [
        {"stated": {"surname": "A\nB", "given": "", "born": "1974-08-12"}},
        {"stated": {"surname": "A", "given": "", "born": "1974-08-12", "nationality": "Sweden"}},
        {"stated": {"surname": "A" * 101, "given": "", "born": "1974-08-12"}},
        {"stated": {"surname": "A", "given": ""}},
        {"chip_answer": {"challenge": "A" * 44, "answer": "AAAA"}},
        {"chip_answer": {"challenge": "A" * 43, "answer": "A" * 5_000}},
        {"chip_answer": {"challenge": "A" * 43}},
    ],
)
async def test_what_stands_beside_a_document_has_bounds(
    app: Litestar, client: httpx.AsyncClient, beside: dict[str, object]
) -> None:
    assert (await show(client, await arrived(app), novel(), **beside)).status_code in {400, 422}
