"""Files the person sends: as they are, told by their bytes, looked at by a scanner, kept under the person's key.

path   POST /v1/identity/files  ->  kyc/papers/media.py take()  ->  app/papers/scanning.py  ->  kyc/papers/file.py add()
"""

import asyncio
import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from app import ids as mint
from app import vault
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids, octets
from app.http.octets import OctetsOperation
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import Wire
from app.idempotency import Once
from app.papers import scanning
from kyc.papers import file, media
from kyc.papers.file import File, Scan
from kyc.papers.media import Media

_TAGS = ["Papers"]
FileId = Annotated[str, Meta(examples=["file_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Hex = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{64}$(?!\n)",
        examples=["3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea"],
    ),
]
Side = Annotated[int | None, Meta(examples=[1200])]


class FileView(Wire, frozen=True, kw_only=True):
    """A file: what it is by its own bytes, what it was freed of, and whether a scanner has looked.

    `sha256` is of what is kept: a picture is kept without its notes, so it may differ from what was sent. Only a
    `clean` file is of use; a `waiting` one is looked at soon.
    """

    id: FileId
    media: Annotated[Media, Meta(examples=["image/jpeg"])]
    size: Annotated[int, Meta(ge=1, examples=[24_000])]
    sha256: Hex
    width: Side = None
    height: Side = None
    pages: Annotated[int | None, Meta(examples=[None])] = None
    removed: Annotated[list[str], Meta(examples=[["location"]])]
    scan: Annotated[Scan, Meta(examples=["clean"])]
    at: datetime

    @classmethod
    def of(cls, found: File) -> "FileView":
        """Show a file, without what is in it."""
        return cls(
            id=ids.show("file", found.id),
            media=found.media,
            size=found.size,
            sha256=found.sha256.hex(),
            width=found.width,
            height=found.height,
            pages=found.pages,
            removed=list(found.removed),
            scan=found.scan,
            at=found.at,
        )


class FilePage(Wire, frozen=True):
    """A page of the caller's files, newest first."""

    files: list[FileView]
    next_cursor: str | None = None


class FileContent(Wire, frozen=True):
    """A file as it is kept, in base64."""

    file: FileView
    content: Annotated[str, Meta(examples=["/9j/4AAQSkZJRgABAQAAAQABAAD/2Q=="])]

    @classmethod
    def of(cls, found: File, content: bytes) -> "FileContent":
        """Show a file with what is in it."""
        return cls(file=FileView.of(found), content=base64.b64encode(content).decode())


@dataclass
class _Upload(OctetsOperation):
    """A JPEG, a PNG or a PDF."""

    bytes_max = media.BYTES_MAX
    file_example = "%PDF-1.4"


@post(
    "/v1/identity/files",
    operation_id="sendFile",
    operation_class=_Upload,
    opt={"scope": "kyc:write", "quota": "bulk"},
    tags=_TAGS,
    summary="Send a file",
    request_max_body_size=media.BYTES_MAX,
)
async def send_file(
    request: Request[Any, Any, Any],
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
    house: NamedDependency[House],
) -> Response[FileView]:
    """Take a JPEG, a PNG or a PDF as it is; the same file sent again is the same file."""
    body = await octets.read(request)
    taken = await asyncio.to_thread(media.take, body)  # a third of a second for the worst of files
    looked = await scanning.at_once(house, body)

    async def act(story: Story) -> FileView:
        db, made = await story(), mint.new()
        keys = await vault.of(db, house.keys.kms, me.subject, story.now)
        sent = file.Sent(
            id=made,
            resident=me.subject,
            taken=taken,
            sent_sha256=file.digest(body),
            sealed=keys.seal(taken.content, table=scanning.TABLE, column=scanning.COLUMN, row=made),
            looked=looked,
            at=story.now,
        )
        return FileView.of(await file.add(db, sent, actor=me.actor))

    return await once(act, headers=lambda view: {"Location": f"/v1/identity/files/{view.id}"})


@get("/v1/identity/files", operation_id="listFiles", opt={"scope": "kyc:read"}, tags=_TAGS, summary="My files")
async def list_files(
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> FilePage:
    """List the caller's files, newest first."""
    db = await story()
    pager = Pager(house.keys.cursor, f"files/{me.subject}")
    place = pager.place(cursor)
    found = await file.of_resident(db, me.subject, before=UUID(place) if place else None, limit=limit + 1)
    more = pager.cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return FilePage(files=[FileView.of(each) for each in found[:limit]], next_cursor=more)


@get(
    "/v1/identity/files/{file_id:str}", operation_id="getFile", opt={"scope": "kyc:read"}, tags=_TAGS, summary="A file"
)
async def get_file(file_id: FromPath[str], story: NamedDependency[Story]) -> FileView:
    """Show what a file is, and whether a scanner has looked."""
    return FileView.of(await file.find(await story(), ids.parse("file", file_id)))


@get(
    "/v1/identity/files/{file_id:str}/content",
    operation_id="getFileContent",
    opt={"scope": "kyc:read"},
    tags=_TAGS,
    summary="What is in a file",
)
async def get_content(
    file_id: FromPath[str],
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> FileContent:
    """Give a file back as it is kept."""
    db = await story()
    found, sealed = await file.content(db, ids.parse("file", file_id))
    keys = await vault.existing(db, house.keys.kms, me.subject)
    return FileContent.of(found, keys.open(sealed, table=scanning.TABLE, column=scanning.COLUMN, row=found.id))


routes = [send_file, list_files, get_file, get_content]
