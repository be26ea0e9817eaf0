"""What Stripe told is looked at, because events come twice, late, in any order, or not at all.

keeps      app/partners/stripe_issuing/inbox.py     keep()
acts       app/partners/stripe_issuing/events.py    step()       <- you are here, the worker
           app/partners/stripe_issuing/purchases.py, cards.py, holders.py, tokens.py, disputing.py, topups.py

An event says where to look, never what is true: the object is fetched as it is now, with no transaction open, and what
was told about it is settled in the transaction that holds the effect.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import structlog

from app import clock, db
from app.house import House
from app.partners.stripe_issuing import cards, disputing, holders, inbox, purchases, tokens, topups
from app.partners.stripe_issuing.inbox import Row
from cards.processing.processor import Unknown

SIZE_MAX = 50
_LEASE = timedelta(seconds=120)
_BACKOFF_FIRST = timedelta(seconds=2)
_BACKOFF_MAX = timedelta(hours=1)

_log = structlog.get_logger()

#: Looks at what events are about, and settles them by name; answers why it could not, None where it could.
Look = Callable[[House, str, tuple[str, ...]], Awaitable[Unknown | None]]

#: Who looks, by the beginning of the kind; of others it is enough to know.
LOOKS: dict[str, Look] = {
    "issuing_authorization": purchases.authorization,
    "issuing_transaction": purchases.transaction,
    "issuing_card": cards.follow,
    "issuing_cardholder": holders.follow,
    "issuing_dispute": disputing.follow,
    "issuing_token": tokens.follow,
    "topup": topups.arrived,
}


async def step(house: House) -> int:
    """Look at what was told; answers how many events were taken."""
    if house.stripe is None:
        return 0
    now = clock.real()
    async with db.transaction(house.worker) as story:
        taken = await inbox.take(await story(), now=now, until=now + _LEASE, limit=SIZE_MAX)
    about: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in taken:
        about[row.kind.partition(".")[0], row.about].append(row)
    for (kind, object_), rows in about.items():
        await _look(house, kind, object_, rows)
    return len(taken)


async def _look(house: House, kind: str, about: str, rows: Sequence[Row]) -> None:
    """Look once for all events about one thing; whatever goes wrong is theirs alone."""
    events = tuple(row.event for row in rows)
    try:
        if (look := LOOKS.get(kind)) is None:
            await inbox.settle(house, events, "noted")
            return
        trouble = await look(house, about, events)
    except Exception as error:  # noqa: BLE001  one object's fault must not stop the others; its events stay due
        _log.error("stripe_event_failed", kind=kind, about=about, exc_info=error)
        trouble = Unknown(type(error).__name__)
    if trouble is not None:
        wait = min(_BACKOFF_FIRST * (1 << min(rows[0].attempts, 20)), _BACKOFF_MAX)
        async with db.transaction(house.worker) as story:
            await inbox.later(await story(), events, due_at=clock.real() + wait, trouble=trouble.trouble)
