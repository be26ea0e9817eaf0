"""The ID as a code on paper: made for the resident, checked for anybody.

makes     app/http/mobile/printed_codes.py    print_()     <- you are here
checks    app/http/public/printed_codes.py    verify()     <- and here, judged()
          app/asking/printed.py               on the command line, without us

A print is a copy of the credential like any other: it has an entry of its own in a status list and a leaf in the log of
issuance, it is counted, and what happens to the credential happens to it.
"""

from collections.abc import Collection
from datetime import UTC, datetime, time
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app.credentials import entitlement, trusted
from app.db import Story
from app.house import House
from law.calendar import statutory_date
from proof.kms import Kms
from residency.credential import issuing
from residency.credential.check import NotVerified
from residency.credential.configuration import PRINTS
from residency.credential.dataset import Kind, Resident
from residency.credential.issuing import Order
from residency.credential.presenting import trust
from residency.credential.presenting.judging import Answer, Entry, Presented, Untold
from residency.credential.sd_jwt import StatusReference
from residency.credential.showing import field, printed
from residency.credential.showing.field import Field
from residency.credential.showing.printed import Verdict
from residency.credential.transparency import log
from residency.credential.wallets.grade import NEEDED, Grade

#: What stands where a wallet's key would: nobody can prove to hold a paper.
_DEVICE = "print"


class NotPrinted(Exception):
    """The document lives only where its key can't be copied: there is none of it on paper."""


class Printed(msgspec.Struct, frozen=True):
    """A code for paper: its text, what it says, until when."""

    text: str
    fields: tuple[Field, ...]
    expires_at: datetime


async def fields(db: AsyncConnection, kms: Kms, holder: UUID, kind: Kind, *, at: datetime) -> tuple[Field, ...]:
    """List what a paper of `holder` can say; raises NotPrinted, and as entitlement.resident."""
    return _printable(await entitlement.resident(db, kms, holder, kind, at=at), kind, at)


def _printable(who: Resident, kind: Kind, at: datetime) -> tuple[Field, ...]:
    """Give what a paper can say; raises NotPrinted."""
    if NEEDED[kind] is not Grade.BASIC:
        raise NotPrinted
    return printed.printable(field.of_document(who, kind, on=statutory_date(at)))


async def print_(
    story: Story, house: House, holder: UUID, kind: Kind, names: Collection[str], *, actor: str, now: datetime
) -> Printed:
    """Make a code that says the fields `names`; raises as `fields`, field.FieldNotThere and as issuing.reserve."""
    db, issuer = await story(), house.credentials.issuer
    who = await entitlement.to_issue(db, house.keys.kms, holder, kind, at=story.now)
    says = field.picked(_printable(who, kind, story.now), names)
    ends = issuing.expiry(now, resident=who, seal=issuer.seal)
    order = Order(
        holder=holder,
        configuration=PRINTS[kind],
        device=_DEVICE,
        copies=1,
        made_at=now,
        expires_at=ends,
        sources=who.sources,
    )
    reserved = await issuing.reserve(db, order, actor=actor, at=story.now)
    [entry] = reserved.entries
    text = printed.write(
        says,
        issuer.cose_seal,
        issuer=issuer.url,
        begins=datetime.combine(now.astimezone(UTC).date(), time(), UTC),
        ends=ends,
        status=StatusReference(entry.idx, issuer.list_url(entry.list)),
    )
    await log.append(db, order, reserved, [text], key=issuer.seal.signer.kid, actor=actor, at=story.now)
    return Printed(text, says, ends)


async def judged(db: AsyncConnection, house: House, text: str, *, now: datetime) -> Verdict:
    """Say what a paper proves, its status as it stands at this moment."""
    authority = house.credentials.authority
    own = trust.own(authority.url, authority.roots, authority.revoked)
    try:
        paper = printed.read(text, own, at=now)
    except NotVerified as refused:
        return printed.judge(refused, Untold("not_asked"), at=now)
    presented = Presented(issuer=own, status=paper.status)
    told = await trusted.statuses(db, authority, {_DEVICE: (presented,)}, now=now)
    found: Answer = told.get(Entry(None, paper.status), Untold("not_asked"))
    return printed.judge(paper, found, at=now)
