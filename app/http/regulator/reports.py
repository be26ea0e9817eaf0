"""Reports for regulators, as of an instant: asked twice, answered twice with the same bytes.

route    GET /v1/regulator/reports/sandbox   <- you are here
makes    app/reports/sandbox.py              report()
reads    app.feed, as the role `report`, which can't write
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Reference, Schema
from litestar.params import QueryParameter
from msgspec import Meta

from app import db, edge, problems
from app.house import House
from app.http.wire import Wire
from app.reports import sandbox
from app.reports.sandbox import Report
from app.reports.sheet import Row
from law.regime import PROGRAMME

_JSON, _CSV = "application/json", "text/csv"
_Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", examples=["9f" * 32])]


class RegimeView(Wire, frozen=True):
    """Under what the operator worked on the day of the report."""

    phase: Annotated[str, Meta(examples=["sandbox"])]
    basis: Annotated[str, Meta(description="Agreement or licence.", examples=["NBK-SANDBOX-ASSUMED-1"])]
    notice_version: Annotated[str, Meta(description="Of the notice to consumers.", examples=["sandbox-2026-1"])]


class Manifest(Wire, frozen=True):
    """What the report was made from, and the hash by which two of them are compared."""

    report_type: Annotated[str, Meta(examples=["sandbox"])]
    as_of: datetime
    position: Annotated[int, Meta(ge=0, description="The last row of the feed that is counted.", examples=[4711])]
    feed_hash: Annotated[
        _Hash | None,
        Meta(description="The audit chain's hash at that position; null before any.", examples=["3c" * 32]),
    ]
    dictionary_version: Annotated[str, Meta(description="What the measures mean.", examples=[sandbox.DICTIONARY])]
    regime: RegimeView
    rows: Annotated[int, Meta(ge=0, examples=[17])]
    sha256: Annotated[_Hash, Meta(description="SHA-256 of the report as text/csv.")]


class RowView(Wire, frozen=True):
    """One figure."""

    measure: Annotated[str, Meta(examples=["card_payments.declined"])]
    key: Annotated[str, Meta(description="What divides the measure: a state, a reason.", examples=["daily_limit"])]
    currency: Annotated[str, Meta(description="ISO 4217, empty where no money is counted.", examples=["KZT"])]
    count: Annotated[int, Meta(ge=0, examples=[3])]
    amount_minor: Annotated[int | None, Meta(description="Sum in minor units.", examples=[150_000])]
    cap: Annotated[int | None, Meta(description="The most the regime allows, in the measure's unit.", examples=[500])]


class SandboxReport(Wire, frozen=True):
    """The report; as text/csv, only the rows."""

    manifest: Manifest
    rows: list[RowView]


@dataclass
class _AsOf(Operation):
    """The contract of a report: text/csv beside JSON, and the refusals that no other GET has."""

    def __post_init__(self) -> None:
        responses: Any = self.responses
        example = ",".join(Row.__struct_fields__) + "\ncards.alive,,,3,,500\n"
        responses["200"].content[_CSV] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING), example=example)
        responses["406"] = _refusal("Accept names neither application/json nor text/csv.")
        responses["409"] = _refusal("The instant is not settled yet, or lies before the programme.")


def _refusal(description: str) -> OpenAPIResponse:
    problem = OpenAPIMediaType(schema=Reference(ref="#/components/schemas/Problem"))
    return OpenAPIResponse(description=description, content={problems.MEDIA_TYPE: problem})


@get(
    "/v1/regulator/reports/sandbox",
    operation_id="getSandboxReport",
    opt={"scope": "regulator:reports", "answers": "signed"},
    tags=["Regulator"],
    summary="The sandbox report",
    operation_class=_AsOf,
    before_request=edge.may_take(150),  # the database gives a report 120 seconds
)
async def get_sandbox_report(
    request: Request[Any, Any, Any],
    house: NamedDependency[House],
    as_of: Annotated[
        datetime, QueryParameter(description="Past instant of the installation's clock, RFC 3339 with offset.")
    ],
) -> Response[SandboxReport]:
    """Count what had happened by `as_of`; the same instant gives the same rows and hash, whenever it is asked."""
    if as_of.tzinfo is None:
        raise ValidationException(extra=[{"key": "as_of", "message": "An instant has an offset"}])
    wanted = request.accept.best_match([_JSON, _CSV])
    if wanted is None:
        raise HTTPException(status_code=406)
    async with db.transaction(house.report) as story:
        report = await sandbox.report(await story(), as_of, PROGRAMME)
    digest = base64.b64encode(report.sheet.sha256).decode()
    if wanted == _CSV:
        headers = {"Vary": "Accept", "Content-Digest": f"sha-256=:{digest}:"}  # RFC 9530
        return Response(report.sheet.csv, media_type=f"{_CSV}; charset=utf-8; header=present", headers=headers)  # type: ignore[arg-type]  # the other form
    return Response(_view(report, as_of), headers={"Vary": "Accept"})


def _view(report: Report, as_of: datetime) -> SandboxReport:
    manifest = Manifest(
        report_type="sandbox",
        as_of=as_of.astimezone(UTC),
        position=report.place.position,
        feed_hash=report.place.hash.hex() or None,
        dictionary_version=sandbox.DICTIONARY,
        regime=RegimeView(
            phase=report.regime.phase, basis=report.regime.basis, notice_version=report.regime.notice.version
        ),
        rows=len(report.sheet.rows),
        sha256=report.sheet.sha256.hex(),
    )
    return SandboxReport(manifest=manifest, rows=[_row(row) for row in report.sheet.rows])


def _row(row: Row) -> RowView:
    return RowView(
        measure=row.measure,
        key=row.key,
        currency=row.currency,
        count=row.count,
        amount_minor=row.amount_minor,
        cap=row.cap,
    )


routes = [get_sandbox_report]
