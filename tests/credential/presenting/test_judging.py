"""What came of a request: each check by name, a status nobody knows as a verdict of its own, and what is no answer."""

import hashlib
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from residency.credential import jws, pki
from residency.credential.check import Check
from residency.credential.configuration import vct
from residency.credential.dataset import Kind
from residency.credential.mdoc import session
from residency.credential.presenting import asking, dcql, judging
from residency.credential.presenting.asking import Asked, BadTransaction
from residency.credential.presenting.judging import BadAnswer, Conclusion, Outcome, Told, Trust, Untold, Verdict
from residency.credential.status_list import Status
from tests.credential import made
from tests.credential.mdoc import made as mdocs

SEAL = made.sealed(made.authority().root, typ=asking.TYP)
CLIENT = asking.client_id(SEAL.chain[0])
KEY = asking.encryption_key(made.key().public_key(), "1")
SD_JWT = {
    "id": "id",
    "format": "dc+sd-jwt",
    "meta": {"vct_values": [vct(made.URL, Kind.E_RESIDENT)]},
    "claims": [{"path": ["family_name"]}],
}
MDOC = {
    "id": "doc",
    "format": "mso_mdoc",
    "meta": {"doctype_value": mdocs.DOC_TYPE},
    "claims": [{"path": [mdocs.NAMESPACE, "age_over_18"], "values": [True]}],
}
TRUST = Trust((made.authority().root.certificate,), CLIENT, made.AT)


def asked(*credentials: dict[str, Any], **changes: Any) -> Asked:  # noqa: ANN401  fields of any type
    facts: dict[str, Any] = {
        "query": dcql.parse({"credentials": credentials or (SD_JWT,)}),
        "response_uri": f"{made.AUDIENCE}/answer",
        "nonce": made.NONCE,
        "state": "state",
        "key": KEY,
    }
    return Asked(**facts | changes)


def presentation(names: tuple[str, ...] = ("family_name",), **changes: object) -> str:
    return made.bound(made.shown(made.credential(), names), **{"aud": CLIENT, **changes})  # type: ignore[arg-type]  # any claim


def mdoc(request: Asked, wanted: tuple[str, ...] = ("age_over_18",)) -> str:
    transcript = session.openid4vp(
        client_id=CLIENT,
        nonce=request.nonce,
        response_uri=request.response_uri,
        key_thumbprint=asking.thumbprint(request.key),
    )
    return jws.b64(mdocs.response_of(mdocs.presented(mdocs.issued(), wanted, transcript=transcript)))


def judged(vp_token: object, request: Asked, told: Told | Untold | None = None, trust: Trust = TRUST) -> Verdict:
    presented = judging.read(vp_token, request, trust)
    answer = told or Told(Status.VALID, made.AT - timedelta(seconds=30))
    statuses = {each.status: answer for group in presented.values() for each in group if each.status is not None}
    return judging.conclude(presented, request, statuses, at=made.AT)


def failed(verdict: Verdict) -> tuple[Check, str | None]:
    [judgement] = verdict.credentials
    [found] = [each for each in judgement.checks if each.outcome is Outcome.FAILED]
    return found.check, found.reason


def test_both_formats_in_one_answer_are_accepted_with_every_check_named() -> None:
    request = asked(SD_JWT, MDOC)

    verdict = judged({"id": [presentation()], "doc": [mdoc(request)]}, request)

    assert verdict.conclusion is Conclusion.ACCEPTED
    assert verdict.lacking == ()
    for each in verdict.credentials:
        assert [checked.check for checked in each.checks] == list(Check)
        assert {checked.outcome for checked in each.checks} == {Outcome.PASSED}
        assert each.checks[-1].age_s == 30
    assert verdict.credentials[0].claims["family_name"] == "MUSTERMANN"
    assert verdict.credentials[1].claims == {mdocs.NAMESPACE: {"age_over_18": True}}


def test_a_status_that_nobody_knows_is_neither_a_yes_nor_a_no() -> None:
    verdict = judged({"id": [presentation()]}, asked(), Untold("list_expired"))

    assert verdict.conclusion is Conclusion.STATUS_UNKNOWN
    assert msgspec.to_builtins(verdict.credentials[0].checks[-1]) == {
        "check": "status",
        "outcome": "unknown",
        "reason": "list_expired",
    }


@pytest.mark.parametrize(
    ("status", "reason"), [(Status.INVALID, "invalid"), (Status.SUSPENDED, "suspended"), (3, "not_valid")]
)
def test_what_is_not_in_force_is_rejected(status: int, reason: str) -> None:
    verdict = judged({"id": [presentation()]}, asked(), Told(status, made.AT))

    assert verdict.conclusion is Conclusion.REJECTED
    assert failed(verdict) == (Check.STATUS, reason)


FAILS: list[tuple[str, tuple[Check, str]]] = [
    (presentation(aud="https://bank.example"), (Check.AUDIENCE, "other_audience")),
    (presentation(aud=f"x509_hash:{'A' * 43}"), (Check.AUDIENCE, "other_audience")),
    (presentation(nonce="another"), (Check.NONCE, "other_nonce")),
    (presentation(iat=0), (Check.FRESHNESS, "too_old")),
    (made.shown(made.credential(), ["family_name"]), (Check.BINDING, "missing")),
    ("eyJ", (Check.FORMAT, "no_tilde")),
    (presentation()[1:], (Check.FORMAT, "unreadable")),
]


@pytest.mark.parametrize(("text", "because"), FAILS)
def test_what_fails_is_named_and_what_comes_after_is_not_known(text: str, because: tuple[Check, str]) -> None:
    verdict = judged({"id": [text]}, asked())

    assert verdict.conclusion is Conclusion.REJECTED
    assert failed(verdict) == because
    [judgement] = verdict.credentials
    place = list(Check).index(because[0])
    assert {each.outcome for each in judgement.checks[:place]} <= {Outcome.PASSED}
    assert {each.outcome for each in judgement.checks[place + 1 :]} <= {Outcome.UNKNOWN}
    assert judgement.claims == {}


def test_an_mdoc_for_another_request_is_rejected() -> None:
    for other in (
        asked(MDOC, nonce="another"),
        asked(MDOC, response_uri="https://other.example/answer"),
        asked(MDOC, key=asking.encryption_key(made.key().public_key(), "1")),
    ):
        assert failed(judged({"doc": [mdoc(other)]}, asked(MDOC))) == (Check.BINDING, "bad_signature")


def test_what_was_asked_for_and_is_not_shown_is_said() -> None:
    verdict = judged({"id": [presentation(("given_name",))]}, asked())

    assert (verdict.conclusion, verdict.lacking) == (Conclusion.REJECTED, ("id shows other claims",))


def test_a_document_of_another_issuer_is_not_believed() -> None:
    other = Trust((made.authority(made.AT - timedelta(days=1)).root.certificate,), CLIENT, made.AT)

    assert failed(judged({"id": [presentation()]}, asked(), trust=other)) == (Check.CHAIN, "unknown_root")


def test_an_authority_is_asked_for_by_the_identifier_of_its_key() -> None:
    root = made.authority().root.certificate
    identifier = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    for digest, conclusion in ((identifier, Conclusion.ACCEPTED), (bytes(20), Conclusion.REJECTED)):
        under = {"trusted_authorities": [{"type": "aki", "values": [jws.b64(digest)]}]}
        assert judged({"id": [presentation()]}, asked(SD_JWT | under)).conclusion is conclusion


@pytest.mark.parametrize(
    ("vp_token", "reason"),
    [
        ([], "not an object"),
        ({}, "not an object"),
        ({"id": "eyJ"}, "not a list"),
        ({"id": [{}]}, "not a list"),
        ({"other": ["eyJ"]}, "not asked for"),
        ({"id": ["eyJ"] * 21}, "too many"),
    ],
)
def test_what_is_no_answer_is_refused(vp_token: object, reason: str) -> None:
    with pytest.raises(BadAnswer) as refused:
        judging.read(vp_token, asked(), TRUST)
    assert reason in refused.value.reason


def test_the_holder_agrees_to_exactly_what_was_sent() -> None:
    request = asked()
    payment = asking.transaction("payment", request.query, ("id",), {"amount": "100.00", "currency": "KZT"})
    request = msgspec.structs.replace(request, transaction_data=(payment,))
    hashes = [jws.b64(hashlib.sha256(payment.encode()).digest())]

    agreed = judged(
        {"id": [presentation(transaction_data_hashes=hashes, transaction_data_hashes_alg="sha-256")]}, request
    )
    silent = judged({"id": [presentation()]}, request)
    other = judged({"id": [presentation(transaction_data_hashes=[jws.b64(bytes(32))])]}, request)

    assert agreed.conclusion is Conclusion.ACCEPTED
    assert failed(silent) == failed(other) == (Check.TRANSACTION, "other_transaction")


def test_an_mdoc_carries_no_agreement() -> None:
    with pytest.raises(BadTransaction):
        asking.transaction("payment", asked(MDOC).query, ("doc",), {})
    with pytest.raises(BadTransaction):
        asking.transaction("payment", asked().query, ("other",), {})


def test_a_request_is_signed_by_whom_it_names() -> None:
    text = asking.request_object(asked(), SEAL, at=made.AT, lasts=timedelta(minutes=5), wallet_nonce="w")

    token = jws.parse(text)
    assert token.header["typ"] == "oauth-authz-req+jwt"
    signer = pki.signatory(token.header["x5c"], TRUST.roots, at=made.AT)
    assert token.signed_by(signer.key)
    der = SEAL.chain[0].public_bytes(Encoding.DER)
    assert token.payload["client_id"] == f"x509_hash:{jws.b64(hashlib.sha256(der).digest())}"
    assert token.payload["aud"] == "https://self-issued.me/v2"
    assert (token.payload["response_mode"], token.payload["wallet_nonce"]) == ("direct_post.jwt", "w")
    assert dcql.parse(token.payload["dcql_query"]) == asked().query
    told = token.payload["client_metadata"]
    assert told["jwks"]["keys"][0]["alg"] == "ECDH-ES"
    assert told["encrypted_response_enc_values_supported"] == ["A128GCM", "A256GCM"]
    assert "d" not in told["jwks"]["keys"][0]
