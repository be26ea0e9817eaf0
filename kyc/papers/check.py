"""What a paper is worth by itself: held against the rules of its country as they are on the day it is filed; pure.

checks    kyc/papers/check.py          check()      <- you are here
rules     kyc/packs/catalogue.py       Catalogue.of()
reports   app/papers/reporting.py      report()     to the person's case

A rule nobody read up, or about which sources disagree, lets a paper pass only where the stricter reading would as well;
else a person looks. So does everything about a country without a pack.
"""

from collections.abc import Iterator
from datetime import date

import msgspec

from kyc.check import Finding, Verdict
from kyc.packs import catalogue, rule
from kyc.packs.catalogue import Catalogue, InForce
from kyc.packs.pack import Kind, Legalisation, Mark, Outcome, Regime, Rule
from kyc.papers.file import Scan
from kyc.papers.paper import Accepted, Details, Paper

_VERDICTS = {
    Outcome.PASS: Verdict.PASS,
    Outcome.FAIL: Verdict.FAIL,
    Outcome.REVIEW: Verdict.REVIEW,
    Outcome.NOT_APPLICABLE: Verdict.NOT_APPLICABLE,
}
#: No official paper: a bill, a statement, a contract.
_PRIVATE = frozenset({Kind.ADDRESS})


def check(packs: Catalogue, paper: Paper, details: Details, filed_on: date, reference: str) -> tuple[Finding, ...]:
    """Check a paper, filed on a day; `reference` is how findings name it."""
    pack = packs.of(paper.country, filed_on)
    asked = rule.is_asked(pack.registers, paper.kind)
    looks = _looks(packs, pack, paper, details, filed_on) if asked else _held(packs, pack)
    return tuple(
        Finding(
            f"paper.{paper.kind}.{name}", verdict, {"country": paper.country, **params}, catalogue.VERSION, (reference,)
        )
        for name, verdict, params in looks
    )


_Look = tuple[str, Verdict, dict[str, str]]


def _held(packs: Catalogue, pack: InForce) -> Iterator[_Look]:
    """Ask nothing of a paper that a register holds: whoever hands it in is told so (once only)."""
    assert pack.registers is not None, "asked of a paper that a register holds"
    why = {} if packs.is_sourced(pack.registers) else {"rule": "unverified"}
    yield "once_only", Verdict.NOT_APPLICABLE, why


def _looks(packs: Catalogue, pack: InForce, paper: Paper, details: Details, filed_on: date) -> Iterator[_Look]:
    yield "files", *_files(paper)
    yield "country", *((Verdict.PASS, {}) if pack.known else (Verdict.REVIEW, {"why": "no_pack"}))
    yield "legalised", *_legalised(packs, pack, paper)
    yield "translated", *_translated(pack, paper)
    yield "age", *_age(packs, pack, paper, filed_on)
    if paper.kind is Kind.POLICE:
        yield "issuer", *_issuer(packs, pack, details)
    if paper.kind is Kind.DIPLOMA:
        yield "recognised", *_recognised(packs, pack, paper)
    yield "genuine", *_genuine(paper)


_Found = tuple[Verdict, dict[str, str]]


def _files(paper: Paper) -> _Found:
    """Whether somebody may open its files: what nobody scanned is no answer, neither good nor bad."""
    scans = {each.scan for each in paper.files}
    if Scan.INFECTED in scans or not scans:
        return Verdict.FAIL, {"why": "infected" if scans else "none"}
    return (Verdict.ERROR, {"why": "unscanned"}) if Scan.WAITING in scans else (Verdict.PASS, {})


def _legalised(packs: Catalogue, pack: InForce, paper: Paper) -> _Found:
    if paper.kind in _PRIVATE:
        return Verdict.NOT_APPLICABLE, {}
    legal = pack.legalisation
    if legal is None:
        return Verdict.REVIEW, {"why": "no_rule"}
    told = {"regime": str(legal.regime), "mark": str(paper.mark)}
    outcome = rule.legalised(legal, paper.mark)
    doubt = _doubt(packs, legal)
    if doubt and (outcome is Outcome.FAIL or not _is_enough(packs, legal, paper.mark)):
        outcome = Outcome.REVIEW
    return _VERDICTS[outcome], {**told, **({"rule": doubt} if doubt else {})}


def _doubt(packs: Catalogue, of: Rule) -> str:
    if catalogue.is_disputed(of):
        return "disputed"
    return "" if packs.is_sourced(of) else "unverified"


def _is_enough(packs: Catalogue, legal: Legalisation, mark: Mark) -> bool:
    """Whether the mark is enough however the doubt ends: the consul's always is, an apostille if that was read up."""
    return mark is Mark.CONSULAR or (mark is Mark.APOSTILLE and packs.is_sourced(legal))


def _translated(pack: InForce, paper: Paper) -> _Found:
    if pack.translation is None:
        return Verdict.REVIEW, {"why": "no_rule"}
    outcome = rule.translated(pack.translation, paper.language, paper.translated_to, notarised=paper.notarised)
    return _VERDICTS[outcome], {"language": paper.language}


def _age(packs: Catalogue, pack: InForce, paper: Paper, filed_on: date) -> _Found:
    """Count the days since it was issued, on the day it is filed: 180 is young enough where 180 are allowed."""
    days = (filed_on - paper.issued_on).days
    if days < 0:
        return Verdict.FAIL, {"days": str(days)}
    limit = pack.ages.get(paper.kind)
    if limit is None:
        return Verdict.NOT_APPLICABLE, {}
    told = {"days": str(days), "days_max": str(limit.days_max)}
    return _VERDICTS[rule.fresh(limit, days)], told | ({} if packs.is_sourced(limit) else {"rule": "operator"})


def _issuer(packs: Catalogue, pack: InForce, details: Details) -> _Found:
    """Compare with the one who certifies in that country; another name may be the same authority, so a person looks."""
    if pack.police is None:
        return Verdict.REVIEW, {"why": "no_rule"}
    known = rule.is_issuer(pack.police, details.issuer)
    doubt = _doubt(packs, pack.police)
    return (Verdict.PASS if known and not doubt else Verdict.REVIEW), {"rule": doubt} if doubt else {}


def _recognised(packs: Catalogue, pack: InForce, paper: Paper) -> _Found:
    """Recognise what needs no list of institutions; there is none yet (D2.7), so of all others a person judges."""
    if pack.diploma is None:
        return Verdict.REVIEW, {"why": "no_rule"}
    outcome = rule.recognised(pack.diploma, {}, paper.issued_on)
    doubt = _doubt(packs, pack.diploma)
    if doubt and outcome is Outcome.PASS:
        outcome = Outcome.REVIEW
    return _VERDICTS[outcome], {"regime": pack.diploma.regime, **({"rule": doubt} if doubt else {})}


def _genuine(paper: Paper) -> _Found:
    """Say what an officer made of it; nothing else here looks at the paper itself."""
    if paper.verdict is None:
        return Verdict.REVIEW, {"why": "not_judged"}
    if paper.verdict.outcome is Accepted.ACCEPTED:
        return Verdict.PASS, {}
    return Verdict.FAIL, {"why": str(paper.verdict.reason)}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a paper of a kind from a country must be, said before it is handed in."""

    kind: Kind
    asked: bool
    regime: Regime | None
    treaty: str
    doubt: str
    days_max: int | None
    languages: tuple[str, ...]
    notarised: bool
    issuer: str


def asked(packs: Catalogue, country: str, on: date) -> tuple[Asked, ...]:
    """Say what each kind of paper from a country must be on the day `on`."""
    pack = packs.of(country, on)
    legal = pack.legalisation
    return tuple(
        Asked(
            kind=kind,
            asked=rule.is_asked(pack.registers, kind),
            regime=legal.regime if legal and kind not in _PRIVATE else None,
            treaty=legal.treaty if legal and kind not in _PRIVATE else "",
            doubt=_doubted(packs, pack, kind) if kind not in _PRIVATE else "",
            days_max=pack.ages[kind].days_max if kind in pack.ages else None,
            languages=pack.translation.languages if pack.translation else (),
            notarised=bool(pack.translation and pack.translation.notarised),
            issuer=pack.police.issuer if pack.police and kind is Kind.POLICE else "",
        )
        for kind in Kind
    )


def _doubted(packs: Catalogue, pack: InForce, kind: Kind) -> str:
    """Name the worst doubt about the rules that a paper of the kind is judged by."""
    besides: dict[Kind, Rule | None] = {Kind.POLICE: pack.police, Kind.DIPLOMA: pack.diploma}
    judging = (pack.legalisation, besides.get(kind, pack.legalisation))
    doubts = {_doubt(packs, each) if each else "no_pack" for each in judging}
    return next((doubt for doubt in ("no_pack", "disputed", "unverified") if doubt in doubts), "")
