"""Whether a printed code is ours, what it says, and whether it still stands, for whoever has the paper before them.

path   POST /v1/public/printed-codes  ->  app/credentials/printing.py  judged()
"""

from datetime import datetime
from typing import Annotated, Any

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from app import clock
from app.credentials import printing
from app.db import Story
from app.house import House
from app.http.presentation_views import CheckedView
from app.http.wire import Wire
from residency.credential.presenting.judging import Conclusion
from residency.credential.showing.printed import TEXT_MAX


class VerifyPrintedCode(Wire, frozen=True):
    """What a camera read."""

    text: Annotated[str, Meta(min_length=1, max_length=TEXT_MAX, examples=["6BF390D20FFWJWG.FKX*4F7B0XKA8FA9DIWENPEJ"])]


class PrintedVerdict(Wire, frozen=True, kw_only=True):
    """What the paper proves: that we signed it for somebody, not that whoever holds it is that one."""

    conclusion: Annotated[Conclusion, Meta(examples=["accepted"])]
    checks: list[CheckedView]
    says: Annotated[
        dict[str, Any],
        Meta(description="Only where every check before the status passed.", examples=[{"family_name": "MUSTERMANN"}]),
    ]
    expires_at: datetime | None = None


@post(
    "/v1/public/printed-codes",
    operation_id="verifyPrintedCode",
    opt={"scope": "public"},
    tags=["Showing"],
    summary="Check a printed code",
    status_code=200,
)
async def verify(
    data: JSONBody[VerifyPrintedCode], story: NamedDependency[Story], house: NamedDependency[House]
) -> PrintedVerdict:
    """Judge a printed code, every check by name. Without us: `eresidency qr`."""
    found = await printing.judged(await story(), house, data.text, now=clock.real())
    return PrintedVerdict(
        conclusion=found.conclusion,
        checks=[*map(CheckedView.of, found.checks)],
        says=found.paper.says if found.paper is not None else {},
        expires_at=found.paper.ends if found.paper is not None else None,
    )


routes = [verify]
