"""Signed messages (RFC 9421): checked by somebody else's library, and refused for every byte that was changed."""

import base64
import hashlib
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import http_message_signatures as library
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from app import clock
from app.auth import jose, message_signature
from app.auth.message_signature import Answer, BadSignature, Request
from proof.signer import FileSigner
from tests.planted import planted

URL = "https://e-residency.example/v1/networks/mspk/authorizations?copy=2"
BODY = b'{"amount_minor":150000}'
KIND = ("content-type", "application/json")
NAMED = ("idempotency-key", '"0192f7d0"')
SIGNERS = {
    "Ed25519": FileSigner(ed25519.Ed25519PrivateKey.generate()),
    "P-256": FileSigner(ec.generate_private_key(ec.SECP256R1())),
}
SIGNER = SIGNERS["Ed25519"]
ALGORITHMS = {"Ed25519": library.algorithms.ED25519, "P-256": library.algorithms.ECDSA_P256_SHA256}
ASKED = ("@method", "@target-uri", "@authority", "content-digest", "content-type", "idempotency-key")
ANSWERED = ("@status", "content-digest", "content-type", '"@method";req', '"@target-uri";req')


def keys(signer: FileSigner = SIGNER) -> dict[str, jose.Key]:
    return {signer.kid: jose.key_of(msgspec.convert(signer.public_jwk, jose.Jwk))}


def fields(headers: dict[str, str]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers.items()]


def request(signer: FileSigner = SIGNER, *, at: timedelta = timedelta()) -> Request:
    headers = message_signature.sign_request(
        signer, "POST", URL, headers=dict([KIND, NAMED]), body=BODY, now=clock.real() + at
    )
    return Request("POST", URL, fields(headers))


def believe(asked: Request, body: bytes = BODY, by: FileSigner = SIGNER, reader: Any = message_signature) -> None:  # noqa: ANN401  or a copy
    reader.read_request(asked, body, clock.real()).believe(keys(by))


def answer(to: Request, signer: FileSigner = SIGNER) -> Answer:
    told = Answer(200, [KIND], to)
    added = message_signature.sign_answer(signer, told, BODY, clock.real())
    return Answer(200, [KIND, *fields(added)], to)


def believe_answer(
    told: Answer,
    body: bytes | None = BODY,
    by: FileSigner = SIGNER,
    reader: Any = message_signature,  # noqa: ANN401  or a copy
) -> None:
    reader.read_answer(told, body, clock.real()).believe(keys(by))


def of_library(kind: str) -> tuple[library.HTTPMessageSigner, library.HTTPMessageVerifier]:
    key = SIGNERS[kind]
    resolver = library.MappingKeyResolver(
        public_keys={key.kid: key._key.public_key()},  # noqa: SLF001  the library wants the key itself
        private_keys={key.kid: key._key},  # noqa: SLF001  as above
    )
    of_kind: dict[str, Any] = {"signature_algorithm": ALGORITHMS[kind], "key_resolver": resolver}
    return library.HTTPMessageSigner(**of_kind), library.HTTPMessageVerifier(**of_kind)


@pytest.mark.parametrize("kind", SIGNERS)
def test_the_library_believes_our_requests_and_answers(kind: str) -> None:
    _, verifier = of_library(kind)
    asked = request(SIGNERS[kind])
    theirs = SimpleNamespace(method="POST", url=URL, headers=dict(asked.fields))
    [verified] = verifier.verify(theirs, expect_tag="eresidency", require_components=ASKED, body=BODY)
    told = answer(asked, SIGNERS[kind])
    heard = SimpleNamespace(status_code=200, headers=dict(told.fields), request=theirs)
    [bound] = verifier.verify(
        heard, expect_tag="eresidency", require_components=(*ANSWERED, '"signature";req;key="sig"'), body=BODY
    )

    assert verified.body == bound.body == BODY


@pytest.mark.parametrize("kind", SIGNERS)
def test_we_believe_what_the_library_signs(kind: str) -> None:
    signer, _ = of_library(kind)
    said: dict[str, Any] = {"key_id": SIGNERS[kind].kid, "nonce": "n" * 24, "label": "sig", "tag": "eresidency"}
    asked = SimpleNamespace(method="POST", url=URL, headers=dict([KIND, NAMED]))
    signer.sign(asked, **said, covered_component_ids=ASKED, body=BODY)
    ours = Request("POST", URL, fields(asked.headers))
    believe(ours, by=SIGNERS[kind])

    heard = SimpleNamespace(status_code=200, headers=dict([KIND]), request=asked)
    signer.sign(heard, **said, covered_component_ids=(*ANSWERED, '"signature";req;key="sig"'), body=BODY)
    believe_answer(Answer(200, fields(heard.headers), ours), by=SIGNERS[kind])


def changed(asked: Request, name: str, to: Callable[[str], str]) -> Request:
    found = [(each, to(value) if each == name else value) for each, value in asked.fields]
    assert found != list(asked.fields)
    return msgspec.structs.replace(asked, fields=found)


def without(asked: Request, name: str) -> Request:
    return msgspec.structs.replace(asked, fields=[each for each in asked.fields if each[0] != name])


def twice(asked: Request, name: str) -> Request:
    return msgspec.structs.replace(asked, fields=[*asked.fields, *(each for each in asked.fields if each[0] == name)])


def said(old: str, new: str) -> Callable[[Request], Request]:
    return lambda asked: changed(asked, "signature-input", lambda value: value.replace(old, new, 1))


TAMPERED: dict[str, Callable[[Request], Request]] = {
    "another method": lambda asked: msgspec.structs.replace(asked, method="PUT"),
    "another path": lambda asked: msgspec.structs.replace(asked, url=URL.replace("mspk", "visa")),
    "another query": lambda asked: msgspec.structs.replace(asked, url=URL.replace("copy=2", "copy=3")),
    "another scheme": lambda asked: msgspec.structs.replace(asked, url=URL.replace("https", "http")),
    "another server": lambda asked: msgspec.structs.replace(asked, url=URL.replace("example", "invalid")),
    "another port": lambda asked: msgspec.structs.replace(asked, url=URL.replace("example/", "example:8443/")),
    "another media type": lambda asked: changed(asked, "content-type", lambda _: "text/plain"),
    "another idempotency key": lambda asked: changed(asked, "idempotency-key", lambda _: '"0192f7d1"'),
    "no idempotency key": lambda asked: without(asked, "idempotency-key"),
    "two idempotency keys": lambda asked: twice(asked, "idempotency-key"),
    "two media types": lambda asked: twice(asked, "content-type"),
    "two digests": lambda asked: twice(asked, "content-digest"),
    "two signatures": lambda asked: twice(asked, "signature"),
    "two signature-inputs": lambda asked: twice(asked, "signature-input"),
    "no digest": lambda asked: without(asked, "content-digest"),
    "no signature": lambda asked: without(asked, "signature"),
    "no signature-input": lambda asked: without(asked, "signature-input"),
    "the digest of another body": lambda asked: changed(
        asked, "content-digest", lambda _: message_signature.digest(b"{}")
    ),
    "a weak digest": lambda asked: changed(asked, "content-digest", lambda _: "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:"),
    "a digest that is none": lambda asked: changed(asked, "content-digest", lambda _: "sha-256=:AAA:"),
    "another label": lambda asked: changed(asked, "signature", lambda value: value.replace("sig=", "gis=")),
    "a second label": lambda asked: changed(asked, "signature", lambda value: f"{value}, b=:AAAA:"),
    "a signature that is cut": lambda asked: changed(asked, "signature", lambda value: value[:-5] + "==:"),
    "a signature in other letters": lambda asked: changed(asked, "signature", lambda v: v.replace("==:", "=:")),
    "nothing covered": said('"@method" "@target-uri" "@authority"', '"@method"'),
    "the body not covered": said(' "content-digest"', ""),
    "the media type not covered": said(' "content-type"', ""),
    "the idempotency key not covered": said(' "idempotency-key"', ""),
    "a component twice": said('"@method"', '"@method" "@method"'),
    "an unknown component": said('"@method"', '"@method" "x-more"'),
    "the components in another order": said('"@method" "@target-uri"', '"@target-uri" "@method"'),
    "more space": said('"@method" ', '"@method"  '),
    "another time": said(";created=", ";created=1"),
    "no time": lambda asked: changed(asked, "signature-input", lambda v: _cut(v, ";created=", ";keyid")),
    "a time that is text": said(";created=", ';created="1";x='),
    "another key's name": lambda asked: changed(asked, "signature-input", lambda v: v.replace(SIGNER.kid, "other")),
    "no key's name": lambda asked: changed(asked, "signature-input", lambda v: _cut(v, ";keyid=", ";alg")),
    "another algorithm": said('alg="ed25519"', 'alg="ecdsa-p256-sha256"'),
    "an algorithm we do not know": said('alg="ed25519"', 'alg="hmac-sha256"'),
    "another nonce": said('nonce="', 'nonce="x'),
    "no nonce": lambda asked: changed(asked, "signature-input", lambda v: _cut(v, ";nonce=", ";tag")),
    "a short nonce": lambda asked: changed(
        asked, "signature-input", lambda v: _cut(v, ";nonce=", ";tag", ';nonce="a"')
    ),
    "another tag": said('tag="eresidency"', 'tag="web-bot-auth"'),
    "no tag": said(';tag="eresidency"', ""),
    "a parameter twice": said(";created=", ";expires=1;expires=2;created="),
    "an unknown parameter": said(";created=", ";x=1;created="),
    "an end that is over": said(";created=", ";expires=1;created="),
    "a line break": lambda asked: changed(asked, "content-type", lambda v: v + "\nx"),
    "letters outside ASCII": lambda asked: changed(asked, "content-type", lambda v: v + "й"),
}


def _cut(value: str, start: str, end: str, instead: str = "") -> str:
    return value[: value.index(start)] + instead + value[value.index(end) :]


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
def test_a_request_that_was_changed_is_refused(tamper: Callable[[Request], Request]) -> None:
    asked = request()
    believe(asked)

    with pytest.raises(BadSignature):
        believe(tamper(asked))


def test_every_byte_of_the_body_and_of_the_signature_counts() -> None:
    asked = request()
    for place in range(len(BODY)):
        with pytest.raises(BadSignature):
            believe(asked, BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :])
    for name in ("signature", "signature-input", "content-digest"):
        value = message_signature.one(asked.fields, name)
        for place, letter in enumerate(value):
            other = value[:place] + ("A" if letter != "A" else "B") + value[place + 1 :]
            with pytest.raises(BadSignature):
                believe(changed(asked, name, lambda _, other=other: other))  # type: ignore[misc]  # bound at once


@pytest.mark.parametrize("body", [b"", BODY + b" ", BODY[:-1]])
def test_another_body_is_refused(body: bytes) -> None:
    with pytest.raises(BadSignature):
        believe(request(), body)


def test_a_longer_digest_is_taken_as_well() -> None:
    asked = Request("POST", URL, [KIND])
    digest = f"sha-512=:{base64.b64encode(hashlib.sha512(BODY).digest()).decode()}:"
    signer, _ = of_library("Ed25519")
    theirs = SimpleNamespace(method="POST", url=URL, headers={"content-type": KIND[1], "content-digest": digest})
    signer.sign(
        theirs,
        key_id=SIGNER.kid,
        nonce="n" * 24,
        label="sig",
        tag="eresidency",
        covered_component_ids=ASKED[:-1],
        body=BODY,
        use_existing_digest=True,
    )
    believe(msgspec.structs.replace(asked, fields=fields(theirs.headers)))


@pytest.mark.parametrize(("seconds", "good"), [(-70, False), (-55, True), (0, True), (5, True), (20, False)])
def test_a_message_is_good_for_a_minute(seconds: int, good: bool) -> None:
    asked = request(at=timedelta(seconds=seconds))
    if good:
        believe(asked)
    else:
        with pytest.raises(BadSignature, match="created"):
            believe(asked)


def test_another_key_under_the_same_name_is_not_believed() -> None:
    other = FileSigner(ed25519.Ed25519PrivateKey.generate())
    signed = message_signature.read_request(request(), BODY, clock.real())

    with pytest.raises(BadSignature):
        signed.believe({SIGNER.kid: next(iter(keys(other).values()))})
    with pytest.raises(BadSignature):
        signed.believe({})


ANSWERS: dict[str, Callable[[Answer], Answer]] = {
    "another status": lambda told: msgspec.structs.replace(told, status=404),
    "another media type": lambda told: msgspec.structs.replace(
        told, fields=[("content-type", "x/y"), *told.fields[1:]]
    ),
    "to another request": lambda told: msgspec.structs.replace(told, to=request()),
    "to another method": lambda told: msgspec.structs.replace(told, to=msgspec.structs.replace(told.to, method="GET")),
    "to another address": lambda told: msgspec.structs.replace(
        told, to=msgspec.structs.replace(told.to, url=URL + "&")
    ),
    "not signed": lambda told: msgspec.structs.replace(told, fields=told.fields[:2]),
    "the digest of another body": lambda told: msgspec.structs.replace(
        told, fields=[(n, message_signature.digest(b"x") if n == "content-digest" else v) for n, v in told.fields]
    ),
}


@pytest.mark.parametrize("tamper", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_was_changed_or_moved_is_refused(tamper: Callable[[Answer], Answer]) -> None:
    told = answer(request())
    believe_answer(told)

    with pytest.raises(BadSignature):
        believe_answer(tamper(told))


def test_an_answer_with_another_body_is_refused() -> None:
    with pytest.raises(BadSignature):
        believe_answer(answer(request()), BODY + b" ")


#: A check of app/auth/message_signature.py, and what stands in its place in a copy.
DEFECTS: dict[str, tuple[str, str]] = {
    "the signature is not verified": ("key.verify(self.signature, self.base)", "pass"),
    "any algorithm is named": ("if self.alg not in {None, _ALGORITHMS[Alg(key.algorithm)]}:", "if False:"),
    "the body need not be covered": ('needed += ["content-digest", "content-type"]', "pass"),
    "the idempotency key need not be covered": ('needed.append("idempotency-key")', "pass"),
    "a digest is not compared": ("if not hmac.compare_digest(told, _HASHES[found[1]](body).digest()):", "if False:"),
    "what is covered is not looked at": ("not set(needed) <= set(components)", "False"),
    "a component may stand twice": ("len(set(components)) != len(components) or", ""),
    "time is not looked at": ("if not now_s - OLD_MAX_S <=", "if False and not now_s <="),
    "an end is not looked at": ('int(said.get("expires", now_s + 1)) <= now_s', "False"),
    "made for anything": ('said["tag"] != TAG or', ""),
    "a signature has many spellings": (
        "found is None or base64.b64encode(base64.b64decode(found[1])).decode() != found[1]", "found is None"
    ),
    "an answer's request is not covered": (
        """[*components, '"signature";req;key="sig"'] if signed else components""", "components[:2]"
    ),
}  # fmt: skip
#: Sound but for one thing that the signer himself did, so that only the check of that thing refuses it.
OWN: dict[str, Callable[[], Request]] = {
    "yesterday": lambda: request(at=timedelta(days=-1)),
    "for another purpose": lambda: _signed_as(planted(message_signature, 'TAG = "eresidency"', 'TAG = "web-bot-auth"')),
    "over": lambda: _signed_as(
        planted(message_signature, ';nonce="{nonce}";tag', ';nonce="{nonce}";expires={int(now.timestamp()) + 1};tag'),
        at=timedelta(seconds=-30),
    ),
    "a component twice": lambda: _signed_as(
        planted(
            message_signature,
            'components = ["@method", "@target-uri", "@authority"]',
            'components = ["@method", "@target-uri", "@authority", "@method"]',
        )
    ),
    "nothing but the method": lambda: _signed_as(
        planted(message_signature, "params = f'({", "components = components[:1]; params = f'({")
    ),
    "the body not covered": lambda: _signed_as(
        planted(message_signature, 'components += ["content-digest", "content-type"]', "pass")
    ),
    "the idempotency key not covered": lambda: _signed_as(
        planted(message_signature, 'components.append("idempotency-key")', "pass")
    ),
    "as if by another algorithm": lambda: _signed_as(
        planted(message_signature, 'alg="{_ALGORITHMS[signer.alg]}"', 'alg="ecdsa-p256-sha256"')
    ),
}


def _signed_as(by: Any, at: timedelta = timedelta()) -> Request:  # noqa: ANN401  a copy of message_signature
    headers = by.sign_request(SIGNER, "POST", URL, headers=dict([KIND, NAMED]), body=BODY, now=clock.real() + at)
    return Request("POST", URL, fields(headers))


def _unbound() -> Answer:
    """Give an answer whose signer did not say to which request, beside another request."""
    by = planted(message_signature, *DEFECTS["an answer's request is not covered"])
    added = by.sign_answer(SIGNER, Answer(200, [KIND], request()), BODY, clock.real())
    return Answer(200, [KIND, *fields(added)], request())


@pytest.mark.parametrize("made", OWN.values(), ids=OWN)
def test_what_its_signer_left_out_is_missed(made: Callable[[], Request]) -> None:
    with pytest.raises(BadSignature):
        believe(made())


def test_an_answer_to_no_request_is_missed() -> None:
    with pytest.raises(BadSignature, match="does not cover"):
        believe_answer(_unbound())


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
def test_a_reader_that_lacks_a_check_is_caught(defect: tuple[str, str]) -> None:
    lax = planted(message_signature, *defect)
    told = answer(request())
    tampered = [
        *(lambda tamper=tamper: believe(tamper(request()), reader=lax) for tamper in TAMPERED.values()),
        *(lambda made=made: believe(made(), reader=lax) for made in OWN.values()),
        *(lambda tamper=tamper: believe_answer(tamper(told), reader=lax) for tamper in ANSWERS.values()),
        lambda: believe(changed(request(), "signature", _respelt), reader=lax),
        lambda: believe(request(), BODY + b" ", reader=lax),
        lambda: believe_answer(_unbound(), reader=lax),
    ]

    assert any(_passes(attempt, lax) for attempt in tampered)
    believe(request(), reader=lax)


def _respelt(signature: str) -> str:
    """Set the bits after the last byte of a signature, which say nothing."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return signature[:-4] + letters[letters.index(signature[-4]) + 1] + signature[-3:]


def _passes(attempt: Callable[[], None], lax: Any) -> bool:  # noqa: ANN401  a copy of message_signature
    try:
        attempt()
    except (BadSignature, lax.BadSignature):
        return False
    return True
