"""The caller's account as a whole: a copy of everything in it, and its end.

path   POST   /v1/me/exports                 ->  app/account/export.py    request()   made by the worker
       POST   /v1/me/exports/{id}/download   ->  app/account/export.py    take()
       POST   /v1/me/closure                 ->  app/account/closure.py   request()   ended by app/account/ending.py
       DELETE /v1/me/closure                 ->  app/account/closure.py   withdraw()

The download takes no Idempotency-Key: its answer is everything we know of the person and must not be kept twice.
"""

from datetime import date, datetime
from typing import Annotated, Any

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import language, problems, vault
from app.account import closure, export
from app.account.closure import Closure, Obstacle
from app.account.export import Export
from app.auth import stepup
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wire import Wire
from app.idempotency import Once
from app.language import Language
from law import retention
from law.calendar import statutory_date

_EXPORTS_MAX = 20


class Confirmed(Wire, frozen=True):
    """The passkey's answer over what `confirm` shows."""

    step_up: Annotated[stepup.Confirmation | None, Meta(description="See POST /v1/auth/step-ups.")] = None


class ToConfirm(Wire, frozen=True):
    """What the app shows and the passkey signs, at /v1/auth/step-ups."""

    operation: Annotated[str, Meta(examples=["account.close"])]
    shown: stepup.Shown


class ExportView(Wire, frozen=True, kw_only=True):
    """A copy of everything: fetched once, until `expires_at`. `sha256` is that of the document."""

    id: Annotated[str, Meta(examples=["export_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    state: Annotated[export.State, Meta(examples=["ready"])]
    requested_at: datetime
    expires_at: datetime | None = None
    sha256: Annotated[str | None, Meta(examples=["5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"])]

    @classmethod
    def of(cls, found: Export, at: datetime) -> "ExportView":
        """Show a copy as it is at the instant `at`."""
        return cls(
            id=ids.show("export", found.id),
            state=found.state(at),
            requested_at=found.requested_at,
            expires_at=found.expires_at,
            sha256=found.sha256.hex() if found.sha256 else None,
        )


class Exports(Wire, frozen=True):
    """The caller's copies, the latest first, and what is confirmed to get another."""

    exports: list[ExportView]
    confirm: ToConfirm


class ObstacleView(Wire, frozen=True):
    """Something an account can't end with, and what to do about it, in the caller's language."""

    code: Annotated[Obstacle, Meta(examples=["balance"])]
    title: Annotated[str, Meta(examples=["There is money in your wallet"])]
    what_to_do: Annotated[str, Meta(examples=["Send it to somebody or to your bank, then close the account."])]


class KeptView(Wire, frozen=True):
    """What is kept after the end, until which day and by which act."""

    until: Annotated[date, Meta(examples=["2031-12-15"])]
    source: Annotated[str, Meta(examples=["Law 191-IV on countering money laundering, art. 11"])]


class ClosureView(Wire, frozen=True, kw_only=True):
    """Where the end of the account stands: `open`, or `closing` until `closes_at`, up to when it can be taken back.

    `obstacles` is everything in the way now. `erases_on` is when the last of it is erased, if it ends on `closes_on`.
    """

    state: Annotated[closure.State, Meta(examples=["open"])]
    obstacles: list[ObstacleView]
    closes_on: Annotated[date, Meta(description="The day the account ends, if it is asked for now or was before.")]
    closes_at: datetime | None = None
    erases_on: date
    kept: list[KeptView]
    confirm: ToConfirm


@get(
    "/v1/me/exports",
    operation_id="listExports",
    opt={"scope": "account:read"},
    tags=["Account"],
    summary="Copies of everything about me",
)
async def list_exports(story: NamedDependency[Story], me: NamedDependency[Principal]) -> Exports:
    """List the copies the caller asked for."""
    found = await export.of_holder(await story(), me.subject, _EXPORTS_MAX)
    return Exports(
        exports=[ExportView.of(each, story.now) for each in found],
        confirm=ToConfirm("account.export", _export_shown(me)),
    )


@post(
    "/v1/me/exports",
    operation_id="requestExport",
    opt={"scope": "account:write", "quota": "bulk"},
    tags=["Account"],
    summary="Ask for a copy of everything about me",
    status_code=202,
)
async def request_export(
    data: JSONBody[Confirmed],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[ExportView]:
    """Have a copy made. Whoever asks while one waits to be made or fetched gets that one."""

    async def act(story: Story) -> ExportView:
        db = await story()
        await stepup.redeem(
            db,
            house.settings,
            me,
            operation="account.export",
            shown=_export_shown(me),
            confirmation=data.step_up,
        )
        return ExportView.of(await export.request(db, me.subject, at=story.now), story.now)

    return await once(act, headers=lambda view: {"Location": f"/v1/me/exports/{view.id}"})


@get(
    "/v1/me/exports/{export_id:str}",
    operation_id="getExport",
    opt={"scope": "account:read"},
    tags=["Account"],
    summary="Where a copy is",
)
async def get_export(
    export_id: FromPath[str], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> ExportView:
    """Show whether a copy can be fetched."""
    found = await export.find(await story(), me.subject, ids.parse("export", export_id))
    return ExportView.of(found, story.now)


@post(
    "/v1/me/exports/{export_id:str}/download",
    operation_id="downloadExport",
    opt={"scope": "account:write"},
    tags=["Account"],
    summary="Fetch a copy, once",
    status_code=200,
)
async def download_export(
    export_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[dict[str, Any]]:
    """Give the document: every row we hold of the caller by table, what is sealed opened. Then it is gone here."""
    db, wanted = await story(), ids.parse("export", export_id)
    keys = await vault.existing(db, house.keys.kms, me.subject)
    document = await export.take(db, keys, me.subject, wanted, at=story.now)
    file = f'attachment; filename="{export_id}.json"'
    return Response(document, media_type="application/json", headers={"Content-Disposition": file})  # type: ignore[arg-type]  # encoded already


@get(
    "/v1/me/closure",
    operation_id="getClosure",
    opt={"scope": "account:read"},
    tags=["Account"],
    summary="Whether my account can end, and when what is erased",
)
async def get_closure(
    request: Request[Any, Any, Any], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> Response[ClosureView]:
    """Show what is in the way, what would be kept until when, and what is confirmed to end the account."""
    db = await story()
    return await _told(request, db, me, await closure.find(db, me.subject), story.now)


@post(
    "/v1/me/closure",
    operation_id="closeAccount",
    opt={"scope": "account:write"},
    tags=["Account"],
    summary="End my account",
    status_code=202,
)
async def close_account(
    request: Request[Any, Any, Any],
    data: JSONBody[Confirmed],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[ClosureView]:
    """Begin the end: sessions are over, credentials void. What must be empty first is refused all at once."""

    async def act(story: Story) -> ClosureView:
        db = await story()
        shown = await _closure_shown(db, me, await closure.find(db, me.subject), story.now)
        await stepup.redeem(db, house.settings, me, operation="account.close", shown=shown, confirmation=data.step_up)
        asked = await closure.request(db, me.subject, at=story.now)
        return await _view(db, me, asked, language.choose(request.headers.get("accept-language")), story.now)

    return await once(act)


@delete(
    "/v1/me/closure",
    operation_id="keepAccount",
    opt={"scope": "account:write"},
    tags=["Account"],
    summary="Stay after all",
    status_code=200,
)
async def keep_account(
    request: Request[Any, Any, Any], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> Response[ClosureView]:
    """Take the request back before `closes_at`. Credentials are taken anew; nothing else was lost."""
    db = await story()
    return await _told(request, db, me, await closure.withdraw(db, me.subject, at=story.now), story.now)


def _export_shown(me: Principal) -> stepup.Shown:
    return {"account": ids.show("resident", me.subject)}


async def _closure_shown(db: AsyncConnection, me: Principal, found: Closure, at: datetime) -> stepup.Shown:
    closes_on = _closes_on(found, at)
    erases_on = await closure.erases_on(db, me.subject, closes_on)
    account = ids.show("resident", me.subject)
    return {"account": account, "closes_on": closes_on.isoformat(), "erases_on": erases_on.isoformat()}


def _closes_on(found: Closure, at: datetime) -> date:
    if found.state is not closure.State.OPEN and found.closes_at is not None:
        return statutory_date(found.closes_at)
    return retention.until("closing", statutory_date(at))


async def _told(
    request: Request[Any, Any, Any], db: AsyncConnection, me: Principal, found: Closure, at: datetime
) -> Response[ClosureView]:
    tag = language.choose(request.headers.get("accept-language"))
    view = await _view(db, me, found, tag, at)
    return Response(view, headers={"Content-Language": tag, "Vary": "Accept-Language"})


async def _view(db: AsyncConnection, me: Principal, found: Closure, tag: Language, at: datetime) -> ClosureView:
    shown = await _closure_shown(db, me, found, at)
    closes_on, erases_on = date.fromisoformat(str(shown["closes_on"])), date.fromisoformat(str(shown["erases_on"]))
    kept = [KeptView(erases_on, retention.rule("client", closes_on).source)] if erases_on > closes_on else []
    return ClosureView(
        state=found.state,
        obstacles=[_obstacle(each, tag) for each in await closure.obstacles(db, me.subject)],
        closes_on=closes_on,
        closes_at=found.closes_at if found.state is closure.State.CLOSING else None,
        erases_on=erases_on,
        kept=kept,
        confirm=ToConfirm("account.close", shown),
    )


def _obstacle(found: Obstacle, tag: Language) -> ObstacleView:
    title, what_to_do = problems.texts()[f"closure.{found}"][tag]
    return ObstacleView(found, title, what_to_do)


routes = [
    list_exports,
    request_export,
    get_export,
    download_export,
    get_closure,
    close_account,
    keep_account,
]
