"""Whoever shows a document is judged by what it says and by what they declared, before anybody is approved.

stores     kyc/identify.py         store()         reports it with all else that was found of the document
judges     kyc/risk/arrival.py     look()          <- you are here
again      app/risk/judging.py     judge()         the worker, by everything that is known; kept and explained

A rule that applies never lowers a band, and what is known later only adds to what is known here: this look may be too
mild about what nobody has answered yet, never too severe. Over what was said before it says only what is worse.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import holder, states
from kyc.cases import case, records
from kyc.check import Finding, Verdict
from kyc.holder import Safe
from kyc.mrz import Mrz
from kyc.risk import assessment, declaration, jurisdiction, rule
from kyc.risk.assessment import Assessment
from kyc.risk.band import Band, scale
from kyc.risk.facts import Channel, Facts

CHECK = "risk.score"
_VERDICTS = {
    Band.LOW: Verdict.PASS,
    Band.MEDIUM: Verdict.PASS,
    Band.HIGH: Verdict.REVIEW,
    Band.PROHIBITED: Verdict.FAIL,
}
_WORSE = (Verdict.PASS, Verdict.REVIEW, Verdict.FAIL)


async def look(
    db: AsyncConnection, zone: Mrz, grade: str, *, resident: UUID, safe: Safe, on: date
) -> tuple[Finding, ...]:
    """Judge a resident who shows a document; nothing where what stands already is as severe."""
    said = next(iter(await declaration.of(db, resident, holder.known(resident, safe), limit=1)), None)
    facts = Facts(
        **shown(zone.nationality, zone.issuer, str(states.nationality(zone.nationality)), grade, on),
        **declaration.tells(said, on),
    )
    rules = await rule.active(db, on)
    made = assessment.assess(rules, facts, scale(on))
    inputs = assessment.inputs([each.name for each in rules], facts, scale(on))
    found = finding(made, made.band, inputs)
    stands = await _stands(db, resident)
    return (found,) if stands is None or _WORSE.index(found.verdict) > _WORSE.index(stands) else ()


def shown(nationality: str, issuer: str, class_: str, grade: str, on: date) -> dict[str, Any]:
    """Give the facts that a document of a chip tells."""
    return {
        "nationality": nationality,
        "issuer": issuer,
        "nationality_listing": jurisdiction.listing(nationality, on),
        "issuer_listing": jurisdiction.listing(issuer, on),
        "nationality_class": class_,
        "document_grade": grade,
        "channel": Channel.CHIP,
    }


def finding(made: Assessment, band: Band, inputs: bytes, evidence: Sequence[str] = ()) -> Finding:
    """Report an assessment and the band that stands: high asks officers, who are two; prohibited ends there as well."""
    hits = " ".join(f"{hit.rule}@{hit.version}" for hit in made.hits)
    params = {"band": str(band), "computed": str(made.band), "rules": hits}
    return Finding(CHECK, _VERDICTS[band], params, rule=f"risk@{inputs.hex()[:12]}", evidence=tuple(evidence))


async def _stands(db: AsyncConnection, resident: UUID) -> Verdict | None:
    """Say what was judged last; None where nothing was."""
    if (held := await case.of(db, resident)) is None:
        return None
    said = [each for each in await records.latest(db, held.id) if each.check == CHECK and each.verdict in _WORSE]
    return said[-1].verdict if said else None
