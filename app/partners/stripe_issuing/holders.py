"""A cardholder whom Stripe will not serve for now: their cards with Stripe are suspended here, until it does again.

asks    app/partners/stripe_issuing/events.py    step()
looks   app/partners/stripe_issuing/holders.py   follow()      <- you are here
sets    cards/programme/change.py                suspended(), lifted()     the flag of the processor

Stripe declines by itself for such a person, without asking; the flag has the app say so before a till does.
"""

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db
from app.house import House
from app.partners.stripe_issuing import inbox, purchases
from app.partners.stripe_issuing.client import told
from app.partners.stripe_issuing.issuer import CODE
from cards.card import Owner
from cards.processing.processor import Refused, Unknown
from cards.programme import change


class Requirements(msgspec.Struct, frozen=True):
    """Why Stripe does not serve somebody."""

    disabled_reason: str | None = None


class At(msgspec.Struct, frozen=True, kw_only=True):
    """A cardholder as Stripe has them."""

    id: str
    status: str
    requirements: Requirements = Requirements()


async def follow(house: House, about: str, events: tuple[str, ...]) -> Unknown | None:
    """Look at a cardholder, and have their cards here follow."""
    assert house.stripe is not None, "asked for where the programme is on"
    client = house.stripe.client
    answered = await told(client.api.v1.issuing.cardholders.retrieve_async(about, options=client.options()))
    if isinstance(answered, Refused | Unknown):
        return Unknown(answered.detail if isinstance(answered, Refused) else answered.trouble)
    theirs = purchases.read(answered, At)
    why = theirs.requirements.disabled_reason
    served = theirs.status == "active" and why is None
    async with db.transaction(house.worker) as story:
        connection = await story()
        await _flag(connection, about, None if served else why or theirs.status, story)
        outcome = "served" if served else f"not served: {why or theirs.status}"
        await connection.execute(inbox.SETTLE, inbox.settling(events, at=clock.real(), outcome=outcome))
    return None


async def _flag(connection: AsyncConnection, about: str, why: str | None, story: db.Story) -> None:
    cards = (await connection.execute(_CARDS, {"processor": CODE, "reference": about})).scalars().all()
    found = [card for card in await change.all_locked(connection, cards) if card.alive] if cards else []
    flagged = [card for card in found if card.suspended_by(Owner.PROCESSOR)]
    if why is None:
        changed = [change.lifted(card, Owner.PROCESSOR) for card in flagged]
    else:
        reason = why.replace(".", "_")
        changed = [change.suspended(card, Owner.PROCESSOR, reason) for card in found if card not in flagged]
    await change.record_all(connection, changed, actor=f"processor:{CODE}", at=story.now)


_CARDS = text(
    """
    SELECT card.id FROM cards.processor_reference AS named
    JOIN cards.card ON card.holder = named.ours AND card.processor = named.processor
    WHERE named.processor = :processor AND named.reference = :reference AND named.kind = 'cardholder'
    """
)
