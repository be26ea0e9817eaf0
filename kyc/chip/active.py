"""Active authentication (ICAO Doc 9303-11, section 6.1): this chip knows the private key to the public key in DG15.

The server sends eight random bytes, the chip signs them, and a copy of the chip's files can't. It proves something only
when DG15 is one of the files the state signed: `judge` sees to that.

RSA keys sign by ISO/IEC 9796-2, scheme 1, with partial recovery: the signature carries M1, random bytes of the chip's,
and a digest over M1 and what was sent. Elliptic curves sign plainly: r and s one behind the other (BSI TR-03111).
"""

import hashlib
from collections.abc import Iterable, Mapping

from asn1crypto import keys

from kyc.check import Finding, Verdict
from kyc.chip import authentication, der, lds, signature
from kyc.chip.report import ANSWER_MISSING, KEY_NOT_PROVEN, UNSUPPORTED, Copying, Grade, Report, Step

CHECK = "chip.original"
NONCE_BYTES = 8

#: What must hold of the files before a key among them proves anything.
_SIGNED = {"chip.digest", "chip.signature", "chip.issuer_trusted", "chip.data_groups", "chip.only_signed_groups"}
#: The data group of the key.
_KEY = 15
_DG15_TAG = 0x6F
# ISO/IEC 9796-2 and 10118-3: one byte BC is SHA-1, or a byte that names the digest before CC.
_TRAILERS = {
    b"\x33\xcc": "sha1",
    b"\x34\xcc": "sha256",
    b"\x35\xcc": "sha512",
    b"\x36\xcc": "sha384",
    b"\x38\xcc": "sha224",
}
_SHA1_TRAILER, _HEADER_ENDS = 0xBC, 0x0A
_DIGESTS = ("sha256", "sha1", "sha224", "sha384", "sha512")
_ANSWER_BYTES_MAX = 1024


def verify(group: bytes, offered: bytes | None, nonce: bytes, answer: bytes) -> Step:
    """Check the chip's answer to `nonce` against DG15 (`group`); `offered` is DG14, which names a curve's digest."""
    try:
        key = _key(group)
        weak = _verify(key, offered, nonce, answer)
    except der.Malformed as error:
        return Step(CHECK, Grade.MALFORMED, {"part": error.what})
    except signature.BadSignature:
        return Step(CHECK, Grade.BAD_SIGNATURE, {"method": "active_authentication"})
    except signature.Unsupported as error:
        params = {"method": "active_authentication", "reason": UNSUPPORTED, "algorithm": error.algorithm}
        return Step(CHECK, Grade.BAD_SIGNATURE, params)
    told = {"weak": ", ".join(sorted(weak))} if weak else {}
    return Step(CHECK, Grade.VALID, {"method": "active_authentication", **told})


def judge(report: Report, groups: Mapping[int, bytes], nonce: bytes, answer: bytes) -> Step:
    """Check the answer of a chip whose files were verified: its key proves something only if the state signed it."""
    proven = {step.check for step in report.steps if step.verdict is Verdict.PASS}
    if _KEY in report.listed and _KEY not in groups:
        return missing()
    if not proven >= _SIGNED or _KEY not in groups:
        return Step(CHECK, report.grade, {"reason": KEY_NOT_PROVEN})
    return verify(groups[_KEY], groups.get(14), nonce, answer)


def unasked(report: Report) -> tuple[Step, ...]:
    """Say what it means that nothing was answered: of a chip that could have, a person looks at the one who holds it.

    Whoever copied a chip can't answer for it, and would leave it out.
    """
    return (missing(),) if _KEY in report.listed else ()


def missing() -> Step:
    """Say that a chip with a key did not prove to have it."""
    return Step(CHECK, Grade.VALID, {"reason": ANSWER_MISSING})


def copying(findings: Iterable[Finding]) -> Copying:
    """Say whether the chip may be a copy, by what was found of its document."""
    verdicts = {finding.verdict for finding in findings if finding.check == CHECK}
    if Verdict.PASS in verdicts:
        return Copying.EXCLUDED
    return Copying.NOT_EXCLUDED if verdicts & {Verdict.FAIL, Verdict.ERROR} else Copying.NOT_CHECKED


def _key(group: bytes) -> bytes:
    if len(group) > lds.SOD_BYTES_MAX:
        raise der.Malformed("dg15")
    encoded = der.element(group, _DG15_TAG, "dg15")
    return der.bounded(encoded, "dg15", size_max=lds.SOD_BYTES_MAX)


def _verify(key: bytes, offered: bytes | None, nonce: bytes, answer: bytes) -> frozenset[str]:
    if not 0 < len(answer) <= _ANSWER_BYTES_MAX:
        raise signature.BadSignature
    with der.reading("dg15"):
        kind = keys.PublicKeyInfo.load(key, strict=True)["algorithm"]["algorithm"].native
    if kind == "rsa":
        return _recovered(*signature.rsa_numbers(key), nonce, answer)
    named = authentication.read(offered).active_digest if offered is not None else None
    return _signed(key, (named,) if named else _DIGESTS, nonce, answer)


def _signed(key: bytes, digests: Iterable[str], nonce: bytes, answer: bytes) -> frozenset[str]:
    """Check a plain signature. Where DG14 names no digest all are tried: which one it was says nothing to a forger."""
    for digest in digests:
        try:
            return signature.verify(
                key=key, algorithm=signature.ecdsa(digest), signature=answer, message=nonce, digest=digest
            )
        except signature.BadSignature:
            continue
    raise signature.BadSignature


def _recovered(modulus: int, exponent: int, nonce: bytes, answer: bytes) -> frozenset[str]:
    """Open the signature and compare the digest inside with that of M1 and the nonce."""
    value, bits = int.from_bytes(answer, "big"), modulus.bit_length()
    if len(answer) != (bits + 7) // 8 or not 0 < value < modulus:
        raise signature.BadSignature
    opened = pow(value, exponent, modulus)
    # The signer may send n - s where that is smaller (9796-2, annex B): what is opened ends in C one way or the other.
    for number in (opened, modulus - opened):
        if (found := _opened(number.to_bytes(len(answer), "big"))) is not None:
            digest, recovered, inside = found
            if hashlib.new(digest, recovered + nonce).digest() == inside:
                return frozenset({f"rsa_{bits}"} if bits < signature.RSA_BITS_STRONG else ())
    raise signature.BadSignature


def _opened(block: bytes) -> tuple[str, bytes, bytes] | None:
    """Take an opened block apart: the digest's name, M1, the digest. None where it is no such block."""
    trailer = 1 if block[-1] == _SHA1_TRAILER else 2
    digest = "sha1" if trailer == 1 else _TRAILERS.get(block[-2:])
    if digest is None or block[0] & 0xC0 != 0x40:  # noqa: PLR2004  # 9796-2, 8.1: the two bits every block begins with
        return None
    size = hashlib.new(digest).digest_size
    # The header is padded with B until the half byte A, behind which M1 begins.
    start = next((place for place, byte in enumerate(block) if byte & 0x0F == _HEADER_ENDS), len(block))
    end = len(block) - trailer - size
    if start + 1 > end or any(byte != 0xBB for byte in block[1:start]):  # noqa: PLR2004  # as above
        return None
    return digest, block[start + 1 : end], block[end : end + size]
