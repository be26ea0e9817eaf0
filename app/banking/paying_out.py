"""A pay-out to a bank account: what it costs, when it is there, what the passkey signs for, and the order it becomes.

route      app/http/mobile/payouts.py        POST /v1/payouts
asks       app/banking/paying_out.py         pay_out()     <- you are here
decides    app/banking/requesting.py         request()
"""

from datetime import datetime
from uuid import UUID

import msgspec

from app import db as db_
from app import ids, vault
from app.auth import stepup
from app.auth.principal import Principal
from app.banking import banks, beneficiary, booking, requesting, tariff
from app.banking.beneficiary import Beneficiary, NameDiffers
from app.banking.order import Kind, Order
from app.banking.requesting import Asked
from app.batch import Render, Reply
from app.house import House
from app.http import ids as public_ids
from app.idempotency_key import Claim
from law import calendar, rails
from law.money import Money
from law.rails import Window
from wallet.limit import Operation

OPERATION = "payout.send"


class Terms(msgspec.Struct, frozen=True):
    """What a pay-out costs and when it is there."""

    money: Money
    fee: Money
    window: Window


def terms(payee: Beneficiary, money: Money, now: datetime) -> Terms:
    """Say what paying `money` to `payee` takes, if it is confirmed `now`."""
    rail = rails.choose(money.minor, now)
    service = tariff.payout(rail, own=is_own(payee))
    return Terms(money, tariff.fee(service, money, calendar.statutory_date(now)), rails.window(rail, now))


def is_own(payee: Beneficiary) -> bool:
    """Say whether the account is in the caller's own name, as the bank confirmed."""
    return payee.own and payee.named == "match"


def shown(payee: Beneficiary, asked: Terms) -> stepup.Shown:
    """Write down what the person confirms, but for the Idempotency-Key."""
    return {
        "payee": payee.details.name,
        "iban": payee.details.iban,
        "beneficiary_id": public_ids.show("beneficiary", payee.id),
        "amount_minor": asked.money.minor,
        "currency": str(asked.money.currency),
        "fee_minor": asked.fee.minor,
    }


async def pay_out(
    house: House,
    me: Principal,
    to: UUID,
    money: Money,
    *,
    confirmation: stepup.Confirmation | None,
    claim: Claim,
    render: Render,
) -> Reply:
    """Pay `money` out to the beneficiary `to`; raises UnknownBeneficiary, NameDiffers, NoWallet, NoBank."""
    home = await house.money.wallet(me.subject)
    async with db_.transaction(house.api, holder=me.subject, audience=me.role) as story:
        connection = await story()
        safe = await vault.of(connection, house.keys.kms, me.subject, story.now)
        payee = await beneficiary.find(connection, safe, me.subject, to)
        bank = await banks.issuing(connection, house.settings.issuing_bank)
        now = story.now
    if payee.named == "differs":
        raise NameDiffers
    asked = terms(payee, money, now)
    confirmed = await stepup.proven(
        house.step_ups,
        house.settings,
        me,
        operation=OPERATION,
        shown={**shown(payee, asked), "idempotency_key": claim.key},
        confirmation=confirmation,
    )
    new = Order(
        id=ids.new(),
        kind=Kind.PAYOUT,
        holder=me.subject,
        partner=bank.id,
        about=payee.id,
        lane=home.lane,
        source=home.account,
        amount_minor=money.minor,
        currency=money.currency,
        fee_minor=asked.fee.minor,
        operation=Operation.PAYOUT_OWN if is_own(payee) else Operation.PAYOUT,
        rail=asked.window.rail,
        promised_from=asked.window.earliest,
        promised_by=asked.window.by,
        requested_at=now,
    )
    places = await booking.places(house, new, bank.code)
    item = Asked(order=new, places=places, confirmed=confirmed, actor=me.actor)
    return await requesting.submit(house, item, claim=claim, render=render)
