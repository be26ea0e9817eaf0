"""The names of a purchase and of what is said about it: the same in every telegram, repeat and year.

The trace number (field 11) begins again every day, so it is never a name alone. A purchase is named, in this order, by

    t/…     the network's transaction id (field 62), which it keeps from the question to the last clearing
    b/…     the network's reference (63) with its settlement date (15): it is unique on that day
    f/…     acquirer, trace number, transmission time, reference number, terminal and merchant (32, 11, 7, 37, 41, 42);
            what takes it back says the first three in field 90, as they were in what it takes back

What is said is named by type, transmission time and trace number. What takes back is named by what it takes back: a
network that hears no answer to its 0400 tells the same as 0420, with a trace number of its own. Field 4 is what stood
before it and 95 what stands after it, so of one question each can be taken back once.

What it is about is named by type, time and trace number too, and here an advice is the question it answers: who stood
in for us tells 0120 of the 0100, and 0220 of the 0200, with its time and its trace number.
"""

from datetime import datetime

from cards.iso8583 import times
from cards.iso8583.telegram import Telegram

_ACQUIRER_DIGITS = 11
_REPLACEMENT_DIGITS = 12
_TAKES_BACK = frozenset({"0400", "0420"})
#: An advice, and the question whose answer it tells.
_QUESTIONS = {"0120": "0100", "0220": "0200"}
_SUBJECTS = frozenset({"0100", "0200", *_QUESTIONS})


class Nameless(Exception):
    """Field 90 says nothing, and the network gave the purchase no name: nobody can tell what is taken back."""


def lifecycle(told: Telegram, now: datetime) -> str:
    """Name the purchase; raises Nameless, times.BadTime."""
    if network_id := told.get(62):
        return f"t/{network_id}"
    if (reference := told.get(63)) and (settled := told.get(15)):
        return f"b/{times.day(settled, now):%Y%m%d}/{reference}"
    if (first := _taken_back(told)) is None:
        if told.base in _TAKES_BACK:
            raise Nameless
        first = told[32], told[11], told[7]
    acquirer, trace, at = first
    place = "/".join(told[number].strip() for number in (37, 41, 42))
    return f"f/{acquirer:0>{_ACQUIRER_DIGITS}}/{trace}/{times.transmitted(at, now):%Y%m%d%H%M%S}/{place}"


def element(told: Telegram, now: datetime) -> str:
    """Name what is said within its purchase: by type, a repeat being what it repeats, time and trace number.

    What takes back is named by field 90, the amount and what is left of it, where it says them: 0400 where it takes
    back a promise, 0420 where it takes back money, since both may have been told at one time by one trace number.
    """
    if told.base in _TAKES_BACK:
        if (first := _taken_back(told)) is not None:
            acquirer, trace, at = first
            left = told.fields.get(95, "")[:_REPLACEMENT_DIGITS].rjust(_REPLACEMENT_DIGITS, "0")
            whose = f"{acquirer:0>{_ACQUIRER_DIGITS}}/{trace}/{times.transmitted(at, now):%Y%m%d%H%M%S}"
            return f"{_taking(told)}/{whose}/{told[4]}/{left}"
        return f"0400/{times.transmitted(told[7], now):%Y%m%d%H%M%S}/{told[11]}"
    return f"{told.base}/{times.transmitted(told[7], now):%Y%m%d%H%M%S}/{told[11]}"


def subject(told: Telegram, now: datetime) -> str | None:
    """Name what is taken back, its type included, or the question an advice may answer; None where it is none else."""
    if told.base in _TAKES_BACK:
        base = f"{told.fields.get(90, '')[:3]}0"
        if (first := _taken_back(told)) is None or base not in _SUBJECTS:
            return None
        _, trace, at = first
        return question(f"{base}/{times.transmitted(at, now):%Y%m%d%H%M%S}/{trace}")
    return question(element(told, now)) if told.base in _QUESTIONS else None


def _taking(told: Telegram) -> str:
    return "0420" if told[90].startswith("02") else "0400"


def question(element: str) -> str:
    """Give the name of the question that an element is the advice of; of any other its own."""
    base, slash, rest = element.partition("/")
    return f"{_QUESTIONS.get(base, base)}{slash}{rest}"


def _taken_back(told: Telegram) -> tuple[str, str, str] | None:
    """Give acquirer, trace number and transmission time of what field 90 names; None where it names nothing."""
    before = told.fields.get(90, "0" * 42)
    trace, at, acquirer = before[4:10], before[10:20], before[20:31]
    if not int(trace) or not int(at):
        return None
    return acquirer if int(acquirer) else told[32], trace, at


def before(told: Telegram) -> str:
    """Write field 90 for what takes `told` back."""
    return f"{told.mti}{told[11]}{told[7]}{told[32]:0>11}{told.get(33) or '0':0>11}"
