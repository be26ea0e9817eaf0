"""What the elements of a payment add up to, in any order.

A network names each thing it says, and what it says later about that thing: that it was promised in our place, that it
is taken back. So the elements are first added up by what they are about (`Said`), and a reversal counts against what
it names and against nothing else, never for more than that came to. One that names nothing counts against all that was
promised or taken at once.
"""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from cards.payments.element import Element, Kind, Status
from cards.payments.reason import Reason
from law.money import Currency, Money


class Said(msgspec.Struct):
    """What was said about one thing, in minor units: what it promised, took and gave, and what was taken back of it.

    `asked` is what it asked for, also where nothing could be promised any more because the merchant had said its last:
    whether that came first or second, taking the question back means the same.
    `single` says that it took the money at once, however often it was told: then nothing of it is a promise.
    """

    asked: int = 0
    promised: int = 0
    confirmed: int = 0
    taken: int = 0
    fees: int = 0
    markups: int = 0
    refunded: int = 0
    announced: int = 0
    taken_back: int = 0
    single: bool = False
    final: bool = False

    @property
    def returned(self) -> int:
        """Of what it took, the part that was given back."""
        return min(self.taken_back, self.taken)

    @property
    def left(self) -> int:
        """What it took and kept."""
        return self.taken - self.returned

    def kept(self, charge: int) -> int:
        """Of what we charged for it, the part for what stayed taken."""
        return charge and charge * self.left // self.taken

    def still(self, amount: int) -> int:
        """Of what it announced or gave, the part that was not taken back."""
        return max(amount - self.taken_back, 0)


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """What the elements of one payment add up to, in any order: minor units of `currency`.

    `asked` was approved, question by question, of which `extra` is what we charge and set aside beside it; `confirmed`
    is what the merchant said that the promise comes to (the largest, should it say so twice) with its own
    `confirmed_extra`. `reversed` is what was given up of the promise, `excess` what nameless reversals gave up beyond
    it. `captured` is all that was taken, `at_once` what of it was asked for by the message that took it, `claimed` what
    was taken of the promise and not given back, `returned` what was given back of either; `fees` and `markups` came
    with what stayed taken, `charged` beside any purchase. `declines` and `inquiries` are how many there were: who asks
    about a card or its money asks for nothing.
    """

    currency: Currency
    asked: int = 0
    extra: int = 0
    confirmed: int | None = None
    confirmed_extra: int = 0
    declined: int = 0
    declines: int = 0
    inquiries: int = 0
    refund_authorized: int = 0
    reversed: int = 0
    excess: int = 0
    captured: int = 0
    at_once: int = 0
    claimed: int = 0
    returned: int = 0
    fees: int = 0
    markups: int = 0
    refunded: int = 0
    charged: int = 0
    expired: int = 0
    matched: int = 0
    short: int = 0
    recovered: int = 0
    written_off: int = 0
    final: bool = False

    @property
    def _promise(self) -> int:
        """What was promised in all, before anything of it was given up, taken or over."""
        return self.asked if self.confirmed is None else self.confirmed

    @property
    def _left(self) -> int:
        if self.final:
            return 0
        return max(self._promise - self.reversed - self.claimed - self.expired - self.matched, 0)

    @property
    def overtook(self) -> Money:
        """What came before the question for it: taken or confirmed beyond all that was asked for so far."""
        gone = self.reversed + self.claimed + self.matched
        return Money(max(gone, self.confirmed or 0, self.asked) - self.asked, self.currency)

    @property
    def promised(self) -> Money:
        """What the merchant may still take: the part of the promise that nobody gave up, took or let lapse."""
        return Money(self._left, self.currency)

    @property
    def wanted(self) -> Money:
        """What the wallet has to set aside for that: with our charges and the buffer, in proportion to what is left."""
        return Money(self._wanted, self.currency)

    @property
    def _wanted(self) -> int:
        left, extra = self._left, self.extra if self.confirmed is None else self.confirmed_extra
        return left + extra * left // self._promise if left and extra else left

    @property
    def taken(self) -> Money:
        """What the network has, but for refunds."""
        return Money(self.captured - self.returned, self.currency)

    @property
    def fee(self) -> Money:
        """What we charged with what was taken."""
        return Money(self.fees, self.currency)

    @property
    def markup(self) -> Money:
        """What we earned on the exchange of what was taken."""
        return Money(self.markups, self.currency)

    @property
    def owed(self) -> Money:
        """What the wallet could not cover, has not paid since, and is still expected to pay."""
        return Money(self.short - self.recovered - self.written_off, self.currency)

    @property
    def spent(self) -> Money:
        """What the payment counts against limits: what was taken and what may still be, with our charges."""
        return Money(self.captured - self.returned + self.fees + self.markups + self._wanted, self.currency)

    @property
    def was_promised(self) -> bool:
        """Whether anything was ever promised, or asked for and taken at once, as far as we know."""
        return bool(self.asked or self.at_once or self.confirmed)

    @property
    def status(self) -> Status:  # noqa: PLR0911  a column of rules
        """What the holder is shown; money that moved outranks a promise, a promise outranks what became of it."""
        taken = self.captured - self.returned
        if self.refunded and self.refunded >= taken:
            return Status.REFUNDED
        if taken:
            return Status.PARTIALLY_CLEARED if self._left else Status.CLEARED
        if self._left:
            return Status.PENDING
        if self.matched or self.charged:
            return Status.CLEARED
        if self.expired:
            return Status.EXPIRED
        if self.was_promised:
            return Status.REVERSED
        if self.declines:
            return Status.DECLINED
        if self.refund_authorized:
            return Status.PENDING
        return Status.VERIFIED if self.inquiries else Status.REVERSED


#: The sum that the amount of an element is added to; the others are about something that has a name.
_SUM = {
    Kind.DECLINE: "declined",
    Kind.FEE: "charged",
    Kind.EXPIRY: "expired",
    Kind.MATCH: "matched",
    Kind.RECOVERY: "recovered",
    Kind.WRITE_OFF: "written_off",
}

_ASKS = frozenset({Kind.AUTHORIZATION, Kind.INCREMENT})


def _asked(element: Element) -> int:
    """Say what a question was for that was answered yes, or no for nothing but that it came too late."""
    asks = element.kind in _ASKS or element.reasons == (Reason.PURCHASE_OVER,)
    return (element.asked or element.amount).minor if asks else 0


def tally(elements: Iterable[Element]) -> dict[str, Said]:
    """Add up what was said about each thing that the network named."""
    found: defaultdict[str, Said] = defaultdict(Said)
    for element in elements:
        name, amount = element.about, element.amount.minor
        if name is None:
            continue
        found[name].asked = max(found[name].asked, _asked(element))
        match element.kind:
            case Kind.AUTHORIZATION | Kind.INCREMENT if element.single:
                found[name].single = True
            case Kind.AUTHORIZATION | Kind.INCREMENT:
                found[name].promised += amount
            case Kind.CONFIRMATION:
                found[name].confirmed += amount
            case Kind.CLEARING:
                said = found[name]
                said.taken += amount
                said.fees += _minor(element.fee)
                said.markups += _minor(element.markup)
                said.single = said.single or element.single
                said.final = said.final or element.final
            case Kind.REFUND:
                found[name].refunded += amount
            case Kind.REFUND_AUTHORIZATION:
                found[name].announced += amount
            case Kind.REVERSAL if element.subject is not None:
                found[name].taken_back += amount
            case _:
                pass
    return found


def add_up(elements: Iterable[Element], currency: Currency) -> Sums:
    """Sum `elements`, all of `currency`."""
    elements = tuple(elements)
    sums: defaultdict[str, int] = defaultdict(int)
    nameless, final = 0, False
    confirmed: tuple[int, int] | None = None
    for element in elements:
        charge = _minor(element.fee) + _minor(element.markup)
        sums["short"] += element.short.minor
        match element.kind:
            case Kind.INQUIRY:
                sums["inquiries"] += 1
            case Kind.CONFIRMATION:
                confirmed = max(confirmed or (0, 0), (element.amount.minor, charge))
            case Kind.AUTHORIZATION | Kind.INCREMENT if not element.single:
                sums["extra"] += charge + _minor(element.buffer)
            case Kind.REVERSAL if element.subject is None:
                nameless += element.amount.minor
            case Kind.DECLINE:
                sums["declines"] += 1
            case Kind.MATCH:
                final = final or element.final
            case _:
                pass
        if element.kind in _SUM:
            sums[_SUM[element.kind]] += element.amount.minor
    said = list(tally(elements).values())
    # Also where the last clearing was taken back since: who asked meanwhile was told that it is over.
    final = final or any(each.final and not each.single for each in said)
    _promises(sums, said, nameless, confirmed[0] if confirmed else None)
    return Sums(
        currency=currency,
        final=final,
        confirmed=confirmed[0] if confirmed else None,
        confirmed_extra=confirmed[1] if confirmed else 0,
        **sums,
    )


def _promises(sums: dict[str, int], said: Iterable[Said], nameless: int, confirmed: int | None) -> None:
    """Add up what was promised and what moved, and take from each what was taken back of it.

    Once the merchant said what it will take, that is the promise, and who takes a part of it back takes it of that.
    """
    at_once = fees = markups = 0
    for each in said:
        promised = 0 if each.single else each.promised
        sums["asked"] += promised
        more = each.taken_back - each.returned
        of_it = promised if confirmed is None else 0 if each.single else max(each.asked, each.confirmed)
        sums["reversed"] += min(more, of_it)
        sums["captured"] += each.taken
        sums["returned"] += each.returned
        sums["refunded"] += each.still(each.refunded)
        sums["refund_authorized"] += each.still(each.announced)
        kept = each.kept(each.fees), each.kept(each.markups)
        if each.single:
            sums["at_once"] += each.taken
            at_once, fees, markups = at_once + each.left, fees + kept[0], markups + kept[1]
        else:
            sums["claimed"] += each.left
            sums["fees"] += kept[0]
            sums["markups"] += kept[1]
    # What names nothing gives back first what was taken at once.
    back = min(nameless, at_once)
    sums["returned"] += back
    sums["fees"] += fees and fees * (at_once - back) // at_once
    sums["markups"] += markups and markups * (at_once - back) // at_once
    given_up = min(nameless - back, max((sums["asked"] if confirmed is None else confirmed) - sums["reversed"], 0))
    sums["reversed"] += given_up
    sums["excess"] = nameless - back - given_up


def _minor(amount: Money | None) -> int:
    return amount.minor if amount else 0
