"""All lists in force together, by number: the one thing a look at somebody names.

A list that changes and rules that compare otherwise both make the next edition, so "looked up in edition 41" says what
with and how; everybody who is at an earlier one is due.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc.lists.tables import list_edition, list_part, list_source


class Edition(msgspec.Struct, frozen=True):
    """`parts` are the digests of the versions in force, by source; `rules` names what compares with them."""

    number: int
    rules: str
    at: datetime
    parts: Mapping[str, bytes]

    def named(self) -> str:
        """Name the lists for a record: source and the head of the digest."""
        return ", ".join(f"{source}@{digest.hex()[:16]}" for source, digest in sorted(self.parts.items()))


async def newest(db: AsyncConnection) -> Edition | None:
    """Read what is in force; None where no list ever came."""
    number = await db.scalar(_NEWEST)
    return None if number is None else await find(db, number)


async def number_in_force(db: AsyncConnection) -> int:
    """Answer the number of the newest edition; 0 where no list ever came."""
    return await db.scalar(_NEWEST) or 0


async def find(db: AsyncConnection, number: int) -> Edition:
    """Read an edition."""
    row = (await db.execute(select(list_edition).where(list_edition.c.number == number))).one()
    rows = await db.execute(select(list_part.c.source, list_part.c.digest).where(list_part.c.edition == number))
    return Edition(row.number, row.rules, row.at, {part.source: bytes(part.digest) for part in rows})


async def missing(db: AsyncConnection) -> tuple[str, ...]:
    """Name the sources that are asked for a list and never gave one."""
    never = select(list_source.c.source).where(list_source.c.digest.is_(None)).order_by(list_source.c.source)
    return tuple(await db.scalars(never))


async def issue(db: AsyncConnection, *, at: datetime, rules: str, source: str = "", digest: bytes = b"") -> int:
    """Issue the next edition, with another version of one list, or other rules; answers its number."""
    await db.execute(_ONE_AT_A_TIME)
    before = await newest(db)
    parts = {**(before.parts if before else {}), **({source: digest} if source else {})}
    number = before.number + 1 if before else 1
    await db.execute(insert(list_edition).values(number=number, rules=rules, at=at))
    await db.execute(
        insert(list_part), [{"edition": number, "source": of, "digest": parts[of]} for of in sorted(parts)]
    )
    return number


_NEWEST = text("SELECT max(number) FROM kyc.list_edition")
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('kyc.list_edition'))")
