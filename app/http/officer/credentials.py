"""Officers see what IDs a resident holds, and suspend, restore, renew and revoke them.

path   POST /v1/officer/credentials/{id}/changes  ->  residency/credential/life.py  act_on()

What is done is done to every copy at once, and seen by verifiers within a minute. Where a status changes, its documents
follow by themselves (app/http/officer/statuses.py).
"""

from typing import Annotated, Literal

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import clock
from app.account import lost_device
from app.auth.principal import Principal
from app.credentials import entitlement
from app.db import Story
from app.http import ids
from app.http.mobile.credentials import CredentialList, CredentialView
from app.http.officer import whom
from app.http.wire import Wire
from app.idempotency import Once
from residency.credential import holding, life
from residency.credential.life import Act, Reason


class ChangeCredential(Wire, frozen=True):
    """What is done to a credential, and why. Its holder pauses and resumes it, nobody else."""

    act: Annotated[Literal["suspend", "restore", "renew", "revoke"], Meta(examples=["suspend"])]
    reason: Annotated[
        Literal["holder_request", "device_lost", "data_changed", "key_compromised", "issued_in_error"],
        Meta(examples=["device_lost"]),
    ]


@get(
    "/v1/officer/residents/{resident_id:str}/credentials",
    operation_id="listCredentialsOf",
    opt={"scope": "officer:read"},
    tags=["Cases"],
    summary="A resident's IDs",
)
async def list_credentials_of(resident_id: FromPath[str], story: NamedDependency[Story]) -> CredentialList:
    """List the credentials of a resident, the latest first; what they say is not told."""
    db = await story()
    held = await holding.of_holder(db, await whom.resident(db, resident_id), at=clock.real())
    return CredentialList(credentials=list(map(CredentialView.of, held)))


@post(
    "/v1/officer/credentials/{credential_id:str}/changes",
    operation_id="changeCredential",
    opt={"scope": "officer:statuses"},
    tags=["Cases"],
    summary="Change an ID",
)
async def change_credential(
    credential_id: FromPath[str],
    data: JSONBody[ChangeCredential],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[CredentialView]:
    """Change every copy of a credential at once. Nothing is restored whose status gives no rights."""
    wanted, done = ids.parse("credential", credential_id), Act(data.act)

    async def act(story: Story) -> CredentialView:
        db, now = await story(), clock.real()
        held = await life.find(db, wanted)
        if done is Act.RESTORE:
            await entitlement.entitled(db, held.holder, held.kind, at=story.now)
        until = now + life.GRACE if done is Act.RENEW else None
        reason = Reason(data.reason)
        if (done, reason) == (Act.REVOKE, Reason.DEVICE_LOST):
            await lost_device.sign_out_wallets(db, held.holder, wanted, now)
        await life.act_on(db, wanted, done, reason=reason, actor=me.actor, at=story.now, until=until)
        return CredentialView.of(await holding.one(db, held.holder, wanted, at=now))

    return await once(act)


routes = [list_credentials_of, change_credential]
