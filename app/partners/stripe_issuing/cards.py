"""A card at Stripe that changed: cancelled there is closed here, sent there is sent here, else it is told again.

asks    app/partners/stripe_issuing/events.py    step()
looks   app/partners/stripe_issuing/cards.py     follow()      <- you are here
tells   app/cards/processing.py                  step()        where the card is due to be told
"""

import msgspec
from sqlalchemy import text

from app import clock, db
from app.house import House
from app.partners.stripe_issuing import inbox, known, parcels, purchases
from app.partners.stripe_issuing.client import told
from app.partners.stripe_issuing.issuer import CODE, issued
from app.partners.stripe_issuing.parcels import Shipping
from cards.card import Closing
from cards.processing.processor import Refused, Status, Unknown
from cards.programme import change


class Plastic(msgspec.Struct, frozen=True):
    """What of a card at Stripe is only there where it is sent."""

    shipping: Shipping | None = None


#: Why Stripe cancelled a card, where that is a reason of ours too.
_GONE = {"lost": Closing.LOST, "stolen": Closing.STOLEN}


async def follow(house: House, about: str, events: tuple[str, ...]) -> Unknown | None:
    """Look at a card, and act on what Stripe did to it by itself."""
    assert house.stripe is not None, "asked for where the programme is on"
    client = house.stripe.client
    answered = await told(client.api.v1.issuing.cards.retrieve_async(about, options=client.options()))
    if isinstance(answered, Refused | Unknown):
        return Unknown(answered.detail if isinstance(answered, Refused) else answered.trouble)
    theirs, sent = issued(answered).status, purchases.read(answered, Plastic).shipping
    async with db.transaction(house.worker) as story:
        ours = await known.card(await story(), CODE, about)
    keys = await parcels.safe(house, ours.holder) if ours and sent else None
    async with db.transaction(house.worker) as story:
        connection = await story()
        if ours is not None:
            card = await change.locked(connection, ours.card)
            if sent is not None and keys is not None and card.alive:
                card = await parcels.follow(connection, card, sent, keys, at=story.now)
            if theirs is Status.CLOSED and card.alive:
                why = _GONE.get(answered.cancellation_reason, Closing.ACCOUNT_CLOSED)
                await change.close(connection, [card], why, actor=f"processor:{CODE}", at=story.now)
            elif card.alive:
                await connection.execute(_COMPARE, {"processor": CODE, "reference": about, "status": theirs.value})
        await connection.execute(inbox.SETTLE, inbox.settling(events, at=clock.real(), outcome=f"seen {theirs}"))
    return None


# Stripe's word and what it was last asked to make true differ: it is asked again, for what the card is by then.
_COMPARE = text(
    """
    UPDATE cards.processor_reference SET status = :status, due_at = now()
    WHERE processor = :processor AND reference = :reference AND status IS DISTINCT FROM :status
    """
)
