"""Accounts a resident pays out to: saved once, their owner's name compared by the bank, then only named.

saves      app/banking/beneficiary.py   save()       <- you are here
checks     app/banking/asking.py        step()       the bank compares the name (Kind.NAME_CHECK)
pays       app/http/mobile/payouts.py
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
import schwifty
from schwifty.exceptions import SchwiftyException
from sqlalchemy import Row, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, ids
from app import tables as app_tables
from app.account import consent
from app.banking import order, tables
from app.banking.events import BeneficiaryRemoved, BeneficiarySaved
from app.banking.order import Kind, Order
from app.vault import Vault
from law.money import KZT
from proof import journal

#: What the bank said about name and account: `asked` until it did, `unknown` where it can't tell.
Named = Literal["asked", "match", "close", "differs", "unknown"]
SAVED_MAX = 100


class UnknownBeneficiary(Exception):
    """There is no such saved account, or it is somebody else's, which looks the same."""


class BadAccount(Exception):
    """This is no IBAN that money can be paid to: `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TooMany(Exception):
    """Remove one before another one is saved."""


class NameDiffers(Exception):
    """The bank says the account is somebody else's: nothing is paid to it."""


class Details(msgspec.Struct, frozen=True):
    """Whose account it is, as the resident wrote it or, of an own account, as their document does."""

    name: str
    iban: str


class Beneficiary(msgspec.Struct, frozen=True, kw_only=True):
    """A saved account. `bank` is its name in the registry of banks, where it is there."""

    id: UUID
    details: Details
    bic: str | None
    bank: str | None
    own: bool
    named: Named
    saved_at: datetime


def checked(iban: str) -> schwifty.IBAN:
    """Read an IBAN; raises BadAccount. Only tenge is paid out, and only in Kazakhstan."""
    try:
        found = schwifty.IBAN(iban)
    except (SchwiftyException, ValueError) as error:
        raise BadAccount("check_digits") from error
    if found.country_code != "KZ":
        raise BadAccount("country")
    return found


async def save(
    db: AsyncConnection, safe: Vault, holder: UUID, details: Details, *, own: bool, bank: UUID, lane: int, at: datetime
) -> Beneficiary:
    """Keep an account and have `bank` compare the names; raises BadAccount, TooMany, ConsentMissing."""
    iban = checked(details.iban)
    [missing] = await consent.towards(db, [(holder, bank)], at=at)
    if missing is not None:
        raise missing
    columns = tables.beneficiary.c
    await db.execute(_LOCK, {"holder": str(holder)})
    alive = (columns.holder == holder) & columns.removed_at.is_(None)
    if (await db.scalar(select(func.count()).select_from(tables.beneficiary).where(alive)) or 0) >= SAVED_MAX:
        raise TooMany
    saved, plain = ids.new(), Details(details.name, iban.compact)
    await db.execute(
        tables.beneficiary.insert().values(
            id=saved,
            holder=holder,
            details=safe.seal(msgspec.json.encode(plain), table="app.beneficiary", column="details", row=saved),
            bic=_bic(iban),
            own=own,
            named="asked",
            saved_at=at,
        )
    )
    errand = Order(
        id=ids.new(),
        kind=Kind.NAME_CHECK,
        holder=holder,
        partner=bank,
        about=saved,
        lane=lane,
        amount_minor=0,
        currency=KZT,
        requested_at=at,
    )
    actor = f"resident:{holder}"
    await order.insert(db, [errand], actor=actor, due_at=clock.real())
    fact = BeneficiarySaved(saved, own)
    await journal.append(
        db, app_tables.event, journal.Fact(aggregate=saved, holder=holder, at=at, actor=actor, event=fact)
    )
    return await find(db, safe, holder, saved)


async def find(db: AsyncConnection, safe: Vault, holder: UUID, wanted: UUID) -> Beneficiary:
    """Load a saved account; raises UnknownBeneficiary."""
    columns = tables.beneficiary.c
    mine = (columns.id == wanted) & (columns.holder == holder) & columns.removed_at.is_(None)
    row = (await db.execute(select(tables.beneficiary).where(mine))).one_or_none()
    if row is None:
        raise UnknownBeneficiary
    return _beneficiary(row, safe)


async def listed(db: AsyncConnection, safe: Vault, holder: UUID) -> list[Beneficiary]:
    """List the saved accounts of `holder`, newest first."""
    columns = tables.beneficiary.c
    mine = (columns.holder == holder) & columns.removed_at.is_(None)
    rows = await db.execute(select(tables.beneficiary).where(mine).order_by(columns.id.desc()).limit(SAVED_MAX))
    return [_beneficiary(row, safe) for row in rows]


async def details(db: AsyncConnection, safe: Vault, wanted: UUID) -> Details:
    """Open whose account it is, removed meanwhile or not: an order under way still pays it."""
    columns = tables.beneficiary.c
    sealed = (await db.execute(select(columns.details).where(columns.id == wanted))).scalar_one()
    return _opened(safe, sealed, wanted)


async def remove(db: AsyncConnection, holder: UUID, wanted: UUID, *, at: datetime) -> None:
    """Take a saved account away; raises UnknownBeneficiary."""
    columns = tables.beneficiary.c
    mine = (columns.id == wanted) & (columns.holder == holder) & columns.removed_at.is_(None)
    gone = await db.execute(tables.beneficiary.update().where(mine).values(removed_at=at))
    if not gone.rowcount:
        raise UnknownBeneficiary
    fact = BeneficiaryRemoved(wanted)
    told = journal.Fact(aggregate=wanted, holder=holder, at=at, actor=f"resident:{holder}", event=fact)
    await journal.append(db, app_tables.event, told)


def _beneficiary(row: Row[tuple[object, ...]], safe: Vault) -> Beneficiary:
    known = _opened(safe, row.details, row.id)
    return Beneficiary(
        id=row.id,
        details=known,
        bic=row.bic,
        bank=checked(known.iban).bank_name,
        own=row.own,
        named=row.named,
        saved_at=row.saved_at,
    )


def _opened(safe: Vault, sealed: bytes, row: UUID) -> Details:
    plain = safe.open(sealed, table="app.beneficiary", column="details", row=row)
    return msgspec.json.decode(plain, type=Details)


def _bic(iban: schwifty.IBAN) -> str | None:
    found = iban.bic
    return found.compact if found else None


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('app.beneficiary:' || :holder, 0))")
