"""mdocs of our own: what a presentation proves, and everything that makes it prove nothing."""

import hmac
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.signer import FileSigner
from residency.credential import cbor, cose
from residency.credential.check import Check, NotVerified
from residency.credential.mdoc import response, session
from residency.credential.mdoc.issuing import Validity
from residency.credential.mdoc.response import Meeting
from tests.credential import made as people
from tests.credential.mdoc import made


def refused(document: bytes, **policy: object) -> tuple[Check, str]:
    with pytest.raises(NotVerified) as caught:
        response.verify(document, made.expected(**policy))
    return caught.value.check, caught.value.reason


@given(st.sets(st.sampled_from([*made.ELEMENTS])))
def test_any_choice_of_elements_verifies_and_reveals_only_itself(wanted: set[str]) -> None:
    whole = made.response_of(made.presented(made.issued(), wanted))

    [(doc_type, document)] = response.documents(whole)
    verified = response.verify(document, made.expected(doc_type=doc_type))

    assert verified.elements == {made.NAMESPACE: {name: made.ELEMENTS[name] for name in wanted}}
    assert verified.status is not None
    assert verified.status.idx == people.ENTRY.idx


def test_an_issued_copy_is_what_a_wallet_checks() -> None:
    told = response.verify_issuer_signed(made.issued(), made.expected(meeting=None))

    assert told.elements == {made.NAMESPACE: made.ELEMENTS}
    assert people.URL in told.issuer.urls


def test_two_copies_share_only_what_they_say() -> None:
    """Not a salt, not a digest, not their order: verifiers who put two presentations side by side learn nothing."""
    first, second = made.issued(), made.issued()

    assert not _secrets(first) & _secrets(second)
    orders = {tuple(_digest_ids(made.issued())) for _ in range(12)}
    assert len(orders) > 1


def test_who_has_fewer_elements_has_as_many_digests() -> None:
    few = {"family_name": "MUSTERMANN"}

    assert len(_digests(made.issued(few))) == len(_digests(made.issued())) == made.SLOTS


@pytest.mark.parametrize("flip", [0x01, 0x04, 0x20, 0x80])
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_no_byte_of_a_copy_can_be_changed(flip: int) -> None:
    changed = bytearray(made.issued({"family_name": "MUSTERMANN"}))
    for place in range(len(changed)):
        changed[place] ^= flip
        with pytest.raises(NotVerified):
            response.verify_issuer_signed(bytes(changed), made.expected(meeting=None))
        changed[place] ^= flip


def _with_other_digest(copy: bytes) -> bytes:
    item = cbor.load(cbor.embedded(made.items(copy)[0])) | {"digestID": 999}
    return made.with_items(copy, [cbor.embed(cbor2.dumps(item))])


def _with_other_value(copy: bytes) -> bytes:
    item = cbor.load(cbor.embedded(made.items(copy)[0])) | {"elementValue": "SOMEBODY"}
    return made.with_items(copy, [cbor.embed(cbor2.dumps(item))])


def _reencoded(copy: bytes) -> bytes:
    """Say the same in other bytes: the head of the embedded item one byte longer than it must be."""
    content = cbor.embedded(made.items(copy)[0])
    return made.with_items(copy, [b"\xd8\x18\x59" + len(content).to_bytes(2) + content])


COPIES: list[tuple[Callable[[bytes], bytes], tuple[Check, str]]] = [
    (_with_other_digest, (Check.DISCLOSURES, "unreferenced")),
    (_with_other_value, (Check.DISCLOSURES, "digest_differs")),
    (_reencoded, (Check.DISCLOSURES, "digest_differs")),
    (lambda copy: made.with_items(copy, [made.items(copy)[0]] * 2), (Check.DISCLOSURES, "digest_twice")),
    (lambda copy: made.with_items(copy, made.items(copy), "other"), (Check.DISCLOSURES, "unreferenced")),
    (lambda copy: made.with_items(copy, [b"\x01"]), (Check.DISCLOSURES, "unreadable")),
    (lambda copy: copy[:-1], (Check.FORMAT, "unreadable")),
    (lambda copy: copy + b"\x00", (Check.FORMAT, "unreadable")),
    (lambda _: b"\xa0", (Check.FORMAT, "unreadable")),
]


@pytest.mark.parametrize(("changed", "because"), COPIES)
def test_a_copy_that_was_changed_proves_nothing(changed: Callable[[bytes], bytes], because: tuple[Check, str]) -> None:
    with pytest.raises(NotVerified) as caught:
        response.verify_issuer_signed(changed(made.issued()), made.expected(meeting=None))
    assert (caught.value.check, caught.value.reason) == because


def test_another_type_or_time_or_root_is_refused() -> None:
    document = made.presented(made.issued())
    other = people.authority(people.AT - timedelta(days=1))

    assert refused(document, doc_type="org.iso.18013.5.1.mDL") == (Check.TYPE, "other_credential_type")
    assert refused(document, roots=(other.root.certificate,)) == (Check.CHAIN, "unknown_root")
    assert refused(document, at=people.AT + timedelta(days=31)) == (Check.VALIDITY, "expired")
    assert refused(document, at=people.AT + timedelta(days=500)) == (Check.CHAIN, "certificate_expired")
    early = made.issued(validity=Validity(people.AT + timedelta(days=1), people.AT + timedelta(days=2)))
    assert refused(made.presented(early)) == (Check.VALIDITY, "not_yet_valid")


def test_a_signer_of_something_else_signs_no_documents() -> None:
    seal = made.sealed(people.authority().root, purpose=None)

    assert refused(made.presented(made.issued(by=seal))) == (Check.CHAIN, "not_for_documents")


def test_a_chain_that_brings_its_anchor_is_refused() -> None:
    root = people.authority().root
    seal = cose.CoseSeal.of(made.seal().signer, (*made.seal().chain, root.certificate))

    assert refused(made.presented(made.issued(by=seal))) == (Check.CHAIN, "contains_anchor")


def test_another_key_or_meeting_is_refused() -> None:
    copy = made.issued()
    stranger = FileSigner(people.key())
    elsewhere = session.openid4vp(
        client_id="x509_hash:abc", nonce="another", response_uri="https://bank.example/answer", key_thumbprint=None
    )

    assert refused(made.presented(copy, by=stranger)) == (Check.BINDING, "bad_signature")
    assert refused(made.presented(copy, transcript=elsewhere)) == (Check.BINDING, "bad_signature")


def test_a_device_that_proves_nothing_is_refused() -> None:
    document = {str(name): part for name, part in cbor.parts(made.presented(made.issued())).items()}
    bare = cbor.mapping(docType=document["docType"], issuerSigned=document["issuerSigned"])
    spaces = cbor.parts(document["deviceSigned"])["nameSpaces"]
    for auth, reason in ((b"\xa0", "not_one_proof"), (cbor.mapping(deviceMac=b"\x80"), "unreadable")):
        signed = cbor.mapping(nameSpaces=spaces, deviceAuth=auth)
        assert refused(cbor.mapping(**document | {"deviceSigned": signed})) == (Check.BINDING, reason)

    assert refused(bare) == (Check.BINDING, "missing")
    assert response.verify(bare, made.expected(meeting=None)).elements


def test_a_device_may_authenticate_with_a_mac_where_the_reader_has_a_key() -> None:
    reader, transcript = people.key(), session.proximity(engagement=cbor.embed(b"\xa0"), reader_key=cbor.embed(b"\xa0"))
    document = {str(name): part for name, part in cbor.parts(made.presented(made.issued())).items()}
    spaces = cbor.parts(document["deviceSigned"])["nameSpaces"]
    told = cbor.embed(response.authentication(transcript, made.DOC_TYPE, spaces))
    secret = session.device_mac_key(reader, made.public(made.phone()), transcript)
    mac = _mac0(secret, told)
    signed = cbor.mapping(nameSpaces=spaces, deviceAuth=cbor.mapping(deviceMac=mac))
    whole = cbor.mapping(**document | {"deviceSigned": signed})

    assert response.verify(whole, made.expected(meeting=Meeting(transcript, reader))).elements
    assert refused(whole, meeting=Meeting(transcript)) == (Check.BINDING, "mac_without_reader_key")
    assert refused(whole, meeting=Meeting(transcript, people.key())) == (Check.BINDING, "bad_signature")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (cbor2.dumps({"version": "2.0", "documents": [], "status": 0}), "other_version"),
        (cbor2.dumps({"version": "1.0", "status": 10}), "device_reports_an_error"),
        (cbor2.dumps({"version": "1.0", "documents": [{"docType": 1}], "status": 0}), "unreadable"),
        (b"", "unreadable"),
        (bytes(200_001), "too_long"),
    ],
)
def test_what_is_no_response_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(NotVerified) as caught:
        response.documents(raw)
    assert (caught.value.check, caught.value.reason) == (Check.FORMAT, reason)


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    for read in (response.documents, lambda raw: response.verify(raw, made.expected())):
        try:
            read(noise)
        except NotVerified:
            continue


def test_the_transcript_of_openid4vp_is_that_of_the_standard() -> None:
    """OpenID4VP 1.0, appendix B.2.6.1."""
    transcript = session.openid4vp(
        client_id="x509_san_dns:example.com",
        nonce="exc7gBkxjx1rdc9udRrveKvSsJIq80avlXeLHhGwqtA",
        response_uri="https://example.com/response",
        key_thumbprint=bytes.fromhex("4283ec927ae0f208daaa2d026a814f2b22dca52cf85ffa8f3f8626c6bd669047"),
    )

    assert transcript.hex() == (
        "83f6f682714f70656e494434565048616e646f7665725820048bc053c00442af9b8eed494cefdd9d95240d254b046b11b68013722aad38ac"
    )


def _mac0(key: bytes, detached: bytes) -> bytes:
    protected = cbor2.dumps({cose.ALGORITHM: cose.HMAC_256})
    told = cbor2.dumps(["MAC0", protected, b"", detached])
    tag = hmac.digest(key, told, "sha256")
    return cbor2.dumps([protected, {}, None, tag])


def _signed(copy: bytes) -> dict[str, Any]:
    payload = cose.parse(cbor.parts(copy)["issuerAuth"]).payload
    signed: dict[str, Any] = cbor.load(cbor.embedded(payload or b""))
    return signed


def _digests(copy: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = _signed(copy)["valueDigests"][made.NAMESPACE]
    return found


def _digest_ids(copy: bytes) -> list[int]:
    return [cbor.load(cbor.embedded(each))["digestID"] for each in made.items(copy)]


def _secrets(copy: bytes) -> set[bytes]:
    salts = {cbor.load(cbor.embedded(each))["random"] for each in made.items(copy)}
    return salts | {*_digests(copy).values()} | {cose.parse(cbor.parts(copy)["issuerAuth"]).signature}
