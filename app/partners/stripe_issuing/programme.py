"""Where Stripe issues, and for which programme of ours it does: read from the settings, refused where it can't be."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from law.money import Currency

# docs.stripe.com/issuing/global (2026-11): 20 countries of the euro area, and these two. Kazakhstan is none of them.
_EURO_AREA = frozenset(
    {"AT", "BE", "CY", "DE", "EE", "ES", "FI", "FR", "GR", "HR"}
    | {"IE", "IT", "LT", "LU", "LV", "MT", "NL", "PT", "SI", "SK"}
)
COUNTRIES = _EURO_AREA | {"GB", "US"}


class NotIssuedThere(Exception):
    """Stripe issues no cards in this country."""

    def __init__(self, country: str) -> None:
        super().__init__(country)
        self.country = country


class StripeProgramme(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's programme with Stripe: written in a setting as JSON.

    `country` is where the operator's company is established that has the agreement with Stripe, `issuance_basis` names
    that agreement on every card, `bank` is the partner bank, by its code, from which Stripe is paid ahead.
    """

    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)")]
    issuance_basis: Annotated[str, Meta(min_length=1, max_length=64)]
    bank: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$(?!\n)")]
    per_payment_max_minor: Annotated[int, Meta(gt=0, le=2**53 - 1)] = 1_000_000

    @property
    def currency(self) -> Currency:
        """What its cards are billed in, which follows from the country."""
        return currency_of(self.country)

    @property
    def lives(self) -> frozenset[str]:
        """Where its cardholders may live: a European programme serves the euro area and the United Kingdom."""
        return frozenset({"US"}) if self.country == "US" else COUNTRIES - {"US"}


def currency_of(country: str) -> Currency:
    """Say what cards of a programme in `country` are billed in; raises NotIssuedThere."""
    if country not in COUNTRIES:
        raise NotIssuedThere(country)
    return Currency.of({"US": "USD", "GB": "GBP"}.get(country, "EUR"))


Mode = Literal["test", "live"]


def mode_of(key: str) -> Mode | None:
    """Say which of Stripe's two worlds an API key opens; None for what is no secret or restricted key."""
    modes: tuple[Mode, ...] = ("test", "live")
    for mode in modes:
        if key.startswith((f"sk_{mode}_", f"rk_{mode}_")):
            return mode
    return None
