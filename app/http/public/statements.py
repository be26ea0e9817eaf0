"""Whether a statement was issued, for whoever has it before them: a landlord, a consulate, a bank.

path   the QR code of a statement  ->  GET /v1/public/statements/{code}  ->  wallet/statement.py  issued()

The code is 128 random bits that stand on the paper alone. What is told is what the paper says, and nothing of whose it
is: whoever changed a figure on it is found out, whoever guesses learns nothing.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, Schema
from litestar.params import FromPath
from msgspec import Meta

from app import language
from app.db import Story
from app.http.wire import MoneyWire, Wire
from app.statements import checked
from wallet import statement
from wallet.statement import Issued, UnknownStatement

_JSON, _HTML = "application/json", "text/html"


class IssuedStatement(Wire, frozen=True, kw_only=True):
    """The statement as it was issued: compare each figure with the paper. `sha256` stands on it as well."""

    status: Annotated[Literal["issued"], Meta(examples=["issued"])]
    begins_on: date
    ends_on: date
    final: Annotated[bool, Meta(description="False: its last day was not over when it was made.", examples=[True])]
    opening: MoneyWire
    credits: MoneyWire
    debits: MoneyWire
    closing: MoneyWire
    entries: Annotated[int, Meta(ge=0, examples=[42])]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", examples=["9f" * 32])]
    made_at: datetime

    @classmethod
    def of(cls, found: Issued) -> "IssuedStatement":
        """Show what was issued."""
        return cls(
            status="issued",
            begins_on=found.period.begins_on,
            ends_on=found.period.ends_on,
            final=found.final,
            opening=MoneyWire.of(found.opening),
            credits=MoneyWire.of(found.summed.credits),
            debits=MoneyWire.of(found.summed.debits),
            closing=MoneyWire.of(found.closing),
            entries=found.summed.entries,
            sha256=found.summed.root.hex(),
            made_at=found.made_at,
        )


@dataclass
class _AlsoPage(Operation):
    """The contract: to a browser the same is told as a page."""

    def __post_init__(self) -> None:
        responses: Any = self.responses
        page = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING), example="<!doctype html>")
        responses["200"].content[_HTML] = page


@get(
    "/v1/public/statements/{code:str}",
    operation_id="verifyStatement",
    opt={"scope": "public"},
    tags=["Statements"],
    summary="Check a statement",
    operation_class=_AlsoPage,
)
async def verify_statement(
    request: Request[Any, Any, Any], code: FromPath[str], story: NamedDependency[Story]
) -> Response[IssuedStatement]:
    """Tell whether a statement with this code was issued, and what it said: as JSON, or as a page to a browser."""
    if request.accept.best_match([_JSON, _HTML]) == _HTML:
        return await _page(request, code, story)
    found = await statement.issued(await story(), statement.read_code(code))
    return Response(IssuedStatement.of(found), headers={"Vary": "Accept"})


async def _page(request: Request[Any, Any, Any], code: str, story: Story) -> Response[Any]:
    tag = language.choose(request.headers.get("accept-language"))
    try:
        found = await statement.issued(await story(), statement.read_code(code))
    except UnknownStatement:
        found = None
    headers = {
        "Content-Language": tag,
        "Content-Security-Policy": checked.CSP,
        "Vary": "Accept, Accept-Language",
    }
    status = 404 if found is None else 200
    return Response(checked.page(found, tag), status_code=status, media_type=checked.MEDIA_TYPE, headers=headers)


routes = [verify_statement]
