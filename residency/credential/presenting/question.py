"""Questions that are answered with yes or no: whoever asks learns that and nothing else of the document.

A question is a query with what it takes for a yes; in both formats, so that any wallet can answer it.
"""

import enum
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from residency.credential.check import Check
from residency.credential.configuration import DOC_TYPES, Format, vct
from residency.credential.dataset import AGES, Kind
from residency.credential.presenting import dcql
from residency.credential.presenting.dcql import Query
from residency.credential.presenting.judging import Checked, Conclusion, Outcome, Verdict

_SD_JWT, _MDOC = "sd_jwt", "mdoc"


class Answer(enum.StrEnum):
    """Unknown is no answer: what came proves neither, or its status could not be told.

    A document that is not in force any more says no, whatever it shows.
    """

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Question(msgspec.Struct, frozen=True):
    """About which document, and which claim of it has to be which value; without one its being in force is the answer.

    The claim is given as an SD-JWT has it and as an mdoc calls it.
    """

    kind: Kind
    path: tuple[str, ...] = ("residency_status",)
    element: str = "residency_status"
    value: object = None


QUESTIONS = {
    **{
        f"over_{years}": Question(Kind.E_RESIDENT, ("age_equal_or_over", str(years)), f"age_over_{years}", value=True)
        for years in AGES
    },
    "e_resident_today": Question(Kind.E_RESIDENT, value=Kind.E_RESIDENT.value),
    # D2.3-d: the holder of an Altyn visa works without a permit.
    "right_to_work": Question(Kind.RESIDENT_ID, value=Kind.RESIDENT_ID.value),
}


def query(question: Question, url: str) -> Query:
    """Write the query of a question about documents of the issuer at `url`: either format will do."""
    doc_type = DOC_TYPES[question.kind]
    sd_jwt = {
        "id": _SD_JWT,
        "format": Format.SD_JWT.value,
        "meta": {"vct_values": [vct(url, question.kind)]},
        "claims": [{"path": question.path}],
    }
    mdoc = {
        "id": _MDOC,
        "format": Format.MDOC.value,
        "meta": {"doctype_value": doc_type},
        "claims": [{"path": [doc_type, question.element]}],
    }
    return dcql.parse({"credentials": [sd_jwt, mdoc], "credential_sets": [{"options": [[_SD_JWT], [_MDOC]]}]})


def answer(question: Question, verdict: Verdict) -> Answer:
    """Answer a question by a verdict over its query."""
    if verdict.conclusion is Conclusion.STATUS_UNKNOWN:
        return Answer.UNKNOWN
    if any(_is_over(each) for judged in verdict.credentials for each in judged.checks):
        return Answer.NO
    doc_type = DOC_TYPES[question.kind]
    paths: Mapping[str, Sequence[str]] = {_SD_JWT: question.path, _MDOC: (doc_type, question.element)}
    found: list[Any] = [value for each in verdict.credentials for value in dcql.select(each.claims, paths[each.id])]
    if not found:
        return Answer.UNKNOWN
    if not all(type(each) is type(question.value) and each == question.value for each in found):
        return Answer.NO
    return Answer.YES if verdict.conclusion is Conclusion.ACCEPTED else Answer.UNKNOWN


def _is_over(checked: Checked) -> bool:
    """Whether a list told that the document is not in force; a reference that leads nowhere says nothing of it."""
    return checked.check is Check.STATUS and checked.outcome is Outcome.FAILED and checked.age_s is not None
