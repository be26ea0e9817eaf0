"""Somebody who lives in Berlin, with prepaid euros and a card that Stripe issued, and a shop to pay at."""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

from app import db, ids, vault
from app.cards import processing
from app.house import House
from app.money import FIRST_LANE, claim, plainly
from app.partners.stripe_issuing import events
from app.partners.stripe_issuing.sandbox import Shop
from cards.card import Card, Form, Limits
from cards.card import find as find_card
from cards.payments import archive
from cards.payments.payment import Payment
from cards.processing.command import CreateCardholder, IssueCard
from law.money import EUR, Money
from tests.stripe.fake import Fake, Object
from tests.stripe.test_issuer import PARCEL, person
from tests.wallet import ledgers
from wallet import account
from wallet.chart import Purpose
from wallet.transfer import AccountId, Post, TransferId


def eur(minor: int) -> Money:
    return Money(minor, EUR)


class Spender(msgspec.Struct, frozen=True, kw_only=True):
    """A card of ours and its name at Stripe; `tester` makes things happen to it."""

    house: House
    fake: Fake
    tester: Shop
    holder: UUID
    card: UUID
    reference: str
    account: AccountId

    async def hears(self, *, shuffled: list[Object] | None = None) -> None:
        """Have Stripe deliver what it has to tell, and look at it."""
        for event in list(self.fake.events) if shuffled is None else shuffled:
            answer = await self.fake.deliver(event)
            assert answer.status_code == 200, answer.text
        while await events.step(self.house):
            pass

    async def has(self) -> tuple[int, int]:
        """Say what the card's account holds, and what of it is set aside."""
        async with self.house.report.connect() as connection:
            query = text("SELECT posted, hold_out FROM wallet.account WHERE id = :id")
            row = (await connection.execute(query, {"id": self.account})).one()
        return row.posted, row.hold_out

    async def payment(self, purchase: str) -> Payment:
        """Read the payment of a purchase."""
        async with db.transaction(self.house.posting) as story:
            [kept] = await archive.find(await story(), names={(FIRST_LANE, "stripe", purchase)})
        return kept.payment

    async def operator(self, purpose: Purpose) -> int:
        """Say what the operator's account towards Stripe stands at, in euros."""
        async with self.house.report.connect() as connection:
            query = text(
                "SELECT coalesce(sum(posted), 0)::bigint FROM wallet.account"
                " WHERE holder IS NULL AND purpose = :purpose AND currency = 'EUR' AND label IN ('', 'stripe')"
            )
            return int(await connection.scalar(query, {"purpose": purpose}) or 0)

    async def read(self) -> Card:
        """Read the card as it is here."""
        async with db.transaction(self.house.api, holder=self.holder, audience="resident") as story:
            return await find_card(await story(), self.card)


async def spender(
    house: House, fake: Fake, cents: int, limits: Limits | None = None, form: Form = Form.VIRTUAL
) -> Spender:
    """Bring somebody up with `cents` on the card's account, and a card."""
    holder, card = ids.new(), ids.new()
    prepaid = await opened(house, holder, cents)
    async with db.transaction(house.api, holder=holder, audience="resident") as story:
        connection = await story()
        safe = await vault.of(connection, house.keys.kms, holder, story.now)
        known: dict[str, Any] = {"holder": holder, "processor": "stripe", "actor": f"resident:{holder}"}
        asked = CreateCardholder(person(id=holder))
        await processing.ask(connection, safe, asked, **known, at=story.now)
        wanted = IssueCard(
            card=card,
            holder=holder,
            lane=FIRST_LANE,
            account=prepaid,
            form=form,
            ship_to=PARCEL if form is Form.PLASTIC else None,
            currency=EUR,
            limits=limits or Limits(),
            denied=processing.denied(story.now),
            issuance_basis="STRIPE-DE-TEST-1",
            notice_version="stripe-2026-1",
            notice_language="en",
        )
        await processing.ask(connection, safe, wanted, **known, at=story.now)
    while await processing.step(house):
        pass
    reference = next(each["id"] for each in fake.objects.values() if each.get("metadata") == {"card": str(card)})
    assert house.stripe is not None, "the programme is on"
    return Spender(
        house=house,
        fake=fake,
        tester=Shop(house.stripe),
        holder=holder,
        card=card,
        reference=reference,
        account=prepaid,
    )


async def opened(house: House, holder: UUID, cents: int) -> AccountId:
    """Open a wallet and a card account beside it, and put money on the second."""
    await ledgers.opened(house.api, holder)
    prepaid = AccountId(ids.new())
    async with db.transaction(house.api, holder=holder, audience="resident") as story:
        await account.open_account(
            await story(),
            holder=holder,
            purpose=Purpose.CARD_ACCOUNT,
            label="stripe",
            currency=EUR,
            account=prepaid,
            actor=f"resident:{holder}",
            at=story.now,
        )
    if cents:
        bank = await house.money.operator(Purpose.BANK, label="demo-bank", currency=EUR)
        put = Post(
            id=TransferId(ids.new()), debit=bank, credit=prepaid, money=eur(cents), code="test", reference="test"
        )
        await house.money.move([put], lanes=[FIRST_LANE], claim=claim("test", str(ids.new()), None), render=plainly)
    return prepaid
