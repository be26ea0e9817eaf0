"""Who may open a wallet: an e-resident whom a document in force identifies, at the level that the law asks of owners.

route    POST /v1/wallets           app/http/mobile/wallet.py
decides  app/limiting/opening.py    missing()        <- you are here

Below that level the law leaves three MCI (law/seed.py, F-31), which is no wallet to begin with; whoever falls below it
later, because a document runs out, keeps the wallet within those limits.
"""

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app import standing
from kyc import standing as kyc_standing
from kyc.standing import Standing
from law import calendar


class Missing(enum.StrEnum):
    """What still lacks before a wallet opens, in the order in which it is obtained."""

    DOCUMENT = "document"
    DOCUMENT_ACCEPTED = "document_accepted"
    DOCUMENT_DECIDED = "document_decided"
    DOCUMENT_IN_FORCE = "document_in_force"
    E_RESIDENCY = "e_residency"


class NotIdentifiedYet(Exception):
    """The wallet waits for identification: `missing` says what lacks."""

    def __init__(self, missing: Missing) -> None:
        super().__init__(missing)
        self.missing = missing


_BY_OUTCOME = {
    None: Missing.DOCUMENT,
    "refused": Missing.DOCUMENT_ACCEPTED,
    "review": Missing.DOCUMENT_DECIDED,
    "expired": Missing.DOCUMENT_IN_FORCE,
}


def missing(known: Standing, *, e_resident: bool) -> tuple[Missing, ...]:
    """Answer what lacks, given what kyc knows and whether residency calls them an e-resident."""
    lacks = [] if known.identified else [_BY_OUTCOME[known.outcome]]
    return (*lacks, *([] if e_resident else [Missing.E_RESIDENCY]))


async def require(db: AsyncConnection, holder: UUID, now: datetime) -> None:
    """Let those pass who may open a wallet; raises standing.NotEResident, NotIdentifiedYet."""
    await standing.require_e_resident(db, holder)
    lacks = missing(await kyc_standing.standing(db, holder, calendar.statutory_date(now)), e_resident=True)
    if lacks:
        raise NotIdentifiedYet(lacks[0])


async def lacking(db: AsyncConnection, holder: UUID, now: datetime) -> tuple[Missing, ...]:
    """Answer everything that lacks."""
    known = await kyc_standing.standing(db, holder, calendar.statutory_date(now))
    return missing(known, e_resident=holder in await standing.e_residents(db, {holder}))
