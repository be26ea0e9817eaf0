"""Certificates: which chains lead from a signature to the pinned root, and which only seem to."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from residency.credential import pki
from residency.credential.check import Check, NotVerified
from tests.credential import made

ROOT = made.authority().root
LEAF = made.authority().document.chain[0]
STRANGER = pki.root(made.key(), url=made.URL, at=made.AT)


def x5c(*certificates: x509.Certificate) -> list[str]:
    return [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in certificates]


def below(issuer: pki.Root, **extensions: bool) -> pki.Root:
    """Certify a new key under any issuer; `authority` makes it one, `signs` lets it sign, both by default False."""
    private = made.key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "below")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(made.AT - timedelta(days=1))
        .not_valid_after(made.AT + timedelta(days=1))
    )
    if "authority" in extensions:
        builder = builder.add_extension(
            x509.BasicConstraints(ca=extensions["authority"], path_length=None), critical=True
        )
    if "signs" in extensions:
        usage = dict.fromkeys(_USAGES, False) | {
            "digital_signature": extensions["signs"],
            "key_cert_sign": extensions.get("authority", False),
        }
        builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    return pki.Root(private, builder.sign(issuer.key, hashes.SHA256()))


_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def test_the_root_vouches_for_the_leaf_and_the_leaf_for_the_issuer() -> None:
    signatory = pki.signatory(x5c(LEAF), [STRANGER.certificate, ROOT.certificate], at=made.AT)

    assert signatory.key == LEAF.public_key()
    assert signatory.urls == (made.URL,)


def test_the_root_can_only_certify_leaves() -> None:
    constraints = ROOT.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = ROOT.certificate.extensions.get_extension_for_class(x509.KeyUsage).value

    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert (usage.key_cert_sign, usage.digital_signature) == (True, False)


def test_a_document_signer_has_the_profile_of_iso_18013_5() -> None:
    purpose = LEAF.extensions.get_extension_for_class(x509.ExtendedKeyUsage)

    assert purpose.critical
    assert list(purpose.value) == [x509.ObjectIdentifier("1.0.18013.5.1.2")]
    assert LEAF.not_valid_after_utc - LEAF.not_valid_before_utc <= timedelta(days=457)
    assert LEAF.issuer == ROOT.certificate.subject != LEAF.subject


def test_a_leaf_ends_with_its_root_at_the_latest() -> None:
    ends = ROOT.certificate.not_valid_after_utc

    leaf = pki.leaf(
        ROOT, made.key().public_key(), url=made.URL, role="Signer", purpose=None, at=ends - timedelta(days=100)
    )

    assert leaf.not_valid_after_utc == ends


def _impostor() -> x509.Certificate:
    """Make a root of the same name as ours, with another key, and a leaf under it."""
    stranger = pki.root(made.key(), url=made.URL, at=made.AT)
    return pki.leaf(stranger, made.key().public_key(), url=made.URL, role="Signer", purpose=None, at=made.AT)


def _authority_below() -> x509.Certificate:
    return below(ROOT, authority=True, signs=True).certificate


def _too_long() -> list[str]:
    middle = below(ROOT, authority=True, signs=True)
    return x5c(below(middle, authority=False, signs=True).certificate, middle.certificate)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "nothing": (lambda: None, "no_chain"),
    "an empty list": (list, "no_chain"),
    "numbers": (lambda: [1], "no_chain"),
    "not a certificate": (lambda: ["AAAA"], "unreadable_certificate"),
    "not base64": (lambda: ["****"], "unreadable_certificate"),
    "the anchor itself": (lambda: x5c(ROOT.certificate), "contains_anchor"),
    "the anchor at the end": (lambda: x5c(LEAF, ROOT.certificate), "contains_anchor"),
    "a self-signed leaf": (lambda: x5c(below(below(ROOT)).certificate), "unknown_root"),
    "an impostor of our name": (lambda: x5c(_impostor()), "unknown_root"),
    "an authority as leaf": (lambda: x5c(_authority_below()), "not_for_signing"),
    "a leaf without a purpose": (lambda: x5c(below(ROOT).certificate), "not_for_signing"),
    "a leaf that may not sign": (lambda: x5c(below(ROOT, authority=False, signs=False).certificate), "not_for_signing"),
    "a chain longer than the root allows": (_too_long, "path_too_long"),
    "a chain out of order": (lambda: list(reversed(_too_long())), "unknown_root"),
    "a chain with a gap": (lambda: [*x5c(LEAF), *_too_long()[1:]], "not_issued_by_next"),
    "an endless chain": (lambda: x5c(*[LEAF] * 5), "no_chain"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_chain_that_does_not_lead_to_the_root_is_refused(case: str) -> None:
    make, reason = REFUSED[case]

    with pytest.raises(NotVerified) as caught:
        pki.signatory(make(), [ROOT.certificate], at=made.AT)

    assert (caught.value.check, caught.value.reason) == (Check.CHAIN, reason)


@pytest.mark.parametrize("days", [-1, 457])
def test_a_certificate_is_good_in_its_time_only(days: int) -> None:
    with pytest.raises(NotVerified) as caught:
        pki.signatory(x5c(LEAF), [ROOT.certificate], at=made.AT + timedelta(days=days))

    assert caught.value.reason == "certificate_expired"


def test_a_leaf_that_certifies_is_no_authority() -> None:
    middle = below(ROOT, authority=False, signs=True)
    chain = x5c(below(middle, authority=False, signs=True).certificate, middle.certificate)

    with pytest.raises(NotVerified) as caught:
        pki.signatory(chain, [ROOT.certificate], at=made.AT)

    assert caught.value.reason == "issuer_is_no_authority"


@pytest.mark.parametrize(
    "key", [lambda: ec.generate_private_key(ec.SECP384R1()), lambda: rsa.generate_private_key(65_537, 2_048)]
)
def test_only_p256_signs_credentials(key: Callable[[], Any]) -> None:
    leaf = pki.leaf(ROOT, key().public_key(), url=made.URL, role="Signer", purpose=None, at=made.AT)

    with pytest.raises(NotVerified):
        pki.signing_key(leaf)
