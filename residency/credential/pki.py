"""The certificates behind a credential: a root that verifiers pin, and the leaves that sign under it.

Shapes follow ISO 18013-5 Annex B, so that the same root can vouch for the mdoc form: the root is self-signed with path
length 0, a document signer carries the mdoc signing purpose and lives at most 457 days, both name where the list of
revoked leaves is. A leaf names the issuer's URL in its subject alternative name, which ties it to the `iss` of what it
signs, and ends with its root at the latest. Who may sign what is said in residency/credential/role.py.

When one root succeeds another, each vouches for the key of the other by a link certificate (ICAO 9303-12 section 7.1),
so whoever pins one of them believes both. Roots of an issuer share its name: a link is self-issued, and path length 0
leaves room for it (RFC 5280 section 4.2.1.9).
"""

import base64
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from residency.credential.check import Check, NotVerified, require

ROOT_DAYS = 3_650
LEAF_DAYS = 457
FOREVER = datetime.max.replace(tzinfo=UTC)
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.0.18013.5.1.2")
#: Where the first root's list of revoked leaves lives, and each other root's certificates and list.
CRL_PATH = "/.well-known/eresidency-root.crl"
ROOTS_PATH = "/.well-known/eresidency-roots"
#: How long such a list is good: readers want a new one within 90 days (Annex B.1.8).
CRL_DAYS = 90
#: Whoever reads mdocs (ISO 18013-5 Annex B.1.7): verifiers sign what they ask with such a certificate.
READER = x509.ObjectIdentifier("1.0.18013.5.1.6")
#: How a certificate does not read; cryptography's own are no ValueErrors.
UNREADABLE = (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
_AUTHORITIES_KEYS = (ec.EllipticCurvePublicKey, rsa.RSAPublicKey)
_CHAIN_MAX = 4
_CHAINS_CACHED = 1_024
_COUNTRY = x509.NameAttribute(NameOID.COUNTRY_NAME, "KZ")
_ORGANIZATION = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "e-Residency of Kazakhstan")
#: A verifier whose clock is slow must not refuse a certificate made a moment ago.
_BACKDATED = timedelta(minutes=5)


class Root(msgspec.Struct, frozen=True):
    """The anchor: its key signs nothing but leaves, links and its list. `number` counts the roots of an issuer."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    number: int = 1


def root(key: ec.EllipticCurvePrivateKey, *, url: str, at: datetime, number: int = 1) -> Root:
    """Certify `key` as a root of the issuer at `url`."""
    name = x509.Name([_COUNTRY, _ORGANIZATION, x509.NameAttribute(NameOID.COMMON_NAME, "Credential root")])
    builder = _certificate(name, key.public_key(), at=at, days=ROOT_DAYS)
    whole = _authority(builder, key.public_key(), name, key.public_key(), url=url, number=number)
    return Root(key, whole.sign(key, hashes.SHA256()), number)


def link(anchor: Root, other: Root, *, url: str, at: datetime) -> x509.Certificate:
    """Let `anchor` vouch for the key of `other` until one of them ends, and for what that key signed before."""
    name, public = other.certificate.subject, other.key.public_key()
    until = min(each.certificate.not_valid_after_utc for each in (anchor, other))
    begins = min(at, other.certificate.not_valid_before_utc)
    builder = _certificate(name, public, at=begins, days=2 * ROOT_DAYS, until=until)
    whole = _authority(
        builder, public, anchor.certificate.subject, anchor.key.public_key(), url=url, number=anchor.number
    )
    return whole.sign(anchor.key, hashes.SHA256())


def _authority(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuers_key: ec.EllipticCurvePublicKey,
    *,
    url: str,
    number: int,
) -> x509.CertificateBuilder:
    """Let `key` certify leaves; `number` is that of the root which signs this."""
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuers_key)
    return (
        builder.issuer_name(issuer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(above, critical=False)
        .add_extension(x509.IssuerAlternativeName([x509.UniformResourceIdentifier(url)]), critical=False)
        .add_extension(_revocations(url, number), critical=False)
    )


def leaf(
    anchor: Root,
    key: ec.EllipticCurvePublicKey,
    *,
    url: str,
    role: str | x509.Name,
    purpose: x509.ObjectIdentifier | None,
    at: datetime,
    until: datetime = FOREVER,
) -> x509.Certificate:
    """Certify `key` to sign for the issuer at `url`; `role` becomes its common name, or all of its name."""
    if isinstance(role, str):
        role = x509.Name([_COUNTRY, _ORGANIZATION, x509.NameAttribute(NameOID.COMMON_NAME, role)])
    until = min(until, anchor.certificate.not_valid_after_utc)
    issuer = anchor.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    site = x509.UniformResourceIdentifier(url)
    builder = (
        _certificate(role, key, at=at, days=LEAF_DAYS, until=until)
        .issuer_name(anchor.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
        .add_extension(x509.SubjectAlternativeName([site]), critical=False)
        .add_extension(x509.IssuerAlternativeName([site]), critical=False)
        .add_extension(_revocations(url, anchor.number), critical=False)
    )
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    return builder.sign(anchor.key, hashes.SHA256())


def revoked(
    anchor: Root, leaves: Mapping[int, datetime], *, number: int, at: datetime
) -> x509.CertificateRevocationList:
    """List the leaves, by their serial numbers, that are not to be believed since an instant (RFC 5280 section 5)."""
    issuer = anchor.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(anchor.certificate.subject)
        .last_update(at)
        .next_update(at + timedelta(days=CRL_DAYS))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for serial, since in sorted(leaves.items()):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(anchor.key, hashes.SHA256())


def crl_path(number: int) -> str:
    """Say where the list of a root's revoked leaves lives; the first one had its place before there were others."""
    return CRL_PATH if number == 1 else f"{ROOTS_PATH}/{number}/revoked.crl"


def _revocations(url: str, number: int) -> x509.CRLDistributionPoints:
    place = x509.UniformResourceIdentifier(url + crl_path(number))
    return x509.CRLDistributionPoints([x509.DistributionPoint([place], None, None, None)])


def _certificate(
    name: x509.Name, key: ec.EllipticCurvePublicKey, *, at: datetime, days: int, until: datetime = FOREVER
) -> x509.CertificateBuilder:
    # With the day, as what it signs does, which must not be older than the certificate (ISO 18013-5 section 9.1.2.4).
    begins = (at - _BACKDATED).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(min(begins + timedelta(days=days), until))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def urls(certificate: x509.Certificate) -> list[str]:
    """List the URLs a certificate speaks for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)


class Signatory(msgspec.Struct, frozen=True):
    """Who signs under a trusted root: with which key, speaking for which URLs, from `begins` until before `ends`.

    `purposes` are the extended key usages of its certificate, as dotted numbers; `authorities` the identifiers, in hex,
    of the keys above it up to the root. `path` leads from its certificate to what was trusted, which may be that
    certificate itself.
    """

    key: ec.EllipticCurvePublicKey
    urls: tuple[str, ...]
    purposes: frozenset[str]
    begins: datetime
    ends: datetime
    authorities: frozenset[str]
    path: tuple[x509.Certificate, ...]

    @property
    def anchor(self) -> x509.Certificate:
        """What was trusted."""
        return self.path[-1]

    @property
    def serial(self) -> int:
        """By what the issuer of its certificate would revoke it."""
        return self.path[0].serial_number


def signatory(x5c: object, roots: Sequence[x509.Certificate], *, at: datetime) -> Signatory:
    """Follow a JOSE `x5c` from its leaf to one of `roots` at the instant `at`; raises NotVerified.

    The chain must not contain its anchor and its leaf must not be self-signed (HAIP 1.0 section 6.1.1). Where the
    signer itself is among `roots`, no authority above it is asked for.
    """
    if not isinstance(x5c, list) or not all(isinstance(text, str) for text in x5c):
        raise NotVerified(Check.CHAIN, "no_chain")
    try:
        return signatory_of(_ders(tuple(x5c)), roots, at=at)
    except ValueError as error:
        raise NotVerified(Check.CHAIN, "unreadable_certificate") from error


@lru_cache(_CHAINS_CACHED)
def _ders(texts: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(base64.b64decode(text, validate=True) for text in texts)


def signatory_of(chain: tuple[bytes, ...], roots: Sequence[x509.Certificate], *, at: datetime) -> Signatory:
    """Follow a chain of DER certificates, as COSE has it, from its leaf to one of `roots`; raises NotVerified."""
    require(1 <= len(chain) <= _CHAIN_MAX, Check.CHAIN, "no_chain")
    found = _followed(chain, tuple(roots))
    require(found.begins <= at < found.ends, Check.CHAIN, "certificate_expired")
    return found


def linked(
    pinned: Sequence[x509.Certificate],
    links: Iterable[x509.Certificate],
    *,
    at: datetime,
    revoked: Container[int] = (),
) -> tuple[x509.Certificate, ...]:
    """Give what is `pinned` and those of `links` that it vouches for, by whatever steps: all may stand above leaves.

    A link ends with the root that signed it, so who pinned that believes its successor no longer than itself.
    """
    believed, left = [*pinned], [each for each in links if _links(each, at) and each.serial_number not in revoked]
    while found := next((each for each in left if any(is_issued(each, issuer) for issuer in believed)), None):
        if all(each.public_key() != found.public_key() for each in believed):
            believed.append(found)
        left.remove(found)
    return tuple(believed)


def _links(certificate: x509.Certificate, at: datetime) -> bool:
    """Whether a certificate is in force between roots: of the same name on both sides, and an authority."""
    try:
        _require_authority(certificate, intermediates=0)
    except NotVerified:
        return False
    in_force = certificate.not_valid_before_utc <= at < certificate.not_valid_after_utc
    return in_force and certificate.subject == certificate.issuer


@lru_cache(_CHAINS_CACHED)
def _followed(ders: tuple[bytes, ...], roots: tuple[x509.Certificate, ...]) -> Signatory:
    """Follow a chain, whatever the time: an issuer signs thousands of credentials under the same one."""
    try:
        chain = [_read(der) for der in ders]
    except UNREADABLE as error:
        raise NotVerified(Check.CHAIN, "unreadable_certificate") from error
    if chain[0] in roots and _signs(chain[0]):
        return _signatory([chain[0]])
    require(all(certificate not in roots for certificate in chain), Check.CHAIN, "contains_anchor")
    # Two roots may share a name while one succeeds the other, so the signature decides which of them it was.
    anchor = next((known for known in roots if is_issued(chain[-1], known)), None)
    if anchor is None:
        raise NotVerified(Check.CHAIN, "unknown_root")
    path = [*chain, anchor]
    for below, issuer in enumerate(path[1:]):
        require(is_issued(path[below], issuer), Check.CHAIN, "not_issued_by_next")
        # Between an authority and a leaf, links count for nothing (RFC 5280 section 4.2.1.9).
        _require_authority(issuer, intermediates=sum(each.subject != each.issuer for each in path[1 : below + 1]))
    require(_signs(chain[0]), Check.CHAIN, "not_for_signing")
    return _signatory(path)


def _signatory(path: list[x509.Certificate]) -> Signatory:
    leaf = path[0]
    return Signatory(
        signing_key(leaf),
        tuple(urls(leaf)),
        _purposes(leaf),
        max(certificate.not_valid_before_utc for certificate in path),
        min(certificate.not_valid_after_utc for certificate in path),
        frozenset({*map(_key_identifier, path[1:]), *_authority_of(leaf)}),
        tuple(path),
    )


def _authority_of(leaf: x509.Certificate) -> Iterator[str]:
    """Give the identifier of the key above, as the leaf names it: a signer that is trusted itself has no other."""
    for each in leaf.extensions:
        if isinstance(each.value, x509.AuthorityKeyIdentifier) and each.value.key_identifier is not None:
            yield each.value.key_identifier.hex()


def _key_identifier(certificate: x509.Certificate) -> str:
    """Give the identifier of a certificate's key: its own, or that by which RFC 5280 would name it."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()
    except x509.ExtensionNotFound:
        key = certificate.public_key()
        return x509.SubjectKeyIdentifier.from_public_key(key).digest.hex()


def _read(der: bytes) -> x509.Certificate:
    """Read a certificate whole; ValueError also where its signature leaves bits over, which no signature covers."""
    certificate = x509.load_der_x509_certificate(der)
    _ = certificate.extensions  # what does not read here does not read later either
    if not der.endswith(b"\x00" + certificate.signature) or certificate.serial_number <= 0:
        raise ValueError
    return certificate


def _purposes(certificate: x509.Certificate) -> frozenset[str]:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(purpose.dotted_string for purpose in usage)


def is_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the key of `issuer` signed `certificate`, under its name."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def lists(listed: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Whether the key of `issuer` signed a list of revoked certificates, under its name."""
    try:
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
        key = issuer.public_key()
        is_signed = isinstance(key, _AUTHORITIES_KEYS) and listed.is_signature_valid(key)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return False
    return is_signed and usage.crl_sign and listed.issuer == issuer.subject


def _require_authority(issuer: x509.Certificate, *, intermediates: int) -> None:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        raise NotVerified(Check.CHAIN, "issuer_is_no_authority") from error
    require(constraints.ca and usage.key_cert_sign, Check.CHAIN, "issuer_is_no_authority")
    bound = constraints.path_length
    require(bound is None or bound >= intermediates, Check.CHAIN, "path_too_long")


def _signs(certificate: x509.Certificate) -> bool:
    """Whether it is for signatures and no authority: without basic constraints it is none (RFC 5280, 4.2.1.9)."""
    found = {type(each.value): each.value for each in certificate.extensions}
    constraints, usage = found.get(x509.BasicConstraints), found.get(x509.KeyUsage)
    authority = isinstance(constraints, x509.BasicConstraints) and constraints.ca
    return isinstance(usage, x509.KeyUsage) and usage.digital_signature and not authority


def signing_key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """Give the P-256 key of a certificate; raises NotVerified for any other key."""
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise NotVerified(Check.CHAIN, "other_key_type")
    return key
