"""Two worlds in which the same things can happen to a card: ours, with its own network, and one with Stripe at its end.

What is asked of a processor is the port; what a merchant does is the world's, because every network has its own words.
"""

from typing import Protocol
from uuid import UUID

import msgspec
from litestar import Litestar
from sqlalchemy import text

from app import db, ids, swiping
from app.cards_processor import OwnIssuer
from app.house import House
from app.http import ids as public_ids
from app.idempotency_key import Stored
from app.money import FIRST_LANE, claim
from app.partners.stripe_issuing import events
from app.partners.stripe_issuing.sandbox import Shop
from cards import command, consent, elsewhere
from cards.card import Form, Limits
from cards.message import Answer, Authorization, Clearing, NetworkMessage, Refund, Reversal
from cards.payment import PaymentId
from cards.processor import Cardholder, CardProcessor, Device, Done, Issued, NewCard, Permits, Shown
from law.calendar import statutory_date
from law.money import EUR, KZT, Currency, Money
from law.regime import PROGRAMME
from simulators import letter
from tests.app.test_cards import someone
from tests.cards import made
from tests.stripe import world
from tests.stripe.fake import Fake
from tests.stripe.test_issuer import person
from wallet.transfer import AccountId


class Bought(msgspec.Struct, frozen=True):
    """A purchase, by the name that the world has for it."""

    name: str
    approved: bool


class World(Protocol):
    """A processor, somebody with money, and a shop."""

    @property
    def processor(self) -> CardProcessor:
        """Whom everything is asked of."""
        ...

    @property
    def fake(self) -> Fake | None:
        """Who plays Stripe, where it is Stripe."""
        ...

    @property
    def currency(self) -> Currency:
        """What its cards are billed in."""
        ...

    async def somebody(self) -> Cardholder:
        """Bring up somebody with 1 000 to spend whom the processor can know."""
        ...

    async def holds(self, holder: Cardholder, card: Issued, permits: Permits) -> None:
        """Have the card known here, with the account it spends from."""
        ...

    async def pays(self, card: Issued, minor: int) -> Bought:
        """Ask for money."""
        ...

    async def gives_up(self, bought: Bought, minor: int) -> None:
        """Give up a part of what was promised."""
        ...

    async def takes(self, bought: Bought, minor: int) -> str:
        """Take money, for the last time; names what was taken as a dispute names it."""
        ...

    async def gives_back(self, taken: str, minor: int) -> None:
        """Give money back."""
        ...

    async def has(self, holder: Cardholder) -> tuple[int, int]:
        """Say what is on the account, and what of it is set aside."""
        ...

    async def device(self) -> Device:
        """Give a device that may see a number."""
        ...

    async def pin(self, card: Issued) -> Shown:
        """Seal a PIN for the processor."""
        ...


class Ours:
    """Our own issuer, and a network that brings it messages."""

    fake = None
    currency = KZT

    def __init__(self, app: Litestar) -> None:
        self._app = app
        self.house: House = app.state.house
        self.processor: CardProcessor = OwnIssuer(self.house)
        self._named: dict[str, Authorization] = {}

    async def somebody(self) -> Cardholder:
        me = await someone(self._app)
        async with db.transaction(self.house.api, holder=me.subject, audience="resident") as story:
            notice = PROGRAMME.at(statutory_date(story.now)).notice
            await consent.accept(
                await story(),
                me.subject,
                notice.version,
                "en",
                notice=notice,
                actor=f"resident:{me.subject}",
                at=story.now,
            )
        return person(id=me.subject)

    async def holds(self, holder: Cardholder, card: Issued, permits: Permits) -> None:
        """Do nothing: our own card is on the wallet."""

    async def pays(self, card: Issued, minor: int) -> Bought:
        asked = Authorization(
            network="demo",
            lifecycle=str(ids.new()),
            element="authorization",
            lane=FIRST_LANE,
            card=UUID(card.reference),
            payment=PaymentId(ids.new()),
            amount=Money(minor, KZT),
            merchant=made.SHOP,
        )
        answer = await self._tell(asked)
        self._named[asked.lifecycle] = msgspec.structs.replace(asked, payment=answer.payment)
        return Bought(asked.lifecycle, answer.approved)

    async def gives_up(self, bought: Bought, minor: int) -> None:
        await self._tell(Reversal(**self._said(bought.name, "reversal", minor)))  # type: ignore[arg-type]  # its fields

    async def takes(self, bought: Bought, minor: int) -> str:
        await self._tell(Clearing(**self._said(bought.name, "clearing", minor)))  # type: ignore[arg-type]  # its fields
        return public_ids.show("payment", self._named[bought.name].payment)

    async def gives_back(self, taken: str, minor: int) -> None:
        payment = public_ids.parse("payment", taken)
        [name] = [name for name, asked in self._named.items() if asked.payment == payment]
        await self._tell(Refund(**self._said(name, "refund", minor)))  # type: ignore[arg-type]  # its fields

    def _said(self, lifecycle: str, element: str, minor: int) -> dict[str, object]:
        asked = self._named[lifecycle]
        names = ("network", "lifecycle", "lane", "card", "payment", "merchant")
        return {name: getattr(asked, name) for name in names} | {"element": element, "amount": Money(minor, KZT)}

    async def _tell(self, told: NetworkMessage) -> Answer:
        found: list[Answer] = []

        def render(answers: object) -> Stored:
            found.extend(answers)  # type: ignore[arg-type]  # the answers of book()
            return Stored(200, b"")

        named = claim("test", str(ids.new()), None)
        await self.house.money.submit(swiping.book, [told], lanes=[FIRST_LANE], claim=named, render=render)
        return found[0]

    async def has(self, holder: Cardholder) -> tuple[int, int]:
        async with self.house.report.connect() as connection:
            query = text("SELECT posted, hold_out FROM wallet.account WHERE holder = :holder AND purpose = 'wallet'")
            row = (await connection.execute(query, {"holder": holder.id})).one()
        return row.posted, row.hold_out

    async def device(self) -> Device:
        return Device(key=msgspec.json.encode(letter.DeviceKey().public), wallet="apple_pay")

    async def pin(self, card: Issued) -> Shown:
        async with db.transaction(self.house.worker) as story:
            machine = await self.house.card_keys.machine(await story())
        return Shown(letter.about_pin(machine.letter_keys(), public_ids.show("card", UUID(card.reference)), "5927"))


class Theirs:
    """Stripe, played by the fake, with our house as who answers it."""

    currency = EUR

    def __init__(self, house: House, fake: Fake) -> None:
        assert house.stripe is not None, "the programme is on"
        self.house = house
        self.fake: Fake | None = fake
        self._played = fake
        self.processor: CardProcessor = house.stripe
        self._tester = Shop(house.stripe)
        self._accounts: dict[UUID, AccountId] = {}

    async def somebody(self) -> Cardholder:
        holder = person()
        self._accounts[holder.id] = await world.opened(self.house, holder.id, 1_000_00)
        return holder

    async def holds(self, holder: Cardholder, card: Issued, permits: Permits) -> None:
        asked = command.IssueCard(
            card=UUID(self._played.objects[card.reference]["metadata"]["card"]),
            holder=holder.id,
            lane=FIRST_LANE,
            account=self._accounts[holder.id],
            form=Form.VIRTUAL,
            currency=EUR,
            limits=permits.limits,
            denied=frozenset(),
            issuance_basis="STRIPE-DE-TEST-1",
            notice_version="stripe-2026-1",
            notice_language="en",
        )
        async with db.transaction(self.house.worker) as story:
            await elsewhere.made(await story(), asked, card, processor="stripe", at=story.now)

    async def pays(self, card: Issued, minor: int) -> Bought:
        bought = await self._tester.pays(card.reference, minor)
        return Bought(bought.id, bought.approved)

    async def gives_up(self, bought: Bought, minor: int) -> None:
        await self._tester.gives_up(bought.name, minor)
        await self._hears()

    async def takes(self, bought: Bought, minor: int) -> str:
        found = await self._tester.takes(bought.name, minor)
        await self._hears()
        return str(found.transactions[-1].id)

    async def gives_back(self, taken: str, minor: int) -> None:
        await self._tester.gives_back(taken, minor)
        await self._hears()

    async def _hears(self) -> None:
        for event in self._played.events:
            assert (await self._played.deliver(event)).status_code == 200
        while await events.step(self.house):
            pass

    async def has(self, holder: Cardholder) -> tuple[int, int]:
        async with self.house.report.connect() as connection:
            query = text("SELECT posted, hold_out FROM wallet.account WHERE id = :id")
            row = (await connection.execute(query, {"id": self._accounts[holder.id]})).one()
        return row.posted, row.hold_out

    async def device(self) -> Device:
        return Device(nonce="nonce_of_its_library", wallet="apple_pay")

    async def pin(self, card: Issued) -> Shown:  # noqa: ARG002  sealed by the device for Stripe
        return Shown("pin-under-stripes-key")


async def card(of: World, holder: Cardholder, permits: Permits | None = None) -> Issued:
    """Make somebody known, and give them a card."""
    known = await of.processor.create_cardholder(holder, f"{holder.id}-known")
    assert isinstance(known, Done), known
    asked = NewCard(
        id=ids.new(),
        cardholder=known.reference,
        form=Form.VIRTUAL,
        currency=of.currency,
        permits=permits or Permits(limits=Limits()),
    )
    issued = await of.processor.issue_card(asked, f"{asked.id}-issued")
    assert isinstance(issued, Issued), issued
    await of.holds(holder, issued, asked.permits)
    return issued
