"""The ID as a code on paper: MOSIP Claim 169 (specification 1.2.2) in a CWT, signed like an mdoc, compressed, base 45.

writes    residency/credential/showing/printed.py    write()
reads     residency/credential/showing/printed.py    read()        <- you are here
judges    residency/credential/showing/printed.py    judge()

    base45(zlib(61(18([{alg: ES256}, {x5chain: signer}, payload, signature]))))
    payload: {iss, exp, nbf, iat, status: {status_list: {idx, uri}}, 169: {1: number, 4: full name, …}}

The signer's certificate goes along, so that a reader needs our root and nothing else; the status is where the status of
every copy is. A paper proves a document, not who holds it, and whoever photographs it has it too: so no binding is
checked, and a portrait, which no QR code has room for, is for the paper to carry.
"""

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
import msgspec

from residency.credential import cbor, cose, pki, role
from residency.credential.check import Check, NotVerified, require
from residency.credential.cose import CoseSeal
from residency.credential.presenting.judging import Answer, Broken, Checked, Conclusion, Outcome, Told, Untold
from residency.credential.presenting.trust import Anchor
from residency.credential.role import Role
from residency.credential.sd_jwt import StatusReference
from residency.credential.showing import base45
from residency.credential.showing.base45 import NotBase45
from residency.credential.showing.field import Field
from residency.credential.status_list import Status

#: Claims of a CWT (RFC 8392, draft-ietf-oauth-status-list-20) and ours.
_ISS, _EXP, _NBF, _IAT, _STATUS, IDENTITY = 1, 4, 5, 6, 65535, 169
_CWT_TAG = b"\xd8\x3d"
#: Attributes of Claim 169, by the names of our fields.
ATTRIBUTES = {
    "document_number": 1,
    "given_name": 5,
    "family_name": 7,
    "birth_date": 8,
    "nationality": 13,
    "residency_status": 22,
    "issuing_country": 23,
}
_VERSION, _LANGUAGE, _FULL_NAME = 2, 3, 4
_NAMES = {number: name for name, number in ATTRIBUTES.items()} | {_FULL_NAME: "full_name"}
_WHOLE_DATE = len("1990-03-14")
#: Far more than a QR code holds, and what it may swell to.
TEXT_MAX, _SWOLLEN_MAX = 8_000, 64 * 1024
#: What a paper is checked for, in this order.
CHECKS = (Check.FORMAT, Check.TYPE, Check.CHAIN, Check.SIGNATURE, Check.CLAIMS, Check.VALIDITY, Check.STATUS)


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on a paper, as signed by `issuer`: what it says by the names of our fields, where its status is."""

    issuer: str
    begins: datetime
    ends: datetime
    status: StatusReference
    says: dict[str, Any]


class Verdict(msgspec.Struct, frozen=True):
    """What a paper proves, check by check. `paper` is there where all checks before that of the status passed."""

    conclusion: Conclusion
    checks: tuple[Checked, ...]
    paper: Paper | None


def printable(fields: Sequence[Field]) -> tuple[Field, ...]:
    """Give those of `fields` that Claim 169 has an attribute for; a date of birth only where it is whole."""
    return tuple(
        each
        for each in fields
        if each.name in ATTRIBUTES and (each.name != "birth_date" or len(each.value) == _WHOLE_DATE)
    )


def write(
    fields: Sequence[Field], seal: CoseSeal, *, issuer: str, begins: datetime, ends: datetime, status: StatusReference
) -> str:
    """Write the text of a code that says the `fields`."""
    since = int(begins.timestamp())
    payload = {
        _ISS: issuer,
        _EXP: int(ends.timestamp()),
        _NBF: since,
        _IAT: since,
        _STATUS: {"status_list": {"idx": status.idx, "uri": status.uri}},
        IDENTITY: _identity({each.name: each.value for each in fields}),
    }
    message = _CWT_TAG + cose.tagged(seal.sign(cbor2.dumps(payload)))
    return base45.encode(zlib.compress(message, 9))


def _identity(says: dict[str, Any]) -> dict[int, object]:
    names = [says[name] for name in ("given_name", "family_name") if name in says]
    told: dict[int, object] = {_VERSION: "1", _LANGUAGE: "eng"}
    if names:
        told[_FULL_NAME] = " ".join(names)
    for name, value in says.items():
        match name, value:
            case "birth_date", str(day):
                told[ATTRIBUTES[name]] = day.replace("-", "")
            case "nationality", [country, *_]:
                told[ATTRIBUTES[name]] = country
            case _:
                told[ATTRIBUTES[name]] = value
    return dict(sorted(told.items()))


def read(text: str, issuer: Anchor, *, at: datetime) -> Paper:
    """Check everything the text itself can prove, as a paper of `issuer`; raises NotVerified."""
    message = _message(text)
    require(message.header.get(cose.ALGORITHM) == cose.ES256, Check.TYPE, "wrong_algorithm")
    payload = _payload(message)
    signer = pki.signatory_of(message.chain, issuer.certificates, at=at)
    role.require_may(signer, Role.DOCUMENT, revoked=issuer.revoked)
    require(message.signed_by(signer.key), Check.SIGNATURE, "bad_signature")
    require(payload.get(_ISS) in signer.urls, Check.CLAIMS, "other_issuer")
    identity = payload[IDENTITY]
    says = {_NAMES[number]: value for number, value in identity.items() if number in _NAMES}
    require(all(isinstance(value, str) for value in says.values()), Check.CLAIMS, "unreadable")
    begins, ends = _times(payload)
    require(begins <= at, Check.VALIDITY, "not_yet_valid")
    require(at < ends, Check.VALIDITY, "expired")
    return Paper(issuer=payload[_ISS], begins=begins, ends=ends, status=_status(payload), says=says)


def _message(text: str) -> cose.Message:
    require(len(text) <= TEXT_MAX, Check.FORMAT, "too_long")
    try:
        raw = base45.decode(text)
    except NotBase45 as error:
        raise NotVerified(Check.FORMAT, "not_base45") from error
    opened = zlib.decompressobj()
    try:
        swollen = opened.decompress(raw, _SWOLLEN_MAX)
    except zlib.error as error:
        raise NotVerified(Check.FORMAT, "not_compressed") from error
    require(opened.eof and not opened.unused_data, Check.FORMAT, "not_compressed")
    try:
        return cose.parse(cose.untagged(swollen.removeprefix(_CWT_TAG)))
    except cose.BadMessage as error:
        raise NotVerified(Check.FORMAT, "unreadable") from error


def _payload(message: cose.Message) -> dict[Any, Any]:
    try:
        whole = message.payload or b""
        require(cbor.end(whole) == len(whole), Check.FORMAT, "unreadable")
        payload = cbor.load(whole)
    except cbor.Malformed as error:
        raise NotVerified(Check.FORMAT, "unreadable") from error
    require(isinstance(payload, dict) and isinstance(payload.get(IDENTITY), dict), Check.TYPE, "no_identity")
    found: dict[Any, Any] = payload
    return found


def _times(payload: dict[Any, Any]) -> tuple[datetime, datetime]:
    since, until = payload.get(_NBF, payload.get(_IAT)), payload.get(_EXP)
    require(until is not None, Check.VALIDITY, "no_expiry")
    if not (isinstance(since, int) and isinstance(until, int)):
        raise NotVerified(Check.VALIDITY, "unreadable")
    try:
        return datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise NotVerified(Check.VALIDITY, "unreadable") from error


def _status(payload: dict[Any, Any]) -> StatusReference:
    """Read the reference, without which a paper is not ours: it could never be taken back."""
    try:
        return msgspec.convert(payload[_STATUS]["status_list"], StatusReference)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise NotVerified(Check.STATUS, "unreadable_reference") from error


def judge(paper: Paper | NotVerified, found: Answer, *, at: datetime) -> Verdict:
    """Say what a paper proves, knowing what its status list told."""
    if isinstance(paper, NotVerified):
        failed = Checked(paper.check, Outcome.FAILED, paper.reason)
        return Verdict(Conclusion.REJECTED, _around(failed), None)
    checked = _told(found, at)
    conclusion = {
        Outcome.PASSED: Conclusion.ACCEPTED,
        Outcome.FAILED: Conclusion.REJECTED,
        Outcome.UNKNOWN: Conclusion.STATUS_UNKNOWN,
    }[checked.outcome]
    return Verdict(conclusion, _around(checked), paper)


def _told(found: Answer, at: datetime) -> Checked:
    match found:
        case Untold(reason):
            return Checked(Check.STATUS, Outcome.UNKNOWN, reason)
        case Broken(reason):
            return Checked(Check.STATUS, Outcome.FAILED, reason)
        case Told(status, signed_at):
            age_s = max(0, (at - signed_at) // timedelta(seconds=1))
            if status == Status.VALID:
                return Checked(Check.STATUS, Outcome.PASSED, age_s=age_s)
            known = status in {Status.INVALID, Status.SUSPENDED}
            return Checked(Check.STATUS, Outcome.FAILED, Status(status).name.lower() if known else "not_valid", age_s)


def _around(found: Checked) -> tuple[Checked, ...]:
    place = CHECKS.index(found.check)
    before = (Checked(check, Outcome.PASSED) for check in CHECKS[:place])
    return (*before, found, *(Checked(check, Outcome.UNKNOWN) for check in CHECKS[place + 1 :]))
