"""What was confirmed is used up with the effect: once, for one item or for a batch of them.

proves     app/auth/stepup.py      proven(), redeem()
uses up    app/auth/confirmed.py   Confirmations      <- you are here

Whoever acts loads the confirmations of all items (their rows stay locked), claims each before deciding its item, says
which were used, and writes once. What was claimed for an item that is then refused stays as good as it was.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.auth import passkey
from app.auth.events import StepUpConfirmed
from app.http.ids import UnknownId
from app.tables import event
from proof import journal
from wallet import ledger, packed
from wallet.ledger import Question


class Required(Exception):
    """The operation acts only on a fresh assertion over what it shows; none was sent, or it is used or too old."""

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.operation = operation


class Mismatch(Exception):
    """What was signed is not what the operation would do."""

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.operation = operation


class NotSigned(Exception):
    """The passkey's answer does not hold: of a device that is not the caller's, over something else, or a copy's.

    The caller is signed in all the same, unlike one who is refused at sign-in (passkey.Refused). Where it is a copy's,
    `copied` says of which passkey, to be remembered (app/auth/device.py).
    """

    def __init__(self, operation: str, copied: passkey.Regressed | None = None) -> None:
        super().__init__(operation)
        self.operation = operation
        self.copied = copied


class RecoveryPeriod(Exception):
    """The account was recovered a short while ago; until `until` the operation waits."""

    def __init__(self, operation: str, until: datetime) -> None:
        super().__init__(operation, until)
        self.operation = operation
        self.until = until.isoformat(timespec="seconds")


class Proof(msgspec.Struct, frozen=True):
    """A passkey of `subject` signed exactly what `operation` will do. It is good once, whoever uses it first."""

    step_up: UUID
    subject: UUID
    actor: str
    operation: str
    answer: passkey.Proven


class Waived(msgspec.Struct, frozen=True):
    """A tester without a passkey stands for `subject` (demo and test only); the day after a recovery binds them too."""

    subject: UUID
    operation: str
    in_recovery: bool


Refusal = UnknownId | Required | Mismatch | NotSigned | RecoveryPeriod
#: What stands behind an item: a proof, nothing where none is asked for, or why there is none.
Confirmed = Proof | Waived | Refusal | None


def questions(asked: Iterable[Confirmed]) -> Iterator[Question]:
    """Ask for what is behind `asked`, locking it."""
    pairs: set[tuple[UUID, bytes]] = set()
    waived: set[UUID] = set()
    for each in asked:
        if isinstance(each, Proof):
            pairs.add((each.step_up, each.answer.passkey))
        elif isinstance(each, Waived) and not each.in_recovery:
            waived.add(each.subject)
    now = clock.real()
    if waived:
        yield Question(_LIMITED, (packed.uuids(waived), now))
    if pairs:
        step_ups, passkeys = zip(*pairs, strict=True)
        yield Question(_LOAD, (packed.uuids(step_ups), packed.blobs(passkeys), now))


class Confirmations:
    """The confirmations of one batch, locked."""

    def __init__(self, db: AsyncConnection, at: datetime) -> None:
        self._db = db
        self._at = at
        self._unused: set[tuple[UUID, bytes]] = set()
        self._counters: dict[bytes, int] = {}
        self._claimed: dict[UUID, Proof] = {}
        self._used: dict[UUID, Proof] = {}
        self._limited: dict[UUID, datetime] = {}

    @classmethod
    async def load(
        cls, db: AsyncConnection, asked: Iterable[Confirmed], heard: Mapping[bytes, Sequence[Any]] | None = None
    ) -> Self:
        """Lock what is behind `asked`: the step-ups that are not used yet, and the counters of their passkeys.

        `heard` is what was answered to `questions` about these and maybe others, where that was asked before.
        """
        found = cls(db, clock.real())
        for question in questions(asked):
            rows = None if heard is None else heard.get(question.statement)
            if rows is None:
                rows = await (await ledger.ask(await ledger.wire(db), question)).fetchall()
            if question.statement is _LIMITED:
                found._limited = dict(rows)
            else:
                for step_up, key, sign_count in rows:
                    found._unused.add((step_up, key))
                    found._counters[key] = sign_count
        return found

    def claim(self, confirmed: Confirmed) -> Refusal | None:
        """Say what stands against acting on `confirmed`; None lets it pass. Items of one request may share a proof."""
        if isinstance(confirmed, Waived):
            until = self._limited.get(confirmed.subject)
            return None if until is None else RecoveryPeriod(confirmed.operation, until)
        if not isinstance(confirmed, Proof):
            return confirmed
        if (claimed := self._claimed.get(confirmed.step_up)) is confirmed:
            return None
        answer = confirmed.answer
        if claimed is not None or (confirmed.step_up, answer.passkey) not in self._unused:
            return Required(confirmed.operation)
        if not passkey.grows(self._counters[answer.passkey], answer.sign_count):
            return NotSigned(confirmed.operation)
        self._claimed[confirmed.step_up] = confirmed
        self._counters[answer.passkey] = answer.sign_count
        return None

    def use(self, confirmed: Confirmed) -> None:
        """Say that an item was done on `confirmed`, which let it pass."""
        if isinstance(confirmed, Proof):
            assert self._claimed[confirmed.step_up] is confirmed, "claimed before the item was decided"
            self._used[confirmed.step_up] = confirmed

    async def write(self) -> None:
        """Mark everything that was used, with what was signed as evidence, and count it."""
        if not self._used:
            return
        used = list(self._used.values())
        counted = {
            proof.answer.passkey: proof.answer for proof in sorted(used, key=lambda proof: proof.answer.sign_count)
        }
        marked = await self._db.scalar(
            _WRITE,
            {
                "now": self._at,
                "step_ups": [proof.step_up for proof in used],
                "passkeys": [proof.answer.passkey for proof in used],
                "client_data": [proof.answer.client_data for proof in used],
                "authenticator_data": [proof.answer.authenticator_data for proof in used],
                "signatures": [proof.answer.signature for proof in used],
                "counted": list(counted),
                "counters": [answer.sign_count for answer in counted.values()],
                "backed_up": [answer.backed_up for answer in counted.values()],
            },
        )
        assert marked == len(used), "their rows are locked, unused"
        await journal.append(self._db, event, *map(self._fact, used))

    def _fact(self, proof: Proof) -> journal.Fact:
        fact = StepUpConfirmed(subject=proof.subject, operation=proof.operation)
        return journal.Fact(aggregate=proof.step_up, holder=proof.subject, at=self._at, actor=proof.actor, event=fact)


_LIMITED = b"SELECT id, limited_until FROM app.subject WHERE id = ANY(%s::uuid[]) AND limited_until > %s::timestamptz"
_LOAD = b"""
    SELECT step_up.id, passkey.id, passkey.sign_count
    FROM (SELECT unnest(%s::uuid[]) AS step_up, unnest(%s::bytea[]) AS passkey) AS asked
    JOIN app.step_up ON step_up.id = asked.step_up
    JOIN app.passkey ON passkey.id = asked.passkey AND passkey.subject = step_up.subject
    WHERE step_up.used_at IS NULL AND step_up.expires_at > %s::timestamptz AND passkey.removed_at IS NULL
    ORDER BY step_up.id, passkey.id FOR UPDATE OF step_up, passkey
"""
_WRITE = text(
    """
    WITH used AS (
        UPDATE app.step_up
        SET used_at = :now, passkey = signed.passkey, client_data = signed.client_data,
            authenticator_data = signed.authenticator_data, signature = signed.signature
        FROM unnest(
            CAST(:step_ups AS uuid[]), CAST(:passkeys AS bytea[]), CAST(:client_data AS bytea[]),
            CAST(:authenticator_data AS bytea[]), CAST(:signatures AS bytea[])
        ) AS signed (id, passkey, client_data, authenticator_data, signature)
        WHERE step_up.id = signed.id AND step_up.used_at IS NULL
        RETURNING step_up.id
    ), counted AS (
        UPDATE app.passkey SET sign_count = answer.sign_count, backed_up = answer.backed_up, used_at = :now
        FROM unnest(CAST(:counted AS bytea[]), CAST(:counters AS bigint[]), CAST(:backed_up AS boolean[]))
             AS answer (id, sign_count, backed_up)
        WHERE passkey.id = answer.id
    )
    SELECT count(*) FROM used
    """
)
