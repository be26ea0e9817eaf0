"""A phone is lost: one call, and nothing on it is good any more.

asks       app/http/mobile/lost_devices.py   POST /v1/me/devices/{id}/lost
revokes    app/http/mobile/credentials.py    POST /v1/me/credentials/{id}/revoke, with the reason `device_lost`
recovers   app/auth/recovery.py              finish(), by a code and a passport
ends       app/account/lost_device.py        report(), sign_out_wallets(), left_behind()   <- you are here

A device of the app is a passkey; which of the holder's wallets are on that phone the holder alone can say: from where
each was let in is known, and may be another device than the one it is on. Those that the holder names as elsewhere live
on with their copies. Every other copy of every credential is void, every other wallet is signed out, every code that is
shown is void, and every card in a phone or a watch pauses. What comes back, does by one act: a new offer, confirmed
with the passkey, and the card's resumption.
"""

from collections.abc import Collection, Sequence
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
from residency.credential import holding, life
from residency.credential.life import Reason
from residency.credential.showing import code as shown

#: Where a token is lost with a phone; what a watch pays with is as good as the phone that unlocks it.
_CARRIED = frozenset({Device.PHONE, Device.WATCH})


class Ended(msgspec.Struct, frozen=True):
    """What is good no more: credentials for good, tokens of cards until they are resumed.

    The credentials `kept` are void as well, but for their copies in wallets that are elsewhere.
    """

    credentials: Sequence[UUID]
    kept: Sequence[UUID]
    tokens: Sequence[UUID]


async def report(
    house: House,
    db: AsyncConnection,
    me: Principal,
    lost: UUID,
    *,
    keep: Collection[UUID],
    now: datetime,
    at: datetime,
) -> Ended:
    """End all that is on the device `lost` of the caller; the wallets of the sessions `keep` are elsewhere.

    Raises device.Unknown, device.OnlyDevice, session.UnknownSession. `now` is the real clock, `at` the installation's.
    """
    wallets = await session.wallets(db, me.subject, keep, now)
    await device.remove(db, house.keys.kms, me, lost, now, notice="device_lost")
    await session.end_wallets(db, await subject.admitted(db, me.subject), now, but=keep)
    await code.void(db, me.subject, now)
    by = Asking(db=db, actor=me.actor, at=at)
    ended = await _end(house, by, me.subject, Reason.DEVICE_LOST, wallets)
    voided = len(ended.credentials) + len(ended.kept)
    fact = DeviceLost(device=lost, credentials=voided, card_tokens=len(ended.tokens))
    told = journal.Fact(aggregate=me.subject, holder=me.subject, at=now, actor=me.actor, event=fact)
    await journal.append(db, event, told)
    return ended


async def sign_out_wallets(db: AsyncConnection, holder: UUID, credential: UUID, now: datetime) -> None:
    """Sign out the wallets that hold a credential, which is to be revoked since their phone is lost."""
    # First the sessions, then the credential: in this order does who issues hold them.
    holding_it = await holding.wallets_of(db, credential)
    await session.end_wallets(db, await subject.admitted(db, holder), now, of=holding_it)
    await code.void(db, holder, now)


async def left_behind(house: House, db: AsyncConnection, owner: UUID, *, at: datetime) -> Ended:
    """End what is on the phones of an account that was recovered; its passkeys and sessions end there."""
    by = Asking(db=db, actor=f"resident:{owner}", at=at)
    return await _end(house, by, owner, Reason.ACCOUNT_RECOVERED)


async def _end(house: House, by: Asking, owner: UUID, reason: Reason, kept: Collection[str] = ()) -> Ended:
    now = clock.real()
    await shown.withdraw_all(by.db, owner, actor=by.actor, at=by.at, now=now)
    ended = await life.act_on_lost(by.db, owner, kept, reason=reason, actor=by.actor, at=by.at, now=now)
    tokens = await token_owner.paying(by.db, owner, _CARRIED)
    known = await card.find_all(by.db, {each.card for each in tokens})
    for each in tokens:
        await processors.of(house, known[each.card].processor).turn_token(by, each, Turn.SUSPEND)
    return Ended(ended.revoked, ended.kept, [each.id for each in tokens])
