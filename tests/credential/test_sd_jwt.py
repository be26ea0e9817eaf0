"""SD-JWT VC: what a presentation proves, and everything that makes it prove nothing."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from proof.signer import FileSigner
from residency.credential import disclosure, jws, pki, role, sd_jwt
from residency.credential.check import Check, NotVerified
from residency.credential.dataset import AGES
from residency.credential.disclosure import Sd
from tests.credential import made

CONCEALED = {
    "residency_status": "e_resident",
    "document_number": "260000000017",
    "family_name": "MUSTERMANN",
    "given_name": "ERIKA",
    "birthdate": "1990-03-14",
    "nationalities": ["DE"],
    "date_of_issuance": "2026-10-01",
    "date_of_expiry": "2029-09-30",
}
ALWAYS = {"iss", "vct", "iat", "exp", "cnf", "status", "issuing_authority", "issuing_country", "age_equal_or_over"}


def refused(presentation: str, **policy: object) -> tuple[Check, str]:
    with pytest.raises(NotVerified) as caught:
        sd_jwt.verify(presentation, made.expected(**policy))
    return caught.value.check, caught.value.reason


def test_the_holder_shows_one_claim_and_the_verifier_learns_no_other() -> None:
    verified = sd_jwt.verify(made.presented(["family_name"]), made.expected())

    assert verified.claims["family_name"] == "MUSTERMANN"
    assert verified.disclosed == (("family_name",),)
    assert verified.claims.keys() == ALWAYS | {"family_name"}
    assert verified.status == sd_jwt.StatusReference(4711, f"{made.URL}/status-lists/{made.LIST}")


@given(st.sets(st.sampled_from([*CONCEALED, *map(str, AGES)])))
def test_any_choice_of_disclosures_verifies_and_reveals_only_itself(names: set[str]) -> None:
    claims = sd_jwt.verify(made.presented(names), made.expected()).claims

    ages = {name: True for name in names & set(map(str, AGES)) if int(name) <= 36}
    ages |= {name: False for name in names & set(map(str, AGES)) if int(name) > 36}
    assert claims["age_equal_or_over"] == ages
    assert {name: claims[name] for name in claims.keys() - ALWAYS} == {
        name: value for name, value in CONCEALED.items() if name in names
    }


def test_dates_of_a_credential_tell_the_day_and_no_more() -> None:
    claims = sd_jwt.verify(made.presented(), made.expected()).claims

    assert claims["iat"] % 86_400 == claims["exp"] % 86_400 == 0
    assert claims["iat"] <= made.AT.timestamp() < claims["iat"] + 86_400


def test_a_credential_is_signed_under_a_chain_without_its_anchor() -> None:
    header = json.loads(jws.unb64(made.credential().split(".", maxsplit=1)[0]))
    (leaf,) = header["x5c"]

    assert header["typ"] == "dc+sd-jwt"
    assert header["alg"] == "ES256"
    assert pki.signatory([leaf], [made.authority().root.certificate], at=made.AT).urls == (made.URL,)


def test_salts_have_128_bits_and_digests_are_sorted() -> None:
    signed, *disclosures, _ = made.credential().split("~")
    payload = json.loads(jws.unb64(signed.split(".")[1]))
    salts = [made.opened(text)[0] for text in disclosures]

    # Twenty-two characters of base64url, six bits in each.
    assert all(re.fullmatch("[A-Za-z0-9_-]{22}", salt) for salt in salts)
    assert len(set(salts)) == len(salts) == len(CONCEALED) + len(AGES)
    assert payload["_sd"] == sorted(payload["_sd"])
    assert payload["_sd_alg"] == "sha-256"


def test_decoys_look_like_digests_and_open_nothing() -> None:
    seal = made.authority().document
    issued = sd_jwt.issue(made.payload() | {"name": Sd("x")}, seal=seal, decoys=5)
    payload = json.loads(jws.unb64(issued.split(".")[1]))

    assert len(set(payload["_sd"])) == 6
    assert {len(text) for text in payload["_sd"]} == {43}
    assert sd_jwt.verify(made.bound(issued), made.expected()).claims["name"] == "x"


def test_claims_nest_and_an_inner_one_needs_its_outer_one() -> None:
    tree = {"address": Sd({"city": Sd("Almaty"), "country": "KZ"}), "tags": [Sd("a"), "b", Sd({"c": Sd(1)})]}
    issued = sd_jwt.issue(made.payload() | tree, seal=made.authority().document)
    signed, *texts, _ = issued.split("~")
    city = next(text for text in texts if "Almaty" in made.opened(text))

    everything = sd_jwt.verify(made.bound(issued), made.expected()).claims
    nothing = sd_jwt.verify(made.bound(f"{signed}~"), made.expected()).claims

    assert everything["address"] == {"city": "Almaty", "country": "KZ"}
    assert everything["tags"] == ["a", "b", {"c": 1}]
    assert "address" not in nothing
    assert nothing["tags"] == ["b"]
    assert refused(made.bound(f"{signed}~{city}~")) == (Check.DISCLOSURES, "unreferenced_disclosure")


def test_what_the_issuer_must_show_is_never_concealed() -> None:
    with pytest.raises(AssertionError):
        sd_jwt.issue({"vct": Sd("hidden")}, seal=made.authority().document)


def test_the_example_disclosures_of_rfc_9901_have_their_digests() -> None:
    text = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"  # section 4.2.1

    assert made.opened(text) == ["_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius"]
    assert disclosure.digest(text) == "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"


# RFC 9901 section 7.1: what a verifier must refuse although the signature is good.

_A, _A_DIGEST = made.hidden("salt-a", "name", "x")
_ITEM, _ITEM_DIGEST = made.hidden("salt-b", "x")
_NESTED, _NESTED_DIGEST = made.hidden("salt-c", "outer", {"_sd": [_A_DIGEST]})


def _named(name: object) -> tuple[dict[str, Any], list[str]]:
    text, found = made.hidden("salt", name, "x")
    return {"_sd": [found]}, [text]


def _within(claim: str) -> tuple[dict[str, Any], list[str]]:
    text, found = made.hidden("salt", "extra", "x")
    return {claim: {**made.payload()[claim], "_sd": [found]}}, [text]


SIGNED_BUT_WRONG: dict[str, tuple[dict[str, Any], list[str], Check, str]] = {
    "unreferenced": ({}, [_A], Check.DISCLOSURES, "unreferenced_disclosure"),
    "one of two": ({"_sd": [_A_DIGEST]}, [_A, _ITEM], Check.DISCLOSURES, "unreferenced_disclosure"),
    "same twice": ({"_sd": [_A_DIGEST]}, [_A, _A], Check.DISCLOSURES, "disclosure_twice"),
    "digest twice": ({"_sd": [_A_DIGEST, _A_DIGEST]}, [_A], Check.DISCLOSURES, "digest_twice"),
    "digest twice, undisclosed": ({"_sd": [_A_DIGEST, _A_DIGEST]}, [], Check.DISCLOSURES, "digest_twice"),
    "digest twice, in two places": (
        {"_sd": [_A_DIGEST], "a": {"_sd": [_A_DIGEST]}}, [_A], Check.DISCLOSURES, "digest_twice",
    ),
    "digest twice, by way of a disclosure": (
        {"_sd": [_A_DIGEST, _NESTED_DIGEST]}, [_A, _NESTED], Check.DISCLOSURES, "digest_twice",
    ),
    "array element for a claim": ({"_sd": [_ITEM_DIGEST]}, [_ITEM], Check.DISCLOSURES, "wrong_arity"),
    "claim for an array element": ({"a": [{"...": _A_DIGEST}]}, [_A], Check.DISCLOSURES, "wrong_arity"),
    "named _sd": (*_named("_sd"), Check.DISCLOSURES, "reserved_name"),
    "named ...": (*_named("..."), Check.DISCLOSURES, "reserved_name"),
    "named by a number": (*_named(7), Check.DISCLOSURES, "reserved_name"),
    "claim is there already": ({"_sd": [_A_DIGEST], "name": "y"}, [_A], Check.DISCLOSURES, "claim_twice"),
    "dots outside an array": ({"a": {"...": _ITEM_DIGEST}}, [_ITEM], Check.DISCLOSURES, "reserved_name"),
    "dots beside another key": ({"a": [{"...": _ITEM_DIGEST, "b": 1}]}, [], Check.DISCLOSURES, "reserved_name"),
    "_sd is no array": ({"_sd": _A_DIGEST}, [_A], Check.DISCLOSURES, "malformed_digest"),
    "digest is no text": ({"_sd": [1]}, [], Check.DISCLOSURES, "malformed_digest"),
    "unknown hash": ({"_sd_alg": "sha-1"}, [], Check.DISCLOSURES, "unknown_hash"),
    "disclosed exp": ({"exp": None, **_named("exp")[0]}, _named("exp")[1], Check.CLAIMS, "never_disclosable"),
    "disclosed vct#integrity": (*_named("vct#integrity"), Check.CLAIMS, "never_disclosable"),
    "disclosed within cnf": (*_within("cnf"), Check.CLAIMS, "never_disclosable"),
    "issuer of another name": ({"iss": "https://other.example"}, [], Check.CLAIMS, "other_issuer"),
    "no expiry": ({"exp": None}, [], Check.VALIDITY, "no_expiry"),
    "expiry is text": ({"exp": "never"}, [], Check.VALIDITY, "no_expiry"),
    "expired": ({"exp": int(made.AT.timestamp())}, [], Check.VALIDITY, "expired"),
    "not yet valid": ({"nbf": int(made.AT.timestamp()) + 1}, [], Check.VALIDITY, "not_yet_valid"),
    "other type": ({"vct": "urn:eudi:pid:1"}, [], Check.TYPE, "other_credential_type"),
    "no type": ({"vct": None}, [], Check.TYPE, "other_credential_type"),
    "no holder key": ({"cnf": None}, [], Check.BINDING, "no_holder_key"),
    "private holder key": (
        {"cnf": {"jwk": {**made.cnf(made.holder()), "d": "AAAA"}}}, [], Check.BINDING, "no_holder_key",
    ),
    "negative status index": (
        {"status": {"status_list": {"idx": -1, "uri": "https://id.example"}}}, [], Check.STATUS, "unreadable_reference",
    ),
    "status of another kind": ({"status": {"other": {}}}, [], Check.STATUS, "unreadable_reference"),
}  # fmt: skip


@pytest.mark.parametrize("case", SIGNED_BUT_WRONG)
def test_a_good_signature_does_not_save(case: str) -> None:
    changes, disclosures, check, reason = SIGNED_BUT_WRONG[case]
    issued = made.resigned(made.payload(**changes), *disclosures)

    assert refused(made.bound(issued)) == (check, reason)


HEADERS: dict[str, tuple[dict[str, Any], Check, str]] = {
    "no algorithm": ({"alg": "none"}, Check.TYPE, "wrong_algorithm"),
    "keyed hash": ({"alg": "HS256"}, Check.TYPE, "wrong_algorithm"),
    "algorithm left out": ({"alg": None}, Check.TYPE, "wrong_algorithm"),
    "the draft's old type": ({"typ": "vc+sd-jwt"}, Check.TYPE, "wrong_type"),
    "no type": ({"typ": None}, Check.TYPE, "wrong_type"),
    "unknown extension": ({"crit": ["b64"], "b64": False}, Check.TYPE, "unknown_extension"),
    "no chain": ({"x5c": None}, Check.CHAIN, "no_chain"),
    "empty chain": ({"x5c": []}, Check.CHAIN, "no_chain"),
    "chain of garbage": ({"x5c": ["AAAA"]}, Check.CHAIN, "unreadable_certificate"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_that_is_not_ours_is_refused(case: str) -> None:
    changes, check, reason = HEADERS[case]

    assert refused(made.bound(made.resigned(made.payload(), **changes))) == (check, reason)


BINDINGS: dict[str, tuple[Callable[[str], str], Check, str]] = {
    "none": (lambda sd: sd, Check.BINDING, "missing"),
    "of another type": (lambda sd: made.bound(sd, typ="jwt"), Check.BINDING, "wrong_type"),
    "by another key": (lambda sd: made.bound(sd, signer=FileSigner(made.key())), Check.BINDING, "bad_signature"),
    "over fewer claims": (
        lambda sd: sd + made.bound(made.shown(sd, [])).rpartition("~")[2], Check.BINDING, "other_presentation",
    ),
    "without a hash": (lambda sd: made.bound(sd, sd_hash=None), Check.BINDING, "other_presentation"),
    "for another verifier": (lambda sd: made.bound(sd, aud="https://thief.example"), Check.AUDIENCE, "other_audience"),
    "for many verifiers": (lambda sd: made.bound(sd, aud=[made.AUDIENCE]), Check.AUDIENCE, "other_audience"),
    "over an older nonce": (lambda sd: made.bound(sd, nonce="yesterday"), Check.NONCE, "other_nonce"),
    "too old": (lambda sd: made.bound(sd, iat=int(made.AT.timestamp()) - 301), Check.FRESHNESS, "too_old"),
    "too early": (lambda sd: made.bound(sd, iat=int(made.AT.timestamp()) + 61), Check.FRESHNESS, "from_the_future"),
    "without a time": (lambda sd: made.bound(sd, iat=None), Check.FRESHNESS, "no_time"),
    "not a token": (lambda sd: sd + "a.b", Check.BINDING, "unreadable"),
}  # fmt: skip


@pytest.mark.parametrize("case", BINDINGS)
def test_a_key_binding_serves_one_presentation_to_one_verifier(case: str) -> None:
    bind, check, reason = BINDINGS[case]

    assert refused(bind(made.shown(made.credential(), ["family_name"]))) == (check, reason)


def test_a_verifier_who_asks_for_no_binding_does_not_look_at_one() -> None:
    sd = made.shown(made.credential(), ["family_name"])

    for presentation in (sd, made.bound(sd, signer=FileSigner(made.key()))):
        assert sd_jwt.verify(presentation, made.expected(occasion=None)).claims["family_name"] == "MUSTERMANN"


PARTS = (
    "header",
    "payload",
    "signature",
    "first disclosure",
    "second disclosure",
    "kb header",
    "kb payload",
    "kb signature",
)


def part_of(presentation: str, name: str) -> tuple[int, int]:
    """Where a part of a presentation with two disclosures begins and ends."""
    signed, first, second, kb_jwt = presentation.split("~")
    lengths = [*map(len, signed.split(".")), len(first), len(second), *map(len, kb_jwt.split("."))]
    place = PARTS.index(name)
    begins = sum(lengths[:place]) + place
    return begins, begins + lengths[place]


@pytest.mark.parametrize("name", PARTS)
def test_no_character_of_any_part_can_be_changed(name: str) -> None:
    presentation = made.presented(["family_name", "birthdate"])
    begins, ends = part_of(presentation, name)

    # Every place of a short part and a spread of a long one, always with its ends, where stray bits would hide.
    step = max(1, (ends - begins) // 40)
    for place in sorted({*range(begins, ends, step), ends - 1}):
        other = "A" if presentation[place] != "A" else "B"
        refused(presentation[:place] + other + presentation[place + 1 :])


@pytest.mark.parametrize("name", ["signature", "kb signature"])
def test_a_signature_has_one_spelling(name: str) -> None:
    presentation = made.presented(["family_name", "birthdate"])
    _, ends = part_of(presentation, name)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(presentation[ends - 1])

    # 64 bytes leave four bits unused in the last character; a lax reader would take all sixteen spellings.
    for stray in range(1, 16):
        refused(presentation[: ends - 1] + alphabet[last ^ stray] + presentation[ends:])


MISSHAPEN: dict[str, tuple[Callable[[str], str], Check, str]] = {
    "empty": (lambda _: "", Check.FORMAT, "no_tilde"),
    "a bare token": (lambda text: text.split("~")[0], Check.FORMAT, "no_tilde"),
    "an empty disclosure": (lambda text: text.replace("~", "~~", 1), Check.FORMAT, "empty_part"),
    "two dots": (lambda text: text.replace(".", "..", 1), Check.FORMAT, "unreadable"),
    "padding": (lambda text: text.replace(".", "=.", 1), Check.FORMAT, "unreadable"),
    "not ascii": (lambda text: "ё" + text, Check.FORMAT, "not_ascii"),
    "endless": (lambda text: text + "A" * 100_000, Check.FORMAT, "too_long"),
}


@pytest.mark.parametrize("case", MISSHAPEN)
def test_what_has_another_shape_is_refused(case: str) -> None:
    change, check, reason = MISSHAPEN[case]

    assert refused(change(made.presented())) == (check, reason)


def test_a_key_given_twice_is_refused() -> None:
    signed, *_ = made.resigned(made.payload()).split("~")
    payload = jws.unb64(signed.split(".")[1])
    twice = payload[:-1] + b',"vct":"other"}'
    seal = made.authority().document
    signing_input = f"{seal.header}.{jws.b64(twice)}"
    issued = f"{signing_input}.{jws.b64(seal.signer.sign(signing_input.encode()))}~"

    assert refused(made.bound(issued)) == (Check.FORMAT, "unreadable")


def test_nesting_without_end_is_refused() -> None:
    value: Any = "x"
    for _ in range(40):
        value = {"a": value}

    assert refused(made.bound(made.resigned(made.payload(deep=value)))) == (Check.DISCLOSURES, "nested_too_deeply")


def test_a_credential_outlives_neither_its_day_nor_the_certificate_of_its_signer() -> None:
    presentation = made.bound(made.shown(made.credential(), []), iat=int((made.AT + timedelta(days=91)).timestamp()))

    assert refused(presentation, at=made.AT + timedelta(days=91)) == (Check.VALIDITY, "expired")
    assert refused(presentation, at=made.AT + timedelta(days=460)) == (Check.CHAIN, "certificate_expired")


@pytest.mark.parametrize("purpose", [pki.READER, role.LOG_HEADS])
def test_a_key_that_is_known_to_be_for_something_else_signs_no_credential(purpose: x509.ObjectIdentifier) -> None:
    seal = made.sealed(made.authority().root, typ=sd_jwt.TYP, purpose=purpose)

    with pytest.raises(NotVerified) as caught:
        sd_jwt.verify(sd_jwt.issue(made.payload(), seal=seal), made.expected(occasion=None))

    assert (caught.value.check, caught.value.reason) == (Check.CHAIN, "not_for_documents")
