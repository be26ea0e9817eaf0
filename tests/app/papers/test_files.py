"""Sending files: as they are, once, looked at, sealed; and what becomes of those nobody looked at."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import clock, db, ids
from app.papers import scanning
from app.partners.clamd import Clamd
from kyc.papers import file
from kyc.papers.file import Clean, Infected, Unscanned
from simulators import scanner
from simulators.portrait import grey_jpeg
from tests.app.papers import outside
from tests.app.people import bearer, keyed, token
from tests.kyc.papers import files

pytestmark = pytest.mark.asyncio

FILES = "/v1/identity/files"
EICAR = files.pdf(b"% " + scanner.EICAR + b"\n")


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def stored(app: Litestar, file_id: str) -> Any:  # noqa: ANN401  a row
    from app.http import ids as shown  # noqa: PLC0415  another `ids`

    async with db.transaction(app.state.house.worker) as story:
        query = text("SELECT * FROM kyc.file WHERE id = :id")
        return (await (await story()).execute(query, {"id": shown.parse("file", file_id)})).one()


async def test_a_photo_is_taken_looked_at_and_kept_without_its_place(
    app: Litestar, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    resident = await token(app, "resident", of=ids.new())
    photo = files.photo()

    async with outside.answering(app, tmp_path):
        answer = await outside.send(client, resident, photo)

    assert answer.status_code == 201, answer.text
    sent = answer.json()
    assert (sent["media"], sent["width"], sent["height"], sent["scan"]) == ("image/jpeg", 600, 800, "clean")
    assert sent["removed"] == ["location"]
    content = (await client.get(f"{FILES}/{sent['id']}/content", headers=bearer(resident))).json()
    kept = base64.b64decode(content["content"])
    assert b"51.1605" not in kept
    assert file.digest(kept).hex() == sent["sha256"]
    row = await stored(app, sent["id"])
    assert kept not in bytes(row.content), "it is sealed"
    assert row.scanner == scanner.VERSION


async def test_the_same_file_is_the_same_file(app: Litestar, client: httpx.AsyncClient, tmp_path: Path) -> None:
    resident = await token(app, "resident", of=ids.new())
    async with outside.answering(app, tmp_path):
        first = await outside.send(client, resident, files.pdf(), key="key-000000000001")
        again = await outside.send(client, resident, files.pdf(), key="key-000000000001")
        anew = await outside.send(client, resident, files.pdf())
        other = await outside.send(client, resident, files.png(), key="key-000000000001")
    listed = (await client.get(FILES, headers=bearer(resident))).json()["files"]

    assert [each.status_code for each in (first, again, anew)] == [201, 201, 201]
    assert again.headers["idempotency-replayed"] == "true"
    assert first.json() == again.json() == anew.json()
    assert problem(other) == (422, "idempotency_key_reused")
    assert [each["id"] for each in listed] == [first.json()["id"]]


async def test_of_two_that_send_one_file_at_once_one_is_kept(
    app: Litestar, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    resident = await token(app, "resident", of=ids.new())
    async with outside.answering(app, tmp_path):
        answers = await asyncio.gather(*(outside.send(client, resident, files.pdf()) for _ in range(3)))

    assert {each.status_code for each in answers} == {201}
    assert len({each.json()["id"] for each in answers}) == 1


async def test_what_is_infected_is_refused_by_name_and_nothing_of_it_is_kept(
    app: Litestar, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    resident = await token(app, "resident", of=ids.new())
    async with outside.answering(app, tmp_path):
        answer = await outside.send(client, resident, EICAR)

    assert problem(answer) == (422, "file_infected")
    assert scanner.NAME in answer.json()["detail"]
    assert (await client.get(FILES, headers=bearer(resident))).json()["files"] == []


#: How a file may come otherwise than as it is, and how that is answered.
BADLY_SENT: dict[str, tuple[dict[str, str], tuple[int, str]]] = {
    "as a picture": ({"content-type": "image/jpeg"}, (415, "unsupported_media_type_octets")),
    "as JSON": ({"content-type": "application/json"}, (415, "unsupported_media_type_octets")),
    "as a form": ({"content-type": "multipart/form-data; boundary=a"}, (415, "unsupported_media_type_octets")),
    "packed": ({"content-encoding": "gzip"}, (415, "unsupported_media_type")),
    "another digest": ({"content-digest": f"sha-256=:{'A' * 43}=:"}, (400, "content_digest_other")),
    "a digest nobody trusts": ({"content-digest": "md5=:AAAA:"}, (400, "content_digest_needed")),
    "a digest that is none": ({"content-digest": "sha-256=AAAA"}, (400, "content_digest_needed")),
    "two digests that disagree": ({"repr-digest": f"sha-256=:{'A' * 43}=:"}, (400, "content_digest_other")),
}


@pytest.mark.parametrize(("headers", "expected"), BADLY_SENT.values(), ids=BADLY_SENT)
async def test_a_file_comes_as_it_is_or_not_at_all(
    app: Litestar, client: httpx.AsyncClient, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    resident = await token(app, "resident", of=ids.new())
    content = files.pdf()

    answer = await outside.send(client, resident, content, **{k.replace("-", "_"): v for k, v in headers.items()})

    assert problem(answer) == expected


async def test_without_a_digest_or_a_key_nothing_is_taken(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await token(app, "resident", of=ids.new())
    told = {"content-type": "application/octet-stream"}

    undigested = await client.post(FILES, content=b"a", headers={**keyed(resident), **told})
    keyless = await client.post(FILES, content=b"a", headers={**bearer(resident), **told})
    large = await outside.send(client, resident, b"\xff\xd8\xff" + bytes(6_000_001))

    assert problem(undigested) == (400, "content_digest_needed")
    assert problem(keyless) == (400, "idempotency_key_missing")
    assert problem(large) == (413, "content_too_large")


async def test_a_hostile_file_is_refused_with_the_word_for_it(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await token(app, "resident", of=ids.new())

    answer = await outside.send(client, resident, grey_jpeg(600, 800) + b"PK\x05\x06")

    assert problem(answer) == (422, "file_not_taken")
    assert "polyglot" in answer.json()["detail"]


async def test_what_nobody_scanned_waits_and_is_looked_at_later(
    app: Litestar, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    resident = await token(app, "resident", of=ids.new())
    async with outside.answering(app, tmp_path, scans=False) as silent:
        sent = (await outside.send(client, resident, files.png())).json()
        unused = await client.get(f"{FILES}/{sent['id']}/content", headers=bearer(resident))
        await _due(silent.house)
        tried = await scanning.step(silent.house)
    async with outside.answering(app, tmp_path) as answering:
        await _due(answering.house)
        while await scanning.step(answering.house):
            pass
        seen = (await client.get(f"{FILES}/{sent['id']}", headers=bearer(resident))).json()
    looks = (await client.get("/v1/me/access-log", headers=bearer(resident))).json()["accesses"]

    assert sent["scan"] == "waiting"
    assert problem(unused) == (409, "file_not_usable")
    assert tried >= 1
    assert seen["scan"] == "clean"
    assert {(each["role"], each["sees"], each["purpose"]) for each in looks} == {("service", "evidence", "screening")}


async def test_what_is_found_later_goes(app: Litestar, client: httpx.AsyncClient, tmp_path: Path) -> None:
    resident = await token(app, "resident", of=ids.new())
    async with outside.answering(app, tmp_path, scans=False):
        sent = (await outside.send(client, resident, EICAR)).json()
    async with outside.answering(app, tmp_path) as answering:
        await _due(answering.house)
        while await scanning.step(answering.house):
            pass
    row = await stored(app, sent["id"])

    assert (row.scan, row.found, row.content) == ("infected", scanner.NAME, None)


async def _due(house: Any) -> None:  # noqa: ANN401  a house
    """Let what waits be due now: the time between two tries is the machine's."""
    async with db.transaction(house.worker) as story:
        await (await story()).execute(
            text("UPDATE kyc.file SET due_at = :now WHERE due_at IS NOT NULL"), {"now": clock.real()}
        )


async def test_a_person_sends_no_more_than_is_kept(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    resident = await token(app, "resident", of=ids.new())
    monkeypatch.setattr(file, "FILES_MAX", 2)
    answers = [await outside.send(client, resident, files.pdf(pages=n)) for n in (1, 2, 3)]

    assert [each.status_code for each in answers] == [201, 201, 409]
    assert problem(answers[2]) == (409, "too_many_files")


async def test_the_scanner_is_spoken_to_as_clamav_wants(tmp_path: Path) -> None:
    daemon = scanner.Daemon()
    async with (
        scanner.listening(daemon, socket=tmp_path / "s") as by_socket,
        scanner.listening(daemon) as by_port,
        scanner.listening(scanner.Daemon(silent=True)) as silent,
    ):
        clean, infected = await Clamd(by_socket).scan(bytes(200_000)), await Clamd(by_port).scan(scanner.EICAR)
        with pytest.raises(Unscanned):
            await asyncio.wait_for(_given_up(silent), 5)
    with pytest.raises(Unscanned):
        await Clamd(by_socket).scan(b"a")

    assert clean == Clean(scanner.VERSION)
    assert infected == Infected(scanner.VERSION, scanner.NAME)
    assert daemon.scanned == 2


async def _given_up(address: str) -> None:
    """Ask somebody who never answers, for less long than usual."""
    from app.partners import clamd  # noqa: PLC0415  a constant of it is changed

    before, clamd.TIMEOUT_S = clamd.TIMEOUT_S, 0.05
    try:
        await Clamd(address).scan(b"a")
    finally:
        clamd.TIMEOUT_S = before


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("unix:///run/clamav/clamd.ctl", True),
        ("tcp://127.0.0.1:3310", True),
        ("tcp://[::1]:3310", True),
        ("tcp://10.0.0.7:3310", False),
        ("tcp://scanner.example:3310", False),
        ("tcp://127.0.0.1", False),
        ("unix://", False),
        ("http://127.0.0.1:3310", False),
    ],
)
async def test_a_scanner_is_on_this_machine(address: str, *, good: bool) -> None:
    from app import settings  # noqa: PLC0415  a fixture has its name

    environ = {"ERESIDENCY_ENVIRONMENT": "test", "ERESIDENCY_DATABASE_URL": "postgresql://a@localhost/b"}
    environ["ERESIDENCY_SCANNER"] = address

    if good:
        assert settings.load(environ).scanner == address
    else:
        with pytest.raises(settings.BadSetting):
            settings.load(environ)


async def test_pictures_are_not_shown_by_what_holds_them() -> None:
    from app.papers.faces import Pictures  # noqa: PLC0415  beside its test

    assert repr(Pictures(b"portrait", b"selfie")) == "Pictures()"
    assert msgspec.json.encode(Unscanned("x").trouble) == b'"x"'
