"""Over which meeting an mdoc was presented: the SessionTranscript that device signatures cover, and session encryption.

Remote      OpenID4VP 1.0, appendix B.2.6: the handover is a digest of the request's client, nonce, key and address
Proximity   ISO 18013-5 section 9.1.5: engagement, reader key and handover; keys for both directions follow from them
"""

import hashlib

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from residency.credential import cbor, cose

_NIL = b"\xf6"
_KEY_BYTES = 32
#: The sender's half of an initialisation vector (section 9.1.1.5); the counter follows.
_FROM_READER, _FROM_DEVICE = bytes(8), bytes(7) + b"\x01"
_COUNTER_BYTES = 4


class BadSession(Exception):
    """A message of a session that does not decrypt, or is no SessionEstablishment or SessionData."""


def openid4vp(*, client_id: str, nonce: str, response_uri: str, key_thumbprint: bytes | None) -> bytes:
    """Write the SessionTranscript of an OpenID4VP response; `key_thumbprint` is of the key it was encrypted to."""
    info = cbor2.dumps([client_id, nonce, key_thumbprint, response_uri])
    return cbor.array(_NIL, _NIL, cbor2.dumps(["OpenID4VPHandover", hashlib.sha256(info).digest()]))


def proximity(*, engagement: bytes, reader_key: bytes, handover: bytes = _NIL) -> bytes:
    """Write the SessionTranscript of a meeting; both bytes as they were received, QR handover where none is given."""
    return cbor.array(engagement, reader_key, handover)


class Session:
    """The reader's side of one meeting: decrypts what the device sends, in order."""

    def __init__(
        self, reader: ec.EllipticCurvePrivateKey, device: ec.EllipticCurvePublicKey, transcript: bytes
    ) -> None:
        """Derive the keys from the two ephemeral keys and the transcript (section 9.1.1.5)."""
        self._shared = reader.exchange(ec.ECDH(), device)
        self._salt = hashlib.sha256(cbor.embed(transcript)).digest()
        self._received = self._sent = 0

    def received(self, message: bytes) -> bytes:
        """Decrypt the data of a SessionData of the device; raises BadSession."""
        try:
            data = cbor.load(cbor.parts(message)["data"])
        except (cbor.Malformed, KeyError) as error:
            raise BadSession("not SessionData") from error
        self._received += 1
        try:
            return self._box(b"SKDevice").decrypt(_iv(_FROM_DEVICE, self._received), data, None)
        except (InvalidTag, TypeError) as error:
            raise BadSession("not decrypted") from error

    def send(self, request: bytes) -> bytes:
        """Encrypt a request to the device."""
        self._sent += 1
        return self._box(b"SKReader").encrypt(_iv(_FROM_READER, self._sent), request, None)

    def _box(self, info: bytes) -> AESGCM:
        return AESGCM(derived(self._shared, self._salt, info))


def device_mac_key(reader: ec.EllipticCurvePrivateKey, device: ec.EllipticCurvePublicKey, transcript: bytes) -> bytes:
    """Derive the key with which a device authenticates where it does not sign (section 9.1.3.5)."""
    salt = hashlib.sha256(cbor.embed(transcript)).digest()
    return derived(reader.exchange(ec.ECDH(), device), salt, b"EMacKey")


def device_key(engagement: bytes) -> ec.EllipticCurvePublicKey:
    """Read the device's ephemeral key from a DeviceEngagement under tag 24; raises BadSession."""
    try:
        security = cbor.items(cbor.parts(cbor.embedded(engagement))[1])
        return cose.from_cose_key(cbor.load(cbor.embedded(security[1])))
    except (cbor.Malformed, cose.BadKey, KeyError, IndexError) as error:
        raise BadSession("no device key") from error


def derived(shared: bytes, salt: bytes, info: bytes) -> bytes:
    """Derive a key of 32 bytes (HKDF with SHA-256)."""
    return HKDF(hashes.SHA256(), _KEY_BYTES, salt, info).derive(shared)


def _iv(sender: bytes, counter: int) -> bytes:
    return sender + counter.to_bytes(_COUNTER_BYTES)
