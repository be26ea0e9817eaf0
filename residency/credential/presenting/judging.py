"""What came proves, check by check: passed, failed, or not known; and what follows for whoever asked.

A check is only made when all before it passed, so those behind a failure are not known rather than good. A status that
nobody could tell is a verdict of its own: the document is genuine and its holder there, and whether it is still in
force is for the verifier to risk or to wait for.

reads    presenting/judging.py        read()       every presentation, by its format
asks     app/credentials/trusted.py   statuses()   the lists of what the presentations name and of who signed them
judges   presenting/judging.py        conclude()   <- you are here
"""

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from cryptography import x509

from residency.credential import jws, sd_jwt
from residency.credential.check import Check, NotVerified
from residency.credential.configuration import Format
from residency.credential.key_binding import Occasion
from residency.credential.mdoc import response, session
from residency.credential.mdoc.response import Meeting
from residency.credential.presenting import asking, dcql
from residency.credential.presenting.asking import Asked
from residency.credential.presenting.dcql import CredentialQuery, Query, Shown
from residency.credential.presenting.trust import Anchor, StatusPolicy, Trust
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


class Binding(msgspec.Struct, frozen=True):
    """What a holder has to prove his key for: an SD-JWT's for an occasion, an mdoc's for a meeting. None: nothing."""

    occasion: Occasion | None = None
    meeting: Meeting | None = None


class Entry(msgspec.Struct, frozen=True):
    """An entry of a status list, and whose list it has to be."""

    issuer: UUID | None
    reference: StatusReference


class Signer(msgspec.Struct, frozen=True):
    """Who signed a document of a foreign issuer: the certificates from its own to what is trusted."""

    issuer: UUID | None
    path: tuple[x509.Certificate, ...]


class Presented(msgspec.Struct, frozen=True):
    """One presentation as far as it proves itself: what it shows and whose it is, or the check that it failed.

    `path` are the certificates of its signer. Of one that is not `bound` nobody asked who presented it.
    """

    shown: Shown | None = None
    issuer: Anchor | None = None
    status: StatusReference | None = None
    failed: Checked | None = None
    bound: bool = True
    path: tuple[x509.Certificate, ...] = ()

    @property
    def entry(self) -> Entry | None:
        """Say where its status is kept."""
        return Entry(self.issuer.id, self.status) if self.issuer is not None and self.status is not None else None

    @property
    def signer(self) -> Signer | None:
        """Say who signed it, where anybody but the trust list could take that back: ours are in what we revoked."""
        if self.issuer is None or self.issuer.id is None or len(self.path) == 1:
            return None
        return Signer(self.issuer.id, self.path)


class Told(msgspec.Struct, frozen=True):
    """What a list said of an entry or a signer, from a copy that was signed at `signed_at`."""

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
#: What lists told, of entries and of signers.
Answers = Mapping[Entry | Signer, Answer]
#: Of a signer: the trust list names no place where its issuer would say that it was revoked.
NO_LIST = "no_list"


class Believed(msgspec.Struct, frozen=True):
    """Whose word a credential is, and on what ground it is taken; `id` names the entry of the trust list."""

    id: UUID | None
    name: str
    country: str
    legal_ground: str


class Judged(msgspec.Struct, frozen=True):
    """One credential: every check by name and in order, its claims where it is genuine, and its issuer."""

    id: str
    type: str | None
    checks: tuple[Checked, ...]
    claims: Mapping[str, Any]
    issuer: Believed | None = None


class Verdict(msgspec.Struct, frozen=True):
    """What came of a request. `lacking` says in words of the query what was asked for and is not there."""

    conclusion: Conclusion
    credentials: tuple[Judged, ...]
    lacking: tuple[str, ...]


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
        binding = binding_of(asked, wanted)
        found[id_] = tuple(present(each, wanted, binding, trust) for each in presentations)
    return found


def binding_of(asked: Asked, wanted: CredentialQuery) -> Binding:
    """Say what the holder of a credential has to prove his key for, in a request."""
    if not wanted.require_cryptographic_holder_binding:
        return Binding()
    agreed = tuple(each for each in asked.transaction_data if wanted.id in _ids(each))
    transcript = session.openid4vp(
        client_id=asked.client_id,
        nonce=asked.nonce,
        response_uri=asked.response_uri,
        key_thumbprint=asking.thumbprint(asked.key),
    )
    occasion = Occasion(asked.client_id, asked.nonce, transaction_data=agreed)
    return Binding(occasion, Meeting(transcript, transaction_data=agreed))


def present(presentation: str, wanted: CredentialQuery, binding: Binding, trust: Trust) -> Presented:
    """Check one presentation, as OpenID4VP carries it in its format."""
    try:
        if wanted.format == Format.MDOC:
            return _device_response(presentation, wanted, binding, trust)
        return _sd_jwt(presentation, wanted, binding, trust)
    except NotVerified as error:
        return _failed(error)


def met(
    device_response: bytes, query: Query, meeting: Meeting | None, trust: Trust
) -> dict[str, tuple[Presented, ...]]:
    """Check what a device showed to a reader beside it (ISO 18013-5, device retrieval); raises BadAnswer."""
    found: dict[str, tuple[Presented, ...]] = {}
    by_type = {each.types[0]: each for each in query.credentials if each.format == Format.MDOC}
    try:
        documents = response.documents(device_response)
    except NotVerified as error:
        raise BadAnswer(f"the response is not a DeviceResponse: {error.reason}") from error
    if len(documents) > _PRESENTATIONS_MAX:
        raise BadAnswer("the response holds too many documents")
    for doc_type, document in documents:
        if (wanted := by_type.get(doc_type)) is None:
            raise BadAnswer(f"{doc_type} was not asked for")
        try:
            one = _mdoc(document, doc_type, meeting, trust)
        except NotVerified as error:
            one = _failed(error)
        found[wanted.id] = (*found.get(wanted.id, ()), one)
    return found


def _failed(error: NotVerified) -> Presented:
    return Presented(failed=Checked(error.check, Outcome.FAILED, error.reason))


def _sd_jwt(presentation: str, wanted: CredentialQuery, binding: Binding, trust: Trust) -> Presented:
    type_ = sd_jwt.type_of(presentation)
    vct = type_ if type_ in wanted.types else wanted.types[0]
    expected = sd_jwt.Expected(trust.roots(vct), vct, trust.at, binding.occasion)
    verified = sd_jwt.verify(presentation, expected)
    issuer = trust.of(verified.issuer, vct, verified.claims.get("iss"))
    shown = Shown(Format.SD_JWT, vct, verified.claims, verified.issuer.authorities)
    path = verified.issuer.path
    return Presented(shown, issuer, verified.status, bound=binding.occasion is not None, path=path)


def _device_response(presentation: str, wanted: CredentialQuery, binding: Binding, trust: Trust) -> Presented:
    try:
        raw = jws.unb64(presentation)
    except jws.Unreadable as error:
        raise NotVerified(Check.FORMAT, "unreadable") from error
    [doc_type] = wanted.types
    match response.documents(raw):
        case [(name, document)] if name == doc_type:
            return _mdoc(document, doc_type, binding.meeting, trust)
    raise NotVerified(Check.TYPE, "other_credential_type")


def _mdoc(document: bytes, doc_type: str, meeting: Meeting | None, trust: Trust) -> Presented:
    expected = response.Expected(trust.roots(doc_type), doc_type, trust.at, meeting)
    verified = response.verify(document, expected)
    issuer = trust.of(verified.issuer, doc_type)
    shown = Shown(Format.MDOC, doc_type, verified.elements, verified.issuer.authorities)
    return Presented(shown, issuer, verified.status, bound=meeting is not None, path=verified.issuer.path)


def _ids(transaction: str) -> Sequence[str]:
    told = jws.read_object(jws.unb64(transaction))
    ids: list[str] = told["credential_ids"]
    return ids


def conclude(presented: Mapping[str, Sequence[Presented]], query: Query, told: Answers, *, at: datetime) -> Verdict:
    """Judge an answer to a query, knowing what lists told of the entries it names and of who signed."""
    credentials = tuple(
        _judge(id_, each, query.of(id_), told, at) for id_, group in presented.items() for each in group
    )
    shown = {id_: [each.shown for each in group if each.shown is not None] for id_, group in presented.items()}
    lacking = dcql.lacking(query, {id_: group for id_, group in shown.items() if group})
    checks = [each for judged in credentials for each in judged.checks]
    if lacking or any(each.outcome is Outcome.FAILED for each in checks):
        return Verdict(Conclusion.REJECTED, credentials, lacking)
    unknown = any(each.outcome is Outcome.UNKNOWN and _matters(each) for each in checks)
    return Verdict(Conclusion.STATUS_UNKNOWN if unknown else Conclusion.ACCEPTED, credentials, lacking)


def _matters(unknown: Checked) -> bool:
    """Whether nobody may say yes before it is known: not where its issuer keeps no list that could tell."""
    return unknown.check is Check.STATUS or (unknown.check is Check.SIGNER and unknown.reason != NO_LIST)


def _judge(id_: str, presented: Presented, wanted: CredentialQuery | None, told: Answers, at: datetime) -> Judged:
    shown, issuer = presented.shown, presented.issuer
    if shown is None or issuer is None:
        assert presented.failed is not None, "what shows nothing failed"
        return Judged(id_, None, _around(presented.failed), {})
    signer = _signer(presented.signer, issuer, told, at)
    revoked = signer if signer.outcome is Outcome.FAILED else None
    policy = _policy(shown, issuer, presented.status, wanted)
    found = policy or revoked or _status(presented.entry, issuer, told, at)
    checks = _around(found)
    if found.check is Check.STATUS:
        checks = tuple(signer if each.check is Check.SIGNER else each for each in checks)
    if not presented.bound:
        checks = tuple(map(_unbound, checks))
    believed = Believed(issuer.id, issuer.name, issuer.country, issuer.legal_ground)
    return Judged(id_, shown.type, checks, shown.claims, believed)


def _policy(
    shown: Shown, issuer: Anchor, status: StatusReference | None, wanted: CredentialQuery | None
) -> Checked | None:
    """Say what of a genuine document is not as the verifier, or we for its issuer, want it."""
    assert wanted is not None, "what was not asked for was not read"
    fault: str | None = dcql.fault(wanted, shown)
    if fault is None and status is None and issuer.status is StatusPolicy.REQUIRED:
        fault = "no_status"
    return Checked(Check.POLICY, Outcome.FAILED, fault) if fault else None


def _signer(signer: Signer | None, issuer: Anchor, told: Answers, at: datetime) -> Checked:
    """Judge by what was said of who signed. Of our own signers, and of one that is pinned, the chain said all."""
    if signer is None:
        return Checked(Check.SIGNER, Outcome.PASSED)
    match told.get(signer, Untold(NO_LIST if issuer.crl_at is None else "not_asked")):
        case Told(status, signed_at):
            age_s = max(0, (at - signed_at) // timedelta(seconds=1))
            if status == Status.VALID:
                return Checked(Check.SIGNER, Outcome.PASSED, age_s=age_s)
            return Checked(Check.SIGNER, Outcome.FAILED, "revoked", age_s)
        case Untold(reason) | Broken(reason):
            return Checked(Check.SIGNER, Outcome.UNKNOWN, reason)


def _status(entry: Entry | None, issuer: Anchor, told: Answers, at: datetime) -> Checked:
    """Judge by what the list said. A document without a reference is good until it ends: its issuer chose so."""
    if entry is None:
        return Checked(Check.STATUS, Outcome.PASSED, "none_kept")
    match told.get(entry, Untold("not_asked")):
        case Untold(reason):
            return Checked(Check.STATUS, Outcome.UNKNOWN, reason)
        case Broken(reason):
            return Checked(Check.STATUS, Outcome.FAILED, reason)
        case Told(status, signed_at):
            age_s = max(0, (at - signed_at) // timedelta(seconds=1))
            if status != Status.VALID:  # bad news is believed however old it is
                known = status in {Status.INVALID, Status.SUSPENDED}
                reason = Status(status).name.lower() if known else "not_valid"
                return Checked(Check.STATUS, Outcome.FAILED, reason, age_s)
            if issuer.status_age_max_s is not None and age_s > issuer.status_age_max_s:
                return Checked(Check.STATUS, Outcome.UNKNOWN, "list_too_old", age_s)
            return Checked(Check.STATUS, Outcome.PASSED, age_s=age_s)


_ORDER = tuple(Check)
_OF_THE_HOLDER = {Check.BINDING, Check.AUDIENCE, Check.NONCE, Check.FRESHNESS, Check.TRANSACTION}


def _unbound(checked: Checked) -> Checked:
    """Say of a check of the holder that nobody asked for it."""
    return Checked(checked.check, Outcome.UNKNOWN, "not_asked_for") if checked.check in _OF_THE_HOLDER else checked


def _around(found: Checked) -> tuple[Checked, ...]:
    """Name all checks: those before the one that was found passed, those behind a failure are not known."""
    place = _ORDER.index(found.check)
    after = Outcome.UNKNOWN if found.outcome is not Outcome.PASSED else Outcome.PASSED
    return (
        *(Checked(check, Outcome.PASSED) for check in _ORDER[:place]),
        found,
        *(Checked(check, after) for check in _ORDER[place + 1 :]),
    )
