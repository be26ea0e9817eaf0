"""What the verification of a chip answers: the steps that were taken, each with the grade it alone would give."""

import enum

import msgspec

from kyc import mrz
from kyc.check import Finding, Verdict
from kyc.chip.trust import Source


class Grade(enum.StrEnum):
    """The answer in one word, the worst of what was found; the order below is from worst to best."""

    MALFORMED = "malformed"
    BAD_SIGNATURE = "bad_signature"
    DG_MISMATCH = "dg_mismatch"
    UNREFERENCED_DG = "unreferenced_dg"
    ISSUER_MISMATCH = "issuer_mismatch"
    SIGNED_UNTRUSTED_ISSUER = "signed_untrusted_issuer"
    EXPIRED_DOCUMENT = "expired_document"
    SIGNED_WEAK_ALGORITHM = "signed_weak_algorithm"
    VALID = "valid"


#: A forged or broken document fails. What may be an honest document of a country we know too little of, or an old one,
#: is looked at by a person.
_VERDICTS = {
    Grade.MALFORMED: Verdict.FAIL,
    Grade.BAD_SIGNATURE: Verdict.FAIL,
    Grade.DG_MISMATCH: Verdict.FAIL,
    Grade.UNREFERENCED_DG: Verdict.FAIL,
    Grade.ISSUER_MISMATCH: Verdict.FAIL,
    Grade.SIGNED_UNTRUSTED_ISSUER: Verdict.REVIEW,
    Grade.EXPIRED_DOCUMENT: Verdict.REVIEW,
    Grade.SIGNED_WEAK_ALGORITHM: Verdict.REVIEW,
    Grade.VALID: Verdict.PASS,
}
#: Grades of files that a state we trust did sign, whatever else is the matter with them.
SIGNED = frozenset({Grade.EXPIRED_DOCUMENT, Grade.SIGNED_WEAK_ALGORITHM, Grade.VALID})
#: Beside `reason`: what could not be checked here. Nothing was proved, and nobody is called a forger for it.
UNSUPPORTED = "unsupported_algorithm"
#: As above: what was asked of a key that nobody vouches for.
KEY_NOT_PROVEN = "key_not_proven"
#: As above: the chip could have proven that it is the original, and was not asked or did not say.
ANSWER_MISSING = "answer_missing"
#: As above: DG1, with which it is compared, was not read.
NOT_COMPARED = "not_compared"

_UNDECIDED = {
    UNSUPPORTED: Verdict.ERROR,
    KEY_NOT_PROVEN: Verdict.NOT_APPLICABLE,
    ANSWER_MISSING: Verdict.REVIEW,
    NOT_COMPARED: Verdict.NOT_APPLICABLE,
}


class Copying(enum.StrEnum):
    """Whether this chip may be a copy: passive authentication proves the data, which a copy has too."""

    NOT_CHECKED = "not_checked"
    EXCLUDED = "excluded"
    NOT_EXCLUDED = "not_excluded"


class Step(msgspec.Struct, frozen=True):
    """One step of the verification and the grade it alone would give; `params` explain it without personal data."""

    check: str
    grade: Grade
    params: dict[str, str] = {}

    @property
    def verdict(self) -> Verdict:
        """What the step means for the decision."""
        return _UNDECIDED.get(self.params.get("reason", "")) or _VERDICTS[self.grade]

    def finding(self) -> Finding:
        """As a finding for the decision."""
        return Finding(self.check, self.verdict, {"grade": str(self.grade), **self.params})


class Report(msgspec.Struct, frozen=True):
    """All steps that could be taken, and what DG1 says where it was read.

    `sources` are the lists that were trusted, `listed` the data groups whose digests were signed, read or not.
    """

    steps: tuple[Step, ...]
    lines: tuple[str, ...] = ()
    zone: mrz.Mrz | None = None
    sources: tuple[Source, ...] = ()
    listed: frozenset[int] = frozenset()

    @property
    def grade(self) -> Grade:
        """The worst grade of all steps."""
        order = list(Grade)
        return min((step.grade for step in self.steps), key=order.index)
