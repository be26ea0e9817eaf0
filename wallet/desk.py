"""The desk where moves are decided: one open batch over locked lanes.

path     app/batch.py opens the transaction and locks the lanes  ->  a verb asks the desk  ->  `write()` stores it all
decides  `post`, `place`, `capture`, `release`, `reverse`, `group` (in memory, one after the other: wallet/sheet.py)
stores   wallet.post() in the database, which re-derives every balance from the legs and refuses a difference

A decision is final when the batch commits; nothing at the desk survives the batch.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from law.money import KZT, Currency, Money
from proof import merkle
from wallet import account, crossing, holds, leaf, ledger, packed, period, reversal
from wallet.chart import Purpose
from wallet.ledger import Account, Lane, OpenHold
from wallet.packed import Packed
from wallet.sheet import Moved, Sheet
from wallet.transfer import (
    AccountId,
    Answer,
    Capture,
    Hold,
    HoldId,
    Kind,
    Move,
    Post,
    Posted,
    Reason,
    Refused,
    Release,
    Reverse,
)
from wallet.trip import RoundTrip

_HOLDS = text(
    """
    SELECT lane, id, debit, credit, currency, remaining, expires_at
    FROM wallet.hold WHERE lane = ANY(:lanes) AND id = ANY(:ids)
    """
)
_TRANSIT = text(
    """
    SELECT lane, CAST(label AS integer) AS towards, id FROM wallet.account
    WHERE lane = ANY(:lanes) AND holder IS NULL AND purpose = :purpose AND currency = :currency
    """
)
_MOVED = text(
    """
    SELECT transfer.*, coalesce(back.amount, 0)::bigint AS back, EXISTS (
               SELECT FROM wallet.account WHERE account.lane = transfer.lane AND account.purpose = :transit
               AND account.id IN (transfer.debit, transfer.credit)) AS crossed
    FROM wallet.transfer LEFT JOIN LATERAL (
        SELECT sum(amount) AS amount FROM wallet.transfer AS reversal
        WHERE reversal.lane = transfer.lane AND reversal.of = transfer.id AND reversal.kind = 'reversal'
    ) AS back ON true
    WHERE transfer.lane = ANY(:lanes) AND transfer.id = ANY(:ids)
    """
)
_KNOWN = text("SELECT * FROM wallet.transfer WHERE lane = ANY(:lanes) AND id = ANY(:ids)")
_LINK = b"""
    INSERT INTO wallet.linked (lane, id, transfers, total, at)
    SELECT unnest(%s::integer[]), unnest(%s::uuid[]), unnest(%s::integer[]), unnest(%s::integer[]), %s::timestamptz
"""


class Repeated(Exception):
    """Some of these ids are transfers already: run the batch again on a desk that knows them (`Desk.recall`)."""

    def __init__(self, ids: Sequence[UUID]) -> None:
        super().__init__(len(ids))
        self.ids = ids


class Desk(Sheet):
    """One batch. `db` is the posting connection with the lanes locked, `now` the installation's clock.

    `heard` is what was answered to the questions that came with the lock, by their statements; `asked` are these.
    """

    def __init__(self, db: AsyncConnection, now: datetime, lanes: Iterable[Lane]) -> None:
        super().__init__(now, lanes)
        self.db = db
        self.asked: Iterable[ledger.Question] = ()
        self.heard: dict[bytes, list[Any]] = {}
        self._sought: set[UUID] = set()
        self._closed_until: datetime | None = None
        self._closing: list[account.Closing] = []
        self._doubted: list[UUID] = []
        self._also: list[tuple[bytes, Sequence[Packed]]] = []
        self._at_last: list[tuple[bytes, Sequence[Packed]]] = []

    # -- facts ---------------------------------------------------------------------------------------------------------

    async def load_for(self, moves: Sequence[Move]) -> None:
        """Load everything `moves` are about."""
        await self.load_holds(move.hold for move in moves if isinstance(move, Capture | Release))
        await self.load(side for move in moves if isinstance(move, Post | Hold) for side in (move.debit, move.credit))
        await self.load_moved(move.of for move in moves if isinstance(move, Reverse))
        await self.load_crossing()

    async def load(self, ids: Iterable[UUID]) -> None:
        """Load the accounts not yet on the desk; those of other lanes or of nobody stay unknown."""
        missing = {found for found in ids if found not in self._sought}
        if missing:
            found = await ledger.ask(await ledger.wire(self.db), ledger.loading(self.lanes, missing))
            self.lay_out(missing, await found.fetchall())

    def lay_out(self, sought: Iterable[UUID], rows: Iterable[Sequence[Any]]) -> None:
        """Put accounts on the desk: the `rows` that were found of those `sought`."""
        self._sought.update(sought)
        for row in rows:
            self.accounts[row[1]] = Account(*row)

    async def load_holds(self, ids: Iterable[UUID]) -> None:
        """Load the holds not yet on the desk, and the accounts they bind."""
        missing = sorted({found for found in ids if found not in self.holds})
        if missing:
            rows = (await self.db.execute(_HOLDS, {"lanes": list(self.lanes), "ids": missing})).all()
            for row in rows:
                self.holds[row.id] = OpenHold(*row)
            await self.load(side for row in rows for side in (row.debit, row.credit))

    async def load_moved(self, ids: Iterable[UUID]) -> None:
        """Load the transfers that are to be moved back, with their accounts and what was moved back before."""
        missing = sorted({found for each in ids for found in (each, crossing.twin(each)) if found not in self.moved})
        if not missing:
            return
        asked = {"lanes": list(self.lanes), "ids": missing, "transit": Purpose.TRANSIT}
        for *row, back, crossed in (await self.db.execute(_MOVED, asked)).all():
            moved = Moved(leaf.Row(*row), back=back, crossed=crossed)
            self.moved[moved.row.id] = moved
        await self.load(side for id_ in missing if id_ in self.moved for side in _sides(self.moved[id_].row))
        for currency in {moved.row.currency for moved in self.moved.values() if moved.crossed}:
            await self.load_crossing(Currency.of(currency))

    async def load_crossing(self, currency: Currency = KZT) -> None:
        """Let `post` go from lane to lane: load the transit accounts between the lanes at this desk."""
        pairs = [(lane, other) for lane in self.lanes for other in self.lanes if lane != other]
        asked = {"lanes": list(self.lanes), "purpose": Purpose.TRANSIT, "currency": str(currency)}
        if not pairs or all((*pair, str(currency)) in self.transit for pair in pairs):
            return
        for row in await self.db.execute(_TRANSIT, asked):
            self.transit[row.lane, row.towards, str(currency)] = row.id
        for lane, other in pairs:
            if (lane, other, str(currency)) not in self.transit:
                self.transit[lane, other, str(currency)] = await account.operator(
                    self.db, lane=lane, purpose=Purpose.TRANSIT, label=str(other), currency=currency, at=self.now
                )
        await self.load(self.transit.values())

    async def load_period(self) -> None:
        """Let moves have a value date: load where the closed periods end."""
        self._closed_until = await period.closed_until(self.db)

    async def recall(self, ids: Iterable[UUID]) -> None:
        """Load transfers that were asked for again, so that they are answered as they were the first time."""
        for row in await self.db.execute(_KNOWN, {"lanes": list(self.lanes), "ids": list(ids)}):
            self.known[row.id] = leaf.Row(*row)

    def available(self, account: AccountId) -> Money | None:
        """Say what `account` can spend at this point of the batch; None where it is not on the desk."""
        found = self.accounts.get(account)
        return None if found is None else Money(found.available, found.money_currency)

    def holder(self, account: AccountId) -> UUID | None:
        """Say whose `account` is; None where it is the operator's or not on the desk."""
        found = self.accounts.get(account)
        return None if found is None else found.holder

    def is_closed(self, account: AccountId) -> bool:
        """Whether `account` moves no money any more."""
        found = self.accounts.get(account)
        return found is not None and found.closed_at is not None

    def remaining(self, hold: HoldId) -> Money | None:
        """Say what `hold` has left at this point of the batch; None where it is unknown."""
        found = self.holds.get(hold)
        return None if found is None else Money(found.remaining, found.money_currency)

    # -- decisions -----------------------------------------------------------------------------------------------------

    def move(self, asked: Move) -> Answer:
        """Decide any move."""
        match asked:
            case Post():
                return self.post(asked)
            case Hold():
                return self.place(asked)
            case Capture():
                return self.capture(asked)
            case Release():
                return self.release(asked)
            case Reverse():
                return self.reverse(asked)

    def post(self, asked: Post) -> Answer:
        """Move money now; between two lanes where `load_crossing` was awaited."""
        return self._told(asked, self._post(asked))

    def place(self, asked: Hold) -> Answer:
        """Set money aside."""
        return self._told(asked, holds.place(self, asked))

    def capture(self, asked: Capture) -> Answer:
        """Move money against a hold, over its amount too where the rest is available."""
        return self._told(asked, holds.capture(self, asked))

    def release(self, asked: Release) -> Answer:
        """Give back what a hold has left."""
        return self._told(asked, holds.release(self, asked))

    def reverse(self, asked: Reverse) -> Answer:
        """Move back what a transfer moved; `load_moved` was awaited for those of earlier batches."""
        return self._told(asked, reversal.reverse(self, asked))

    def _told(self, asked: Move, answer: Answer) -> Answer:
        # What was done before may be refused now, such as to spend the same money again: `write` looks.
        if isinstance(answer, Refused):
            self._doubted.append(asked.id)
        return answer

    def _post(self, asked: Post) -> Answer:
        if (known := self.known.get(asked.id)) is not None:
            return self.again(known, same=self._is_same(known, asked))
        pair = self.pair(asked.debit, asked.credit, asked.money, asked.owner)
        if isinstance(pair, Refused):
            return pair
        debit, credit = pair
        if not debit.can_spend(asked.money.minor):
            return Refused(Reason.INSUFFICIENT_FUNDS)
        if asked.effective is not None and self._closed_until is not None and asked.effective < self._closed_until:
            return Refused(Reason.PERIOD_CLOSED)
        if debit.lane != credit.lane:
            return crossing.carry(self, asked, debit, credit)
        return self.record(asked, Kind.POST, debit, credit, amount=asked.money.minor)

    def group(self, group: UUID, moves: Iterable[Move]) -> list[Posted] | Refused:
        """Decide `moves` all or not at all, linked as `group`; the first refusal is that of all."""
        posted = []
        try:
            with self.together(group):
                for asked in moves:
                    answer = self.move(asked)
                    if isinstance(answer, Refused):
                        raise _Undone(answer)  # noqa: TRY301  leaving the block undoes what it decided
                    posted.append(answer)
        except _Undone as undone:
            return undone.refused
        return posted

    def close(self, id_: AccountId, *, actor: str) -> Refused | None:
        """Close an account for good, which must be empty."""
        found = self.accounts.get(id_)
        if found is None:
            return Refused(Reason.UNKNOWN_ACCOUNT)
        if found.closed_at is not None:
            return Refused(Reason.ACCOUNT_CLOSED)
        if found.posted or found.hold_out or found.hold_in:
            return Refused(Reason.ACCOUNT_IN_USE)
        assert not self.in_group, "a group undoes moves only"
        found.closed_at = self.now
        self._closing.append(account.Closing(found.lane, id_, found.holder, actor))
        return None

    def _is_same(self, known: leaf.Row, asked: Post) -> bool:
        crossed = self.known.get(crossing.twin(known.id))
        credit = crossed.credit if crossed is not None and crossed.linked == known.linked else known.credit
        told = (known.kind, known.debit, credit, known.amount, known.currency, known.code, known.reference)
        money = asked.money
        wanted = (Kind.POST, asked.debit, asked.credit, money.minor, money.currency, asked.code, asked.reference)
        return told == wanted and asked.effective in {None, known.effective}

    # -- storing -------------------------------------------------------------------------------------------------------

    def also(self, statement: bytes, columns: Sequence[Packed]) -> None:
        """Have a statement executed with what is written at the end, at no round trip of its own."""
        self._also.append((statement, columns))

    def at_last(self, statement: bytes, columns: Sequence[Packed]) -> None:
        """Have a statement executed when all else is stored: what it refuses has not happened."""
        self._at_last.append((statement, columns))

    def end(self, trip: RoundTrip) -> None:
        """Say what comes at last; only COMMIT comes after it."""
        for statement, columns in self._at_last:
            trip.say(statement, columns)

    async def write(self, trip: RoundTrip | None = None) -> None:
        """Store every decision in one statement, said in `trip` for somebody else to send and to end, or sent now.

        The database refuses it whole; what it says then, `check_repeats` is to be asked about.
        """
        await self.settle_doubts()
        said = trip or RoundTrip(await ledger.wire(self.db))
        if self.rows:
            blocks = [self._block(lane) for lane in self.lanes.values() if lane.seq > lane.seq_before]
            touched = [account for account in self.accounts.values() if account.version > account.version_before]
            said.say(*ledger.posting(self.now, blocks, self.rows, self.expiries, touched))
        if self.linked:
            said.say(_LINK, self._groups())
        if self._closing:
            await ledger.over(said)
            await account.write_closings(self.db, self._closing, at=self.now)
        for statement, columns in self._also:
            said.say(statement, columns)
        if trip is None:
            self.end(said)
            await ledger.over(said)

    async def settle_doubts(self) -> None:
        """Find out whether any of what was refused is there already; raises Repeated."""
        doubted, self._doubted = self._doubted, []
        if unknown := [id_ for id_ in doubted if id_ not in self.known]:
            found = await self.db.execute(_KNOWN, {"lanes": list(self.lanes), "ids": unknown})
            if repeated := [row.id for row in found]:
                raise Repeated([*repeated, *map(crossing.twin, repeated)])

    def check_repeats(self, error: IntegrityError) -> None:
        """Raise Repeated where the database refused ids that are transfers already."""
        said = getattr(error.orig, "diag", None)
        if getattr(said, "constraint_name", None) == "transfer_lane_id_key":
            raise Repeated([row.id for row in self.rows]) from error

    def _block(self, lane: Lane) -> ledger.Block:
        leaves = [leaf.of(row) for row in self.rows if row.lane == lane.lane]
        root = merkle.root(leaves)
        entry = leaf.block(lane.lane, lane.block + 1, lane.seq_before + 1, lane.seq, root)
        return ledger.Block(lane, root, leaf.BLOCKS.extend(lane.head, entry))

    def _groups(self) -> tuple[object, ...]:
        lanes, ids, transfers, totals = zip(*self.linked, strict=True)
        integers = packed.integers
        return integers(lanes), packed.uuids(ids), integers(transfers), integers(totals), self.now


class _Undone(Exception):
    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.refused = refused


def _sides(row: leaf.Row) -> tuple[UUID, UUID]:
    return row.debit, row.credit
