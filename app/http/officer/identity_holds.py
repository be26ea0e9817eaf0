"""An officer suspends a case of identification, and gives it back to two who may grant it again.

path   POST /v1/officer/identity-cases/{id}/suspension    ->  kyc/cases/keeping.py   suspend()
       POST /v1/officer/identity-cases/{id}/resumption    ->  kyc/cases/keeping.py   resume()

One officer suspends, at once: nothing identifies the person then. To resume frees nobody: the case is under review, and
two officers grant it or refuse.
"""

from typing import Annotated

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app.auth.principal import Principal
from app.db import Story
from app.http import ids
from app.http.officer import identity_case_views as views
from app.http.officer.identity_case_views import IdentityCaseSummary
from app.http.wire import Wire
from app.idempotency import Once
from kyc.cases import case, keeping, life
from kyc.cases.case import Case
from kyc.cases.keeping import Cause
from kyc.cases.life import Act, IllegalMove

_TAGS = ["Identity cases"]


class SuspendIdentityCase(Wire, frozen=True):
    """Why nothing may identify the person for now; they are told that their details are looked at, and not why."""

    reason: Annotated[Cause, Meta(examples=["document_stolen"])]


@post(
    "/v1/officer/identity-cases/{identity_case_id:str}/suspension",
    operation_id="suspendIdentityCase",
    opt={"scope": "officer:cases"},
    tags=_TAGS,
    summary="Suspend an identification",
)
async def suspend_identity_case(
    identity_case_id: FromPath[str],
    data: JSONBody[SuspendIdentityCase],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[IdentityCaseSummary]:
    """Let nothing identify somebody until two officers have looked; what was approved before does not come back."""

    async def act(story: Story) -> IdentityCaseSummary:
        db = await story()
        held = await case.lock(db, ids.parse("identity_case", identity_case_id))
        if held.state in life.ALERTS and views.LISTS not in me.scopes:
            # To them it is under review, where nothing identifies the person, and is refused as any other such case.
            return _shown(held, None, Act.SUSPEND, me)
        moved = await keeping.suspend(db, held.resident, reason=data.reason, at=story.now, by=me.actor)
        return _shown(held, moved, Act.SUSPEND, me)

    return await once(act)


@post(
    "/v1/officer/identity-cases/{identity_case_id:str}/resumption",
    operation_id="resumeIdentityCase",
    opt={"scope": "officer:cases"},
    tags=_TAGS,
    summary="Take up a suspended identification",
)
async def resume_identity_case(
    identity_case_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[IdentityCaseSummary]:
    """Put a suspended case under review again: two officers grant it or refuse."""

    async def act(story: Story) -> IdentityCaseSummary:
        db = await story()
        held = await case.lock(db, ids.parse("identity_case", identity_case_id))
        moved = await keeping.resume(db, held.resident, at=story.now, by=me.actor)
        return _shown(held, moved, Act.REVIEW, me)

    return await once(act)


def _shown(held: Case, moved: Case | None, act: Act, me: Principal) -> IdentityCaseSummary:
    whole = views.LISTS in me.scopes
    if moved is None:
        raise IllegalMove(life.seen(held.state, whole=whole), act)
    return IdentityCaseSummary.of(moved, whole=whole)


routes = [suspend_identity_case, resume_identity_case]
