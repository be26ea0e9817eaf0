"""Holds: money set aside for somebody, taken in one or more captures or given back. Each step is a transfer.

decides   place(), capture(), release()   at the desk (wallet/desk.py)
expires   app/hold_expiry.py              the worker gives back what nobody captured in time

A capture after the hold's time is refused, whether or not the worker has been there: what a wallet may spend must not
depend on how busy we are, and no wallet goes below its floor. Who has to pay all the same moves the money anew, as
cards do: from what is available, and lent where that is not enough (cards/payments/funds.py `take()`).
"""

from law.money import MAX_MINOR
from wallet.ledger import OpenHold
from wallet.sheet import Sheet
from wallet.transfer import Answer, Capture, Hold, Kind, Reason, Refused, Release


def place(sheet: Sheet, asked: Hold) -> Answer:  # noqa: PLR0911  a column of rules
    """Set money aside."""
    if (known := sheet.known.get(asked.id)) is not None:
        same = (known.kind, known.debit, known.credit, known.amount, known.currency, known.code, known.reference)
        money = asked.money
        return sheet.again(
            known,
            same=same
            == (Kind.HOLD, asked.debit, asked.credit, money.minor, money.currency, asked.code, asked.reference),
        )
    pair = sheet.pair(asked.debit, asked.credit, asked.money, asked.owner)
    if isinstance(pair, Refused):
        return pair
    debit, credit = pair
    amount = asked.money.minor
    if debit.lane != credit.lane:
        return Refused(Reason.OTHER_LANE)
    if asked.expires_at is not None and asked.expires_at <= sheet.now:
        return Refused(Reason.HOLD_EXPIRED)
    if not debit.can_spend(amount):
        return Refused(Reason.INSUFFICIENT_FUNDS)
    if max(debit.hold_out, credit.hold_in) + amount > MAX_MINOR:
        return Refused(Reason.BEYOND_BIGINT)
    sheet.holds[asked.id] = OpenHold(
        debit.lane, asked.id, debit.id, credit.id, debit.currency, amount, asked.expires_at
    )
    return sheet.record(asked, Kind.HOLD, debit, credit, amount=amount, held=amount, expires_at=asked.expires_at)


def capture(sheet: Sheet, asked: Capture) -> Answer:  # noqa: PLR0911  a column of rules
    """Move money against a hold, over its amount too where the rest is available."""
    if (known := sheet.known.get(asked.id)) is not None:
        same = (known.kind, known.of, known.amount, known.currency, known.code, known.reference)
        money = asked.money
        return sheet.again(
            known,
            same=same == (Kind.CAPTURE, asked.hold, money.minor, money.currency, asked.code, asked.reference),
        )
    hold = sheet.holds.get(asked.hold)
    if hold is None:
        return Refused(Reason.UNKNOWN_HOLD)
    if hold.expires_at is not None and hold.expires_at <= sheet.now:
        return Refused(Reason.HOLD_EXPIRED)
    if hold.remaining == 0:
        return Refused(Reason.HOLD_SPENT)
    pair = sheet.pair(hold.debit, hold.credit, asked.money)
    if isinstance(pair, Refused):
        return pair
    debit, credit = pair
    from_hold = min(asked.money.minor, hold.remaining)
    if not debit.can_spend(asked.money.minor - from_hold):
        return Refused(Reason.INSUFFICIENT_FUNDS)
    released = hold.remaining if asked.final else from_hold
    sheet.keep(hold)
    hold.remaining -= released
    return sheet.record(asked, Kind.CAPTURE, debit, credit, amount=asked.money.minor, held=-released, of=hold.id)


def release(sheet: Sheet, asked: Release) -> Answer:
    """Give back what a hold has left."""
    if (known := sheet.known.get(asked.id)) is not None:
        same = (known.kind, known.of, known.code, known.reference)
        return sheet.again(known, same=same == (asked.kind, asked.hold, asked.code, asked.reference))
    hold = sheet.holds.get(asked.hold)
    if hold is None:
        return Refused(Reason.UNKNOWN_HOLD)
    if hold.remaining == 0:
        return Refused(Reason.HOLD_SPENT)
    if asked.kind is Kind.EXPIRE and hold.expires_at is not None and hold.expires_at > sheet.now:
        return Refused(Reason.HOLD_NOT_DUE)
    sheet.keep(hold)
    amount, hold.remaining = hold.remaining, 0
    debit, credit = sheet.accounts[hold.debit], sheet.accounts[hold.credit]
    return sheet.record(asked, asked.kind, debit, credit, amount=amount, held=-amount, of=hold.id)
