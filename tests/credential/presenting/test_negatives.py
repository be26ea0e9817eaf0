"""What proves nothing, by table: every way of the standards to be wrong, and every byte, as our verifier judges it."""

import base64
import hmac
import json
from collections.abc import Callable, Iterable
from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from proof.signer import FileSigner
from residency.credential import cbor, cose, jws, pki, role, sd_jwt
from residency.credential.check import Check
from residency.credential.presenting.judging import Conclusion
from residency.credential.presenting.trust import Trust
from tests.credential import made
from tests.credential.mdoc import made as mdocs
from tests.credential.presenting import foreign
from tests.credential.presenting import test_judging as judging
from tests.credential.presenting.test_judging import CLIENT, MDOC, SD_JWT, asked, failed, judged

ANY_SD_JWT = {name: value for name, value in SD_JWT.items() if name != "claims"}
NAME, NAME_DIGEST = made.hidden("salt", "family_name", "MUSTERMANN")
ROOT = base64.b64encode(made.authority().root.certificate.public_bytes(Encoding.DER)).decode()
LEAF = json.loads(jws.unb64(made.authority().document.header))["x5c"][0]


def bound(*disclosures: str, header: dict[str, Any] | None = None, **payload: object) -> str:
    """Present what an issuer signed, whatever it says."""
    return made.bound(made.resigned(made.payload(**payload), *disclosures, **header or {}), aud=CLIENT)


def concealing(*digests: object, **payload: object) -> dict[str, Any]:
    return {"_sd": [*digests], "_sd_alg": "sha-256", **payload}


def unsigned(alg: str, signature: bytes = b"") -> str:
    """Present a credential under an algorithm that needs no private key: none, or a hash keyed with what is public."""
    header = {"alg": alg, "typ": "dc+sd-jwt", "x5c": [LEAF]}
    text = ".".join(jws.b64(json.dumps(part).encode()) for part in (header, made.payload()))
    return made.bound(f"{text}.{jws.b64(signature)}~", aud=CLIENT)


def keyed_with_the_public_key() -> str:
    public = made.authority().document.chain[0].public_bytes(Encoding.PEM)
    header = {"alg": "HS256", "typ": "dc+sd-jwt", "x5c": [LEAF]}
    text = ".".join(jws.b64(json.dumps(part).encode()) for part in (header, made.payload()))
    return unsigned("HS256", hmac.digest(public, text.encode(), "sha256"))


def arity(*content: object) -> str:
    text, digest = made.hidden(*content)
    return bound(text, **concealing(digest))


def by_signer_of(purpose: x509.ObjectIdentifier | None) -> str:
    """Present what another leaf under our root signed as a document of ours."""
    seal = made.sealed(made.authority().root, typ=sd_jwt.TYP, purpose=purpose)
    return made.bound(f"{seal.sign(made.payload())}~", aud=CLIENT)


def key_binding(typ: str = "kb+jwt", by: FileSigner | None = None, **claims: object) -> str:
    return made.bound(made.shown(made.credential(), []), typ=typ, signer=by, **({"aud": CLIENT} | claims))


SD_JWTS: dict[str, tuple[str, tuple[Check, str]]] = {
    "unreferenced disclosure": (bound(NAME), (Check.DISCLOSURES, "unreferenced_disclosure")),
    "disclosure twice": (bound(NAME, NAME, **concealing(NAME_DIGEST)), (Check.DISCLOSURES, "disclosure_twice")),
    "digest twice": (bound(NAME, **concealing(NAME_DIGEST, NAME_DIGEST)), (Check.DISCLOSURES, "digest_twice")),
    "digest twice, apart": (
        bound(NAME, **concealing(NAME_DIGEST, address={"_sd": [NAME_DIGEST]})),
        (Check.DISCLOSURES, "digest_twice"),
    ),
    "two items for a claim": (arity("salt", "value"), (Check.DISCLOSURES, "wrong_arity")),
    "four items": (arity("salt", "name", "value", "more"), (Check.DISCLOSURES, "wrong_arity")),
    "a salt that is no text": (arity(1, "name", "value"), (Check.DISCLOSURES, "wrong_arity")),
    "a reserved name": (arity("salt", "_sd", []), (Check.DISCLOSURES, "reserved_name")),
    "a name that is there": (arity("salt", "vct", "x"), (Check.DISCLOSURES, "claim_twice")),
    "a name never disclosed": (
        bound(*(found := made.hidden("salt", "status", {}))[:1], **concealing(found[1], status=None)),
        (Check.CLAIMS, "never_disclosable"),
    ),
    "another hash": (bound(_sd_alg="sha-1"), (Check.DISCLOSURES, "unknown_hash")),
    "alg none": (unsigned("none"), (Check.TYPE, "wrong_algorithm")),
    "alg None": (unsigned("None"), (Check.TYPE, "wrong_algorithm")),
    "a hash keyed with the public key": (keyed_with_the_public_key(), (Check.TYPE, "wrong_algorithm")),
    "no signature": (unsigned("ES256"), (Check.SIGNATURE, "bad_signature")),
    "a signature of zeros": (unsigned("ES256", bytes(64)), (Check.SIGNATURE, "bad_signature")),
    "an older typ": (bound(header={"typ": "vc+sd-jwt"}), (Check.TYPE, "wrong_type")),
    "no typ": (bound(header={"typ": None}), (Check.TYPE, "wrong_type")),
    "an extension": (bound(header={"crit": ["b64"], "b64": False}), (Check.TYPE, "unknown_extension")),
    "another vct": (bound(vct="urn:other"), (Check.TYPE, "other_credential_type")),
    "no chain": (bound(header={"x5c": None}), (Check.CHAIN, "no_chain")),
    "a key in the header": (
        bound(header={"x5c": None, "jwk": made.cnf(made.holder())}),
        (Check.CHAIN, "no_chain"),
    ),
    "the root in the chain": (bound(header={"x5c": [LEAF, ROOT]}), (Check.CHAIN, "contains_anchor")),
    "the root as the leaf": (bound(header={"x5c": [ROOT]}), (Check.CHAIN, "contains_anchor")),
    "the key of our requests": (by_signer_of(pki.READER), (Check.CHAIN, "not_for_documents")),
    "the key of our log": (by_signer_of(role.LOG_HEADS), (Check.CHAIN, "not_for_documents")),
    "the key of our status lists": (by_signer_of(None), (Check.CHAIN, "not_for_documents")),
    "no expiry": (bound(exp=None), (Check.VALIDITY, "no_expiry")),
    "an expiry in words": (bound(exp="2099-01-01"), (Check.VALIDITY, "no_expiry")),
    "an expiry that is true": (bound(exp=True), (Check.VALIDITY, "no_expiry")),
    "expired": (bound(exp=int(made.AT.timestamp())), (Check.VALIDITY, "expired")),
    "not yet valid": (bound(nbf=int(made.AT.timestamp()) + 1), (Check.VALIDITY, "not_yet_valid")),
    "another issuer": (bound(iss="https://other.example"), (Check.CLAIMS, "other_issuer")),
    "a status in words": (bound(status={"status_list": "valid"}), (Check.STATUS, "unreadable_reference")),
    "a negative index": (
        bound(status={"status_list": {"idx": -1, "uri": "https://id.example/1"}}),
        (Check.STATUS, "unreadable_reference"),
    ),
    "no status": (bound(status=None), (Check.POLICY, "no_status")),
    "no holder key": (bound(cnf=None), (Check.BINDING, "no_holder_key")),
    "a holder key with its private part": (
        bound(cnf={"jwk": made.cnf(made.holder()) | {"d": "AA"}}),
        (Check.BINDING, "no_holder_key"),
    ),
    "no key binding": (made.shown(made.credential(), []), (Check.BINDING, "missing")),
    "key binding of another typ": (key_binding(typ="JWT"), (Check.BINDING, "wrong_type")),
    "key binding of another key": (key_binding(by=FileSigner(made.key())), (Check.BINDING, "bad_signature")),
    "key binding of other disclosures": (key_binding(sd_hash="A" * 43), (Check.BINDING, "other_presentation")),
    "for another verifier": (key_binding(aud="x509_hash:other"), (Check.AUDIENCE, "other_audience")),
    "for several verifiers": (key_binding(aud=[CLIENT]), (Check.AUDIENCE, "other_audience")),
    "a replayed nonce": (key_binding(nonce="of-yesterday"), (Check.NONCE, "other_nonce")),
    "no nonce": (key_binding(nonce=None), (Check.NONCE, "other_nonce")),
    "key binding without a time": (key_binding(iat=None), (Check.FRESHNESS, "no_time")),
    "key binding of an hour ago": (key_binding(iat=int(made.AT.timestamp()) - 3_600), (Check.FRESHNESS, "too_old")),
    "key binding of tomorrow": (
        key_binding(iat=int(made.AT.timestamp()) + 86_400),
        (Check.FRESHNESS, "from_the_future"),
    ),
}


@pytest.mark.parametrize("case", SD_JWTS)
def test_an_sd_jwt_that_proves_nothing(case: str) -> None:
    text, because = SD_JWTS[case]

    verdict = judged({"id": [text]}, asked(ANY_SD_JWT))

    assert verdict.conclusion is Conclusion.REJECTED
    assert failed(verdict) == because


def test_the_same_without_a_fault_is_accepted() -> None:
    for text in (bound(), bound(NAME, **concealing(NAME_DIGEST)), key_binding(), by_signer_of(pki.DOCUMENT_SIGNING)):
        assert judged({"id": [text]}, asked(ANY_SD_JWT)).conclusion is Conclusion.ACCEPTED


SERVER = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")


@pytest.mark.parametrize(
    ("purpose", "because"),
    [
        (None, None),
        (SERVER, None),
        (pki.DOCUMENT_SIGNING, None),
        (pki.READER, (Check.CHAIN, "not_for_documents")),
        (role.LOG_HEADS, (Check.CHAIN, "not_for_documents")),
    ],
)
def test_a_foreign_signer_may_name_no_purpose_but_not_another(
    purpose: x509.ObjectIdentifier | None, because: tuple[Check, str] | None
) -> None:
    """What the standard for SD-JWT VC does not ask for, other countries' certificates need not have."""
    root = pki.root(made.key(), url=foreign.URL, at=made.AT)
    seal = made.sealed(root, typ=sd_jwt.TYP, purpose=purpose, url=foreign.URL)
    shown = made.bound(f"{seal.sign(made.payload(iss=foreign.URL, vct=foreign.VCT))}~", aud=CLIENT)
    wanted = {"id": "id", "format": "dc+sd-jwt", "meta": {"vct_values": [foreign.VCT]}}

    verdict = judged(
        {"id": [shown]}, asked(wanted), trust=Trust((foreign.anchor(certificates=(root.certificate,)),), made.AT)
    )

    if because is None:
        assert verdict.conclusion is Conclusion.ACCEPTED
    else:
        assert failed(verdict) == because


ANY_MDOC = {name: value for name, value in MDOC.items() if name != "claims"}


def shown(change: Callable[[dict[str, Any]], object] | None = None, **how: Any) -> str:  # noqa: ANN401  as given
    """Present an mdoc whose signed object was changed before its issuer signed it."""
    issued = mdocs.issued()
    if change is not None:
        told = cbor2.loads(cbor.embedded(cose.parse(cbor.parts(issued)["issuerAuth"]).payload or b""))
        change(told)
        seal = mdocs.seal()
        auth = seal.sign(cbor.embed(cbor2.dumps(told)))
        issued = cbor.mapping(nameSpaces=cbor.parts(issued)["nameSpaces"], issuerAuth=auth)
    return presented(issued, **how)


def presented(issued: bytes, **how: Any) -> str:  # noqa: ANN401  as given
    given = {"transcript": judging.transcript_of(asked(ANY_MDOC))} | how
    return jws.b64(mdocs.response_of(mdocs.presented(issued, **given)))


def with_items(change: Callable[[list[bytes]], Iterable[bytes]]) -> str:
    issued = mdocs.issued()
    return presented(mdocs.with_items(issued, change(mdocs.items(issued))))


def by_mdoc_signer_of(purpose: x509.ObjectIdentifier | None) -> str:
    return presented(mdocs.issued(by=mdocs.sealed(made.authority().root, purpose=purpose)))


def item(raw: bytes, **changes: object) -> bytes:
    return cbor.embed(cbor2.dumps(cbor2.loads(cbor.embedded(raw)) | changes))


MDOCS: dict[str, tuple[Callable[[], str], tuple[Check, str]]] = {
    "a changed element": (
        lambda: with_items(lambda found: [item(found[0], elementValue="OTHER"), *found[1:]]),
        (Check.DISCLOSURES, "digest_differs"),
    ),
    "an element nobody signed": (
        lambda: with_items(lambda found: [item(found[0], digestID=999), *found[1:]]),
        (Check.DISCLOSURES, "unreferenced"),
    ),
    "an element twice": (
        lambda: with_items(lambda found: [found[0], *found]),
        (Check.DISCLOSURES, "digest_twice"),
    ),
    "a short salt": (
        lambda: with_items(lambda found: [item(found[0], random=bytes(8)), *found[1:]]),
        (Check.DISCLOSURES, "unreadable"),
    ),
    "another digest": (
        lambda: shown(lambda told: told.update(digestAlgorithm="SHA-1")),
        (Check.DISCLOSURES, "unknown_digest"),
    ),
    "no digests": (lambda: shown(lambda told: told.update(valueDigests={})), (Check.DISCLOSURES, "unreferenced")),
    "another version": (lambda: shown(lambda told: told.update(version="2.0")), (Check.FORMAT, "other_version")),
    "another type signed": (
        lambda: shown(lambda told: told.update(docType="other")),
        (Check.TYPE, "other_credential_type"),
    ),
    "no expiry": (
        lambda: shown(lambda told: told["validityInfo"].pop("validUntil")),
        (Check.VALIDITY, "no_expiry"),
    ),
    "an expiry in words": (
        lambda: shown(lambda told: told["validityInfo"].update(validUntil="2099-01-01")),
        (Check.VALIDITY, "unreadable"),
    ),
    "expired": (
        lambda: shown(lambda told: told["validityInfo"].update(validUntil=made.AT)),
        (Check.VALIDITY, "expired"),
    ),
    "the key of our requests": (lambda: by_mdoc_signer_of(pki.READER), (Check.CHAIN, "not_for_documents")),
    "the key of our log": (lambda: by_mdoc_signer_of(role.LOG_HEADS), (Check.CHAIN, "not_for_documents")),
    "the key of our status lists": (lambda: by_mdoc_signer_of(None), (Check.CHAIN, "not_for_documents")),
    "no status": (lambda: shown(lambda told: told.pop("status")), (Check.POLICY, "no_status")),
    "a status in words": (
        lambda: shown(lambda told: told.update(status="valid")),
        (Check.STATUS, "unreadable_reference"),
    ),
    "no device key": (lambda: shown(lambda told: told.pop("deviceKeyInfo")), (Check.BINDING, "no_holder_key")),
    "another device": (lambda: shown(by=FileSigner(made.key())), (Check.BINDING, "bad_signature")),
    "another meeting": (
        lambda: shown(transcript=judging.transcript_of(asked(ANY_MDOC, nonce="of-yesterday"))),
        (Check.BINDING, "bad_signature"),
    ),
    "something the device may not say": (
        lambda: shown(device={mdocs.NAMESPACE: {"age_over_21": True}}),
        (Check.BINDING, "not_authorized"),
    ),
    "base64 with padding": (lambda: shown() + "==", (Check.FORMAT, "unreadable")),
}


@pytest.mark.parametrize("case", MDOCS)
def test_an_mdoc_that_proves_nothing(case: str) -> None:
    make, because = MDOCS[case]

    verdict = judged({"doc": [make()]}, asked(ANY_MDOC))

    assert verdict.conclusion is Conclusion.REJECTED
    assert failed(verdict) == because


def test_an_mdoc_without_a_fault_is_accepted() -> None:
    for text in (shown(), with_items(lambda found: found[:1]), shown(lambda told: told.update(more=1))):
        assert judged({"doc": [text]}, asked(ANY_MDOC)).conclusion is Conclusion.ACCEPTED


def survivors(text: str, wanted: dict[str, Any], step: int, first: int = 0) -> list[int]:
    """Change one character after another; give the places where it went unnoticed."""
    request, id_ = asked(wanted), wanted["id"]
    return [
        place
        for place in range(first, len(text), step)
        for changed in (text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :],)
        if judged({id_: [changed]}, request).conclusion is not Conclusion.REJECTED
    ]


@pytest.mark.parametrize("first", range(4))
def test_no_character_can_be_changed(first: int) -> None:
    text = key_binding()
    assert survivors(text, ANY_SD_JWT, 97, 7 * first) == []
    assert survivors(shown(), ANY_MDOC, 211, 11 * first) == []


@pytest.mark.nightly
def test_no_character_at_all_can_be_changed() -> None:
    assert survivors(key_binding(), ANY_SD_JWT, 1) == []
    assert survivors(shown(), ANY_MDOC, 1) == []


def test_a_change_that_nobody_looks_for_would_be_found() -> None:
    """Whoever does not ask for key binding does not see that it was changed: the harness does."""
    text = key_binding()
    unbound = ANY_SD_JWT | {"require_cryptographic_holder_binding": False}

    assert min(survivors(text, unbound, 13)) > text.rindex("~")
