"""Tokens for whoever tests an installation from outside: of any role, for any subject, bound to no key.

Only where the clock is virtual (demo, test); `token.Reader` takes no unbound token anywhere else either.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from app import ids
from app.auth import scopes, session, subject, token
from app.auth.door import Door
from app.auth.principal import Role
from app.auth.subject import Subject
from app.db import Story
from app.settings import Settings

LASTS = timedelta(hours=1)


class NotHere(Exception):
    """This installation is for real people; nothing is minted."""


class OtherRole(Exception):
    """The subject exists in another role, `role`."""

    def __init__(self, role: Role) -> None:
        super().__init__(role)
        self.role = role


class ScopeNotHeld(Exception):
    """The role may not hold `scopes`."""

    def __init__(self, missing: frozenset[str]) -> None:
        super().__init__(missing)
        self.scopes = " ".join(sorted(missing))


class Minted(msgspec.Struct, frozen=True):
    """A token for `Authorization: Bearer`."""

    subject: UUID
    access_token: str
    expires_in: int


async def mint(
    story: Story,
    settings: Settings,
    door: Door,
    *,
    role: Role,
    of: UUID | None = None,
    name: str | None = None,
    asked: frozenset[str] | None = None,
    lasts: timedelta = LASTS,
    now: datetime,
) -> Minted:
    """Open a session for the subject `of`, who comes to be if new, and make its token; the story speaks for it then.

    `asked` are the scopes, by default all of the role. Raises NotHere, OtherRole, ScopeNotHeld.
    """
    if not settings.virtual:
        raise NotHere
    wanted = scopes.held_by(role) if asked is None else asked
    if missing := wanted - scopes.allowed(role, wanted):
        raise ScopeNotHeld(missing)
    who = await _subject(story, role, of or ids.new(), name, now)
    opened = await session.begin(
        await story(),
        who,
        opened_by="mint",
        client_id="mint",
        jkt=None,
        scopes=wanted,
        at=now,
        lasts=min(lasts, token.BEARER_LIFETIME_MAX),
    )
    access = door.access(opened, now)
    return Minted(who.id, access.token, access.expires_in)


async def _subject(story: Story, role: Role, of: UUID, name: str | None, now: datetime) -> Subject:
    await story.speak_for(of)
    db = await story()
    new = Subject(of, role, "" if role == "resident" else name or f"{role}-{str(of)[-6:]}")
    await subject.register(db, new, now)
    found = await subject.find(db, of)
    assert found is not None, "just registered, or known"
    if found.role != role:
        raise OtherRole(found.role)
    return found
