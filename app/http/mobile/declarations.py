"""The resident says where their money comes from, reads what was said to it, and what is to be confirmed by when.

path   POST /v1/identity/declarations   ->  kyc/risk/declaration.py   declare()
       GET  /v1/identity/review         ->  kyc/risk/profile.py       open_review()

Every version stays. Nothing here tells how anybody is judged: the words are the same for all (tipping-off). The answer
to a POST holds nothing of what the caller said, because it is kept for repeats of the request; GET does.
"""

import tomllib
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids as mint
from app import language, vault
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.paging import Limit
from app.http.wire import Wire
from app.idempotency import Once
from app.language import Language
from app.risk import amounts, reviewing
from app.risk.words import Words
from app.vault import Vault
from kyc import holder
from kyc.risk import declaration, profile
from kyc.risk.declaration import Ask, Codes, Declaration, Looked, Said, UnknownDeclaration
from kyc.risk.facts import Declared, Industry, Occupation, Origin, Product

#: What is said of asks and reviews, in three languages.
TEXTS = Path(__file__).with_suffix(".toml")
_TAGS = ["Identity"]

DeclarationId = Annotated[str, Meta(examples=["declaration_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
PaperId = Annotated[str, Meta(max_length=40, examples=["paper_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Country = Annotated[
    str, Meta(pattern=r"^[A-Z]{1,3}$(?!\n)", examples=["UTO"], description="As travel documents write it: ICAO 9303-3.")
]
Band = Annotated[int, Meta(ge=1, le=5, examples=[2], description="Up to the bound of this number in `bounds`; 5 more.")]
_PROSE = r"^[^\x00-\x08\x0b-\x1f\x7f]*$(?!\n)"
Prose = Annotated[str, Meta(max_length=2000, pattern=_PROSE, examples=["Salary of a software company, ten years."])]
Employer = Annotated[str, Meta(max_length=200, pattern=_PROSE, examples=["Utopian Software Ltd"])]
Origins = Annotated[list[Origin], Meta(min_length=1, max_length=12, examples=[["salary", "savings"]])]
Products = Annotated[list[Product], Meta(min_length=1, max_length=3, examples=[["wallet", "card"]])]


class DeclareFunds(Wire, frozen=True, kw_only=True):
    """Where the money comes from that is brought here (`funds`), and how its owner came to all they have (`wealth`).

    `expected_turnover` is what moves in a month. Papers are handed in before and named here.
    """

    occupation: Annotated[Occupation, Meta(examples=["employed"])]
    industry: Annotated[Industry, Meta(examples=["it"])]
    employer: Employer = ""
    residence: Country
    products: Products
    funds: Origins
    funds_amount: Band
    funds_explained: Prose = ""
    wealth: Origins
    wealth_amount: Band
    wealth_explained: Prose = ""
    expected_turnover: Band
    papers: Annotated[tuple[PaperId, ...], Meta(max_length=20, examples=[[]])] = ()

    def codes(self) -> Codes:
        """Give what rules read, each code once."""
        return Codes(
            occupation=self.occupation,
            industry=self.industry,
            residence=self.residence,
            products=tuple(sorted(set(self.products))),
            funds=tuple(sorted(set(self.funds))),
            funds_amount=self.funds_amount,
            wealth=tuple(sorted(set(self.wealth))),
            wealth_amount=self.wealth_amount,
            expected_turnover=self.expected_turnover,
        )


class AskView(Wire, frozen=True):
    """What is still to be explained: for programs, and in the caller's language."""

    code: Annotated[Ask, Meta(examples=["funds_papers"])]
    text: Annotated[str, Meta(examples=["Hand in papers that show where the money you bring comes from."])]


class DeclarationView(Wire, frozen=True, kw_only=True):
    """A version of what was declared; `asks` say what to explain where `state` is `more`, by declaring again.

    What was said, in codes and in words, is absent in the answer to the request that said it.
    """

    id: DeclarationId
    version: Annotated[int, Meta(examples=[1])]
    state: Annotated[Declared, Meta(examples=["declared"])]
    asks: list[AskView]
    papers: list[PaperId]
    declared_at: datetime
    occupation: Annotated[Occupation, Meta(examples=["employed"])] | None = None
    industry: Annotated[Industry, Meta(examples=["it"])] | None = None
    residence: Country | None = None
    products: Products | None = None
    funds: Origins | None = None
    funds_amount: Annotated[int, Meta(examples=[2])] | None = None
    wealth: Origins | None = None
    wealth_amount: Annotated[int, Meta(examples=[3])] | None = None
    expected_turnover: Annotated[int, Meta(examples=[2])] | None = None
    employer: str | None = None
    funds_explained: str | None = None
    wealth_explained: str | None = None


class Bounds(Wire, frozen=True, kw_only=True):
    """Up to how much in minor units of tenge a band goes, the first at the head; the fifth has no bound."""

    turnover_most_minor: Annotated[list[int], Meta(examples=[[50_000_000]])]
    owned_most_minor: Annotated[list[int], Meta(examples=[[500_000_000]])]


class DeclarationList(Wire, frozen=True):
    """The versions declared, the latest first, and the bounds of the bands to declare in."""

    declarations: list[DeclarationView]
    bounds: Bounds


class TodoView(Wire, frozen=True):
    """One thing to do."""

    code: Annotated[Literal["document", "declaration"], Meta(examples=["document"])]
    text: Annotated[str, Meta(examples=["Show a document that is in force and read its chip."])]


class ReviewView(Wire, frozen=True, kw_only=True):
    """Whether details are to be confirmed, by which day, and what of it is still to be done."""

    state: Annotated[Literal["none", "asked", "overdue"], Meta(examples=["none"])]
    text: Annotated[str, Meta(examples=["Nothing is to be done."])]
    until: Annotated[date | None, Meta(examples=[None])] = None
    todo: tuple[TodoView, ...] = ()


@post(
    "/v1/identity/declarations",
    operation_id="declareFunds",
    opt={"scope": "kyc:write"},
    tags=_TAGS,
    summary="Say where the money comes from",
)
async def declare_funds(
    request: Request[Any, Any, Any],
    data: JSONBody[DeclareFunds],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[DeclarationView]:
    """Declare source of funds and of wealth; what is declared again takes the place of what was, which stays."""
    tag = _language(request)

    async def act(story: Story) -> DeclarationView:
        db, new = await story(), mint.new()
        keys = await vault.of(db, house.keys.kms, me.subject, story.now)
        words = Words(employer=data.employer, funds=data.funds_explained, wealth=data.wealth_explained)
        said = Said(
            id=new,
            resident=me.subject,
            codes=data.codes(),
            papers=tuple(sorted({ids.parse("paper", each) for each in data.papers})),
            words=words.sealed(keys, new),
            at=story.now,
        )
        return _view(await declaration.declare(db, said, keys, actor=me.actor), tag)

    return await once(act, headers=lambda view: {"Location": f"/v1/identity/declarations/{view.id}"})


@get(
    "/v1/identity/declarations",
    operation_id="listDeclarations",
    opt={"scope": "kyc:read"},
    tags=_TAGS,
    summary="What I declared",
)
async def list_declarations(
    request: Request[Any, Any, Any],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    limit: Limit = 20,
) -> DeclarationList:
    """List what the caller declared, the latest first."""
    db, tag = await story(), _language(request)
    keys = await _keys(db, house, me)
    found = await declaration.of(db, me.subject, holder.known(me.subject, keys), limit=limit) if keys else []
    bounds = Bounds(
        turnover_most_minor=[each.minor for each in amounts.TURNOVER_MOST],
        owned_most_minor=[each.minor for each in amounts.OWNED_MOST],
    )
    shown = [_told(_view(each, tag), each, keys) for each in found if keys]
    return DeclarationList(declarations=shown, bounds=bounds)


@get(
    "/v1/identity/declarations/{declaration_id:str}",
    operation_id="getDeclaration",
    opt={"scope": "kyc:read"},
    tags=_TAGS,
    summary="One declaration",
)
async def get_declaration(
    request: Request[Any, Any, Any],
    declaration_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> DeclarationView:
    """Show a version of what the caller declared, and what was said to it."""
    db, wanted = await story(), ids.parse("declaration", declaration_id)
    if (keys := await _keys(db, house, me)) is None:
        raise UnknownDeclaration
    found = await declaration.find(db, wanted, holder.known(me.subject, keys))
    return _told(_view(found, _language(request)), found, keys)


@get(
    "/v1/identity/review",
    operation_id="getIdentityReview",
    opt={"scope": "kyc:read"},
    tags=_TAGS,
    summary="What I am to confirm, and by when",
)
async def get_identity_review(
    request: Request[Any, Any, Any], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> ReviewView:
    """Show whether the caller's details are to be confirmed again, and what is still to be done."""
    db, said = await story(), _texts()
    tag = _language(request)
    asked = await profile.open_review(db, me.subject)
    if asked is None:
        return ReviewView(state="none", text=said["review"]["none"][tag])
    state: Literal["asked", "overdue"] = "asked" if asked.overdue_at is None else "overdue"
    todo = await reviewing.outstanding(db, asked, at=story.now)
    return ReviewView(
        state=state,
        text=said["review"][state][tag],
        until=asked.until,
        todo=tuple(TodoView(code=each, text=said["todo"][each][tag]) for each in todo),
    )


def _language(request: Request[Any, Any, Any]) -> Language:
    return language.choose(request.headers.get("accept-language"))


async def _keys(db: AsyncConnection, house: House, me: Principal) -> Vault | None:
    """Open the caller's own vault; None where nothing of theirs was ever sealed."""
    try:
        return await vault.existing(db, house.keys.kms, me.subject)
    except vault.Erased:
        return None


def _view(found: Looked, tag: Language) -> DeclarationView:
    return DeclarationView(
        id=ids.show("declaration", found.id),
        version=found.version,
        state=found.state,
        asks=[AskView(code=each, text=_texts()["asks"][each][tag]) for each in found.asks],
        papers=[ids.show("paper", each) for each in found.papers],
        declared_at=found.at,
    )


def _told(view: DeclarationView, found: Declaration, keys: Vault) -> DeclarationView:
    """Add what was said."""
    words = Words.opened(keys, found.words, found.id)
    return msgspec.structs.replace(
        view,
        **msgspec.structs.asdict(found.said),
        employer=words.employer,
        funds_explained=words.funds,
        wealth_explained=words.wealth,
    )


@cache
def _texts() -> dict[str, dict[str, dict[str, str]]]:
    """Read what is said, by kind and code, in three languages."""
    return tomllib.loads(TEXTS.read_text(encoding="utf-8"))


routes = [declare_funds, list_declarations, get_declaration, get_identity_review]
