"""What rules found, and why a question was answered as it was: read by officers, never by whom it is about.

shows    app/http/officer/card_rules.py        GET /v1/officer/card-rule-versions/{id}/results
shows    app/http/officer/card_decisions.py    GET /v1/officer/card-payments/{id}/decisions
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.payments.reason import Reason
from cards.rules.condition import Because


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a rule applied to the element `number` of a payment; in the shadow it changed nothing."""

    version: UUID
    rule: str
    rule_version: int
    payment: UUID
    number: int
    shadow: bool
    action: str
    approved: bool
    minor: int
    because: tuple[Because, ...]
    at: datetime


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, with what was asked (`minor`) and what was known then.

    `reasons` are all that were found, the public one first; `rules` those that applied, in force or in the shadow.
    """

    payment: UUID
    number: int
    card: UUID
    holder: UUID
    at: datetime
    approved: bool
    minor: int
    currency: str
    reasons: tuple[Reason, ...]
    request: dict[str, Any]
    features: dict[str, Any]
    rules: tuple[Result, ...]


class UnknownPayment(Exception):
    """There is no such payment."""


async def page(
    db: AsyncConnection, version: UUID, *, before: tuple[datetime, UUID, int] | None, limit: int
) -> list[Result]:
    """List where a version applied, the latest first, from before a place (at, payment, number)."""
    at, payment, number = before or (None, None, None)
    asked = {"version": version, "at": at, "payment": payment, "number": number, "limit": limit}
    return [_result(row) for row in await db.execute(_PAGE, asked)]


async def decisions(db: AsyncConnection, payment: UUID) -> list[Decided]:
    """Read every decision about a payment, the first one first; raises UnknownPayment.

    Of what was taken or promised in our place before anybody asked there is none.
    """
    rows = (await db.execute(_DECISIONS, {"payment": payment})).all()
    if not rows and not await db.scalar(_KNOWN, {"payment": payment}):
        raise UnknownPayment
    found = [_result(row) for row in await db.execute(_OF_PAYMENT, {"payment": payment})]
    return [
        Decided(
            payment=payment,
            number=row.number,
            card=row.card,
            holder=row.holder,
            at=row.at,
            approved=row.approved,
            minor=row.amount_minor,
            currency=row.currency,
            reasons=tuple(Reason(reason) for reason in row.reasons),
            request=row.request,
            features=row.features,
            rules=tuple(result for result in found if result.number == row.number),
        )
        for row in rows
    ]


def _result(row: Row[Any]) -> Result:
    because = msgspec.convert(row.because, tuple[Because, ...])
    return Result(**{**row._mapping, "because": because})  # noqa: SLF001  SQLAlchemy's public name of a row's mapping


_RESULT = """
SELECT rule_result.version, rule_version.name AS rule, rule_version.version AS rule_version, payment, number, shadow,
       rule_result.action, approved, minor, because, at
FROM cards.rule_result JOIN cards.rule_version ON rule_version.id = rule_result.version
"""
_PAGE = text(
    f"""
    {_RESULT} WHERE rule_result.version = :version AND (
        CAST(:at AS timestamptz) IS NULL
        OR (at, payment, number) < (CAST(:at AS timestamptz), CAST(:payment AS uuid), CAST(:number AS integer))
    )
    ORDER BY at DESC, payment DESC, number DESC LIMIT :limit
    """
)
# In whatever lane it is: there are few, and the key begins with it.
_LANES = "lane = ANY (ARRAY(SELECT lane FROM wallet.lane))"
_OF_PAYMENT = text(
    f"""
    {_RESULT} WHERE rule_result.{_LANES} AND payment = :payment
    ORDER BY number, rule_version.name, rule_version.version
    """
)
_KNOWN = text(f"SELECT EXISTS (SELECT FROM cards.payment WHERE {_LANES} AND id = :payment)")  # noqa: S608  as below
_DECISIONS = text(
    f"""
    SELECT number, card, holder, at, approved, amount_minor, currency, reasons, request, features FROM cards.decision
    WHERE {_LANES} AND payment = :payment ORDER BY number
    """  # noqa: S608  a literal of this module
)
