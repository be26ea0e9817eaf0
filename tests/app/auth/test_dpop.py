"""DPoP proofs: one made for this request a moment ago holds; every other is refused (RFC 9449 section 4.3)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from app.auth import dpop, jose
from simulators.passkey import DeviceKey
from tests.app.auth.forge import ISSUER, NOW, NOW_S, URL, device, key, proof


def _check(text: str | None, *, method: str = "GET", url: str = URL) -> dpop.Proof:
    return dpop.check(text, method=method, url=url, access_token="token", now=NOW)


def _jwk(**changed: object) -> dict[str, Any]:
    members = device.jwk | changed
    return {"jwk": {name: value for name, value in members.items() if value is not None}}


def _with_private(member: str) -> str:
    return proof(header_=_jwk(**{member: "AAAA"}))


FORGED: dict[str, Callable[[], str | None]] = {
    "absent": lambda: None,
    "empty": lambda: "",
    "not a proof": lambda: "a.b.c",
    "another method": lambda: proof(htm="POST"),
    "method in lower case": lambda: proof(htm="get"),
    "no method": lambda: proof(htm=None),
    "another path": lambda: proof(htu=f"{ISSUER}/v1/cards"),
    "a longer path": lambda: proof(htu=f"{URL}/x"),
    "another host": lambda: proof(htu="https://evil.example/v1/me"),
    "another port": lambda: proof(htu="https://e-residency.example:8443/v1/me"),
    "another scheme": lambda: proof(htu="http://e-residency.example/v1/me"),
    "user before the host": lambda: proof(htu="https://e-residency.example@evil.example/v1/me"),
    "port is no number": lambda: proof(htu="https://e-residency.example:port/v1/me"),
    "no target": lambda: proof(htu=None),
    "target is a path": lambda: proof(htu="/v1/me"),
    "no id": lambda: proof(jti=None),
    "short id": lambda: proof(jti="1234567"),
    "long id": lambda: proof(jti="x" * 129),
    "id is a number": lambda: proof(jti=12345678),
    "id holds what can't be stored": lambda: proof(jti="12345678\x00"),
    "id ends with a line break": lambda: proof(jti="12345678\n"),
    "no time": lambda: proof(iat=None),
    "a minute and a second old": lambda: proof(iat=NOW_S - 61),
    "made in eleven seconds": lambda: proof(iat=NOW_S + 11),
    "time in milliseconds": lambda: proof(iat=NOW_S * 1_000),
    "time is text": lambda: proof(iat=str(NOW_S)),
    "another token": lambda: proof(access_token="other"),
    "no token": lambda: proof(ath=None),
    "another type": lambda: proof(header_={"typ": "JWT"}),
    "no type": lambda: proof(header_={"typ": None}),
    "no key": lambda: proof(header_={"jwk": None}),
    "key of somebody else": lambda: proof(header_={"jwk": DeviceKey().jwk}),
    "key off the curve": lambda: proof(header_=_jwk(y=device.jwk["x"])),
    "key on another curve": lambda: proof(header_=_jwk(crv="P-384")),
    "key without y": lambda: proof(header_=_jwk(y=None)),
    "key of zeros": lambda: proof(header_=_jwk(x=jose.b64(bytes(32)), y=jose.b64(bytes(32)))),
    "key with a long coordinate": lambda: proof(header_=_jwk(x=jose.b64(b"\x00" + jose.unb64(device.jwk["x"])))),
    "key in loose base64": lambda: proof(header_=_jwk(x=device.jwk["x"] + "=")),
    "symmetric key": lambda: proof(header_={"jwk": {"kty": "oct", "k": "AAAA"}, "alg": "HS256"}),
    "RSA key": lambda: proof(header_={"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, "alg": "PS256"}),
    "Ed25519 said of a P-256 key": lambda: proof(header_={"alg": "EdDSA"}),
    "unsigned": lambda: proof(header_={"alg": "none"}),
    "unsigned, empty": lambda: proof(header_={"alg": "none"}).rpartition(".")[0] + ".",
    "critical extension": lambda: proof(header_={"crit": ["exp"]}),
    "signature of another proof": lambda: proof().rpartition(".")[0] + "." + proof().rpartition(".")[2],
    "too long": lambda: proof(htu=URL + "?" + "x" * jose.TOKEN_MAX),
    **{f"private member {name}": partial(_with_private, name) for name in ("d", "k", "p", "q")},
}


def test_a_proof_for_this_request_holds() -> None:
    held = _check(proof())

    assert held.thumbprint == key(device.jwk).thumbprint


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_a_proof_for_anything_else_is_refused(forged: Callable[[], str | None]) -> None:
    with pytest.raises(dpop.Refused):
        _check(forged())


@pytest.mark.parametrize(
    "same",
    [URL + "?limit=1", URL + "#top", "HTTPS://E-Residency.Example/v1/me", "https://e-residency.example:443/v1/me"],
)
def test_the_target_is_compared_after_normalisation(same: str) -> None:
    _check(proof(htu=same))


@pytest.mark.parametrize("iat", [NOW_S - 60, NOW_S + 10, NOW_S + 0.5])
def test_clocks_of_phones_may_differ_a_little(iat: float) -> None:
    _check(proof(iat=iat))


def test_a_header_member_we_do_not_know_is_ignored() -> None:
    _check(proof(header_={"kid": "mine"}))


def test_a_proof_before_sign_in_names_no_token() -> None:
    text = proof(ath=None)

    dpop.check(text, method="GET", url=URL, access_token=None, now=NOW)


def test_an_ed25519_key_proves_as_well() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    template = proof(header_={"alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": jose.b64(raw)}})
    message = template.rpartition(".")[0]

    _check(f"{message}.{jose.b64(private.sign(message.encode()))}")
