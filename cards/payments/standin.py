"""Standing in for the books: what is promised while they can't be asked. By default nothing.

keeps      app/network/snapshot.py      what was known of the cards, not long ago
decides    cards/payments/standin.py    decide()      <- you are here
journals   app/network/journal.py       every promise, on disk before it is given
tells      app/network/standin.py       the books, when they are back: as advices, which are never declined

A promise that turns out to be wrong is the operator's loss, so it is small, seldom, and made only where something that
can't be copied was at the merchant's: a chip that proved itself and compared the PIN, or a token's.
"""

import enum
from collections.abc import Callable
from datetime import date, datetime, timedelta

import msgspec

from cards.card import Card
from cards.hsm.port import Hsm
from cards.payments.message import Authorization, Channel, Operation
from cards.payments.reason import CODES, Reason, in_order
from cards.programme import control, programme
from cards.programme.programme import InForce
from cards.proofs import evidence
from cards.proofs.evidence import Facts, Guesses, Judged, Seen, Token
from law import calendar
from law.money import KZT, Money

#: What people need on a day when nothing works (ISO 18245): food, medicine, doctors, fuel, the way home.
NEEDED = frozenset(
    {"4111", "4112", "4121", "4131", "5411", "5412", "5422", "5441", "5451", "5499", "5541", "5542", "5812", "5814",
     "5912", "8011", "8062", "8071", "8099"}
)  # fmt: skip

#: What is promised where nothing is known.
NOTHING = Money(0, KZT)


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is promised: for one purchase, of a card on a day, how often; where; by what is known how long ago."""

    most: Money = Money(20_000_00, KZT)
    day_most: Money = Money(40_000_00, KZT)
    day_times: int = 3
    categories: frozenset[str] = NEEDED
    known_for_s: int = 900

    @property
    def known_for(self) -> timedelta:
        """How old what is known may be."""
        return timedelta(seconds=self.known_for_s)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A card as it was known; `left` is the least of what its wallet, its own limits and its holder's let it spend.

    `plate_version`, `seen` and `tokens` are what its proofs are held against (cards/proofs/evidence.py).
    """

    card: Card
    left: Money
    plate_version: int = 1
    seen: Seen = Seen(-1, 0)
    tokens: dict[str, Token] = {}


class Used(msgspec.Struct, frozen=True):
    """What a card was promised on this day in the books' place."""

    amount: Money = NOTHING
    times: int = 0


class Proved(msgspec.Struct, frozen=True, kw_only=True):
    """What was proved without the books: the chip with a `counter` it never used, its token, the PIN, the holder's yes.

    The PIN only as the chip compared it: what is typed for us is compared with what is in the books.
    """

    chip: bool = False
    token: bool = False
    pin: bool = False
    cavv: bool = False
    counter: int | None = None


class Doubt(enum.StrEnum):
    """Why nothing is promised; all that are found are counted, the merchant hears the code of the first."""

    STALE = "stale"  # nothing is known, or not any more
    UNKNOWN_CARD = "unknown_card"
    REFUSED = "refused"  # by what the card itself permits
    NOT_A_PURCHASE = "not_a_purchase"
    UNCERTAIN_AMOUNT = "uncertain_amount"
    UNPROVED = "unproved"
    CATEGORY = "category"
    TOO_MUCH = "too_much"
    DAY = "day"
    NOT_COVERED = "not_covered"
    TURNOVER = "turnover"  # the programme's, of the month


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the decision looks at. `known_at` is when `known` and `in_force` were; all are None where nothing is.

    `used` is what this card was promised, `shared` what all cards of its wallet and of its holder were: each of them
    was known to have the whole of what is left. So was the programme: `promised` is what all its cards were, and
    `turnover_left` what it was known to have.

    `now` is the machine's clock, `ahead` how far the installation's is before it.
    """

    asked: Authorization
    known: Known | None
    known_at: datetime | None
    used: Used
    proved: Proved
    now: datetime
    in_force: InForce | None
    shared: Money = NOTHING
    promised: Money = NOTHING
    turnover_left: Money = NOTHING
    ahead: timedelta = timedelta()


def decide(case: Case, terms: Terms) -> tuple[Doubt, ...]:
    """Find everything that speaks against promising; nothing does where the answer is empty."""
    return tuple(doubt for doubt, holds in DOUBTS if holds(case, terms))


def code(doubts: tuple[Doubt, ...], case: Case) -> str:
    """Answer field 39: a card that is refused hears why, all else that the issuer can't be asked now."""
    if doubts[0] is Doubt.REFUSED and Doubt.STALE not in doubts:
        return CODES[in_order(_refusals(case))[0]]
    return AWAY


#: Field 39: the issuer is inoperative. Whoever asked may ask again, or decide for us.
AWAY = "91"


def _proves_itself(case: Case, _: Terms) -> bool:
    channel, proved = case.asked.channel, case.proved
    if channel is Channel.TOKEN:
        return proved.chip and proved.token
    if channel is Channel.CHIP:
        return proved.chip and proved.pin
    return channel is Channel.ECOMMERCE and proved.cavv


def proofs(asked: Authorization, known: Known, seen: Seen, hsm: Hsm, at: datetime) -> Proved:
    """Hold what was presented against what is known; one thing that is wrong makes all of it worthless."""
    presented = asked.presented
    facts = Facts(known.plate_version, known.tokens.get(presented.token or ""))
    judged = Judged([], [])
    case = evidence.Case(hsm, at, known.card, asked, facts, judged)
    case.typed(Guesses())
    case.codes()
    case.chip(seen)
    case.token()
    if judged.reasons:
        return Proved()
    chip = evidence.read(presented.chip) if presented.chip else None
    pin = chip is not None and _compared(chip.tags.get(_CVM_RESULTS, b""))
    held = set(judged.held)
    return Proved(chip="chip" in held, token="token" in held, pin="chip" in held and pin, counter=judged.counter)


#: "CVM results" (EMV 4.4 book 4 annex A4): what was tried, under which condition, how it ended.
_CVM_RESULTS = "9F34"
_TRIED, _AT_THE_CHIP, _RIGHT = 0x3F, {0x01, 0x04}, 2


def _compared(results: bytes) -> bool:
    """Say whether the chip itself compared the PIN and found it right."""
    return len(results) == 3 and results[0] & _TRIED in _AT_THE_CHIP and results[2] == _RIGHT  # noqa: PLR2004  three bytes, by the standard


def _refusals(case: Case) -> tuple[Reason, ...]:
    assert case.known is not None, "asked of a card that is known"
    card, asked, now = case.known.card, case.asked, case.now + case.ahead
    in_force = case.in_force or _NO_PROGRAMME
    return (
        *control.refusals(card, asked, total=asked.amount, today=calendar.statutory_date(now)),
        *programme.refusals(in_force, card, asked, total=asked.amount, now=now),
    )


_NO_PROGRAMME = InForce(None, frozenset(), {})


def _is_stale(case: Case, terms: Terms) -> bool:
    return case.known_at is None or not timedelta() <= case.now - case.known_at <= terms.known_for


def _passes_day(case: Case, terms: Terms) -> bool:
    return case.used.times >= terms.day_times or case.used.amount + case.asked.amount > terms.day_most


def _is_not_covered(case: Case, _: Terms) -> bool:
    return case.known is not None and case.shared + case.asked.amount > case.known.left


DOUBTS: tuple[tuple[Doubt, Callable[[Case, Terms], bool]], ...] = (
    (Doubt.STALE, _is_stale),
    (Doubt.UNKNOWN_CARD, lambda case, _: case.known is None),
    (Doubt.REFUSED, lambda case, _: case.known is not None and bool(_refusals(case))),
    (Doubt.NOT_A_PURCHASE, lambda case, _: case.asked.operation is not Operation.PURCHASE),
    (Doubt.UNCERTAIN_AMOUNT, lambda case, _: case.asked.estimated or case.asked.increment),
    (Doubt.UNPROVED, lambda case, terms: not _proves_itself(case, terms)),
    (Doubt.CATEGORY, lambda case, terms: case.asked.merchant.category not in terms.categories),
    (Doubt.TOO_MUCH, lambda case, terms: case.asked.amount > terms.most),
    (Doubt.DAY, _passes_day),
    (Doubt.NOT_COVERED, _is_not_covered),
    (Doubt.TURNOVER, lambda case, _: case.promised + case.asked.amount > case.turnover_left),
)


def counted(used: Used, amount: Money) -> Used:
    """Count one promise more."""
    return Used(used.amount + amount, used.times + 1)


def day(at: datetime) -> date:
    """Say on which day a promise counts."""
    return calendar.statutory_date(at)
