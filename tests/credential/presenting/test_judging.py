"""What came of a request: each check by name, a status nobody knows as a verdict of its own, and what is no answer."""

import hashlib
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from residency.credential import jws, pki, sd_jwt
from residency.credential.check import Check
from residency.credential.configuration import vct
from residency.credential.dataset import Kind
from residency.credential.mdoc import agreement, session
from residency.credential.presenting import asking, dcql, judging, trust
from residency.credential.presenting.asking import Asked, BadTransaction
from residency.credential.presenting.judging import (
    Answers,
    BadAnswer,
    Broken,
    Conclusion,
    Outcome,
    Told,
    Untold,
    Verdict,
)
from residency.credential.presenting.trust import StatusPolicy, Trust
from residency.credential.status_list import Status
from tests.credential import made
from tests.credential.mdoc import made as mdocs
from tests.credential.presenting import foreign

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
TRUST = Trust((trust.own(made.URL, (made.authority().root.certificate,)),), made.AT)


def asked(*credentials: dict[str, Any], **changes: Any) -> Asked:  # noqa: ANN401  fields of any type
    facts: dict[str, Any] = {
        "query": dcql.parse({"credentials": credentials or (SD_JWT,)}),
        "client_id": CLIENT,
        "client_name": "Bank Saryarka",
        "response_uri": f"{made.AUDIENCE}/answer",
        "nonce": made.NONCE,
        "state": "state",
        "key": KEY,
    }
    return Asked(**facts | changes)


def presentation(names: tuple[str, ...] = ("family_name",), **changes: object) -> str:
    return made.bound(made.shown(made.credential(), names), **{"aud": CLIENT, **changes})  # type: ignore[arg-type]  # any claim


def transcript_of(request: Asked) -> bytes:
    return session.openid4vp(
        client_id=CLIENT,
        nonce=request.nonce,
        response_uri=request.response_uri,
        key_thumbprint=asking.thumbprint(request.key),
    )


def mdoc(request: Asked, wanted: tuple[str, ...] = ("age_over_18",), **said: object) -> str:
    shown = mdocs.presented(mdocs.issued(), wanted, transcript=transcript_of(request), **said)  # type: ignore[arg-type]  # as given
    return jws.b64(mdocs.response_of(shown))


def judged(
    vp_token: object, request: Asked, told: Told | Untold | Broken | None = None, trust: Trust = TRUST
) -> Verdict:
    presented = judging.read(vp_token, request, trust)
    answer = told or Told(Status.VALID, made.AT - timedelta(seconds=30))
    entries = [each.entry for group in presented.values() for each in group if each.entry is not None]
    statuses: Answers = dict.fromkeys(entries, answer)
    return judging.conclude(presented, request.query, statuses, at=made.AT)


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
    assert failed(verdict) == (Check.POLICY, "other_claims")


def test_a_document_of_another_issuer_is_not_believed() -> None:
    other = Trust((trust.own(made.URL, (made.authority(made.AT - timedelta(days=1)).root.certificate,)),), made.AT)

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


def agreement_in_an_mdoc(said: object) -> Verdict:
    request = asked(MDOC)
    payment = asking.transaction("payment", request.query, ("doc",), {"amount": "100.00"})
    request = msgspec.structs.replace(request, transaction_data=(payment,))
    told = said if said is None or isinstance(said, dict) else {agreement.NAMESPACE: {agreement.ELEMENT: said}}
    if said == "agreed":
        told = {agreement.NAMESPACE: {agreement.ELEMENT: agreement.hashes((payment,))}}
    return judged({"doc": [mdoc(request, device=told)]}, request)


def test_a_device_agrees_by_what_it_signs_beside_the_document() -> None:
    assert agreement_in_an_mdoc("agreed").conclusion is Conclusion.ACCEPTED


@pytest.mark.parametrize(
    ("said", "because"),
    [
        (None, (Check.TRANSACTION, "other_transaction")),
        ([bytes(32)], (Check.TRANSACTION, "other_transaction")),
        ([], (Check.TRANSACTION, "other_transaction")),
        ({agreement.NAMESPACE: {"another": 1}}, (Check.BINDING, "not_authorized")),
        ({mdocs.NAMESPACE: {"age_over_18": True}}, (Check.BINDING, "not_authorized")),
    ],
)
def test_a_device_says_what_its_issuer_allows_and_agrees_to_what_was_sent(
    said: object, because: tuple[Check, str]
) -> None:
    assert failed(agreement_in_an_mdoc(said)) == because


@pytest.mark.parametrize(
    ("wanted", "id_"),
    [
        (SD_JWT, "other"),
        (SD_JWT | {"require_cryptographic_holder_binding": False}, "id"),
        (MDOC | {"meta": {"doctype_value": foreign.DOC_TYPE}}, "doc"),
    ],
)
def test_what_can_carry_no_agreement_is_refused(wanted: dict[str, Any], id_: str) -> None:
    with pytest.raises(BadTransaction):
        asking.transaction("payment", asked(wanted).query, (id_,), {})


PID = {"id": "id", "format": "dc+sd-jwt", "meta": {"vct_values": [foreign.VCT]}, "claims": [{"path": ["family_name"]}]}
PID_MDOC = {"id": "doc", "format": "mso_mdoc", "meta": {"doctype_value": foreign.DOC_TYPE}}


def from_abroad(issued: str, told: Told | Untold | Broken | None = None, **believed: Any) -> Verdict:  # noqa: ANN401  fields of any type
    both = Trust((*TRUST.anchors, foreign.anchor(**believed)), made.AT)
    presented = made.bound(made.shown(issued, ["family_name"]), aud=CLIENT)
    return judged({"id": [presented]}, asked(PID), told, both)


def test_a_foreign_document_is_believed_by_the_trust_list_and_says_on_what_ground() -> None:
    verdict = from_abroad(foreign.abroad().sd_jwt())

    assert verdict.conclusion is Conclusion.ACCEPTED
    [judgement] = verdict.credentials
    assert judgement.claims["family_name"] == "KASK"
    assert judgement.issuer is not None
    assert (judgement.issuer.country, judgement.issuer.legal_ground) == ("EE", "Agreement of 1 July 2026")


def test_a_foreign_mdoc_is_believed_alike() -> None:
    request, device = asked(PID_MDOC), made.holder()
    shown = mdocs.presented(
        foreign.abroad().mdoc(device), by=device, transcript=transcript_of(request), doc_type=foreign.DOC_TYPE
    )

    verdict = judged({"doc": [jws.b64(mdocs.response_of(shown))]}, request, trust=Trust((foreign.anchor(),), made.AT))

    assert verdict.conclusion is Conclusion.ACCEPTED


@pytest.mark.parametrize(
    ("issued", "believed", "because"),
    [
        (foreign.abroad().sd_jwt(), {"types": frozenset({foreign.DOC_TYPE})}, (Check.CHAIN, "unknown_root")),
        (foreign.abroad().sd_jwt(), {"url": "https://other.example"}, (Check.CLAIMS, "other_issuer")),
        (foreign.abroad().sd_jwt(iss="https://other.example"), {}, (Check.CLAIMS, "other_issuer")),
        (foreign.abroad().sd_jwt(iss="https://other.example"), {"url": None}, (Check.CLAIMS, "other_issuer")),
        (foreign.abroad().sd_jwt(status=False), {}, (Check.POLICY, "no_status")),
        (foreign.abroad(made.AT, "https://pid.example/2").sd_jwt(), {}, (Check.CHAIN, "unknown_root")),
    ],
)
def test_a_foreign_issuer_is_believed_for_what_was_agreed_and_no_more(
    issued: str, believed: dict[str, Any], because: tuple[Check, str]
) -> None:
    assert failed(from_abroad(issued, **believed)) == because


def test_what_a_revoked_signer_signed_is_not_believed() -> None:
    root, leaf = made.authority().root.certificate, made.authority().document.chain[0]
    for revoked, because in (((leaf.serial_number,), [(Check.CHAIN, "revoked")]), ((1,), [])):
        ours = Trust((trust.own(made.URL, (root,), revoked),), made.AT)
        [judgement] = judged({"id": [presentation()]}, asked(), trust=ours).credentials
        assert [(each.check, each.reason) for each in judgement.checks if each.outcome is Outcome.FAILED] == because


def test_a_foreign_root_does_not_vouch_for_a_document_of_ours() -> None:
    forged = made.bound(made.shown(sd_jwt.issue(made.payload(), seal=foreign.abroad().documents), []), aud=CLIENT)
    both = Trust((*TRUST.anchors, foreign.anchor()), made.AT)

    assert failed(judged({"id": [forged]}, asked(), trust=both)) == (Check.CHAIN, "unknown_root")


def test_a_signer_may_be_pinned_itself() -> None:
    identifier = foreign.abroad().root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    under = {"trusted_authorities": [{"type": "aki", "values": [jws.b64(identifier)]}]}
    believed = Trust((foreign.anchor(certificates=foreign.abroad().documents.chain),), made.AT)
    shown = made.bound(made.shown(foreign.abroad().sd_jwt(), ["family_name"]), aud=CLIENT)

    assert judged({"id": [shown]}, asked(PID | under), trust=believed).conclusion is Conclusion.ACCEPTED


@pytest.mark.parametrize(
    ("told", "conclusion", "reason"),
    [
        (Told(Status.VALID, made.AT - timedelta(hours=23)), Conclusion.ACCEPTED, None),
        (Told(Status.VALID, made.AT - timedelta(hours=25)), Conclusion.STATUS_UNKNOWN, "list_too_old"),
        (Told(Status.INVALID, made.AT - timedelta(hours=25)), Conclusion.REJECTED, "invalid"),
        (Untold("list_expired"), Conclusion.STATUS_UNKNOWN, "list_expired"),
        (Broken("index_out_of_range"), Conclusion.REJECTED, "index_out_of_range"),
    ],
)
def test_a_status_is_judged_by_its_age(
    told: Told | Untold | Broken, conclusion: Conclusion, reason: str | None
) -> None:
    verdict = from_abroad(foreign.abroad().sd_jwt(), told)

    assert verdict.conclusion is conclusion
    assert verdict.credentials[0].checks[-1].reason == reason


def test_without_a_reference_it_depends_on_the_policy() -> None:
    verdict = from_abroad(foreign.abroad().sd_jwt(status=False), status=StatusPolicy.WHERE_NAMED)

    assert verdict.conclusion is Conclusion.ACCEPTED
    assert verdict.credentials[0].checks[-1].reason == "none_kept"


def test_a_request_is_signed_by_whom_it_names() -> None:
    text = asking.request_object(asked(), SEAL, at=made.AT, lasts=timedelta(minutes=5), wallet_nonce="w")

    token = jws.parse(text)
    assert token.header["typ"] == "oauth-authz-req+jwt"
    signer = pki.signatory(token.header["x5c"], TRUST.anchors[0].certificates, at=made.AT)
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


def test_what_nobody_asked_for_is_not_said_to_have_passed() -> None:
    wanted = SD_JWT | {"require_cryptographic_holder_binding": False}
    verdict = judged({"id": [made.shown(made.credential(), ["family_name"])]}, asked(wanted))

    assert verdict.conclusion is Conclusion.ACCEPTED
    outcomes = {each.check: each.outcome for each in verdict.credentials[0].checks}
    assert outcomes[Check.BINDING] is outcomes[Check.NONCE] is Outcome.UNKNOWN
    assert outcomes[Check.SIGNATURE] is outcomes[Check.STATUS] is Outcome.PASSED
