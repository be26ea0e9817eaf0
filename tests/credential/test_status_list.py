"""Token Status List: the small examples of the draft, and what makes a list say nothing."""

import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from residency.credential import jws, pki, status_list
from residency.credential.check import Check, NotVerified
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


def token(**changes: object) -> str:
    lst = status_list.encode(status_list.pack({3: Status.INVALID, 5: Status.SUSPENDED}, size=64))
    text = status_list.token(lst, uri=URI, seal=made.authority().status, issued_at=made.AT)
    if not changes:
        return text
    payload = jws.parse(text).payload | changes
    return made.authority().status.sign({name: value for name, value in payload.items() if value is not None})


def look_up(text: str, index: int = 3, **changes: object) -> int:
    known: dict[str, Any] = {"uri": URI, "roots": (made.authority().root.certificate,), "at_time": made.AT}
    known.update(changes)
    return status_list.look_up(text, index, **known)


def test_a_verifier_reads_the_status_of_a_credential_from_the_signed_list() -> None:
    text = token()

    assert [look_up(text, index) for index in (0, 3, 5)] == [Status.VALID, Status.INVALID, Status.SUSPENDED]
    assert jws.parse(text).header["typ"] == "statuslist+jwt"
    assert jws.parse(text).payload["ttl"] == 60


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "index out of range": (lambda: look_up(token(), 64), "index_out_of_range"),
    "other list": (lambda: look_up(token(), uri=URI + "0"), "other_list"),
    "expired": (lambda: look_up(token(), at_time=made.AT + timedelta(seconds=900)), "list_expired"),
    "no expiry": (lambda: look_up(token(exp=None)), "unreadable_list"),
    "no list": (lambda: look_up(token(status_list=None)), "unreadable_list"),
    "odd width": (lambda: look_up(token(status_list={"bits": 3, "lst": "eNo76fITAAPfAgc"})), "unreadable_list"),
    "not compressed": (lambda: look_up(token(status_list={"bits": 2, "lst": "AAAA"})), "unreadable_list"),
    "cut off": (lambda: look_up(token(status_list={"bits": 2, "lst": "eNo76fITAAPfAg"})), "unreadable_list"),
    "a bomb": (
        lambda: look_up(token(status_list={"bits": 2, "lst": jws.b64(zlib.compress(bytes(2**25)))})),
        "unreadable_list",
    ),
    "a credential instead": (lambda: look_up(made.credential().split("~")[0]), "unreadable_list"),
    "signed by the document signer's type": (
        lambda: look_up(made.authority().document.sign(jws.parse(token()).payload)),
        "wrong_type",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_list_that_proves_nothing_is_refused(case: str) -> None:
    read, reason = WRONG[case]

    with pytest.raises(NotVerified) as caught:
        read()

    assert (caught.value.check, caught.value.reason) == (Check.STATUS, reason)


def test_a_list_of_a_stranger_is_refused() -> None:
    stranger = pki.root(made.key(), url=made.URL, at=made.AT)
    text = status_list.token("", uri=URI, seal=made.sealed(stranger, typ=status_list.TYP), issued_at=made.AT)

    with pytest.raises(NotVerified) as caught:
        look_up(text)

    assert (caught.value.check, caught.value.reason) == (Check.STATUS, "unknown_root")


def test_a_list_with_a_changed_signature_is_refused() -> None:
    text = token()
    changed = msgspec.json.encode(jws.parse(text).payload | {"ttl": 61})
    header, _, signature = text.split(".")

    with pytest.raises(NotVerified) as caught:
        look_up(f"{header}.{jws.b64(changed)}.{signature}")

    assert (caught.value.check, caught.value.reason) == (Check.STATUS, "bad_signature")
