"""What happened to wallets beside the transfers, which are their own log."""

from uuid import UUID

import msgspec


class WalletOpened(msgspec.Struct, frozen=True, tag="wallet.opened"):
    """A resident's tenge wallet exists from now on."""

    account: UUID
    lane: int
    currency: str
