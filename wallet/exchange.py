"""Exchange: money of one currency for another one's, at a rate somebody named, with nothing lost in rounding.

computes  selling(), buying(), quoted()   how much is given and got, and what remains
books     book()                          payer -> position, position -> payee, remainder <-> rounding: one group
tells     fact()                          the rate, who said so, and what remained

The operator stands between the currencies: its position takes in what is given and pays out what is got. What is got is
rounded half to even, since smaller than a unit nothing can be paid. What that is worth in the currency given is its
cost; the difference to what was given is the remainder, which goes to the rounding account, or comes from there.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import msgspec

from law.money import Currency, Money, zero
from proof import journal
from wallet import account, tables
from wallet.chart import Purpose
from wallet.desk import Desk
from wallet.events import Exchanged
from wallet.transfer import AccountId, Post, Posted, Reason, Refused, TransferId


class RateNotOfThese(Exception):
    """The rate is of other currencies than the money."""


class TooLittle(Exception):
    """What would be got is less than the smallest unit of its currency."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """`value` of `quote` buy one of `base`, both in major units: base USD, quote KZT, value 526.31.

    `source` names who said so, a word of ours such as `bank:altai/quote:…`; `at` is when.
    """

    base: Currency
    quote: Currency
    value: Decimal
    source: str
    at: datetime

    def __post_init__(self) -> None:
        """Refuse what is no rate, as a mistake of ours."""
        assert self.base is not self.quote, "a rate is between two currencies"
        assert self.value.is_finite(), "a rate is a number"
        assert self.value > 0, "a rate is more than nothing"

    def per_minor(self, given: Currency, got: Currency) -> Fraction:
        """Say how many smallest units of `got` one of `given` is; raises RateNotOfThese."""
        if {given, got} != {self.base, self.quote}:
            raise RateNotOfThese
        major = Fraction(self.value) if given is self.base else 1 / Fraction(self.value)
        return major * Fraction(10) ** (got.exponent - given.exponent)


class Exchange(msgspec.Struct, frozen=True):
    """`given` for `got`. Of what is given, all but `remainder` is what `got` costs; it may be negative."""

    given: Money
    got: Money
    remainder: Money
    rate: Rate

    @property
    def cost(self) -> Money:
        """What the position takes in."""
        return self.given - self.remainder


def selling(given: Money, to: Currency, rate: Rate) -> Exchange:
    """Compute what `given` buys; raises RateNotOfThese, TooLittle, law.money.AmountOutOfRange."""
    per_minor = rate.per_minor(given.currency, to)
    got = round(given.minor * per_minor)
    if got <= 0:
        raise TooLittle
    return quoted(given, Money(got, to), rate)


def buying(got: Money, giving: Currency, rate: Rate) -> Exchange:
    """Compute what `got` costs, which leaves no remainder; raises RateNotOfThese, TooLittle, AmountOutOfRange."""
    given = round(got.minor / rate.per_minor(giving, got.currency))
    if given <= 0:
        raise TooLittle
    return Exchange(Money(given, giving), got, zero(giving), rate)


def quoted(given: Money, got: Money, rate: Rate) -> Exchange:
    """Take amounts that somebody else rounded, as a bank does, and say what remains; raises RateNotOfThese."""
    cost = round(got.minor / rate.per_minor(given.currency, got.currency))
    return Exchange(given, got, Money(given.minor - cost, given.currency), rate)


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange to be booked from `payer` to `payee`, as transfers named after `first`, which names the group too.

    `label` is whose position it is (the bank's code), `owner` whose account `payer` must be.
    """

    first: UUID
    exchange: Exchange
    payer: AccountId
    payee: AccountId
    label: str
    owner: UUID
    actor: str
    code: str = "exchange"
    reference: str = ""


Booked = list[Posted] | Refused


async def book(desk: Desk, asked: Sequence[Booking]) -> list[Booked]:
    """Book exchanges one after the other, each all or not at all: a verb for app/batch.py, or part of one."""
    await desk.load(side for each in asked for side in (each.payer, each.payee))
    known = [each for each in asked if each.payer in desk.accounts and each.payee in desk.accounts]
    operators = await _load_operators(desk, {place for each in known for place in _places(desk, each)})
    answers: list[Booked] = []
    facts = []
    for each in asked:
        before = len(desk.rows)
        answers.append(
            desk.group(each.first, _legs(each, *(operators[place] for place in _places(desk, each))))
            if each in known
            else Refused(Reason.UNKNOWN_ACCOUNT)
        )
        if len(desk.rows) > before:  # neither refused nor booked before
            facts.append(fact(each.exchange, each.first, holder=each.owner, actor=each.actor, at=desk.now))
    await journal.append(desk.db, tables.event, *facts)
    return answers


_Place = tuple[int, Purpose, str, Currency]


def _places(desk: Desk, asked: Booking) -> tuple[_Place, _Place, _Place]:
    """Name the operator's accounts: the position that takes, the one that gives, and the rounding account."""
    given, got = asked.exchange.given.currency, asked.exchange.got.currency
    lane, other = desk.accounts[asked.payer].lane, desk.accounts[asked.payee].lane
    return (
        (lane, Purpose.FX_POSITION, asked.label, given),
        (other, Purpose.FX_POSITION, asked.label, got),
        (lane, Purpose.ROUNDING, "", given),
    )


async def _load_operators(desk: Desk, places: Iterable[_Place]) -> dict[_Place, AccountId]:
    found = {}
    for lane, purpose, label, currency in sorted(places):
        found[lane, purpose, label, currency] = await account.operator(
            desk.db, lane=lane, purpose=purpose, label=label, currency=currency, at=desk.now
        )
    await desk.load(found.values())
    return found


def _legs(asked: Booking, taking: AccountId, giving: AccountId, rounding: AccountId) -> list[Post]:
    """List the transfers: what is given, what is got, and the remainder if there is one."""
    exchange = asked.exchange
    sides = [
        ("given", asked.payer, taking, exchange.given),
        ("got", giving, asked.payee, exchange.got),
        ("rounding", taking, rounding, exchange.remainder),
    ]
    if exchange.remainder.minor < 0:
        sides[2] = ("rounding", rounding, taking, -exchange.remainder)
    return [
        Post(
            id=TransferId(UUID(int=asked.first.int ^ nth << 1)),  # the last bit tells twins apart (wallet/crossing.py)
            debit=debit,
            credit=credit,
            money=money,
            owner=asked.owner if name == "given" else None,
            code=f"{asked.code}.{name}",
            reference=asked.reference,
        )
        for nth, (name, debit, credit, money) in enumerate(sides)
        if money
    ]


def fact(exchange: Exchange, group: UUID, *, holder: UUID, actor: str, at: datetime) -> journal.Fact:
    """Tell of an exchange whose transfers are linked as `group`; `eresidency verify ledger` compares the two."""
    rate = exchange.rate
    event = Exchanged(
        group=group,
        given_minor=exchange.given.minor,
        given_currency=exchange.given.currency.value,
        got_minor=exchange.got.minor,
        got_currency=exchange.got.currency.value,
        remainder_minor=exchange.remainder.minor,
        base=rate.base.value,
        quote=rate.quote.value,
        rate=format(rate.value, "f"),
        source=rate.source,
        rate_at=rate.at,
    )
    return journal.Fact(aggregate=group, holder=holder, at=at, actor=actor, event=event)
