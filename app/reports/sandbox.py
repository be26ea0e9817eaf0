"""The sandbox report: the programme's people, cases, cards, payments and placements against the caps of its regime.

The forms of the National Bank are not public (Law on the National Bank, art. 51-5), so the measures are our own, and
DICTIONARY names their version: a measure whose meaning changes is a new version of it.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.reports import asof, sheet
from app.reports.asof import Place
from app.reports.sheet import Row, Sheet
from law import calendar
from law.regime import NoRegime, Programme, Regime

DICTIONARY = "sandbox/1"


class Report(msgspec.Struct, frozen=True):
    """The report as of `place`, under the regime of that day."""

    place: Place
    regime: Regime
    sheet: Sheet


async def report(db: AsyncConnection, as_of: datetime, programme: Programme) -> Report:
    """Make the report as of the aware instant `as_of`; raises asof.AsOfNotSettled, law.regime.NoRegime."""
    if as_of < calendar.day_starts(programme.regimes[0].begins):
        raise NoRegime(as_of.date())
    place = await asof.place(db, as_of)
    day = calendar.statutory_date(as_of)
    regime = programme.at(day)
    month = day.replace(day=1)
    bounds = {
        "position": place.position,
        "month_start": calendar.day_starts(month),
        "month_end": calendar.day_starts(calendar.add_months(month, 1)),
    }
    rows = [
        Row(measure=measure, cap=_cap(measure, regime), **_figure(found))
        for measure, statement in _MEASURES.items()
        for found in (await db.execute(text(statement), bounds)).mappings()
    ]
    return Report(place, regime, sheet.sheet(rows))


def _cap(measure: str, regime: Regime) -> int | None:
    """Answer what the regime allows of a measure at most, in its own unit: persons, cards, minor units."""
    turnover = regime.caps.turnover_month
    return {
        "residents.holding": regime.caps.customers,
        "cards.alive": regime.caps.cards,
        "card_payments.cleared_this_month": None if turnover is None else turnover.minor,
    }.get(measure)


def _figure(found: RowMapping) -> dict[str, Any]:
    """Take the row as it is; a sum of bigints comes as a numeric and is whole."""
    return {name: int(value) if isinstance(value, Decimal) else value for name, value in found.items()}


def _counted(*kinds: str) -> str:
    """Count the events of `kinds`, each kind for itself."""
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    return f"""
        SELECT kind AS key, count(*) AS count FROM app.feed
        WHERE position <= :position AND kind IN ({listed}) GROUP BY kind
    """  # noqa: S608  literals of this file


def _summed(kind: str, *, amount: str = "amount_minor", key: str = "''", where: str = "true") -> str:
    """Count the events of `kind` and add up an amount of their body, by currency and `key`."""
    return f"""
        SELECT {key} AS key, body->>'currency' AS currency, count(*) AS count,
               sum(CAST(body->>'{amount}' AS bigint)) AS amount_minor
        FROM app.feed WHERE position <= :position AND kind = '{kind}' AND {where} GROUP BY 1, 2
    """  # noqa: S608  literals of this file


# What was last said of each status and of each card.
_STATUS_NOW = """
    (SELECT DISTINCT ON (aggregate) kind FROM app.feed
     WHERE position <= :position
       AND kind IN ('status.assigned', 'status.suspended', 'status.restored', 'status.revoked')
       AND body->>'kind' = 'e_resident'
     ORDER BY aggregate, position DESC) AS status
"""
_CARD_NOW = """
    (SELECT DISTINCT ON (aggregate) kind FROM app.feed
     WHERE position <= :position
       AND kind IN ('card.ordered', 'card.activated', 'card.frozen', 'card.unfrozen', 'card.closed')
     ORDER BY aggregate, position DESC) AS card
"""
_THIS_MONTH = "at >= :month_start AND at < :month_end"

_MEASURES = {
    # Persons by the state of their status of electronic resident, and how many hold it (suspended ones too).
    "residents": f"""
        SELECT CASE kind WHEN 'status.revoked' THEN 'revoked' WHEN 'status.suspended' THEN 'suspended' ELSE 'active' END
               AS key, count(*) AS count
        FROM {_STATUS_NOW} GROUP BY 1
    """,  # noqa: S608  literals of this file
    "residents.holding": f"""
        SELECT count(*) AS count FROM {_STATUS_NOW} WHERE kind <> 'status.revoked'
    """,  # noqa: S608  literals of this file
    # Applications filed, decided, taken back and late.
    "cases": _counted(
        "application.submitted",
        "application.granted",
        "application.refused",
        "application.withdrawn",
        "application.overdue",
    ),
    "wallets": _counted("wallet.opened"),
    # Cards ever issued, by state now, and how many are not closed.
    "cards.issued": _counted("card.ordered"),
    "cards": f"""
        SELECT CASE kind WHEN 'card.ordered' THEN 'ordered' WHEN 'card.frozen' THEN 'frozen'
                         WHEN 'card.closed' THEN 'closed' ELSE 'active' END AS key, count(*) AS count
        FROM {_CARD_NOW} GROUP BY 1
    """,  # noqa: S608  literals of this file
    "cards.alive": f"""
        SELECT count(*) AS count FROM {_CARD_NOW} WHERE kind <> 'card.closed'
    """,  # noqa: S608  literals of this file
    # What merchants asked for: promised, refused by the first reason, taken, given up, never claimed.
    "card_payments.authorised": _summed("card_payment.authorised"),
    "card_payments.declined": _summed("card_payment.declined", key="body->'reasons'->>0"),
    "card_payments.cleared": _summed("card_payment.cleared"),
    "card_payments.cleared_short": _summed("card_payment.cleared", amount="short_minor"),
    "card_payments.cleared_this_month": _summed("card_payment.cleared", where=_THIS_MONTH),
    "card_payments.reversed": _summed("card_payment.reversed"),
    "card_payments.expired": _summed("card_payment.expired"),
    # Money from outside, by partner; and what could not be credited, by reason.
    "payments.credited": _summed("payment.credited", key="body->>'partner'"),
    "payments.suspended": _summed("payment.suspended", key="body->>'reason'"),
    # Deposits at partner banks, by partner.
    "placements.requested": _summed("placement.requested", amount="principal_minor", key="body->>'partner'"),
    "placements.booked": _summed("placement.booked", amount="principal_minor", key="body->>'partner'"),
    "placements.repaid": _summed("placement.repaid", amount="principal_minor", key="body->>'partner'"),
    "placements.interest": _summed("placement.repaid", amount="interest_minor", key="body->>'partner'"),
    "placements.rejected": """
        SELECT body->>'reason' AS key, count(*) AS count FROM app.feed
        WHERE position <= :position AND kind = 'placement.rejected' GROUP BY 1
    """,
    # Control total: every transfer of the ledger once, also where both of its sides are in the feed.
    "ledger": """
        SELECT kind || ' ' || (body->>'code') AS key, body->>'currency' AS currency, count(*) AS count,
               sum(CAST(body->>'amount_minor' AS bigint)) AS amount_minor
        FROM (SELECT DISTINCT ON (body->>'transfer') kind, body FROM app.feed
              WHERE position <= :position AND source = 'ledger' ORDER BY body->>'transfer', position) AS transfer
        GROUP BY 1, 2
    """,
}
