"""Reading the Idempotency-Key header."""

import pytest

from app import idempotency_key


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ('"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (r'"a\"b\\c"', r'a"b\c'),
        ("  abc ", "abc"),
        ('"' + "x" * 255 + '"', "x" * 255),
    ],
)
def test_a_string_or_a_bare_token_is_a_key(header: str, key: str) -> None:
    assert idempotency_key.read(header) == key


@pytest.mark.parametrize("header", [None, "", "   "])
def test_no_key_is_missing(header: str | None) -> None:
    with pytest.raises(idempotency_key.Missing):
        idempotency_key.read(header)


@pytest.mark.parametrize("header", ['""', '"a', "a b", "ключ", '"a\x00"', "x" * 256, '"' + "x" * 256 + '"', "a,b"])
def test_what_no_key_can_be_is_refused(header: str) -> None:
    with pytest.raises(idempotency_key.Malformed):
        idempotency_key.read(header)
