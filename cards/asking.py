"""What a batch of card messages asks the database before it decides: many questions, one round trip.

Each who has something to say about a payment (its controls, counters, proofs, rules) names its statements; they are
sent together and every answer goes back to who asked.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from wallet import ledger
from wallet.trip import RoundTrip

#: The rows of one statement, as the driver reads them: tuples, or dictionaries where they are named.
Rows = Sequence[Any]


class Query(NamedTuple):
    """One statement in the driver's form (`%s`), with its columns: arrays of wallet/packed.py, or plain values.

    Rows that are `named` come as dictionaries.
    """

    statement: bytes
    columns: Sequence[object] = ()
    named: bool = False


async def ask(db: AsyncConnection, queries: Sequence[Query]) -> list[Rows]:
    """Send `queries` at once; answers the rows of each."""
    trip = RoundTrip(await ledger.wire(db))
    answers = [trip.say(query.statement, query.columns) for query in queries]
    await ledger.over(trip)
    return [answer.named() if query.named else answer.rows for query, answer in zip(queries, answers, strict=True)]
