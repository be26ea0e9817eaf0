"""Token Status List: the small examples of the draft, and what makes a list say nothing."""

import zlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import cbor2
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from residency.credential import cbor, cose, jws, pki, role, status_cwt, status_list
from residency.credential.check import Check, NotVerified
from residency.credential.cose import CoseSeal
from residency.credential.seal import Seal
from residency.credential.status_list import Status
from tests.credential import made

URI = f"{made.URL}/status-lists/{made.LIST}"

# draft-ietf-oauth-status-list-20, section 4: entries, width, bytes, and zlib of them; test_vectors.py has large ones.
SMALL = [
    ([1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1], 1, "b9a3", "78dadbb918000217015d"),
    ([1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3], 2, "c944f9", "78da3be9f2130003df0207"),
]


@pytest.mark.parametrize(("statuses", "bits", "packed", "compressed"), SMALL)
def test_small_lists_are_packed_as_in_the_draft(statuses: list[int], bits: int, packed: str, compressed: str) -> None:
    made_here = status_list.pack(dict(enumerate(statuses)), size=len(statuses), bits=bits)

    assert made_here.hex() == packed
    # The first two bytes also say how hard the writer tried (RFC 1950 section 2.2), which is no business of a reader.
    assert jws.unb64(status_list.encode(made_here))[2:].hex() == compressed[4:]
    assert status_list.decode(jws.b64(bytes.fromhex(compressed))) == made_here
    assert [status_list.at(made_here, index, bits=bits) for index in range(len(statuses))] == statuses


@given(st.sampled_from([1, 2, 4, 8]), st.data())
def test_what_is_packed_is_read_back(bits: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    statuses = data.draw(st.dictionaries(st.integers(0, size - 1), st.integers(0, 2**bits - 1)))

    packed = status_list.pack(statuses, size=size, bits=bits)

    assert len(packed) == -(-size * bits // 8)
    assert [status_list.at(packed, index, bits=bits) for index in range(size)] == [
        statuses.get(index, 0) for index in range(size)
    ]


@pytest.mark.parametrize("index", [-1, 12])
def test_an_entry_beyond_the_list_is_no_entry(index: int) -> None:
    with pytest.raises(IndexError):
        status_list.at(bytes.fromhex("c944f9"), index)
    with pytest.raises(IndexError):
        status_list.pack({index: 1}, size=12)


LISTED = {3: Status.INVALID, 5: Status.SUSPENDED}
#: Of a CWT (RFC 8392 section 4, and the draft), by their names in a JWT.
CLAIMS = {"sub": 2, "exp": 4, "iat": 6, "ttl": 65534, "status_list": 65533}


class Form:
    """One of the two forms of a token, both of the same list; `signed` signs other claims than it has."""

    def __init__(self, name: str, typ: str) -> None:
        self.name, self.typ = name, typ

    def token(self, seal: Seal | None = None, *, typ: str | None = None, **changes: object) -> bytes:
        """Sign the list, changed by `changes`, None leaving a claim out, as `seal` would, under a type."""
        by, typ = seal or made.authority().status, typ or self.typ
        packed = status_list.compress(status_list.pack(LISTED, size=64))
        if self is CWT:
            sealed = CoseSeal.of(by.signer, by.chain, typ=typ)
            whole = status_cwt.token(packed, uri=URI, seal=sealed, issued_at=made.AT)
            claims = cbor.load(cose.parse(cose.untagged(whole)).payload or b"")
            told = claims | {CLAIMS[name]: value for name, value in changes.items()}
            return cose.tagged(sealed.sign(cbor2.dumps(_kept(told))))
        seal = Seal.of(by.signer, by.chain, typ=typ)
        text = status_list.token(jws.b64(packed), uri=URI, seal=seal, issued_at=made.AT)
        return seal.sign(_kept(jws.parse(text).payload | changes)).encode()

    def lst(self, compressed: bytes, bits: int = 2) -> dict[str, object]:
        """Write the claim that holds the entries."""
        return {"bits": bits, "lst": compressed if self is CWT else jws.b64(compressed)}

    def look_up(self, token: bytes, index: int = 3, **changes: object) -> int:
        known: dict[str, Any] = {"uri": URI, "roots": (made.authority().root.certificate,), "at_time": made.AT}
        known.update(changes)
        if self is CWT:
            return status_cwt.look_up(token, index, **known)
        return status_list.look_up(token.decode("latin-1"), index, **known)


def _kept(claims: Mapping[Any, object]) -> dict[Any, object]:
    return {name: value for name, value in claims.items() if value is not None}


JWT, CWT = Form("jwt", status_list.TYP), Form("cwt", status_cwt.TYP)
forms = pytest.mark.parametrize("form", [JWT, CWT], ids=lambda form: form.name)


@forms
def test_a_verifier_reads_the_status_of_a_credential_from_the_signed_list(form: Form) -> None:
    token = form.token()

    assert [form.look_up(token, index) for index in (0, 3, 5)] == [Status.VALID, Status.INVALID, Status.SUSPENDED]


def test_a_token_says_what_it_is_and_for_how_long() -> None:
    told = jws.parse(JWT.token().decode())

    assert (told.header["typ"], told.payload["ttl"]) == ("statuslist+jwt", 60)


def of(purpose: x509.ObjectIdentifier | None) -> Seal:
    """Give the key of another role under our root."""
    return made.sealed(made.authority().root, typ="any", purpose=purpose)


def stranger() -> Seal:
    return made.sealed(pki.root(made.key(), url=made.URL, at=made.AT), typ="any")


def of_another_key() -> Seal:
    """Give a key with the certificate of another."""
    return Seal.of(of(None).signer, made.authority().status.chain, typ="any")


SMALL_LIST = zlib.compress(bytes.fromhex("c944f9"))
SIGNER = made.authority().status.chain[0].serial_number

WRONG: dict[str, tuple[Callable[[Form], object], str]] = {
    "index out of range": (lambda form: form.look_up(form.token(), 64), "index_out_of_range"),
    "other list": (lambda form: form.look_up(form.token(), uri=URI + "0"), "other_list"),
    "no list named": (lambda form: form.look_up(form.token(sub="")), "other_list"),
    "expired": (lambda form: form.look_up(form.token(), at_time=made.AT + timedelta(seconds=900)), "list_expired"),
    "no expiry": (lambda form: form.look_up(form.token(exp=None)), "unreadable_list"),
    "an expiry in words": (lambda form: form.look_up(form.token(exp="2099-01-01")), "unreadable_list"),
    "no list": (lambda form: form.look_up(form.token(status_list=None)), "unreadable_list"),
    "odd width": (lambda form: form.look_up(form.token(status_list=form.lst(SMALL_LIST, 3))), "unreadable_list"),
    "not compressed": (lambda form: form.look_up(form.token(status_list=form.lst(bytes(3)))), "unreadable_list"),
    "cut off": (lambda form: form.look_up(form.token(status_list=form.lst(SMALL_LIST[:-1]))), "unreadable_list"),
    "a bomb": (
        lambda form: form.look_up(form.token(status_list=form.lst(zlib.compress(bytes(2**25))))),
        "unreadable_list",
    ),
    "nothing": (lambda form: form.look_up(b""), "unreadable_list"),
    "no text": (lambda form: form.look_up(b"\xff\xfe"), "unreadable_list"),
    "another type": (lambda form: form.look_up(form.token(typ="JWT")), "wrong_type"),
    "the key of our requests": (lambda form: form.look_up(form.token(of(pki.READER))), "not_for_status_lists"),
    "the key of our log": (lambda form: form.look_up(form.token(of(role.LOG_HEADS))), "not_for_status_lists"),
    "a revoked signer": (lambda form: form.look_up(form.token(), revoked={SIGNER}), "revoked"),
    "a stranger": (lambda form: form.look_up(form.token(stranger())), "unknown_root"),
    "another key": (lambda form: form.look_up(form.token(of_another_key())), "bad_signature"),
}


@forms
@pytest.mark.parametrize("case", WRONG)
def test_a_list_that_proves_nothing_is_refused(case: str, form: Form) -> None:
    read, reason = WRONG[case]

    with pytest.raises(NotVerified) as caught:
        read(form)

    assert (caught.value.check, caught.value.reason) == (Check.STATUS, reason)


def test_a_credential_is_no_list() -> None:
    with pytest.raises(NotVerified) as caught:
        JWT.look_up(made.credential().partition("~")[0].encode())
    assert caught.value.reason == "unreadable_list"


@forms
@pytest.mark.parametrize("purpose", [pki.DOCUMENT_SIGNING, x509.ObjectIdentifier("1.3.6.1.5.5.7.3.30")])
def test_who_signs_documents_may_keep_their_lists_and_so_may_a_purpose_we_do_not_know(
    form: Form, purpose: x509.ObjectIdentifier
) -> None:
    assert form.look_up(form.token(of(purpose))) == Status.INVALID


def survivors(read: Callable[[bytes], object], token: bytes) -> list[int]:
    """Change one byte after another; give the places where it went unnoticed."""

    def unnoticed(place: int) -> bool:
        letter = b"A" if token[place : place + 1] != b"A" else b"B"  # of which JWTs are made
        try:
            read(token[:place] + letter + token[place + 1 :])
        except (NotVerified, jws.Unreadable):
            return False
        return True

    return [place for place in range(len(token)) if unnoticed(place)]


@forms
def test_no_byte_of_a_list_can_be_changed(form: Form) -> None:
    assert survivors(form.look_up, form.token()) == []


def test_a_change_that_a_reader_does_not_look_for_would_be_found() -> None:
    token = JWT.token()

    found = survivors(lambda changed: jws.parse(changed.decode()), token)

    assert {*range(token.rindex(b".") + 1, len(token) - 1)} <= {*found}
