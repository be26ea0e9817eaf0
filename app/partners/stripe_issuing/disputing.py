"""Disputes of purchases with cards that Stripe issued: told and heard in the words every network has.

tells      app/cards/dispute_errands.py                by the port of cards/disputes/link.py
asks       app/partners/stripe_issuing/disputing.py    StripeLink      <- you are here
hears      app/partners/stripe_issuing/disputing.py    follow()        issuing_dispute.*, as the dispute is now
acts       app/cards/disputing.py                      hear()

At Stripe a dispute that was submitted takes its course: there is nothing to insist on and nothing to take back. What is
won is money in the balance it pays from.
"""

import hashlib
from uuid import UUID

import msgspec
import structlog

from app import db
from app.cards import disputing
from app.house import House
from app.http import ids as public_ids
from app.money import claim, plainly
from app.partners.stripe_issuing import inbox, known, purchases
from app.partners.stripe_issuing.client import told
from app.partners.stripe_issuing.issuer import CODE
from cards.disputes import dispute as disputes
from cards.disputes import evidence
from cards.disputes.dispute import Dispute, UnknownDispute
from cards.disputes.errand import Kind
from cards.disputes.link import Exhibit, Heard, Message, NotTaken, Told, Unanswered
from cards.disputes.reason import Reason
from cards.processing import elsewhere
from cards.processing.processor import Claim, Grounds, Refused, Unknown, Why
from law.money import Currency, Money
from wallet.chart import Purpose
from wallet.transfer import Post, TransferId

_GROUNDS = {
    Reason.FRAUD_CARD_ABSENT: Grounds.FRAUDULENT,
    Reason.FRAUD_CARD_PRESENT: Grounds.FRAUDULENT,
    Reason.COUNTERFEIT_CARD: Grounds.FRAUDULENT,
    Reason.NOT_AUTHORIZED: Grounds.NO_VALID_AUTHORIZATION,
    Reason.NOT_RECEIVED: Grounds.NOT_RECEIVED,
    Reason.ATM_NO_CASH: Grounds.NOT_RECEIVED,
    Reason.ATM_PART_CASH: Grounds.NOT_RECEIVED,
    Reason.NOT_AS_DESCRIBED: Grounds.NOT_AS_DESCRIBED,
    Reason.COUNTERFEIT_GOODS: Grounds.NOT_AS_DESCRIBED,
    Reason.DUPLICATE: Grounds.DUPLICATE,
    Reason.PAID_OTHERWISE: Grounds.DUPLICATE,
    Reason.CANCELLED_RECURRING: Grounds.CANCELED,
    Reason.CANCELLED_GOODS: Grounds.CANCELED,
}


_NO_PROGRAMME = "this installation has no programme with Stripe any more"
_ENDS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}

_log = structlog.get_logger()


class At(msgspec.Struct, frozen=True, kw_only=True):
    """A dispute as Stripe has it."""

    id: str
    status: str
    amount: int
    currency: str


class StripeLink:
    """The line to Stripe for disputes: the port of cards/disputes/link.py."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def show(self, network: str, key: str, exhibit: Exhibit) -> str:  # noqa: ARG002  as the port has it
        """Upload a file, as evidence of a dispute that is not made yet; raises Unanswered, NotTaken."""
        if self._house.stripe is None:
            raise Unanswered(_NO_PROGRAMME)
        name = f"{exhibit.file.kind}.{_ENDS[exhibit.file.media]}"
        answer = await self._house.stripe.upload(name, exhibit.content, key)
        if isinstance(answer, Unknown):
            raise Unanswered(answer.trouble)
        if isinstance(answer, Refused):
            raise Unanswered(answer.detail) if answer.why is Why.KEY_REUSED else NotTaken(answer.detail or answer.why)
        return answer.reference

    async def tell(self, network: str, key: str, message: Message) -> Told:
        """Have Stripe dispute a purchase; what else a network can be told, Stripe does not hear. Raises Unanswered."""
        heard: list[Heard] = []
        if message.kind is Kind.FILE:
            heard = await self._file(network, key, message)
        return Told(dispute_id=message.dispute_id, events=heard)

    async def _file(self, network: str, key: str, message: Message) -> list[Heard]:
        if self._house.stripe is None:
            raise Unanswered(_NO_PROGRAMME)
        dispute = public_ids.parse("dispute", message.dispute_id)
        async with db.transaction(self._house.worker) as story:
            connection = await story()
            about = await disputes.find(connection, dispute)
            taken = await known.taken(connection, network, message.lifecycle_id)
            files = await evidence.references(connection, dispute, message.number)
        if taken is None:
            raise Unanswered("nothing was taken yet")
        asked = Claim(
            id=dispute,
            transaction=taken,
            amount=Money(message.amount_minor, Currency.of(message.currency)),
            grounds=_GROUNDS.get(about.reason, Grounds.OTHER),
            explanation=f"{about.reason} {message.condition}",
            files=tuple(files),
        )
        answer = await self._house.stripe.submit_dispute(asked, key)
        if isinstance(answer, Unknown):
            raise Unanswered(answer.trouble)
        if isinstance(answer, Refused) and answer.why is Why.KEY_REUSED:  # says something of us, nothing of the dispute
            raise Unanswered(answer.detail)
        if isinstance(answer, Refused):
            return [Heard(event_id=f"{dispute}-refused", kind="refused", reason=answer.why.value)]
        async with db.transaction(self._house.worker) as story:
            connection = await story()
            if await elsewhere.reference(connection, processor=CODE, kind="dispute", ours=dispute) is None:
                await elsewhere.name(
                    connection,
                    processor=CODE,
                    kind="dispute",
                    reference=answer.reference,
                    ours=dispute,
                    holder=about.holder,
                    at=story.now,
                )
        return []


async def follow(house: House, about: str, events: tuple[str, ...]) -> Unknown | None:
    """Look at a dispute, and say to ours what Stripe decided."""
    assert house.stripe is not None, "asked for where the programme is on"
    client = house.stripe.client
    answered = await told(client.api.v1.issuing.disputes.retrieve_async(about, options=client.options()))
    if isinstance(answered, Refused | Unknown):
        return Unknown(answered.detail if isinstance(answered, Refused) else answered.trouble)
    theirs = purchases.read(answered, At)
    async with db.transaction(house.worker) as story:
        connection = await story()
        ours = await known.dispute(connection, CODE, about)
        try:
            found = await disputes.find(connection, ours) if ours else None
        except UnknownDispute:
            found = None
    if found is not None:
        try:
            await _hear(house, found, theirs)
        except disputing.Unheard:
            return Unknown("what Stripe decided does not go with the dispute")
    await inbox.settle(house, events, theirs.status)
    return None


async def _hear(house: House, ours: Dispute, theirs: At) -> None:
    """Act on the end of a dispute: each part of it once, by its own name."""
    match theirs.status:
        case "won":
            accepted = Heard(event_id=f"{theirs.id}-accepted", kind="accepted", amount_minor=theirs.amount)
            if not await disputing.hear(house, ours, accepted):
                # It was over here: nothing of ours stands against what Stripe gives, so officers look.
                _log.error("stripe_dispute_won_after_its_end", dispute=str(ours.id), amount_minor=theirs.amount)
                return
            await disputing.hear(house, ours, Heard(event_id=f"{theirs.id}-conceded", kind="conceded"))
            await _settle(house, ours, theirs)
        case "lost" | "expired":
            reason = f"stripe_{theirs.status}"
            await disputing.hear(house, ours, Heard(event_id=f"{theirs.id}-refused", kind="refused", reason=reason))


async def _settle(house: House, ours: Dispute, theirs: At) -> None:
    """Have what was won where Stripe has it: in the balance it pays from."""
    currency = Currency.of(theirs.currency.upper())
    move = Post(
        id=TransferId(UUID(bytes=hashlib.sha256(f"{CODE}/{theirs.id}".encode()).digest()[:16], version=4)),
        debit=await house.money.operator(Purpose.CARD_SETTLEMENT, lane=ours.lane, label=CODE, currency=currency),
        credit=await house.money.operator(Purpose.CARD_CLEARING, lane=ours.lane, label=CODE, currency=currency),
        money=Money(theirs.amount, currency),
        code="processor_settled",
        reference=f"{CODE}:{theirs.id}",
    )
    named = claim(f"dispute:{CODE}", theirs.id, move)
    await house.money.move([move], lanes=[ours.lane], claim=named, render=plainly)
