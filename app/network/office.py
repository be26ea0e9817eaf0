"""What each telegram about a card becomes: its number an index, its words a message, the message an answer.

listens    app/network/session.py    Session
answers    app/network/office.py     Office.answer()     <- you are here
asks       app/network/books.py      Books.ask()         ->  app/cards/swiping.py
stands in  app/network/standin.py   StandIn.answer()

A card number is turned into its keyed index at once. What goes on from here is the index and, inside what was presented
and only until the question is decided, what the machine that keeps the keys needs to check it.
"""

from datetime import datetime, timedelta

from app import ids
from app.batch import Overloaded
from app.idempotency_key import Reused
from app.money import FIRST_LANE
from app.network.books import LOST, Away, Books
from app.network.meters import Meters
from app.network.numbers import Found, Numbers
from app.network.standin import StandIn
from app.network.terms import Line
from app.network.zone import Zones
from cards.hsm import tlv
from cards.iso8583 import flow, meaning, reply
from cards.iso8583.flow import Kind
from cards.iso8583.meaning import Occasion, Unclear
from cards.iso8583.telegram import Telegram
from cards.payments.message import Answer, Authorization, NetworkMessage
from cards.payments.payment import PaymentId
from cards.proofs import pan, proving
from proof.kms import Kms


class Office:
    """Where the lines of this process meet the books."""

    def __init__(self, books: Books, numbers: Numbers, zones: Zones, stand_in: StandIn, meters: Meters) -> None:
        self._books, self._numbers, self._zones = books, numbers, zones
        self._keys: Kms = books.house.keys.kms
        self._stand_in, self._meters = stand_in, meters

    async def answer(self, line: Line, told: Telegram, came: datetime, until: float) -> Telegram | None:
        """Answer one telegram of `line` that came at `came`; the loop's clock says `until` when it is too late.

        None where it is better told again: an advice that can't be taken down now.
        """
        is_question = flow.FLOWS[told.mti].kind is Kind.QUESTION
        try:
            index = self._index(told)
            found = await self._found(index)
            understood = meaning.told(told, _occasion(line, found, came, is_question=is_question))
        except Unclear as unclear:
            if not is_question:
                self._meters.count(line.network, "unclear", told.mti)
            return flow.reply(told, unclear.code, {44: f"F{unclear.number:03}"})
        except Away:
            return flow.reply(told, flow.AWAY) if is_question else None
        if understood is None:
            return reply.taken(told)
        try:
            answer = await self._decided(line, understood, index, until, is_question=is_question)
        except Reused:
            self._meters.count(line.network, "conflicting", told.mti)
            return flow.reply(told, flow.TWICE)
        if answer is None:
            return flow.reply(told, flow.AWAY) if is_question else None
        proof = self._proof(understood, found, answer)
        return self._settling(line, came, reply.decided(told, answer, chip=proof))

    def _index(self, told: Telegram) -> bytes:
        """Give the keyed index of the number; of what can't be a number of anybody there is none."""
        try:
            return pan.blind(self._keys, meaning.number(told))
        except Unclear:
            if flow.FLOWS[told.mti].kind is Kind.QUESTION:
                raise
            return b""

    async def _found(self, index: bytes) -> Found | None:
        """Find the card; raises Away where nobody can be asked: that is not the same as a number of nobody's."""
        if not index:
            return None
        if (kept := self._numbers.kept(index)) is not None:
            return kept
        if not self._books.away:
            try:
                return await self._numbers.find(index)
            except LOST:
                self._books.doubt()
        snapshot = self._stand_in.snapshot
        known = snapshot.cards.get(index) if snapshot else None
        if known is None:
            raise Away(in_vain=False)
        return Found(known.card.id, known.card.lane, known.card.expires_on, known.plate_version)

    async def _decided(
        self, line: Line, told: NetworkMessage, index: bytes, until: float, *, is_question: bool
    ) -> Answer | None:
        if not (is_question and isinstance(told, Authorization)):
            try:
                return await self._books.ask(told, until + _ADVICE_MORE_S)
            except (Away, Overloaded):
                return None
        if (said := await self._stand_in.said(told)) is not None:
            return said
        try:
            return await self._books.ask(told, until)
        except Overloaded:
            self._meters.count(line.network, "overloaded")
            return None
        except Away as away:
            return await self._stand_in.answer(told, index, line.stand_in, self._zones.machine, in_vain=away.in_vain)

    def _proof(self, asked: NetworkMessage, found: Found | None, answer: Answer) -> bytes | None:
        """Give what proves the answer to the chip that asked (tag 91)."""
        machine = self._zones.machine
        if not isinstance(asked, Authorization) or asked.presented.chip is None or found is None or machine is None:
            return None
        proof = proving.chip_answer(
            machine,
            asked.presented,
            found.expires_on,
            plate_version=found.plate_version,
            response=answer.code,
            proved=answer.approved,
        )
        return tlv.dump({_ISSUER_DATA: proof}) if proof else None

    def _settling(self, line: Line, came: datetime, answer: Telegram | None) -> Telegram | None:
        """Say on which date it settles, where the network did not."""
        if answer is None or _SETTLEMENT in answer.fields:
            return answer
        return Telegram(answer.mti, {**answer.fields, _SETTLEMENT: f"{line.settles_on(came):%m%d}"})


#: Nobody at a till waits for the answer to an advice.
_ADVICE_MORE_S = 10.0
#: What is left of the deadline for the answer's way out.
_MARGIN = timedelta(milliseconds=20)
_SETTLEMENT = 15
_ISSUER_DATA = "91"


def _occasion(line: Line, found: Found | None, came: datetime, *, is_question: bool) -> Occasion:
    return Occasion(
        network=line.network,
        lane=found.lane if found else FIRST_LANE,
        card=found.card if found else None,
        payment=PaymentId(ids.new()),
        now=came,
        deadline=came + timedelta(milliseconds=line.deadline_ms) - _MARGIN if is_question else None,
        billing=line.billing,
    )
