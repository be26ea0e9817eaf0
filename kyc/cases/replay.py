"""Every decision again, from the records it was made of, by the rules it was made by: the same bytes, or it is told."""

import hashlib
from collections.abc import Iterator, Sequence

import msgspec

from kyc.cases import decision
from kyc.cases.decision import Record


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as it was written down: by `rules`, over the first `records` looks of a case."""

    number: int
    records: int
    rules: str
    encoded: bytes
    digest: bytes


class Differs(msgspec.Struct, frozen=True):
    """Decision `number` is not what follows, for the reason `what`."""

    number: int
    what: str


def again(written: Sequence[Written], records: Sequence[Record], *, purpose: str = "identity") -> Iterator[Differs]:
    """Decide each of a case's decisions again over all records of the case; yields those that come out otherwise."""
    seqs = [each.seq for each in records]
    if sorted(seqs) != list(range(1, len(seqs) + 1)):
        yield Differs(0, "records are missing or doubled")
    for number, each in enumerate(written, 1):
        if each.number != number:
            yield Differs(each.number, f"follows {number - 1}")
        if hashlib.sha256(each.encoded).digest() != each.digest:
            yield Differs(each.number, "has another digest than its words")
        try:
            known = [record for record in records if record.seq <= each.records]
            follows = decision.decide(known, purpose=purpose, rules=each.rules)
        except decision.UnknownRules:
            yield Differs(each.number, f"by rules that are not kept: {each.rules}")
            continue
        if follows.encoded() != each.encoded:
            yield Differs(each.number, "is not what its records say")
