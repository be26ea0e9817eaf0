"""Which of the three languages a caller reads: RFC 4647 lookup over Accept-Language."""

import enum


class Language(enum.StrEnum):
    """The languages every text of ours exists in; English is served when nothing better is asked (D3.2-g)."""

    EN = "en"
    RU = "ru"
    KK = "kk"


def choose(accept_language: str | None) -> Language:
    """Pick the best of ours for an Accept-Language header; malformed parts are ignored (RFC 9110 section 12.5.4)."""
    ranges = [_range(part) for part in (accept_language or "").split(",")[:20]]
    for _, tag in sorted((found for found in ranges if found[0] > 0), key=lambda found: -found[0]):
        primary = tag.partition("-")[0]
        if primary in Language.__members__.values():
            return Language(primary)
    return Language.EN


def _range(part: str) -> tuple[int, str]:
    """Weight in thousandths and lower-case tag of one language range."""
    tag, _, parameters = part.strip().partition(";")
    name, _, weight = parameters.strip().partition("=")
    if not parameters:
        return 1000, tag.lower()
    whole, _, fraction = weight.strip().partition(".")
    if name.strip() != "q" or not (whole in {"0", "1"} and (fraction + "0").isdigit()):
        return 0, tag
    return min(1000, int(whole) * 1000 + int(fraction[:3].ljust(3, "0"))), tag.lower()
