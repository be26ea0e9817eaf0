"""How risky a relation is and why, for officers.

path   GET  /v1/officer/residents/{resident_id}/risk             ->  kyc/risk/assessment.py   of()
       GET  /v1/officer/risk-assessments/{assessment_id}         ->  kyc/risk/assessment.py   find(), replayed()
       GET  /v1/officer/residents/{resident_id}/exposure         ->  kyc/risk/exposure.py     known()

Nothing of this is shown to the person, or told by what is shown (tipping-off: AIFC AML Rules, chapter 13).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from app import access, vault
from app.access import Look, Purpose, Sees
from app.db import Story
from app.house import House
from app.http import ids
from app.http.officer import whom
from app.http.officer.risk_overrides import SCOPE, TAGS, OverrideView, noted
from app.http.officer.risk_rules import BECAUSE, AssessmentId, ResidentId
from app.http.paging import Limit
from app.http.wire import Wire
from kyc.risk import assessment, exposure, override, profile, rule
from kyc.risk.assessment import Hit, Stored
from kyc.risk.band import Band
from kyc.risk.condition import Held
from kyc.risk.exposure import Kind, Match
from kyc.risk.facts import Facts
from law import calendar


class HitView(Wire, frozen=True, kw_only=True):
    """A rule that applied, in words, with what it added and which conditions held."""

    rule: Annotated[str, Meta(examples=["pep.hit@1"])]
    points: Annotated[int, Meta(examples=[20])]
    floor: Annotated[Band | None, Meta(examples=["high"])]
    words: Annotated[dict[str, str], Meta(examples=[{"en": "Found as a politically exposed person"}])]
    source: Annotated[str, Meta(examples=["Law 191-IV, art. 8"])]
    because: Annotated[list[Held], Meta(examples=[BECAUSE])]


class AssessmentView(Wire, frozen=True, kw_only=True):
    """How a relation was judged: by these rules, over these facts, because of `why`; the shadow decided nothing.

    `same_again` says that the stored versions over the stored facts give the same to the byte; it is told of one.
    """

    id: AssessmentId
    resident: ResidentId
    number: Annotated[int, Meta(examples=[3])]
    why: Annotated[str, Meta(examples=["document"])]
    score: Annotated[int, Meta(examples=[55])]
    band: Annotated[Band, Meta(examples=["high"])]
    floor: Annotated[Band, Meta(examples=["high"])]
    hits: list[HitView]
    shadow: list[HitView]
    facts: Annotated[Facts, Meta(examples=[{"nationality": "UTO", "pep": "hit", "pep_hits": 1}])]
    rules: Annotated[list[str], Meta(examples=[["pep.hit@1"]])]
    inputs_sha256: str
    outcome_sha256: str
    at: datetime
    same_again: Annotated[bool | None, Meta(examples=[True])] = None


class RiskView(Wire, frozen=True, kw_only=True):
    """Where a person stands: the band that holds, overrides that hold, assessments with the latest first."""

    resident: ResidentId
    band: Annotated[Band | None, Meta(examples=["high"])]
    review_at: Annotated[datetime | None, Meta(description="When they are to be verified again.", examples=[None])]
    overrides: list[OverrideView]
    assessments: list[AssessmentView]


class ExposureView(Wire, frozen=True, kw_only=True):
    """What the outside answered last to one question: who it was, which version, what counts from which score on."""

    kind: Annotated[Kind, Meta(examples=["pep"])]
    vendor: Annotated[str, Meta(examples=["demo-exposure"])]
    version: Annotated[str, Meta(examples=["2026.11"])]
    threshold: Annotated[int, Meta(examples=[80])]
    matches: Annotated[
        list[Match],
        Meta(examples=[[{"entity": "office-1", "score": 97, "class": "foreign", "name": "AUGUSTA WOLKENSTEIN"}]]),
    ]
    at: datetime


class ExposureList(Wire, frozen=True):
    """The latest answers; a question that is missing was never answered, which is not clear."""

    answers: list[ExposureView]


@get(
    "/v1/officer/residents/{resident_id:str}/risk",
    operation_id="readResidentRisk",
    opt=SCOPE,
    tags=TAGS,
    summary="How risky a relation is",
)
async def read_resident_risk(
    resident_id: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House], limit: Limit = 20
) -> RiskView:
    """Show how a relation was judged, the latest first, and the officers' word in its place."""
    db = await story()
    resident = await whom.resident(db, resident_id)
    made = await assessment.of(db, resident, whom.suspected(house), limit=limit)
    held = await override.in_force(db, resident, calendar.statutory_date(story.now))
    known = await profile.read(db, resident)
    return RiskView(
        resident=resident_id,
        band=override.band(made[0].assessment, held) if made else None,
        review_at=known.review_at if known else None,
        overrides=await noted(story, house, await override.of(db, resident)),
        assessments=await _views(story, made),
    )


@get(
    "/v1/officer/risk-assessments/{assessment_id:str}",
    operation_id="readRiskAssessment",
    opt=SCOPE,
    tags=TAGS,
    summary="One assessment of risk, judged again",
)
async def read_risk_assessment(
    assessment_id: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House]
) -> AssessmentView:
    """Show an assessment, and whether its rules over its facts say the same today."""
    db = await story()
    found = await assessment.find(db, ids.parse("assessment", assessment_id), whom.suspected(house))
    [view] = await _views(story, [found])
    return msgspec.structs.replace(view, same_again=await assessment.replayed(db, found))


@get(
    "/v1/officer/residents/{resident_id:str}/exposure",
    operation_id="readResidentExposure",
    opt=SCOPE,
    tags=TAGS,
    summary="What the outside says of a person",
)
async def read_resident_exposure(
    resident_id: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House]
) -> ExposureList:
    """Show whom the outside took the person for: offices and publications, in its own words."""
    db = await story()
    resident = await whom.resident(db, resident_id)
    known = await exposure.known(db, resident)
    if not known:
        return ExposureList(answers=[])
    why = Look(sees=Sees.EVIDENCE, purpose=Purpose.SUSPICION, delay=access.DELAY)
    safe = await vault.look(db, house.keys.kms, resident, why)
    return ExposureList(
        answers=[
            ExposureView(
                kind=kind,
                vendor=each.vendor,
                version=each.version,
                threshold=each.threshold,
                matches=msgspec.json.decode(
                    safe.open(each.found, table="kyc.exposure_answer", column="found", row=each.id), type=list[Match]
                ),
                at=each.at,
            )
            for kind, each in sorted(known.items())
        ]
    )


async def _views(story: Story, made: list[Stored]) -> list[AssessmentView]:
    named = {f"{hit.rule}@{hit.version}" for each in made for hit in (*each.assessment.hits, *each.shadow)}
    known = {each.name: each for each in await rule.named(await story(), sorted(named))}
    return [_view(each, known) for each in made]


def _view(made: Stored, known: Mapping[str, rule.Version]) -> AssessmentView:
    return AssessmentView(
        id=ids.show("assessment", made.id),
        resident=ids.show("resident", made.resident),
        number=made.number,
        why=made.why,
        score=made.assessment.score,
        band=made.assessment.band,
        floor=made.assessment.floor,
        hits=[_hit(hit, known) for hit in made.assessment.hits],
        shadow=[_hit(hit, known) for hit in made.shadow],
        facts=made.facts,
        rules=list(made.rules),
        inputs_sha256=made.inputs_hash.hex(),
        outcome_sha256=made.outcome_hash.hex(),
        at=made.at,
    )


def _hit(hit: Hit, known: Mapping[str, rule.Version]) -> HitView:
    name = f"{hit.rule}@{hit.version}"
    said = known[name].body
    return HitView(
        rule=name,
        points=hit.points,
        floor=hit.floor,
        words=msgspec.to_builtins(said.words),
        source=f"{said.source.act}, {said.source.clause}",
        because=list(hit.because),
    )


routes = [
    read_resident_risk,
    read_risk_assessment,
    read_resident_exposure,
]
