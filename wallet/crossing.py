"""Crossings: money that goes from one lane to another, in one transaction, through the transit accounts of both.

path      a verb over both lanes  ->  desk.load_crossing()  ->  desk.post()  ->  carry()
books     payer -> transit on the payer's lane, transit -> payee on the payee's, linked as one group

The transit account of a lane towards another one and that one's towards it add up to zero, after every group. The payer
keeps the id that was asked for; the payee's transfer has its twin.
"""

from uuid import UUID

import msgspec

from wallet.ledger import Account
from wallet.sheet import Sheet
from wallet.transfer import Answer, Kind, Post, Reason, Refused, TransferId


def twin(transfer: UUID) -> TransferId:
    """Name the other transfer of a crossing; the twin of the twin is the transfer itself."""
    return TransferId(UUID(int=transfer.int ^ 1))


def carry(sheet: Sheet, asked: Post, payer: Account, payee: Account) -> Answer:
    """Move money from `payer` to `payee`, who are on two lanes."""
    outward = sheet.transit.get((payer.lane, payee.lane, payer.currency))
    inward = sheet.transit.get((payee.lane, payer.lane, payer.currency))
    if outward is None or inward is None:
        return Refused(Reason.OTHER_LANE)
    leaving, arriving = sheet.pair(payer.id, outward, asked.money), sheet.pair(inward, payee.id, asked.money)
    if isinstance(leaving, Refused):
        return leaving
    if isinstance(arriving, Refused):
        return arriving
    amount = asked.money.minor
    with sheet.linking(asked.id):
        left = sheet.record(asked, Kind.POST, *leaving, amount=amount)
        arrival = msgspec.structs.replace(asked, id=twin(asked.id))
        sheet.record(arrival, Kind.POST, *arriving, amount=amount)
    return left
