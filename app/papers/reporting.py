"""What was found of a paper goes to the person's case, and a changed file has its papers looked at again.

checks    kyc/papers/check.py          check()
reports   app/papers/reporting.py      report()    <- you are here
stores    kyc/cases/records.py         add()
"""

import hashlib
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app.http import ids
from app.vault import Vault
from kyc.cases import records
from kyc.check import Finding
from kyc.packs import catalogue
from kyc.papers import check
from kyc.papers.paper import Details, Paper
from law.calendar import statutory_date

TABLE, COLUMN = "kyc.paper", "details"


async def report(db: AsyncConnection, keys: Vault, paper: Paper, *, at: datetime, actor: str) -> tuple[Finding, ...]:
    """Check a paper as of the day it was filed and add the looks to the case of its owner."""
    found = looks(paper, opened(keys, paper))
    # Over the sealed details: a digest of a name could be guessed back.
    said = msgspec.msgpack.encode([(each.check, each.verdict, each.params) for each in found])
    inputs = hashlib.sha256(paper.details + said).digest()
    await records.add(db, paper.resident, found, inputs=inputs, at=at, actor=actor)
    return found


def looks(paper: Paper, details: Details) -> tuple[Finding, ...]:
    """Check a paper as of the day it was filed: what came to light since does not make it older."""
    filed_on = statutory_date(paper.at)
    return check.check(catalogue.shipped(), paper, details, filed_on, ids.show("paper", paper.id))


def opened(keys: Vault, paper: Paper) -> Details:
    """Open what the person said of a paper."""
    return msgspec.json.decode(keys.open(paper.details, table=TABLE, column=COLUMN, row=paper.id), type=Details)
