"""The address of a wallet among banks: an IBAN of the issuing bank (ISO 13616, registry entry KZ).

`KZ`, two check digits (ISO 7064, MOD 97-10), the bank's three digits, thirteen characters of ours. They are drawn by
lot, so that nobody finds wallets by counting. A wallet gets its address when it opens and keeps it for good; the
journal vouches for it by a salted digest.
"""

import hashlib
import re
import secrets
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from proof import journal
from wallet import tables
from wallet.events import WalletAddressed
from wallet.transfer import AccountId

#: What `iban()` writes: the structure of the registry, in the letters that are left after parse().
PATTERN = r"^KZ[0-9]{2}[0-9]{3}[0-9A-Z]{13}$"
_BANK = re.compile(r"[0-9]{3}")
_PRINTED = re.compile(r"KZ[0-9]{5}[0-9A-Z]{13}")
_DIGITS = 13
_SALT_BYTES = 16
_MODULUS = 97


class BadIban(Exception):
    """This is no IBAN of a bank in Kazakhstan: too short, or its check digits don't fit."""


class Addressed(msgspec.Struct, frozen=True):
    """The wallet behind an address."""

    account: AccountId
    lane: int
    holder: UUID


def compose(bank: str, number: str) -> str:
    """Put an IBAN together from the bank's three digits and thirteen characters."""
    if not _BANK.fullmatch(bank):
        raise ValueError("a bank has three digits")
    return f"KZ{_MODULUS + 1 - _remainder(f'{bank}{number}KZ00'):02}{bank}{number}"


def parse(text: str) -> str:
    """Read an IBAN as people write it, with spaces or small letters; raises BadIban."""
    found = "".join(text.split(" ")).upper() if text.isascii() else ""
    if not _PRINTED.fullmatch(found) or found != compose(found[4:7], found[7:]):
        raise BadIban
    return found


async def issue(
    db: AsyncConnection, *, account: AccountId, lane: int, holder: UUID, bank: str, actor: str, at: datetime
) -> str:
    """Give the wallet its address, or the one it has; the story speaks for `holder`."""
    while (known := await iban_of(db, account)) is None:
        iban, salt = _drawn(bank), secrets.token_bytes(_SALT_BYTES)
        row = {"account": account, "lane": lane, "holder": holder, "iban": iban, "issued_at": at, "salt": salt}
        # Of a number that was drawn before, or a second story of the same wallet, nothing is written: look again.
        given = insert(tables.address).values(row).on_conflict_do_nothing().returning(tables.address.c.iban)
        if await db.scalar(given) is not None:
            digest = hashlib.sha256(salt + iban.encode()).hexdigest()
            event = WalletAddressed(account=account, lane=lane, sha256=digest)
            fact = journal.Fact(aggregate=account, holder=holder, at=at, actor=actor, event=event)
            await journal.append(db, tables.event, fact)
    return known


async def iban_of(db: AsyncConnection, account: UUID) -> str | None:
    """Read the address of a wallet; None while it has none."""
    found: str | None = await db.scalar(select(tables.address.c.iban).where(tables.address.c.account == account))
    return found


async def by_iban(db: AsyncConnection, iban: str) -> Addressed | None:
    """Find the wallet behind an address, as far as the story sees wallets."""
    columns = tables.address.c
    query = select(columns.account, columns.lane, columns.holder).where(columns.iban == iban)
    row = (await db.execute(query)).one_or_none()
    return None if row is None else Addressed(AccountId(row.account), row.lane, row.holder)


def _drawn(bank: str) -> str:
    return compose(bank, f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}")


def _remainder(moved: str) -> int:
    # Letters count as the numbers from 10 (A) to 35 (Z), in place.
    return int("".join(str(int(char, 36)) for char in moved)) % _MODULUS
