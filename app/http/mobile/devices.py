"""A person's devices: list, add, name, remove.

path   POST   /v1/me/devices       ->  app/auth/subject.py   invite_device()
       a registration with that invitation, on this device or another one: app/http/mobile/auth.py
       DELETE /v1/me/devices/{id}  ->  app/auth/device.py    remove()

Adding takes no Idempotency-Key: the answer is a secret, which is not kept; a lost one is asked for anew.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import clock
from app.auth import challenge, device, passkey, stepup, subject
from app.auth.credential import CreationOptions
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wire import LINE, Wire

_TAGS = ["Devices"]


class DeviceView(Wire, frozen=True, kw_only=True):
    """A passkey that signs the caller in."""

    id: Annotated[str, Meta(examples=["device_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    name: Annotated[str | None, Meta(description="As its owner calls it.", examples=["The blue phone"])] = None
    provider: Annotated[str | None, Meta(description="Who keeps it, where known.", examples=["iCloud Keychain"])] = None
    aaguid: Annotated[UUID, Meta(description="The kind of authenticator; zeros where it does not say.")]
    synced: Annotated[bool, Meta(description="It may be on several devices of one cloud account.")]
    backed_up: Annotated[bool, Meta(description="It is in that cloud now.")]
    added_at: datetime
    last_used_at: datetime
    copied_at: Annotated[
        datetime | None, Meta(description="When its counter showed that somebody has a copy: remove it.")
    ] = None
    this_one: Annotated[bool, Meta(description="It opened the session of this request.")]


class Devices(Wire, frozen=True):
    """Every device that may sign in, the oldest first."""

    devices: list[DeviceView]


class AddDevice(Wire, frozen=True):
    """The confirmation of `device.add`, which shows the caller's id as `account`."""

    step_up: stepup.Confirmation | None = None


class AddedDevice(Wire, frozen=True, kw_only=True):
    """How the further passkey registers.

    On this device: answer `options` at `/v1/auth/registrations/{id}/passkey`, with the invitation. On another device:
    hand it `invitation`, as a QR code, with which it begins a registration of its own.
    """

    id: Annotated[str, Meta(examples=["registration_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    options: CreationOptions
    invitation: Annotated[str, Meta(examples=["AZLzwNtZcAi0eJ0lYHp2c4n5bq1mZ2pX0f3dQe8wVt6K9uRjYhGkLxTnBvCsMaDq"])]
    expires_at: Annotated[datetime, Meta(description="After this instant the invitation is void.")]


class NameDevice(Wire, frozen=True):
    """What the device is called from now on."""

    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=LINE, examples=["The blue phone"])]


class RemoveDevice(Wire, frozen=True):
    """The confirmation of `device.remove`, which shows the `device_id`."""

    step_up: stepup.Confirmation | None = None


_UNCONFIRMED = RemoveDevice()


@get(
    "/v1/me/devices",
    operation_id="listDevices",
    opt={"scope": "me:read"},
    tags=_TAGS,
    summary="My devices",
)
async def list_devices(
    me: NamedDependency[Principal], story: NamedDependency[Story], house: NamedDependency[House]
) -> Devices:
    """List the passkeys that sign the caller in."""
    db = await story()
    mine = await device.opened(db, me.session) if me.session else None
    return Devices(devices=[_view(each, mine) for each in await device.of(db, house.keys.kms, me.subject)])


@post(
    "/v1/me/devices",
    operation_id="addDevice",
    opt={"scope": "me:write"},
    tags=_TAGS,
    summary="Begin to add a device",
)
async def add_device(
    data: JSONBody[AddDevice],
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> AddedDevice:
    """Invite a further passkey of the caller, for ten minutes; confirmed with one that is here."""
    db, now = await story(), clock.real()
    shown: stepup.Shown = {"account": ids.show(me.role, me.subject)}
    await stepup.redeem(db, house.settings, me, operation="device.add", shown=shown, confirmation=data.step_up)
    invited = await subject.invite_device(db, me.subject, now)
    made = await challenge.issue(db, "registration", now, invitation=invited.hash)
    return AddedDevice(
        id=ids.show("registration", made.id),
        options=passkey.creation_options(house.settings, me.subject, made.challenge),
        invitation=invited.text,
        expires_at=now + subject.DEVICE_INVITATION_LIFETIME,
    )


@put(
    "/v1/me/devices/{device_id:str}/name",
    operation_id="nameDevice",
    opt={"scope": "me:write"},
    tags=_TAGS,
    summary="Name a device",
    status_code=204,
)
async def name_device(
    device_id: FromPath[str],
    data: JSONBody[NameDevice],
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> None:
    """Call one of the caller's devices something."""
    db, named = await story(), ids.parse("device", device_id)
    await device.rename(db, house.keys.kms, me.subject, named, name=data.name, now=clock.real())


@delete(
    "/v1/me/devices/{device_id:str}",
    operation_id="removeDevice",
    opt={"scope": "me:write"},
    tags=_TAGS,
    summary="Remove a device",
)
async def remove_device(
    device_id: FromPath[str],
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    data: JSONBody[RemoveDevice] = _UNCONFIRMED,
) -> None:
    """Let a device sign in no more; its sessions end at once. Confirmed with a passkey; never the last one."""
    db, gone = await story(), ids.parse("device", device_id)
    shown: stepup.Shown = {"device_id": device_id}
    await stepup.redeem(db, house.settings, me, operation="device.remove", shown=shown, confirmation=data.step_up)
    await device.remove(db, house.keys.kms, me, gone, clock.real())


def _view(each: device.Device, mine: bytes | None) -> DeviceView:
    return DeviceView(
        id=ids.show("device", each.id),
        name=each.name,
        provider=each.provider,
        aaguid=each.aaguid,
        synced=each.synced,
        backed_up=each.backed_up,
        added_at=each.at,
        last_used_at=each.used_at,
        copied_at=each.regressed_at,
        this_one=each.passkey == mine,
    )


routes = [list_devices, add_device, name_device, remove_device]
