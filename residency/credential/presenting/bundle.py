"""What a verifier takes along to where there is no network: roots, trust list, status lists, what the types say.

signs    app/credentials/offline_bundle.py           GET /.well-known/eresidency-bundle
opens    residency/credential/presenting/bundle.py   opened()   with nothing but a pinned root
judges   app/asking/presentations.py                 eresidency present

For our own documents the pinned root is believed, and whom it vouches for by the links that come along: a bundle adds
no root, whatever it says.

One signed JWT. It ends after a day, and with it every token of ours in it: what was revoked since then is not known to
who goes by it, and the verdict says how old its knowledge is. Foreign tokens end when their issuers said.
"""

import base64
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from residency.credential import jws, metadata, pki, role, status_list
from residency.credential.check import NotVerified
from residency.credential.dataset import Kind
from residency.credential.presenting import foreign_crl, foreign_lists, trust
from residency.credential.presenting.issuers import ForeignIssuer
from residency.credential.presenting.judging import NO_LIST, Answer, Broken, Entry, Signer, Told, Untold
from residency.credential.presenting.trust import Anchor, StatusPolicy, Trust
from residency.credential.role import Role
from residency.credential.seal import Seal

TYP = "eresidency-bundle+jwt"
MEDIA_TYPE = f"application/{TYP}"
#: As long as a status may be old that nobody can ask about (ARF: what lives no longer needs no revocation).
LIFE = timedelta(hours=24)


class BadBundle(Exception):
    """Not a bundle to go by: `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the trust list as it travels; certificates in base64, as in `x5c`."""

    id: UUID
    name: str
    country: str
    url: str | None
    types: tuple[str, ...]
    certificates: tuple[str, ...]
    legal_ground: str
    status: StatusPolicy
    lists_at: str | None
    crl_at: str | None = None
    status_age_max_s: int
    begins_on: date
    ends_on: date

    @classmethod
    def of(cls, entry: ForeignIssuer) -> "Listed":
        """Write an entry."""
        told = {name: getattr(entry, name) for name in cls.__struct_fields__ if name not in {"types", "certificates"}}
        certificates = tuple(base64.b64encode(each).decode() for each in entry.certificates)
        return cls(**told, types=(*entry.vcts, *entry.doc_types), certificates=certificates)

    def anchor(self) -> Anchor:
        """Read it as a verifier goes by it."""
        return Anchor(
            id=self.id,
            name=self.name,
            country=self.country,
            types=frozenset(self.types),
            certificates=_certificates(self.certificates),
            url=self.url,
            legal_ground=self.legal_ground,
            status=self.status,
            lists_at=self.lists_at,
            status_age_max_s=self.status_age_max_s,
            crl_at=self.crl_at,
        )


class StatusToken(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A token of the list at `uri`, as JWT or as CWT in base64url; `issuer` is whose, absent for ours.

    `crl` is in its place where the list is one of revoked signers: DER in base64url.
    """

    uri: str
    issuer: UUID | None = None
    jwt: str | None = None
    cwt: str | None = None
    crl: str | None = None

    @classmethod
    def of(cls, uri: str, token: bytes, issuer: UUID | None = None) -> "StatusToken":
        """Write a token."""
        if foreign_crl.is_one(token):
            return cls(uri=uri, issuer=issuer, crl=jws.b64(token))
        if foreign_lists.is_cwt(token):
            return cls(uri=uri, issuer=issuer, cwt=jws.b64(token))
        return cls(uri=uri, issuer=issuer, jwt=token.decode("ascii"))

    @property
    def token(self) -> bytes:
        """Give the bytes of it; raises residency.credential.jws.Unreadable."""
        octets = self.cwt if self.cwt is not None else self.crl
        return jws.unb64(octets) if octets is not None else (self.jwt or "").encode()


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """What it says, under the names of JWT where there are some. `roots` are ours, in base64; `types` by their vct.

    `links` are the certificates by which our roots vouch for each other. `revoked` are the serial numbers, in hex, of
    signers and links of ours that are not believed any more.
    """

    iss: str
    iat: int
    exp: int
    roots: tuple[str, ...]
    links: tuple[str, ...] = ()
    revoked: tuple[str, ...]
    status_lists: tuple[StatusToken, ...]
    types: dict[str, Any]
    trust_list: tuple[Listed, ...]


def made(
    url: str,
    roots: Iterable[x509.Certificate],
    trusted: Iterable[ForeignIssuer],
    tokens: Iterable[StatusToken],
    *,
    links: Iterable[x509.Certificate] = (),
    revoked: Iterable[int] = (),
    at: datetime,
) -> Bundle:
    """Put a bundle of the issuer at `url` together."""
    return Bundle(
        iss=url,
        iat=int(at.timestamp()),
        exp=int((at + LIFE).timestamp()),
        roots=_written(roots),
        links=_written(links),
        revoked=tuple(f"{each:x}" for each in sorted(revoked)),
        status_lists=tuple(tokens),
        types={found["vct"]: found for found in (metadata.credential_type(url, kind) for kind in Kind)},
        trust_list=tuple(map(Listed.of, trusted)),
    )


def status_token(compressed: bytes, *, uri: str, seal: Seal, at: datetime) -> StatusToken:
    """Sign a list of ours to be taken along: it ends with the bundle."""
    issued, life_s = int(at.timestamp()), int(LIFE.total_seconds())
    payload: jws.Json = {
        "sub": uri,
        "iat": issued,
        "exp": issued + life_s,
        "ttl": life_s,
        "status_list": {"bits": status_list.BITS, "lst": jws.b64(compressed)},
    }
    return StatusToken(uri=uri, jwt=seal.sign(payload))


def signed(bundle: Bundle, seal: Seal) -> str:
    """Sign a bundle."""
    told: jws.Json = msgspec.to_builtins(bundle)
    return seal.sign(told)


def opened(text: str, pinned: tuple[x509.Certificate, ...], *, at: datetime, revoked: Collection[int] = ()) -> Bundle:
    """Read a bundle under a pinned root or its successor; raises BadBundle.

    `revoked` are serial numbers that the verifier knows of from elsewhere: the root's own list.
    """
    try:
        token = jws.parse(text.strip())
        bundle = msgspec.convert(token.payload, Bundle)
        ours = own(bundle, pinned, at=at, revoked=revoked)
        signer = pki.signatory(token.header.get("x5c"), ours.certificates, at=at)
        if token.header.get("typ") != TYP or not token.signed_by(signer.key):
            raise BadBundle("not signed as a bundle")
        role.require_may(signer, Role.DOCUMENT, revoked=ours.revoked)
    except jws.Unreadable as error:
        raise BadBundle(error.reason) from error
    except NotVerified as error:
        raise BadBundle(error.reason) from error
    except msgspec.ValidationError as error:
        raise BadBundle(str(error)) from error
    if bundle.iss not in signer.urls:
        raise BadBundle("of another issuer than its signer's")
    if not bundle.iat - foreign_lists.LEEWAY.total_seconds() <= at.timestamp() < bundle.exp:
        raise BadBundle("expired, or of the future")
    return bundle


def trust_of(
    bundle: Bundle, pinned: tuple[x509.Certificate, ...], *, on: date, at: datetime, revoked: Collection[int] = ()
) -> Trust:
    """Say whom it lets a verifier believe on a day; raises BadBundle."""
    foreign = [each.anchor() for each in bundle.trust_list if each.begins_on <= on < each.ends_on]
    return Trust((own(bundle, pinned, at=at, revoked=revoked), *foreign), at)


def own(bundle: Bundle, pinned: tuple[x509.Certificate, ...], *, at: datetime, revoked: Collection[int] = ()) -> Anchor:
    """Say which signers it lets a verifier believe, of its own issuer; raises BadBundle."""
    try:
        void = {*revoked, *(int(each, 16) for each in bundle.revoked)}
    except ValueError as error:
        raise BadBundle("a serial number does not read") from error
    return trust.own(bundle.iss, pki.linked(pinned, _certificates(bundle.links), at=at, revoked=void), void)


def told(bundle: Bundle, entry: Entry, issuer: Anchor, *, at: datetime) -> Answer:
    """Say what its tokens tell of an entry."""
    token = _token(bundle, entry.issuer, entry.reference.uri)
    if token is None:
        return Untold("not_in_the_bundle")
    try:
        roots, revoked = issuer.certificates, issuer.revoked
        status = foreign_lists.look_up(token.token, entry.reference, roots, at=at, revoked=revoked)
        return Told(status, foreign_lists.read(token.token).signed_at.astimezone(UTC))
    except jws.Unreadable:
        return Untold("unreadable_list")
    except NotVerified as error:
        return Broken(error.reason) if error.reason == "index_out_of_range" else Untold(error.reason)


def _written(certificates: Iterable[x509.Certificate]) -> tuple[str, ...]:
    return tuple(base64.b64encode(each.public_bytes(Encoding.DER)).decode() for each in certificates)


def vouched(bundle: Bundle, signer: Signer, issuer: Anchor, *, at: datetime) -> Answer:
    """Say what its lists tell of who signed a document of a foreign issuer."""
    if issuer.crl_at is None:
        return Untold(NO_LIST)
    token = _token(bundle, signer.issuer, issuer.crl_at)
    if token is None:
        return Untold("not_in_the_bundle")
    try:
        status = foreign_crl.look_up(token.token, signer.path, at=at)
        return Told(status, foreign_crl.signed_at(foreign_crl.read(token.token)[0]))
    except jws.Unreadable:
        return Untold("unreadable_list")
    except NotVerified as error:
        return Untold(error.reason)


def _token(bundle: Bundle, issuer: UUID | None, uri: str) -> StatusToken | None:
    return next((each for each in bundle.status_lists if (each.issuer, each.uri) == (issuer, uri)), None)


def _certificates(texts: Iterable[str]) -> tuple[x509.Certificate, ...]:
    try:
        found = tuple(x509.load_der_x509_certificate(base64.b64decode(each, validate=True)) for each in texts)
        _ = [each.extensions for each in found]  # what does not read here does not read later either
    except pki.UNREADABLE as error:
        raise BadBundle("a certificate does not read") from error
    return found
