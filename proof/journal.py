"""What happened, as rows that are only ever added: each package's `<schema>.event` table.

A fact is written in the same transaction as its effect. The relay (`app/outbox.py`) later gives it a gap-free position
in `app.feed`, where all packages' facts form one hash chain.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from proof import canonical


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One event about one aggregate: who did it, when, and whose feed shows it (`holder`, None for nobody's).

    `event` is a tagged frozen Struct of ids, amounts and times; its tag is the kind, such as `card.ordered`.
    """

    aggregate: UUID
    at: datetime
    actor: str
    event: msgspec.Struct
    holder: UUID | None = None


def table(metadata: MetaData) -> Table:
    """Describe the event table of the package whose `metadata` this is."""
    return Table(
        "event",
        metadata,
        Column("seq", BigInteger, Identity(always=True), primary_key=True),
        Column("id", Uuid, nullable=False, unique=True, server_default=text("uuidv7()")),
        Column("aggregate", Uuid, nullable=False),
        Column("version", Integer, nullable=False),
        Column("holder", Uuid),
        Column("kind", Text, nullable=False),
        Column("actor", Text, nullable=False),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("body", JSONB, nullable=False),
        UniqueConstraint("aggregate", "version"),
    )


async def append(db: AsyncConnection, events: Table, *facts: Fact) -> None:
    """Add `facts` in order, each with the next version of its aggregate.

    The caller holds the lock that orders the aggregate's changes; should it not, the unique version refuses the second.
    """
    if not facts:
        return
    await db.execute(text(_APPEND.format(table=events.fullname)), {"facts": msgspec.json.encode(_rows(facts)).decode()})


def appending(events: Table, facts: Sequence[Fact]) -> tuple[bytes, str]:
    """Say the same in the driver's words, for who sends it with others: the statement and its one parameter."""
    statement = _APPEND.format(table=events.fullname).replace(":facts", "(%s::text[])[1]")
    return statement.encode(), msgspec.json.encode(_rows(facts)).decode()


def _rows(facts: Sequence[Fact]) -> list[dict[str, object]]:
    nth: dict[UUID, int] = {}
    rows = []
    for fact in facts:
        body = msgspec.json.decode(msgspec.json.encode(fact.event))  # as it will be read: a tuple is a list there
        kind = body.pop("type")
        canonical.dumps(body)  # what has no canonical text (a float) is refused here, not when the chain is made
        nth[fact.aggregate] = nth.get(fact.aggregate, 0) + 1
        rows.append(
            {
                "aggregate": fact.aggregate,
                "nth": nth[fact.aggregate],
                "holder": fact.holder,
                "kind": kind,
                "actor": fact.actor,
                "at": fact.at,
                "body": body,
            }
        )
    return rows


# One statement for any number of facts; their order in the list is their order in the table.
_APPEND = """
INSERT INTO {table} (aggregate, version, holder, kind, actor, at, body)
SELECT fact.aggregate,
       fact.nth + coalesce((SELECT max(version) FROM {table} AS earlier WHERE earlier.aggregate = fact.aggregate), 0),
       fact.holder, fact.kind, fact.actor, fact.at, fact.body
FROM ROWS FROM (jsonb_to_recordset(CAST(:facts AS jsonb))
     AS (aggregate uuid, nth int, holder uuid, kind text, actor text, at timestamptz, body jsonb)) WITH ORDINALITY
     AS fact (aggregate, nth, holder, kind, actor, at, body, place)
ORDER BY fact.place
"""
