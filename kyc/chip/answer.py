"""All that can be said about a passport's chip, as one value: what `eresidency passport` prints."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from kyc.check import Verdict
from kyc.chip import active, passive, words
from kyc.chip.report import Copying, Grade, Report, Step
from kyc.chip.trust import Source, Trust
from kyc.mrz import Mrz


class StepTold(msgspec.Struct, frozen=True):
    """One step, its grade, what it means for the decision, and its evidence."""

    check: str
    grade: Grade
    verdict: Verdict
    params: dict[str, str]


class SourceTold(msgspec.Struct, frozen=True, kw_only=True):
    """A list or certificate that was given: how old it is, whether it is believed, and if not, why."""

    name: str
    believed: bool
    why: str = ""
    publisher: str = ""
    signed_at: datetime | None = None
    age_days: int | None = None
    certificates: int = 0
    unread: int = 0
    sha256: str = ""

    @classmethod
    def of(cls, source: Source, at: datetime) -> "SourceTold":
        """Tell of one that is believed."""
        told = msgspec.structs.asdict(source)
        return cls(**told, believed=True, age_days=source.age_days(at))


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`verdict` is the worst grade; `grades` are all that are not valid, worst first. `says` and `mrz` come from DG1.

    `words` and `copying_words` are for a reviewer, by language.
    """

    verdict: Grade
    grades: tuple[Grade, ...]
    words: dict[str, str]
    copying: Copying
    copying_words: dict[str, str]
    at: datetime
    says: Mrz | None
    mrz: tuple[str, ...]
    steps: tuple[StepTold, ...]
    sources: tuple[SourceTold, ...]
    authorities: int


def of(
    sod: bytes,
    groups: Mapping[int, bytes],
    trust: Trust,
    at: datetime,
    *,
    challenge: tuple[bytes, bytes] | None = None,
    refused: Sequence[SourceTold] = (),
) -> Answer:
    """Verify the files; `challenge` is a nonce and the chip's answer to it, `refused` what could not be trusted."""
    report = passive.verify(sod, groups, trust, at)
    if challenge is not None:
        report = msgspec.structs.replace(report, steps=(*report.steps, active.judge(report, groups, *challenge)))
    copying = active.copying(step.finding() for step in report.steps)
    return Answer(
        verdict=report.grade,
        grades=_grades(report),
        words=words.about(report),
        copying=copying,
        copying_words=words.of(copying),
        at=at,
        says=report.zone,
        mrz=report.lines,
        steps=tuple(_told(step) for step in report.steps),
        sources=(*(SourceTold.of(source, at) for source in report.sources), *refused),
        authorities=len(trust.anchors),
    )


def _grades(report: Report) -> tuple[Grade, ...]:
    found = {step.grade for step in report.steps} - {Grade.VALID}
    return tuple(grade for grade in Grade if grade in found)


def _told(step: Step) -> StepTold:
    return StepTold(step.check, step.grade, step.verdict, step.params)
