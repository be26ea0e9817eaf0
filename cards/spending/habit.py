"""What is usual for a card: how much it pays, where, to whom and how; counted up with each approval, a few bytes each.

notes    cards/spending/velocity.py    Counters.note()
asks     cards/spending/features.py    features()

How much is usual is estimated as round-trip times are (RFC 6298, section 2): a smoothed amount and its smoothed
deviation, in whole minor units. What is remembered is bounded, the oldest is forgotten first; so a merchant may be new
again after `_MERCHANTS` others.
"""

import hashlib
from typing import TypeVar

import msgspec

from cards.payments.message import Authorization, Channel
from cards.payments.payment import Merchant

_MERCHANTS = 64
_COUNTRIES = 16
#: From here on all channels are halved, so that the mix follows what the holder does now.
_CHANNELS = 64
_Value = TypeVar("_Value", int, str)
_PLACE = {channel: place for place, channel in enumerate(Channel)}


class Habits(msgspec.Struct, array_like=True):
    """What one card does. `last` is where and in which minute (cards/spending/window.py) it was last present itself."""

    approvals: int = 0
    usual: int = 0
    spread: int = 0
    merchants: list[int] = []
    countries: list[str] = []
    channels: list[int] = msgspec.field(default_factory=lambda: [0] * len(Channel))
    last: tuple[int, str] | None = None

    @classmethod
    def decode(cls, kept: bytes | None) -> "Habits":
        """Read what `encode` wrote; of a card never used there is nothing."""
        return _KEPT.decode(kept) if kept else cls()

    def encode(self) -> bytes:
        """Write it."""
        return msgspec.msgpack.encode(self)

    def knows(self, merchant: Merchant) -> bool:
        """Say whether the card paid `merchant` lately."""
        return name(merchant) in self.merchants

    def deviation(self, minor: int) -> int:
        """Say by how many hundredths of the usual deviation an amount differs from the usual; 0 before the first.

        The deviation is taken to be a twentieth of the usual amount at least: who always pays the same may pay a little
        more.
        """
        return (minor - self.usual) * 100 // max(self.spread, self.usual // 20, 1) if self.approvals else 0

    def share(self, channel: Channel) -> int:
        """Say which part of the approvals came by `channel`, in percent."""
        return self.channels[_PLACE[channel]] * 100 // max(sum(self.channels), 1)

    def note(self, asked: Authorization, at: int) -> None:
        """Remember what was approved in the minute `at`; more of an earlier purchase is no other one."""
        if asked.increment or not asked.amount:
            return
        if not asked.estimated:
            self._estimate(asked.amount.minor)
        self.approvals += 1
        _remember(self.merchants, name(asked.merchant), _MERCHANTS)
        _remember(self.countries, asked.merchant.country, _COUNTRIES)
        if sum(self.channels) >= _CHANNELS:
            self.channels = [count // 2 for count in self.channels]
        self.channels[_PLACE[asked.channel]] += 1
        if asked.present:
            self.last = at, asked.merchant.country

    def _estimate(self, minor: int) -> None:
        if self.usual:
            self.spread += (abs(self.usual - minor) - self.spread) // 4
            self.usual += (minor - self.usual) // 8
        else:
            self.usual, self.spread = minor, minor // 2


_KEPT = msgspec.msgpack.Decoder(Habits)


def name(merchant: Merchant) -> int:
    """Shorten a merchant's id to 32 bits: of 64 remembered ones another looks known once in 60 million times."""
    return int.from_bytes(hashlib.blake2b(merchant.id.encode(), digest_size=4).digest())


def _remember(known: list[_Value], value: _Value, most: int) -> None:
    if value in known:
        known.remove(value)
    known.append(value)
    del known[:-most]
