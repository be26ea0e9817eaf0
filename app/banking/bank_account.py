"""A resident's own accounts at partner banks: opened by the bank, mirrored in the ledger by what it reports.

opens      app/http/mobile/bank_accounts.py  ->  open_()         <- you are here; the bank is asked by the worker
hears      app/partners/inbox.py   account.balance   ->  reported()
moves      app/banking/bank_account.py   mirror()    a verb of app/batch.py

What the bank says is what there is: where its balance is another one than ours, the mirror follows by a transfer. The
bank numbers the movements of an account, so a report that was overtaken changes nothing; and a report waits while an
order on the account is under way, because nobody knows whether it counts that order.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db, ids
from app.account import consent
from app.banking import errands, order, tables
from app.banking.errands import Details
from app.banking.order import Kind, Order
from app.house import House
from app.http import ids as public_ids
from app.idempotency_key import Stored
from app.money import claim
from app.partners.message import Message, TooEarly, Unfit, read
from app.vault import Vault
from law.money import Currency, Money
from wallet import account as ledger
from wallet.chart import Purpose
from wallet.desk import Desk
from wallet.transfer import AccountId, Post, Refused, TransferId

#: In which an account can be had.
Offered = Literal["KZT", "USD", "EUR", "CNY"]
State = Literal["opening", "open", "refused"]


class UnknownBankAccount(Exception):
    """There is no such account, or it is somebody else's, which looks the same."""


class AccountExists(Exception):
    """The resident has an account in this currency at this bank, or has asked for one."""


class NotOpen(Exception):
    """The bank has not opened the account (yet)."""


class BankAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account at a bank. `account` is the ledger's account that mirrors it; `details` once the bank opened it.

    `reported` is what the bank said there was at `reported_at`, its own clock.
    """

    id: UUID
    holder: UUID
    partner: UUID
    currency: Currency
    account: AccountId
    lane: int
    state: State
    details: Details | None
    reported: Money | None
    reported_at: datetime | None
    asked_at: datetime


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """`account.balance`: what there is after the account's movement number `sequence`."""

    account_id: Annotated[str, Meta(max_length=64)]
    balance_minor: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
    sequence: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    at: datetime


async def open_(db: AsyncConnection, holder: UUID, bank: UUID, code: str, currency: Currency, *, at: datetime) -> UUID:
    """Ask `bank` for an account; raises NoWallet, ConsentMissing, AccountExists."""
    lane = await ledger.lane(db, holder)
    [missing] = await consent.towards(db, [(holder, bank)], at=at)
    if missing is not None:
        raise missing
    await db.execute(_LOCK, {"holder": str(holder)})
    accounts = tables.bank_account
    mine = (accounts.c.holder == holder) & (accounts.c.partner == bank) & (accounts.c.currency == currency)
    known = (await db.execute(select(accounts.c.state, accounts.c.account).where(mine))).all()
    if any(row.state != "refused" for row in known):
        raise AccountExists
    opened = ids.new()
    mirror = known[0].account if known else ids.new()
    if not known:
        await ledger.open_account(
            db,
            holder=holder,
            purpose=Purpose.PARTNER_ACCOUNT,
            label=code,
            currency=currency,
            account=mirror,
            actor=f"resident:{holder}",
            at=at,
        )
    await db.execute(
        accounts.insert().values(
            id=opened,
            holder=holder,
            partner=bank,
            currency=currency,
            account=mirror,
            lane=lane,
            state="opening",
            asked_at=at,
        )
    )
    errand = Order(
        id=opened,
        kind=Kind.ACCOUNT,
        holder=holder,
        partner=bank,
        about=opened,
        lane=lane,
        amount_minor=0,
        currency=currency,
        requested_at=at,
    )
    await order.insert(db, [errand], actor=f"resident:{holder}", due_at=clock.real())
    return opened


async def find(db: AsyncConnection, safe: Vault, holder: UUID, wanted: UUID) -> BankAccount:
    """Load an account of `holder`; raises UnknownBankAccount."""
    columns = tables.bank_account.c
    query = select(tables.bank_account).where((columns.id == wanted) & (columns.holder == holder))
    row = (await db.execute(query)).one_or_none()
    if row is None:
        raise UnknownBankAccount
    return _account(row, safe)


async def require_open(db: AsyncConnection, safe: Vault, holder: UUID, wanted: UUID) -> BankAccount:
    """Load an account that can be used; raises UnknownBankAccount, NotOpen."""
    found = await find(db, safe, holder, wanted)
    if found.state != "open":
        raise NotOpen
    return found


async def listed(db: AsyncConnection, safe: Vault, holder: UUID) -> list[BankAccount]:
    """List the accounts of `holder`, the oldest first."""
    columns = tables.bank_account.c
    rows = await db.execute(select(tables.bank_account).where(columns.holder == holder).order_by(columns.id))
    return [_account(row, safe) for row in rows]


async def available(db: AsyncConnection, found: BankAccount) -> Money:
    """Say what of an account can be spent: what the bank has less what is under way."""
    minor = await db.scalar(_AVAILABLE, {"lane": found.lane, "account": found.account})
    return Money(minor or 0, found.currency)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a bank says there is on an account, for the mirror to follow; `holdings` is the other side."""

    account: UUID
    mirror: AccountId
    holdings: AccountId
    balance: Money
    sequence: int
    at: datetime
    actor: str


async def reported(house: House, message: Message) -> str:
    """Act on `account.balance`; raises Unfit, TooEarly."""
    said = read(message.data, Balance)
    try:
        about = public_ids.parse("bank_account", said.account_id)
    except public_ids.UnknownId as error:
        raise Unfit("no such account") from error
    async with db.transaction(house.worker) as story:
        columns = tables.bank_account.c
        row = (await (await story()).execute(select(tables.bank_account).where(columns.id == about))).one_or_none()
    if row is None or row.partner != message.partner.id or row.currency != said.currency:
        raise Unfit("no such account")
    if row.state != "open":
        raise TooEarly("the account is not open yet")
    currency = Currency.of(row.currency)
    code = message.partner.code
    holdings = await house.money.operator(Purpose.PARTNER_HOLDINGS, lane=row.lane, label=code, currency=currency)
    report = Report(
        account=about,
        mirror=AccountId(row.account),
        holdings=holdings,
        balance=Money(said.balance_minor, currency),
        sequence=said.sequence,
        at=said.at,
        actor=f"partner:{message.partner.id}",
    )
    name = claim("bank_account", f"{about}/{said.sequence}/{ids.new()}", None)
    reply = await house.money.submit(mirror, [report], lanes=[row.lane], claim=name, render=_render)
    outcome = msgspec.json.decode(reply.stored.body, type=str)
    if outcome == _WAITS:
        raise TooEarly(outcome)
    return outcome


async def mirror(desk: Desk, reports: Sequence[Report]) -> Sequence[str]:
    """Let mirrors follow what banks report: a verb for app/batch.py."""
    accounts = tables.bank_account
    wanted = sorted({report.account for report in reports})
    query = select(accounts.c.id, accounts.c.account, accounts.c.sequence).where(accounts.c.id.in_(wanted))
    known = {row.id: row.sequence for row in await desk.db.execute(query.order_by(accounts.c.id).with_for_update())}
    busy = set(await desk.db.scalars(_BUSY, {"accounts": [report.mirror for report in reports]}))
    await desk.load(account for report in reports for account in (report.mirror, report.holdings))
    outcomes = []
    for report in reports:
        outcome = _follow(desk, report, known[report.account], busy=report.mirror in busy)
        if outcome == _FOLLOWED:
            known[report.account] = report.sequence
            values = {"sequence": report.sequence, "reported_minor": report.balance.minor, "reported_at": report.at}
            await desk.db.execute(accounts.update().where(accounts.c.id == report.account).values(values))
        outcomes.append(outcome)
    return outcomes


def _follow(desk: Desk, report: Report, known: int, *, busy: bool) -> str:
    if report.sequence < known:
        return "an older report"
    if busy:
        return _WAITS
    there = desk.available(report.mirror)
    assert there is not None, "loaded above"
    change = report.balance - there
    if change:
        sides = (report.holdings, report.mirror) if change.minor > 0 else (report.mirror, report.holdings)
        post = Post(
            id=TransferId(ids.new()),
            debit=sides[0],
            credit=sides[1],
            money=abs(change),
            code="bank_account.reported",
            reference=str(report.account),
        )
        answer = desk.post(post)
        if isinstance(answer, Refused):
            return f"ledger: {answer.reason}"
    return _FOLLOWED


def _account(row: Row[tuple[object, ...]], safe: Vault) -> BankAccount:
    currency = Currency.of(row.currency)
    return BankAccount(
        id=row.id,
        holder=row.holder,
        partner=row.partner,
        currency=currency,
        account=AccountId(row.account),
        lane=row.lane,
        state=row.state,
        details=None if row.details is None else errands.opened(safe, row.details, row.id),
        reported=None if row.reported_minor is None else Money(row.reported_minor, currency),
        reported_at=row.reported_at,
        asked_at=row.asked_at,
    )


def _render(outcomes: Sequence[str]) -> Stored:
    return Stored(200, msgspec.json.encode(outcomes[0]))


_WAITS, _FOLLOWED = "an order on the account is under way", "followed"
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('app.bank_account:' || :holder, 0))")
_AVAILABLE = text("SELECT posted - hold_out FROM wallet.account WHERE lane = :lane AND id = :account")
_BUSY = text(
    """
    SELECT asked.account FROM unnest(CAST(:accounts AS uuid[])) AS asked (account)
    WHERE EXISTS (
        SELECT FROM app.bank_order WHERE asked.account IN (source, target) AND state IN ('requested', 'sent', 'unknown')
    )
    """
)
