"""One question's proofs, held against what the house knows; pure, but for the machine that computes.

asks       cards/proofs/proving.py     Proving             loads what is known, counts what came of it
judges     cards/proofs/evidence.py    Case                <- you are here
computes   cards/hsm/port.py           Hsm
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from cards.card import Card, Form
from cards.hsm import emv, tlv
from cards.hsm.pinblock import BadBlock
from cards.hsm.port import Hsm, Plate, Pvv, UnknownKey
from cards.hsm.verification import Service
from cards.payments.message import Authorization, Channel, Operation
from cards.payments.reason import Reason
from cards.proofs import challenge
from cards.proofs.pin import TRIES_MAX
from cards.proofs.presented import NOTHING, Chip, Presented
from law.money import Money

#: So many wrong guesses of a code or a date in a row, and the code is not looked at until the last is a day old.
GUESSES_MAX = 5
GUESSES_LAST = timedelta(days=1)
#: What proves to a shop without the card that its customer has it; it may ask again with the number alone.
LASTING = frozenset({"cvv2", "authentication"})
#: A holder's yes that no merchant used by then is none any more.
_YES_LASTS = timedelta(days=1)
_WINDOW = 62
#: Where the chip speaks, its track has the code of the chip; the stripe of the same card another.
_CHIPS = frozenset({Channel.CHIP, Channel.CONTACTLESS, Channel.TOKEN})


class Seen(NamedTuple):
    """Which counters of a chip were used: the highest, and bit n of `bits` for the one n below it."""

    highest: int
    bits: int

    def replays(self, counter: int) -> bool:
        """Say whether this counter was used, or is so old that nobody knows."""
        back = self.highest - counter
        return back > _WINDOW or (back >= 0 and bool(self.bits >> back & 1))

    def with_(self, counter: int) -> "Seen":
        """Note it as used."""
        ahead = counter - self.highest
        if ahead <= 0:
            return Seen(self.highest, self.bits | 1 << -ahead)
        return Seen(counter, (self.bits << ahead | 1) & ((1 << _WINDOW + 1) - 1))


class Typed(NamedTuple):
    """The PIN of a card as it is stored, and how many wrong ones were typed since the last right one."""

    stored: Pvv
    tries: int


class Guesses(NamedTuple):
    """How often somebody was wrong about what is printed on a card, since they were right, and when last."""

    tries: int = 0
    tried_at: datetime | None = None

    def block(self, at: datetime) -> bool:
        """Say whether no code is looked at now; a proof that can't be guessed still is."""
        return self.tries >= GUESSES_MAX and self._count(at)

    def with_(self, at: datetime, *, right: bool) -> "Guesses":
        """Count one more."""
        return Guesses(0 if right else 1 + (self.tries if self._count(at) else 0), at)

    def _count(self, at: datetime) -> bool:
        return self.tried_at is not None and at - self.tried_at < GUESSES_LAST


class Facts(msgspec.Struct, frozen=True):
    """What one question's proofs are held against: the card's keys, the token it named, the holder's yes it named.

    `trusted`: the card was proved at this shop before.
    """

    plate_version: int
    token: "Token | None" = None
    yes: "Yes | None" = None
    trusted: bool = False
    guesses: Guesses = Guesses()


class Token(msgspec.Struct, frozen=True):
    """A token as far as deciding goes; `merchant` is the only one that may use it, where there is one."""

    card: UUID
    state: str
    channels: tuple[str, ...]
    merchant: str | None


class Yes(msgspec.Struct, frozen=True):
    """An answered challenge as far as deciding goes."""

    id: UUID
    sequence: int
    merchant: str
    amount: Money
    approved: bool
    answered_at: datetime | None
    used: bool


class Judged(msgspec.Struct):
    """What came of one question's proofs: what is wrong, and what is to be counted."""

    reasons: list[Reason]
    held: list[str]
    counter: int | None = None
    pin: bool | None = None
    typed: bool | None = None
    yes: UUID | None = None


class Case(msgspec.Struct, frozen=True):
    """One question, as its proofs are looked at one after the other; `goes_on`: it is more of a promise."""

    hsm: Hsm
    at: datetime
    card: Card
    asked: Authorization
    facts: Facts
    judged: Judged
    goes_on: bool = False

    @property
    def presented(self) -> Presented:
        """What came with the question."""
        return self.asked.presented

    def _plate(self) -> Plate | None:
        number = self.presented.number
        return Plate(number, self.card.expires_on, self.facts.plate_version) if number else None

    def _say(self, name: str, *, right: bool, otherwise: Reason) -> None:
        if right:
            self.judged.held.append(name)
        else:
            self.judged.reasons.append(otherwise)

    def typed(self, guesses: Guesses) -> None:
        """Judge what was typed off the card; after some wrong guesses of any of it the code is not looked at."""
        cvv2, plate = self.presented.cvv2, self._plate()
        wrong_date = not self.asked.present and self.asked.expiry not in {None, self.card.expires_on}
        if cvv2 and guesses.block(self.at):
            self.judged.reasons.append(Reason.CODE_BLOCKED)
        elif cvv2:
            right = plate is not None and (
                self.hsm.is_code_at(plate, self.at, cvv2)
                # A card that is nothing but a number has no back where another code could stand.
                or (self.card.form is Form.PLASTIC and self.hsm.is_code(plate, Service.CVV2, cvv2))
            )
            self._say("cvv2", right=right, otherwise=Reason.WRONG_CODE)
            self.judged.typed = right and not wrong_date
        elif wrong_date:
            self.judged.typed = False

    def codes(self) -> None:
        """Judge the CVV that was read."""
        track, plate = self.presented.track, self._plate()
        if track:
            service = Service.ICVV if self.asked.channel in _CHIPS else track.service
            allowed = self.asked.channel in _CHIPS or track.service not in set(Service)
            right = plate is not None and allowed and self.hsm.is_code(plate, service, track.code)
            self._say("track", right=right, otherwise=Reason.WRONG_CODE)

    def chip(self, seen: Seen) -> None:
        """Judge the cryptogram of the chip: over this amount, with a counter that was not used."""
        if self.presented.chip is None:
            return
        chip, plate = read(self.presented.chip), self._plate()
        if chip is None or plate is None or not (chip.asks and self._covers(chip)):
            self.judged.reasons.append(Reason.WRONG_CRYPTOGRAM)
            return
        right = self.hsm.is_cryptogram(plate, self.presented.chip.sequence, chip)
        self._say("chip", right=right, otherwise=Reason.WRONG_CRYPTOGRAM)
        if right and seen.replays(chip.counter):
            self.judged.reasons.append(Reason.CHIP_REPLAYED)
        elif right:
            self.judged.counter = chip.counter

    def _covers(self, chip: emv.Chip) -> bool:
        told = self.asked.original or self.asked.amount
        said = chip.tags["9F02"].hex(), chip.tags["5F2A"].hex()
        return said == (f"{told.minor:012d}", f"{told.currency.numeric:04d}")

    def pin(self, typed: Typed | None) -> None:
        """Judge the PIN; after three wrong ones the right one is not looked at any more."""
        if self.presented.pin is None:
            return
        if typed is None or self.presented.number is None:
            self.judged.reasons.append(Reason.PIN_NOT_SET)
        elif typed.tries >= TRIES_MAX:
            self.judged.reasons.append(Reason.PIN_BLOCKED)
        else:
            try:
                self.judged.pin = self.hsm.is_pin(self.presented.number, self.presented.pin, typed.stored)
            except (BadBlock, UnknownKey):  # no PIN was typed, as far as anybody can tell: there is nothing to count
                self.judged.reasons.append(Reason.WRONG_PIN)
            else:
                self._say("pin", right=self.judged.pin, otherwise=Reason.WRONG_PIN)

    def yes(self, used: Collection[UUID]) -> None:
        """Judge the holder's yes: to this merchant, at most this amount, once, not long ago."""
        if self.presented.cavv is None:
            return
        yes, number = self.facts.yes, self.presented.number
        right = (
            yes is not None
            and number is not None
            and yes.approved
            and not yes.used
            and yes.id not in used
            and yes.answered_at is not None
            and self.at - yes.answered_at <= _YES_LASTS
            and yes.merchant == self.asked.merchant.id
            and self._within(yes.amount)
            and self.hsm.is_authentication(
                number, challenge.bound(yes.id, yes.sequence, yes.merchant, yes.amount), self.presented.cavv.value
            )
        )
        self._say("authentication", right=right, otherwise=Reason.WRONG_AUTHENTICATION)
        if right and yes is not None:
            self.judged.yes = yes.id

    def _within(self, agreed: Money) -> bool:
        told = self.asked.original or self.asked.amount
        return told.currency is agreed.currency and told.minor <= agreed.minor

    def token(self) -> None:
        """Judge the token: of this card, in use, where it may be used."""
        if self.presented.token is None:
            return
        token = self.facts.token
        if token is None or token.card != self.card.id or token.state != "active":
            self.judged.reasons.append(Reason.TOKEN_NOT_ACTIVE)
        elif self.asked.channel not in token.channels or token.merchant not in (None, self.asked.merchant.id):
            self.judged.reasons.append(Reason.TOKEN_ELSEWHERE)
        else:
            self.judged.held.append("token")

    def missing(self) -> None:
        """Miss what this way of paying can't be without."""
        presented = self.presented
        there = {
            Channel.CHIP: presented.chip is not None,
            Channel.CONTACTLESS: presented.chip is not None,
            Channel.MAGSTRIPE: presented.track is not None,
            # A reference is no secret: what can't be copied is the cryptogram that comes with it.
            Channel.TOKEN: presented.token is not None and presented.chip is not None,
        }
        if not there.get(self.asked.channel, self._is_proved_afar()):
            self.judged.reasons.append(Reason.NOT_PROVED)
        if _needs_pin(self.asked) and presented.pin is None:
            self.judged.reasons.append(Reason.PIN_REQUIRED)

    def _is_proved_afar(self) -> bool:
        """Say whether a shop that has no card before it has shown more than a number anybody may have copied."""
        asked, presented = self.asked, self.presented
        if asked.operation is Operation.REFUND or self.goes_on:
            return True
        if asked.operation is Operation.BALANCE:
            return presented.pin is not None
        if presented.cavv or presented.chip or self._is_of_this_shop():
            return True
        if asked.channel is Channel.RECURRING and self.facts.trusted:
            return True  # subscriptions outlive the date on the card
        return asked.expiry is not None and (presented.cvv2 is not None or self.facts.trusted)

    def _is_of_this_shop(self) -> bool:
        """Say whether a token came that was made for this shop alone; whose it is was proved when it was."""
        return self.presented.token is not None and self.facts.token is not None and bool(self.facts.token.merchant)


def read(chip: Chip) -> emv.Chip | None:
    """Read field 55; None where it is none."""
    try:
        return emv.read(tlv.parse(chip.field55.value))
    except (tlv.BadTlv, emv.BadChip):
        return None


def concerns(asked: Authorization) -> bool:
    """Say whether a question has anything to prove: all do, but what somebody else has answered."""
    return asked.presented != NOTHING or not asked.advice


def _needs_pin(asked: Authorization) -> bool:
    """Say whether nothing is given without a PIN: a machine that pays out sees nobody, whatever is held to it."""
    return asked.operation is Operation.CASH
