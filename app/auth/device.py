"""A person's devices: each is a passkey that signs them in, with the sessions it opened.

route      app/http/mobile/devices.py
adds       app/auth/subject.py          invite_device(), then a registration with that invitation
names      app/auth/device.py           rename(), remove(), warn()       <- you are here

A passkey that was used stays in the table as long as the evidence that refers to it; removed, it signs nobody in.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import vault
from app.auth import contact, message, passkey, session, subject, tables
from app.auth.events import PasskeyRegressed, PasskeyRemoved
from app.auth.message import Notice
from app.auth.principal import Principal
from app.auth.subject import Subject
from app.tables import event
from proof import journal
from proof.kms import Kms

#: Where passkeys live, by the authenticator's id, where makers publish theirs (passkey-authenticator-aaguids).
PROVIDERS = {
    UUID("fbfc3007-154e-4ecc-8c0b-6e020557d7bd"): "iCloud Keychain",
    UUID("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4"): "Google Password Manager",
    UUID("53414d53-554e-4700-0000-000000000000"): "Samsung Pass",
    UUID("08987058-cadc-4b81-b6e1-30de50dcbe96"): "Windows Hello",
    UUID("bada5566-a7aa-401f-bd96-45619a55120d"): "1Password",
    UUID("d548826e-79b4-db40-a3d8-11116f7e8349"): "Bitwarden",
}


class Unknown(Exception):
    """The person has no such device."""


class OnlyDevice(Exception):
    """Nobody could sign in any more: the last device is not removed."""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One passkey of its owner. `regressed_at` is when its counter showed that there is a copy of it."""

    id: UUID
    passkey: bytes
    aaguid: UUID
    synced: bool
    backed_up: bool
    at: datetime
    used_at: datetime
    regressed_at: datetime | None
    name: str | None

    @property
    def provider(self) -> str | None:
        """Who keeps the passkey, where that is known."""
        return PROVIDERS.get(self.aaguid)


async def of(db: AsyncConnection, kms: Kms, owner: UUID) -> list[Device]:
    """List the devices of `owner` that may sign in, the oldest first."""
    columns = tables.passkey.c
    rows = (await db.execute(select(tables.passkey).where(_standing(owner)).order_by(columns.at, columns.device))).all()
    safe = await vault.existing(db, kms, owner) if any(row.name for row in rows) else None
    return [
        Device(
            id=row.device,
            passkey=row.id,
            aaguid=row.aaguid,
            synced=row.synced,
            backed_up=row.backed_up,
            at=row.at,
            used_at=row.used_at,
            regressed_at=row.regressed_at,
            name=_named(safe, row.name, row.device) if row.name and safe else None,
        )
        for row in rows
    ]


async def opened(db: AsyncConnection, session: UUID) -> bytes | None:
    """Say which passkey opened a session; None for one that was not opened by a passkey."""
    columns = tables.session.c
    passkey: bytes | None = await db.scalar(select(columns.passkey).where(columns.id == session))
    return passkey


async def of_passkey(db: AsyncConnection, passkey: bytes) -> UUID:
    """Say which device a passkey is."""
    found: UUID = (await db.execute(select(tables.passkey.c.device).where(tables.passkey.c.id == passkey))).scalar_one()
    return found


async def of_session(db: AsyncConnection, session: UUID | None) -> UUID | None:
    """Say on which device somebody is signed in; None where no passkey opened the session."""
    passkey = await opened(db, session) if session is not None else None
    return await of_passkey(db, passkey) if passkey is not None else None


async def rename(db: AsyncConnection, kms: Kms, owner: UUID, device: UUID, *, name: str, now: datetime) -> None:
    """Call a device `name`; raises Unknown. People name devices after themselves, so the name is sealed."""
    safe = await vault.of(db, kms, owner, now)
    sealed = safe.seal(name.encode(), table="app.passkey", column="name", row=device)
    mine = _standing(owner) & (tables.passkey.c.device == device)
    renamed = await db.execute(update(tables.passkey).where(mine).values(name=sealed).returning(tables.passkey.c.id))
    if renamed.one_or_none() is None:
        raise Unknown


async def remove(
    db: AsyncConnection, kms: Kms, me: Principal, device: UUID, now: datetime, *, notice: Notice = "device_removed"
) -> None:
    """Let a device sign in no more and end its sessions; raises Unknown, OnlyDevice."""
    owner = await _locked(db, me.subject)
    columns = tables.passkey.c
    rows = (await db.execute(select(columns.id, columns.device).where(_standing(owner.id)))).all()
    gone = next((row.id for row in rows if row.device == device), None)
    if gone is None:
        raise Unknown
    if len(rows) == 1:
        raise OnlyDevice
    # First the passkey, then its sessions: a sign-in under way holds the passkey's row, and its session is seen then.
    await db.execute(update(tables.passkey).where(columns.id == gone).values(removed_at=now, removed_why="removed"))
    await session.end_all(db, owner, "device_removed", now, passkey=gone)
    await _record(db, owner, PasskeyRemoved(device=device, why="removed"), now)
    told = await contact.addresses(db, kms, owner.id)
    await message.notify(db, kms, notice, told, subject=owner.id, now=now)


async def leave_behind(db: AsyncConnection, owner: Subject, kept: passkey.New, now: datetime) -> None:
    """Let none but the passkey `kept` sign in any more, and end every session: the account was recovered with it."""
    columns = tables.passkey.c
    others = _standing(owner.id) & (columns.id != kept.id)
    left = (
        update(tables.passkey).where(others).values(removed_at=now, removed_why="recovered").returning(columns.device)
    )
    for device in (await db.scalars(left)).all():
        await _record(db, owner, PasskeyRemoved(device=device, why="recovered"), now)
    await session.end_all(db, owner, "recovered", now)


async def announce(db: AsyncConnection, kms: Kms, owner: UUID, now: datetime) -> None:
    """Tell `owner`, for whom the story speaks, that a further device may sign in."""
    told = await contact.addresses(db, kms, owner)
    await message.notify(db, kms, "device_added", told, subject=owner, now=now)


async def warn(db: AsyncConnection, kms: Kms, regressed: passkey.Regressed, now: datetime) -> None:
    """Remember that there seem to be two of a passkey, and write to its owner, for whom the story speaks."""
    if await remember(db, regressed, now):
        told = await contact.addresses(db, kms, regressed.subject)
        await message.notify(db, kms, "passkey_copied", told, subject=regressed.subject, now=now)


async def remember(db: AsyncConnection, regressed: passkey.Regressed, now: datetime) -> bool:
    """Remember that there seem to be two of a passkey, where it stands: its owner sees it, and is told by the feed."""
    owner = await subject.find(db, regressed.subject)
    columns = tables.passkey.c
    mine = _standing(regressed.subject) & (columns.id == regressed.passkey)
    device = await db.scalar(update(tables.passkey).where(mine).values(regressed_at=now).returning(columns.device))
    if owner is None or device is None:
        return False
    await _record(db, owner, PasskeyRegressed(device=device), now)
    return True


async def _locked(db: AsyncConnection, owner: UUID) -> Subject:
    """Load a subject and hold it: of two who remove its last two devices the second waits, and then sees one."""
    await db.execute(select(tables.subject.c.id).where(tables.subject.c.id == owner).with_for_update(key_share=True))
    return await subject.admitted(db, owner)


def _standing(owner: UUID) -> ColumnElement[bool]:
    return (tables.passkey.c.subject == owner) & tables.passkey.c.removed_at.is_(None)


def _named(safe: vault.Vault, sealed: bytes, device: UUID) -> str:
    return safe.open(sealed, table="app.passkey", column="name", row=device).decode()


async def _record(db: AsyncConnection, owner: Subject, fact: PasskeyRemoved | PasskeyRegressed, at: datetime) -> None:
    actor = f"{owner.role}:{owner.id}"
    await journal.append(db, event, journal.Fact(aggregate=owner.id, holder=owner.id, at=at, actor=actor, event=fact))
