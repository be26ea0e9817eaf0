"""The desk where moves are decided: one open batch over locked lanes.

path     app/batch.py opens the transaction and locks the lanes  ->  a verb asks the desk  ->  `write()` stores it all
decides  `post`, `place`, `capture`, `release` (in memory, one after the other, against running balances)
stores   wallet.post() in the database, which re-derives every balance from the legs and refuses a difference

A decision is final when the batch commits; nothing at the desk survives the batch.
"""

import contextlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from law.money import MAX_MINOR, Money
from proof import merkle
from wallet import leaf, ledger
from wallet.ledger import Account, Lane, OpenHold
from wallet.transfer import (
    MOVES,
    WORD,
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
)

_ACCOUNTS = text(
    """
    SELECT lane, id, holder, currency, floor, posted, hold_out, hold_in, version, closed_at
    FROM wallet.account WHERE lane = ANY(:lanes) AND id = ANY(:ids)
    """
)
_HOLDS = text(
    """
    SELECT lane, id, debit, credit, currency, remaining, expires_at
    FROM wallet.hold WHERE lane = ANY(:lanes) AND id = ANY(:ids)
    """
)


class Desk:
    """One batch. `db` is the posting connection with the lanes locked, `now` the installation's clock."""

    def __init__(self, db: AsyncConnection, now: datetime, lanes: Iterable[Lane]) -> None:
        self.db = db
        self.now = now
        self._lanes = {lane.lane: lane for lane in lanes}
        self._accounts: dict[UUID, Account] = {}
        self._holds: dict[UUID, OpenHold] = {}
        self._rows: list[leaf.Row] = []
        self._expiries: list[datetime | None] = []
        self._undo: dict[int, tuple[Any, Any]] | None = None

    # -- facts ---------------------------------------------------------------------------------------------------------

    async def load(self, ids: Iterable[UUID]) -> None:
        """Load the accounts not yet on the desk; those of other lanes or of nobody stay unknown."""
        missing = sorted({found for found in ids if found not in self._accounts})
        if missing:
            rows = await self.db.execute(_ACCOUNTS, {"lanes": list(self._lanes), "ids": missing})
            for row in rows:
                self._accounts[row.id] = Account(*row)

    async def load_holds(self, ids: Iterable[UUID]) -> None:
        """Load the holds not yet on the desk, and the accounts they bind."""
        missing = sorted({found for found in ids if found not in self._holds})
        if missing:
            rows = (await self.db.execute(_HOLDS, {"lanes": list(self._lanes), "ids": missing})).all()
            for row in rows:
                self._holds[row.id] = OpenHold(*row)
            await self.load(account for row in rows for account in (row.debit, row.credit))

    def available(self, account: AccountId) -> Money | None:
        """Say what `account` can spend at this point of the batch; None where it is not on the desk."""
        found = self._accounts.get(account)
        return None if found is None else Money(found.available, found.money_currency)

    def holder(self, account: AccountId) -> UUID | None:
        """Say whose `account` is; None where it is the operator's or not on the desk."""
        found = self._accounts.get(account)
        return None if found is None else found.holder

    def remaining(self, hold: HoldId) -> Money | None:
        """Say what `hold` has left at this point of the batch; None where it is unknown."""
        found = self._holds.get(hold)
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

    def post(self, asked: Post) -> Answer:
        """Move money now."""
        pair = self._pair(asked.debit, asked.credit, asked.money)
        if isinstance(pair, Refused):
            return pair
        debit, credit = pair
        if not debit.can_spend(asked.money.minor):
            return Refused(Reason.INSUFFICIENT_FUNDS)
        return self._record(asked, Kind.POST, debit, credit, amount=asked.money.minor, held=0)

    def place(self, asked: Hold) -> Answer:
        """Set money aside."""
        pair = self._pair(asked.debit, asked.credit, asked.money)
        if isinstance(pair, Refused):
            return pair
        debit, credit = pair
        if not debit.can_spend(asked.money.minor):
            return Refused(Reason.INSUFFICIENT_FUNDS)
        self._holds[asked.id] = OpenHold(
            debit.lane, asked.id, debit.id, credit.id, debit.currency, asked.money.minor, asked.expires_at
        )
        amount = asked.money.minor
        return self._record(asked, Kind.HOLD, debit, credit, amount=amount, held=amount, expires_at=asked.expires_at)

    def capture(self, asked: Capture) -> Answer:
        """Move money against a hold, over its amount too where the rest is available."""
        hold = self._holds.get(asked.hold)
        if hold is None:
            return Refused(Reason.UNKNOWN_HOLD)
        if hold.remaining == 0:
            return Refused(Reason.HOLD_SPENT)
        pair = self._pair(AccountId(hold.debit), AccountId(hold.credit), asked.money)
        if isinstance(pair, Refused):
            return pair
        debit, credit = pair
        from_hold = min(asked.money.minor, hold.remaining)
        if not debit.can_spend(asked.money.minor - from_hold):
            return Refused(Reason.INSUFFICIENT_FUNDS)
        released = hold.remaining if asked.final else from_hold
        self._keep(hold)
        hold.remaining -= released
        return self._record(asked, Kind.CAPTURE, debit, credit, amount=asked.money.minor, held=-released, of=hold.id)

    def release(self, asked: Release) -> Answer:
        """Give back what a hold has left."""
        hold = self._holds.get(asked.hold)
        if hold is None:
            return Refused(Reason.UNKNOWN_HOLD)
        if hold.remaining == 0:
            return Refused(Reason.HOLD_SPENT)
        self._keep(hold)
        amount, hold.remaining = hold.remaining, 0
        debit, credit = self._accounts[hold.debit], self._accounts[hold.credit]
        return self._record(asked, asked.kind, debit, credit, amount=amount, held=-amount, of=hold.id)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Undo every decision of the block when it raises: for moves that happen all or not at all. Does not nest."""
        assert self._undo is None, "one group at a time"
        self._undo = {}
        seqs = {key: lane.seq for key, lane in self._lanes.items()}
        count = len(self._rows)
        try:
            yield
        except BaseException:
            for touched, before in self._undo.values():
                touched.restore(before)
            for key, seq in seqs.items():
                self._lanes[key].seq = seq
            for row in self._rows[count:]:
                self._holds.pop(row.id, None)
            del self._rows[count:], self._expiries[count:]
            raise
        finally:
            self._undo = None

    def _keep(self, *touched: Account | OpenHold) -> None:
        """Remember what is about to change, where it may have to be undone."""
        if self._undo is not None:
            for each in touched:
                self._undo.setdefault(id(each), (each, each.copy()))

    def _pair(  # noqa: PLR0911  a column of rules, one line each
        self, debit_id: AccountId, credit_id: AccountId, money: Money
    ) -> tuple[Account, Account] | Refused:
        """Find the two accounts of a move that breaks no rule of form; the first rule that refuses gives the reason."""
        if money.minor <= 0:
            return Refused(Reason.NOT_POSITIVE)
        if debit_id == credit_id:
            return Refused(Reason.SAME_ACCOUNT)
        debit, credit = self._accounts.get(debit_id), self._accounts.get(credit_id)
        if debit is None or credit is None:
            return Refused(Reason.UNKNOWN_ACCOUNT)
        if debit.closed_at is not None or credit.closed_at is not None:
            return Refused(Reason.ACCOUNT_CLOSED)
        if not debit.currency == credit.currency == money.currency:
            return Refused(Reason.WRONG_CURRENCY)
        if debit.lane != credit.lane:
            return Refused(Reason.OTHER_LANE)
        if credit.posted + money.minor > MAX_MINOR or debit.posted - money.minor < -MAX_MINOR:
            return Refused(Reason.BEYOND_BIGINT)
        return debit, credit

    def _record(
        self,
        asked: Move,
        kind: Kind,
        debit: Account,
        credit: Account,
        *,
        amount: int,
        held: int,
        of: UUID | None = None,
        expires_at: datetime | None = None,
    ) -> Posted:
        assert WORD.match(asked.code), "a code is a word of ours"
        assert WORD.match(asked.reference), "a reference is a word of ours"
        moved = amount if kind in MOVES else 0
        self._keep(debit, credit)
        debit.change(posted=-moved, hold_out=held)
        credit.change(posted=moved, hold_in=held)
        lane = self._lanes[debit.lane]
        lane.seq += 1
        linked = asked.linked if isinstance(asked, Post) else None
        effective = (asked.effective if isinstance(asked, Post) else None) or self.now
        self._rows.append(
            leaf.Row(
                lane=lane.lane,
                seq=lane.seq,
                id=asked.id,
                kind=str(kind.value),
                debit=debit.id,
                credit=credit.id,
                amount=amount,
                held=held,
                currency=debit.currency,
                of=of,
                linked=linked,
                debit_version=debit.version,
                credit_version=credit.version,
                debit_posted=debit.posted,
                credit_posted=credit.posted,
                debit_hold_out=debit.hold_out,
                credit_hold_in=credit.hold_in,
                at=self.now,
                effective=effective,
                code=asked.code,
                reference=asked.reference,
            )
        )
        self._expiries.append(expires_at)
        return Posted(asked.id, lane.lane, lane.seq, self.now, debit.available)

    # -- storing -------------------------------------------------------------------------------------------------------

    async def write(self) -> None:
        """Store every decision in one statement; raises what the database refuses, and then nothing happened."""
        if not self._rows:
            return
        blocks = [self._block(lane) for lane in self._lanes.values() if lane.seq > lane.seq_before]
        touched = [account for account in self._accounts.values() if account.version > account.version_before]
        await ledger.post(self.db, self.now, blocks, self._rows, self._expiries, touched)

    def _block(self, lane: Lane) -> ledger.Block:
        leaves = [leaf.of(row) for row in self._rows if row.lane == lane.lane]
        root = merkle.root(leaves)
        entry = leaf.block(lane.lane, lane.block + 1, lane.seq_before + 1, lane.seq, root)
        return ledger.Block(lane, root, leaf.BLOCKS.extend(lane.head, entry))
