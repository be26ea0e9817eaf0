"""Is the money there? Each day, per bank: what we owe against what the bank's statement says it keeps for us.

reads      app/banking/bank_statement.py   what the bank says
compares   app/banking/safeguarding.py     check()      <- you are here, a step of the worker
shows      GET /v1/regulator/safeguarding, GET /v1/officer/safeguarding

    books       what the bank should have by our ledger: its mirror, less what it holds as deposits
    statement   what it says it has
    items       why the two differ, each by name: money the bank moved that we have not booked, or the other way round;
                one whose order is under way or which is of the last days is explained, any other is not

By double entry `books` is what we owe: every wallet, what waits in suspense or for networks and banks, and fees, less
what only a demo installation has, play money. `owed` lists it by purpose. The result is a function of the ledger up to
the end of the day (each lane's last transfer is named) and of statements, so it comes out the same whenever it is made;
it is signed like an anchor. When a statement arrives late, the day is compared again, as the next number.
"""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import anchor, db
from app import tables as app_tables
from app.banking import tables
from app.banking.events import SafeguardingChecked
from app.house import House
from law import calendar
from proof import canonical, journal

TYP = "safeguarding+jws"
#: A payment the bank booked in a day's last moments is in our books the day after; banks rest on weekends.
IN_TRANSIT = timedelta(days=4)
#: How long after the end of a day the bank may take for its statement, before that is an alarm.
STATEMENT_WITHIN = timedelta(hours=12)
_DAYS_BACK = 7

Outcome = Literal["agrees", "explained", "differs", "no_statement"]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One difference, in tiyn: `books` is what our ledger moved under `reference`, `bank` what the bank did."""

    reference: str
    books_minor: int
    bank_minor: int
    since: date
    why: str

    @property
    def minor(self) -> int:
        """By how much the bank has more than our books say."""
        return self.bank_minor - self.books_minor


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A day of a bank. `statement_minor` is None while there is no statement."""

    bank: str
    day: date
    no: int
    outcome: Outcome
    heads: dict[str, int]
    owed: dict[str, int]
    books_minor: int
    statement_minor: int | None
    items: Sequence[Item]
    unexplained_minor: int


#: Why an item is, where that is an answer. The rest are for somebody to look into.
EXPLAINED = frozenset({"order_under_way", "not_booked_by_us_yet", "not_booked_by_bank_yet"})


async def step(house: House) -> int:
    """Compare the days that are over and were not compared with what is known now; answers how many."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        if (await connection.execute(_LEASE)).one_or_none() is None:
            return 0
        await connection.execute(_PATIENCE)
        today = calendar.statutory_date(story.now)
        waited = calendar.statutory_date(story.now - STATEMENT_WITHIN)
        due = (
            await connection.execute(
                _DUE, {"first": today - timedelta(days=_DAYS_BACK), "today": today, "waited": waited}
            )
        ).all()
        for row in due:
            await _make(connection, house, row, story.now)
    return len(due)


async def _make(connection: AsyncConnection, house: House, row: Row[Any], at: datetime) -> None:
    result = await check(connection, row.partner, row.code, row.day, row.no)
    statement = stated(result, house.settings.issuer)
    jws = anchor.sign(house.keys.audit.current(), statement, typ=TYP)
    digest = hashlib.sha256(canonical.dumps(statement)).digest()
    await connection.execute(
        insert(tables.safeguarding).values(
            partner=row.partner,
            day=row.day,
            no=row.no,
            outcome=result.outcome,
            books_minor=result.books_minor,
            statement_minor=result.statement_minor,
            unexplained_minor=result.unexplained_minor,
            sha256=digest,
            jws=jws,
            at=at,
        )
    )
    event = SafeguardingChecked(row.partner, row.day, result.outcome, result.unexplained_minor, digest.hex())
    fact = journal.Fact(aggregate=row.partner, at=at, actor="system", event=event)
    await journal.append(connection, app_tables.event, fact)


async def check(
    connection: AsyncConnection, bank: UUID, code: str, day: date, no: int, *, heads: dict[str, int] | None = None
) -> Result:
    """Compare a day of a bank; with the `heads` of an earlier result it is that result, whatever happened since."""
    ends = calendar.day_starts(day + timedelta(days=1))
    known = heads if heads is not None else await _heads(connection, ends)
    upto = {
        "lanes": [int(lane) for lane in known],
        "seqs": list(known.values()),
        "code": code,
        "bank": bank,
        "day": day,
    }
    balances = {(row.purpose, row.label): row.minor for row in await connection.execute(_BALANCES, upto)}
    books = -sum(minor for (purpose, label), minor in balances.items() if label == code and purpose in _AT_BANK)
    said = (await connection.execute(_STATEMENT, {"bank": bank, "day": day})).one_or_none()
    items = (
        [] if said is None else [_item(row, day) for row in await connection.execute(_ITEMS, {**upto, "ends": ends})]
    )
    closing = None if said is None else int(said.closing_minor)
    rest = 0 if closing is None else closing - books - sum(item.minor for item in items)
    if rest:
        # The statements we have don't lead from one to the next: a day is missing, or balances were changed.
        items.append(Item(reference="", books_minor=0, bank_minor=rest, since=day, why="statements_do_not_connect"))
    unexplained = sum(abs(item.minor) for item in items if item.why not in EXPLAINED)
    outcome: Outcome = (
        "no_statement" if closing is None else "differs" if unexplained else "explained" if items else "agrees"
    )
    return Result(
        bank=code,
        day=day,
        no=no,
        outcome=outcome,
        heads=known,
        owed=_owed(balances),
        books_minor=books,
        statement_minor=closing,
        items=items,
        unexplained_minor=unexplained,
    )


def stated(result: Result, issuer: str) -> dict[str, Any]:
    """Write a result as it is signed: canonical, and the same for the same facts."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(result))
    return {"iss": issuer, **plain}


def _owed(balances: dict[tuple[str, str], int]) -> dict[str, int]:
    owed: dict[str, int] = {}
    for (purpose, _), minor in sorted(balances.items()):
        if purpose not in _AT_BANK and minor:
            owed[purpose] = owed.get(purpose, 0) + minor
    return owed


def _item(row: Row[Any], day: date) -> Item:
    """Say why the two sides moved another amount under one reference."""
    if row.under_way:
        why = "order_under_way"
    elif day - row.since >= IN_TRANSIT:
        why = "never_booked_by_us" if not row.books else "never_booked_by_bank" if not row.bank else "another_amount"
    elif row.books and row.bank:
        why = "another_amount"
    else:
        why = "not_booked_by_us_yet" if not row.books else "not_booked_by_bank_yet"
    return Item(reference=row.reference, books_minor=row.books, bank_minor=row.bank, since=row.since, why=why)


async def _heads(connection: AsyncConnection, ends: datetime) -> dict[str, int]:
    rows = await connection.execute(_HEADS, {"ends": ends})
    return {str(row.lane): row.seq for row in rows}


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A result as it was signed."""

    partner: UUID
    day: date
    no: int
    outcome: Outcome
    sha256: bytes
    jws: str
    at: datetime


async def listed(connection: AsyncConnection, *, alarms: bool, limit: int) -> list[Kept]:
    """List the latest result of each day and bank, newest first; only those that are an alarm where `alarms` is set."""
    rows = await connection.execute(_LATEST, {"alarms": alarms, "limit": limit})
    return [Kept(**row._asdict()) for row in rows]


_AT_BANK = frozenset({"bank", "safeguarding", "invest_settlement"})
_LEASE = text("SELECT name FROM app.lease WHERE name = 'safeguarding' FOR UPDATE SKIP LOCKED")
# What a bank ever moved is compared with what we did, reference by reference: some 20 seconds for a million of them.
_PATIENCE = text("SET LOCAL statement_timeout = '15min'")
# A day is compared when its statement is there, or when the bank has had its time; again when one arrives, at any time.
# Days go on from the last one that was compared, so that a worker that was away for long leaves none out.
_DUE = text(
    """
    SELECT partner.id AS partner, partner.code, days.day::date AS day, coalesce(made.no, 0) + 1 AS no
    FROM app.partner
    CROSS JOIN LATERAL (
        SELECT generate_series(
            least(CAST(:first AS date), max(day) + 1), CAST(:today AS date) - 1, interval '1 day'
        )::date AS day FROM app.safeguarding WHERE safeguarding.partner = partner.id
        UNION
        SELECT day FROM app.safeguarding WHERE safeguarding.partner = partner.id AND outcome = 'no_statement'
    ) AS days
    LEFT JOIN LATERAL (
        SELECT no, outcome FROM app.safeguarding
        WHERE safeguarding.partner = partner.id AND safeguarding.day = days.day::date ORDER BY no DESC LIMIT 1
    ) AS made ON true
    CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM app.bank_statement AS said
            WHERE said.partner = partner.id AND said.day = days.day::date AND said.currency = 'KZT'
        ) AS there
    ) AS said
    WHERE partner.kind = 'bank'
      AND EXISTS (SELECT FROM wallet.account WHERE purpose = 'bank' AND label = partner.code)
      AND ((made.no IS NULL AND (said.there OR days.day::date < CAST(:waited AS date)))
           OR (made.outcome = 'no_statement' AND said.there))
      AND partner.enrolled_at < (days.day::date + 1)::timestamp AT TIME ZONE 'Asia/Almaty'
    ORDER BY days.day, partner.id
    """
)
_HEADS = text(
    """
    SELECT lane.lane, coalesce((
        SELECT max(seq) FROM wallet.transfer WHERE transfer.lane = lane.lane AND transfer.at < :ends
    ), 0) AS seq
    FROM wallet.lane ORDER BY lane
    """
)
_SIDE = """
    SELECT id, reference, at, {sign}amount AS minor FROM wallet.transfer
    WHERE transfer.lane = head.lane AND {side} = mirror.id AND transfer.seq <= head.seq
      AND transfer.kind IN ('post', 'capture', 'reversal')
"""
# What there is now, less what moved since: as many transfers as there were since the day, however long the ledger is.
_BALANCES = text(
    """
    WITH head AS (
        SELECT * FROM unnest(CAST(:lanes AS integer[]), CAST(:seqs AS bigint[])) AS head (lane, seq)
    ), part AS (
        SELECT account.lane, account.id, account.posted AS minor FROM head JOIN wallet.account USING (lane)
        UNION ALL
        SELECT side.lane, side.account, -side.minor
        FROM head JOIN wallet.transfer ON transfer.lane = head.lane AND transfer.seq > head.seq
        CROSS JOIN LATERAL (
            VALUES (transfer.lane, transfer.debit, -transfer.amount), (transfer.lane, transfer.credit, transfer.amount)
        ) AS side (lane, account, minor)
        WHERE transfer.kind IN ('post', 'capture', 'reversal')
    )
    SELECT account.purpose, CASE WHEN account.holder IS NULL THEN account.label ELSE '' END AS label,
           sum(part.minor)::bigint AS minor
    FROM part JOIN wallet.account ON account.lane = part.lane AND account.id = part.id
    WHERE account.currency = 'KZT' GROUP BY 1, 2
    """
)
_STATEMENT = text(
    "SELECT closing_minor FROM app.bank_statement WHERE partner = :bank AND day = :day AND currency = 'KZT'"
)
_ITEMS = text(
    f"""
    WITH ours AS (
        SELECT coalesce(payment.payment_id, leg.reference) AS reference, sum(leg.minor)::bigint AS minor,
               min((leg.at AT TIME ZONE 'Asia/Almaty')::date) AS since
        FROM unnest(CAST(:lanes AS integer[]), CAST(:seqs AS bigint[])) AS head (lane, seq)
        JOIN wallet.account AS mirror ON mirror.lane = head.lane AND mirror.label = :code AND mirror.currency = 'KZT'
             AND mirror.holder IS NULL AND mirror.purpose IN ('bank', 'safeguarding', 'invest_settlement')
        CROSS JOIN LATERAL ({_SIDE.format(side="debit", sign="")}
                            UNION ALL {_SIDE.format(side="credit", sign="-")}) AS leg
        LEFT JOIN app.partner_payment AS payment ON payment.transfer = leg.id
        GROUP BY 1
    ), theirs AS (
        SELECT entry.reference, sum(entry.amount_minor)::bigint AS minor, min(said.day) AS since
        FROM app.bank_statement_entry AS entry JOIN app.bank_statement AS said ON said.id = entry.statement
        WHERE said.partner = :bank AND said.currency = 'KZT' AND said.day <= :day
        GROUP BY 1
    )
    SELECT reference, coalesce(ours.minor, 0) AS books, coalesce(theirs.minor, 0) AS bank,
           least(ours.since, theirs.since) AS since, EXISTS (
               SELECT FROM app.bank_order
               WHERE bank_order.id = CASE WHEN reference ~ '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$'
                                          THEN reference::uuid END
                 AND bank_order.requested_at < :ends AND coalesce(bank_order.ended_at >= :ends, true)
           ) AS under_way
    FROM ours FULL JOIN theirs USING (reference)
    WHERE coalesce(ours.minor, 0) <> coalesce(theirs.minor, 0)
    ORDER BY reference
    """  # noqa: S608  as above
)
_LATEST = text(
    """
    SELECT partner, day, no, outcome, sha256, jws, at FROM (
        SELECT DISTINCT ON (partner, day) * FROM app.safeguarding ORDER BY partner, day, no DESC
    ) AS latest
    WHERE NOT :alarms OR outcome IN ('differs', 'no_statement')
    ORDER BY day DESC, partner LIMIT :limit
    """
)
