"""Our own issuer under the port of cards/processor.py: each verb is one story in our own tables.

asks       whoever speaks to a processor without asking which (tests/processor/)
answers    app/cards_processor.py    OwnIssuer      <- you are here
decides    cards/order.py, change.py, renewal.py, pin.py, reveal.py, disputes/

A reference is our own id. The answer is kept under its key with its effect, in one transaction; what can't be kept (a
look at the number) has an id that follows from the key. Nothing here is a second way past the rules: the regime, the
caps and the notice are those of the routes.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy.exc
from sqlalchemy import text

from app import batch, card_holders, card_terms, clock, db, disputing, ids, standing
from app.card_letters import BadDeviceKey, DeviceKey
from app.cards_processor_once import Answer, Once, Tell, silence
from app.db import Story
from app.house import House
from app.http import ids as public_ids
from app.idempotency_key import Stored
from app.money import claim
from cards import change, consent, order, pin, renewal, reveal, verification
from cards.card import Act, Card, Closing, State, UnknownCard
from cards.disputes import dispute as disputes
from cards.disputes import paid
from cards.disputes.acting import Doing
from cards.disputes.dispute import Dispute, UnknownDispute, Wanted
from cards.disputes.life import Act as Hop
from cards.disputes.reason import Reason
from cards.processor import (
    OWN,
    Cardholder,
    Claim,
    Device,
    Done,
    Grounds,
    Issued,
    NewCard,
    Permits,
    Refused,
    Session,
    Shown,
    Status,
    Successor,
    Told,
    Unknown,
    Why,
)
from cards.reveal import LIFETIME
from law.calendar import statutory_date
from law.seed import THRESHOLDS
from wallet import account

ACTOR = f"processor:{OWN}"
_GROUNDS = {
    Grounds.FRAUDULENT: Reason.FRAUD_CARD_ABSENT,
    Grounds.DUPLICATE: Reason.DUPLICATE,
    Grounds.CANCELED: Reason.CANCELLED_GOODS,
    Grounds.NOT_RECEIVED: Reason.NOT_RECEIVED,
    Grounds.NOT_AS_DESCRIBED: Reason.NOT_AS_DESCRIBED,
    Grounds.NO_VALID_AUTHORIZATION: Reason.NOT_AUTHORIZED,
}
_REPLACED = {
    Closing.LOST: renewal.Cause.LOST,
    Closing.STOLEN: renewal.Cause.STOLEN,
    Closing.DAMAGED: renewal.Cause.DAMAGED,
    Closing.EXPIRED: renewal.Cause.ENDING,
}


class OwnIssuer:
    """The processor of our own cards. `name` is whose word its acts are, as events name it."""

    code = OWN

    def __init__(self, house: House) -> None:
        self._house = house
        self._once = Once(house, ACTOR)

    async def create_cardholder(self, asked: Cardholder, key: str) -> Done | Refused | Unknown:
        """Know a resident: who they are was found out before, and is not taken from here."""
        return _done(await self._once.do(asked.id, key, _known(asked), self._identified(asked.id)))

    async def update_cardholder(self, reference: str, asked: Cardholder, key: str) -> Done | Refused | Unknown:
        """Look again how surely a resident is known, and lift what had lapsed of their cards."""

        async def act(story: Story) -> Done:
            connection = await story()
            holder = await card_holders.holder(connection, asked.id)
            policy = card_holders.regime(story.now).policy
            await verification.note(connection, asked.id, holder.verified_at, policy=policy, actor=ACTOR, at=story.now)
            return Done(reference)

        if reference != str(asked.id):
            return Refused(Why.UNKNOWN_REFERENCE)
        return _done(await self._once.do(asked.id, key, _known(asked), act))

    async def issue_card(self, asked: NewCard, key: str) -> Issued | Refused | Unknown:
        """Issue a card on the wallet of a resident who accepted the notice of the day."""
        holder = _uuid(asked.cardholder)
        if holder is None:
            return Refused(Why.UNKNOWN_REFERENCE)

        async def act(story: Story) -> Issued:
            connection = await story()
            await standing.require_e_resident(connection, holder)
            programme = card_holders.regime(story.now)
            await consent.require(connection, holder, programme.notice)
            mine = await account.wallet(connection, holder)
            wanted = order.Order(
                card=asked.id,
                holder=await card_holders.holder(connection, holder),
                lane=mine.lane,
                account=mine.account,
                currency=asked.currency,
                form=asked.form,
                limits=asked.permits.limits,
                notice_version=programme.notice.version,
                notice_language="en",
            )
            made = await order.order(connection, wanted, self._issuing(story))
            if asked.permits.controls != made.controls:
                made = await change.control(connection, made, asked.permits.controls, actor=ACTOR, at=story.now)
            return _issued(made)

        return _made(await self._once.do(holder, key, asked, act))

    async def activate(self, reference: str, key: str) -> Done | Refused | Unknown:
        """Let a card be used for the first time."""
        return await self._changed(
            reference, key, "activate", lambda db, card, at: change.turn(db, card, Act.ACTIVATE, actor=ACTOR, at=at)
        )

    async def set_status(
        self, reference: str, status: Status, key: str, *, why: Closing | None = None
    ) -> Done | Refused | Unknown:
        """Freeze a card, let it go on, or close it; a suspension is somebody else's, and stays."""

        async def turn(db: Any, card: Card, at: datetime) -> object:  # noqa: ANN401  a connection
            if status is Status.CLOSED:
                return await change.close(db, [card], why or Closing.USER, actor=ACTOR, at=at)
            if status is Status.ACTIVE and card.state is not State.ACTIVE:
                return await change.turn(db, card, Act.ACTIVATE, actor=ACTOR, at=at)
            frozen = status is Status.INACTIVE
            return card if card.frozen is frozen and card.alive else await change.freeze(
                db, card, frozen=frozen, actor=ACTOR, at=at
            )  # fmt: skip

        return await self._changed(reference, key, [status, why], turn)

    async def replace(self, reference: str, asked: Successor, key: str) -> Issued | Refused | Unknown:
        """Make the successor of a card."""
        if asked.why not in _REPLACED:
            return Refused(Why.NOT_OFFERED, asked.why)

        async def act(story: Story) -> Issued:
            before = await change.locked(await story(), _card(reference))
            cause = _REPLACED[asked.why]
            made = await card_terms.succeed(self._house, story, before, cause, actor=ACTOR, made=asked.id)
            return _issued(made)

        return _made(await self._of_card(reference, key, asked, act))

    async def set_controls(self, reference: str, permits: Permits, key: str) -> Done | Refused | Unknown:
        """Say what a card may do: its limits, and where."""

        async def set_(db: Any, card: Card, at: datetime) -> object:  # noqa: ANN401  a connection
            if permits.limits != card.limits:
                card = await change.limit(db, card, permits.limits, actor=ACTOR, at=at)
            return await change.control(db, card, permits.controls, actor=ACTOR, at=at)

        return await self._changed(reference, key, permits, set_)

    async def set_pin(self, reference: str, sealed: Shown, key: str) -> Done | Refused | Unknown:
        """Set the PIN by a letter to the house, which names the card."""

        async def set_(db: Any, card: Card, at: datetime) -> None:  # noqa: ANN401  a connection
            hsm = await self._house.card_keys.machine(db)
            name, keys = public_ids.show("card", card.id), self._house.keys.kms
            await pin.set_(db, card, sealed.text, name=name, hsm=hsm, keys=keys, actor=ACTOR, at=at)

        # Of the letter only that it is the same one: what is kept under a key is no place for a PIN, sealed or not.
        return await self._changed(reference, key, hashlib.sha256(sealed.text.encode()).hexdigest(), set_)

    async def reveal_session(self, reference: str, device: Device, key: str) -> Session | Refused | Unknown:
        """Let the device look at the number once, by a look that only the holder can use."""
        try:
            jwk = msgspec.json.decode(device.key or b"", type=DeviceKey)
            jwk.thumbprint()
        except (msgspec.DecodeError, BadDeviceKey):
            return Refused(Why.NOT_ACCEPTED, "no key of a device")
        look = _named("look", key)

        async def act(story: Story) -> Done:
            connection = await story()
            card = await change.locked(connection, _card(reference))
            text_ = msgspec.json.encode(jwk).decode()
            granted = await reveal.grant(connection, card, text_, look=look, now=clock.real())
            return Done(granted.expires_at.isoformat())

        answer = await self._of_card(reference, key, jwk, act)
        if not isinstance(answer, Done):
            return answer if isinstance(answer, Refused | Unknown) else Unknown("another answer under this key")
        ends = datetime.fromisoformat(answer.reference).astimezone(UTC)
        return Session(secret=Shown(public_ids.show("reveal", look)), expires_at=min(ends, clock.real() + LIFETIME))

    async def provision_wallet(self, reference: str, device: Device, key: str) -> Session | Done | Refused | Unknown:
        """Let the wallet on the device read the card as its holder does; its network then asks for the token."""
        return await self.reveal_session(reference, device, key)

    async def submit_dispute(self, asked: Claim, key: str) -> Done | Refused | Unknown:
        """Begin a dispute and hand it in; what is still missing of evidence may come until its term."""
        try:
            payment = public_ids.parse("payment", asked.transaction)
        except public_ids.UnknownId:
            return Refused(Why.UNKNOWN_REFERENCE)
        reason = _GROUNDS.get(asked.grounds)
        if reason is None:
            return Refused(Why.NOT_OFFERED, asked.grounds)
        holder = await self._holder(_HOLDER_OF_PAYMENT, payment)

        async def act(story: Story) -> Done:
            connection = await story()
            wanted = Wanted(id=asked.id, reason=reason, amount=asked.amount, expected_on=statutory_date(story.now))
            about = await disputes.open_(
                connection, await paid.find(connection, payment), wanted, actor=ACTOR, at=story.now
            )
            return Done(public_ids.show("dispute", about.id))

        opened = _done(await self._once.do(holder, key, asked, act))
        return await self._dispute(asked.id, Hop.HAND_IN, key) if isinstance(opened, Done) else opened

    async def withdraw_dispute(self, reference: str, key: str) -> Done | Refused | Unknown:
        """Take a dispute back, and with it what was credited."""
        try:
            return await self._dispute(public_ids.parse("dispute", reference), Hop.WITHDRAW, key)
        except public_ids.UnknownId:
            return Refused(Why.UNKNOWN_REFERENCE)

    async def list_events(self, since: datetime) -> list[Told] | Unknown:
        """List what the journal of cards says, in its order; its ids are dated by the machine's clock."""
        try:
            async with db.transaction(self._house.worker) as story:
                rows = await (await story()).execute(_EVENTS, {"since": since})
                return [Told(event=str(row.id), kind=row.kind, about=str(row.aggregate), at=row.at) for row in rows]
        except sqlalchemy.exc.SQLAlchemyError as error:
            return Unknown(silence(error))

    async def _of_card(self, reference: str, key: str, content: object, act: Tell) -> Answer | Unknown:
        card = _uuid(reference)
        holder = await self._holder(_HOLDER_OF_CARD, card) if card else None
        return await self._once.do(holder, key, [reference, content], act)

    async def _changed(
        self, reference: str, key: str, content: object, how: Callable[[Any, Card, datetime], Awaitable[object]]
    ) -> Done | Refused | Unknown:
        async def act(story: Story) -> Done:
            connection = await story()
            await how(connection, await change.locked(connection, _card(reference)), story.now)
            return Done(reference)

        return _done(await self._of_card(reference, key, content, act))

    async def _holder(self, query: Any, of: UUID) -> UUID | None:  # noqa: ANN401  a statement
        async with db.transaction(self._house.worker) as story:
            found: UUID | None = await (await story()).scalar(query, {"id": of})
        return found

    def _identified(self, holder: UUID) -> Tell:
        async def act(story: Story) -> Answer:
            known = await card_holders.identified_at(await story(), holder)
            return Done(str(holder)) if known else Refused(Why.NOT_ACCEPTED, "not_identified")

        return act

    def _issuing(self, story: Story) -> order.Issuing:
        programme = card_holders.regime(story.now)
        keys = self._house.keys.kms
        return order.Issuing(programme=programme, thresholds=THRESHOLDS, keys=keys, actor=ACTOR, at=story.now)

    async def _dispute(self, wanted: UUID, act: Hop, key: str) -> Done | Refused | Unknown:
        try:
            async with db.transaction(self._house.worker) as story:
                about = await disputes.find(await story(), wanted)
        except UnknownDispute:
            return Refused(Why.UNKNOWN_REFERENCE)
        doing = Doing(dispute=about.id, act=act, actor=f"resident:{about.holder}")
        named = claim(ACTOR, f"{key}/{act}", doing)
        try:
            reply = await disputing.submit(self._house, about, doing, claim=named, render=_outcome)
        except (batch.Overloaded, batch.Unavailable) as error:
            return Unknown(type(error).__name__)
        said = reply.stored.body.decode()
        return Refused(Why.WRONG_STATE, said) if said else Done(public_ids.show("dispute", about.id))


def _outcome(answers: Any) -> Stored:  # noqa: ANN401  the answers of acting.act
    return Stored(200, b"" if isinstance(answers[0], Dispute) else type(answers[0]).__name__.encode())


def _issued(card: Card) -> Issued:
    alive = Status.ACTIVE if card.state is State.ACTIVE and not card.frozen else Status.INACTIVE
    return Issued(
        reference=str(card.id),
        last4=card.last4,
        expires_on=card.expires_on,
        status=alive if card.alive else Status.CLOSED,
    )


def _done(answer: Answer | Unknown) -> Done | Refused | Unknown:
    assert not isinstance(answer, Issued), "only who asks for a card is given one"
    return answer


def _made(answer: Answer | Unknown) -> Issued | Refused | Unknown:
    assert not isinstance(answer, Done), "who asks for a card is given one"
    return answer


def _known(asked: Cardholder) -> object:
    """Recognise a cardholder without keeping anything of them."""
    return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()


def _uuid(reference: str) -> UUID | None:
    try:
        return UUID(reference)
    except ValueError:
        return None


def _card(reference: str) -> UUID:
    found = _uuid(reference)
    if found is None:
        raise UnknownCard(ids.new())
    return found


def _named(what: str, key: str) -> UUID:
    """Give the id that follows from a key."""
    return UUID(bytes=hashlib.sha256(f"{OWN}/{what}/{key}".encode()).digest()[:16], version=4)


_HOLDER_OF_CARD = text("SELECT holder FROM cards.card WHERE id = :id")
_HOLDER_OF_PAYMENT = text(
    "SELECT holder FROM wallet.lane JOIN cards.payment ON payment.lane = lane.lane WHERE payment.id = :id"
)
# The ids are of the machine's time (RFC 9562): the first of a millisecond bounds the search by their index.
_EVENTS = text(
    """
    SELECT id, kind, aggregate, uuid_extract_timestamp(id) AS at FROM cards.event
    WHERE id >= CAST(lpad(to_hex((extract(epoch FROM CAST(:since AS timestamptz)) * 1000)::bigint), 12, '0')
                     || '70008000000000000000' AS uuid)
    ORDER BY seq LIMIT 10000
    """
)
