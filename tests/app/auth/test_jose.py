"""Reading signed JSON: vectors of the standards, and no text that says the same as another."""

import msgspec
import pytest

from app.auth import jose

# RFC 8037 appendix A: the key, its thumbprint, and a message it signed.
_ED25519 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
_SIGNED = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4"
    "iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)
# RFC 7515 appendix A.3: ES256.
_P256 = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
_SIGNED_P256 = (
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)


def _key(jwk: dict[str, str]) -> jose.Key:
    return jose.key_of(msgspec.convert(jwk, jose.Jwk))


def test_a_thumbprint_is_that_of_the_standard() -> None:
    assert _key(_ED25519).thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize(("jwk", "text"), [(_ED25519, _SIGNED), (_P256, _SIGNED_P256)], ids=["EdDSA", "ES256"])
def test_a_message_of_the_standard_verifies(jwk: dict[str, str], text: str) -> None:
    message = jose.split(text)

    _key(jwk).verify(message.signature, message.signed)
    with pytest.raises(jose.Unreadable):
        _key(jwk).verify(message.signature, message.signed + b"x")


@pytest.mark.parametrize("raw", [b"", b"\x00", b"\xff\xfe", b"any carnal pleas", bytes(range(256))])
def test_base64url_is_read_as_written(raw: bytes) -> None:
    assert jose.unb64(jose.b64(raw)) == raw


@pytest.mark.parametrize("text", ["A", "AB==", "AA=", "A A", "AA\n", "+/8", "AB", "AAF", "Ä", "\udc80", "AA.A"])
def test_a_second_spelling_of_the_same_bytes_is_refused(text: str) -> None:
    with pytest.raises(jose.Unreadable):
        jose.unb64(text)


def test_a_signature_has_one_lower_form() -> None:
    signature = jose.split(_SIGNED_P256).signature
    low = jose.lowered(signature)

    assert jose.is_low(low)
    assert jose.lowered(low) == low
    _key(_P256).verify(low, jose.split(_SIGNED_P256).signed)
