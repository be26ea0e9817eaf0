"""The money side of a dispute: every hop's moves, and what they leave in the dispute's own sums.

    credit        dispute_receivable → wallet            the person has it before it is decided
    given         card_clearing → dispute_receivable     the network gives it: what we owe it is less
    contested     dispute_receivable → card_clearing     the network has it again
    taken back    wallet → dispute_receivable            the person gives it back
    short         card_receivable → dispute_receivable   the person owes it, since the wallet had not enough
    collected     wallet → card_receivable               … and has it again
    borne         dispute_loss | fraud_loss → dispute_receivable | card_receivable

A move's id is derived from the dispute, the hop it belongs to and the leg, so the ledger, where ids are unique, refuses
to do one twice. A wallet that was closed meanwhile gets nothing: its money waits in suspense.
"""

import enum
import hashlib
from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

import msgspec

from cards.disputes.dispute import Dispute
from law.money import Money
from wallet import account
from wallet.chart import CHART, Purpose
from wallet.desk import Desk
from wallet.transfer import AccountId, Post, Refused, TransferId

_RANDOM_BITS = 62  # the last field of a UUIDv7 (RFC 9562 section 5.7)
_PURPOSES = (
    Purpose.DISPUTE_RECEIVABLE, Purpose.CARD_CLEARING, Purpose.CARD_RECEIVABLE, Purpose.SUSPENSE, Purpose.DISPUTE_LOSS,
    Purpose.FRAUD_LOSS,
)  # fmt: skip


class Leg(enum.StrEnum):
    """The moves a hop may bring, one of each at most; also their codes in the ledger."""

    CREDIT = "dispute_credit"
    PARKED = "dispute_parked"
    GIVEN = "dispute_given"
    CONTESTED = "dispute_contested"
    TAKEN_BACK = "dispute_taken_back"
    UNPARKED = "dispute_unparked"
    SHORT = "dispute_short"
    COLLECTED = "dispute_collected"
    BORNE = "dispute_borne"
    FORGIVEN = "dispute_forgiven"


class NotEnough(Exception):
    """The wallet has not what would be given back."""


class Places(NamedTuple):
    """The operator's accounts on a lane, those for a network where each has one."""

    accounts: dict[tuple[int, str, Purpose], AccountId]

    def of(self, about: Dispute, purpose: Purpose) -> AccountId:
        """Answer the account a dispute's money goes by."""
        return self.accounts[about.lane, about.network, purpose]


async def load(desk: Desk, disputes: Collection[Dispute]) -> Places:
    """Bring the wallets and the operator's accounts of `disputes` onto the desk."""
    places = Places({})
    for lane, network, currency in sorted({(each.lane, each.network, each.currency) for each in disputes}):
        for purpose in _PURPOSES:
            label = network if CHART[purpose].label else ""
            places.accounts[lane, network, purpose] = await account.operator(
                desk.db, lane=lane, purpose=purpose, label=label, currency=currency, at=desk.now
            )
    await desk.load([*places.accounts.values(), *(each.account for each in disputes)])
    return places


class Mover:
    """Moves the money of one dispute at the desk; `at` is the dispute after every move."""

    def __init__(self, desk: Desk, places: Places, about: Dispute) -> None:
        self._desk = desk
        self._places = places
        self.at = about

    def credit(self, minor: int) -> None:
        """Give the person `minor` before it is decided."""
        if not minor:
            return
        closed = self._desk.is_closed(AccountId(self.at.account))
        leg, to = (Leg.PARKED, self._of(Purpose.SUSPENSE)) if closed else (Leg.CREDIT, AccountId(self.at.account))
        self._move(leg, self._of(Purpose.DISPUTE_RECEIVABLE), to, minor)
        self._add(credited_minor=minor, parked_minor=minor if closed else 0)

    def given(self, minor: int) -> None:
        """Take `minor` from what the network gets."""
        if minor:
            self._move(Leg.GIVEN, self._of(Purpose.CARD_CLEARING), self._of(Purpose.DISPUTE_RECEIVABLE), minor)
            self._add(recovered_minor=minor)

    def contested(self, minor: int) -> None:
        """Let the network have `minor` again."""
        if minor:
            self._move(Leg.CONTESTED, self._of(Purpose.DISPUTE_RECEIVABLE), self._of(Purpose.CARD_CLEARING), minor)
            self._add(recovered_minor=-minor)

    def take_back(self, minor: int, *, all_of_it: bool) -> int:
        """Take `minor` of the credit back; answers what the wallet had not, and the person owes now.

        Where `all_of_it` has to be there it raises NotEnough instead, and nothing moved.
        """
        parked = min(minor, self.at.parked_minor)
        there = min(self._has(), minor - parked)
        short = minor - parked - there
        if short and all_of_it:
            raise NotEnough
        receivable = self._of(Purpose.DISPUTE_RECEIVABLE)
        for leg, source, part in (
            (Leg.UNPARKED, self._of(Purpose.SUSPENSE), parked),
            (Leg.TAKEN_BACK, AccountId(self.at.account), there),
            (Leg.SHORT, self._of(Purpose.CARD_RECEIVABLE), short),
        ):
            if part:
                self._move(leg, source, receivable, part)
        self._add(credited_minor=-minor, parked_minor=-parked, owed_minor=short)
        return short

    def collect(self) -> int:
        """Take what the wallet has of what the person owes; answers how much that is."""
        minor = min(self._has(), self.at.owed_minor)
        if minor:
            self._move(Leg.COLLECTED, AccountId(self.at.account), self._of(Purpose.CARD_RECEIVABLE), minor)
            self._add(owed_minor=-minor)
        return minor

    def _has(self) -> int:
        wallet = AccountId(self.at.account)
        has = self._desk.available(wallet)
        return 0 if has is None or self._desk.is_closed(wallet) else max(has.minor, 0)

    def bear(self, minor: int) -> None:
        """Let the operator bear `minor` of what it gave and the network does not."""
        if minor:
            self._move(Leg.BORNE, self._loss(), self._of(Purpose.DISPUTE_RECEIVABLE), minor)
            self._add(lost_minor=minor)

    def forgive(self, minor: int) -> None:
        """Let the operator bear `minor` of what the person owes."""
        self._move(Leg.FORGIVEN, self._loss(), self._of(Purpose.CARD_RECEIVABLE), minor)
        self._add(owed_minor=-minor)

    def _loss(self) -> AccountId:
        return self._of(Purpose.FRAUD_LOSS if self.at.rule.fraud else Purpose.DISPUTE_LOSS)

    def _of(self, purpose: Purpose) -> AccountId:
        return self._places.of(self.at, purpose)

    def _add(self, **minors: int) -> None:
        self.at = msgspec.structs.replace(
            self.at, **{name: getattr(self.at, name) + minor for name, minor in minors.items()}
        )

    def _move(self, leg: Leg, debit: AccountId, credit: AccountId, minor: int) -> None:
        answer = self._desk.post(
            Post(
                id=TransferId(move_id(self.at.id, self.at.version, leg)),
                debit=debit,
                credit=credit,
                money=Money(minor, self.at.currency),
                code=leg.value,
                reference=f"card_payment:{self.at.payment}",
            )
        )
        assert not isinstance(answer, Refused), f"whether the wallet can was looked at before: {answer}"


def move_id(dispute: UUID, version: int, leg: Leg) -> UUID:
    """Derive a move's id, next to the dispute's own in every index: the same time in front, other bits behind."""
    name = f"{dispute}/{version}/{leg}".encode()
    random = int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> (64 - _RANDOM_BITS)
    return UUID(int=dispute.int >> _RANDOM_BITS << _RANDOM_BITS | random)
