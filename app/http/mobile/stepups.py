"""Confirming with the passkey, from the phone: the challenge over exactly what is shown.

route      app/http/mobile/stepups.py   POST /v1/auth/step-ups   <- you are here
makes      app/auth/stepup.py           begin()
redeems    the operation itself, by its field `step_up`

Begun without an Idempotency-Key: a lost answer is not repeated but asked for anew, a challenge costs nothing.
"""

from datetime import datetime
from typing import Annotated

from litestar import post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody
from litestar.types import Scope
from msgspec import Meta

from app import clock, db
from app.auth import device, passkey, stepup
from app.auth.confirmed import NotSigned
from app.auth.credential import RequestOptions
from app.auth.operations import OPERATIONS
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wire import Wire

_LINES = ". ".join(f"{name}: {', '.join(sorted(each.shows))}" for name, each in OPERATIONS.items())


class BeginStepUp(Wire, frozen=True):
    """What is about to be confirmed, exactly as it will be shown and then sent."""

    operation: Annotated[
        str,
        Meta(
            max_length=64,
            description=f"Which, and over these lines, all of them. {_LINES}.",
            examples=["invest.confirm"],
        ),
    ]
    shown: stepup.Shown


class StepUpView(Wire, frozen=True):
    """`options.challenge` is SHA-256 of the canonical JSON (RFC 8785) of nonce, operation, shown and text_version.

    The device computes it itself from what it shows, and signs only if both are equal.
    """

    id: Annotated[str, Meta(examples=["step_up_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    operation: str
    shown: stepup.Shown
    text_version: Annotated[str, Meta(description="Of the text the app shows the values in.", examples=["2026-11"])]
    nonce: Annotated[str, Meta(examples=["mWqGvVt4v0xZ3GkQ1cC3Sg"])]
    options: RequestOptions
    expires_at: Annotated[datetime, Meta(description="After this instant of the real clock the challenge is void.")]


@post(
    "/v1/auth/step-ups",
    operation_id="beginStepUp",
    opt={"scope": "me:write"},
    tags=["Sign-in"],
    summary="Begin to confirm something with the passkey",
)
async def begin_step_up(
    data: JSONBody[BeginStepUp],
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> StepUpView:
    """Give the challenge over exactly what is shown; the signed answer goes into `step_up` of the operation itself."""
    made = await stepup.begin(await story(), me, data.operation, data.shown, clock.real())
    return StepUpView(
        id=ids.show("step_up", made.id),
        operation=data.operation,
        shown=data.shown,
        text_version=made.text_version,
        nonce=made.nonce,
        options=passkey.request_options(house.settings, made.challenge),
        expires_at=made.expires_at,
    )


async def remember(refusal: Exception, scope: Scope) -> None:
    """Remember a copy of a passkey that tried to confirm something, once nothing else of its request is kept."""
    if isinstance(refusal, NotSigned) and refusal.copied is not None:
        house: House = scope["litestar_app"].state.house
        async with db.transaction(house.api, holder=refusal.copied.subject, audience="resident") as story:
            await device.warn(await story(), house.keys.kms, refusal.copied, clock.real())


routes: list[HTTPRouteHandler] = [begin_step_up]
