"""Who calls: Stripe's signature over the raw bytes, for an endpoint of its own secret, before anything is read."""

import msgspec

from app.house import House
from app.partners.stripe_issuing.client import sdk
from app.partners.stripe_issuing.objects import Event

TOLERANCE_S = 300


class Unsigned(Exception):
    """No secret of this endpoint signed these bytes just now, or they are of Stripe's other world."""


def opened(house: House, secret: str, header: str | None, body: bytes) -> Event:
    """Read an event that is proved to be Stripe's; raises Unsigned. `secret` names the setting, a list while it turns.

    The SDK's own check over the raw bytes and a decoder that reads what is needed: a seventh of what building the SDK's
    event costs.
    """
    if not any(_signed(body, header, each) for each in (house.settings.secret(secret) or "").split(",") if each):
        raise Unsigned
    try:
        event = msgspec.json.decode(body, type=Event)
    except msgspec.DecodeError as error:
        raise Unsigned from error
    if event.livemode is house.settings.virtual:
        raise Unsigned
    return event


def _signed(body: bytes, header: str | None, secret: str) -> bool:
    stripe = sdk()
    try:
        stripe.WebhookSignature.verify_header(body, header, secret, TOLERANCE_S)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True
