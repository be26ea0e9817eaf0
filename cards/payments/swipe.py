"""A swipe: a merchant asks, we answer before the terminal times out.

route      app/network/, app/http/partner/network.py, app/partners/stripe_issuing/
batches    cards/payments/booking.py     book()              many swipes, one transaction
asks       cards/payments/swipe.py       authorize()         <- you are here
decides    cards/payments/decision.py    decide()
holds      cards/payments/funds.py       set_aside()
"""

from typing import TypedDict

from cards.card import Card
from cards.payments import funds, hold_buffer, recovery, tariff
from cards.payments.decision import Case, Declined, Question, decide
from cards.payments.hold_buffer import Wanted
from cards.payments.message import Authorization, Confirmation, Refused
from cards.payments.payment import Channel, Kind, Operation, Payment, StandIn, Sums, add_up
from cards.payments.reason import Reason
from cards.payments.tray import Tray
from cards.programme import term
from law.money import Money, zero
from wallet.transfer import AccountId


class _Said(TypedDict):
    source: str
    subject: str | None
    operation: Operation
    channel: Channel
    original: Money | None
    stand_in: StandIn | None


def authorize(tray: Tray, payment: Payment, asked: Authorization) -> Payment:
    """Answer one question; what was promised in our place is only booked."""
    card = tray.used(asked)
    if asked.advice:
        return _book(tray, payment, card, asked)
    if card is None:
        return _declined(tray, payment, asked, (Reason.UNKNOWN_CARD,))
    if asked.operation is Operation.REFUND:
        answered = _look(tray, payment, card, asked, Kind.REFUND_AUTHORIZATION)
        return _sent_back(tray, answered, asked) if asked.single else answered
    if asked.inquiry:
        return _look(tray, payment, card, asked, Kind.INQUIRY)
    return _promise(tray, payment, card, asked)


def late(tray: Tray, payment: Payment, asked: Authorization) -> Payment:
    """Note that what the network told before was asked and taken by one message: then it was taken of no promise."""
    noted = payment.adding(_kind(asked), asked.amount, tray.now, **_said(asked), rate=asked.rate, single=True)
    funds.set_aside(tray, noted, tray.now + term.lasts(asked.merchant.category, asked.channel, tray.today))
    return noted


def refuse(tray: Tray, payment: Payment, told: Refused) -> Payment:
    """Note what somebody else refused: nothing is held."""
    return payment.adding(
        Kind.DECLINE,
        told.amount,
        tray.now,
        source=told.element,
        operation=told.operation,
        channel=told.channel,
        reasons=told.reasons,
    )


def confirm(tray: Tray, payment: Payment, told: Confirmation) -> Payment:
    """Let the promise come to what the merchant says, beyond what was promised too; hold what the wallet has of it."""
    charged = tariff.charges(told.amount, original=told.original, operation=told.operation, on=tray.today)
    confirmed = payment.adding(
        Kind.CONFIRMATION,
        told.amount,
        tray.now,
        source=told.element,
        subject=told.subject,
        fee=charged.fee,
        markup=charged.markup,
        original=told.original,
        rate=told.rate,
    )
    known = tray.promises.get(payment.id)
    lasts = term.lasts(payment.merchant.category, told.channel, tray.today)
    funds.set_aside(tray, confirmed, known.due_at if known else tray.now + lasts)
    return confirmed


def _promise(tray: Tray, payment: Payment, card: Card, asked: Authorization) -> Payment:
    buffer = _buffer(tray, asked)
    promised = _promised(tray, payment, asked, asked.amount, buffer)
    question = _question(tray, card, asked, payment, _unreversed(payment, _after(tray, promised, asked), asked))
    if percent := tray.buffer_percent(question):
        buffer = buffer.at_least(asked.amount, percent)
        promised = _promised(tray, payment, asked, asked.amount, buffer)
    decision = decide(_case(tray, payment, promised, asked, buffer, tray.against(question)))
    if isinstance(decision, Declined):
        answered = _declined(tray, payment, asked, decision.reasons)
    else:
        answered = _promised(tray, payment, asked, decision.amount, buffer) if decision.partial else promised
        answered = _hold(tray, answered, asked)
    tray.decided(question, answered)
    return answered


def _case(  # noqa: PLR0917  what it is about, before and after
    tray: Tray, before: Payment, promised: Payment, asked: Authorization, buffer: Wanted, found: tuple[Reason, ...]
) -> Case:
    nothing = zero(promised.currency)
    without = promised if buffer.required else promised.amending(buffer=None)
    # What is not held as it should be, and what the answer adds: to be held or, where it is taken at once, paid.
    lacking = before.sums().wanted - funds.held(tray, before)
    needed = max(
        lacking + _unreversed(before, _after(tray, without, asked), asked).spent - before.sums().spent, nothing
    )
    spendable = funds.spendable(tray, promised)
    less = None
    if asked.partial_ok and asked.operation is Operation.PURCHASE and needed >= asked.amount:
        less = tariff.most(spendable, original=asked.original, operation=asked.operation, on=tray.today)
    assert promised.account is not None, "a card has a wallet behind it"
    return Case(
        found=found,
        amount=asked.amount,
        needed=needed,
        spendable=spendable,
        over=_is_over(before, _after(tray, promised, asked), asked),
        closed=tray.desk.is_closed(AccountId(promised.account)),
        less=less if less and less < asked.amount else None,
    )


def _is_over(before: Payment, after: Payment, asked: Authorization) -> bool:
    """Whether a yes would promise or take less than was asked, and the rest neither overtook it nor was taken back.

    So it is after the last clearing, and after the merchant said what it will take: nothing is left to promise. Nor can
    anything be where more was given up than had been asked for, and nobody said of what.
    """
    was, now = before.sums(), after.sums()
    promised = max(now.promised - was.promised, zero(before.currency)) + (now.taken - was.taken)
    back = Money(now.reversed - was.reversed + now.returned - was.returned, before.currency)
    return promised + back + was.overtook < asked.amount or (was.was_promised and was.excess > 0)


def _unreversed(before: Payment, after: Payment, asked: Authorization) -> Sums:
    """Answer what `after` comes to as if nobody had taken the question back before it came.

    A yes is never cheaper for that: money and limits have to be there all the same. What names no question is the
    first one's.
    """
    about, first = asked.subject or asked.element, not before.sums().was_promised
    others = [
        each
        for each in after.elements
        if each.kind is not Kind.REVERSAL or (each.subject != about if each.subject else not first)
    ]
    return after.sums() if len(others) == len(after.elements) else add_up(others, after.currency)


def _look(tray: Tray, payment: Payment, card: Card, asked: Authorization, kind: Kind) -> Payment:
    """Answer a question that promises nothing: the balance, whether the card is good, whether money may come back."""
    question = _question(tray, card, asked, payment, payment.sums())
    reasons = tray.against(question)
    if reasons:
        answered = _declined(tray, payment, asked, reasons)
    else:
        told = funds.spendable(tray, payment) if asked.operation is Operation.BALANCE else None
        amount = asked.amount if kind is Kind.REFUND_AUTHORIZATION else zero(payment.currency)
        answered = payment.adding(kind, amount, tray.now, **_said(asked), told=told)
    tray.decided(question, answered)
    return answered


def _book(tray: Tray, payment: Payment, card: Card | None, asked: Authorization) -> Payment:
    """Book what somebody promised in our place, and hold what the wallet has of it: what is short shows when taken."""
    if asked.inquiry or asked.operation is Operation.REFUND:
        kind = Kind.REFUND_AUTHORIZATION if asked.operation is Operation.REFUND else Kind.INQUIRY
        booked = payment.adding(kind, asked.amount, tray.now, **_said(asked))
    else:
        booked = _hold(tray, _promised(tray, payment, asked, asked.amount, _buffer(tray, asked)), asked)
    if card is not None:
        tray.decided(_question(tray, card, asked, payment, booked.sums()), booked)
    return booked


def _sent_back(tray: Tray, answered: Payment, asked: Authorization) -> Payment:
    """Give the money that the merchant sends back by the message that asked whether it may (0200)."""
    if answered.elements[-1].kind is Kind.DECLINE:
        return answered
    given = answered.amending(single=True).adding(
        Kind.REFUND,
        asked.amount,
        tray.now,
        source=at_once(asked.element),
        subject=asked.subject or asked.element,
        original=asked.original,
        rate=asked.rate,
        single=True,
    )
    funds.follow(tray, answered, given)
    return recovery.repaid_first(tray, answered, given)


def at_once(element: str) -> str:
    """Name what an element took or gave at once: no network can, since its names have no spaces."""
    return f"{element} taken"


def _promised(tray: Tray, payment: Payment, asked: Authorization, amount: Money, buffer: Wanted) -> Payment:
    charged = tariff.charges(amount, original=asked.original, operation=asked.operation, on=tray.today)
    return payment.adding(
        _kind(asked),
        amount,
        tray.now,
        **_said(asked),
        rate=asked.rate,
        fee=charged.fee,
        markup=charged.markup,
        buffer=buffer.more,
        asked=asked.amount if amount != asked.amount else None,
    )


def _kind(asked: Authorization) -> Kind:
    return Kind.INCREMENT if asked.increment else Kind.AUTHORIZATION


def _declined(tray: Tray, payment: Payment, asked: Authorization, reasons: tuple[Reason, ...]) -> Payment:
    return payment.adding(Kind.DECLINE, asked.amount, tray.now, **_said(asked), reasons=reasons)


def _hold(tray: Tray, promised: Payment, asked: Authorization) -> Payment:
    """Set aside what was promised, or take it where no other message will."""
    held = _at_once(tray, promised, asked) if asked.single else promised
    funds.set_aside(tray, held, tray.now + term.lasts(asked.merchant.category, asked.channel, tray.today))
    return held


def _at_once(tray: Tray, promised: Payment, asked: Authorization) -> Payment:
    """Take what was approved: the message that asked for it is also the one that takes it (0200)."""
    taken = _after(tray, promised, asked)
    short = funds.follow(tray, promised.amending(single=True), taken)
    return taken.amending(short=short, cause=funds.cause(taken)) if short else taken


def _after(tray: Tray, promised: Payment, asked: Authorization) -> Payment:
    """Answer what a yes leads to: the promise or, where it is taken at once, both."""
    if not asked.single:
        return promised
    promise = promised.elements[-1]
    return promised.amending(single=True).adding(
        Kind.CLEARING,
        promise.amount,
        tray.now,
        source=at_once(asked.element),
        subject=asked.subject or asked.element,
        fee=promise.fee,
        markup=promise.markup,
        operation=asked.operation,
        single=True,
    )


def _question(tray: Tray, card: Card, asked: Authorization, before: Payment, then: Sums) -> Question:
    spent = before.sums().spent
    return Question(
        card=card,
        asked=asked,
        payment=before,
        number=len(before.elements) + 1,
        before=spent,
        more=then.spent - spent,
        total=then.promised + then.taken,
        now=tray.now,
        today=tray.today,
    )


def _buffer(tray: Tray, asked: Authorization) -> Wanted:
    merchant = asked.merchant
    return hold_buffer.over(
        asked.amount, merchant.category, merchant.country, asked.channel, estimated=asked.estimated, on=tray.today
    )


def _said(asked: Authorization) -> _Said:
    stand_in = (asked.stand_in or StandIn.NETWORK) if asked.advice else None
    return {
        "source": asked.element,
        "subject": asked.subject,
        "operation": asked.operation,
        "channel": asked.channel,
        "original": asked.original,
        "stand_in": stand_in,
    }
