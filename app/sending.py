"""A resident sends money to another one: confirmed with the passkey over payee and amount, to who may receive it.

route      app/http/mobile/wallet.py   POST /v1/transfers, POST /v1/transfers/bulk
asks       app/sending.py              send()         <- you are here
decides    app/sending.py              decide()
moves      wallet/desk.py              post()

A wallet whose owner is no e-resident any more can only be emptied: its owner sends, nobody sends to it (ADR 10).
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec

from app import ids, standing
from app.auth import stepup
from app.auth.confirmed import Confirmations, Confirmed, Refusal
from app.auth.principal import Principal
from app.batch import Render, Reply
from app.house import House
from app.http import ids as public_ids
from app.idempotency_key import Claim
from app.standing import PayeeUnavailable
from law.money import KZT, Money
from proof import canonical
from wallet.desk import Desk
from wallet.transfer import AccountId, Post, Posted, Reason, Refused, TransferId

#: What the passkey signs for: one transfer, or a list of them.
ONE, MANY = "transfer.send", "transfer.send_many"


Answer = Posted | Refused | PayeeUnavailable | Refusal


class Payment(NamedTuple):
    """What goes to whom."""

    payee: AccountId
    money: Money


class Sending(msgspec.Struct, frozen=True):
    """A transfer that a resident asks for, and what they confirmed. Transfers of one request share the confirmation."""

    post: Post
    confirmed: Confirmed


async def send(
    house: House,
    me: Principal,
    payments: Sequence[Payment],
    *,
    operation: str,
    confirmation: stepup.Confirmation | None,
    claim: Claim,
    render: Render,
) -> Reply:
    """Send `payments` from the wallet of `me`, confirmed as `operation`; `render` gets the Answer to each."""
    home = await house.money.wallet(me.subject)
    confirmed = await stepup.proven(
        house.api,
        house.settings,
        me,
        operation=operation,
        shown=shown(operation, payments, claim.key),
        confirmation=confirmation,
    )
    asked = [
        Sending(
            Post(
                id=TransferId(ids.new()), debit=home.account, credit=payment.payee, money=payment.money, code="transfer"
            ),
            confirmed,
        )
        for payment in payments
    ]
    return await house.money.submit(decide, asked, lanes=[home.lane], claim=claim, render=render)


def shown(operation: str, payments: Sequence[Payment], key: str) -> stepup.Shown:
    """Write down what the person confirms, for the request with this Idempotency-Key.

    Of a list: how many, the sum in tenge, and the hash of who gets what (RTS 2018/389 art. 5(3)(b)); what is not tenge
    can't be sent, so it is in no sum.
    """
    lines = [_line(payment) for payment in payments]
    if operation == ONE:
        return {**lines[0], "idempotency_key": key}
    return {
        "transfers": len(payments),
        "amount_minor": sum(payment.money.minor for payment in payments if payment.money.currency == KZT),
        "currency": str(KZT),
        "transfers_sha256": sha256(canonical.dumps([{**line} for line in lines])).hexdigest(),
        "idempotency_key": key,
    }


def _line(payment: Payment) -> dict[str, str | int]:
    payee, money = payment
    return {"payee": public_ids.show("wallet", payee), "amount_minor": money.minor, "currency": str(money.currency)}


async def decide(desk: Desk, asked: Sequence[Sending]) -> Sequence[Answer]:
    """Decide what residents send each other, one after the other: a verb for app/batch.py."""
    confirmations = await Confirmations.load(desk.db, (each.confirmed for each in asked))
    await desk.load(side for each in asked for side in (each.post.debit, each.post.credit))
    open_to = await _open_to(desk, {each.post.credit for each in asked})
    answers = [_decide(desk, confirmations, each, open_to) for each in asked]
    await confirmations.write()
    return answers


def _decide(desk: Desk, confirmations: Confirmations, asked: Sending, open_to: set[AccountId]) -> Answer:
    post = asked.post
    if (refusal := confirmations.claim(asked.confirmed)) is not None:
        return refusal
    if desk.holder(post.credit) is None:  # nobody's, or the operator's, which is no address
        return Refused(Reason.UNKNOWN_ACCOUNT)
    if post.credit not in open_to:
        return PayeeUnavailable()
    answer = desk.post(post)
    if isinstance(answer, Posted):
        confirmations.use(asked.confirmed)
    return answer


async def _open_to(desk: Desk, payees: Iterable[AccountId]) -> set[AccountId]:
    """Find the wallets whose owners may receive: e-residents, now."""
    holders = {payee: holder for payee in payees if (holder := desk.holder(payee)) is not None}
    residents = await standing.e_residents(desk.db, set(holders.values()))
    return {payee for payee, holder in holders.items() if holder in residents}
