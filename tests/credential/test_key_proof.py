"""Key proofs: what shows that a wallet holds the key it wants a credential bound to, and what only claims to."""

import base64

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from proof.signer import FileSigner
from residency.credential import jws
from residency.credential.wallets import key_proof
from residency.credential.wallets.key_proof import InvalidProof
from tests.credential import made

WALLET = FileSigner(made.key())


def proof(signer: FileSigner = WALLET, *, header: dict[str, object] | None = None, **changes: object) -> str:
    head = {"typ": "openid4vci-proof+jwt", "alg": "ES256", "jwk": made.cnf(signer)} | (header or {})
    claims = {"aud": made.URL, "iat": int(made.AT.timestamp()), "nonce": "n1"} | changes
    return jws.sign(
        signer,
        {name: value for name, value in head.items() if value is not None},
        {name: value for name, value in claims.items() if value is not None},
    )


def check(*proofs: str, **changes: object) -> key_proof.Proven:
    return key_proof.check({"jwt": list(proofs)}, made.terms(**changes))


def test_a_proof_shows_the_key_and_the_nonce_it_signed() -> None:
    proven = check(proof())

    assert proven.keys == (made.cnf(WALLET),)
    assert proven.nonces == {"n1"}


def test_a_batch_shows_its_keys_in_order() -> None:
    wallets = [FileSigner(made.key()) for _ in range(key_proof.BATCH_MAX)]

    assert check(*map(proof, wallets)).keys == tuple(map(made.cnf, wallets))


def test_what_a_wallet_adds_to_its_key_is_not_taken_over() -> None:
    proven = check(proof(header={"jwk": made.cnf(WALLET) | {"kid": "my-name", "use": "sig"}}))

    assert proven.keys == (made.cnf(WALLET),)


def test_every_nonce_is_judged() -> None:
    judged: list[str] = []

    check(proof(), proof(FileSigner(made.key()), nonce="n2"), judge=judged.append)

    assert judged == ["n1", "n2"]


def test_the_client_may_name_itself_only_by_its_own_name() -> None:
    check(proof(iss="app"), client="app")

    for named, client in (("app", None), ("other", "app")):
        with pytest.raises(InvalidProof, match="iss is not the client_id"):
            check(proof(iss=named), client=client)


CERTIFICATE = base64.b64encode(made.authority().document.chain[0].public_bytes(Encoding.DER)).decode()
REFUSED = {
    "another type of token": (proof(header={"typ": "JWT"}), "typ is not openid4vci-proof+jwt"),
    "no type": (proof(header={"typ": None}), "typ is not"),
    "no algorithm": (proof(header={"alg": "none"}), "alg is not ES256"),
    "a keyed hash": (proof(header={"alg": "HS256"}), "alg is not ES256"),
    "an unknown extension": (proof(header={"crit": ["exp"]}), "crit names an extension"),
    "no key": (proof(header={"jwk": None}), "not exactly one of jwk, kid and x5c"),
    "two keys": (proof(header={"kid": "did:example:1"}), "not exactly one of jwk, kid and x5c"),
    "a name for a key": (proof(header={"jwk": None, "kid": "did:example:1"}), "not given as jwk, nor as"),
    "a certificate for a key": (proof(header={"jwk": None, "x5c": [CERTIFICATE]}), "not given as jwk, nor as"),
    "a private key": (proof(header={"jwk": made.cnf(WALLET) | {"d": "AA"}}), "jwk has the private member d"),
    "a shared secret": (proof(header={"jwk": {"kty": "oct", "k": "AA"}}), "jwk has the private member k"),
    "a key of another curve": (proof(header={"jwk": made.cnf(WALLET) | {"crv": "P-384"}}), "not an EC key on P-256"),
    "a point off the curve": (proof(header={"jwk": made.cnf(WALLET) | {"y": "A" * 43}}), "not a point on P-256"),
    "a short coordinate": (proof(header={"jwk": made.cnf(WALLET) | {"y": "AAAA"}}), "not a point on P-256"),
    "a key that is text": (proof(header={"jwk": "key"}), "jwk not an object"),
    "another's key": (proof(header={"jwk": made.cnf(made.holder())}), "the signature does not verify"),
    "another issuer": (proof(aud="https://other.example"), "aud is not the credential issuer identifier"),
    "several audiences": (proof(aud=[made.URL]), "aud is not"),
    "no audience": (proof(aud=None), "aud is not"),
    "no time": (proof(iat=None), "iat is missing"),
    "a time that is text": (proof(iat="now"), "iat is missing"),
    "a time beyond reckoning": (proof(iat=10**400), "iat is missing"),
    "too old": (proof(iat=int(made.AT.timestamp()) - 301), "iat is not within"),
    "from the future": (proof(iat=int(made.AT.timestamp()) + 61), "iat is not within"),
    "no nonce": (proof(nonce=None), "nonce is missing"),
    "a nonce that is a number": (proof(nonce=1), "nonce is missing"),
    "no token": ("abc", "the proof is not a JWT"),
    "an empty signature": (proof()[:-86] + "A" * 86, "the signature does not verify"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_proof_that_shows_nothing_is_refused_by_name(case: str) -> None:
    text, reason = REFUSED[case]

    with pytest.raises(InvalidProof) as caught:
        check(proof(FileSigner(made.key())), text)

    assert reason in caught.value.check
    assert caught.value.place == "proofs.jwt[1]"


@pytest.mark.parametrize("count", [0, key_proof.BATCH_MAX + 1])
def test_a_batch_has_bounds(count: int) -> None:
    with pytest.raises(InvalidProof, match="between 1 and 10"):
        check(*[proof()] * count)


def test_each_key_gets_at_most_one_credential() -> None:
    with pytest.raises(InvalidProof, match="a key is proven twice"):
        check(proof(), proof(iat=int(made.AT.timestamp()) - 1))


def test_descriptions_keep_to_the_characters_oauth_allows() -> None:
    allowed = {chr(code) for code in (0x20, 0x21, *range(0x23, 0x5C), *range(0x5D, 0x7F))}

    for text, _ in REFUSED.values():
        with pytest.raises(InvalidProof) as caught:
            check(text)
        assert set(caught.value.check) <= allowed
