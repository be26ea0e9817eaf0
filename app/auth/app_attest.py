"""Apple's App Attest: a certificate, made for a key in the phone's secure element, that names our app and our request.

Follows "Validating apps that connect to your server" (Apple, Device Management and Security, 2026) step by step; every
step that fails is a Refused with its name.
"""

from datetime import datetime
from hashlib import sha256
from typing import Any

import cbor2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

#: The extension that holds the nonce: SEQUENCE { [1] { OCTET STRING } }, these six bytes and then its 32.
_NONCE = x509.ObjectIdentifier("1.2.840.113635.100.8.2")
_NONCE_HEAD = bytes.fromhex("3024a1220420")
_AAGUID = b"appattest" + bytes(7)
_CHAIN_LENGTH = 2
# rpIdHash, flags, counter, aaguid, length of the credential id, credential id, and the key that follows it.
_COUNTER, _KIND, _LENGTH, _ID = slice(33, 37), slice(37, 53), slice(53, 55), slice(55, 87)


class Refused(Exception):
    """The attestation does not hold; `why` names the step."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def verify(
    attestation: bytes, *, key_id: bytes, client_hash: bytes, app_id: str, root: x509.Certificate, at: datetime
) -> None:
    """Believe that the app `app_id` on an Apple device holds the key `key_id` and made this for `client_hash`.

    Raises Refused.
    """
    try:
        read = cbor2.loads(attestation)
        chain = [x509.load_der_x509_certificate(each) for each in read["attStmt"]["x5c"]]
        data, form = bytes(read["authData"]), read["fmt"]
    except Exception as error:  # strangers' bytes: the parsers let out much more than ValueError
        raise Refused("form") from error
    if form != "apple-appattest" or len(chain) != _CHAIN_LENGTH:
        raise Refused("form")
    leaf, intermediate = chain
    _check_chain(leaf, intermediate, root, at)
    _check_nonce(leaf, sha256(data + client_hash).digest())
    _check_key(leaf, key_id)
    _check_data(data, key_id, app_id)


def _check_chain(leaf: x509.Certificate, intermediate: x509.Certificate, root: x509.Certificate, at: datetime) -> None:
    try:
        leaf.verify_directly_issued_by(intermediate)
        intermediate.verify_directly_issued_by(root)
        is_ca = intermediate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
        raise Refused("chain") from error
    in_force = all(each.not_valid_before_utc <= at <= each.not_valid_after_utc for each in (leaf, intermediate, root))
    if not is_ca or not in_force:
        raise Refused("chain")


def _check_nonce(leaf: x509.Certificate, nonce: bytes) -> None:
    try:
        found: Any = leaf.extensions.get_extension_for_oid(_NONCE).value
    except (x509.ExtensionNotFound, ValueError) as error:
        raise Refused("nonce") from error
    if found.value != _NONCE_HEAD + nonce:
        raise Refused("nonce")


def _check_key(leaf: x509.Certificate, key_id: bytes) -> None:
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Refused("key")
    if sha256(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)).digest() != key_id:
        raise Refused("key")


def _check_data(data: bytes, key_id: bytes, app_id: str) -> None:
    if data[:32] != sha256(app_id.encode()).digest():
        raise Refused("app")
    if data[_COUNTER] != bytes(4) or data[_KIND] != _AAGUID:
        raise Refused("fresh_production_key")
    if data[_LENGTH] != len(key_id).to_bytes(2) or data[_ID] != key_id:
        raise Refused("key")
