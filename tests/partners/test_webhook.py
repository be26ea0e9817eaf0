"""The Standard Webhooks codec against the specification, the reference library and everything strangers may send."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from app.partners import webhook

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
BODY = b'{"type":"payment.received","timestamp":"2026-11-20T09:00:00Z","data":{"payment_id":"P-1"}}'
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the one in the reference libraries' own tests
SHARED = webhook.shared_key(SECRET)
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = webhook.Public(SIGNER.public_key().public_bytes_raw())


def signed(*, at: datetime = NOW, message_id: str = "msg_1", with_hmac: bool = True) -> dict[str, str]:
    """Headers of a message of ours, under the shared secret or the private key."""
    text = webhook.signed_text(message_id, at, BODY)
    signature = webhook.hmac_sha256(SHARED, text) if with_hmac else webhook.ed25519(SIGNER.sign(text))
    return webhook.headers(message_id, at, [signature])


@pytest.mark.parametrize("key", [SHARED, PUBLIC], ids=["v1", "v1a"])
def test_a_signed_message_names_itself_and_its_time(key: webhook.Key) -> None:
    received = webhook.verify(signed(with_hmac=key is SHARED), BODY, keys=[key], now=NOW + timedelta(seconds=2))

    assert received == webhook.Received(id="msg_1", at=NOW)


def test_v1a_gives_the_signature_printed_in_the_specification() -> None:
    key = webhook.private_key(
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
    )
    at = datetime.fromtimestamp(1614265330, tz=UTC)
    text = webhook.signed_text("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')

    printed = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    assert webhook.ed25519(key.sign(text)) == printed


def test_the_reference_library_accepts_what_we_sign() -> None:
    at = datetime.now(UTC)  # it reads the clock itself

    standardwebhooks.Webhook(SECRET).verify(BODY, signed(at=at))


def test_we_accept_what_the_reference_library_signs() -> None:
    signature = standardwebhooks.Webhook(SECRET).sign("msg_1", NOW, BODY.decode())

    assert webhook.verify(webhook.headers("msg_1", NOW, [signature]), BODY, keys=[SHARED], now=NOW).id == "msg_1"


@pytest.mark.parametrize("key", [SHARED, PUBLIC], ids=["v1", "v1a"])
@given(place=st.integers(0, len(BODY) - 1), flip=st.integers(1, 255))
def test_no_byte_of_the_body_can_be_changed(key: webhook.Key, place: int, flip: int) -> None:
    changed = BODY[:place] + bytes([BODY[place] ^ flip]) + BODY[place + 1 :]

    with pytest.raises(webhook.BadSignature):
        webhook.verify(signed(with_hmac=key is SHARED), changed, keys=[key], now=NOW)


@pytest.mark.parametrize("header", [webhook.ID_HEADER, webhook.TIMESTAMP_HEADER])
def test_the_id_and_the_time_are_signed_too(header: str) -> None:
    other = signed(message_id="msg_2", at=NOW + timedelta(seconds=1))

    with pytest.raises(webhook.BadSignature, match="no_signature_matches"):
        webhook.verify(signed() | {header: other[header]}, BODY, keys=[SHARED], now=NOW)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_message_is_fresh_for_five_minutes_either_way(seconds: int) -> None:
    assert webhook.verify(signed(), BODY, keys=[SHARED], now=NOW + timedelta(seconds=seconds)).at == NOW


@pytest.mark.parametrize("seconds", [-301, 301])
def test_an_older_or_later_message_is_refused(seconds: int) -> None:
    with pytest.raises(webhook.BadSignature, match="timestamp_outside_tolerance"):
        webhook.verify(signed(), BODY, keys=[SHARED], now=NOW + timedelta(seconds=seconds))


def test_while_a_key_is_rotated_either_signature_is_enough() -> None:
    text = webhook.signed_text("msg_1", NOW, BODY)
    retired = webhook.Shared(b"r" * 32)
    both = webhook.headers("msg_1", NOW, [webhook.hmac_sha256(retired, text), webhook.ed25519(SIGNER.sign(text))])

    assert webhook.verify(both, BODY, keys=[PUBLIC], now=NOW).id == "msg_1"
    assert webhook.verify(both, BODY, keys=[SHARED, retired], now=NOW).id == "msg_1"


def test_a_signature_counts_only_under_its_own_scheme() -> None:
    relabelled = {**signed(with_hmac=False)}
    relabelled[webhook.SIGNATURE_HEADER] = relabelled[webhook.SIGNATURE_HEADER].replace("v1a,", "v1,")

    with pytest.raises(webhook.BadSignature, match="no_signature_matches"):
        webhook.verify(relabelled, BODY, keys=[SHARED, PUBLIC], now=NOW)


def test_without_a_key_nobody_is_believed() -> None:
    with pytest.raises(webhook.BadSignature, match="no_signature_matches"):
        webhook.verify(signed(), BODY, keys=[], now=NOW)


@pytest.mark.parametrize("header", [webhook.ID_HEADER, webhook.TIMESTAMP_HEADER, webhook.SIGNATURE_HEADER])
@pytest.mark.parametrize("value", [None, "", " "])
def test_a_missing_or_empty_header_is_a_bad_signature(header: str, value: str | None) -> None:
    headers = {name: text for name, text in (signed() | {header: value}).items() if text is not None}

    with pytest.raises(webhook.BadSignature):
        webhook.verify(headers, BODY, keys=[SHARED], now=NOW)


MALFORMED = [
    (webhook.SIGNATURE_HEADER, "v1"),  # the reference library answers these with ValueError
    (webhook.SIGNATURE_HEADER, "v1,a,b"),
    (webhook.SIGNATURE_HEADER, "v1,Ж"),
    (webhook.SIGNATURE_HEADER, ","),
    (webhook.SIGNATURE_HEADER, "v1a," + base64.b64encode(b"short").decode()),
    (webhook.SIGNATURE_HEADER, "v1a," + base64.b64encode(bytes(64)).decode()),
    (webhook.SIGNATURE_HEADER, " ".join(["v1a,AAAA"] * 9)),
    (webhook.TIMESTAMP_HEADER, "1e9"),
    (webhook.TIMESTAMP_HEADER, "1700000000.5"),
    (webhook.TIMESTAMP_HEADER, "-1"),
    (webhook.TIMESTAMP_HEADER, "\u0661\u0667" * 5),  # Arabic digits
    (webhook.TIMESTAMP_HEADER, "9" * 400),
    (webhook.TIMESTAMP_HEADER, "nan"),
    (webhook.ID_HEADER, "msg.1"),
    (webhook.ID_HEADER, "msg\n1"),
    (webhook.ID_HEADER, "msg 1"),
    (webhook.ID_HEADER, "m" * 256),
]


@pytest.mark.parametrize(("header", "value"), MALFORMED)
def test_a_malformed_header_is_a_bad_signature_and_nothing_else(header: str, value: str) -> None:
    with pytest.raises(webhook.BadSignature):
        webhook.verify(signed() | {header: value}, BODY, keys=[SHARED, PUBLIC], now=NOW)


HEADERS = st.fixed_dictionaries(
    {webhook.ID_HEADER: st.text(), webhook.TIMESTAMP_HEADER: st.text(), webhook.SIGNATURE_HEADER: st.text()}
)


@given(headers=HEADERS, body=st.binary())
def test_nothing_a_stranger_sends_raises_anything_else(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(webhook.BadSignature):
        webhook.verify(headers, body, keys=[SHARED, PUBLIC], now=NOW)


def test_a_broken_entry_does_not_hide_the_good_one_beside_it() -> None:
    headers = signed()
    headers[webhook.SIGNATURE_HEADER] = "v9,???? v1 " + headers[webhook.SIGNATURE_HEADER]

    assert webhook.verify(headers, BODY, keys=[SHARED], now=NOW).id == "msg_1"


def test_a_key_survives_its_written_form() -> None:
    assert webhook.public_key(webhook.show_public(PUBLIC.key)) == PUBLIC


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (webhook.shared_key, "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        (webhook.shared_key, "whsec_c2hvcnQ="),
        (webhook.shared_key, "whsec_" + base64.b64encode(bytes(65)).decode()),
        (webhook.shared_key, "whsec_%%%%"),
        (webhook.public_key, "whpk_" + base64.b64encode(bytes(31)).decode()),
        (webhook.public_key, "whpk_Ж"),
        (webhook.private_key, "whsk_" + base64.b64encode(bytes(33)).decode()),
    ],
)
def test_a_text_of_another_form_is_no_key(read: object, text: str) -> None:
    with pytest.raises(webhook.BadKey):
        read(text)  # type: ignore[operator]  # each is a function of one text


def test_a_shared_secret_never_shows_itself() -> None:
    assert base64.b64encode(SHARED.secret).decode() not in repr(SHARED)
    assert repr(SHARED.secret) not in repr(SHARED)
