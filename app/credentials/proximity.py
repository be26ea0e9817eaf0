"""A reader of a bank, an employer or a service asks us to judge what a phone beside it showed; nothing of it is kept.

path   POST /v1/presentations/proximity  ->  judged()  ->  residency/credential/presenting/judging.py  met(), conclude()
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.credentials import trusted
from app.credentials.signing_keys import Authority
from residency.credential.presenting import judging, proximity
from residency.credential.presenting.dcql import Query
from residency.credential.presenting.judging import Verdict
from residency.credential.presenting.proximity import BadMeeting, Met


async def judged(
    db: AsyncConnection,
    by: Authority,
    met: Met,
    response: bytes,
    query: Query,
    *,
    encrypted: bool,
    law_at: datetime,
    now: datetime,
) -> Verdict:
    """Judge a DeviceResponse, as it came `encrypted` in SessionData or as the reader decrypted it.

    Raises BadMeeting.
    """
    meeting = proximity.meeting(met)
    told = proximity.opened(met, response) if encrypted else response
    trust = await trusted.today(db, by, law_at=law_at, now=now)
    try:
        presented = judging.met(told, query, meeting, trust)
    except judging.BadAnswer as error:
        raise BadMeeting(error.reason) from error
    statuses = await trusted.statuses(db, by, presented, now=now)
    return judging.conclude(presented, query, statuses, at=now)
