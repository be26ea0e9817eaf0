"""What an officer sees of a case of identification: side by side what each look found, and what would change it.

Lists, scores and comparisons with other people are for those whose duty they are (`LISTS`): everybody else reads what
the person could be told, and of an alert that the case is under review.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

from msgspec import Meta

from app.http import ids
from app.http.officer.cases import explanations
from app.http.wire import Wire
from app.language import Language
from kyc.cases import decision, life, reasons
from kyc.cases.case import Case, Move
from kyc.cases.claim import Claim
from kyc.cases.decision import Change, Decision, Outcome, Record
from kyc.cases.life import Act, State
from kyc.cases.review import Refusal, Review, Verdict
from kyc.check import Verdict as Said
from kyc.document import Person, Stored

CaseId = Annotated[str, Meta(examples=["identity_case_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
ResidentId = Annotated[str, Meta(examples=["resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
OfficerId = Annotated[str, Meta(examples=["officer_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
DocumentId = Annotated[str, Meta(examples=["document_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
#: The scope of whoever sees what nobody concerned is told of.
LISTS = "officer:screening"
Code = Annotated[str, Meta(pattern=r"^[a-z_]{1,40}$(?!\n)", examples=["not_confirmed"])]


class IdentityCaseSummary(Wire, frozen=True, kw_only=True):
    """A case in the queue. `due_at` is when an officer should have acted: a target, no legal term.

    `version` counts moves, and those tell an alert from a review: null to who sees no alerts.
    """

    id: CaseId
    resident: ResidentId
    state: Annotated[State, Meta(examples=["manual_review"])]
    version: Annotated[int, Meta(ge=1, examples=[5])] | None
    opened_at: datetime
    due_at: datetime | None
    answer_by: Annotated[datetime | None, Meta(examples=[None])]
    attempts: Annotated[int, Meta(examples=[0])]

    @classmethod
    def of(cls, held: Case, *, whole: bool) -> "IdentityCaseSummary":
        """Show a case, `whole` to those who see alerts."""
        return cls(**summary(held, whole=whole))


class IdentityCasePage(Wire, frozen=True):
    """A page of the queue, the soonest due first; `next_cursor` is absent on the last."""

    cases: list[IdentityCaseSummary]
    next_cursor: str | None = None


class ClaimView(Wire, frozen=True, kw_only=True):
    """Who works on the case, and until when nobody else may act."""

    officer: OfficerId
    claimed_at: datetime
    lapses_at: datetime

    @classmethod
    def of(cls, found: Claim) -> "ClaimView":
        """Show a claim."""
        officer = ids.show("officer", found.officer)
        return cls(officer=officer, claimed_at=found.claimed_at, lapses_at=found.lapses_at)


class CheckRecord(Wire, frozen=True, kw_only=True):
    """The last look of a check: what it looks at and why, by which rule, at which evidence, what it found.

    `params` are for experts; among them the alternatives of characters that could be read otherwise. `told` says
    whether the person may know of this check at all.
    """

    check: Annotated[str, Meta(examples=["chip.issuer_trusted"])]
    verdict: Annotated[Said, Meta(examples=["review"])]
    title: Annotated[str, Meta(examples=["The issuing state"])]
    explanation: Annotated[str, Meta(examples=["The signer's certificate was issued by an authority that we trust."])]
    rule: Annotated[str, Meta(examples=["chip@2026-11"])]
    params: Annotated[dict[str, str], Meta(examples=[{"issuer": "UTO"}])]
    evidence: Annotated[list[str], Meta(examples=[["document_06AVZR0TKB7Z8M2Q3R4S5T6V7W"]])]
    document: DocumentId | None
    told: bool


class DocumentSide(Wire, frozen=True, kw_only=True):
    """A document: what it says, and what it is worth now. The names are null where nothing can be read any more."""

    id: DocumentId
    outcome: Annotated[str, Meta(examples=["review"])]
    grade: Annotated[str, Meta(examples=["signed_untrusted_issuer"])]
    issuer: Annotated[str, Meta(examples=["UTO"])]
    format: Annotated[str, Meta(examples=["TD3"])]
    expires: date
    at: datetime
    surname: Annotated[str | None, Meta(examples=["ERIKSSON"])]
    given: Annotated[str | None, Meta(examples=["ANNA MARIA"])]
    born: Annotated[str | None, Meta(examples=["1974-08-12"])]
    nationality: Annotated[str | None, Meta(examples=["UTO"])]
    number: Annotated[str | None, Meta(examples=["L898902C3"])]


class WouldChange(Wire, frozen=True, kw_only=True):
    """Were this check, and no other, to say `verdict`, the outcome would be `outcome`."""

    check: Annotated[str, Meta(examples=["person.unique"])]
    verdict: Annotated[Said, Meta(examples=["pass"])]
    outcome: Annotated[Outcome, Meta(examples=["approve"])]


class DecisionView(Wire, frozen=True, kw_only=True):
    """What follows from all looks now, by which rules; `digest` is that of the decision as it is written down.

    `if_all_pass` is what would follow were every reason to pass: what two officers can grant is `approve` there.
    """

    outcome: Annotated[Outcome, Meta(examples=["review"])]
    reasons: Annotated[list[str], Meta(examples=[["chip.issuer_trusted"]])]
    document: DocumentId | None
    rules: Annotated[str, Meta(examples=["case@2026-11"])]
    digest: Annotated[str, Meta(examples=["588c3724ef28"])]
    would_change: list[WouldChange]
    if_all_pass: Annotated[Outcome, Meta(examples=["approve"])]


class ReviewView(Wire, frozen=True, kw_only=True):
    """What an officer said; a round ends with a decision, a question or a disagreement."""

    round: Annotated[int, Meta(examples=[5])]
    officer: OfficerId
    decision: Annotated[Verdict, Meta(examples=["grant"])]
    reason_code: Annotated[str | None, Meta(examples=[None])]
    note: Annotated[str | None, Meta(examples=[None])]
    at: datetime


class MoveView(Wire, frozen=True, kw_only=True):
    """One move of the case, by whom."""

    sort: Annotated[int, Meta(examples=[5])]
    act: Annotated[Act | None, Meta(examples=["review"])]
    state: Annotated[State, Meta(examples=["manual_review"])]
    actor: Annotated[str, Meta(examples=["resident:0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"])]
    reason: Annotated[str | None, Meta(examples=[None])]
    at: datetime


class RefusedView(Wire, frozen=True, kw_only=True):
    """The last refusal for good, and what the person wrote against it."""

    reason: Code
    ground: Annotated[str, Meta(examples=["Law on Public Services of 15 April 2013 No. 88-V, art. 19-1(1), point 3"])]
    appeal_until: date
    at: datetime
    appeal: Annotated[str | None, Meta(examples=[None])]

    @classmethod
    def of(cls, found: Refusal, words: str | None) -> "RefusedView":
        """Show a refusal."""
        fields = {name: getattr(found, name) for name in ("reason", "ground", "appeal_until", "at")}
        return cls(**fields, appeal=words)


class IdentityCaseView(IdentityCaseSummary, frozen=True, kw_only=True):
    """A case with everything an officer decides by."""

    told: Annotated[list[str], Meta(examples=[[]])]
    claim: Annotated[ClaimView | None, Meta(examples=[None])]
    documents: list[DocumentSide]
    checks: list[CheckRecord]
    decision: DecisionView
    reviews: list[ReviewView]
    refusal: Annotated[RefusedView | None, Meta(examples=[None])]
    moves: list[MoveView]


def summary(held: Case, *, whole: bool) -> dict[str, Any]:
    """Give what the queue shows of a case."""
    names = ("opened_at", "due_at", "answer_by", "attempts")
    shown = {name: getattr(held, name) for name in names}
    shown |= {"state": life.seen(held.state, whole=whole), "version": held.version if whole else None}
    return shown | {"id": ids.show("identity_case", held.id), "resident": ids.show("resident", held.resident)}


def side(stored: Stored, person: Person | None) -> DocumentSide:
    """Show a document beside the others."""
    fields = {name: getattr(stored, name) for name in ("outcome", "grade", "issuer", "format", "expires", "at")}
    names = ("surname", "given", "born", "nationality", "number")
    named: dict[str, Any] = {name: getattr(person, name) if person is not None else None for name in names}
    return DocumentSide(id=ids.show("document", stored.id), **fields, **named)


def check(record: Record, tag: Language) -> CheckRecord:
    """Show a look, explained."""
    title, explanation = (explanations().get(record.check) or explanations()["other"])[tag]
    return CheckRecord(
        check=record.check,
        verdict=record.verdict,
        title=title,
        explanation=explanation,
        rule=record.rule,
        params=record.params,
        evidence=list(record.evidence),
        document=ids.show("document", record.document) if record.document else None,
        told=not reasons.is_confidential(record.check),
    )


def checks(known: tuple[Record, ...], tag: Language, *, whole: bool) -> list[CheckRecord]:
    """Show looks: those that nobody concerned is told of only to who sees them."""
    return [check(each, tag) for each in known if whole or not reasons.is_confidential(each.check)]


def decided(known: tuple[Record, ...], now: Decision, *, whole: bool) -> DecisionView:
    """Show what follows, and what would follow otherwise."""
    changes = [each for each in decision.changes(known) if whole or not reasons.is_confidential(each.check)]
    return DecisionView(
        outcome=_outcome(now.outcome, whole=whole),
        reasons=list(now.reasons if whole else reasons.spoken(now.reasons)),
        document=ids.show("document", now.document) if now.document else None,
        rules=now.rules,
        digest=now.digest().hex()[:12],
        would_change=[_change(each, whole=whole) for each in changes],
        if_all_pass=_outcome(decision.together(known), whole=whole),
    )


def review(given: Review, note: str | None) -> ReviewView:
    """Show a review."""
    return ReviewView(
        round=given.round,
        officer=ids.show("officer", given.officer),
        decision=given.verdict,
        reason_code=given.reason,
        note=note,
        at=given.at,
    )


def moves(made: Sequence[Move], *, whole: bool) -> list[MoveView]:
    """Show moves; to who sees no alerts, those through one as one move of nobody's act, and all numbered anew."""
    names = ("sort", "act", "state", "actor", "reason", "at")
    shown: list[dict[str, Any]] = []
    through = False
    for each in made:
        before, through = through, not whole and bool(life.ALERTS & {each.before, each.state})
        row = {name: getattr(each, name) for name in names}
        if through:
            row |= {"act": None, "state": life.seen(each.state, whole=False), "actor": "service", "reason": None}
        shown = [*(shown[:-1] if before and through else shown), row]
    return [MoveView(**row | ({} if whole else {"sort": nth})) for nth, row in enumerate(shown, 1)]


def _change(each: Change, *, whole: bool) -> WouldChange:
    return WouldChange(check=each.check, verdict=each.verdict, outcome=_outcome(each.outcome, whole=whole))


def _outcome(outcome: Outcome, *, whole: bool) -> Outcome:
    return Outcome.REVIEW if outcome is Outcome.ALERT and not whole else outcome
