"""Builders for tests of foreign issuers: an authority abroad, its documents in both formats, its status lists."""

import base64
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import cbor2
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from proof.signer import FileSigner
from residency.credential import cose, jws, pki, sd_jwt, status_list
from residency.credential.cose import CoseSeal
from residency.credential.disclosure import Sd
from residency.credential.mdoc import issuing
from residency.credential.mdoc.issuing import StatusEntry, Validity
from residency.credential.presenting.trust import Anchor, StatusPolicy
from residency.credential.seal import Seal
from residency.credential.status_list import Status
from simulators.passkey import Json
from tests.credential import made

URL = "https://pid.example"
VCT, DOC_TYPE = "urn:example:pid:1", "org.example.pid.1"
LIST = f"{URL}/status/1"
IDX, SIZE = 7, 1_024
#: When the tests over HTTP began: what is signed then is good for as long as they last.
NOW = datetime.now(UTC).replace(microsecond=0)


class Abroad(msgspec.Struct, frozen=True):
    """An authority abroad: its root with its key, what signs documents in either format, and what signs lists."""

    authority: pki.Root
    documents: Seal
    cose_documents: CoseSeal
    statuses: Seal

    @property
    def root(self) -> x509.Certificate:
        """What is pinned of it."""
        return self.authority.certificate

    def crl(self, *revoked: x509.Certificate, at: datetime = made.AT) -> bytes:
        """List the signers that the root revoked."""
        gone = {each.serial_number: at for each in revoked}
        return pki.revoked(self.authority, gone, number=1, at=at).public_bytes(Encoding.DER)

    def sd_jwt(self, *, status: bool = True, iss: str | None = URL, at: datetime = made.AT, uri: str = LIST) -> str:
        """Issue a credential to the holder of the tests."""
        claims: Json = {
            "vct": VCT,
            "exp": int((at + timedelta(days=30)).timestamp()),
            "cnf": {"jwk": made.cnf(made.holder())},
            "family_name": Sd("KASK"),
        }
        if iss is not None:
            claims["iss"] = iss
        if status:
            claims["status"] = {"status_list": {"idx": IDX, "uri": uri}}
        return sd_jwt.issue(claims, seal=self.documents)

    def mdoc(self, holder: FileSigner, *, at: datetime = made.AT, uri: str = LIST) -> bytes:
        """Issue an mdoc to a device key."""
        prepared = issuing.prepare(DOC_TYPE, DOC_TYPE, {"family_name": "KASK"}, slots=2)
        validity = Validity(at, at + timedelta(days=30))
        return issuing.issue(
            prepared, made.cnf(holder), seal=self.cose_documents, validity=validity, status=StatusEntry(IDX, uri)
        )

    def token(self, status: int = Status.VALID, *, at: datetime = made.AT, uri: str = LIST, **changes: Any) -> str:  # noqa: ANN401  claims
        """Sign a status list as JWT."""
        return self.statuses.sign(claims_of(status, at, uri) | changes)

    def cwt(self, status: int = Status.VALID, *, at: datetime = made.AT, uri: str = LIST) -> bytes:
        """Sign the same as CWT."""
        told = claims_of(status, at, uri)
        lst = status_list.compress(status_list.pack({IDX: status}, size=SIZE))
        payload = {2: uri, 6: told["iat"], 4: told["exp"], 65534: 60, 65533: {"bits": 2, "lst": lst}}
        seal = CoseSeal.of(self.statuses.signer, self.statuses.chain, typ="application/statuslist+cwt")
        return cose.tagged(seal.sign(cbor2.dumps(payload)))


def claims_of(status: int, at: datetime, uri: str) -> Json:
    """Say what a list says that is good for longer than all tests take together."""
    lst = status_list.encode(status_list.pack({IDX: status}, size=SIZE))
    issued = int(at.timestamp())
    return {
        "sub": uri,
        "iat": issued,
        "exp": issued + 6 * 3_600,
        "ttl": 120,
        "status_list": {"bits": 2, "lst": lst},
    }


@cache
def abroad(at: datetime = made.AT, url: str = URL) -> Abroad:
    """Give the authority; the same one for the same time and address."""
    root = pki.root(made.key(), url=url, at=at)
    documents = made.sealed(root, typ=sd_jwt.TYP, purpose=pki.DOCUMENT_SIGNING, at=at, url=url)
    return Abroad(
        root,
        documents,
        CoseSeal.of(documents.signer, documents.chain),
        made.sealed(root, typ=status_list.TYP, at=at, url=url),
    )


def anchor(**changes: Any) -> Anchor:  # noqa: ANN401  fields of any type
    """Believe it, as the trust list would."""
    facts: dict[str, Any] = {
        "id": made.LIST,
        "name": "Ministry of the Interior",
        "country": "EE",
        "types": frozenset({VCT, DOC_TYPE}),
        "certificates": (abroad().root,),
        "url": URL,
        "legal_ground": "Agreement of 1 July 2026",
        "status": StatusPolicy.REQUIRED,
        "lists_at": f"{URL}/status/",
        "status_age_max_s": 86_400,
    }
    return Anchor(**facts | changes)


def proposal(by: Abroad, **changes: Any) -> Json:  # noqa: ANN401  JSON
    """Write a proposal of the authority as officers send it."""
    facts: Json = {
        "name": "Ministry of the Interior",
        "country": "EE",
        "url": URL,
        "vcts": [VCT],
        "doc_types": [DOC_TYPE],
        "certificates": [base64.b64encode(by.root.public_bytes(Encoding.DER)).decode()],
        "legal_ground": "Agreement of 1 July 2026",
        "status": "required",
        "lists_at": f"{URL}/status/",
        "begins_on": date(2026, 1, 1).isoformat(),
        "ends_on": date(2028, 1, 1).isoformat(),
    }
    return facts | changes


def encoded(cwt: bytes) -> str:
    return jws.b64(cwt)
