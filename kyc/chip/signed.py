"""Signed content (CMS SignedData, RFC 5652), with the certificate of each signer enclosed.

Security objects and master lists are such. `read` takes them apart; whether the digest matches, the signature holds and
the signer may sign is asked by the callers, who answer each of these differently.

A signature covers the content, the signed attributes and, through its authority, the certificate. What lies around
(versions, algorithm names, the signer's name) is covered by nothing, so `read` accepts it in one form only: the one
that follows from what is covered. A changed byte there is malformed too.
"""

import hashlib
from collections import Counter
from datetime import datetime

import msgspec
from asn1crypto import algos, cms, x509

from kyc.chip import certificate, der, signature
from kyc.chip.certificate import Certificate

_SIGNERS = range(1, 5)
_NO_PARAMETERS = (b"", b"\x05\x00")  # absent and NULL mean the same (RFC 5754, 2)


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """`attributes` are the signed attributes as the SET OF that was signed; None where content was signed directly.

    `oddities` name what an issuer wrote otherwise than RFC 5652 says, where it does not touch what is signed.
    """

    content_type: str
    content: bytes
    digest: str
    attributes: bytes | None
    attributed_type: str
    attributed_digest: bytes
    signed_at: datetime | None
    algorithm: bytes
    signature: bytes
    signer: Certificate
    enclosed: tuple[Certificate, ...]
    oddities: tuple[str, ...]


class _Attributes(msgspec.Struct, frozen=True):
    encoded: bytes | None = None
    content_type: str = ""
    digest: bytes = b""
    signed_at: datetime | None = None


def read(data: bytes, what: str, *, size_max: int, elements_max: int = der.ELEMENTS_MAX) -> tuple[Signed, ...]:
    """Take `data` apart, once for each signer; raises der.Malformed, also where one is not enclosed or not as it must.

    ICAO recommends one signer and forbids no second (Doc 9303-10, table of the security object).
    """
    der.bounded(data, what, size_max=size_max, elements_max=elements_max)
    with der.reading(what):
        information = cms.ContentInfo.load(data, strict=True)
        if information["content_type"].native != "signed_data":
            raise der.Malformed(what)
        whole = information["content"]
        if len(whole["signer_infos"]) not in _SIGNERS or not _frame_fits(whole):
            raise der.Malformed(what)
        return tuple(_signed_by(each, whole, what) for each in whole["signer_infos"])


def _signed_by(signer: cms.SignerInfo, whole: cms.SignedData, what: str) -> Signed:
    found = [each.chosen for each in whole["certificates"] if each.name == "certificate"]
    encoded, who = _signer(signer, found, what)
    oddities = _oddities(whole, signer, encoded, what)
    attributes = _attributes(signer["signed_attrs"])
    return Signed(
        content_type=whole["encap_content_info"]["content_type"].dotted,
        content=bytes(whole["encap_content_info"]["content"]),
        digest=signer["digest_algorithm"]["algorithm"].native,
        attributes=attributes.encoded,
        attributed_type=attributes.content_type,
        attributed_digest=attributes.digest,
        signed_at=attributes.signed_at,
        algorithm=signer["signature_algorithm"].dump(),
        signature=signer["signature"].native,
        signer=who,
        enclosed=tuple(who if each is encoded else certificate.of(each) for each in found),
        oddities=oddities,
    )


def digest_matches(signed: Signed) -> bool:
    """Whether the signed attributes speak of this content: its type and its digest (RFC 5652, 11.1 and 11.2)."""
    if signed.attributes is None:
        return True
    if signed.digest not in signature.DIGESTS:
        raise signature.Unsupported(signed.digest)
    found = hashlib.new(signed.digest, signed.content).digest()
    return signed.attributed_type == signed.content_type and signed.attributed_digest == found


def verify(signed: Signed) -> frozenset[str]:
    """Check the signer's signature; answers what is weak. Raises signature.BadSignature, Unsupported, der.Malformed."""
    if not signature.misnamed(signed.algorithm, signed.digest):
        weak = _verify(signed, signed.algorithm)
    else:
        # Some issuers write SHA-256 beside every signature, also those they made with the digest named elsewhere.
        try:
            weak = _verify(signed, signature.renamed(signed.algorithm, signed.digest))
        except signature.BadSignature:
            weak = _verify(signed, signed.algorithm)
    return weak | signature.WEAK_DIGESTS & {signed.digest}


def _verify(signed: Signed, algorithm: bytes) -> frozenset[str]:
    message = signed.content if signed.attributes is None else signed.attributes
    return signature.verify(
        key=signed.signer.key, algorithm=algorithm, signature=signed.signature, message=message, digest=signed.digest
    )


def _frame_fits(signed: cms.SignedData) -> bool:
    """Whether what nobody signed is what RFC 5652, 5.1 and 5.3, makes of what is signed."""
    signers, named = signed["signer_infos"], [each["algorithm"].native for each in signed["digest_algorithms"]]
    plain = signed["encap_content_info"]["content_type"].native == "data" and all(map(_is_named, signers))
    used = {each["digest_algorithm"]["algorithm"].native for each in signers}
    return (
        signed["version"].native in (("v1", "v3") if plain else ("v3",))
        and sorted(named) == sorted(used)
        and all(map(_bare, signed["digest_algorithms"]))
        and all(map(_signer_fits, signers))
    )


def _signer_fits(signer: cms.SignerInfo) -> bool:
    return (
        _bare(signer["digest_algorithm"])
        and _bare(signer["signature_algorithm"])
        and signer["version"].native == ("v1" if _is_named(signer) or _unnamed(signer["sid"]) else "v3")
    )


def _is_named(signer: cms.SignerInfo) -> bool:
    """Whether the signer is named by issuer and serial number."""
    return bool(signer["sid"].name == "issuer_and_serial_number")


def _bare(algorithm: algos.DigestAlgorithm | algos.SignedDigestAlgorithm) -> bool:
    """Whether an algorithm has no parameters, or RSA-PSS its own and those none."""
    parameters = algorithm["parameters"]
    if algorithm["algorithm"].native != "rsassa_pss":
        return parameters.dump() in _NO_PARAMETERS
    return (
        _bare(parameters["hash_algorithm"])
        and _bare(parameters["mask_gen_algorithm"]["parameters"])
        and parameters["trailer_field"].native == "trailer_field_bc"
    )


def _unnamed(identifier: cms.SignerIdentifier) -> bool:
    """Whether the signer's key identifier is left out: zeros in its place (seen in the wild)."""
    return identifier.name == "subject_key_identifier" and not any(identifier.chosen.native)


def _oddities(signed: cms.SignedData, signer: cms.SignerInfo, named: x509.Certificate, what: str) -> tuple[str, ...]:
    """Tell what is unusual and harmless; raises der.Malformed where the signer named is another than the enclosed."""
    found = []
    identifier = signer["sid"]
    if _unnamed(identifier):
        found.append("signer_left_out")
    elif identifier.name == "subject_key_identifier":
        if identifier.chosen.native != named.key_identifier:
            raise der.Malformed(what)
    elif identifier.chosen["issuer"].dump() != named.issuer.dump():
        # Malaysia writes the parts of its name here in another order than in the certificate.
        found.append("signer_named_in_another_order")
    several = (("certificates", "more_certificates"), ("signer_infos", "more_signers"))
    found += [oddity for field, oddity in several if len(signed[field]) > 1]
    for field, oddity in (("crls", "revocations_enclosed"), ("unsigned_attrs", "unsigned_attributes")):
        if len((signed if field == "crls" else signer)[field] or ()):
            found.append(oddity)
    if signature.misnamed(signer["signature_algorithm"].dump(), signer["digest_algorithm"]["algorithm"].native):
        found.append("digest_misnamed")
    return tuple(found)


def _parts(name: x509.Name) -> Counter[bytes]:
    return Counter(part.dump() for level in name.chosen for part in level)


def _attributes(attributes: cms.CMSAttributes) -> _Attributes:
    if not attributes:
        return _Attributes()
    values: dict[str, list[object]] = {}
    for attribute in attributes:
        values.setdefault(attribute["type"].native, []).extend(attribute["values"])
    (content_type,), (digest,) = values["content_type"], values["message_digest"]
    signed_at = next((each.native for each in values.get("signing_time", ())), None)  # type: ignore[attr-defined]  # asn1crypto carries no types
    return _Attributes(
        # They travel under the tag [0] and are signed under the tag SET OF, in the order of DER (RFC 5652, 5.4).
        der.encoded(0x31, b"".join(sorted(attribute.dump() for attribute in attributes))),
        content_type.dotted,  # type: ignore[attr-defined]  # as above
        digest.native,  # type: ignore[attr-defined]  # as above
        signed_at,
    )


def _signer(
    signer: cms.SignerInfo, enclosed: list[x509.Certificate], what: str
) -> tuple[x509.Certificate, Certificate]:
    """Find the certificate the signer names; where only one is enclosed and none is named, it is that one."""
    identifier = signer["sid"]
    if len(enclosed) == 1 and _unnamed(identifier):
        matching = enclosed
    elif identifier.name == "subject_key_identifier":
        matching = [each for each in enclosed if each.key_identifier == identifier.chosen.native]
    else:
        serial, issuer = identifier.chosen["serial_number"].native, _parts(identifier.chosen["issuer"])
        matching = [each for each in enclosed if each.serial_number == serial and _parts(each.issuer) == issuer]
    if len(matching) != 1:
        raise der.Malformed(what)
    return matching[0], certificate.of(matching[0])
