"""What Stripe is asked to stop by itself: the programme's merchants, the holder's, and what no single payment may be.

Everything else a holder chose is decided here, for every question Stripe asks (cards/payments/swipe.py). Its days and
months are UTC's and its lists can only be replaced, never emptied, so what is sent is what both sides mean the same by,
and never nothing: a list of merchant categories that are refused, and a limit for one payment.
"""

from app.partners.stripe_issuing import categories
from app.partners.stripe_issuing.programme import StripeProgramme
from cards.processing.processor import Permits

#: Money bought with money (ISO 18245): refused by every programme of ours, so that the list is never empty.
_ALWAYS = frozenset({"6051"})


def spending_controls(permits: Permits, programme: StripeProgramme) -> dict[str, object]:
    """Write what a holder permits as Stripe's controls of a card."""
    named = categories.names()
    refused = permits.denied | permits.controls.categories.never | _ALWAYS
    limit = permits.limits.per_payment
    most = min(limit.minor, programme.per_payment_max_minor) if limit else programme.per_payment_max_minor
    return {
        "blocked_categories": sorted(named[code] for code in refused if code in named),
        "spending_limits": [{"amount": most, "interval": "per_authorization"}],
    }
