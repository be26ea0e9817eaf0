"""The bundle: what it says under its signature, when it ends, and what its status tokens tell without a network."""

import base64
import json
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from residency.credential import jws, pki, role, status_list
from residency.credential.configuration import vct
from residency.credential.dataset import Kind
from residency.credential.presenting import bundle
from residency.credential.presenting.bundle import BadBundle, Bundle, StatusToken
from residency.credential.presenting.issuers import ForeignIssuer
from residency.credential.presenting.judging import Answer, Broken, Entry, Told, Untold
from residency.credential.presenting.trust import Anchor, StatusPolicy
from residency.credential.sd_jwt import StatusReference
from residency.credential.seal import Seal
from residency.credential.status_list import Status
from tests.credential import made
from tests.credential.presenting import foreign

ROOT = made.authority().root.certificate
LIST = f"{made.URL}/status-lists/1"
TODAY = date(2026, 11, 22)


def entry(**changes: Any) -> ForeignIssuer:  # noqa: ANN401  fields of any type
    facts = ForeignIssuer(
        id=made.LIST,
        name="Ministry of the Interior",
        country="EE",
        url=foreign.URL,
        vcts=(foreign.VCT,),
        doc_types=(foreign.DOC_TYPE,),
        certificates=(foreign.abroad().root.public_bytes(Encoding.DER),),
        legal_ground="Agreement of 1 July 2026",
        status=StatusPolicy.REQUIRED,
        lists_at=None,
        status_age_max_s=86_400,
        begins_on=date(2026, 11, 1),
        ends_on=date(2026, 12, 1),
        proposed_by="officer:1",
        proposed_at=made.AT,
    )
    return msgspec.structs.replace(facts, **changes)


def tokens(status: int = Status.VALID) -> list[StatusToken]:
    compressed = status_list.compress(status_list.pack({made.ENTRY.idx: status}, size=8_192))
    return [
        bundle.status_token(compressed, uri=LIST, seal=made.authority().status, at=made.AT),
        StatusToken.of(foreign.LIST, foreign.abroad().token().encode(), made.LIST),
        StatusToken.of(f"{foreign.LIST}2", foreign.abroad().cwt(uri=f"{foreign.LIST}2"), made.LIST),
    ]


def signed(seal: Seal | None = None, *, entries: tuple[ForeignIssuer, ...] = (), **changes: object) -> str:
    document = made.authority().document
    whole = bundle.made(made.URL, (ROOT,), entries or (entry(),), tokens(), at=made.AT)
    changed = msgspec.structs.replace(whole, **changes)
    return bundle.signed(changed, seal or Seal.of(document.signer, document.chain, typ=bundle.TYP))


def opened(text: str | None = None, **how: Any) -> Bundle:  # noqa: ANN401  as given
    return bundle.opened(text or signed(), (ROOT,), **{"at": made.AT} | how)


def test_a_bundle_holds_all_that_a_verifier_needs() -> None:
    found = opened()

    assert found.exp - found.iat == 24 * 3_600
    assert [base64.b64decode(each) for each in found.roots] == [ROOT.public_bytes(Encoding.DER)]
    assert found.types[vct(made.URL, Kind.E_RESIDENT)]["claims"]
    [listed] = found.trust_list
    assert (listed.types, listed.legal_ground) == ((foreign.VCT, foreign.DOC_TYPE), "Agreement of 1 July 2026")
    assert len(found.status_lists) == 3


def test_it_says_whom_to_believe_on_a_day() -> None:
    ours, abroad = bundle.trust_of(opened(), (ROOT,), on=TODAY, at=made.AT).anchors

    assert ours.certificates == (ROOT,)
    assert abroad == foreign.anchor(lists_at=None)
    for outside in (date(2026, 10, 31), date(2026, 12, 1)):
        assert len(bundle.trust_of(opened(), (ROOT,), on=outside, at=made.AT).anchors) == 1


def test_it_says_which_of_our_signers_were_revoked() -> None:
    whole = opened(signed(revoked=("ff", "1" * 40)))

    assert bundle.trust_of(whole, (ROOT,), on=TODAY, at=made.AT).anchors[0].revoked == {255, int("1" * 40, 16)}
    with pytest.raises(BadBundle):
        bundle.trust_of(opened(signed(revoked=("no number",))), (ROOT,), on=TODAY, at=made.AT)


def changed(text: str, place: int) -> str:
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


def by(purpose: x509.ObjectIdentifier | None) -> Seal:
    return made.sealed(made.authority().root, typ=bundle.TYP, purpose=purpose)


SIGNER = made.authority().document.chain[0].serial_number
BAD = {
    "no bundle": "a.b.c",
    "nothing": "~",
    "another type": signed(made.authority().document),
    "signed abroad": signed(
        Seal.of(foreign.abroad().documents.signer, foreign.abroad().documents.chain, typ=bundle.TYP)
    ),
    "of another issuer": signed(iss="https://other.example"),
    "by the key of requests": signed(by(pki.READER)),
    "by the key of the log": signed(by(role.LOG_HEADS)),
    "by the key of status lists": signed(by(None)),
    "by a signer it says is revoked": signed(revoked=(f"{SIGNER:X}",)),
    "changed": changed(signed(), len(signed()) // 2),
    "another signature": changed(signed(), len(signed()) - 10),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_bundle_of_ours_is_refused(case: str) -> None:
    with pytest.raises(BadBundle):
        opened(BAD[case])


@pytest.mark.parametrize("step", [101, pytest.param(1, marks=pytest.mark.nightly)])
def test_no_character_of_a_bundle_can_be_changed(step: int) -> None:
    text = signed()

    for place in range(0, len(text), step):
        with pytest.raises(BadBundle):
            opened(changed(text, place))


@pytest.mark.parametrize(
    ("late", "good"),
    [
        (timedelta(0), True),
        (timedelta(hours=24, seconds=-1), True),
        (timedelta(hours=24), False),
        (-timedelta(minutes=2), False),
    ],
)
def test_a_bundle_ends_after_a_day(late: timedelta, good: bool) -> None:
    if good:
        assert opened(at=made.AT + late).iss == made.URL
    else:
        with pytest.raises(BadBundle):
            opened(at=made.AT + late)


def test_a_bundle_that_lacks_something_is_refused() -> None:
    document = made.authority().document
    told = jws.parse(signed()).payload
    del told["trust_list"]

    with pytest.raises(BadBundle):
        opened(Seal.of(document.signer, document.chain, typ=bundle.TYP).sign(told))


def told(uri: str = LIST, idx: int = made.ENTRY.idx, *, ours: bool = True, after: timedelta = timedelta(0)) -> Answer:
    anchors: list[Anchor] = [*bundle.trust_of(opened(), (ROOT,), on=TODAY, at=made.AT).anchors]
    issuer = anchors[0 if ours else 1]
    return bundle.told(opened(), Entry(issuer.id, StatusReference(idx, uri)), issuer, at=made.AT + after)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (told, Told(Status.VALID, made.AT)),
        (lambda: told(after=timedelta(hours=23)), Told(Status.VALID, made.AT)),
        (lambda: told(after=timedelta(hours=24)), Untold("list_expired")),
        (lambda: told(idx=8_192), Broken("index_out_of_range")),
        (lambda: told(uri=f"{LIST}0"), Untold("not_in_the_bundle")),
        (lambda: told(foreign.LIST, foreign.IDX, ours=False), Told(Status.VALID, made.AT)),
        (lambda: told(f"{foreign.LIST}2", foreign.IDX, ours=False), Told(Status.VALID, made.AT)),
        (lambda: told(foreign.LIST, foreign.IDX, ours=False, after=timedelta(hours=7)), Untold("list_expired")),
        (lambda: told(foreign.LIST, foreign.IDX), Untold("not_in_the_bundle")),
        (lambda: told(LIST, ours=False), Untold("not_in_the_bundle")),
    ],
)
def test_a_status_is_told_by_the_tokens_of_its_issuer(answer: Any, expected: Answer) -> None:  # noqa: ANN401  a function
    assert answer() == expected


@pytest.mark.parametrize(
    ("signer", "expected"),
    [
        (made.authority().status.chain[0], Untold("revoked")),
        (made.sealed(made.authority().root, typ=bundle.TYP).chain[0], Told(Status.VALID, made.AT)),
    ],
    ids=["the one who signed the list", "another"],
)
def test_a_list_of_a_revoked_signer_tells_nothing(signer: x509.Certificate, expected: Answer) -> None:
    whole = opened(signed(revoked=(f"{signer.serial_number:x}",)))
    ours = bundle.own(whole, (ROOT,), at=made.AT)

    assert bundle.told(whole, Entry(None, StatusReference(made.ENTRY.idx, LIST)), ours, at=made.AT) == expected


def test_a_token_that_its_issuer_did_not_sign_tells_nothing() -> None:
    ours = tokens()[0]
    forged = [
        StatusToken(uri=ours.uri, issuer=made.LIST, jwt=ours.jwt),
        StatusToken(uri="x", issuer=made.LIST, cwt="!"),
    ]
    whole = opened(signed(status_lists=tuple(forged)))
    abroad = bundle.trust_of(whole, (ROOT,), on=TODAY, at=made.AT).anchors[1]

    answers = [bundle.told(whole, Entry(abroad.id, StatusReference(0, uri)), abroad, at=made.AT) for uri in (LIST, "x")]

    assert answers == [Untold("unknown_root"), Untold("unreadable_list")]


def test_it_is_json_that_any_verifier_reads() -> None:
    payload = json.loads(jws.unb64(signed().split(".")[1]))

    assert {*payload} == {"iss", "iat", "exp", "roots", "links", "revoked", "status_lists", "types", "trust_list"}
    assert payload["status_lists"][0]["uri"] == LIST
    assert "issuer" not in payload["status_lists"][0]
