"""What a holder let pass once: a purchase that was declined by their own choice, asked again at the same merchant.

route      app/http/mobile/card_allowances.py    POST /v1/card-payments/{id}/allowance
grants     cards/payments/allowance.py           grant()          <- you are here
passes     cards/payments/voices.py              Programme        by Allowances, in the batch that decides

It lifts what the purchase was declined for and nothing else (that country, that channel, over that network), for as
much as was asked then, and is used up by the approval. What the programme denies is no choice of the holder's.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables as cards_tables
from cards.payments import events, remedy, tables
from cards.payments.asking import Query, Rows
from cards.payments.decision import About, Question
from cards.payments.payment import Element, Payment
from cards.payments.reason import Reason
from law.money import Money
from proof import journal
from wallet import packed
from wallet.desk import Desk

LASTS = timedelta(hours=1)
#: The till has gone home: what was declined longer ago is bought anew.
DECLINED_WITHIN = timedelta(days=1)
#: A batch asks before it knows its hour, but not for another day (cards/payments/tray.py): none that counts is missing.
_HOURS = timedelta(days=1)


class NothingToAllow(Exception):
    """The payment was not declined lately, or not by its holder's own choice alone."""


class AllowedBefore(Exception):
    """The payment was allowed once already."""


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """`reasons` do not stand against a purchase of at most `amount` at `merchant` until then, once.

    For each of them `passing` has what passes: the country, the channel.
    """

    id: UUID
    holder: UUID
    card: UUID
    payment: UUID
    passing: Mapping[Reason, str]
    network: str
    merchant: str
    amount: Money
    granted_at: datetime
    expires_at: datetime

    @property
    def reasons(self) -> frozenset[Reason]:
        """Say what does not stand against it."""
        return frozenset(self.passing)


def offered(payment: Payment, *, at: datetime) -> tuple[Element, dict[str, str]]:
    """Say what was declined, and what each control would have to let pass; raises NothingToAllow."""
    declined = payment.elements[-1]
    allow = remedy.allowing(payment, declined) if declined.reasons else {}
    if not allow or declined.at < at - DECLINED_WITHIN:
        raise NothingToAllow
    return declined, allow


def allowance(made: UUID, holder: UUID, payment: Payment, declined: Element, *, at: datetime) -> Allowance:
    """Say what is let pass."""
    assert payment.card is not None, "a card was declined"
    asked = remedy.passes(payment.merchant, declined)
    return Allowance(
        id=made,
        holder=holder,
        card=payment.card,
        payment=payment.id,
        passing={reason: asked[remedy.CONTROLS[reason]] for reason in declined.reasons},
        network=payment.network,
        merchant=payment.merchant.id,
        amount=declined.amount,
        granted_at=at,
        expires_at=at + LASTS,
    )


async def grant(db: AsyncConnection, given: Allowance, *, actor: str) -> None:
    """Keep it; raises AllowedBefore."""
    values = {
        "id": given.id,
        "holder": given.holder,
        "card": given.card,
        "payment": given.payment,
        "reasons": sorted(given.passing),
        "passing": [given.passing[reason] for reason in sorted(given.passing)],
        "network": given.network,
        "merchant": given.merchant,
        "amount_minor": given.amount.minor,
        "currency": str(given.amount.currency),
        "granted_at": given.granted_at,
        "expires_at": given.expires_at,
    }
    try:
        await db.execute(insert(tables.allowance).values(values))
    except IntegrityError as error:
        if getattr(getattr(error.orig, "diag", None), "constraint_name", "") == "allowance_payment_key":
            raise AllowedBefore from error
        raise
    event = events.PaymentAllowed(
        payment=given.payment,
        card=given.card,
        amount_minor=given.amount.minor,
        currency=str(given.amount.currency),
        expires_at=given.expires_at,
    )
    fact = journal.Fact(aggregate=given.id, holder=given.holder, at=given.granted_at, actor=actor, event=event)
    await journal.append(db, cards_tables.event, fact)


class Allowances:
    """What may pass in one batch: each once, whatever else of the batch asks for it."""

    def __init__(self, rows: Rows) -> None:
        self._open = [_opened(*row) for row in rows]
        self._used: list[tuple[UUID, Question]] = []

    @staticmethod
    def asks(about: About) -> Query:
        """Ask which are open of the cards of a batch, and until when."""
        return Query(_OPEN, (packed.uuids(about.cards), about.now - _HOURS))

    def left(self, question: Question, found: Sequence[Reason]) -> tuple[Reason, ...]:
        """Give what of `found` still stands against a question."""
        passing = self._passing(question, found)
        return tuple(found) if passing is None else tuple(each for each in found if each not in passing.passing)

    def answered(self, question: Question, found: Iterable[Reason]) -> None:
        """Use up what an approval needed."""
        passing = self._passing(question, list(found))
        if passing is not None:
            self._open.remove(passing)
            self._used.append((passing.id, question))

    def write(self, desk: Desk) -> None:
        """Store what was used."""
        if self._used:
            used = packed.uuids([each for each, _ in self._used])
            by = packed.uuids([question.payment.id for _, question in self._used])
            at = packed.instants([question.now for _, question in self._used])
            desk.also(_USE, (used, by, at))

    def _passing(self, question: Question, found: Sequence[Reason]) -> "_Open | None":
        asked = question.asked
        if not found or asked.advice or asked.increment or asked.inquiry:
            return None
        return next((each for each in self._open if each.passes(question, found)), None)


class _Open(msgspec.Struct, frozen=True):
    id: UUID
    card: UUID
    network: str
    merchant: str
    amount_minor: int
    expires_at: datetime
    passing: Mapping[str, str]

    def passes(self, question: Question, found: Sequence[Reason]) -> bool:
        """Say whether nothing but what it lifts stands against a question that it is for."""
        asked = question.asked
        here = (self.card, self.network, self.merchant) == (question.card.id, asked.network, asked.merchant.id)
        if not here or asked.amount.minor > self.amount_minor or question.now >= self.expires_at:
            return False
        values = remedy.passes(asked.merchant, asked)
        return all(
            reason in self.passing and self.passing[reason] == values[remedy.CONTROLS[reason]] for reason in found
        )


def _opened(*row: Any) -> _Open:  # noqa: ANN401  what _OPEN selects
    *told, reasons, passing = row
    id_, card, network, merchant, amount_minor, expires_at = told
    return _Open(id_, card, network, merchant, amount_minor, expires_at, dict(zip(reasons, passing, strict=True)))


_OPEN = b"""
    SELECT id, card, network, merchant, amount_minor, expires_at, reasons, passing FROM cards.allowance
    WHERE card = ANY(%s::uuid[]) AND used_at IS NULL AND expires_at > %s::timestamptz ORDER BY id
"""
_USE = b"""
    UPDATE cards.allowance SET used_by = used.by, used_at = used.at
    FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS used (id, by, at) WHERE allowance.id = used.id
"""
