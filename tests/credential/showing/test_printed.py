"""A printed code: what it says, that no byte of it can be changed, and every way in which it proves nothing."""

import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from residency.credential import cose, pki
from residency.credential.check import NotVerified
from residency.credential.cose import CoseSeal
from residency.credential.dataset import Kind
from residency.credential.presenting import trust
from residency.credential.presenting.judging import Answer, Broken, Conclusion, Told, Untold
from residency.credential.sd_jwt import StatusReference
from residency.credential.seal import Seal
from residency.credential.showing import base45, field, printed
from residency.credential.showing.printed import Paper
from tests.credential import made

ENDS = made.AT + timedelta(days=30)
BEGINS = datetime(2026, 11, 22, tzinfo=UTC)
STATUS = StatusReference(4711, f"{made.URL}/status-lists/one")
FIELDS = printed.printable(field.of_document(made.resident(), Kind.E_RESIDENT, on=date(2026, 11, 22)))
SAYS = {
    "document_number": "260000000017",
    "full_name": "ERIKA MUSTERMANN",
    "given_name": "ERIKA",
    "family_name": "MUSTERMANN",
    "birth_date": "19900314",
    "nationality": "DE",
    "residency_status": "e_resident",
    "issuing_country": "KZ",
}


def seal() -> CoseSeal:
    return made.authority().issuer.cose_seal


def written(by: CoseSeal | None = None, *, issuer: str = made.URL, ends: datetime = ENDS) -> str:
    return printed.write(FIELDS, by or seal(), issuer=issuer, begins=BEGINS, ends=ends, status=STATUS)


def packed(message: bytes) -> str:
    return base45.encode(zlib.compress(message, 9))


def message(text: str) -> bytes:
    return zlib.decompress(base45.decode(text))


def resigned(change: Callable[[dict[Any, Any]], object], by: CoseSeal | None = None) -> str:
    """Write a code whose payload was changed before it was signed."""
    payload = cbor2.loads(cbor2.loads(message(written())).value.value[2])
    payload = dict(payload)
    change(payload)
    return packed(b"\xd8\x3d" + cose.tagged((by or seal()).sign(cbor2.dumps(payload))))


def read(text: str, at: datetime = made.AT, *revoked: int) -> Paper:
    return printed.read(text, trust.own(made.URL, (made.authority().root.certificate,), revoked), at=at)


def refused(text: str, at: datetime = made.AT) -> str:
    with pytest.raises(NotVerified) as error:
        read(text, at)
    return str(error.value)


# -- what it says ------------------------------------------------------------------------------------------------------


def test_it_says_what_was_picked_by_the_attributes_of_claim_169() -> None:
    paper = read(written())

    assert paper.says == SAYS
    assert (paper.issuer, paper.begins, paper.ends, paper.status) == (made.URL, BEGINS, ENDS, STATUS)
    payload = cbor2.loads(cbor2.loads(message(written())).value.value[2])
    assert dict(payload[169]) == {
        1: "260000000017", 2: "1", 3: "eng", 4: "ERIKA MUSTERMANN", 5: "ERIKA", 7: "MUSTERMANN", 8: "19900314",
        13: "DE", 22: "e_resident", 23: "KZ",
    }  # fmt: skip
    assert payload[65535] == {"status_list": {"idx": 4711, "uri": STATUS.uri}}


def test_a_qr_code_has_room_for_everything_there_is() -> None:
    assert len(written()) < 2_000  # version 40 holds 3 391 letters with 15 % to spare


@pytest.mark.parametrize("birthdate", ["1990-03-XX", "1990-XX-XX", "XXXX-XX-XX"])
def test_a_date_that_is_not_whole_is_not_printed(birthdate: str) -> None:
    told = field.of_document(made.resident(birthdate=birthdate), Kind.E_RESIDENT, on=date(2026, 11, 22))

    assert "birth_date" not in {each.name for each in printed.printable(told)}


def test_what_claim_169_has_no_attribute_for_is_not_printed() -> None:
    assert {each.name for each in FIELDS} <= printed.ATTRIBUTES.keys()
    assert "portrait" not in printed.ATTRIBUTES


#: Signed by another implementation: `ecdsa-p256-signed` of the test vectors of github.com/jeremi/claim-169.
FOREIGN = (
    "6BF390D20FFWJWG.FKX*4F7B0XKA8FA9DIWENPEJ/5P$DPQE88EB$CBECP9ERZC04E21DDF3/E96007F3ORAO001KL480 B9OW5UM8SNA3W5746C"
    "P01Y8VS8MA85UA QE$345$CVQEX.D15839CZG0.SN7CP::K1QOD2S*GG4/0UR7X.E5-U-X2-GUPF7I:5SBQGZIY8NTXHRSE.YBIW6CZEAQTX%R08"
    "HJWP MPFBNN/KK.9$1C.3"
)
FOREIGN_KEY = (
    "0478e9de939034c9d7fb3c4b988cc897d8bd2bb9397dc6129762d6df431568ea26"
    "8aa11a62b63867b720f8ca6695a3e94eaf5e909aa9b13d86dbbec8b8e287ad78"
)


def test_the_codes_of_others_are_taken_apart_in_the_same_way() -> None:
    found = cose.parse(cose.untagged(message(FOREIGN)))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(FOREIGN_KEY))

    assert found.signed_by(key)
    assert cbor2.loads(found.payload or b"")[169] == {1: "ID-ECDSA-001", 4: "ECDSA Test Person"}
    assert refused(FOREIGN) == "chain: no_chain"


# -- no byte of it can be changed --------------------------------------------------------------------------------------


def accepted(texts: Iterable[str]) -> list[Paper]:
    """Give what those say that are believed."""
    found = []
    for text in texts:
        try:
            found.append(read(text))
        except NotVerified:
            continue
    return found


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_no_byte_of_what_is_signed_or_goes_along_can_be_changed() -> None:
    whole = message(written())
    flipped = (packed(whole[:at] + bytes([byte ^ 1 << at % 8]) + whole[at + 1 :]) for at, byte in enumerate(whole))

    assert accepted(flipped) == []


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_no_byte_can_be_changed_in_any_bit_nor_the_frame_into_any_byte() -> None:
    whole = message(written())
    signed = cbor2.loads(whole).value.value
    inside = [range(whole.index(part), whole.index(part) + len(part)) for part in (signed[1][33], *signed[2:])]
    framed = {at for at in range(len(whole)) if not any(at in part for part in inside)}
    assert len(framed) < 40
    others = (
        packed(whole[:at] + bytes([byte ^ change]) + whole[at + 1 :])
        for at, byte in enumerate(whole)
        for change in (range(1, 256) if at in framed else (1 << bit for bit in range(8)))
    )

    assert accepted(others) == []


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_a_letter_that_is_changed_says_nothing_else() -> None:
    text = written()
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
    changed = (
        text[:at] + letters[(letters.index(letter) + 1 + at % 44) % 45] + text[at + 1 :]
        for at, letter in enumerate(text)
    )

    # A compressed stream has bits that mean nothing; what they leave standing says the same.
    assert all(paper == read(text) for paper in accepted(changed))


def test_what_was_changed_and_signed_again_is_seen() -> None:
    """The control: the harness would notice what is believed."""
    forged = resigned(lambda payload: payload.update({169: {4: "SOMEBODY ELSE"}}))

    assert [paper.says for paper in accepted([forged])] == [{"full_name": "SOMEBODY ELSE"}]


@pytest.mark.parametrize("cut", [1, 2, 64, 500])
def test_what_is_cut_or_goes_on_is_refused(cut: int) -> None:
    whole = message(written())

    assert refused(packed(whole[:-cut])).startswith("format")
    assert refused(packed(whole + b"\x00" * cut)).startswith("format")
    assert refused(base45.encode(zlib.compress(whole) + b"\x00" * cut)) == "format: not_compressed"


# -- why one proves nothing --------------------------------------------------------------------------------------------


def by_stranger() -> str:
    strange = pki.root(made.key(), url=made.URL, at=made.AT)
    return written(cose_of(made.sealed(strange, typ="x", purpose=pki.DOCUMENT_SIGNING)))


def by_status_signer() -> str:
    return written(cose_of(made.authority().status))


def by_other_key() -> str:
    """Signed by a key that the certificate which goes along does not name."""
    other, known = made.sealed(made.authority().root, typ="x", purpose=pki.DOCUMENT_SIGNING), made.authority().document
    return written(CoseSeal.of(other.signer, known.chain))


def cose_of(one: Seal) -> CoseSeal:
    return CoseSeal.of(one.signer, one.chain)


def bomb() -> str:
    return base45.encode(zlib.compress(b"\x00" * 4_000_000, 9))


def without(key: int) -> Callable[[], str]:
    return lambda: resigned(lambda payload: payload.pop(key))


def with_(key: int, value: object) -> Callable[[], str]:
    return lambda: resigned(lambda payload: payload.update({key: value}))


WRONG: dict[str, tuple[Callable[[], str], str]] = {
    "empty": (lambda: "", "format: not_compressed"),
    "small letters": (lambda: written().lower(), "format: not_base45"),
    "too long": (lambda: "0" * 9_000, "format: too_long"),
    "a bomb": (bomb, "format: not_compressed"),
    "a label that is a simple value": (
        lambda: packed(message(written()).replace(b"\xa1\x18\x21", b"\xa1\xf8\x21")),
        "format: unreadable",
    ),
    "no COSE": (lambda: packed(cbor2.dumps({1: 2})), "format: unreadable"),
    "not tagged": (lambda: packed(message(written())[3:]), "format: unreadable"),
    "no identity": (without(169), "type: no_identity"),
    "an identity that is none": (with_(169, "ERIKA"), "type: no_identity"),
    "another root": (by_stranger, "chain: unknown_root"),
    "a signer of status lists": (by_status_signer, "chain: not_for_documents"),
    "another key": (by_other_key, "signature: bad_signature"),
    "another issuer": (lambda: written(issuer="https://other.example"), "claims: other_issuer"),
    "no issuer": (without(1), "claims: other_issuer"),
    "a name that is no text": (with_(169, {4: 7}), "claims: unreadable"),
    "no end": (without(4), "validity: no_expiry"),
    "an end that is no time": (with_(4, "never"), "validity: unreadable"),
    "an end beyond all times": (with_(4, 2**62), "validity: unreadable"),
    "of the future": (with_(5, int(ENDS.timestamp()) - 1), "validity: not_yet_valid"),
    "no status": (without(65535), "status: unreadable_reference"),
    "a status that is none": (with_(65535, {"status_list": {"idx": -1}}), "status: unreadable_reference"),
}


@pytest.mark.parametrize(("wrong", "why"), WRONG.values(), ids=WRONG)
def test_what_proves_nothing_says_which_check_failed(wrong: Callable[[], str], why: str) -> None:
    assert refused(wrong()) == why


def test_it_ends_and_does_not_begin_earlier() -> None:
    assert refused(written(), ENDS) == "validity: expired"
    assert refused(written(), BEGINS - timedelta(seconds=1)).endswith(("not_yet_valid", "certificate_expired"))
    assert read(written(), ENDS - timedelta(seconds=1)).says == SAYS


def test_a_signer_that_was_revoked_is_not_believed() -> None:
    [signer, *_] = made.authority().document.chain

    with pytest.raises(NotVerified, match=r"^chain: revoked$"):
        read(written(), made.AT, signer.serial_number)


@pytest.mark.parametrize(
    ("found", "conclusion", "reason"),
    [
        (Told(0, made.AT - timedelta(seconds=7)), Conclusion.ACCEPTED, None),
        (Told(1, made.AT), Conclusion.REJECTED, "invalid"),
        (Told(2, made.AT), Conclusion.REJECTED, "suspended"),
        (Told(3, made.AT), Conclusion.REJECTED, "not_valid"),
        (Broken("index_out_of_range"), Conclusion.REJECTED, "index_out_of_range"),
        (Untold("no_bundle"), Conclusion.STATUS_UNKNOWN, "no_bundle"),
    ],
)
def test_the_verdict_names_every_check(found: Answer, conclusion: Conclusion, reason: str | None) -> None:
    verdict = printed.judge(read(written()), found, at=made.AT)

    assert verdict.conclusion is conclusion
    assert [each.check for each in verdict.checks] == list(printed.CHECKS)
    assert verdict.checks[-1].reason == reason
    assert verdict.checks[-1].age_s == (7 if conclusion is Conclusion.ACCEPTED else verdict.checks[-1].age_s)
