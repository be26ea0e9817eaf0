"""Consents: a person's yes and no to each purpose, as rows that are only added to. The latest one holds.

says       app/http/mobile/consents.py    POST, DELETE /v1/me/consents
keeps      app/account/consent.py         give(), withdraw()     <- you are here
needs      app/http/mobile/applications.py   filing an application
           app/partners/confirming.py     confirming a placement
           app/partners/asking.py         and once more when the bank is about to be told
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from app import tables as house_tables
from app.account import purposes, tables
from app.account.events import ConsentGiven, ConsentWithdrawn
from app.language import Language
from law.calendar import statutory_date
from proof import journal

SERVICES = "services"
PARTNER_BANKS = "partner_banks"
PARTNERS_ABROAD = "partners_abroad"
_HOME = "KZ"


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """The latest word of a person about a purpose, to which text in which language, and where it was said."""

    purpose: str
    version: int
    given: bool
    text_version: str
    text_sha256: bytes
    language: Language
    client_id: str
    session: UUID
    at: datetime


class Words(msgspec.Struct, frozen=True):
    """What a person agrees to: the hash of the words, as they were shown in a language."""

    purpose: str
    sha256: bytes
    language: Language


class Where(msgspec.Struct, frozen=True):
    """By which client and session a person speaks."""

    client_id: str
    session: UUID


class ConsentMissing(Exception):
    """The person has not agreed to the purpose in the text in force, or took it back."""

    def __init__(self, purpose: str) -> None:
        super().__init__(purpose)
        self.purpose = purpose


class OtherText(Exception):
    """What was agreed to is not the text in force in this language: read it again."""

    def __init__(self, text_version: str) -> None:
        super().__init__(text_version)
        self.text_version = text_version


async def latest(db: AsyncConnection, holder: UUID) -> dict[str, Said]:
    """Load what a person said last, by purpose."""
    return (await _latest(db, [holder])).get(holder, {})


def holds(said: Said | None, at: datetime) -> bool:
    """Say whether a yes stands: the latest word is one, and to the text in force."""
    return (
        said is not None
        and said.given
        and said.text_version == purposes.of(said.purpose).text(statutory_date(at)).version
    )


async def require(db: AsyncConnection, holder: UUID, *wanted: str, at: datetime) -> None:
    """Let only those pass who agreed to every purpose of `wanted`; raises ConsentMissing for the first they did not."""
    said = await latest(db, holder)
    for purpose in wanted:
        if not holds(said.get(purpose), at):
            raise ConsentMissing(purpose)


async def towards(
    db: AsyncConnection, told: Sequence[tuple[UUID, UUID]], *, at: datetime
) -> list[ConsentMissing | None]:
    """Answer for each (person, partner) which consent is missing for telling the partner about the person.

    Any partner takes one (Law 94-V, art. 8, 15), a partner established abroad another one (art. 16).
    """
    said = await _latest(db, {holder for holder, _ in told})
    abroad = await _abroad(db, {partner for _, partner in told})
    missing: list[ConsentMissing | None] = []
    for holder, partner in told:
        wanted = (PARTNER_BANKS, PARTNERS_ABROAD) if partner in abroad else (PARTNER_BANKS,)
        mine = said.get(holder, {})
        lacking = next((purpose for purpose in wanted if not holds(mine.get(purpose), at)), None)
        missing.append(ConsentMissing(lacking) if lacking else None)
    return missing


async def established(db: AsyncConnection, partner: UUID, country: str) -> None:
    """Record where a partner is established (ISO 3166): what it takes to tell it about a person hangs on that."""
    await db.execute(_ESTABLISHED, {"partner": partner, "country": country})


async def _latest(db: AsyncConnection, holders: Collection[UUID]) -> dict[UUID, dict[str, Said]]:
    words = tables.consent.c
    query = (
        select(words.holder, *[words[field] for field in Said.__struct_fields__])
        .ext(distinct_on(words.holder, words.purpose))
        .where(words.holder.in_(holders))
        .order_by(words.holder, words.purpose, words.version.desc())
    )
    found: dict[UUID, dict[str, Said]] = {}
    for row in await db.execute(query):
        found.setdefault(row.holder, {})[row.purpose] = msgspec.convert(row, Said, from_attributes=True)
    return found


async def _abroad(db: AsyncConnection, partners: Collection[UUID]) -> set[UUID]:
    rows = await db.execute(_ABROAD, {"partners": list(partners), "home": _HOME})
    return {row.id for row in rows}


async def give(db: AsyncConnection, holder: UUID, words: Words, where: Where, *, at: datetime) -> Said:
    """Agree to the words; saying it twice is saying it once. Raises purposes.UnknownPurpose, OtherText."""
    purpose, sha256, tag = words.purpose, words.sha256, words.language
    shown = purposes.of(purpose).text(statutory_date(at))
    if sha256 != shown.sha256(tag):
        raise OtherText(shown.version)
    await _lock(db, holder)
    before = (await latest(db, holder)).get(purpose)
    if before is not None and before.given and before.text_sha256 == sha256:
        return before
    said = Said(
        purpose=purpose,
        version=(before.version if before else 0) + 1,
        given=True,
        text_version=shown.version,
        text_sha256=sha256,
        language=tag,
        client_id=where.client_id,
        session=where.session,
        at=at,
    )
    return await _say(db, holder, said, ConsentGiven(purpose=purpose, text_version=shown.version))


async def withdraw(db: AsyncConnection, holder: UUID, purpose: str, where: Where, *, at: datetime) -> Said | None:
    """Take a yes back, from now on; None for who never said it. Raises purposes.UnknownPurpose."""
    purposes.of(purpose)
    await _lock(db, holder)
    before = (await latest(db, holder)).get(purpose)
    if before is None or not before.given:
        return before
    said = msgspec.structs.replace(
        before, version=before.version + 1, given=False, client_id=where.client_id, session=where.session, at=at
    )
    return await _say(db, holder, said, ConsentWithdrawn(purpose=purpose))


async def _say(db: AsyncConnection, holder: UUID, said: Said, event: ConsentGiven | ConsentWithdrawn) -> Said:
    await db.execute(insert(tables.consent).values(holder=holder, **msgspec.structs.asdict(said)))
    fact = journal.Fact(aggregate=holder, holder=holder, at=said.at, actor=f"resident:{holder}", event=event)
    await journal.append(db, house_tables.event, fact)
    return said


async def _lock(db: AsyncConnection, holder: UUID) -> None:
    """Wait for the person's other words, so that their versions follow each other."""
    await db.execute(_LOCK, {"holder": str(holder)})


_ESTABLISHED = text("UPDATE app.partner SET country = :country WHERE id = :partner AND country <> :country")
_ABROAD = text("SELECT id FROM app.partner WHERE id = ANY (:partners) AND country <> :home")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('app.consent:' || :holder, 0))")
