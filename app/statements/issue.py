"""Issuing a statement of the caller's wallet: who it is for is written down once, so that the paper never changes.

path    POST /v1/statements  ->  app/statements/issue.py  ->  wallet/statement.py
"""

import secrets
from uuid import UUID

import msgspec

from app import ids, person, vault
from app.db import Story
from app.house import House
from app.vault import Vault
from law.calendar import statutory_date
from law.money import KZT
from wallet import account, address, statement
from wallet.statement import Period, Statement

_CODE_BYTES = 16
_PLACE = {"table": "wallet.statement", "column": "letterhead"}


class Letterhead(msgspec.Struct, frozen=True, kw_only=True):
    """Whose the account is, where it is and who says so, as it was on that day; `name` is empty where it is unknown."""

    name: str
    iban: str | None
    bank: str
    bic: str
    issuer: str


async def issue(story: Story, house: House, holder: UUID, period: Period, *, actor: str) -> Statement:
    """Issue a statement of the wallet; raises NoWallet, statement.BadPeriod, statement.DayNotClosed."""
    db = await story()
    now = story.now
    mine = await account.wallet(db, holder)
    made = ids.new()
    keys = await vault.of(db, house.keys.kms, holder, now)
    bank = house.settings.issuing_bank
    head = Letterhead(
        name=await _name(story, house, holder),
        iban=await address.iban_of(db, mine.account),
        bank=bank.name,
        bic=bank.bic,
        issuer=house.settings.issuer,
    )
    opened = await statement.open_(
        db,
        statement=made,
        code=secrets.token_bytes(_CODE_BYTES),
        holder=holder,
        account=mine.account,
        lane=mine.lane,
        currency=KZT,
        period=period,
        letterhead=keys.seal(msgspec.json.encode(head), **_PLACE, row=made),
        at=now,
    )
    return await statement.issue(db, opened, actor=actor)


def letterhead(keys: Vault, made: Statement) -> Letterhead:
    """Open whose statement it is."""
    return msgspec.json.decode(keys.open(made.letterhead, **_PLACE, row=made.id), type=Letterhead)


async def _name(story: Story, house: House, holder: UUID) -> str:
    db = await story()
    try:
        found = await person.identified(db, house.keys.kms, holder, statutory_date(story.now))
    except person.NotIdentified:
        return ""
    return f"{found.given} {found.surname}".strip()
