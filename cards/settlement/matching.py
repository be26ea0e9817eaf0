"""Every record is compared with what we booked, and everything we booked is looked for among the records.

Set-wise, in the transaction that takes the file. An element has the network's own name (lifecycle, element), so nothing
is guessed: a record is matched, or is a break of one kind.

    duplicate            under this name something was settled before
    missing_at_us        we never heard of it
    currency_differs     we booked it in another currency: this file does not settle it
    amount_differs       we booked another amount
    missing_at_network   we booked it before the cut-off, and no file has it; one that has it later resolves this

What was asked and taken by one message (0200) has the name of that message, or of the advice that tells its answer
(0220). What was taken back (0400) the network leaves out, or settles by a record of its own, named like the reversal:
both agree.

`difference_minor` is by how much a break leaves the clearing account of the network beside what it owes: above zero the
network took more than we booked.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables as cards_tables
from cards.iso8583 import names
from cards.settlement.events import BreakOpened, BreakResolved
from cards.settlement.record import Kind, Record
from cards.settlement.taking import File
from proof import journal


class Place(NamedTuple):
    """Where a record is booked: the payment that `lifecycle` names, known or not, of a card of ours or of nobody's."""

    network: str
    lifecycle: str
    lane: int
    card: UUID | None


class Missing(NamedTuple):
    """A record of something we never heard of; `no` is its line among the records."""

    id: UUID
    no: int


async def match(db: AsyncConnection, file: File, *, first_lane: int, at: datetime) -> tuple[int, list[Missing]]:
    """Compare a file that was just taken; answers how many breaks it opened, and what is missing at us."""
    about = {
        "file": file.id,
        "network": file.network,
        "currency": file.currency,
        "cutoff": file.cutoff_at,
        "first_lane": first_lane,
        "at": at,
    }
    await db.execute(_IN_SETS)
    await db.execute(_MATCH, about)
    arrived = (await db.execute(_ARRIVED, about)).all()
    found = (await db.execute(_BREAKS, about)).all()
    absent = [*await db.execute(_ABSENT, about), *await db.execute(_UNRETURNED, about)]
    opened = [
        journal.Fact(
            aggregate=row.id,
            at=at,
            actor="system",
            event=BreakOpened(
                settlement_break=row.id, network=file.network, kind=row.kind, difference_minor=row.difference_minor
            ),
        )
        for row in (*found, *absent)
    ]
    resolved = [
        journal.Fact(
            aggregate=row.id,
            at=at,
            actor="system",
            event=BreakResolved(settlement_break=row.id, resolution="arrived", difference_minor=row.difference_minor),
        )
        for row in arrived
    ]
    await journal.append(db, cards_tables.event, *opened, *resolved)
    return len(opened), await unbooked(db, file.id)


async def unbooked(db: AsyncConnection, file: UUID) -> list[Missing]:
    """List what of a file is missing at us and could be booked, and nobody has tried to, or resolved it."""
    return [Missing(row.id, row.no) for row in await db.execute(_UNBOOKED, {"file": file})]


async def booked(db: AsyncConnection, place: Place, said: Record) -> bool:
    """Say whether money moved under the name of a record, as it says: a question of that name is none."""
    about = {
        "element": said.element,
        "about": names.question(said.element),
        "kind": "refund" if said.kind == Kind.REFUND else "clearing",
        "amount": said.amount_minor,
        "currency": said.currency,
    }
    return bool(await db.scalar(_BOOKED, place._asdict() | about))


_UNBOOKED = text(
    """
    SELECT found.id, found.no FROM cards.settlement_break AS found JOIN cards.settlement_record AS record
      ON record.file = found.file AND record.no = found.no
    WHERE found.file = :file AND found.kind = 'missing_at_us' AND found.resolved_at IS NULL
      AND NOT found.left_to_officers AND record.kind IN ('purchase', 'cash', 'refund')
    ORDER BY found.no
    """
)
_BOOKED = text(
    """
    SELECT EXISTS (
        SELECT FROM cards.payment JOIN cards.element ON element.lane = payment.lane AND element.payment = payment.id
        WHERE payment.lane = :lane AND payment.network = :network AND payment.lifecycle = :lifecycle
          AND payment.card IS NOT DISTINCT FROM CAST(:card AS uuid) AND payment.currency = :currency
          AND (element.source = :element OR element.subject = :about)
          AND element.kind = :kind AND element.amount_minor = :amount)
    """
)
# The records are new to the planner, which would take them for few and look each one up by itself.
_IN_SETS = text("SELECT set_config('enable_nestloop', 'off', true)")
# What of it was taken back since is left out; a reversal that names nothing takes back what was taken at once.
_BACK = """
    LEFT JOIN (
        SELECT lane, payment, subject, sum(amount_minor) AS minor FROM cards.element
        WHERE kind = 'reversal' AND subject IS NOT NULL GROUP BY lane, payment, subject
    ) AS back ON back.lane = element.lane AND back.payment = element.payment
             AND back.subject = coalesce(element.subject, element.source)
"""
_NET = """
    greatest(element.amount_minor - coalesce(back.minor, 0)
        - CASE WHEN element.kind = 'clearing' AND element.single THEN (
            SELECT coalesce(sum(each.amount_minor), 0) FROM cards.element AS each
            WHERE each.lane = element.lane AND each.payment = element.payment
              AND each.kind = 'reversal' AND each.subject IS NULL) ELSE 0 END, 0)::bigint
"""
# As the question is called, for what was asked and taken by one message and for the advice of its answer.
_QUESTION = "CASE left({name}, 5) WHEN '0220/' THEN '0200/' || substr({name}, 6) ELSE {name} END"
_OURS = f"""
    SELECT payment.lifecycle,
           CASE WHEN element.single THEN coalesce(element.subject, element.source)
                ELSE {_QUESTION.format(name="element.source")} END AS element,
           payment.lane, payment.id AS payment, element.number,
           CAST(NULL AS uuid) AS dispute, element.amount_minor,
           CASE element.kind WHEN 'reversal' THEN element.amount_minor ELSE {_NET} END AS net_minor, payment.currency,
           CASE WHEN element.kind = 'refund' THEN -1 WHEN element.kind <> 'reversal' THEN 1
                WHEN EXISTS (SELECT FROM cards.element AS gave
                             WHERE gave.lane = element.lane AND gave.payment = element.payment AND gave.kind = 'refund'
                               AND coalesce(gave.subject, gave.source) = element.subject) THEN 1
                ELSE -1 END AS direction
    FROM cards.payment JOIN cards.element ON element.lane = payment.lane AND element.payment = payment.id {_BACK}
    WHERE payment.network = :network AND element.source IS NOT NULL
      AND (element.kind IN ('clearing', 'refund', 'reversal') OR element.kind = 'fee' AND NOT element.ours)
    UNION ALL
    SELECT payment.lifecycle, hop.source, dispute.lane, NULL, NULL, dispute.id, hop.amount_minor, hop.amount_minor,
           dispute.currency,
           CASE hop.act WHEN 'represent' THEN 1 ELSE -1 END
    FROM cards.dispute_hop AS hop JOIN cards.dispute ON dispute.id = hop.dispute
    JOIN cards.payment ON payment.lane = dispute.lane AND payment.id = dispute.payment
    WHERE dispute.network = :network AND hop.source IS NOT NULL AND hop.act IN ('accept', 'represent', 'concede', 'win')
"""  # noqa: S608  literals of this module
_MATCH = text(
    f"""
    WITH told AS (
        SELECT *, CASE WHEN kind IN ('refund', 'chargeback') THEN -1 ELSE 1 END AS direction,
               row_number() OVER (PARTITION BY lifecycle, about ORDER BY no) > 1
               OR (lifecycle, about) IN (
                   SELECT earlier.lifecycle, {_QUESTION.format(name="earlier.element")}
                   FROM cards.settlement_record AS earlier
                   JOIN cards.settlement_file AS file ON file.id = earlier.file
                   WHERE file.network = :network AND earlier.file <> :file
               ) AS again
        FROM (SELECT *, {_QUESTION.format(name="element")} AS about FROM cards.settlement_record) AS record
        WHERE file = :file
    ), ours AS ({_OURS})
    INSERT INTO cards.settlement_match
        (file, no, outcome, lane, payment, element, dispute, ours_minor, ours_currency)
    SELECT DISTINCT ON (told.no) told.file, told.no,
           CASE WHEN told.again THEN 'duplicate'
                WHEN told.kind = 'fee' THEN 'fee'
                WHEN ours.lane IS NULL THEN 'missing_at_us'
                WHEN ours.currency <> told.currency THEN 'currency_differs'
                WHEN told.amount_minor NOT IN (ours.amount_minor, ours.net_minor) THEN 'amount_differs'
                ELSE 'matched' END,
           ours.lane, ours.payment, ours.number, ours.dispute,
           CASE told.amount_minor WHEN ours.amount_minor THEN ours.amount_minor ELSE ours.net_minor END, ours.currency
    FROM told LEFT JOIN ours ON told.kind <> 'fee' AND ours.lifecycle = told.lifecycle AND ours.element = told.about
                             AND ours.direction = told.direction
    ORDER BY told.no, ours.payment, ours.number
    """  # noqa: S608  a literal of this module
)
_ARRIVED = text(
    """
    UPDATE cards.settlement_break AS absent
    SET resolution = 'arrived', resolved_at = :at, resolved_by = 'system', version = absent.version + 1
    FROM cards.settlement_match AS match
    WHERE match.file = :file AND match.outcome <> 'duplicate' AND absent.kind = 'missing_at_network'
      AND absent.payment = match.payment AND absent.element = match.element AND absent.resolved_at IS NULL
    RETURNING absent.id, absent.difference_minor
    """
)
_BREAKS = text(
    """
    INSERT INTO cards.settlement_break
        (id, network, file, kind, no, lane, payment, element, direction, theirs_minor, theirs_currency, ours_minor,
         ours_currency, difference_minor, opened_at, version)
    SELECT uuidv7(), :network, :file, outcome, no, coalesce(lane, :first_lane), payment, element, direction,
           amount_minor, currency, ours_minor, ours_currency,
           direction * (CASE currency WHEN :currency THEN amount_minor ELSE 0 END
                        - CASE WHEN outcome <> 'duplicate' AND ours_currency = :currency THEN ours_minor ELSE 0 END),
           :at, 1
    FROM (
        SELECT match.*, record.amount_minor, record.currency,
               CASE WHEN record.kind IN ('refund', 'chargeback') THEN -1 ELSE 1 END AS direction
        FROM cards.settlement_match AS match JOIN cards.settlement_record AS record USING (file, no)
        WHERE match.file = :file AND match.outcome NOT IN ('matched', 'fee')
    ) AS found
    ORDER BY no
    RETURNING id, kind, no, difference_minor
    """
)
# What was recorded before the cut-off of the file before was looked for then; a day more, because clocks differ.
_ABSENT = text(
    f"""
    INSERT INTO cards.settlement_break
        (id, network, file, kind, lane, payment, element, direction, ours_minor, ours_currency, difference_minor,
         opened_at, version)
    SELECT uuidv7(), :network, :file, 'missing_at_network', payment.lane, payment.id, element.number,
           CASE element.kind WHEN 'refund' THEN -1 ELSE 1 END, net.minor, payment.currency,
           CASE WHEN payment.currency <> :currency THEN 0 WHEN element.kind = 'refund' THEN net.minor
                ELSE -net.minor END, :at, 1
    FROM cards.element JOIN cards.payment ON payment.lane = element.lane AND payment.id = element.payment
    {_BACK} CROSS JOIN LATERAL (SELECT {_NET} AS minor) AS net
    WHERE net.minor > 0 AND payment.network = :network AND element.source IS NOT NULL AND element.at < :cutoff
      AND (element.kind IN ('clearing', 'refund') OR element.kind = 'fee' AND NOT element.ours)
      AND element.at >= coalesce((
          SELECT max(cutoff_at) FROM cards.settlement_file AS file WHERE file.network = :network AND file.id <> :file
      ), CAST(:cutoff AS timestamptz)) - interval '1 day'
      AND NOT EXISTS (
          SELECT FROM cards.settlement_match AS match
          WHERE match.payment = payment.id AND match.element = element.number AND match.outcome <> 'duplicate')
      AND NOT EXISTS (
          SELECT FROM cards.settlement_break AS known WHERE known.payment = payment.id
             AND known.element = element.number AND known.kind = 'missing_at_network')
    ORDER BY payment.id, element.number
    RETURNING id, kind, difference_minor
    """  # noqa: S608  a literal of this module
)
# What was settled whole and taken back: then the reversal has to be settled too, sooner or later.
_UNRETURNED = text(
    """
    INSERT INTO cards.settlement_break
        (id, network, file, kind, lane, payment, element, direction, ours_minor, ours_currency, difference_minor,
         opened_at, version)
    SELECT uuidv7(), :network, :file, 'missing_at_network', back.lane, back.payment, back.number, way.direction,
           back.amount_minor, settled.ours_currency,
           CASE settled.ours_currency WHEN :currency THEN -way.direction * back.amount_minor ELSE 0 END, :at, 1
    FROM cards.settlement_match AS settled
    JOIN cards.element AS taken ON taken.lane = settled.lane AND taken.payment = settled.payment
                               AND taken.number = settled.element AND taken.kind IN ('clearing', 'refund')
                               AND taken.amount_minor = settled.ours_minor
    JOIN cards.element AS back ON back.lane = taken.lane AND back.payment = taken.payment AND back.kind = 'reversal'
                              AND back.amount_minor > 0
                              AND (back.subject = coalesce(taken.subject, taken.source)
                                   OR back.subject IS NULL AND taken.kind = 'clearing' AND taken.single)
    CROSS JOIN LATERAL (SELECT CASE taken.kind WHEN 'refund' THEN 1 ELSE -1 END AS direction) AS way
    WHERE settled.file = :file AND settled.outcome = 'matched'
      AND NOT EXISTS (
          SELECT FROM cards.settlement_match AS match
          WHERE match.payment = back.payment AND match.element = back.number AND match.outcome <> 'duplicate')
      AND NOT EXISTS (
          SELECT FROM cards.settlement_break AS known WHERE known.payment = back.payment
             AND known.element = back.number AND known.kind = 'missing_at_network')
    ORDER BY back.payment, back.number
    RETURNING id, kind, difference_minor
    """
)
