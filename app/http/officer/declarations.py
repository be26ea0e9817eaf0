"""What residents declare of their money, for officers: read, accepted, or asked about (AIFC AML Rules, 6.3.1).

path   GET  /v1/officer/declarations                            ->  kyc/risk/declaration.py   waiting()
       GET  /v1/officer/declarations/{declaration_id}           ->  kyc/risk/declaration.py   find()
       POST /v1/officer/declarations/{declaration_id}/look      ->  kyc/risk/declaration.py   look()
"""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import access, vault
from app.access import Look, Purpose, Sees
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.declarations import Country, DeclarationId, Origins, PaperId, Products
from app.http.officer.risk_rules import Officer, ResidentId
from app.http.paging import Limit
from app.http.wire import NotTogether, Wire
from app.idempotency import Once
from app.risk.words import Words
from kyc import holder
from kyc.risk import declaration
from kyc.risk.declaration import Ask, Declaration, Looked, Outcome
from kyc.risk.facts import Declared, Industry, Occupation

TAGS = ["Declarations"]
SCOPE = {"scope": "officer:declarations"}


class DeclaredView(Wire, frozen=True, kw_only=True):
    """A version of what a resident declared; what it says, in codes, bands and words, where one is asked for."""

    id: DeclarationId
    resident: ResidentId
    version: Annotated[int, Meta(examples=[1])]
    state: Annotated[Declared, Meta(examples=["declared"])]
    papers: list[PaperId]
    declared_at: datetime
    asks: list[Ask]
    looked_by: Annotated[Officer | None, Meta(examples=[None])]
    looked_at: Annotated[datetime | None, Meta(examples=[None])]
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

    @classmethod
    def of(cls, found: Looked) -> "DeclaredView":
        """Show a declaration without what it says."""
        return cls(
            id=ids.show("declaration", found.id),
            resident=ids.show("resident", found.resident),
            version=found.version,
            state=found.state,
            papers=[ids.show("paper", each) for each in found.papers],
            declared_at=found.at,
            asks=list(found.asks),
            looked_by=found.looked_by,
            looked_at=found.looked_at,
        )

    @classmethod
    def whole(cls, found: Declaration, words: Words) -> "DeclaredView":
        """Show a declaration and what it says."""
        return msgspec.structs.replace(
            cls.of(found),
            **msgspec.structs.asdict(found.said),
            employer=words.employer,
            funds_explained=words.funds,
            wealth_explained=words.wealth,
        )


class DeclaredList(Wire, frozen=True):
    """The latest versions that nobody said anything to, the oldest first."""

    declarations: list[DeclaredView]


class LookAtDeclaration(Wire, frozen=True):
    """That a version is accepted, or what is still to be explained: the person reads it and declares again."""

    outcome: Annotated[Outcome, Meta(examples=["accepted"])]
    asks: Annotated[tuple[Ask, ...], Meta(max_length=6, examples=[["funds_papers"]])] = ()


@get(
    "/v1/officer/declarations",
    operation_id="listWaitingDeclarations",
    opt=SCOPE,
    tags=TAGS,
    summary="Declarations to look at",
)
async def list_waiting_declarations(story: NamedDependency[Story], limit: Limit = 20) -> DeclaredList:
    """List declarations that wait for an officer. What each says is shown by itself: that is a look at the person."""
    found = await declaration.waiting(await story(), limit=limit)
    return DeclaredList(declarations=[DeclaredView.of(each) for each in found])


@get(
    "/v1/officer/declarations/{declaration_id:str}",
    operation_id="readDeclaration",
    opt=SCOPE,
    tags=TAGS,
    summary="A declaration, with its words",
)
async def read_declaration(
    declaration_id: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House]
) -> DeclaredView:
    """Show what a resident declared, in their own words; they can read in their log that it was looked at."""
    db = await story()
    seen = await declaration.seen(db, ids.parse("declaration", declaration_id))
    # At once while it waits for the operator, like any look at a case.
    delay = timedelta(0) if seen.outcome is None else access.DELAY
    why = Look(sees=Sees.EVIDENCE, purpose=Purpose.REQUEST, about=seen.id, delay=delay)
    keys = await vault.look(db, house.keys.kms, seen.resident, why)
    found = await declaration.find(db, seen.id, holder.known(seen.resident, keys))
    return DeclaredView.whole(found, Words.opened(keys, found.words, found.id))


@post(
    "/v1/officer/declarations/{declaration_id:str}/look",
    operation_id="lookAtDeclaration",
    opt=SCOPE,
    tags=TAGS,
    summary="Accept a declaration, or ask for more",
    status_code=200,
)
async def look_at_declaration(
    declaration_id: FromPath[str],
    data: JSONBody[LookAtDeclaration],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[DeclaredView]:
    """Say one thing to the latest version of what somebody declared; their relation is judged again."""
    wanted = ids.parse("declaration", declaration_id)
    if (data.outcome is Outcome.MORE) != bool(data.asks):
        raise NotTogether("outcome", "asks")

    async def act(story: Story) -> DeclaredView:
        db, asks = await story(), sorted(set(data.asks))
        return DeclaredView.of(await declaration.look(db, wanted, data.outcome, asks, actor=me.actor, at=story.now))

    return await once(act)


routes = [list_waiting_declarations, read_declaration, look_at_declaration]
