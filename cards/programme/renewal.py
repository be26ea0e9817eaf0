"""A successor: a card in place of another, with a number of its own. The account, the children and all settings go on.

route      app/http/mobile/card_life.py    POST /v1/cards/{id}/replacement, …/renewal
step       app/cards/terms.py              renews what ends soon, ends what is over
port       app/cards/own_processor.py      replace(); a processor elsewhere makes its own
makes      cards/programme/renewal.py      succeed()       <- you are here

A card and its successor share one place in the programme: the moment the successor is activated its predecessor is
closed, and children go over to it (cards/programme/change.py). What was lost or stolen is closed at once. A flag of
risk or the regulator goes on as well: a new number is no way around a suspension.
"""

import enum
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import card as cards_card
from cards.card import BEGINS, OWN, Act, Card, Closing, Owner, State, WrongState
from cards.programme import change, consent, order, verification
from cards.programme.order import Issuing
from cards.proofs import token
from law import calendar
from law.regime import Policy


class Cause(enum.StrEnum):
    """Why there is a successor."""

    LOST = "lost"
    STOLEN = "stolen"
    DAMAGED = "damaged"
    ENDING = "ending"  # the card ends soon


#: What is somebody else's now must not be used until its successor comes.
AT_ONCE = {Cause.LOST: Closing.LOST, Cause.STOLEN: Closing.STOLEN}


class SuccessorExists(Exception):
    """There is a successor on its way already."""

    def __init__(self, successor: UUID) -> None:
        super().__init__(successor)
        self.successor = successor


class TooEarly(Exception):
    """A card is renewed in its last days only."""


async def succeed(
    db: AsyncConnection, before: Card, cause: Cause, by: Issuing, *, card: UUID, holder: order.Holder
) -> Card:
    """Make `card` the successor of a card that was `locked`; who was told of the notice of the day, and only they.

    Raises WrongState, SuccessorExists, TooEarly, order.IssuingStopped, order.CurrencyNotOffered,
    order.RemoteIssuanceStopped, consent.NoticeNotAccepted, verification.IdentityNotVerified.
    """
    assert before.processor == OWN, "another processor makes the heirs of its own cards"
    if not before.alive:
        raise WrongState("replace", before.state)
    if (there := await of(db, before.id)) is not None:
        raise SuccessorExists(there)
    programme, today = by.programme, calendar.statutory_date(by.at)
    if cause is Cause.ENDING:
        ensure_ending(before, programme.policy, on=today)
    order.check(programme, before.currency)
    await order.ensure_issuing(db, programme.basis)
    await consent.require(db, before.holder, programme.notice)
    known = await verification.note(
        db, before.holder, holder.verified_at, policy=programme.policy, actor=by.actor, at=by.at
    )
    verification.ensure(known, today)
    before = await cards_card.find(db, before.id)  # what waited for the identity waits no more
    made = await _issued(db, before, by, card=card, exemption=holder.exemption)
    if cause in AT_ONCE:
        await token.follow(db, before.id, made.id, actor=by.actor, at=by.at)
        await change.close(db, [before], AT_ONCE[cause], actor=by.actor, at=by.at)
    if made.state is State.INACTIVE and cause is not Cause.ENDING:
        return await change.turn(db, made, Act.ACTIVATE, actor=by.actor, at=by.at)
    return made


def ensure_ending(card: Card, policy: Policy, *, on: date) -> None:
    """Refuse (TooEarly) to renew a card before its last days."""
    if (card.expires_on - on).days > policy.renew_days:
        raise TooEarly


async def _issued(db: AsyncConnection, before: Card, by: Issuing, *, card: UUID, exemption: str | None) -> Card:
    # Spelled out rather than copied: what is not named here is of the old card alone. The notice was accepted.
    wanted = Card(
        id=card,
        holder=before.holder,
        lane=before.lane,
        account=before.account,
        form=before.form,
        last4="",
        currency=before.currency,
        expires_on=order.term(by, exemption),
        issuance_basis=by.programme.basis,
        notice_version=by.programme.notice.version,
        ordered_at=by.at,
        version=1,
        state=BEGINS[before.form],
        limits=before.limits,
        processor=before.processor,
        replaces=before.id,
        parent=before.parent,
        exemption=exemption,
        suspended=tuple(flag for flag in before.suspended if flag.owner is not Owner.NOTICE),
        controls=before.controls,
        trips=before.trips,
        verified_until=before.verified_until,
        listed=before.listed,
    )
    language = await db.scalar(_LANGUAGE, {"card": before.id})
    return await order.issue(db, wanted, by, language=language)


async def of(db: AsyncConnection, card: UUID) -> UUID | None:
    """Find the living successor of a card."""
    found: UUID | None = await db.scalar(_SUCCESSOR, {"card": card})
    return found


_SUCCESSOR = text(
    """
    SELECT id FROM cards.card
    WHERE replaces = :card AND NOT EXISTS (SELECT FROM cards.change WHERE change.card = card.id AND state = 'closed')
    """
)
_LANGUAGE = text("SELECT notice_language FROM cards.card WHERE id = :card")
