"""The rounds of a campaign: all cards of a basis, some at a time, while they go on being used.

step       app/cards/campaigns.py       step()
moves      cards/programme/rounds.py    advance()      <- you are here
life       cards/programme/campaign.py

A card that is moved gets one more row of its history; a swipe reads the row before it or that one, so nothing stops.
What was done is a row per card, which is what a rollback goes by. A round over all cards is the last where it found
nothing to do: cards that were being ordered while it began are found by the next one.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.card import Card, Closing, Owner, Suspension
from cards.programme import campaign, change, events, tables
from cards.programme.campaign import Campaign, Kind, Outcome, State
from cards.programme.change import Changed
from law.regime import Regime

#: How many cards one transaction does: their locks are held for a fraction of a second.
BATCH = 250
NOTICE_MISSING = "notice_not_accepted"


async def advance(db: AsyncConnection, running: Campaign, *, actor: str, at: datetime, batch: int = BATCH) -> int:
    """Do the next cards of a campaign that was `locked`; answers how many it looked at. Nothing twice, nothing left."""
    found = (await db.execute(_NEXT, {**_round(running), "batch": batch})).scalars().all()
    cards = await change.all_locked(db, found)
    done = await _do(db, running, cards, actor=actor, at=at)
    place = found[-1] if len(found) == batch else None
    after = msgspec.structs.replace(running, place=place, found_any=running.found_any or done > 0)
    if place is None:
        after = await _round_over(db, after, actor=actor, at=at)
    await campaign.write(db, after)
    return len(found)


def _round(running: Campaign) -> dict[str, object]:
    back = running.state is State.ROLLING_BACK
    return {"campaign": running.id, "basis": running.basis, "back": back, "place": running.place}


async def _round_over(db: AsyncConnection, over: Campaign, *, actor: str, at: datetime) -> Campaign:
    """Begin another round where this one found any; else finish, or come back for those who were to consent."""
    if over.found_any:
        return msgspec.structs.replace(over, found_any=False)
    if over.state is State.RUNNING and over.consent_until is not None and at < over.consent_until:
        waiting = (await campaign.counts(db, over.id)).get(Outcome.WAITING, 0)
        if waiting:
            return msgspec.structs.replace(over, due_at=over.consent_until)
    finished = msgspec.structs.replace(over, state=campaign.LIFE[over.state, campaign.Act.FINISH], due_at=None)
    await campaign.tell(db, finished, actor, at)
    return finished


async def _do(db: AsyncConnection, running: Campaign, cards: Sequence[Card], *, actor: str, at: datetime) -> int:
    if running.state is State.ROLLING_BACK:
        return await _roll_back(db, running, cards, actor=actor, at=at)
    mine = [card for card in cards if card.alive and card.issuance_basis == running.basis]
    if running.kind is Kind.WIND_DOWN:
        if mine:
            await change.close(db, mine, Closing.WIND_DOWN, actor=actor, at=at)
        await _note(db, running, mine, Outcome.CLOSED, at)
        return len(mine)
    return await _migrate(db, running, mine, actor=actor, at=at)


async def _migrate(db: AsyncConnection, running: Campaign, mine: Sequence[Card], *, actor: str, at: datetime) -> int:
    assert running.consent_until is not None, "a migration has a last day for consents"
    agreed = await _agreed(db, running, mine)
    moved = [card for card in mine if card.holder in agreed]
    await move(db, running, moved, actor=actor, at=at)
    waiting = [card for card in mine if card.holder not in agreed]
    late = [card for card in waiting if at >= running.consent_until and not card.suspended_by(Owner.NOTICE)]
    flagged = [change.suspended(card, Owner.NOTICE, NOTICE_MISSING) for card in late]
    await change.record_all(db, flagged, actor=actor, at=at)
    await _note(db, running, waiting, Outcome.WAITING, at)
    return len(moved) + len(late)


async def _agreed(db: AsyncConnection, running: Campaign, cards: Sequence[Card]) -> set[UUID]:
    """Find the holders who accepted the notice of the new basis: an unchanged one they have accepted already."""
    asked = {"holders": sorted({card.holder for card in cards}), "notice": running.notice_version}
    return set((await db.execute(_AGREED, asked)).scalars())


async def move(db: AsyncConnection, running: Campaign, cards: Sequence[Card], *, actor: str, at: datetime) -> None:
    """Move living cards that were locked to the new basis, and lift what was set for a missing consent."""
    basis, notice = running.to_basis, running.notice_version
    assert basis is not None, "a migration has a basis to move to"
    assert notice is not None, "and a notice"

    def moved(before: Card) -> Changed:
        fact = events.CardRebased(
            card=before.id, was=before.issuance_basis, basis=basis, notice_version=notice, campaign=running.id
        )
        return Changed(
            change.following(before, issuance_basis=basis, notice_version=notice, suspended=_unflagged(before)), fact
        )

    await change.record_all(db, [moved(card) for card in cards], actor=actor, at=at)
    await _note(db, running, cards, Outcome.MOVED, at)


async def _roll_back(db: AsyncConnection, running: Campaign, cards: Sequence[Card], *, actor: str, at: datetime) -> int:
    """Take cards back to where they were; consents stay, so nobody is asked twice should they move again."""
    told = (await db.execute(_BEFORE, {"campaign": running.id, "cards": [card.id for card in cards]})).all()
    notices = {row.card: row.notice for row in told}

    def back(before: Card) -> Changed:
        fact = events.CardRebased(
            card=before.id,
            was=before.issuance_basis,
            basis=running.basis,
            notice_version=notices[before.id],
            campaign=running.id,
        )
        return Changed(
            change.following(
                before, issuance_basis=running.basis, notice_version=notices[before.id], suspended=_unflagged(before)
            ),
            fact,
        )

    mine = [card for card in cards if card.alive and (card.issuance_basis == running.to_basis or _flagged(card))]
    await change.record_all(db, [back(card) for card in mine], actor=actor, at=at)
    await _note(db, running, cards, Outcome.ROLLED_BACK, at)
    return len(mine)


def _flagged(card: Card) -> bool:
    return card.suspended_by(Owner.NOTICE)


def _unflagged(card: Card) -> tuple[Suspension, ...]:
    return tuple(flag for flag in card.suspended if flag.owner is not Owner.NOTICE)


async def accepted(db: AsyncConnection, cards: Sequence[Card], regime: Regime, *, actor: str, at: datetime) -> int:
    """Move the cards of a holder who has just accepted the notice of `regime`, where they waited for it."""
    waiting = [card for card in cards if card.alive and card.issuance_basis != regime.basis]
    table = tables.campaign
    wanted = (table.c.to_basis == regime.basis) & table.c.state.in_([State.RUNNING.value, State.DONE.value])
    for running in await campaign.found(db, wanted, lock=False):
        await move(db, running, [card for card in waiting if card.issuance_basis == running.basis], actor=actor, at=at)
    return len(waiting)


async def _note(db: AsyncConnection, running: Campaign, cards: Sequence[Card], outcome: Outcome, at: datetime) -> None:
    if cards:
        asked = {"campaign": running.id, "cards": [card.id for card in cards], "outcome": outcome.value, "at": at}
        await db.execute(_NOTE, asked)


# Forward through the living cards of the basis; back through those that were moved or wait.
_NEXT = text(
    """
    SELECT id FROM cards.card CROSS JOIN LATERAL (
        SELECT state, issuance_basis FROM cards.change WHERE change.card = card.id ORDER BY version DESC LIMIT 1
    ) AS latest
    WHERE (CAST(:place AS uuid) IS NULL OR id > :place)
      AND CASE WHEN :back
          THEN EXISTS (SELECT FROM cards.campaign_card AS done WHERE done.campaign = :campaign
                       AND done.card = card.id AND done.outcome IN ('moved', 'waiting'))
          ELSE latest.state <> 'closed' AND coalesce(latest.issuance_basis, card.issuance_basis) = :basis END
    ORDER BY id LIMIT :batch
    """
)
_AGREED = text("SELECT holder FROM cards.consent WHERE holder = ANY(:holders) AND notice_version = :notice")
# What a card's last row said before this campaign moved it.
_BEFORE = text(
    """
    SELECT card.id AS card, coalesce(
        (SELECT notice_version FROM cards.change
         WHERE change.card = card.id AND issuance_basis = campaign.basis AND notice_version IS NOT NULL
         ORDER BY version DESC LIMIT 1), card.notice_version) AS notice
    FROM cards.card JOIN cards.campaign ON campaign.id = :campaign WHERE card.id = ANY(:cards)
    """
)
_NOTE = text(
    """
    INSERT INTO cards.campaign_card (campaign, card, holder, outcome, at)
    SELECT :campaign, id, holder, :outcome, :at FROM cards.card WHERE id = ANY(:cards)
    ON CONFLICT (campaign, card) DO UPDATE SET outcome = excluded.outcome, at = excluded.at
    """
)
