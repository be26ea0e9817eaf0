"""Which telegram is answered by which, what each must say, and what becomes of one that can't be read.

A question waits for a decision. An advice tells what has happened: it is never declined, and one that can't be taken
down now is not answered, so that the network tells it again. A repeat (last digit 1) gets the answer of the first.
"""

import enum

import msgspec

from cards.iso8583.telegram import Telegram

APPROVED, INVALID, NO_SUCH_CARD, FORMAT_ERROR = "00", "12", "14", "30"
NOT_SUPPORTED, AWAY, TWICE, FAULT = "40", "91", "94", "96"

SIGN_ON, SIGN_OFF, NEW_KEY, ECHO = "001", "002", "161", "301"


class Kind(enum.StrEnum):
    """What a telegram wants."""

    QUESTION = "question"
    ADVICE = "advice"
    TAKING_BACK = "taking_back"  # 0400: asked, and never declined
    FILE = "file"
    MANAGEMENT = "management"
    ANSWER = "answer"


class Flow(msgspec.Struct, frozen=True):
    """How a type goes on: the type of its answer and the fields it can't be without."""

    kind: Kind
    answer: str | None
    needs: frozenset[int] = frozenset()


_NAMED = frozenset({4, 7, 11, 18, 32, 37, 41, 42, 43, 49})
_ASKED = _NAMED | {3, 22, 25}

FLOWS: dict[str, Flow] = {
    **dict.fromkeys(("0100", "0101"), Flow(Kind.QUESTION, "0110", _ASKED)),
    **dict.fromkeys(("0200", "0201"), Flow(Kind.QUESTION, "0210", _ASKED)),
    **dict.fromkeys(("0120", "0121"), Flow(Kind.ADVICE, "0130", _ASKED)),
    **dict.fromkeys(("0220", "0221"), Flow(Kind.ADVICE, "0230", _NAMED | {3})),
    **dict.fromkeys(("0400", "0401"), Flow(Kind.TAKING_BACK, "0410", _NAMED | {3})),
    **dict.fromkeys(("0420", "0421"), Flow(Kind.ADVICE, "0430", _NAMED | {3})),
    "0302": Flow(Kind.FILE, "0312", frozenset({7, 11})),
    "0800": Flow(Kind.MANAGEMENT, "0810", frozenset({7, 11, 70})),
    "0810": Flow(Kind.ANSWER, None, frozenset({7, 11, 39, 70})),
}

#: What of a telegram stands in its answer again: never the card's number or anything that was presented.
ECHOED = (3, 4, 6, 7, 11, 12, 13, 15, 19, 25, 32, 33, 37, 41, 42, 49, 51, 62, 63, 70)
_ANSWERABLE = frozenset({7, 11})


def lacks(told: Telegram) -> int | None:
    """Name the first field that a telegram of this type can't be without and is; 2 stands for a number anywhere."""
    flow = FLOWS[told.mti]
    missing = sorted(flow.needs - told.fields.keys())
    if missing:
        return missing[0]
    wants_card = flow.kind in {Kind.QUESTION, Kind.ADVICE, Kind.TAKING_BACK}
    return 2 if wants_card and not {2, 35} & told.fields.keys() else None


def reply(told: Telegram, code: str, more: dict[int, str] | None = None) -> Telegram | None:
    """Answer a telegram: what it is recognised by, the code of field 39, and `more`.

    None where it has no answer, or does not say enough for anybody to know which question was answered.
    """
    flow = FLOWS.get(told.mti)
    if flow is None or flow.answer is None or not told.fields.keys() >= _ANSWERABLE:
        return None
    echoed = {number: told.fields[number] for number in ECHOED if number in told.fields}
    return Telegram(flow.answer, {**echoed, 39: code, **(more or {})})


def unreadable(number: str | int, read: Telegram | None) -> Telegram | None:
    """Answer what could not be read to its end: a format error that names the field, if it can be answered at all."""
    place = f"F{int(number):03}" if str(number).isdigit() else "MTI"
    return reply(read, FORMAT_ERROR, {44: place}) if read is not None else None
