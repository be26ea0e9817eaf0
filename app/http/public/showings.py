"""Where the code a resident shows leads: a page for whoever scans it with a camera, an operation for who has a program.

path   the QR code  ->  GET /show/{code}  ->  POST /show/{code}  ->  app/credentials/showings.py  scan()

The page that GET gives is the same for every code, so that nothing is told, and nothing used up, by what only looks at
an address. What is no code, or no longer one, is answered alike, whatever is the matter with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from msgspec import Meta

from app import clock, language
from app.credentials import showings
from app.credentials.showings import Verifier
from app.db import Story
from app.house import House
from app.http import showing_views
from app.http.oauth import form as form_
from app.http.oauth.form import FORM, Unacceptable
from app.http.public import showing_page
from app.http.showing_views import LINE_MAX, Code, Purpose, Session, ShowingVerdict
from app.http.wire import LINE, Wire
from app.language import Language
from residency.credential.showing.code import NoSuchCode

#: By address, in all processes together; whoever verifies more has a client of their own.
_OPT = {"scope": "public", "quota": "codes"}
_TAGS = ["Showing"]
_Locales = Annotated[str, QueryParameter(max_length=100, description="OpenID Connect Core 3.1.2.1.")]
_AcceptLanguage = Annotated[str | None, HeaderParameter(name="Accept-Language")]


class VerifyShownCode(Wire, frozen=True, kw_only=True):
    """The code, as its QR ends, and who scans it: the resident reads that, marked as not verified."""

    code: Code
    name: Annotated[str, Meta(min_length=1, max_length=LINE_MAX, pattern=LINE, examples=["Hotel Almaty"])]
    purpose: Purpose | None = None
    session: Session | None = None


@post(
    "/v1/public/shown-codes",
    operation_id="verifyShownCode",
    opt=_OPT,
    tags=_TAGS,
    summary="Scan the code a resident shows, without an account",
    status_code=200,
)
async def verify(
    data: JSONBody[VerifyShownCode],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    accept_language: _AcceptLanguage = None,
) -> ShowingVerdict:
    """Tell what the resident agreed to show. A code is scanned once; its session may look again until it ends."""
    by = Verifier(name=data.name, purpose=data.purpose)
    told = await showings.scan(story, house.keys.kms, data.code, by, session=data.session, now=clock.real())
    return showing_views.verdict(told, by, language.choose(accept_language))


@get(
    "/show/{code:str}",
    operation_id="showVerifierPage",
    opt={"scope": "public"},
    tags=_TAGS,
    summary="The page a shown code leads to",
    media_type=showing_page.MEDIA_TYPE,
)
async def page(
    code: FromPath[str], ui_locales: _Locales = "", accept_language: _AcceptLanguage = None
) -> Response[bytes]:
    """Ask whoever scanned a code who they are: the same page for every code."""
    del code  # nothing is told about it, and nothing is used up, before somebody says who they are
    tag = _tag(ui_locales, accept_language)
    return _written(showing_page.asking(tag), tag)


@dataclass
class _Form(Operation):
    """The contract: a form, and a page where there is no such code as well."""

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING)
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties=dict.fromkeys(("name", "purpose", "session", "ui_locales"), text),
            required=["name"],
            example={"name": "Hotel Almaty"},
        )
        self.request_body = RequestBody(content={FORM: OpenAPIMediaType(schema=schema)}, required=True)


@post(
    "/show/{code:str}",
    operation_id="scanOnPage",
    opt=_OPT,
    tags=_TAGS,
    summary="Scan a shown code on its page",
    status_code=200,
    media_type=showing_page.MEDIA_TYPE,
    operation_class=_Form,
    responses={
        404: ResponseSpec(
            bytes, description="There is no such code now.", media_type=showing_page.MEDIA_TYPE, generate_examples=False
        )
    },
)
async def scan_on_page(
    code: FromPath[str],
    request: Request[Any, Any, State],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    accept_language: _AcceptLanguage = None,
) -> Response[bytes]:
    """Show what the resident agreed to, or that there is no such code now."""
    try:
        sent = await form_.read(request)
    except Unacceptable:
        sent = {}
    tag, now = _tag(sent.get("ui_locales", ""), accept_language), clock.real()
    by = _verifier(sent)
    if by is None:
        return _written(showing_page.asking(tag, again=True), tag, status=400)
    try:
        told = await showings.scan(story, house.keys.kms, code, by, session=sent.get("session") or None, now=now)
    except NoSuchCode:
        return _written(showing_page.over(tag), tag, status=404)
    shown = showing_page.told(
        showing_views.verdict(told, by, tag),
        tag,
        url=f"{house.settings.issuer}/show/",
        session=told.scanned.session or sent["session"],
        purpose=by.purpose or "",
        at=now,
    )
    return _written(shown, tag)


def _verifier(sent: Mapping[str, str]) -> Verifier | None:
    """Read who it is; None where nobody said a name, or more than a line."""
    name, purpose = (" ".join(sent.get(field, "").split()) for field in ("name", "purpose"))
    if not (name and name.isprintable() and purpose.isprintable() and max(len(name), len(purpose)) <= LINE_MAX):
        return None
    return Verifier(name=name, purpose=purpose or None)


def _tag(ui_locales: str, accept_language: str | None) -> Language:
    return language.choose(",".join(ui_locales.split()) or accept_language)


def _written(content: bytes, tag: Language, *, status: int = 200) -> Response[bytes]:
    headers = showing_page.HEADERS | {"Content-Language": tag}
    return Response(content, status_code=status, media_type=showing_page.MEDIA_TYPE, headers=headers)


routes: list[HTTPRouteHandler] = [verify, page, scan_on_page]
