"""A phone shows a document to a reader beside it: the example of ISO 18013-5 Annex D, and a QR code of our own."""

from datetime import UTC, datetime
from typing import Any

import cbor2
import msgspec
import pytest
from cryptography import x509

from residency.credential import cbor, cose, jws
from residency.credential.check import Check
from residency.credential.mdoc import response, session
from residency.credential.presenting import dcql, judging, proximity, trust
from residency.credential.presenting.dcql import Query
from residency.credential.presenting.judging import Answers, BadAnswer, Conclusion, Outcome, Told, Verdict
from residency.credential.presenting.proximity import BadMeeting, Met
from residency.credential.presenting.trust import Anchor, StatusPolicy, Trust
from residency.credential.status_list import Status
from tests.credential import made
from tests.credential.mdoc import annex_d
from tests.credential.mdoc import made as mdocs
from tests.credential.presenting import foreign

MDL = "org.iso.18013.5.1.mDL"
#: Within the validity of the example.
THEN = datetime(2020, 10, 15, tzinfo=UTC)


def query(doc_type: str, **changes: object) -> Query:
    wanted = {"id": "doc", "format": "mso_mdoc", "meta": {"doctype_value": doc_type}}
    return dcql.parse({"credentials": [wanted | changes]})


def authority() -> Anchor:
    """Believe the signer of the example: its root is not part of it."""
    signer = x509.load_der_x509_certificate(annex_d.given("DS_CERT"))
    return foreign.anchor(types=frozenset({MDL}), certificates=(signer,), url=None, status=StatusPolicy.WHERE_NAMED)


def example() -> Met:
    reader_key = proximity.reader_key_of(annex_d.given("SESSION_ESTABLISHMENT"))
    engagement = cbor.embedded(annex_d.engagement())
    return Met(engagement, reader_key, annex_d.private("EPHEMERAL_READER"), annex_d.handover())


def judged(met: Met, response: bytes, asked: Query, believed: Trust) -> Verdict:
    presented = judging.met(response, asked, proximity.meeting(met), believed)
    told: Answers = {
        each.entry: Told(Status.VALID, believed.at)
        for group in presented.values()
        for each in group
        if each.entry is not None
    }
    return judging.conclude(presented, asked, told, at=believed.at)


def test_the_example_of_the_standard_is_accepted_with_every_check_named() -> None:
    met = example()
    response = proximity.opened(met, annex_d.given("SESSION_DATA"))

    asked = query(MDL, claims=[{"path": ["org.iso.18013.5.1", "family_name"]}])
    verdict = judged(met, response, asked, Trust((authority(),), THEN))

    assert response == annex_d.given("DEVICE_RESPONSE")
    assert (verdict.conclusion, verdict.lacking) == (Conclusion.ACCEPTED, ())
    [judgement] = verdict.credentials
    assert [(each.check, each.outcome) for each in judgement.checks] == [(each, Outcome.PASSED) for each in Check]
    assert judgement.claims["org.iso.18013.5.1"]["family_name"] == "Doe"


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ({"handover": None}, (Check.BINDING, "bad_signature")),
        ({"handover": b"\x80"}, (Check.BINDING, "bad_signature")),
        ({"engagement": b"\xa0"}, (Check.BINDING, "bad_signature")),
    ],
)
def test_what_was_shown_in_another_meeting_is_rejected(change: dict[str, Any], because: tuple[Check, str]) -> None:
    met = msgspec.structs.replace(example(), **change)

    verdict = judged(met, annex_d.given("DEVICE_RESPONSE"), query(MDL), Trust((authority(),), THEN))

    [found] = [each for each in verdict.credentials[0].checks if each.outcome is Outcome.FAILED]
    assert (found.check, found.reason) == because


@pytest.mark.parametrize(
    ("at", "anchor", "because"),
    [
        (datetime(2026, 11, 22, tzinfo=UTC), None, (Check.CHAIN, "certificate_expired")),
        (THEN, foreign.anchor(types=frozenset({MDL})), (Check.CHAIN, "unknown_root")),
    ],
)
def test_the_example_is_of_its_time_and_signer(at: datetime, anchor: Anchor | None, because: tuple[Check, str]) -> None:
    verdict = judged(example(), annex_d.given("DEVICE_RESPONSE"), query(MDL), Trust((anchor or authority(),), at))

    [found] = [each for each in verdict.credentials[0].checks if each.outcome is Outcome.FAILED]
    assert (found.check, found.reason) == because


def test_a_document_that_was_not_asked_for_is_not_looked_at() -> None:
    with pytest.raises(BadAnswer):
        judged(example(), annex_d.given("DEVICE_RESPONSE"), query("other"), Trust((authority(),), THEN))


class Phone:
    """A holder's phone that shows a QR code."""

    def __init__(self) -> None:
        self.key = made.key()
        cose_key = cose.to_cose_key(jws.public_jwk(self.key.public_key()))
        security = cbor.array(cbor2.dumps(1), cbor.embed(cbor2.dumps(cose_key)))
        self.engagement = b"\xa2" + cbor2.dumps(0) + cbor2.dumps("1.0") + cbor2.dumps(1) + security
        self.qr = proximity.QR + jws.b64(self.engagement)

    def answers(self, reader_key: bytes) -> bytes:
        """Show the document of the tests, signed for this meeting."""
        transcript = session.proximity(engagement=cbor.embed(self.engagement), reader_key=reader_key)
        return mdocs.response_of(mdocs.presented(mdocs.issued(), ["age_over_18"], transcript=transcript))


def meeting_of(phone: Phone) -> Met:
    key = made.key()
    reader_key = cbor.embed(cbor2.dumps(cose.to_cose_key(jws.public_jwk(key.public_key()))))
    return Met(proximity.engagement(phone.qr), reader_key, key)


def test_a_document_of_ours_is_shown_by_qr_code() -> None:
    phone = Phone()
    met = meeting_of(phone)

    ours = Trust((trust.own(made.URL, (made.authority().root.certificate,)),), made.AT)
    verdict = judged(met, phone.answers(met.reader_key), query(mdocs.DOC_TYPE), ours)

    assert verdict.conclusion is Conclusion.ACCEPTED
    assert verdict.credentials[0].claims == {mdocs.NAMESPACE: {"age_over_18": True}}


@pytest.mark.parametrize(("multiple", "conclusion"), [(True, Conclusion.ACCEPTED), (False, Conclusion.REJECTED)])
def test_two_documents_of_a_type_are_shown_to_who_asked_for_several(multiple: bool, conclusion: Conclusion) -> None:
    phone = Phone()
    met = meeting_of(phone)
    [(_, document)] = response.documents(phone.answers(met.reader_key))
    ours = Trust((trust.own(made.URL, (made.authority().root.certificate,)),), made.AT)

    both = mdocs.response_of(document, document)
    verdict = judged(met, both, query(mdocs.DOC_TYPE, multiple=multiple), ours)

    assert verdict.conclusion is conclusion
    assert [each.claims for each in verdict.credentials] == [{mdocs.NAMESPACE: {"age_over_18": True}}] * 2
    with pytest.raises(BadAnswer):
        judged(met, mdocs.response_of(*[document] * 21), query(mdocs.DOC_TYPE, multiple=True), ours)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"reader_key": b"\xa0"}, "no EReaderKeyBytes"),
        ({"key": made.key()}, "another key"),
        ({"handover": b"\xff"}, "no CBOR"),
        ({"handover": b"\x80\x80"}, "follows the handover"),
    ],
)
def test_a_meeting_that_does_not_fit_together_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadMeeting) as refused:
        proximity.meeting(msgspec.structs.replace(meeting_of(Phone()), **change))
    assert reason in refused.value.reason


def test_a_session_of_somebody_else_does_not_open() -> None:
    with pytest.raises(BadMeeting):
        proximity.opened(meeting_of(Phone()), cbor2.dumps({"data": bytes(40)}))
    with pytest.raises(BadMeeting):
        proximity.opened(meeting_of(Phone()), b"\xa0")


@pytest.mark.parametrize("changes", [{"d": None}, {"d": "AA"}, {"crv": "P-384"}, {"d": "!"}, {"x": "AA"}])
def test_what_is_no_private_key_is_refused(changes: dict[str, object]) -> None:
    key = made.key()
    whole = jws.public_jwk(key.public_key()) | {"d": jws.b64(key.private_numbers().private_value.to_bytes(32))}
    assert proximity.key_of(whole).private_numbers() == key.private_numbers()

    with pytest.raises(BadMeeting):
        proximity.key_of(whole | changes)
