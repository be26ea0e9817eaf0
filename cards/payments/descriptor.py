"""A merchant's name as people know it, out of what acquirers write: `SQ *JOES COFFEE 0042 ALMATY KZ` is Joes Coffee.

What the network said is kept as it was said (cards.payment); this is how it is shown. Nothing is looked up, so nothing
is invented: what is not understood stays as it is.
"""

import re

import msgspec

from cards.payments.payment import Merchant

#: Who collects for small merchants puts its mark in front: Square, Toast, Zettle, SumUp, Shopify, PayPal, and so on.
_COLLECTORS = re.compile(
    r"^(?:SQ|TST|IZ|ZLR|SUMUP|SP|PAYPAL|PP|PY|GPAY|GOOGLE|APPLE\.COM/BILL|WPY|EB|CKE|FSP|DRI|EZI|BT|IN|XSOLLA|PADDLE"
    r"|2CO|FS|WWW\.KASPI|KASPI)\s*\*\s*",
    re.IGNORECASE,
)
#: What says nothing to a buyer: references, numbers of shops and terminals, telephone numbers.
_NOISE = re.compile(
    r"(?:\*\s*[A-Z0-9]{6,}\b)|(?:#\s*\d+)|(?:\bNO?\.?\s*\d+\b)|(?:\+?\d[\d\-() ]{6,}\d)|(?:\b(?=[A-Z]*\d)[A-Z\d]{7,}\b)"
    r"|(?:\b0\d{1,5}\b)|(?:\bP\d{4,}\b)",
    re.IGNORECASE,
)
#: Forms of companies as acquirers of Kazakhstan and Russia write them: the name is what follows.
_FORMS = re.compile(r"^(?:TOO|LLP|LLC|IP|AO|JSC|OOO|ТОО|ИП|АО|ООО|ЖШС|ЖК)\s+[\"«]?", re.IGNORECASE)
_HOST = re.compile(r"^(?:https?://)?(?:www\.)?([a-z0-9\-]+(?:\.[a-z0-9\-]+)+)(?:/.*)?$", re.IGNORECASE)
_SMALL = frozenset({"and", "of", "the", "de", "la", "di", "und", "i"})
#: Words that are written in capitals everywhere: these, and short ones that nobody could pronounce otherwise.
_CAPITALS = frozenset({"atm", "usa", "uae", "uk", "eu", "ikea", "asos"})
_CAPITALS_MAX = 3
_VOWELS = frozenset("aeiouyаеёиоуыэюяәөүұі")


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant as a holder reads it; `city` is None where nobody said it."""

    name: str
    city: str | None
    country: str


def clean(merchant: Merchant) -> Shown:
    """Take from a descriptor what a buyer recognises."""
    said = " ".join(merchant.name.split())
    city = " ".join((merchant.city or "").split())
    name = _COLLECTORS.sub("", said)
    name = _without(name, merchant.country)
    name = _without(name, city) if city else name
    name = _FORMS.sub("", _NOISE.sub(" ", name))
    name = " ".join(name.replace("*", " ").split()).strip(" ,.;:-/\"«»'")
    return Shown(name=_spelt(name or said), city=_spelt(city) or None, country=merchant.country)


def _without(name: str, end: str) -> str:
    """Leave out a last word that a field of its own says as well."""
    shorter = re.sub(rf"[\s,]+{re.escape(end)}\.?$", "", name, flags=re.IGNORECASE)
    return shorter or name


def _spelt(name: str) -> str:
    """Write what shouts in capitals as names are written; a host is written small."""
    if host := _HOST.match(name):
        return host[1].lower()
    if not name.isupper():
        return name
    words = name.split(" ")
    return " ".join(_word(word, first=place == 0) for place, word in enumerate(words))


def _word(word: str, *, first: bool) -> str:
    lower = word.lower()
    if lower in _SMALL and not first:
        return lower
    if lower in _CAPITALS or (len(word) <= _CAPITALS_MAX and not _VOWELS.intersection(lower)):
        return word
    return "-".join(part[:1].upper() + part[1:] for part in lower.split("-"))
