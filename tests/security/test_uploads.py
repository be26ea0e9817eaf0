"""Files people send: the printed lines, the security object and the data groups of a document, in base64 in JSON.

The evidence of disputes is another one, in base64 in JSON as well (tests/app/cards/test_disputes.py); the files of
papers come as octets (tests/kyc/papers/test_media.py, tests/app/papers/test_files.py). There are no others: nothing
reads multipart, nothing opens a picture, no name of a file is ever used. What is no file of a chip is refused at once;
what only looks like one identifies nobody.
"""

import asyncio
import base64
import json
import resource
import struct
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from app import strict
from app.http.mobile import identity
from app.settings import Settings
from kyc.chip import lds, passive
from kyc.chip.report import Grade
from kyc.identify import Reading
from simulators.passport import Passport
from tests.app.people import keyed, token
from tests.kyc.passports import AT, authority, trusting
from tests.kyc.scans import novel
from tests.planted import planted
from tests.security import contract, odd

pytestmark = pytest.mark.asyncio

ROOT = Path(__file__).parents[2]
SCAN = "/v1/identity/documents"
WITHIN_S = 5.0
GROWS_MAX_KB = 50_000

Body = dict[str, Any]
Spoil = Callable[[Body], Body]


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def sod(content: bytes | str) -> Spoil:
    return lambda body: {**body, "sod": content if isinstance(content, str) else text(content)}


def group(number: str, content: bytes | str) -> Spoil:
    told = content if isinstance(content, str) else text(content)
    return lambda body: {**body, "data_groups": {**body["data_groups"], number: told}}


def png(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d" + head + struct.pack(">I", zlib.crc32(head))


def packed(name: str, content: bytes) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return made.getvalue()


def template(content: bytes) -> bytes:
    """Wrap a picture as EF.DG2 does, roughly: as much as a reader of pictures would look at."""
    return b"\x75\x82" + struct.pack(">H", len(content)) + content


JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
#: What is no reading of a document: 4xx, before anything is done with it.
REFUSED: dict[str, Spoil] = {
    "no bytes": sod(""),
    "a group of no bytes": group("2", ""),
    "no groups": lambda body: {**body, "data_groups": {}},
    "more than a security object has": sod(b"a" * (lds.SOD_BYTES_MAX + 3)),
    "more than a group has": group("2", b"a" * (lds.GROUP_BYTES_MAX + 3)),
    "more than a body has": group("2", b"a" * 2_000_000),
    "a path for a number": group("../../etc/passwd", b"a"),
    "a path behind a number": group("2/../1", b"a"),
    "a line break behind a number": group("2\n", b"a"),
    "a number of another script": group("٢", b"a"),
    "group 0": group("0", b"a"),
    "group 17": group("17", b"a"),
    "group 02": group("02", b"a"),
    "a group of NUL": group("2\x00.png", b"a"),
    "no base64": sod("<svg onload=alert(1)>"),
    "base64 of URLs": sod("d4IF-_=="),
    "base64 without its end": sod("d4I"),
    "base64 with line breaks": sod("d4IF\nrg=="),
    "a URL of data": sod("data:image/png;base64,iVBORw0KGgo="),
    "an address": sod("http://169.254.169.254/"),
    "a name of a file": lambda body: {**body, "filename": "../../etc/passwd"},
    "a media type": lambda body: {**body, "content_type": "image/svg+xml"},
    "too many printed lines": lambda body: {**body, "mrz": body["mrz"] * 2},
    "a printed line that is long": lambda body: {**body, "mrz": ["P" * 45, "P" * 45]},
}
#: What has the form of files and is something else: nobody is identified by it.
DISGUISED: dict[str, Spoil] = {
    "a formula for a name": lambda body: {**body, "mrz": ["=HYPERLINK(1)", "+1"]},
    "a picture of 50 000 by 50 000": group("2", template(png(50_000, 50_000))),
    "a picture of no size": group("2", template(png(0, 0))),
    "a picture and a program": group("2", template(JPEG + b"\x7fELF" + b"\x00" * 64)),
    "a picture and an archive": group("2", template(JPEG + packed("a", b"a"))),
    "a picture and a page": group("2", template(b"GIF89a/*<html><script>alert(1)</script>*/")),
    "a picture that is XML": group("2", template(odd.XML["an entity of a file"])),
    "a picture cut short": group("2", template(JPEG)[:-3]),
    "a document": group("2", b"%PDF-1.7\n1 0 obj<</JS(app.alert(1))>>"),
    "a bomb": group("2", packed("a", b"\x00" * 20_000_000)),
    "a bomb for a security object": sod(packed("a", b"\x00" * 20_000_000)),
    "an archive with a path": group("2", packed("../../etc/cron.d/a", b"a")),
    "a security object cut short": lambda body: sod(base64.b64decode(body["sod"])[:-20])(body),
    "a security object of no length": sod(b"\x77\x80\x30\x80"),
    "a security object longer than it is": sod(b"\x77\x84\xff\xff\xff\xff\x30"),
    "lengths in lengths": sod(b"\x30\x84\x7f\xff\xff\xff" * 5_000),
    "objects in objects": sod(b"\x30\x80" * 16_000),
    "a group of another person": group("1", novel().files[1]),
    "nothing but zeros": sod(b"\x00" * lds.SOD_BYTES_MAX),
}


@pytest.fixture(scope="module")
def settings(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Trust the authority that made the passports."""
    folder = tmp_path_factory.mktemp("csca")
    authority().export(folder)
    return msgspec.structs.replace(settings, csca_folder=folder)


async def scanned(app: Litestar, client: httpx.AsyncClient, body: Body) -> httpx.Response:
    headers = keyed(await token(app, "resident"))
    async with asyncio.timeout(WITHIN_S):
        return await client.post(SCAN, json=body, headers=headers)


def shown() -> Body:
    passport: Passport = novel()
    return dict(passport.body())


@pytest.mark.parametrize("spoil", REFUSED.values(), ids=REFUSED)
async def test_what_is_no_reading_is_refused(app: Litestar, client: httpx.AsyncClient, spoil: Spoil) -> None:
    answer = await scanned(app, client, spoil(shown()))

    assert answer.status_code in {400, 413, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("spoil", DISGUISED.values(), ids=DISGUISED)
async def test_what_only_looks_like_a_chips_file_identifies_nobody(
    app: Litestar, client: httpx.AsyncClient, spoil: Spoil
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = await scanned(app, client, spoil(shown()))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert answer.status_code < 500, answer.text
    assert answer.status_code >= 400 or answer.json()["outcome"] == "refused", answer.text
    assert grown < GROWS_MAX_KB


#: A bound of what a phone may send (app/http/mobile/identity.py), and what stands in its place in a copy.
UNBOUND: dict[str, tuple[str, str]] = {
    "any field": ("class ScanDocument(Wire, frozen=True):", "class ScanDocument(msgspec.Struct, frozen=True):"),
    "any number of a group": (r'pattern=r"^(?:[1-9]|1[0-6])$(?!\n)"', 'pattern=""'),
    "a number and a line break": (r'pattern=r"^(?:[1-9]|1[0-6])$(?!\n)"', 'pattern="^(?:[1-9]|1[0-6])$"'),
    "a number of any script": (r'pattern=r"^(?:[1-9]|1[0-6])$(?!\n)"', r'pattern=r"^\d\d?$(?!\n)"'),
    "any text for a file": ("Sod = Annotated[str, Meta(pattern=BASE64, ", "Sod = Annotated[str, Meta("),
    "a security object of any size": ("max_length=-(-lds.SOD_BYTES_MAX // 3) * 4", "max_length=10**7"),
    "a group of any size": ("max_length=-(-lds.GROUP_BYTES_MAX // 3) * 4", "max_length=10**7"),
    "no group": ("            min_length=1,\n            max_length=16,", "            max_length=16,"),
    "any number of lines": ("            max_length=3,", "            max_length=99,"),
    "lines of any length": ("min_length=1, max_length=44,", "min_length=1,"),
}
#: What tells a chip's files from others (kyc/chip/passive.py), and what stands in its place in a copy.
UNTOLD: dict[str, tuple[str, str]] = {
    "groups are not compared": ("Grade.DG_MISMATCH if changed else Grade.VALID", "Grade.VALID"),
    "what can't be read is passed over": ('Grade.MALFORMED, {"part": error.what}),),', "Grade.VALID),),"),
}


@pytest.mark.parametrize("defect", UNBOUND.values(), ids=UNBOUND)
async def test_a_server_that_takes_any_file_is_caught(defect: tuple[str, str]) -> None:
    lax = planted(identity, *defect)
    sound = shown()
    spoilt = [msgspec.json.encode(spoil(sound)) for spoil in REFUSED.values()]

    assert [body for body in spoilt if _reads(body, lax.ScanDocument)]
    assert [body for body in spoilt if _reads(body, identity.ScanDocument)] == []
    assert _reads(msgspec.json.encode(sound), lax.ScanDocument)


@pytest.mark.parametrize("defect", UNTOLD.values(), ids=UNTOLD)
async def test_a_server_that_believes_any_file_is_caught(defect: tuple[str, str]) -> None:
    lax, believed = planted(passive, *defect), trusting(authority())
    bodies = [
        msgspec.json.encode(spoil(shown())) for name, spoil in DISGUISED.items() if name != "a formula for a name"
    ]
    readings = [strict.decode(body, identity.ScanDocument).reading() for body in bodies]

    def valid(by: Any) -> list[Reading]:  # noqa: ANN401  chip or a copy
        return [each for each in readings if by.verify(each.sod, each.groups, believed, AT).grade == Grade.VALID]

    assert valid(lax)
    assert valid(passive) == []


def _reads(body: bytes, kind: Any) -> bool:  # noqa: ANN401  ScanDocument or a copy
    try:
        strict.decode(body, kind)
    except strict.Malformed:
        return False
    return True


async def test_a_document_that_is_in_order_would_not_be_taken_for_one_of_these(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    """What every case is made of is in order: it is the case that is refused, not the passport."""
    answer = await scanned(app, client, shown())

    verdicts = {check["check"]: check["verdict"] for check in answer.json()["checks"]}
    assert (answer.status_code, answer.json()["outcome"]) == (201, "review"), "no list of persons is in force"
    assert {verdicts[check] for check in ("chip.structure", "chip.digest", "chip.signature")} == {"pass"}


async def test_a_reading_comes_as_json_and_as_nothing_else(app: Litestar, client: httpx.AsyncClient) -> None:
    headers = keyed(await token(app, "resident"))
    file = {"file": ("../../a.php", b"<?php", "image/png")}

    answers = [
        await client.post(SCAN, files=file, data={"mrz": "a"}, headers=headers),
        await client.put(SCAN, content=b"a", headers=headers),
        await client.post(SCAN, content=json.dumps(shown()), headers={**headers, "content-type": "image/png"}),
        await client.post(f"{SCAN}/a.png", content=b"a", headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [415, 405, 415, 405]


async def test_no_operation_takes_files_of_its_own(app: Litestar) -> None:
    forms = {operation.form for operation in contract.operations(app) if operation.form}

    octets = {operation.name for operation in contract.operations(app) if operation.form == "application/octet-stream"}
    assert forms == {"application/json", "application/x-www-form-urlencoded", "application/octet-stream"}
    assert octets == {"sendFile"}
