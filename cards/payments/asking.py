"""What a batch of card messages asks the database before it decides: many questions, one round trip.

Each who has something to say about a payment (its controls, counters, proofs, rules) names its statements; they are
sent together and every answer goes back to who asked.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from wallet import ledger
from wallet.ledger import Question as Query
from wallet.trip import RoundTrip

__all__ = ["Query", "Rows", "ask"]

#: The rows of one statement, as the driver reads them: tuples, or dictionaries where they are named.
Rows = Sequence[Any]


async def ask(db: AsyncConnection, queries: Iterable[Query]) -> list[Rows]:
    """Send `queries` at once; answers the rows of each."""
    trip = RoundTrip(await ledger.wire(db))
    answers = [trip.say(*query) for query in queries]
    await ledger.over(trip)
    return [answer.rows for answer in answers]
