"""Nonces of DPoP proofs: what a proof must carry to show that it was made lately, for us (RFC 9449 sections 8 and 9).

A nonce is the same for everybody for two minutes: the HMAC of those minutes and the epoch under a key that all
processes share. So handing one out stores nothing, and a proof can't be made in advance. The epoch is a row that
PostgreSQL forgets in the very crash in which it forgets the proofs that were used (revision 0011): a proof made before
the crash carries a nonce that is void after it. That a proof is used once, its `jti` says.
"""

import hmac
from typing import NamedTuple
from uuid import UUID

from app.auth import jose

#: How long the newest nonce is handed out. Those beside it are taken too: proofs are under way, clocks differ.
WINDOW_S = 120
_BYTES = 18
_PURPOSE = b"eresidency dpop nonce\x00"


class _Window(NamedTuple):
    """What is handed out and what is taken in one window of one epoch."""

    epoch: UUID
    number: int
    newest: str
    taken: frozenset[str]


class Nonces:
    """Makes and recognises nonces under a key derived from `secret`."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, _PURPOSE, "sha256")
        self._window: _Window | None = None

    def newest(self, epoch: UUID, now_s: float) -> str:
        """Give the nonce of this moment."""
        return self._at(epoch, now_s).newest

    def takes(self, epoch: UUID, nonce: str | None, now_s: float) -> bool:
        """Answer whether a proof that arrives now may carry `nonce`."""
        return nonce in self._at(epoch, now_s).taken

    def _at(self, epoch: UUID, now_s: float) -> _Window:
        number, window = int(now_s) // WINDOW_S, self._window
        if window is None or window.number != number or window.epoch != epoch:
            # The next one is known to nobody but a process whose clock is ahead of ours.
            taken = frozenset(self._made(epoch, number + beside) for beside in (-1, 0, 1))
            window = self._window = _Window(epoch, number, self._made(epoch, number), taken)
        return window

    def _made(self, epoch: UUID, number: int) -> str:
        return jose.b64(hmac.digest(self._key, epoch.bytes + number.to_bytes(8), "sha256")[:_BYTES])
