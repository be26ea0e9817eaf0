"""Who processes a card: every route that does something to one asks here.

asks       app/http/mobile/card_*.py, disputes.py    and app/cards/dispute_errands.py
chooses    app/cards/processors.py                   of(), knowing(), of_network()    <- you are here
port       cards/processing/processor.py             CardProcessor
"""

from uuid import UUID

from app.cards.own_processor import OwnCards
from app.cards.processing import CODE
from app.cards.stripe_processor import StripeCards
from app.db import Story
from app.house import House
from cards.card import OWN
from cards.processing import elsewhere
from cards.processing.processor import Asking, CardProcessor


def of(house: House, processor: str = OWN) -> CardProcessor:
    """Give the processor of cards with this name; raises NotOffered where the installation has no such programme."""
    return StripeCards(house) if processor == CODE else OwnCards(house)


def of_network(house: House, network: str) -> CardProcessor:
    """Give the processor of the cards whose payments come over `network`: what is no other's network is one of ours."""
    return of(house, network if network == CODE else OWN)


async def knowing(house: House, by: Asking, holder: UUID) -> list[CardProcessor]:
    """List the processors that are to know who `holder` is: ours first, and those elsewhere that were told."""
    told = await elsewhere.reference(by.db, processor=CODE, kind="cardholder", ours=holder)
    return [of(house), *([of(house, CODE)] if told and house.stripe is not None else [])]


async def asking(story: Story, actor: str) -> Asking:
    """Ask in a story, for `actor`."""
    return Asking(db=await story(), actor=actor, at=story.now)
