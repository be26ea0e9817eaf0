"""Signed content (CMS SignedData, RFC 5652) with one signer, whose certificate is enclosed.

Security objects and master lists are such. `read` only takes them apart; whether the digest matches, the signature
holds and the signer may sign is asked by the callers, who answer each of these differently.
"""

import hashlib

import msgspec
from asn1crypto import cms

from kyc import certificate, der, signature
from kyc.certificate import Certificate


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """`attributes` are the signed attributes as the SET OF that was signed; None where content was signed directly."""

    content_type: str
    content: bytes
    digest: str
    attributes: bytes | None
    attributed_type: str
    attributed_digest: bytes
    algorithm: bytes
    signature: bytes
    signer: Certificate
    enclosed: tuple[Certificate, ...]


def read(data: bytes, what: str, *, size_max: int) -> Signed:
    """Take `data` apart; raises der.Malformed, also where it has several signers or does not enclose the signer."""
    der.bounded(data, what, size_max=size_max)
    with der.reading(what):
        information = cms.ContentInfo.load(data, strict=True)
        if information["content_type"].native != "signed_data":
            raise der.Malformed(what)
        signed = information["content"]
        (signer,) = signed["signer_infos"]
        enclosed = tuple(certificate.of(each.chosen) for each in signed["certificates"] if each.name == "certificate")
        attributes, attributed_type, attributed_digest = _attributes(signer["signed_attrs"])
        return Signed(
            content_type=signed["encap_content_info"]["content_type"].dotted,
            content=bytes(signed["encap_content_info"]["content"]),
            digest=signer["digest_algorithm"]["algorithm"].native,
            attributes=attributes,
            attributed_type=attributed_type,
            attributed_digest=attributed_digest,
            algorithm=signer["signature_algorithm"].dump(),
            signature=signer["signature"].native,
            signer=_signer(signer["sid"], enclosed, what),
            enclosed=enclosed,
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
    message = signed.content if signed.attributes is None else signed.attributes
    try:
        weak = signature.verify(
            key=signed.signer.key,
            algorithm=signed.algorithm,
            signature=signed.signature,
            message=message,
            digest=signed.digest,
        )
    except signature.BadSignature:
        # Some issuers name one digest beside the signature and used the one they name beside the attributes.
        named = signature.with_digest(signed.algorithm, signed.digest)
        weak = signature.verify(key=signed.signer.key, algorithm=named, signature=signed.signature, message=message)
    return weak | signature.WEAK_DIGESTS & {signed.digest}


def _attributes(attributes: cms.CMSAttributes) -> tuple[bytes | None, str, bytes]:
    if not attributes:
        return None, "", b""
    values: dict[str, list[object]] = {}
    for attribute in attributes:
        values.setdefault(attribute["type"].native, []).extend(attribute["values"])
    (content_type,), (digest,) = values["content_type"], values["message_digest"]
    # They travel under the tag [0] and are signed under the tag SET OF (RFC 5652, 5.4).
    return attributes.untag().dump(force=True), content_type.dotted, digest.native  # type: ignore[attr-defined]  # an OID, untyped


def _signer(identifier: cms.SignerIdentifier, enclosed: tuple[Certificate, ...], what: str) -> Certificate:
    """Find the signer's certificate. The identifier is a hint and no proof, the signature is: a single one is taken."""
    if len(enclosed) == 1:
        return enclosed[0]
    if identifier.name == "subject_key_identifier":
        matching = [each for each in enclosed if each.key_id == identifier.chosen.native]
    else:
        # By serial number alone: some countries write the issuer's name here in another order than in the certificate.
        matching = [each for each in enclosed if each.serial == identifier.chosen["serial_number"].native]
    if len(matching) != 1:
        raise der.Malformed(what)
    return matching[0]
