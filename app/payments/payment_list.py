"""A list of up to 10 000 payments: checked as a whole, confirmed once, paid one by one in the background.

route      app/http/mobile/payment_lists.py
keeps      app/payments/payment_list.py     draft(), confirm(), cancel()      <- you are here
reads      app/payments/list_file.py        CSV, pain.001
pays       app/payments/list_run.py         step(), and its verb for app/batch.py

The passkey signs how many, the sum, and the hash of who gets what (RTS 2018/389 art. 5(3)(b)). Payees are named by
wallet or IBAN, which nobody can guess; by phone or e-mail a list would tell who has an account.
"""

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids, vault
from app import tables as house_tables
from app.http import ids as public_ids
from app.payments import payee
from app.payments.events import PaymentListConfirmed
from app.payments.list_file import Fault, Invalid, Line
from law.money import KZT, MAX_MINOR, Money
from proof import canonical, journal
from proof.kms import Kms
from wallet import address
from wallet.account import Balance
from wallet.transfer import AccountId

LIFETIME = timedelta(days=1)
DRAFTS_MAX = 5
_WALLET = "wallet_"


class State(enum.StrEnum):
    """Where a list stands."""

    DRAFT = "draft"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


class Unknown(Exception):
    """There is no such list, or it is somebody else's, which looks the same."""


class WrongState(Exception):
    """The list is `state`, in which this can't be done."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class NotEnough(Exception):
    """What can be spent is less than the sum of the list; nothing was moved."""


class TooManyDrafts(Exception):
    """The payer has as many lists waiting to be confirmed as one may have."""


class List(msgspec.Struct, frozen=True, kw_only=True):
    """A list as it stands; `answered` payments have their answer, `paid` of them the money."""

    id: UUID
    holder: UUID
    account: AccountId
    lane: int
    items: int
    money: Money
    sha256: bytes
    state: State
    paid: int
    paid_amount: int
    refused: int
    made_at: datetime
    expires_at: datetime
    done_at: datetime | None


class Item(NamedTuple):
    """One payment with its answer, if it has one; `reference` is the payer's own word for it."""

    no: int
    payee: UUID
    amount: int
    transfer: UUID | None
    refused: str | None
    reference: str


class _Paid(NamedTuple):
    payee: AccountId
    lane: int
    minor: int


async def draft(
    db: AsyncConnection, kms: Kms, home: Balance, holder: UUID, lines: Sequence[Line], *, at: datetime
) -> List:
    """Check a list as a whole and keep it to be confirmed; raises Invalid with every fault, TooManyDrafts."""
    if (await db.scalar(_DRAFTS, {"holder": holder, "now": at}) or 0) >= DRAFTS_MAX:
        raise TooManyDrafts
    items = await _resolved(db, home.account, lines)
    made = List(
        id=ids.new(),
        holder=holder,
        account=home.account,
        lane=home.lane,
        items=len(items),
        money=Money(sum(each.minor for each in items), KZT),
        sha256=_hash(items),
        state=State.DRAFT,
        paid=0,
        paid_amount=0,
        refused=0,
        made_at=at,
        expires_at=at + LIFETIME,
        done_at=None,
    )
    words = msgspec.json.encode({"references": [line.reference for line in lines]})
    safe = await vault.of(db, kms, holder, at)
    sealed = safe.seal(words, table="app.payment_list", column="sealed", row=made.id)
    fields = msgspec.structs.asdict(made) | {"amount": made.money.minor, "state": str(made.state), "sealed": sealed}
    await db.execute(_MAKE, fields)
    columns = {
        "payees": [each.payee for each in items],
        "lanes": [each.lane for each in items],
        "amounts": [each.minor for each in items],
    }
    await db.execute(_ITEMS, {"list": made.id, "holder": holder, **columns})
    return made


async def _resolved(db: AsyncConnection, payer: AccountId, lines: Sequence[Line]) -> list[_Paid]:
    """Find everybody who is paid, in one question; raises Invalid with every line that can't be paid."""
    faults: list[Fault] = []
    places = [_place(line, faults) for line in lines]
    rows = await payee.look(
        db,
        blinds=[],
        accounts=sorted({each for each in places if isinstance(each, UUID)}),
        ibans=sorted({each for each in places if isinstance(each, str)}),
    )
    known: dict[UUID | str, Row[Any]] = {row.iban or row.account: row for row in rows}
    items = []
    for line, place in zip(lines, places, strict=True):
        if line.minor <= 0:
            faults.append(line.fault("the amount is not more than zero", "amount_minor"))
        if place is None:
            continue
        if (row := known.get(place)) is None:
            faults.append(line.fault("nobody can be paid by this address", "to"))
        elif row.account == payer:
            faults.append(line.fault("this is the payer's own wallet", "to"))
        else:
            items.append(_Paid(AccountId(row.account), row.lane, line.minor))
    if not faults and sum(each.minor for each in items) > MAX_MINOR:
        faults.append(Fault("", "the sum is too large"))
    if faults:
        raise Invalid(faults)
    return items


def _place(line: Line, faults: list[Fault]) -> UUID | str | None:
    try:
        if line.to.startswith(_WALLET):
            return public_ids.parse("wallet", line.to)
        return address.parse(line.to)
    except (public_ids.UnknownId, address.BadIban):
        faults.append(line.fault("is neither an IBAN nor a wallet's id", "to"))
        return None


def _hash(items: Sequence[_Paid]) -> bytes:
    lines: list[canonical.Value] = [
        {"payee": public_ids.show("wallet", each.payee), "amount_minor": each.minor, "currency": str(KZT)}
        for each in items
    ]
    return sha256(canonical.dumps(lines)).digest()


async def lock(db: AsyncConnection, list_: UUID, holder: UUID) -> List:
    """Load a list for who changes it; raises Unknown."""
    row = (await db.execute(_LOCK, {"id": list_, "holder": holder})).one_or_none()
    if row is None:
        raise Unknown
    return read(row)


async def find(db: AsyncConnection, list_: UUID, holder: UUID) -> List:
    """Load a list; raises Unknown."""
    row = (await db.execute(_FIND, {"id": list_, "holder": holder})).one_or_none()
    if row is None:
        raise Unknown
    return read(row)


async def page(db: AsyncConnection, holder: UUID, *, before: UUID | None, limit: int) -> list[List]:
    """List a payer's lists, the newest first."""
    return [read(row) for row in await db.execute(_PAGE, {"holder": holder, "before": before, "limit": limit})]


async def items(db: AsyncConnection, kms: Kms, found: List, *, after: int, limit: int) -> list[Item]:
    """Read the payments of a list in order, for its payer, for whom the story speaks."""
    sealed = await db.scalar(_SEALED, {"id": found.id})
    safe = await vault.existing(db, kms, found.holder)
    opened = safe.open(sealed, table="app.payment_list", column="sealed", row=found.id)
    references = msgspec.json.decode(opened)["references"]
    rows = await db.execute(_PAGE_OF_ITEMS, {"list": found.id, "after": after, "limit": limit})
    return [Item(row.no, row.payee, row.amount, row.transfer, row.refused, references[row.no]) for row in rows]


def check_draft(found: List, at: datetime) -> None:
    """Say whether a list waits to be confirmed; raises WrongState."""
    if found.state is not State.DRAFT:
        raise WrongState(found.state)
    if at >= found.expires_at:
        raise WrongState("expired")


async def confirm(
    db: AsyncConnection, found: List, home: Balance, *, step_up: UUID | None, actor: str, at: datetime
) -> List:
    """Let a list be paid from now on; raises NotEnough."""
    if home.available < found.money:
        raise NotEnough
    await db.execute(_CONFIRM, {"id": found.id, "step_up": step_up, "now": at})
    fact = PaymentListConfirmed(payment_list=found.id, payments=found.items, amount_minor=found.money.minor)
    told = journal.Fact(aggregate=found.id, holder=found.holder, at=at, actor=actor, event=fact)
    await journal.append(db, house_tables.event, told)
    return msgspec.structs.replace(found, state=State.RUNNING)


async def cancel(db: AsyncConnection, found: List) -> List:
    """Give up a list that was not confirmed."""
    await db.execute(_CANCEL, {"id": found.id})
    return msgspec.structs.replace(found, state=State.CANCELLED)


def read(row: Row[Any]) -> List:
    """Read a list from its row."""
    fields = {name: getattr(row, name) for name in List.__struct_fields__ if name not in {"money", "state"}}
    return List(**fields, money=Money(row.amount, KZT), state=State(row.state))


_DRAFTS = text("SELECT count(*) FROM app.payment_list WHERE holder = :holder AND state = 'draft' AND expires_at > :now")
_MAKE = text(
    """
    INSERT INTO app.payment_list (id, holder, account, lane, items, amount, currency, sha256, sealed, state, made_at,
                                  expires_at)
    VALUES (:id, :holder, :account, :lane, :items, :amount, 'KZT', :sha256, :sealed, :state, :made_at, :expires_at)
    """
)
_ITEMS = text(
    """
    INSERT INTO app.payment_item (list, no, holder, payee, lane, amount)
    SELECT :list, place - 1, :holder, payee, lane, amount
    FROM unnest(CAST(:payees AS uuid[]), CAST(:lanes AS integer[]), CAST(:amounts AS bigint[])) WITH ORDINALITY
         AS each (payee, lane, amount, place)
    """
)
_FIND = text("SELECT * FROM app.payment_list WHERE id = :id AND holder = :holder")
_LOCK = text("SELECT * FROM app.payment_list WHERE id = :id AND holder = :holder FOR UPDATE")
_PAGE = text(
    """
    SELECT * FROM app.payment_list WHERE holder = :holder AND (CAST(:before AS uuid) IS NULL OR id < :before)
    ORDER BY id DESC LIMIT :limit
    """
)
_SEALED = text("SELECT sealed FROM app.payment_list WHERE id = :id")
_PAGE_OF_ITEMS = text("SELECT * FROM app.payment_item WHERE list = :list AND no > :after ORDER BY no LIMIT :limit")
_CONFIRM = text("UPDATE app.payment_list SET state = 'running', step_up = :step_up, due_at = :now WHERE id = :id")
_CANCEL = text("UPDATE app.payment_list SET state = 'cancelled' WHERE id = :id")
