"""Passive authentication (ICAO Doc 9303-11, section 5): the files of this chip are those a country we trust signed.

reads      kyc/chip/lds.py        the security object (SOD) and DG1
checks     kyc/chip/passive.py    verify()          <- you are here
chains     kyc/chip/chain.py      who issued the signer's certificate, and what speaks against that
trusts     kyc/chip/trust.py      the country signing authorities (CSCA), from certificates and master lists
decides    kyc/cases/decision.py  decide()

    SOD --signed by--> document signer (DSC) --issued by--> country signing authority (CSCA)
     `-- digests of --> data groups; DG1 holds the MRZ

It proves that the data is genuine, not that the chip is the original: a perfect copy passes. Only active or chip
authentication tells a clone (kyc/chip/active.py, kyc/chip/authentication.py).
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime

from kyc import mrz, states
from kyc.chip import chain, der, lds, signature, signed
from kyc.chip.chain import Chain
from kyc.chip.report import NOT_COMPARED, UNSUPPORTED, Grade, Report, Step
from kyc.chip.trust import Trust
from law.calendar import statutory_date


def verify(sod: bytes, groups: Mapping[int, bytes], trust: Trust, at: datetime) -> Report:
    """Verify the chip's files by number as of `at`; whatever they contain, the answer is a report.

    Without DG1 the signature and its chain are verified, and nothing is said about a person. Where several signed, the
    one whom most can be said for speaks.
    """
    try:
        wholes = lds.signed_objects(sod)
        listed = lds.security_object(wholes[0].content_type, wholes[0].content)
    except der.Malformed as error:
        return Report((Step("chip.structure", Grade.MALFORMED, {"part": error.what}),), sources=trust.sources)
    reports = (_verified(whole, listed, groups, trust, at) for whole in wholes)
    return max(reports, key=lambda report: list(Grade).index(report.grade))


def _verified(
    whole: signed.Signed, listed: lds.SecurityObject, groups: Mapping[int, bytes], trust: Trust, at: datetime
) -> Report:
    issued = chain.find(whole, trust, at)
    files = tuple(_groups(listed, groups))
    lines, zone, readable = _zone(groups.get(1), files[0], at)
    steps = [
        _structure(whole, groups, readable=readable),
        _digest(whole),
        *_signature(whole, issued.weak | signature.WEAK_DIGESTS & {listed.digest}),
        _trusted(issued, zone, trust, at),
        _issuer(zone, issued),
        *files,
    ]
    if zone is not None:
        steps.append(_in_force(zone, at))
    return Report(tuple(steps), lines, zone, trust.sources, frozenset(listed.hashes))


def _zone(group: bytes | None, compared: Step, at: datetime) -> tuple[tuple[str, ...], mrz.Mrz | None, bool]:
    """Read DG1; the last says whether it is in order. One that is not the signed one is no reason to call it broken."""
    if group is None:
        return (), None, True
    try:
        lines = lds.mrz_lines(group)
    except der.Malformed:
        return (), None, compared.grade is not Grade.VALID
    zone = mrz.parse(lines, statutory_date(at))
    if isinstance(zone, mrz.Unreadable) or zone.format not in mrz.TRAVEL:
        return lines, None, compared.grade is not Grade.VALID
    return lines, zone, True


def _structure(whole: signed.Signed, groups: Mapping[int, bytes], *, readable: bool) -> Step:
    if not readable:
        return Step("chip.structure", Grade.MALFORMED, {"part": "dg1"})
    odd = {"oddities": ", ".join(whole.oddities)} if whole.oddities else {}
    return Step("chip.structure", Grade.VALID, {"data_groups": _numbers(groups), **odd})


def _digest(whole: signed.Signed) -> Step:
    """Compare the signed digest with that of the list of data group digests."""
    try:
        matches = signed.digest_matches(whole)
    except signature.Unsupported as error:
        return _unsupported("chip.digest", error)
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
        yield _unsupported("chip.signature", error, signer)
    else:
        yield Step("chip.signature", Grade.VALID, signer)
    grade = Grade.SIGNED_WEAK_ALGORITHM if weak else Grade.VALID
    yield Step("chip.algorithms", grade, {"weak": ", ".join(sorted(weak))} if weak else {})


def _unsupported(check: str, error: signature.Unsupported, params: Mapping[str, str] | None = None) -> Step:
    """Call a signature nobody here can check no good one; that it is a forged one is not said either."""
    return Step(check, Grade.BAD_SIGNATURE, {**(params or {}), "reason": UNSUPPORTED, "algorithm": error.algorithm})


def _trusted(issued: Chain, zone: mrz.Mrz | None, trust: Trust, at: datetime) -> Step:
    """Judge who signed. Where nobody knows the document's last day, it has lapsed with its signer."""
    if zone is None:
        return chain.judge(issued, trust, at, document=None, lapsed=True)
    return chain.judge(issued, trust, at, document=zone.document_code, lapsed=_lapsed(zone, at))


def _issuer(zone: mrz.Mrz | None, issued: Chain) -> Step:
    """Compare the state DG1 names with those that signed: else any trusted country could sign another's passport."""
    found = issued.countries
    params = {"certificates": ", ".join(sorted(found))}
    if zone is None and len(found) == 1:
        return Step("chip.issuer_matches", Grade.VALID, {"reason": NOT_COMPARED, **params})
    if zone is None:
        return Step("chip.issuer_matches", Grade.ISSUER_MISMATCH, params)
    grade = Grade.VALID if len(found) == 1 and found <= states.signing(zone.issuer) else Grade.ISSUER_MISMATCH
    return Step("chip.issuer_matches", grade, {"document": zone.issuer, **params})


def _groups(listed: lds.SecurityObject, groups: Mapping[int, bytes]) -> Iterator[Step]:
    """Compare every file that was read with the signed digests, and look for files that were added."""
    if listed.digest not in signature.DIGESTS:
        yield _unsupported("chip.data_groups", signature.Unsupported(listed.digest))
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
    grade = Grade.EXPIRED_DOCUMENT if _lapsed(zone, at) else Grade.VALID
    return Step("document.in_force", grade, {"expires": str(zone.expires)})


def _lapsed(zone: mrz.Mrz, at: datetime) -> bool:
    assert zone.expires is not None, "travel documents say it"
    return zone.expires < statutory_date(at)


def _numbers(groups: Mapping[int, object] | set[int]) -> str:
    return ", ".join(str(number) for number in sorted(groups))
