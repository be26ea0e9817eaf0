"""Money arrived at Stripe, out of which it pays what cards buy: the bank has it no more.

asks    app/partners/stripe_issuing/events.py    step()
books   app/partners/stripe_issuing/topups.py    arrived()     <- you are here

The programme is paid ahead by the operator, by transfer from its own account at a partner bank; Stripe says what came.
"""

import hashlib
from uuid import UUID

import msgspec

from app.house import House
from app.money import FIRST_LANE, claim, plainly
from app.partners.stripe_issuing import inbox, objects, purchases
from app.partners.stripe_issuing.client import told
from app.partners.stripe_issuing.issuer import CODE
from cards.processing.processor import Refused, Unknown
from wallet.chart import Purpose
from wallet.transfer import Post, TransferId


class Topup(msgspec.Struct, frozen=True, kw_only=True):
    """Money that was sent to Stripe."""

    id: str
    amount: int
    currency: str
    status: str


async def arrived(house: House, about: str, events: tuple[str, ...]) -> Unknown | None:
    """Look at a top-up, and book it where it succeeded: once, whatever is told of it."""
    assert house.stripe is not None, "asked for where the programme is on"
    client = house.stripe.client
    answered = await told(client.api.v1.topups.retrieve_async(about, options=client.options()))
    if isinstance(answered, Refused | Unknown):
        return Unknown(answered.detail if isinstance(answered, Refused) else answered.trouble)
    topup = purchases.read(answered, Topup)
    money = objects.money(topup.amount, topup.currency)
    if topup.status != "succeeded" or not money:
        await inbox.settle(house, events, topup.status)
        return None
    bank = house.stripe.programme.bank
    move = Post(
        id=TransferId(UUID(bytes=hashlib.sha256(f"{CODE}/{topup.id}".encode()).digest()[:16], version=4)),
        debit=await house.money.operator(Purpose.CARD_SETTLEMENT, label=CODE, currency=money.currency),
        credit=await house.money.operator(Purpose.BANK, label=bank, currency=money.currency),
        money=money,
        code="processor_funded",
        reference=f"{CODE}:{topup.id}",
    )
    named = claim(f"topup:{CODE}", topup.id, move)
    await house.money.move([move], lanes=[FIRST_LANE], claim=named, render=plainly)
    await inbox.settle(house, events, "booked")
    return None
