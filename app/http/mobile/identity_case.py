"""Where the caller's identification stands, what there is to do, and the appeal against a refusal for good.

path   GET /v1/me/identity            ->  kyc/cases/case.py     of()
       POST /v1/me/identity/appeals   ->  kyc/cases/appeal.py   lodge()

Every word comes from kyc/cases/reasons.toml: what a list, a score or a comparison with others said is never told, and a
case that waits for it looks like any other (tests/security/test_tipping_off.py). The answer to a POST does not repeat
the words, because it is kept for repeats of the request; GET does.
"""

import tomllib
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids as mint
from app import language, vault
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http.wire import Wire
from app.idempotency import Once
from app.language import Language
from kyc.cases import appeal, case, reasons, review, tables
from kyc.cases.case import Case
from kyc.cases.life import SHOWN, Act, IllegalMove, Shown, State
from kyc.cases.review import Refusal
from law.calendar import statutory_date

_TAGS = ["Identity"]

Words = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2000,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$(?!\n)",
        examples=["The passport is mine; the name changed when I married. I have the certificate."],
    ),
]


class ReasonView(Wire, frozen=True, kw_only=True):
    """What is the matter, and what would help."""

    code: Annotated[str, Meta(examples=["chip_unreadable"])]
    title: Annotated[str, Meta(examples=["The chip of the document was not read completely."])]
    help: Annotated[str, Meta(examples=["Take off the cover and read the chip again."])]


class AppealView(Wire, frozen=True, kw_only=True):
    """The appeal; `text` is absent in the answer to the request that made it."""

    at: datetime
    text: Words | None = None


class RefusalView(Wire, frozen=True, kw_only=True):
    """A refusal for good: why, on which legal ground, and until when it may be appealed."""

    reason: ReasonView
    ground: Annotated[str, Meta(examples=["Law on Public Services of 15 April 2013 No. 88-V, art. 19-1(1), point 3"])]
    decided_at: datetime
    appeal_until: date
    may_appeal: bool
    appeal: AppealView | None = None


class IdentityView(Wire, frozen=True, kw_only=True):
    """Where the caller's identification stands.

    `action_needed` and `renewal_due` say in `reasons` what to do, until `answer_by`. `attempts_left` counts how often
    the check is repeated at once; after that an officer looks.
    """

    state: Annotated[Shown, Meta(examples=["action_needed"])]
    title: Annotated[str, Meta(examples=["Something is needed from you"])]
    next: Annotated[str, Meta(examples=["Do what is asked for below."])]
    reasons: list[ReasonView]
    answer_by: Annotated[datetime | None, Meta(examples=["2026-12-24T19:00:00Z"])] = None
    attempts_left: Annotated[int | None, Meta(examples=[4])] = None
    refusal: RefusalView | None = None


class LodgeAppeal(Wire, frozen=True):
    """What officers should know, in any language."""

    text: Words


@get(
    "/v1/me/identity",
    operation_id="getIdentity",
    opt={"scope": "kyc:read"},
    tags=_TAGS,
    summary="Where my identification stands",
)
async def get_identity(
    request: Request[Any, Any, Any],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> IdentityView:
    """Show the state of the caller's identification, what to do, and how a refusal can be appealed."""
    db = await story()
    held = await case.of(db, me.subject)
    tag = language.choose(request.headers.get("accept-language"))
    if held is None:
        return _view(Shown.COLLECTING, tag)
    refused = await review.refusal(db, held.id) if held.state is State.REJECTED_FINAL else None
    return _view(
        SHOWN[held.state],
        tag,
        held,
        await _refusal(db, house, held, refused, tag, statutory_date(story.now)) if refused else None,
    )


@post(
    "/v1/me/identity/appeals",
    operation_id="appealIdentity",
    opt={"scope": "kyc:write"},
    tags=_TAGS,
    summary="Appeal against a refusal",
)
async def appeal_identity(
    data: JSONBody[LodgeAppeal],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[AppealView]:
    """Ask two other officers to decide again; once, and within the term that the refusal names."""

    async def act(story: Story) -> AppealView:
        db, row = await story(), mint.new()
        held = await case.of(db, me.subject, locked=True)
        if held is None:
            raise IllegalMove(SHOWN[State.DRAFT], Act.APPEAL)
        keys = await vault.of(db, house.keys.kms, me.subject, story.now)
        sealed = keys.seal(data.text.encode(), table="kyc.case_appeal", column="words", row=row)
        on = statutory_date(story.now)
        await appeal.lodge(db, held, id_=row, words=sealed, on=on, at=story.now, by=me.actor)
        return AppealView(at=story.now)

    return await once(act)


def _view(state: Shown, tag: Language, held: Case | None = None, refused: RefusalView | None = None) -> IdentityView:
    title, following = texts()[state][tag]
    codes = held.told if held is not None else ()
    if state is Shown.IN_REVIEW:
        codes = ("under_review",)
    asked = state is Shown.ACTION_NEEDED
    return IdentityView(
        state=state,
        title=title,
        next=following,
        reasons=[_reason(code, tag) for code in codes],
        answer_by=held.answer_by if held is not None else None,
        attempts_left=held.attempts_left if held is not None and asked else None,
        refusal=refused,
    )


def _reason(code: str, tag: Language) -> ReasonView:
    known = reasons.catalogue().code[code]
    title, helps = {Language.EN: known.en, Language.RU: known.ru, Language.KK: known.kk}[tag]
    return ReasonView(code=code, title=title, help=helps)


async def _refusal(  # noqa: PLR0917  a refusal and all it is shown with
    db: AsyncConnection, house: House, held: Case, refused: Refusal, tag: Language, today: date
) -> RefusalView:
    return RefusalView(
        reason=_reason(refused.reason, tag),
        ground=refused.ground,
        decided_at=refused.at,
        appeal_until=refused.appeal_until,
        may_appeal=await appeal.may(db, held, refused, today),
        appeal=await _appeal(db, house, held.resident, held.id),
    )


async def _appeal(db: AsyncConnection, house: House, resident: UUID, case_id: UUID) -> AppealView | None:
    columns = tables.case_appeal.c
    row = (await db.execute(select(columns.id, columns.words, columns.at).where(columns.case_id == case_id))).first()
    if row is None:
        return None
    keys = await vault.existing(db, house.keys.kms, resident)
    text = keys.open(row.words, table="kyc.case_appeal", column="words", row=row.id).decode()
    return AppealView(at=row.at, text=text)


@cache
def texts() -> dict[str, dict[str, tuple[str, str]]]:
    """Read what each state means and what follows, per language."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


routes = [get_identity, appeal_identity]
