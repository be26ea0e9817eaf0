"""How hops are written, and what is read of a dispute beside its row before one is decided."""

from collections.abc import Collection
from uuid import UUID

import msgspec
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.disputes import tables
from cards.disputes.dispute import Dispute, Hop
from cards.disputes.reason import Proof


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a dispute beside its row: which proofs there are, which files no hop has named, what it heard.

    `filed` says that the network was told of it, or is about to be.
    """

    proofs: frozenset[Proof] = frozenset()
    unnamed: tuple[UUID, ...] = ()
    sources: frozenset[str] = frozenset()
    filed: bool = False


async def known(db: AsyncConnection, disputes: Collection[UUID]) -> dict[UUID, Known]:
    """Read it for `disputes`."""
    rows = await db.execute(_KNOWN, {"disputes": list(disputes)})
    return {
        row.id: Known(
            proofs=frozenset(Proof(kind) for kind in row.proofs),
            unnamed=tuple(row.unnamed),
            sources=frozenset(row.sources),
            filed=row.filed,
        )
        for row in rows
    }


async def over(db: AsyncConnection, about: Dispute) -> int:
    """Say by how much the disputes of a payment exceed what the network still has of it; below zero by how little."""
    return int(await db.scalar(_OVER, {"lane": about.lane, "payment": about.payment}) or 0)


async def write(db: AsyncConnection, before: Dispute, after: Dispute, hop: Hop) -> None:
    """Write a dispute as it is after a hop, and the hop."""
    was, now = msgspec.structs.asdict(before), msgspec.structs.asdict(after)
    changed = {name: value for name, value in now.items() if value != was[name]}
    await db.execute(update(tables.dispute).where(tables.dispute.c.id == after.id).values(changed))
    await db.execute(insert(tables.hop).values(msgspec.structs.asdict(hop) | {"evidence": list(hop.evidence)}))


_OVER = text(
    """
    SELECT coalesce(sum(amount_minor) FILTER (WHERE state NOT IN ('withdrawn', 'expired', 'rejected')), 0)::bigint
           - cards.disputable(:lane, :payment)
    FROM cards.dispute WHERE lane = :lane AND payment = :payment
    """
)
_KNOWN = text(
    """
    SELECT dispute.id,
           ARRAY(SELECT DISTINCT kind FROM cards.dispute_evidence AS evidence
                 WHERE evidence.dispute = dispute.id) AS proofs,
           ARRAY(SELECT evidence.id FROM cards.dispute_evidence AS evidence
                 WHERE evidence.dispute = dispute.id AND NOT EXISTS (
                     SELECT FROM cards.dispute_hop AS hop
                     WHERE hop.dispute = dispute.id AND evidence.id = ANY (hop.evidence))
                 ORDER BY evidence.id) AS unnamed,
           ARRAY(SELECT source FROM cards.dispute_hop AS hop
                 WHERE hop.dispute = dispute.id AND source IS NOT NULL) AS sources,
           EXISTS (SELECT FROM cards.dispute_errand AS errand
                   WHERE errand.dispute = dispute.id AND errand.kind = 'file') AS filed
    FROM unnest(CAST(:disputes AS uuid[])) AS dispute (id)
    """
)
