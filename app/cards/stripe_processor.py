"""Cards that Stripe issues under the port of cards/processing/processor.py: what has to leave the house is a row.

asks       app/http/mobile/card_*.py, disputes.py        by app/cards/processors.py
answers    app/cards/stripe_processor.py    StripeCards  <- you are here
queues     app/cards/processing.py          ask()        a row in the story, which the worker carries to Stripe
           cards.tell_processor()                        status and controls: a card that changes marks itself due

A freeze, a limit, a closing hold here at once, because here every question is decided; Stripe follows. A new card, and
the heir of one, come to be when Stripe has made them.
"""

from uuid import UUID

from sqlalchemy import text

from app import standing, vault
from app.cards import cardholders, holders, parcels, processing
from app.cards.offers import VERSION
from app.house import House
from app.partners.stripe_issuing.disputing import StripeLink
from app.partners.stripe_issuing.issuer import CODE
from cards.card import Card, Closing, State, WrongState
from cards.disputes import life
from cards.disputes.dispute import Dispute
from cards.payments.allowance import Allowance
from cards.payments.reason import Reason
from cards.processing import elsewhere
from cards.processing.command import (
    Command,
    CreateCardholder,
    IssueCard,
    ReplaceCard,
    SetPin,
    SetToken,
    ShipCard,
    UpdateCardholder,
)
from cards.processing.kept import Kept
from cards.processing.processor import (
    Asking,
    Coming,
    Destination,
    Device,
    NotAtThisProcessor,
    Opening,
    Refused,
    Session,
    Shown,
    Unknown,
    Wanted,
)
from cards.programme import renewal
from cards.programme.renewal import Cause
from cards.programme.shipping import Parcel
from cards.proofs import token
from cards.proofs.pin import Pin, Standing
from cards.proofs.token import Token
from law import calendar

#: Why a card goes, in our words; the heir of one that ends soon takes its place when it works.
_GOES = {
    Cause.LOST: Closing.LOST,
    Cause.STOLEN: Closing.STOLEN,
    Cause.DAMAGED: Closing.DAMAGED,
    Cause.ENDING: Closing.EXPIRED,
}
#: Stripe hears of a dispute when it is handed in, and then it takes its course.
_BEFORE_IT_HEARS = frozenset({life.State.DRAFT, life.State.EVIDENCE_NEEDED})


class StripeCards(Kept):
    """The processor of the programme with Stripe."""

    code = CODE

    def __init__(self, house: House) -> None:
        self._house = house
        self.disputes = StripeLink(house)

    async def update_cardholder(self, by: Asking, holder: UUID) -> None:
        """Have Stripe told who `holder` is by the newest document, and how they are reached; the address stays."""
        known = await cardholders.told(by.db, self._house.keys.kms, holder, None, at=by.at)
        await self._ask(by, holder, UpdateCardholder(known))

    async def issue_card(self, by: Asking, wanted: Wanted) -> Coming:
        """Have Stripe told who it is for, then asked for the card."""
        programme, asked, whom = processing.programme(self._house), wanted.order, wanted.whom
        assert whom is not None, "Stripe has to know for whom a card is"
        holder = asked.holder.id
        known = await elsewhere.reference(by.db, processor=CODE, kind="cardholder", ours=holder)
        made = IssueCard(
            card=asked.card,
            holder=holder,
            lane=asked.lane,
            account=asked.account,
            form=asked.form,
            currency=asked.currency,
            limits=asked.limits,
            denied=processing.denied(by.at),
            issuance_basis=programme.issuance_basis,
            notice_version=VERSION,
            notice_language=asked.notice_language,
            ship_to=wanted.to,
        )
        await self._ask(by, holder, UpdateCardholder(whom) if known else CreateCardholder(whom), made)
        return Coming(asked.card)

    async def send_card(self, by: Asking, card: Card, to: Destination) -> Parcel:
        """Have a parcel made out here, and Stripe told of it; raises WrongState, ParcelOnItsWay.

        Stripe sends a card once: one that came back is replaced.
        """
        if card.state is State.PERSONALISING:
            raise NotAtThisProcessor("send_again", CODE)
        parcel = await parcels.address(by.db, self._house.keys.kms, card, to, at=by.at)
        await self._ask(by, card.holder, ShipCard(card=card.id, to=to, parcel=parcel.id))
        return parcel

    async def replace(
        self, by: Asking, card: Card, cause: Cause, *, made: UUID, to: Destination | None = None
    ) -> Coming:
        """Have Stripe asked, for an e-resident, for a card in its place; what was lost or stolen ends here at once.

        Raises standing.NotEResident, WrongState, SuccessorExists, TooEarly.
        """
        await standing.require_e_resident(by.db, card.holder)
        if not card.alive:
            raise WrongState("replace", card.state)
        if (there := await self._coming(by, card) or await renewal.of(by.db, card.id)) is not None:
            raise renewal.SuccessorExists(there)
        if cause is Cause.ENDING:
            policy = holders.regime(by.at).policy
            renewal.ensure_ending(card, policy, on=calendar.statutory_date(by.at))
        asked = ReplaceCard(card=card.id, made=made, why=_GOES[cause], ship_to=to)
        await self._ask(by, card.holder, asked)
        if cause in renewal.AT_ONCE:
            await self.close(by, card, renewal.AT_ONCE[cause])
        return Coming(made)

    async def allow_once(self, by: Asking, card: Card, given: Allowance) -> None:
        """Let it pass once, unless Stripe stops the category by itself and would not ask; raises AllowedBefore."""
        if Reason.CATEGORY_BLOCKED in given.reasons:
            raise NotAtThisProcessor("allow_once", CODE)
        await super().allow_once(by, card, given)

    async def pin(self, by: Asking, card: Card) -> Pin:  # noqa: ARG002  as the port has it
        """Say that Stripe keeps it."""
        return Pin(Standing.ELSEWHERE, 0, None)

    async def set_pin(self, by: Asking, card: Card, sealed: Shown) -> Pin:
        """Hand a PIN on that the device encrypted for Stripe; raises WrongState."""
        if not card.alive:
            raise WrongState("set_pin", card.state)
        await self._ask(by, card.holder, SetPin(card=card.id, sealed=sealed.text))
        return await self.pin(by, card)

    async def unblock_pin(self, by: Asking, card: Card) -> Pin:  # noqa: ARG002  as the port has it
        """Refuse: at Stripe a blocked PIN is set anew."""
        raise NotAtThisProcessor("unblock_pin", CODE)

    async def reveal(self, by: Asking, card: Card, device: Device) -> Opening:
        """Have Stripe open a session for its own library on the device: the number never comes by us.

        Awaited, it raises processing.NotAnswered, NotGranted.
        """
        if device.nonce is None:
            raise NotAtThisProcessor("reveal", CODE)
        if not card.alive:
            raise WrongState("reveal", card.state)
        named = await elsewhere.reference(by.db, processor=CODE, kind="card", ours=card.id)
        assert named is not None, "a card of Stripe's has Stripe's name"
        line = processing.line(self._house)
        ask = line.reveal_session if device.wallet is None else line.provision_wallet

        async def opening() -> Session:
            answer = await ask(named, device, f"{card.id}/{device.nonce}")
            if isinstance(answer, Unknown):
                raise processing.NotAnswered
            if isinstance(answer, Refused):
                raise processing.NotGranted
            return answer

        return opening

    async def turn_token(self, by: Asking, found: Token, act: token.Act) -> Token:
        """Do it here, and have Stripe told what the token is now; raises WrongTokenState."""
        turned = await super().turn_token(by, found, act)
        await self._ask(by, found.holder, SetToken(card=found.card, token=found.id, state=turned.state))
        return turned

    async def check_dispute(self, by: Asking, about: Dispute, act: life.Act) -> None:  # noqa: ARG002  as the port has it
        """Refuse to take back what was submitted."""
        if act is life.Act.WITHDRAW and about.state not in _BEFORE_IT_HEARS:
            raise NotAtThisProcessor("withdraw_dispute", CODE)

    async def check_evidence(self, by: Asking, about: Dispute) -> None:  # noqa: ARG002  as the port has it
        """Refuse a file once Stripe is told: it hears of a dispute once, with all there is."""
        # What waits for officers has a day to be filed by, and none once it was filed.
        to_be_filed = about.state is life.State.SUBMITTED and about.turn is life.Turn.HOUSE and about.due_at is not None
        if about.state not in _BEFORE_IT_HEARS and not to_be_filed:
            raise NotAtThisProcessor("give_evidence", CODE)

    async def _coming(self, by: Asking, card: Card) -> UUID | None:
        """Say which card Stripe is being asked for in the place of this one."""
        row = (await by.db.execute(_COMING, {"card": card.id})).one_or_none()
        if row is None:
            return None
        asked = processing.read(await vault.existing(by.db, self._house.keys.kms, card.holder), row.id, row.sealed)
        assert isinstance(asked, ReplaceCard), "by its kind"
        return asked.made

    async def _ask(self, by: Asking, holder: UUID, *asked: Command) -> None:
        safe = await vault.of(by.db, self._house.keys.kms, holder, by.at)
        for each in asked:
            await processing.ask(by.db, safe, each, holder=holder, processor=CODE, actor=by.actor, at=by.at)


_COMING = text(
    """
    SELECT id, sealed FROM cards.command
    WHERE about = :card AND kind = 'replace_card' AND due_at IS NOT NULL LIMIT 1
    """
)
