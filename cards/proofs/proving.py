"""The proofs that come with a question are judged, and their tries and counters counted: step three of the decision.

decides    cards/payments/decision.py    decide()            asks every voice
speaks     cards/proofs/proving.py       Proving             <- you are here
judges     cards/proofs/evidence.py      Case

What was presented must be right, and nothing is given for a bare number: a stripe presents its code, a chip or a wallet
a cryptogram, cash the PIN, a shop without the card its code or the holder's yes, once. Tries and counters are counted
whatever the answer; a holder's yes is used up by ours.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables
from cards.card import OWN, Card
from cards.hsm.port import Hsm, Plate, Pvv
from cards.payments.asking import Query, Rows
from cards.payments.decision import About, Question, Silent
from cards.payments.message import Authorization
from cards.payments.reason import Reason
from cards.proofs import challenge, events, evidence
from cards.proofs.evidence import LASTING, Case, Facts, Guesses, Judged, Seen, Token, Typed, Yes
from cards.proofs.pin import TRIES_MAX
from cards.proofs.presented import Bytes, Presented
from cards.proofs.token import Life
from law.money import Currency, Money
from proof import journal
from wallet import packed
from wallet.desk import Desk

#: Gives the machine, having looked whether there are new keys.
Machine = Callable[[AsyncConnection], Awaitable[Hsm]]


class Proofs:
    """Where the voice comes from, see cards.decision.Source. `clock` is the machine's: codes don't travel in time."""

    def __init__(self, machine: Machine, clock: Callable[[], datetime]) -> None:
        """Take what gives the machine, and what gives the time."""
        self._machine = machine
        self._clock = clock

    def queries(self, about: About) -> Sequence[Query]:
        """See Source: nothing where nothing is presented and nothing has to be."""
        asked = [each for each in about.questions if each.card is not None and evidence.concerns(each)]
        if not asked:
            return ()
        presented = [each.presented for each in asked]
        found = Query(
            _FIND,
            (
                packed.uuids([each.card for each in asked]),
                packed.texts([each.network for each in asked]),
                packed.texts([each.token or "" for each in presented]),
                packed.bigints([_sequence(each) for each in presented]),
                packed.texts([each.element for each in asked]),
                packed.texts([each.lifecycle for each in asked]),
                packed.texts([each.merchant.id for each in asked]),
            ),
        )
        chips = [each.card for each in asked if each.presented.chip or each.presented.counter is not None]
        typed = sorted({each.card for each in asked if each.card and each.presented.pin})
        return (
            found,
            Query(_CHIPS, (packed.uuids(chips),)),
            *([Query(_PINS, (packed.uuids(typed),))] if typed else []),
        )

    async def voice(self, desk: Desk, about: About, rows: Sequence[Rows], cards: Mapping[UUID, Card]) -> "Proving":  # noqa: ARG002  as Source asks
        """See Source."""
        facts, chips, typed = [*rows, [], [], []][:3]
        return Proving(
            await self._machine(desk.db) if rows else None,
            self._clock(),
            {row[:3]: _facts(row) for row in facts if row[3] is not None},
            stopped={row[:3] for row in facts if row[8] in _STOPPED},
            chips={row[0]: Seen(row[1], row[2]) for row in chips},
            pins={row[0]: Typed(Pvv(Bytes(row[1]), row[2]), row[3]) for row in typed},
        )


class _Shop(NamedTuple):
    card: UUID
    network: str
    merchant: str
    holder: UUID


class Proving(Silent):
    """The voice of the proofs in one batch, see cards.decision.Voice."""

    def __init__(
        self,
        hsm: Hsm | None,
        at: datetime,
        facts: Mapping[tuple[str, str, str], Facts],
        *,
        stopped: Collection[tuple[str, str, str]],
        chips: dict[UUID, Seen],
        pins: dict[UUID, Typed],
    ) -> None:
        self._hsm = hsm
        self._at = at
        self._facts = facts
        self._stopped = stopped
        self._chips = chips
        self._pins = pins
        self._judged: dict[tuple[str, str, str], Judged] = {}
        self._counted_chips: set[UUID] = set()
        self._counted_pins: set[UUID] = set()
        self._guesses: dict[UUID, Guesses] = {}
        self._trusted: set[_Shop] = set()
        self._used: list[UUID] = []
        self._told: list[journal.Fact] = []

    def refusals(self, question: Question) -> Iterable[Reason]:
        """See Voice."""
        return self._judge(question).reasons

    def features(self, question: Question) -> Mapping[str, object]:
        """See Voice: the names of the proofs that were presented and are right."""
        return {"proved": list(self._judge(question).held)}

    def answered(self, question: Question, reasons: tuple[Reason, ...]) -> None:
        """Count the try and the counter; use up the holder's yes where the answer is yes."""
        judged, card, asked = self._judge(question), question.card, question.asked
        if judged.counter is not None:
            self._chips[card.id] = self._chips.get(card.id, Seen(0, 0)).with_(judged.counter)
            self._counted_chips.add(card.id)
        if judged.pin is not None:
            self._count(question, right=judged.pin)
        if judged.typed is not None:
            before = self._guesses.get(card.id, self._known(asked).guesses)
            if before.tries or not judged.typed:  # to be right after nothing wrong changes nothing
                self._guesses[card.id] = before.with_(self._at, right=judged.typed)
        if judged.yes is not None and not reasons:
            self._used.append(judged.yes)
        lasts = not asked.present and LASTING.intersection(judged.held)
        if not reasons and lasts and not self._known(asked).trusted:
            self._trusted.add(_Shop(card.id, asked.network, asked.merchant.id, card.holder))

    def write(self, desk: Desk) -> None:
        """See Voice."""
        if chips := sorted(self._counted_chips):
            seen = [self._chips[card] for card in chips]
            columns = packed.integers([each.highest for each in seen]), packed.bigints([each.bits for each in seen])
            desk.also(_COUNT_CHIPS, (packed.uuids(chips), *columns))
        if pins := sorted(self._counted_pins):
            desk.also(_COUNT_PINS, (packed.uuids(pins), packed.integers([self._pins[card].tries for card in pins])))
        if guessed := sorted(self._guesses):
            counted = [self._guesses[card] for card in guessed]
            times = packed.instants([each.tried_at or self._at for each in counted])
            desk.also(_COUNT_GUESSES, (packed.uuids(guessed), packed.integers([each.tries for each in counted]), times))
        if self._used:
            desk.also(_USE, (packed.uuids(self._used),))
        if shops := sorted(self._trusted):
            networks, merchants = (
                packed.texts([each.network for each in shops]),
                packed.texts([each.merchant for each in shops]),
            )
            holders, since = packed.uuids([each.holder for each in shops]), packed.instants([desk.now for _ in shops])
            desk.also(_TRUST, (packed.uuids([each.card for each in shops]), networks, merchants, holders, since))
        for fact in self._told:
            statement, told = journal.appending(tables.event, [fact])
            desk.also(statement, (packed.texts([told]),))

    def _count(self, question: Question, *, right: bool) -> None:
        card, asked = question.card, question.asked
        before = self._pins[card.id]
        tries = 0 if right else before.tries + 1
        self._pins[card.id] = before._replace(tries=tries)
        self._counted_pins.add(card.id)
        if tries == TRIES_MAX:
            fact = events.PinBlocked(card=card.id)
            # Of the payment, whose changes this lane orders; those of the card others make at the same time.
            self._told.append(
                journal.Fact(aggregate=asked.payment, holder=card.holder, at=question.now, actor=_ACTOR, event=fact)
            )

    def _judge(self, question: Question) -> Judged:
        key = _name(question.asked)
        if (known := self._judged.get(key)) is None:
            known = self._judged[key] = self._held_against(question, self._facts.get(key))
        return known

    def _known(self, asked: Authorization) -> Facts:
        return self._facts[_name(asked)]

    def _held_against(self, question: Question, facts: Facts | None) -> Judged:
        card, asked, judged = question.card, question.asked, Judged([], [])
        if card.processor != OWN:  # others prove what they process; a wallet that was stopped here pays nowhere
            if _name(asked) in self._stopped and not asked.advice:
                judged.reasons.append(Reason.TOKEN_NOT_ACTIVE)
            return judged
        if not evidence.concerns(asked) or self._hsm is None:
            return judged
        if facts is None:  # a card whose number is not in the vault
            judged.reasons.append(Reason.NOT_PROVED)
            return judged
        if asked.advice:  # somebody has judged it: what can't be used again is counted, whatever it was
            judged.counter = asked.presented.counter
        goes_on = asked.increment and bool(question.before)
        case = Case(self._hsm, self._at, card, asked, facts, judged, goes_on)
        case.typed(self._guesses.get(card.id, facts.guesses))
        case.codes()
        case.chip(self._chips.get(card.id, Seen(-1, 0)))
        case.pin(self._pins.get(card.id))
        case.yes(self._used)
        case.token()
        if not asked.advice:
            case.missing()
        return judged


def chip_answer(
    hsm: Hsm, presented: Presented, expires_on: date, *, plate_version: int, response: str, proved: bool
) -> bytes | None:
    """Answer tag 91 for the terminal to hand to the chip; None where no chip asked, or not one of ours.

    `proved` says that its cryptogram was found right a moment ago.
    """
    if presented.chip is None or presented.number is None or (chip := evidence.read(presented.chip)) is None:
        return None
    plate = Plate(presented.number, expires_on, plate_version)
    if not (proved or hsm.is_cryptogram(plate, presented.chip.sequence, chip)):
        return None  # whoever asked is not a card, and gets nothing made with a card's key
    return hsm.answer_chip(plate, presented.chip.sequence, chip, response=response)


def _name(asked: Authorization) -> tuple[str, str, str]:
    return asked.network, asked.lifecycle, asked.element


def _sequence(presented: Presented) -> int:
    return challenge.sequence(presented.cavv.value.value) if presented.cavv else -1


def _facts(row: Sequence[object]) -> Facts:
    plate_version, tries, tried_at, trusted, *rest = row[3:]
    token, yes = rest[:4], rest[4:]
    return Facts(
        plate_version=msgspec.convert(plate_version, int),
        token=msgspec.convert(dict(zip(Token.__struct_fields__, token, strict=True)), Token) if token[0] else None,
        yes=_yes(yes) if yes[0] else None,
        trusted=bool(trusted),
        guesses=Guesses(msgspec.convert(tries, int), msgspec.convert(tried_at, datetime | None)),
    )


def _yes(columns: Sequence[object]) -> Yes:
    named = dict(zip(_YES, columns, strict=True))
    amount = Money(msgspec.convert(named.pop("minor"), int), Currency.of(str(named.pop("currency"))))
    used = named.pop("used_at") is not None
    return msgspec.convert({**named, "approved": bool(named["approved"]), "amount": amount, "used": used}, Yes)


_ACTOR = "system"
#: Whatever the processor of a card has heard of it by then. A token that is asked for is its affair alone.
_STOPPED = (Life.SUSPENDED, Life.DELETED)
_YES = ("id", "sequence", "merchant", "minor", "currency", "approved", "answered_at", "used_at")
_FIND = b"""
    SELECT asked.network, asked.lifecycle, asked.element, proof.plate_version, proof.tries, proof.tried_at,
           EXISTS (SELECT FROM cards.trusted_shop AS shop
                   WHERE (shop.card, shop.network, shop.merchant)
                       = (cards.first_of(asked.card), asked.network, asked.merchant)),
           token.card, token.state, token.channels, token.merchant,
           challenge.id, challenge.sequence, challenge.merchant_id, challenge.amount_minor, challenge.currency,
           challenge.approved, challenge.answered_at, challenge.used_at
    FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[])
         AS asked (card, network, token, sequence, element, lifecycle, merchant)
    LEFT JOIN LATERAL card_vault.plate_of(asked.card) AS proof ON true
    LEFT JOIN cards.token ON token.network = asked.network AND token.reference = asked.token
    LEFT JOIN cards.challenge ON challenge.card = asked.card AND challenge.sequence = asked.sequence
    """
_CHIPS = b"SELECT card, highest, seen FROM card_vault.chips(%s::uuid[])"
_PINS = b"SELECT card, pvv, version, tries FROM card_vault.typed_pins(%s::uuid[])"
_COUNT_CHIPS = b"SELECT card_vault.count_chips(%s::uuid[], %s::integer[], %s::bigint[])"
_COUNT_PINS = b"SELECT card_vault.count_pins(%s::uuid[], %s::integer[])"
_USE = b"UPDATE cards.challenge SET used_at = now() WHERE id = ANY (%s::uuid[]) AND used_at IS NULL"
_COUNT_GUESSES = b"SELECT card_vault.count_guesses(%s::uuid[], %s::integer[], %s::timestamptz[])"
_TRUST = b"""
    INSERT INTO cards.trusted_shop (card, network, merchant, holder, since)
    SELECT cards.first_of(shop.card), shop.network, shop.merchant, shop.holder, shop.since
    FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::timestamptz[])
         AS shop (card, network, merchant, holder, since)
    ON CONFLICT DO NOTHING
    """
