"""Rules at work: what those in force say of a question, and what those in the shadow would have said.

path     cards/payments/booking.py    loads the rules of a batch  ->  the decision judges  ->  write() logs what applied
judges   cards/rules/engine.py        Rules.judge()      <- you are here
keeps    cards.rule_result       every time a rule applied, in force or not, and why; only added to

Compiled rules are kept by the process under the id of the latest step of any rule. Each batch reads that id under its
own snapshot, so what an officer changed holds in every process from its next batch on.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self
from uuid import UUID

import msgspec

from cards.payments.payment import Payment
from cards.payments.reason import Reason
from cards.rules import rule
from cards.rules.condition import Because, Holds, because, compiled
from cards.rules.events import CardRuleAlerted
from cards.rules.rule import Alert, Buffer, Challenge, Decline, State, Version
from cards.spending.features import Features
from proof.journal import Fact
from wallet import ledger, packed
from wallet.desk import Desk
from wallet.packed import Packed

_ACTOR = "system"
_RANDOM_BITS = 62  # the last field of a UUIDv7 (RFC 9562 section 5.7)


class Hit(NamedTuple):
    """A rule applied. One in the shadow changed nothing."""

    version: Version
    because: tuple[Because, ...]

    @property
    def shadow(self) -> bool:
        """Whether it was only watching: whatever is not in force does no more."""
        return self.version.state is not State.ACTIVE

    @property
    def action(self) -> str:
        """What it does, or would have done."""
        return str(self.version.body.then.__struct_config__.tag)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules say: why not, and how much more to hold than was asked, in percent."""

    reasons: tuple[Reason, ...] = ()
    buffer_percent: int = 0
    hits: tuple[Hit, ...] = ()


class _Ready(NamedTuple):
    version: Version
    holds: Holds


#: The rules as of the latest step; a batch that finds another step reads them anew.
_latest: tuple[UUID | None, tuple[_Ready, ...]] = (None, ())


class _Found(NamedTuple):
    payment: Payment
    number: int
    hit: Hit
    approved: bool
    minor: int


class Rules:
    """The rules of one batch, and where they applied in it."""

    def __init__(self, desk: Desk, ready: Iterable[tuple[Version, Holds]]) -> None:
        self._desk = desk
        self._ready = tuple(ready)
        self._found: list[_Found] = []

    @staticmethod
    def asks() -> bytes:
        """Answer the statement that finds the latest step, to be sent in binary."""
        return _LATEST

    @classmethod
    async def of(cls, desk: Desk, rows: Sequence[Sequence[Any]]) -> Self:
        """Take the rules as of what the statement of `asks` answered; read them only where they changed."""
        global _latest  # noqa: PLW0603  what is compiled is kept by the process, under the step it is true for
        stamp: UUID | None = rows[0][0] if rows else None
        if stamp != _latest[0]:
            _latest = stamp, tuple(ready(await rule.running(desk.db)))
        return cls(desk, _latest[1])

    @classmethod
    async def load(cls, desk: Desk) -> Self:
        """Load the rules, in one round trip while nobody changes them."""
        wire = await ledger.wire(desk.db)
        return await cls.of(desk, await (await wire.execute(_LATEST, prepare=True, binary=True)).fetchall())

    def judge(self, features: Features) -> Verdict:
        """Ask every rule; those in the shadow are only remembered."""
        hits = [Hit(version, because(version.body.when, features)) for version, holds in self._ready if holds(features)]
        return judged(hits, features) if hits else _NOTHING

    def log(self, payment: Payment, number: int, verdict: Verdict, *, approved: bool, minor: int) -> None:
        """Remember where rules applied: to the element `number` of `payment`, over an amount of `minor`."""
        self._found += [_Found(payment, number, hit, approved, minor) for hit in verdict.hits]

    def facts(self) -> list[Fact]:
        """Tell officers what they want to hear of."""
        return [
            _alert(found, self._desk)
            for found in self._found
            if not found.hit.shadow and isinstance(found.hit.version.body.then, Alert)
        ]

    def write(self) -> None:
        """Store what applied, in one statement."""
        if self._found:
            self._desk.also(_WRITE, _columns(self._found, self._desk))


def ready(versions: Iterable[Version]) -> Iterable[_Ready]:
    """Compile versions."""
    return (_Ready(version, compiled(version.body.when)) for version in versions)


def judged(hits: Sequence[Hit], features: Features) -> Verdict:
    """Put together what the rules in force do: any that declines does, and the highest buffer counts."""
    reasons, percent = [], 0
    for hit in hits:
        if hit.shadow:
            continue
        match hit.version.body.then:
            case Decline():
                reasons.append(Reason.RISK)
            case Challenge() if not (features.authenticated or features.with_pin):
                reasons.append(Reason.CHALLENGE_REQUIRED)
            case Buffer(percent=more):
                percent = max(percent, more)
    return Verdict(reasons=tuple(dict.fromkeys(reasons)), buffer_percent=percent, hits=tuple(hits))


_NOTHING = Verdict()


def _alert(found: _Found, desk: Desk) -> Fact:
    version = found.hit.version
    event = CardRuleAlerted(
        version_id=version.id,
        name=version.name,
        payment=found.payment.id,
        number=found.number,
        amount_minor=found.minor,
        currency=str(found.payment.currency),
        approved=found.approved,
    )
    return Fact(aggregate=_id(found), at=desk.now, actor=_ACTOR, event=event)


def _id(found: _Found) -> UUID:
    """Name one finding, the same at every try of the batch: the payment's time in front, other bits behind."""
    name = f"{found.payment.id}/{found.number}/{found.hit.version.id}".encode()
    random = int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> (64 - _RANDOM_BITS)
    return UUID(int=found.payment.id.int >> _RANDOM_BITS << _RANDOM_BITS | random)


def _columns(found: Sequence[_Found], desk: Desk) -> tuple[Packed, ...]:
    return (
        packed.integers([each.payment.lane for each in found]),
        packed.uuids(each.payment.id for each in found),
        packed.integers([each.number for each in found]),
        packed.uuids(each.hit.version.id for each in found),
        packed.uuids(each.payment.holder for each in found),
        packed.texts("true" if each.hit.shadow else "false" for each in found),
        packed.texts(each.hit.action for each in found),
        packed.texts("true" if each.approved else "false" for each in found),
        packed.bigints([each.minor for each in found]),
        packed.texts(msgspec.json.encode(each.hit.because).decode() for each in found),
        packed.instants(desk.now for _ in found),
    )


_LATEST = b"SELECT id FROM cards.rule_step ORDER BY seq DESC LIMIT 1"
_WRITE = b"""
    INSERT INTO cards.rule_result (lane, payment, number, version, holder, shadow, action, approved, minor, because, at)
    SELECT * FROM unnest(
        %s::integer[], %s::uuid[], %s::integer[], %s::uuid[], %s::uuid[], %s::text[]::boolean[], %s::text[],
        %s::text[]::boolean[], %s::bigint[], %s::text[]::jsonb[], %s::timestamptz[]
    )
"""
