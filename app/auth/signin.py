"""Coming in with a passkey: the first time, which makes the subject, and every time after.

begin    a challenge                                                          challenge.issue()
answer   passkey believed, challenge used up, session opened, tokens made     <- you are here
later    the tokens are renewed                                               refresh.rotate()
"""

from datetime import datetime
from uuid import UUID

import msgspec

from app.auth import challenge, duty, passkey, refresh, session, subject
from app.auth.credential import Assertion, Attestation, CreationOptions
from app.auth.door import Access, Door
from app.auth.session import Session
from app.auth.subject import Subject
from app.db import Story
from app.settings import Settings


class Tokens(msgspec.Struct, frozen=True):
    """What a sign-in gives; `device` names the passkey of a registration."""

    session: Session
    access: Access
    refresh: str
    device: UUID | None = None


class InvitationMissing(Exception):
    """The registration was begun with an invitation and is finished without it, or with another."""


async def begin(
    story: Story, settings: Settings, invitation: str | None, now: datetime
) -> tuple[challenge.Challenge, CreationOptions]:
    """Ask for a new passkey, for the subject of `invitation` or for a new resident; raises InvitationSpent."""
    shown = await subject.invited(story, invitation, now, spend=False) if invitation is not None else None
    made = await challenge.issue(await story(), "registration", now, invitation=shown.hash if shown else None)
    # A new resident's id is that of the registration: known to the device from the first moment, stored at the last.
    owner = shown.subject if shown else made.id
    return made, passkey.creation_options(settings, owner, made.challenge)


async def enrol(
    story: Story,
    settings: Settings,
    door: Door,
    registration: UUID,
    attestation: Attestation,
    *,
    invitation: str | None,
    jkt: str,
    now: datetime,
) -> Tokens:
    """Keep the new passkey and sign in with it; raises Spent, InvitationMissing, InvitationSpent, passkey.Refused."""
    asked = await challenge.spend(await story(), registration, "registration", now)
    owner = await _owner(story, asked, invitation, now)
    new = await passkey.add(await story(), settings, owner, attestation, challenge_bytes=asked.challenge, at=now)
    opened = await _open(story, door, owner, new.id, jkt=jkt, now=now)
    return msgspec.structs.replace(opened, device=new.device)


async def sign_in(
    story: Story, settings: Settings, door: Door, asked: UUID, assertion: Assertion, *, jkt: str, now: datetime
) -> Tokens | passkey.Regressed:
    """Open a session for whoever's passkey signed; raises Spent, passkey.Refused, Suspended.

    A passkey that seems to be a copy is refused by a value, not an exception: it is to be remembered (device.warn()).
    """
    spent = await challenge.spend(await story(), asked, "assertion", now)
    try:
        who, proven = await passkey.signed(story, settings, assertion, challenge_bytes=spent.challenge, at=now)
    except passkey.Regressed as regressed:
        return regressed
    return await _open(story, door, await subject.admitted(await story(), who), proven.passkey, jkt=jkt, now=now)


async def _owner(story: Story, asked: challenge.Challenge, invitation: str | None, now: datetime) -> Subject:
    if invitation is not None:
        shown = await subject.invited(story, invitation, now, spend=True)
        if shown.hash != asked.invitation:
            raise InvitationMissing
        return await subject.admitted(await story(), shown.subject)
    if asked.invitation is not None:
        raise InvitationMissing
    resident = Subject(asked.id, "resident", "")
    await story.speak_for(resident.id)
    await subject.register(await story(), resident, now)
    return resident


async def _open(story: Story, door: Door, who: Subject, signed_by: bytes, *, jkt: str, now: datetime) -> Tokens:
    db = await story()
    held = await duty.scopes_of(db, who.role, who.id)
    opened = await session.begin(
        db, who, opened_by="passkey", client_id=session.APP, jkt=jkt, scopes=held, at=now, passkey=signed_by
    )
    return Tokens(opened, door.access(opened, now), await refresh.first(db, opened))
