"""What came proves, check by check: passed, failed, or not known; and what follows for whoever asked.

A check is only made when all before it passed, so those behind a failure are not known rather than good. A status that
nobody could tell is a verdict of its own: the document is genuine and its holder there, and whether it is still in
force is for the verifier to risk or to wait for.

reads     presenting/judging.py    read()        every presentation, by its format
asks      app                      the status lists that the presentations name
judges    presenting/judging.py    conclude()    <- you are here
"""

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography import x509

from residency.credential import jws, key_binding, sd_jwt
from residency.credential.check import Check, NotVerified
from residency.credential.configuration import Format
from residency.credential.mdoc import response, session
from residency.credential.mdoc.response import Meeting
from residency.credential.presenting import asking, dcql
from residency.credential.presenting.asking import Asked
from residency.credential.presenting.dcql import CredentialQuery, Shown
from residency.credential.sd_jwt import StatusReference
from residency.credential.status_list import Status

_PRESENTATIONS_MAX = 20


class Outcome(enum.StrEnum):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Conclusion(enum.StrEnum):
    """What follows. A status that is not known is neither a yes nor a no."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    STATUS_UNKNOWN = "status_unknown"


class BadAnswer(Exception):
    """The answer is no `vp_token`: `reason` says why, for whoever writes the wallet."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Checked(msgspec.Struct, frozen=True, omit_defaults=True):
    """One check: what became of it, why where it did not pass, and how old a status was that was looked at."""

    check: Check
    outcome: Outcome
    reason: str | None = None
    age_s: int | None = None


class Presented(msgspec.Struct, frozen=True):
    """One presentation as far as it proves itself: what it shows, or the check that it failed."""

    shown: Shown | None
    status: StatusReference | None
    failed: Checked | None


class Told(msgspec.Struct, frozen=True):
    """What a status list said of an entry, from a copy that was signed at `signed_at`."""

    status: int
    signed_at: datetime


class Untold(msgspec.Struct, frozen=True):
    """Why nobody could say: the list was not reached, or its last copy is too old to be believed."""

    reason: str


class Broken(msgspec.Struct, frozen=True):
    """Why the reference is none: the list it names does not hold such an entry."""

    reason: str


#: What became of asking a list.
Answer = Told | Untold | Broken


class Judged(msgspec.Struct, frozen=True):
    """One credential: every check by name and in order, and its claims where it is genuine."""

    id: str
    type: str | None
    checks: tuple[Checked, ...]
    claims: Mapping[str, Any]


class Verdict(msgspec.Struct, frozen=True):
    """What came of a request. `lacking` says in words of the query what was asked for and is not there."""

    conclusion: Conclusion
    credentials: tuple[Judged, ...]
    lacking: tuple[str, ...]


class Trust(msgspec.Struct, frozen=True):
    """Under whom a verifier believes documents, and when it judges."""

    roots: tuple[x509.Certificate, ...]
    client_id: str
    at: datetime


def read(vp_token: object, asked: Asked, trust: Trust) -> dict[str, tuple[Presented, ...]]:
    """Check what each presentation of an answer proves by itself; raises BadAnswer."""
    if not isinstance(vp_token, dict) or not vp_token:
        raise BadAnswer("vp_token is not an object with presentations")
    if sum(len(each) for each in vp_token.values() if isinstance(each, list)) > _PRESENTATIONS_MAX:
        raise BadAnswer("vp_token holds too many presentations")
    found: dict[str, tuple[Presented, ...]] = {}
    for id_, presentations in vp_token.items():
        if not isinstance(presentations, list) or not all(isinstance(each, str) for each in presentations):
            raise BadAnswer(f"{id_} is not a list of presentations")
        if (wanted := asked.query.of(id_)) is None:
            raise BadAnswer(f"{id_} was not asked for")
        found[id_] = tuple(_read(each, wanted, asked, trust) for each in presentations)
    return found


def _read(presentation: str, wanted: CredentialQuery, asked: Asked, trust: Trust) -> Presented:
    proves = _mdoc if wanted.format == Format.MDOC else _sd_jwt
    try:
        return proves(presentation, wanted, asked, trust)
    except NotVerified as error:
        return Presented(None, None, Checked(error.check, Outcome.FAILED, error.reason))


def _sd_jwt(presentation: str, wanted: CredentialQuery, asked: Asked, trust: Trust) -> Presented:
    agreed = tuple(each for each in asked.transaction_data if wanted.id in _ids(each))
    occasion = key_binding.Occasion(trust.client_id, asked.nonce, transaction_data=agreed)
    held = occasion if wanted.require_cryptographic_holder_binding else None
    type_ = sd_jwt.type_of(presentation)
    vct = type_ if type_ in wanted.types else wanted.types[0]
    verified = sd_jwt.verify(presentation, sd_jwt.Expected(trust.roots, vct, trust.at, held))
    shown = Shown(Format.SD_JWT, vct, verified.claims, verified.issuer.authorities)
    return Presented(shown, verified.status, None)


def _mdoc(presentation: str, wanted: CredentialQuery, asked: Asked, trust: Trust) -> Presented:
    try:
        raw = jws.unb64(presentation)
    except jws.Unreadable as error:
        raise NotVerified(Check.FORMAT, "unreadable") from error
    [doc_type] = wanted.types
    documents = response.documents(raw)
    if [*documents] != [doc_type]:
        raise NotVerified(Check.TYPE, "other_credential_type")
    transcript = session.openid4vp(
        client_id=trust.client_id,
        nonce=asked.nonce,
        response_uri=asked.response_uri,
        key_thumbprint=asking.thumbprint(asked.key),
    )
    meeting = Meeting(transcript) if wanted.require_cryptographic_holder_binding else None
    verified = response.verify(documents[doc_type], response.Expected(trust.roots, doc_type, trust.at, meeting))
    shown = Shown(Format.MDOC, doc_type, verified.elements, verified.issuer.authorities)
    return Presented(shown, verified.status, None)


def _ids(transaction: str) -> Sequence[str]:
    told = jws.read_object(jws.unb64(transaction))
    ids: list[str] = told["credential_ids"]
    return ids


def conclude(
    presented: Mapping[str, Sequence[Presented]],
    asked: Asked,
    told: Mapping[StatusReference, Answer],
    *,
    at: datetime,
) -> Verdict:
    """Judge an answer, knowing what the status lists told of the entries it names."""
    credentials = tuple(_judge(id_, each, told, at) for id_, group in presented.items() for each in group)
    shown = {id_: [each.shown for each in group if each.shown is not None] for id_, group in presented.items()}
    lacking = dcql.lacking(asked.query, {id_: group for id_, group in shown.items() if group})
    outcomes = {each.outcome for judged in credentials for each in judged.checks}
    if lacking or Outcome.FAILED in outcomes:
        return Verdict(Conclusion.REJECTED, credentials, lacking)
    conclusion = Conclusion.STATUS_UNKNOWN if Outcome.UNKNOWN in outcomes else Conclusion.ACCEPTED
    return Verdict(conclusion, credentials, lacking)


def _judge(id_: str, presented: Presented, told: Mapping[StatusReference, Answer], at: datetime) -> Judged:
    if presented.failed is not None or presented.shown is None:
        assert presented.failed is not None, "what shows nothing failed"
        return Judged(id_, None, _around(presented.failed), {})
    status = _status(presented.status, told, at)
    return Judged(id_, presented.shown.type, _around(status), presented.shown.claims)


def _status(reference: StatusReference | None, told: Mapping[StatusReference, Answer], at: datetime) -> Checked:
    """Judge by what the list said. A document without a reference is good until it ends: its issuer chose so."""
    if reference is None:
        return Checked(Check.STATUS, Outcome.PASSED, "none_kept")
    match told.get(reference, Untold("not_asked")):
        case Untold(reason):
            return Checked(Check.STATUS, Outcome.UNKNOWN, reason)
        case Broken(reason):
            return Checked(Check.STATUS, Outcome.FAILED, reason)
        case Told(status, signed_at):
            age_s = max(0, (at - signed_at) // timedelta(seconds=1))
            if status == Status.VALID:
                return Checked(Check.STATUS, Outcome.PASSED, age_s=age_s)
            known = status in {Status.INVALID, Status.SUSPENDED}
            reason = Status(status).name.lower() if known else "not_valid"
            return Checked(Check.STATUS, Outcome.FAILED, reason, age_s)


_ORDER = tuple(Check)


def _around(found: Checked) -> tuple[Checked, ...]:
    """Name all checks: those before the one that was found passed, those behind a failure are not known."""
    place = _ORDER.index(found.check)
    after = Outcome.UNKNOWN if found.outcome is not Outcome.PASSED else Outcome.PASSED
    return (
        *(Checked(check, Outcome.PASSED) for check in _ORDER[:place]),
        found,
        *(Checked(check, after) for check in _ORDER[place + 1 :]),
    )
