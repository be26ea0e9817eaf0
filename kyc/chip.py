"""Passive authentication (ICAO Doc 9303-11, section 5): the files of this chip are those a country we trust signed.

reads      kyc/lds.py           the security object (SOD) and DG1
checks     kyc/chip.py          verify()          <- you are here
trusts     kyc/trust.py         the country signing authorities (CSCA), from certificates and master lists
decides    kyc/check.py         decide()

    SOD --signed by--> document signer (DSC) --issued by--> country signing authority (CSCA)
     `-- digests of --> data groups; DG1 holds the MRZ

It proves that the data is genuine, not that the chip is the original: a perfect copy passes. Only active or chip
authentication tells a clone, and neither is done here.
"""

import enum
import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from kyc import der, lds, masterlist, mrz, signature, signed, states
from kyc.certificate import Certificate
from kyc.check import Finding, Verdict
from kyc.trust import Trust
from law.calendar import statutory_date


class Grade(enum.StrEnum):
    """The answer in one word, the worst of what was found; the order below is from worst to best."""

    MALFORMED = "malformed"
    BAD_SIGNATURE = "bad_signature"
    DG_MISMATCH = "dg_mismatch"
    UNREFERENCED_DG = "unreferenced_dg"
    ISSUER_MISMATCH = "issuer_mismatch"
    UNSUPPORTED_ALGORITHM = "unsupported_algorithm"
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
    Grade.UNSUPPORTED_ALGORITHM: Verdict.ERROR,
    Grade.SIGNED_UNTRUSTED_ISSUER: Verdict.REVIEW,
    Grade.EXPIRED_DOCUMENT: Verdict.REVIEW,
    Grade.SIGNED_WEAK_ALGORITHM: Verdict.REVIEW,
    Grade.VALID: Verdict.PASS,
}


class Step(msgspec.Struct, frozen=True):
    """One step of the verification and the grade it alone would give; `params` explain it without personal data."""

    check: str
    grade: Grade
    params: dict[str, str] = {}

    def finding(self) -> Finding:
        """As a finding for the decision."""
        return Finding(self.check, _VERDICTS[self.grade], {"grade": str(self.grade), **self.params})


class Report(msgspec.Struct, frozen=True):
    """All steps that could be taken, and what DG1 says where it could be read."""

    steps: tuple[Step, ...]
    lines: tuple[str, ...] = ()
    zone: mrz.Mrz | None = None

    @property
    def grade(self) -> Grade:
        """The worst grade of all steps."""
        order = list(Grade)
        return min((step.grade for step in self.steps), key=order.index)


def verify(sod: bytes, groups: Mapping[int, bytes], trust: Trust, at: datetime) -> Report:
    """Verify the chip's files by number as of `at`; whatever they contain, the answer is a report."""
    try:
        whole = lds.signed_object(sod)
        listed = lds.security_object(whole.content_type, whole.content)
        lines, zone = _zone(groups.get(1, b""), at)
    except der.Malformed as error:
        return Report((Step("chip.structure", Grade.MALFORMED, {"part": error.what}),))
    authority, weak_chain = _authority(whole.signer, trust, at)
    steps = (
        Step("chip.structure", Grade.VALID, {"data_groups": _numbers(groups)}),
        _digest(whole),
        *_signature(whole, weak_chain | signature.WEAK_DIGESTS & {listed.digest}),
        _trusted(whole.signer, authority, at),
        _issuer(zone.issuer, whole.signer, authority),
        *_groups(listed, groups),
        _in_force(zone, at),
    )
    return Report(steps, lines, zone)


def _zone(group: bytes, at: datetime) -> tuple[tuple[str, ...], mrz.Mrz]:
    lines = lds.mrz_lines(group)
    zone = mrz.parse(lines, statutory_date(at))
    if isinstance(zone, mrz.Unreadable):
        raise der.Malformed("dg1")
    return lines, zone


def _digest(whole: signed.Signed) -> Step:
    """Compare the signed digest with that of the list of data group digests."""
    try:
        matches = signed.digest_matches(whole)
    except signature.Unsupported as error:
        return Step("chip.digest", Grade.UNSUPPORTED_ALGORITHM, {"algorithm": error.algorithm})
    return Step("chip.digest", Grade.VALID if matches else Grade.BAD_SIGNATURE, {"algorithm": whole.digest})


def _signature(whole: signed.Signed, weak: frozenset[str]) -> Iterator[Step]:
    """Check the signer's signature, and how strong the whole is, from the digests to the authority's signature."""
    signer = {"signer": whole.signer.label, "signer_sha256": whole.signer.fingerprint}
    try:
        weak |= signed.verify(whole)
    except signature.BadSignature:
        yield Step("chip.signature", Grade.BAD_SIGNATURE, signer)
    except der.Malformed as error:
        yield Step("chip.signature", Grade.MALFORMED, {**signer, "part": error.what})
    except signature.Unsupported as error:
        yield Step("chip.signature", Grade.UNSUPPORTED_ALGORITHM, {**signer, "algorithm": error.algorithm})
    else:
        yield Step("chip.signature", Grade.VALID, signer)
    grade = Grade.SIGNED_WEAK_ALGORITHM if weak else Grade.VALID
    yield Step("chip.algorithms", grade, {"weak": ", ".join(sorted(weak))} if weak else {})


def _authority(signer: Certificate, trust: Trust, at: datetime) -> tuple[Certificate | None, frozenset[str]]:
    """Find who issued the signer's certificate, and what is weak about that signature.

    All candidates are tried: authorities publish several certificates over one key with different validity, and the one
    that is in force, and lasts longest, speaks for the signer.
    """
    issuers = [
        (candidate, weak)
        for candidate in trust.candidates(signer)
        if (weak := masterlist.issued(candidate, signer)) is not None
    ]
    if not issuers:
        return None, frozenset()
    return max(issuers, key=lambda pair: (pair[0].covers(at), pair[0].not_after))


def _trusted(signer: Certificate, authority: Certificate | None, at: datetime) -> Step:
    if authority is None:
        return Step(
            "chip.issuer_trusted", Grade.SIGNED_UNTRUSTED_ISSUER, {"reason": "unknown", "country": signer.country}
        )
    params = {"authority": authority.label, "authority_sha256": authority.fingerprint}
    if signer.purposes:
        # Such certificates sign master lists or visible seals. A document signer's has no extended key usage
        # (ICAO Doc 9303-12, section 7.1).
        return Step("chip.issuer_trusted", Grade.SIGNED_UNTRUSTED_ISSUER, {**params, "reason": "purpose"})
    for role, each in (("signer", signer), ("authority", authority)):
        if not each.covers(at):
            reason = {"reason": f"{role}_period", "until": each.not_after.date().isoformat()}
            return Step("chip.issuer_trusted", Grade.SIGNED_UNTRUSTED_ISSUER, {**params, **reason})
    return Step("chip.issuer_trusted", Grade.VALID, params)


def _issuer(state: str, signer: Certificate, authority: Certificate | None) -> Step:
    """Compare the state DG1 names with those that signed: else any trusted country could sign another's passport."""
    expected = states.letters(state)
    found = {signer.country} | ({authority.country} if authority is not None else set())
    grade = Grade.VALID if found == {expected} else Grade.ISSUER_MISMATCH
    return Step("chip.issuer_matches", grade, {"document": state, "certificates": ", ".join(sorted(found))})


def _groups(listed: lds.SecurityObject, groups: Mapping[int, bytes]) -> Iterator[Step]:
    """Compare every file that was read with the signed digests, and look for files that were added."""
    if listed.digest not in signature.DIGESTS:
        yield Step("chip.data_groups", Grade.UNSUPPORTED_ALGORITHM, {"algorithm": listed.digest})
        return
    digests = {number: hashlib.new(listed.digest, file).digest() for number, file in groups.items()}
    changed = {number for number, digest in digests.items() if listed.hashes.get(number, digest) != digest}
    yield Step(
        "chip.data_groups",
        Grade.DG_MISMATCH if changed else Grade.VALID,
        {"read": _numbers(groups), "signed": _numbers(listed.hashes)}
        | ({"changed": _numbers(changed)} if changed else {}),
    )
    added = groups.keys() - listed.hashes.keys()
    grade = Grade.UNREFERENCED_DG if added else Grade.VALID
    yield Step("chip.only_signed_groups", grade, {"added": _numbers(added)} if added else {})


def _in_force(zone: mrz.Mrz, at: datetime) -> Step:
    """Compare the last day, which counts as a whole and in Kazakhstan, with today."""
    grade = Grade.EXPIRED_DOCUMENT if zone.expires < statutory_date(at) else Grade.VALID
    return Step("document.in_force", grade, {"expires": zone.expires.isoformat()})


def _numbers(groups: Mapping[int, object] | set[int]) -> str:
    return ", ".join(str(number) for number in sorted(groups))
