"""What was taken or refunded under another name than the purchase had: which belongs to which.

finds      app/cards/work.py             match()              the worker: at once, then after twice as long each time
pairs      cards/payments/matching.py    pair()             <- you are here: who belongs to whom, and how sure that is
gives way  cards/payments/matching.py    give_way()           a promise ends once, by what was taken of it
"""

import enum
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.payments import funds
from cards.payments.message import Match
from cards.payments.payment import Element, Kind, Payment, PaymentId
from cards.payments.tray import Tray
from law.money import Money


class Confidence(enum.StrEnum):
    """How sure a link is; the surest first."""

    NAMED = "named"  # the network says so
    EXACT = "exact"  # the same card, merchant and amount, and no other candidate
    LIKELY = "likely"  # the same card and merchant, and no other candidate


class Loose(msgspec.Struct, frozen=True, kw_only=True):
    """A clearing without a promise, or a refund without a purchase: `of` is the lifecycle it named."""

    lane: int
    payment: PaymentId
    holder: UUID
    refund: bool
    amount_minor: int
    of: str | None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A payment of the same card and merchant that it may be about; `amount_minor` is what was promised or taken."""

    payment: PaymentId
    lifecycle: str
    amount_minor: int


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """What is about what."""

    loose: Loose
    about: PaymentId
    confidence: Confidence


def pair(loose: Loose, candidates: Sequence[Candidate]) -> Pair | None:
    """Find the one candidate that `loose` is about; two that look alike are none."""
    for confidence, fits in (
        (Confidence.NAMED, [each for each in candidates if each.lifecycle == loose.of]),
        (Confidence.EXACT, [each for each in candidates if each.amount_minor == loose.amount_minor]),
        (Confidence.LIKELY, [each for each in candidates if each.amount_minor >= loose.amount_minor]),
    ):
        if len(fits) == 1:
            return Pair(loose=loose, about=fits[0].payment, confidence=confidence)
        if fits:
            return None
    return None


def frees(found: Pair) -> bool:
    """Whether the promise gives way: a hold is not given back on a guess."""
    return not found.loose.refund and found.confidence is not Confidence.LIKELY


def match(tray: Tray, promised: Payment, told: Match) -> Payment:
    """End a promise by what was taken under another name, and link the two; answers `promised` where nothing ended."""
    taken = tray.find(told.taken)
    tray.link(taken, promised, told.confidence)
    sums = taken.sums()
    # A promise that gave way does not stand again where the clearing is taken back.
    return _given_way(tray, promised, taken, Money(sums.captured, taken.currency), final=sums.final)


def give_way(tray: Tray, promised: Payment, taking: Payment, amount: Money, *, final: bool) -> None:
    """End a promise, or a part of it, by the `amount` that `taking` is about to take of it under its own name.

    What has a promise of its own takes of that and of no other. What was never promised is looked at again by the
    worker: the question may still come.
    """
    before = taking.sums()
    if before.was_promised or not promised.sums().was_promised:
        return
    tray.link(taking, promised, Confidence.NAMED)
    # The last clearing may have come before the promise did, and this one, of the same name, after it.
    taken = Money(before.captured, amount.currency) + amount
    ended = _given_way(tray, promised, taking, taken, final=final or before.final)
    if ended is not promised:
        tray.keep(ended)


def _given_way(tray: Tray, promised: Payment, taken: Payment, amount: Money, *, final: bool) -> Payment:
    """Let `promised` give way for `amount`, all that `taken` has: for what it gave way before it does not again."""
    before = sum(each.amount.minor for each in promised.elements if each.of == taken.lifecycle and _is_match(each))
    more = Money(max(amount.minor - before, 0), amount.currency)
    if not more and (promised.sums().final or not final):
        return promised
    ended = promised.adding(Kind.MATCH, more, tray.now, source=None, final=final, of=taken.lifecycle)
    funds.follow(tray, promised, ended)
    return ended


def _is_match(element: Element) -> bool:
    return element.kind is Kind.MATCH


async def due(db: AsyncConnection, *, at: datetime, limit: int) -> list[tuple[int, UUID]]:
    """List what came loose and is to be looked at, by lane; nobody else looks at it meanwhile."""
    return [(row.lane, row.payment) for row in await db.execute(_DUE, {"at": at, "limit": limit})]


async def find(db: AsyncConnection, looked: Sequence[tuple[int, UUID]]) -> list[Pair]:
    """Pair these with what they may be about."""
    candidates: defaultdict[Loose, list[Candidate]] = defaultdict(list)
    lanes, ids = [lane for lane, _ in looked], [payment for _, payment in looked]
    for row in await db.execute(_LOOSE, {"lanes": lanes, "ids": ids}):
        loose = Loose(
            lane=row.lane,
            payment=PaymentId(row.id),
            holder=row.holder,
            refund=row.refund,
            amount_minor=row.amount_minor,
            of=row.of,
        )
        candidates[loose].append(
            Candidate(payment=PaymentId(row.about), lifecycle=row.lifecycle, amount_minor=row.about_minor)
        )
    return [found for loose, offered in candidates.items() if (found := pair(loose, offered))]


async def look_later(db: AsyncConnection, looked: Sequence[tuple[int, UUID]], *, at: datetime) -> None:
    """Look again when as much time has passed once more; what is linked or too old is never looked at again."""
    rows = {"lanes": [lane for lane, _ in looked], "ids": [payment for _, payment in looked], "at": at}
    await db.execute(_LATER, rows)
    await db.execute(_NEVER, rows)


async def link(db: AsyncConnection, pairs: Iterable[Pair], *, at: datetime) -> None:
    """Keep what moves no money: what a refund is about, and a guess."""
    rows = [
        {
            "lane": found.loose.lane,
            "payment": found.loose.payment,
            "about": found.about,
            "holder": found.loose.holder,
            "confidence": found.confidence,
            "at": at,
        }
        for found in pairs
    ]
    if rows:
        await db.execute(_LINK, rows)


_DUE = text(
    """
    SELECT lane, payment FROM cards.loose WHERE due_at <= :at
    ORDER BY due_at, payment LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_LATER = text(
    """
    UPDATE cards.loose SET due_at = :at + greatest(:at - loose.at, interval '1 minute')
    FROM unnest(CAST(:lanes AS integer[]), CAST(:ids AS uuid[])) AS looked (lane, payment)
    WHERE loose.lane = looked.lane AND loose.payment = looked.payment
    """
)
_NEVER = text(
    """
    DELETE FROM cards.loose
    USING unnest(CAST(:lanes AS integer[]), CAST(:ids AS uuid[])) AS looked (lane, payment)
    WHERE loose.lane = looked.lane AND loose.payment = looked.payment
      AND (loose.at < :at - interval '31 days'
           OR EXISTS (SELECT FROM cards.link WHERE link.lane = loose.lane AND link.payment = loose.payment))
    """
)
# Each with the payments of the same card, or of one in whose place it came, that it may be about: opened before a
# refund, or within a month of a clearing; taken from, or still promised to. One whose own promise came after all is
# about nothing else.
_LOOSE = text(
    """
    WITH loose AS (
        SELECT payment.lane, payment.id, payment.holder, payment.card, payment.network, payment.merchant_id,
               payment.opened_at, bool_or(element.kind = 'refund') AS refund,
               sum(element.amount_minor) FILTER (WHERE element.kind IN ('clearing', 'refund'))::bigint AS amount_minor,
               max(element."of") AS of
        FROM unnest(CAST(:lanes AS integer[]), CAST(:ids AS uuid[])) AS looked (lane, id)
        JOIN cards.payment USING (lane, id)
        JOIN cards.element ON element.lane = payment.lane AND element.payment = payment.id
        GROUP BY payment.lane, payment.id
        HAVING bool_and(element.kind NOT IN ('authorization', 'increment', 'confirmation'))
    )
    SELECT loose.lane, loose.id, loose.holder, loose.refund, loose.amount_minor, loose.of,
           about.id AS about, about.lifecycle, sums.minor AS about_minor
    FROM loose CROSS JOIN LATERAL (
        SELECT ARRAY(
            WITH RECURSIVE line (id, replaces) AS (
                SELECT id, replaces FROM cards.card WHERE id = loose.card
                UNION ALL
                SELECT before.id, before.replaces FROM line JOIN cards.card AS before ON before.id = line.replaces
            ) SELECT id FROM line) AS cards
    ) AS line JOIN cards.payment AS about
         ON about.card = ANY(line.cards) AND about.lane = loose.lane AND about.id <> loose.id
        AND about.network = loose.network
        AND (about.lifecycle = loose.of OR about.merchant_id = loose.merchant_id)
        AND about.opened_at BETWEEN loose.opened_at - CASE WHEN loose.refund THEN interval '180 days'
                                                           ELSE interval '31 days' END
                                AND loose.opened_at + CASE WHEN loose.refund THEN interval '0'
                                                           ELSE interval '7 days' END
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount_minor) FILTER (WHERE kind = 'clearing'), 0)::bigint AS taken,
               coalesce(max(amount_minor) FILTER (WHERE kind = 'confirmation'),
                        sum(amount_minor) FILTER (WHERE kind IN ('authorization', 'increment')), 0)::bigint AS promised
        FROM cards.element WHERE element.lane = about.lane AND element.payment = about.id
    ) AS of_about
    CROSS JOIN LATERAL (SELECT CASE WHEN loose.refund THEN taken ELSE promised END AS minor) AS sums
    WHERE sums.minor > 0
      AND (loose.refund OR EXISTS (
              SELECT FROM cards.promise WHERE promise.lane = about.lane AND promise.payment = about.id))
    ORDER BY loose.id, about.id
    """
)
_LINK = text(
    """
    INSERT INTO cards.link (lane, payment, about, holder, confidence, at)
    VALUES (:lane, :payment, :about, :holder, :confidence, :at) ON CONFLICT DO NOTHING
    """
)
