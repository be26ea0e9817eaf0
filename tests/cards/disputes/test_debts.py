"""What somebody owes of a lost dispute: taken when the wallet has it, never more than that, and once."""

from uuid import UUID

import pytest

from app import db
from app.money import Money
from cards.disputes import due
from cards.disputes.life import Act
from cards.disputes.reason import Reason
from tests.cards import made
from tests.cards.disputes.disputed import bought, did, does, doing, submitted, wallet
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio


async def owed(engines: Engines) -> list[UUID]:
    async with db.transaction(engines.worker) as story:
        return [each.dispute for each in await due.owed(await story(), limit=10)]


async def test_what_is_owed_is_taken_as_the_wallet_has_it(engines: Engines, money: Money) -> None:
    card, paid = await bought(engines, money, 300)
    about = await submitted(engines, money, paid, 300, Reason.FRAUD_CARD_ABSENT)
    await made.tell(money, made.cleared(card, 280))
    lost = await did(engines, money, about, Act.ACCEPT, Act.REPRESENT, Act.GIVE_UP, Act.TAKE_BACK)
    owes = doing(lost, Act.COLLECT, found=True)

    assert await owed(engines) == []
    assert (await did(engines, money, lost, owes)).version == lost.version, "there is nothing to take"
    await made.fund(engines, money, card.account, 100)
    assert await owed(engines) == [lost.id]
    part = await did(engines, money, lost, owes)
    assert (part.owed_minor, await wallet(engines, card), await owed(engines)) == (180_00, kzt(0), [])
    await made.fund(engines, money, card.account, 1_000)
    paid_back = await did(engines, money, part, owes)
    assert (paid_back.owed_minor, await wallet(engines, card), await owed(engines)) == (0, kzt(820), [])
    assert (await did(engines, money, paid_back, owes)).version == paid_back.version, "once is enough"
    assert await does(money, doing(paid_back, Act.COLLECT)) == ["WrongState"]
