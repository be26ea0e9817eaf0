"""A reader beside the holder: what a phone showed over BLE or NFC, judged as if it came over the network (ISO 18013-5).

engages    the reader scans `mdoc:…`, or taps; makes a key, asks; the phone answers, encrypted
opens      residency/credential/presenting/proximity.py    opened()
judges     residency/credential/presenting/judging.py      met(), conclude()     <- from here on it is one way
"""

from collections.abc import Mapping

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from residency.credential import cbor, cose, jws
from residency.credential.mdoc import session
from residency.credential.mdoc.response import Meeting
from residency.credential.mdoc.session import BadSession, Session

#: What the QR code of a phone begins with (section 8.2.2.3).
QR = "mdoc:"


class BadMeeting(Exception):
    """What the reader tells of the meeting does not fit together: `reason` says what, for who writes the reader."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Met(msgspec.Struct, frozen=True):
    """One meeting: the phone's DeviceEngagement, the reader's EReaderKeyBytes as they were sent, and its key.

    `handover` is that of NFC as CBOR; None where a QR code was scanned.
    """

    engagement: bytes
    reader_key: bytes
    key: ec.EllipticCurvePrivateKey
    handover: bytes | None = None


def engagement(text: str) -> bytes:
    """Read a DeviceEngagement as a QR code has it, with `mdoc:` before it or without; raises BadMeeting."""
    try:
        return jws.unb64(text.removeprefix(QR))
    except jws.Unreadable as error:
        raise BadMeeting("the engagement is not base64url") from error


def key_of(jwk: Mapping[str, object]) -> ec.EllipticCurvePrivateKey:
    """Read the reader's private key out of a JWK; raises BadMeeting."""
    try:
        public = jws.public_key({name: value for name, value in jwk.items() if name != "d"})
        scalar = jwk.get("d")
        made = ec.derive_private_key(
            int.from_bytes(jws.unb64(scalar) if isinstance(scalar, str) else b""), ec.SECP256R1()
        )
    except (jws.BadKey, jws.Unreadable, ValueError) as error:
        raise BadMeeting("the reader's key is no private key on P-256") from error
    if made.public_key().public_numbers() != public.public_numbers():
        raise BadMeeting("the reader's key is not one: d belongs to another point")
    return made


def meeting(met: Met) -> Meeting:
    """Say what the device had to authenticate; raises BadMeeting."""
    try:
        sent = cose.from_cose_key(cbor.load(cbor.embedded(met.reader_key)))
    except (cbor.Malformed, cose.BadKey) as error:
        raise BadMeeting("reader_key is no EReaderKeyBytes") from error
    if sent.public_numbers() != met.key.public_key().public_numbers():
        raise BadMeeting("reader_key is of another key than the reader's")
    engaged = cbor.embed(met.engagement)
    if met.handover is None:
        return Meeting(session.proximity(engagement=engaged, reader_key=met.reader_key), met.key)
    try:
        whole = cbor.end(met.handover) == len(met.handover)
    except cbor.Malformed as error:
        raise BadMeeting("the handover is no CBOR") from error
    if not whole:
        raise BadMeeting("something follows the handover")
    transcript = session.proximity(engagement=engaged, reader_key=met.reader_key, handover=met.handover)
    return Meeting(transcript, met.key)


def opened(met: Met, session_data: bytes) -> bytes:
    """Decrypt the first SessionData of the phone, which holds its DeviceResponse; raises BadMeeting."""
    try:
        device = session.device_key(cbor.embed(met.engagement))
        return Session(met.key, device, meeting(met).transcript).received(session_data)
    except BadSession as error:
        raise BadMeeting(f"the session is {error}") from error


def reader_key_of(session_establishment: bytes) -> bytes:
    """Find EReaderKeyBytes in the SessionEstablishment that a reader sent; raises BadMeeting."""
    try:
        return cbor.parts(session_establishment)["eReaderKey"]
    except (cbor.Malformed, KeyError) as error:
        raise BadMeeting("no SessionEstablishment") from error
