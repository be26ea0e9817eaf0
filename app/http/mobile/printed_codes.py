"""The resident prints something of the ID: a signed code that is read without us, for who has no phone at hand.

asks     POST /v1/me/printed-codes                    app/credentials/printing.py   print_()
writes   residency/credential/showing/printed.py   write()
"""

from datetime import datetime
from typing import Annotated

from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter, JSONBody, QueryParameter
from msgspec import Meta

from app import clock, language
from app.auth import stepup
from app.auth.principal import Principal
from app.credentials import after_loss, printing
from app.db import Story
from app.house import House
from app.http import qr, showing_views
from app.http.mobile.showings import FieldName, ShowableFields
from app.http.qr import QrCode
from app.http.showing_views import ShownField
from app.http.wire import Wire
from residency.credential.dataset import Kind

_TAGS = ["Showing"]
_AcceptLanguage = Annotated[str | None, HeaderParameter(name="Accept-Language")]


@get(
    "/v1/me/printable-fields",
    operation_id="listPrintableFields",
    opt={"scope": "credential:read"},
    tags=_TAGS,
    summary="What a printed code can say",
)
async def printable(
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
    document: Annotated[Kind, QueryParameter(description="Which document.")] = Kind.E_RESIDENT,
    accept_language: _AcceptLanguage = None,
) -> ShowableFields:
    """List the fields to pick from: those that MOSIP Claim 169 has an attribute for."""
    db = await story()
    found = await printing.fields(db, house.keys.kms, me.subject, document, at=story.now)
    return ShowableFields(fields=showing_views.shown(found, document, language.choose(accept_language)))


class PrintCode(Wire, frozen=True, kw_only=True):
    """What the paper is to say: whoever sees it reads that, as often as they like."""

    document: Kind = Kind.E_RESIDENT
    fields: Annotated[
        list[FieldName], Meta(min_length=1, max_length=40, examples=[["given_name", "family_name", "document_number"]])
    ]
    step_up: Annotated[
        stepup.Confirmation | None,
        Meta(
            description="Of `credential.print`, which shows the `document` and the `fields`, sorted and joined by a"
            " comma and a space: asked for after a device was lost."
        ),
    ] = None


class PrintedCode(Wire, frozen=True, kw_only=True):
    """A code for paper (MOSIP Claim 169): anybody who has our root reads and believes it."""

    qr: QrCode
    fields: list[ShownField]
    expires_at: Annotated[datetime, Meta(description="A midnight (UTC) on the real clock.")]


@post(
    "/v1/me/printed-codes",
    operation_id="printCode",
    opt={"scope": "credential:write"},
    tags=_TAGS,
    summary="Print something of the ID",
)
async def print_(
    data: JSONBody[PrintCode],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
    accept_language: _AcceptLanguage = None,
) -> PrintedCode:
    """Sign a code for paper: a copy of the ID like a wallet's, until it ends or the ID is stopped.

    After a loss the passkey confirms it, as it does an offer.

    Takes no Idempotency-Key: an answer kept for repeats would keep what was signed, which nobody does here.
    """
    await after_loss.confirm(
        await story(),
        house.settings,
        me,
        data.document,
        operation="credential.print",
        shown={"document": data.document.value, "fields": ", ".join(sorted({*data.fields}))},
        confirmation=data.step_up,
    )
    made = await printing.print_(
        story, house, me.subject, data.document, frozenset(data.fields), actor=me.actor, now=clock.real()
    )
    return PrintedCode(
        qr=qr.drawn(made.text),
        fields=showing_views.shown(made.fields, data.document, language.choose(accept_language)),
        expires_at=made.expires_at,
    )


routes: list[HTTPRouteHandler] = [printable, print_]
