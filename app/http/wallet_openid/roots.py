"""What verifiers pin: the roots, how they vouch for each other, and what they do not vouch for any more.

app/credentials/roots.py says how one succeeds another.
"""

from datetime import datetime
from typing import Annotated

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from litestar import get
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from msgspec import Meta

from app import problems
from app.credentials.roots import Published
from app.house import House
from app.http.wire import Wire
from app.problems import Problem
from residency.credential import pki

#: Browser wallets read these too.
_OPT = {"scope": "public", "cors": "*", "cache": "public, max-age=3600"}
_LISTS = {"scope": "public", "cors": "*", "cache": "public, max-age=300"}
_TAGS = ["OpenID4VCI"]
_CERTIFICATE, _LIST = "application/pkix-cert", "application/pkix-crl"


def _absent(description: str) -> dict[int, ResponseSpec]:
    spec = ResponseSpec(Problem, description=description, media_type=problems.MEDIA_TYPE, generate_examples=False)
    return {404: spec}


_NO_LIST = _absent("There is none: the root is not believed, has not begun, or its key was never here.")


class RootView(Wire, frozen=True, kw_only=True):
    """A root to be pinned. `signs` the one that certifies what is new; what others did leads to them as before."""

    number: Annotated[int, Meta(examples=[2])]
    sha256: Annotated[str, Meta(description="Of the certificate, in hex.", examples=["9f2c" * 16])]
    begins: datetime
    ends: datetime
    signs: bool
    certificate_url: Annotated[str, Meta(examples=[f"https://id.example{pki.ROOTS_PATH}/2/root.cer"])]
    link_url: Annotated[
        str | None,
        Meta(
            description="Its key, as the root before vouches for it: for who has pinned that one.",
            examples=[f"https://id.example{pki.ROOTS_PATH}/2/link.cer"],
        ),
    ]
    former_url: Annotated[
        str | None,
        Meta(
            description="The key of the root before, as this one vouches for it: for who pins this one alone.",
            examples=[f"https://id.example{pki.ROOTS_PATH}/2/former.cer"],
        ),
    ]
    crl_url: Annotated[str | None, Meta(examples=[f"https://id.example{pki.ROOTS_PATH}/2/revoked.crl"])]


class RootsView(Wire, frozen=True):
    """Every root to be believed, first the one that signs."""

    roots: list[RootView]


@get(pki.ROOTS_PATH, operation_id="listCredentialRoots", opt=_LISTS, tags=_TAGS, summary="Roots of the credentials")
async def list_roots(house: NamedDependency[House]) -> RootsView:
    """Name every root to be believed, the next one well before it signs, and how they vouch for each other."""
    url, by = house.settings.issuer, house.credentials.authority
    return RootsView([_view(url, each, signs=place == 0) for place, each in enumerate(by.published)])


def _view(url: str, root: Published, *, signs: bool) -> RootView:
    here = f"{url}{pki.ROOTS_PATH}/{root.number}"
    return RootView(
        number=root.number,
        sha256=root.certificate.fingerprint(hashes.SHA256()).hex(),
        begins=root.certificate.not_valid_before_utc,
        ends=root.certificate.not_valid_after_utc,
        signs=signs,
        certificate_url=f"{here}/root.cer",
        link_url=f"{here}/link.cer" if root.link is not None else None,
        former_url=f"{here}/former.cer" if root.former is not None else None,
        crl_url=f"{url}{pki.crl_path(root.number)}" if root.crl is not None else None,
    )


@get(
    "/.well-known/eresidency-root.pem",
    operation_id="getCredentialRoot",
    opt=_OPT,
    tags=_TAGS,
    summary="Root certificates of the credentials",
    media_type="application/x-pem-file",
)
async def credential_root(house: NamedDependency[House]) -> bytes:
    """Give the certificates that verifiers pin; every signature on a credential or a status list leads to one of them.

    First the one that signs; while one root succeeds another, both are here.
    """
    return b"".join(each.public_bytes(Encoding.PEM) for each in house.credentials.authority.roots)


@get(
    "/.well-known/eresidency-root.cer",
    operation_id="getCredentialRootDer",
    opt=_OPT,
    tags=_TAGS,
    summary="Root certificate that signs, DER",
    media_type=_CERTIFICATE,
)
async def credential_root_der(house: NamedDependency[House]) -> bytes:
    """Give the root that signs in the form that readers of mdocs import (ISO 18013-5 Annex B)."""
    return _der(house.credentials.authority.root)


@get(
    f"{pki.ROOTS_PATH}/{{number:int}}/root.cer",
    operation_id="getCredentialRootNumbered",
    opt=_OPT,
    tags=_TAGS,
    summary="One of the root certificates, DER",
    media_type=_CERTIFICATE,
    responses=_absent("No such root is believed."),
)
async def numbered_root(number: FromPath[int], house: NamedDependency[House]) -> bytes:
    """Give a root by its number."""
    return _der(_published(house, number).certificate)


@get(
    f"{pki.ROOTS_PATH}/{{number:int}}/link.cer",
    operation_id="getCredentialRootLink",
    opt=_OPT,
    tags=_TAGS,
    summary="Link certificate, DER",
    media_type=_CERTIFICATE,
    responses=_absent("No such root is believed, or none vouches for it."),
)
async def link(number: FromPath[int], house: NamedDependency[House]) -> bytes:
    """Give the key of a root as the root before vouches for it (ICAO 9303-12): who pinned that one believes both."""
    return _der(_believed(house, _published(house, number).link))


@get(
    f"{pki.ROOTS_PATH}/{{number:int}}/former.cer",
    operation_id="getCredentialRootFormer",
    opt=_OPT,
    tags=_TAGS,
    summary="Link certificate back, DER",
    media_type=_CERTIFICATE,
    responses=_absent("No such root is believed, or it vouches for none."),
)
async def former(number: FromPath[int], house: NamedDependency[House]) -> bytes:
    """Give the key of the root before as this one vouches for it: who pins this one alone believes both."""
    return _der(_believed(house, _published(house, number).former))


@get(
    pki.CRL_PATH,
    operation_id="getCredentialRevocations",
    opt=_LISTS,
    tags=_TAGS,
    summary="Signers that the first root revoked, DER",
    media_type=_LIST,
    responses=_NO_LIST,
)
async def credential_revocations(house: NamedDependency[House]) -> bytes:
    """Give the list of leaves that the first root does not vouch for any more (RFC 5280 section 5)."""
    return _list(house, 1)


@get(
    f"{pki.ROOTS_PATH}/{{number:int}}/revoked.crl",
    operation_id="getCredentialRevocationsNumbered",
    opt=_LISTS,
    tags=_TAGS,
    summary="Signers that a root revoked, DER",
    media_type=_LIST,
    responses=_NO_LIST,
)
async def numbered_revocations(number: FromPath[int], house: NamedDependency[House]) -> bytes:
    """Give the list of leaves and links that a root does not vouch for any more."""
    return _list(house, number)


def _published(house: House, number: int) -> Published:
    if (found := house.credentials.authority.published_as(number)) is None:
        raise HTTPException(status_code=404)
    return found


def _believed(house: House, found: x509.Certificate | None) -> x509.Certificate:
    if found is None or found not in house.credentials.authority.links:
        raise HTTPException(status_code=404)
    return found


def _list(house: House, number: int) -> bytes:
    if (told := _published(house, number).crl) is None:
        raise HTTPException(status_code=404)
    return told


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


routes: list[HTTPRouteHandler] = [
    list_roots,
    credential_root,
    credential_root_der,
    numbered_root,
    link,
    former,
    credential_revocations,
    numbered_revocations,
]
