"""What officers write about a case, under the applicant's own key: sealed when written, opened for who may read it.

writes   app/http/officer/cases.py          review_case()      for colleagues, for the applicant
reads    app/http/officer/cases.py          get_case()         both
         app/http/mobile/applications.py    get_timeline()     what the applicant was told
seals    app/remarks.py                     step()             what was written in clear before revision 0015
"""

from collections.abc import Iterable
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids, vault
from app.access import Look
from app.db import transaction
from app.house import House
from app.vault import Vault
from proof.kms import Kms
from residency import tables
from residency.comment import Audience, Comment

_AT_ONCE = 100


class Written(msgspec.Struct, frozen=True):
    """What an officer writes with a review; empty is nothing."""

    officers: str = ""
    applicant: str | None = None


async def sealed(db: AsyncConnection, kms: Kms, person: UUID, written: Written, why: Look) -> tuple[Comment, ...]:
    """Seal what is written about a person; raises app.vault.Erased where there is anything to seal and no key."""
    said = ((Audience.OFFICERS, written.officers), (Audience.APPLICANT, written.applicant))
    given = [(audience, words) for audience, words in said if words]
    if not given:
        return ()
    keys = await vault.look(db, kms, person, why)
    made = [(ids.new(), audience, words) for audience, words in given]
    return tuple(Comment(id_, audience, _seal(keys, id_, words)) for id_, audience, words in made)


async def read(db: AsyncConnection, kms: Kms, person: UUID, comments: Iterable[Comment], why: Look) -> dict[UUID, str]:
    """Open comments for an officer, by id; of somebody erased there is nothing to read."""
    if not (wanted := list(comments)):
        return {}
    try:
        keys = await vault.look(db, kms, person, why)
    except vault.Erased:
        return {}
    return {each.id: opened(keys, each) for each in wanted}


def opened(keys: Vault, comment: Comment) -> str:
    """Open one comment with the key of the person it is about."""
    return keys.open(comment.sealed, table="residency.comment", column="sealed", row=comment.id).decode()


async def step(house: House) -> int:
    """Seal comments that were written before there was a key to seal them with; answers how many."""
    columns = tables.comment.c
    waiting = (
        select(columns.id, columns.resident, columns.unsealed)
        .where(columns.unsealed.is_not(None))
        .order_by(columns.id)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    async with transaction(house.worker) as story:
        db = await story()
        rows = (await db.execute(waiting)).all()
        for row in rows:
            # Another connection, because it is another role: a key is made for nobody but whom the story speaks for.
            async with transaction(house.api, holder=row.resident, audience="resident") as theirs:
                keys = await vault.of(await theirs(), house.keys.kms, row.resident, theirs.now)
            now_sealed = {"sealed": _seal(keys, row.id, row.unsealed), "unsealed": None}
            await db.execute(update(tables.comment).where(columns.id == row.id).values(now_sealed))
    return len(rows)


def _seal(keys: Vault, comment: UUID, words: str) -> bytes:
    return keys.seal(words.encode(), table="residency.comment", column="sealed", row=comment)
