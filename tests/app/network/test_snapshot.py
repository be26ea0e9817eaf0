"""A snapshot says what is known of the cards: as the books have it, and as it is read again."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app import clock, ids
from app.house import House
from app.network import snapshot
from cards.card import Limits
from tests.app.network import lines
from tests.cards import made
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio


async def test_what_is_listed_and_what_a_card_may_spend_is_known_while_the_books_are_away(
    house: House, tmp_path: Path
) -> None:
    who = await lines.cardholder(house, limits=Limits(per_day=kzt(700)))
    async with made.owner(house.settings.database_url) as connection:
        await connection.execute(_LIST, {"merchant": "M-LISTED"})
    taken = await snapshot.take(house.posting, ids.new(), timedelta(), lambda: True)
    await snapshot.keep(tmp_path / "snapshot", taken, house.keys.kms, house.keys.message)

    read = snapshot.read(tmp_path / "snapshot", house.keys.kms, house.keys.message.ever())

    assert read is not None
    assert "M-LISTED" in read.in_force(clock.real()).merchants
    [known] = [each for each in read.cards.values() if each.card.id == who.card.id]
    assert known.left == kzt(700)


_LIST = text(
    "INSERT INTO cards.listed_merchant (id, merchant, reason, listed_by, listed_at)"
    " VALUES (uuidv7(), :merchant, 'fraud', 'officer:one', now())"
)
