"""A purchase at Stripe, looked at and handed to the merge: the authorization with all that belongs to it.

asks       app/partners/stripe_issuing/events.py       step()
looks      app/partners/stripe_issuing/purchases.py    authorization(), transaction()   <- you are here
merges     app/partners/stripe_issuing/merging.py      merge()
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from app import clock, db, ids
from app.house import House
from app.idempotency_key import Stored
from app.money import FIRST_LANE, claim
from app.partners.stripe_issuing import known, merging, objects
from app.partners.stripe_issuing.client import Client, told
from app.partners.stripe_issuing.issuer import CODE
from app.partners.stripe_issuing.merging import Seen
from app.partners.stripe_issuing.objects import Authorization, Transaction, id_of
from cards.payments.payment import Merchant, PaymentId
from cards.processing.processor import Refused, Unknown, Why
from law.money import KZT, Currency
from wallet.chart import Purpose

#: What an object is read as.
Kind = TypeVar("Kind")


async def authorization(house: House, about: str, events: tuple[str, ...]) -> Unknown | None:
    """Look at an authorization and merge it; Stripe may not know it (any more)."""
    assert house.stripe is not None, "asked for where the programme is on"
    found = await _authorization(house.stripe.client, about)
    if isinstance(found, Unknown):
        return found
    if isinstance(found, Refused):
        if found.why is not Why.UNKNOWN_REFERENCE:
            return Unknown(found.detail)
        await _gone(house, about, events)
        return None
    await _merge(house, found, tuple(found.transactions), events)
    return None


async def transaction(house: House, about: str, events: tuple[str, ...]) -> Unknown | None:
    """Look at a transaction, and at the authorization it belongs to, where it belongs to one."""
    assert house.stripe is not None, "asked for where the programme is on"
    client = house.stripe.client
    answered = await told(client.api.v1.issuing.transactions.retrieve_async(about, options=client.options()))
    if isinstance(answered, Refused | Unknown):
        return Unknown(answered.detail if isinstance(answered, Refused) else answered.trouble)
    moved = read(answered, Transaction)
    if moved.authorization is None:
        await _merge(house, None, (moved,), events)
        return None
    purchase = await _authorization(client, id_of(moved.authorization))
    if isinstance(purchase, Refused | Unknown):
        return Unknown(purchase.detail if isinstance(purchase, Refused) else purchase.trouble)
    # The list of the authorization may have been read before the transaction was in it.
    others = [each for each in purchase.transactions if each.id != moved.id]
    await _merge(house, purchase, (*others, moved), events)
    return None


def read(answered: Any, kind: type[Kind]) -> Kind:  # noqa: ANN401  an object of the SDK
    """Decode an object as it came over the line."""
    found: Kind = msgspec.json.decode(answered.last_response.body, type=kind)
    return found


async def _authorization(client: Client, about: str) -> Authorization | Refused | Unknown:
    answered = await told(client.api.v1.issuing.authorizations.retrieve_async(about, options=client.options()))
    return answered if isinstance(answered, Refused | Unknown) else read(answered, Authorization)


async def _merge(
    house: House, purchase: Authorization | None, moved: tuple[Transaction, ...], events: tuple[str, ...]
) -> None:
    first = purchase or moved[0]
    async with db.transaction(house.posting) as story:
        used = await known.card(await story(), CODE, id_of(first.card))
    lane, currency = used.lane if used else FIRST_LANE, Currency.of(first.currency.upper())
    seen = Seen(
        lifecycle=first.id,
        lane=lane,
        card=used.card if used else None,
        payment=PaymentId(ids.new()),
        currency=currency,
        merchant=objects.merchant(first.merchant_data),
        authorization=purchase,
        transactions=moved,
        clearing=await house.money.operator(Purpose.CARD_CLEARING, lane=lane, label=CODE, currency=currency),
        funding=await house.money.operator(Purpose.CARD_SETTLEMENT, lane=lane, label=CODE, currency=currency),
        events=events,
        at=clock.real(),
    )
    await _submit(house, seen)


async def _gone(house: House, about: str, events: tuple[str, ...]) -> None:
    """Give back what we held for a question of which Stripe knows nothing."""
    async with db.transaction(house.worker) as story:
        kept = await known.purchase(await story(), CODE, about)
    lane, currency = (kept.lane, kept.currency) if kept else (FIRST_LANE, KZT)
    seen = Seen(
        lifecycle=about,
        lane=lane,
        card=kept.card if kept else None,
        payment=PaymentId(ids.new()),
        currency=currency,
        merchant=kept.merchant if kept else Merchant(name="-", id="-", category="0000", country="ZZ"),
        authorization=None,
        transactions=(),
        clearing=await house.money.operator(Purpose.CARD_CLEARING, lane=lane, label=CODE, currency=currency),
        funding=await house.money.operator(Purpose.CARD_SETTLEMENT, lane=lane, label=CODE, currency=currency),
        events=events,
        gone=True,
        at=clock.real(),
    )
    await _submit(house, seen)


async def _submit(house: House, seen: Seen) -> None:
    outcome = merging.AGAIN
    while outcome == merging.AGAIN:
        # An attempt has a name of its own: what was merged is said by the payment, not by who looked.
        named = claim(f"look:{CODE}", f"{seen.lifecycle}/{ids.new()}", None)
        reply = await house.money.submit(merging.merge, [seen], lanes=[seen.lane], claim=named, render=_render)
        outcome = msgspec.json.decode(reply.stored.body, type=str)


def _render(outcomes: Sequence[str]) -> Stored:
    return Stored(200, msgspec.json.encode(outcomes[0]))
