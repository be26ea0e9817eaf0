"""A card in a wallet as the processor elsewhere tells of it: a row like all others, merged as a fact.

tells      app/partners/stripe_issuing/tokens.py    follow()      issuing_token.*, as the token is now
merges     cards/proofs/token_elsewhere.py          merge()       <- you are here
turns      cards/proofs/token.py                    turn()

Whoever told the processor decides what it says, so what is merged is only what it knows and we do not: that there is
a token, that it was let in, that its wallet paused it or took it out. A pause of the holder's stays the holder's, and
what was deleted stays so, however late an older word comes.
"""

from datetime import datetime

import msgspec
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables
from cards.card import Card
from cards.proofs import events, token
from cards.proofs import tables as kept
from cards.proofs.token import CHANNELS, Act, Asked, Decision, Life, Owner, Token
from proof import journal

#: What to do to a token here for what it is there; where there is nothing in the table, nothing is new.
_FOLLOWS = {
    (Life.REQUESTED, Life.ACTIVE): Act.ACTIVATE,
    (Life.REQUESTED, Life.DELETED): Act.DELETE,
    (Life.ACTIVE, Life.SUSPENDED): Act.SUSPEND,
    (Life.ACTIVE, Life.DELETED): Act.DELETE,
    (Life.SUSPENDED, Life.ACTIVE): Act.RESUME,
    (Life.SUSPENDED, Life.DELETED): Act.DELETE,
}


async def merge(db: AsyncConnection, said: Asked, card: Card, there: Life, *, actor: str, at: datetime) -> Token:
    """Take that a token of a card is `there` by now; the same word again changes nothing. Raises OtherToken."""
    known = await token.named(db, said.network, said.reference)
    if known is None:
        return await _made(db, said, card, there, actor=actor, at=at)
    if known.card != card.id and not await db.scalar(_ONE_LINE, {"known": known.card, "card": card.id}):
        raise token.OtherToken
    act = _FOLLOWS.get((known.state, there))
    if act is None or (act is Act.RESUME and Owner.NETWORK not in known.paused_by):
        return known
    return await token.turn(db, known, act, actor=actor, at=at)


#: A card and those it stands for, however often it was replaced.
_ONE_LINE = text("SELECT cards.first_of(:known) = cards.first_of(:card)")


async def _made(db: AsyncConnection, said: Asked, card: Card, there: Life, *, actor: str, at: datetime) -> Token:
    decision = Decision.DECLINE if there is Life.DELETED else Decision.APPROVE
    made = Token(
        id=said.token,
        holder=card.holder,
        card=card.id,
        network=said.network,
        reference=said.reference,
        requestor=said.requestor,
        device=said.device,
        last4=said.last4,
        channels=tuple(sorted(CHANNELS[said.device])),
        merchant=said.merchant,
        state=there,
        paused_by=(Owner.NETWORK,) if there is Life.SUSPENDED else (),
        decision=decision,
        reasons=(),
        code_tries=0,
        code_expires_at=None,
        requested_at=at,
        version=1,
    )
    await db.execute(insert(kept.token).values(token.row(made)))
    told: list[msgspec.Struct] = [
        events.TokenRequested(
            token=made.id, card=card.id, requestor=made.requestor, device=made.device, decision=decision
        )
    ]
    if there is Life.ACTIVE:
        told.append(events.TokenActivated(token=made.id, card=card.id))
    facts = [journal.Fact(aggregate=made.id, holder=made.holder, at=at, actor=actor, event=each) for each in told]
    await journal.append(db, tables.event, *facts)
    return made
