"""Access tokens: one that we made for now is believed; every other is not."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from app.auth import jose, token
from app.ring import Ring
from proof.signer import Alg, FileSigner
from tests.app.auth import forge
from tests.app.auth.forge import ISSUER, NOW, NOW_S, claims, header, signed

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _sound() -> str:
    return signed(header(), claims())


def _unsigned(algorithm: str) -> str:
    parts = (header(alg=algorithm), claims())
    return ".".join(jose.b64(json.dumps(part).encode()) for part in parts) + "."


def _with_signature(change: Callable[[bytes], bytes]) -> str:
    message, _, signature = _sound().rpartition(".")
    return f"{message}.{jose.b64(change(jose.unb64(signature)))}"


def _raised(signature: bytes) -> bytes:
    return signature[:32] + (_ORDER - int.from_bytes(signature[32:])).to_bytes(32)


def _hmac_with_public_key() -> str:
    message = ".".join(jose.b64(json.dumps(part).encode()) for part in (header(alg="HS256"), claims()))
    secret = json.dumps(forge.signer.public_jwk).encode()
    return f"{message}.{jose.b64(hmac.digest(secret, message.encode(), 'sha256'))}"


def _payload_exchanged() -> str:
    head, _, signature = _sound().split(".")
    return f"{head}.{jose.b64(json.dumps(claims(role='officer')).encode())}.{signature}"


FORGED: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "not a token": lambda: "abc",
    "two parts": lambda: "e30.e30",
    "five parts": lambda: "e30.e30.e30.e30.e30",
    "unsigned, none": lambda: _unsigned("none"),
    "unsigned, None": lambda: _unsigned("None"),
    "unsigned, ES256": lambda: _unsigned("ES256"),
    "HMAC with the public key": _hmac_with_public_key,
    "signed by another key under our kid": lambda: signed(header(), claims(), forge.other_signer),
    "signed by another key under its kid": lambda: signed(
        header(kid=forge.other_signer.kid), claims(), forge.other_signer
    ),
    "brings its key along": lambda: signed(header(jwk=forge.other_signer.public_jwk), claims(), forge.other_signer),
    "jwk beside our signature": lambda: signed(header(jwk=forge.signer.public_jwk), claims()),
    "names a key set": lambda: signed(header(jku="https://evil.example/jwks.json"), claims()),
    "names a certificate": lambda: signed(header(x5u="https://evil.example/cert.pem"), claims()),
    "carries a certificate": lambda: signed(header(x5c=["MIIB"]), claims()),
    "critical extension": lambda: signed(header(crit=["exp"]), claims()),
    "zipped": lambda: signed(header(zip="DEF"), claims()),
    "kid is a path": lambda: signed(header(kid="../../dev/null"), claims()),
    "kid is a number": lambda: signed(header(kid=1), claims()),
    "no kid": lambda: signed(header(kid=None), claims()),
    "no alg": lambda: signed(header(alg=None), claims()),
    "alg of another curve": lambda: signed(header(alg="ES384"), claims()),
    "no typ": lambda: signed(header(typ=None), claims()),
    "typ of any token": lambda: signed(header(typ="JWT"), claims()),
    "typ of a proof": lambda: signed(header(typ="dpop+jwt"), claims()),
    "typ of a credential": lambda: signed(header(typ="dc+sd-jwt"), claims()),
    "expired": lambda: signed(header(), claims(iat=NOW_S - 400, exp=NOW_S - 100)),
    "expires this second": lambda: signed(header(), claims(iat=NOW_S - 300, exp=NOW_S)),
    "never expires": lambda: signed(header(), claims(exp=None)),
    "expires in a hundred years": lambda: signed(header(), claims(exp=NOW_S + 3_000_000_000)),
    "a second too long": lambda: signed(header(), claims(exp=NOW_S + 301)),
    "expires before it is issued": lambda: signed(header(), claims(iat=NOW_S + 9, exp=NOW_S + 1)),
    "expiry is text": lambda: signed(header(), claims(exp=str(NOW_S + 300))),
    "expiry is a fraction": lambda: signed(header(), claims(exp=NOW_S + 0.5)),
    "issued in the future": lambda: signed(header(), claims(iat=NOW_S + 60, exp=NOW_S + 120)),
    "no iat": lambda: signed(header(), claims(iat=None)),
    "another issuer": lambda: signed(header(), claims(iss="https://evil.example")),
    "no issuer": lambda: signed(header(), claims(iss=None)),
    "another audience": lambda: signed(header(), claims(aud="https://other.example")),
    "several audiences": lambda: signed(header(), claims(aud=[ISSUER, "https://other.example"])),
    "no audience": lambda: signed(header(), claims(aud=None)),
    "no subject": lambda: signed(header(), claims(sub=None)),
    "subject is no id": lambda: signed(header(), claims(sub="admin")),
    "no session": lambda: signed(header(), claims(sid=None)),
    "no scope": lambda: signed(header(), claims(scope=None)),
    "scope is a list": lambda: signed(header(), claims(scope=["me:read"])),
    "a role nobody has": lambda: signed(header(), claims(role="administrator")),
    "bound to no key": lambda: signed(header(), claims(cnf=None)),
    "bound to nothing": lambda: signed(header(), claims(cnf={})),
    "payload exchanged": _payload_exchanged,
    "signature in its other form": lambda: _with_signature(_raised),
    "signature cut": lambda: _with_signature(lambda raw: raw[:-1]),
    "signature empty": lambda: _with_signature(lambda raw: raw[:0]),
    "signature of zeros": lambda: _with_signature(lambda raw: bytes(len(raw))),
    "signature in DER": lambda: _with_signature(lambda raw: b"\x30\x44\x02\x20" + raw[:32] + b"\x02\x20" + raw[32:]),
    "padded": lambda: _sound() + "=",
    "with a line break": lambda: _sound() + "\n",
    "in standard base64": lambda: base64.b64encode(b"\xff\xef\xfe" + _sound().encode()).decode(),
    "payload is a list": lambda: _sound_of(b"[]"),
    "payload is not JSON": lambda: _sound_of(b"{"),
    "payload is not UTF-8": lambda: _sound_of(b'{"iss":"\xff"}'),
    "too long": lambda: signed(header(), claims(name="x" * jose.TOKEN_MAX)),
    "outside ASCII": lambda: _sound().replace(".", "․"),
    "outside Unicode": lambda: _sound() + "\udc80",
}


def _sound_of(payload: bytes) -> str:
    message = f"{jose.b64(json.dumps(header()).encode())}.{jose.b64(payload)}"
    return f"{message}.{jose.b64(jose.lowered(forge.signer.sign(message.encode())))}"


def test_a_token_of_ours_is_believed() -> None:
    read = forge.reader().read(_sound(), NOW)

    assert (read.role, read.scope) == ("resident", "me:read me:write")


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_refused(forged: Callable[[], str]) -> None:
    with pytest.raises(token.Refused):
        forge.reader().read(forged(), NOW)


def test_a_token_that_was_believed_still_expires() -> None:
    reader, text = forge.reader(), _sound()
    reader.read(text, NOW)

    with pytest.raises(token.Refused, match="expired"):
        reader.read(text, NOW + timedelta(seconds=300))


def test_a_token_without_a_key_is_for_demo_and_test() -> None:
    text = signed(header(), claims(cnf=None, exp=NOW_S + 3600))

    assert forge.reader(bearer=True).read(text, NOW).cnf is None
    with pytest.raises(token.Refused, match="not bound"):
        forge.reader(bearer=False).read(text, NOW)


def test_every_key_that_is_published_is_believed_and_none_besides() -> None:
    published = [forge.signer.public_jwk]
    reader = token.Reader(ISSUER, lambda: published, bearer=False)
    old, new = _sound(), signed(header(kid=forge.other_signer.kid), claims(), forge.other_signer)
    seconds = [NOW + timedelta(seconds=second) for second in range(4)]

    reader.read(old, seconds[0])
    with pytest.raises(token.Refused, match="unknown kid"):
        reader.read(new, seconds[0])

    published.append(forge.other_signer.public_jwk)  # the next key: known before it signs
    reader.read(old, seconds[1])
    reader.read(new, seconds[1])

    del published[0]  # the last key: what it signed is believed no longer, though it was a second ago
    reader.read(new, seconds[2])
    with pytest.raises(token.Refused, match="unknown kid"):
        reader.read(old, seconds[2])


def test_a_rotation_is_noticed_by_every_process_and_nobody_is_turned_away(tmp_path: Path) -> None:
    at = NOW
    rings = [Ring(tmp_path, "access", Alg.ES256, now=lambda: at) for _ in range(2)]
    readers = [token.Reader(ISSUER, ring.published, bearer=False) for ring in rings]
    first = rings[0].current().kid
    rings[0].rotate(NOW + timedelta(minutes=10))
    kids = []

    for minute in range(20):
        at = NOW + timedelta(minutes=minute)
        said = msgspec.convert(claims(iat=int(at.timestamp()), exp=int(at.timestamp()) + 300), token.Claims)
        for ring in rings:
            signer = ring.current()
            kids.append(signer.kid)
            made = token.mint(signer, said)
            for reader in readers:
                assert reader.read(made, at + timedelta(seconds=4 * 60)) == said

    second = rings[1].current().kid
    assert second != first
    assert kids == [first] * 20 + [second] * 20


def test_a_token_signed_with_ed25519_is_believed_where_that_key_is_ours() -> None:
    signer = FileSigner(ed25519.Ed25519PrivateKey.generate())
    reader = token.Reader(ISSUER, lambda: [signer.public_jwk], bearer=False)
    said = msgspec.convert(claims(), token.Claims)

    assert reader.read(token.mint(signer, said), NOW) == said
    with pytest.raises(token.Refused, match="alg"):
        reader.read(signed(header(kid=signer.kid), claims(), signer), NOW)


def test_what_is_believed_is_not_kept_without_end() -> None:
    reader = forge.reader(remembered_max=2)

    for number in range(5):
        reader.read(signed(header(), claims(name=str(number))), NOW)

    assert len(reader._believed) == 2  # noqa: SLF001  the bound is what is tested


def test_the_description_of_a_refusal_fits_a_header() -> None:
    assert token.challenge("invalid_token", 'a "quoted"\\ line\r\nX: y') == (
        'DPoP error="invalid_token", error_description="a quoted lineX: y", algs="ES256 EdDSA"'
    )
