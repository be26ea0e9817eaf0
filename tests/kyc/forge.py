"""What a forger would do who had a key: certificates and curves that were changed and signed again."""

import hashlib
from dataclasses import replace
from typing import Any

from asn1crypto import cms, core, keys, x509

from kyc.chip import certificate
from kyc.chip.curves import Curve
from simulators.passport import Authority, Key, Passport, SecurityObject
from simulators.portrait import tlv
from tests.kyc.passports import authority


def altered(found: certificate.Certificate, **changed: object) -> certificate.Certificate:
    fields = {name: getattr(found, name) for name in found.__struct_fields__}
    return certificate.Certificate(**{**fields, **changed})


def spelled_out(encoded: bytes, curve: Curve, forged: str = "") -> certificate.Certificate:
    found = x509.Certificate.load(encoded)
    info = found["tbs_certificate"]["subject_public_key_info"]
    spell(info, curve, forged)
    return altered(certificate.read(encoded), key=info.dump(force=True))


def spell(info: keys.PublicKeyInfo, curve: Curve, forged: str = "") -> None:
    """Spell the curve out in a public key, with one parameter `forged`."""
    size = curve.octets
    x, y = (7, 7) if forged == "base" else (curve.x, curve.y)
    spelled = {
        "version": "ecdpVer1",
        "field_id": {"field_type": "prime_field", "parameters": curve.p},
        "curve": {"a": curve.a.to_bytes(size, "big"), "b": curve.b.to_bytes(size, "big")},
        "base": keys.ECPoint(b"\x04" + x.to_bytes(size, "big") + y.to_bytes(size, "big")),
        "order": curve.n - (2 if forged == "order" else 0),
        "cofactor": 4 if forged == "cofactor" else 1,
    }
    info["algorithm"]["parameters"] = keys.ECDomainParameters("specified", keys.SpecifiedECDomain(spelled))


def with_purpose(body: x509.TbsCertificate) -> None:
    purpose = x509.Extension({"extn_id": "extended_key_usage", "extn_value": ["2.23.136.1.1.3"]})
    body["extensions"] = [*body["extensions"], purpose]


def reissued(encoded: bytes, change: Any, by: Key) -> bytes:  # noqa: ANN401  a function
    """Change a certificate and let its authority sign it again."""
    found = x509.Certificate.load(encoded)
    _sign_again(found, change, by)
    return bytes(found.dump(force=True))


def resigned(shown: Passport, change: Any, by: Authority | None = None) -> Passport:  # noqa: ANN401  a function
    """Change the signer's certificate and let the authority sign it again: a certificate it really issued."""
    information = cms.ContentInfo.load(shown.sod[4:])
    _sign_again(information["content"]["certificates"][0].chosen, change, (by or authority()).key)
    return replace(shown, sod=tlv(0x77, information.dump(force=True)))


def _sign_again(found: x509.Certificate, change: Any, by: Key) -> None:  # noqa: ANN401  a function
    change(found["tbs_certificate"])
    found["signature_value"] = by.sign(found["tbs_certificate"].dump(force=True))


def relisted(shown: Passport, digest: str, by: Authority | None = None) -> Passport:
    """List the files by another digest and let the signer sign that as it signs always."""
    files = [{"number": each, "value": hashlib.new(digest, file).digest()} for each, file in shown.files.items()]
    listed = {"version": 0, "hash_algorithm": {"algorithm": digest}, "hashes": files}
    content = SecurityObject(listed).dump()
    information = cms.ContentInfo.load(shown.sod[4:])
    signer, key = information["content"]["signer_infos"][0], (by or authority()).signer
    information["content"]["encap_content_info"]["content"] = core.ParsableOctetString(content)
    for attribute in signer["signed_attrs"]:
        if attribute["type"].native == "message_digest":
            attribute["values"] = [hashlib.new(key.digest, content).digest()]
    signer["signature"] = key.sign(signer["signed_attrs"].untag().dump(force=True))
    return replace(shown, sod=tlv(0x77, information.dump(force=True)))
