"""A lost account comes back: a code to a contact, the document again, a new passkey, and a day of limits.

begin      a code is sent to a proved contact, and the rows are the same where there is none      begin()
code       whoever began enters it                                                            enter_code()
document   the same person shows a passport's chip again, if one was shown at the enrolment   show_document()
passkey    a new one takes the place of all others, every session ends, and every copy of an ID  finish()
contest    a former passkey says within the day: it was not me                                app/auth/contested.py

Every step is bound to the device key that began, and none depends on what strangers do in flows of theirs. A step whose
answer was lost is looked up (load()) or repeated. For 24 hours nothing leaves the account (app/auth/stepup.py): that is
the time its owner has to contest, which stops everything until an officer looked.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import identity_cases, ids, vault
from app.account import lost_device
from app.auth import challenge, contact, device, message, passkey, reproof, subject, tables, verification
from app.auth import code as code_
from app.auth.contact import Wanted
from app.auth.credential import Attestation, CreationOptions
from app.auth.events import AccountRecovered
from app.db import Story
from app.house import House
from app.settings import Settings
from app.tables import event
from kyc import identify
from kyc.identify import Reading
from proof import journal

LIFETIME = timedelta(minutes=30)
LIMITED = timedelta(hours=24)
SHOWN_MAX = 5

Next = Literal["code", "document", "passkey", "sign_in"]


class Refused(Exception):
    """There is no such recovery for this device key, it is not at this step, or what was shown is not enough."""

    headers = passkey.Refused.headers


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """A recovery that has not run out. `subject` is somebody who does not exist, if the contact was nobody's."""

    id: UUID
    subject: UUID
    expires_at: datetime
    proven_at: datetime | None = None
    identified_at: datetime | None = None
    finished_at: datetime | None = None
    passkey: bytes | None = None

    @property
    def next(self) -> Next:
        """What is to be done next."""
        if self.finished_at:
            return "sign_in"
        if self.identified_at:
            return "passkey"
        return "document" if self.proven_at else "code"


async def begin(story: Story, house: House, wanted: Wanted, *, jkt: str, sender: str, now: datetime) -> Recovery:
    """Send a code to a contact; the same is done, and answered, where nobody has it. Raises verification.TooMany."""
    db, kms = await story(), house.keys.kms
    await verification.count(db, kms, sender=sender, contact=wanted.blind, now=now)
    who = (await db.execute(select(func.app.contact_subject(wanted.blind)))).scalar_one()
    await story.speak_for(who)
    begun = Recovery(id=ids.new(), subject=who, expires_at=now + LIFETIME)
    await db.execute(
        insert(tables.recovery).values(id=begun.id, subject=who, jkt=jkt, at=now, expires_at=begun.expires_at)
    )
    digits = await verification.issue(db, kms, "recovery", begun.id, subject=who, now=now)
    await message.code(db, kms, "recovery", wanted.address, digits, about=begun.id, subject=who, now=now)
    return begun


async def load(story: Story, recovery: UUID, *, jkt: str, now: datetime) -> Recovery:
    """Find a recovery that this device key began; the story speaks for its subject then. Raises Refused."""
    db = await story()
    who = (await db.execute(select(func.app.recovery_subject(recovery, jkt, now)))).scalar_one()
    await story.speak_for(who)
    columns = tables.recovery.c
    rows = await db.execute(
        select(*(columns[name] for name in Recovery.__struct_fields__)).where(columns.id == recovery).with_for_update()
    )
    if (row := rows.one_or_none()) is None:
        raise Refused
    return Recovery(**row._asdict())


async def enter_code(
    story: Story, house: House, recovery: UUID, code: str, *, jkt: str, now: datetime
) -> Recovery | verification.Refused:
    """Take the code; a wrong one is a value, because it is counted. Raises Refused."""
    begun, db = await load(story, recovery, jkt=jkt, now=now), await story()
    if not await verification.evaluate(db, house.keys.kms, "recovery", recovery, code, now=now):
        return verification.Refused()
    to_show = await reproof.enrolled(db, begun.subject)
    return await _step(db, begun, proven_at=now, identified_at=None if to_show else now)


async def show_document(
    story: Story, house: House, recovery: UUID, reading: Reading, *, jkt: str, now: datetime
) -> Recovery | Refused:
    """Take a document; one that is not enough is a value, because it is counted. Raises Refused, NothingReadable.

    One that is enough is kept beside the others of its owner, as the evidence for handing over the account.
    """
    begun, db = await load(story, recovery, jkt=jkt, now=now), await story()
    known = await reproof.enrolled(db, begun.subject)
    columns = tables.recovery.c
    counted = update(tables.recovery).where(columns.id == recovery, columns.shown < SHOWN_MAX)
    counted = counted.values(shown=columns.shown + 1).returning(columns.id)
    if begun.next != "document" or known is None or (await db.execute(counted)).one_or_none() is None:
        raise Refused
    examined = await asyncio.to_thread(identify.examine, reading, house.csca, story.now)
    if not await reproof.same_person(db, house.keys.kms, begun.subject, known, examined):
        return Refused()
    safe, actor = await vault.of(db, house.keys.kms, begun.subject, story.now), f"resident:{begun.subject}"
    await identity_cases.demand(house, db, begun.subject, at=story.now, actor=actor)
    await identify.store(
        db,
        reading,
        examined,
        document_id=ids.new(),
        resident=begun.subject,
        safe=safe,
        blind=house.keys.kms.blind,
        lists=await house.watchlist.current(db),
        at=story.now,
        actor=actor,
    )
    return await _step(db, begun, identified_at=now)


async def ask_passkey(
    story: Story, settings: Settings, recovery: UUID, *, jkt: str, now: datetime
) -> tuple[challenge.Challenge, CreationOptions]:
    """Ask for the new passkey; its challenge serves this recovery alone. Raises Refused."""
    begun = await load(story, recovery, jkt=jkt, now=now)
    if begun.next != "passkey":
        raise Refused
    made = await challenge.issue(await story(), "recovery", now, bound_to=recovery)
    return made, passkey.creation_options(settings, begun.subject, made.challenge)


async def finish(
    story: Story,
    house: House,
    recovery: UUID,
    asked: UUID,
    attestation: Attestation,
    *,
    jkt: str,
    now: datetime,
) -> Recovery:
    """Let the new passkey take the place of all former ones; repeated with the same passkey it has no effect.

    Raises Refused, Spent, passkey.Refused, Suspended.
    """
    begun, db = await load(story, recovery, jkt=jkt, now=now), await story()
    if begun.passkey is not None and passkey.named(attestation) == begun.passkey:
        return begun
    if begun.next != "passkey":
        raise Refused
    owner = await subject.admitted(db, begun.subject)
    spent = await challenge.spend(db, asked, "recovery", now, bound_to=recovery)
    new = await passkey.add(db, house.settings, owner, attestation, challenge_bytes=spent.challenge, at=now)
    await device.leave_behind(db, owner, new, now)
    await _void_the_rest(db, begun, now)
    await lost_device.left_behind(house, db, owner.id, at=story.now)
    until = await subject.limit(db, owner.id, now + LIMITED)
    known = await reproof.enrolled(db, owner.id)
    fact = AccountRecovered(recovery=recovery, proof=known.outcome if known else "none", limited_until=until)
    await _record(db, owner.id, fact, now)
    told = await contact.addresses(db, house.keys.kms, owner.id)
    await message.notify(db, house.keys.kms, "recovered", told, subject=owner.id, now=now)
    return await _step(db, begun, finished_at=now, passkey=new.id)


async def _void_the_rest(db: AsyncConnection, begun: Recovery, now: datetime) -> None:
    """Void what could still let somebody in: other recoveries, invitations of further devices, codes for wallets."""
    recoveries, invitations = tables.recovery.c, tables.invitation.c
    others = (recoveries.subject == begun.subject) & (recoveries.id != begun.id) & recoveries.finished_at.is_(None)
    await db.execute(update(tables.recovery).where(others).values(expires_at=now))
    open_ = (invitations.subject == begun.subject) & invitations.used_at.is_(None) & (invitations.expires_at > now)
    await db.execute(update(tables.invitation).where(open_).values(used_at=now))
    await code_.void(db, begun.subject, now)


async def _step(
    db: AsyncConnection, begun: Recovery, *, passkey: bytes | None = None, **at: datetime | None
) -> Recovery:
    """Write a step down."""
    changed = msgspec.structs.replace(begun, passkey=passkey or begun.passkey, **at)
    values = {name: getattr(changed, name) for name in ("proven_at", "identified_at", "finished_at", "passkey")}
    await db.execute(update(tables.recovery).where(tables.recovery.c.id == begun.id).values(**values))
    return changed


async def _record(db: AsyncConnection, who: UUID, fact: AccountRecovered, at: datetime) -> None:
    await journal.append(db, event, journal.Fact(aggregate=who, holder=who, at=at, actor=f"resident:{who}", event=fact))
