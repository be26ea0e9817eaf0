"""Which lists are in force, how far everybody has been looked up in them, and the proof that somebody was.

path   GET /v1/officer/screening/lists                      ->  kyc/lists/edition.py
       GET /v1/officer/screening/residents/{id}/proofs      ->  kyc/screening/proof.py   latest()
"""

from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import Story
from app.http import ids
from app.http.officer import whom
from app.http.officer.restrictions import ResidentId
from app.http.officer.screening_views import Source
from app.http.paging import Limit
from app.http.wire import Wire
from kyc.lists import edition
from kyc.lists.tables import list_snapshot, list_source
from kyc.screening import proof, standard
from kyc.screening.proof import Proof
from kyc.screening.standard import Effect

_TAGS = ["Screening"]
_SCOPE = {"scope": "officer:screening"}
_Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", examples=["9f" * 32])]
_Edition = Annotated[int, Meta(ge=0, examples=[41])]
_Count = Annotated[int, Meta(ge=0, examples=[15403])]


class ListView(Wire, frozen=True, kw_only=True):
    """One list. `digest` and `entries` are null while it never came, when nobody can be cleared."""

    source: Source
    publisher: Annotated[str, Meta(examples=["United Nations Security Council, consolidated list"])]
    effect: Annotated[Effect, Meta(examples=["freeze"])]
    digest: Annotated[_Digest | None, Meta(examples=[None])]
    entries: Annotated[_Count | None, Meta(examples=[None])]
    checked_at: Annotated[datetime | None, Meta(examples=[None])]


class ScreeningState(Wire, frozen=True, kw_only=True):
    """All lists together are an edition, 0 where none came. `people_due` are still to be looked up in it."""

    edition: _Edition
    rules: Annotated[str, Meta(examples=["screening@2026-11"])]
    lists: list[ListView]
    people: _Count
    people_due: _Count


class ProofView(Wire, frozen=True, kw_only=True):
    """A look that covers the person, alone or as one leaf of many under a root that the journal holds.

    `sound` says that the leaves, one of which is the person's, give the root.
    """

    id: Annotated[str, Meta(examples=["look_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    edition: _Edition
    lists: dict[str, str]
    at: datetime
    persons: _Count
    root: _Digest
    asked: _Digest
    nothing_found: bool
    sound: bool

    @classmethod
    def of(cls, found: Proof, lists: dict[str, str]) -> "ProofView":
        """Show a look."""
        return cls(
            id=ids.show("look", found.look),
            edition=found.edition,
            lists=lists,
            at=found.at,
            persons=found.persons,
            root=found.root.hex(),
            asked=found.asked.hex(),
            nothing_found=found.nothing,
            sound=found.sound,
        )


class ProofList(Wire, frozen=True, kw_only=True):
    """The looks that cover a person, the newest first; `due` says that one in the edition in force is still to come."""

    resident: ResidentId
    edition: _Edition
    due: bool
    proofs: list[ProofView]


@get(
    "/v1/officer/screening/lists",
    operation_id="readScreeningState",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Lists in force, and who is still due",
)
async def read_screening_state(story: NamedDependency[Story]) -> ScreeningState:
    """Show the lists we go by, when each was last compared with its publisher, and how many people are due."""
    db = await story()
    newest = await edition.newest(db)
    number = newest.number if newest else 0
    people, due = await proof.people(db, number)
    return ScreeningState(
        edition=number,
        rules=newest.rules if newest else standard.RULES,
        lists=await _lists(db),
        people=people,
        people_due=due,
    )


@get(
    "/v1/officer/screening/residents/{resident_id:str}/proofs",
    operation_id="listScreeningProofs",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Proof that somebody was looked up",
)
async def list_screening_proofs(
    resident_id: FromPath[str], story: NamedDependency[Story], limit: Limit = 20
) -> ProofList:
    """Show when and in which lists a person was looked up, each look verified as it is read."""
    db = await story()
    resident = await whom.resident(db, resident_id)
    number = await edition.number_in_force(db)
    found = await proof.latest(db, resident, limit=limit)
    parts = {each: (await edition.find(db, each)).parts for each in {one.edition for one in found}}
    return ProofList(
        resident=resident_id,
        edition=number,
        due=await proof.due(db, resident, number),
        proofs=[
            ProofView.of(each, {source: digest.hex() for source, digest in sorted(parts[each.edition].items())})
            for each in found
        ],
    )


async def _lists(db: AsyncConnection) -> list[ListView]:
    query = (
        select(list_source.c.source, list_source.c.digest, list_source.c.checked_at, list_snapshot.c.entries)
        .select_from(list_source.outerjoin(list_snapshot, list_snapshot.c.digest == list_source.c.digest))
        .order_by(list_source.c.source)
    )
    return [
        ListView(
            source=row.source,
            publisher=standard.publisher(row.source).title,
            effect=standard.publisher(row.source).effect,
            digest=row.digest.hex() if row.digest else None,
            entries=row.entries,
            checked_at=row.checked_at,
        )
        for row in await db.execute(query)
    ]


routes = [read_screening_state, list_screening_proofs]
