"""Orders that move no money: an account is opened, a payee's name is compared with that of the account's owner.

concludes  app/banking/errands.py   conclude()     <- you are here
hears      app/banking/hearing.py   heard()
"""

from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db, vault
from app.banking import order, tables
from app.banking.order import Act, Change, Kind, Order, State
from app.banking.told import Told
from app.house import House


class Details(msgspec.Struct, frozen=True):
    """Where an account at a bank is reached."""

    iban: str
    bic: str


async def conclude(house: House, found: Order, act: Act, said: Told, *, actor: str) -> bool:
    """Write what came of an errand; said twice at once it is written once. False where it moved on meanwhile.

    We ourselves end only what is as it was when we decided to.
    """
    details = await _sealed(house, found, said) if found.kind is Kind.ACCOUNT and act is Act.FINISH else None
    async with db.transaction(house.worker) as story:
        connection = await story()
        locked = (await order.lock(connection, [found.id]))[found.id]
        overtaken = actor == "system" and locked.version != found.version
        if overtaken or (locked.state, act) not in order.LIFE:
            return False
        reason = None if act is Act.FINISH else said.reason or "not_said"
        change = Change(
            order=locked, act=act, at=story.now, actor=actor, bank_reference=said.bank_reference, reason=reason
        )
        [moved] = await order.record(connection, [change])
        if found.kind is Kind.ACCOUNT:
            await _account(connection, moved, details)
        else:
            await _named(connection, moved, said)
    return True


async def _sealed(house: House, found: Order, said: Told) -> bytes:
    assert found.holder is not None, "errands are residents'"
    assert said.iban is not None, "compared before"
    async with db.transaction(house.api, holder=found.holder) as story:
        safe = await vault.existing(await story(), house.keys.kms, found.holder)
    details = msgspec.json.encode(Details(said.iban, said.bic or ""))
    return safe.seal(details, table="app.bank_account", column="details", row=found.about)


async def _account(connection: AsyncConnection, moved: Order, details: bytes | None) -> None:
    accounts = tables.bank_account
    values: dict[str, object] = {"state": "refused"}
    if details is not None:
        values = {"state": "open", "details": details, "opened_at": moved.ended_at}
    await connection.execute(accounts.update().where(accounts.c.id == moved.about).values(values))


async def _named(connection: AsyncConnection, moved: Order, said: Told) -> None:
    payees = tables.beneficiary
    answer = said.name_match if moved.state is State.DONE and said.name_match else "unknown"
    values = {"named": answer, "checked_at": moved.ended_at}
    await connection.execute(payees.update().where(payees.c.id == moved.about).values(values))


def opened(safe: vault.Vault, sealed: bytes, account: UUID) -> Details:
    """Open where an account is reached."""
    plain = safe.open(sealed, table="app.bank_account", column="details", row=account)
    return msgspec.json.decode(plain, type=Details)
