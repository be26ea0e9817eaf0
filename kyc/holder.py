"""Whether one account shows documents of one person: every genuine document is held against those shown before.

asks      kyc/identify.py    store()
judges    kyc/holder.py      judge()       <- you are here

A chip proves data, not who brings it: a stolen passport beside one's own is two people in one account. The number and
the nationality may differ, for people hold two passports; a name may for good reasons, and two officers look at those.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import names, tables
from kyc.check import Finding, Verdict
from kyc.chip.report import SIGNED
from kyc.document import Person

CHECK = "document.same_holder"


class Safe(Protocol):
    """A person's own key: what app.vault.Vault is."""

    def seal(self, plaintext: bytes, *, table: str, column: str, row: UUID) -> bytes:
        """Seal one field for its place."""
        ...

    def open(self, sealed: bytes, *, table: str, column: str, row: UUID) -> bytes:
        """Open one field that was sealed for this place."""
        ...


class Safes(Protocol):
    """Opens the keys of several people at once: what app.vault.look_at_all is, for somebody who is named."""

    async def __call__(self, db: AsyncConnection, people: Collection[UUID], /) -> Mapping[UUID, Safe]:
        """Give the key of each; who has none any more is left out."""
        ...


def known(resident: UUID, safe: Safe) -> Safes:
    """Open the key of one person that is open already."""

    async def safes(_: AsyncConnection, people: Collection[UUID]) -> Mapping[UUID, Safe]:
        return {each: safe for each in people if each == resident}

    return safes


async def look(db: AsyncConnection, safe: Safe, resident: UUID, shown: Person) -> tuple[Finding, ...]:
    """Hold a genuine document against the resident's earlier ones; nothing where it is the first."""
    stored = tables.document.c
    earlier = select(stored.id, stored.person).where(stored.resident == resident, stored.grade.in_(SIGNED))
    return judge(
        shown,
        [
            msgspec.json.decode(safe.open(row.person, table="kyc.document", column="person", row=row.id), type=Person)
            for row in await db.execute(earlier)
        ],
    )


def judge(shown: Person, earlier: Iterable[Person]) -> tuple[Finding, ...]:
    """Name in what a document differs from any that was shown before, and not what either says."""
    features = _features(shown)
    others = [_features(each) for each in earlier]
    if not others:
        return ()
    differs = [name for name, value in features.items() if any(other[name] != value for other in others)]
    verdict = Verdict.REVIEW if differs else Verdict.PASS
    return (Finding(CHECK, verdict, {"differs": ", ".join(differs)} if differs else {}),)


def _features(person: Person) -> dict[str, str]:
    return {"name": names.normalise(f"{person.given} {person.surname}"), "born": person.born, "sex": person.sex}
