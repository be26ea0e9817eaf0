"""The caller's restrictions: why, on which basis, until when, what still works, and what can be said against them.

path   POST /v1/me/restrictions/{id}/responses   ->  app/restrictions/appeal.py   respond()
       POST /v1/me/restrictions/{id}/appeals     ->  app/restrictions/appeal.py   file()

The answer to a POST does not repeat the words, because it is kept for repeats of the request; GET does.
"""

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import ids as mint
from app import language, problems, vault
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wire import Wire
from app.idempotency import Once
from app.language import Language
from app.restrictions import appeal, restriction, words
from app.restrictions.appeal import Appeal, Outcome
from app.restrictions.reason import CLASSES, Owner, Reason
from app.restrictions.restriction import Restriction, State
from app.vault import Vault
from wallet.limit import Operation

_TAGS = ["Restrictions"]

RestrictionId = Annotated[str, Meta(examples=["restriction_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Words = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2000,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$(?!\n)",
        examples=["The money is my salary; the contract is attached to my application."],
    ),
]
Operations = Annotated[list[Operation], Meta(examples=[["payout_own", "receive"]])]


class Say(Wire, frozen=True):
    """What the caller says, in any language."""

    text: Words


class ResponseView(Wire, frozen=True, kw_only=True):
    """Something the caller said; `text` is absent in the answer to the request that said it."""

    id: Annotated[str, Meta(examples=["response_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    at: datetime
    text: Words | None = None


class AppealView(Wire, frozen=True, kw_only=True):
    """An appeal: answered by `answer_due`, by an officer who had no part in imposing. `outcome` is null until then."""

    id: Annotated[str, Meta(examples=["appeal_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    at: datetime
    answer_due: datetime
    outcome: Annotated[Outcome | None, Meta(examples=[None])] = None
    decided_at: Annotated[datetime | None, Meta(examples=[None])] = None
    text: Words | None = None

    @classmethod
    def of(cls, found: Appeal, text: str | None = None) -> "AppealView":
        """Show an appeal."""
        return cls(
            id=ids.show("appeal", found.id),
            at=found.at,
            answer_due=found.answer_due,
            outcome=found.outcome,
            decided_at=found.decided_at,
            text=text,
        )


class RestrictionView(Wire, frozen=True, kw_only=True):
    """A restriction: `works` and `stops` are operations, `appeal_to` says whose decision an appeal asks for.

    `review_due` is when it must have been looked at again; `overdue` says that it was not.
    """

    id: RestrictionId
    reason: Annotated[Reason, Meta(examples=["legal_review"])]
    title: Annotated[str, Meta(examples=["Legal review"])]
    what_it_means: Annotated[str, Meta(examples=["We review your account as our rules require."])]
    legal_basis: Annotated[str, Meta(examples=["Internal-control rules of the operator, made under its law"])]
    what_you_may_do: Annotated[str, Meta(examples=["Respond with what explains your payments. You may appeal."])]
    owner: Annotated[Owner, Meta(examples=["operator"])]
    appeal_to: Annotated[Owner, Meta(examples=["operator"])]
    state: Annotated[State, Meta(examples=["in_force"])]
    works: Operations
    stops: Operations
    imposed_at: datetime
    review_due: datetime
    overdue: bool
    lifted_at: Annotated[datetime | None, Meta(examples=[None])]
    responses: list[ResponseView]
    appeals: list[AppealView]


class Restrictions(Wire, frozen=True):
    """All restrictions there are or were, the oldest first, and what works in spite of all that are in force."""

    works: Operations
    restrictions: list[RestrictionView]


@get(
    "/v1/me/restrictions",
    operation_id="listRestrictions",
    opt={"scope": "account:read"},
    tags=_TAGS,
    summary="What is restricted, and why",
)
async def list_restrictions(
    request: Request[Any, Any, Any],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Restrictions:
    """List the caller's restrictions with everything there is to know and to do about each."""
    found = await restriction.of(await story(), me.subject)
    shown = [await _view(request, story, house, each) for each in found]
    standing = [each for each in found if each.state is State.IN_FORCE]
    return Restrictions(
        works=[each for each in Operation if all(_works(each, one, story.now) for one in standing)], restrictions=shown
    )


@get(
    "/v1/me/restrictions/{restriction_id:str}",
    operation_id="getRestriction",
    opt={"scope": "account:read"},
    tags=_TAGS,
    summary="One restriction",
)
async def get_restriction(
    request: Request[Any, Any, Any],
    restriction_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> RestrictionView:
    """Show a restriction of the caller's."""
    found = await restriction.find(await story(), ids.parse("restriction", restriction_id), me.subject)
    return await _view(request, story, house, found)


@post(
    "/v1/me/restrictions/{restriction_id:str}/responses",
    operation_id="respondToRestriction",
    opt={"scope": "account:write"},
    tags=_TAGS,
    summary="Say something about a restriction",
)
async def respond_to_restriction(
    restriction_id: FromPath[str],
    data: JSONBody[Say],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[ResponseView]:
    """Tell the officers what they should know; they read it with the next review."""

    async def act(story: Story) -> ResponseView:
        said = await _said(story, house, me, restriction_id, data.text, table="app.restriction_response")
        await appeal.respond(await story(), said)
        return ResponseView(id=ids.show("response", said.id), at=said.at)

    return await once(act)


@post(
    "/v1/me/restrictions/{restriction_id:str}/appeals",
    operation_id="appealRestriction",
    opt={"scope": "account:write"},
    tags=_TAGS,
    summary="Appeal against a restriction",
)
async def appeal_restriction(
    restriction_id: FromPath[str],
    data: JSONBody[Say],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[AppealView]:
    """Ask for another officer's decision; where it is granted the restriction is lifted at once."""

    async def act(story: Story) -> AppealView:
        said = await _said(story, house, me, restriction_id, data.text, table="app.restriction_appeal")
        return AppealView.of(await appeal.file(await story(), said))

    return await once(act)


async def _said(
    story: Story, house: House, me: Principal, restriction_id: str, text: str, *, table: str
) -> appeal.Response:
    wanted, db = ids.parse("restriction", restriction_id), await story()
    await restriction.find(db, wanted, me.subject)
    keys, row = await vault.of(db, house.keys.kms, me.subject, story.now), mint.new()
    sealed = words.seal(keys, text, table=table, row=row)
    return appeal.Response(id=row, restriction=wanted, holder=me.subject, sealed=sealed, at=story.now)


async def _view(request: Request[Any, Any, Any], story: Story, house: House, found: Restriction) -> RestrictionView:
    db = await story()
    responses, appeals = await appeal.responses(db, found.id), await appeal.of(db, found.id)
    keys = await vault.existing(db, house.keys.kms, found.holder) if responses or appeals else None
    tag = language.choose(request.headers.get("accept-language"))
    title, meaning = _text("restriction", found.reason, tag)
    basis, may_do = _text("basis", found.reason, tag)
    public = CLASSES[found.reason]
    return RestrictionView(
        id=ids.show("restriction", found.id),
        reason=found.reason,
        title=title,
        what_it_means=meaning,
        legal_basis=basis,
        what_you_may_do=may_do,
        owner=public.owner,
        appeal_to=public.owner,
        state=found.state,
        works=[each for each in Operation if _works(each, found, story.now)],
        stops=[each for each in Operation if not _works(each, found, story.now)],
        imposed_at=found.imposed_at,
        review_due=found.review_due,
        overdue=found.overdue_since is not None,
        lifted_at=found.lifted_at,
        responses=[
            ResponseView(id=ids.show("response", each.id), at=each.at, text=_words(keys, each, "restriction_response"))
            for each in responses
        ],
        appeals=[AppealView.of(each, _words(keys, each, "restriction_appeal")) for each in appeals],
    )


def _works(operation: Operation, about: Restriction, at: datetime) -> bool:
    return CLASSES[about.reason].allows(operation, at - about.imposed_at)


def _words(keys: Vault | None, said: appeal.Response, table: str) -> str:
    assert keys is not None, "what was said was sealed with the person's key"
    return words.opened(keys, said.sealed, table=f"app.{table}", row=said.id)


def _text(kind: str, reason: Reason, tag: Language) -> tuple[str, str]:
    return problems.texts()[f"{kind}.{reason}"][tag]


routes = [list_restrictions, get_restriction, respond_to_restriction, appeal_restriction]
