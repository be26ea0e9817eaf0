"""Statements of the caller's wallet: issued once, written as often and in as many forms as wanted.

path   POST /v1/statements                  ->  app/statements/issue.py
       GET  /v1/statements/{id}/document    ->  app/statements/document.py
       POST /v1/statements/{id}/documents   ->  app/statements/document.py   made by the worker
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Reference, Schema
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Stream
from msgspec import Meta

from app import language, problems, vault
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import MoneyWire, Wire
from app.idempotency import Once
from app.language import Language
from app.statements import document, issue, paper
from app.statements.document import Document, Format
from wallet import statement
from wallet.statement import Period, Statement

_ID = Annotated[str, Meta(examples=["statement_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
_TAGS = ["Statements"]
_HASH = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", examples=["9f" * 32])]
_OBJECT = Schema(type=OpenAPIType.OBJECT)
_Format = Annotated[Format, QueryParameter(name="format", description="`camt053` is ISO 20022 camt.053.001.08.")]
_Language = Annotated[Language | None, QueryParameter(name="language", description="In place of Accept-Language.")]


class AskStatement(Wire, frozen=True):
    """Which days, in Kazakhstan, both included; a year at most. Today is told as far as it has come."""

    begins_on: Annotated[date, Meta(examples=["2026-11-01"])]
    ends_on: Annotated[date, Meta(examples=["2026-11-30"])]


class StatementView(Wire, frozen=True, kw_only=True):
    """A statement: `opening` + `credits` - `debits` = `closing`. It is final once its last day is over.

    `sha256` is the root of a Merkle tree (RFC 6962) over its head and rows. While a long one is being read (`state` is
    `making`), it, the sums and `verify_url` are null.
    """

    id: _ID
    state: Annotated[Literal["making", "ready"], Meta(examples=["ready"])]
    begins_on: date
    ends_on: date
    final: Annotated[bool, Meta(examples=[True])]
    opening: MoneyWire
    closing: MoneyWire
    credits: MoneyWire | None
    debits: MoneyWire | None
    entries: Annotated[int, Meta(ge=0, examples=[42])] | None
    sha256: _HASH | None
    verify_url: Annotated[
        str | None,
        Meta(
            description="Where anybody who has the paper checks it; also as a QR code on it.",
            examples=["https://api.example.kz/v1/public/statements/0123456789abcdef0123456789abcdef"],
        ),
    ]
    made_at: datetime

    @classmethod
    def of(cls, made: Statement, issuer: str) -> "StatementView":
        """Show a statement."""
        summed = made.summed
        return cls(
            id=ids.show("statement", made.id),
            state="ready" if summed else "making",
            begins_on=made.period.begins_on,
            ends_on=made.period.ends_on,
            final=made.final,
            opening=MoneyWire.of(made.opening),
            closing=MoneyWire.of(made.closing),
            credits=MoneyWire.of(summed.credits) if summed else None,
            debits=MoneyWire.of(summed.debits) if summed else None,
            entries=summed.entries if summed else None,
            sha256=summed.root.hex() if summed else None,
            verify_url=paper.verify_url(issuer, made.code) if summed else None,
            made_at=made.made_at,
        )


class StatementPage(Wire, frozen=True):
    """Statements, the newest first; `next_cursor` is absent on the last page."""

    statements: list[StatementView]
    next_cursor: str | None = None


class AskDocument(Wire, frozen=True):
    """What it is to be written as, and in which language."""

    format: Annotated[Format, Meta(examples=["csv"])]
    language: Annotated[Language, Meta(examples=["kk"])]


class DocumentView(Wire, frozen=True, kw_only=True):
    """A document of a statement: once it is `ready`, fetch it at `href` until `expires_at`."""

    state: Annotated[Literal["making", "ready"], Meta(examples=["making"])]
    format: Annotated[Format, Meta(examples=["csv"])]
    language: Annotated[Language, Meta(examples=["kk"])]
    href: Annotated[
        str, Meta(examples=["/v1/statements/statement_06AVZR0TKB7Z8M2Q3R4S5T6V7W/document?format=csv&language=kk"])
    ]
    asked_at: datetime
    expires_at: datetime | None
    size: Annotated[int, Meta(ge=1, description="Bytes.", examples=[12_345_678])] | None
    sha256: Annotated[_HASH | None, Meta(description="Of the bytes.")]

    @classmethod
    def of(cls, found: Document) -> "DocumentView":
        """Show a document."""
        shown = ids.show("statement", found.statement)
        return cls(
            state="ready" if found.ready_at else "making",
            format=found.format,
            language=found.language,
            href=f"/v1/statements/{shown}/document?format={found.format}&language={found.language}",
            asked_at=found.asked_at,
            expires_at=found.expires_at,
            size=found.size,
            sha256=found.sha256.hex() if found.sha256 else None,
        )


@dataclass
class _AsDocument(Operation):
    """The contract of a document: one of four media types, and the refusal of one that has to be made first."""

    def __post_init__(self) -> None:
        responses: Any = self.responses
        text = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING), example="…")
        kinds = [writer.media_type.partition(";")[0] for writer in document.WRITERS.values()]
        parts: Any = {
            "statement": Schema(type=OpenAPIType.OBJECT),
            "rows": Schema(type=OpenAPIType.ARRAY, items=_OBJECT),
        }
        read = OpenAPIMediaType(
            schema=Schema(type=OpenAPIType.OBJECT, properties=parts, required=list(parts)),
            example={"statement": {}, "rows": []},
        )
        content = dict.fromkeys(kinds, text) | {"application/json": read}
        responses["200"] = OpenAPIResponse(description="The document.", content=content)
        problem = OpenAPIMediaType(schema=Reference(ref="#/components/schemas/Problem"))
        told = "It is long: ask for it at …/documents and fetch it when it is made."
        responses["409"] = OpenAPIResponse(description=told, content={problems.MEDIA_TYPE: problem})


@post(
    "/v1/statements",
    operation_id="issueStatement",
    opt={"scope": "wallet:write", "quota": "bulk"},
    tags=_TAGS,
    summary="Issue a statement",
)
async def issue_statement(
    data: JSONBody[AskStatement],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[StatementView]:
    """Issue a statement of the wallet for some days, by the day each row was booked. It never changes afterwards."""

    async def act(story: Story) -> StatementView:
        made = await issue.issue(story, house, me.subject, Period(data.begins_on, data.ends_on), actor=me.actor)
        return StatementView.of(made, house.settings.issuer)

    return await once(act, headers=lambda view: {"Location": f"/v1/statements/{view.id}"})


@get(
    "/v1/statements",
    operation_id="listStatements",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="Statements issued",
)
async def list_statements(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> StatementPage:
    """List the caller's statements, the newest first."""
    pager = Pager(house.keys.cursor, f"statements/{me.subject}")
    place = pager.place(cursor)
    before = UUID(place) if place else None
    found = await statement.of_holder(await story(), me.subject, before=before, limit=limit + 1)
    shown = found[:limit]
    return StatementPage(
        statements=[StatementView.of(made, house.settings.issuer) for made in shown],
        next_cursor=pager.cursor(str(shown[-1].id)) if len(found) > limit else None,
    )


@get(
    "/v1/statements/{statement_id:str}",
    operation_id="getStatement",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="A statement",
)
async def get_statement(
    statement_id: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House]
) -> StatementView:
    """Show a statement's head."""
    made = await statement.find(await story(), ids.parse("statement", statement_id))
    return StatementView.of(made, house.settings.issuer)


@get(
    "/v1/statements/{statement_id:str}/document",
    operation_id="getStatementDocument",
    opt={"scope": "wallet:read", "quota": "bulk"},
    tags=_TAGS,
    summary="A statement as a document",
    operation_class=_AsDocument,
)
async def get_document(
    request: Request[Any, Any, Any],
    statement_id: FromPath[str],
    *,
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    wanted: _Format = Format.PDF,
    spoken: _Language = None,
) -> Response[bytes]:
    """Write a statement as JSON, CSV, PDF or camt.053: the same bytes each time. A long one is made by the worker."""
    db = await story()
    made = await statement.find(db, ids.parse("statement", statement_id))
    tag = spoken or language.choose(request.headers.get("accept-language"))
    keys = await vault.existing(db, house.keys.kms, me.subject)
    head = paper.head(made, issue.letterhead(keys, made), tag)
    writer = document.WRITERS[wanted]
    told = {
        "Content-Disposition": f'attachment; filename="{statement_id}-{tag}.{writer.suffix}"',
        "Content-Language": tag,
        "Vary": "Accept-Language",
    }
    if document.is_short(made, wanted):
        content = await document.written(db, house.keys.kms, made, head, wanted)
        return Response(content, media_type=writer.media_type, headers=told)
    found = await document.ready(db, made, wanted, tag, at=story.now)
    pieces = document.parts(house, me.subject, found.id)
    told["Content-Length"] = str(found.size)
    return Stream(pieces, media_type=writer.media_type, headers=told)  # type: ignore[return-value]  # as bytes, in pieces


@post(
    "/v1/statements/{statement_id:str}/documents",
    operation_id="requestStatementDocument",
    opt={"scope": "wallet:write", "quota": "bulk"},
    tags=_TAGS,
    summary="Have a long statement written",
    status_code=202,
)
async def request_document(
    statement_id: FromPath[str],
    data: JSONBody[AskDocument],
    once: NamedDependency[Once],
) -> Response[DocumentView]:
    """Have the worker write a statement; whoever asks again for the same is told where it is."""
    wanted = ids.parse("statement", statement_id)

    async def act(story: Story) -> DocumentView:
        db = await story()
        made = await statement.find(db, wanted)
        return DocumentView.of(await document.request(db, made, data.format, data.language, at=story.now))

    return await once(act, headers=lambda view: {"Location": view.href})


routes = [issue_statement, list_statements, get_statement, get_document, request_document]
