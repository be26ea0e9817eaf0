"""A phone is lost: one call, and nothing on it is good any more.

asks       app/http/mobile/lost_devices.py   POST /v1/me/devices/{id}/lost
recovers   app/auth/recovery.py              finish(), by a code and a passport
ends       app/account/lost_device.py        report(), left_behind()   <- you are here

A device of the app is a passkey; which of the holder's wallets are on that phone nobody can know. So every copy of
every credential is void, every code that is shown too, every wallet is signed out, and every card in a phone or a watch
pauses. What was on another device comes back there by one act: a new offer, confirmed with the passkey, and the card's
resumption.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.auth import code, device, session, subject
from app.auth.events import DeviceLost
from app.auth.principal import Principal
from app.cards import processors
from app.house import House
from app.tables import event
from cards import card
from cards.processing.processor import Asking
from cards.proofs import token_owner
from cards.proofs.token import Act as Turn
from cards.proofs.token import Device
from proof import journal
from residency.credential import life
from residency.credential.life import Act, Reason
from residency.credential.showing import code as shown

#: Where a token is lost with a phone; what a watch pays with is as good as the phone that unlocks it.
_CARRIED = frozenset({Device.PHONE, Device.WATCH})


class Ended(msgspec.Struct, frozen=True):
    """What is good no more: credentials for good, tokens of cards until they are resumed."""

    credentials: Sequence[UUID]
    tokens: Sequence[UUID]


async def report(house: House, db: AsyncConnection, me: Principal, lost: UUID, *, now: datetime, at: datetime) -> Ended:
    """End all that is on the device `lost` of the caller; raises device.Unknown, device.OnlyDevice.

    `now` is the real clock, `at` the installation's.
    """
    await device.remove(db, house.keys.kms, me, lost, now, notice="device_lost")
    owner = await subject.admitted(db, me.subject)
    await session.end_all(db, owner, "device_removed", now, opened_by="code")
    await code.void(db, me.subject, now)
    ended = await _end(house, Asking(db=db, actor=me.actor, at=at), me.subject, Reason.DEVICE_LOST)
    fact = DeviceLost(device=lost, credentials=len(ended.credentials), card_tokens=len(ended.tokens))
    told = journal.Fact(aggregate=me.subject, holder=me.subject, at=now, actor=me.actor, event=fact)
    await journal.append(db, event, told)
    return ended


async def left_behind(house: House, db: AsyncConnection, owner: UUID, *, at: datetime) -> Ended:
    """End what is on the phones of an account that was recovered; its passkeys and sessions end there."""
    by = Asking(db=db, actor=f"resident:{owner}", at=at)
    return await _end(house, by, owner, Reason.ACCOUNT_RECOVERED)


async def _end(house: House, by: Asking, owner: UUID, reason: Reason) -> Ended:
    await shown.withdraw_all(by.db, owner, actor=by.actor, at=by.at, now=clock.real())
    credentials = await life.act_on_all(by.db, owner, Act.REVOKE, reason=reason, actor=by.actor, at=by.at)
    tokens = await token_owner.paying(by.db, owner, _CARRIED)
    known = await card.find_all(by.db, {each.card for each in tokens})
    for each in tokens:
        await processors.of(house, known[each.card].processor).turn_token(by, each, Turn.SUSPEND)
    return Ended(credentials, [each.id for each in tokens])
