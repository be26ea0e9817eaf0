"""The resident shows something of the ID: picks the fields, shows the code, reads who scanned it.

asks    POST /v1/me/shown-codes                  app/credentials/showings.py   show()
keeps   residency/credential/showing/code.py   open_()
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from msgspec import Meta

from app import clock, language
from app.auth.principal import Principal
from app.credentials import showings
from app.credentials.showings import Agreed, Said
from app.db import Story
from app.house import House
from app.http import ids, qr, showing_views
from app.http.paging import Cursor, Limit, Pager
from app.http.presentation_views import Asks
from app.http.qr import QrCode
from app.http.showing_views import ShownField
from app.http.wire import NotTogether, Wire
from app.idempotency import Once
from residency.credential.dataset import Kind
from residency.credential.presenting.judging import Conclusion
from residency.credential.presenting.question import Answer
from residency.credential.showing import code
from residency.credential.showing.code import Showing

#: Where a code leads: the page that anybody may open (app/http/public/showings.py).
PAGE_PATH = "/show/"
_TAGS = ["Showing"]
FieldName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$(?!\n)", examples=["family_name"])]
_AcceptLanguage = Annotated[str | None, HeaderParameter(name="Accept-Language")]


class ShowableFields(Wire, frozen=True):
    """Everything that can be shown, in the caller's language; what the document does not have is not there."""

    fields: list[ShownField]


@get(
    "/v1/me/showable-fields",
    operation_id="listShowableFields",
    opt={"scope": "credential:read"},
    tags=_TAGS,
    summary="What the ID can show",
)
async def showable(
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
    document: Annotated[Kind, QueryParameter(description="Which document.")] = Kind.E_RESIDENT,
    accept_language: _AcceptLanguage = None,
) -> ShowableFields:
    """List the fields to pick from, with what they say."""
    db = await story()
    found = await showings.fields(db, house.keys.kms, me.subject, document, at=story.now)
    return ShowableFields(fields=showing_views.shown(found, document, language.choose(accept_language)))


class ShowCode(Wire, frozen=True, kw_only=True):
    """What the resident agrees to show: some fields of a document, or the answer to one question."""

    document: Annotated[Kind, Meta(description="Of the fields; a question is about its own.")] = Kind.E_RESIDENT
    fields: (
        Annotated[list[FieldName], Meta(min_length=1, max_length=40, examples=[["family_name", "age_over_18"]])] | None
    ) = None
    question: Annotated[Asks, Meta(examples=["over_18"])] | None = None


class ShownCode(Wire, frozen=True, kw_only=True):
    """A code to be scanned once. `fields` are exactly what will be seen."""

    id: Annotated[str, Meta(examples=["showing_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    code: Annotated[str, Meta(examples=["MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U"])]
    qr: QrCode
    fields: list[ShownField]
    question: Annotated[str | None, Meta(examples=[None])] = None
    expires_at: Annotated[datetime, Meta(description="After this instant of the real clock the code is void.")]


@post(
    "/v1/me/shown-codes",
    operation_id="showCode",
    opt={"scope": "credential:write"},
    tags=_TAGS,
    summary="Show something of the ID",
)
async def show(
    data: JSONBody[ShowCode],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
    accept_language: _AcceptLanguage = None,
) -> ShownCode:
    """Agree to what whoever scans the code first may see, and get the code: for three minutes and one scan.

    A new code takes back the one before it, if nobody scanned that. Takes no Idempotency-Key: an answer kept for
    repeats would keep the code, of which we store only a hash.
    """
    if (data.fields is None) == (data.question is None):
        raise NotTogether("fields", "question")
    agreed = (
        Agreed.to_answer(data.question)
        if data.question is not None
        else Agreed(data.document, frozenset(data.fields or ()))
    )
    made = await showings.show(story, house.keys.kms, me.subject, agreed, actor=me.actor, now=clock.real())
    return ShownCode(
        id=ids.show("showing", made.id),
        code=made.code,
        qr=qr.drawn(f"{house.settings.issuer}{PAGE_PATH}{made.code}"),
        fields=showing_views.shown(made.fields, made.kind, language.choose(accept_language)),
        question=agreed.question,
        expires_at=made.expires_at,
    )


class CodeTakenBack(Wire, frozen=True):
    """The code is void."""

    id: Annotated[str, Meta(examples=["showing_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]


@post(
    "/v1/me/shown-codes/{showing_id:str}/withdraw",
    operation_id="withdrawShownCode",
    opt={"scope": "credential:write"},
    tags=_TAGS,
    summary="Take a code back",
    status_code=200,
)
async def withdraw(
    showing_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[CodeTakenBack]:
    """Make a code void that nobody has scanned."""

    async def do(story: Story) -> CodeTakenBack:
        db, found = await story(), ids.parse("showing", showing_id)
        await code.withdraw(db, me.subject, found, actor=me.actor, at=story.now, now=clock.real())
        return CodeTakenBack(id=showing_id)

    return await once(do)


class ShowingView(Wire, frozen=True, kw_only=True):
    """Who verified the resident: what they saw by name, what they were told, who they are or say they are."""

    id: Annotated[str, Meta(examples=["showing_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    document: Kind
    fields: Annotated[
        list[str], Meta(description="Seen; of a question, what it was about.", examples=[["age_over_18"]])
    ]
    question: Annotated[str | None, Meta(examples=["over_18"])] = None
    conclusion: Annotated[Conclusion, Meta(examples=["accepted"])]
    answer: Annotated[Answer | None, Meta(examples=["yes"])] = None
    verifier: Annotated[str, Meta(examples=["Hotel Almaty"])]
    verified: Annotated[
        bool, Meta(description="A registered client; otherwise anybody, who calls themselves so.", examples=[False])
    ]
    purpose: Annotated[str | None, Meta(examples=["check-in"])] = None
    at: datetime

    @classmethod
    def of(cls, seen: Showing, said: Said) -> "ShowingView":
        """Show a scan."""
        return cls(
            id=ids.show("showing", seen.id),
            document=seen.kind,
            fields=list(seen.fields),
            question=seen.question,
            conclusion=said.conclusion,
            answer=said.answer,
            verifier=said.name,
            verified=seen.verifier is not None,
            purpose=said.purpose,
            at=seen.at,
        )


class ShowingPage(Wire, frozen=True):
    """The latest first; `next_cursor` is absent on the last page."""

    showings: list[ShowingView]
    next_cursor: str | None = None


@get(
    "/v1/me/showings",
    operation_id="listShowings",
    opt={"scope": "credential:read"},
    tags=_TAGS,
    summary="Who verified me",
)
async def list_showings(
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> ShowingPage:
    """List who scanned a code of the caller in the last year, what they saw and who they said they were."""
    pager = Pager(house.keys.cursor, f"showings/{me.subject}")
    place = pager.place(cursor)
    before = UUID(place) if place else None
    found = await showings.of_holder(await story(), house.keys.kms, me.subject, before=before, limit=limit + 1)
    told = found[:limit]
    more = pager.cursor(str(told[-1][0].id)) if len(found) > limit else None
    return ShowingPage(showings=[ShowingView.of(*each) for each in told], next_cursor=more)


routes: list[HTTPRouteHandler] = [showable, show, withdraw, list_showings]
