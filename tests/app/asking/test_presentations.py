"""A presentation is judged on the command line, with the bundle and a pinned root and nothing else."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app import cli
from residency.credential import cbor, jws, status_list
from residency.credential.mdoc import session
from residency.credential.presenting import asking, bundle
from residency.credential.presenting.trust import StatusPolicy
from residency.credential.seal import Seal
from residency.credential.status_list import Status
from tests.credential import made
from tests.credential.mdoc import annex_d
from tests.credential.mdoc import made as mdocs
from tests.credential.presenting import foreign
from tests.credential.presenting.test_bundle import entry
from tests.credential.presenting.test_proximity import MDL, THEN, Phone, meeting_of

LIST = f"{made.URL}/status-lists/{made.LIST}"
AT = ("--at", made.AT.isoformat())
Told = dict[str, Any]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401  a function
    """Give a function that asks and answers (exit code, the JSON that was printed)."""

    def ask(*words: str) -> tuple[int, Told]:
        code = cli.run(("present", *words))
        return code, json.loads(capsys.readouterr().out)

    return ask


def file(folder: Path, name: str, content: bytes | str) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def taken(folder: Path, says: int = Status.VALID, *, at: Any = made.AT, **listed: Any) -> tuple[str, ...]:  # noqa: ANN401  fields of any type
    """Write the bundle and the root, as a verifier takes them along; name them as the command wants them."""
    authority = made.authority(at)
    compressed = status_list.compress(status_list.pack({made.ENTRY.idx: says}, size=8_192))
    token = bundle.status_token(compressed, uri=LIST, seal=authority.status, at=at)
    brought = bundle.StatusToken.of(foreign.LIST, foreign.abroad().token().encode(), made.LIST)
    root = authority.root.certificate
    whole = bundle.made(made.URL, (root,), (entry(**listed),), (token, brought), at=at)
    text = bundle.signed(whole, Seal.of(authority.document.signer, authority.document.chain, typ=bundle.TYP))
    pem = root.public_bytes(Encoding.PEM)
    return "--bundle", file(folder, "bundle.jwt", text), "--root", file(folder, "root.pem", pem)


REQUEST = ("--audience", made.AUDIENCE, "--nonce", made.NONCE)


def test_an_sd_jwt_is_accepted_without_a_network(told: Any, tmp_path: Path) -> None:  # noqa: ANN401  a function
    shown = file(tmp_path, "shown", made.presented())

    code, verdict = told(shown, *taken(tmp_path), *REQUEST, "--at", (made.AT + timedelta(minutes=1)).isoformat())

    assert (code, verdict["conclusion"]) == (0, "accepted")
    [judged] = verdict["credentials"]
    assert judged["claims"]["family_name"] == "MUSTERMANN"
    assert judged["checks"][-1] == {"check": "status", "outcome": "passed", "age_s": 60}


def test_what_was_revoked_when_the_bundle_was_made_is_rejected(told: Any, tmp_path: Path) -> None:  # noqa: ANN401  a function
    shown = file(tmp_path, "shown", made.presented())

    code, verdict = told(shown, *taken(tmp_path, Status.INVALID), *REQUEST, *AT)

    assert (code, verdict["conclusion"]) == (1, "rejected")


def test_a_foreign_document_is_judged_by_the_trust_list_of_the_bundle(told: Any, tmp_path: Path) -> None:  # noqa: ANN401  a function
    shown = file(tmp_path, "shown", made.bound(made.shown(foreign.abroad().sd_jwt(), ["family_name"])))

    code, verdict = told(shown, *taken(tmp_path), *REQUEST, *AT)

    assert (code, verdict["credentials"][0]["issuer"]["country"]) == (0, "EE")


def test_a_list_that_is_not_in_the_bundle_leaves_the_status_unknown(told: Any, tmp_path: Path) -> None:  # noqa: ANN401  a function
    elsewhere = foreign.abroad().sd_jwt(uri=f"{foreign.URL}/status/9")
    shown = file(tmp_path, "shown", made.bound(made.shown(elsewhere, [])))

    code, verdict = told(shown, *taken(tmp_path), *REQUEST, *AT)

    assert (code, verdict["conclusion"]) == (1, "status_unknown")
    assert verdict["credentials"][0]["checks"][-1]["reason"] == "not_in_the_bundle"


@pytest.mark.parametrize("encoded", [False, True])
def test_an_mdoc_is_judged_with_the_request_it_answers(told: Any, tmp_path: Path, encoded: bool) -> None:  # noqa: ANN401  a function
    key = asking.encryption_key(made.key().public_key(), "1")
    uri = f"{made.AUDIENCE}/answer"
    transcript = session.openid4vp(
        client_id=made.AUDIENCE, nonce=made.NONCE, response_uri=uri, key_thumbprint=asking.thumbprint(key)
    )
    response = mdocs.response_of(mdocs.presented(mdocs.issued(), ["age_over_18"], transcript=transcript))
    shown = file(tmp_path, "shown", jws.b64(response) if encoded else response)
    asked = ("--response-uri", uri, "--key", file(tmp_path, "key.json", json.dumps(key)))

    code, verdict = told(shown, *taken(tmp_path), *REQUEST, *asked, *AT)
    other, _ = told(shown, *taken(tmp_path), *REQUEST, "--response-uri", uri, *AT)

    assert (code, other) == (0, 1)
    assert verdict["credentials"][0]["claims"] == {mdocs.NAMESPACE: {"age_over_18": True}}


def test_what_a_phone_shows_by_qr_code_is_judged(told: Any, tmp_path: Path) -> None:  # noqa: ANN401  a function
    phone = Phone()
    met = meeting_of(phone)
    pem = met.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    establishment = cbor.mapping(eReaderKey=met.reader_key, data=b"\x40")
    beside = (
        "--engagement", phone.qr,
        "--establishment", file(tmp_path, "establishment", establishment),
        "--reader-key", file(tmp_path, "reader.pem", pem),
    )  # fmt: skip

    code, verdict = told(file(tmp_path, "shown", phone.answers(met.reader_key)), *taken(tmp_path), *beside, *AT)

    assert (code, verdict["conclusion"]) == (0, "accepted")


def test_the_example_of_iso_18013_5_is_judged_from_its_encrypted_bytes(told: Any, tmp_path: Path) -> None:  # noqa: ANN401  a function
    signer = x509.load_der_x509_certificate(annex_d.given("DS_CERT")).public_bytes(Encoding.DER)
    trusted = taken(
        tmp_path, at=THEN, vcts=(), doc_types=(MDL,), certificates=(signer,), url=None,
        status=StatusPolicy.WHERE_NAMED, begins_on=THEN.date(), ends_on=THEN.date() + timedelta(days=9),
    )  # fmt: skip
    numbers = annex_d.private("EPHEMERAL_READER").private_numbers()
    key = jws.public_jwk(numbers.public_numbers.public_key()) | {"d": jws.b64(numbers.private_value.to_bytes(32))}
    beside = (
        "--engagement", jws.b64(cbor.embedded(annex_d.engagement())),
        "--establishment", file(tmp_path, "establishment", annex_d.given("SESSION_ESTABLISHMENT")),
        "--reader-key", file(tmp_path, "reader.json", json.dumps(key)),
        "--handover", file(tmp_path, "handover", annex_d.handover()),
    )  # fmt: skip

    shown = file(tmp_path, "shown", annex_d.given("SESSION_DATA"))
    code, verdict = told(shown, *trusted, *beside, "--at", THEN.isoformat())

    assert (code, verdict["conclusion"]) == (0, "accepted")
    assert verdict["credentials"][0]["claims"]["org.iso.18013.5.1"]["family_name"] == "Doe"


def test_a_copy_of_a_copy_is_judged_for_who_asks_so(told: Any, tmp_path: Path) -> None:  # noqa: ANN401  a function
    shown = file(tmp_path, "shown", made.shown(made.credential(), ["family_name"]))

    code, verdict = told(shown, *taken(tmp_path), "--unbound", *AT)

    assert code == 0
    outcomes = {each["check"]: each["outcome"] for each in verdict["credentials"][0]["checks"]}
    assert (outcomes["binding"], outcomes["signature"]) == ("unknown", "passed")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--audience and --nonce"),
        (("--audience", "x"), "--audience and --nonce"),
        ((*REQUEST, "--unbound"), "--audience and --nonce"),
        ((*REQUEST, "--at", "2030-01-01"), "--bundle: "),
        ((*REQUEST, "--at", "yesterday"), "a time as"),
        ((*REQUEST, "--engagement", "mdoc:oA", *AT), "a meeting is known by all three"),
    ],
)
def test_what_can_not_be_asked_is_said_in_a_line(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = file(tmp_path, "shown", made.presented())
    with pytest.raises(SystemExit) as ended:
        cli.run(("present", shown, *taken(tmp_path), *(words if "--at" in words else (*words, *AT))))

    assert ended.value.code == 2
    assert said in capsys.readouterr().err
