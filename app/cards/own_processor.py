"""Our own issuer under the port of cards/processing/processor.py: what the routes do to our own cards is this.

asks       app/http/mobile/card_*.py, disputes.py    by app/cards/processors.py
           app/cards/terms.py                        renews what ends soon
answers    app/cards/own_processor.py    OwnCards    <- you are here
decides    cards/programme/order.py, change.py, renewal.py, shipping.py, cards/proofs/pin.py, reveal.py, token.py

The regime, the caps and the notice stand in the way here and nowhere else, so there is no second way past them.
"""

from uuid import UUID

from app import clock, ids, standing
from app.cards import holders, parcels
from app.cards.network_link import NetworkLink
from app.house import House
from app.http import ids as public_ids
from cards.card import OWN, Card
from cards.processing.kept import Kept
from cards.processing.processor import (
    Asking,
    Destination,
    Device,
    NotAtThisProcessor,
    Opening,
    Session,
    Shown,
    Wanted,
)
from cards.programme import order, renewal, verification
from cards.programme.renewal import Cause
from cards.programme.shipping import Parcel
from cards.proofs import pin, reveal
from cards.proofs.pin import Pin
from law.seed import THRESHOLDS


class OwnCards(Kept):
    """The processor of our own cards."""

    code = OWN

    def __init__(self, house: House) -> None:
        self._house = house
        self.disputes = NetworkLink(house)

    async def update_cardholder(self, by: Asking, holder: UUID) -> None:
        """Look again how surely a resident is known, and lift what had lapsed of their cards."""
        known = await holders.holder(by.db, holder)
        policy = holders.regime(by.at).policy
        await verification.note(by.db, holder, known.verified_at, policy=policy, actor=by.actor, at=by.at)

    async def issue_card(self, by: Asking, wanted: Wanted) -> Card:
        """Issue a card under the regime of the day; raises what order.order() does."""
        made = await order.order(by.db, wanted.order, self._issuing(by))
        if wanted.to is not None:
            await self.send_card(by, made, wanted.to)
        return made

    async def send_card(self, by: Asking, card: Card, to: Destination) -> Parcel:
        """Have a parcel made out; raises WrongState, ParcelOnItsWay."""
        return await parcels.address(by.db, self._house.keys.kms, card, to, at=by.at)

    async def replace(self, by: Asking, card: Card, cause: Cause, *, made: UUID, to: Destination | None = None) -> Card:
        """Make the successor of a card, for an e-resident, by the regime and the law of the day."""
        await standing.require_e_resident(by.db, card.holder)
        holder = await holders.holder(by.db, card.holder)
        heir = await renewal.succeed(by.db, card, cause, self._issuing(by), card=made, holder=holder)
        if to is not None:
            await self.send_card(by, heir, to)
        return heir

    async def pin(self, by: Asking, card: Card) -> Pin:
        """Say whether there is a PIN, and how many wrong ones may still be typed."""
        return await pin.of(by.db, card.id)

    async def set_pin(self, by: Asking, card: Card, sealed: Shown) -> Pin:
        """Set the PIN by a letter to the house, which names the card; raises WeakPin, BadLetter, WrongState."""
        hsm = await self._house.card_keys.machine(by.db)
        name, keys = public_ids.show("card", card.id), self._house.keys.kms
        await pin.set_(by.db, card, sealed.text, name=name, hsm=hsm, keys=keys, actor=by.actor, at=by.at)
        return await pin.of(by.db, card.id)

    async def unblock_pin(self, by: Asking, card: Card) -> Pin:
        """Give a PIN its tries back; raises PinNotSet, PinNotBlocked, WrongState."""
        await pin.unblock(by.db, card, actor=by.actor, at=by.at)
        return await pin.of(by.db, card.id)

    async def reveal(self, by: Asking, card: Card, device: Device) -> Opening:
        """Grant one look to a key of the device; wallets ask by their network, not by the app."""
        if device.key is None or device.wallet is not None:
            raise NotAtThisProcessor("open_session", OWN)
        granted = await reveal.grant(by.db, card, device.key.decode(), look=ids.new(), now=clock.real())
        session = Session(secret=Shown(public_ids.show("reveal", granted.id)), expires_at=granted.expires_at)

        async def opening() -> Session:
            return session

        return opening

    def _issuing(self, by: Asking) -> order.Issuing:
        programme, keys = holders.regime(by.at), self._house.keys.kms
        return order.Issuing(programme=programme, thresholds=THRESHOLDS, keys=keys, actor=by.actor, at=by.at)
