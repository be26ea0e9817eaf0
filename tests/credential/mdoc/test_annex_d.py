"""The example of ISO 18013-5 Annex D, step by step as its reader would go: engage, decrypt, check the response."""

from datetime import date

import pytest

from residency.credential import cbor, cose
from residency.credential.check import Check, NotVerified
from residency.credential.mdoc import response, session
from residency.credential.mdoc.session import BadSession, Session
from tests.credential.mdoc import annex_d

DOC_TYPE = "org.iso.18013.5.1.mDL"
NAMESPACE = "org.iso.18013.5.1"


def test_the_reader_decrypts_what_the_device_sent() -> None:
    reader = annex_d.private("EPHEMERAL_READER")
    meeting = Session(reader, session.device_key(annex_d.engagement()), annex_d.transcript())

    assert meeting.received(annex_d.given("SESSION_DATA")) == annex_d.given("DEVICE_RESPONSE")
    with pytest.raises(BadSession):  # the counter went on: what was sent once does not come again
        meeting.received(annex_d.given("SESSION_DATA"))


def test_the_request_is_encrypted_as_in_the_example() -> None:
    reader = annex_d.private("EPHEMERAL_READER")
    meeting = Session(reader, session.device_key(annex_d.engagement()), annex_d.transcript())

    sent = cbor.load(cbor.parts(annex_d.given("SESSION_ESTABLISHMENT"))["data"])

    assert meeting.send(annex_d.given("DEVICE_REQUEST")) == sent


def test_the_issuer_signed_every_element() -> None:
    issuer_signed = cbor.parts(_document())["issuerSigned"]
    message = cose.parse(cbor.parts(issuer_signed)["issuerAuth"])
    assert message.chain == (annex_d.given("DS_CERT"),)
    assert message.signed_by(annex_d.signer())

    signed = cbor.load(cbor.embedded(message.payload or b""))
    elements = cbor.items(cbor.parts(cbor.parts(issuer_signed)["nameSpaces"])[NAMESPACE])
    told = response.elements_of(NAMESPACE, elements, signed)

    assert told["family_name"] == "Doe"
    assert told["expiry_date"] == date(2024, 10, 20)
    assert told["portrait"] == annex_d.given("DEVICE_RESPONSE_PORTRAIT_DATA")
    assert [each["vehicle_category_code"] for each in told["driving_privileges"]] == ["A", "B"]


@pytest.mark.parametrize("place", range(0, 1_200, 7))
def test_a_changed_element_is_found(place: int) -> None:
    issuer_signed = cbor.parts(_document())["issuerSigned"]
    signed = cbor.load(cbor.embedded(cose.parse(cbor.parts(issuer_signed)["issuerAuth"]).payload or b""))
    elements = cbor.items(cbor.parts(cbor.parts(issuer_signed)["nameSpaces"])[NAMESPACE])
    portrait = bytearray(elements[4])
    portrait[place % len(portrait)] ^= 1

    with pytest.raises((NotVerified, cbor.Malformed)) as refused:
        response.elements_of(NAMESPACE, [bytes(portrait)], signed)
    assert not isinstance(refused.value, NotVerified) or refused.value.check is Check.DISCLOSURES


def test_the_device_authenticates_this_meeting_and_no_other() -> None:
    device_signed = cbor.parts(cbor.parts(_document())["deviceSigned"])
    mac = cose.parse(cbor.parts(device_signed["deviceAuth"])["deviceMac"])
    reader, device = annex_d.private("EPHEMERAL_READER"), annex_d.private("STATIC_DEVICE").public_key()

    def authentic(transcript: bytes) -> bool:
        told = cbor.embed(response.authentication(transcript, DOC_TYPE, device_signed["nameSpaces"]))
        return mac.authenticated_by(session.device_mac_key(reader, device, transcript), detached=told)

    assert authentic(annex_d.transcript())
    assert not authentic(session.proximity(engagement=annex_d.engagement(), reader_key=cbor.embed(b"\xa0")))


def _document() -> bytes:
    [(doc_type, document)] = response.documents(annex_d.given("DEVICE_RESPONSE"))
    assert doc_type == DOC_TYPE
    return document
