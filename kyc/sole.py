"""One account for each person: whether somebody else came with this document, or is this person.

looks      kyc/identify.py         store()        each time a document is shown that is not forged
looks      kyc/sole.py             look()         <- you are here
claims     kyc/cases/records.py    follow()       before the machine approves
           kyc/cases/review.py     give()         before two officers do

To look is one thing, to claim another. A document in doubt claims nothing, or whoever shows a bad copy of it first
would stand in the way of the genuine one; but it is held against what others claimed all the same, and claims when it
identifies somebody after all. What it would claim stands in its look, by keyed digest.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import names
from kyc.check import Finding, Verdict
from kyc.mrz import Mrz

CHECK = "person.unique"


async def look(
    db: AsyncConnection,
    zone: Mrz,
    blind: Callable[[str, str], bytes],
    *,
    resident: UUID,
    document: UUID,
    at: datetime | None,
) -> Finding:
    """Hold a document and its holder against what others claimed; claim both where `at` is given."""
    wanted = {
        "document": blind("kyc.document", f"{zone.issuer}|{zone.number}"),
        "person": blind(
            "kyc.person",
            f"{names.normalise(f'{zone.given} {zone.surname}')}|{zone.born.text()}|{zone.nationality}",
        ),
    }
    evidence = tuple(f"{kind}:{digest.hex()}" for kind, digest in wanted.items())
    return _finding(await _taken(db, wanted, resident=resident, document=document, at=at), evidence)


async def again(
    db: AsyncConnection, evidence: tuple[str, ...], *, resident: UUID, document: UUID, at: datetime | None
) -> Finding:
    """Look again at what an earlier look was at, by its evidence."""
    wanted = {kind: bytes.fromhex(digest) for kind, _, digest in (each.partition(":") for each in evidence)}
    return _finding(await _taken(db, wanted, resident=resident, document=document, at=at), evidence)


async def _taken(
    db: AsyncConnection, wanted: Mapping[str, bytes], *, resident: UUID, document: UUID, at: datetime | None
) -> list[str]:
    """Name what is another's; claims the rest where `at` is given, and of two at once the second waits."""
    taken = []
    for kind, digest in wanted.items():
        mine = (
            func.kyc.claim_free(kind, digest, resident)
            if at is None
            else func.kyc.claim_first(kind, digest, resident, document, at)
        )
        if not (await db.execute(select(mine))).scalar_one():
            taken.append(kind)
    return taken


def _finding(taken: Iterable[str], evidence: tuple[str, ...]) -> Finding:
    named = ", ".join(taken)
    return Finding(
        CHECK, Verdict.REVIEW if named else Verdict.PASS, {"taken": named} if named else {}, evidence=evidence
    )
