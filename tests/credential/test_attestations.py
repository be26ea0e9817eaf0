"""What wallet providers say of wallets and keys: what is believed, and every way in which it is not."""

import base64
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from residency.credential.dataset import Kind
from residency.credential.wallets import grade, key_attestation, key_proof, wallet_attestation
from residency.credential.wallets.grade import Grade, GradeTooLow
from residency.credential.wallets.key_proof import InvalidProof
from residency.credential.wallets.wallet_provider import Provider, Unattested
from simulators.passkey import DeviceKey
from simulators.wallet_provider import WalletProvider
from tests.credential import made
from tests.planted import planted

NOW_S = int(time.time())
NOW = datetime.fromtimestamp(NOW_S, UTC)


def now() -> float:
    """Say the time of every statement here: a module may be run minutes after it was read."""
    return NOW_S


PROVIDER, OTHER = (WalletProvider(f"https://{name}.example", now=now) for name in ("provider", "other"))
TRUSTED = (Provider("other", OTHER.root), Provider("provider", PROVIDER.root))
CLIENT, AUDIENCE = "kz.example.wallet", made.URL
WALLET = PROVIDER.wallet(CLIENT, AUDIENCE)


def attestation(*, by: WalletProvider = PROVIDER, header: dict[str, Any] | None = None, **changed: object) -> str:
    claims = {"sub": CLIENT, "exp": NOW_S + 3_600, "cnf": {"jwk": WALLET.key.jwk}} | changed
    return by.sign(wallet_attestation.TYP, claims, header)


def recognised(said: str, pop: str | None = None, *, trusted: tuple[Provider, ...] = TRUSTED) -> object:
    return wallet_attestation.check(said, pop or WALLET.pop(), trusted, audience=AUDIENCE, at=NOW)


def test_a_wallet_is_known_by_its_provider_its_name_and_its_own_key() -> None:
    status = PROVIDER.status(7)

    found = wallet_attestation.check(attestation(status=status), WALLET.pop(), TRUSTED, audience=AUDIENCE, at=NOW)

    assert (found.provider, found.client) == ("provider", CLIENT)
    assert found.status is not None
    assert (found.status.idx, found.status.uri) == (7, status["status_list"]["uri"])
    assert (
        found.instance
        == wallet_attestation.check(attestation(), WALLET.pop(), TRUSTED, audience=AUDIENCE, at=NOW).instance
    )


SOUND = {"aud": AUDIENCE, "jti": "0123456789", "iat": NOW_S}
OTHER_TYPE = WALLET.key.jws({"typ": "JWT", "alg": "ES256"}, SOUND)
ROOT = base64.b64encode(PROVIDER.root.public_bytes(Encoding.DER)).decode()
REFUSED = {
    "no token": ("x", None, "not a JWT"),
    "another type": (attestation(header={"typ": "JWT"}), None, "typ is not oauth-client-attestation+jwt"),
    "no algorithm": (attestation(header={"alg": "none"}), None, "alg is not ES256"),
    "a keyed hash": (attestation(header={"alg": "HS256"}), None, "alg is not ES256"),
    "an extension": (attestation(header={"crit": ["b64"]}), None, "crit names"),
    "no chain": (attestation(header={"x5c": None}), None, "x5c is missing"),
    "a chain that is none": (attestation(header={"x5c": ["AAAA"]}), None, "x5c: unreadable_certificate"),
    "the anchor in the chain": (attestation(header={"x5c": [*PROVIDER.x5c, ROOT]}), None, "x5c: contains_anchor"),
    "the anchor alone": (attestation(header={"x5c": [ROOT]}), None, "x5c: contains_anchor"),
    "another's chain": (attestation(header={"x5c": OTHER.x5c}), None, "does not verify with x5c"),
    "expired": (attestation(exp=NOW_S - 61), None, "exp is past"),
    "no end": (attestation(exp=None), None, "exp is missing"),
    "an end that is text": (attestation(exp="tomorrow"), None, "exp is not a time"),
    "not begun": (attestation(nbf=NOW_S + 120), None, "yet to come"),
    "no name": (attestation(sub=None), None, "sub is not"),
    "a name in other letters": (attestation(sub="w\u0430llet"), None, "sub is not"),
    "a name with a break": (attestation(sub="a\nb"), None, "sub is not"),
    "no key": (attestation(cnf={}), None, "cnf.jwk is not an object"),
    "a private key": (attestation(cnf={"jwk": WALLET.key.jwk | {"d": "AA"}}), None, "has the private member d"),
    "a status that is none": (attestation(status={"status_list": {"idx": -1, "uri": "x"}}), None, "status is not"),
    "a proof of another key": (attestation(cnf={"jwk": DeviceKey().jwk}), None, "PoP: the signature does not verify"),
    "no proof": (attestation(), "x", "PoP: not a JWT"),
    "a proof of another type": (attestation(), OTHER_TYPE, "PoP: typ is not"),
    "a proof for another": (attestation(), WALLET.pop(aud="https://other.example"), "PoP: aud is not"),
    "a proof for several": (attestation(), WALLET.pop(aud=[AUDIENCE, "https://other.example"]), "PoP: aud is not"),
    "a proof of a time beyond reckoning": (attestation(), WALLET.pop(iat=10**400), "PoP: iat is missing"),
    "an end beyond reckoning": (attestation(exp=10**400), None, "exp is not a time"),
    "an old proof": (attestation(), WALLET.pop(iat=NOW_S - 301), "PoP: iat is not within"),
    "a proof from the future": (attestation(), WALLET.pop(iat=NOW_S + 90), "PoP: iat is not within"),
    "a proof of no time": (attestation(), WALLET.pop(iat=None), "PoP: iat is missing"),
    "a proof without an id": (attestation(), WALLET.pop(jti=None), "PoP: jti is not"),
    "a proof with a short id": (attestation(), WALLET.pop(jti="abc"), "PoP: jti is not"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wallet_that_is_not_attested_is_told_which_check_failed(case: str) -> None:
    said, pop, reason = REFUSED[case]

    with pytest.raises(Unattested) as caught:
        recognised(said, pop)

    assert reason in caught.value.check
    assert caught.value.stale is (case == "expired")


#: A check of residency/credential/wallets/wallet_attestation.py, and what stands in its place in a copy.
DEFECTS: dict[str, tuple[str, str]] = {
    "any end": ('if "exp" not in said.payload:', "if False:"),
    "any type of proof": ('if token.header.get("typ") != POP_TYP:', "if False:"),
    "any key": ("if not token.signed_by(key):", "if False:"),
    "any audience": ('if token.payload.get("aud") not in (audience, [audience]):', "if False:"),
    "any age": ("if not -LEEWAY_S <= at.timestamp()", "if False and not -LEEWAY_S <= at.timestamp()"),
    "any name": ("not 0 < len(client) <= _ID_MAX or not _is_plain(client)", "not client"),
}


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
def test_a_server_that_lacks_a_check_is_caught(defect: tuple[str, str]) -> None:
    lax = planted(wallet_attestation, *defect)

    assert any(_taken(lax, said, pop) for said, pop, _ in REFUSED.values())
    assert not any(_taken(wallet_attestation, said, pop) for said, pop, _ in REFUSED.values())


def _taken(by: Any, said: str, pop: str | None) -> bool:  # noqa: ANN401  the module or a copy
    try:
        by.check(said, pop or WALLET.pop(), TRUSTED, audience=AUDIENCE, at=NOW)
    except Unattested:
        return False
    return True


def test_a_provider_that_is_not_trusted_vouches_for_nobody() -> None:
    with pytest.raises(Unattested, match="does not lead to a wallet provider"):
        recognised(attestation(), trusted=TRUSTED[:1])


def test_no_byte_of_an_attestation_can_be_changed() -> None:
    said = attestation()
    for place in range(0, len(said), 7):
        with pytest.raises(Unattested):
            recognised(said[:place] + ("A" if said[place] != "A" else "B") + said[place + 1 :])


KEYS = [DeviceKey() for _ in range(3)]


def keys_attested(**changed: object) -> str:
    return PROVIDER.key_attestation([key.jwk for key in KEYS], **({"nonce": "n1"} | changed))


def proven(proofs: object, **changes: object) -> key_proof.Proven:
    return key_proof.check(proofs, made.terms(providers=TRUSTED, at=NOW, **changes))


def proof(key: DeviceKey, attested: str | None, **header: object) -> str:
    top = {"typ": key_proof.TYP, "alg": "ES256", "jwk": key.jwk, "key_attestation": attested} | header
    claims = {"aud": AUDIENCE, "iat": NOW_S, "nonce": "n1"}
    return key.jws({name: value for name, value in top.items() if value is not None}, claims)


def test_one_proof_brings_all_keys_that_are_attested_with_its_own() -> None:
    for given in (proof(KEYS[1], keys_attested()), proof(KEYS[1], keys_attested(), jwk=None, kid="1")):
        found = proven({"jwt": [given]})

        assert [dict(key) for key in found.keys] == [key.jwk for key in KEYS]
        assert found.nonces == {"n1"}
        assert grade.reached(attested=True, attestations=found.attestations) is Grade.HIGH


def test_an_attestation_alone_shows_its_keys() -> None:
    found = proven({"attestation": [keys_attested(exp=None)]})

    assert [dict(key) for key in found.keys] == [key.jwk for key in KEYS]


def test_the_name_that_drafts_gave_it_is_taken_too() -> None:
    claims = {"attested_keys": [KEYS[0].jwk], "nonce": "n1"}

    assert proven({"attestation": [PROVIDER.sign("keyattestation+jwt", claims)]}).keys == (KEYS[0].jwk,)


def test_keys_of_two_proofs_are_counted_once() -> None:
    many = [DeviceKey() for _ in range(key_proof.BATCH_MAX)]
    said = PROVIDER.key_attestation([key.jwk for key in many], nonce="n1")

    found = proven({"jwt": [proof(many[0], said), proof(many[1], said)]})

    assert [dict(key) for key in found.keys] == [key.jwk for key in many]


@pytest.mark.parametrize("kind", key_proof.TYPES)
def test_no_key_beyond_a_batch_is_dropped_in_silence(kind: str) -> None:
    many = [DeviceKey() for _ in range(key_proof.BATCH_MAX + 1)]
    said = PROVIDER.key_attestation([key.jwk for key in many], nonce="n1")

    with pytest.raises(InvalidProof, match="at most 10 keys"):
        proven({kind: [proof(many[-1], said) if kind == "jwt" else said]})


def test_one_key_that_is_not_attested_leaves_the_request_without_and_the_others_with_their_attestation() -> None:
    plain = proof(DeviceKey(), None)

    found = proven({"jwt": [proof(KEYS[0], keys_attested()), plain]})

    assert len(found.keys) == len(KEYS) + 1
    assert not found.attested
    assert [each.provider for each in found.attestations] == ["provider"]


KEYS_REFUSED = {
    "none of the attested": ({"jwt": [proof(DeviceKey(), keys_attested())]}, "jwk is none of the attested_keys"),
    "no such number": ({"jwt": [proof(KEYS[0], keys_attested(), jwk=None, kid="3")]}, "kid is not the number"),
    "a number of another": ({"jwt": [proof(KEYS[0], keys_attested(), jwk=None, kid="2")]}, "does not verify"),
    "no end beside a proof": ({"jwt": [proof(KEYS[0], keys_attested(exp=None))]}, "key_attestation: exp is missing"),
    "no nonce": ({"attestation": [keys_attested(nonce=None)]}, "nonce is missing"),
    "a nonce that is a number": ({"attestation": [keys_attested(nonce=1)]}, "nonce is not a text"),
    "no keys": ({"attestation": [keys_attested(attested_keys=[])]}, "attested_keys is not a list"),
    "a key that is none": ({"attestation": [keys_attested(attested_keys=[{"kty": "oct"}])]}, "attested_keys[0] is"),
    "levels that are none": ({"attestation": [keys_attested(key_storage="high")]}, "key_storage is not"),
    "no time": ({"attestation": [keys_attested(iat=None)]}, "iat is missing"),
    "two attestations": ({"attestation": [keys_attested(), keys_attested()]}, "exactly one attestation"),
    "a wallet's attestation": ({"attestation": [attestation()]}, "typ is not key-attestation+jwt"),
    "expired": ({"attestation": [keys_attested(exp=NOW_S - 100)]}, "exp is past"),
}


@pytest.mark.parametrize("case", KEYS_REFUSED)
def test_keys_that_are_not_attested_are_refused_by_name(case: str) -> None:
    proofs, reason = KEYS_REFUSED[case]

    with pytest.raises(InvalidProof) as caught:
        proven(proofs)

    assert reason in caught.value.check
    assert caught.value.place.startswith("proofs.")


def test_beside_a_proof_an_attestation_may_leave_the_nonce_to_it() -> None:
    found = proven({"jwt": [proof(KEYS[0], keys_attested(nonce=None))]})

    assert found.nonces == {"n1"}
    assert len(found.keys) == len(KEYS)


def test_the_nonce_of_an_attestation_is_judged_too() -> None:
    judged: list[str] = []
    said = PROVIDER.key_attestation([KEYS[0].jwk], nonce="n2")

    found = proven({"jwt": [proof(KEYS[0], said)]}, judge=judged.append)

    assert sorted(judged) == sorted(found.nonces) == ["n1", "n2"]


GRADES = [
    (False, {}, Grade.BASIC),
    (True, {"key_storage": ["iso_18045_basic"]}, Grade.ATTESTED),
    (True, {"user_authentication": None}, Grade.ATTESTED),
    (True, {"key_storage": ["iso_18045_moderate"], "user_authentication": ["x", "iso_18045_high"]}, Grade.HIGH),
]


@pytest.mark.parametrize(("attested", "levels", "expected"), GRADES)
def test_a_grade_follows_from_what_is_vouched_for(*, attested: bool, levels: dict[str, Any], expected: Grade) -> None:
    said = key_attestation.check(keys_attested(**levels), TRUSTED, must_end=True, at=NOW)

    assert grade.reached(attested=attested, attestations=[said]) is expected
    assert grade.reached(attested=attested, attestations=[]) is (Grade.ATTESTED if attested else Grade.BASIC)


@pytest.mark.parametrize("found", Grade)
def test_a_document_equal_to_an_identity_card_goes_to_the_highest_grade_only(found: Grade) -> None:
    grade.require(Kind.E_RESIDENT, found)
    if found is Grade.HIGH:
        grade.require(Kind.RESIDENT_ID, found)
    else:
        with pytest.raises(GradeTooLow):
            grade.require(Kind.RESIDENT_ID, found)


def test_a_root_is_an_authority() -> None:
    """The simulator's own root is what an operator would be asked to trust."""
    assert PROVIDER.root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
