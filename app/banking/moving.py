"""Money between the wallet and one's own tenge account at a partner bank.

route      app/http/mobile/bank_accounts.py   POST /v1/bank-transfers
asks       app/banking/moving.py              move()     <- you are here
decides    app/banking/requesting.py          request()

Only the bank that issues the e-money can turn it into an account's money and back: it holds both.
"""

from typing import Literal
from uuid import UUID

from app import db as db_
from app import ids, vault
from app.auth import stepup
from app.auth.principal import Principal
from app.banking import bank_account, banks, booking, requesting, tariff
from app.banking.order import Kind, Order
from app.banking.requesting import Asked
from app.batch import Render, Reply
from app.house import House
from app.http import ids as public_ids
from app.idempotency_key import Claim
from law import calendar, rails
from law.money import KZT, Money
from law.rails import Rail
from wallet.limit import Operation

OPERATION = "bank_transfer.send"
Direction = Literal["to_account", "from_account"]


class NotOfIssuer(Exception):
    """The account is not a tenge account at the bank that issues the e-money: pay out to its IBAN instead."""


def shown(account: UUID, direction: Direction, money: Money) -> stepup.Shown:
    """Write down what the person confirms, but for the Idempotency-Key."""
    return {
        "bank_account_id": public_ids.show("bank_account", account),
        "direction": direction,
        "amount_minor": money.minor,
        "currency": str(money.currency),
    }


async def move(
    house: House,
    me: Principal,
    account: UUID,
    direction: Direction,
    money: Money,
    *,
    confirmation: stepup.Confirmation | None,
    claim: Claim,
    render: Render,
) -> Reply:
    """Move `money`; raises UnknownBankAccount, NotOpen, NotOfIssuer, NoWallet, NoBank."""
    home = await house.money.wallet(me.subject)
    async with db_.transaction(house.api, holder=me.subject, audience=me.role) as story:
        connection = await story()
        safe = await vault.of(connection, house.keys.kms, me.subject, story.now)
        found = await bank_account.require_open(connection, safe, me.subject, account)
        bank = await banks.issuing(connection, house.settings.issuing_bank)
        now = story.now
    if found.partner != bank.id or found.currency is not KZT:
        raise NotOfIssuer
    confirmed = await stepup.proven(
        house.step_ups,
        house.settings,
        me,
        operation=OPERATION,
        shown={**shown(account, direction, money), "idempotency_key": claim.key},
        confirmation=confirmation,
    )
    outwards = direction == "to_account"
    window = rails.window(Rail.IMPS, now)  # a book entry within one bank: as fast as the instant system
    new = Order(
        id=ids.new(),
        kind=Kind(direction),
        holder=me.subject,
        partner=bank.id,
        about=found.id,
        lane=home.lane,
        source=home.account if outwards else found.account,
        target=found.account if outwards else home.account,
        amount_minor=money.minor,
        currency=money.currency,
        fee_minor=tariff.fee("bank_transfer", money, calendar.statutory_date(now)).minor,
        operation=Operation.PAYOUT_OWN if outwards else Operation.RECEIVE,
        rail=window.rail,
        promised_from=window.earliest,
        promised_by=window.by,
        requested_at=now,
    )
    places = await booking.places(house, new, bank.code)
    item = Asked(order=new, places=places, confirmed=confirmed, actor=me.actor)
    return await requesting.submit(house, item, claim=claim, render=render)
