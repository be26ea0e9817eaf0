"""What a telegram means, in the words of cards/payments/message.py.

reads      cards/iso8583/telegram.py    read()
means      cards/iso8583/meaning.py     told()     <- you are here
books      app/cards/swiping.py         Till.book
"""

import base64
import binascii
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import TypedDict, TypeVar
from uuid import UUID

import msgspec

from cards.hsm import tlv
from cards.hsm.tlv import BadTlv
from cards.iso8583 import additional, amounts, flow, names, times
from cards.iso8583.additional import BadData
from cards.iso8583.amounts import BadAmounts
from cards.iso8583.names import Nameless
from cards.iso8583.telegram import Telegram
from cards.iso8583.times import BadTime
from cards.payments.message import (
    Authorization,
    Channel,
    Clearing,
    Confirmation,
    NetworkMessage,
    Operation,
    Refund,
    Reversal,
    Said,
)
from cards.payments.message import StandIn as PromisedBy
from cards.payments.payment import Merchant, PaymentId
from cards.proofs.pan import NotAPan, Pan
from cards.proofs.presented import NOTHING, Bytes, Cavv, Chip, Code, PinBlock, Presented, Track
from law.currency import Currency
from law.money import Money

#: Field 3, positions 1 and 2.
OPERATIONS = {
    "00": Operation.PURCHASE,
    "01": Operation.CASH,
    "09": Operation.CASHBACK,
    "20": Operation.REFUND,
    "30": Operation.BALANCE,
    "31": Operation.BALANCE,
}
#: Field 22, positions 1 and 2.
ENTRIES = {
    "01": Channel.MOTO,
    "02": Channel.MAGSTRIPE,
    "05": Channel.CHIP,
    "07": Channel.CONTACTLESS,
    "10": Channel.RECURRING,
    "81": Channel.ECOMMERCE,
    "90": Channel.MAGSTRIPE,
    "91": Channel.CONTACTLESS,
}
#: Field 25.
MAIL_ORDER, PREAUTHORISED, VERIFICATION, ECOMMERCE = "08", "06", "51", "59"
#: Field 24.
ESTIMATED, SUPPLEMENTARY, SUPPLEMENTARY_ESTIMATED = "101", "102", "103"
_ASKS = frozenset({"100", ESTIMATED, SUPPLEMENTARY, SUPPLEMENTARY_ESTIMATED})

#: How a token is read at a till; in a shop's page or app it is e-commerce, whatever stands for the number.
_TOKEN_ENTRIES = {Channel.CHIP, Channel.CONTACTLESS}
_NAME, _COUNTRY = slice(0, 25), slice(38, 40)
_CODE_IN_TRACK = slice(5, 8)
_UNKNOWN_COUNT = "99"
#: What an advice leaves out: it is booked all the same. ZZ is nobody's country (ISO 3166-1, user-assigned).
_UNSAID, _NOWHERE = "-", "ZZ"
_NOTHING_MORE: dict[str, str] = {}

_T = TypeVar("_T")


class Unclear(Exception):
    """The telegram is well formed and can't be acted on: the code of field 39 to answer, and the field that is why."""

    def __init__(self, number: int, code: str = flow.FORMAT_ERROR) -> None:
        super().__init__(number, code)
        self.number = number
        self.code = code


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """What the telegram does not say itself: the link it came over, the card it means, our name for a new payment.

    `now` is the machine's clock; after `deadline` nobody waits for the answer; cards are billed in `billing`.
    """

    network: str
    lane: int
    card: UUID | None
    payment: PaymentId
    now: datetime
    deadline: datetime | None
    billing: Currency


class _Exchanged(TypedDict):
    original: Money | None
    rate: Decimal | None


def number(told: Telegram) -> Pan:
    """Read the card's number from field 2, or from the track; raises Unclear. It is the caller's to let it go."""
    digits = told.get(2) or told.fields.get(35, "").replace("D", "=").partition("=")[0]
    try:
        return Pan(digits)
    except NotAPan:
        raise Unclear(2, flow.NO_SUCH_CARD) from None


def told(telegram: Telegram, occasion: Occasion) -> NetworkMessage | None:
    """Put a telegram into our words; None where nothing follows from it. Raises Unclear, which names a field."""
    try:
        return _told(telegram, occasion)
    except BadAmounts as error:
        raise Unclear(error.number) from error
    except (BadTime, Nameless) as error:
        raise Unclear(90 if isinstance(error, Nameless) else 7) from error
    except BadTlv as error:
        raise Unclear(55) from error
    except BadData as error:
        raise Unclear(48) from error


def _told(telegram: Telegram, occasion: Occasion) -> NetworkMessage | None:
    said = _said(telegram, occasion)
    match telegram.base:
        case "0100" | "0200":
            return _authorization(telegram, said, occasion)
        case "0120":
            return _advice(telegram, said, occasion)
        case "0220":
            return _taken(telegram, said)
        case "0400" | "0420":
            return Reversal(**said, remaining=amounts.remaining(telegram))
    raise Unclear(0, flow.INVALID)


def _said(telegram: Telegram, occasion: Occasion) -> Said:
    amount, card = amounts.billed(telegram), occasion.card
    if amount.currency is not occasion.billing:
        if _is_question(telegram):
            raise Unclear(51 if telegram.get(51) else 49, flow.INVALID)
        card = None  # it has happened, but no card of ours is billed so: it waits for an explanation
    return {
        "network": occasion.network,
        "lifecycle": names.lifecycle(telegram, occasion.now),
        "element": names.element(telegram, occasion.now),
        "lane": occasion.lane,
        "card": card,
        "payment": occasion.payment,
        "amount": amount,
        "merchant": _merchant(telegram),
        "subject": names.subject(telegram, occasion.now),
    }


def _merchant(telegram: Telegram) -> Merchant:
    place = telegram[43]
    country, name, identifier = place[_COUNTRY], place[_NAME].strip(), telegram[42].strip()
    if not _is_question(telegram):
        name, identifier = name or _UNSAID, identifier or _UNSAID
        country = country if country.isalpha() and country.isupper() else _NOWHERE
    if not (country.isalpha() and country.isupper()) or not name:
        raise Unclear(43)
    if not identifier:
        raise Unclear(42)
    return Merchant(name=name, id=identifier, category=telegram[18], country=country)


def _authorization(telegram: Telegram, said: Said, occasion: Occasion) -> Authorization:
    more = _part(telegram, lambda: _additional(telegram), _NOTHING_MORE)
    operation = _operation(telegram)
    function = telegram.get(24)
    supplementary = function in {SUPPLEMENTARY, SUPPLEMENTARY_ESTIMATED}
    if not said["amount"] and operation not in {Operation.BALANCE, Operation.VERIFICATION}:
        raise Unclear(4)
    _part(telegram, lambda: amounts.additional(telegram.fields.get(54, "")), None)
    return Authorization(
        **said,
        expiry=_part(telegram, lambda: _expiry(telegram, occasion.now), None),
        operation=operation,
        channel=_part(telegram, lambda: _channel(telegram, more), Channel.ECOMMERCE),
        terminal=telegram[41].strip() or None,
        **_exchanged(telegram),
        fee=_part(telegram, lambda: amounts.surcharge(telegram), None),
        partial_ok=more.get(additional.POINT, "").startswith("1"),
        estimated=telegram[25] == PREAUTHORISED or function in {ESTIMATED, SUPPLEMENTARY_ESTIMATED},
        increment=supplementary,
        single=telegram.base == "0200",
        presented=_part(telegram, lambda: _presented(telegram, more, occasion.network), NOTHING),
        deadline=occasion.deadline,
    )


def _advice(telegram: Telegram, said: Said, occasion: Occasion) -> NetworkMessage | None:
    """Read 0120: the network's yes in our place, or what an estimate came to. Its no leaves nothing to book.

    Both may say that it was an estimate (25); who promised says what was asked (24), who completes does not.
    """
    if telegram.fields.get(39, flow.APPROVED) not in {flow.APPROVED, "10", "85"}:
        return None
    if telegram[25] == PREAUTHORISED and telegram.get(24) not in _ASKS:
        return Confirmation(
            **said,
            operation=_operation(telegram),
            channel=_part(telegram, lambda: _channel(telegram, _additional(telegram)), Channel.CHIP),
            **_exchanged(telegram),
        )
    asked = _authorization(telegram, said, occasion)
    return msgspec.structs.replace(asked, advice=True, stand_in=PromisedBy.NETWORK, deadline=None)


def _taken(telegram: Telegram, said: Said) -> NetworkMessage:
    """Read 0220: the merchant's money, taken or sent back."""
    operation = _operation(telegram)
    if not said["amount"]:
        raise Unclear(4)
    if operation is Operation.REFUND:
        return Refund(**said, **_exchanged(telegram))
    return Clearing(
        **said,
        final=_part(telegram, lambda: _is_last(telegram), otherwise=False),
        operation=operation,
        **_exchanged(telegram),
        fee=_part(telegram, lambda: amounts.surcharge(telegram), None),
    )


def _is_question(telegram: Telegram) -> bool:
    return telegram.base in {"0100", "0200"}


def _part(telegram: Telegram, read: Callable[[], _T], otherwise: _T) -> _T:
    """Read a part of a telegram: of a question strictly; what has happened is booked without what can't be read of it.

    What it is called, what it is and how much it comes to are no parts: without these nothing can be booked.
    """
    try:
        return read()
    except (BadAmounts, BadData, BadTlv, Unclear):
        if _is_question(telegram):
            raise
        return otherwise


def _exchanged(telegram: Telegram) -> _Exchanged:
    return {
        "original": _part(telegram, lambda: amounts.original(telegram), None),
        "rate": _part(telegram, lambda: amounts.rate(telegram), None),
    }


def _additional(telegram: Telegram) -> dict[str, str]:
    return additional.read(telegram.fields.get(48, ""))


def _is_last(telegram: Telegram) -> bool:
    sequence = _additional(telegram).get(additional.SEQUENCE)
    if sequence is None:
        return True
    if not (len(sequence) == 4 and sequence.isdigit()):  # noqa: PLR2004  two digits each
        raise BadData
    which, of = sequence[:2], sequence[2:]
    return of != _UNKNOWN_COUNT and which >= of


def _operation(telegram: Telegram) -> Operation:
    found = OPERATIONS.get(telegram[3][:2])
    if found is None:
        raise Unclear(3, flow.INVALID)
    if found is Operation.PURCHASE and not int(telegram[4]):
        return Operation.VERIFICATION
    return found


def _channel(telegram: Telegram, more: dict[str, str]) -> Channel:
    found = ENTRIES.get(telegram[22][:2])
    if found is None:
        raise Unclear(22)
    if found is Channel.MOTO and telegram[25] == ECOMMERCE:
        found = Channel.ECOMMERCE
    return Channel.TOKEN if additional.TOKEN in more and found in _TOKEN_ENTRIES else found


def _expiry(telegram: Telegram, now: datetime) -> date | None:
    text = telegram.get(14)
    if text is None and (track := telegram.get(35)):
        text = track.replace("D", "=").partition("=")[2][:4]
    try:
        return times.expiry(text, now) if text else None
    except (BadTime, ValueError):
        raise Unclear(14) from None


def _presented(telegram: Telegram, more: dict[str, str], network: str) -> Presented:
    verification = additional.verification(bytes.fromhex(telegram[126])) if telegram.get(126) else None
    cvv2 = more.get(additional.CVV2) or (verification.cvv2 if verification else None)
    chip = telegram.get(55)
    if chip is not None:
        tlv.parse(bytes.fromhex(chip))
    pin = telegram.get(52)
    return Presented(
        number=number(telegram),
        cvv2=Code(cvv2) if cvv2 else None,
        track=_track(telegram),
        chip=Chip(field55=Bytes(bytes.fromhex(chip)), sequence=telegram.fields.get(23, "000")[-2:]) if chip else None,
        pin=PinBlock(block=Bytes(bytes.fromhex(pin)), zone=network) if pin else None,
        cavv=_cavv(more, verification.cavv if verification else None),
        token=more.get(additional.TOKEN),
    )


def _track(telegram: Telegram) -> Track | None:
    """Read what stands behind the expiry on a track: service code, PIN verification (five digits), CVV."""
    rest = telegram.fields.get(35, "").replace("D", "=").partition("=")[2][4:]
    service, code = rest[:3], rest[3:][_CODE_IN_TRACK]
    if not (len(service) == len(code) == 3 and (service + code).isdigit()):  # noqa: PLR2004  three digits each
        return None
    return Track(service=service, code=Code(code))


def _cavv(more: dict[str, str], given: bytes | None) -> Cavv | None:
    value, challenge = given, None
    try:
        if text := more.get(additional.CAVV):
            value = base64.b64decode(text, validate=True)
        if text := more.get(additional.CHALLENGE):
            challenge = UUID(text[1:])
    except (binascii.Error, ValueError):
        raise BadData from None
    return Cavv(value=Bytes(value), challenge=challenge) if value is not None else None
