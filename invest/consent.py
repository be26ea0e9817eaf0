"""Opting in and out: nobody is in by default, and whoever leaves is out at once (D2.5-a).

A consent is to one version of a text, by its hash. A new version asks everybody again; placements made before run on.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from invest import events, tables
from proof import journal


class ConsentRequired(Exception):
    """The resident has not opted in to the text in force."""


class TextChanged(Exception):
    """The text agreed to is not the one in force: read it again. `text_version` is the one in force."""

    def __init__(self, text_version: int) -> None:
        super().__init__(text_version)
        self.text_version = text_version


class Text(msgspec.Struct, frozen=True):
    """What a resident agrees to, by language; `sha256` is over the stored text that holds all three."""

    version: int
    languages: dict[str, str]
    sha256: bytes


class Consent(msgspec.Struct, frozen=True):
    """The latest word of a resident: `given` to the text of `text_version`, or taken back."""

    version: int
    given: bool
    text_version: int
    at: datetime


async def text_in_force(db: AsyncConnection, at: datetime) -> Text:
    """Load the text in force at the instant `at`; there always is one (revision 0008 brings the first)."""
    texts = tables.consent_text
    query = select(texts).where(texts.c.valid_from <= at).order_by(texts.c.version.desc()).limit(1)
    row = (await db.execute(query)).mappings().one()
    return Text(row["version"], msgspec.json.decode(row["body"], type=dict[str, str]), row["sha256"])


async def latest(db: AsyncConnection, holder: UUID) -> Consent | None:
    """Load what the resident said last; None if never asked."""
    consents = tables.consent
    query = select(consents).where(consents.c.holder == holder).order_by(consents.c.version.desc()).limit(1)
    row = (await db.execute(query)).mappings().one_or_none()
    return _consent(row) if row else None


def holds(said: Consent | None, in_force: Text) -> bool:
    """Say whether the resident is in: the latest word is yes, and to the text in force."""
    return said is not None and said.given and said.text_version == in_force.version


async def require(db: AsyncConnection, holder: UUID, at: datetime) -> None:
    """Let only those pass who are in; raises ConsentRequired."""
    if not holds(await latest(db, holder), await text_in_force(db, at)):
        raise ConsentRequired


async def is_new(db: AsyncConnection, holder: UUID, sha256: bytes, at: datetime) -> bool:
    """Say whether opting in to the text whose hash is `sha256` would change anything; raises TextChanged."""
    await _lock(db, holder)
    in_force = await text_in_force(db, at)
    if sha256 != in_force.sha256:
        raise TextChanged(in_force.version)
    return not holds(await latest(db, holder), in_force)


async def give(db: AsyncConnection, holder: UUID, sha256: bytes, *, at: datetime, actor: str) -> Consent:
    """Opt in to the text whose hash is `sha256`; saying it twice is saying it once. Raises TextChanged."""
    await _lock(db, holder)
    in_force = await text_in_force(db, at)
    if sha256 != in_force.sha256:
        raise TextChanged(in_force.version)
    said = await latest(db, holder)
    if said is not None and holds(said, in_force):
        return said
    return await _say(db, holder, said, given=True, text_version=in_force.version, at=at, actor=actor)


async def withdraw(db: AsyncConnection, holder: UUID, *, at: datetime, actor: str) -> Consent | None:
    """Opt out at once; None, and nothing happens, for who never was in."""
    await _lock(db, holder)
    said = await latest(db, holder)
    if said is None or not said.given:
        return said
    return await _say(db, holder, said, given=False, text_version=said.text_version, at=at, actor=actor)


async def _lock(db: AsyncConnection, holder: UUID) -> None:
    """Wait for the holder's other opt-ins and opt-outs, so that the versions follow each other."""
    await db.execute(_LOCK, {"holder": str(holder)})


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('invest.consent:' || :holder, 0))")


async def _say(
    db: AsyncConnection, holder: UUID, said: Consent | None, *, given: bool, text_version: int, at: datetime, actor: str
) -> Consent:
    consent = Consent((said.version if said else 0) + 1, given, text_version, at)
    row = msgspec.structs.asdict(consent) | {"holder": holder, "actor": actor}
    await db.execute(tables.consent.insert().values(row))
    event = events.ConsentGiven(text_version) if given else events.ConsentWithdrawn(text_version)
    fact = journal.Fact(aggregate=holder, holder=holder, at=at, actor=actor, event=event)
    await journal.append(db, tables.event, fact)
    return consent


def _consent(row: RowMapping) -> Consent:
    return Consent(row["version"], row["given"], row["text_version"], row["at"])
