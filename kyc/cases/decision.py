"""What follows from everything that was found about a person: a pure function, kept by version and replayed.

reports    kyc/cases/records.py     add()
decides    kyc/cases/decision.py    decide()        <- you are here
replays    kyc/cases/replay.py      byte for byte, in ten years too

A document that lacks nothing speaks for the person, the one read last of such, or else the last one of which nothing
failed; a look at the person counts whichever document it came with, and a face only for the document it was compared
with. What two officers settled is a record like any other: it settles what was open before it, and nothing that failed
or was found later. A record that failed and can be mended asks the person; what cannot be mended asks officers.
"""

import enum
import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from kyc.cases.required import DEMANDED, NOW, VERSIONS, Rules, is_of_document
from kyc.check import Finding, Verdict

#: The version that decides now. What it decides by is data (kyc/cases/required.py): a change is a version of its own.
RULES = NOW.version
#: The record of what two officers decided: `covers` names what they settled, `reason` why they refused.
OFFICERS = "case.officers"
SCREENING = "person.screening"
#: A document that was taken in good order long ago; it identifies on until its replacement is overdue.
FRESH = "document.fresh"
#: What the phone reads of a document each time it is shown.
_SCANNED = ("mrz.", "chip.")
#: Why a chip's look is open that gave no answer: what another check may answer as well.
_UNANSWERED = "answer_missing"

_OPEN = frozenset({Verdict.REVIEW, Verdict.ERROR})
_STOPS = _OPEN | {Verdict.FAIL}


class Outcome(enum.StrEnum):
    """What follows. `reject` is only ever what officers said; `incomplete` waits for a document, or for a face."""

    INCOMPLETE = "incomplete"
    APPROVE = "approve"
    RETRY = "retry"
    ALERT = "alert"
    REVIEW = "review"
    REJECT = "reject"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One stored look at a case, the `seq`-th; `inputs` is the digest of what was looked at, in hex."""

    seq: int
    check: str
    rule: str
    verdict: Verdict
    params: dict[str, str]
    evidence: tuple[str, ...]
    inputs: str
    document: UUID | None = None

    @classmethod
    def read(cls, row: Iterable[object]) -> "Record":
        """Make a record of a row: seq, name, rule, verdict, params, evidence, inputs in hex, document."""
        names = ("seq", "check", "rule", "verdict", "params", "evidence", "inputs", "document")
        return msgspec.convert(dict(zip(names, row, strict=True)), cls)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What follows, by which rules, for which checks, by which document; `looked` is the digest of the records."""

    outcome: Outcome
    reasons: tuple[str, ...]
    document: UUID | None
    rules: str
    looked: str

    def encoded(self) -> bytes:
        """Write it down: the same decision is the same bytes."""
        return msgspec.json.encode(self, order="deterministic")

    def digest(self) -> bytes:
        """Digest what is written down."""
        return hashlib.sha256(self.encoded()).digest()

    def gist(self) -> bytes:
        """Digest what it means, whatever records it came from: equal for two decisions that say the same."""
        said = msgspec.structs.replace(self, looked="")
        return hashlib.sha256(said.encoded()).digest()


class UnknownRules(Exception):
    """No function of this version is kept."""

    def __init__(self, rules: str) -> None:
        super().__init__(rules)
        self.rules = rules


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Were `check` to say `verdict` instead, the outcome would be `outcome`."""

    check: str
    verdict: Verdict
    outcome: Outcome


def decide(records: Iterable[Record], *, purpose: str = "identity", rules: str = RULES) -> Decision:
    """Decide by everything that was found, in any order; raises UnknownRules."""
    if (decider := DECIDERS.get(rules)) is None:
        raise UnknownRules(rules)
    return decider(tuple(records), purpose)


def worth(records: Iterable[Record], document: UUID, *, purpose: str = "identity", stale: bool = True) -> Decision:
    """Decide as if this were the person's only document; without `stale` its age is no matter."""
    known = [each for each in records if stale or each.check != FRESH]
    return _decision(NOW, _seen(NOW, _latest(NOW, known), document), document, purpose)


def alone(findings: Iterable[Finding], *, purpose: str = "identity") -> Outcome:
    """Decide by the findings of one document that nothing is stored of, each the last word on its check."""
    seen = {
        each.check: Record(
            seq=seq,
            check=each.check,
            rule=each.rule,
            verdict=each.verdict,
            params=each.params,
            evidence=each.evidence,
            inputs="",
        )
        for seq, each in enumerate(findings)
    }
    return _follows(NOW, seen, None, purpose)[0]


def is_unlooked(records: Iterable[Record], decided: Decision) -> bool:
    """Say whether all that is open is what nobody looked at yet about the person: asked since, found by nobody."""
    looked = {each.check for each in records}
    return bool(decided.reasons) and not any(NOW.is_bound(check) or check in looked for check in decided.reasons)


def open_(records: Iterable[Record], decided: Decision, *, purpose: str = "identity") -> tuple[str, ...]:
    """Name what was looked at and is open, of the document that speaks and of the person, whatever failed beside it."""
    seen = _seen(NOW, _latest(NOW, records), decided.document)
    return tuple(check for check in _unsettled(NOW, seen, decided.document, purpose) if check in seen)


def changes(records: Iterable[Record], *, purpose: str = "identity") -> tuple[Change, ...]:
    """List which check, were it to say something else, would change the outcome; each by itself."""
    known = tuple(records)
    now = decide(known, purpose=purpose)
    found = []
    for check in now.reasons:
        for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.REVIEW):
            other = _said(known, now, check, verdict)
            if (outcome := decide((*known, *other), purpose=purpose).outcome) is not now.outcome:
                found.append(Change(check=check, verdict=verdict, outcome=outcome))
    return tuple(found)


def together(records: Iterable[Record], *, purpose: str = "identity") -> Outcome:
    """Say what would follow were every open check to pass."""
    known = tuple(records)
    now = decide(known, purpose=purpose)
    said = [each for check in now.reasons for each in _said(known, now, check, Verdict.PASS)]
    return decide((*known, *said), purpose=purpose).outcome


def _said(known: Sequence[Record], now: Decision, check: str, verdict: Verdict) -> list[Record]:
    """Say something else of a check: of the document that speaks, or of all where it lasts, or of the person."""
    seq = max((each.seq for each in known), default=0) + 1
    about: set[UUID | None] = {now.document} if NOW.is_bound(check) else {None}
    if check in NOW.lasts:
        about |= {each.document for each in known if each.check == check}
    other = Record(seq=seq, check=check, rule="", verdict=verdict, params={}, evidence=(), inputs="")
    return [msgspec.structs.replace(other, document=of) for of in about]


_Latest = Mapping[tuple[str, UUID | None], Record]


def by_rules(rules: Rules, records: Sequence[Record], purpose: str) -> Decision:
    """Decide by one version's data, and by nothing else that may change."""
    latest = _latest(rules, records)
    if not (documents := _documents(records)):
        return _decision(rules, _seen(rules, latest, None), None, purpose)
    own = {each: _own(rules, latest, each) for each in reversed(documents)}
    sound = (each for each, looks in own.items() if _sound(rules, looks, each, purpose))
    whole = (each for each, looks in own.items() if rules.spares and not _failed(_of_itself(rules, looks)))
    speaks = next(sound, None) or next(whole, documents[-1])
    return _decision(rules, _seen(rules, latest, speaks), speaks, purpose)


#: Every version that ever decided, so that what it decided can be decided again: by its own data, whatever came since.
DECIDERS: dict[str, Callable[[Sequence[Record], str], Decision]] = {
    each.version: functools.partial(by_rules, each) for each in VERSIONS
}


def _documents(records: Iterable[Record]) -> list[UUID]:
    """List the documents, the one read last at the end: the same of all records as of the last ones of each check."""
    read: dict[UUID, int] = {}
    for each in records:
        if each.document is not None and is_of_document(each.check):
            seq = each.seq if each.check.startswith(_SCANNED) else 0
            read[each.document] = max(seq, read.get(each.document, 0))
    return sorted(read, key=lambda document: (read[document], document))


def _latest(rules: Rules, records: Iterable[Record]) -> _Latest:
    """Take the last word on each check: of each document on what is about it, of all on what is about the person.

    A look at the person that could not be taken is no word: what was known before it stands. Where nothing was known
    the last such look counts, which is the one that the database hands over (`kyc.latest_checks`).
    """
    latest: dict[tuple[str, UUID | None], Record] = {}
    for each in sorted(records, key=lambda record: record.seq):
        place = (each.check, each.document if rules.is_bound(each.check) else None)
        before = latest.get(place)
        blind = each.verdict is Verdict.ERROR and not is_of_document(each.check)
        if not blind or before is None or before.verdict is Verdict.ERROR:
            latest[place] = each
    return latest


def _own(rules: Rules, latest: _Latest, document: UUID | None) -> dict[str, Record]:
    """Give what was looked at of the person and of this document."""
    seen = [
        each for (check, of), each in latest.items() if of in {None, document} and not check.startswith(rules.besides)
    ]
    return {each.check: each for each in sorted(seen, key=lambda record: record.seq)}


def _seen(rules: Rules, latest: _Latest, document: UUID | None) -> dict[str, Record]:
    """Give what counts for a document: its own, and what lasts of the others."""
    seen = _own(rules, latest, document)
    for check in rules.lasts:
        lasting = [each for (name, _), each in latest.items() if name == check and each.verdict in _STOPS]
        if lasting:
            seen[check] = max(lasting, key=lambda record: record.seq)
    return {each.check: each for each in sorted(seen.values(), key=lambda record: record.seq)}


def _sound(rules: Rules, own: Mapping[str, Record], document: UUID, purpose: str) -> bool:
    """Say whether nothing about the document itself is open."""
    of_document = _of_itself(rules, own)
    beside = {check: own[check] for check in (*rules.answers.values(), DEMANDED) if check in own}
    failed, unsettled = _failed(of_document), _unsettled(rules, beside | of_document, document, purpose)
    return not failed and not any(rules.is_bound(check) for check in unsettled)


def _of_itself(rules: Rules, own: Mapping[str, Record]) -> dict[str, Record]:
    """Give what was looked at of a document itself, and what officers settled of it."""
    return {check: each for check, each in own.items() if rules.is_bound(check) or check == OFFICERS}


def _decision(rules: Rules, seen: Mapping[str, Record], document: UUID | None, purpose: str) -> Decision:
    outcome, reasons = _follows(rules, seen, document, purpose) if document else (Outcome.INCOMPLETE, ())
    looked = hashlib.sha256(msgspec.json.encode(tuple(seen.values()), order="deterministic")).hexdigest()
    return Decision(outcome=outcome, reasons=reasons, document=document, rules=rules.version, looked=looked)


def _follows(
    rules: Rules, seen: Mapping[str, Record], document: UUID | None, purpose: str
) -> tuple[Outcome, tuple[str, ...]]:
    officers = seen.get(OFFICERS)
    if officers is not None and officers.verdict is Verdict.FAIL:
        return Outcome.REJECT, (OFFICERS,)
    failed, unsettled = _failed(seen), _unsettled(rules, seen, document, purpose)
    if fatal := [check for check in failed if not check.startswith(rules.mendable)]:
        return Outcome.REVIEW, (*fatal, *(each for each in (*failed, *unsettled) if each not in fatal))
    if any(check != FRESH for check in failed):
        return Outcome.RETRY, failed
    if SCREENING in unsettled and SCREENING in seen and seen[SCREENING].verdict is Verdict.REVIEW:
        return Outcome.ALERT, (*unsettled, *failed)
    if failed:
        return Outcome.RETRY, failed
    return _lacks(rules, seen, unsettled) if unsettled else (Outcome.APPROVE, ())


def _lacks(rules: Rules, seen: Mapping[str, Record], unsettled: tuple[str, ...]) -> tuple[Outcome, tuple[str, ...]]:
    """Wait for what only the person can give once nothing else is open; what is not looked at yet comes by itself."""
    given = tuple(check for check in unsettled if check.startswith(rules.given))
    if given and not seen.keys() & set(unsettled):
        return Outcome.INCOMPLETE, given
    return Outcome.REVIEW, unsettled


def _failed(seen: Mapping[str, Record]) -> tuple[str, ...]:
    return tuple(check for check, each in seen.items() if each.verdict is Verdict.FAIL)


def _unsettled(rules: Rules, seen: Mapping[str, Record], document: UUID | None, purpose: str) -> tuple[str, ...]:
    """Name what is open and what is missing, as far as no officers settled it since, of this document or the person."""
    covers, by = covered(seen.get(OFFICERS), document, rules)
    unlooked = covers.difference(rules.answered)
    found = [
        check
        for check, each in seen.items()
        if each.verdict in _OPEN
        and not (each.seq < by and check in (unlooked if each.verdict is Verdict.ERROR else covers))
        and not _answered(rules, each, seen)
    ]
    missing = sorted(_required(rules, seen, purpose) - seen.keys() - unlooked)
    return (*found, *missing)


def _required(rules: Rules, seen: Mapping[str, Record], purpose: str) -> frozenset[str]:
    """Name what must have passed: by the version, and by what was demanded of this person."""
    demanded = seen[DEMANDED].params["checks"].split() if rules.heeds and DEMANDED in seen else ()
    return frozenset((*rules.required[purpose], *demanded))


def _answered(rules: Rules, open_: Record, seen: Mapping[str, Record]) -> bool:
    """Say whether another check of the same document answers what was not answered."""
    other = seen.get(rules.answers.get(open_.check, ""))
    if other is None or open_.params.get("reason") != _UNANSWERED:
        return False
    return other.verdict is Verdict.PASS and other.document is not None and other.document == open_.document


def covered(officers: Record | None, document: UUID | None, rules: Rules = NOW) -> tuple[frozenset[str], int]:
    """Name what officers settled, and by which record: of one document what is about it, of the person the rest."""
    if officers is None or officers.verdict is not Verdict.PASS:
        return frozenset(), 0
    same = officers.params.get("document") == str(document)
    covers = officers.params.get("covers", "").split()
    settled = frozenset(check for check in covers if same or not rules.is_bound(check) or check in rules.lasts)
    return settled, officers.seq
