"""Requests encrypted to us and answers encrypted to wallets: keys by the day, and what is refused."""

import json
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from residency.credential import jws
from residency.credential.wallets import encryption
from residency.credential.wallets.encryption import BadParameters, Undecipherable
from simulators.passkey import DeviceKey
from tests.credential import made

SECRET = bytes(range(32))
PLAIN = b'{"credential_configuration_id":"e_resident_sd_jwt"}'
DAY = timedelta(days=1)
KEY = encryption.published(SECRET, at=made.AT)[0]
_KNOWN = ["ECDH-ES", "ECDH-ES+A128KW", "A128GCM", "A256GCM", "A128CBC-HS256", "DEF"]


def sealed(plain: bytes = PLAIN, *, key: dict[str, str] | None = None, **header: str | None) -> bytes:
    to = key or KEY
    top = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": to["kid"]} | header
    kept = {name: value for name, value in top.items() if value is not None}
    return jwe.encrypt_compact(kept, plain, ECKey.import_key(dict(to)), algorithms=_KNOWN).encode()


@pytest.mark.parametrize("enc", encryption.ENCODINGS)
@pytest.mark.parametrize("compressed", [None, "DEF"])
def test_a_request_to_the_key_of_the_metadata_is_opened(enc: str, compressed: str | None) -> None:
    assert encryption.decrypt(SECRET, sealed(enc=enc, zip=compressed), at=made.AT) == PLAIN


def test_the_key_is_another_one_each_day_and_taken_a_day_longer() -> None:
    today, tomorrow = (encryption.published(SECRET, at=made.AT + days * DAY)[0] for days in (0, 1))
    assert today["kid"] != tomorrow["kid"]
    assert set(today) == {"kty", "crv", "x", "y", "kid", "use", "alg"}

    for days in (-1, 0, 1):
        assert encryption.decrypt(SECRET, sealed(), at=made.AT + days * DAY) == PLAIN
    for days in (-2, 2):
        with pytest.raises(Undecipherable, match="kid is not"):
            encryption.decrypt(SECRET, sealed(), at=made.AT + days * DAY)


def test_processes_that_share_a_secret_share_the_keys_and_no_others() -> None:
    assert encryption.published(SECRET, at=made.AT) == encryption.published(SECRET, at=made.AT + timedelta(hours=1))
    with pytest.raises(Undecipherable, match="kid is not"):
        encryption.decrypt(bytes(32), sealed(), at=made.AT)


NONE = jws.b64(b'{"alg":"none"}') + "...."
UNDECIPHERABLE = {
    "no JWE": (b"x", "not a JWE"),
    "bytes": (b"\xff\xfe", "not a JWE"),
    "no algorithm": (NONE.encode(), "alg is not ECDH-ES"),
    "another algorithm": (sealed(alg="ECDH-ES+A128KW"), "alg is not ECDH-ES"),
    "another encoding": (sealed(enc="A128CBC-HS256"), "enc is none of"),
    "no kid": (sealed(kid=None), "kid is not"),
    "a kid that is a list": (jws.b64(b'{"alg":"ECDH-ES","enc":"A128GCM","kid":[]}').encode() + b"....", "kid is not"),
    "another key of this name": (
        sealed(key=encryption.published(bytes(32), at=made.AT)[0], kid=KEY["kid"]),
        "does not decrypt",
    ),
    "cut": (sealed()[:-4], "does not decrypt"),
    "what swells": (sealed(bytes(2**26), zip="DEF"), "does not decrypt"),
    "what is too long": (sealed(bytes(encryption.REQUEST_BYTES_MAX)), "too long"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNDECIPHERABLE)
def test_a_request_that_can_not_be_opened_is_told_why(case: str) -> None:
    body, reason = UNDECIPHERABLE[case]

    with pytest.raises(Undecipherable) as caught:
        encryption.decrypt(SECRET, body, at=made.AT)

    assert reason in caught.value.reason


PRIVATE = ECKey.generate_key("P-256")
JWK: dict[str, Any] = DeviceKey().jwk | {"alg": "ECDH-ES"}
PARAMETERS: dict[str, tuple[object, str]] = {
    "nothing": ({}, "missing or malformed"),
    "no object": ("x", "missing or malformed"),
    "no enc": ({"jwk": JWK}, "missing or malformed"),
    "another enc": ({"jwk": JWK, "enc": "A192GCM"}, "enc is none of"),
    "another alg": ({"jwk": JWK | {"alg": "RSA-OAEP"}, "enc": "A128GCM"}, "alg of jwk"),
    "no alg": ({"jwk": DeviceKey().jwk, "enc": "A128GCM"}, "alg of jwk"),
    "a private key": ({"jwk": JWK | {"d": "AA"}, "enc": "A128GCM"}, "private member d"),
    "another curve": ({"jwk": JWK | {"crv": "P-384"}, "enc": "A128GCM"}, "not an EC key on P-256"),
    "another zip": ({"jwk": JWK, "enc": "A128GCM", "zip": "GZ"}, "zip is not DEF"),
}


@pytest.mark.parametrize("case", PARAMETERS)
def test_parameters_that_can_not_be_used_are_refused_by_name(case: str) -> None:
    told, reason = PARAMETERS[case]

    with pytest.raises(BadParameters) as caught:
        encryption.parameters(told)

    assert reason in caught.value.reason


@pytest.mark.parametrize("compressed", [None, "DEF"])
def test_an_answer_is_encrypted_as_the_wallet_wants(compressed: str | None) -> None:
    jwk = {**PRIVATE.as_dict(private=False), "alg": "ECDH-ES", "kid": "mine"}
    wanted = {"jwk": jwk, "enc": "A128GCM"} | ({"zip": compressed} if compressed else {})

    sealing = encryption.parameters(wanted)
    answer = jwe.decrypt_compact(sealing.encrypt(PLAIN), PRIVATE, algorithms=_KNOWN)

    assert answer.plaintext == PLAIN
    header = {name: answer.protected.get(name) for name in ("alg", "enc", "kid", "zip")}
    assert json.dumps(header) == json.dumps({"alg": "ECDH-ES", "enc": "A128GCM", "kid": "mine", "zip": compressed})
