"""Who asks wallets through us has a certificate of its own, so that a wallet can tell a bank from an agency.

    verifiers/<digest>.pem     over the key that signs requests, with the verifier's registered name for its subject

The key is ours and one for all: we sign for them. A certificate lives under the same root as that of the key itself
(`request-1`) and ends with it, also when it is revoked. Where the key of that root is elsewhere, who is new asks under
the certificate of the house.
"""

import hashlib
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from app.credentials import revocations, roots
from app.credentials.key_place import VERIFIERS, Home
from app.credentials.signing_keys import Authority
from proof import keyfile
from residency.credential import pki
from residency.credential.presenting import asking
from residency.credential.role import PURPOSES, Role
from residency.credential.seal import Seal

#: Of a common name (RFC 5280 appendix A, ub-common-name).
_NAME_BYTES_MAX = 64


def seal(home: Home, by: Authority, actor: str, name: str, *, at: datetime) -> Seal:
    """Give what signs the requests of the verifier `actor`, which is registered as `name`."""
    [house] = by.requests.chain
    path = home.folder / VERIFIERS / f"{_digest(actor, name, f'{house.serial_number:x}')}.pem"
    above = next(each.number for each in by.published if pki.is_issued(house, each.certificate))
    if not path.exists():
        if not roots.has_key(home, above):
            return by.requests
        with keyfile.locked(home.folder):  # nobody revokes the key meanwhile
            if house in revocations.voided(home):
                return by.requests
            keyfile.read_or_create(path, lambda: _made(home, above, house, subject(actor, name), at=at))
    own = x509.load_pem_x509_certificate(path.read_bytes())
    return Seal.of(by.requests.signer, (own,), typ=asking.TYP)


def _made(home: Home, above: int, house: x509.Certificate, who: x509.Name, *, at: datetime) -> bytes:
    certificate = pki.leaf(
        roots.opened(home, above),
        pki.signing_key(house),
        url=home.url,
        role=who,
        purpose=PURPOSES[Role.REQUEST],
        at=at,
        until=house.not_valid_after_utc,
    )
    return certificate.public_bytes(Encoding.PEM)


def subject(actor: str, name: str) -> x509.Name:
    """Name a verifier: as it is registered, and by a number that stays when its certificate or its name changes."""
    number = _digest(actor)
    told = name.encode()[:_NAME_BYTES_MAX].decode(errors="ignore") or number
    return x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, number), x509.NameAttribute(NameOID.COMMON_NAME, told)])


def _digest(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]
