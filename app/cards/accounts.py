"""Prepaid accounts for cards that are billed in another currency: opened beside the wallet, filled by an exchange.

opens      app/http/mobile/card_accounts.py        POST /v1/card-accounts  ->  open_()      <- you are here
fills      app/http/mobile/exchange.py             POST /v1/fx-quotes with buys_to_card    and back with sells_from_card
spends     cards/payments/funds.py                 every purchase with a card on it
pays       app/partners/stripe_issuing/merging.py  the processor, out of what it was paid ahead

The money behind it is the operator's at the bank the processor is paid from, until that is done; then it is there
(docs/adr/0017-a-card-in-another-currency-is-prepaid.md).
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app.partners import registry
from app.partners.stripe_issuing.issuer import CODE
from app.partners.stripe_issuing.programme import StripeProgramme
from law.money import Currency, Money
from wallet import account as ledger
from wallet.chart import Purpose
from wallet.transfer import AccountId


class UnknownCardAccount(Exception):
    """There is no such account, or it is somebody else's, which looks the same."""


class CardAccountExists(Exception):
    """The resident has a card account in this currency."""


class Prepaid(msgspec.Struct, frozen=True, kw_only=True):
    """A card account: on `lane`, filled at the partner bank `bank`."""

    account: AccountId
    lane: int
    currency: Currency
    bank: UUID
    posted: Money
    available: Money
    opened_at: datetime


async def open_(db: AsyncConnection, holder: UUID, programme: StripeProgramme, *, actor: str, at: datetime) -> UUID:
    """Open an account in the programme's currency; raises CardAccountExists, NoWallet."""
    opened = ids.new()
    try:
        await ledger.open_account(
            db,
            holder=holder,
            purpose=Purpose.CARD_ACCOUNT,
            label=CODE,
            currency=programme.currency,
            account=opened,
            actor=actor,
            at=at,
        )
    except ledger.AccountExists as error:
        raise CardAccountExists from error
    return opened


async def find(db: AsyncConnection, holder: UUID, wanted: UUID, programme: StripeProgramme) -> Prepaid:
    """Load an account of `holder`; raises UnknownCardAccount, app.partners.registry.UnknownPartner."""
    found = [each for each in await listed(db, holder, programme) if each.account == wanted]
    if not found:
        raise UnknownCardAccount
    return found[0]


async def listed(db: AsyncConnection, holder: UUID, programme: StripeProgramme) -> list[Prepaid]:
    """List the card accounts of `holder`, the oldest first."""
    bank = await registry.find(db, programme.bank)
    rows = await db.execute(_LISTED, {"holder": holder, "label": CODE})
    return [
        Prepaid(
            account=AccountId(row.id),
            lane=row.lane,
            currency=Currency.of(row.currency),
            bank=bank.id,
            posted=Money(row.posted, Currency.of(row.currency)),
            available=Money(row.posted - row.hold_out, Currency.of(row.currency)),
            opened_at=row.opened_at,
        )
        for row in rows
    ]


async def among(db: AsyncConnection, accounts: list[UUID]) -> set[UUID]:
    """Say which of `accounts` are card accounts."""
    return set(await db.scalars(_AMONG, {"accounts": accounts}))


# By way of the lanes, of which there are few: the key of accounts begins with them.
_LISTED = text(
    """
    SELECT account.id, account.lane, currency, posted, hold_out, account.opened_at
    FROM wallet.holder JOIN wallet.account ON account.lane = holder.lane AND account.holder = holder.holder
    WHERE holder.holder = :holder AND purpose = 'card_account' AND label = :label ORDER BY account.opened_at
    """
)
_AMONG = text(
    """
    SELECT account.id FROM wallet.lane JOIN wallet.account ON account.lane = lane.lane AND account.id = ANY(:accounts)
    WHERE purpose = 'card_account'
    """
)
