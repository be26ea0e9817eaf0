"""The sheet a batch works on: accounts, holds and moved transfers as they stand after every decision so far.

Pure memory: what it is filled with comes from wallet/desk.py, which also stores what was recorded. The decisions are in
wallet/desk.py `post()`, wallet/holds.py, wallet/reversal.py and wallet/crossing.py.
"""

import contextlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, Protocol, Self
from uuid import UUID

from law.money import MAX_MINOR, Money
from wallet import leaf
from wallet.ledger import Account, Lane, OpenHold
from wallet.transfer import MOVES, WORD, AccountId, Kind, Move, Post, Posted, Reason, Refused


class Torn(Exception):
    """Some moves of a group were made before and others not: a mistake of ours, for a group's moves share its fate."""


class Moved:
    """A transfer that moved money, and how much of it was moved back. `crossed`: one side is a transit account."""

    __slots__ = ("back", "crossed", "row")

    def __init__(self, row: leaf.Row, *, back: int, crossed: bool) -> None:
        self.row = row
        self.back = back
        self.crossed = crossed

    def copy(self) -> "Moved":
        """Copy it, for a group of moves that may be undone."""
        return Moved(self.row, back=self.back, crossed=self.crossed)

    def restore(self, before: "Moved") -> None:
        """Take what a copy had moved back."""
        self.back = before.back


class Linked(NamedTuple):
    """A group of transfers that happened all together, as many as `transfers` on this lane and `total` on all."""

    lane: int
    id: UUID
    transfers: int
    total: int


class _Kept(Protocol):
    def copy(self) -> Self: ...
    def restore(self, before: Self) -> None: ...


class Sheet:
    """The running state of one batch over locked lanes; `now` is the installation's clock.

    `transit` finds the account through which a lane sends to another one, by (lane, other lane, currency).
    """

    def __init__(self, now: datetime, lanes: Iterable[Lane]) -> None:
        self.now = now
        self.lanes = {lane.lane: lane for lane in lanes}
        self.accounts: dict[UUID, Account] = {}
        self.holds: dict[UUID, OpenHold] = {}
        self.moved: dict[UUID, Moved] = {}
        self.transit: dict[tuple[int, int, str], AccountId] = {}
        self.rows: list[leaf.Row] = []
        self.expiries: list[datetime | None] = []
        self.linked: list[Linked] = []
        #: Transfers by id: those recorded here, and those that were there before and asked for again.
        self.known: dict[UUID, leaf.Row] = {}
        self._undo: dict[int, tuple[_Kept, _Kept]] | None = None
        self._group: UUID | None = None
        self._repeats = 0

    def pair(  # noqa: PLR0911  a column of rules, one line each
        self, debit_id: UUID, credit_id: UUID, money: Money, owner: UUID | None = None
    ) -> tuple[Account, Account] | Refused:
        """Find the two accounts of a move that breaks no rule of form; the first rule that refuses gives the reason."""
        if money.minor <= 0:
            return Refused(Reason.NOT_POSITIVE)
        if debit_id == credit_id:
            return Refused(Reason.SAME_ACCOUNT)
        debit, credit = self.accounts.get(debit_id), self.accounts.get(credit_id)
        if debit is None or credit is None:
            return Refused(Reason.UNKNOWN_ACCOUNT)
        if owner is not None and debit.holder != owner:
            return Refused(Reason.WRONG_OWNER)
        if debit.closed_at is not None or credit.closed_at is not None:
            return Refused(Reason.ACCOUNT_CLOSED)
        if not debit.currency == credit.currency == money.currency:
            return Refused(Reason.WRONG_CURRENCY)
        if credit.posted + money.minor > MAX_MINOR or debit.posted - money.minor < -MAX_MINOR:
            return Refused(Reason.BEYOND_BIGINT)
        return debit, credit

    def record(
        self,
        asked: Move,
        kind: Kind,
        debit: Account,
        credit: Account,
        *,
        amount: int,
        held: int = 0,
        of: UUID | None = None,
        expires_at: datetime | None = None,
    ) -> Posted:
        """Take a decided transfer down and change both accounts by it."""
        assert WORD.match(asked.code), "a code is a word of ours"
        assert WORD.match(asked.reference), "a reference is a word of ours"
        moved = amount if kind in MOVES else 0
        if self._undo is not None:
            self.keep(debit, credit)
        debit.change(posted=-moved, hold_out=held)
        credit.change(posted=moved, hold_in=held)
        lane = self.lanes[debit.lane]
        lane.seq += 1
        row = leaf.Row(
            lane=lane.lane,
            seq=lane.seq,
            id=asked.id,
            kind=kind.value,
            debit=debit.id,
            credit=credit.id,
            amount=amount,
            held=held,
            currency=debit.currency,
            of=of,
            linked=None,
            debit_version=debit.version,
            credit_version=credit.version,
            debit_posted=debit.posted,
            credit_posted=credit.posted,
            debit_hold_out=debit.hold_out,
            credit_hold_in=credit.hold_in,
            at=self.now,
            effective=(asked.effective if isinstance(asked, Post) else None) or self.now,
            code=asked.code,
            reference=asked.reference,
        )
        self.rows.append(row)
        self.expiries.append(expires_at)
        self.known[asked.id] = row
        return Posted(asked.id, lane.lane, lane.seq, self.now, debit.available)

    def again(self, known: leaf.Row, *, same: bool) -> Posted | Refused:
        """Answer a move whose id is `known`: as it was answered first if it is the `same`."""
        if not same:
            return Refused(Reason.ID_TAKEN)
        self._repeats += 1
        debit = self.accounts.get(known.debit)
        floor = (debit.floor or 0) if debit is not None else 0
        available = known.debit_posted - known.debit_hold_out - floor
        return Posted(known.id, known.lane, known.seq, known.at, available)

    @contextlib.contextmanager
    def together(self, group: UUID | None = None) -> Iterator[None]:
        """Undo every decision of the block when it raises: for moves that happen all or not at all. Does not nest.

        With the id of a `group` the log says of the transfers, two or more, that they belong together.
        """
        assert self._undo is None, "one group at a time"
        self._undo, self._group, self._repeats = {}, group, 0
        seqs = {key: lane.seq for key, lane in self.lanes.items()}
        start = len(self.rows)
        try:
            yield
            if group is not None:
                self._link(group, start)
        except BaseException:
            for touched, before in self._undo.values():
                touched.restore(before)
            for key, seq in seqs.items():
                self.lanes[key].seq = seq
            for row in self.rows[start:]:
                self.holds.pop(row.id, None)
                self.moved.pop(row.id, None)
                del self.known[row.id]
            del self.rows[start:], self.expiries[start:]
            raise
        finally:
            self._undo = None

    @property
    def in_group(self) -> bool:
        """Whether decisions are being made together."""
        return self._undo is not None

    def linking(self, group: UUID) -> contextlib.AbstractContextManager[None]:
        """Link what the block decides: as part of the group that is being made, or where there is none as `group`."""
        assert self._undo is None or self._group is not None, "what is linked is part of a group that has a name"
        return self.together(group) if self._undo is None else contextlib.nullcontext()

    def keep(self, *touched: Account | OpenHold | Moved) -> None:
        """Remember what is about to change, where it may have to be undone."""
        if self._undo is not None:
            for each in touched:
                self._undo.setdefault(id(each), (each, each.copy()))

    def _link(self, group: UUID, start: int) -> None:
        made = self.rows[start:]
        if made and self._repeats:
            raise Torn
        if len(made) < 2:  # noqa: PLR2004  one transfer is no group
            return
        self.rows[start:] = linked = [row._replace(linked=group) for row in made]
        self.known.update({row.id: row for row in linked})
        lanes = [row.lane for row in linked]
        self.linked += [Linked(lane, group, lanes.count(lane), len(lanes)) for lane in sorted(set(lanes))]
