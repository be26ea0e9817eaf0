"""Who vouches for a signer: its certificate and those above it, up to one we trust (ICAO Doc 9303-12).

checks     kyc/chip/passive.py    verify()
chains     kyc/chip/chain.py      find(), judge()   <- you are here
trusts     kyc/chip/trust.py      the country signing authorities (CSCA), from certificates and master lists

    signer (DSC) --issued by--> authority, trusted
    signer (DSC) --issued by--> link that travels with the signature --issued by--> anchor, trusted, of the same name
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from kyc.chip import masterlist, signed
from kyc.chip.certificate import Certificate
from kyc.chip.report import Grade, Step
from kyc.chip.trust import Trust

_CHECK = "chip.issuer_trusted"
_ROLES = ("signer", "authority", "anchor")


class Chain(msgspec.Struct, frozen=True):
    """The signer and those above it, each issued by the next, the last one trusted; the signer alone where nobody is.

    `weak` is what is weak about the signatures between them, `candidates` how many might have issued the signer.
    """

    certificates: tuple[Certificate, ...]
    weak: frozenset[str]
    candidates: int

    @property
    def countries(self) -> set[str]:
        """Of all of them: where it is not one, somebody signed for another state."""
        return {each.country for each in self.certificates}

    def roles(self) -> Iterator[tuple[str, Certificate]]:
        """Give each with its part in the chain, from the signer up."""
        return zip(_ROLES, self.certificates, strict=False)


def find(whole: signed.Signed, trust: Trust, at: datetime) -> Chain:
    """Find who issued the signer's certificate, and what is weak about that signature.

    All candidates are tried: authorities publish several certificates over one key with different validity, and the one
    that was not revoked, is in force, and lasts longest, speaks for the signer. Where none of the trusted ones issued
    it, a link that travels with the signature may have, if a trusted one of the same name issued that: by the key alone
    any trusted authority could introduce a key of another.
    """
    signer = whole.signer
    candidates = trust.candidates(signer)
    chains = [Chain((signer, by), weak, len(candidates)) for by, weak in _issuers(candidates, signer)]
    if not chains:
        between = (each for each in whole.enclosed if each.authority and each.links)
        chains = [
            Chain((signer, link, anchor), weak | of_link, len(candidates))
            for link, weak in _issuers(between, signer)
            for anchor, of_link in _issuers(trust.by_name.get(link.issuer, ()), link)
        ]
    nobody = Chain((signer,), frozenset(), len(candidates))
    return max(chains, key=lambda each: _standing(each, trust, at), default=nobody)


def _standing(chain: Chain, trust: Trust, at: datetime) -> tuple[bool, bool, list[datetime]]:
    above = chain.certificates[1:]
    return (
        not any(_revoked(each, trust) for each in above),
        all(each.covers(at) for each in above),
        [each.not_after for each in above],
    )


def _issuers(candidates: Iterable[Certificate], subject: Certificate) -> list[tuple[Certificate, frozenset[str]]]:
    """Find those whose key signed `subject`: no key is tried twice, and none once the one that signed is known."""
    failed: set[bytes] = set()
    signed_by: tuple[bytes, frozenset[str]] | None = None
    found = []
    for each in candidates:
        if signed_by is None and each.key not in failed:
            weak = masterlist.issued(each, subject)
            if weak is None:
                failed.add(each.key)
            else:
                signed_by = each.key, weak
        if signed_by is not None and signed_by[0] == each.key:
            found.append((each, signed_by[1]))
    return found


def judge(chain: Chain, trust: Trust, at: datetime, *, document: str | None, lapsed: bool) -> Step:
    """Judge who signed; `document` is the document's code in the MRZ, None where it was not read.

    Signers outlast what they sign: who is past its date signed what has `lapsed`. That excuses nothing else.
    """
    signer, *above = chain.certificates
    if not above:
        found = {"reason": "unknown", "country": signer.country, "candidates": str(chain.candidates)}
        return Step(_CHECK, Grade.SIGNED_UNTRUSTED_ISSUER, found)
    reason = _withdrawn(chain, trust) or _unfit(chain, document) or _out_of_period(chain, at)
    grade = Grade.VALID
    if reason:
        grade = Grade.EXPIRED_DOCUMENT if lapsed and "until" in reason else Grade.SIGNED_UNTRUSTED_ISSUER
    return Step(_CHECK, grade, _evidence(chain, trust, at) | reason)


def _withdrawn(chain: Chain, trust: Trust) -> dict[str, str]:
    for role, each in chain.roles():
        if taken := _revoked(each, trust):
            at, why = taken
            return {"reason": "revoked", "revoked": role, "revoked_at": at.date().isoformat(), "revoked_why": why}
    return {}


def _revoked(certificate: Certificate, trust: Trust) -> tuple[datetime, str] | None:
    """Find when and why its issuer took it back; serial numbers are the issuer's, so it must be the one that issued."""
    for by in trust.candidates(certificate):
        known = trust.revocations.get(by.key)
        taken = known.revoked.get(certificate.serial) if known else None
        if taken and masterlist.issued(by, certificate) is not None:
            return taken
    return None


def _unfit(chain: Chain, document: str | None) -> dict[str, str]:
    """Tell why certificates that are in order are not for this: an authority issues others than document signers."""
    signer = chain.certificates[0]
    if critical := frozenset[str]().union(*(each.critical for each in chain.certificates)):
        # What must be understood and is not: such a certificate is not to be gone by (RFC 5280, 4.2).
        return {"reason": "critical_extension", "extensions": ", ".join(sorted(critical))}
    if signer.purposes:
        # Such certificates sign master lists or visible seals. A document signer's has no extended key usage
        # (ICAO Doc 9303-12, section 7.1).
        return {"reason": "purpose"}
    if signer.usage is not None and "digital_signature" not in signer.usage:
        # Mandatory as well (same place), but signers of 2008 say nothing of their usage.
        return {"reason": "key_usage", "usage": ", ".join(sorted(signer.usage))}
    if document is not None and signer.documents is not None and not document.startswith(tuple(signer.documents)):
        return {"reason": "document_type", "documents": ", ".join(sorted(signer.documents))}
    return {}


def _out_of_period(chain: Chain, at: datetime) -> dict[str, str]:
    """Tell who is not in force; who is not yet comes first, as a past date may be excused."""
    for role, each in chain.roles():
        if at < each.not_before:
            return {"reason": f"{role}_period", "from": each.not_before.date().isoformat()}
    for role, each in chain.roles():
        if at > each.not_after:
            return {"reason": f"{role}_period", "until": each.not_after.date().isoformat()}
    return {}


def _evidence(chain: Chain, trust: Trust, at: datetime) -> dict[str, str]:
    authority, *anchor = chain.certificates[1:]
    told = {
        "authority": authority.label,
        "authority_sha256": authority.fingerprint,
        "candidates": str(chain.candidates),
        "kind": "enclosed_link" if anchor else "link" if authority.links else "root",
        "revocation": _list_of(authority, trust, at),
    }
    for each in anchor:
        told |= {"anchor": each.label, "anchor_sha256": each.fingerprint, "link_revocation": _list_of(each, trust, at)}
    lists = _lists(chain.certificates[-1], trust, at)
    return told | ({"lists": lists} if lists else {})


def _lists(trusted: Certificate, trust: Trust, at: datetime) -> str:
    """Tell where it is known from and how old that is."""
    ages = {source.name: source.age_days(at) for source in trust.sources}
    named = trust.origins.get(trusted.fingerprint, ())
    return ", ".join(name if ages.get(name) is None else f"{name} ({ages[name]} days)" for name in named)


def _list_of(by: Certificate, trust: Trust, at: datetime) -> str:
    """Tell of which day its list of revocations is, and whether a newer one should be there."""
    known = trust.revocations.get(by.key)
    if known is None:
        return "not_checked"
    told = f"list of {known.issued_at.date().isoformat()}"
    if known.next_at is None or at <= known.next_at:
        return told
    return f"{told}, a newer one was due {known.next_at.date().isoformat()}"
