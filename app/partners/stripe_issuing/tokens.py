"""A card that Stripe issued in a wallet: what became of it there is a row here, like a token of our own networks.

asks    app/partners/stripe_issuing/events.py    step()
looks   app/partners/stripe_issuing/tokens.py    follow()      <- you are here
merges  cards/proofs/token_elsewhere.py          merge()

Stripe decides whether a wallet may have a card; who holds the card sees it, pauses it and takes it out here.
"""

import msgspec

from app import clock, db, ids
from app.house import House
from app.partners.stripe_issuing import inbox, known, purchases
from app.partners.stripe_issuing.client import told
from app.partners.stripe_issuing.issuer import CODE
from cards.processing import elsewhere
from cards.processing.processor import Refused, Unknown
from cards.programme import change
from cards.proofs import token_elsewhere
from cards.proofs.token import Asked, Device, Life

#: Stripe's words for what a token lives on; a wallet it does not say of is a phone's.
_DEVICES = {"mobile_phone": Device.PHONE, "watch": Device.WATCH}


class Of(msgspec.Struct, frozen=True):
    """The device of a token, as the network tells Stripe."""

    type: str | None = None


class NetworkData(msgspec.Struct, frozen=True):
    """What the network knows of a token."""

    device: Of | None = None


class At(msgspec.Struct, frozen=True, kw_only=True):
    """A token as Stripe has it."""

    id: str
    card: str
    status: Life
    last4: str | None = None
    wallet_provider: str | None = None
    network_data: NetworkData | None = None


async def follow(house: House, about: str, events: tuple[str, ...]) -> Unknown | None:
    """Look at a token, and have it here as it is there."""
    assert house.stripe is not None, "asked for where the programme is on"
    client = house.stripe.client
    answered = await told(client.api.v1.issuing.tokens.retrieve_async(about, options=client.options()))
    if isinstance(answered, Refused | Unknown):
        return Unknown(answered.detail if isinstance(answered, Refused) else answered.trouble)
    theirs = purchases.read(answered, At)
    async with db.transaction(house.worker) as story:
        connection = await story()
        ours = await known.card(connection, CODE, theirs.card)
        if ours is not None:
            card, actor = await change.locked(connection, ours.card), f"processor:{CODE}"
            made = await token_elsewhere.merge(
                connection, _said(theirs), card, theirs.status, actor=actor, at=story.now
            )
            if await elsewhere.reference(connection, processor=CODE, kind="token", ours=made.id) is None:
                await elsewhere.name(
                    connection,
                    processor=CODE,
                    kind="token",
                    reference=about,
                    ours=made.id,
                    holder=made.holder,
                    at=story.now,
                )
        outcome = f"seen {theirs.status}" if ours else "of no card of ours"
        await connection.execute(inbox.SETTLE, inbox.settling(events, at=clock.real(), outcome=outcome))
    return None


def _said(theirs: At) -> Asked:
    device = theirs.network_data.device.type if theirs.network_data and theirs.network_data.device else None
    return Asked(
        token=ids.new(),
        network=CODE,
        reference=theirs.id,
        requestor=theirs.wallet_provider or "merchant",
        device=_DEVICES.get(device or "", Device.PHONE),
        last4=theirs.last4 or "0000",
    )
