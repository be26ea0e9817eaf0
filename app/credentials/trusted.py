"""Whom our verifier believes today, and what it knows of the status of what it is shown.

own documents        our roots, and our lists as they stand in this transaction
foreign documents    the trust list (residency/credential/presenting/issuers.py), and the newest tokens of their lists
                     (residency/credential/presenting/foreign_lists.py)
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.credentials import entitlement
from app.credentials.signing_keys import Authority
from app.http import ids
from law import calendar
from residency.credential import entries
from residency.credential.presenting import foreign_lists, issuers, trust
from residency.credential.presenting.judging import Answer, Broken, Entry, Presented, Signer, Told, Untold
from residency.credential.presenting.trust import Anchor, Trust
from residency.credential.sd_jwt import StatusReference


async def today(db: AsyncConnection, by: Authority, *, law_at: datetime, now: datetime) -> Trust:
    """Gather whom we believe: the day is that of the law's clock, tokens and certificates are judged at `now`."""
    foreign = await issuers.anchors(db, calendar.statutory_date(law_at))
    return Trust((trust.own(by.url, by.roots, by.revoked), *foreign), now)


async def statuses(
    db: AsyncConnection, by: Authority, presented: Mapping[str, Sequence[Presented]], *, now: datetime
) -> dict[Entry | Signer, Answer]:
    """Ask the lists that presentations name, and those of the signers that were revoked."""
    found: dict[Entry | Signer, Answer] = {}
    for each in (one for group in presented.values() for one in group):
        if each.issuer is None:
            continue
        if (entry := each.entry) is not None:
            found[entry] = await _status(db, by, entry.reference, each.issuer, now)
        if (signer := each.signer) is not None:
            found[signer] = await foreign_lists.vouched(db, signer, each.issuer, at=now)
    return found


async def _status(db: AsyncConnection, by: Authority, of: StatusReference, issuer: Anchor, now: datetime) -> Answer:
    if issuer.id is not None:
        return await foreign_lists.told(db, of, issuer, at=now)
    prefix = f"{by.url}{entitlement.LISTS_PATH}"
    if not of.uri.startswith(prefix):
        return Untold("foreign_list")
    try:
        listed = ids.parse("list", of.uri.removeprefix(prefix))
    except ids.UnknownId:
        return Broken("no_such_list")
    found = await entries.status(db, listed, of.idx)
    return Broken("index_out_of_range") if found is None else Told(found, now)
