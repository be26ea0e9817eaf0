"""A card at Stripe that changed: what Stripe cancelled is closed here; what it has otherwise than we do is told again.

asks    app/partners/stripe_issuing/events.py   step()
looks   app/partners/stripe_issuing/cards.py    follow()      <- you are here
tells   app/processing.py                       step()        where the card is due to be told
"""

from sqlalchemy import text

from app import clock, db
from app.house import House
from app.partners.stripe_issuing import inbox, known
from app.partners.stripe_issuing.client import told
from app.partners.stripe_issuing.issuer import CODE, issued
from cards import change
from cards.card import Closing
from cards.processor import Refused, Status, Unknown

#: Why Stripe cancelled a card, where that is a reason of ours too.
_GONE = {"lost": Closing.LOST, "stolen": Closing.STOLEN}


async def follow(house: House, about: str, events: tuple[str, ...]) -> Unknown | None:
    """Look at a card, and act on what Stripe did to it by itself."""
    assert house.stripe is not None, "asked for where the programme is on"
    client = house.stripe.client
    answered = await told(client.api.v1.issuing.cards.retrieve_async(about, options=client.options()))
    if isinstance(answered, Refused | Unknown):
        return Unknown(answered.detail if isinstance(answered, Refused) else answered.trouble)
    theirs = issued(answered).status
    async with db.transaction(house.worker) as story:
        connection = await story()
        ours = await known.card(connection, CODE, about)
        if ours is not None:
            card = await change.locked(connection, ours.card)
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
    WHERE processor = :processor AND reference = :reference AND status <> :status
    """
)
