"""Reversals: what was moved by mistake is moved back by a transfer that names the first, whole or in parts.

path      a verb  ->  desk.load_moved()  ->  desk.reverse()  ->  reverse()
refuses   more than was moved, all parts together; the database counts them again (0018, `refuse_reversal`)

The side that received pays, so it must have the money. What crossed lanes crosses back, both transfers of it.
"""

import msgspec

from law.money import Currency, Money
from wallet.crossing import twin
from wallet.ledger import Account
from wallet.sheet import Moved, Sheet
from wallet.transfer import MOVES, Answer, Kind, Posted, Reason, Refused, Reverse


def reverse(sheet: Sheet, asked: Reverse) -> Answer:
    """Move back what a transfer moved, or `asked.money` of it."""
    if (known := sheet.known.get(asked.id)) is not None:
        same = (known.kind, known.of, known.code, known.reference) == (
            Kind.REVERSAL,
            asked.of,
            asked.code,
            asked.reference,
        )
        amount = asked.money is None or (known.amount, known.currency) == (asked.money.minor, asked.money.currency)
        return sheet.again(known, same=same and amount)
    moved = _find(sheet, asked)
    if isinstance(moved, Refused):
        return moved
    money = asked.money or Money(moved.row.amount - moved.back, Currency.of(moved.row.currency))
    if money.currency == moved.row.currency and moved.back + money.minor > moved.row.amount:
        return Refused(Reason.MORE_THAN_MOVED)
    if not moved.crossed:
        return _back(sheet, asked, moved, money)
    return _cross_back(sheet, asked, moved, money)


def _find(sheet: Sheet, asked: Reverse) -> Moved | Refused:
    moved = sheet.moved.get(asked.of)
    if moved is None:
        row = sheet.known.get(asked.of)
        if row is None or row.seq <= sheet.lanes[row.lane].seq_before:
            return Refused(Reason.UNKNOWN_TRANSFER)
        crossed = twin(row.id) in sheet.known
        moved = sheet.moved[asked.of] = Moved(row, back=0, crossed=crossed)
    if moved.row.kind not in MOVES or moved.row.kind == Kind.REVERSAL:
        return Refused(Reason.NOT_REVERSIBLE)
    if moved.back == moved.row.amount:
        return Refused(Reason.MORE_THAN_MOVED)
    return moved


def _back(sheet: Sheet, asked: Reverse, moved: Moved, money: Money) -> Answer:
    sides = _sides(sheet, moved, money)
    if isinstance(sides, Refused):
        return sides
    return _record(sheet, asked, moved, sides, money)


def _cross_back(sheet: Sheet, asked: Reverse, moved: Moved, money: Money) -> Answer:
    """Move both transfers of a crossing back; the one who received pays, and keeps the id that was asked for."""
    other = _find(sheet, msgspec.structs.replace(asked, of=twin(asked.of)))
    if isinstance(other, Refused):  # its lane is not at this desk
        return Refused(Reason.OTHER_LANE)
    received, sent = (other, moved) if moved.row.credit in sheet.transit.values() else (moved, other)
    paying, paid = _sides(sheet, received, money), _sides(sheet, sent, money)
    if isinstance(paying, Refused):
        return paying
    if isinstance(paid, Refused):
        return paid
    with sheet.linking(asked.id):
        answer = _record(sheet, asked, received, paying, money)
        _record(sheet, msgspec.structs.replace(asked, id=twin(asked.id)), sent, paid, money)
    return answer


def _sides(sheet: Sheet, moved: Moved, money: Money) -> tuple[Account, Account] | Refused:
    pair = sheet.pair(moved.row.credit, moved.row.debit, money)
    if not isinstance(pair, Refused) and not pair[0].can_spend(money.minor):
        return Refused(Reason.INSUFFICIENT_FUNDS)
    return pair


def _record(sheet: Sheet, asked: Reverse, moved: Moved, sides: tuple[Account, Account], money: Money) -> Posted:
    sheet.keep(moved)
    moved.back += money.minor
    return sheet.record(asked, Kind.REVERSAL, *sides, amount=money.minor, of=moved.row.id)
