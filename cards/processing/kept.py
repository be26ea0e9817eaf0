"""What is the same whoever processes a card: our rows are the book of record, and every question is decided by them.

port       cards/processing/processor.py    CardProcessor
common     cards/processing/kept.py         Kept            <- you are here
tells      cards.tell_processor()           a trigger: whoever changes a card has a processor elsewhere told of it
"""

from cards.card import Act, Card, Closing, Limits
from cards.disputes import life
from cards.disputes.dispute import Dispute
from cards.payments import allowance
from cards.payments.allowance import Allowance
from cards.processing.processor import Asking
from cards.programme import change
from cards.programme.permission import Controls, Trip
from cards.proofs import token
from cards.proofs.token import Token


class Kept:
    """A processor's half of the port that is ours."""

    async def activate(self, by: Asking, card: Card) -> Card:
        """Let a card be used for the first time; raises WrongState."""
        return await change.turn(by.db, card, Act.ACTIVATE, actor=by.actor, at=by.at)

    async def freeze(self, by: Asking, card: Card, *, frozen: bool) -> Card:
        """Set or lift the holder's own flag; raises WrongState."""
        return await change.freeze(by.db, card, frozen=frozen, actor=by.actor, at=by.at)

    async def close(self, by: Asking, card: Card, why: Closing) -> Card:
        """Close a card, and those of children on it; raises WrongState."""
        [closed] = await change.close(by.db, [card], why, actor=by.actor, at=by.at)
        return closed

    async def limit(self, by: Asking, card: Card, limits: Limits) -> Card:
        """Say what a card may spend; raises WrongState."""
        return await change.limit(by.db, card, limits, actor=by.actor, at=by.at)

    async def control(self, by: Asking, card: Card, controls: Controls) -> Card:
        """Say what a card may be used for; raises WrongState."""
        return await change.control(by.db, card, controls, actor=by.actor, at=by.at)

    async def travel(self, by: Asking, card: Card, trips: tuple[Trip, ...]) -> Card:
        """Say where its holder goes; raises WrongState."""
        return await change.travel(by.db, card, trips, actor=by.actor, at=by.at)

    async def allow_once(self, by: Asking, card: Card, given: Allowance) -> None:  # noqa: ARG002  as the port has it
        """Let a purchase pass once; raises AllowedBefore."""
        await allowance.grant(by.db, given, actor=by.actor)

    async def turn_token(self, by: Asking, found: Token, act: token.Act) -> Token:
        """Pause, resume or take out a card in a wallet; raises WrongTokenState."""
        return await token.turn(by.db, found, act, actor=by.actor, at=by.at)

    async def check_dispute(self, by: Asking, about: Dispute, act: life.Act) -> None:
        """Refuse nothing: what can be done where, the life of a dispute says."""

    async def check_evidence(self, by: Asking, about: Dispute) -> None:
        """Refuse nothing: as long as a dispute takes files, what is told next names them."""
