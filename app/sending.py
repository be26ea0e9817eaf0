"""A resident sends money to another one: confirmed with the passkey over payee and amount, to who may receive it.

route      app/http/mobile/transfers.py   POST /v1/transfers, POST /v1/transfers/bulk
asks       app/sending.py                 send()         <- you are here
decides    app/sending.py                 decide()
pays       app/payments/paying.py         Paying
moves      wallet/desk.py                 post()
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

import msgspec

from app import allowance, clock, ids
from app.allowance import Operation
from app.auth import confirmed, stepup
from app.auth.confirmed import Confirmations, Confirmed, Refusal
from app.auth.principal import Principal
from app.batch import Render, Reply, naming
from app.house import House
from app.http import ids as public_ids
from app.idempotency_key import Claim
from app.payments import note, paying
from app.payments.note import Note, Words
from app.payments.payee import BadReference, Payee
from app.payments.paying import Paying
from law.money import KZT, Money
from proof import canonical
from wallet.desk import Desk
from wallet.ledger import Question
from wallet.transfer import AccountId, Post, Posted, TransferId

#: What the passkey signs for: one transfer to a wallet, one to a payee confirmed by name, or a list of them.
ONE, NAMED, MANY = "transfer.send", "transfer.send_named", "transfer.send_many"


Answer = paying.Answer | Refusal | BadReference


class Payment(NamedTuple):
    """What goes to whom; `named` is the payee as it was confirmed to the payer, until `named_until`."""

    payee: AccountId
    money: Money
    named: Payee | None = None
    named_until: datetime | None = None
    words: Words = Words()


class Sending(msgspec.Struct, frozen=True):
    """A transfer that a resident asks for, and what they confirmed. Transfers of one request share the confirmation."""

    post: Post
    confirmed: Confirmed | BadReference
    notes: list[Note] = []


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
    proof: Confirmed | BadReference = await stepup.proven(
        house.step_ups,
        house.settings,
        me,
        operation=operation,
        shown=shown(operation, payments, claim.key),
        confirmation=confirmation,
    )
    # A value like the others: a repeat of what was sent in time gets the first answer, however late it comes.
    if any(each.named_until is not None and each.named_until < clock.real() for each in payments):
        proof = BadReference()
    asked = [_sending(house, me, home.account, payment, proof) for payment in payments]
    lanes = await house.money.lanes(payment.payee for payment in payments) | {home.lane}
    return await house.money.submit(decide, asked, lanes=sorted(lanes), claim=claim, render=render)


def _sending(
    house: House, me: Principal, home: AccountId, payment: Payment, proof: Confirmed | BadReference
) -> Sending:
    transfer = TransferId(ids.new())
    post = Post(id=transfer, debit=home, credit=payment.payee, money=payment.money, code="transfer")
    return Sending(post, proof, note.seal(house.keys.kms, transfer, payment.words, holder=me.subject))


def shown(operation: str, payments: Sequence[Payment], key: str) -> stepup.Shown:
    """Write down what the person confirms, for the request with this Idempotency-Key.

    Of a payee confirmed by name: that name, and by what they were found. Of a list: how many, the sum in tenge, and the
    hash of who gets what (RTS 2018/389 art. 5(3)(b)); what is not tenge can't be sent, so it is in no sum.
    """
    lines = [_line(payment) for payment in payments]
    if operation == ONE:
        return {**lines[0], "idempotency_key": key}
    if operation == NAMED:
        named = payments[0].named
        assert named is not None, "the operation is for a payee who was looked up"
        return {**lines[0], "name": named.name, "address": named.address, "idempotency_key": key}
    return {
        "transfers": len(payments),
        "amount_minor": sum(payment.money.minor for payment in payments if payment.money.currency == KZT),
        "currency": str(KZT),
        "transfers_sha256": sha256(canonical.dumps([{**line} for line in lines])).hexdigest(),
        "idempotency_key": key,
    }


def _line(payment: Payment) -> dict[str, str | int]:
    payee, money = payment.payee, payment.money
    return {"payee": public_ids.show("wallet", payee), "amount_minor": money.minor, "currency": str(money.currency)}


def _named(asked: Sequence[Sending]) -> Iterator[UUID]:
    for each in asked:
        yield each.post.debit
        yield each.post.credit


def _asked(asked: Sequence[Sending]) -> Iterator[Question]:
    yield from confirmed.questions(_confirmed(asked))
    sides = ((each.post.debit, Operation.TRANSFER) for each in asked)
    yield allowance.question(itertools.chain(sides, ((each.post.credit, Operation.RECEIVE) for each in asked)))


def _confirmed(asked: Iterable[Sending]) -> Iterator[Confirmed]:
    return (each.confirmed for each in asked if not isinstance(each.confirmed, BadReference))


@naming(_named, _asked)
async def decide(desk: Desk, asked: Sequence[Sending]) -> Sequence[Answer]:
    """Decide what residents send each other, one after the other: a verb for app/batch.py."""
    confirmations = await Confirmations.load(desk.db, _confirmed(asked), desk.heard)
    payments = await Paying.load(desk, (each.post for each in asked))
    answers = [_decide(confirmations, payments, each) for each in asked]
    payments.write()
    await confirmations.write()
    kept = [
        msgspec.structs.replace(written, reader=desk.holder(each.post.credit))
        for each, answer in zip(asked, answers, strict=True)
        if isinstance(answer, Posted)
        for written in each.notes
    ]
    await note.store(desk.db, kept, desk.now)
    return answers


def _decide(confirmations: Confirmations, payments: Paying, asked: Sending) -> Answer:
    proof = asked.confirmed
    if isinstance(proof, BadReference):
        return proof
    if (refusal := confirmations.claim(proof)) is not None:
        return refusal
    answer = payments.pay(asked.post)
    if isinstance(answer, Posted):
        confirmations.use(proof)
    return answer
