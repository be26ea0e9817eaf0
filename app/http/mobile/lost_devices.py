"""A device is lost: one call from another one, and nothing on it is good any more.

path   POST /v1/me/devices/{id}/lost  ->  app/account/lost_device.py  report()

Who has no other device comes back by app/http/mobile/recoveries.py, which ends the same things.
"""

from collections.abc import Sequence
from typing import Annotated

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import clock
from app.account import lost_device
from app.auth import stepup
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wire import Wire
from app.idempotency import Once


class LoseDevice(Wire, frozen=True):
    """Which wallets are not on it, and the confirmation.

    That is of `device.lost`, which shows the `device_id`; with `keep`, of `device.lost_keeping`, which shows `keeps` as
    well: the ids of `keep`, in this order, with a space between two.
    """

    keep: Annotated[
        Sequence[Annotated[str, Meta(examples=["session_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]],
        Meta(
            max_length=50,
            description="Sessions of wallets that are elsewhere (GET /v1/me/sessions; `device` is where each was let"
            " in from). They and their copies live on, all others end.",
        ),
    ] = ()
    step_up: stepup.Confirmation | None = None


class LostDeviceView(Wire, frozen=True, kw_only=True):
    """What ended with the device, beside its passkey, its sessions and the wallets on it."""

    device: Annotated[str, Meta(examples=["device_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    credentials: Annotated[
        list[str],
        Meta(description="Void for good, in every copy.", examples=[["credential_06AVZR0TKB7Z8M2Q3R4S5T6V7W"]]),
    ]
    kept: Annotated[
        list[str],
        Meta(
            description="Void in every copy but those of the wallets that were kept.",
            examples=[["credential_06AVZR0TKB7Z8M2Q3R4S5T6V7X"]],
        ),
    ]
    card_tokens: Annotated[
        list[str],
        Meta(
            description="Cards in phones and watches: they pay again where they are resumed.",
            examples=[["token_06AVZR0TKB7Z8M2Q3R4S5T6V7W"]],
        ),
    ]


@post(
    "/v1/me/devices/{device_id:str}/lost",
    operation_id="loseDevice",
    opt={"scope": "me:write"},
    tags=["Devices"],
    summary="Report a device lost",
    status_code=200,
)
async def lose_device(
    device_id: FromPath[str],
    data: JSONBody[LoseDevice],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[LostDeviceView]:
    """End its passkey and sessions, all wallets with their copies of the ID but those to keep; pause cards in phones.

    Never the last device. The ID is offered to a wallet again once the passkey confirms it.
    """
    lost, keep = ids.parse("device", device_id), [ids.parse("session", each) for each in data.keep]
    operation = "device.lost_keeping" if data.keep else "device.lost"
    shown: stepup.Shown = {"device_id": device_id, **({"keeps": " ".join(data.keep)} if data.keep else {})}

    async def act(story: Story) -> LostDeviceView:
        db = await story()
        await stepup.redeem(db, house.settings, me, operation=operation, shown=shown, confirmation=data.step_up)
        ended = await lost_device.report(house, db, me, lost, keep=keep, now=clock.real(), at=story.now)
        return LostDeviceView(
            device=device_id,
            credentials=[ids.show("credential", each) for each in ended.credentials],
            kept=[ids.show("credential", each) for each in ended.kept],
            card_tokens=[ids.show("token", each) for each in ended.tokens],
        )

    return await once(act)


routes = [lose_device]
