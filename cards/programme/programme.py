"""The programme: what no card of it ever pays for, and until when cards of a basis live. No control overrides it.

loads      cards/programme/programme.py    load()
decides    cards/programme/programme.py    refusals()     <- you are here; step 4 of the decision, after the card itself
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.card import Card, Listing
from cards.payments.message import Authorization
from cards.payments.reason import Reason
from law import calendar
from law.money import Money
from law.regime import NoRegime, Policy, Programme


class InForce(msgspec.Struct, frozen=True):
    """The programme at an instant, as far as some purchases ask: `policy` is None where nothing is the law.

    `merchants` are those of them that are listed; `ends` says for each basis that is wound down when its cards stop.
    """

    policy: Policy | None
    merchants: frozenset[str]
    ends: Mapping[str, datetime]


def refusals(
    programme: InForce, card: Card, asked: Authorization, *, total: Money, now: datetime
) -> tuple[Reason, ...]:
    """Find everything the programme has against `asked`; it says the same about money that comes back.

    `total` is what its payment would come to: who asks for more of it passes no cap by asking often.
    """
    if programme.policy is None or _ended(programme, card, now):
        return (Reason.PROGRAMME_ENDED,)
    policy = programme.policy
    found = [reason for reason, denies in DENIES if denies(policy, programme.merchants, card, asked)]
    if card.parent is not None and _not_for_children(policy, asked, total):
        found.append(Reason.NOT_FOR_CHILDREN)
    return tuple(found)


def _ended(programme: InForce, card: Card, now: datetime) -> bool:
    ends = programme.ends.get(card.issuance_basis)
    return ends is not None and now >= ends


Denies = Callable[[Policy, frozenset[str], Card, Authorization], bool]


def _not_for_children(policy: Policy, asked: Authorization, total: Money) -> bool:
    minors = policy.minors
    return minors is None or asked.merchant.category in minors.denied_categories or total > minors.per_payment


DENIES: tuple[tuple[Reason, Denies], ...] = (
    (Reason.FORBIDDEN_MERCHANT, lambda policy, _, __, asked: asked.merchant.category in policy.denied_categories),
    (Reason.FORBIDDEN_MERCHANT, lambda _, merchants, __, asked: asked.merchant.id in merchants),
    (Reason.FORBIDDEN_COUNTRY, lambda policy, _, __, asked: asked.merchant.country in policy.denied_countries),
    (Reason.FORBIDDEN_PERSON, lambda _, __, card, ___: Listing.BARRED in card.listed),
    (
        Reason.FORBIDDEN_PERSON,
        lambda policy, _, card, asked: (
            Listing.SELF_RESTRICTED in card.listed and asked.merchant.category in policy.denied_if_self_restricted
        ),
    ),
)


async def load(db: AsyncConnection, regimes: Programme, merchants: Iterable[str], now: datetime) -> InForce:
    """Read the programme at `now`, as far as purchases at `merchants` ask."""
    rows = await db.execute(text(IN_FORCE), {"merchants": list(merchants)})
    return of_rows(rows.all(), regimes, now)


def of_rows(rows: Iterable[Sequence[Any]], regimes: Programme, now: datetime) -> InForce:
    """Make it of the rows of IN_FORCE, for who sends several statements in one round trip."""
    try:
        policy = regimes.at(calendar.statutory_date(now)).policy
    except NoRegime:
        policy = None
    found = [tuple(row) for row in rows]
    return InForce(
        policy=policy,
        merchants=frozenset(named for what, named, _ in found if what == "merchant"),
        ends={named: at for what, named, at in found if what == "end"},
    )


#: Takes :merchants, an array of ids of merchants.
IN_FORCE = """
SELECT 'merchant' AS what, merchant AS named, NULL::timestamptz AS at FROM cards.listed_merchant
WHERE merchant = ANY(:merchants) AND ended_at IS NULL
UNION ALL
SELECT 'end', basis, spends_until FROM cards.campaign
WHERE kind = 'wind_down' AND state IN ('running', 'paused', 'done')
"""
