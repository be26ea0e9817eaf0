"""What is due at an instant and not done yet: one line for each kind of row the worker takes.

Asked of the worker's role, which sees the relay's queue.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: Kind of work → where its rows wait at :now. What runs by the clock alone (lists, clean-ups) has none.
WORK = {
    "relay": "(SELECT seq FROM app.outbox UNION ALL SELECT generate_series(relayed + 1, seq) FROM wallet.lane) AS row",
    "monitoring": "(SELECT resident FROM kyc.screened WHERE stale UNION ALL SELECT id FROM kyc.cohort"
    " WHERE edition < (SELECT max(number) FROM kyc.list_edition)) AS row WHERE EXISTS (SELECT FROM kyc.list_edition)",
    "measures": "kyc.alert WHERE until <= :now OR (grave AND state = 'open' AND NOT measured)",
    "risk": "kyc.risk_profile WHERE due_at <= :now",
    "identity_reviews": "kyc.risk_profile WHERE review_at <= :now",
    "risk_backtests": "kyc.risk_backtest WHERE due_at <= :now",
    "risk_sealing": "(SELECT id FROM kyc.assessment WHERE unsealed IS NOT NULL"
    " UNION ALL SELECT id FROM kyc.declaration WHERE unsealed IS NOT NULL) AS row",
    "pipeline": "residency.application WHERE due_at <= :now",
    "identity_cases": "kyc.case WHERE answer_by <= :now",
    "credentials": "credential.credential WHERE due_at <= now() AND state IN ('active', 'superseded')",
    "exports": "app.export WHERE due_at <= :now",
    "statements": "(SELECT id FROM wallet.statement WHERE due_at <= :now"
    " UNION ALL SELECT id FROM wallet.document WHERE due_at <= :now) AS row",
    "issuance_log": "credential.log_waiting WHERE at <= CAST(:now AS timestamptz) - interval '1 minute'",
    "endings": "app.closure WHERE due_at <= :now",
    "disputes": "(SELECT id FROM cards.dispute WHERE closed_at IS NULL"
    " AND least(due_at, remind_at, credit_due_at, take_back_at) <= :now UNION ALL SELECT dispute.id FROM cards.dispute"
    " JOIN wallet.account ON account.lane = dispute.lane AND account.id = dispute.account"
    " WHERE owed_minor > 0 AND posted - hold_out > coalesce(floor, 0)) AS row",
    "dispute_errands": "cards.dispute_errand WHERE due_at <= now()",
    "settlement": "cards.settlement_file WHERE due_at <= :now",
    "card_expiry": "cards.promise WHERE due_at <= :now",
    "card_recovery": "cards.loan WHERE due_at <= :now",
    "card_matching": "cards.loose WHERE due_at <= :now",
    "card_backtests": "cards.backtest WHERE due_at <= :now",
    "card_holders": "cards.verification WHERE due_at <= :now",
    "card_terms": "cards.term WHERE renew_at <= :now OR ends_at <= :now",
    "card_campaigns": "cards.campaign WHERE due_at <= :now",
    "standing_orders": "app.standing_order WHERE due_at <= :now",
    "payment_lists": "app.payment_list WHERE due_at <= :now",
    "money_requests": "app.money_request WHERE due_at <= :now OR told < version",
    "hold_expiry": "wallet.hold WHERE remaining > 0 AND expires_at <= :now",
    "reviews": "app.restriction WHERE due_at <= :now",
    # What goes on between us and partners is retried by the machine's clock, not by the installation's.
    "inbox": "app.inbox WHERE due_at <= now()",
    "placements": "invest.placement WHERE due_at <= now() OR (due_at IS NULL AND state = 'booked'"
    " AND matures_on < (CAST(:now AS timestamptz) AT TIME ZONE 'Asia/Almaty')::date)",
    "bank_orders": "app.bank_order WHERE due_at <= now()",
    "deliveries": "app.delivery JOIN app.subscription ON subscription.id = delivery.subscription"
    " WHERE active AND due_at <= now() AND NOT EXISTS (SELECT 1 FROM app.delivery AS earlier WHERE earlier.due_at"
    " IS NOT NULL AND earlier.subscription = delivery.subscription AND earlier.aggregate = delivery.aggregate"
    " AND earlier.sequence < delivery.sequence)",
}
#: What is asked of others who may not answer for long: it waits there like the rest, but holds nobody up.
ASKED = {
    "messages": "app.message WHERE due_at <= now()",
    "exposure": "kyc.exposure WHERE due_at <= now()",
    "foreign_lists": "credential.foreign_list WHERE due_at <= now()",
    "wallet_lists": "app.wallet_status_list WHERE due_at <= now()",
    "attestations": "app.attestation WHERE due_at <= now()",
    "files": "kyc.file WHERE due_at <= now()",
    "faces": "kyc.face_session WHERE due_at <= now()",
    "card_commands": "(SELECT FROM cards.command WHERE due_at <= now()"
    " UNION ALL SELECT FROM cards.processor_reference WHERE due_at <= now()) AS row",
    "stripe_events": "cards.processor_event WHERE due_at <= now()",
}

_COUNTS = text(
    " UNION ALL ".join(
        f"SELECT '{name}' AS name, (SELECT count(*) FROM {rows}) AS rows"  # noqa: S608  literals of this file
        for name, rows in WORK.items()
    )
)
_SOME = text(
    " UNION ALL ".join(
        f"SELECT '{name}' AS name WHERE EXISTS (SELECT FROM {rows})"  # noqa: S608  literals of this file
        for name, rows in (WORK | ASKED).items()
    )
)


async def waiting(db: AsyncConnection, now: datetime) -> dict[str, int]:
    """Count the rows due at `now`, by kind of work."""
    return {row.name: row.rows for row in await db.execute(_COUNTS, {"now": now})}


async def kinds(db: AsyncConnection, now: datetime) -> Sequence[str]:
    """Name the kinds of work of which any row is due at `now`."""
    return list(await db.scalars(_SOME, {"now": now}))
