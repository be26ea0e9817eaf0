"""The MAC of a telegram: eight bytes over all bytes before it, in field 64 or 128, under the key shared with the zone.

The key is in the machine that keeps the keys of cards (cards/hsm/port.py `mac`, AES-CMAC) and never here.
"""

import hmac
from collections.abc import Callable

from cards.iso8583 import telegram
from cards.iso8583.field import MAC_LONG, MAC_SHORT
from cards.iso8583.telegram import Telegram

BYTES = 8
_BLANK = "00" * BYTES

#: Answers the eight bytes that prove a text.
Prove = Callable[[bytes], bytes]


def sealed(told: Telegram, prove: Prove) -> bytes:
    """Write a telegram with its MAC."""
    place = MAC_LONG if any(number > MAC_SHORT for number in told.fields) else MAC_SHORT
    data = telegram.write(Telegram(told.mti, {**told.fields, place: _BLANK}))[:-BYTES]
    return data + prove(data)


def holds(told: Telegram, data: bytes, prove: Prove) -> bool:
    """Say whether `data`, of which `told` was read, ends with its MAC; one that has none, or it elsewhere, does not."""
    if not told.fields or max(told.fields) not in {MAC_SHORT, MAC_LONG}:
        return False
    return hmac.compare_digest(prove(data[:-BYTES]), data[-BYTES:])
